"""Numbers at the border: checked once, in SI units, made read-only, and named in every complaint.

Numbers are integers and floats, alone or in arrays. Booleans, complex numbers, text, masked entries and arrays of
objects are refused, because numpy would lose what they say. A quantity of another library (`neuro/units.py`) is
converted where the parameter has a unit, and refused where it has none.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Collection, Mapping
from math import inf
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import NeuroError, ParameterError, UnitWarning
from neuro.units import NAMES, UnitMismatch, has_unit, in_unit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST, LARGEST = 1e-100, 1e100
"""Range of numbers that are not zero: products and ratios of a few of them are doubles, too."""
SHORTEST, LONGEST = 1e-18, 1e18
"""Range of times that are not zero, s."""
LONG = 1.0
"""Longest time constant, refractory time or delay that is read without a `UnitWarning`, s. Membranes and synapses of
published models stay below it; a number of milliseconds that was meant to be multiplied by `ms` does not."""
SLOW = 100.0
"""The same for adaptation and for traces of activity, which may last for tens of seconds."""

__all__ = [
    "LONG",
    "SLOW",
    "Floats",
    "Ints",
    "choice",
    "field_of",
    "file_name",
    "finite",
    "flag",
    "frozen",
    "indices",
    "instance",
    "mapping",
    "narrow",
    "number",
    "number_field",
    "numbers",
    "positive",
    "seconds",
    "shown",
    "text",
    "whole_number",
]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view of `array`."""
    view = array.view()
    view.setflags(write=False)
    return view


def numbers(
    value: Any, where: str, *, unit: str = "", error: type[NeuroError] = ParameterError, least_dims: int = 0
) -> NDArray[Any]:
    """`value` as an array of integers or floats of `unit`, with at least so many axes.

    The units are the keys of `neuro.units.NAMES`; with "", the default, no quantity is taken.

    >>> numbers(np.timedelta64(20, "ms"), "duration", unit="s")
    array(0.02)
    >>> numbers([True, False], "weights")
    Traceback (most recent call last):
    ...
    neuro.errors.ParameterError: weights: must be a number or an array of numbers; got [True, False]
    """
    try:
        plain = _plain(value, unit)
        array = np.asarray(plain)
        if array.dtype.kind == "O" and isinstance(plain, Real) and not isinstance(plain, bool):
            array = np.asarray(float(plain))
    except UnitMismatch as mismatch:
        raise _mismatch(str(mismatch), unit, where, error) from None
    except Exception:  # Objects that pretend to be arrays raise what they like.
        array = np.zeros((), object)
    if isinstance(value, np.ma.MaskedArray) and np.any(value.mask):
        raise error("must have no masked entries", where=where, remedy="Leave them out, or fill them")
    if array.dtype.kind not in "iuf":
        # An empty list has no entries of a wrong kind.
        if array.size or array.dtype.kind != "O":
            raise error("must be a number or an array of numbers", where=where, value=shown(value))
        array = array.astype(np.float64)
    return array if array.ndim >= least_dims else array.reshape((1,) * (least_dims - array.ndim) + array.shape)


def _plain(value: Any, unit: str) -> Any:
    """`value` without units; the entries of a list one by one, where they are not all plain numbers."""
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        if kinds <= {int, float}:
            return value
        if bool in kinds or np.bool_ in kinds or type(None) in kinds:
            raise TypeError
        return [np.asarray(_plain(entry, unit)) for entry in value]
    return _plain(in_unit(value, unit), unit) if has_unit(value) else value


def _mismatch(found: str, unit: str, where: str, error: type[NeuroError]) -> NeuroError:
    if unit:
        rule, remedy = f"must be {NAMES[unit]}", f"Give a quantity of this dimension, or a number of {unit}"
    else:
        rule, remedy = f"must be {NAMES[unit]}", "Divide the quantity by the unit that the number counts"
    return error(rule, where=where, value=found, remedy=remedy)


def shown(value: Any) -> str:
    """`value` for an error message, cut after 80 characters."""
    try:
        found = repr(value)
    except Exception:  # A broken `repr` must not hide the error.
        found = f"an object of {type(value).__name__}"
    return found if len(found) <= 80 else f"{found[:77]}..."


def finite(
    value: ArrayLike,
    where: str,
    *,
    unit: str = "",
    error: type[NeuroError] = ParameterError,
    infinite: bool = False,
    smallest: float = 0.0,
) -> Floats:
    """`value` as a float64 array of `unit` without NaN; and, unless `infinite`, within -`LARGEST` .. `LARGEST`.

    Entries that are not zero must not lie between -`smallest` and `smallest`.
    """
    array = np.asarray(numbers(value, where, unit=unit, error=error), dtype=np.float64)
    if not array.size:
        return array
    if smallest and np.any((array != 0.0) & (np.abs(array) < smallest)):
        found = array[(array != 0.0) & (np.abs(array) < smallest)][0]
        raise error(f"must be zero, or at least {smallest:g} in size", where=where, value=float(found))
    if infinite:
        bad = np.isnan(array)
    elif array.min() >= -LARGEST and array.max() <= LARGEST:
        return array
    else:
        bad = ~(np.abs(array) <= LARGEST)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f" at index {first if len(first) != 1 else first[0]}" if first else ""
        rule = f"must lie within -{LARGEST:g} .. {LARGEST:g}" if np.isfinite(array[first]) else "must be finite"
        raise error(rule, where=where, value=f"{array[first]}{place}")
    return array


def positive(
    value: ArrayLike,
    where: str,
    *,
    unit: str = "",
    zero: bool = False,
    infinite: bool = False,
    error: type[NeuroError] = ParameterError,
) -> Floats:
    """`value` as a float64 array of `unit`, whose entries are above zero (or, with `zero`, not below it).

    Entries that are not zero must be at least `SMALLEST`; times at least `SHORTEST` and at most `LONGEST`.
    """
    array = finite(value, where, unit=unit, infinite=infinite, error=error)
    smallest, largest = (SHORTEST, LONGEST) if unit == "s" else (SMALLEST, inf)
    bad = array < smallest
    if zero:
        bad &= array != 0.0
    if largest < inf and not infinite:
        bad |= array > largest
    if bad.any():
        found = float(np.atleast_1d(array)[np.atleast_1d(bad)][0])
        if found < 0.0 or (found == 0.0 and not zero):
            rule = "must not be negative" if zero else "must be greater than zero"
        else:
            rule = f"must be at least {smallest:g}" if found < smallest else f"must be at most {largest:g}"
            rule += f" {unit}" if unit else ""
        raise error(rule, where=where, value=found)
    return array


def seconds(
    value: ArrayLike,
    where: str,
    *,
    zero: bool = False,
    infinite: bool = False,
    long: float = inf,
    error: type[NeuroError] = ParameterError,
) -> Floats:
    """`value` as times above zero (or, with `zero`, not below it), s: `positive` with the unit s.

    Plain numbers above `long` are read, with a `UnitWarning`, since they were perhaps meant as milliseconds.
    """
    array = positive(value, where, unit="s", zero=zero, infinite=infinite, error=error)
    if array.size and array.max() > long and not has_unit(value):
        found = (
            f"{where} = {array.max():g} s; milliseconds are written {array.max():g} * ms (from neuro.units import ms)"
        )
        warnings.warn(found, UnitWarning, stacklevel=_outside())
    return array


def _outside() -> int:
    """The `stacklevel` of the first caller that is not of this package."""
    home, level = str(Path(__file__).parent), 1
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(home) or frame.f_code.co_filename == "<string>"
    ):
        frame, level = frame.f_back, level + 1
    return level


def number(
    value: Any,
    where: str,
    *,
    unit: str = "",
    check: Callable[..., Floats] = finite,
    error: type[NeuroError] = ParameterError,
    **options: Any,
) -> float:
    """`value` as one number that passes `check` (`finite`, `positive`, `seconds`); an array is refused.

    >>> number(2, "beta", check=positive)
    2.0
    """
    if (type(value) is float or type(value) is int) and _is_plainly_right(value, check, unit, options):
        return float(value)
    if check is not seconds:
        options["unit"] = unit
    array = check(value, where, error=error, **options)
    if array.ndim:
        raise error("must be one number", where=where, value=f"an array of shape {array.shape}")
    return float(array)


def _is_plainly_right(value: float, check: Callable[..., Floats], unit: str, options: Mapping[str, Any]) -> bool:
    """Does a plain number surely pass `check`? Most do; arrays of one number would take most of the time of a call."""
    if check is finite:
        smallest: float = options.get("smallest", 0.0)
        return -LARGEST <= value <= LARGEST and (value == 0.0 or abs(value) >= smallest)
    if value == 0.0:
        return bool(options.get("zero")) and check in (positive, seconds)
    if check is seconds:
        longest: float = min(LONGEST, options.get("long", inf))
        return SHORTEST <= value <= longest
    low, high = (SHORTEST, LONGEST) if unit == "s" else (SMALLEST, LARGEST)
    return check is positive and low <= value <= high


def field_of(record: Any, name: str, checked_by: Callable[..., Any] = finite, /, **options: Any) -> Any:
    """Check a field of a frozen record, and keep its number where it said its unit; returns what `check` returns."""
    value = getattr(record, name)
    found = checked_by(value, f"{type(record).__name__}.{name}", **options)
    odd = np.ndim(found) == 0 and not isinstance(value, int | float | np.integer | np.floating)
    if has_unit(value) or odd:
        object.__setattr__(record, name, float(found) if np.ndim(found) == 0 else frozen(found))
    return found


def indices(value: ArrayLike, size: int, where: str, *, error: type[NeuroError] = ParameterError) -> Ints:
    """`value` as a flat int64 array of indices into something of `size` entries."""
    return _whole(value, size, where, error).astype(np.int64, copy=False)


def narrow(value: ArrayLike, size: int, where: str, *, error: type[NeuroError] = ParameterError) -> NDArray[np.uint32]:
    """As `indices`, at half the width; 32-bit integers are not copied, unless they are read-only or have gaps.

    >>> narrow([2, 0], 3, "ids")
    array([2, 0], dtype=uint32)
    """
    raw = _whole(value, size, where, error)
    if raw.dtype in (np.int32, np.uint32) and raw.flags.c_contiguous and raw.flags.writeable:
        return raw.view(np.uint32)
    return raw.astype(np.uint32)


def whole_number(
    value: Any, where: str, *, least: int = 0, most: float = inf, error: type[NeuroError] = ParameterError
) -> int:
    """`value` as a whole number that is not below `least`, and not above `most`."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_ | np.timedelta64)
    if not is_whole or value < least or value > most:
        rule = "must be a whole number, not below zero" if least == 0 else f"must be a whole number, at least {least}"
        rule += f", at most {most:,}" if most < inf else ""
        raise error(rule, where=where, value=shown(value))
    return int(value)


def flag(value: Any, where: str, *, error: type[NeuroError] = ParameterError) -> bool:
    """`value`, if it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise error("must be True or False", where=where, value=shown(value))
    return bool(value)


def number_field(
    record: Any,
    name: str,
    checked_by: Callable[..., Floats] = finite,
    /,
    *,
    none: bool = False,
    error: type[NeuroError] = ParameterError,
    **options: Any,
) -> None:
    """Check a field of a frozen record that is one number (or, with `none`, None); a quantity is kept in SI units."""
    value = getattr(record, name)
    if value is None and none:
        return
    found = number(value, f"{type(record).__name__}.{name}", check=checked_by, error=error, **options)
    if has_unit(value) or not isinstance(value, int | float | np.integer | np.floating):
        object.__setattr__(record, name, found)


def text(value: Any, where: str, *, error: type[NeuroError] = ParameterError) -> str:
    """`value`, if it is text, and not empty."""
    if not isinstance(value, str) or not value:
        raise error("must be a name, a text that is not empty", where=where, value=shown(value))
    return value


def file_name(value: Any, where: str = "path", *, error: type[NeuroError] = ParameterError) -> Path:
    """`value` as a path, if it is text or a path of text.

    >>> file_name(5)
    Traceback (most recent call last):
    ...
    neuro.errors.ParameterError: path: must be the name of a file; got 5
    """
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise error("must be the name of a file", where=where, value=shown(value))
    return Path(value)


def choice(value: Any, where: str, options: Collection[str], *, error: type[NeuroError] = ParameterError) -> str:
    """`value`, if it is one of the words in `options`.

    >>> choice("week", "Clamp.kind", ["hard", "weak"])
    Traceback (most recent call last):
    ...
    neuro.errors.ParameterError: Clamp.kind: must be 'hard' or 'weak'; got 'week'
    """
    if not isinstance(value, str) or value not in options:
        *most, last = (repr(option) for option in options)
        listed = f"{', '.join(most)} or {last}" if most else last
        raise error(f"must be {listed}", where=where, value=shown(value))
    return value


def instance(
    value: Any, where: str, kinds: type | tuple[type, ...], what: str, *, error: type[NeuroError] = ParameterError
) -> Any:
    """`value`, if it is of one of the types `kinds`; `what` says it in words, as in "a Network"."""
    if not isinstance(value, kinds):
        raise error(f"must be {what}", where=where, value=shown(value))
    return value


def mapping(value: Any, where: str, what: str, *, error: type[NeuroError] = ParameterError) -> Mapping[str, Any]:
    """`value`, if it is a dictionary by names, or nothing; `what` says it in words, as in "inputs by population"."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise error(f"must be {what}", where=where, value=shown(value))
    return value


def _whole(value: ArrayLike, size: int, where: str, error: type[NeuroError]) -> NDArray[Any]:
    raw = numbers(value, where, error=error)
    if raw.size == 0 and raw.ndim == 1:
        return np.zeros(0, dtype=np.int64)
    whole = raw.dtype.kind in "iu" or bool(np.all(raw == np.floor(raw)))
    if raw.ndim != 1 or not whole:
        raise error("must be a flat array of whole numbers", where=where, value=f"{raw.dtype}{raw.shape}")
    low, high = raw.min(), raw.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise error("must be a flat array of whole numbers", where=where, value=f"{low} .. {high}")
    if low < 0 or high >= size:
        raise error(f"ids must lie in 0..{size - 1}", where=where, value=int(low if low < 0 else high))
    return raw
