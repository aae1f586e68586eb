"""Checks of all that a crossbar takes: its parts, weights, drives, voltages and counts."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.settings import Writing
from neuro.errors import DeviceError, InputError, UnsupportedFeature, WeightError
from neuro.validation import Floats, Ints, finite, numbers, shown, whole_number

__all__ = [
    "conductances",
    "devices",
    "drives",
    "reading_of",
    "reads",
    "refuse_slow_reads",
    "target",
    "voltages",
    "weight_matrix",
    "whole_levels",
    "wiring",
    "writing_of",
]


T = TypeVar("T")


def devices(device: Device | None, faults: Faults | None, shape: tuple[int, int], where: str) -> tuple[Device, Faults]:
    """The device and the faults of an array of this shape, by default ideal and none."""
    device = load_device("ideal") if device is None else device
    faults = Faults.none(shape) if faults is None else faults
    if not isinstance(device, Device):
        remedy = "`load_device(name)` makes one"
        raise DeviceError("`device` must be a Device", where=where, value=repr(device), remedy=remedy)
    if not isinstance(faults, Faults):
        remedy = "`Faults.stuck` makes one"
        raise DeviceError("`faults` must be Faults", where=where, value=type(faults).__name__, remedy=remedy)
    if faults.shape != shape:
        raise DeviceError(f"faults must have the weights' shape {shape}", where=where, value=faults.shape)
    return device, faults


def wiring(wires: Wires | None, where: str) -> Wires:
    """The wires, by default ideal; `DeviceError` if they are of another class."""
    return _instance(wires, Wires, "wires", "Give neuro.Wires(row=..., column=...), in ohms per segment", where)


def reading_of(reading: Reading | None, where: str) -> Reading:
    """The settings of reads, by default without noise, converters and prices; `DeviceError` if of another class."""
    return _instance(reading, Reading, "reading", "Give neuro.Reading(...)", where)


def writing_of(writing: Writing | None, where: str) -> Writing:
    """The settings of pulses, by default without a price and disturbance; `DeviceError` if of another class."""
    return _instance(writing, Writing, "writing", "Give neuro.Writing(...)", where)


def _instance(value: T | None, kind: type[T], name: str, remedy: str, where: str) -> T:
    """The value, or the default one of its class.

    Raises
    ------
    DeviceError
        If the value is of another class.
    """
    if value is None:
        return kind()
    if not isinstance(value, kind):
        verb = "must be a" if not kind.__name__.endswith("s") else "must be"
        raise DeviceError(f"`{name}` {verb} {kind.__name__}", where=where, value=repr(value), remedy=remedy)
    return value


def refuse_slow_reads(reading: Reading, where: str) -> None:
    """Raise UnsupportedFeature if the settings ask for something that `read_rows` does not do."""
    unsupported = {
        "telegraph or 1/f noise, or drift": reading.moves,
        "a DAC": reading.dac is not None,
        "an ADC": reading.adc is not None,
    }
    for feature, present in unsupported.items():
        if present:
            rule = f"reads of single rows have no {feature}"
            raise UnsupportedFeature(rule, where=where, remedy="Use `read`, one drive for each row")


def target(out: Floats | None, size: int, where: str) -> Floats:
    """The array that reads are added to: zeros, or the given one.

    Raises
    ------
    InputError
        If it is no contiguous, writeable array of `size` float64.
    """
    if out is None:
        return np.zeros(size)
    good = isinstance(out, np.ndarray) and out.dtype == np.float64 and out.shape == (size,)
    if not (good and out.flags.c_contiguous and out.flags.writeable):
        raise InputError(f"must be a writeable array of {size} float64", where=where, value=type(out).__name__)
    return out


def conductances(value: ArrayLike, shape: tuple[int, ...] | None, where: str) -> Floats:
    """Conductances of an array of devices, S, shape (rows, columns): the given shape, or any.

    Raises
    ------
    DeviceError
        If one is negative or not finite, or they are not a matrix of that shape.
    """
    array = finite(value, where, error=DeviceError)
    if array.ndim != 2 or 0 in array.shape or (shape is not None and array.shape != shape):
        rule = "the shape must be (rows, columns)" + ("" if shape is None else f" = {shape}")
        raise DeviceError(rule, where=where, value=array.shape)
    if (array < 0).any():
        raise DeviceError("a conductance is not below zero", where=where, value=f"{array.min():g} S")
    return array


def voltages(value: ArrayLike, size: int, where: str) -> Floats:
    """Voltages of so many lines, V: one for all, or one for each; NaN is allowed.

    Raises
    ------
    InputError
        If there are more or fewer, or one is infinite.
    """
    array = np.asarray(numbers(value, where, unit="V", error=InputError), np.float64)
    if array.shape not in ((), (size,)) or np.isinf(array).any():
        raise InputError(f"one finite voltage is needed, or {size}", where=where, value=shown(value))
    return np.broadcast_to(array, (size,)).copy()


def weight_matrix(value: ArrayLike, shape: tuple[int, int] | None, where: str) -> Floats:
    """Finite weights, shape (pre, post): the given shape, or any.

    Raises
    ------
    WeightError
        If they are not finite, or not of this shape.
    """
    array = finite(value, where, error=WeightError)
    if array.ndim != 2 or (shape is not None and array.shape != shape):
        rule = "the shape must be (pre, post)" + ("" if shape is None else f" = {shape}")
        raise WeightError(rule, where=where, value=array.shape)
    return array


def whole_levels(value: int, where: str) -> int:
    """A number of levels.

    Raises
    ------
    ParameterError
        If it is not a whole number above zero.
    """
    return whole_number(value, where, least=1, most=2**53)


def drives(value: ArrayLike, size: int, where: str) -> Floats:
    """One finite drive for each line, shape (size,).

    Raises
    ------
    InputError
        If there are more, fewer, or one is not finite.
    """
    array = finite(value, where, error=InputError)
    if array.shape != (size,):
        raise InputError(f"{size} drives are needed", where=where, value=f"shape {array.shape}")
    return array


def reads(value: ArrayLike, size: int, where: str) -> Ints:
    """Counts of reads: one number for all lines, shape (), or one for each of `size` lines, shape (size,).

    Raises
    ------
    InputError
        If that is not whole numbers, none below zero.
    """
    counts = finite(value, where, error=InputError)
    whole = counts == np.floor(counts)
    if counts.shape not in ((), (size,)) or (counts < 0).any() or not whole.all() or (counts > 2**53).any():
        raise InputError(
            f"reads are whole numbers, not below zero: one in all, or one for each of {size} lines",
            where=where,
            value=shown(value),
        )
    return counts.astype(np.int64)
