"""Says on the terminal which test takes long, and with which seed hypothesis draws for it: a hang can be run again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

PATIENCE = float(os.environ.get("NEURO_TEST_PATIENCE", "120"))
"""Seconds after which a test is told, and again each time that four times as many have passed."""

_TERMINAL = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the standard error as it is now: tests write to a file in its place; a worker's leads to the terminal."""
    config.stash[_TERMINAL] = os.dup(2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Watch over a test."""
    done = threading.Event()

    def watch() -> None:
        passed = PATIENCE
        while not done.wait(passed if passed == PATIENCE else 0.75 * passed):
            text = f"\n{item.nodeid} has run for {passed:g} s; {seed_of(item)}\n"
            os.write(item.config.stash[_TERMINAL], text.encode())
            passed *= 4

    threading.Thread(target=watch, daemon=True).start()
    try:
        return (yield)
    finally:
        done.set()


def seed_of(item: pytest.Item) -> str:
    """How to have the same examples drawn again."""
    given = item.config.getoption("hypothesisseed", None) or item.config.getoption("hypothesis_seed", None)
    drawn = getattr(getattr(item, "obj", None), "_hypothesis_internal_use_generated_seed", None)
    if drawn is None and given is None:
        return "it draws nothing at random, or the same each time"
    return f"again with --hypothesis-seed={drawn if drawn is not None else given}"
