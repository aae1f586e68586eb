"""The outermost loop: windows as long as the shortest delay, so that all arrivals are known before a window starts."""

from __future__ import annotations

import numpy as np

from neuro.engine.arrivals.cursors import any_due, enter_cursor, first_cursor, reaches, scarce_room
from neuro.engine.arrivals.lists import clear_arrivals
from neuro.engine.arrivals.routed import collect_counts, count_pending, first_due, send_on_route
from neuro.engine.codes import (
    AMPLITUDE_FORM,
    CALENDAR_LOW,
    FAULT,
    FAULT_DETAIL,
    FORCED,
    FREE,
    FULL,
    HALTED,
    IS_ASIDE,
    N_RELEASES,
    N_SENT,
    N_SPIKES,
    N_WATCHED,
    NEVER,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    NEXT_STEP,
    RUNAWAY,
    SOURCE,
    SPIKE_ROOM_LOW,
    SURVEYED,
    UNSCANNED,
    VACANT,
)
from neuro.engine.instants import instant_of
from neuro.engine.kernels.amplitude_form import survey_gaps
from neuro.engine.kernels.arrays import I8, Fixed, Index, Inputs, Output, Records, State, Workspace
from neuro.engine.kernels.calendar import bucket_sort, earliest_due, enter, sort_events, take_due, window_of
from neuro.engine.kernels.sampling import sample_voltages
from neuro.engine.kernels.state_form import write_spike
from neuro.engine.kernels.threads import run_shares
from neuro.engine.kernels.window_share import change_neuron, step_changes
from neuro.engine.lines.aside import put_all_back
from neuro.engine.lines.idle import idle
from neuro.jit import inner, kernel, load_acquire
from neuro.simd import prefetch

__all__ = ["first_busy", "run_windows", "set_forced"]


@inner
def next_busy(fixed: Fixed, state: State, inputs: Inputs, work: Workspace, window: Index, length: float) -> Index:
    """The first window, from this one on, with an event: this one, unless all neurons are idle.

    It depends on the state and the inputs alone, so a run that stops in between skips the same windows.
    """
    s, k = state.register[NEXT_SOURCE], state.register[NEXT_STEP]
    next_source = window_of(inputs.source_time[s], length) if s < len(inputs.source_time) else NEVER
    slot = state.bucket[window % len(state.bucket)]
    while slot >= 0:
        if state.calendar[slot].due <= window:
            return window
        slot = state.calendar[slot].next
    if work.cursor_bucket.shape[1] and any_due(work, window):
        return window
    if next_source <= window or not idle(fixed, state, work):
        return window
    found = first_due(work, length, min(next_source, earliest_due(state.calendar, state.bucket)))
    if found <= window:
        return window
    if work.cursor_bucket.shape[1]:
        found = min(found, first_cursor(work))
    while k < len(inputs.steps) and found > window:
        step = inputs.steps[k]
        if window_of(step.time, length) >= found:
            break
        if step_changes(state, inputs, step):
            return max(window, window_of(step.time, length))
        k += 1
    return found


@inner
def load_workspace(fixed: Fixed, state: State, work: Workspace) -> None:
    """Copy reference times, places in the inputs, and the list of watched neurons from the state to the workspace.

    Cursors are there already (`arrivals/cursors.py`).
    """
    for k in range(len(work.bounds) - 1):
        for g in range(len(state.origin)):
            work.origin[k, g] = state.origin[g]
        tally = work.tally[k]
        for i in range(len(tally)):
            tally[i] = 0
        for p in range(len(fixed.bundles)):
            work.counted[k, p] = 0
        tally[NEXT_STEP], tally[NEXT_SAMPLE] = state.register[NEXT_STEP], state.register[NEXT_SAMPLE]
        for j in range(work.bounds[k], work.bounds[k + 1]):
            if len(work.head):
                clear_arrivals(work, j)
            if len(work.aside_bits):
                work.aside_bits[j, IS_ASIDE] = np.uint64(0)
            if state.neurons[j].listed:
                work.watched[k, tally[N_WATCHED]] = j
                tally[N_WATCHED] += 1


@kernel
def first_busy(fixed: Fixed, state: State, inputs: Inputs, work: Workspace, window: Index, length: float) -> Index:
    """`next_busy` for a state that is not in the workspace yet."""
    load_workspace(fixed, state, work)
    return next_busy(fixed, state, inputs, work, window, length)


@inner
def file_releases(state: State, work: Workspace, k: int, window: Index, length: float) -> int:
    """Enter the refractory times that end after this window; return how many."""
    tally = work.tally[k]
    n = tally[N_RELEASES]
    for i in range(n):
        code = -1 - work.free_id[k, i]
        enter(state.calendar, state.bucket, state.register, window, length, work.free_time[k, i], code)
    tally[N_RELEASES] = 0
    return int(n)


@inner
def count_vacant(calendar: Records) -> int:
    """Number of vacant entries of the calendar."""
    n = 0
    for slot in range(len(calendar)):
        n += calendar[slot].next == VACANT
    return n


@kernel
def set_forced(fixed: Fixed, state: State, work: Workspace, ids: I8, forced: bool, t: float, length: float) -> None:
    """Suspend the dynamics of some neurons at `t`, between two windows; or resume it, if `forced` is 0."""
    load_workspace(fixed, state, work)
    for j in ids:
        drive, mode, g = state.neurons[j].drive, FORCED if forced else FREE, np.int64(state.neurons[j].group)
        if fixed.groups[g].kind != SOURCE:
            change_neuron(fixed, state, work, 0, j, t, t, drive, mode)
            state.outlook[g] = 0
    file_releases(state, work, 0, window_of(t, length), length)


@inner
def survey_groups(fixed: Fixed, state: State, inputs: Inputs, end: float) -> None:
    """Before a window: survey groups whose gaps are not known, and mark those whose drive changes in it as unknown."""
    for g in range(len(fixed.groups)):
        if fixed.groups[g].kind == AMPLITUDE_FORM and not state.outlook[g] & SURVEYED:
            survey_gaps(fixed, state, g)
    s = state.register[NEXT_STEP]
    while s < len(inputs.steps) and inputs.steps[s].time < end:
        step = inputs.steps[s]
        if step_changes(state, inputs, step):
            own = np.int64(state.neurons[step.first].group)
            # With loose arrivals, what is watched up to the step must not depend on it: all is known after the window.
            state.outlook[own] = state.outlook[own] & ~SURVEYED if fixed.groups[own].loose else 0
        s += 1


@inner
def check_rates(state: State, out: Output, work: Workspace, before: Index, last: Index) -> None:
    """Set the fault RUNAWAY if a neuron fired more often in this window than it may, unless its spikes are given."""
    for n in range(before, last):
        j = out.neuron[n]
        neuron = state.neurons[j]
        work.fired[j] += 1
        over = work.fired[j] > work.limit[np.int64(neuron.group)] and neuron.mode != FORCED
        if over and not state.register[FAULT]:
            state.register[FAULT], state.register[FAULT_DETAIL] = RUNAWAY, j
    for n in range(before, last):
        work.fired[out.neuron[n]] = 0


@inner
def collect_spikes(
    state: State, inputs: Inputs, out: Output, work: Workspace, window: Index, length: float, end: float
) -> int:
    """Append the window's spikes of all threads and of sources to the output, and enter the threads' releases.

    Returns how many entries of the calendar that took.
    """
    register, entered = state.register, 0
    for k in range(len(work.bounds) - 1):
        tally, room = work.tally[k], work.time.shape[1]
        for i in range(min(tally[N_SPIKES], room)):
            write_spike(register, out.time, out.neuron, work.time[k, i], work.ids[k, i])
        register[N_SPIKES] += max(tally[N_SPIKES] - room, 0)
        if tally[FAULT]:
            register[FAULT], register[FAULT_DETAIL] = tally[FAULT], tally[FAULT_DETAIL]
        tally[N_SPIKES] = 0
        entered += file_releases(state, work, k, window, length)
    s = register[NEXT_SOURCE]
    while s < len(inputs.source_time) and inputs.source_time[s] < end:
        write_spike(register, out.time, out.neuron, inputs.source_time[s], inputs.source_id[s])
        s += 1
    register[NEXT_SOURCE] = s
    return entered


@inner
def send_spikes(
    fixed: Fixed, state: State, out: Output, work: Workspace, window: Index, length: float, before: Index, last: Index
) -> int:
    """Enter the arrivals of the spikes before .. last in the calendar; return their number."""
    register, entered = state.register, 0
    for n in range(before, last):
        if load_acquire(work.halt, 0):
            register[FAULT] = HALTED
            return entered
        j = out.neuron[n]
        if work.route_row.shape[1]:
            for k in range(len(work.cursor_row)):
                for m in range(work.cursor_row[k, j], work.cursor_row[k, j + 1]):
                    row = np.int64(work.cursor_segment[m])
                    enter_cursor(fixed, work, register, k, row, out.time[n], window, length)
            send_on_route(work, register, j, out.time[n])
            continue
        prefetch(fixed.row, out.neuron[min(n + 8, last - 1)])
        prefetch(fixed.segments, fixed.row[out.neuron[min(n + 4, last - 1)]])
        k = fixed.row[j]
        while k < fixed.row[j + 1]:
            seg = fixed.segments[k]
            delay = seg.delay
            if fixed.bundles[seg.projection].lags:
                for m in range(len(work.bounds) - 1):
                    if reaches(fixed, work, m, fixed.bundles[seg.projection].group):
                        enter_cursor(fixed, work, register, m, k, out.time[n], window, length)
                k += 1
            elif delay >= 0.0:
                arrival = instant_of(out.time[n] + delay)
                enter(state.calendar, state.bucket, register, window, length, arrival, k)
                entered, k = entered + 1, k + 1
            else:  # a plastic row, which is sent after the window's spikes have changed its weights
                k += np.int64(-delay)
    return entered


@inner
def finish_window(
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
    """After a window: sort its spikes by time, and send them.

    Returns how many entries of the calendar that took.
    """
    register = state.register
    before = register[N_SPIKES]
    entered = collect_spikes(state, inputs, out, work, window, length, end)
    register[NEXT_STEP], register[NEXT_SAMPLE] = work.tally[0, NEXT_STEP], work.tally[0, NEXT_SAMPLE]
    if register[FAULT]:
        return entered
    last, work.flown[0, N_SENT] = register[N_SPIKES], 0
    bucket_sort(out.time, out.neuron, before, last, start, end, work.spare_time, work.spare_code, work.place)
    sort_events(out.time, out.neuron, before, last, work.spare_time, work.spare_code)
    if last - before > work.limit[len(fixed.groups)]:
        check_rates(state, out, work, before, last)
        if register[FAULT]:
            return entered
    entered += send_spikes(fixed, state, out, work, window, length, before, last)
    if register[FAULT] == HALTED:
        return entered
    if register[FAULT]:
        register[FAULT_DETAIL] = entered + work.flown[0, N_SENT]
    for g in range(len(fixed.groups)):
        state.origin[g] = work.origin[0, g]
        state.outlook[g] &= ~UNSCANNED
    return entered


@kernel
def run_windows(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, begin: float, stop: float, length: float,
    count_from: float, count_to: float, workers: int,
) -> float:  # fmt: skip
    """Simulate from `begin` to `stop`, window by window; return the time reached.

    With several workers, `run_worker` has to run on the other threads.

    Stops early, with a `Fault` in register[FAULT]. After those of STILL_VALID, all windows up to the time reached are
    valid; after any other fault, the run has to be repeated from `begin` with more room, or given up.
    """
    reached = go_on(fixed, state, inputs, out, work, begin, stop, length, count_from, count_to, workers)
    for k in range(len(work.bounds) - 1):
        put_all_back(fixed, state, work, k)
    return reached


@inner
def go_on(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, begin: float, stop: float, length: float,
    count_from: float, count_to: float, workers: int,
) -> float:  # fmt: skip
    """`run_windows`, which may leave neurons aside."""
    register, threads, routed = state.register, len(work.bounds) - 1, work.route_row.shape[1] > 0
    work.job[2], work.job[3], work.job[4] = count_from, count_to, length
    load_workspace(fixed, state, work)
    start, window = begin, window_of(begin, length)
    free, entered, fired = count_vacant(state.calendar), 0, np.int64(0)
    work.flown[0, N_SENT] = 0
    while start < stop:
        if start > begin:
            # With few vacant entries, the search for one takes long.
            pending, sent = count_pending(work), work.flown[0, N_SENT]
            if free - pending < max(2 * (entered + sent), len(state.calendar) // 8):
                register[FAULT] = CALENDAR_LOW
            elif len(out.time) - register[N_SPIKES] < 2 * fired:
                register[FAULT] = SPIKE_ROOM_LOW
            else:
                register[FAULT], register[FAULT_DETAIL] = scarce_room(work)
            if register[FAULT]:
                return start
        busy = next_busy(fixed, state, inputs, work, window, length)
        if busy > window:
            window = min(busy, window_of(stop, length))
            start = min(window * length, stop)
            for k in range(threads):
                sample_voltages(fixed, state, inputs, out, work, k, start)
            register[NEXT_SAMPLE] = work.tally[0, NEXT_SAMPLE]
            if start >= stop:
                break
        end = min((window + 1) * length, stop)
        n_events = take_due(state, work, window, start, end)
        fired = -register[N_SPIKES]
        for e in range(0 if routed else n_events):
            prefetch(fixed.segments, max(work.event_code[min(e + 8, n_events - 1)], 0))
            if work.event_code[e] >= 0 and count_from <= work.event_time[e] < count_to:
                seg = fixed.segments[work.event_code[e]]
                out.events[seg.projection] += seg.count
        cursors_due = work.cursor_bucket.shape[1] > 0 and any_due(work, window)
        m = register[NEXT_SAMPLE]
        # A run that ends in this window does not know its later inputs. Samples before them must not depend on whether
        # they moved reference times. So if all neurons are idle, the scan waits for the first event.
        waiting = (
            m < len(inputs.sample_time) and inputs.sample_time[m] < end and not cursors_due and idle(fixed, state, work)
        )
        survey_groups(fixed, state, inputs, end)
        run_shares(fixed, state, inputs, out, work, workers, start, end, n_events, waiting, window)
        entered = finish_window(fixed, state, inputs, out, work, window, length, start, end)
        if register[FAULT]:
            return start
        free, fired = free + n_events - entered, fired + register[N_SPIKES]
        if routed or work.cursor_bucket.shape[1]:
            collect_counts(out, work)
        if routed and count_pending(work) > free:
            register[FAULT], register[FAULT_DETAIL] = FULL, entered + work.flown[0, N_SENT]
            return start
        start, window = end, window + 1
    return start
