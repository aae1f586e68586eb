"""Growing parts one after the other: each takes the vertex that shares most nets with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.partition.tables import Parts
from neuro.validation import Ints

__all__ = ["grow"]


@kernel
def grow(graph: Hypergraph, room: Ints, first: int) -> Parts:
    """Fill parts in turn, the first from vertex `first`, each with the vertices that share most weight of nets with it.

    A vertex that fits nowhere goes to the part with most room left. Among equals the vertex that shares more
    with full parts comes first.
    """
    n, count = len(graph.size), len(room)
    part = np.full(n, -1, np.int32)
    total, held, old = np.ones(n), np.zeros(n), np.zeros(n)
    left = room.copy()
    for v in range(n):
        for k in range(graph.begin[v], graph.begin[v + 1]):
            total[v] += graph.weight[graph.net[k]]
    held_by = np.full(len(graph.weight), -1, np.int32)
    heap_key, heap_id = np.empty(n), np.empty(n, np.int64)
    where = np.full(n, -1, np.int64)
    nearest = first
    unplaced = 0
    for p in range(count):
        size = 0
        v = nearest
        while v >= 0:
            part[v] = p
            left[p] -= graph.size[v]
            if where[v] >= 0:
                size = _drop(heap_key, heap_id, where, size, v)
            for k in range(graph.begin[v], graph.begin[v + 1]):
                e = graph.net[k]
                if held_by[e] == p:
                    continue
                held_by[e] = p
                w = graph.weight[e]
                for i in range(graph.start[e], graph.start[e + 1]):
                    u = graph.pin[i]
                    if part[u] < 0:
                        held[u] += w
                        if where[u] < 0:
                            where[u] = size
                            heap_id[size] = u
                            heap_key[size] = -1.0
                            size += 1
                        at = where[u]
                        heap_key[at] = held[u] / total[u] + 1e-3 * old[u] / total[u]
                        _rise(heap_key, heap_id, where, at)
            v = -1
            while size > 0:
                u = heap_id[0]
                if graph.size[u] <= left[p]:
                    v = u
                    break
                size = _drop(heap_key, heap_id, where, size, u)
            if v < 0 and left[p] > 0:
                for u in range(unplaced, n):
                    if part[u] < 0 and graph.size[u] <= left[p]:
                        v = u
                        break
        # The next part begins with the vertex that shares most with the full ones.
        best, nearest = -1.0, -1
        while unplaced < n and part[unplaced] >= 0:
            unplaced += 1
        for u in range(unplaced, n):
            if part[u] < 0:
                old[u] += held[u]
                held[u] = 0.0
                where[u] = -1
                if old[u] / total[u] > best:
                    best, nearest = old[u] / total[u], u
        if nearest < 0:
            return part
    for u in range(n):
        if part[u] < 0:
            p = int(np.argmax(left))
            part[u] = p
            left[p] -= graph.size[u]
    return part


@kernel
def _rise(key: NDArray[np.float64], who: Ints, where: Ints, at: int) -> None:
    """Restore the heap, largest key first, after the key at `at` has grown."""
    while at > 0:
        up = (at - 1) // 2
        if key[up] >= key[at]:
            break
        key[up], key[at] = key[at], key[up]
        who[up], who[at] = who[at], who[up]
        where[who[up]], where[who[at]] = up, at
        at = up


@kernel
def _drop(key: NDArray[np.float64], who: Ints, where: Ints, size: int, v: int) -> int:
    """Take vertex v out of the heap; returns the size that is left."""
    at = where[v]
    where[v] = -1
    size -= 1
    if at == size:
        return size
    key[at], who[at] = key[size], who[size]
    where[who[at]] = at
    _rise(key, who, where, at)
    while True:
        low = 2 * at + 1
        if low >= size:
            break
        if low + 1 < size and key[low + 1] > key[low]:
            low += 1
        if key[at] >= key[low]:
            break
        key[low], key[at] = key[at], key[low]
        who[low], who[at] = who[at], who[low]
        where[who[low]], where[who[at]] = low, at
        at = low
    return size
