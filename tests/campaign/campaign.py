"""All cases of the campaign, and running them in a folder of their own within a limit of memory."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.campaign import (
    calls_commands,
    calls_gradients,
    calls_hardware,
    calls_learning,
    calls_network,
    calls_run,
    calls_sweeps,
)
from tests.campaign.judge import Verdict, good_call, verdict_of
from tests.campaign.recipe import Case, Recipe, cases_of

__all__ = ["RECIPES", "every_case", "sheltered", "verdicts"]

MEMORY = 16 << 30
"""Bytes of addresses that the campaign may take: absurd sizes end as MemoryError, not with the machine."""

RECIPES: list[Recipe] = [
    *calls_network.RECIPES,
    *calls_run.RECIPES,
    *calls_learning.RECIPES,
    *calls_gradients.RECIPES,
    *calls_hardware.RECIPES,
    *calls_commands.RECIPES,
    *calls_sweeps.RECIPES,
]


def every_case() -> Iterator[Case]:
    """All cases, always in the same order."""
    for recipe in RECIPES:
        yield from cases_of(recipe)


@contextlib.contextmanager
def sheltered() -> Iterator[None]:
    """In a folder of its own, and within a limit of memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard < 0 else min(MEMORY, hard), hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
            os.chdir(before)


def verdicts(cases: Iterable[Case]) -> Iterator[Verdict]:
    """Run cases one after the other, and the good call of each recipe before them."""
    with sheltered():
        tried = set()
        for case in cases:
            if case.recipe.name not in tried:
                tried.add(case.recipe.name)
                if fault := good_call(case.recipe):
                    yield fault
            yield verdict_of(case)
            for name in ("x", "1"):  # what a case has written is not there for the next
                shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink(missing_ok=True)
