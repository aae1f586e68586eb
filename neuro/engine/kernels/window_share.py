"""One thread's share of a window: all that reaches its neurons, in order of time, and the spikes that follow.

`run_share` is the loop. The functions before it take one kind of arrival each: a change of the drive, a row of synapses
onto neurons in amplitude form, several such rows at one instant. `amplitude_spikes.end_refractory` ends a refractory
time, `state_form_rows.deliver_row` takes a row onto neurons in state form, and `sampling.sample_voltages` a sample.
"""

from __future__ import annotations

from math import exp, inf

import numpy as np

from neuro.engine.arrivals.amplitude_arrivals import bring_arrivals, finish_arrivals, scan_with_arrivals, watch_rest
from neuro.engine.arrivals.dealing import deal_arrivals
from neuro.engine.arrivals.routed import take_own
from neuro.engine.arrivals.state_arrivals import take_arrivals
from neuro.engine.arrivals.watched import end_refractory, finish_watched
from neuro.engine.codes import (
    AMPLITUDE_FORM,
    BLOCK,
    DRIVEN,
    FAULT,
    HALTED,
    HELD,
    N_EVENTS,
    N_LOOSE,
    N_TOUCHED,
    NEXT_SAMPLE,
    NEXT_STEP,
    QUIET,
    RECORD_SPIKES,
    SAME_GAP,
    STATE_FORM,
    UNSCANNED,
    WAITING,
)
from neuro.engine.kernels.add_rows import (
    add_driven,
    add_each,
    add_falling,
    add_same,
    add_whole,
    prefetch_later_rows,
    prefetch_targets,
)
from neuro.engine.kernels.amplitude_form import (
    MAX_GROWTH,
    Bound,
    bound_at,
    bound_from_factors,
    clears,
    move_reference_time,
    scan_group,
    to_amplitude_form,
    to_state_form,
    watch,
)
from neuro.engine.kernels.amplitude_spikes import FIRED, UNDECIDED, check_watched
from neuro.engine.kernels.arrays import I8, Fixed, Index, Inputs, Output, Record, Records, State, Workspace
from neuro.engine.kernels.sampling import sample_voltages
from neuro.engine.kernels.state_form import add_input, advance_neuron, cell_row
from neuro.engine.kernels.state_form_rows import advance_on_line, deliver_row, finish_state_form, on_line
from neuro.engine.lines.aside import put_all_back
from neuro.engine.lines.eight_lines import ALL, cross_window, is_across
from neuro.jit import inlined, inner, load_acquire, routine
from neuro.simd import prefetch

NO_NEURON = np.uint64(2**64 - 1)

__all__ = ["change_neuron", "run_share", "step_changes"]


@routine
def change_neuron(
    fixed: Fixed, state: State, work: Workspace, k: int, j: Index, t: float, end: float, drive: float, mode: int
) -> None:
    """Advance neuron j to `t` and give it another drive and, if `mode` is not negative, another mode."""
    neuron, amp = state.neurons[j], state.amp[j]
    g = np.int64(neuron.group)
    cell = fixed.cells[cell_row(fixed, g, j)]
    amplitude_form = fixed.groups[g].kind == AMPLITUDE_FORM
    loose = fixed.groups[g].loose
    if loose and amplitude_form:
        bring_arrivals(fixed, state, work, k, g, j, t, True)
    elif loose:
        take_arrivals(fixed, state, work, k, g, j, t, True)
    through_state_form = amplitude_form and (amp[0] != -inf or mode >= 0)
    if through_state_form:
        to_state_form(fixed, state, work, k, g, j, t)
    elif not amplitude_form and on_line(fixed, fixed.groups[g]):
        advance_on_line(cell, neuron, work.tally[k], work.time[k], work.ids[k], j, t)
    elif not amplitude_form:
        advance_neuron(fixed, state, work, k, j, t, RECORD_SPIKES)
    neuron.drive = drive
    if mode >= 0:
        neuron.mode, neuron.v = mode, cell.reset
    if amplitude_form:
        state.gap[j] = cell.threshold - drive / cell.leak
    if through_state_form:
        to_amplitude_form(fixed, state, work, k, g, j, t, end)
        if loose:
            watch_rest(fixed, state, work, k, g, j, t)


@inner
def step_changes(state: State, inputs: Inputs, step: Record) -> bool:
    """Does a step give any neuron another drive?"""
    for i in range(step.count):
        if inputs.step_value[step.offset + i] != state.neurons[step.first + i].drive:
            return True
    return False


@inner
def apply_step(fixed: Fixed, state: State, inputs: Inputs, work: Workspace, k: int, step: Record, end: float) -> None:
    """Give this thread's neurons the drive of one step."""
    low, high = work.bounds[k], work.bounds[k + 1]
    for i in range(max(0, low - step.first), min(step.count, high - step.first)):
        j, drive = step.first + i, inputs.step_value[step.offset + i]
        if drive != state.neurons[j].drive:
            change_neuron(fixed, state, work, k, j, step.time, end, drive, -1)


@inner
def apply_first_steps(
    fixed: Fixed, state: State, inputs: Inputs, work: Workspace, k: int, start: float, end: float, t: float, code: Index
) -> None:
    """Apply the steps at the start of the window that come before its first event, at `t`, and its first sample."""
    tally, m, s = work.tally[k], work.tally[k, NEXT_SAMPLE], work.tally[k, NEXT_STEP]
    sample = inputs.sample_time[m] if m < len(inputs.sample_time) else inf
    while s < len(inputs.steps) and inputs.steps[s].time <= start:
        moment = inputs.steps[s].time
        if moment > sample or moment > t or (moment == t and code < 0):
            break
        put_all_back(fixed, state, work, k)
        apply_step(fixed, state, inputs, work, k, inputs.steps[s], end)
        s += 1
    tally[NEXT_STEP] = s


@inner
def scan_groups(fixed: Fixed, state: State, work: Workspace, k: int, start: float, end: float) -> None:
    """Before the first event of a window: move old reference times, and watch the neurons that could spike."""
    for g in range(len(fixed.groups)):
        group = fixed.groups[g]
        if group.kind == AMPLITUDE_FORM:
            if (start - work.origin[k, g]) * group.fastest > MAX_GROWTH:
                move_reference_time(fixed, state, work, k, g, start)
            if group.loose:
                scan_with_arrivals(fixed, state, work, k, g, start, end)
            elif not state.outlook[g] & QUIET or state.outlook[g] & UNSCANNED:
                scan_group(fixed, state, work, k, g, start, end)


@inner
def is_release(state: State, j: Index, t: float) -> bool:
    """Does neuron j's refractory time end at `t`? Not if it was forced or changed after that event was entered."""
    neuron = state.neurons[j]
    return bool(neuron.mode == HELD and neuron.until == t and state.amp[j, 0] == -inf)


@inlined
def own_part(
    fixed: Fixed, work: Workspace, segments: Records, k: int, code: Index, g: Index
) -> tuple[np.int64, np.int64]:
    """(first, count) of the part of row `code`, onto group g, whose targets are thread k's."""
    group, low, high = fixed.groups[g], work.bounds[k], work.bounds[k + 1]
    begin, count = np.int64(0), np.int64(segments[code].count)
    if work.route_row.shape[1]:  # routes have the thread's own parts alone
        return begin, count
    if group.stop <= low or group.start >= high:
        count = np.int64(0)
    elif group.start < low or group.stop > high:
        begin = np.int64(work.cuts[code, k])
        count = np.int64(work.cuts[code, k + 1]) - begin
    return begin, count


@inlined
def end_of_burst(fixed: Fixed, work: Workspace, seg: Record, bundle: Record, e: int, n_events: int, t: float) -> int:
    """The first arrival from e on that is no whole row at `t` onto the same targets and the same receptor."""
    stop = e
    while stop < n_events and work.event_time[stop] == t:
        other = fixed.segments[work.event_code[stop]]
        beside = fixed.bundles[other.projection]
        if other.first != seg.first or beside.receptor != bundle.receptor or not beside.whole:
            break
        stop += 1
    return stop


@inlined
def add_block(
    fixed: Fixed, state: State, work: Workspace, k: int, seg: Record, bundle: Record, base: Index, size: Index,
    e: int, stop: int, unit_a: float, unit_b: float, es_end: float, bound: Bound,
) -> int:  # fmt: skip
    """Add `size` synapses of a row, from `base` on, to the amplitudes of their targets, in the fastest way that fits.

    Returns the number of hits: targets that the bound does not clear. A whole row is added with all of e .. stop.
    """
    g, at, weight = bundle.group, seg.first + base, seg.weight + base
    p, q, up, most = bound.p, bound.q, bound.up, bound.most
    same_gap, gap = state.outlook[g] & SAME_GAP != 0, state.gap[fixed.groups[g].start]
    if bundle.whole:
        who = np.int64(fixed.post[at])
        n = add_whole(fixed, state, work, k, e, stop, base, who, size, unit_a, unit_b, p, q, up, most)
    elif bundle.step == 0:
        w = fixed.wide[seg.weight] if len(fixed.wide) else np.float64(fixed.narrow[seg.weight])
        da, db = w * unit_a, w * unit_b
        if w <= 0.0:
            n = add_falling(fixed, state, work, k, at, size, da, db)
        elif same_gap and state.outlook[g] & DRIVEN:
            n = add_driven(fixed, state, work, k, at, size, da, db, p, q, es_end, gap)
        else:
            n = add_same(fixed, state, work, k, at, size, same_gap, gap, da, db, p, q, up, most)
    else:
        n = add_each(fixed, state, work, k, at, weight, size, same_gap, gap, unit_a, unit_b, p, q, up, most)
    return n


@inlined
def input_of(fixed: Fixed, work: Workspace, k: int, seg: Record, bundle: Record, base: Index, i: Index) -> float:
    """The input onto target i of a block: its weight, or the sum of its weights in all whole rows of this instant."""
    w: float
    if bundle.whole:
        w = work.total[k, i]
    else:
        at = np.uint64(seg.weight + bundle.step * (base + i))
        w = fixed.wide[at] if len(fixed.wide) else np.float64(fixed.narrow[at])
    return w


@inlined
def watch_hits(
    fixed: Fixed, state: State, work: Workspace, k: int, seg: Record, bundle: Record, base: Index, n: int,
    unit_a: float, unit_b: float, t: float, end: float, bound: Bound,
) -> None:  # fmt: skip
    """Watch the n hits of a block; those that were watched before may have fired, and take their input only now."""
    amp, post, hits, g = state.amp, fixed.post, work.hits[k], bundle.group
    group, same_gap = fixed.groups[g], state.outlook[g] & SAME_GAP != 0
    common_gap, previous, was_watched = state.gap[group.start], NO_NEURON, False
    for hit in range(n):
        i = hits[hit]
        j = np.uint64(post[np.uint64(seg.first + base + i)])
        gap, a, b = common_gap if same_gap else state.gap[j], amp[j, 0], amp[j, 1]
        # Rows are sorted: of several synapses onto one neuron, all found it watched, or none did.
        was_watched = a == inf if j != previous else was_watched
        if group.loose and j != previous:
            bring_arrivals(fixed, state, work, k, g, np.int64(j), t, False)
            gap, a, b = state.gap[j], amp[j, 0], amp[j, 1]
        previous = j
        if was_watched:
            w = input_of(fixed, work, k, seg, bundle, base, i)
            if a == inf:
                neuron = state.neurons[j]
                a, b = neuron.side_a, neuron.side_b
                outcome = check_watched(fixed, state, work, k, g, np.int64(j), bound.em, bound.es, gap, t, end)
                if outcome == FIRED:
                    amp[j, 1] += w * unit_b
                    continue
                if outcome == UNDECIDED:
                    to_state_form(fixed, state, work, k, g, np.int64(j), t)
                    add_input(neuron, state.x, j, bundle.receptor, w)
                    to_amplitude_form(fixed, state, work, k, g, np.int64(j), t, end)
                    if group.loose:
                        watch_rest(fixed, state, work, k, g, np.int64(j), t)
                    continue
            a, b = a + w * unit_a, b + w * unit_b
            # A neuron with arrivals to come stays watched, unless it is refractory.
            if clears(bound, a, b, gap) and not (group.loose and a != -inf and work.head[j] >= 0):
                amp[j, 0], amp[j, 1] = a, b
                continue
        elif a == inf:
            continue
        watch(state, work, k, group, bound, np.int64(j), gap, a, b, t)


@inlined
def add_arrivals(
    fixed: Fixed, state: State, work: Workspace, segments: Records, codes: I8, k: int, begin: Index, count: Index,
    e: int, n_events: int, t: float, end: float, es_end: float, bound: Bound,
) -> int:  # fmt: skip
    """Arrival e: add `count` synapses of its row, from `begin` on, to neurons in amplitude form.

    Whole rows that come at the same instant are added together. Returns the next arrival.
    """
    seg = segments[codes[e]]
    bundle = fixed.bundles[seg.projection]
    stop = end_of_burst(fixed, work, seg, bundle, e + 1, n_events, t) if bundle.whole else e + 1
    shape = fixed.groups[bundle.group].shape
    unit_a = 1.0 / bound.em if bundle.receptor < 0 else -shape / bound.em
    unit_b = 0.0 if bundle.receptor < 0 else shape / bound.es
    for base in range(begin, begin + count, BLOCK):
        left = begin + count - base
        size = BLOCK if left > BLOCK else left
        n = add_block(fixed, state, work, k, seg, bundle, base, size, e, stop, unit_a, unit_b, es_end, bound)
        for hit in range(n):
            prefetch(state.neurons, np.int64(fixed.post[np.uint64(seg.first + base + work.hits[k, hit])]))
        if size == left:
            prefetch_targets(fixed, state, work, segments, codes, k, stop, n_events)
        watch_hits(fixed, state, work, k, seg, bundle, base, n, unit_a, unit_b, t, end, bound)
    return stop


@routine
def run_share(fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, k: int) -> None:
    """Simulate thread k's neurons in the window that `work.job` and `work.signal` describe."""
    start, end, n_events = work.job[0], work.job[1], work.signal[N_EVENTS]
    waiting, times, codes = work.signal[WAITING] != 0, work.event_time, work.event_code
    segments, routed = fixed.segments, work.route_row.shape[1] > 0
    if routed:
        n_events = take_own(fixed, work, k, n_events, start, end)
        times, codes, segments = work.own_time[k, 0], work.own_code[k, 0], work.routes
    low, high, tally = work.bounds[k], work.bounds[k + 1], work.tally[k]
    deal_arrivals(fixed, work, k)
    if tally[FAULT]:
        return
    if not waiting:
        scan_groups(fixed, state, work, k, start, end)
        t, code = (times[0], codes[0]) if n_events else (inf, np.int64(0))
        apply_first_steps(fixed, state, inputs, work, k, start, end, t, code)
    across = 0 if routed else cross_window(fixed, state, inputs, work, k, end, n_events)
    if across & ALL:
        n_events = 0
    # Groups with the same time constants have the same factors and bounds.
    e, at, origin, rate_m, rate_s, was_quiet = 0, -inf, -inf, -inf, -inf, False
    em_end, es_end, bound = 1.0, 1.0, Bound(1.0, 1.0, 1.0, 1.0, 1.0, 0.0)
    while True:
        t = times[e] if e < n_events else inf
        code = codes[e] if e < n_events else np.int64(0)
        s, m = tally[NEXT_STEP], tally[NEXT_SAMPLE]
        t_step = inputs.steps[s].time if s < len(inputs.steps) else inf
        t_sample = inputs.sample_time[m] if m < len(inputs.sample_time) else inf
        if t_step < end and t_step <= t_sample and (t_step < t or (t_step == t and code >= 0)):
            if waiting and step_changes(state, inputs, inputs.steps[s]):
                scan_groups(fixed, state, work, k, start, end)
                waiting = False
            apply_step(fixed, state, inputs, work, k, inputs.steps[s], end)
            tally[NEXT_STEP] += 1
            continue
        if t_sample < end and t_sample < t:
            sample_voltages(fixed, state, inputs, out, work, k, min(t, t_step, end))
            continue
        if waiting:
            scan_groups(fixed, state, work, k, start, end)
            waiting = False
        if e >= n_events:
            break
        if load_acquire(work.halt, 0):
            tally[FAULT] = HALTED
            return
        prefetch_later_rows(fixed, state, work, segments, codes, k, e, n_events)
        e += 1
        j, begin, count = np.int64(-1 - code), np.int64(0), np.int64(0)
        if code < 0:
            if not (low <= j < high and is_release(state, j, t)):
                continue
            g = np.int64(state.neurons[j].group)
        else:
            g = fixed.bundles[segments[code].projection].group
            begin, count = own_part(fixed, work, segments, k, code, g)
            if count == 0:
                continue
            if routed and work.job[2] <= t < work.job[3]:
                work.counted[k, segments[code].projection] += count
            if fixed.groups[g].kind == STATE_FORM:
                prefetch_targets(fixed, state, work, segments, codes, k, e, n_events)
                row = code
                if routed:
                    row = np.int64(work.route_segment[code])
                    begin = segments[code].first - fixed.segments[row].first
                if not is_across(across, g):
                    deliver_row(fixed, state, work, k, row, begin, count, t)
                continue
        group, t0, quiet = fixed.groups[g], work.origin[k, g], state.outlook[g] & QUIET != 0
        alike = t0 == origin and group.rate_m == rate_m and group.rate_s == rate_s and quiet == was_quiet
        if not (alike and t == at):
            em, es = exp(-(t - t0) * group.rate_m), exp(-(t - t0) * group.rate_s)
            if quiet:
                bound = bound_at(group, quiet, t, end, em, es)
            else:
                if not alike:
                    em_end, es_end = exp(-(end - t0) * group.rate_m), exp(-(end - t0) * group.rate_s)
                bound = bound_from_factors(group, end - t, em, es, em_end, es_end)
            at, origin, rate_m, rate_s, was_quiet = t, t0, group.rate_m, group.rate_s, quiet
        if code < 0:
            prefetch_targets(fixed, state, work, segments, codes, k, e, n_events)
            end_refractory(fixed, state, work, k, g, j, t, end, bound)
        else:
            e = add_arrivals(
                fixed, state, work, segments, codes, k, begin, count, e - 1, n_events, t, end, es_end, bound
            )
    finish_watched(fixed, state, work, k, end)
    if len(work.head):
        finish_arrivals(fixed, state, work, k)
    for i in range(len(fixed.groups)):
        if fixed.groups[i].kind == STATE_FORM and not is_across(across, i):
            finish_state_form(fixed, state, work, k, i, end)
    tally[N_TOUCHED] = tally[N_LOOSE] = 0
