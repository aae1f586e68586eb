"""Nodal analysis of a crossbar in one sparse system: Newton's method for curved devices, and a check of elimination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from neuro.crossbar.circuit.terminals import Mask
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.iv import Curve, Ohmic
from neuro.errors import StateError
from neuro.validation import Floats, Ints

__all__ = ["Nodes", "Solution", "nodes", "solve_nodes"]

_MAX_STEPS = 60


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of each cell on its row and on its column, and the resistors of the wires.

    Terminals come first: drivers 0 .. rows - 1, columns rows .. rows + columns - 1.
    """

    row_side: Ints
    """Node of each cell on its row, shape (rows, columns)."""
    column_side: Ints
    """Node of each cell on its column, shape (rows, columns)."""
    ends: Ints
    """The two nodes that each resistor of a wire joins, shape (resistors, 2), the one nearer to a terminal first."""
    ohms: Floats
    """Their resistances, ohm."""
    count: int
    """Number of nodes."""


class Solution(NamedTuple):
    """Voltages and terminal currents of one set of terminal voltages."""

    voltages: Floats
    """Of every node, V."""
    columns: Floats
    """Out of each column into its terminal, A."""
    rows: Floats
    """Out of each driver into its row, A."""


def nodes(shape: tuple[int, int], wires: Wires) -> Nodes:
    """The nodes of an array; those that a wire without resistance joins are one.

    Examples
    --------
    >>> nodes((1, 2), Wires(row=1.0)).row_side.tolist(), nodes((1, 2), Wires()).row_side.tolist()
    ([[3, 4]], [[0, 0]])
    """
    rows, columns = shape
    count = rows + columns
    ends, ohms = [np.empty((0, 2), np.int64)], [np.empty(0)]
    upper = np.empty(shape, np.int64)
    # Columns are walked upwards from their terminals, as rows are from their drivers.
    lower = np.empty((columns, rows), np.int64)
    for side, terminals, drop, first in (
        (upper, np.arange(rows), wires.row, wires.driver),
        (lower, rows + np.arange(columns), wires.column, wires.sense),
    ):
        before = terminals
        for step in range(side.shape[1]):
            here, resistance = before, drop + (first if step == 0 else 0.0)
            if resistance > 0:
                here = count + np.arange(before.size)
                count += before.size
                ends.append(np.stack([before, here], axis=1))
                ohms.append(np.full(before.size, resistance))
            side[:, step] = before = here
    return Nodes(upper, lower[:, ::-1].T.copy(), np.concatenate(ends), np.concatenate(ohms), count)


def solve_nodes(
    conductance: Floats,
    wires: Wires,
    rows: Floats,
    active: Mask | None = None,
    columns: Floats | None = None,
    curve: Curve | None = None,
) -> Solution:
    """Voltages of all nodes, by sparse elimination; with curved devices by Newton's method, to rounding.

    Parameters
    ----------
    conductance
        Devices at small voltage, S, shape (rows, columns).
    wires
        Any wires; `active` takes the place of `wires.inactive`.
    rows, columns
        Voltages of drivers and column terminals, V; columns at NaN are not connected, None: all at 0.
    active
        Which drivers are connected; None: all.
    curve
        Current of a device against voltage; None: a straight line.

    Raises
    ------
    StateError
        If Newton's method does not converge.

    Examples
    --------
    >>> solve_nodes(np.array([[1e-3]]), Wires(row=600.0, column=400.0), np.array([1.0])).columns.round(9)
    array([0.0005])
    """
    curve = Ohmic() if curve is None else curve
    shape = conductance.shape
    grid = nodes((shape[0], shape[1]), wires)
    at = np.concatenate([rows, np.zeros(shape[1]) if columns is None else columns]).astype(np.float64)
    if active is not None:
        at[: shape[0]][~active] = np.nan
    volts = np.zeros(grid.count)
    held = np.zeros(grid.count, bool)
    held[: at.size] = ~np.isnan(at)
    volts[: at.size][held[: at.size]] = at[held[: at.size]]
    _newton(conductance.ravel(), grid, curve, volts, held)
    u, w = grid.row_side.ravel(), grid.column_side.ravel()
    near, far = grid.ends.T
    devices = curve.current(conductance.ravel(), volts[u] - volts[w])
    leaving = _sums(grid.count, (u, w, devices), (near, far, 1 / grid.ohms * (volts[near] - volts[far])))
    # A line's current is also the sum over its devices, and that has more digits where its wire conducts better.
    through = devices.reshape(shape)
    by_row = wires.row + wires.driver < 1 / np.maximum(conductance.sum(axis=1), 1e-300)
    by_column = wires.column + wires.sense < 1 / np.maximum(conductance.sum(axis=0), 1e-300)
    return Solution(
        volts,
        np.where(by_column, through.sum(axis=0), -leaving[shape[0] : shape[0] + shape[1]]),
        np.where(by_row, through.sum(axis=1), leaving[: shape[0]]),
    )


def _newton(g: Floats, grid: Nodes, curve: Curve, volts: Floats, held: Mask) -> None:
    """Solve for the voltages of the nodes that are not `held`, in place; `g` are the devices, S, flat.

    Raises
    ------
    StateError
        If Newton's method does not converge.
    """
    u, w = grid.row_side.ravel(), grid.column_side.ravel()
    near, far = grid.ends.T
    wire = 1 / grid.ohms
    # Nodes that no current can reach keep 0 V.
    links = np.concatenate([u[g > 0], near]), np.concatenate([w[g > 0], far])
    _, island = connected_components(coo_array((np.ones(links[0].size), links), shape=(grid.count, grid.count)))
    free = np.flatnonzero(~held & np.isin(island, island[held]))
    place = np.full(grid.count, -1)
    place[free] = np.arange(free.size)
    # The voltages of the terminals rise by one bend of the curve at a time, so that each solution is near the last.
    target = volts[held]
    reach = target.max(initial=0.0) - target.min(initial=0.0)
    stages = 1 if curve.straight else max(1, int(np.ceil(reach / curve.bend)))
    for stage in range(1, stages + 1):
        volts[held] = target * (stage / stages)
        before, scale = np.inf, np.abs(target).max(initial=1e-300)
        for step in range(_MAX_STEPS if free.size else 0):
            across = volts[u] - volts[w]
            currents = wire * (volts[near] - volts[far])
            excess = _sums(grid.count, (u, w, curve.current(g, across)), (near, far, currents))
            matrix = _matrix(free.size, place, (u, w, curve.slope(g, across)), (near, far, wire))
            factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
            change = np.zeros(grid.count)
            change[free] = -factors.solve(excess[free])
            moved = np.abs(change[u] - change[w]).max(initial=0.0)
            volts += min(1.0, curve.bend / moved if moved > 0 else 1.0) * change
            size = np.abs(change).max()
            # Rounding is reached when a small step no longer shrinks. A straight line needs one step, and a second one
            # against the rounding of the first.
            rounded = size <= 1e-15 * scale or (step > 0 and 1e-8 * scale > size > before / 2)
            if rounded or (curve.straight and step) or (stage < stages and size < 1e-3 * curve.bend):
                break
            before = size
        else:
            if free.size:
                raise StateError("Newton's method must converge", where="crossbar", value=f"not in {_MAX_STEPS} steps")


def _sums(count: int, *branches: tuple[Ints, Ints, Floats]) -> Floats:
    """Sum of the currents that leave each node, A."""
    total = np.zeros(count)
    for start, end, current in branches:
        total += np.bincount(start, current, count) - np.bincount(end, current, count)
    return total


def _matrix(size: int, place: Ints, *branches: tuple[Ints, Ints, Floats]) -> csc_array:
    """The conductances between free nodes as a sparse symmetric matrix, S."""
    at, to, value = [], [], []
    for start, end, slope in branches:
        a, b = place[start], place[end]
        for p, q, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
            free = (p >= 0) & (q >= 0)
            at.append(p[free])
            to.append(q[free])
            value.append(sign * slope[free])
    return csc_array((np.concatenate(value), (np.concatenate(at), np.concatenate(to))), shape=(size, size))
