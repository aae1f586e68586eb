"""What all tests share: how hypothesis searches, what is compiled first, which files pytest collects, and tasks made
for one test.

`NEURO_EXAMPLES=5000` makes the random laws of `tests/engine` and `tests/learning` look at 5,000 networks each, for a
night; a small number makes every random law look at no more than that.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

import neuro.tasks
from tests.compiling import compile_kernels

# The first call of a kernel compiles it, which takes seconds; a deadline would blame the example.
hypothesis.settings.register_profile("neuro", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("neuro"), derandomize=True)
# Not in a hook, so that it comes before what the conftest of a folder says; `--hypothesis-profile` comes after both.
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "neuro")


pytest_plugins = ["tests.watchdog"]

EXAMPLES = int(os.environ.get("NEURO_EXAMPLES", "0"))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile once what all workers need, before they start; for some tests alone it is not worth it."""
    config = session.config
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if whole and (config.getoption("numprocesses", None) or 0) > 1:
        compile_kernels()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no law look at more than `NEURO_EXAMPLES` examples, whatever it says itself."""
    tests = {
        getattr(item.obj, "__func__", item.obj) for item in items if EXAMPLES and isinstance(item, pytest.Function)
    }
    for test in tests:
        if own := getattr(test, "_hypothesis_internal_use_settings", None):
            most = min(own.max_examples, EXAMPLES)
            test._hypothesis_internal_use_settings = hypothesis.settings(own, max_examples=most)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Doctests are for the package; beside test modules, nothing under tests/ is collected."""
    own = collection_path.suffix == ".py" and collection_path.is_relative_to(Path(__file__).parent)
    return True if own and not collection_path.name.startswith("test_") else None


@pytest.fixture
def make_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Writes the module of a task into a directory whose tasks are the only ones for the time of the test."""
    directory = tmp_path / "tasks"
    directory.mkdir()
    monkeypatch.setattr(neuro.tasks, "__path__", [str(directory)])

    def make(name: str, source: str) -> Path:
        path = directory / f"{name.replace('-', '_')}.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    before = {name for name in sys.modules if name.startswith("neuro.tasks.")}
    yield make
    for name in [name for name in sys.modules if name.startswith("neuro.tasks.") and name not in before]:
        del sys.modules[name]
        vars(neuro.tasks).pop(name.rpartition(".")[2], None)
