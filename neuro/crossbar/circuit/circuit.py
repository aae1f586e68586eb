"""`Circuit`: one array of devices with its wires; its currents and powers, computed once and kept."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np

from neuro.crossbar.circuit.nodal import solve_nodes
from neuro.crossbar.circuit.terminals import Mask, Terminals, fresh_currents, gated_rows, relaxed_currents
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.iv import Curve
from neuro.validation import Floats

__all__ = ["Circuit", "Side"]

Side = Literal["rows", "columns"]


class Circuit:
    """An array whose rows are driven and whose columns are sensed, or the other way round.

    Lines superpose where inactive ones are grounded and devices are straight, or nothing has resistance. Otherwise
    the currents of several lines together come from the formula for floating lines, from an elimination without
    the cells that are cut off, or from Newton's method.

    Parameters
    ----------
    conductance
        S, shape (rows, columns); it must not change during the life of the circuit.
    wires
        Its wires.
    curve
        Current of a device against voltage; None: a straight line.

    Examples
    --------
    >>> circuit = Circuit(np.array([[1e-3]]), Wires(row=600.0, column=400.0))
    >>> circuit.currents(np.array([1.0])).round(9), round(circuit.power(np.array([1.0])), 9)
    (array([0.0005]), 0.0005)
    """

    def __init__(self, conductance: Floats, wires: Wires, curve: Curve | None = None) -> None:
        # Without any device no current flows, and the wires do not matter.
        self.wires = wires if conductance.any() else Wires()
        self.conductance = conductance
        self.curve = None if curve is None or curve.straight else curve
        self._alone: dict[tuple[Side, float], tuple[Floats, Floats]] = {}

    @property
    def superposes(self) -> bool:
        """Are the currents of several lines together the sum of those of each?"""
        return self.curve is None and (self.wires.ideal or self.wires.inactive == "ground")

    @cached_property
    def terminals(self) -> Terminals:
        """The linear network between the drivers of the rows and the terminals of the columns."""
        return Terminals(self.conductance, self.wires)

    @cached_property
    def turned(self) -> Terminals:
        """The same with columns driven and rows sensed."""
        return self.terminals.turned()

    def alone(self, side: Side = "rows", voltage: float = 1.0) -> tuple[Floats, Floats]:
        """The currents of each line of a side, driven by itself: into the other side, and from its driver, per volt.

        Returns
        -------
        tuple
            S: shapes (driven, sensed) and (driven,).
        """
        key = (side, voltage if self.curve is not None else 1.0)
        if key not in self._alone:
            self._alone[key] = self._each(side, voltage)
        return self._alone[key]

    def _each(self, side: Side, voltage: float) -> tuple[Floats, Floats]:
        if self.curve is not None:
            found = []
            for at, volts in enumerate(voltage * np.eye(self.conductance.shape[0 if side == "rows" else 1])):
                sent, taken = self._newton(volts, side)
                found.append((sent / voltage, taken[at] / voltage))
            return np.array([sent for sent, _ in found]), np.array([taken for _, taken in found])
        if self.wires.inactive == "gate" and not self.wires.ideal:
            if side == "rows":
                return gated_rows(self.conductance, self.wires)
            sent, taken = gated_rows(self.conductance[::-1, ::-1].T, self.wires.reversed)
            return sent[::-1, ::-1], taken[::-1]
        network = self.terminals if side == "rows" else self.turned
        if self.superposes:
            return network.transfer, np.diag(network.drivers)
        return network.alone(), 1 / np.diag(network.impedance)

    def currents(self, volts: Floats, side: Side = "rows", columns: Floats | None = None) -> Floats:
        """Currents into the terminals of the sensed side, A; driven lines at 0 V are inactive.

        Parameters
        ----------
        volts
            Of the driven lines, V.
        columns
            Where rows are driven: voltages of the columns' terminals, V, NaN where not connected. None: all at 0.
        """
        if columns is None or not columns.any():
            return self.read(volts, side, power=False)[0]
        if self.curve is not None:
            return self._newton(volts, side, columns)[0]
        cells, held = self.switched(volts, side)
        if np.isnan(columns).any():
            return fresh_currents(cells, self.wires, volts, held, columns)
        network = self._network(cells, side)
        if held.all():
            return network.currents(volts, columns)
        return network.floating_currents(volts, held, columns)

    def power(self, volts: Floats, side: Side = "rows") -> float:
        """Power that the driven lines take while the sensed ones are at 0 V, W: V^T Y_dd V where all are held."""
        return self.read(volts, side)[1]

    def read(self, volts: Floats, side: Side = "rows", power: bool = True) -> tuple[Floats, float]:
        """Currents into the sensed side while it is at 0 V, A, and the power that the driven lines take, W.

        Lines that are all held, on an array of which nothing is known yet, are solved for by line relaxation.
        """
        if self.wires.ideal and self.curve is None:
            cells = self.conductance if side == "rows" else self.conductance.T
            return volts @ cells, float(volts**2 @ cells.sum(axis=1)) if power else 0.0
        if self.curve is not None:
            sent, taken = self._newton(volts, side)
            return sent, float(volts @ taken)
        cells, held = self.switched(volts, side)
        known = cells is self.conductance and "terminals" in vars(self)
        if not known and held.all() and cells.any():
            found = self._relaxed(cells, volts, side)
            if found is not None:
                return found[0], float(volts @ found[1])
        network = self._network(cells, side)
        if not held.all():
            return network.floating_currents(volts, held), network.floating_power(volts, held) if power else 0.0
        return network.currents(volts), float(volts @ network.drivers @ volts) if power else 0.0

    def _relaxed(self, cells: Floats, volts: Floats, side: Side) -> tuple[Floats, Floats] | None:
        if side == "rows":
            return relaxed_currents(cells, self.wires, volts)
        # Turned round, so that columns are driven from their first cell on.
        found = relaxed_currents(np.ascontiguousarray(cells[::-1, ::-1].T), self.wires.reversed, volts[::-1])
        return None if found is None else (found[0][::-1], found[1][::-1])

    def switched(self, volts: Floats, side: Side = "rows") -> tuple[Floats, Mask]:
        """The devices that transistors do not cut off, S, and which driven lines are held at their voltages."""
        active = volts != 0
        cells = self.conductance
        if self.wires.inactive == "gate" and not active.all():
            cells = np.where(active[:, None] if side == "rows" else active, cells, 0.0)
        return cells, active | (self.wires.inactive != "float")

    def _network(self, cells: Floats, side: Side) -> Terminals:
        if cells is not self.conductance:
            network = Terminals(cells, self.wires)
            return network if side == "rows" else network.turned()
        return self.terminals if side == "rows" else self.turned

    def _newton(self, volts: Floats, side: Side, columns: Floats | None = None) -> tuple[Floats, Floats]:
        """Currents into the sensed side and out of the driven one, A, with curved devices."""
        cells, held = self.switched(volts, side)
        if side == "rows":
            found = solve_nodes(cells, self.wires, volts, held, columns, self.curve)
            return found.columns, found.rows
        rows = np.zeros(cells.shape[0])
        found = solve_nodes(cells, self.wires, rows, None, np.where(held, volts, np.nan), self.curve)
        return -found.rows, -found.columns
