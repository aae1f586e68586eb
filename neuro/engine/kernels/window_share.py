"""One thread's share of a window: what reaches its neurons, in order of time, and the spikes they answer with."""

from __future__ import annotations

from math import exp, inf

import numpy as np

from neuro.engine.kernels.add_rows import add_driven, add_each, add_falling, add_same, add_whole
from neuro.engine.kernels.amplitude_form import (
    MAX_GROWTH,
    bound_at,
    bound_from_factors,
    move_reference_time,
    scan_group,
    to_amplitude_form,
    to_state_form,
    watch,
)
from neuro.engine.kernels.amplitude_spikes import (
    FIRED,
    SILENT,
    UNDECIDED,
    end_refractory,
    finish_watched,
    spike_since_look,
)
from neuro.engine.kernels.arrays import (
    AMPLITUDE_FORM,
    BLOCK,
    DRIVEN,
    FAULT,
    HALTED,
    HELD,
    NEXT_SAMPLE,
    NEXT_STEP,
    QUIET,
    RECORD_SPIKES,
    SAME_GAP,
    STATE_FORM,
    U4,
    UNSCANNED,
    Fixed,
    Index,
    Inputs,
    Output,
    Record,
    State,
    Workspace,
)
from neuro.engine.kernels.sampling import sample_voltages
from neuro.engine.kernels.state_form import add_input, advance_neuron, cell_row
from neuro.engine.kernels.state_form_rows import deliver_row, finish_state_form
from neuro.jit import inlined, inner, load_acquire, routine
from neuro.simd import prefetch, prefetch_l2

PREFETCH_RECORDS, PREFETCH_ROWS = 8, 2
"""How many arrivals later what is brought near is needed: records, and rows."""
PREFETCH_SYNAPSES = 128
"""Synapses of a row that are brought near."""
CACHED_NEURONS = 2**17
"""The amplitudes of more neurons are not in the second cache as it is: those of the next row are brought there."""
NO_NEURON = np.uint64(2**64 - 1)

__all__ = ["change_neuron", "part_of_row", "run_share", "step_changes"]


@inner
def part_of_row(post: U4, first: Index, count: Index, low: Index, high: Index) -> tuple[np.int64, np.int64]:
    """(first, count) of the part of a row, sorted by target, whose targets lie in [low, high)."""
    a, b, n = np.int64(0), np.int64(count), np.int64(count)
    while a < b:
        middle = (a + b) // 2
        if post[first + middle] < low:
            a = middle + 1
        else:
            b = middle
    begin, b = a, n
    while a < b:
        middle = (a + b) // 2
        if post[first + middle] < high:
            a = middle + 1
        else:
            b = middle
    return begin, a - begin


@routine
def change_neuron(
    fixed: Fixed, state: State, work: Workspace, k: int, j: Index, t: float, end: float, drive: float, mode: int
) -> None:
    """Bring neuron j to `t`, there give it another drive and (if not negative) another mode."""
    neuron, amp = state.neurons[j], state.amp[j]
    g = np.int64(neuron.group)
    cell = fixed.cells[cell_row(fixed, g, j)]
    compact = fixed.groups[g].kind == AMPLITUDE_FORM
    packed = compact and (amp[0] != -inf or mode >= 0)
    if packed:
        to_state_form(fixed, state, work, k, g, j, t)
    elif not compact:
        advance_neuron(fixed, state, work, k, j, t, RECORD_SPIKES)
    neuron.drive = drive
    if mode >= 0:
        neuron.mode, neuron.v = mode, cell.reset
    if compact:
        state.gap[j] = cell.threshold - drive / cell.leak
    if packed:
        to_amplitude_form(fixed, state, work, k, g, j, t, end)


@inner
def apply_step(fixed: Fixed, state: State, inputs: Inputs, work: Workspace, k: int, step: Record, end: float) -> None:
    """Give this thread's neurons the drive of one step."""
    low, high = work.bounds[k], work.bounds[k + 1]
    for i in range(max(0, low - step.first), min(step.count, high - step.first)):
        j, drive = step.first + i, inputs.step_value[step.offset + i]
        if drive != state.neurons[j].drive:
            change_neuron(fixed, state, work, k, j, step.time, end, drive, -1)


@inner
def scan_groups(fixed: Fixed, state: State, work: Workspace, k: int, start: float, end: float) -> None:
    """Before the first event of a window: move reference times that are far back, and watch who could spike."""
    for g in range(len(fixed.groups)):
        group = fixed.groups[g]
        if group.kind == AMPLITUDE_FORM:
            if (start - work.origin[k, g]) * group.fastest > MAX_GROWTH:
                move_reference_time(fixed, state, work, k, g, start)
            if not state.outlook[g] & QUIET or state.outlook[g] & UNSCANNED:
                scan_group(fixed, state, work, k, g, start, end)


@inlined
def prefetch_later_rows(fixed: Fixed, state: State, work: Workspace, k: int, e: int, n_events: int) -> None:
    """Have brought near what later arrivals will need: first their records, then where their rows begin."""
    if e + PREFETCH_RECORDS < n_events:
        code = work.event_code[e + PREFETCH_RECORDS]
        if code >= 0:
            prefetch(fixed.segments, code)
        elif work.bounds[k] <= -1 - code < work.bounds[k + 1]:
            prefetch(state.neurons, -1 - code)
            prefetch(state.amp, -1 - code)
    if e + PREFETCH_ROWS < n_events and work.event_code[e + PREFETCH_ROWS] >= 0:
        code = work.event_code[e + PREFETCH_ROWS]
        seg = fixed.segments[code]
        begin = np.int64(work.cuts[code, k]) if len(work.cuts) else np.int64(0)
        if len(fixed.wide):
            prefetch(fixed.wide, seg.weight)
        else:
            prefetch(fixed.narrow, seg.weight)
        for i in range(begin, min(np.int64(seg.count), begin + PREFETCH_SYNAPSES), 16):
            prefetch(fixed.post, seg.first + i)


@inner
def prefetch_targets(fixed: Fixed, state: State, work: Workspace, k: int, e: int, n_events: int) -> None:
    """Have the amplitudes brought near that arrival e adds to, if they are likely to be far."""
    if len(state.amp) <= CACHED_NEURONS or e >= n_events or work.event_code[e] < 0:
        return
    code = work.event_code[e]
    seg = fixed.segments[code]
    bundle = fixed.bundles[seg.projection]
    if fixed.groups[bundle.group].kind == AMPLITUDE_FORM and not bundle.whole:
        begin, stop = np.int64(0), np.int64(seg.count)
        if len(work.cuts):
            begin, stop = np.int64(work.cuts[code, k]), np.int64(work.cuts[code, k + 1])
        for i in range(begin, min(stop, begin + BLOCK)):
            prefetch_l2(state.amp, np.int64(fixed.post[np.uint64(seg.first + i)]))


@inner
def is_release(state: State, j: Index, t: float) -> bool:
    """Is this the end of a refractory time, or has the neuron been forced or changed since that was entered?"""
    neuron = state.neurons[j]
    return bool(neuron.mode == HELD and neuron.until == t and state.amp[j, 0] == -inf)


@inner
def step_changes(state: State, inputs: Inputs, step: Record) -> bool:
    """Does a step of the bias give any neuron another drive?"""
    for i in range(step.count):
        if inputs.step_value[step.offset + i] != state.neurons[step.first + i].drive:
            return True
    return False


@routine
def run_share(
    fixed: Fixed,
    state: State,
    inputs: Inputs,
    out: Output,
    work: Workspace,
    k: int,
    start: float,
    end: float,
    n_events: int,
    waiting: bool,
) -> None:
    """Simulate thread k's neurons from `start` to `end`; `waiting`: nothing can happen before the first event."""
    low, high, tally = work.bounds[k], work.bounds[k + 1], work.tally[k]
    segments, bundles, post, narrow, wide = fixed.segments, fixed.bundles, fixed.post, fixed.narrow, fixed.wide
    is_wide = len(fixed.wide) > 0
    neurons, amp, gaps, watched, hits = state.neurons, state.amp, state.gap, work.watched[k], work.hits[k]
    total = work.total[k]
    if not waiting:
        scan_groups(fixed, state, work, k, start, end)
    e, reckoned, em_end, es_end = 0, np.int64(-1), 1.0, 1.0
    while True:
        t = work.event_time[e] if e < n_events else inf
        code = work.event_code[e] if e < n_events else np.int64(0)
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
        prefetch_later_rows(fixed, state, work, k, e, n_events)
        e += 1
        free = np.int64(-1 - code)
        if code < 0 and not (low <= free < high and is_release(state, free, t)):
            continue
        seg = segments[code if code >= 0 else 0]
        bundle = bundles[seg.projection if code >= 0 else np.uint32(0)]
        g = bundle.group if code >= 0 else np.int64(neurons[free].group)
        group = fixed.groups[g]
        skip, count = np.int64(0), np.int64(0)
        if code >= 0:
            if group.stop <= low or group.start >= high:
                continue
            count = np.int64(seg.count)
            if group.start < low or group.stop > high:
                skip = np.int64(work.cuts[code, k])
                count = np.int64(work.cuts[code, k + 1]) - skip
                if count == 0:
                    continue
            if group.kind == STATE_FORM:
                prefetch_targets(fixed, state, work, k, e, n_events)
                deliver_row(fixed, state, work, k, code, skip, count, t)
                continue
        t0, quiet, even = work.origin[k, g], state.outlook[g] & QUIET != 0, state.outlook[g] & SAME_GAP != 0
        rate_m, rate_s = group.rate_m, group.rate_s
        em, es = exp(-(t - t0) * rate_m), exp(-(t - t0) * rate_s)
        if not quiet and g != reckoned:
            em_end, es_end, reckoned = exp(-(end - t0) * rate_m), exp(-(end - t0) * rate_s), g
        if quiet:
            p, q, up, most = bound_at(group, quiet, t, end, em, es)
        else:
            p, q, up, most = bound_from_factors(group, end - t, em, es, em_end, es_end)
        if code < 0:
            prefetch_targets(fixed, state, work, k, e, n_events)
            end_refractory(fixed, state, work, k, g, free, t, end, em, es, p, q, up, most)
            continue
        burst = e - 1
        while bundle.whole and e < n_events and work.event_time[e] == t:
            other = segments[work.event_code[e]]
            beside = bundles[other.projection]
            if other.first != seg.first or beside.receptor != bundle.receptor or not beside.whole:
                break
            e += 1
        receptor = bundle.receptor
        unit_a = 1.0 / em if receptor < 0 else -group.shape / em
        unit_b = 0.0 if receptor < 0 else group.shape / es
        level = gaps[group.start]
        same = bundle.step == 0
        for base in range(skip, skip + count, BLOCK):
            left, at, w0, w = skip + count - base, seg.first + base, seg.weight + base, 0.0
            size = BLOCK if left > BLOCK else left
            if bundle.whole:
                n = add_whole(
                    fixed, state, work, k, burst, e, base, np.int64(post[at]), size, unit_a, unit_b, p, q, up, most
                )
            elif same:
                w = wide[seg.weight] if is_wide else np.float64(narrow[seg.weight])
                da, db = w * unit_a, w * unit_b
                if w <= 0.0:
                    n = add_falling(fixed, state, work, k, at, size, da, db)
                elif even and state.outlook[g] & DRIVEN:
                    n = add_driven(fixed, state, work, k, at, size, da, db, p, q, es_end, level)
                else:
                    n = add_same(fixed, state, work, k, at, size, even, level, da, db, p, q, up, most)
            else:
                n = add_each(fixed, state, work, k, at, w0, size, even, level, unit_a, unit_b, p, q, up, most)
            before, aside = NO_NEURON, False
            for hit in range(n):
                prefetch(neurons, np.int64(post[np.uint64(at + hits[hit])]))
            if base + size == skip + count:
                prefetch_targets(fixed, state, work, k, e, n_events)
            for hit in range(n):
                i = hits[hit]
                j = np.uint64(post[np.uint64(at + i)])
                neuron, gap, a, b = neurons[j], level if even else gaps[j], amp[j, 0], amp[j, 1]
                # Rows are sorted: of several synapses onto one neuron, all found it watched, or none did.
                aside = a == inf if j != before else aside
                before = j
                if aside:
                    if bundle.whole:
                        w = total[i]
                    elif not same:
                        w = wide[np.uint64(w0 + i)] if is_wide else np.float64(narrow[np.uint64(w0 + i)])
                    if a == inf:
                        a, b = neuron.side_a, neuron.side_b
                        happens = neuron.mode == HELD
                        if not happens and t > neuron.since:
                            am, bs = a * em, b * es
                            happens = am + bs >= gap or neuron.rising == 2
                            happens = happens or (neuron.rising == 1 and am * rate_m + bs * rate_s > 0.0)
                        outcome = SILENT
                        if happens:
                            outcome = UNDECIDED
                            if neuron.mode != HELD:
                                outcome = spike_since_look(
                                    fixed, state, work, k, g, np.int64(j), a * em, b * es, t, end
                                )
                        if outcome == FIRED:
                            amp[j, 1] += w * unit_b
                            continue
                        if outcome == UNDECIDED:
                            to_state_form(fixed, state, work, k, g, np.int64(j), t)
                            add_input(neuron, state.x, j, receptor, w)
                            to_amplitude_form(fixed, state, work, k, g, np.int64(j), t, end)
                            continue
                    a, b = a + w * unit_a, b + w * unit_b
                    y = a * p + b * q
                    if max(y, y * up) + max(b * most, 0.0) < gap:
                        amp[j, 0], amp[j, 1] = a, b
                        continue
                elif a == inf:
                    continue
                watch(neuron, amp, gap, tally, watched, np.int64(j), a, b, a * em, b * es, rate_m, rate_s, t)
    finish_watched(fixed, state, work, k, end)
    for g in range(len(fixed.groups)):
        if fixed.groups[g].kind == STATE_FORM:
            finish_state_form(fixed, state, work, k, g, end)
