"""Devices that no longer move: where they are in an array, and at which conductance they are stuck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuro.arrays import Floats, stream
from neuro.errors import DeviceError

__all__ = ["Faults"]


@dataclass(frozen=True, eq=False)
class Faults:
    """The stuck devices of an array of pairs. A stuck device takes pulses and keeps its conductance.

    The conductance may lie outside the window of the healthy ones: an open device is stuck at zero.

    Raises
    ------
    DeviceError
        If the two arrays differ in shape, or a conductance is negative or infinite.

    Examples
    --------
    >>> faults = Faults(plus=[[np.nan, 0.0]], minus=[[np.nan, np.nan]])
    >>> faults.count
    1
    """

    plus: ArrayLike
    """Conductance where the positive device is stuck, S, NaN where it is healthy, shape (pre, post)."""
    minus: ArrayLike
    """The same for the negative device."""

    def __post_init__(self) -> None:
        for key in ("plus", "minus"):
            object.__setattr__(self, key, _checked(getattr(self, key), f"faults, {key}"))
        if np.shape(self.plus) != np.shape(self.minus):
            raise DeviceError(
                "both devices of a pair need an entry",
                where="faults",
                value=f"shapes {np.shape(self.plus)} and {np.shape(self.minus)}",
            )

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Faults:
        """An array of the given shape in which every device is healthy.

        Examples
        --------
        >>> Faults.none((2, 3)).count
        0
        """
        return cls(np.full(shape, np.nan), np.full(shape, np.nan))

    @classmethod
    def stuck(cls, shape: tuple[int, int], fraction: float, at: float = 0.0, seed: int = 0) -> Faults:
        """Each device is stuck with probability `fraction`, independently of all others and of its partner.

        Parameters
        ----------
        shape
            (pre, post) of the array.
        fraction
            Probability that a device is stuck, 0..1.
        at
            Conductance of the stuck devices, S.
        seed
            Root seed of the draw.

        Raises
        ------
        DeviceError
            If `fraction` is not a probability, or `at` is not a conductance.

        Examples
        --------
        >>> Faults.stuck((60, 60), 1.0).count
        7200
        """
        if not 0 <= fraction <= 1:
            raise DeviceError("the fraction of stuck devices is one of 0..1", where="faults", value=fraction)
        if np.isnan(at):
            raise DeviceError("stuck devices need a conductance; NaN marks a healthy one", where="faults, at")
        plus, minus = np.where(stream(seed, "faults").random((2, *shape)) < fraction, at, np.nan)
        return cls(plus, minus)

    @property
    def shape(self) -> tuple[int, ...]:
        """(pre, post)."""
        return np.shape(self.plus)

    @property
    def count(self) -> int:
        """How many devices are stuck."""
        return int(np.count_nonzero(~np.isnan(self.plus)) + np.count_nonzero(~np.isnan(self.minus)))


def _checked(value: ArrayLike, where: str) -> Floats:
    """A read-only copy, with no conductance that a device cannot have."""
    array = np.array(value, dtype=np.float64)
    bad = ~np.isnan(array) & ~((array >= 0) & np.isfinite(array))
    if bad.any():
        rule = "a device is stuck at a finite conductance, not below zero"
        raise DeviceError(rule, where=where, value=f"{array[bad][0]:g} S")
    array.setflags(write=False)
    return array
