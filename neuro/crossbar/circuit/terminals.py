"""`Terminals`: the conductances of an array between its terminals, and the formulas for its currents."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neuro.crossbar.circuit.dissection import dissect
from neuro.crossbar.circuit.relaxation import relax
from neuro.crossbar.circuit.wires import Wires
from neuro.validation import Floats

__all__ = ["Mask", "Terminals", "fresh_currents", "gated_rows", "relaxed_currents"]

Mask = NDArray[np.bool_]
_SIDE = 8
_MAX_STEPS = 150
# Stands for no resistance, relative to one over the largest sum of conductances of the array: far below rounding.
_ZERO_RESISTANCE = 1e-20


class Terminals:
    """The linear network between the drivers of the rows (d) and the terminals of the columns (c).

    With V at the drivers and v at the columns, the currents into the columns' terminals are  I = W^T V - Y_cc v,
    those out of the drivers  Y_dd V - W v, and the power is their sum with the voltages, V^T Y_dd V where v = 0.

    Parameters
    ----------
    conductance
        Devices, S, shape (rows, columns).
    wires
        Their wires; `wires.inactive` does not matter here.

    Examples
    --------
    A row of one device of 1 mS behind 1 kohm of wires lets 0.5 mA through at 1 V.

    >>> found = Terminals(np.array([[1e-3]]), Wires(row=600.0, column=400.0))
    >>> round(found.transfer.item(), 12)
    0.0005
    """

    def __init__(self, conductance: Floats, wires: Wires) -> None:
        rows = conductance.shape[0]
        if wires.ideal:
            self.transfer: Floats = conductance.copy()
            """W, S, shape (rows, columns): current into a column for 1 V on a row, all other terminals at 0 V."""
            self.drivers: Floats = np.diag(conductance.sum(axis=1))
            """Y_dd, S, shape (rows, rows)."""
            self.columns: Floats = np.diag(conductance.sum(axis=0))
            """Y_cc, S, shape (columns, columns)."""
            return
        row, first, column, last = _wire_conductances(conductance, wires)
        between = dissect(conductance, row, np.full(rows, first), column, last, np.empty(0), _SIDE)[:, :-2]
        self.transfer = between[:rows, rows:].copy()
        # All terminals at one voltage carry no current: so a diagonal entry is a sum, and as exact as the rest.
        total = between.sum(axis=1)
        self.drivers = np.diag(total[:rows]) - between[:rows, :rows]
        self.columns = np.diag(total[rows:]) - between[rows:, rows:]

    def turned(self) -> Terminals:
        """The same network with columns for rows."""
        other = object.__new__(Terminals)
        other.transfer, other.drivers, other.columns = self.transfer.T, self.columns, self.drivers
        return other

    @cached_property
    def impedance(self) -> Floats:
        """Z = Y_dd^-1, ohm, shape (rows, rows). A row without any device has next to no conductance, not none."""
        drivers = self.drivers.copy()
        dead = np.flatnonzero(np.diag(drivers) == 0)
        drivers[dead, dead] = 1e-200
        return np.asarray(np.linalg.inv(drivers), np.float64)

    @cached_property
    def floating(self) -> Floats:
        """W_f = W^T Z, shape (columns, rows): share of a current into a row that leaves at each column."""
        return self.transfer.T @ self.impedance

    def currents(self, rows: Floats, columns: Floats | None = None) -> Floats:
        """I = W^T V - Y_cc v, A, shape (columns,); rows at `rows` and columns at `columns`, V, all of them held."""
        held = rows @ self.transfer
        return held if columns is None else held - self.columns @ columns

    def floating_currents(self, rows: Floats, active: Mask, columns: Floats | None = None) -> Floats:
        """Currents into the columns, A, with only the `active` rows driven and the others disconnected.

        I = W_f[:, s] I_s - (Y_cc - W_f W) v  with  I_s = Z_ss^-1 (V_s - W_f^T[s] v)  from the drivers.
        """
        at = np.flatnonzero(active)
        share = self.floating[:, at]
        volts = rows[at]
        if columns is not None:
            volts = volts - share.T @ columns
        into = np.linalg.solve(self.impedance[np.ix_(at, at)], volts)
        out = share @ into
        return out if columns is None else out - (self.columns - self.floating @ self.transfer) @ columns

    def floating_power(self, rows: Floats, active: Mask) -> float:
        """Power of the `active` rows while the others are disconnected and the columns at 0 V: V_s Z_ss^-1 V_s, W."""
        at = np.flatnonzero(active)
        return float(rows[at] @ np.linalg.solve(self.impedance[np.ix_(at, at)], rows[at]))

    def alone(self) -> Floats:
        """Currents into the columns for 1 V on each row by itself, the others floating: W_f^T / Z_ii, S."""
        return self.floating.T / np.diag(self.impedance)[:, None]


def fresh_currents(conductance: Floats, wires: Wires, rows: Floats, active: Mask, columns: Floats | None) -> Floats:
    """Currents into the columns' terminals, A, by an elimination for just these voltages.

    Parameters
    ----------
    conductance
        Devices, S, shape (rows, columns).
    wires
        Wires with some resistance.
    rows, active
        Voltages of the drivers, V, and which of them are connected, shape (rows,).
    columns
        Voltages of the columns' terminals, V, shape (columns,); NaN: not connected. None: all at 0.
    """
    row, first, column, last = _wire_conductances(conductance, wires)
    inlet = np.where(active, first, 0.0)
    found = dissect(conductance, row, inlet, column, last, np.where(active, rows, 0.0), _SIDE)
    between, to_sources, driven = found[:, :-2], found[:, -2], found[:, -1]
    if columns is None:
        return driven
    laplacian = np.diag(between.sum(axis=1) + to_sources) - between
    volts, free = columns.copy(), np.isnan(columns)
    if free.any():
        volts[free] = 0.0
        inner = laplacian[np.ix_(free, free)]
        dead = np.flatnonzero(np.diag(inner) == 0)
        inner[dead, dead] = 1.0
        volts[free] = np.linalg.solve(inner, (driven - laplacian @ volts)[free])
    # Differences of voltages, not of products: the current is exact also where all voltages are nearly equal.
    across = (between * (volts[:, None] - volts[None, :])).sum(axis=1)
    out: Floats = driven - to_sources * volts - across
    out[free] = 0.0
    return out


def relaxed_currents(conductance: Floats, wires: Wires, rows: Floats) -> tuple[Floats, Floats] | None:
    """Currents into the columns and out of the drivers, A, by line relaxation; None where that is not exact enough.

    The result is used if the iteration converges, its last turn changes no current by more than 1e-12, and no current
    is far below the others: the currents are then within 1e-12, as measured against elimination on random arrays.
    """
    row, first, column, last = _wire_conductances(conductance, wires)
    columns, drivers, steps, change = relax(conductance, row, first, column, last, rows, _MAX_STEPS)
    size = np.abs(columns)
    exact = steps < _MAX_STEPS and change < 1e-12 and size.min() >= 1e-4 * size.max()
    return (columns, drivers) if exact else None


def gated_rows(conductance: Floats, wires: Wires) -> tuple[Floats, Floats]:
    """Currents into the columns for 1 V on each row by itself, the cells of all others cut off; and out of the driver.

    Each cell then is in series with its column's wire down to the terminal, and a row is a ladder.

    Returns
    -------
    tuple
        S: shapes (rows, columns) and (rows,).
    """
    rows, columns = conductance.shape
    below = wires.sense + wires.column * np.arange(rows, 0, -1)[:, None]
    rungs = conductance / (1 + conductance * below)
    # From the far end: the conductance of each node and all beyond it, seen from its left.
    seen = np.zeros(rows)
    entry = np.empty_like(rungs)
    for j in range(columns - 1, -1, -1):
        total = rungs[:, j] + seen
        step = wires.row + (wires.driver if j == 0 else 0.0)
        # The voltage at the node, as a share of that before the segment.
        entry[:, j] = 1 / (1 + step * total)
        seen = total * entry[:, j]
    sent: Floats = rungs * np.cumprod(entry, axis=1)
    return sent, seen


def _wire_conductances(conductance: Floats, wires: Wires) -> tuple[float, float, float, float]:
    """Conductances of a row's segment, its first one, a column's segment and its last one, S.

    No resistance counts as one so small that it changes no digit; the elimination is exact at any ratio.
    """
    smallest = _ZERO_RESISTANCE / (float(conductance.max(initial=0.0)) * max(conductance.shape) or 1.0)
    row, column = max(wires.row, smallest), max(wires.column, smallest)
    return 1 / row, 1 / (row + wires.driver), 1 / column, 1 / (column + wires.sense)
