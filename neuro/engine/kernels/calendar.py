"""The calendar of events after this window, in buckets by window: spikes under way, and ends of refractory times.

A bucket is a linked list. A new event takes the next vacant entry after the last one taken, so events of one time lie
near each other, and a list is read nearly in the order of memory.
"""

from __future__ import annotations

from math import floor

import numpy as np

from neuro.engine.codes import FAULT, FULL, NEVER, NEXT_VACANT, VACANT
from neuro.engine.kernels.arrays import F8, I8, Index, Records, State, Workspace
from neuro.jit import inlined, inner, kernel

RUN = 8
"""Number of events that are sorted by insertion before runs are merged."""
FEW = 16
"""Fewer events are not sorted into parts of the window first."""

__all__ = ["bucket_sort", "earliest_due", "enter", "sort_events", "take_due", "window_of"]


@kernel
def window_of(t: float, length: float) -> Index:
    """The k with t in [k length, (k + 1) length), for ends as floating point computes them."""
    k = np.int64(floor(t / length))
    if k * length > t:
        k -= 1
    elif (k + 1) * length <= t:
        k += 1
    return k


@inlined
def window_after(window: Index, t: float, length: float) -> Index:
    """`window_of`, but at least the window after this one, which it is for the shortest delay."""
    k = window + 1
    if not k * length <= t < (k + 1) * length:
        k = max(window_of(t, length), k)
    return k


@inlined
def following(calendar: Records, slot: Index) -> Index:
    """The entry after this one, around the end."""
    return slot + 1 if slot + 1 < len(calendar) else 0


@inner
def enter(calendar: Records, bucket: I8, register: I8, window: Index, length: float, t: float, code: Index) -> None:
    """Enter an event at `t`, in a window after this one."""
    slot, tried = register[NEXT_VACANT], 0
    while calendar[slot].next != VACANT:
        if register[FAULT] == FULL:  # no entry is vacant: every later event would search the whole calendar
            return
        slot, tried = following(calendar, slot), tried + 1
        if tried == len(calendar):
            register[FAULT] = FULL
            return
    register[NEXT_VACANT] = following(calendar, slot)
    event = calendar[slot]
    event.time, event.code = t, code
    event.due = window_after(window, t, length)
    place = event.due % len(bucket)
    event.next = bucket[place]
    bucket[place] = slot


@inner
def take_due(state: State, work: Workspace, window: Index, start: float, end: float) -> int:
    """Move the events of this window before `end` to the workspace, sorted; return their number."""
    calendar, bucket = state.calendar, state.bucket
    time, code = work.event_time, work.event_code
    place = window % len(bucket)
    before, slot, n = -1, bucket[place], 0
    while slot >= 0:
        event = calendar[slot]
        after = event.next
        if event.due <= window and event.time < end:
            time[n], code[n] = event.time, event.code
            n += 1
            if before < 0:
                bucket[place] = after
            else:
                calendar[before].next = after
            event.next = VACANT
        else:
            before = slot
        slot = after
    for i in range(n // 2):  # a list has its newest event first
        k = n - 1 - i
        time[i], time[k] = time[k], time[i]
        code[i], code[k] = code[k], code[i]
    bucket_sort(time, code, 0, n, start, end, work.spare_time, work.spare_code, work.place)
    sort_events(time, code, np.int64(0), n, work.spare_time, work.spare_code)
    return n


@inner
def bucket_sort(
    time: F8, code: I8, first: Index, last: Index, start: float, end: float, spare_time: F8, spare_code: I8, place: I8
) -> None:
    """Sort events into as many equal parts of the window as there are events, unless they are in order already.

    Events of one part keep their order.
    """
    n, later = last - first, first + 1
    while later < last and time[later - 1] <= time[later]:
        later += 1
    if n < FEW or later >= last or not end > start:
        return
    scale = n / (end - start)
    for i in range(n + 1):
        place[i] = 0
    for i in range(n):
        t, c = time[first + i], code[first + i]
        spare_time[i], spare_code[i] = t, c
        place[np.int64(min(max((t - start) * scale, 0.0), n - 1.0)) + 1] += 1
    for i in range(n):
        place[i + 1] += place[i]
    for i in range(n):
        t = spare_time[i]
        part = np.int64(min(max((t - start) * scale, 0.0), n - 1.0))
        to = first + place[part]
        place[part] += 1
        time[to], code[to] = t, spare_code[i]


@inner
def earliest_due(calendar: Records, bucket: I8) -> Index:
    """The first window with an event."""
    best = np.int64(NEVER)
    for place in range(len(bucket)):
        slot = bucket[place]
        while slot >= 0:
            best = min(best, calendar[slot].due)
            slot = calendar[slot].next
    return best


@inner
def sort_events(time: F8, code: I8, first: Index, last: Index, spare_time: F8, spare_code: I8) -> None:
    """Sort the events first .. last by time, ties by code: short runs by insertion, then merges of two runs.

    Two runs that are in order already, as in nearly sorted events, cost one comparison.
    """
    n = last - first
    for begin in range(first, last, RUN):
        for i in range(begin + 1, min(begin + RUN, last)):
            t, c, k = time[i], code[i], i
            while k > begin and (time[k - 1] > t or (time[k - 1] == t and code[k - 1] > c)):
                time[k], code[k] = time[k - 1], code[k - 1]
                k -= 1
            time[k], code[k] = t, c
    width = RUN
    while width < n:
        for begin in range(first, last - width, 2 * width):
            i, j, k, stop = 0, begin + width, begin, min(begin + 2 * width, last)
            t, c = time[j - 1], code[j - 1]
            if t < time[j] or (t == time[j] and c <= code[j]):
                continue
            for m in range(width):
                spare_time[m], spare_code[m] = time[begin + m], code[begin + m]
            while i < width:
                t, c = spare_time[i], spare_code[i]
                while j < stop and (time[j] < t or (time[j] == t and code[j] < c)):
                    time[k], code[k] = time[j], code[j]
                    j, k = j + 1, k + 1
                time[k], code[k] = t, c
                i, k = i + 1, k + 1
        width += width
