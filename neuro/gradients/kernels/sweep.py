"""The way back: from the last spike to the first, the derivatives of the loss with respect to everything."""

from __future__ import annotations

from math import exp

from neuro.gradients.kernels.arrays import (
    BY_ARRIVAL,
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
from neuro.gradients.kernels.nodes import instant_of, lay_nodes, locate
from neuro.gradients.kernels.replay import replay, v_after
from neuro.gradients.kernels.responses import (
    drive_response,
    drive_response_by_leak,
    integral,
    integrals_by,
    response_by,
    response_of,
)
from neuro.jit import inner, kernel, routine

__all__ = ["sweep_runs"]


@inner
def cross_interval(cells: Cells, nodes: Nodes, totals: Totals, j: int, k: int, times: int) -> float:
    """Go back from node k + 1 to just after node k; the derivative by v there is returned, those by c are in `work`.

    `times`: 1 if derivatives with respect to time constants are wanted.
    """
    work, modes = nodes.work, cells.modes[j]
    if k + 1 == nodes.end[j]:
        for q in range(modes):
            work[q] = 0.0
        return 0.0
    h, own = nodes.time[k + 1] - nodes.time[k], nodes.kind[k] & KIND == SPIKE
    by_v, leak, gain, density = nodes.v[k + 1], cells.leak[j], cells.gain[j], 0.0
    if len(nodes.density):
        density = nodes.density[k + 1]
    if nodes.kind[k + 1] & HELD:
        nodes.held[j] += density * h
        for q in range(modes):
            faded, by_c = exp(-cells.rate[j, q] * h), nodes.c[k + 1, q]
            if times != 0:
                c = nodes.c[k, q] + (cells.jump[j, q] if own else 0.0)
                totals.rate[j, q] -= by_c * c * h * faded
            work[q] = by_c * faded
        return 0.0
    left, flow, v = exp(-leak * h), drive_response(leak, h), v_after(cells, nodes, j, k)
    by_drive = by_v * flow
    if density != 0.0:
        by_drive += density * (integral(leak, 0.0, h) if leak != 0.0 else 0.5 * h * h)
    totals.drive[j] += by_drive
    if times != 0 and leak != 0.0:
        by_leak = by_v * (nodes.drive[j] * drive_response_by_leak(leak, h) - v * h * left)
        if density != 0.0:
            by_leak += density * (v * drive_response_by_leak(leak, h) + nodes.drive[j] * integrals_by(leak, 0.0, h)[0])
        totals.leak[j] += by_leak
        totals.gain[j] += by_drive * nodes.drive[j] / gain
    for q in range(modes):
        rate, by_c = cells.rate[j, q], nodes.c[k + 1, q]
        faded, enters = exp(-rate * h), q < cells.currents[j]
        c = nodes.c[k, q] + (cells.jump[j, q] if own else 0.0)
        work[q] = by_c * faded
        if times != 0:
            totals.rate[j, q] -= by_c * c * h * faded
        if enters:
            per = by_v * response_of(leak, rate, h, left, faded)
            if density != 0.0:
                per += density * integral(leak, rate, h)
            work[q] += gain * per
            if times != 0:
                by_leak, by_rate = response_by(leak, rate, h)
                totals.gain[j] += per * c
                totals.leak[j] += by_v * gain * c * by_leak
                totals.rate[j, q] += by_v * gain * c * by_rate
                if density != 0.0:
                    by_leak, by_rate = integrals_by(leak, rate, h)
                    totals.leak[j] += density * gain * c * by_leak
                    totals.rate[j, q] += density * gain * c * by_rate
    found: float = by_v * left + density * flow
    return found


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
def arrival(
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
) -> tuple[float, float]:
    """Derivatives by weight and time of an input that arrived `u` seconds before node k."""
    held, by_v, leak, gain = nodes.kind[k] & HELD, nodes.v[k], cells.leak[j], cells.gain[j]
    density = nodes.density[k] if len(nodes.density) else 0.0
    if mode < 0:
        if held:
            return 0.0, 0.0
        left = exp(-leak * u)
        value = by_v * left
        if density != 0.0:
            value += density * drive_response(leak, u)
        if times != 0:
            totals.leak[j] -= w * by_v * u * left
            if density != 0.0:
                totals.leak[j] += w * density * drive_response_by_leak(leak, u)
        by_time = w * (leak * value - density)
        if u == 0.0 and nodes.kind[k] == SPIKE + BY_ARRIVAL:
            by_time += max(w, 0.0) / nodes.aux[k] * batch.slope[begin + nodes.info[k]]
        return value, by_time
    rate, by_c = cells.rate[j, mode], nodes.c[k, mode]
    faded = exp(-rate * u)
    value, here = by_c * faded, 0.0
    if times != 0:
        totals.rate[j, mode] -= w * by_c * u * faded
    if not held:
        left = exp(-leak * u)
        per = by_v * response_of(leak, rate, u, left, faded)
        here = by_v * left
        if density != 0.0:
            per += density * integral(leak, rate, u)
            here += density * drive_response(leak, u)
        value += gain * per
        if times != 0:
            by_leak, by_rate = response_by(leak, rate, u)
            totals.gain[j] += w * per
            totals.leak[j] += w * gain * by_v * by_leak
            totals.rate[j, mode] += w * gain * by_v * by_rate
            if density != 0.0:
                by_leak, by_rate = integrals_by(leak, rate, u)
                totals.leak[j] += w * gain * density * by_leak
                totals.rate[j, mode] += w * gain * density * by_rate
    return value, w * (rate * value - gain * here)


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
    i, t, total = batch.who[f], batch.time[f], 0.0
    for s in range(wires.row[i], wires.row[i + 1]):
        first, weight_at, lag_at = wires.first[s], wires.weight_at[s], wires.lag_at[s]
        mode, delay = wires.mode[s], wires.delay[s]
        for n in range(wires.length[s]):
            j = wires.post[first + n]
            if lag_at >= 0:
                delay = wires.lag[lag_at + n]
            time, key = instant_of(t + delay), OF_ARRIVAL if delay > 0.0 else generation
            at, low = nodes.at[j], nodes.first[j]
            while at > low and nodes.time[at - 1] >= t:
                at -= 1
            nodes.at[j] = at
            k = locate(nodes, j, at, time, key)
            if k == nodes.end[j]:
                continue
            while nodes.done[j] > k:
                pass_node(cells, batch, nodes, totals, j, nodes.done[j] - 1, begin, times, floor)
            w, u = wires.weight[weight_at + n], nodes.time[k] - time
            value, by_time = arrival(cells, batch, nodes, totals, j, k, begin, mode, u, w, times)
            totals.weight[weight_at + n] += value
            totals.delay[weight_at + n] += by_time
            total += by_time
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
    for r in range(batch.spikes[b + 1] - begin - 1, -1, -1):
        f = begin + (nodes.order[r] if len(nodes.order) else r)
        j = batch.who[f]
        generation = OF_ARRIVAL
        k = nodes.end[j]
        if not cells.source[j]:
            k = nodes.done[j] - 1
            while nodes.kind[k] & KIND != SPIKE:
                k -= 1
            generation = nodes.key[k]
        collect(cells, wires, batch, nodes, totals, f, begin, generation, times, floor)
        if not cells.source[j]:
            while nodes.done[j] > k:
                pass_node(cells, batch, nodes, totals, j, nodes.done[j] - 1, begin, times, floor)
    for j in range(size):
        while nodes.done[j] > nodes.first[j]:
            pass_node(cells, batch, nodes, totals, j, nodes.done[j] - 1, begin, times, floor)


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
