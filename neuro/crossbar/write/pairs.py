"""`Pairs`: the conductances of an array of differential pairs, and the two ways to change them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.sample import PulseSums, SampledDevices
from neuro.validation import Floats, Ints

__all__ = ["Devices", "Mask", "Pairs"]

Mask = NDArray[np.bool_]
Devices = tuple[Floats, Floats | float]
"""Conductances of some devices, S, and the lowest that they can have."""


def _of(values: Floats | float, places: Ints) -> Floats | float:
    return values.flat[places] if isinstance(values, np.ndarray) else values


class Pairs:
    """Conductances `plus` and `minus`, S, shape (pre, post), of devices that are written with errors.

    Pulses of devices with a law start from the written conductance, each within its own window.

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
        """The device of each cell."""
        self.faults = faults
        """Which cells no longer move."""
        self.plus: Floats = np.full(faults.shape, device.g_min)
        """Conductances that count as positive weight, S, as they are read."""
        self.minus: Floats = np.full(faults.shape, device.g_min)
        """Conductances that count as negative weight, S, as they are read."""
        self._rng = rng
        self._disturb = disturb
        # A pulse starts from the conductance without the write noise that is read after the last one.
        self._noiseless: tuple[Floats, Floats] | None = None
        self._sampled: tuple[SampledDevices, SampledDevices] | None = None
        if device.law is not None or disturb:
            source = np.random.default_rng(0) if devices is None else devices
            self._sampled = device.sample(faults.shape, source), device.sample(faults.shape, source)
            for sampled, fault in zip(self._sampled, (faults.plus, faults.minus), strict=True):
                sampled.pin(np.asarray(fault))
            self._noiseless = self.plus.copy(), self.minus.copy()

    @property
    def pulsed(self) -> bool:
        """Do pulses follow a law of their own, rather than being writes to the next level?"""
        return self._sampled is not None

    @property
    def disturbs(self) -> bool:
        """Do pulses move half-selected devices?"""
        return self._disturb > 0

    @property
    def windows(self) -> tuple[tuple[Floats | float, Floats | float], tuple[Floats | float, Floats | float]]:
        """Lowest and highest conductance of each device, S, of the positive and the negative array."""
        if self._sampled is None:
            bounds = self.device.g_min, self.device.g_max
            return bounds, bounds
        plus, minus = ((devices.g_min, devices.g_max) for devices in self._sampled)
        return plus, minus

    def at(self, places: Ints) -> tuple[Devices, Devices]:
        """Conductances of the pairs at these places of the flat arrays, S, and the lowest that they can have."""
        return (
            (self.plus.flat[places], _of(self.windows[0][0], places)),
            (self.minus.flat[places], _of(self.windows[1][0], places)),
        )

    def write_at(self, places: Ints, masks: tuple[Mask, Mask], targets: tuple[Floats, Floats]) -> None:
        """As `write`, of pairs of devices without a law, at these places of the flat arrays."""
        device = self.device
        sides = zip((self.plus, self.minus), (self.faults.plus, self.faults.minus), masks, targets, strict=True)
        for read, stuck, mask, target in sides:
            wanted, here = target[mask], places[mask]
            errors = device.write_noise * self._rng.standard_normal(wanted.size) if device.write_noise else 0.0
            fixed = np.asarray(stuck).flat[here]
            moved = np.clip(wanted + errors, device.g_min, device.g_max)
            read.flat[here] = np.where(np.isnan(fixed), moved, fixed)

    def write(self, plus_mask: Mask, minus_mask: Mask, g_plus: Floats, g_minus: Floats) -> None:
        """Bring the devices in the masks to `g_plus` and `g_minus`, S, each with its own error, clipped.

        Stuck devices draw an error too, and stay: a fault does not change the errors of its neighbours.
        """
        device, faults = self.device, self.faults
        for side, (read, mask, target, fault) in enumerate(
            (
                (self.plus, plus_mask, g_plus, faults.plus),
                (self.minus, minus_mask, g_minus, faults.minus),
            )
        ):
            wanted = target[mask]
            errors = device.write_noise * self._rng.standard_normal(wanted.size) if device.write_noise else 0.0
            if self._noiseless is None:
                read[mask] = np.clip(wanted + errors, device.g_min, device.g_max)
            else:
                low, high = (np.asarray(bound)[mask] for bound in self.windows[side])
                self._noiseless[side][mask] = np.clip(wanted, low, high)
                read[mask] = np.maximum(self._noiseless[side][mask] + errors, 0.0)
                if device.law is None:
                    self._noiseless[side][mask] = read[mask] = np.clip(read[mask], low, high)
            self._restore_stuck(side, np.asarray(fault))

    def pulse(self, plus: Ints, minus: Ints) -> tuple[PulseSums, PulseSums]:
        """Send pulses, signed by direction, shape (pre, post), to devices with a law; stuck ones stay.

        Returns
        -------
        tuple
            The sums of the positive and of the negative array.
        """
        if self._sampled is None or self._noiseless is None:
            raise RuntimeError("devices without a law are written, not pulsed")
        sums = []
        for side, pulses in enumerate((plus, minus)):
            read = (self.plus, self.minus)[side]
            fault = np.asarray((self.faults.plus, self.faults.minus)[side])
            sampled, start = self._sampled[side], self._noiseless[side]
            sums.append(sampled.send(start, read, np.ascontiguousarray(pulses), self._disturb))
            self._restore_stuck(side, fault)
        return sums[0], sums[1]

    def state_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that writes and pulses change, by name. Writing to them restores a state."""
        found: dict[str, NDArray[Any]] = {"plus": self.plus, "minus": self.minus}
        if self._sampled is not None and self._noiseless is not None:
            for side, start, sampled in zip(("plus", "minus"), self._noiseless, self._sampled, strict=True):
                counts, last = sampled.state_arrays()
                found |= {f"held_{side}": start, f"pulses_{side}": counts, f"error_{side}": last}
        return found

    @property
    def random_state(self) -> dict[str, Any]:
        """State of the generator that draws the errors of writes."""
        return dict(self._rng.bit_generator.state)

    @random_state.setter
    def random_state(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state

    def copy(self) -> Pairs:
        """Independent devices in the same state, whose next writes draw the same errors."""
        other = copy.copy(self)
        other.plus, other.minus = self.plus.copy(), self.minus.copy()
        other._rng = copy.deepcopy(self._rng)
        if self._sampled is not None and self._noiseless is not None:
            other._sampled = self._sampled[0].copy(), self._sampled[1].copy()
            other._noiseless = self._noiseless[0].copy(), self._noiseless[1].copy()
        return other

    def _restore_stuck(self, side: int, stuck: Floats) -> None:
        """Set the stuck devices of an array back to their conductance."""
        fixed = ~np.isnan(stuck)
        np.copyto((self.plus, self.minus)[side], stuck, where=fixed)
        if self._noiseless is not None:
            np.copyto(self._noiseless[side], stuck, where=fixed)
