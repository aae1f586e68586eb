"""Groups in state form within a window: rows of synapses that reach them, and their spikes before the window's end."""

from __future__ import annotations

from math import inf

import numpy as np

from neuro.engine.arrivals.lists import clear_arrivals
from neuro.engine.arrivals.state_arrivals import take_arrivals
from neuro.engine.codes import CEILING, FAULT, FAULT_DETAIL, FLOOR, FORCED, FREE, HALTED, HELD, RECORD_SPIKES, RUNAWAY
from neuro.engine.kernels.arrays import F8, I8, Fixed, Index, Record, State, Workspace
from neuro.engine.kernels.one_current import reach_on_line
from neuro.engine.kernels.state_form import (
    MAX_EVENTS,
    SPIKE,
    THRESHOLD,
    add_input,
    advance_neuron,
    cell_row,
    fill_factors,
    fire,
    no_event,
    no_event_one,
)
from neuro.jit import inlined, inner, load_acquire, routine

__all__ = ["advance_on_line", "deliver_row", "finish_state_form", "no_event_on_line", "on_line"]


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


@inlined
def on_line(fixed: Fixed, group: Record) -> bool:
    """Does v go on a straight line between inputs, for all neurons of a group alike: no leak, no currents?"""
    cell = fixed.cells[group.cells]  # which a population of no neurons does not have
    some = group.stop > group.start
    found: bool = some and cell.modes == 0 and cell.leak == 0.0 and not group.own and not group.loose
    return found


@inlined
def no_event_on_line(
    threshold: float, floor: float, ceiling: float, neuron: Record, h: float, t: float
) -> tuple[bool, float]:
    """`no_event` on a straight line: (no event up to `t`, v there)."""
    mode, v, drive = neuron.mode, neuron.v, neuron.drive
    safe = True
    if mode == FREE:
        then = v + drive * h + 0.0
        most, least = max(v, then), min(v, then)
        safe = most < threshold and least > floor and most < ceiling
        v = then
    elif mode == FLOOR:
        safe = drive <= 0.0
    elif mode == CEILING:
        safe = drive >= 0.0 and v < threshold
    elif mode == HELD:
        safe = neuron.until > t
    return safe, v


@inner
def advance_on_line(cell: Record, neuron: Record, register: I8, time: F8, ids: I8, j: Index, t: float) -> None:
    """`advance_one_current` without leak and current, to the bit: between its events v is a straight line."""
    drive, turn = neuron.drive, 0
    while turn < MAX_EVENTS:
        turn += 1
        h = t - neuron.last
        if h < 0.0:
            break
        mode = neuron.mode
        if mode == HELD or mode == FORCED:
            released = mode == HELD and neuron.until <= t
            goal = neuron.until if released else t
            neuron.last = goal
            if released:
                neuron.mode = FREE
            if not released or goal >= t:
                break
            continue
        v = neuron.v
        if mode == FREE:
            v = min(max(v, cell.floor), cell.ceiling)
            if v == cell.floor and drive <= 0.0:
                mode = FLOOR
            elif v == cell.ceiling and drive >= 0.0:
                mode = CEILING
        then, first, kind = v, inf, FREE
        if mode != FREE:
            if (drive if mode == FLOOR else -drive) > 0.0:
                first = 0.0
            if mode == CEILING and v >= cell.threshold:
                first, kind = 0.0, SPIKE
        else:
            then, kind = v + drive * h + 0.0, SPIKE
            for limit in (THRESHOLD, FLOOR, CEILING):
                level = cell.floor if limit == FLOOR else (cell.ceiling if limit == CEILING else cell.threshold)
                if abs(level) < inf:
                    s = reach_on_line(drive, v, h, then, level, -1.0 if limit == FLOOR else 1.0, limit != THRESHOLD)
                    if s < first:
                        first, kind = s, SPIKE if limit == THRESHOLD else limit
        if first > h:
            neuron.v, neuron.mode, neuron.last = then, mode, t
            break
        if mode == FREE and kind == SPIKE:
            then = v if cell.subtract and first == 0.0 else cell.threshold
        neuron.v, neuron.mode, neuron.last = then, mode, min(neuron.last + first, t)
        if kind == SPIKE:
            fire(cell, neuron, register, time, ids, j, True)
            if register[FAULT]:
                break
        else:
            neuron.mode = kind
            if kind == FREE:
                neuron.v = v
            else:
                neuron.v = cell.floor if kind == FLOOR else cell.ceiling
    if turn == MAX_EVENTS:
        register[FAULT], register[FAULT_DETAIL] = RUNAWAY, j


@inner
def deliver_on_line(
    fixed: Fixed, state: State, work: Workspace, k: int, segment: Index, skip: Index, count: Index, t: float
) -> None:
    """`deliver_row` onto neurons `on_line`."""
    post, narrow, wide, is_wide = fixed.post, fixed.narrow, fixed.wide, len(fixed.wide) > 0
    neurons, seg = state.neurons, fixed.segments[segment]
    bundle = fixed.bundles[seg.projection]
    first, weight, step = seg.first, seg.weight, bundle.step
    cell = fixed.cells[fixed.groups[bundle.group].cells]
    threshold, floor, ceiling = cell.threshold, cell.floor, cell.ceiling
    for i in range(skip, skip + count):
        j = np.uint64(post[np.uint64(first + i)])
        neuron = neurons[j]
        h = t - neuron.last
        if h > 0.0:
            safe, v = no_event_on_line(threshold, floor, ceiling, neuron, h, t)
            if safe:
                neuron.v, neuron.last = v, t
            else:
                advance_on_line(cell, neuron, work.tally[k], work.time[k], work.ids[k], np.int64(j), t)
        at = np.uint64(weight + step * i)
        w = wide[at] if is_wide else np.float64(narrow[at])
        if neuron.mode != HELD and neuron.mode != FORCED and w != 0.0:
            neuron.v += w
            neuron.mode = FREE


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
    if on_line(fixed, group):
        deliver_on_line(fixed, state, work, k, segment, skip, count, t)
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


@inner
def finish_on_line(fixed: Fixed, state: State, work: Workspace, k: int, g: int, end: float) -> None:
    """`finish_state_form` of neurons `on_line`."""
    neurons, group = state.neurons, fixed.groups[g]
    cell = fixed.cells[group.cells]
    threshold, floor, ceiling = cell.threshold, cell.floor, cell.ceiling
    for j in range(max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])):
        neuron = neurons[j]
        if load_acquire(work.halt, 0):
            work.tally[k, FAULT] = HALTED
            return
        h = end - neuron.last
        if h > 0.0:
            safe, _ = no_event_on_line(threshold, floor, ceiling, neuron, h, end)
            if not safe:
                advance_on_line(cell, neuron, work.tally[k], work.time[k], work.ids[k], j, end)


@routine
def finish_state_form(fixed: Fixed, state: State, work: Workspace, k: int, g: int, end: float) -> None:
    """Find the spikes before the window's end of all neurons of a group."""
    cells, rate, neurons, xs = fixed.cells, fixed.rate, state.neurons, state.x
    group, known, f = fixed.groups[g], -1.0, work.factor[k]
    if on_line(fixed, group):
        finish_on_line(fixed, state, work, k, g, end)
        return
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
