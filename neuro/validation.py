"""Arrays at the border: checked once, made read-only, and named in every complaint."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import NeuroError, ParameterError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LINE = 64
"""Bytes of a cache line."""

__all__ = ["Floats", "Ints", "finite", "frozen", "in_lines", "indices", "narrow", "positive", "whole_number"]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view of `array`."""
    view = array.view()
    view.setflags(write=False)
    return view


def in_lines(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array that begins where a cache line does, so that no record of 64 bytes lies in two of them."""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(size + LINE, np.uint8)
    begin = -raw.ctypes.data % LINE
    return raw[begin : begin + size].view(dtype).reshape(shape)


def _numbers(value: ArrayLike, where: str, error: type[NeuroError]) -> NDArray[Any]:
    """`value` as an array, unless numpy would lose what it says: masks and units of time."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise error("must be a number or an array of numbers", where=where, value=repr(value)) from None
    if isinstance(value, np.ma.MaskedArray) and np.any(value.mask):
        raise error("must have no masked entries", where=where, remedy="Leave them out, or fill them")
    if array.dtype.kind in "mM":
        rule = "must be numbers in SI units, not times of numpy"
        raise error(rule, where=where, value=str(array.dtype), remedy="Divide by np.timedelta64(1, 's') for seconds")
    return array


def finite(value: ArrayLike, where: str, *, error: type[NeuroError] = ParameterError, infinite: bool = False) -> Floats:
    """`value` as a float64 array without NaN (and, unless `infinite`, without infinities)."""
    try:
        array = np.asarray(_numbers(value, where, error), dtype=np.float64)
    except (TypeError, ValueError):
        raise error("must be a number or an array of numbers", where=where, value=repr(value)) from None
    bad = np.isnan(array) if infinite else ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f" at index {first if len(first) != 1 else first[0]}" if first else ""
        raise error("must be finite", where=where, value=f"{array[first]}{place}")
    return array


def positive(value: ArrayLike, where: str, *, zero: bool = False, infinite: bool = False) -> Floats:
    """`value` as a float64 array whose entries are above zero (or, with `zero`, not below it)."""
    array = finite(value, where, infinite=infinite)
    bad = array < 0 if zero else array <= 0
    if bad.any():
        rule = "must not be negative" if zero else "must be greater than zero"
        raise ParameterError(rule, where=where, value=float(np.atleast_1d(array)[np.atleast_1d(bad)][0]))
    return array


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


def whole_number(value: Any, where: str, *, least: int = 0) -> int:
    """`value` as a whole number that is not below `least`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < least:
        rule = "must be a whole number, not below zero" if least == 0 else f"must be a whole number, at least {least}"
        raise ParameterError(rule, where=where, value=repr(value))
    return int(value)


def _whole(value: ArrayLike, size: int, where: str, error: type[NeuroError]) -> NDArray[Any]:
    raw = _numbers(value, where, error)
    if raw.size == 0:
        return np.zeros(0, dtype=np.int64)
    whole = raw.dtype.kind in "iu" or (raw.dtype.kind == "f" and bool(np.all(raw == np.floor(raw))))
    if raw.ndim != 1 or not whole:
        raise error("must be a flat array of whole numbers", where=where, value=f"{raw.dtype}{raw.shape}")
    low, high = int(raw.min()), int(raw.max())
    if low < 0 or high >= size:
        value_ = low if low < 0 else high
        raise error(f"ids must lie in 0..{size - 1}", where=where, value=value_)
    return raw
