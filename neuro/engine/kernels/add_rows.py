"""The innermost loops: add the inputs of a row, and note the targets that the bound does not clear."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from neuro.engine.codes import AMPLITUDE_FORM, BLOCK
from neuro.engine.kernels.arrays import F8, I8, U4, Fixed, Index, Reals, Records, State, Workspace
from neuro.jit import inlined, inner, lowest_bit, routine
from neuro.simd import (
    LANES,
    add_contiguous,
    add_pairs,
    add_weighted,
    all_lanes,
    gather,
    lane_max,
    load_lanes,
    not_below,
    prefetch,
    prefetch_l2,
    store_lanes,
)

FOUR = 4 * LANES
PREFETCH_RECORDS, PREFETCH_ROWS = 8, 2
"""The records of an arrival are prefetched this many arrivals before it, and the start of its row this many."""
PREFETCH_SYNAPSES, LINE_TARGETS = 128, 16
"""Number of synapses of a row that are prefetched, and of the targets in a cache line."""
CACHED_NEURONS = 2**17
"""The amplitudes of more neurons do not stay in the second cache: those of the next row are prefetched into it."""
ONE = np.uint64(1)

__all__ = [
    "add_driven", "add_each", "add_falling", "add_same", "add_whole", "prefetch_later_rows", "prefetch_targets",
]  # fmt: skip


@inlined
def prefetch_later_rows(
    fixed: Fixed, state: State, work: Workspace, segments: Records, codes: I8, k: int, e: int, n_events: int
) -> None:
    """Prefetch for arrivals after e: first their records, then the start of their rows."""
    if e + PREFETCH_RECORDS < n_events:
        code = codes[e + PREFETCH_RECORDS]
        if code >= 0:
            prefetch(segments, code)
        elif work.bounds[k] <= -1 - code < work.bounds[k + 1]:
            prefetch(state.neurons, -1 - code)
            prefetch(state.amp, -1 - code)
    if e + PREFETCH_ROWS < n_events and codes[e + PREFETCH_ROWS] >= 0:
        code = codes[e + PREFETCH_ROWS]
        seg = segments[code]
        begin = np.int64(work.cuts[code, k]) if len(work.cuts) and not work.route_row.shape[1] else np.int64(0)
        stop = min(np.int64(seg.count), begin + PREFETCH_SYNAPSES)
        if len(fixed.wide):
            prefetch(fixed.wide, seg.weight)
        else:
            prefetch(fixed.narrow, seg.weight)
        if work.route_row.shape[1] and fixed.bundles[seg.projection].step:
            for i in range(LINE_TARGETS, stop, LINE_TARGETS):
                if len(fixed.wide):
                    prefetch(fixed.wide, seg.weight + i)
                    prefetch(fixed.wide, seg.weight + i - LINE_TARGETS // 2)
                else:
                    prefetch(fixed.narrow, seg.weight + i)
        for i in range(begin, stop, LINE_TARGETS):
            prefetch(fixed.post, seg.first + i)


@inner
def prefetch_targets(
    fixed: Fixed, state: State, work: Workspace, segments: Records, codes: I8, k: int, e: int, n_events: int
) -> None:
    """Prefetch the amplitudes that arrival e adds to, in networks whose amplitudes do not stay in the cache."""
    if len(state.amp) <= CACHED_NEURONS or e >= n_events or codes[e] < 0:
        return
    code = codes[e]
    seg = segments[code]
    bundle = fixed.bundles[seg.projection]
    if fixed.groups[bundle.group].kind == AMPLITUDE_FORM and not bundle.whole:
        begin, stop = np.int64(0), np.int64(seg.count)
        if len(work.cuts) and not work.route_row.shape[1]:
            begin, stop = np.int64(work.cuts[code, k]), np.int64(work.cuts[code, k + 1])
        for i in range(begin, min(stop, begin + BLOCK)):
            prefetch_l2(state.amp, np.int64(fixed.post[np.uint64(seg.first + i)]))


@inner
def sum_rows(
    fixed: Fixed, weights: Reals, work: Workspace, total: F8, begin: int, end: int, base: Index, size: Index
) -> None:
    """Sum the weights of several rows that arrive in one instant."""
    segments, bundles, codes, whole = fixed.segments, fixed.bundles, work.event_code, size - size % FOUR
    for e in range(begin, end):
        if bundles[segments[codes[e]].projection].step != 1:
            whole = 0
    for i in range(0, whole, FOUR):
        s, t, u, v = all_lanes(0.0), all_lanes(0.0), all_lanes(0.0), all_lanes(0.0)
        for e in range(begin, end):
            at = np.int64(segments[codes[e]].weight + base + i)
            s, t = s + load_lanes(weights, at), t + load_lanes(weights, at + LANES)
            u, v = u + load_lanes(weights, at + 2 * LANES), v + load_lanes(weights, at + 3 * LANES)
        store_lanes(total, i, s)
        store_lanes(total, i + LANES, t)
        store_lanes(total, i + 2 * LANES, u)
        store_lanes(total, i + 3 * LANES, v)
    for i in range(whole, size):
        total[i] = 0.0
    for e in range(begin, end):
        seg = segments[codes[e]]
        step = bundles[seg.projection].step
        at = seg.weight + base * step
        for i in range(whole, size):
            total[i] += weights[at + i * step]


@inlined
def note_marked(hits: U4, n: int, i: int, marks: Any) -> int:
    """Append the places of the eight targets from the i-th on that are marked."""
    while marks:
        hits[n] = i + lowest_bit(marks)
        marks &= marks - ONE
        n += 1
    return n


@routine
def add_same(
    fixed: Fixed, state: State, work: Workspace, k: int, at: Index, m: Index, same_gap: bool, common_gap: float,
    da: float, db: float, p: float, q: float, up: float, most: float,
) -> int:  # fmt: skip
    """Add the same input to m targets; note those that the bound does not clear."""
    amp, gap, post, hits = state.amp, state.gap, fixed.post, work.hits[k]
    n, whole, nothing, gaps = 0, m - m % LANES, all_lanes(0.0), all_lanes(common_gap)
    for i in range(0, whole, LANES):
        a, b = add_pairs(amp, post, np.uint64(at + i), da, db)
        y = a * p + b * q
        if not same_gap:
            gaps = gather(gap, 0, post, np.uint64(at + i))
        n = note_marked(hits, n, i, not_below(lane_max(y, y * up) + lane_max(b * most, nothing), gaps))
    for i in range(whole, m):
        j = np.uint64(post[np.uint64(at + i)])
        a, b = amp[j, 0] + da, amp[j, 1] + db
        amp[j, 0], amp[j, 1] = a, b
        y = a * p + b * q
        if not max(y, y * up) + max(b * most, 0.0) < (common_gap if same_gap else gap[j]):
            hits[n] = i
            n += 1
    return n


@routine
def add_falling(
    fixed: Fixed, state: State, work: Workspace, k: int, at: Index, m: Index, da: float, db: float
) -> int:  # fmt: skip
    """Add the same inhibition to m targets; note those that are watched.

    All others stay clear: inhibition lowers v at all later times.
    """
    amp, post, hits = state.amp, fixed.post, work.hits[k]
    n, whole, bar = 0, m - m % LANES, all_lanes(inf)
    for i in range(0, whole, LANES):
        a, _ = add_pairs(amp, post, np.uint64(at + i), da, db)
        n = note_marked(hits, n, i, not_below(a, bar))
    for i in range(whole, m):
        j = np.uint64(post[np.uint64(at + i)])
        a = amp[j, 0] + da
        amp[j, 0], amp[j, 1] = a, amp[j, 1] + db
        if a == inf:
            hits[n] = i
            n += 1
    return n


@routine
def add_driven(
    fixed: Fixed, state: State, work: Workspace, k: int, at: Index, m: Index, da: float, db: float,
    p: float, q: float, r: float, gap: float,
) -> int:  # fmt: skip
    """`add_same` where all targets have one gap, not positive: then x stays below y = a p + max(b q, b r)."""
    amp, post, hits = state.amp, fixed.post, work.hits[k]
    n, whole, gaps = 0, m - m % LANES, all_lanes(gap)
    for i in range(0, whole, LANES):
        a, b = add_pairs(amp, post, np.uint64(at + i), da, db)
        n = note_marked(hits, n, i, not_below(a * p + lane_max(b * q, b * r), gaps))
    for i in range(whole, m):
        j = np.uint64(post[np.uint64(at + i)])
        a, b = amp[j, 0] + da, amp[j, 1] + db
        amp[j, 0], amp[j, 1] = a, b
        if not a * p + max(b * q, b * r) < gap:
            hits[n] = i
            n += 1
    return n


@inner
def add_each_from(
    fixed: Fixed, state: State, work: Workspace, k: int, weights: Reals, at: Index, w0: Index, m: Index, same_gap: bool,
    common_gap: float, unit_a: float, unit_b: float, p: float, q: float, up: float, most: float,
) -> int:  # fmt: skip
    """`add_each` for weights of either precision."""
    amp, gap, post, hits = state.amp, state.gap, fixed.post, work.hits[k]
    n, whole, nothing, gaps = 0, m - m % LANES, all_lanes(0.0), all_lanes(common_gap)
    for i in range(0, whole, LANES):
        a, b = add_weighted(amp, post, weights, np.uint64(at + i), np.uint64(w0 + i), unit_a, unit_b)
        y = a * p + b * q
        if not same_gap:
            gaps = gather(gap, 0, post, np.uint64(at + i))
        n = note_marked(hits, n, i, not_below(lane_max(y, y * up) + lane_max(b * most, nothing), gaps))
    for i in range(whole, m):
        j, w = np.uint64(post[np.uint64(at + i)]), weights[np.uint64(w0 + i)]
        a, b = amp[j, 0] + w * unit_a, amp[j, 1] + w * unit_b
        amp[j, 0], amp[j, 1] = a, b
        y = a * p + b * q
        if not max(y, y * up) + max(b * most, 0.0) < (common_gap if same_gap else gap[j]):
            hits[n] = i
            n += 1
    return n


@routine
def add_each(
    fixed: Fixed, state: State, work: Workspace, k: int, at: Index, w0: Index, m: Index, same_gap: bool,
    common_gap: float, unit_a: float, unit_b: float, p: float, q: float, up: float, most: float,
) -> int:  # fmt: skip
    """Add inputs of individual weights to m targets; note those that the bound does not clear."""
    if len(fixed.wide):
        return add_each_from(
            fixed, state, work, k, fixed.wide, at, w0, m, same_gap, common_gap, unit_a, unit_b, p, q, up, most
        )
    return add_each_from(
        fixed, state, work, k, fixed.narrow, at, w0, m, same_gap, common_gap, unit_a, unit_b, p, q, up, most
    )


@routine
def add_whole(
    fixed: Fixed, state: State, work: Workspace, k: int, begin: int, end: int, base: Index, who: Index, m: Index,
    unit_a: float, unit_b: float, p: float, q: float, up: float, most: float,
) -> int:  # fmt: skip
    """Add the rows of the arrivals begin .. end, all at one instant, to the m neurons from `who` on.

    The sums stay in the workspace; targets that the bound does not clear are noted.
    """
    amp, gap, total, hits = state.amp, state.gap, work.total[k], work.hits[k]
    if len(fixed.wide):
        sum_rows(fixed, fixed.wide, work, total, begin, end, base, m)
    else:
        sum_rows(fixed, fixed.narrow, work, total, begin, end, base, m)
    n, whole, nothing = 0, m - m % LANES, all_lanes(0.0)
    for i in range(0, whole, LANES):
        w = load_lanes(total, i)
        a, b = add_contiguous(amp, who + i, w * unit_a, w * unit_b)
        y = a * p + b * q
        n = note_marked(
            hits, n, i, not_below(lane_max(y, y * up) + lane_max(b * most, nothing), load_lanes(gap, who + i))
        )
    for i in range(whole, m):
        j = np.uint64(who + i)
        a, b = amp[j, 0] + total[i] * unit_a, amp[j, 1] + total[i] * unit_b
        amp[j, 0], amp[j, 1] = a, b
        y = a * p + b * q
        if not max(y, y * up) + max(b * most, 0.0) < gap[who + i]:
            hits[n] = i
            n += 1
    return n
