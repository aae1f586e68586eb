"""Groups in state form within a window: rows of synapses that reach them, and their spikes before the window's end."""

from __future__ import annotations

import numpy as np

from neuro.engine.arrivals.lists import clear_arrivals
from neuro.engine.arrivals.state_arrivals import take_arrivals
from neuro.engine.codes import CEILING, FAULT, FLOOR, FREE, HALTED, HELD, RECORD_SPIKES
from neuro.engine.kernels.arrays import Fixed, Index, Record, State, Workspace
from neuro.engine.kernels.state_form import add_input, advance_neuron, cell_row, fill_factors, no_event, no_event_one
from neuro.jit import inlined, inner, load_acquire, routine

__all__ = ["deliver_row", "finish_state_form"]


@inlined
def no_event_alike(
    leak: float, gain: float, threshold: float, floor: float, ceiling: float, rate: float, neuron: Record, i: float,
    f0: float, f1: float, f2: float, f3: float, t: float,
) -> tuple[bool, float, float]:  # fmt: skip
    """`no_event_one` with the parameters as numbers."""
    mode, v, drive = neuron.mode, neuron.v, neuron.drive
    now, safe = i * f2, True
    if mode == FREE:
        left, pull = v * f0, gain * i
        then = left + drive * f1 + pull * f3
        most, least = max(v, then), min(v, then)
        begins = drive - leak * v + pull
        ends = begins * f0 - rate * pull * f3 if leak != 0.0 else drive + gain * now
        if begins * ends <= 0.0:
            most = max(most, left + (drive + gain * max(i, now)) * f1)
            least = min(least, left + (drive + gain * min(i, now)) * f1)
        safe = most < threshold and least > floor and most < ceiling
        v = then
    elif mode == FLOOR:
        safe = drive - leak * v + gain * max(i, now) <= 0.0
    elif mode == CEILING:
        safe = drive - leak * v + gain * min(i, now) >= 0.0 and v < threshold
    elif mode == HELD:
        safe = neuron.until > t
    return safe, v, now


@inner
def deliver_alike(
    fixed: Fixed, state: State, work: Workspace, k: int, segment: Index, skip: Index, count: Index, t: float
) -> None:
    """`deliver_row` onto neurons that have the same parameters and one current."""
    post, narrow, wide, is_wide = fixed.post, fixed.narrow, fixed.wide, len(fixed.wide) > 0
    neurons, xs, f, seg = state.neurons, state.x, work.factor[k], fixed.segments[segment]
    bundle, known = fixed.bundles[seg.projection], -1.0
    first, weight, step, receptor = seg.first, seg.weight, bundle.step, bundle.receptor
    row = fixed.groups[bundle.group].cells
    cell, rates = fixed.cells[row], fixed.rate[row]
    # As numbers they stay in registers; in their arrays they might change with each neuron that is written.
    leak, gain, threshold, floor, ceiling, rate = (
        cell.leak, cell.gain, cell.threshold, cell.floor, cell.ceiling, rates[0],
    )  # fmt: skip
    f0 = f1 = f2 = f3 = 0.0
    for i in range(skip, skip + count):
        j = np.uint64(post[np.uint64(first + i)])
        neuron, current = neurons[j], xs[j, 0]
        h = t - neuron.last
        if h > 0.0:
            if h != known:
                fill_factors(cell, rates, h, f)
                f0, f1, f2, f3, known = f[0], f[1], f[2], f[3], h
            safe, v, then = no_event_alike(
                leak, gain, threshold, floor, ceiling, rate, neuron, current, f0, f1, f2, f3, t
            )
            if safe:
                neuron.v, neuron.last, xs[j, 0] = v, t, then
            else:
                advance_neuron(fixed, state, work, k, np.int64(j), t, RECORD_SPIKES)
        at = np.uint64(weight + step * i)
        add_input(neuron, xs, j, receptor, wide[at] if is_wide else np.float64(narrow[at]))


@routine
def deliver_row(
    fixed: Fixed, state: State, work: Workspace, k: int, segment: Index, skip: Index, count: Index, t: float
) -> None:
    """One spike arrives on `count` synapses of a row, from `skip` on, onto neurons in state form."""
    cells, rate, post, narrow = fixed.cells, fixed.rate, fixed.post, fixed.narrow
    neurons, xs, f, seg = state.neurons, state.x, work.factor[k], fixed.segments[segment]
    wide, is_wide = fixed.wide, len(fixed.wide) > 0
    bundle = fixed.bundles[seg.projection]
    group, known, receptor = fixed.groups[bundle.group], -1.0, bundle.receptor
    first, weight, step = seg.first, seg.weight, bundle.step
    if group.single and not group.own and not group.loose:
        deliver_alike(fixed, state, work, k, segment, skip, count, t)
        return
    for i in range(skip, skip + count):
        j = np.uint64(post[np.uint64(first + i)])
        own, neuron = cell_row(fixed, bundle.group, np.int64(j)), neurons[j]
        cell = cells[own]
        if group.loose:
            take_arrivals(fixed, state, work, k, bundle.group, np.int64(j), t, False)
            known = -1.0  # their factors are in `f`
        h = t - neuron.last
        if h > 0.0:
            if h != known or not group.uniform:
                fill_factors(cell, rate[own], h, f)
                known = h
            if group.single:
                safe, v, current = no_event_one(cell, neuron, xs[j, 0], rate[own, 0], f[0], f[1], f[2], f[3], t)
                if safe:
                    neuron.v, neuron.last, xs[j, 0] = v, t, current
            else:
                safe = no_event(cell, neuron, xs, j, f, t, 1)
            if not safe:
                advance_neuron(fixed, state, work, k, np.int64(j), t, RECORD_SPIKES)
        at = np.uint64(weight + step * i)
        add_input(neuron, xs, j, receptor, wide[at] if is_wide else np.float64(narrow[at]))


@routine
def finish_state_form(fixed: Fixed, state: State, work: Workspace, k: int, g: int, end: float) -> None:
    """Find the spikes before the window's end of all neurons of a group."""
    cells, rate, neurons, xs = fixed.cells, fixed.rate, state.neurons, state.x
    group, known, f = fixed.groups[g], -1.0, work.factor[k]
    for j in range(max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])):
        own, neuron = cell_row(fixed, g, j), neurons[j]
        cell = cells[own]
        if load_acquire(work.halt, 0):
            work.tally[k, FAULT] = HALTED
            return
        if group.loose:
            take_arrivals(fixed, state, work, k, g, j, end, False)
            clear_arrivals(work, j)
            known = -1.0
        h = end - neuron.last
        if h > 0.0:
            if h != known or not group.uniform:
                fill_factors(cell, rate[own], h, f)
                known = h
            if group.single:
                safe, _, _ = no_event_one(cell, neuron, xs[j, 0], rate[own, 0], f[0], f[1], f[2], f[3], end)
            else:
                safe = no_event(cell, neuron, xs, j, f, end, 0)
            if not safe:
                advance_neuron(fixed, state, work, k, j, end, RECORD_SPIKES)
