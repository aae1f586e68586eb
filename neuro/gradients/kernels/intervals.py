"""What lies between two events on the way back: an interval of a neuron, and one input within it."""

from __future__ import annotations

from math import exp

from neuro.gradients.kernels.arrays import BY_ARRIVAL, CAUSE, KIND, SPIKE, Cells, Nodes, Run, Totals
from neuro.gradients.kernels.nodes import held_at, part_of, time_of
from neuro.gradients.kernels.replay import v_after
from neuro.gradients.kernels.responses import (
    drive_response,
    drive_response_by_leak,
    integral,
    integrals_by,
    response_by,
    response_of,
)
from neuro.jit import inner

__all__ = ["arrival", "cross_interval"]


@inner
def cross_interval(cells: Cells, nodes: Nodes, totals: Totals, j: int, p: int, times: int) -> float:
    """Go back from the last place that is finished to just after p, the one before.

    The derivative by v there is returned, those by c are in `work`.

    `times`: 1 if derivatives with respect to time constants are wanted.
    """
    work, modes, following = nodes.work, cells.modes[j], nodes.done[j]
    last, k = following >> 1, p >> 1
    if last == nodes.end[j]:
        for q in range(modes):
            work[q] = 0.0
        return 0.0
    h = time_of(cells, nodes, j, following) - time_of(cells, nodes, j, p)
    own, here, there = p & 1 != 0 and nodes.kind[k] & KIND == SPIKE, part_of(cells, p), part_of(cells, following)
    by_v, leak, gain, density = nodes.v[last], cells.leak[j], cells.gain[j], 0.0
    if len(nodes.density):
        density = nodes.density[last]
    if held_at(nodes, following):
        nodes.held[j] += density * h
        for q in range(modes):
            faded, by_c = exp(-cells.rate[j, q] * h), nodes.c[last, there + q]
            if times != 0:
                c = nodes.c[k, here + q] + (cells.jump[j, q] if own else 0.0)
                totals.rate[j, q] -= by_c * c * h * faded
            work[q] = by_c * faded
        return 0.0
    left, flow, v = exp(-leak * h), drive_response(leak, h), v_after(cells, nodes, j, p)
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
        rate, by_c = cells.rate[j, q], nodes.c[last, there + q]
        faded, enters = exp(-rate * h), q < cells.currents[j]
        c = nodes.c[k, here + q] + (cells.jump[j, q] if own else 0.0)
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
def arrival(
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
) -> tuple[float, float]:
    """Derivatives by weight and time of an input that arrived `u` seconds before the event at place p."""
    k = p >> 1
    held, by_v, leak, gain = held_at(nodes, p), nodes.v[k], cells.leak[j], cells.gain[j]
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
        if u == 0.0 and nodes.kind[k] & (KIND | CAUSE) == SPIKE + BY_ARRIVAL:
            by_time += max(w, 0.0) / nodes.aux[k] * run.slope[nodes.info[k]]
        return value, by_time
    rate, by_c = cells.rate[j, mode], nodes.c[k, part_of(cells, p) + mode]
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
