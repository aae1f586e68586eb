"""Recursive bisection: each half is halved again, from coarse to fine; and parts that are cut anew in small groups."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.mapping.partition.bisection.two_sides import cut_of, grow_side, improve_sides
from neuro.mapping.partition.coarsen import cluster
from neuro.mapping.partition.hypergraph import Hypergraph, Weights, contract
from neuro.mapping.partition.tables import Parts
from neuro.mapping.random import RandomState, next_uniform
from neuro.mapping.traffic import Ids, incoming
from neuro.mapping.watch import is_halted
from neuro.validation import Ints

__all__ = ["VISITS", "bisected", "recut", "restricted"]

COARSEST = 60
"""Vertices at which a half is no longer joined."""
GROWN = 6
"""Sides that are grown on the coarsest level."""
VISITS = 32768
"""Pins looked at for each vertex that is joined, unless told otherwise."""
PASSES, PATIENCE = 6, 100
"""Passes on each level, and moves without a better point after which one ends."""
SIZES = 2, 2, 3, 4
"""Parts of a group that is cut anew, one of these."""
LEVEL_WORK, GROWN_WORK, GROUP_WORK = 60_000, 15_000, 150_000
"""Pins that may be looked at in the time that a level, a side that is grown, and a group take beside theirs."""


def restricted(graph: Hypergraph, chosen: Ints) -> Hypergraph:
    """The hypergraph of some vertices: nets keep their pins among them, and those with one pin are dropped."""
    start, pin, weight = _restricted(graph, chosen)
    begin, net = incoming(start, pin, len(chosen))
    return Hypergraph(start, pin, begin, net, weight, graph.size[chosen])


@kernel
def _restricted(graph: Hypergraph, chosen: Ints) -> tuple[Ints, Ids, Weights]:
    pins = np.zeros(len(graph.weight) + 1, np.int64)
    for v in chosen:
        for k in range(graph.begin[v], graph.begin[v + 1]):
            pins[graph.net[k]] += 1
    kept, filled = 0, 0
    for e in range(len(graph.weight)):
        if pins[e] > 1:
            kept += 1
            filled += pins[e]
    start, pin = np.zeros(kept + 1, np.int64), np.empty(filled, np.uint32)
    weight = np.empty(kept, np.int32)
    kept, filled = 0, 0
    for e in range(len(graph.weight)):
        if pins[e] > 1:
            weight[kept] = graph.weight[e]
            first = filled
            filled += pins[e]
            kept += 1
            start[kept] = filled
            pins[e] = first
        else:
            pins[e] = -1
    for i in range(len(chosen)):
        v = chosen[i]
        for k in range(graph.begin[v], graph.begin[v + 1]):
            e = graph.net[k]
            if pins[e] >= 0:
                pin[pins[e]] = i
                pins[e] += 1
    return start, pin, weight


@kernel
def _uniform(random: RandomState) -> float:
    return next_uniform(random)


def bisected(graph: Hypergraph, room: Ints, random: RandomState, visits: int = VISITS) -> tuple[Parts, int]:
    """Parts by recursive bisection, and the work that it took; a part may hold more neurons than its room.

    `visits` is the number of pins that are looked at for each vertex that is joined with others.
    """
    count, n = len(room), len(graph.size)
    if count == 1 or n == 0:
        return np.zeros(n, np.int32), 0
    half = count // 2
    total, every = int(graph.size.sum()), int(room.sum())
    share = (every / max(total, 1)) ** (1.0 / math.ceil(math.log2(count)))
    rooms = np.array([room[:half].sum(), room[half:].sum()], np.int64)
    most = np.minimum(np.ceil(total * rooms / every * share), rooms).astype(np.int64)
    side, work = _halved(graph, most, visits, random)
    part = np.zeros(n, np.int32)
    for s, own in enumerate((room[:half], room[half:])):
        if len(own) > 1:
            chosen = np.flatnonzero(side == s)
            inner, more = bisected(restricted(graph, chosen), own, random, visits)
            part[chosen] = inner + half * s
            work += more
        else:
            part[side == s] = half * s
    return part, work


def _halved(graph: Hypergraph, room: Ints, visits: int, random: RandomState) -> tuple[Parts, int]:
    """Two sides, from coarse to fine, and the work that they took."""
    graphs, maps, work = [graph], [], 0
    total = int(graph.size.sum())
    while len(graphs[-1].size) > COARSEST:
        last = graphs[-1]
        n = len(last.size)
        most = min(max(round(2.6 * total / n), 2), max(total // 20, 1))
        into, count = cluster(last, most, visits, np.zeros(n, np.int32), random)
        work += min(int((np.diff(last.start) ** 2).sum()), visits * n) + 2 * len(last.pin) + LEVEL_WORK
        if count > 0.95 * n:
            break
        maps.append(into)
        graphs.append(contract(last, into, count))
    coarsest = graphs[-1]
    best, least = np.zeros(0, np.int32), (2**62, 2**62)
    for _ in range(GROWN):
        first = int(_uniform(random) * len(coarsest.size))
        side = grow_side(coarsest, first, int(total * room[0] // max(room.sum(), 1)) + 1)
        over, more = _improved(coarsest, side, room)
        work += more + 2 * len(coarsest.pin) + GROWN_WORK
        found = (over, int(cut_of(coarsest, side)))
        if found < least:
            best, least = side, found
    side = best
    for level in range(len(maps) - 1, -1, -1):
        side = np.ascontiguousarray(side[maps[level]])
        _, more = _improved(graphs[level], side, room)
        work += more
    return side, work


def _improved(graph: Hypergraph, side: Parts, room: Ints) -> tuple[int, int]:
    """Improve two sides in place; returns the neurons beyond their room, as coarse as vertices are, and the work."""
    largest = int(graph.size.max(initial=1))
    loose = room + largest // 2
    over, work = improve_sides(graph, side, loose, loose + max(largest, int(room.sum()) // 100), PASSES, PATIENCE)
    if over:
        over, more = improve_sides(graph, side, loose, loose, PASSES, PATIENCE)
        work += more
    return over, work


def recut(graph: Hypergraph, part: Parts, room: Ints, budget: int, random: RandomState) -> tuple[Parts, int, int]:
    """Small groups of parts that share nets are cut anew, and kept where that is no worse; also what it saves, and the
    work.

    Parts have to be within their room. The last group may take the work beyond `budget`.
    """
    count = len(room)
    part = part.copy()
    saved, work = 0, 0
    shared = _shared(graph, part, count)
    while work < budget and not is_halted():
        group = _group(shared, min(SIZES[int(_uniform(random) * len(SIZES))], count), random)
        chosen = np.flatnonzero(np.isin(part, group))
        inner = restricted(graph, chosen)
        label = np.zeros(count, np.int32)
        label[group] = np.arange(len(group))
        before = label[part[chosen]]
        after, more = bisected(inner, room[group], random)
        work += more + 4 * len(inner.pin) + GROUP_WORK
        load = np.bincount(after, inner.size, len(group))
        better = _extra_parts(inner, before, len(group)) - _extra_parts(inner, after, len(group))
        if better >= 0 and np.all(load <= room[group]):
            part[chosen] = group[after]
            saved += better
            if better > 0:
                shared = _shared(graph, part, count)
                work += len(graph.pin)
    return part, saved, work


def _group(shared: NDArray[np.float64], size: int, random: RandomState) -> NDArray[np.int64]:
    """Parts that share nets, drawn by how much they share."""
    group = [int(_uniform(random) * len(shared))]
    while len(group) < size:
        weight = shared[group].sum(axis=0) + 1e-9
        weight[group] = 0.0
        total = np.cumsum(weight)
        group.append(min(int(np.searchsorted(total, _uniform(random) * total[-1], "right")), len(shared) - 1))
    return np.unique(group)


@kernel
def _shared(graph: Hypergraph, part: Parts, count: int) -> NDArray[np.float64]:
    """Weight of the nets that each pair of parts shares, by the parts of the net, shape (parts, parts)."""
    total = np.zeros((count, count))
    seen, found = np.full(count, -1, np.int64), np.empty(count, np.int64)
    for e in range(len(graph.weight)):
        many = 0
        for k in range(graph.start[e], graph.start[e + 1]):
            p = part[graph.pin[k]]
            if seen[p] != e:
                seen[p] = e
                found[many] = p
                many += 1
        for i in range(many):
            for j in range(many):
                if i != j:
                    total[found[i], found[j]] += graph.weight[e] / many
    return total


@kernel
def _extra_parts(graph: Hypergraph, part: Parts, count: int) -> int:
    """Weight of each net for each part beyond its first."""
    total = np.int64(0)
    seen = np.full(count, -1, np.int64)
    for e in range(len(graph.weight)):
        many = -1
        for k in range(graph.start[e], graph.start[e + 1]):
            p = part[graph.pin[k]]
            if seen[p] != e:
                seen[p] = e
                many += 1
        total += many * graph.weight[e]
    return int(total)
