"""Spikes under way on routes: each thread finds the arrivals at its own neurons, window by window.

Where neurons send their spikes on many segments, the calendar would have an entry for each. Instead each thread has a
list of the spikes under way, and how far each has come on its route, which is sorted by delay (`drive/routes.py`). The
codes of a thread's events are places in `Workspace.routes`. When a run ends, what is still to come is in the calendar.
"""

from __future__ import annotations

import numpy as np

from neuro.engine.codes import FAULT, FULL, N_FLIGHTS, N_PENDING, N_SENT
from neuro.engine.instants import instant_of
from neuro.engine.kernels.arrays import F8, I8, U4, Fixed, Index, Output, State, Workspace
from neuro.engine.kernels.calendar import bucket_sort, enter, sort_events, window_of
from neuro.jit import inner, kernel, routine
from neuro.simd import prefetch

MOST = 256
"""At most so many parts of a route are one entry while events are sorted."""
AHEAD = 8
"""Routes are prefetched for this many spikes ahead."""

__all__ = ["collect_counts", "count_pending", "enter_rest", "first_due", "send_on_route", "take_own"]


@inner
def send_on_route(work: Workspace, register: I8, j: Index, t: float) -> None:
    """A spike of neuron j at `t` goes on its way to all threads."""
    for k in range(len(work.route_row)):
        at, last, flown = work.route_row[k, j], work.route_row[k, j + 1], work.flown[k]
        if at == last:
            continue
        n = flown[N_FLIGHTS]
        if n == work.flights.shape[1]:
            register[FAULT] = FULL
            return
        flight = work.flights[k, n]
        flight.time, flight.at, flight.last = t, at, last
        flown[N_FLIGHTS] = n + 1
        flown[N_PENDING] += last - at
        work.flown[0, N_SENT] += last - at


@inner
def count_pending(work: Workspace) -> int:
    """Number of events to come of all spikes on routes."""
    n = 0
    for k in range(len(work.flown)):
        n += work.flown[k, N_PENDING]
    return n


@inner
def first_due(work: Workspace, length: float, window: Index) -> Index:
    """The first window in which a spike on a route arrives, if that is before `window`; else `window`."""
    found = window
    for k in range(len(work.flown)):
        for i in range(work.flown[k, N_FLIGHTS]):
            flight = work.flights[k, i]
            due = window_of(instant_of(flight.time + work.routes[flight.at].delay), length)
            found = due if due < found else found
    return found


@inner
def collect_counts(out: Output, work: Workspace) -> None:
    """Add the window's synaptic events, which each thread has counted."""
    for k in range(len(work.counted)):
        for p in range(len(out.events)):
            out.events[p] += work.counted[k, p]
            work.counted[k, p] = 0


@inner
def place_of(fixed: Fixed, work: Workspace, k: int, segment: Index) -> int:
    """Where thread k's part of a segment is in the routes; -1 if it has none."""
    a, b = np.int64(0), np.int64(len(fixed.row) - 1)
    while b - a > 1:
        middle = (a + b) // 2
        if fixed.row[middle] <= segment:
            a = middle
        else:
            b = middle
    a, b, delay = work.route_row[k, a], work.route_row[k, a + 1], fixed.segments[segment].delay
    end = b
    while a < b:
        middle = (a + b) // 2
        if work.routes[middle].delay < delay:
            a = middle + 1
        else:
            b = middle
    while a < end and work.routes[a].delay == delay:
        if work.route_segment[a] == segment:
            return int(a)
        a += 1
    return -1


@inner
def order_ties(time: F8, code: I8, segment: U4, n: int) -> None:
    """Sort the events of one instant by segment: ends of refractory times are first already."""
    for i in range(1, n):
        t, c, at = time[i], code[i], i
        if c < 0 or time[i - 1] != t:
            continue
        key = segment[c]
        while at > 0 and time[at - 1] == t and code[at - 1] >= 0 and segment[code[at - 1]] > key:
            code[at] = code[at - 1]
            at -= 1
        code[at] = c


@routine
def take_own(fixed: Fixed, work: Workspace, k: int, n_events: int, start: float, end: float) -> int:
    """Gather this window's events of thread k, sorted, in `own_time` and `own_code`; return their number."""
    flown, flights, routes = work.flown[k], work.flights[k], work.routes
    time, code = work.own_time[k, 0], work.own_code[k, 0]
    head_time, head_code = work.own_time[k, 1], work.own_code[k, 1]
    low, high, n, kept = work.bounds[k], work.bounds[k + 1], 0, 0
    for e in range(n_events):
        found = work.event_code[e]
        if found >= 0:
            place = place_of(fixed, work, k, found)
            if place >= 0:
                head_time[n], head_code[n] = work.event_time[e], place * MOST
                n += 1
        elif low <= -1 - found < high:
            head_time[n], head_code[n] = work.event_time[e], found
            n += 1
    last_flight = flown[N_FLIGHTS] - 1
    for i in range(last_flight + 1):
        prefetch(routes, flights[min(i + AHEAD, last_flight)].at)
        flight = flights[i]
        t, at, last = flight.time, flight.at, flight.last
        while at < last:
            delay = routes[at].delay
            arrival = instant_of(t + delay)
            if arrival >= end:
                break
            first = at
            at += 1
            while at < last and routes[at].delay == delay and at - first < MOST:
                at += 1
            head_time[n], head_code[n] = arrival, first * MOST + (at - first - 1)
            n += 1
        flown[N_PENDING] -= at - flight.at
        if at < last:
            into = flights[kept]
            into.time, into.at, into.last = t, at, last
            kept += 1
    flown[N_FLIGHTS] = kept
    bucket_sort(head_time, head_code, 0, n, start, end, work.own_time[k, 2], work.own_code[k, 2], work.own_code[k, 3])
    sort_events(head_time, head_code, np.int64(0), n, work.own_time[k, 2], work.own_code[k, 2])
    m, tied = 0, False
    for e in range(n):
        t, found = head_time[e], head_code[e]
        tied = tied or (e > 0 and t == head_time[e - 1])
        if found < 0:
            time[m], code[m] = t, found
            m += 1
        else:
            first = found // MOST
            for at in range(first, first + found % MOST + 1):
                time[m], code[m] = t, at
                m += 1
    if tied:
        order_ties(time, code, work.route_segment, m)
    return m


@kernel
def enter_rest(state: State, work: Workspace, window: Index, length: float) -> None:
    """Enter all that is still to come in the calendar, in this window or later ones."""
    for k in range(len(work.flown)):
        flown = work.flown[k]
        for i in range(flown[N_FLIGHTS]):
            flight = work.flights[k, i]
            for at in range(flight.at, flight.last):
                segment = np.int64(work.route_segment[at])
                if len(work.cuts) == 0 or work.cuts[segment, k] == 0:  # of several threads with a part, the first
                    arrival = instant_of(flight.time + work.routes[at].delay)
                    enter(state.calendar, state.bucket, state.register, window - 1, length, arrival, segment)
        flown[N_FLIGHTS] = flown[N_PENDING] = 0
