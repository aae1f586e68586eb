"""Runs one case and says how it ended."""

from __future__ import annotations

import contextlib
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuro.errors import NeuroError
from tests.campaign.kinds import REFUSED, RIGHT
from tests.campaign.recipe import Case, Recipe

__all__ = ["FAULTS", "NOT_NAMED", "OUTCOMES", "Hang", "Verdict", "alarm", "good_call", "verdict_of"]

PATIENCE = 10.0
"""Seconds after which a call hangs."""

REFUSED_BY_NAME, TAKEN = "refused by name", "right"
TRACEBACK, HANG, SILENT, NOT_NAMED = "traceback", "hang", "wrong in silence", "not named"
TURNED_AWAY, WARNED = "good value refused", "warned"
OUTCOMES = (REFUSED_BY_NAME, TAKEN, TRACEBACK, HANG, SILENT, NOT_NAMED, TURNED_AWAY, WARNED)
FAULTS = OUTCOMES[2:]


class Hang(BaseException):
    """A call that does not come back; no handler of errors may keep it."""


@dataclass(frozen=True)
class Verdict:
    """How a case ended, and with which text."""

    case: str
    name: str
    outcome: str
    text: str = ""

    @property
    def fault(self) -> bool:
        return self.outcome in FAULTS


@contextlib.contextmanager
def alarm(seconds: float = PATIENCE) -> Iterator[None]:
    """Raises `Hang` in what takes longer."""

    def ring(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def good_call(recipe: Recipe) -> Verdict | None:
    """Make the good call of a recipe, which compiles what its cases need; the fault, if it has one."""
    try:
        recipe.call(**recipe.good())
    except Exception as error:
        return Verdict(f"{recipe.name}, as it should be", recipe.name, TURNED_AWAY, f"{type(error).__name__}: {error}")
    return None


def verdict_of(case: Case) -> Verdict:
    """Run a case, and judge what came of it."""

    def verdict(outcome: str, text: object = "") -> Verdict:
        return Verdict(case.label, case.recipe.name, outcome, f"{type(text).__name__}: {text}" if text != "" else "")

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            result = _patiently(case)
        except Hang:
            return verdict(HANG)
        except (NeuroError, FileNotFoundError) as error:
            refusal: Exception | None = error
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return verdict(TRACEBACK, error)
        else:
            refusal = None
    for each in said:
        if each.category.__name__ != "UnitWarning" and not issubclass(each.category, ResourceWarning):
            return verdict(WARNED, each.message)
    if refusal is not None:
        if case.expected == RIGHT:
            return verdict(TURNED_AWAY, refusal)
        named = any(word.lower() in str(refusal).lower() for word in case.words)
        return verdict(REFUSED_BY_NAME if named else NOT_NAMED, refusal)
    if case.expected == REFUSED:
        return verdict(SILENT)
    if case.recipe.shows and case.value.number is not None and not _kept(case, result):
        return verdict(SILENT, f"kept {getattr(result, case.argument)!r}")
    return verdict(TAKEN)


def _patiently(case: Case) -> Any:
    """The result of a case; a second try has more time, for the first may have had to compile."""
    try:
        with alarm():
            return case.run()
    except Hang:
        with alarm(6 * PATIENCE):
            return case.run()


def _kept(case: Case, result: Any) -> bool:
    """Does the result have the number that was given, in SI units?"""
    if not hasattr(result, case.argument):
        return True
    kept = np.asarray(getattr(result, case.argument), np.float64)
    return bool(np.allclose(kept, case.value.number, rtol=1e-12, atol=0.0))
