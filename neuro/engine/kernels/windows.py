"""The exact engine's loop: windows as long as the shortest delay, whose arrivals are all known before they start."""

from __future__ import annotations

from math import inf

import numpy as np

from neuro.engine.kernels.amplitude_form import survey
from neuro.engine.kernels.arrays import (
    COMPACT,
    CROWDED,
    CULPRIT,
    FAULT,
    FORCED,
    FREE,
    FRESH,
    HALTED,
    I8,
    N_OUT,
    NARROW,
    NEVER,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    NEXT_STEP,
    QUIET,
    RELEASED,
    RUNAWAY,
    SOURCE,
    VACANT,
    WATCHED,
    Fixed,
    Index,
    Inputs,
    Output,
    Records,
    State,
    Workspace,
)
from neuro.engine.kernels.calendar import deal, earliest_due, enter, sort_events, take, window_of
from neuro.engine.kernels.sampling import sample
from neuro.engine.kernels.state_form import cell_of, emit
from neuro.engine.kernels.threads import work_together
from neuro.engine.kernels.window_share import change, changes
from neuro.jit import inner, kernel, seen
from neuro.simd import fetch

__all__ = ["first_busy", "force", "run_windows"]


@inner
def idle(fixed: Fixed, state: State, work: Workspace) -> bool:
    """Will no neuron ever spike again without input? A bound over all future time decides."""
    for k in range(len(work.bounds) - 1):
        if work.tally[k, WATCHED]:
            return False
    for g in range(len(fixed.groups)):
        group = fixed.groups[g]
        if group.kind == SOURCE or (group.kind == COMPACT and state.outlook[g] & (QUIET | FRESH) == QUIET):
            continue
        for j in range(group.start, group.stop):
            at = cell_of(fixed, g, j)
            cell, neuron = fixed.cells[at], state.neurons[j]
            if neuron.mode == FORCED:
                continue
            if group.kind == COMPACT:
                gap, a, b = cell.threshold - neuron.drive / cell.leak, state.amp[j, 0], state.amp[j, 1]
                if group.slow:
                    s = 0.0
                    for i in range(group.first_slow, group.first_slow + group.slow):
                        s += max(state.x[j, i] * group.rate_m / (group.rate_m - fixed.rate[at, i]), 0.0)
                    gap -= s
                if a != -inf and not max(a + b, 0.0) + max(b / group.shape * group.peak, 0.0) < gap:
                    return False
                continue
            most, extra, sink = neuron.drive, 0.0, 0.0
            for i in range(state.x.shape[1]):
                x = state.x[j, i]
                if i >= cell.currents:
                    sink += min(x, 0.0)
                elif x > 0.0:
                    most += cell.gain * x
                    extra += cell.gain * x / fixed.rate[at, i]
            if cell.leak > 0.0:
                most = max(neuron.v, most / cell.leak)
            else:
                most = inf if neuron.drive > 0.0 else neuron.v + extra
            if most >= cell.threshold + sink:
                return False
    return True


@inner
def next_busy(fixed: Fixed, state: State, inputs: Inputs, work: Workspace, window: Index, length: float) -> Index:
    """The first window, from this one on, in which anything can happen: this one unless all neurons are idle.

    It depends on nothing but the state and the inputs, so a run that stops in between skips the same windows.
    """
    s, k = state.register[NEXT_SOURCE], state.register[NEXT_STEP]
    next_source = window_of(inputs.source_time[s], length) if s < len(inputs.source_time) else NEVER
    slot = state.bucket[window % len(state.bucket)]
    while slot >= 0:
        if state.calendar[slot].due <= window:
            return window
        slot = state.calendar[slot].next
    if next_source <= window or not idle(fixed, state, work):
        return window
    ahead = min(next_source, earliest_due(state.calendar, state.bucket))
    while k < len(inputs.steps) and ahead > window:
        step = inputs.steps[k]
        if window_of(step.time, length) >= ahead:
            break
        if changes(state, inputs, step):
            return max(window, window_of(step.time, length))
        k += 1
    return ahead


@inner
def load_workspace(state: State, work: Workspace) -> None:
    """Take over reference times, places in the inputs, and the watched neurons, from the state to the work."""
    for k in range(len(work.bounds) - 1):
        for g in range(len(state.origin)):
            work.origin[k, g] = state.origin[g]
        tally = work.tally[k]
        for i in range(len(tally)):
            tally[i] = 0
        tally[NEXT_STEP], tally[NEXT_SAMPLE] = state.register[NEXT_STEP], state.register[NEXT_SAMPLE]
        for j in range(work.bounds[k], work.bounds[k + 1]):
            if state.neurons[j].listed:
                work.watched[k, tally[WATCHED]] = j
                tally[WATCHED] += 1


@kernel
def first_busy(fixed: Fixed, state: State, inputs: Inputs, work: Workspace, window: Index, length: float) -> Index:
    """`next_busy` for a state that has just been put down."""
    load_workspace(state, work)
    return next_busy(fixed, state, inputs, work, window, length)


@inner
def file_releases(state: State, work: Workspace, k: int, window: Index, length: float) -> int:
    """Enter the refractory times that end after this window; return how many."""
    tally = work.tally[k]
    n = tally[RELEASED]
    for i in range(n):
        code = -1 - work.free_id[k, i]
        enter(state.calendar, state.bucket, state.register, window, length, work.free_time[k, i], code)
    tally[RELEASED] = 0
    return int(n)


@inner
def vacant(calendar: Records) -> int:
    """How many entries of the calendar are free."""
    n = 0
    for slot in range(len(calendar)):
        n += calendar[slot].next == VACANT
    return n


@kernel
def force(fixed: Fixed, state: State, work: Workspace, ids: I8, forced: bool, t: float, length: float) -> None:
    """Suspend (or, with `forced` 0, release) the dynamics of some neurons at `t`, between two windows."""
    load_workspace(state, work)
    for j in ids:
        drive, mode, g = state.neurons[j].drive, FORCED if forced else FREE, np.int64(state.neurons[j].group)
        if fixed.groups[g].kind != SOURCE:
            change(fixed, state, work, 0, j, t, t, drive, mode)
            state.outlook[g] = 0
    file_releases(state, work, 0, window_of(t, length), length)


@inner
def prepare(fixed: Fixed, state: State, inputs: Inputs, end: float) -> None:
    """Before a window: survey groups of which nothing is known, and forget those whose bias changes in it."""
    for g in range(len(fixed.groups)):
        if fixed.groups[g].kind == COMPACT and state.outlook[g] == 0:
            survey(fixed, state, g)
    s = state.register[NEXT_STEP]
    while s < len(inputs.steps) and inputs.steps[s].time < end:
        step = inputs.steps[s]
        if changes(state, inputs, step):
            state.outlook[np.int64(state.neurons[step.first].group)] = 0
        s += 1


@inner
def overrun(state: State, out: Output, work: Workspace, before: Index, last: Index) -> None:
    """Did a neuron fire more often in this window than it may? Sources and forced neurons do as they are told."""
    for n in range(before, last):
        j = out.neuron[n]
        neuron = state.neurons[j]
        work.fired[j] += 1
        over = work.fired[j] > work.limit[np.int64(neuron.group)] and neuron.mode != FORCED
        if over and not state.register[FAULT]:
            state.register[FAULT], state.register[CULPRIT] = RUNAWAY, j
    for n in range(before, last):
        work.fired[out.neuron[n]] = 0


@inner
def gather(
    fixed: Fixed,
    state: State,
    inputs: Inputs,
    out: Output,
    work: Workspace,
    window: Index,
    length: float,
    start: float,
    end: float,
) -> int:
    """After a window: put all threads' spikes in order of time, and send them on their way.

    Returns how many entries that took in the calendar.
    """
    register, threads, entered = state.register, len(work.bounds) - 1, 0
    before = register[N_OUT]
    for k in range(threads):
        tally, room = work.tally[k], work.time.shape[1]
        for i in range(min(tally[N_OUT], room)):
            emit(register, out.time, out.neuron, work.time[k, i], work.ids[k, i])
        register[N_OUT] += max(tally[N_OUT] - room, 0)
        if tally[FAULT]:
            register[FAULT], register[CULPRIT] = tally[FAULT], tally[CULPRIT]
        tally[N_OUT] = 0
        entered += file_releases(state, work, k, window, length)
    s = register[NEXT_SOURCE]
    while s < len(inputs.source_time) and inputs.source_time[s] < end:
        emit(register, out.time, out.neuron, inputs.source_time[s], inputs.source_id[s])
        s += 1
    register[NEXT_SOURCE] = s
    register[NEXT_STEP], register[NEXT_SAMPLE] = work.tally[0, NEXT_STEP], work.tally[0, NEXT_SAMPLE]
    if register[FAULT]:
        return entered
    last = register[N_OUT]
    deal(out.time, out.neuron, before, last, start, end, work.spare_time, work.spare_code, work.place)
    sort_events(out.time, out.neuron, before, last, work.spare_time, work.spare_code)
    if last - before > work.limit[len(fixed.groups)]:
        overrun(state, out, work, before, last)
        if register[FAULT]:
            return entered
    for n in range(before, last):
        if seen(work.halt, 0):
            register[FAULT] = HALTED
            return entered
        j = out.neuron[n]
        fetch(fixed.row, out.neuron[min(n + 8, last - 1)])
        fetch(fixed.segments, fixed.row[out.neuron[min(n + 4, last - 1)]])
        k = fixed.row[j]
        while k < fixed.row[j + 1]:
            delay = fixed.segments[k].delay
            if delay >= 0.0:
                enter(state.calendar, state.bucket, register, window, length, out.time[n] + delay, k)
                entered, k = entered + 1, k + 1
            else:  # waits for what this window's spikes teach
                k += np.int64(-delay)
    if register[FAULT]:
        register[CULPRIT] = entered
    for g in range(len(fixed.groups)):
        state.origin[g] = work.origin[0, g]
        state.outlook[g] &= ~FRESH
    return entered


@kernel
def run_windows(
    fixed: Fixed,
    state: State,
    inputs: Inputs,
    out: Output,
    work: Workspace,
    begin: float,
    stop: float,
    length: float,
    count_from: float,
    count_to: float,
    workers: int,
) -> float:
    """Simulate from `begin` to `stop`, window by window; return the time reached.

    With several workers, `help_out` has to run on as many more threads.

    Stops early, with a code in register[FAULT], where a neuron fires without end, or an array is full: then all is to
    be done again with more room. Where the next window might not find room, in the calendar (NARROW) or for its
    spikes (CROWDED), what was done so far holds.
    """
    register, threads = state.register, len(work.bounds) - 1
    load_workspace(state, work)
    start, window = begin, window_of(begin, length)
    free, entered, fired = vacant(state.calendar), 0, np.int64(0)
    while start < stop:
        if start > begin:
            # Where few entries are vacant, finding them takes long.
            if free < max(2 * entered, len(state.calendar) // 8):
                register[FAULT] = NARROW
            elif len(out.time) - register[N_OUT] < 2 * fired:
                register[FAULT] = CROWDED
            if register[FAULT]:
                return start
        ahead = next_busy(fixed, state, inputs, work, window, length)
        if ahead > window:
            window = min(ahead, window_of(stop, length))
            start = min(window * length, stop)
            for k in range(threads):
                sample(fixed, state, inputs, out, work, k, start)
            register[NEXT_SAMPLE] = work.tally[0, NEXT_SAMPLE]
            if start >= stop:
                break
        end = min((window + 1) * length, stop)
        n_events = take(state, work, window, start, end)
        fired = -register[N_OUT]
        for e in range(n_events):
            fetch(fixed.segments, max(work.event_code[min(e + 8, n_events - 1)], 0))
            if work.event_code[e] >= 0 and count_from <= work.event_time[e] < count_to:
                seg = fixed.segments[work.event_code[e]]
                out.events[seg.projection] += seg.count
        m = register[NEXT_SAMPLE]
        # A run that ends in this window does not know its later inputs: what it samples before them must not
        # depend on whether they moved the reference times. So the scan waits for the first event, if it can.
        waiting = m < len(inputs.sample_time) and inputs.sample_time[m] < end and idle(fixed, state, work)
        prepare(fixed, state, inputs, end)
        work_together(fixed, state, inputs, out, work, workers, start, end, n_events, waiting)
        entered = gather(fixed, state, inputs, out, work, window, length, start, end)
        if register[FAULT]:
            return start
        free, fired = free + n_events - entered, fired + register[N_OUT]
        start, window = end, window + 1
    return start
