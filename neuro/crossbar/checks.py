"""What may be given to a crossbar: its parts, its weights, drives and counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neuro.arrays import Floats, finite
from neuro.crossbar.device import Device, load_device
from neuro.crossbar.faults import Faults
from neuro.errors import DeviceError, InputError, ParameterError, UnsupportedFeature, WeightError

__all__ = ["devices", "disturbance", "drives", "reads", "refuse_unsupported", "weight_matrix", "whole_levels"]


def refuse_unsupported(wires: object, where: str) -> None:
    """Raise UnsupportedFeature for what this form of the crossbar cannot do."""
    if wires is not None:
        remedy = "Leave `wires` at None"
        raise UnsupportedFeature("wires with resistance are not modelled", where=where, remedy=remedy)


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


def disturbance(value: float, where: str) -> float:
    """Share of a pulse that half-selected devices take.

    Raises
    ------
    ParameterError
        If it is not one of 0..1.
    """
    share = float(finite(value, f"{where}, disturb"))
    if not 0 <= share <= 1:
        raise ParameterError("a share of a pulse is one of 0..1", where=f"{where}, disturb", value=value)
    return share


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
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ParameterError("must be a whole number above zero", where=where, value=value)
    return int(value)


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


def reads(value: ArrayLike, size: int, where: str) -> int:
    """How many reads were reported, all in one number or one number for each of `size` lines.

    Raises
    ------
    InputError
        If that is not whole numbers, none below zero.
    """
    counts = finite(value, where, error=InputError)
    if counts.shape not in ((), (size,)) or (counts < 0).any() or (counts != np.floor(counts)).any():
        raise InputError(
            f"reads are whole numbers, not below zero: one in all, or one for each of {size} lines",
            where=where,
            value=str(value),
        )
    return int(counts.sum())
