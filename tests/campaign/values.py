"""The bad values of the campaign: each with what a person would read in it, from which a kind of argument judges it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

import brian2
import numpy as np

__all__ = ["VALUES", "Value"]


@dataclass(frozen=True)
class Value:
    """A value that is given in the place of a good one."""

    label: str
    """Its name in tables."""
    make: Callable[[], Any]
    """Makes it anew, since a call may change it."""
    number: float | None = None
    """The one real number that it plainly is."""
    array: Any = None
    """The real numbers that it plainly is, if it is a list or an array of them."""
    unit: str = ""
    """The unit of a quantity of another library: "s" or "V", in which `number` is."""
    odd: bool = False
    """A number in an odd dress (Fraction, 0-d array, 2.0 for 2): taken for what it is, or refused by name."""


def _function() -> None:
    """Stands for any function."""


def _number(label: str, value: float, **rest: Any) -> Value:
    return Value(label, lambda: value, number=float(value), **rest)


def _array(label: str, value: Any) -> Value:
    return Value(label, lambda: np.array(value) if isinstance(value, np.ndarray) else list(value), array=value)


VALUES: tuple[Value, ...] = (
    Value("None", lambda: None),
    Value("True", lambda: True),
    Value("False", lambda: False),
    Value("np.True_", lambda: np.True_),
    Value("'x'", lambda: "x"),
    Value("''", lambda: ""),
    Value("'1'", lambda: "1"),
    Value("b'x'", lambda: b"x"),
    Value("1j", lambda: 1j),
    Value("complex array", lambda: np.array([1j, 2.0])),
    _number("-1", -1),
    _number("0", 0),
    _number("1.5", 1.5),
    _number("float32", 0.25),
    _number("nan", float("nan")),
    _number("inf", float("inf")),
    _number("-inf", float("-inf")),
    _number("1e-320", 1e-320),
    _number("1e300", 1e300),
    _number("10**12", 10**12),
    Value("10**30", lambda: 10**30, number=1e30),
    Value("10**400", lambda: 10**400),
    Value("Fraction", lambda: Fraction(3, 2), number=1.5, odd=True),
    Value("0-d array", lambda: np.array(2.0), number=2.0, odd=True),
    _array("[]", []),
    _array("one", [1.5]),
    _array("pair", np.array([1.0, 2.0])),
    _array("pair of -1 and 0", [-1, 0]),
    _array("pair of 0 and 0", [0, 0]),
    _array("pair with a fraction", [0.5, 1.0]),
    _array("pair with nan", np.array([np.nan, 1.0])),
    _array("pair with inf", np.array([1.0, np.inf])),
    _array("pair far out", [0, 10**9]),
    _array("seven", np.ones(7)),
    _array("3 x 4", np.ones((3, 4))),
    _array("square of nan", np.full((2, 2), np.nan)),
    _array("cube", np.ones((2, 2, 2))),
    Value("ragged", lambda: [[1], [2, 3]]),
    Value("masked", lambda: np.ma.array([1.0, 2.0], mask=[False, True])),
    Value("masked square", lambda: np.ma.array([[1.0, 2.0], [0.0, 1.0]], mask=np.eye(2, dtype=bool))),
    Value("booleans", lambda: np.array([True, False])),
    Value("texts", lambda: ["a", "b"]),
    Value("objects", lambda: np.array([None, 1], dtype=object)),
    Value("20 ms of numpy", lambda: np.timedelta64(20, "ms"), number=0.02, unit="s"),
    Value("20 ms of Python", lambda: timedelta(milliseconds=20), number=0.02, unit="s"),
    Value("20 ms of Brian2", lambda: 20 * brian2.ms, number=0.02, unit="s"),
    Value("3 V of Brian2", lambda: 3 * brian2.volt, number=3.0, unit="V"),
    Value("times of numpy", lambda: np.array([1, 2], "timedelta64[ms]"), array=np.array([1e-3, 2e-3]), unit="s"),
    Value("a date of numpy", lambda: np.datetime64("2020-01-01")),
    Value("object()", object),
    Value("a class", lambda: object),
    Value("a function", lambda: _function),
    Value("{}", dict),
    Value("a set", lambda: {1, 2}),
    Value("a generator", lambda: iter([1, 2])),
    Value("unknown name", lambda: {"nobody": 1}),
)
