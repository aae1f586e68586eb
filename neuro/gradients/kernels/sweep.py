"""The way back: from the last spike to the first, the derivatives of the loss with respect to everything."""

from __future__ import annotations

from math import exp

import numpy as np

from neuro.gradients.kernels.arrays import (
    BY_END,
    BY_SPIKE,
    CROSSING,
    DONE,
    END,
    HELD,
    KIND,
    OF_ARRIVAL,
    SAMPLE,
    SPIKE,
    START,
    STEP,
    Batch,
    Cells,
    Nodes,
    Totals,
    Wires,
)
from neuro.gradients.kernels.intervals import arrival, cross_interval
from neuro.gradients.kernels.nodes import instant_of, key_of, lay_nodes, locate
from neuro.gradients.kernels.replay import replay, v_after
from neuro.gradients.kernels.windows import (
    BY_LEAK,
    BY_RATE,
    HIGH,
    LOW,
    SUM_LEAK,
    SUM_RATE,
    TIME_LEAK,
    TIME_RATE,
    close_back,
    forget,
    open_back,
    open_window,
    start_of,
)
from neuro.jit import inner, kernel, routine

__all__ = ["sweep_runs"]


@inner
def caused_next(batch: Batch, nodes: Nodes, j: int, k: int, cause: int, begin: int) -> float:
    """The derivative by the time of a spike that followed node k at once, because of it; else zero."""
    after, by_time = k + 1, 0.0
    while after < nodes.end[j] and nodes.time[after] == nodes.time[k]:
        kind = nodes.kind[after] & ~HELD
        if kind & KIND == SPIKE:
            if kind == SPIKE + cause:
                by_time = batch.slope[begin + nodes.info[after]]
            break
        after += 1
    return by_time


@inner
def slope_of(cells: Cells, nodes: Nodes, j: int, k: int, v: float, jumped: bool) -> float:
    """dv/dt at node k with this v, before or after the own jumps."""
    total = 0.0
    for q in range(cells.currents[j]):
        total += nodes.c[k, q] + (cells.jump[j, q] if jumped else 0.0)
    slope: float = nodes.drive[j] - cells.leak[j] * v + cells.gain[j] * total
    return slope


@inner
def pass_spike(
    cells: Cells, batch: Batch, nodes: Nodes, totals: Totals, j: int, k: int, begin: int, by_v: float, floor: float
) -> float:
    """Go from just after a spike to just before it; the derivative by v there is returned."""
    work, f, cause = nodes.work, begin + nodes.info[k], nodes.kind[k] - SPIKE
    by_time = batch.slope[f] + nodes.later[j]
    nodes.later[j] = 0.0
    for q in range(cells.modes[j]):
        totals.jump[j, q] += work[q]
        by_time += cells.jump[j, q] * cells.rate[j, q] * work[q]
    before, after = nodes.v[k], v_after(cells, nodes, j, k)
    if len(nodes.density):
        by_time += nodes.density[k] * (before - after)
    if cells.refractory[j] == 0.0:
        by_time += caused_next(batch, nodes, j, k, BY_SPIKE, begin)
        by_time -= by_v * slope_of(cells, nodes, j, k, after, True)
        nodes.held[j] += by_v
    slope, through = slope_of(cells, nodes, j, k, before, False), 0.0
    if cells.subtract[j]:
        through = nodes.held[j]
        totals.threshold[j] -= through
        by_time += through * slope
    else:
        totals.reset[j] += nodes.held[j]
    nodes.held[j] = 0.0
    batch.slope[f] = by_time
    if cause == CROSSING:
        for q in range(cells.currents[j], cells.modes[j]):
            slope += cells.rate[j, q] * nodes.c[k, q]
        if slope < floor:
            slope = floor
            totals.small[0] += 1
        shift = by_time / slope
        through -= shift
        totals.threshold[j] += shift
        for q in range(cells.currents[j], cells.modes[j]):
            work[q] += shift
    return through


@routine
def pass_node(
    cells: Cells,
    batch: Batch,
    nodes: Nodes,
    totals: Totals,
    j: int,
    k: int,
    begin: int,
    times: int,
    floor: float,
) -> None:
    """Find the derivatives by the state just before node k, and put them in place of that state."""
    by_v = cross_interval(cells, nodes, totals, j, k, times)
    kind = nodes.kind[k] & KIND
    if kind == SPIKE:
        by_v = pass_spike(cells, batch, nodes, totals, j, k, begin, by_v, floor)
    elif kind == END:
        nodes.held[j] += by_v
        x = caused_next(batch, nodes, j, k, BY_END, begin) - by_v * slope_of(cells, nodes, j, k, nodes.v[k], False)
        totals.refractory[j] += x
        nodes.later[j] += x
        by_v = 0.0
    elif kind == SAMPLE:
        if nodes.kind[k] & HELD:
            nodes.held[j] += batch.extra_value[nodes.info[k]]
        else:
            by_v += batch.extra_value[nodes.info[k]]
    elif kind == STEP:
        nodes.drive[j] = nodes.aux[k]
    elif kind == START:
        totals.v[j] += by_v
        for q in range(cells.modes[j]):
            totals.c[j, q] += nodes.work[q]
    nodes.v[k] = by_v
    for q in range(cells.modes[j]):
        nodes.c[k, q] = nodes.work[q]
    nodes.done[j] = k


@inner
def pass_nodes(
    cells: Cells, batch: Batch, nodes: Nodes, totals: Totals, j: int, k: int, begin: int, times: int, floor: float
) -> None:
    """Go back in neuron j until node k is passed."""
    while nodes.done[j] > k:
        pass_node(cells, batch, nodes, totals, j, nodes.done[j] - 1, begin, times, floor)


@routine
def reach(
    cells: Cells,
    batch: Batch,
    nodes: Nodes,
    totals: Totals,
    j: int,
    t: float,
    time: float,
    key: int,
    begin: int,
    times: int,
    floor: float,
) -> int:
    """Go back to the node of neuron j that comes next after an input at `time`, by a spike at `t`, and return it."""
    at, low = nodes.at[j], nodes.first[j]
    while at > low and nodes.time[at - 1] >= t:
        at -= 1
    nodes.at[j] = at
    k: int = locate(nodes, j, at, time, key)
    pass_nodes(cells, batch, nodes, totals, j, k, begin, times, floor)
    return k


@routine
def take(
    cells: Cells,
    batch: Batch,
    nodes: Nodes,
    totals: Totals,
    j: int,
    k: int,
    begin: int,
    mode: int,
    u: float,
    w: float,
    times: int,
    synapse: int,
) -> float:
    """Take one input, `u` seconds before node k; its derivative by time is returned."""
    value, by_time = arrival(cells, batch, nodes, totals, j, k, begin, mode, u, w, times)
    totals.weight[synapse] += value
    totals.delay[synapse] += by_time
    return by_time


@routine
def turn_back(
    cells: Cells, nodes: Nodes, totals: Totals, j: int, k: int, mode: int, start: float, span: float, times: int
) -> None:
    """End the window of neuron j and current `mode`, and begin that before node k."""
    if len(nodes.density) and k < nodes.end[j] and nodes.density[k] != 0.0:
        return
    r = j * cells.rate.shape[1] + mode
    if times != 0:
        close_back(cells, nodes, totals, j, mode, r)
    open_window(nodes, j, k, r, start, span)
    open_back(cells, nodes, j, mode, r)


@inner
def collect(
    cells: Cells,
    wires: Wires,
    batch: Batch,
    nodes: Nodes,
    totals: Totals,
    f: int,
    begin: int,
    generation: int,
    times: int,
    floor: float,
) -> None:
    """Take what a spike has done at its targets: derivatives by weights and delays, and by its own time."""
    i, t, total, depth = batch.who[f], batch.time[f], 0.0, cells.rate.shape[1]
    window = nodes.window
    for s in range(wires.row[i], wires.row[i + 1]):
        first, at, lag_at = wires.first[s], wires.weight_at[s], wires.lag_at[s]
        mode, delay, span, count = wires.mode[s], wires.delay[s], wires.span[s], wires.length[s]
        # Slices spare a look at the sign of each index.
        post, weight = wires.post[first : first + count], wires.weight[at : at + count]
        by_weight, by_delay = totals.weight[at : at + count], totals.delay[at : at + count]
        time, start, by_rate, by_leak, later, latest = instant_of(t + delay), 0.0, 0.0, 0.0, 0.0, 0.0
        rate = leak = 0.0
        if span > 0.0:
            rate, leak = cells.rate[post[0], mode], cells.leak[post[0]]
            start = start_of(time, span)
            by_rate, by_leak = exp(rate * (time - start)), exp(leak * (time - start))
            later, latest = by_rate * (time - start), by_leak * (time - start)
        for n in range(len(post)):
            if lag_at >= 0:
                delay = wires.lag[lag_at + n]
                time = instant_of(t + delay)
                if span > 0.0:
                    start = start_of(time, span)
                    by_rate, by_leak = exp(rate * (time - start)), exp(leak * (time - start))
                    later, latest = by_rate * (time - start), by_leak * (time - start)
            if span > 0.0:
                r = np.uint64(post[n]) * np.uint64(depth) + np.uint64(mode)
                if not window[r, LOW] < time < window[r, HIGH]:
                    j = post[n]
                    k = reach(cells, batch, nodes, totals, j, t, time, OF_ARRIVAL, begin, times, floor)
                    turn_back(cells, nodes, totals, j, k, mode, start, span, times)
                if window[r, LOW] < time < window[r, HIGH]:
                    value, through = window[r, BY_RATE] * by_rate, window[r, BY_LEAK] * by_leak
                    if value != 0.0 or through != 0.0:
                        w = weight[n]
                        by_time = w * (rate * value + leak * through)
                        by_weight[n] += value + through
                        by_delay[n] += by_time
                        total += by_time
                        if times != 0:
                            window[r, SUM_RATE] += w * by_rate
                            window[r, SUM_LEAK] += w * by_leak
                            window[r, TIME_RATE] += w * later
                            window[r, TIME_LEAK] += w * latest
                    continue
            j, key = post[n], OF_ARRIVAL if delay > 0.0 else generation
            k = reach(cells, batch, nodes, totals, j, t, time, key, begin, times, floor)
            if k < nodes.end[j]:
                u = nodes.time[k] - time
                total += take(cells, batch, nodes, totals, j, k, begin, mode, u, weight[n], times, at + n)
    batch.slope[f] += total


@inner
def sweep(
    cells: Cells, wires: Wires, batch: Batch, nodes: Nodes, totals: Totals, b: int, times: int, floor: float
) -> None:
    """From the last spike of run b to the first, then to the start."""
    begin, size = batch.spikes[b], len(cells.leak)
    for j in range(size):
        nodes.done[j] = nodes.at[j] = nodes.end[j]
        nodes.held[j] = nodes.later[j] = 0.0
    forget(nodes)
    for r in range(batch.spikes[b + 1] - begin - 1, -1, -1):
        f = begin + (nodes.order[r] if len(nodes.order) else r)
        j = batch.who[f]
        generation = OF_ARRIVAL
        k = nodes.end[j]
        if not cells.source[j]:
            k = nodes.done[j] - 1
            while nodes.kind[k] & KIND != SPIKE:
                k -= 1
            generation = key_of(nodes, k)
        collect(cells, wires, batch, nodes, totals, f, begin, generation, times, floor)
        if not cells.source[j]:
            pass_nodes(cells, batch, nodes, totals, j, k, begin, times, floor)
    for j in range(size):
        pass_nodes(cells, batch, nodes, totals, j, nodes.first[j], begin, times, floor)
    depth = cells.rate.shape[1]
    if times != 0:
        for r in range(len(nodes.window)):
            close_back(cells, nodes, totals, r // depth, r % depth, r)


@kernel
def sweep_runs(
    cells: Cells,
    wires: Wires,
    batch: Batch,
    nodes: Nodes,
    totals: Totals,
    low: int,
    high: int,
    times: int,
    voltages: int,
    floor: float,
) -> int:
    """Replay the runs low .. high and go back through each; the code of the first that does not fit.

    `times` as in `cross_interval`, `voltages` as in `replay`, and `floor` is the least slope at a spike.
    """
    for b in range(low, high):
        code = lay_nodes(cells, batch, nodes, b)
        if code == DONE:
            code = replay(cells, wires, batch, nodes, b, voltages)
        if code != DONE:
            nodes.fault[2] = b
            return code
        sweep(cells, wires, batch, nodes, totals, b, times, floor)
    return DONE
