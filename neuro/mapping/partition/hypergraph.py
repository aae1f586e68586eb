"""Hypergraphs: one net for each neuron that sends spikes, with the neuron and its targets as pins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.mapping.traffic import Ids, Traffic, incoming
from neuro.validation import Ints

__all__ = ["Hypergraph", "Weights", "contract", "deliveries", "deliveries_least", "hypergraph_of", "merged"]

Weights = NDArray[np.int32]

HEAVIEST = 2**27
"""Sums of weights over the nets of a vertex stay below this, so that gains fit 32 bits."""


class Hypergraph(NamedTuple):
    """Vertices that hold neurons, and nets of vertices; a net costs its weight for each part beyond its first."""

    start: Ints
    """Pins of net e are pin[start[e]] .. pin[start[e + 1] - 1], shape (nets + 1,)."""
    pin: Ids
    """Vertices, each once in a net and increasing."""
    begin: Ints
    """Nets of vertex v are net[begin[v]] .. net[begin[v + 1] - 1], shape (vertices + 1,)."""
    net: Ids
    """Nets, increasing within a vertex."""
    weight: Weights
    """Weight of each net, above zero, shape (nets,)."""
    size: Weights
    """Neurons in each vertex, shape (vertices,)."""


def hypergraph_of(traffic: Traffic) -> tuple[Hypergraph, float]:
    """The nets of the neurons that send spikes to others, and the spikes that one unit of net weight stands for.

    Whole numbers of spikes stay as they are where the sums fit 32 bits; others are rounded to 27 bits.
    """
    n = traffic.neurons
    sends = (np.diff(traffic.start) > 0) & (traffic.spikes > 0)
    start, pin = _nets(traffic.start, traffic.target, sends)
    begin, net = incoming(start, pin, n)
    weights = traffic.spikes[sends]
    heaviest = float(_sums(begin, net, weights).max(initial=0.0))
    whole = heaviest < HEAVIEST and bool(np.all(weights == np.floor(weights)))
    unit = 1.0 if whole else heaviest / (HEAVIEST // 2)
    rounded = np.maximum(np.rint(weights / unit), 1).astype(np.int32)
    return Hypergraph(start, pin, begin, net, rounded, np.ones(n, np.int32)), unit


def contract(graph: Hypergraph, into: Ids, count: int) -> Hypergraph:
    """The hypergraph of `count` vertices where v becomes part of vertex into[v]; nets within one vertex are dropped."""
    start, pin, weight = _contracted(graph.start, graph.pin, graph.weight, into, count)
    begin, net = incoming(start, pin, count)
    size = np.bincount(into, weights=graph.size, minlength=count).astype(np.int32)
    return Hypergraph(start, pin, begin, net, weight, size)


@kernel
def _nets(start: Ints, target: Ids, sends: NDArray[np.bool_]) -> tuple[Ints, Ids]:
    n = len(start) - 1
    first = np.zeros(np.sum(sends) + 1, np.int64)
    pin = np.empty(len(target) + n, np.uint32)
    nets, filled = 0, 0
    for i in range(n):
        if not sends[i]:
            continue
        pending = True
        for k in range(start[i], start[i + 1]):
            j = target[k]
            if pending and j >= i:
                pending = False
                if j > i:
                    pin[filled] = i
                    filled += 1
            pin[filled] = j
            filled += 1
        if pending:
            pin[filled] = i
            filled += 1
        nets += 1
        first[nets] = filled
    return first, pin[:filled].copy()


@kernel
def _sums(begin: Ints, net: Ids, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(len(begin) - 1)
    for v in range(len(begin) - 1):
        for k in range(begin[v], begin[v + 1]):
            total[v] += weight[net[k]]
    return total


@kernel
def _contracted(start: Ints, pin: Ids, weight: Weights, into: Ids, count: int) -> tuple[Ints, Ids, Weights]:
    nets = len(start) - 1
    first, heavy = np.zeros(nets + 1, np.int64), np.empty(nets, np.int32)
    pins = np.empty(len(pin), np.uint32)
    seen = np.full(count, -1, np.int64)
    kept, filled = 0, 0
    for e in range(nets):
        here = filled
        for k in range(start[e], start[e + 1]):
            v = into[pin[k]]
            if seen[v] != e:
                seen[v] = e
                pins[filled] = v
                filled += 1
        if filled - here < 2:
            filled = here
            continue
        heavy[kept] = weight[e]
        kept += 1
        first[kept] = filled
    return first[: kept + 1].copy(), pins[:filled].copy(), heavy[:kept].copy()


@kernel
def merged(start: Ints, pin: Ids, into: Ids, count: int) -> tuple[Ints, Ids]:
    """Nets of the vertices that the pins become part of; nets within one vertex are kept."""
    first, pins = np.zeros(len(start), np.int64), np.empty(len(pin), np.uint32)
    seen = np.full(count, -1, np.int64)
    filled = 0
    for e in range(len(start) - 1):
        for k in range(start[e], start[e + 1]):
            v = into[pin[k]]
            if seen[v] != e:
                seen[v] = e
                pins[filled] = v
                filled += 1
        first[e + 1] = filled
    return first, pins[:filled].copy()


@kernel
def deliveries(start: Ints, target: Ids, part: NDArray[np.int32], spikes: NDArray[np.float64], count: int) -> float:
    """Spikes times the number of parts, other than the source's, that hold targets."""
    seen = np.full(count, -1, np.int64)
    total = 0.0
    for i in range(len(start) - 1):
        seen[part[i]] = i
        for k in range(start[i], start[i + 1]):
            p = part[target[k]]
            if seen[p] != i:
                seen[p] = i
                total += spikes[i]
    return total


@kernel
def deliveries_least(start: Ints, target: Ids, spikes: NDArray[np.float64], widest: int) -> float:
    """The fewest deliveries: to all parts of `widest` neurons, but one, that a neuron and its targets need."""
    total = 0.0
    for i in range(len(start) - 1):
        pins = start[i + 1] - start[i]
        if pins == 0:
            continue
        pins += 1
        for k in range(start[i], start[i + 1]):
            pins -= target[k] == i
        total += spikes[i] * ((pins + widest - 1) // widest - 1)
    return total
