"""`PairCrossbar`: one array of differential pairs, which is read by its `Reader` and written by its `Writer`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.crossbar.base import AbstractCrossbar, Setup
from neuro.crossbar.checks import drives, reads, refuse_slow_reads, target, voltages
from neuro.crossbar.circuit.circuit import Circuit
from neuro.crossbar.circuit.netlist import deck
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.read.reader import Reader
from neuro.crossbar.snapshot import Snapshot
from neuro.crossbar.transposed import TransposedCrossbar
from neuro.crossbar.write.coincidence import Coincidences, Trains
from neuro.crossbar.write.pairs import Pairs
from neuro.crossbar.write.targets import Policy, pair_targets
from neuro.crossbar.write.verify import Verification
from neuro.crossbar.write.writer import Writer
from neuro.errors import InputError, StateError
from neuro.randomness import stream
from neuro.validation import Floats, frozen, indices

__all__ = ["PairCrossbar", "pair_crossbar"]


@final
class PairCrossbar(AbstractCrossbar):
    """Weights in an array of memristor pairs, W = scale (G+ - G-), scale = w_max / (g_max - g_min).

    A write rounds its target to a level of the device, adds a normal error of its own for each device, and
    clips to the window; stuck devices stay. Without wires, reads are exact products. With wires, a weight is the
    current that reaches the column's end: scale times `effective_conductance`.
    The errors come from one stream, drawn by `seed` and `name`: same seed and same calls, same bits.

    Parameters
    ----------
    g_plus, g_minus
        Target conductances of the positive and negative devices, S, shape (pre, post).
    setup
        Parts and settings.
    start
        Layout of weights in pairs, as for a `Crossbar`.
    """

    def __init__(self, g_plus: Floats, g_minus: Floats, setup: Setup, start: float | None) -> None:
        super().__init__(setup)
        device, seed, name = setup.device, setup.seed, setup.name
        self.scale = self.w_max / (device.g_max - device.g_min)
        """Weight for each siemens."""
        self.start = start
        """Layout of weights in pairs, as for a `Crossbar`."""
        streams = stream(seed, name, "write"), stream(seed, name, "devices")
        pairs = Pairs(device, setup.faults, *streams, setup.writing.disturb)
        self._reader = Reader(pairs, setup.wires, setup.reading, self.scale, seed, name)
        trains = stream(seed, name, "trains")
        self.writer = Writer(self._reader, setup.writing, self.w_max, start, trains, self._where)
        """Writes the devices. Kinds of crossbars that are built on this array send their own pulses through it."""
        everywhere = np.ones(self.shape, bool)
        pairs.write(everywhere, everywhere, g_plus, g_minus)
        self._reader.ledger.writes = 2 * everywhere.size

    @property
    def T(self) -> TransposedCrossbar:
        return TransposedCrossbar(self)

    @property
    def arrays(self) -> tuple[PairCrossbar, ...]:
        """The crossbar itself."""
        return (self,)

    @property
    def learns_in_run(self) -> bool:
        return True

    @property
    def version(self) -> int:
        return self.writer.version

    @property
    def ledger(self) -> Ledger:
        return self._reader.settled_ledger()

    @property
    def conductance_plus(self) -> Floats:
        return frozen(self._reader.pairs.plus)

    @property
    def conductance_minus(self) -> Floats:
        return frozen(self._reader.pairs.minus)

    @property
    def register(self) -> Floats:
        return frozen(self.writer.register)

    @property
    def circuits(self) -> tuple[Circuit, Circuit]:
        return self._reader.circuits

    def effective_weights(self) -> Floats:
        """Scale times `effective_conductance`, shape (pre, post), read-only: one array until the next write."""
        return self._reader.weights("rows")

    def transposed_weights(self) -> Floats:
        return self._reader.weights("columns")

    def effective_conductance(self) -> Floats:
        return self._reader.conductance()

    def snapshot(self, at: float | None = None) -> Snapshot:
        """As `AbstractCrossbar.snapshot`; it has the `circuits` of its draw."""
        reader = self._reader
        circuits = reader.draw(at)

        def count(rows: ArrayLike) -> None:
            reader.count(reads(rows, self.shape[0], "snapshot, row reads"), "rows", circuits)

        return Snapshot(reader.snapshot_weights(circuits), count, circuits)

    def solve(self, row_voltages: ArrayLike, column_voltages: ArrayLike = 0) -> Floats:
        rows, columns = self._voltages(row_voltages, column_voltages)
        plus, minus = (circuit.currents(rows, columns=columns) for circuit in self.circuits)
        return plus - minus

    def netlist(self, row_voltages: ArrayLike, column_voltages: ArrayLike = 0) -> str:
        rows, columns = self._voltages(row_voltages, column_voltages)
        return deck(dict(zip("pn", self.circuits, strict=True)), rows, columns, self.name)

    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        return self._reader.read(drives(rows, self.shape[0], f"{self._where}, rows"), "rows", at)

    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        return self._reader.read(drives(cols, self.shape[1], f"{self._where}, columns"), "columns", at)

    def read_rows(self, rows: ArrayLike, out: Floats | None = None) -> Floats:
        lines = indices(rows, self.shape[0], f"{self._where}, rows", error=InputError)
        refuse_slow_reads(self.reading, self._where)
        total = target(out, self.shape[1], f"{self._where}, out")
        self._reader.read_each(lines, "rows", total)
        return total

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """As `AbstractCrossbar.count_reads`; one number for all lines is counted without a price."""
        by_row = reads(rows, self.shape[0], f"{self._where}, row reads")
        self._reader.count(reads(columns, self.shape[1], f"{self._where}, column reads"), "columns")
        self._reader.count(by_row, "rows")

    def count_into(self, ledger: Ledger) -> None:
        """Enter reads and writes in this ledger from now on."""
        self._reader.settle()
        self._reader.ledger = ledger

    def program(self, weights: ArrayLike) -> int:
        return self.writer.program(weights)

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, *, policy: Policy = "push_pull") -> int:
        return self.writer.accumulate(dw, max_levels, policy)

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
        return self.writer.coincide(rows, columns, rate, trains, length, policy)

    def write_verify(self, weights: ArrayLike, *, tolerance: float | None = None, rounds: int = 100) -> Verification:
        return self.writer.write_verify(weights, tolerance, rounds)

    def copy(self) -> PairCrossbar:
        other = copy.copy(self)
        other._reader = self._reader.copy(self._reader.pairs.copy())
        other.writer = self.writer.copy(other._reader)
        return other

    def state_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that writes and learning change, by name, to be saved; read them, do not write them.

        With `random_state` they are all that `restore_state` needs.
        """
        return {**self._reader.pairs.state_arrays(), "register": self.writer.register}

    @property
    def random_state(self) -> dict[str, Any]:
        """State of the generator that draws the errors of writes."""
        return self._reader.pairs.random_state

    @property
    def reading_state(self) -> dict[str, Any]:
        """State of the generator that draws the white noise of reads."""
        return self._reader.random_state

    @reading_state.setter
    def reading_state(self, state: Mapping[str, Any]) -> None:
        self._reader.random_state = dict(state)

    def restore_state(self, arrays: Mapping[str, NDArray[Any]], random_state: Mapping[str, Any]) -> None:
        """Put the devices into a state that `state_arrays` and `random_state` gave, of these or of equal devices.

        Raises
        ------
        StateError
            If the arrays have other names or shapes.
        """
        own = self.state_arrays()
        if {name: array.shape for name, array in own.items()} != {name: arrays[name].shape for name in arrays}:
            raise StateError("the crossbar of the state has other devices", where=self._where)
        for name, array in own.items():
            array[...] = arrays[name][...]
        self._reader.pairs.random_state = dict(random_state)
        self.writer.changed()

    def take_state_from(self, other: PairCrossbar) -> None:
        """Become like a copy that has gone on: its devices, register and next errors; its counts are added."""
        ledger, version = self.ledger + other.ledger, self.version
        copied = other.copy()
        self._reader, self.writer = copied._reader, copied.writer
        self.count_into(ledger)
        self.writer.version = version
        self.writer.changed()

    def _voltages(self, rows: ArrayLike, columns: ArrayLike) -> tuple[Floats, Floats]:
        checked = voltages(rows, self.shape[0], f"{self._where}, row voltages")
        return np.nan_to_num(checked), voltages(columns, self.shape[1], f"{self._where}, column voltages")


def pair_crossbar(matrix: Floats, setup: Setup, start: float | None = None) -> PairCrossbar:
    """An array of pairs whose devices are written to hold these weights, shape (pre, post).

    Raises
    ------
    WeightError
        If a weight does not fit the window.
    """
    g_plus, g_minus = pair_targets(matrix, setup.device, setup.w_max, start, f"crossbar {setup.name!r}")
    return PairCrossbar(g_plus, g_minus, setup, start)
