"""The way back: from the last spike to the first, the derivatives of the loss with respect to everything."""

from __future__ import annotations

from math import exp

import numpy as np

from neuro.gradients.kernels.arrays import (
    BY_END,
    BY_SPIKE,
    CAUSE,
    CROSSED_FIRST,
    CROSSING,
    DONE,
    HELD,
    KIND,
    OF_ARRIVAL,
    SAMPLE,
    SPIKE,
    START,
    STEP,
    Cells,
    Nodes,
    Run,
    Totals,
    Wires,
)
from neuro.gradients.kernels.intervals import arrival, cross_interval
from neuro.gradients.kernels.nodes import before, instant_of, key_of, lay_nodes, locate, part_of, time_of
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

__all__ = ["sweep_run"]


@inner
def caused_next(run: Run, nodes: Nodes, j: int, k: int, time: float, cause: int) -> float:
    """The derivative by the time of the next spike from node k on, if it is at `time` and has this cause; else zero."""
    by_time = 0.0
    while k < nodes.end[j] and nodes.time[k] == time:
        if nodes.kind[k] & KIND == SPIKE:
            if nodes.kind[k] & CAUSE == cause:
                by_time = run.slope[nodes.info[k]]
            break
        k += 1
    return by_time


@inner
def slope_of(cells: Cells, nodes: Nodes, j: int, p: int, v: float, jumped: bool) -> float:
    """dv/dt at place p with this v, before or after the own jumps."""
    total, part = 0.0, part_of(cells, p)
    for q in range(cells.currents[j]):
        total += nodes.c[p >> 1, part + q] + (cells.jump[j, q] if jumped else 0.0)
    slope: float = nodes.drive[j] - cells.leak[j] * v + cells.gain[j] * total
    return slope


@inner
def pass_spike(
    cells: Cells, run: Run, nodes: Nodes, totals: Totals, j: int, p: int, by_v: float, floor: float
) -> float:
    """Go from just after a spike to just before it; the derivative by v there is returned."""
    k = p >> 1
    work, f, cause = nodes.work, nodes.info[k], nodes.kind[k] & CAUSE
    by_time = run.slope[f] + nodes.later[j]
    nodes.later[j] = 0.0
    for q in range(cells.modes[j]):
        totals.jump[j, q] += work[q]
        by_time += cells.jump[j, q] * cells.rate[j, q] * work[q]
    v, reset = nodes.v[k], v_after(cells, nodes, j, p)
    if len(nodes.density):
        by_time += nodes.density[k] * (v - reset)
    if cells.refractory[j] == 0.0:
        by_time += caused_next(run, nodes, j, k + 1, nodes.time[k], BY_SPIKE)
        by_time -= by_v * slope_of(cells, nodes, j, p, reset, True)
        nodes.held[j] += by_v
    slope, through = slope_of(cells, nodes, j, p, v, False), 0.0
    if cells.subtract[j]:
        through = nodes.held[j]
        totals.threshold[j] -= through
        by_time += through * slope
    else:
        totals.reset[j] += nodes.held[j]
    nodes.held[j] = 0.0
    run.slope[f] = by_time
    if cause == CROSSING or cause == CROSSED_FIRST:
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
def pass_event(
    cells: Cells,
    run: Run,
    nodes: Nodes,
    totals: Totals,
    j: int,
    p: int,
    times: int,
    floor: float,
) -> None:
    """Find the derivatives by the state just before the event at place p, and put them in place of that state."""
    by_v = cross_interval(cells, nodes, totals, j, p, times)
    k, part = p >> 1, part_of(cells, p)
    kind = nodes.kind[k] & KIND
    if p & 1 == 0:
        nodes.held[j] += by_v
        slope = slope_of(cells, nodes, j, p, v_after(cells, nodes, j, p), False)
        x = caused_next(run, nodes, j, k, time_of(cells, nodes, j, p), BY_END) - by_v * slope
        totals.refractory[j] += x
        nodes.later[j] += x
    elif kind == SPIKE:
        by_v = pass_spike(cells, run, nodes, totals, j, p, by_v, floor)
    elif kind == SAMPLE:
        if nodes.kind[k] & HELD:
            nodes.held[j] += run.extra_value[nodes.info[k]]
        else:
            by_v += run.extra_value[nodes.info[k]]
    elif kind == STEP:
        nodes.drive[j] = nodes.aux[k]
    elif kind == START:
        totals.v[j] += by_v
        for q in range(cells.modes[j]):
            totals.c[j, q] += nodes.work[q]
    if p & 1:
        nodes.v[k] = by_v
    for q in range(cells.modes[j]):
        nodes.c[k, part + q] = nodes.work[q]
    nodes.done[j] = p


@inner
def pass_events(cells: Cells, run: Run, nodes: Nodes, totals: Totals, j: int, p: int, times: int, floor: float) -> None:
    """Go back in neuron j until the event at place p is passed."""
    while nodes.done[j] > p:
        pass_event(cells, run, nodes, totals, j, before(nodes, nodes.done[j]), times, floor)


@routine
def reach(
    cells: Cells,
    run: Run,
    nodes: Nodes,
    totals: Totals,
    j: int,
    t: float,
    time: float,
    key: int,
    times: int,
    floor: float,
) -> int:
    """Go back to the place in neuron j that comes next after an input at `time`, by a spike at `t`, and return it."""
    at, low = nodes.at[j], nodes.first[j]
    while at > low and nodes.time[at - 1] >= t:
        at -= 1
    nodes.at[j] = at
    p: int = locate(cells, nodes, j, at, time, key)
    pass_events(cells, run, nodes, totals, j, p, times, floor)
    return p


@routine
def take(
    cells: Cells,
    run: Run,
    nodes: Nodes,
    totals: Totals,
    j: int,
    p: int,
    mode: int,
    u: float,
    w: float,
    times: int,
    synapse: int,
) -> float:
    """Take one input, `u` seconds before the event at place p; its derivative by time is returned."""
    value, by_time = arrival(cells, run, nodes, totals, j, p, mode, u, w, times)
    totals.weight[synapse] += value
    totals.delay[synapse] += by_time
    return by_time


@routine
def turn_back(
    cells: Cells, nodes: Nodes, totals: Totals, j: int, p: int, mode: int, start: float, span: float, times: int
) -> None:
    """End the window of neuron j and current `mode`, and begin that before place p."""
    if len(nodes.density) and p >> 1 < nodes.end[j] and nodes.density[p >> 1] != 0.0:
        return
    r = j * cells.rate.shape[1] + mode
    if times != 0:
        close_back(cells, nodes, totals, j, mode, r)
    open_window(cells, nodes, j, p, r, start, span)
    open_back(cells, nodes, j, mode, r)


@inner
def collect(
    cells: Cells,
    wires: Wires,
    run: Run,
    nodes: Nodes,
    totals: Totals,
    f: int,
    generation: int,
    times: int,
    floor: float,
) -> None:
    """Take what a spike has done at its targets: derivatives by weights and delays, and by its own time."""
    i, t, total, depth = run.who[f], run.time[f], 0.0, cells.rate.shape[1]
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
                    p = reach(cells, run, nodes, totals, j, t, time, OF_ARRIVAL, times, floor)
                    turn_back(cells, nodes, totals, j, p, mode, start, span, times)
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
            p = reach(cells, run, nodes, totals, j, t, time, key, times, floor)
            if p >> 1 < nodes.end[j]:
                u = time_of(cells, nodes, j, p) - time
                total += take(cells, run, nodes, totals, j, p, mode, u, weight[n], times, at + n)
    run.slope[f] += total


@inner
def sweep(cells: Cells, wires: Wires, run: Run, nodes: Nodes, totals: Totals, times: int, floor: float) -> None:
    """From the last spike to the first, then to the start."""
    size = len(cells.leak)
    for j in range(size):
        nodes.done[j], nodes.at[j] = 2 * nodes.end[j], nodes.end[j]
        nodes.held[j] = nodes.later[j] = 0.0
    forget(nodes)
    for r in range(len(run.time) - 1, -1, -1):
        f = nodes.order[r] if len(nodes.order) else r
        j = run.who[f]
        generation = OF_ARRIVAL
        k = nodes.end[j]
        if not cells.source[j]:
            k = (nodes.done[j] >> 1) - 1
            while nodes.kind[k] & KIND != SPIKE:
                k -= 1
            generation = key_of(nodes, k)
        collect(cells, wires, run, nodes, totals, f, generation, times, floor)
        if not cells.source[j]:
            pass_events(cells, run, nodes, totals, j, 2 * k + 1, times, floor)
    for j in range(size):
        pass_events(cells, run, nodes, totals, j, 2 * nodes.first[j] + 1, times, floor)
    depth = cells.rate.shape[1]
    if times != 0:
        for r in range(len(nodes.window)):
            close_back(cells, nodes, totals, r // depth, r % depth, r)


@kernel
def sweep_run(
    cells: Cells,
    wires: Wires,
    run: Run,
    nodes: Nodes,
    totals: Totals,
    times: int,
    voltages: int,
    floor: float,
) -> int:
    """Replay a run and go back through it; a code.

    `times` as in `cross_interval`, `voltages` as in `replay`, and `floor` is the least slope at a spike.
    """
    code = lay_nodes(cells, run, nodes, 0)
    if code == DONE:
        code = replay(cells, wires, run, nodes, voltages)
    if code == DONE:
        sweep(cells, wires, run, nodes, totals, times, floor)
    return code
