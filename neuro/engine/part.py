"""One thread's share of a window: what reaches its neurons, in order of time, and the spikes they answer with."""

from __future__ import annotations

from math import exp, inf
from typing import Any

import numpy as np

from neuro.engine.compact import FAR, ahead, close, horizon, pack, rebase, scan, unpack, watch
from neuro.engine.general import close_general, deliver
from neuro.engine.neuron import receive, settle
from neuro.engine.records import (
    ALOUD,
    BLOCK,
    COMPACT,
    DRIVEN,
    EVEN,
    F8,
    FREE,
    FRESH,
    GENERAL,
    HELD,
    NEXT_SAMPLE,
    NEXT_STEP,
    QUIET,
    U4,
    Desk,
    Fixed,
    Index,
    Inputs,
    Output,
    Reals,
    Record,
    State,
)
from neuro.engine.sampling import sample
from neuro.jit import inlined, inner, routine
from neuro.lanes import LANES, add_pairs, add_weighted, alike, first_mark, larger, over, pick

ONE, TWICE, EVERY = np.uint64(1), np.uint64(2), np.uint64(2**64 - 1)

__all__ = ["change", "changes", "run_part"]


@inner
def clip(post: U4, first: Index, count: Index, low: Index, high: Index) -> tuple[np.int64, np.int64]:
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
def change(
    fixed: Fixed, state: State, desk: Desk, k: int, j: Index, t: float, end: float, drive: float, mode: int
) -> None:
    """Bring neuron j to `t`, there give it another drive and (if not negative) another mode."""
    cell, neuron, amp, g = fixed.cells[j], state.neurons[j], state.amp[j], fixed.cells[j].group
    compact = fixed.groups[g].kind == COMPACT
    packed = compact and (amp[0] != -inf or mode >= 0)
    if packed:
        unpack(fixed, state, desk, k, g, j, t)
    elif not compact:
        settle(fixed, state, desk, k, j, t, ALOUD)
    neuron.drive = drive
    if mode >= 0:
        neuron.mode, neuron.v = mode, cell.reset
    if compact:
        state.gap[j] = cell.threshold - drive / cell.leak
    if packed:
        pack(fixed, state, desk, k, g, j, t, end)


@inner
def step_to(fixed: Fixed, state: State, inputs: Inputs, desk: Desk, k: int, step: Record, end: float) -> None:
    """Give this thread's neurons the drive of one step."""
    low, high = desk.bounds[k], desk.bounds[k + 1]
    for i in range(max(0, low - step.first), min(step.count, high - step.first)):
        j, drive = step.first + i, inputs.step_value[step.offset + i]
        if drive != state.neurons[j].drive:
            change(fixed, state, desk, k, j, step.time, end, drive, -1)


@inner
def look_at_all(fixed: Fixed, state: State, desk: Desk, k: int, start: float, end: float) -> None:
    """Before the first event of a window: move reference times that are far back, and watch who could spike."""
    for g in range(len(fixed.groups)):
        group = fixed.groups[g]
        if group.kind == COMPACT:
            if (start - desk.origin[k, g]) * group.fastest > FAR:
                rebase(fixed, state, desk, k, g, start)
            if not state.outlook[g] & QUIET or state.outlook[g] & FRESH:
                scan(fixed, state, desk, k, g, start, end)


@inner
def release(fixed: Fixed, state: State, desk: Desk, k: int, j: Index, t: float, end: float) -> None:
    """The end of a refractory time, unless the neuron has been forced or changed in between."""
    neuron = state.neurons[j]
    if neuron.mode == HELD and neuron.until == t and state.amp[j, 0] == -inf:
        g = fixed.cells[j].group
        unpack(fixed, state, desk, k, g, j, t)
        neuron.mode = FREE
        pack(fixed, state, desk, k, g, j, t, end)


@inner
def changes(state: State, inputs: Inputs, step: Record) -> bool:
    """Does a step of the bias give any neuron another drive?"""
    for i in range(step.count):
        if inputs.step_value[step.offset + i] != state.neurons[step.first + i].drive:
            return True
    return False


@inner
def add_rows(
    fixed: Fixed, weights: Reals, desk: Desk, total: F8, begin: int, end: int, base: Index, size: Index
) -> None:
    """Sum the weights of several rows that arrive in one instant."""
    part = total[:size]
    part[:] = 0.0
    for e in range(begin, end):
        seg = fixed.segments[desk.event_code[e]]
        at, step = seg.weight + base * seg.weight_step, seg.weight_step
        if step == 1:
            row = weights[at : at + size]
            for i in range(len(part)):
                part[i] += row[i]
        else:
            w = weights[at]
            for i in range(len(part)):
                part[i] += w


@inlined
def note(hits: U4, n: int, i: int, marks: Any) -> int:
    """Write down which of the eight targets from the i-th on are marked."""
    while marks:
        hits[n] = np.uint64(i) + first_mark(marks)
        marks &= marks - ONE
        n += 1
    return n


@inlined
def add_same(
    flat: F8, gap: F8, post: U4, hits: U4, at: Index, m: Index, even: bool, level: float, da: float, db: float,
    p: float, q: float, up: float, most: float,
) -> int:  # fmt: skip
    """Add one and the same input to m targets; note those that the bound does not clear."""
    n, whole, nothing, gaps = 0, m - m % LANES, alike(0.0), alike(level)
    for i in range(0, whole, LANES):
        a, b = add_pairs(flat, post, np.uint64(at + i), da, db)
        y = a * p + b * q
        if not even:
            gaps = pick(gap, post, np.uint64(at + i))
        n = note(hits, n, i, over(larger(y, y * up) + larger(b * most, nothing), gaps))
    for i in range(whole, m):
        j = np.uint64(post[np.uint64(at + i)])
        a, b = flat[TWICE * j] + da, flat[TWICE * j + ONE] + db
        flat[TWICE * j], flat[TWICE * j + ONE] = a, b
        y = a * p + b * q
        if not max(y, y * up) + max(b * most, 0.0) < (level if even else gap[j]):
            hits[n] = i
            n += 1
    return n


@inlined
def add_falling(flat: F8, post: U4, hits: U4, at: Index, m: Index, da: float, db: float) -> int:
    """Add one and the same inhibition to m targets; note those that are watched.

    Whoever the bound has cleared stays cleared: inhibition lowers v at all times to come.
    """
    n, whole, bar = 0, m - m % LANES, alike(inf)
    for i in range(0, whole, LANES):
        a, _ = add_pairs(flat, post, np.uint64(at + i), da, db)
        n = note(hits, n, i, over(a, bar))
    for i in range(whole, m):
        at_a = TWICE * np.uint64(post[np.uint64(at + i)])
        a = flat[at_a] + da
        flat[at_a], flat[at_a + ONE] = a, flat[at_a + ONE] + db
        if a == inf:
            hits[n] = i
            n += 1
    return n


@inlined
def add_driven(
    flat: F8, post: U4, hits: U4, at: Index, m: Index, da: float, db: float, p: float, q: float, r: float, gap: float
) -> int:
    """`add_same` where all have one gap, which is not positive: then x stays below y = a p + max(b q, b r)."""
    n, whole, gaps = 0, m - m % LANES, alike(gap)
    for i in range(0, whole, LANES):
        a, b = add_pairs(flat, post, np.uint64(at + i), da, db)
        n = note(hits, n, i, over(a * p + larger(b * q, b * r), gaps))
    for i in range(whole, m):
        at_a = TWICE * np.uint64(post[np.uint64(at + i)])
        a, b = flat[at_a] + da, flat[at_a + ONE] + db
        flat[at_a], flat[at_a + ONE] = a, b
        if not a * p + max(b * q, b * r) < gap:
            hits[n] = i
            n += 1
    return n


@inlined
def add_each(
    flat: F8, gap: F8, post: U4, weights: Reals, hits: U4, at: Index, w0: Index, m: Index, even: bool, level: float,
    unit_a: float, unit_b: float, p: float, q: float, up: float, most: float,
) -> int:  # fmt: skip
    """Add inputs of individual weights to m targets; note those that the bound does not clear."""
    n, whole, nothing, gaps = 0, m - m % LANES, alike(0.0), alike(level)
    for i in range(0, whole, LANES):
        a, b = add_weighted(flat, post, weights, np.uint64(at + i), np.uint64(w0 + i), unit_a, unit_b)
        y = a * p + b * q
        if not even:
            gaps = pick(gap, post, np.uint64(at + i))
        n = note(hits, n, i, over(larger(y, y * up) + larger(b * most, nothing), gaps))
    for i in range(whole, m):
        j, w = np.uint64(post[np.uint64(at + i)]), weights[np.uint64(w0 + i)]
        a, b = flat[TWICE * j] + w * unit_a, flat[TWICE * j + ONE] + w * unit_b
        flat[TWICE * j], flat[TWICE * j + ONE] = a, b
        y = a * p + b * q
        if not max(y, y * up) + max(b * most, 0.0) < (level if even else gap[j]):
            hits[n] = i
            n += 1
    return n


@inlined
def add_whole(
    flat: F8, gap: F8, total: F8, margin: F8, hits: U4, who: Index, m: Index, unit_a: float, unit_b: float,
    p: float, q: float, up: float, most: float,
) -> int:  # fmt: skip
    """Add the summed inputs `total` to m neighbours; note those that the bound does not clear."""
    pairs, gaps, over, n = flat[2 * who : 2 * (who + m)], gap[who : who + m], margin[:m], 0
    for i in range(m):
        k = TWICE * np.uint64(i)
        a, b = pairs[k] + total[i] * unit_a, pairs[k + ONE] + total[i] * unit_b
        pairs[k], pairs[k + ONE] = a, b
        y = a * p + b * q
        over[i] = max(y, y * up) + max(b * most, 0.0) - gaps[i]
    for i in range(m):
        if not over[i] < 0.0:
            hits[n] = i
            n += 1
    return n


@routine
def run_part(
    fixed: Fixed,
    state: State,
    inputs: Inputs,
    out: Output,
    desk: Desk,
    k: int,
    start: float,
    end: float,
    n_events: int,
    waiting: bool,
) -> None:
    """Simulate thread k's neurons from `start` to `end`; `waiting`: nothing can happen before the first event."""
    low, high, tally = desk.bounds[k], desk.bounds[k + 1], desk.tally[k]
    segments, post, narrow, wide, is_wide = fixed.segments, fixed.post, fixed.narrow, fixed.wide, len(fixed.wide) > 0
    neurons, amp, gaps, watched, hits = state.neurons, state.amp, state.gap, desk.watched[k], desk.hits[k]
    total, margin, flat = desk.total[k], desk.margin[k], amp.reshape(amp.size)
    if not waiting:
        look_at_all(fixed, state, desk, k, start, end)
    e, reckoned, em_end, es_end = 0, np.int64(-1), 1.0, 1.0
    while True:
        t = desk.event_time[e] if e < n_events else inf
        code = desk.event_code[e] if e < n_events else np.int64(0)
        s, m = tally[NEXT_STEP], tally[NEXT_SAMPLE]
        t_step = inputs.steps[s].time if s < len(inputs.steps) else inf
        t_sample = inputs.sample_time[m] if m < len(inputs.sample_time) else inf
        if t_step < end and t_step <= t_sample and (t_step < t or (t_step == t and code >= 0)):
            if waiting and changes(state, inputs, inputs.steps[s]):
                look_at_all(fixed, state, desk, k, start, end)
                waiting = False
            step_to(fixed, state, inputs, desk, k, inputs.steps[s], end)
            tally[NEXT_STEP] += 1
            continue
        if t_sample < end and t_sample < t:
            sample(fixed, state, inputs, out, desk, k, min(t, t_step, end))
            continue
        if waiting:
            look_at_all(fixed, state, desk, k, start, end)
            waiting = False
        if e >= n_events:
            break
        e += 1
        if code < 0:
            if low <= -1 - code < high:
                release(fixed, state, desk, k, -1 - code, t, end)
            continue
        seg = segments[code]
        group, g = fixed.groups[seg.group], seg.group
        if group.stop <= low or group.start >= high:
            continue
        skip, count = np.int64(0), seg.count
        if group.start < low or group.stop > high:
            skip, count = clip(post, seg.first, seg.count, low, high)
        if group.kind == GENERAL:
            deliver(fixed, state, desk, k, code, skip, count, t)
            continue
        burst = e - 1
        while seg.whole and e < n_events and desk.event_time[e] == t:
            other = segments[desk.event_code[e]]
            if other.first != seg.first or other.receptor != seg.receptor or not other.whole:
                break
            e += 1
        t0, quiet, even = desk.origin[k, g], state.outlook[g] & QUIET != 0, state.outlook[g] & EVEN != 0
        rate_m, rate_s = group.rate_m, group.rate_s
        em, es = exp(-(t - t0) * rate_m), exp(-(t - t0) * rate_s)
        if not quiet and g != reckoned:
            em_end, es_end, reckoned = exp(-(end - t0) * rate_m), exp(-(end - t0) * rate_s), g
        if quiet:
            p, q, up, most = horizon(group, quiet, t, end, em, es)
        else:
            p, q, up, most = ahead(group, end - t, em, es, em_end, es_end)
        unit_a = 1.0 / em if seg.receptor < 0 else -group.shape / em
        unit_b = 0.0 if seg.receptor < 0 else group.shape / es
        level = gaps[group.start]
        same = seg.weight_step == 0
        for base in range(skip, skip + count, BLOCK):
            size, at, w0, w = min(BLOCK, skip + count - base), seg.first + base, seg.weight + base, 0.0
            if seg.whole:
                if is_wide:
                    add_rows(fixed, wide, desk, total, burst, e, base, size)
                else:
                    add_rows(fixed, narrow, desk, total, burst, e, base, size)
                n = add_whole(flat, gaps, total, margin, hits, np.int64(post[at]), size, unit_a, unit_b, p, q, up, most)
            elif same:
                w = wide[seg.weight] if is_wide else np.float64(narrow[seg.weight])
                da, db = w * unit_a, w * unit_b
                if w <= 0.0:
                    n = add_falling(flat, post, hits, at, size, da, db)
                elif even and state.outlook[g] & DRIVEN:
                    n = add_driven(flat, post, hits, at, size, da, db, p, q, es_end, level)
                else:
                    n = add_same(flat, gaps, post, hits, at, size, even, level, da, db, p, q, up, most)
            elif is_wide:
                n = add_each(flat, gaps, post, wide, hits, at, w0, size, even, level, unit_a, unit_b, p, q, up, most)
            else:
                n = add_each(flat, gaps, post, narrow, hits, at, w0, size, even, level, unit_a, unit_b, p, q, up, most)
            before, aside = EVERY, False
            for hit in range(n):
                i = hits[hit]
                j = np.uint64(post[np.uint64(at + i)])
                neuron, gap, a, b = neurons[j], gaps[j], amp[j, 0], amp[j, 1]
                # Rows are sorted: of several synapses onto one neuron, all found it watched, or none did.
                aside = a == inf if j != before else aside
                before = j
                if aside:
                    if seg.whole:
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
                        if happens:
                            unpack(fixed, state, desk, k, g, np.int64(j), t)
                            receive(neuron, state.x, j, seg.receptor, w)
                            pack(fixed, state, desk, k, g, np.int64(j), t, end)
                            continue
                    a, b = a + w * unit_a, b + w * unit_b
                    y = a * p + b * q
                    if max(y, y * up) + max(b * most, 0.0) < gap:
                        amp[j, 0], amp[j, 1] = a, b
                        continue
                elif a == inf:
                    continue
                watch(neuron, amp, gap, tally, watched, np.int64(j), a, b, a * em, b * es, rate_m, rate_s, t)
    close(fixed, state, desk, k, end)
    for g in range(len(fixed.groups)):
        if fixed.groups[g].kind == GENERAL:
            close_general(fixed, state, desk, k, g, end)
