"""`OffsetCrossbar`: one device for each weight, less a reference device for each row in a column of its own."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.base import Setup
from neuro.crossbar.checks import drives, reads, target, weight_matrix, whole_levels
from neuro.crossbar.composite import CompositeCrossbar
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.pair import PairCrossbar
from neuro.crossbar.snapshot import Snapshot
from neuro.crossbar.write.coincidence import Coincidences, Trains, coincidences
from neuro.crossbar.write.pairs import Mask
from neuro.crossbar.write.targets import POLICIES, Policy, at_level
from neuro.crossbar.write.verify import Verification, verify
from neuro.crossbar.write.writer import tolerance_of
from neuro.errors import WeightError
from neuro.validation import Floats, Ints, choice, frozen, number

__all__ = ["OffsetCrossbar"]


@final
class OffsetCrossbar(CompositeCrossbar):
    """Weights  W = scale (G - G_ref):  one device each, and in every row one reference in a column of its own.

    The reference stands in the middle of the window, or at the level nearest to it, and  scale = w_max / d  where d is
    its distance to the nearer end. Half as many devices as pairs need, but every weight of a row shares the error of
    its reference, and a weight of zero conducts. `arrays` has the physical array, shape (pre, post + 1): its last
    column is the reference, and it has no negative devices.
    """

    def __init__(self, matrix: Floats, setup: Setup) -> None:
        super().__init__(setup)
        device, rows, columns = setup.device, *self.shape
        span = device.g_max - device.g_min
        middle = span / 2 if device.levels is None else device.step * ((device.levels - 1) // 2)
        self.reference = device.g_min + middle
        """Conductance that the reference devices are written to, S."""
        self.scale = self.w_max / min(middle, span - middle) if middle else self.w_max / span
        """Weight for each siemens."""
        healthy = np.full((rows, 1), np.nan)
        stuck = Faults(np.hstack([np.asarray(setup.faults.plus), healthy]), np.zeros((rows, columns + 1)))
        lowest = np.full(stuck.shape, device.g_min)
        self._array = PairCrossbar(lowest, lowest, replace(setup, faults=stuck, w_max=self.scale * span), None)
        self._array.ledger.writes = 0
        self._write(np.ones(stuck.shape, bool), self._targets(matrix))
        self._register = np.zeros(self.shape)

    @property
    def arrays(self) -> tuple[PairCrossbar, ...]:
        """The array as it is built, shape (pre, post + 1); it has no negative devices."""
        return (self._array,)

    @property
    def version(self) -> int:
        return self._array.version

    @property
    def ledger(self) -> Ledger:
        """Counts of the array, the reference column included in the sums but not device by device."""
        total, whole = Ledger(self.shape), self._array.ledger
        total.include(whole, None)
        total.plus += whole.plus[:, :-1]
        return total

    @property
    def conductance_plus(self) -> Floats:
        """Conductances of the weights' devices, S, shape (pre, post); read-only."""
        return self._array.conductance_plus[:, :-1]

    @property
    def conductance_minus(self) -> Floats:
        """Conductance of each row's reference, S, once for every column, shape (pre, post); read-only."""
        return np.broadcast_to(self._array.conductance_plus[:, -1:], self.shape)

    @property
    def register(self) -> Floats:
        return frozen(self._register)

    def snapshot(self, at: float | None = None) -> Snapshot:
        drawn = self._array.snapshot(at)
        return Snapshot(_less_reference(drawn.effective_weights()), drawn.count_reads)

    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        """As `AbstractCrossbar.read`; the reference column's result is taken from every other."""
        out = self._array.read(rows, at)
        return np.asarray(out[:-1] - out[-1])

    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        """As `AbstractCrossbar.read_columns`: the reference column is driven with minus the sum of all drives."""
        drive = drives(cols, self.shape[1], f"{self._where}, columns")
        return self._array.read_columns(np.append(drive, -drive.sum()), at)

    def read_rows(self, rows: ArrayLike, out: Floats | None = None) -> Floats:
        """As `AbstractCrossbar.read_rows`; the reference column's result is taken from every other."""
        total = target(out, self.shape[1], f"{self._where}, out")
        found = self._array.read_rows(rows)
        total += found[:-1] - found[-1]
        return total

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """As `AbstractCrossbar.count_reads`; with every read of a column the reference is read too."""
        counts = reads(columns, self.shape[1], f"{self._where}, column reads")
        if counts.ndim:
            self._array.count_reads(rows, columns=np.append(counts, counts.sum()))
        else:
            self._array.count_reads(rows, columns=2 * counts)

    def program(self, weights: ArrayLike) -> int:
        """As `AbstractCrossbar.program`; the reference is rewritten where it is off."""
        targets = self._targets(weight_matrix(weights, self.shape, f"{self._where}, weights"))
        off = np.abs(targets - self._array.conductance_plus)
        far = (off >= self.device.step / 2) & (off > 0)
        self._register[:] = 0
        count = int(np.count_nonzero(far))
        if count:
            self._write(far, targets)
        return count

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, *, policy: Policy = "push_pull") -> int:
        """As `AbstractCrossbar.accumulate`, with one device for each weight: a level of weight is scale step."""
        choice(policy, f"{self._where}, policy", POLICIES)
        limit = whole_levels(max_levels, f"{self._where}, max_levels")
        change = weight_matrix(dw, self.shape, f"{self._where}, dw")
        step = self._array.writer.step
        if not step:
            room = self.device.g_min - self.conductance_plus, self.device.g_max - self.conductance_plus
            moves = np.clip(change / self.scale, np.minimum(room[0], 0), np.maximum(room[1], 0))
            return self._send(moves, np.sign(moves))
        level = self.scale * step
        self._register += change
        levels = np.clip(np.trunc(self._register / level), -limit, limit)
        self._register -= level * levels
        return self._send(levels * step, levels) if levels.any() else 0

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
        """As `AbstractCrossbar.coincide`, with one device for each weight."""
        x = drives(rows, self.shape[0], f"{self._where}, rows")
        d = drives(columns, self.shape[1], f"{self._where}, columns")
        choice(policy, f"{self._where}, policy", POLICIES)
        gain = number(rate, f"{self._where}, rate")
        slots = whole_levels(length, f"{self._where}, length")
        self.device.pulse_law  # noqa: B018 - a continuous device has none, and says so
        writer = self._array.writer
        met = coincidences(x, d, gain / (self.scale * writer.step), slots, trains, writer.trains)
        levels = met.pulses.astype(np.float64)
        self._send(levels * writer.step, levels)
        return met

    def write_verify(self, weights: ArrayLike, *, tolerance: float | None = None, rounds: int = 100) -> Verification:
        """As `AbstractCrossbar.write_verify`; arrays of the result are (2, pre, post + 1); the negative is empty."""
        targets = self._targets(weight_matrix(weights, self.shape, f"{self._where}, weights"))
        near = tolerance_of(self.device, tolerance, self._where)
        limit = whole_levels(rounds, f"{self._where}, rounds")
        self._register[:] = 0
        writer = self._array.writer

        def send(plus: Ints, minus: Ints) -> None:
            writer.send_pulses(plus, np.zeros_like(plus))

        def rewrite(plus: Mask, minus: Mask) -> None:
            self._write(plus, targets)

        both = targets, np.zeros_like(targets)
        return verify(writer.pairs, both, near, limit, send, rewrite, writer.count_rows, writer.step)

    def copy(self) -> OffsetCrossbar:
        other = copy.copy(self)
        other._array, other._register = self._array.copy(), self._register.copy()
        other._weights, other._transposed = copy.copy(self._weights), copy.copy(self._transposed)
        return other

    def _combined_weights(self) -> Floats:
        return _less_reference(self._array.effective_weights())

    def _combined_transposed_weights(self) -> Floats:
        whole = self._array.transposed_weights()
        return frozen(np.ascontiguousarray(whole[:-1] - whole[-1:]))

    def _targets(self, matrix: Floats) -> Floats:
        """Conductances of the array, S, shape (pre, post + 1), each at the nearest level."""
        worst = float(np.abs(matrix).max(initial=0.0))
        if worst > self.w_max * (1 + 1e-12):
            rule = f"the window holds weights of {-self.w_max:.12g}..{self.w_max:.12g}"
            raise WeightError(rule, where=self._where, value=f"{worst:.12g}", remedy="Give a larger `w_max`")
        wanted = at_level(self.reference + matrix / self.scale, self.device)
        return np.hstack([wanted, np.full((len(wanted), 1), self.reference)])

    def _write(self, mask: Mask, targets: Floats) -> None:
        self._array.writer.rewrite(mask, np.zeros_like(mask), targets, np.zeros_like(targets))

    def _send(self, moves: Floats, pulses: Floats) -> int:
        """Move the weights' devices by `moves`, S, with so many pulses; the references stay."""
        plus, sent = (np.hstack([part, np.zeros((len(part), 1))]) for part in (moves, pulses))
        nothing = np.zeros_like(plus)
        return self._array.writer.pulse(plus, nothing, sent, nothing)


def _less_reference(whole: Floats) -> Floats:
    """The columns of an array less its last one, read-only."""
    return frozen(np.ascontiguousarray(whole[:, :-1] - whole[:, -1:]))
