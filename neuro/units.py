"""SI units as plain numbers: `20 * ms` is 0.02 seconds; and quantities of other libraries, converted to these units.

>>> from neuro.units import ms, uS
>>> 20 * ms
0.02

A quantity of Brian2, pint, quantities, astropy or unyt, and a time of numpy, pandas or `datetime`, says its unit.
Where a parameter has a unit, such a value is converted, if its dimension is that of the parameter. Where a parameter
is a bare number, as weights and thresholds are, it is refused. None of these libraries is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

s = 1.0
ms = 1e-3
us = 1e-6
ns = 1e-9
Hz = 1.0
kHz = 1e3
V = 1.0
mV = 1e-3
A = 1.0
mA = 1e-3
uA = 1e-6
nA = 1e-9
S = 1.0
mS = 1e-3
uS = 1e-6
nS = 1e-9
ohm = 1.0
kohm = 1e3
Mohm = 1e6
J = 1.0
uJ = 1e-6
nJ = 1e-9
pJ = 1e-12
fJ = 1e-15
W = 1.0
mW = 1e-3
uW = 1e-6

NAMES = {
    "": "a number without a unit",
    "s": "a time in seconds",
    "Hz": "a rate in hertz",
    "S": "a conductance in siemens",
    "V": "a voltage in volts",
    "A": "a current in amperes",
    "ohm": "a resistance in ohms",
    "J": "an energy in joules",
    "W": "a power in watts",
    "F": "a capacitance in farads",
    "m": "a length in metres",
    "m2": "an area in square metres",
    "K": "a temperature in kelvin",
}
"""What each unit measures, in words."""

_SPELLED = {"": "dimensionless", "Hz": "1/s", "S": "A/V", "ohm": "V/A", "F": "A*s/V", "m2": "m**2"}
"""Spellings that all libraries read."""
_EXPONENTS = {
    "": (0, 0, 0, 0, 0),
    "s": (0, 0, 1, 0, 0),
    "Hz": (0, 0, -1, 0, 0),
    "S": (-2, -1, 3, 2, 0),
    "V": (2, 1, -3, -1, 0),
    "A": (0, 0, 0, 1, 0),
    "ohm": (2, 1, -3, -2, 0),
    "J": (2, 1, -2, 0, 0),
    "W": (2, 1, -3, 0, 0),
    "F": (-2, -1, 4, 2, 0),
    "m": (1, 0, 0, 0, 0),
    "m2": (2, 0, 0, 0, 0),
    "K": (0, 0, 0, 0, 1),
}
"""Of length, mass, time, current and temperature."""
_BASES = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")

_LONG = {"W": 604_800, "D": 86_400, "h": 3_600, "m": 60, "s": 1}
_SHORT = {"ms": 1e3, "us": 1e6, "ns": 1e9, "ps": 1e12, "fs": 1e15, "as": 1e18}


class UnitMismatch(ValueError):
    """A quantity does not have the dimension that is asked for; its text is the quantity."""


def has_unit(value: Any) -> bool:
    """Does this value say its unit? A list does if one of its entries does.

    >>> has_unit(0.02), has_unit(np.timedelta64(20, "ms")), has_unit([0.02, np.timedelta64(20, "ms")])
    (False, True, True)
    """
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        return not kinds <= {int, float} and any(has_unit(entry) for entry in value)
    return _converter(value) is not None or getattr(getattr(value, "dtype", None), "kind", "") == "m"


def in_unit(value: Any, unit: str) -> Any:
    """A value that says its unit as a number, or an array of numbers, of `unit`, a key of `NAMES`; others as they are.

    Raises
    ------
    UnitMismatch
        If it has another dimension, or a unit that is not understood.

    >>> in_unit(np.timedelta64(20, "ms"), "s"), in_unit(0.02, "s")
    (array(0.02), 0.02)
    """
    converter = _converter(value)
    if converter is not None:
        try:
            return converter(value, unit)
        except UnitMismatch:
            raise
        except Exception:  # Every library has errors of its own.
            raise UnitMismatch(str(value)) from None
    if getattr(getattr(value, "dtype", None), "kind", "") == "m":
        return _numpy_time(np.asarray(value), unit)
    return value


def _converter(value: Any) -> Callable[[Any, str], Any] | None:
    """The function that converts quantities like this one; None for plain numbers."""
    kind = type(value)
    if kind in (float, int, np.ndarray, np.float64, bool, str):
        return None
    if isinstance(value, timedelta):
        return _timedelta
    for attribute, converter in (
        ("get_best_unit", _brian2),
        ("rescale", _quantities),
        ("to_base_units", _pint),
        ("to_value", _astropy),
    ):
        if hasattr(kind, attribute):
            return converter
    if any(hasattr(value, attribute) for attribute in ("dim", "units", "dimensionality")) and not _is_array(kind):
        return _unknown
    return None


def _is_array(kind: type) -> bool:
    """Is this an array whose `dim` is its number of axes, as that of torch and xarray?"""
    return callable(getattr(kind, "dim", None))


def _brian2(value: Any, unit: str) -> Any:
    if tuple(value.dim.get_dimension(base) for base in _BASES) != (*_EXPONENTS[unit], 0, 0):
        raise UnitMismatch(str(value))
    return np.asarray(value)


def _pint(value: Any, unit: str) -> Any:
    return value.to(_SPELLED.get(unit, unit)).magnitude


def _quantities(value: Any, unit: str) -> Any:
    return np.asarray(value.rescale(_SPELLED.get(unit, unit)).magnitude)


def _astropy(value: Any, unit: str) -> Any:
    if unit == "" and hasattr(value, "unit"):
        return value.to_value("")
    return np.asarray(value.to_value(_SPELLED.get(unit, unit)))


def _timedelta(value: Any, unit: str) -> Any:
    if unit != "s":
        raise UnitMismatch(str(value))
    # The time of pandas knows nanoseconds, which that of Python does not.
    exact = getattr(value, "to_timedelta64", None)
    return value.total_seconds() if exact is None else _numpy_time(np.asarray(exact()), unit)


def _unknown(value: Any, unit: str) -> Any:
    raise UnitMismatch(f"{value} (of {type(value).__module__}.{type(value).__name__})")


def _numpy_time(array: NDArray[Any], unit: str) -> NDArray[np.float64]:
    name, count = np.datetime_data(array.dtype)
    if unit != "s" or not (name in _LONG or name in _SHORT):
        raise UnitMismatch(str(array) if array.ndim else f"{array} ({array.dtype})")
    ticks = array.astype(np.int64) * float(count)
    seconds = ticks * _LONG[name] if name in _LONG else ticks / _SHORT[name]
    return np.where(np.isnat(array), np.nan, seconds)
