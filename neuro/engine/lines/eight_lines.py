"""Groups on straight lines that whole rows reach: eight neurons at a time go through all arrivals of a window.

All arrivals of a window are known before it starts, so each neuron can be taken through them on its own. Eight whose v
stays below the threshold need sums and comparisons alone. Those that fire are listed, and go through the window
together as well (`listed_lines.py`). A neuron that is clamped or fires too often goes by itself. The bits are those of
`deliver_row` and `finish_state_form`.
"""

from __future__ import annotations

from math import inf

import numpy as np

from neuro.engine.codes import (
    AT_FLOOR,
    DRIVE,
    FAULT,
    FORCED,
    FREE,
    HALTED,
    HELD,
    IN_STATE,
    IS_ASIDE,
    IS_HELD,
    LAST,
    NEXT_SAMPLE,
    NEXT_STEP,
    SINCE,
    SOURCE,
    STATE_FORM,
    V,
)
from neuro.engine.kernels.arrays import F8, I8, U8_2, Fixed, Index, Inputs, Record, State, Workspace
from neuro.engine.kernels.state_form_rows import advance_on_line, no_event_on_line, on_line
from neuro.engine.lines.aside import put_all_back, put_back, put_lane_back, set_aside, set_lane_aside
from neuro.engine.lines.listed_lines import EVERY, NONE, ONE, cross_listed, first_of_eight
from neuro.jit import inlined, inner, load_acquire, lowest_bit, routine
from neuro.simd import LANES, all_lanes, lane_choice, lane_max, lane_mix, load_lanes, not_below, store_lanes

MOST_GROUPS = 16
"""In networks of more groups, looking for the events of each takes too long."""
ALL = 1 << MOST_GROUPS
"""Set where no group is left."""

__all__ = ["ALL", "cross_window", "is_across"]


@inlined
def is_across(across: Index, g: Index) -> bool:
    """Has `cross_window`, which returned `across`, taken group g to the end of the window?"""
    return bool(g < MOST_GROUPS and (across >> g) & 1 != 0)


@inner
def list_whole_rows(fixed: Fixed, work: Workspace, k: int, g: Index, low: Index, high: Index, n_events: int) -> int:
    """List the arrivals of the window at group g; returns their number, or -1 if one leaves out any of low .. high."""
    arriving, n, cut = work.arriving[k], 0, len(work.cuts) > 0
    for e in range(n_events):
        code = work.event_code[e]
        if code < 0:
            continue
        seg = fixed.segments[code]
        bundle = fixed.bundles[seg.projection]
        if bundle.group != g:
            continue
        begin, stop = np.int64(0), np.int64(seg.count)
        if cut:
            begin, stop = np.int64(work.cuts[code, k]), np.int64(work.cuts[code, k + 1])
        if not bundle.whole or stop - begin != high - low:
            return -1
        arriving[2 * n], arriving[2 * n + 1] = e, seg.weight + begin
        n += 1
    return n


@inlined
def cross_alone(
    fixed: Fixed, neuron: Record, cell: Record, tally: I8, time: F8, ids: I8, event_time: F8, arriving: I8,
    j: Index, offset: Index, n: int, end: float,
) -> None:  # fmt: skip
    """Take neuron j through the n listed arrivals, whose weights have it at `offset`, and to the window's end."""
    wide, narrow, is_wide = fixed.wide, fixed.narrow, len(fixed.wide) > 0
    threshold, floor, ceiling = cell.threshold, cell.floor, cell.ceiling
    if neuron.mode == FORCED or (neuron.mode == HELD and neuron.until > end):
        if n:
            neuron.last = max(neuron.last, event_time[arriving[2 * n - 2]])
    else:
        for i in range(n):
            t, at = event_time[arriving[2 * i]], arriving[2 * i + 1] + offset
            h = t - neuron.last
            if h > 0.0:
                safe, v = no_event_on_line(threshold, floor, ceiling, neuron, h, t)
                if safe:
                    neuron.v, neuron.last = v, t
                else:
                    advance_on_line(cell, neuron, tally, time, ids, j, t)
            w = wide[at] if is_wide else np.float64(narrow[at])
            if neuron.mode != HELD and neuron.mode != FORCED and w != 0.0:
                neuron.v += w
                neuron.mode = FREE
        h = end - neuron.last
        if h > 0.0:
            safe, _ = no_event_on_line(threshold, floor, ceiling, neuron, h, end)
            if not safe:
                advance_on_line(cell, neuron, tally, time, ids, j, end)


@inlined
def cross_eight(
    fixed: Fixed, cell: Record, aside: tuple[F8, F8, F8, F8], bits: U8_2, event_time: F8, arriving: I8,
    first: Index, offset: Index, n: int, end: float,
) -> np.uint64:  # fmt: skip
    """`cross_alone` for the neurons from `first` on; returns bits of those that have to go alone, left as they were."""
    old_v, old_since, is_wide = load_lanes(aside[V], first), load_lanes(aside[SINCE], first), len(fixed.wide) > 0
    v, since, drive = old_v, old_since, load_lanes(aside[DRIVE], first)
    at_floor, held, alone = bits[first, AT_FLOOR], bits[first, IS_HELD], bits[first, IN_STATE]
    floor, top, zero = all_lanes(cell.floor), all_lanes(min(cell.threshold, cell.ceiling)), all_lanes(0.0)
    falling, before = not_below(zero, drive), -inf
    for i in range(n):
        t, at = event_time[arriving[2 * i]], arriving[2 * i + 1] + offset
        h = all_lanes(t) - since
        if i == 0:
            alone |= not_below(zero, h) & ~held
        if t > before:
            base = lane_max(v, floor)
            then = base + drive * h + zero
            moving = EVERY & ~not_below(zero, h)
            alone |= moving & not_below(lane_max(base, then), top)
            at_floor = moving & ((falling & not_below(floor, base)) | ~not_below(then, floor))
            v = lane_choice(zero, h, lane_max(then, floor), v)
            held &= ~not_below(h, zero)
            since = lane_max(since, all_lanes(t))
        w = load_lanes(fixed.wide, at) if is_wide else load_lanes(fixed.narrow, at)
        nothing = not_below(w, zero) & not_below(zero, w)
        if nothing:  # 0 would make -0 of v positive
            alone |= nothing & not_below(v, zero) & not_below(zero, v)
        at_floor &= nothing
        v = lane_choice(h, zero, v, v + w)
        before = t
    h = all_lanes(end) - since
    moving = EVERY & ~not_below(zero, h)
    alone |= ~moving & (~held | not_below(h, zero)) & EVERY
    base = lane_max(v, floor)
    then = base + drive * h + zero
    alone |= moving & not_below(lane_max(base, then), top)
    low = not_below(floor, v) | not_below(floor, then)
    moved = moving & (held | ~((at_floor & falling) | (~at_floor & ~low)))
    if n or moved & ~alone:
        left = alone if n else alone | (EVERY & ~moved)
        later = (falling & not_below(floor, base)) | (EVERY & ~not_below(then, floor))
        at_floor = (at_floor & ~moved) | (later & moved)
        late, last = all_lanes(end), load_lanes(aside[LAST], first)
        v = lane_mix(left, old_v, lane_mix(moved, lane_max(then, floor), v))
        store_lanes(aside[V], first, v)
        store_lanes(aside[SINCE], first, lane_mix(left, old_since, lane_mix(moved, late, since)))
        store_lanes(aside[LAST], first, lane_mix(left, last, lane_mix(moved, late, all_lanes(before))))
        bits[first, AT_FLOOR] = (bits[first, AT_FLOOR] & left) | (at_floor & ~left)
        bits[first, IS_HELD] = (bits[first, IS_HELD] & left) | (held & ~moved & ~left)
    found: np.uint64 = alone
    return found


@inner
def cross_by_itself(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, low: Index, j: Index, n: int, end: float
) -> None:
    """`cross_alone` for neuron j of group g, which is aside."""
    cell, first = fixed.cells[fixed.groups[g].cells], first_of_eight(low, j)
    put_lane_back(state, work, first, j - first)
    cross_alone(
        fixed, state.neurons[j], cell, work.tally[k], work.time[k], work.ids[k], work.event_time, work.arriving[k],
        j, j - low, n, end,
    )  # fmt: skip
    set_lane_aside(state, work, first, j - first)


@inner
def cross_list(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, low: Index, count: int, held: np.uint64,
    at_floor: np.uint64, n: int, end: float,
) -> None:  # fmt: skip
    """Take the `count` neurons in work.hits[k] through the n listed arrivals, each by itself where it has to."""
    left = cross_listed(fixed, state, work, k, g, low, count, held, at_floor, n, end)
    while left:
        i = lowest_bit(left)
        left &= left - ONE
        cross_by_itself(fixed, state, work, k, g, low, np.int64(work.hits[k, i]), n, end)


@inner
def cross_group(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, low: Index, high: Index, n: int, end: float
) -> None:
    """Take the neurons low .. high of group g through the n listed arrivals, and to the window's end."""
    cell, tally, who = fixed.cells[fixed.groups[g].cells], work.tally[k], work.hits[k]
    aside, bits = (work.aside[V], work.aside[DRIVE], work.aside[SINCE], work.aside[LAST]), work.aside_bits
    event_time, arriving, listed, held, at_floor = work.event_time, work.arriving[k], 0, NONE, NONE
    for first in range(low, high, LANES):
        if load_acquire(work.halt, 0):
            tally[FAULT] = HALTED
            return
        if not bits[first, IS_ASIDE]:
            set_aside(state, work, first, high)
        if high - first >= LANES:
            alone = cross_eight(fixed, cell, aside, bits, event_time, arriving, first, first - low, n, end)
        else:
            alone = (ONE << np.uint64(high - first)) - ONE
        while alone:
            i = lowest_bit(alone)
            alone &= alone - ONE
            place = np.uint64(i)
            if (bits[first, IN_STATE] >> place) & ONE:
                cross_by_itself(fixed, state, work, k, g, low, first + i, n, end)
                continue
            who[listed] = first + i
            held |= ((bits[first, IS_HELD] >> place) & ONE) << np.uint64(listed)
            at_floor |= ((bits[first, AT_FLOOR] >> place) & ONE) << np.uint64(listed)
            listed += 1
            if listed == LANES:
                cross_list(fixed, state, work, k, g, low, listed, held, at_floor, n, end)
                listed, held, at_floor = 0, NONE, NONE
    if listed:
        cross_list(fixed, state, work, k, g, low, listed, held, at_floor, n, end)


@routine
def cross_window(fixed: Fixed, state: State, inputs: Inputs, work: Workspace, k: int, end: float, n_events: int) -> int:
    """Take thread k's neurons of all groups on straight lines, whose arrivals are whole rows, to the window's end.

    Returns a bit for each such group, and `ALL` if there is no other; none if a drive changes or a voltage is read
    within the window. Of all other groups, no neuron is left aside.
    """
    across, left, groups, tally = 0, 0, len(fixed.groups), work.tally[k]
    s, m = tally[NEXT_STEP], tally[NEXT_SAMPLE]
    if groups > MOST_GROUPS or len(work.aside_bits) == 0:
        return across
    if s < len(inputs.steps) and inputs.steps[s].time < end:
        put_all_back(fixed, state, work, k)
        return across
    if m < len(inputs.sample_time) and inputs.sample_time[m] < end:
        put_all_back(fixed, state, work, k)
        return across
    for g in range(groups):
        group = fixed.groups[g]
        low, high = max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])
        if group.kind == SOURCE or high <= low:
            continue
        n = -1
        if group.kind == STATE_FORM and on_line(fixed, group):
            n = list_whole_rows(fixed, work, k, g, low, high, n_events)
        if n < 0:
            put_back(fixed, state, work, k, g)
            left += 1
            continue
        across |= 1 << g
        cross_group(fixed, state, work, k, g, low, high, n, end)
        if tally[FAULT] == HALTED:
            return across
    return across if left or not across else across | ALL
