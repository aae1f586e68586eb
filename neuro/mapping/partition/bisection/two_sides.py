"""Two sides: growing one of them, and the passes of Fiduccia and Mattheyses, which take back what did not help."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neuro.jit import inner, kernel
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.partition.tables import Parts
from neuro.validation import Ints

__all__ = ["cut_of", "grow_side", "improve_sides"]

ENTER_WORK, MOVE_WORK, GAIN_WORK = 10, 60, 15
"""Pins that may be looked at in the time that it takes to put a vertex on a heap, to move one, and to change a gain."""


class _Sides(NamedTuple):
    """Two sides, and a heap of the vertices of each that may still move, the largest gain on top."""

    pins: Ints
    """Pins of each net on each side, shape (nets, 2)."""
    load: Ints
    """Neurons on each side."""
    gain: Ints
    """What is saved if a vertex changes sides, shape (vertices,)."""
    heap: Ints
    """Vertices of each heap, shape (2, vertices)."""
    length: Ints
    """Vertices in each heap."""
    where: Ints
    """Place of each vertex in its heap, -1 where it is in none."""


@inner
def _sides_of(graph: Hypergraph, side: Parts) -> _Sides:
    """The counts and gains of two sides; the heaps are empty."""
    n, nets = len(graph.size), len(graph.weight)
    at = _Sides(
        np.zeros((nets, 2), np.int64), np.zeros(2, np.int64), np.zeros(n, np.int64), np.zeros((2, n), np.int64),
        np.zeros(2, np.int64), np.full(n, -1, np.int64),
    )  # fmt: skip
    for e in range(nets):
        for k in range(graph.start[e], graph.start[e + 1]):
            at.pins[e, side[graph.pin[k]]] += 1
    for v in range(n):
        a = side[v]
        at.load[a] += graph.size[v]
        for k in range(graph.begin[v], graph.begin[v + 1]):
            e = graph.net[k]
            if at.pins[e, a] == 1:
                at.gain[v] += graph.weight[e]
            if at.pins[e, 1 - a] == 0:
                at.gain[v] -= graph.weight[e]
    return at


@inner
def _settle(at: _Sides, a: int, i: int) -> None:
    """Restore the order of heap a, where the vertex at place i has a new gain."""
    v = at.heap[a, i]
    g = at.gain[v]
    while i > 0:
        up = (i - 1) >> 1
        u = at.heap[a, up]
        if at.gain[u] >= g:
            break
        at.heap[a, i] = u
        at.where[u] = i
        i = up
    while True:
        low = 2 * i + 1
        if low >= at.length[a]:
            break
        if low + 1 < at.length[a] and at.gain[at.heap[a, low + 1]] > at.gain[at.heap[a, low]]:
            low += 1
        u = at.heap[a, low]
        if at.gain[u] <= g:
            break
        at.heap[a, i] = u
        at.where[u] = i
        i = low
    at.heap[a, i] = v
    at.where[v] = i


@inner
def _enter(at: _Sides, a: int, v: int) -> None:
    """Put vertex v on heap a."""
    i = at.length[a]
    at.heap[a, i] = v
    at.length[a] = i + 1
    _settle(at, a, i)


@inner
def _leave(at: _Sides, a: int, v: int) -> None:
    """Take vertex v off heap a."""
    i, last = at.where[v], at.length[a] - 1
    at.where[v] = -1
    at.length[a] = last
    if i < last:
        at.heap[a, i] = at.heap[a, last]
        _settle(at, a, i)


@inner
def _add(at: _Sides, side: Parts, u: int, more: Any) -> None:
    """Change the gain of vertex u."""
    at.gain[u] += more
    if at.where[u] >= 0:
        _settle(at, side[u], at.where[u])


@inner
def _cross(graph: Hypergraph, side: Parts, at: _Sides, v: int) -> int:
    """Vertex v, which is on no heap, changes sides; returns the work done."""
    a = side[v]
    b = 1 - a
    work = graph.begin[v + 1] - graph.begin[v]
    saved = at.gain[v]
    for k in range(graph.begin[v], graph.begin[v + 1]):
        e = graph.net[k]
        w = np.int64(graph.weight[e])
        first, last = graph.start[e], graph.start[e + 1]
        in_a, in_b = at.pins[e, a], at.pins[e, b]
        at.pins[e, a] = in_a - 1
        at.pins[e, b] = in_b + 1
        if in_b > 1 and in_a > 2:
            continue
        work += last - first
        for i in range(first, last):
            u = graph.pin[i]
            if u == v:
                continue
            more = np.int64(0)
            if in_b == 0:
                more += w
            elif in_b == 1 and side[u] == b:
                more -= w
            if in_a == 1:
                more -= w
            elif in_a == 2 and side[u] == a:
                more += w
            if more != 0:
                _add(at, side, u, more)
                work += GAIN_WORK
    side[v] = b
    at.load[a] -= graph.size[v]
    at.load[b] += graph.size[v]
    at.gain[v] = -saved
    return int(work)


@kernel
def cut_of(graph: Hypergraph, side: Parts) -> int:
    """Weight of the nets with pins on two sides."""
    total = np.int64(0)
    for e in range(len(graph.weight)):
        first = side[graph.pin[graph.start[e]]]
        for k in range(graph.start[e] + 1, graph.start[e + 1]):
            if side[graph.pin[k]] != first:
                total += graph.weight[e]
                break
    return int(total)


@kernel
def grow_side(graph: Hypergraph, first: int, most: int) -> Parts:
    """Side 0 grows from vertex `first` to `most` neurons, by the vertex that cuts least; the rest is side 1."""
    n = len(graph.size)
    side = np.ones(n, np.int32)
    at = _sides_of(graph, side)
    for v in range(n):
        if v != first:
            _enter(at, 1, v)
    v = first
    while v >= 0:
        if at.load[0] + graph.size[v] <= most:
            _cross(graph, side, at, v)
        v = -1
        if at.length[1] > 0 and at.load[0] < most:
            v = at.heap[1, 0]
            _leave(at, 1, v)
    return side


@inner
def _next(graph: Hypergraph, at: _Sides, widest: Ints) -> int:
    """The vertex that moves next, off its heap, or -1: the best of a side that is too full, else the best of both."""
    for a in range(2):
        if at.load[a] > widest[a] and at.length[a] > 0:
            v = at.heap[a, 0]
            _leave(at, a, v)
            return int(v)
    while at.length[0] + at.length[1] > 0:
        best, largest = -1, -1
        for a in range(2):
            if at.length[a] == 0:
                continue
            v = at.heap[a, 0]
            if largest < 0 or graph.size[v] > graph.size[at.heap[largest, 0]]:
                largest = a
            if at.load[1 - a] + graph.size[v] > widest[1 - a]:
                continue
            more = np.int64(1) if best < 0 else at.gain[v] - at.gain[at.heap[best, 0]]
            if more > 0 or (more == 0 and at.load[a] - widest[a] > at.load[best] - widest[best]):
                best = a
        if best >= 0:
            v = at.heap[best, 0]
            _leave(at, best, v)
            return int(v)
        # Neither fits: the larger one stays where it is.
        _leave(at, largest, at.heap[largest, 0])
    return -1


@kernel
def improve_sides(
    graph: Hypergraph, side: Parts, room: Ints, widest: Ints, passes: int, patience: int
) -> tuple[int, int]:
    """Passes of moves, each kept up to its best point; returns the neurons beyond `room` and the work, in pins
    and what else takes as long as one.

    Sides hold at most `widest` neurons on the way. First counts what is beyond `room`, then the cut. A pass ends after
    `patience` moves without a better point, and the passes end with one that finds none.
    """
    n = len(graph.size)
    at = _sides_of(graph, side)
    moved = np.empty(n, np.int64)
    over = max(at.load[0] - room[0], 0) + max(at.load[1] - room[1], 0)
    work = 2 * len(graph.pin)
    for _ in range(passes):
        for a in range(2):
            for i in range(at.length[a]):
                at.where[at.heap[a, i]] = -1
            at.length[a] = 0
        for v in range(n):
            _enter(at, side[v], v)
        count, kept = 0, 0
        work += ENTER_WORK * n
        saved, most, least = np.int64(0), np.int64(0), over
        while count - kept < patience:
            v = _next(graph, at, widest)
            if v < 0:
                break
            saved += at.gain[v]
            work += _cross(graph, side, at, v) + MOVE_WORK
            moved[count] = v
            count += 1
            now = max(at.load[0] - room[0], 0) + max(at.load[1] - room[1], 0)
            if now < least or (now == least and saved > most):
                kept, most, least = count, saved, now
        for i in range(count - 1, kept - 1, -1):
            v = moved[i]
            if at.where[v] >= 0:
                _leave(at, side[v], v)
            work += _cross(graph, side, at, v) + MOVE_WORK
        better = bool(least < over or most > 0)
        over = least
        if not better:
            break
    return int(over), int(work)
