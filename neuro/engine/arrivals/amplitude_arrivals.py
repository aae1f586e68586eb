"""Loose arrivals at neurons in amplitude form.

A neuron that stays below its threshold even if all its arrivals above zero came at the worst moment needs no order. So
before a window its gap is lowered by what they can add at most. If the bound clears the lowered gap, then and at every
row that comes later, what the arrivals add to the amplitudes is summed and added when the window is over. If not, the
neuron gets the list of its arrivals and is watched: before anything else reaches it, it takes those that come first.
"""

from __future__ import annotations

from math import exp, inf

import numpy as np

from neuro.engine.arrivals.draws import DRAWN_AT, any_drawn, blocks_of, count_of, draw_times, key_of, keys_of_block
from neuro.engine.arrivals.driven import scan_driven
from neuro.engine.arrivals.exponentials import exp_lanes
from neuro.engine.arrivals.lists import clear_arrivals, list_arrivals, synaptic_arrival
from neuro.engine.codes import AMPLITUDE_FORM, N_DEALT, N_LOOSE, N_TOUCHED, NO_ARRIVAL, QUIET, UNSCANNED, UNTOUCHED
from neuro.engine.kernels.amplitude_form import (
    Bound,
    bound_at,
    clears,
    to_amplitude_form,
    to_state_form,
    update_slow_gaps,
    watch,
)
from neuro.engine.kernels.amplitude_spikes import SILENT, UNDECIDED, check_watched
from neuro.engine.kernels.arrays import Fixed, Index, Record, State, Workspace
from neuro.engine.kernels.state_form import add_input
from neuro.jit import inlined, inner, lowest_bit, routine
from neuro.simd import LANES, all_lanes, lane_max, load_lanes, load_pairs, not_below, prefetch, store_lanes

FEW = 4
"""If fewer neurons than one in so many are touched, only these are gone through."""
AHEAD = 8
"""Touched neurons are prefetched so many before their turn."""
ONE = np.uint64(1)
MARGIN = 1.0 + 2.0**-40
"""Factor on what arrivals can add, for rounding errors."""

__all__ = [
    "bring_arrivals",
    "current_from_arrivals",
    "finish_arrivals",
    "scan_with_arrivals",
    "voltage_from_arrivals",
    "watch_rest",
]


@inner
def watch_rest(fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, t: float) -> None:
    """Watch neuron j, which is free at `t`, if it has arrivals to come."""
    amp, group = state.amp[j], fixed.groups[g]
    if work.head[j] >= 0 and abs(amp[0]) < inf:
        s = t - work.origin[k, g]
        bound = Bound(exp(-s * group.rate_m), exp(-s * group.rate_s), 0.0, 0.0, 0.0, 0.0)
        watch(state, work, k, group, bound, j, state.gap[j], amp[0], amp[1], t)


@routine
def bring_arrivals(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, t: float, before: bool
) -> None:
    """Neuron j takes its arrivals up to `t`, or only those before `t`, from its list, which is made if need be."""
    group, head, entries, amp, end = fixed.groups[g], work.head, work.arrivals[k], state.amp[j], work.job[1]
    if head[j] == UNTOUCHED:
        return
    if not work.listed[j]:
        if group.rows:
            state.gap[j] = work.true_gap[j]
        list_arrivals(fixed, work, k, g, j)
    jump = group.first_slow == 0
    while head[j] >= 0:
        entry = entries[head[j]]
        at, w = entry.time, entry.weight
        if at > t or (before and at == t):
            return
        head[j] = entry.next
        s = at - work.origin[k, g]
        em, es = exp(-s * group.rate_m), 1.0 if jump else exp(-s * group.rate_s)
        unit_a = 1.0 / em if jump else -group.shape / em
        unit_b = 0.0 if jump else group.shape / es
        if amp[0] == inf:
            outcome = check_watched(fixed, state, work, k, g, j, em, es, state.gap[j], at, end)
            neuron = state.neurons[j]
            if outcome == SILENT:
                bound = Bound(em, es, 0.0, 0.0, 0.0, 0.0)
                a, b = neuron.side_a + w * unit_a, neuron.side_b + w * unit_b
                watch(state, work, k, group, bound, j, state.gap[j], a, b, at)
                continue
            if outcome == UNDECIDED:
                to_state_form(fixed, state, work, k, g, j, at)
                add_input(neuron, state.x, j, entry.receptor, w)
                to_amplitude_form(fixed, state, work, k, g, j, at, end)
                watch_rest(fixed, state, work, k, g, j, at)
                continue
        elif amp[0] != -inf:
            amp[0] += w * unit_a
        amp[1] += w * unit_b


@inner
def count_drawn(fixed: Fixed, work: Workspace, group: Record, j: Index, start: float, end: float) -> float:
    """The sum of neuron j's inputs above zero from drives, at most."""
    rise, i = 0.0, j - group.start
    for d in range(group.first_drive, group.first_drive + group.drives):
        drive = fixed.drives[d]
        w = fixed.drive_weight[drive.weight_at + drive.own_weight * i]
        if w > 0.0:
            first, last, _ = blocks_of(drive, start, end)
            for block in range(first, last):
                rise += w * count_of(fixed, drive, key_of(keys_of_block(work, d, block), i), i)
    return rise


@inner
def sum_drawn(fixed: Fixed, work: Workspace, k: int, group: Record, j: Index, start: float, end: float) -> None:
    """Add what neuron j's arrivals from drives leave to its sums."""
    sums, drawn, i, jump = work.loose[j], work.lanes[k], j - group.start, group.first_slow == 0
    most_m, most_s = (end - start) * group.rate_m, (end - start) * group.rate_s
    for d in range(group.first_drive, group.first_drive + group.drives):
        drive = fixed.drives[d]
        w = fixed.drive_weight[drive.weight_at + drive.own_weight * i]
        first, last, whole = blocks_of(drive, start, end)
        for block in range(first, last):
            key = key_of(keys_of_block(work, d, block), i)
            n = draw_times(fixed, work, k, drive, key, block, i, count_of(fixed, drive, key, i))
            if not whole:
                kept = 0
                for m in range(n):
                    t = drawn[DRAWN_AT + m]
                    if start <= t < end:
                        drawn[DRAWN_AT + kept] = t
                        kept += 1
                n = kept
            a = b = 0.0
            for m in range(0, n, LANES):
                x = load_lanes(drawn, DRAWN_AT + m) - start
                store_lanes(drawn, 0, exp_lanes(x * group.rate_m, most_m))
                if not jump:
                    store_lanes(drawn, LANES, exp_lanes(x * group.rate_s, most_s))
                for lane in range(min(n - m, LANES)):
                    a += drawn[lane]
                    b += drawn[LANES + lane]
            sums[0] += w * a
            sums[1] += 0.0 if jump else w * b


@inner
def draw_and_meet(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, group: Record, j: Index, bound: Bound,
    height: float, start: float, end: float,
) -> None:  # fmt: skip
    """Before a window: choose between sums and a list for neuron j of a driven group, and watch it if need be."""
    sums, gap, a, b = work.loose[j], state.gap[j], state.amp[j, 0], state.amp[j, 1]
    if work.head[j] == UNTOUCHED:
        work.head[j] = NO_ARRIVAL
    sums[2] += count_drawn(fixed, work, group, j, start, end)
    lowered = gap - sums[2] * height
    if clears(bound, a, b, lowered):
        if group.rows:
            work.true_gap[j], state.gap[j] = gap, lowered
        if a != -inf or group.first_slow:
            sum_drawn(fixed, work, k, group, j, start, end)
    else:
        list_arrivals(fixed, work, k, g, j)
        if a != inf:
            watch(state, work, k, group, bound, j, gap, a, b, start)


@inlined
def meet_arrivals(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, group: Record, j: Index, bound: Bound,
    height: float, start: float,
) -> None:  # fmt: skip
    """The same for a neuron that has no arrivals from drives."""
    gap, a, b = state.gap[j], state.amp[j, 0], state.amp[j, 1]
    lowered = gap - work.loose[j, 2] * height
    if clears(bound, a, b, lowered):
        if group.rows:
            work.true_gap[j], state.gap[j] = gap, lowered
    elif work.head[j] != UNTOUCHED:
        list_arrivals(fixed, work, k, g, j)
        if a != inf:
            watch(state, work, k, group, bound, j, gap, a, b, start)
    elif a != inf:
        watch(state, work, k, group, bound, j, gap, a, b, start)


@inner
def first_touched(work: Workspace, k: int, start: Index) -> int:
    """The first place in the list of touched neurons, which has one population after the other, from `start` on."""
    a, b = 0, int(work.tally[k, N_TOUCHED])
    while a < b:
        middle = (a + b) // 2
        if work.touched[k, middle] < start:
            a = middle + 1
        else:
            b = middle
    return a


@inner
def watch_untouched(
    state: State, work: Workspace, k: int, group: Record, first: Index, last: Index, bound: Bound, start: float
) -> None:
    """Watch the neurons first .. last that could spike, of those that no loose arrival reaches."""
    amps, gaps, nothing, j = state.amp, state.gap, all_lanes(0.0), np.int64(first)
    while j < last:
        marks = ONE
        if j + LANES <= last:
            a, b = load_pairs(amps, j)
            y = a * bound.p + b * bound.q
            marks = not_below(lane_max(y, y * bound.up) + lane_max(b * bound.most, nothing), load_lanes(gaps, j))
        elif clears(bound, amps[j, 0], amps[j, 1], gaps[j]):
            marks = ONE - ONE
        while marks:
            at = j + lowest_bit(marks)
            marks &= marks - ONE
            if work.head[at] == UNTOUCHED and amps[at, 0] != inf:
                watch(state, work, k, group, bound, at, gaps[at], amps[at, 0], amps[at, 1], start)
        j += LANES if j + LANES <= last else 1


@routine
def scan_with_arrivals(fixed: Fixed, state: State, work: Workspace, k: int, g: int, start: float, end: float) -> None:
    """`scan_group` for a population with loose arrivals."""
    group = fixed.groups[g]
    first, last = max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])
    s, h = start - work.origin[k, g], end - start
    em, es = exp(-s * group.rate_m), exp(-s * group.rate_s)
    if group.slow:
        update_slow_gaps(fixed, state, work, k, g, first, last, s, s + h)
    quiet = state.outlook[g] & QUIET != 0
    bound = bound_at(group, quiet, start, end, em, es)
    height = 1.0
    if group.first_slow:
        height = group.peak
        if not quiet and h < group.s_peak:
            height = group.shape * (exp(-h * group.rate_s) - exp(-h * group.rate_m))
    height *= MARGIN
    if group.drives:
        drive = fixed.drives[group.first_drive]
        begin, stop, whole = blocks_of(drive, start, end)
        if group.drives == 1 and whole and stop == begin + 1 and not drive.own_mean and drive.knots == 0:
            scan_driven(fixed, state, work, k, g, begin, height, em, es, bound.p, bound.q, bound.up, bound.most)
        else:
            for j in range(first, last):
                if any_drawn(fixed, work, k, group, j, start, end):
                    draw_and_meet(fixed, state, work, k, g, group, j, bound, height, start, end)
                else:
                    meet_arrivals(fixed, state, work, k, g, group, j, bound, height, start)
    else:
        if not quiet or state.outlook[g] & UNSCANNED:
            watch_untouched(state, work, k, group, first, last, bound, start)
        n = first_touched(work, k, group.start)
        while n < work.tally[k, N_TOUCHED] and work.touched[k, n] < group.stop:
            later = work.touched[k, min(n + AHEAD, work.tally[k, N_TOUCHED] - 1)]
            prefetch(state.gap, later)
            prefetch(state.amp, later)
            prefetch(work.loose, later)
            meet_arrivals(fixed, state, work, k, g, group, work.touched[k, n], bound, height, start)
            n += 1


@inlined
def settle(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, group: Record, j: Index, em: float, es: float
) -> None:
    """After a window: add the sums of a neuron without a list, or the rest of the list of one that is refractory."""
    sums, amp = work.loose[j], state.amp[j]
    if work.listed[j]:
        bring_arrivals(fixed, state, work, k, g, j, inf, False)
    else:
        jump = group.first_slow == 0
        # Infinite amplitudes stay as they are; a neuron that nothing reaches has sums of zero.
        amp[0] += sums[0] * (1.0 / em if jump else -group.shape / em)
        amp[1] += sums[1] * (0.0 if jump else group.shape / es)
        if group.rows and work.head[j] != UNTOUCHED:
            state.gap[j] = work.true_gap[j]
    clear_arrivals(work, j)


@routine
def finish_arrivals(fixed: Fixed, state: State, work: Workspace, k: int) -> None:
    """After a window: every neuron in amplitude form has taken all its arrivals."""
    start, n, flown = work.job[0], work.tally[k, N_TOUCHED], work.flown[k]
    flown[N_DEALT] = max(flown[N_DEALT], work.tally[k, N_LOOSE])
    known, em, es, group = np.int64(-1), 1.0, 1.0, fixed.groups[0]
    few = FEW * n < work.bounds[k + 1] - work.bounds[k]
    for m in range(n if few else 0):
        j, later = work.touched[k, m], work.touched[k, min(m + AHEAD, n - 1)]
        prefetch(state.amp, later)
        prefetch(work.loose, later)
        if known < 0 or not group.start <= j < group.stop:
            g = np.int64(state.neurons[j].group)
            s, known, group = start - work.origin[k, g], g, fixed.groups[g]
            em, es = exp(-s * group.rate_m), exp(-s * group.rate_s)
        if group.kind == AMPLITUDE_FORM and not group.drives:
            settle(fixed, state, work, k, known, group, j, em, es)
    for i in range(len(fixed.groups)):
        g = np.int64(i)
        group = fixed.groups[g]
        if group.kind == AMPLITUDE_FORM and (group.drives or (group.loose and not few)):
            s = start - work.origin[k, g]
            em, es = exp(-s * group.rate_m), exp(-s * group.rate_s)
            for j in range(max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])):
                if work.head[j] != UNTOUCHED:
                    settle(fixed, state, work, k, g, group, j, em, es)


@inlined
def response_of(group: Record, s: float) -> float:
    """What a unit input adds to v after `s`."""
    left = exp(-s * group.rate_m)
    found: float = group.shape * (exp(-s * group.rate_s) - left) if group.first_slow else left
    return found


@routine
def voltage_from_arrivals(fixed: Fixed, work: Workspace, k: int, g: Index, j: Index, t: float) -> float:
    """What arrivals up to `t` that are not in the amplitudes add to v of neuron j, which has no list."""
    group, number, start, total = fixed.groups[g], np.int64(work.head[j]), work.job[0], 0.0
    i = j - group.start
    while number >= 0:
        at, w, _ = synaptic_arrival(fixed, work, k, number)
        if at <= t:
            total += w * response_of(group, t - at)
        number = np.int64(work.following[k, number])
    for d in range(group.first_drive, group.first_drive + group.drives):
        drive = fixed.drives[d]
        w = fixed.drive_weight[drive.weight_at + drive.own_weight * i]
        first, last, _ = blocks_of(drive, start, work.job[1])
        for block in range(first, last):
            key = key_of(keys_of_block(work, d, block), i)
            n = draw_times(fixed, work, k, drive, key, block, i, count_of(fixed, drive, key, i))
            for m in range(n):
                s = t - work.lanes[k, DRAWN_AT + m]
                if s >= 0.0 and work.lanes[k, DRAWN_AT + m] >= start:
                    total += w * response_of(group, s)
    return total


@routine
def current_from_arrivals(fixed: Fixed, work: Workspace, k: int, g: Index, j: Index, t: float) -> float:
    """What arrivals up to `t` that are not in the amplitudes add to the current of neuron j."""
    group, number, start, total = fixed.groups[g], np.int64(work.head[j]), work.job[0], 0.0
    if work.listed[j]:
        while number >= 0:
            entry = work.arrivals[k, number]
            if entry.time <= t:
                total += entry.weight * exp(-(t - entry.time) * group.rate_s)
            number = np.int64(entry.next)
        return total
    while number >= 0:
        at, w, _ = synaptic_arrival(fixed, work, k, number)
        if at <= t:
            total += w * exp(-(t - at) * group.rate_s)
        number = np.int64(work.following[k, number])
    i = j - group.start
    for d in range(group.first_drive, group.first_drive + group.drives):
        drive = fixed.drives[d]
        w = fixed.drive_weight[drive.weight_at + drive.own_weight * i]
        first, last, _ = blocks_of(drive, start, work.job[1])
        for block in range(first, last):
            key = key_of(keys_of_block(work, d, block), i)
            n = draw_times(fixed, work, k, drive, key, block, i, count_of(fixed, drive, key, i))
            for m in range(n):
                s = t - work.lanes[k, DRAWN_AT + m]
                if s >= 0.0 and work.lanes[k, DRAWN_AT + m] >= start:
                    total += w * exp(-s * group.rate_s)
    return total
