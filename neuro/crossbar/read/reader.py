"""`Reader`: products of drives and weights, their noise and converters, and the energy of each read."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from neuro.crossbar.circuit.circuit import Circuit, Side
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.noise import Fluctuations
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.read.rows import add_noisy_rows, add_rows
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.pairs import Pairs
from neuro.randomness import stream
from neuro.validation import Floats, Ints, frozen, number

__all__ = ["Arrays", "Reader"]

READS = ("read_plus", "read_minus")
"""Where the ledger enters the energy of the positive and of the negative array."""

Arrays = tuple[Circuit, Circuit]


class Reader:
    """Reads the devices of `pairs` as they are; `changed` has to follow each write.

    The circuits are those of the conductances at the first read after a write. Energy of single-line reads is
    settled from whole counts when the ledger is looked at or the devices change, so that it does not depend
    on how the reads were grouped.
    """

    def __init__(self, pairs: Pairs, wires: Wires, reading: Reading, scale: float, seed: int, name: str) -> None:
        self.pairs, self.wires, self.reading, self.scale = pairs, wires, reading, scale
        self.ledger = Ledger(pairs.plus.shape)
        self._rng = stream(seed, name, "read")
        self._fluctuations: Fluctuations | None = None
        if reading.moves:
            shape = (2, *pairs.plus.shape)
            self._fluctuations = Fluctuations(shape, seed, name, reading.telegraph, reading.flicker, reading.drift)
        rows, columns = pairs.plus.shape
        self._pending: dict[Side, Ints] = {"rows": np.zeros(rows, np.int64), "columns": np.zeros(columns, np.int64)}
        self._circuits: Arrays | None = None
        self._weights: dict[Side, Floats] = {}
        self._noise: dict[Side, Floats] = {}

    @property
    def unit_voltage(self) -> float:
        """Voltage of a drive of 1."""
        return self.reading.voltage or 1.0

    @property
    def circuits(self) -> Arrays:
        """The positive and the negative array as programmed."""
        if self._circuits is None:
            self._circuits = self._arrays(1.0, 1.0)
        return self._circuits

    @property
    def superposes(self) -> bool:
        """Is the result of several lines together the sum of the results of each by itself?"""
        straight = self.reading.curve is None or self.reading.curve.straight
        return straight and (self.wires.ideal or self.wires.inactive == "ground")

    def conductance(self, side: Side = "rows") -> Floats:
        """Positive minus negative array as read line by line, S, shape (driven, sensed)."""
        if self.wires.ideal and self.superposes:
            found: Floats = self.pairs.plus - self.pairs.minus
            return found if side == "rows" else found.T
        plus, minus = (circuit.alone(side, self.unit_voltage)[0] for circuit in self.circuits)
        return np.asarray(plus - minus, np.float64)

    def weights(self, side: Side = "rows") -> Floats:
        """`conductance` times scale, rows contiguous, read-only; one array until the next write."""
        if side not in self._weights:
            self._weights[side] = frozen(np.ascontiguousarray(self.scale * self.conductance(side)))
        return self._weights[side]

    def read(self, drive: Floats, side: Side, at: float | None) -> Floats:
        """The sums on the other lines of all driven lines together; enters the read in the ledger."""
        reading, ledger = self.reading, self.ledger
        at = None if at is None else number(at, "crossbar, at", unit="s")
        lines = int(np.count_nonzero(drive))
        if reading.dac is not None:
            drive = np.where(drive != 0, reading.dac.convert(drive), 0.0)
            ledger.add("converter", lines, lines * reading.dac.energy)
        joules = [0.0, 0.0]
        known = self._fluctuations is None and (self.wires.ideal or "rows" in self._weights)
        if known and self.superposes and not reading.priced:
            out = drive @ self.weights() if side == "rows" else self.weights() @ drive
        else:
            arrays = (
                self.circuits if self._fluctuations is None else self._arrays(*self._factors(self._fluctuations, at))
            )
            plus, minus = (circuit.read(self.unit_voltage * drive, side, reading.priced) for circuit in arrays)
            out = self.scale / self.unit_voltage * (plus[0] - minus[0])
            joules = [power * (reading.duration or 0.0) for _, power in (plus, minus)]
        if reading.noise:
            out = out + np.sqrt(drive**2 @ self._deviations(side) ** 2) * self._rng.standard_normal(out.size)
        self._count(lines, side)
        if reading.priced:
            for cause, taken in zip(READS, joules, strict=True):
                ledger.add(cause, lines, taken)
        else:
            ledger.unpriced += lines
        if reading.adc is not None:
            out = reading.adc.convert(out)
            ledger.add("converter", out.size, out.size * reading.adc.energy)
        return out

    def read_each(self, lines: Ints, side: Side, target: Floats) -> None:
        """Add the result of each of these lines by itself, one after the other, to `target`."""
        if self.reading.noise:
            add_noisy_rows(target, self.weights(side), self._deviations(side), lines, self._rng)
        else:
            add_rows(target, self.weights(side), lines)
        self.count(np.bincount(lines, minlength=self._pending[side].size), side)

    def count(self, counts: Ints, side: Side, arrays: Arrays | None = None) -> None:
        """Enter reads of single lines: how often each was read, or the number of all, which then have no price.

        `arrays` are the circuits that were read; None: the crossbar as programmed.
        """
        total = int(counts.sum())
        self._count(total, side)
        if not self.reading.priced or counts.ndim == 0:
            self.ledger.unpriced += total
        elif arrays is not None:
            self._price(arrays, counts, side)
        else:
            # `settle` prices them later, by the circuits of this moment.
            self._circuits = self.circuits
            self._pending[side] += counts

    def snapshot_weights(self, arrays: Arrays) -> Floats:
        """Weights of these circuits as read row by row, shape (pre, post), rows contiguous."""
        plus, minus = (circuit.alone("rows", self.unit_voltage)[0] for circuit in arrays)
        return np.ascontiguousarray(self.scale * (plus - minus))

    def settled_ledger(self) -> Ledger:
        """The ledger with the energy of all reads so far."""
        self.settle()
        return self.ledger

    def settle(self) -> None:
        """Enter the energy of the reads that were only counted so far."""
        for side, counts in self._pending.items():
            if counts.any():
                self._price(self.circuits, counts, side)
                counts[:] = 0

    def changed(self) -> None:
        """The devices have been written."""
        self.settle()
        self._circuits = None
        self._weights, self._noise = {}, {}

    @property
    def random_state(self) -> dict[str, Any]:
        """State of the generator of the white noise."""
        return dict(self._rng.bit_generator.state)

    @random_state.setter
    def random_state(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state

    def draw(self, at: float | None) -> Arrays:
        """The positive and the negative array with one draw of every device's noise, in its state at this time."""
        at = None if at is None else number(at, "crossbar, at", unit="s")
        factors = (
            np.ones((2, *self.pairs.plus.shape))
            if self._fluctuations is None
            else self._factors(self._fluctuations, at)
        )
        if self.reading.noise:
            factors = factors * np.maximum(1 + self.reading.noise * self._rng.standard_normal(factors.shape), 0)
        return self._arrays(*factors)

    def copy(self, pairs: Pairs) -> Reader:
        """An independent reader of these devices in the same state, whose next reads draw the same noise."""
        self.settle()
        other = copy.copy(self)
        other.pairs, other.ledger = pairs, self.ledger.copy()
        other._rng, other._fluctuations = copy.deepcopy(self._rng), copy.deepcopy(self._fluctuations)
        other._pending = {side: counts.copy() for side, counts in self._pending.items()}
        other._weights, other._noise = dict(self._weights), dict(self._noise)
        return other

    def _arrays(self, plus: Floats | float, minus: Floats | float) -> Arrays:
        """The arrays with their conductances times these factors."""
        conductances = (self.pairs.plus * plus, self.pairs.minus * minus)
        positive, negative = (Circuit(conductance, self.wires, self.reading.curve) for conductance in conductances)
        return positive, negative

    def _factors(self, fluctuations: Fluctuations, at: float | None) -> Floats:
        """Without a time, a read is at that of the last one."""
        return fluctuations.factors(fluctuations.now if at is None else at)

    def _deviations(self, side: Side) -> Floats:
        """Standard deviation of the noise of each line by itself on each other line, in the unit of the weights."""
        if side not in self._noise:
            found = self.reading.noise * self.scale * np.hypot(self.pairs.plus, self.pairs.minus)
            self._noise[side] = np.ascontiguousarray(found if side == "rows" else found.T)
        return self._noise[side]

    def _count(self, lines: int, side: Side) -> None:
        ledger = self.ledger
        if side == "rows":
            ledger.row_reads += lines
        else:
            ledger.column_reads += lines
        if self.reading.driver_energy:
            ledger.add("driver", lines, lines * self.reading.driver_energy)

    def _price(self, arrays: Arrays, counts: Ints, side: Side) -> None:
        """Enter the energy of reads of single lines."""
        voltage, duration = self.reading.voltage, self.reading.duration
        if voltage is None or duration is None:
            return
        for cause, circuit in zip(READS, arrays, strict=True):
            taken = float(counts @ circuit.alone(side, voltage)[1])
            self.ledger.add(cause, int(counts.sum()), taken * voltage**2 * duration)
