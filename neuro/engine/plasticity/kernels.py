"""Kernels of plasticity: they send the spikes of a window over plastic synapses, and change traces and weights."""

from __future__ import annotations

from enum import IntEnum
from math import exp
from typing import Annotated, NamedTuple

import numpy as np

from neuro.engine.codes import FAULT
from neuro.engine.instants import instant_of
from neuro.engine.kernels.arrays import F8, F8_2, F8_3, I8, I8_2, U4, Fixed, Index, Output, Records, State
from neuro.engine.kernels.calendar import enter
from neuro.jit import inner, kernel

__all__ = ["COLUMN", "NO_ROOM", "NO_SLOT", "ROW", "Plastic", "learn"]


class Shortage(IntEnum):
    """What `learn` returns where it lacks room; other codes are those of `arrays.Fault`."""

    NO_SLOT = 11
    """All slots of a row are in use: more spikes of it are under way than expected."""
    NO_ROOM = 12
    """There is no room for the weights of one more slot."""


NO_SLOT, NO_ROOM = map(int, Shortage)
FARTHEST = 40.0
"""Multiple of the shortest time constant after which the reference time of traces moves, so that exp stays in range."""

ROW = np.dtype(
    [(name, np.int64) for name in ("rule", "slot", "weight", "to", "first", "count")] + [("delay", np.float64)],
    align=True,
)
"""The plastic synapses of one source and delay, by number of their rule.

Weights are wide[weight : weight + count], changes go to wide[to : to + count], targets are post[first : first + count].
Spikes under way use the segments from `slot` on, each with weights of its own."""

COLUMN = np.dtype([("rule", np.int64), ("first", np.int64), ("count", np.int64)], align=True)
"""The plastic synapses onto one target: entries first .. first + count of `entry_to` and `entry_pre`."""


class Plastic(NamedTuple):
    """Rules, traces and plastic synapses; rule n is that of the n-th plastic projection.

    Trace a of neuron j at time t is trace[n, a, j] exp(-(t - origin[n]) rate[n, a]): a = 0, 1 of sources, 2, 3 of
    targets. A spike of neuron j is sent along rows rows_of[j] .. rows_of[j + 1], and changes columns columns_of[j] ..
    Slot r of row q is in use until arrival[q, r], and has its weights in wide[store[q, r] :] (-1: none yet). Spikes of
    a row arrive in the order in which they are sent, so the slot after the `latest` is usually the first vacant one.
    """

    rate: F8_2
    jump: F8_2
    gain: F8_2
    bounds: F8_2
    active: I8
    ends: I8_2
    origin: F8
    trace: F8_3
    rows: Annotated[Records, ROW, 1]
    rows_of: I8
    columns: Annotated[Records, COLUMN, 1]
    columns_of: I8
    entry_to: I8
    entry_pre: U4
    arrival: F8_2
    latest: I8
    store: I8_2
    unused: I8


@inner
def send(fixed: Fixed, state: State, plastic: Plastic, j: Index, t: float, window: Index, length: float) -> int:
    """Send a spike of neuron j over its plastic synapses, with a copy of the weights of this instant."""
    wide = fixed.wide
    for q in range(plastic.rows_of[j], plastic.rows_of[j + 1]):
        row, arrival = plastic.rows[q], plastic.arrival[q]
        r, tried = plastic.latest[q], 0
        while True:
            r, tried = r + 1 if r + 1 < len(arrival) else 0, tried + 1
            if arrival[r] <= t:
                break
            if tried == len(arrival):
                return NO_SLOT
        plastic.latest[q] = r
        if plastic.store[q, r] < 0:
            if plastic.unused[0] + row.count > len(wide):
                return NO_ROOM
            plastic.store[q, r] = plastic.unused[0]
            plastic.unused[0] += row.count
        at = plastic.store[q, r]
        fixed.segments[row.slot + r].weight = at
        old, new = wide[row.weight : row.weight + row.count], wide[at : at + row.count]
        for i in range(len(old)):
            new[i] = old[i]
        arrival[r] = instant_of(t + row.delay)
        enter(state.calendar, state.bucket, state.register, window, length, arrival[r], row.slot + r)
    return 0


@inner
def change_row(fixed: Fixed, plastic: Plastic, j: Index, t: float) -> None:
    """For a spike of a source: change the weights of its synapses by the traces of their targets."""
    for q in range(plastic.rows_of[j], plastic.rows_of[j + 1]):
        row = plastic.rows[q]
        n = row.rule
        if not plastic.active[n]:
            continue
        s, low, high = t - plastic.origin[n], plastic.bounds[n, 0], plastic.bounds[n, 1]
        gain_1 = plastic.gain[n, 2] * exp(-s * plastic.rate[n, 2])
        gain_2 = plastic.gain[n, 3] * exp(-s * plastic.rate[n, 3])
        if gain_1 == 0.0 and gain_2 == 0.0:
            continue
        first, second = plastic.trace[n, 2], plastic.trace[n, 3]
        changed, post = fixed.wide[row.to : row.to + row.count], fixed.post[row.first : row.first + row.count]
        if row.count > 0 and fixed.bundles[fixed.segments[row.slot].projection].whole:
            k = np.int64(post[0])
            first, second = first[k : k + row.count], second[k : k + row.count]
            for i in range(len(changed)):
                changed[i] = min(max(changed[i] + (gain_1 * first[i] + gain_2 * second[i]), low), high)
        else:
            for i in range(len(changed)):
                k = np.int64(post[i])
                changed[i] = min(max(changed[i] + (gain_1 * first[k] + gain_2 * second[k]), low), high)


@inner
def change_columns(fixed: Fixed, plastic: Plastic, j: Index, t: float) -> None:
    """For a spike of a target: change the weights of its synapses by the traces of their sources."""
    wide = fixed.wide
    for c in range(plastic.columns_of[j], plastic.columns_of[j + 1]):
        column = plastic.columns[c]
        n = column.rule
        if not plastic.active[n]:
            continue
        s, low, high = t - plastic.origin[n], plastic.bounds[n, 0], plastic.bounds[n, 1]
        gain_1 = plastic.gain[n, 0] * exp(-s * plastic.rate[n, 0])
        gain_2 = plastic.gain[n, 1] * exp(-s * plastic.rate[n, 1])
        if gain_1 == 0.0 and gain_2 == 0.0:
            continue
        first, second = plastic.trace[n, 0], plastic.trace[n, 1]
        for i in range(column.first, column.first + column.count):
            k, to = np.uint64(plastic.entry_pre[np.uint64(i)]), np.uint64(plastic.entry_to[np.uint64(i)])
            wide[to] = min(max(wide[to] + (gain_1 * first[k] + gain_2 * second[k]), low), high)


@inner
def raise_traces(plastic: Plastic, j: Index, t: float) -> None:
    """For a spike of neuron j: raise its traces."""
    for n in range(len(plastic.origin)):
        s, trace, rate, jump = t - plastic.origin[n], plastic.trace[n], plastic.rate[n], plastic.jump[n]
        for side in range(2):
            if plastic.ends[n, 2 * side] <= j < plastic.ends[n, 2 * side + 1]:
                for a in range(2 * side, 2 * side + 2):
                    if jump[a] != 0.0:
                        trace[a, j] += jump[a] * exp(s * rate[a])


@inner
def move_origins(plastic: Plastic, t: float) -> None:
    """Move reference times that are far back to `t`, the time of a spike; so it does not matter where runs are cut."""
    for n in range(len(plastic.origin)):
        s, rate = t - plastic.origin[n], plastic.rate[n]
        if s * max(max(rate[0], rate[1]), max(rate[2], rate[3])) > FARTHEST:
            for a in range(4):
                decay, trace = exp(-s * rate[a]), plastic.trace[n, a]
                for j in range(len(trace)):
                    trace[j] *= decay
            plastic.origin[n] = t


@kernel
def learn(
    fixed: Fixed, state: State, plastic: Plastic, out: Output, first: Index, last: Index, window: Index, length: float
) -> int:
    """Learn from the spikes first .. last of `out`; returns a code if there is too little room.

    Of the spikes of one instant all are sent first; then rows change, then columns, then traces.
    """
    n = first
    while n < last:
        t, m = out.time[n], n + 1
        while m < last and out.time[m] == t:
            m += 1
        move_origins(plastic, t)
        for k in range(n, m):
            code = send(fixed, state, plastic, out.neuron[k], t, window, length)
            if code:
                return code
        for k in range(n, m):
            change_row(fixed, plastic, out.neuron[k], t)
        for k in range(n, m):
            change_columns(fixed, plastic, out.neuron[k], t)
        for k in range(n, m):
            raise_traces(plastic, out.neuron[k], t)
        n = m
    return int(state.register[FAULT])
