"""A crossbar of differential pairs: weights held as conductances, read by rows and columns."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import ArrayLike

from neuro.arrays import Floats, frozen, positive, stream
from neuro.crossbar.checks import (
    conductances,
    devices,
    drives,
    reads,
    refuse_unsupported,
    voltages,
    weight_matrix,
    whole_levels,
    wiring,
)
from neuro.crossbar.circuit import Circuit, Side
from neuro.crossbar.device import Device
from neuro.crossbar.faults import Faults
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.netlist import deck
from neuro.crossbar.pairs import Pairs
from neuro.crossbar.transposed import TransposedCrossbar
from neuro.crossbar.wires import Wires
from neuro.crossbar.writing import POLICIES, Policy, analog_moves, level_moves, pair_targets
from neuro.errors import ParameterError, UnknownName

__all__ = ["Crossbar", "Faults", "TransposedCrossbar", "Wires"]


class Crossbar:
    """Weights in an array of memristor pairs, W = scale (G+ - G-), scale = w_max / (g_max - g_min).

    A write rounds its target to a level of the device, adds a normal error of its own for each device, and
    clips to the window; stuck devices stay. Without wires, reads are exact products. With them the weights are
    what reaches the columns' ends: scale times `effective_conductance`.
    The errors come from one stream, drawn by `seed` and `name`: same seed and same calls, same bits.

    Parameters
    ----------
    weights
        Shape (pre, post), in the units of the target's v.
    device
        What each cell is made of; None: the preset `ideal`.
    wires
        Resistances of the wires, and what inactive rows do; None: no wire has any resistance.
    faults
        Stuck devices; None: all are healthy.
    mapping
        How a weight becomes conductances; "pair" alone is supported.
    w_max
        The weight of a pair with one device at g_max and the other at g_min; None: the largest absolute
        weight, or 1 where all are zero.
    start
        None: one device of each pair starts at g_min. A number in 0..1: both start around this fraction of
        the window, half a weight to each side, so that both have room to move.
    seed, name
        Root seed, and the name that sets this crossbar's draws apart from those of others.

    Raises
    ------
    WeightError
        If the weights are not a finite matrix, or one does not fit the window.
    DeviceError
        If `device` is not a Device, `wires` are not Wires, or the faults are of another shape.
    ParameterError
        If `w_max` or `start` is outside its range.
    UnsupportedFeature
        For mappings other than "pair".

    Examples
    --------
    >>> crossbar = Crossbar([[0.5, -1.0], [0.0, 0.25]])
    >>> crossbar.read([2, 1])
    array([ 1.  , -1.75])
    >>> crossbar.ledger.row_reads
    2
    """

    def __init__(
        self,
        weights: ArrayLike,
        device: Device | None = None,
        wires: Wires | None = None,
        faults: Faults | None = None,
        mapping: str = "pair",
        *,
        w_max: float | None = None,
        start: float | None = None,
        seed: int = 0,
        name: str = "crossbar",
    ) -> None:
        self.name = name
        self._where = f"crossbar {name!r}"
        refuse_unsupported(mapping, self._where)
        self.wires = wiring(wires, self._where)
        matrix = weight_matrix(weights, None, f"{self._where}, weights")
        self.shape = (matrix.shape[0], matrix.shape[1])
        self.device, self.faults = devices(device, faults, self.shape, self._where)
        if w_max is None:
            w_max = float(np.abs(matrix).max(initial=0.0)) or 1.0
        self.w_max = float(positive(w_max, f"{self._where}, w_max"))
        self.scale = self.w_max / (self.device.g_max - self.device.g_min)
        if start is not None and not 0 <= start <= 1:
            raise ParameterError("`start` is a fraction of the window, 0..1", where=self._where, value=start)
        self.start = start
        targets = pair_targets(matrix, self.device, self.w_max, start, self._where)
        self._pairs = Pairs(self.device, self.faults, stream(seed, name, "write"))
        self._pairs.write(np.ones(self.shape, bool), np.ones(self.shape, bool), *targets)
        self._register = np.zeros(self.shape)
        self._weights: Floats | None = None
        self._transposed: Floats | None = None
        self._circuits: tuple[Circuit, Circuit] | None = None
        self.version = 0
        self.ledger = Ledger(self.shape, writes=2 * matrix.size)

    def __repr__(self) -> str:
        return f"<Crossbar {self.name!r}, {self.shape[0]} x {self.shape[1]}, device {self.device.name!r}>"

    @property
    def conductance_plus(self) -> Floats:
        """Conductances of the positive devices, S, shape (pre, post); a read-only view of them."""
        return frozen(self._pairs.plus)

    @property
    def conductance_minus(self) -> Floats:
        """Conductances of the negative devices, S, shape (pre, post); a read-only view of them."""
        return frozen(self._pairs.minus)

    @property
    def register(self) -> Floats:
        """Weight change given to `accumulate` and not yet sent, shape (pre, post); a read-only view."""
        return frozen(self._register)

    @property
    def T(self) -> TransposedCrossbar:
        """The same devices with rows and columns exchanged; it cannot be written."""
        return TransposedCrossbar(self)

    @classmethod
    def from_conductance(
        cls, g_plus: ArrayLike, g_minus: ArrayLike | None = None, wires: Wires | None = None, *, name: str = "crossbar"
    ) -> Crossbar:
        """A crossbar of devices with these conductances, S, shape (rows, columns); its weights are siemens, scale 1.

        Without `g_minus` there is no second array. The devices are continuous, from 0 to the largest conductance.

        Raises
        ------
        DeviceError
            If a conductance is negative or not finite, or the shapes differ.

        Examples
        --------
        >>> crossbar = Crossbar.from_conductance([[1e-3]], wires=Wires(row=600.0, column=400.0))
        >>> crossbar.effective_conductance().round(9)
        array([[0.0005]])
        """
        where = f"crossbar {name!r}"
        plus = conductances(g_plus, None, f"{where}, g_plus")
        minus = np.zeros_like(plus) if g_minus is None else conductances(g_minus, plus.shape, f"{where}, g_minus")
        top = float(max(plus.max(), minus.max())) or 1.0
        crossbar = cls(plus - minus, Device("given", 0.0, top), wires, w_max=top, name=name)
        crossbar._pairs.plus, crossbar._pairs.minus = plus.copy(), minus.copy()
        return crossbar

    def effective_weights(self) -> Floats:
        """Weights as read row by row, scale times `effective_conductance`, shape (pre, post).

        Read-only: one array until the next write, then a new one.
        """
        if self._weights is None:
            self._weights = frozen(np.ascontiguousarray(self.scale * self.effective_conductance()))
        return self._weights

    def transposed_weights(self) -> Floats:
        """Weights as read column by column, shape (post, pre), rows contiguous; read-only and kept alike."""
        if self._transposed is None and self.wires.ideal:
            self._transposed = frozen(self.effective_weights().T.copy())
        if self._transposed is None:
            plus, minus = (circuit.alone("columns")[0] for circuit in self.circuits)
            self._transposed = frozen(np.ascontiguousarray(self.scale * (plus - minus)))
        return self._transposed

    @property
    def circuits(self) -> tuple[Circuit, Circuit]:
        """The positive and the negative array as they are now, with their wires."""
        if self._circuits is None:
            plus, minus = (Circuit(held.copy(), self.wires) for held in (self._pairs.plus, self._pairs.minus))
            self._circuits = plus, minus
        return self._circuits

    def effective_conductance(self) -> Floats:
        """Current into each column's end for 1 V on one row, S, shape (rows, columns): positive minus negative array.

        Each row is driven by itself while the others are inactive, as `wires.inactive` says. Where they are
        grounded, the rows superpose; elsewhere `solve` and `read` do not sum these.
        """
        if self.wires.ideal:
            return self._pairs.plus - self._pairs.minus
        plus, minus = (circuit.alone()[0] for circuit in self.circuits)
        return plus - minus

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
        >>> print(Crossbar.from_conductance([[1e-3]]).netlist([0.5]))
        * crossbar: p array, 1 rows x 1 columns
        rp_x0_0 p_d0 p_s0 1000.0
        vp_d0 p_d0 0 DC 0.5
        ...
        """
        rows = np.nan_to_num(voltages(row_voltages, self.shape[0], f"{self._where}, row voltages"))
        columns = voltages(column_voltages, self.shape[1], f"{self._where}, column voltages")
        return deck(dict(zip("pn", self.circuits, strict=True)), rows, columns, self.name)

    def read(self, rows: ArrayLike) -> Floats:
        """Drive rows and sum along columns: rows @ W. Each row with a drive other than zero counts as read.

        Parameters
        ----------
        rows
            Drive of each row, in any unit, shape (pre,): spike counts, for instance.

        Returns
        -------
        Floats
            Shape (post,), in the unit of the drive times that of the weights.

        Raises
        ------
        InputError
            If there is not one finite drive per row.
        """
        drive = drives(rows, self.shape[0], f"{self._where}, rows")
        self.ledger.row_reads += int(np.count_nonzero(drive))
        return self._product(drive, "rows")

    def read_columns(self, cols: ArrayLike) -> Floats:
        """Drive columns and sum along rows: W @ cols. Otherwise as `read`, with reads counted by column."""
        drive = drives(cols, self.shape[1], f"{self._where}, columns")
        self.ledger.column_reads += int(np.count_nonzero(drive))
        return self._product(drive, "columns")

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """Enter reads whose products somebody else computed.

        Parameters
        ----------
        rows, columns
            How often each row or column was read, shape (pre,) or (post,); or how many reads in all.

        Raises
        ------
        InputError
            If a count is not a whole number, or below zero, or there is not one for each row (column).
        """
        by_row = reads(rows, self.shape[0], f"{self._where}, row reads")
        self.ledger.column_reads += reads(columns, self.shape[1], f"{self._where}, column reads")
        self.ledger.row_reads += by_row

    def program(self, weights: ArrayLike) -> int:
        """Rewrite, without verifying, each device that is half a level or more off its target for `weights`.

        Continuous devices are rewritten wherever they differ at all. Targets are laid out as they were at
        first (`start`). The learning register is emptied: what it held was meant for the weights before.

        Returns
        -------
        int
            Devices rewritten, stuck ones included.

        Raises
        ------
        WeightError
            If the weights are not finite, not of this shape, or do not fit the window.
        """
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        plus, minus = pair_targets(matrix, self.device, self.w_max, self.start, self._where)
        off_plus, off_minus = np.abs(plus - self._pairs.plus), np.abs(minus - self._pairs.minus)
        half = self.device.step / 2
        far_plus = (off_plus >= half) & (off_plus > 0)
        far_minus = (off_minus >= half) & (off_minus > 0)
        self._register[:] = 0
        count = int(np.count_nonzero(far_plus) + np.count_nonzero(far_minus))
        if count:
            self._pairs.write(far_plus, far_minus, plus, minus)
            self.ledger.writes += count
            self._changed()
        return count

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, *, policy: Policy = "push_pull") -> int:
        """Add a weight change to the learning register, and send as pulses what has grown to whole levels.

        A level of weight is  2 scale step  with `push_pull`, where both devices of a pair move, and
        scale step  with `one_sided`, where one does. Of each entry of the register  trunc(register / level)
        levels, at most `max_levels`, are sent and taken off, whether or not the devices follow: one at the
        end of its window, or stuck, gets its pulses and does not move. Continuous devices need no register:
        `dw` is written at once, as far as the window allows, and one pulse is one device moved.

        Parameters
        ----------
        dw
            Weight change, shape (pre, post), in the units of the weights.
        max_levels
            Most levels sent to a pair in one call; the rest waits in the register.
        policy
            `push_pull`: G+ moves with the sign of the change and G- against it. `one_sided`: the device that
            has to fall does so while it is half a level or more above g_min, then the other one rises.

        Returns
        -------
        int
            Pulses sent; one pulse is one level on one device.

        Raises
        ------
        WeightError
            If `dw` is not finite or not of this shape.
        ParameterError
            If `max_levels` is not a whole number above zero.
        UnknownName
            If there is no such policy.

        Examples
        --------
        >>> crossbar = Crossbar([[0.0]], Device("three", 0.0, 100e-6, levels=3), w_max=1.0, start=0.5)
        >>> [crossbar.accumulate([[0.4]]) for _ in range(3)]
        [0, 0, 2]
        >>> crossbar.effective_weights().item(), round(crossbar.register.item(), 6)
        (1.0, 0.2)
        """
        if policy not in POLICIES:
            raise UnknownName("policy", policy, POLICIES)
        most = whole_levels(max_levels, f"{self._where}, max_levels")
        change = weight_matrix(dw, self.shape, f"{self._where}, dw")
        pairs, device = self._pairs, self.device
        if device.levels is None:
            plus, minus = analog_moves(change / self.scale, pairs.plus, pairs.minus, device, policy)
            return self._pulse(plus, minus, np.sign(plus), np.sign(minus))
        level = self.scale * device.step * (2 if policy == "push_pull" else 1)
        self._register += change
        if np.abs(self._register).max(initial=0.0) < level:
            return 0
        levels = np.clip(np.trunc(self._register / level), -most, most)
        plus, minus = level_moves(levels, pairs.plus, pairs.minus, device, policy)
        self._register -= level * levels
        return self._pulse(plus * device.step, minus * device.step, plus, minus)

    def copy(self) -> Crossbar:
        """An independent crossbar in the same state, whose next writes draw the same errors."""
        other = copy.copy(self)
        other._pairs, other._register = self._pairs.copy(), self._register.copy()
        other.ledger = self.ledger.copy()
        return other

    def _pulse(self, plus: Floats, minus: Floats, plus_pulses: Floats, minus_pulses: Floats) -> int:
        """Move the devices by `plus` and `minus`, S, and enter the pulses that took, signed by direction."""
        pairs = self._pairs
        count = self.ledger.count_pulses(plus_pulses.astype(np.int64), minus_pulses.astype(np.int64))
        if count:
            pairs.write(plus != 0, minus != 0, pairs.plus + plus, pairs.minus + minus)
            self._changed()
        return count

    def _product(self, drive: Floats, side: Side) -> Floats:
        """What the driven lines send into the others: by the weights where lines superpose, else by a solve."""
        if self.wires.ideal or self.wires.inactive == "ground":
            return drive @ self.effective_weights() if side == "rows" else self.effective_weights() @ drive
        plus, minus = (circuit.currents(drive, side) for circuit in self.circuits)
        return self.scale * (plus - minus)

    def _changed(self) -> None:
        self._weights = self._transposed = self._circuits = None
        self.version += 1
