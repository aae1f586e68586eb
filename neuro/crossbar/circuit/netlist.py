"""`deck`: a crossbar as a SPICE deck, for a check by a circuit simulator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neuro.crossbar.circuit.circuit import Circuit
from neuro.crossbar.circuit.nodal import nodes
from neuro.crossbar.device.iv import Sinh
from neuro.validation import Floats

__all__ = ["Pulses", "deck"]

Pulses = Sequence[Sequence[tuple[float, float, float]]]
"""For each row the pulses on it, in order: start, s; length, s; height, V."""
# Edges of a pulse, as a share of its length.
_EDGE = 1e-6


def deck(
    circuits: dict[str, Circuit], rows: Floats, columns: Floats, title: str = "crossbar", pulses: Pulses | None = None
) -> str:
    """The deck: one set of elements for each array, operating point or transient, and the currents printed.

    Sources are called v<array>_d<row> and v<array>_s<column>. The current of v<array>_s<column> is the one that
    leaves the column, since SPICE counts a source's current from its first node through it; the current of a
    driver is minus that of its source. Nodes are <array>_d<row> and <array>_s<column> at the terminals,
    otherwise <array>_<number>.

    Parameters
    ----------
    circuits
        The arrays by name; one without any device is left out, unless none has any.
    rows
        Voltages of the drivers, V; rows at 0 V are inactive.
    columns
        Voltages of the columns' terminals, V; NaN: not connected.
    title
        First line of the deck.
    pulses
        Pulses on the rows, over which a transient runs; None: an operating point. Rows are held at 0 V between.
    """
    arrays = {name: circuit for name, circuit in circuits.items() if circuit.conductance.any()} or circuits
    lines = [f"* {title}: {' and '.join(arrays)} array, {rows.size} rows x {columns.size} columns"]
    printed: list[str] = []
    for name, circuit in arrays.items():
        cells, held = circuit.switched(rows)
        lines += _elements(name, cells, circuit)
        for i in np.flatnonzero(held | (pulses is not None)):
            wave = f"DC {float(rows[i])!r}" if pulses is None else _wave(pulses[i])
            lines.append(f"v{name}_d{i} {name}_d{i} 0 {wave}")
            printed.append(f"i(v{name}_d{i})")
        for j in np.flatnonzero(~np.isnan(columns)):
            lines.append(f"v{name}_s{j} {name}_s{j} 0 DC {float(columns[j])!r}")
            printed.append(f"i(v{name}_s{j})")
    lines.append(".options reltol=1e-9 abstol=1e-18 vntol=1e-15 gmin=1e-18")
    if pulses is None:
        analysis = ["op"]
    else:
        stop = max((start + length for row in pulses for start, length, _ in row), default=0.0)
        shortest = min((length for row in pulses for _, length, _ in row), default=stop)
        analysis = [f"tran {shortest / 10!r} {stop * (1 + _EDGE) + shortest * _EDGE!r}"]
    lines += [".control", "set numdgt=16", *analysis, *(f"print {name}" for name in printed), ".endc", ".end"]
    return "\n".join(lines) + "\n"


def _elements(name: str, conductance: Floats, circuit: Circuit) -> Iterator[str]:
    count_rows, count_columns = conductance.shape
    grid, curve = nodes((count_rows, count_columns), circuit.wires), circuit.curve

    def label(node: int) -> str:
        if node < count_rows:
            return f"{name}_d{node}"
        return f"{name}_s{node - count_rows}" if node < count_rows + count_columns else f"{name}_{node}"

    for k, ((near, far), ohms) in enumerate(zip(grid.ends.tolist(), grid.ohms.tolist(), strict=True)):
        yield f"r{name}_w{k} {label(near)} {label(far)} {ohms!r}"
    for (i, j), siemens in np.ndenumerate(conductance):
        ends = f"{label(int(grid.row_side[i, j]))} {label(int(grid.column_side[i, j]))}"
        if siemens == 0:
            continue
        if isinstance(curve, Sinh):
            across = ends.replace(" ", ",")
            yield f"b{name}_x{i}_{j} {ends} i={float(siemens) * curve.v0!r}*sinh(v({across})/{curve.v0!r})"
        else:
            yield f"r{name}_x{i}_{j} {ends} {1 / float(siemens)!r}"


def _wave(pulses: Sequence[tuple[float, float, float]]) -> str:
    points = ["0 0"]
    for start, length, height in pulses:
        edge = length * _EDGE
        points += [f"{start!r} 0", f"{start + edge!r} {height!r}", f"{start + length!r} {height!r}"]
        points.append(f"{start + length + edge!r} 0")
    return f"PWL({' '.join(points)})"
