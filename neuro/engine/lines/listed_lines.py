"""Up to eight neurons on straight lines, from a list, go through a window's arrivals together, and fire on the way.

Between two arrivals each may fire once. A neuron for which that is not enough is left as it was. The bits are those of
`advance_on_line`.
"""

from __future__ import annotations

from math import inf

import numpy as np

from neuro.engine.codes import AT_FLOOR, DRIVE, IS_HELD, LAST, N_SPIKES, SINCE, V
from neuro.engine.instants import LAST as LAST_INSTANT
from neuro.engine.instants import NEAR, PER_SECOND, TO_WHOLE
from neuro.engine.kernels.arrays import F8, I8, Fixed, Index, State, Workspace
from neuro.engine.kernels.crossings import SPLITTER
from neuro.jit import inlined, inner, lowest_bit
from neuro.simd import (
    LANES,
    all_lanes,
    gather,
    lane_choice,
    lane_max,
    lane_min,
    lane_mix,
    not_below,
    scatter,
    store_lanes,
)

EVERY = np.uint64(2**LANES - 1)
"""A bit for each of eight neurons."""
ONE, NONE = np.uint64(1), np.uint64(0)

__all__ = ["EVERY", "NONE", "ONE", "cross_listed", "first_of_eight"]


@inlined
def first_of_eight(low: Index, j: Index) -> Index:
    """The first of the eight that neuron j is one of, where neuron `low` is the first of all."""
    return low + (j - low) // LANES * LANES


@inlined
def lane_instant(t: float) -> float:
    """`instant_of` in each lane."""
    x, whole = t * PER_SECOND, all_lanes(TO_WHOLE)
    n = (x + whole) - whole
    apart, near = x - n, n * NEAR
    apart = lane_max(apart, all_lanes(0.0) - apart)
    found = lane_choice(near, apart, t, n / PER_SECOND)
    instant: float = lane_choice(n, all_lanes(LAST_INSTANT), found, t)
    return instant


@inlined
def lane_crossing(v: float, drive: float, h: float, then: float, threshold: float) -> tuple[float, np.uint64]:
    """`cross_level` for a threshold in each lane, if its first step finds the place; bits of lanes where not."""
    zero, level, slope = all_lanes(0.0), all_lanes(threshold), drive + 0.0
    low, high = v - level, then - level
    s = h * (low / (low - high))
    failed = not_below(zero, s) | not_below(s, h) | not_below(zero, drive)
    f = v + drive * s + zero - level
    above, step = lane_choice(f, zero, h, s), f / slope
    s = s - step
    failed |= EVERY & ~not_below(above * 1e-8, lane_max(step, zero - step))
    product = s * SPLITTER
    once = product - (product - s)
    once = once - (v + drive * once + zero - level) / slope
    once = once - (v + drive * once + zero - level) / slope
    apart = once - s
    apart = lane_max(apart, zero - apart)
    found = lane_min(lane_choice(s * 1e-9, apart, s, once), h)
    return found, failed | not_below(zero, found)


@inlined
def write_lanes(time: F8, ids: I8, who: I8, begin: Index, spikes: np.uint64, at: float) -> Index:
    """Write the spikes of some lanes from place `begin` on; return the place after them."""
    store_lanes(time, begin, at)
    n, left = begin, spikes
    while left:
        i = lowest_bit(left)
        left &= left - ONE
        time[n], ids[n] = time[begin + i], np.int64(who[i])
        n += 1
    return n


@inlined
def drop_lanes(time: F8, ids: I8, who: I8, begin: Index, stop: Index, dropped: np.uint64) -> Index:
    """Take the spikes of some lanes out of begin .. stop; return the place after the others."""
    n = begin
    for m in range(begin, stop):
        keep, left = True, dropped
        while left:
            i = lowest_bit(left)
            left &= left - ONE
            keep = keep and ids[m] != np.int64(who[i])
        if keep:
            time[n], ids[n] = time[m], ids[m]
            n += 1
    return n


@inlined
def note_ends(state: State, room: F8, who: I8, at: Index, fired: np.uint64, ends: float) -> None:
    """Note when the refractory times end of lanes that fired; there is room for eight numbers from room[at] on."""
    store_lanes(room, at, ends)
    while fired:
        i = lowest_bit(fired)
        fired &= fired - ONE
        state.neurons[np.int64(who[i])].until = room[at + i]


@inner
def cross_listed(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, low: Index, count: int, held: np.uint64,
    at_floor: np.uint64, n: int, end: float,
) -> np.uint64:  # fmt: skip
    """Take the `count` neurons in work.hits[k] through the n listed arrivals, and to the window's end.

    Neurons `low` and following of group g are aside. Returns bits of those that were left as they were.
    """
    cell, who, tally = fixed.cells[fixed.groups[g].cells], work.hits[k], work.tally[k]
    time, ids, event_time, arriving = work.time[k], work.ids[k], work.event_time, work.arriving[k]
    every, begun = (ONE << np.uint64(count)) - ONE, tally[N_SPIKES]
    if not cell.ceiling > cell.threshold or begun + LANES * (n + 2) > len(time):
        return every
    for i in range(count, LANES):  # the other lanes do again what the first does
        who[i] = who[0]
    if held & ONE:
        held |= EVERY & ~every
    if at_floor & ONE:
        at_floor |= EVERY & ~every
    old_v, old_since = gather(work.aside[V], 0, who, 0), gather(work.aside[SINCE], 0, who, 0)
    drive, last = gather(work.aside[DRIVE], 0, who, 0), gather(work.aside[LAST], 0, who, 0)
    old_held, old_floor, old_last, v, since, done = held, at_floor, last, old_v, old_since, begun
    floor, top, zero = all_lanes(cell.floor), all_lanes(cell.threshold), all_lanes(0.0)
    ceiling, falling, left, before = all_lanes(cell.ceiling), not_below(zero, drive), NONE, -inf
    fired, ends = NONE, zero
    for i in range(n + 1):
        t = end if i == n else event_time[arriving[2 * i]]
        h, late = all_lanes(t) - since, all_lanes(t)
        if i == 0 or i == n:
            left |= not_below(zero, h) & ~held & EVERY
        if i == n or t > before:
            base = lane_max(v, floor)
            then = base + drive * h + zero
            moving = EVERY & ~not_below(zero, h)
            over = moving & not_below(lane_max(base, then), top)
            if i == n:  # who is neither over nor has left a limit stays where it was at the last arrival
                left |= held & ~moving & not_below(h, zero)
                near = not_below(floor, v) | not_below(floor, then)
                moving &= held | ~((at_floor & falling) | (~at_floor & ~near)) | over
            later = (falling & not_below(floor, base)) | (EVERY & ~not_below(then, floor))
            at_floor = (at_floor & ~moving) | (later & moving)
            held &= ~not_below(h, zero) | ~moving if i == n else ~not_below(h, zero)
            new_v, new_since = lane_max(then, floor), lane_max(since, late)
            if over:
                jumped = over & not_below(base, top)
                first, failed = lane_crossing(base, drive, h, then, cell.threshold)
                failed = (failed | not_below(then, ceiling)) & ~jumped
                first = lane_mix(jumped, zero, first)
                at = lane_min(since + first, late)
                after = all_lanes(cell.reset)
                if cell.subtract:
                    after = lane_mix(jumped, lane_min(base, ceiling), top) - top
                after, until = lane_max(after, floor), at
                if cell.refractory > 0.0:
                    until = lane_instant(at + cell.refractory)
                rest = late - until
                on = after + drive * rest + zero
                free = not_below(rest, zero)
                failed |= free & (not_below(lane_max(after, on), top) | not_below(floor, on))
                failed |= free & falling & not_below(floor, after)
                left |= over & failed
                on = lane_choice(zero, rest, on, after)
                new_v, new_since = lane_mix(over, on, new_v), lane_mix(over, lane_max(until, late), new_since)
                held, at_floor = held & ~over | over & ~free, at_floor & ~over
                fired, ends = fired | over, lane_mix(over, until, ends)
                done = write_lanes(time, ids, who, done, over & every, at)
            v, last = lane_mix(moving, new_v, v), lane_mix(moving, late, last)
            since = lane_mix(moving, new_since, since) if i == n else new_since
        if i < n:
            at_weight = arriving[2 * i + 1] - low
            w = gather(fixed.wide, at_weight, who, 0) if len(fixed.wide) else gather(fixed.narrow, at_weight, who, 0)
            nothing = not_below(w, zero) & not_below(zero, w)
            if nothing:  # 0 would make -0 of v positive
                left |= nothing & not_below(v, zero) & not_below(zero, v)
            at_floor &= nothing
            v, last, before = lane_mix(held, v, v + w), late, t
    left &= every
    if left:
        done = drop_lanes(time, ids, who, begun, done, left)
    tally[N_SPIKES] = done
    keep = left | (EVERY & ~every if left & ONE else NONE)
    scatter(work.aside[V], who, 0, lane_mix(keep, old_v, v))
    scatter(work.aside[SINCE], who, 0, lane_mix(keep, old_since, since))
    scatter(work.aside[LAST], who, 0, lane_mix(keep, old_last, last))
    if cell.refractory > 0.0:
        note_ends(state, time, who, done, fired & every & ~left, ends)
    changed = ((held ^ old_held) | (at_floor ^ old_floor)) & every & ~left
    while changed:
        i = lowest_bit(changed)
        changed &= changed - ONE
        j = np.int64(who[i])
        eight = first_of_eight(low, j)
        place, here = np.uint64(j - eight), np.uint64(i)
        others = ~(ONE << place)
        bits = work.aside_bits[eight]
        bits[IS_HELD] = (bits[IS_HELD] & others) | (((held >> here) & ONE) << place)
        bits[AT_FLOOR] = (bits[AT_FLOOR] & others) | (((at_floor >> here) & ONE) << place)
    return left
