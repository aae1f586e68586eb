"""Coarsening: vertices that share heavy nets are joined."""

from __future__ import annotations

import numpy as np

from neuro.jit import kernel
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.partition.tables import Parts
from neuro.mapping.random import RandomState
from neuro.mapping.traffic import Ids

__all__ = ["cluster"]


@kernel
def cluster(graph: Hypergraph, most: int, visits: int, apart: Parts, random: RandomState) -> tuple[Ids, int]:
    """Join each vertex with the cluster that it shares most with; returns the cluster of each vertex and their number.

    A cluster has at most `most` neurons. A vertex and a cluster share the sum over common nets of weight / (pins - 1),
    divided by the size of the cluster. About `visits` pins are looked at for each vertex. Vertices with different
    numbers in `apart` are not joined.
    """
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
            e = graph.net[k]
            pins += graph.start[e + 1] - graph.start[e]
        step = max(pins // visits, 1)
        phase = i % step
        for k in range(graph.begin[v], graph.begin[v + 1]):
            e = graph.net[k]
            first, last = graph.start[e], graph.start[e + 1]
            share = float(graph.weight[e]) / float(last - first - 1)
            at = first + phase
            while at < last:
                c = into[graph.pin[at]]
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
            if c != v and apart[c] == apart[v]:
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
