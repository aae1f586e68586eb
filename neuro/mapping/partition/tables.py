"""Tables from which the cost of a move follows, and lists of the vertices of each part; every move updates them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, inner, kernel
from neuro.mapping.partition.hypergraph import Hypergraph, Weights
from neuro.validation import Ints

__all__ = ["Members", "Parts", "Tables", "members_of", "move", "relink", "repair", "tables_of"]

Parts = NDArray[np.int32]
Counts = NDArray[np.integer]
FEW = 8
"""Parts for each one that is listed where tables are filled."""
SPARE = 32
"""Places of a list beyond twice the vertices that a part can have."""


class Tables(NamedTuple):
    """The tables of a partition; the change of cost if v goes to part p is missing[v, p] - alone[v]."""

    pins: Counts
    """Pins of each net in each part, shape (nets, parts)."""
    missing: Weights
    """Weight of the nets of a vertex without a pin in a part: the cost of going there; shape (vertices, parts)."""
    alone: Weights
    """Weight of the nets that a vertex is the only pin of in its part: the gain of leaving; shape (vertices,)."""
    least: Weights
    """No more than the least of `missing` in the parts that a vertex is not in; shape (vertices,)."""
    load: Ints
    """Neurons in each part."""


def tables_of(graph: Hypergraph, part: Parts, count: int, pins_only: bool = False) -> Tables:
    """The tables of a partition into `count` parts; with `pins_only` those of costs stay 0."""
    largest_net = int(np.diff(graph.start).max(initial=0))
    pins = np.zeros((len(graph.weight), count), np.int16 if largest_net < 2**15 else np.int32)
    missing, alone = np.zeros((len(graph.size), count), np.int32), np.zeros(len(graph.size), np.int32)
    load = np.zeros(count, np.int64)
    _fill(graph, part, pins, missing, alone, load, pins_only)
    return Tables(pins, missing, alone, np.zeros_like(alone), load)


@kernel
def _fill(
    graph: Hypergraph, part: Parts, pins: Counts, missing: Weights, alone: Weights, load: Ints, pins_only: bool
) -> None:
    count, nets = len(load), len(graph.weight)
    # A net with pins in nearly every part, or in a few of them, lists the others, or these; the rest are read in whole.
    first, listed = np.zeros(nets + 1, np.int64), np.empty(0 if pins_only else nets * (count // FEW), np.int32)
    absent = np.zeros(nets, np.int64)
    filled = 0
    for e in range(nets):
        for k in range(graph.start[e], graph.start[e + 1]):
            pins[e, part[graph.pin[k]]] += 1
        for p in range(0 if pins_only else count):
            absent[e] += pins[e, p] == 0
        if FEW * min(absent[e], count - absent[e]) <= count:
            for p in range(0 if pins_only else count):
                if (pins[e, p] == 0) == (2 * absent[e] <= count):
                    listed[filled] = p
                    filled += 1
        first[e + 1] = filled
    for v in range(len(graph.size)):
        a = part[v]
        load[a] += graph.size[v]
        if pins_only:
            continue
        row, everywhere = missing[v], 0
        for k in range(graph.begin[v], graph.begin[v + 1]):
            e = graph.net[k]
            w = graph.weight[e]
            if pins[e, a] == 1:
                alone[v] += w
            if FEW * min(absent[e], count - absent[e]) > count:
                for p in range(count):
                    if pins[e, p] == 0:
                        row[p] += w
                continue
            if 2 * absent[e] > count:
                everywhere += w
                w = -w
            for i in range(first[e], first[e + 1]):
                row[listed[i]] += w
        for p in range(count):
            row[p] += everywhere


@inner
def move(graph: Hypergraph, part: Parts, tables: Tables, v: int, b: int) -> int:
    """Put vertex v into part b and update the tables; returns the work done, in entries touched."""
    a = part[v]
    part[v] = b
    tables.load[a] -= graph.size[v]
    tables.load[b] += graph.size[v]
    alone = 0
    work = int(8 * (graph.begin[v + 1] - graph.begin[v]))
    for k in range(graph.begin[v], graph.begin[v + 1]):
        e = graph.net[k]
        w = graph.weight[e]
        in_a = tables.pins[e, a] - 1
        in_b = tables.pins[e, b] + 1
        tables.pins[e, a] = in_a
        tables.pins[e, b] = in_b
        if in_b == 1:
            alone += w
            work += 4 * (graph.start[e + 1] - graph.start[e])
            for i in range(graph.start[e], graph.start[e + 1]):
                u = graph.pin[i]
                x = tables.missing[u, b] - w
                tables.missing[u, b] = x
                tables.least[u] = min(tables.least[u], x)
        elif in_b == 2:
            for i in range(graph.start[e], graph.start[e + 1]):
                u = graph.pin[i]
                if part[u] == b and u != v:
                    tables.alone[u] -= w
                    work += 2 * (i - graph.start[e])
                    break
        if in_a == 0:
            work += 4 * (graph.start[e + 1] - graph.start[e])
            for i in range(graph.start[e], graph.start[e + 1]):
                tables.missing[graph.pin[i], a] += w
        elif in_a == 1:
            for i in range(graph.start[e], graph.start[e + 1]):
                u = graph.pin[i]
                if part[u] == a:
                    tables.alone[u] += w
                    work += 2 * (i - graph.start[e])
                    break
    tables.alone[v] = alone
    tables.least[v] = 0
    return work


@kernel
def repair(graph: Hypergraph, part: Parts, tables: Tables, room: Ints, fixed: NDArray[np.bool_]) -> int:
    """Move the cheapest vertices out of parts that hold too many neurons; returns the neurons still in excess."""
    while True:
        least, moved, to = np.int64(2) ** 62, -1, -1
        excess = 0
        for p in range(len(room)):
            excess += max(tables.load[p] - room[p], 0)
        if excess == 0:
            return 0
        for v in range(len(part)):
            a = part[v]
            if fixed[v] or tables.load[a] <= room[a]:
                continue
            for p in range(len(room)):
                if tables.load[p] + graph.size[v] <= room[p]:
                    x = np.int64(tables.missing[v, p] - tables.alone[v])
                    if x < least:
                        least, moved, to = x, v, p
        if moved < 0:
            return excess
        move(graph, part, tables, moved, to)


class Members(NamedTuple):
    """The vertices of each part, in the order in which they came."""

    listed: Parts
    """Vertices of each part, or -1 where one has left, shape (parts, places)."""
    length: Ints
    """Places of each part that are in use or were."""
    place: Parts
    """Place of each vertex in the list of its part, shape (vertices,)."""


@inner
def members_of(part: Parts, size: Weights, room: Ints) -> Members:
    """The lists of a partition within its room."""
    n, most, least = len(part), 0, max(int(np.min(size)), 1)
    for p in range(len(room)):
        most = max(most, min(int(room[p]) // least, n))
    members = Members(
        np.empty((len(room), 2 * most + SPARE), np.int32), np.zeros(len(room), np.int64), np.empty(n, np.int32)
    )
    for v in range(n):
        _append(members, v, part[v])
    return members


@inlined
def _append(members: Members, v: int, p: int) -> None:
    """Put vertex v last in the list of part p."""
    k = members.length[p]
    members.listed[p, k] = v
    members.place[v] = k
    members.length[p] = k + 1


@inner
def relink(members: Members, v: int, a: int, b: int) -> None:
    """Take vertex v out of the list of part a and put it last in that of part b."""
    members.listed[a, members.place[v]] = -1
    if members.length[b] == members.listed.shape[1]:
        row, kept = members.listed[b], 0
        for k in range(len(row)):
            u = row[k]
            if u >= 0:
                row[kept] = u
                members.place[u] = kept
                kept += 1
        members.length[b] = kept
    _append(members, v, b)
