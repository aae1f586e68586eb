"""What an argument takes: the campaign's own list of right answers.

A kind judges each bad value: RIGHT, it must be taken; REFUSED, it must be refused by name; EITHER, a named error and
the right answer are both good (numbers in odd dresses, sizes that are absurd but not wrong); LEFT_OUT, it is not tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.campaign.values import Value

__all__ = [
    "EITHER",
    "LEFT_OUT",
    "REFUSED",
    "RIGHT",
    "Kind",
    "choice",
    "flag",
    "instance",
    "listed",
    "mapping",
    "number",
    "path",
    "text",
]

RIGHT, EITHER, REFUSED, LEFT_OUT = "right", "either", "refused", "left out"
Kind = Callable[[Value], str]

ABSURD = 1e9
"""Beyond this a number is not wrong in itself, but may be refused."""


def number(
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    whole: bool = False,
    none: bool = False,
    unit: str = "",
    infinite: bool = False,
    nan: bool = False,
    scalar: bool = True,
    shapes: tuple[tuple[int, ...], ...] = (),
    large: float = ABSURD,
    unsure: bool = False,
    longest: float = np.inf,
) -> Kind:
    """Numbers in a range; one (`scalar`), or arrays of these `shapes`.

    `unit` is that of the argument: a quantity of another library in it is converted or refused, in another unit it is
    refused. A number beyond `longest` is not tried: the call would rightly take for ever. `unsure`:
    what is in the range may still be refused, for it may not fit the other arguments.
    """

    def entries(values: Any) -> str:
        array = np.asarray(values, np.float64)
        known = array[~np.isnan(array)]
        if (np.isnan(array).any() and not nan) or (np.isinf(array).any() and not infinite):
            return REFUSED
        if (above is not None and (known <= above).any()) or (least is not None and (known < least).any()):
            return REFUSED
        if (most is not None and (known > most).any()) or (whole and (known != np.floor(known)).any()):
            return REFUSED
        tiny = (known != 0) & (np.abs(known) < np.finfo(float).tiny)
        if tiny.any():
            return REFUSED if above == 0 else EITHER
        return EITHER if unsure or (np.abs(known) > large).any() or np.isnan(array).any() else RIGHT

    def judge(value: Value) -> str:
        if value.label == "None":
            return RIGHT if none else REFUSED
        if value.label == "10**400":
            return REFUSED if most is not None or not whole else EITHER
        if value.number is not None and longest < value.number < np.inf:
            return LEFT_OUT
        if value.unit:
            given = value.number if value.array is None else value.array
            fits = scalar if value.array is None else np.shape(given) in shapes
            return EITHER if value.unit == unit and fits and entries(given) != REFUSED else REFUSED
        if value.number is not None and scalar:
            found = entries(value.number)
            odd = value.odd or (whole and not isinstance(value.make(), int))
            return EITHER if odd and found != REFUSED else found
        if value.array is not None and np.shape(value.array) in shapes:
            found = entries(value.array)
            return EITHER if whole and found == RIGHT else found
        return REFUSED

    return judge


def listed(*right: str, either: tuple[str, ...] = ()) -> Kind:
    """Just the values with these labels are right."""

    def judge(value: Value) -> str:
        return RIGHT if value.label in right else EITHER if value.label in either else REFUSED

    return judge


def choice(*, none: bool = False) -> Kind:
    """One of some names, of which none is a bad value."""
    return listed(*(["None"] if none else []))


def instance(*, none: bool = False) -> Kind:
    """An object of one class."""
    return listed(*(["None"] if none else []))


def flag() -> Kind:
    """Yes or no."""
    return listed("True", "False", either=("np.True_",))


def text(*, empty: bool = True, none: bool = False) -> Kind:
    """Any text."""
    return listed("'x'", "'1'", *(["''"] if empty else []), *(["None"] if none else []))


def mapping(*, none: bool = False, free: bool = False) -> Kind:
    """Entries by name; what an entry may be, another slot says. `free`: under any name."""
    return listed("{}", *(["None"] if none else []), *(["unknown name"] if free else []))


def path(*, written: bool = False) -> Kind:
    """A file: one that is not there where it is read, any name where it is written."""
    return listed(*(["'x'", "'1'"] if written else []))
