"""Loose arrivals: those that come one by one, from synapses with delays of their own, and from drives.

At the start of a window all of them are known. Each neuron has a chain of those that synapses bring (`dealing.py`);
those of drives can be drawn at any time, as often as need be (`draws.py`). A neuron that surely stays below its
threshold needs no list: the order of its arrivals does not matter, and their effects are summed
(`amplitude_arrivals.py`).
All others get a complete list, in order of time (`list_arrivals`), and take one arrival after the other.
"""

from __future__ import annotations

import numpy as np

from neuro.engine.arrivals.cursors import lag_of
from neuro.engine.arrivals.draws import DRAWN_AT, any_drawn, blocks_of, count_of, draw_times, key_of, keys_of_block
from neuro.engine.codes import FAULT, FAULT_DETAIL, LOOSE_FULL, MOST_DRAWN, N_LOOSE, N_PIECES, NO_ARRIVAL, UNTOUCHED
from neuro.engine.instants import instant_of
from neuro.engine.kernels.arrays import Fixed, Index, Record, Records, Workspace
from neuro.jit import inlined, inner, routine

__all__ = ["clear_arrivals", "has_room", "list_arrivals", "synaptic_arrival", "weight_of"]


@inlined
def has_room(work: Workspace, k: int, count: Index) -> bool:
    """Do so many more arrivals fit into the lists? If not, set the fault LOOSE_FULL."""
    tally = work.tally[k]
    fits: bool = tally[N_LOOSE] + count <= work.arrivals.shape[1]
    if not fits:
        tally[FAULT], tally[FAULT_DETAIL] = LOOSE_FULL, max(tally[FAULT_DETAIL], tally[N_LOOSE] + count)
    return fits


@inlined
def clear_arrivals(work: Workspace, j: Index) -> None:
    """Forget neuron j's arrivals."""
    work.head[j], work.listed[j] = UNTOUCHED, 0
    work.loose[j, 0] = work.loose[j, 1] = work.loose[j, 2] = 0.0


@inlined
def weight_of(fixed: Fixed, seg: Record, step: Index, i: Index) -> float:
    """The weight of a row's i-th synapse."""
    at = np.uint64(seg.weight + step * i)
    w: float = fixed.wide[at] if len(fixed.wide) else np.float64(fixed.narrow[at])
    return w


@inner
def synaptic_arrival(fixed: Fixed, work: Workspace, k: int, number: Index) -> tuple[float, float, np.int64]:
    """(time, weight, receptor) of an arrival from a synapse, by its number among thread k's in this window."""
    pieces, a, b = work.pieces[k], 0, work.flown[k, N_PIECES]
    while b - a > 1:
        middle = (a + b) // 2
        if pieces[middle].begin <= number:
            a = middle
        else:
            b = middle
    piece = pieces[a]
    seg, i = fixed.segments[piece.row], piece.first + number - piece.begin
    bundle = fixed.bundles[seg.projection]
    t = instant_of(piece.time + lag_of(fixed, bundle, seg.first + i))
    return t, weight_of(fixed, seg, bundle.step, i), bundle.receptor


@inner
def in_order(entries: Records, head: Index) -> Index:
    """Sort a list by time: merge sort, stable. Returns the new first entry."""
    at, n = np.int64(head), 0
    while at >= 0:
        at, n = np.int64(entries[at].next), n + 1
    first, width = np.int64(head), 1
    while width < n:
        rest, tail, first = first, np.int64(NO_ARRIVAL), np.int64(NO_ARRIVAL)
        while rest >= 0:
            left, right, m = rest, rest, 0
            while m < width and right >= 0:
                right, m = np.int64(entries[right].next), m + 1
            p = width
            while m > 0 or (p > 0 and right >= 0):
                if m > 0 and (p == 0 or right < 0 or entries[left].time <= entries[right].time):
                    at, m = left, m - 1
                    left = np.int64(entries[left].next)
                else:
                    at, p = right, p - 1
                    right = np.int64(entries[right].next)
                if tail < 0:
                    first = at
                else:
                    entries[tail].next = at
                tail = at
            rest = right
        entries[tail].next = NO_ARRIVAL
        width *= 2
    return first


@inlined
def put_first(work: Workspace, k: int, j: Index, t: float, w: float, receptor: Index) -> None:
    """Put an arrival before the others of neuron j's list."""
    tally = work.tally[k]
    n = tally[N_LOOSE]
    entry = work.arrivals[k, n]
    entry.time, entry.weight, entry.receptor, entry.next = t, w, receptor, work.head[j]
    work.head[j] = n
    tally[N_LOOSE] = n + 1


@routine
def list_arrivals(fixed: Fixed, work: Workspace, k: int, g: Index, j: Index) -> None:
    """Make neuron j's list of all arrivals in this window, from synapses and from drives, in order of time."""
    group, start, end, number = fixed.groups[g], work.job[0], work.job[1], work.head[j]
    work.head[j] = NO_ARRIVAL
    while number >= 0:
        if not has_room(work, k, 1):
            return
        t, w, receptor = synaptic_arrival(fixed, work, k, number)
        put_first(work, k, j, t, w, receptor)
        number = work.following[k, number]
    i, drives = j - group.start, group.drives if any_drawn(fixed, work, k, group, j, start, end) else 0
    for d in range(group.first_drive, group.first_drive + drives):
        drive = fixed.drives[d]
        w = fixed.drive_weight[drive.weight_at + drive.own_weight * i]
        first, last, _ = blocks_of(drive, start, end)
        for block in range(first, last):
            if not has_room(work, k, MOST_DRAWN):
                return
            key = key_of(keys_of_block(work, d, block), i)
            n = draw_times(fixed, work, k, drive, key, block, i, count_of(fixed, drive, key, i))
            for m in range(n):
                t = work.lanes[k, DRAWN_AT + m]
                if start <= t < end:
                    put_first(work, k, j, t, w, drive.receptor)
    work.head[j] = in_order(work.arrivals[k], work.head[j])
    work.listed[j] = 1
