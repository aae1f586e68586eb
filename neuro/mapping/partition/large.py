"""Partitions of large networks: grown, then improved by exchanges, in memory proportional to the synapses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inner, kernel
from neuro.mapping.partition.grow import grow
from neuro.mapping.partition.hypergraph import Hypergraph, deliveries
from neuro.mapping.partition.tables import Parts
from neuro.mapping.traffic import Ids, Traffic
from neuro.validation import Ints

__all__ = ["partition_large", "too_large"]

SLOTS = 24
"""Parts whose targets are counted for each neuron; a neuron that reaches more parts is taken to reach all."""
TABLES = 2**24
"""Neurons times parts up to which tables are made, whatever the number of synapses."""


def too_large(neurons: int, pairs: int, parts: int) -> bool:
    """Would tables of neurons times parts take more memory than the synapses?"""
    entries = neurons * parts
    return entries > TABLES and 6 * entries > 8 * pairs


def partition_large(traffic: Traffic, room: Ints, fixed: Parts, rounds: int) -> Parts:
    """A partition into parts with room for so many neurons each; every neuron counts as one.

    `fixed`: parts of the neurons that have to be in one, -1 for all others.
    """
    start, target = traffic.start, traffic.target
    begin, source = traffic.incoming
    n, count = traffic.neurons, len(room)
    largest = float(traffic.spikes.max(initial=0.0)) or 1.0
    whole = largest < 2**20 and bool(np.all(traffic.spikes == np.floor(traffic.spikes)))
    weight = (traffic.spikes if whole else np.rint(traffic.spikes * (2**20 / largest))).astype(np.int32)
    graph = Hypergraph(start, target, begin, source, weight, np.ones(n, np.int32))
    part = grow(graph, room, 0)
    if np.any(fixed >= 0):
        part = _emptied(np.where(fixed >= 0, fixed, part).astype(np.int32), fixed, room)
    best, least = part.copy(), deliveries(start, target, part, traffic.spikes, count)
    for _ in range(rounds):
        slot, pins, used = _parts_reached(start, target, part, SLOTS)
        preferred, gain = _preferences(graph, part, slot, pins, used, count, fixed)
        order = _by_pair(part, preferred, gain, count)
        moved = _exchange(graph, part, slot, pins, used, preferred, gain, order, room)
        del slot, pins, used
        cost = deliveries(start, target, part, traffic.spikes, count)
        if cost < least:
            best, least = part.copy(), cost
        if moved * 1000 < n:
            break
    return best


def _emptied(part: Parts, fixed: Parts, room: Ints) -> Parts:
    """Move neurons that are not pinned out of parts that hold too many."""
    load = np.bincount(part, minlength=len(room))
    for p in np.flatnonzero(load > room):
        loose = np.flatnonzero((part == p) & (fixed < 0))[::-1][: int(load[p] - room[p])]
        free = np.repeat(np.arange(len(room)), np.maximum(room - load, 0))[: len(loose)]
        part[loose[: len(free)]] = free
        load = np.bincount(part, minlength=len(room))
    return part


@kernel
def _parts_reached(start: Ints, target: Ids, part: Parts, slots: int) -> tuple[Parts, NDArray[np.uint16], Parts]:
    """Of each neuron: the parts that it and its targets are in, how many of them are in each, and the number of parts.

    The number is -1 where the slots do not suffice.
    """
    n = len(start) - 1
    slot = np.full((n, slots), -1, np.int32)
    pins = np.zeros((n, slots), np.uint16)
    used = np.zeros(n, np.int32)
    for e in range(n):
        if start[e + 1] - start[e] >= 2**16 - 1:
            used[e] = -1
            continue
        for k in range(start[e] - 1, start[e + 1]):
            p = part[e] if k < start[e] else part[target[k]]
            i = 0
            while i < used[e] and slot[e, i] != p:
                i += 1
            if i == slots:
                used[e] = -1
                break
            if i == used[e]:
                slot[e, i] = p
                used[e] += 1
            pins[e, i] += 1
    return slot, pins, used


@inner
def _move_pin(slot: Parts, pins: NDArray[np.uint16], used: Parts, e: int, a: int, b: int) -> None:
    """Count a pin of net e that goes from part a to part b."""
    if used[e] < 0:
        return
    for i in range(used[e]):
        if slot[e, i] == a:
            pins[e, i] -= 1
            if pins[e, i] == 0:
                last = used[e] - 1
                slot[e, i], pins[e, i] = slot[e, last], pins[e, last]
                used[e] = last
            break
    for i in range(used[e]):
        if slot[e, i] == b:
            pins[e, i] += 1
            return
    if used[e] == slot.shape[1]:
        used[e] = -1
        return
    slot[e, used[e]], pins[e, used[e]] = b, 1
    used[e] += 1


@inner
def _move(graph: Hypergraph, part: Parts, slot: Parts, pins: NDArray[np.uint16], used: Parts, v: int, b: int) -> None:
    """Move vertex v to part b."""
    a = part[v]
    part[v] = b
    for k in range(graph.begin[v], graph.begin[v + 1]):
        e = graph.net[k]
        _move_pin(slot, pins, used, e, a, b)
    # A neuron that is its own target is counted twice in its own net.
    _move_pin(slot, pins, used, v, a, b)


@inner
def _change_of(
    graph: Hypergraph, part: Parts, slot: Parts, pins: NDArray[np.uint16], used: Parts, v: int, b: int
) -> int:
    """The change of cost if vertex v goes to part b."""
    a = part[v]
    total = 0
    for k in range(graph.begin[v] - 1, graph.begin[v + 1]):
        e = np.int64(v) if k < graph.begin[v] else np.int64(graph.net[k])
        if used[e] < 0 or (e == v and k >= graph.begin[v]):
            continue
        reached = False
        for i in range(used[e]):
            if slot[e, i] == b:
                reached = True
            elif slot[e, i] == a and pins[e, i] == 1:
                total -= graph.weight[e]
        if not reached:
            total += graph.weight[e]
    return total


@kernel
def _preferences(
    graph: Hypergraph, part: Parts, slot: Parts, pins: NDArray[np.uint16], used: Parts, count: int, fixed: Parts
) -> tuple[Parts, Ints]:
    """The part that suits each neuron best, or -1, and the change of cost if it goes there alone."""
    n = len(part)
    preferred, gain = np.full(n, -1, np.int32), np.zeros(n, np.int64)
    score, seen = np.zeros(count, np.int64), np.empty(count, np.int64)
    for v in range(n):
        if fixed[v] >= 0:
            continue
        a, total, alone, many = part[v], np.int64(0), np.int64(0), 0
        for k in range(graph.begin[v] - 1, graph.begin[v + 1]):
            e = np.int64(v) if k < graph.begin[v] else np.int64(graph.net[k])
            if used[e] < 0 or (e == v and k >= graph.begin[v]):
                continue
            w = graph.weight[e]
            if w == 0:
                continue
            total += w
            for i in range(used[e]):
                p = slot[e, i]
                if p == a:
                    alone += w * (pins[e, i] == 1)
                else:
                    if score[p] == 0:
                        seen[many] = p
                        many += 1
                    score[p] += w
        best = np.int64(0)
        for i in range(many):
            p = seen[i]
            if score[p] > best:
                best = score[p]
                preferred[v] = p
            score[p] = 0
        gain[v] = total - best - alone
    return preferred, gain


def _by_pair(part: Parts, preferred: Parts, gain: Ints, count: int) -> Ints:
    """Neurons that prefer another part, by the pair of parts, both directions together, best first."""
    able = np.flatnonzero(preferred >= 0)
    a, b = part[able].astype(np.int64), preferred[able].astype(np.int64)
    pair = np.minimum(a, b) * count + np.maximum(a, b)
    order: Ints = able[np.lexsort((gain[able], a > b, pair))]
    return order


@kernel
def _exchange(
    graph: Hypergraph, part: Parts, slot: Parts, pins: NDArray[np.uint16], used: Parts, preferred: Parts, gain: Ints,
    order: Ints, room: Ints,
) -> int:  # fmt: skip
    """Exchange neurons between parts, or move them where there is room, while that saves; returns how many moved."""
    load = np.zeros(len(room), np.int64)
    for v in range(len(part)):
        load[part[v]] += 1
    before = part.copy()
    moved, first, n = 0, 0, len(order)
    while first < n:
        a, b = before[order[first]], preferred[order[first]]
        low, high = min(a, b), max(a, b)
        middle = first
        while middle < n and before[order[middle]] == low and preferred[order[middle]] == high:
            middle += 1
        end = middle
        while end < n and before[order[end]] == high and preferred[order[end]] == low:
            end += 1
        i, j = first, middle
        while i < middle or j < end:
            x = gain[order[i]] if i < middle else np.int64(2**60)
            y = gain[order[j]] if j < end else np.int64(2**60)
            up = i < middle and x < 0 and load[high] < room[high]
            down = j < end and y < 0 and load[low] < room[low]
            if up and (x <= y or not down):
                v = order[i]
                i += 1
                if _change_of(graph, part, slot, pins, used, v, high) < 0:
                    _move(graph, part, slot, pins, used, v, high)
                    load[low] -= 1
                    load[high] += 1
                    moved += 1
            elif down:
                v = order[j]
                j += 1
                if _change_of(graph, part, slot, pins, used, v, low) < 0:
                    _move(graph, part, slot, pins, used, v, low)
                    load[high] -= 1
                    load[low] += 1
                    moved += 1
            elif i < middle and j < end and x + y < 0:
                v, u = order[i], order[j]
                i += 1
                j += 1
                saved = _change_of(graph, part, slot, pins, used, v, high)
                _move(graph, part, slot, pins, used, v, high)
                saved += _change_of(graph, part, slot, pins, used, u, low)
                if saved < 0:
                    _move(graph, part, slot, pins, used, u, low)
                    moved += 2
                else:
                    _move(graph, part, slot, pins, used, v, low)
            else:
                break
        first = end
    return moved
