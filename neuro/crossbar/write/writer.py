"""`Writer`: programming, learning register, coincident pulses and closed loops of one array of pairs."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.checks import drives, weight_matrix, whole_levels
from neuro.crossbar.device.device import Device
from neuro.crossbar.read.reader import Reader
from neuro.crossbar.write.coincidence import Coincidences, Trains, coincidences
from neuro.crossbar.write.pairs import Mask, Pairs
from neuro.crossbar.write.settings import Writing
from neuro.crossbar.write.targets import (
    POLICIES,
    Policy,
    analog_moves,
    level_moves,
    nominal_step,
    pair_targets,
)
from neuro.crossbar.write.verify import Verification, verify
from neuro.errors import UnknownName
from neuro.validation import Floats, Ints, number, positive

__all__ = ["Writer", "tolerance_of"]


class Writer:
    """Writes the devices of an array of pairs, enters each write in the ledger, and tells the reader.

    Parameters
    ----------
    reader
        Reads the same devices; it has their ledger and the scale of a weight.
    writing
        Voltage, time and disturbance of a pulse.
    w_max, start
        The layout of weights in pairs, as for a `Crossbar`.
    trains
        Draws the trains of `coincide`.
    where
        The array, in errors.
    """

    def __init__(
        self,
        reader: Reader,
        writing: Writing,
        w_max: float,
        start: float | None,
        trains: np.random.Generator,
        where: str,
    ) -> None:
        self.reader, self.writing, self.w_max, self.start = reader, writing, w_max, start
        self.pairs: Pairs = reader.pairs
        """The devices."""
        self.device: Device = self.pairs.device
        """The device of each cell."""
        self.register: Floats = np.zeros(self.pairs.plus.shape)
        """Weight change not yet sent, shape (pre, post)."""
        self.step = nominal_step(self.device)
        """Expected change of a pulse, S; zero if the device is continuous and has no law."""
        self.trains = trains
        """Draws the trains of `coincide`."""
        self.version = 0
        """Number of writes so far."""
        self._where = where

    def program(self, weights: ArrayLike) -> int:
        """As `AbstractCrossbar.program`."""
        plus, minus = self._targets(weights)
        half = self.device.step / 2
        off_plus, off_minus = np.abs(plus - self.pairs.plus), np.abs(minus - self.pairs.minus)
        far_plus = (off_plus >= half) & (off_plus > 0)
        far_minus = (off_minus >= half) & (off_minus > 0)
        self.register[:] = 0
        count = int(np.count_nonzero(far_plus) + np.count_nonzero(far_minus))
        if count:
            self.rewrite(far_plus, far_minus, plus, minus)
        return count

    def accumulate(self, dw: ArrayLike, max_levels: int, policy: Policy) -> int:
        """As `AbstractCrossbar.accumulate`."""
        if not isinstance(policy, str) or policy not in POLICIES:
            raise UnknownName("policy", policy, POLICIES)
        limit = whole_levels(max_levels, f"{self._where}, max_levels")
        change = weight_matrix(dw, self._shape, f"{self._where}, dw")
        pairs, device, scale = self.pairs, self.device, self.reader.scale
        if device.levels is None and not pairs.pulsed:
            plus, minus = analog_moves(change / scale, pairs.plus, pairs.minus, device, policy)
            return self.pulse(plus, minus, np.sign(plus), np.sign(minus))
        level = scale * self.step * (2 if policy == "push_pull" else 1)
        self.register += change
        # Most updates move few devices of a large array: only these are looked at.
        at = np.flatnonzero(np.abs(self.register) >= level)
        if not at.size:
            return 0
        register = self.register.reshape(-1)
        levels = np.clip(np.trunc(register[at] / level), -limit, limit)
        register[at] -= level * levels
        plus, minus = level_moves(levels, *pairs.at(at), self.step, policy)
        if not pairs.pulsed:
            return self._move(at, plus, minus)
        signed = np.zeros((2, *self._shape), np.int64)
        signed[0].flat[at], signed[1].flat[at] = plus, minus
        return self.send_pulses(*signed)

    def coincide(
        self, rows: ArrayLike, columns: ArrayLike, rate: float, trains: Trains, length: int, policy: Policy
    ) -> Coincidences:
        """As `AbstractCrossbar.coincide`."""
        if not isinstance(policy, str) or policy not in POLICIES:
            raise UnknownName("policy", policy, POLICIES)
        x = drives(rows, self._shape[0], f"{self._where}, rows")
        d = drives(columns, self._shape[1], f"{self._where}, columns")
        gain = number(rate, f"{self._where}, rate")
        slots = whole_levels(length, f"{self._where}, length")
        if not self.step:
            self.device.pulse_law  # noqa: B018 - a continuous device has none, and says so
        level = self.reader.scale * self.step * (2 if policy == "push_pull" else 1)
        met = coincidences(x, d, gain / level, slots, trains, self.trains)
        every = np.arange(met.pulses.size)
        plus, minus = level_moves(met.pulses.ravel().astype(np.float64), *self.pairs.at(every), self.step, policy)
        self.send_pulses(*(each.reshape(self._shape).astype(np.int64) for each in (plus, minus)))
        return met

    def write_verify(self, weights: ArrayLike, tolerance: float | None, rounds: int) -> Verification:
        """As `AbstractCrossbar.write_verify`."""
        targets = self._targets(weights)
        near = tolerance_of(self.device, tolerance, self._where)
        limit = whole_levels(rounds, f"{self._where}, rounds")
        self.register[:] = 0

        def rewrite(plus: Mask, minus: Mask) -> None:
            self.rewrite(plus, minus, *targets)

        return verify(self.pairs, targets, near, limit, self.send_pulses, rewrite, self.count_rows, self.step)

    def send_pulses(self, plus: Ints, minus: Ints) -> int:
        """Send whole pulses, signed by direction, shape (pre, post); returns how many were sent."""
        pulses = plus.astype(np.float64), minus.astype(np.float64)
        return self.pulse(pulses[0] * self.step, pulses[1] * self.step, *pulses)

    def count_rows(self, rows: Ints) -> None:
        """Enter reads of single rows, one count for each."""
        self.reader.count(rows, "rows")

    def rewrite(self, plus: Mask, minus: Mask, g_plus: Floats, g_minus: Floats) -> None:
        """Write the masked devices anew, each with its own error."""
        pairs = self.pairs
        before = pairs.plus.copy(), pairs.minus.copy()
        pairs.write(plus, minus, g_plus, g_minus)
        ledger = self.reader.settled_ledger()
        ledger.writes += int(plus.sum() + minus.sum())
        counts = plus.astype(np.int64), minus.astype(np.int64)
        self.writing.price_moves(ledger, counts, before, (pairs.plus, pairs.minus))
        self.changed()

    def pulse(self, plus: Floats, minus: Floats, plus_pulses: Floats, minus_pulses: Floats) -> int:
        """Move the devices by `plus` and `minus`, S, and enter the pulses that took, signed by direction."""
        pairs, signed = self.pairs, (plus_pulses.astype(np.int64), minus_pulses.astype(np.int64))
        ledger = self.reader.settled_ledger()
        count = ledger.count_pulses(*signed)
        if not count:
            return 0
        if pairs.pulsed:
            self.writing.price_pulses(ledger, signed, pairs.pulse(*signed))
        else:
            before = pairs.plus.copy(), pairs.minus.copy()
            pairs.write(plus != 0, minus != 0, pairs.plus + plus, pairs.minus + minus)
            self.writing.price_moves(ledger, signed, before, (pairs.plus, pairs.minus))
        self.changed()
        return count

    def _move(self, at: Ints, plus: Floats, minus: Floats) -> int:
        """As `pulse`, of the pairs at these places, to devices without a law; `plus` and `minus` are levels."""
        pairs, ledger, moves = self.pairs, self.reader.settled_ledger(), (plus, minus)
        signed = plus.astype(np.int64), minus.astype(np.int64)
        count = ledger.count_pulses(*signed, at)
        before = pairs.plus.flat[at], pairs.minus.flat[at]
        targets = [old + levels * self.step for old, levels in zip(before, moves, strict=True)]
        pairs.write_at(at, (plus != 0, minus != 0), (targets[0], targets[1]))
        self.writing.price_moves(ledger, signed, before, (pairs.plus.flat[at], pairs.minus.flat[at]))
        self.changed()
        return count

    def changed(self) -> None:
        """Make the reader see the devices as they are now."""
        self.reader.changed()
        self.version += 1

    def copy(self, reader: Reader) -> Writer:
        """An independent writer of this reader's devices, in the same state."""
        other = copy.copy(self)
        other.reader, other.pairs, other.register = reader, reader.pairs, self.register.copy()
        other.trains = copy.deepcopy(self.trains)
        return other

    @property
    def _shape(self) -> tuple[int, int]:
        return self.register.shape[0], self.register.shape[1]

    def _targets(self, weights: ArrayLike) -> tuple[Floats, Floats]:
        matrix = weight_matrix(weights, self._shape, f"{self._where}, weights")
        return pair_targets(matrix, self.device, self.w_max, self.start, self._where)


def tolerance_of(device: Device, tolerance: float | None, where: str) -> float:
    """How far from its target a verified device may be, S; by default half a level, or a hundredth of the window.

    Raises
    ------
    ParameterError
        If `tolerance` is not above zero.
    """
    if tolerance is None:
        tolerance = device.step / 2 or 0.01 * (device.g_max - device.g_min)
    return number(tolerance, f"{where}, tolerance", check=positive, unit="S")
