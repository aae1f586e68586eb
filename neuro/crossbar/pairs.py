"""The devices of an array, two for each weight, and the one way in which their conductances change."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from neuro.arrays import Floats
from neuro.crossbar.device import Device
from neuro.crossbar.faults import Faults

__all__ = ["Mask", "Pairs"]

Mask = NDArray[np.bool_]


class Pairs:
    """Conductances `plus` and `minus`, S, shape (pre, post), of devices that are written with errors.

    Examples
    --------
    >>> pairs = Pairs(Device("d", 0.0, 90e-6), Faults([[0.0]], [[np.nan]]), np.random.default_rng(0))
    >>> pairs.write(np.array([[True]]), np.array([[True]]), np.array([[30e-6]]), np.array([[99e-6]]))
    >>> pairs.plus.item(), pairs.minus.item()
    (0.0, 9e-05)
    """

    def __init__(self, device: Device, faults: Faults, rng: np.random.Generator) -> None:
        self.device = device
        """What each cell is made of."""
        self.faults = faults
        """Which cells no longer move."""
        self.plus: Floats = np.full(faults.shape, device.g_min)
        """Conductances that count as positive weight, S."""
        self.minus: Floats = np.full(faults.shape, device.g_min)
        """Conductances that count as negative weight, S."""
        self._rng = rng

    def write(self, plus_mask: Mask, minus_mask: Mask, g_plus: Floats, g_minus: Floats) -> None:
        """Bring the devices in the masks to `g_plus` and `g_minus`, S, each with its own error, clipped.

        Stuck devices draw an error too, and stay: a fault leaves the errors of its neighbours as they were.
        """
        device, faults = self.device, self.faults
        for held, mask, target, fault in (
            (self.plus, plus_mask, g_plus, faults.plus),
            (self.minus, minus_mask, g_minus, faults.minus),
        ):
            reached = target[mask]
            if device.write_noise:
                reached += device.write_noise * self._rng.standard_normal(reached.size)
            held[mask] = np.clip(reached, device.g_min, device.g_max)
            stuck = np.asarray(fault)
            np.copyto(held, stuck, where=~np.isnan(stuck))

    def copy(self) -> Pairs:
        """Independent devices in the same state, whose next writes draw the same errors."""
        other = copy.copy(self)
        other.plus, other.minus = self.plus.copy(), self.minus.copy()
        other._rng = copy.deepcopy(self._rng)
        return other
