"""Spikes under way on rows whose synapses have delays of their own.

Such a row is sorted by delay. So what a spike reaches in one window is a piece of the row. One cursor for each spike
says where the next piece begins, and in which window it is due.
"""

from __future__ import annotations

import numpy as np

from neuro.engine.codes import CURSORS_FULL, FAULT, NEXT_CURSOR, REAL_LAGS
from neuro.engine.instants import instant_of
from neuro.engine.kernels.arrays import Fixed, Index, Output, Record, State, Workspace
from neuro.engine.kernels.calendar import window_of
from neuro.jit import inlined, inner, lowest_bit
from neuro.simd import LANES, all_lanes, load_lanes, not_below, prefetch

AHEAD = 8
"""Delays are prefetched for this many pieces ahead."""

__all__ = ["any_due", "enter_cursor", "lag_of", "take_pieces"]


@inlined
def lag_of(fixed: Fixed, bundle: Record, at: Index) -> float:
    """The delay of the synapse at place `at`, s."""
    place = at + bundle.lag_at
    found: float
    if bundle.lags == REAL_LAGS:
        found = fixed.lag[place]
    else:
        found = fixed.lag_value[bundle.lag_table + np.int64(fixed.lag_code[place])]
    return found


@inner
def file_cursor(state: State, slot: Index, due: Index) -> None:
    """Enter a cursor for a window."""
    bucket = state.cursor_bucket
    place = due % len(bucket)
    state.cursors[slot].due, state.cursors[slot].next = due, bucket[place]
    bucket[place] = slot


@inner
def enter_cursor(fixed: Fixed, state: State, row: Index, t: float, window: Index, length: float) -> None:
    """A spike at `t` goes on its way along a row."""
    register = state.register
    slot = register[NEXT_CURSOR]
    if slot < 0:
        register[FAULT] = CURSORS_FULL
        return
    cursor = state.cursors[slot]
    register[NEXT_CURSOR] = cursor.next
    cursor.time, cursor.row, cursor.at = t, row, 0
    file_cursor(state, slot, max(window_of(instant_of(t + fixed.segments[row].delay), length), window + 1))


@inner
def any_due(state: State, window: Index) -> bool:
    """Does any cursor have something in this window?"""
    slot = state.cursor_bucket[window % len(state.cursor_bucket)]
    while slot >= 0:
        if state.cursors[slot].due <= window:
            return True
        slot = state.cursors[slot].next
    return False


@inner
def find_end(fixed: Fixed, bundle: Record, first: Index, at: Index, count: Index, t: float, end: float) -> Index:
    """The first synapse of a row, from the at-th on, that a spike at `t` reaches at `end` or later."""
    place, begin = first + bundle.lag_at, at
    if bundle.lags == REAL_LAGS:
        late = all_lanes(end)
        while at < count:
            marks = not_below(load_lanes(fixed.lag, place + at) + t, late)
            if marks:
                at += lowest_bit(marks)
                break
            at += LANES
        at = min(at, count)
    else:
        table = bundle.lag_table
        while at < count and t + fixed.lag_value[np.uint64(table + fixed.lag_code[np.uint64(place + at)])] < end:
            at += 1
    # So far the sums decide. Their instants can lie on the other side of `end`.
    while at < count and instant_of(t + lag_of(fixed, bundle, first + at)) < end:
        at += 1
    while at > begin and instant_of(t + lag_of(fixed, bundle, first + at - 1)) >= end:
        at -= 1
    return at


@inner
def sort_pieces(fixed: Fixed, work: Workspace, n: int) -> None:
    """Move n pieces from the upper half of the room to the lower, those of each population together."""
    pieces, half, to, total = work.pieces, len(work.pieces) // 2, 0, np.int64(0)
    for g in range(len(fixed.groups)):
        for e in range(n if fixed.groups[g].loose else 0):
            piece = pieces[half + e]
            if fixed.bundles[fixed.segments[piece.row].projection].group == g:
                into = pieces[to]
                into.time, into.row, into.first, into.last = piece.time, piece.row, piece.first, piece.last
                into.begin = total
                to, total = to + 1, total + piece.last - piece.first


@inner
def take_pieces(
    fixed: Fixed, state: State, out: Output, work: Workspace, window: Index, length: float, start: float, end: float,
    count_from: float, count_to: float,
) -> tuple[int, np.int64]:  # fmt: skip
    """Move what is due in this window before `end` to the workspace, and the cursors on to their next windows.

    Returns the number of pieces and of arrivals. Counts those in [count_from, count_to).
    """
    cursors, bucket, register, pieces = state.cursors, state.cursor_bucket, state.register, work.pieces
    place = window % len(bucket)
    slot, n, total, half = bucket[place], 0, np.int64(0), len(pieces) // 2
    bucket[place] = -1
    while slot >= 0:
        cursor = cursors[slot]
        after = cursor.next
        if cursor.due > window:
            file_cursor(state, slot, cursor.due)
        else:
            piece = pieces[half + n]
            prefetch(fixed.segments, cursor.row)
            piece.time, piece.row, piece.first, piece.last = cursor.time, cursor.row, cursor.at, slot
            n += 1
        slot = after
    kept = 0
    for e in range(n):
        later = pieces[half + min(e + AHEAD, n - 1)]
        seg = fixed.segments[later.row]
        kind = fixed.bundles[seg.projection]
        at = seg.first + kind.lag_at + later.first
        # Beyond the end of an array, a prefetch would search for a page that is not there.
        if kind.lags == REAL_LAGS:
            for ahead in range(0, 32, 8):
                prefetch(fixed.lag, at + ahead)
        else:
            prefetch(fixed.lag_code, at)
        piece = pieces[half + e]
        seg, slot, t, begin = fixed.segments[piece.row], piece.last, piece.time, piece.first
        bundle, count = fixed.bundles[seg.projection], np.int64(seg.count)
        last = find_end(fixed, bundle, seg.first, begin, count, t, end)
        if last == count:
            cursors[slot].next = register[NEXT_CURSOR]
            register[NEXT_CURSOR] = slot
        else:
            cursors[slot].at = last
            arrival = instant_of(t + lag_of(fixed, bundle, seg.first + last))
            file_cursor(state, slot, max(window_of(arrival, length), window))
        if last > begin:
            into = pieces[half + kept]
            into.time, into.row, into.first, into.last = t, piece.row, begin, last
            kept += 1
            total += last - begin
            if count_from <= start and end <= count_to:
                out.events[seg.projection] += last - begin
            else:
                for i in range(begin, last):
                    arrival = instant_of(t + lag_of(fixed, bundle, seg.first + i))
                    if count_from <= arrival < count_to:
                        out.events[seg.projection] += 1
    sort_pieces(fixed, work, kept)
    return kept, total
