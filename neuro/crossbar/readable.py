"""What a crossbar gives when it is read: weights, currents, products, and a deck for a circuit simulator."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.checks import drives, reads, refuse_slow_reads, target, voltages
from neuro.crossbar.circuit.circuit import Circuit
from neuro.crossbar.circuit.netlist import deck
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.read.reader import Reader, Snapshot
from neuro.errors import InputError
from neuro.validation import Floats, indices

__all__ = ["Readable"]


class Readable:
    """The reads of a `Crossbar`.

    Parameters
    ----------
    reader
        What does the work.
    name
        Of the crossbar.
    """

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self.name = name
        """What the crossbar is called in errors, and draws its random numbers by."""
        self._where = f"crossbar {name!r}"
        self.wires = reader.wires
        """Resistances of its wires."""
        self.reading = reader.reading
        """What one read does."""
        self.shape: tuple[int, int] = reader.pairs.plus.shape
        """(pre, post): rows and columns."""

    @property
    def ledger(self) -> Ledger:
        """Counts and energy of all reads and writes so far."""
        self._reader.settle()
        return self._reader.ledger

    @property
    def fluctuates(self) -> bool:
        """Do reads differ from the programmed weights, by chance or by age? A network then takes a `snapshot`."""
        return self.reading.fluctuates

    def count_into(self, ledger: Ledger) -> None:
        """Enter reads and writes in this ledger from now on."""
        self._reader.settle()
        self._reader.ledger = ledger

    def effective_weights(self) -> Floats:
        """Weights as programmed and as read row by row, scale times `effective_conductance`, shape (pre, post).

        Read-only: one array until the next write, then a new one. Read noise, drift and the like are not in them.
        """
        return self._reader.weights("rows")

    def transposed_weights(self) -> Floats:
        """The same as read column by column, shape (post, pre), rows contiguous; read-only and kept alike."""
        return self._reader.weights("columns")

    def effective_conductance(self) -> Floats:
        """Current into each column's end for 1 V on one row, S, shape (rows, columns): positive minus negative array.

        Each row is driven by itself while the others are inactive, as `wires.inactive` says. Where they are
        grounded, the rows superpose; elsewhere `solve` and `read` do not sum these.
        """
        return self._reader.conductance()

    @property
    def circuits(self) -> tuple[Circuit, Circuit]:
        """The positive and the negative array as programmed, with their wires."""
        return self._reader.circuits

    def snapshot(self, at: float | None = None) -> Snapshot:
        """Synapses for a network, with read noise drawn once for each device and frozen, and the state at time `at`.

        Events of a run do not draw noise of their own: a Program has one matrix of weights. Age and telegraph
        states are those of `at`, s since programming; None: of the last read.

        Raises
        ------
        ParameterError
            If `at` is before the last read.
        """
        return self._reader.snapshot(at)

    def solve(self, row_voltages: ArrayLike, column_voltages: ArrayLike = 0) -> Floats:
        """Currents out of the columns' ends, A, shape (columns,), positive minus negative array.

        Parameters
        ----------
        row_voltages
            Of each row's driver, V. Rows at 0 V or NaN are inactive: grounded, disconnected, or gated.
        column_voltages
            Of the terminals behind `wires.sense`, V, in both arrays; NaN: not connected.

        Raises
        ------
        InputError
            If there is not one voltage for each line, or one is infinite.

        Examples
        --------
        Two devices of 1 kohm on one column; the second row floats, and 0.5 V meets 1 kohm and two segments.

        >>> from neuro.crossbar.pair import Crossbar, Wires
        >>> wires = Wires(column=500.0, inactive="float")
        >>> Crossbar.from_conductance([[1e-3], [1e-3]], wires=wires).solve([0.5, 0.0]).round(9)
        array([0.00025])
        """
        rows = np.nan_to_num(voltages(row_voltages, self.shape[0], f"{self._where}, row voltages"))
        columns = voltages(column_voltages, self.shape[1], f"{self._where}, column voltages")
        plus, minus = (circuit.currents(rows, columns=columns) for circuit in self.circuits)
        return plus - minus

    def netlist(self, row_voltages: ArrayLike, column_voltages: ArrayLike = 0) -> str:
        """What `solve` solves, as a SPICE deck (`ngspice -b` runs it): array "p", and "n" where it has devices.

        The current of vp_s0 less that of vn_s0 is the first entry of what `solve` returns.

        Raises
        ------
        InputError
            As `solve`.

        Examples
        --------
        >>> from neuro.crossbar.pair import Crossbar
        >>> print(Crossbar.from_conductance([[1e-3]]).netlist([0.5]))
        * crossbar: p array, 1 rows x 1 columns
        rp_x0_0 p_d0 p_s0 1000.0
        vp_d0 p_d0 0 DC 0.5
        ...
        """
        rows = np.nan_to_num(voltages(row_voltages, self.shape[0], f"{self._where}, row voltages"))
        columns = voltages(column_voltages, self.shape[1], f"{self._where}, column voltages")
        return deck(dict(zip("pn", self.circuits, strict=True)), rows, columns, self.name)

    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        """Drive rows together and sum along columns: rows @ W where rows superpose, otherwise what a solve gives.

        Each row with a drive other than zero counts as read.

        Parameters
        ----------
        rows
            Drive of each row, shape (pre,): spike counts, for instance. With `reading.voltage`, a drive of 1 is
            that voltage.
        at
            Time of the read, s since programming, which telegraph noise, 1/f noise and drift depend on; None: that
            of the last read.

        Returns
        -------
        Floats
            Shape (post,), in the unit of the drive times that of the weights.

        Raises
        ------
        InputError
            If there is not one finite drive per row.
        ParameterError
            If `at` is before the last read.
        """
        return self._reader.read(drives(rows, self.shape[0], f"{self._where}, rows"), "rows", at)

    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        """Drive columns and sum along rows: W @ cols. Otherwise as `read`, with reads counted by column."""
        return self._reader.read(drives(cols, self.shape[1], f"{self._where}, columns"), "columns", at)

    def read_rows(self, rows: ArrayLike, out: Floats | None = None) -> Floats:
        """Read rows one after the other, each by itself, and add what each gives: one spike is one row.

        White noise is drawn for each column of each read, in their order: the same however reads are grouped.

        Parameters
        ----------
        rows
            Which row each read drives, shape (reads,).
        out
            What the reads are added to, float64, shape (post,); None: zeros.

        Raises
        ------
        InputError
            If there is no such row, or `out` is no such array.
        UnsupportedFeature
            If conductances move with time, or columns have converters: `read` does these.

        Examples
        --------
        >>> from neuro.crossbar.pair import Crossbar
        >>> Crossbar([[0.5, -1.0], [0.0, 0.25]]).read_rows([0, 1, 0])
        array([ 1.  , -1.75])
        """
        lines = indices(rows, self.shape[0], f"{self._where}, rows", error=InputError)
        refuse_slow_reads(self.reading, self._where)
        total = target(out, self.shape[1], f"{self._where}, out")
        self._reader.read_each(lines, "rows", total)
        return total

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """Enter reads of single lines whose products somebody else computed.

        Parameters
        ----------
        rows, columns
            How often each row or column was read, shape (pre,) or (post,); or how many reads in all, whose energy
            then is not known.

        Raises
        ------
        InputError
            If a count is not a whole number, or below zero, or there is not one for each row (column).
        """
        by_row = reads(rows, self.shape[0], f"{self._where}, row reads")
        self._reader.count(reads(columns, self.shape[1], f"{self._where}, column reads"), "columns")
        self._reader.count(by_row, "rows")
