"""`SlicedCrossbar`: weights whose digits lie in several arrays of pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.assembly import Assembly, Part
from neuro.crossbar.base import Setup
from neuro.crossbar.checks import weight_matrix, whole_levels
from neuro.crossbar.pair import pair_crossbar
from neuro.crossbar.write.coincidence import Coincidences, Trains
from neuro.crossbar.write.targets import Policy
from neuro.crossbar.write.verify import Verification
from neuro.errors import DeviceError, UnsupportedFeature, WeightError
from neuro.validation import Floats, whole_number

__all__ = ["SlicedCrossbar", "digits"]

MOST_SLICES = 64
"""Most digits of a weight: with two levels each, they hold more than a double does."""


@final
class SlicedCrossbar(Assembly):
    """Weights whose digits lie in several arrays of pairs:  W = w_max / N sum_k base^(slices - 1 - k) D_k.

    D_k is the k-th array's digit, -(base - 1) .. base - 1, and N = base^slices - 1. Of devices with levels a weight is
    rounded to one of the N + 1 steps to either side, so it is off by w_max / (2 N) at most; of continuous devices the
    last slice holds the remainder of the others, and nothing is rounded.

    Parameters
    ----------
    matrix
        Weights, shape (pre, post).
    setup
        Parts and settings; every slice has the same faults.
    slices
        Number of arrays.
    base
        Base of the digits; None: the number of levels, or 16 of continuous devices.
    """

    def __init__(self, matrix: Floats, setup: Setup, slices: int, base: int | None) -> None:
        where, device = f"crossbar {setup.name!r}", setup.device
        slices = whole_number(slices, f"{where}, slices", least=1, most=MOST_SLICES)
        base = whole_levels((device.levels or 16) if base is None else base, f"{where}, base")
        if base < 2 or (device.levels is not None and (device.levels - 1) % (base - 1)):
            rule = "each digit must be a level of the device" if base >= 2 else "a base is 2 or more"
            remedy = f"The device has {device.levels} levels" if device.levels else ""
            raise DeviceError(rule, where=f"{where}, base", value=base, remedy=remedy)
        parts, everywhere = [], (slice(0, matrix.shape[0]), slice(0, matrix.shape[1]))
        whole = device.levels is not None
        # All digits of a matrix are known before the first array is written.
        for k, digit in enumerate(digits(matrix / setup.w_max, base, slices, whole, where)):
            size = _digit_weight(setup.w_max, base, slices, k)
            own = replace(setup, w_max=size * (base - 1), name=f"{setup.name}/slice {k}")
            parts.append(Part(pair_crossbar(size * digit, own), *everywhere))
        super().__init__(setup, parts)
        self.slices = slices
        """Number of arrays."""
        self.base = base
        """Base of the digits."""

    def program(self, weights: ArrayLike) -> int:
        """As `AbstractCrossbar.program`, slice by slice."""
        slices = zip(self.parts, self._slice_weights(weights), strict=True)
        return sum(part.crossbar.program(matrix) for part, matrix in slices)

    def write_verify(self, weights: ArrayLike, *, tolerance: float | None = None, rounds: int = 100) -> Verification:
        """As `AbstractCrossbar.write_verify`, slice by slice; arrays of the result are (2, slices, pre, post)."""
        results = [
            part.crossbar.write_verify(matrix, tolerance=tolerance, rounds=rounds)
            for part, matrix in zip(self.parts, self._slice_weights(weights), strict=True)
        ]
        whole = {
            key: np.stack([getattr(result, key) for result in results], axis=1) for key in ("pulses", "target", "found")
        }
        slowest = max(result.rounds for result in results)
        return Verification(tolerance=results[0].tolerance, rounds=slowest, **whole)

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, *, policy: Policy = "push_pull") -> int:
        """Not supported: a pulse on one digit does not carry into the next."""
        raise self._not_learned()

    def coincide(
        self,
        rows: ArrayLike,
        columns: ArrayLike,
        rate: float = 1.0,
        *,
        trains: Trains = "stochastic",
        length: int = 31,
        policy: Policy = "push_pull",
    ) -> Coincidences:
        """Not supported, as `accumulate`."""
        raise self._not_learned()

    def _not_learned(self) -> UnsupportedFeature:
        rule = "bit slices are programmed, not learned on: a pulse on one digit does not carry into the next"
        return UnsupportedFeature(rule, where=self._where, remedy='Learn with mapping="pair" or "offset"')

    def _slice_weights(self, weights: ArrayLike) -> list[Floats]:
        """The weights of each slice, shape (pre, post), most significant first."""
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        found = digits(matrix / self.w_max, self.base, self.slices, self.device.levels is not None, self._where)
        return [_digit_weight(self.w_max, self.base, self.slices, k) * digit for k, digit in enumerate(found)]


def _digit_weight(w_max: float, base: int, slices: int, k: int) -> float:
    """The weight of a digit 1 in slice `k`."""
    return float(w_max / (base**slices - 1) * base ** (slices - 1 - k))


def digits(share: Floats, base: int, slices: int, whole: bool, where: str = "") -> list[Floats]:
    """The digits of  share (base^slices - 1), most significant first, each within -(base - 1) .. base - 1.

    Whole digits are those of the nearest whole number. Otherwise all digits but the last are rounded, and the last one
    is the remainder.

    Raises
    ------
    WeightError
        If a share is outside -1..1.

    Examples
    --------
    >>> digits(np.array([[1.0, -0.5, 0.1]]), 4, 2, whole=True)
    [array([[ 3., -2.,  0.]]), array([[ 3., -0.,  2.]])]
    >>> digits(np.array([[0.1]]), 4, 2, whole=False)
    [array([[0.]]), array([[1.5]])]
    """
    if share.size and np.abs(share).max() > 1 + 1e-12:
        rule = "weights must lie within -w_max..w_max"
        raise WeightError(rule, where=where, value=f"{float(np.abs(share).max()):.12g} w_max")
    signs, left = np.sign(share), np.minimum(np.abs(share), 1.0) * (base**slices - 1)
    if whole:
        left = np.rint(left)
    found = []
    for k in range(slices - 1):
        size = float(base ** (slices - 1 - k))
        digit = np.floor(left / size) if whole else np.clip(np.rint(left / size), 1 - base, base - 1)
        left = left - digit * size
        found.append(signs * digit)
    return [*found, signs * left]
