"""v of single neurons between all that happens to them: pieces without events, each with its state at its begin."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

from neuro.gradients.kernels.arrays import (
    AT_END,
    END,
    F8,
    F8_2,
    I8,
    KIND,
    OF_ARRIVAL,
    OF_SPIKE,
    SPIKE,
    STEP,
    Cells,
    Nodes,
    Run,
    Wires,
)
from neuro.gradients.kernels.nodes import after, instant_of, key_of, lay_nodes, part_of, time_of
from neuro.gradients.kernels.replay import replay, v_after
from neuro.gradients.kernels.responses import drive_response, integral, response
from neuro.jit import inner, kernel

__all__ = [
    "ARRIVED",
    "Arrivals",
    "Pieces",
    "fill_pieces",
    "integral_of",
    "list_arrivals",
    "replay_run",
    "slope_at",
    "v_at",
]

ARRIVED = 7
"""Kind of a piece that begins with an input; others have the kind of the event that they begin with."""


class Arrivals(NamedTuple):
    """Inputs of the neurons that are looked at."""

    neuron: I8
    time: F8
    key: I8
    mode: I8
    weight: F8
    spike: I8
    synapse: I8
    """Place of its weight."""


class Pieces(NamedTuple):
    """Pieces of v of one neuron, in order."""

    time: F8
    """Its begin."""
    v: F8
    c: F8_2
    drive: F8
    held: I8
    kind: I8
    spike: I8
    """The spike that it begins with: the neuron's own, or the one that arrives; -1 if none."""
    synapse: I8


@kernel
def replay_run(cells: Cells, wires: Wires, run: Run, nodes: Nodes) -> int:
    """The nodes of a run and their states; a code."""
    code = lay_nodes(cells, run, nodes, 1)
    return replay(cells, wires, run, nodes, 1) if code == 0 else code


@inner
def generation_of(cells: Cells, nodes: Nodes, j: int, f: int) -> int:
    """The generation of spike f, which is of neuron j."""
    if cells.source[j] or not len(nodes.order):
        return OF_ARRIVAL if cells.source[j] else OF_SPIKE
    found: int = OF_SPIKE
    for k in range(nodes.first[j], nodes.end[j]):
        if nodes.kind[k] & KIND == SPIKE and nodes.info[k] == f:
            found = nodes.key[k]
    return found


@kernel
def list_arrivals(
    cells: Cells, wires: Wires, run: Run, nodes: Nodes, wanted: I8, arrivals: Arrivals, count_only: bool
) -> int:
    """List the inputs of the neurons that are wanted; their number is returned."""
    count = 0
    for f in range(len(run.time)):
        i, t = run.who[f], run.time[f]
        generation = generation_of(cells, nodes, i, f)
        for s in range(wires.row[i], wires.row[i + 1]):
            delay, lag_at = wires.delay[s], wires.lag_at[s]
            for n in range(wires.length[s]):
                j = wires.post[wires.first[s] + n]
                if not wanted[j]:
                    continue
                if lag_at >= 0:
                    delay = wires.lag[lag_at + n]
                if not count_only:
                    arrivals.neuron[count], arrivals.time[count] = j, instant_of(t + delay)
                    arrivals.key[count] = OF_ARRIVAL if delay > 0.0 else generation
                    arrivals.mode[count], arrivals.spike[count] = wires.mode[s], f
                    arrivals.synapse[count] = wires.weight_at[s] + n
                    arrivals.weight[count] = wires.weight[wires.weight_at[s] + n]
                count += 1
    return count


@inner
def begin_piece(pieces: Pieces, p: int, time: float, kind: int, spike: int, synapse: int) -> None:
    pieces.time[p], pieces.kind[p], pieces.spike[p], pieces.synapse[p] = time, kind, spike, synapse


@inner
def v_at(cells: Cells, pieces: Pieces, j: int, p: int, u: float) -> float:
    """v of neuron j, u seconds after the begin of piece p."""
    v: float = pieces.v[p]
    if pieces.held[p]:
        return v
    leak = cells.leak[j]
    v = v * exp(-leak * u) + pieces.drive[p] * drive_response(leak, u)
    for q in range(cells.currents[j]):
        v += pieces.c[p, q] * cells.gain[j] * response(leak, cells.rate[j, q], u)
    return v


@inner
def slope_at(cells: Cells, pieces: Pieces, j: int, p: int, u: float) -> float:
    """dv/dt there."""
    if pieces.held[p]:
        return 0.0
    slope: float = pieces.drive[p] - cells.leak[j] * v_at(cells, pieces, j, p, u)
    for q in range(cells.currents[j]):
        slope += cells.gain[j] * pieces.c[p, q] * exp(-cells.rate[j, q] * u)
    return slope


@inner
def integral_of(cells: Cells, pieces: Pieces, j: int, p: int, low: float, high: float) -> float:
    """The integral of v over a part of piece p, from `low` to `high` seconds after its begin."""
    total: float = pieces.v[p] * (high - low)
    if pieces.held[p]:
        return total
    total = 0.0
    leak = cells.leak[j]
    for u, sign in ((low, -1.0), (high, 1.0)):
        part = pieces.v[p] * drive_response(leak, u)
        part += pieces.drive[p] * (integral(leak, 0.0, u) if leak != 0.0 else 0.5 * u * u)
        for q in range(cells.currents[j]):
            part += pieces.c[p, q] * cells.gain[j] * integral(leak, cells.rate[j, q], u)
        total += sign * part
    return total


@kernel
def fill_pieces(
    cells: Cells, run: Run, nodes: Nodes, arrivals: Arrivals, low: int, high: int, j: int, pieces: Pieces
) -> int:
    """The pieces of neuron j, whose inputs are low .. high, sorted; their number is returned."""
    count, a, drive, p = 0, low, run.drive[j], 2 * nodes.first[j] + 1
    while p < 2 * nodes.end[j]:
        k, ends, time, part = p >> 1, p & 1 == 0, time_of(cells, nodes, j, p), part_of(cells, p)
        key = AT_END if ends else key_of(nodes, k)
        while a < high and (arrivals.time[a] < time or (arrivals.time[a] == time and arrivals.key[a] < key)):
            count = arrive(cells, arrivals, a, j, pieces, count)
            a += 1
        kind = END if ends else nodes.kind[k] & KIND
        own = kind == SPIKE
        begin_piece(pieces, count, time, kind, nodes.info[k] if own else -1, -1)
        if kind == STEP:
            drive = run.extra_value[nodes.info[k]]
        pieces.v[count], pieces.drive[count] = v_after(cells, nodes, j, p), drive
        for q in range(cells.modes[j]):
            pieces.c[count, q] = nodes.c[k, part + q] + (cells.jump[j, q] if own else 0.0)
        held = own and cells.refractory[j] > 0.0
        if not own and not ends and count > 0:
            held = pieces.held[count - 1] != 0
        pieces.held[count] = 1 if held else 0
        count, p = count + 1, after(nodes, j, p)
    while a < high:
        count = arrive(cells, arrivals, a, j, pieces, count)
        a += 1
    return count


@inner
def arrive(cells: Cells, arrivals: Arrivals, a: int, j: int, pieces: Pieces, p: int) -> int:
    """Begin a piece with input `a`."""
    u = arrivals.time[a] - pieces.time[p - 1]
    begin_piece(pieces, p, arrivals.time[a], ARRIVED, arrivals.spike[a], arrivals.synapse[a])
    pieces.v[p], pieces.drive[p] = v_at(cells, pieces, j, p - 1, u), pieces.drive[p - 1]
    pieces.held[p] = pieces.held[p - 1]
    for q in range(cells.modes[j]):
        pieces.c[p, q] = pieces.c[p - 1, q] * exp(-cells.rate[j, q] * u)
    mode = arrivals.mode[a]
    if mode >= 0:
        pieces.c[p, mode] += arrivals.weight[a]
    elif not pieces.held[p]:
        pieces.v[p] += arrivals.weight[a]
    return p + 1
