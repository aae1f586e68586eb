"""Events to come, in buckets by window: spikes under way, and the ends of refractory times."""

from __future__ import annotations

from math import floor

import numpy as np

from neuro.engine.records import F8, FAULT, FULL, I8, NEVER, UNUSED, Index, Records
from neuro.jit import inlined, inner, kernel

__all__ = ["earliest_due", "enter", "sort_events", "take", "window_of"]


@kernel
def window_of(t: float, length: float) -> Index:
    """The window [k length, (k + 1) length) that holds t, with its ends as they are computed."""
    k = np.int64(floor(t / length))
    if k * length > t:
        k -= 1
    elif (k + 1) * length <= t:
        k += 1
    return k


@inner
def enter(calendar: Records, bucket: I8, register: I8, window: Index, length: float, t: float, code: Index) -> None:
    """Write down an event at `t`; it belongs to a window after this one."""
    slot = register[UNUSED]
    if slot < 0:
        register[FAULT] = FULL
        return
    event = calendar[slot]
    register[UNUSED] = event.next
    event.time, event.code = t, code
    event.due = max(window_of(t, length), window + 1)
    place = event.due % len(bucket)
    event.next = bucket[place]
    bucket[place] = slot


@inner
def take(calendar: Records, bucket: I8, register: I8, window: Index, end: float, time: F8, code: I8) -> int:
    """Move the events due by now and before `end` into the arrays, in order; return how many."""
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
            event.next = register[UNUSED]
            register[UNUSED] = slot
        else:
            before = slot
        slot = after
    sort_events(time, code, np.int64(0), n)
    return n


@inner
def earliest_due(calendar: Records, bucket: I8) -> Index:
    """The first window for which there is an event."""
    best = np.int64(NEVER)
    for place in range(len(bucket)):
        slot = bucket[place]
        while slot >= 0:
            best = min(best, calendar[slot].due)
            slot = calendar[slot].next
    return best


@inlined
def later(time: F8, code: I8, i: Index, j: Index) -> bool:
    return bool(time[i] > time[j] or (time[i] == time[j] and code[i] > code[j]))


@inner
def sort_events(time: F8, code: I8, first: Index, last: Index) -> None:
    """Sort the events first .. last by time, ties by code: a heap, in place."""
    n = last - first
    for build in range(n // 2 + n - 1):
        if build < n // 2:
            place, size = n // 2 - 1 - build, n
        else:
            size = n - 1 - (build - n // 2)
            time[first], time[first + size] = time[first + size], time[first]
            code[first], code[first + size] = code[first + size], code[first]
            place = 0
        while 2 * place + 1 < size:
            child = 2 * place + 1
            if child + 1 < size and later(time, code, first + child + 1, first + child):
                child += 1
            if not later(time, code, first + child, first + place):
                break
            time[first + place], time[first + child] = time[first + child], time[first + place]
            code[first + place], code[first + child] = code[first + child], code[first + place]
            place = child
