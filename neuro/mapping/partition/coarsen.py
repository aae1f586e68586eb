"""Coarsening: vertices that share heavy nets are joined."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuro.jit import kernel
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.partition.tables import Parts
from neuro.mapping.random import RandomState
from neuro.mapping.traffic import Ids
from neuro.validation import Ints

__all__ = ["cluster"]


def cluster(graph: Hypergraph, most: int, visits: int, apart: Parts, random: RandomState) -> tuple[Ids, int]:
    """Join each vertex with the cluster that it shares most with; returns the cluster of each vertex and their number.

    A cluster has at most `most` neurons. A vertex and a cluster share the sum over common nets of weight / (pins - 1),
    divided by the size of the cluster. About `visits` pins are looked at for each vertex. Vertices with different
    numbers in `apart` are not joined, and are not looked at.
    """
    kinds, kind = np.unique(apart, return_inverse=True)
    return _cluster(graph, _alike(graph, kind.astype(np.int64), len(kinds)), most, visits, random)


class Alike(NamedTuple):
    """The pins of each net that a vertex could be joined with."""

    pin: Ids
    """Pins of each net, those of a kind together."""
    low: Ints
    """First pin of the kind of each vertex in each of its nets, shape (pins,)."""
    high: Ints
    """The place behind the last one."""


@kernel
def _alike(graph: Hypergraph, kind: Ints, kinds: int) -> Alike:
    low, high = np.empty(len(graph.pin), np.int64), np.empty(len(graph.pin), np.int64)
    if kinds == 1:
        for k in range(len(graph.net)):
            low[k], high[k] = graph.start[graph.net[k]], graph.start[graph.net[k] + 1]
        return Alike(graph.pin, low, high)
    at = Alike(np.empty_like(graph.pin), low, high)
    # Nets come in the order in which each vertex lists them.
    turn = graph.begin[:-1].copy()
    count, place, found = np.zeros(kinds, np.int64), np.zeros(kinds, np.int64), np.empty(kinds, np.int64)
    for e in range(len(graph.weight)):
        seen = 0
        for k in range(graph.start[e], graph.start[e + 1]):
            c = kind[graph.pin[k]]
            if count[c] == 0:
                found[seen] = c
                seen += 1
            count[c] += 1
        filled = graph.start[e]
        for i in range(seen):
            place[found[i]] = filled
            filled += count[found[i]]
        for k in range(graph.start[e], graph.start[e + 1]):
            v = graph.pin[k]
            c = kind[v]
            at.pin[place[c]] = v
            place[c] += 1
        for k in range(graph.start[e], graph.start[e + 1]):
            v = graph.pin[k]
            c = kind[v]
            low[turn[v]], high[turn[v]] = place[c] - count[c], place[c]
            turn[v] += 1
        for i in range(seen):
            count[found[i]] = 0
    return at


@kernel
def _cluster(graph: Hypergraph, alike: Alike, most: int, visits: int, random: RandomState) -> tuple[Ids, int]:
    n = len(graph.size)
    order = np.arange(n)
    x = random[0]
    for i in range(n - 1, 0, -1):
        x ^= x >> np.uint64(12)
        x ^= x << np.uint64(25)
        x ^= x >> np.uint64(27)
        j = np.int64((x >> np.uint64(11)) % np.uint64(i + 1))
        order[i], order[j] = order[j], order[i]
    random[0] = x
    into = np.arange(n)
    size = graph.size.astype(np.int64)
    is_joined = np.zeros(n, np.bool_)
    score = np.zeros(n)
    touched = np.empty(n, np.int64)
    for i in range(n):
        v = order[i]
        if is_joined[v]:
            continue
        seen = 0
        pins = 0
        for k in range(graph.begin[v], graph.begin[v + 1]):
            pins += alike.high[k] - alike.low[k]
        step = max(pins // visits, 1)
        phase = i % step
        for k in range(graph.begin[v], graph.begin[v + 1]):
            e = graph.net[k]
            share = float(graph.weight[e]) / float(graph.start[e + 1] - graph.start[e] - 1)
            at, last = alike.low[k] + phase, alike.high[k]
            while at < last:
                c = into[alike.pin[at]]
                if score[c] == 0.0:
                    touched[seen] = c
                    seen += 1
                score[c] += share
                at += step
            phase = at - last
        best, closest, nearest = 0.0, 0.0, -1
        for k in range(seen):
            c = touched[k]
            rating = score[c] / float(size[c])
            if c != v:
                closest = max(closest, rating)
                if size[c] + size[v] <= most and rating > best:
                    best, nearest = rating, c
            score[c] = 0.0
        # A vertex whose closest clusters are full waits for the next level instead of joining a distant one.
        if nearest >= 0 and best >= 0.3 * closest:
            into[v] = nearest
            size[nearest] += size[v]
            is_joined[v] = is_joined[nearest] = True
    label = np.full(n, -1, np.int64)
    result = np.empty(n, np.uint32)
    count = 0
    for v in range(n):
        c = into[v]
        if label[c] < 0:
            label[c] = count
            count += 1
        result[v] = label[c]
    return result, count
