"""Spikes under way on rows whose synapses have delays of their own.

Such a row is sorted by delay. So what a spike reaches in one window is a piece of the row. One cursor for each spike
says where the next piece begins, and in which window it is due. Each thread has the cursors on rows to populations of
which it has neurons, in lists by population and window. At the end of a chunk they are in the state.
"""

from __future__ import annotations

import numpy as np

from neuro.engine.codes import (
    CURSORS_FULL,
    CURSORS_LOW,
    FAULT,
    FREE_CURSOR,
    LOOSE_LOW,
    N_CURSORS,
    N_DEALT,
    NEVER,
    NEXT_CURSOR,
    REAL_LAGS,
    WINDOW,
)
from neuro.engine.instants import instant_of
from neuro.engine.kernels.arrays import I8, Fixed, Index, Record, State, Workspace
from neuro.engine.kernels.calendar import earliest_due, window_of
from neuro.jit import inlined, inner, kernel, lowest_bit
from neuro.simd import LANES, all_lanes, load_lanes, not_below, prefetch

AHEAD = 8
"""Delays are prefetched for this many pieces ahead."""

__all__ = [
    "any_due", "enter_cursor", "first_cursor", "lag_of", "load_cursors", "reaches", "scarce_room", "store_cursors",
    "take_pieces",
]  # fmt: skip


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


@inlined
def reaches(fixed: Fixed, work: Workspace, k: int, g: Index) -> bool:
    """Has thread k neurons of population g? None is among those of a population, or a share, of no neurons."""
    group = fixed.groups[g]
    return bool(max(group.start, work.bounds[k]) < min(group.stop, work.bounds[k + 1]))


@inlined
def target_of(fixed: Fixed, row: Index) -> Index:
    """The population that a row reaches."""
    found: Index = fixed.bundles[fixed.segments[row].projection].group
    return found


@inner
def file_cursor(work: Workspace, k: int, g: Index, slot: Index, due: Index) -> None:
    """Enter one of thread k's cursors for a window."""
    bucket, cursor = work.cursor_bucket[k, g], work.cursors[k, slot]
    place = due % len(bucket)
    cursor.due, cursor.next = due, bucket[place]
    bucket[place] = slot


@inner
def enter_cursor(
    fixed: Fixed, work: Workspace, register: I8, k: int, row: Index, t: float, window: Index, length: float
) -> None:
    """A spike at `t` goes on its way along a row to thread k's neurons."""
    flown = work.flown[k]
    slot = flown[FREE_CURSOR]
    if slot < 0:
        register[FAULT] = CURSORS_FULL
        return
    cursor = work.cursors[k, slot]
    flown[FREE_CURSOR] = cursor.next
    flown[N_CURSORS] += 1
    cursor.time, cursor.row, cursor.at = t, row, 0
    due = max(window_of(instant_of(t + fixed.segments[row].delay), length), window + 1)
    file_cursor(work, k, target_of(fixed, row), slot, due)


@inner
def any_due(work: Workspace, window: Index) -> bool:
    """Does any cursor have something in this window?"""
    for k in range(len(work.cursor_bucket)):
        for g in range(work.cursor_bucket.shape[1]):
            slot = work.cursor_bucket[k, g, window % work.cursor_bucket.shape[2]]
            while slot >= 0:
                if work.cursors[k, slot].due <= window:
                    return True
                slot = work.cursors[k, slot].next
    return False


@inner
def scarce_room(work: Workspace) -> tuple[int, Index]:
    """Is some thread's room for arrivals, or are its cursors, taken by more than half? The next window may need more.

    Returns LOOSE_LOW and the arrivals of the last window, or CURSORS_LOW and the cursors in use, or (0, 0).
    """
    for k in range(len(work.flown)):
        dealt, used = work.flown[k, N_DEALT], work.flown[k, N_CURSORS]
        if 2 * dealt > work.arrivals.shape[1]:
            return LOOSE_LOW, dealt
        if 2 * used > work.cursors.shape[1]:
            return CURSORS_LOW, used
    return 0, np.int64(0)


@inner
def first_cursor(work: Workspace) -> Index:
    """The first window in which a cursor has something."""
    best: Index = np.int64(NEVER)
    for k in range(len(work.cursor_bucket)):
        for g in range(work.cursor_bucket.shape[1]):
            best = min(best, earliest_due(work.cursors[k], work.cursor_bucket[k, g]))
    return best


@kernel
def load_cursors(fixed: Fixed, state: State, work: Workspace) -> None:
    """Give each thread the cursors on rows to its populations, in lists by population, in the state's order."""
    for k in range(len(work.cursor_bucket)):
        cursors, n = work.cursors[k], 0
        for bucket in range(len(state.cursor_bucket)):
            for g in range(work.cursor_bucket.shape[1]):
                work.cursor_bucket[k, g, bucket] = -1
            slot = state.cursor_bucket[bucket]
            while slot >= 0:
                cursor = state.cursors[slot]
                target = target_of(fixed, cursor.row)
                if reaches(fixed, work, k, target):
                    into = cursors[n]
                    into.time, into.row, into.at, into.due = cursor.time, cursor.row, cursor.at, cursor.due
                    into.next = work.cursor_bucket[k, target, bucket]
                    work.cursor_bucket[k, target, bucket] = n
                    n += 1
                slot = cursor.next
            for g in range(work.cursor_bucket.shape[1]):  # these lists have their last cursor first
                slot, before = work.cursor_bucket[k, g, bucket], np.int64(-1)
                while slot >= 0:
                    after = cursors[slot].next
                    cursors[slot].next, before, slot = before, slot, after
                work.cursor_bucket[k, g, bucket] = before
        for slot in range(n, len(cursors)):
            cursors[slot].next = slot + 1 if slot + 1 < len(cursors) else -1
        work.flown[k, FREE_CURSOR], work.flown[k, N_CURSORS] = n if n < len(cursors) else -1, n


@kernel
def store_cursors(fixed: Fixed, state: State, work: Workspace) -> None:
    """Put the threads' cursors back into the state, each once: in lists by window, one population after the other.

    Those of a population are those of the first thread that has neurons of it. Sets the fault CURSORS_FULL if the state
    has too few.
    """
    cursors, register, n = state.cursors, state.register, 0
    for bucket in range(len(state.cursor_bucket)):
        state.cursor_bucket[bucket], tail, k = -1, np.int64(-1), 0
        for g in range(work.cursor_bucket.shape[1]):
            if fixed.groups[g].start == fixed.groups[g].stop:
                continue
            while not reaches(fixed, work, k, g):
                k += 1
            slot = work.cursor_bucket[k, g, bucket]
            while slot >= 0:
                if n == len(cursors):
                    register[FAULT] = CURSORS_FULL
                    return
                cursor, into = work.cursors[k, slot], cursors[n]
                into.time, into.row, into.at, into.due = cursor.time, cursor.row, cursor.at, cursor.due
                into.next = -1
                if tail < 0:
                    state.cursor_bucket[bucket] = n
                else:
                    cursors[tail].next = n
                tail, n, slot = np.int64(n), n + 1, cursor.next
    for slot in range(n, len(cursors)):
        cursors[slot].next = slot + 1 if slot + 1 < len(cursors) else -1
    register[NEXT_CURSOR] = n if n < len(cursors) else -1


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
def take_pieces(fixed: Fixed, work: Workspace, k: int, g: Index, n_pieces: int, number: Index) -> tuple[int, np.int64]:
    """Append what reaches population g in this window to thread k's pieces, and move the cursors on.

    The first of these arrivals has this number. Returns the number of pieces and of arrivals that there are now. Counts
    the arrivals if the population begins among thread k's neurons, so that no other thread does.
    """
    cursors, bucket, pieces, counted = work.cursors[k], work.cursor_bucket[k, g], work.pieces[k], work.counted[k]
    start, end, count_from, count_to, length = work.job[0], work.job[1], work.job[2], work.job[3], work.job[4]
    window, counts, flown = work.signal[WINDOW], fixed.groups[g].start >= work.bounds[k], work.flown[k]
    place = window % len(bucket)
    slot, n, total, kept = bucket[place], n_pieces, np.int64(number), n_pieces
    bucket[place] = -1
    while slot >= 0:
        cursor = cursors[slot]
        after = cursor.next
        if cursor.due > window:
            file_cursor(work, k, g, slot, cursor.due)
        else:
            piece = pieces[n]
            prefetch(fixed.segments, cursor.row)
            piece.time, piece.row, piece.first, piece.last = cursor.time, cursor.row, cursor.at, slot
            n += 1
        slot = after
    for e in range(n_pieces, n):
        later = pieces[min(e + AHEAD, n - 1)]
        seg = fixed.segments[later.row]
        kind = fixed.bundles[seg.projection]
        at = seg.first + kind.lag_at + later.first
        # Beyond the end of an array, a prefetch would search for a page that is not there.
        if kind.lags == REAL_LAGS:
            for ahead in range(0, 32, 8):
                prefetch(fixed.lag, at + ahead)
        else:
            prefetch(fixed.lag_code, at)
        piece = pieces[e]
        row, seg, slot, t, begin = piece.row, fixed.segments[piece.row], piece.last, piece.time, piece.first
        bundle, count = fixed.bundles[seg.projection], np.int64(seg.count)
        last = find_end(fixed, bundle, seg.first, begin, count, t, end)
        if last == count:
            cursors[slot].next = flown[FREE_CURSOR]
            flown[FREE_CURSOR] = slot
            flown[N_CURSORS] -= 1
        else:
            cursors[slot].at = last
            arrival = instant_of(t + lag_of(fixed, bundle, seg.first + last))
            file_cursor(work, k, g, slot, max(window_of(arrival, length), window))
        if last > begin:
            into = pieces[kept]
            into.time, into.row, into.first, into.last, into.begin = t, row, begin, last, total
            kept += 1
            total += last - begin
            if counts and count_from <= start and end <= count_to:
                counted[seg.projection] += last - begin
            elif counts:
                for i in range(begin, last):
                    arrival = instant_of(t + lag_of(fixed, bundle, seg.first + i))
                    if count_from <= arrival < count_to:
                        counted[seg.projection] += 1
    return kept, total
