"""Events to come, in buckets by window: spikes under way, and the ends of refractory times."""

from __future__ import annotations

from math import floor

import numpy as np

from neuro.engine.records import F8, FAULT, FULL, I8, NEVER, UNUSED, Index, Records
from neuro.jit import kernel

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


@kernel
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


@kernel
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
    sort_events(time, code, n)
    return n


@kernel
def earliest_due(calendar: Records, bucket: I8) -> Index:
    """The first window for which there is an event."""
    best = np.int64(NEVER)
    for place in range(len(bucket)):
        slot = bucket[place]
        while slot >= 0:
            best = min(best, calendar[slot].due)
            slot = calendar[slot].next
    return best


@kernel
def sort_events(time: F8, code: I8, n: int) -> None:
    """Sort the first `n` by time, ties by code."""
    if n > 24:
        order = np.argsort(time[:n])
        time[:n], code[:n] = time[:n][order], code[:n][order]
    for i in range(1, n):
        t, c, k = time[i], code[i], i
        while k > 0 and (time[k - 1] > t or (time[k - 1] == t and code[k - 1] > c)):
            time[k], code[k] = time[k - 1], code[k - 1]
            k -= 1
        time[k], code[k] = t, c
