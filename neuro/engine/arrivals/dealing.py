"""Deals the arrivals of a window to their targets, from the pieces of rows that are due.

The pieces of a population are first written one after the other (`stage_pieces`): eight at a time, and what is too much
at the end of a piece is overwritten by the next. Then eight arrivals at a time go to the sums and the chains.
"""

from __future__ import annotations

import numpy as np

from neuro.engine.arrivals.cursors import reaches, take_pieces
from neuro.engine.arrivals.exponentials import exp_lanes
from neuro.engine.arrivals.lists import weight_of
from neuro.engine.codes import (
    AMPLITUDE_FORM,
    FAULT,
    FAULT_DETAIL,
    LOOSE_FULL,
    N_DEALT,
    N_PIECES,
    N_TOUCHED,
    REAL_LAGS,
    UNTOUCHED,
)
from neuro.engine.kernels.arrays import Fixed, Index, Record, Workspace
from neuro.jit import inlined, inner, routine
from neuro.simd import LANES, add_quads, all_lanes, copy_targets, lane_max, load_lanes, prefetch, store_lanes

AHEAD = 4
"""Synapses are prefetched for this many pieces ahead."""
LINE = 16
"""Targets in a cache line."""

__all__ = ["deal_arrivals"]


@inlined
def prefetch_piece(fixed: Fixed, piece: Record) -> None:
    """Prefetch the targets and weights of a piece."""
    seg = fixed.segments[piece.row]
    step = fixed.bundles[seg.projection].step
    for i in range(piece.first, min(piece.last, piece.first + 4 * LINE), LINE):
        prefetch(fixed.post, seg.first + i)
        if step and len(fixed.wide):
            prefetch(fixed.wide, seg.weight + i)
            prefetch(fixed.wide, seg.weight + i + LANES)
        elif step:
            prefetch(fixed.narrow, seg.weight + i)


@inlined
def stage_weights(fixed: Fixed, seg: Record, i: Index, count: Index, into: Record, to: Index) -> None:
    """Write eight weights of a row from the i-th on, those beyond its end as they come."""
    at = seg.weight + i
    if len(fixed.wide) >= at + LANES:
        store_lanes(into, to, load_lanes(fixed.wide, at))
    elif len(fixed.narrow) >= at + LANES:
        store_lanes(into, to, load_lanes(fixed.narrow, at))
    else:
        for n in range(LANES):
            into[to + n] = weight_of(fixed, seg, 1, min(i + n, count - 1))


@inner
def stage_pieces(fixed: Fixed, work: Workspace, k: int, first: int, last: int, start: float) -> None:
    """Write the arrivals of the pieces first .. last: times since the window's start, weights, targets."""
    time, weight, post = work.staged_time[k], work.staged_weight[k], work.staged_post[k]
    pieces = work.pieces[k]
    origin = pieces[first].begin
    for e in range(first, last):
        prefetch_piece(fixed, pieces[min(e + AHEAD, last - 1)])
        piece = pieces[e]
        seg = fixed.segments[piece.row]
        bundle, t0, to, count = fixed.bundles[seg.projection], piece.time, piece.begin - origin, np.int64(seg.count)
        place, common = seg.first + bundle.lag_at, all_lanes(weight_of(fixed, seg, 0, 0))
        for i in range(piece.first, piece.last, LANES):
            if bundle.lags == REAL_LAGS:
                store_lanes(time, to, (load_lanes(fixed.lag, place + i) + t0) - start)
            else:
                for n in range(LANES):
                    code = np.int64(fixed.lag_code[np.uint64(place + i + n)])
                    time[np.uint64(to + n)] = fixed.lag_value[np.uint64(bundle.lag_table + code)]
                store_lanes(time, to, (load_lanes(time, to) + t0) - start)
            if bundle.step == 0:
                store_lanes(weight, to, common)
            else:
                stage_weights(fixed, seg, i, count, weight, to)
            if seg.first + i + LANES <= len(fixed.post):
                copy_targets(fixed.post, seg.first + i, post, to)
            else:
                for n in range(LANES):
                    post[to + n] = fixed.post[seg.first + min(i + n, count - 1)]
            to += LANES


@inner
def put_into_chains(work: Workspace, k: int, number: Index, total: Index) -> None:
    """Enter `total` staged arrivals, of which the first has this number in the window, into their targets' chains."""
    head, following, touched, post = work.head, work.following[k], work.touched[k], work.staged_post[k]
    n, size = np.uint64(work.tally[k, N_TOUCHED]), np.uint64(len(head))
    for i in range(np.uint64(total)):
        j = np.uint64(post[i])
        if j < size:
            before = head[j]
            following[np.uint64(number) + i] = before
            head[j] = np.int64(number) + np.int64(i)
            touched[n] = np.int64(j)
            n += np.uint64(before == UNTOUCHED)
    work.tally[k, N_TOUCHED] = np.int64(n)


@inner
def add_to_sums(work: Workspace, k: int, group: Record, jump: bool, total: Index, span: float) -> None:
    """Add what staged arrivals leave to the sums of their targets."""
    time, weight, post = work.staged_time[k], work.staged_weight[k], work.staged_post[k]
    most_m, most_s, nothing = span * group.rate_m, span * group.rate_s, all_lanes(0.0)
    for n in range(total, total + LANES):
        time[n] = weight[n] = 0.0
        post[n] = np.uint32(len(work.head) + k)
    for i in range(0, total, LANES):
        x, w = load_lanes(time, i), load_lanes(weight, i)
        a, b = w * exp_lanes(x * group.rate_m, most_m), nothing
        if not jump:
            b = w * exp_lanes(x * group.rate_s, most_s)
        add_quads(work.loose, post, np.uint64(i), a, b, lane_max(w, nothing))


@inner
def deal_pieces(fixed: Fixed, work: Workspace, k: int, g: Index, first: int, last: int, total: Index) -> None:
    """Deal the pieces first .. last, with `total` arrivals at population g, to thread k's neurons."""
    low, high, start, span = work.bounds[k], work.bounds[k + 1], work.job[0], work.job[1] - work.job[0]
    group, post = fixed.groups[g], work.staged_post[k]
    stage_pieces(fixed, work, k, first, last, start)
    if group.start < low or group.stop > high:
        for i in range(total):
            if not low <= np.int64(post[i]) < high:
                post[i] = np.uint32(len(work.head) + k)
    put_into_chains(work, k, work.pieces[k, first].begin, total)
    if group.kind == AMPLITUDE_FORM:
        add_to_sums(work, k, group, group.first_slow == 0, total, span)


@routine
def deal_arrivals(fixed: Fixed, work: Workspace, k: int) -> None:
    """Deal what synapses with delays of their own bring in this window to thread k's neurons.

    Sets the thread's fault LOOSE_FULL if it does not fit.
    """
    n, total, room, tally = 0, np.int64(0), work.arrivals.shape[1], work.tally[k]
    for g in range(work.cursor_bucket.shape[1]):
        if fixed.groups[g].loose and reaches(fixed, work, k, g):
            first, number = n, total
            n, total = take_pieces(fixed, work, k, g, first, number)
            if n > first and total <= room:
                deal_pieces(fixed, work, k, g, first, n, total - number)
    work.flown[k, N_PIECES], work.flown[k, N_DEALT] = n, total
    if total > room:
        tally[FAULT], tally[FAULT_DETAIL] = LOOSE_FULL, total
