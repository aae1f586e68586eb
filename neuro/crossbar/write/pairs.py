"""The devices of an array, two for each weight, and the one way in which their conductances change."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.sample import Halves, Sampled, Sent
from neuro.validation import Floats, Ints

__all__ = ["Mask", "Moved", "Pairs"]

Mask = NDArray[np.bool_]


class Moved(NamedTuple):
    """What pulses did to the two arrays."""

    plus: Sent
    minus: Sent


class Pairs:
    """Conductances `plus` and `minus`, S, shape (pre, post), of devices that are written with errors.

    Devices with a law start from what they were written to, each within its own window.

    Examples
    --------
    >>> pairs = Pairs(Device("d", 0.0, 90e-6), Faults([[0.0]], [[np.nan]]), np.random.default_rng(0))
    >>> pairs.write(np.array([[True]]), np.array([[True]]), np.array([[30e-6]]), np.array([[99e-6]]))
    >>> pairs.plus.item(), pairs.minus.item()
    (0.0, 9e-05)
    """

    def __init__(
        self,
        device: Device,
        faults: Faults,
        rng: np.random.Generator,
        devices: np.random.Generator | None = None,
        disturb: float = 0.0,
    ) -> None:
        self.device = device
        """What each cell is made of."""
        self.faults = faults
        """Which cells no longer move."""
        self.plus: Floats = np.full(faults.shape, device.g_min)
        """Conductances that count as positive weight, S, as they are read."""
        self.minus: Floats = np.full(faults.shape, device.g_min)
        """Conductances that count as negative weight, S, as they are read."""
        self._rng = rng
        self._halves = Halves(disturb) if disturb else None
        # What the next pulse starts from differs from what is read where a pulse leaves a write noise.
        self._held: tuple[Floats, Floats] | None = None
        self._sampled: tuple[Sampled, Sampled] | None = None
        if device.law is not None or disturb:
            source = np.random.default_rng(0) if devices is None else devices
            self._sampled = device.sample(faults.shape, source), device.sample(faults.shape, source)
            for part, fault in zip(self._sampled, (faults.plus, faults.minus), strict=True):
                part.pin(np.asarray(fault))
            self._held = self.plus.copy(), self.minus.copy()

    @property
    def pulsed(self) -> bool:
        """Do pulses follow a law of their own, rather than being writes to the next level?"""
        return self._sampled is not None

    @property
    def disturbs(self) -> bool:
        """Do pulses move half-selected devices?"""
        return self._halves is not None

    @property
    def windows(self) -> tuple[tuple[Floats | float, Floats | float], tuple[Floats | float, Floats | float]]:
        """Lowest and highest conductance of each device, S, of the positive and the negative array."""
        if self._sampled is None:
            bounds = self.device.g_min, self.device.g_max
            return bounds, bounds
        one, two = ((part.g_min, part.g_max) for part in self._sampled)
        return one, two

    def write(self, plus_mask: Mask, minus_mask: Mask, g_plus: Floats, g_minus: Floats) -> None:
        """Bring the devices in the masks to `g_plus` and `g_minus`, S, each with its own error, clipped.

        Stuck devices draw an error too, and stay: a fault leaves the errors of its neighbours as they were.
        """
        device, faults = self.device, self.faults
        for side, (held, mask, target, fault) in enumerate(
            (
                (self.plus, plus_mask, g_plus, faults.plus),
                (self.minus, minus_mask, g_minus, faults.minus),
            )
        ):
            wanted = target[mask]
            errors = device.write_noise * self._rng.standard_normal(wanted.size) if device.write_noise else 0.0
            if self._held is None:
                held[mask] = np.clip(wanted + errors, device.g_min, device.g_max)
            else:
                low, high = (np.asarray(bound)[mask] for bound in self.windows[side])
                self._held[side][mask] = np.clip(wanted, low, high)
                held[mask] = np.maximum(self._held[side][mask] + errors, 0.0)
                if device.law is None:
                    self._held[side][mask] = held[mask] = np.clip(held[mask], low, high)
            self._stay(side, np.asarray(fault))

    def pulse(self, plus: Ints, minus: Ints) -> Moved:
        """Send pulses, signed by direction, shape (pre, post), to devices with a law; stuck ones stay.

        Returns
        -------
        Moved
            Conductances that the pulses met, summed, for each array.
        """
        if self._sampled is None or self._held is None:
            raise RuntimeError("devices without a law are written, not pulsed")
        found = []
        for side, pulses in enumerate((plus, minus)):
            seen = (self.plus, self.minus)[side]
            fault = np.asarray((self.faults.plus, self.faults.minus)[side])
            found.append(self._sampled[side].send(self._held[side], seen, np.ascontiguousarray(pulses), self._halves))
            self._stay(side, fault)
        return Moved(*found)

    def memory(self) -> dict[str, NDArray[Any]]:
        """All that writes and pulses change, by name, to be saved and written back; random streams apart."""
        found: dict[str, NDArray[Any]] = {"plus": self.plus, "minus": self.minus}
        if self._sampled is not None and self._held is not None:
            for side, held, sampled in zip(("plus", "minus"), self._held, self._sampled, strict=True):
                counts, last = sampled.memory()
                found |= {f"held_{side}": held, f"pulses_{side}": counts, f"error_{side}": last}
        return found

    def copy(self) -> Pairs:
        """Independent devices in the same state, whose next writes draw the same errors."""
        other = copy.copy(self)
        other.plus, other.minus = self.plus.copy(), self.minus.copy()
        other._rng = copy.deepcopy(self._rng)
        if self._sampled is not None and self._held is not None:
            other._sampled = self._sampled[0].copy(), self._sampled[1].copy()
            other._held = self._held[0].copy(), self._held[1].copy()
        return other

    def _stay(self, side: int, stuck: Floats) -> None:
        there = ~np.isnan(stuck)
        np.copyto((self.plus, self.minus)[side], stuck, where=there)
        if self._held is not None:
            np.copyto(self._held[side], stuck, where=there)
