"""The exact engine's loop: windows as long as the shortest delay, whose arrivals are all known before they start."""

from __future__ import annotations

from math import exp, inf

import numpy as np

from neuro.engine.calendar import earliest_due, enter, sort_events, take, window_of
from neuro.engine.compact import close, pack, response_peak, scan, unpack, watch
from neuro.engine.neuron import calm, calm_one, emit, fill, receive, settle
from neuro.engine.records import (
    COMPACT,
    F8,
    FAULT,
    FORCED,
    FREE,
    GENERAL,
    HELD,
    I8,
    N_OUT,
    NEVER,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    NEXT_STEP,
    SOURCE,
    Fixed,
    Index,
    Inputs,
    Output,
    Records,
    State,
)
from neuro.jit import kernel

__all__ = ["force", "run_windows"]


@kernel
def deliver(fixed: Fixed, state: State, out: Output, work: F8, f: F8, segment: Index, t: float) -> None:
    """One arriving spike onto a row of neurons in state form."""
    cells, rate, jump, post, weights = fixed.cells, fixed.rate, fixed.jump, fixed.post, fixed.weight
    neurons, xs, register, time, ids = state.neurons, state.x, state.register, out.time, out.neuron
    seg = fixed.segments[segment]
    group, known, receptor = fixed.groups[seg.group], -1.0, seg.receptor
    first, weight, weight_step = seg.first, seg.weight, seg.weight_step
    for i in range(seg.count):
        j = np.uint64(post[np.uint64(first + i)])
        cell, neuron = cells[j], neurons[j]
        h = t - neuron.last
        if h > 0.0:
            if h != known or not group.uniform:
                fill(cell, rate[j], h, f)
                known = h
            if group.single:
                safe, v, current = calm_one(cell, neuron, xs[j, 0], f[0], f[1], f[2], f[3], t)
                if safe:
                    neuron.v, neuron.last, xs[j, 0] = v, t, current
            else:
                safe = calm(cell, neuron, xs, j, f, t, True)
            if not safe:
                settle(cell, rate[j], jump[j], neuron, xs[j], work, register, time, ids, np.int64(j), t, True)
        receive(neuron, xs, j, receptor, weights[np.uint64(weight + weight_step * i)])


@kernel
def close_general(fixed: Fixed, state: State, out: Output, work: F8, f: F8, g: int, end: float) -> None:
    """Spikes before the window's end of all neurons of a group in state form."""
    cells, rate, jump = fixed.cells, fixed.rate, fixed.jump
    neurons, xs, register, time, ids = state.neurons, state.x, state.register, out.time, out.neuron
    group, known = fixed.groups[g], -1.0
    for j in range(group.start, group.stop):
        cell, neuron = cells[j], neurons[j]
        h = end - neuron.last
        if h > 0.0:
            if h != known or not group.uniform:
                fill(cell, rate[j], h, f)
                known = h
            if group.single:
                safe, _, _ = calm_one(cell, neuron, xs[j, 0], f[0], f[1], f[2], f[3], end)
            else:
                safe = calm(cell, neuron, xs, j, f, end, False)
            if not safe:
                settle(cell, rate[j], jump[j], neuron, xs[j], work, register, time, ids, j, end, True)


@kernel
def idle(fixed: Fixed, state: State) -> bool:
    """Will no neuron ever spike again without input? A bound over all future time decides."""
    for j in range(len(fixed.cells)):
        cell, neuron = fixed.cells[j], state.neurons[j]
        group = fixed.groups[cell.group]
        if group.kind == SOURCE or neuron.mode == FORCED:
            continue
        if group.kind == COMPACT:
            a, b = state.amp[j, 0], state.amp[j, 1]
            if a != -inf and max(a + b, 0.0) + max(b / group.shape * group.peak, 0.0) >= state.amp[j, 2]:
                return False
            continue
        most, extra, sink = neuron.drive, 0.0, 0.0
        for k in range(state.x.shape[1]):
            i = state.x[j, k]
            if k >= cell.currents:
                sink += min(i, 0.0)
            elif i > 0.0:
                most += cell.gain * i
                extra += cell.gain * i / fixed.rate[j, k]
        if cell.leak > 0.0:
            most = max(neuron.v, most / cell.leak)
        else:
            most = inf if neuron.drive > 0.0 else neuron.v + extra
        if most >= cell.threshold + sink:
            return False
    return True


@kernel
def peek(fixed: Fixed, state: State, out: Output, work: F8, j: Index, t: float) -> float:
    """v of neuron j at `t`, leaving the neuron as it was."""
    cell, neuron, x, amp = fixed.cells[j], state.neurons[j], state.x[j], state.amp[j]
    group, origin = fixed.groups[cell.group], state.origin[cell.group]
    a = amp[0] if group.kind == COMPACT else inf
    if abs(a) < inf:
        s = t - origin
        at: float = amp[3] + a * exp(-s * group.rate_m) + amp[1] * exp(-s * group.rate_s)
        return at
    seen: float = neuron.v
    if a == -inf:
        return seen
    v, last, until, mode, parts = neuron.v, neuron.last, neuron.until, neuron.mode, x.copy()
    if group.kind == COMPACT and mode != HELD:
        s = neuron.since - origin
        b = neuron.side_b * exp(-s * group.rate_s)
        neuron.v, neuron.last = amp[3] + neuron.side_a * exp(-s * group.rate_m) + b, neuron.since
        if len(x):
            x[0] = b / group.shape
    settle(cell, fixed.rate[j], fixed.jump[j], neuron, x, work, state.register, out.time, out.neuron, j, t, False)
    seen = neuron.v
    neuron.v, neuron.last, neuron.until, neuron.mode = v, last, until, mode
    x[:] = parts
    return seen


@kernel
def sample(fixed: Fixed, state: State, inputs: Inputs, out: Output, work: F8, until: float) -> None:
    """Read the voltages asked for at all times before `until`."""
    m = state.register[NEXT_SAMPLE]
    while m < len(inputs.sample_time) and inputs.sample_time[m] < until:
        for i in range(len(inputs.sample_id)):
            out.voltage[m, i] = peek(fixed, state, out, work, inputs.sample_id[i], inputs.sample_time[m])
        m += 1
    state.register[NEXT_SAMPLE] = m


@kernel
def next_busy(fixed: Fixed, state: State, inputs: Inputs, window: Index, length: float) -> Index:
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
    if next_source <= window or not idle(fixed, state):
        return window
    ahead = min(next_source, earliest_due(state.calendar, state.bucket))
    while k < len(inputs.steps) and ahead > window:
        step = inputs.steps[k]
        if window_of(step.time, length) >= ahead:
            break
        for i in range(step.count):
            if inputs.step_value[step.offset + i] != state.neurons[step.first + i].drive:
                return max(window, window_of(step.time, length))
        k += 1
    return ahead


@kernel
def change(
    fixed: Fixed,
    state: State,
    out: Output,
    work: F8,
    watched: I8,
    j: Index,
    t: float,
    end: float,
    window: Index,
    length: float,
    drive: float,
    mode: int,
) -> None:
    """Bring neuron j to `t`, there give it another drive and (if not negative) another mode."""
    cell, neuron, x, amp = fixed.cells[j], state.neurons[j], state.x[j], state.amp[j]
    group, origin, register = fixed.groups[cell.group], state.origin[cell.group], state.register
    rate, jump = fixed.rate[j], fixed.jump[j]
    compact = group.kind == COMPACT
    packed = compact and (amp[0] != -inf or mode >= 0)
    if packed:
        unpack(cell, rate, jump, group, origin, neuron, amp, x, work, register, out.time, out.neuron, j, t)
    elif not compact:
        settle(cell, rate, jump, neuron, x, work, register, out.time, out.neuron, j, t, True)
    neuron.drive = drive
    if mode >= 0:
        neuron.mode, neuron.v = mode, cell.reset
    if compact:
        amp[3] = drive / cell.leak
        amp[2] = cell.threshold - amp[3]
    if packed:
        pack(
            group,
            origin,
            neuron,
            amp,
            x,
            register,
            watched,
            state.calendar,
            state.bucket,
            j,
            t,
            end,
            window,
            length,
        )


@kernel
def force(fixed: Fixed, state: State, out: Output, ids: I8, forced: bool, t: float, length: float) -> None:
    """Suspend (or, with `forced` 0, release) the dynamics of some neurons at `t`, between two windows."""
    work = np.zeros((8, 2 + state.x.shape[1]))
    watched = np.empty(len(fixed.cells), np.int64)
    for j in ids:
        drive, mode = state.neurons[j].drive, FORCED if forced else FREE
        if fixed.groups[fixed.cells[j].group].kind != SOURCE:
            change(fixed, state, out, work, watched, j, t, t, window_of(t, length), length, drive, mode)


@kernel
def scan_groups(
    groups: Records, origin: F8, neurons: Records, amp: F8, register: I8, watched: I8, start: float, end: float
) -> None:
    """Scan all groups in amplitude form."""
    for g in range(len(groups)):
        if groups[g].kind == COMPACT:
            scan(groups[g], origin[g], neurons, amp, register, watched, start, end)
            origin[g] = start


@kernel
def run_windows(
    fixed: Fixed,
    state: State,
    inputs: Inputs,
    out: Output,
    begin: float,
    stop: float,
    length: float,
    count_from: float,
    count_to: float,
) -> float:
    """Simulate from `begin` to `stop`, window by window; return the time reached.

    Stops early, with a code in register[FAULT], where an array is full or a neuron fires without end.
    """
    groups, segments, post, weights = fixed.groups, fixed.segments, fixed.post, fixed.weight
    neurons, amp, register = state.neurons, state.amp, state.register
    calendar, bucket, origin = state.calendar, state.bucket, state.origin
    work = np.zeros((8, 2 + state.x.shape[1]))
    f = np.zeros(2 * work.shape[1])
    watched = np.empty(len(fixed.cells), np.int64)
    ev_time, ev_code = np.empty(len(calendar)), np.empty(len(calendar), np.int64)
    start, window = begin, window_of(begin, length)
    while start < stop:
        ahead = next_busy(fixed, state, inputs, window, length)
        if ahead > window:
            window = min(ahead, window_of(stop, length))
            start = min(window * length, stop)
            sample(fixed, state, inputs, out, work, start)
            if start >= stop:
                break
        end = min((window + 1) * length, stop)
        n_out = register[N_OUT]
        n_events = take(calendar, bucket, register, window, end, ev_time, ev_code)
        m = register[NEXT_SAMPLE]
        # A run that ends in this window does not know its later inputs: what it samples before them must not
        # depend on whether they moved the reference times. So the scan waits for the first event, if it can.
        waiting = m < len(inputs.sample_time) and inputs.sample_time[m] < end and idle(fixed, state)
        if not waiting:
            scan_groups(groups, origin, neurons, amp, register, watched, start, end)
        e = 0
        while True:
            t = ev_time[e] if e < n_events else inf
            code = ev_code[e] if e < n_events else np.int64(0)
            s, m = register[NEXT_STEP], register[NEXT_SAMPLE]
            t_step = inputs.steps[s].time if s < len(inputs.steps) else inf
            t_sample = inputs.sample_time[m] if m < len(inputs.sample_time) else inf
            if t_step < end and t_step <= t_sample and (t_step < t or (t_step == t and code >= 0)):
                register[NEXT_STEP] += 1
                step = inputs.steps[s]
                for i in range(step.count):
                    j = step.first + i
                    drive = inputs.step_value[step.offset + i]
                    if drive != neurons[j].drive:
                        if waiting:
                            scan_groups(groups, origin, neurons, amp, register, watched, start, end)
                            waiting = False
                        change(fixed, state, out, work, watched, j, t_step, end, window, length, drive, -1)
                continue
            if t_sample < end and t_sample < t:
                sample(fixed, state, inputs, out, work, min(t, t_step, end))
                continue
            if waiting:
                scan_groups(groups, origin, neurons, amp, register, watched, start, end)
                waiting = False
            if e >= n_events:
                break
            e += 1
            if code < 0:
                j = -1 - code
                neuron = neurons[j]
                if neuron.mode == HELD and neuron.until == t and amp[j, 0] == -inf:
                    g = fixed.cells[j].group
                    unpack(
                        fixed.cells[j], fixed.rate[j], fixed.jump[j], groups[g], origin[g], neuron, amp[j],
                        state.x[j], work, register, out.time, out.neuron, j, t,
                    )  # fmt: skip
                    neuron.mode = FREE
                    pack(
                        groups[g], origin[g], neuron, amp[j], state.x[j], register, watched, calendar, bucket,
                        j, t, end, window, length,
                    )  # fmt: skip
                continue
            seg = segments[code]
            if count_from <= t < count_to:
                out.events[seg.projection] += seg.count
            group = groups[seg.group]
            if group.kind == GENERAL:
                deliver(fixed, state, out, work, f, code, t)
                continue
            rate_m, rate_s, shape, t0 = group.rate_m, group.rate_s, group.shape, origin[seg.group]
            em, es, left = exp(-(t - t0) * rate_m), exp(-(t - t0) * rate_s), exp(-(end - t) * rate_m)
            most = response_peak(group, left, end - t) * es / shape
            unit_a = 1.0 / em if seg.receptor < 0 else -shape / em
            unit_b = 0.0 if seg.receptor < 0 else shape / es
            first, weight, weight_step = seg.first, seg.weight, seg.weight_step
            for i in range(seg.count):
                j = np.uint64(post[np.uint64(first + i)])
                w = weights[np.uint64(weight + weight_step * i)]
                a, b = amp[j, 0] + w * unit_a, amp[j, 1] + w * unit_b
                amp[j, 0], amp[j, 1] = a, b
                v = a * em + b * es
                if max(v, v * left) + max(b * most, 0.0) < amp[j, 2]:
                    continue
                neuron = neurons[j]
                if a == inf:
                    happens = neuron.mode == HELD
                    a, b = neuron.side_a, neuron.side_b
                    if not happens and t > neuron.since:
                        am, bs = a * em, b * es
                        happens = am + bs >= amp[j, 2] or neuron.rising == 2
                        happens = happens or (neuron.rising == 1 and am * rate_m + bs * rate_s > 0.0)
                    if happens:
                        who, x = np.int64(j), state.x[j]
                        unpack(
                            fixed.cells[j], fixed.rate[j], fixed.jump[j], group, t0, neuron, amp[j],
                            x, work, register, out.time, out.neuron, who, t,
                        )  # fmt: skip
                        receive(neuron, state.x, j, seg.receptor, w)
                        pack(
                            group, t0, neuron, amp[j], x, register, watched, calendar, bucket,
                            who, t, end, window, length,
                        )  # fmt: skip
                        continue
                    a, b = a + w * unit_a, b + w * unit_b
                    v = a * em + b * es
                    if max(v, v * left) + max(b * most, 0.0) < amp[j, 2]:
                        amp[j, 0], amp[j, 1] = a, b
                        continue
                watch(neuron, amp[j], register, watched, np.int64(j), a, b, a * em, b * es, rate_m, rate_s, t)
        close(
            fixed.cells, fixed.rate, fixed.jump, groups, origin, state, work, watched, out.time, out.neuron,
            end, window, length,
        )  # fmt: skip
        for g in range(len(groups)):
            if groups[g].kind == GENERAL:
                close_general(fixed, state, out, work, f, g, end)
        s = register[NEXT_SOURCE]
        while s < len(inputs.source_time) and inputs.source_time[s] < end:
            emit(register, out.time, out.neuron, inputs.source_time[s], inputs.source_id[s])
            s += 1
        register[NEXT_SOURCE] = s
        if register[FAULT]:
            return start
        last = register[N_OUT]
        sort_events(out.time[n_out:last], out.neuron[n_out:last], last - n_out)
        for n in range(n_out, last):
            j = out.neuron[n]
            for k in range(fixed.row[j], fixed.row[j + 1]):
                enter(calendar, bucket, register, window, length, out.time[n] + segments[k].delay, k)
        if register[FAULT]:
            return start
        start, window = end, window + 1
    return start
