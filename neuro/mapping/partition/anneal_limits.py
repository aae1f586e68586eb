"""Annealing of partitions within every limit of a core at once, what is beyond a limit priced until nothing is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, inner, kernel
from neuro.mapping.partition.anneal import Parts, SearchState, Tables, boltzmann, draw, move
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.traffic import Ids
from neuro.validation import Ints

__all__ = ["Demands", "Use", "excess", "settle", "use_of"]


class Demands(NamedTuple):
    """What vertices take and what parts have."""

    each: Ints
    """What a vertex takes of each resource that adds up, shape (vertices, resources)."""
    most: Ints
    """What a part has of it, shape (resources, parts)."""
    unit: NDArray[np.float64]
    """What of each resource counts as one in excess; axons come last; shape (resources + 1,)."""
    axons: int
    """Most source neurons with a target in a part; below zero: any number."""
    outs: int
    """Most pairs of a source neuron in a part and another part with a target; below zero: any number."""
    label: Ints
    """Kind of each vertex that must keep apart from others, or -1, shape (vertices,)."""
    clash: NDArray[np.bool_]
    """Which kinds must not share a part, shape (kinds, kinds)."""
    source: Ints
    """Vertex of the source neuron of each net of targets, shape (nets,)."""
    owner: Ints
    """Nets of targets of the source neurons in vertex v: sent[owner[v]] .. sent[owner[v + 1] - 1]."""
    sent: Ids
    """See `owner`."""


class Use(NamedTuple):
    """What parts hold."""

    load: Ints
    """Of each resource that adds up, shape (resources, parts)."""
    axons: Ints
    """Source neurons with a target in the part."""
    outs: Ints
    """Pairs of a source neuron in the part and another part with a target."""
    kinds: Ints
    """Vertices of each kind, shape (parts, kinds)."""
    reached: Ints
    """Parts that each net of targets has pins in, shape (nets,)."""


@kernel
def use_of(nets: Hypergraph, part: Parts, axat: Tables, demands: Demands) -> Use:
    """What parts hold."""
    count = axat.pins.shape[1]
    use = Use(
        np.zeros((demands.each.shape[1], count), np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros((count, len(demands.clash)), np.int64),
        np.zeros(len(nets.weight), np.int64),
    )
    for v in range(len(part)):
        for r in range(demands.each.shape[1]):
            use.load[r, part[v]] += demands.each[v, r]
        if demands.label[v] >= 0:
            use.kinds[part[v], demands.label[v]] += 1
    for e in range(len(nets.weight)):
        own = part[demands.source[e]]
        for p in range(count):
            if axat.pins[e, p] > 0:
                use.axons[p] += 1
                use.reached[e] += 1
                use.outs[own] += p != own
    return use


@kernel
def excess(use: Use, demands: Demands) -> float:
    """How far parts are beyond their limits, in units."""
    total = 0.0
    last = len(demands.unit) - 1
    for p in range(len(use.axons)):
        for r in range(demands.each.shape[1]):
            total += max(use.load[r, p] - demands.most[r, p], 0) / demands.unit[r]
        if demands.axons >= 0:
            total += max(use.axons[p] - demands.axons, 0) / demands.unit[last]
        if demands.outs >= 0:
            total += max(use.outs[p] - demands.outs, 0) / demands.unit[last]
    return total


@inlined
def _over(used: int, most: int, unit: float) -> float:
    x = float(max(used - most, 0)) / unit
    return x * x


@inner
def _carry(
    graph: Hypergraph,
    part: Parts,
    at: Tables,
    nets: Hypergraph,
    axat: Tables,
    same: bool,
    demands: Demands,
    use: Use,
    v: int,
    b: int,
) -> int:
    """Move vertex v to part b and mend all tables; returns the work done."""
    a = part[v]
    for r in range(demands.each.shape[1]):
        use.load[r, a] -= demands.each[v, r]
        use.load[r, b] += demands.each[v, r]
    kind = demands.label[v]
    if kind >= 0:
        use.kinds[a, kind] -= 1
        use.kinds[b, kind] += 1
    if demands.axons >= 0 or demands.outs >= 0:
        for k in range(nets.begin[v], nets.begin[v + 1]):
            e = nets.net[k]
            own = part[demands.source[e]]
            if axat.pins[e, a] == 1:
                use.axons[a] -= 1
                use.reached[e] -= 1
                use.outs[own] -= a != own
            if axat.pins[e, b] == 0:
                use.axons[b] += 1
                use.reached[e] += 1
                use.outs[own] += b != own
    work = 0
    if not same:
        work += move(graph, part, at, v, b)
        part[v] = a
    if same or demands.axons >= 0 or demands.outs >= 0:
        work += move(nets, part, axat, v, b)
    part[v] = b
    if demands.outs >= 0:
        for k in range(demands.owner[v], demands.owner[v + 1]):
            e = demands.sent[k]
            use.outs[a] -= use.reached[e] - (axat.pins[e, a] > 0)
            use.outs[b] += use.reached[e] - (axat.pins[e, b] > 0)
    return work


@inner
def _outs(use: Use, demands: Demands) -> float:
    total = 0.0
    if demands.outs >= 0:
        for p in range(len(use.outs)):
            total += _over(use.outs[p], demands.outs, demands.unit[len(demands.unit) - 1])
    return total


@kernel
def settle(
    graph: Hypergraph,
    part: Parts,
    at: Tables,
    nets: Hypergraph,
    axat: Tables,
    same: bool,
    demands: Demands,
    use: Use,
    fixed: NDArray[np.bool_],
    budget: int,
    hot: float,
    fall: float,
    price: float,
    until: bool,
    state: SearchState,
) -> float:
    """Go round the vertices until `budget` entries are touched, or with `until` until all is within limits.

    `same`: what is made small is the sum of axons, whose tables `axat` are. The square of what is in excess is priced;
    the price rises while anything is. Returns the last price, or a number below zero where something is in excess.
    """
    n, count = len(part), len(use.axons)
    last = len(demands.unit) - 1
    cost = np.zeros(count)
    work = 0
    heat = hot
    while work < budget:
        if until and excess(use, demands) == 0.0:
            return price
        for v in range(n):
            if v & 63 == 0:
                f = min(float(work) / float(budget), 1.0)
                heat = hot * boltzmann(min(fall * f, 15.0))
                slack = 0.2 * count * (1.0 - f) * (not until)
                price *= 1.05 if excess(use, demands) > slack else 1.0 / 1.03
                price = min(max(price, heat), 1e15)
                work += 8 * count + 640
            if fixed[v]:
                continue
            a = part[v]
            work += 6 * count
            leaving = float(axat.alone[v] if same else at.alone[v])
            for r in range(demands.each.shape[1]):
                x, u = use.load[r, a], demands.unit[r]
                m = demands.most[r, a]
                leaving += price * (_over(x, m, u) - _over(x - demands.each[v, r], m, u))
            if demands.axons >= 0:
                x, u = use.axons[a], demands.unit[last]
                leaving += price * (_over(x, demands.axons, u) - _over(x - axat.alone[v], demands.axons, u))
            row = axat.missing[v] if same else at.missing[v]
            brought = axat.missing[v]
            kind = demands.label[v]
            low = 0.0
            for p in range(count):
                if p == a:
                    cost[p] = 0.0
                    continue
                x = float(row[p]) - leaving
                if x < low + 14.0 * heat:
                    for r in range(demands.each.shape[1]):
                        y, u = use.load[r, p], demands.unit[r]
                        m = demands.most[r, p]
                        if y + demands.each[v, r] > m:
                            x += price * (_over(y + demands.each[v, r], m, u) - _over(y, m, u))
                    if demands.axons >= 0 and use.axons[p] + brought[p] > demands.axons:
                        y, u = use.axons[p], demands.unit[last]
                        x += price * (_over(y + brought[p], demands.axons, u) - _over(y, demands.axons, u))
                    if kind >= 0:
                        for other in range(demands.clash.shape[0]):
                            if demands.clash[kind, other] and use.kinds[p, other] > 0:
                                x = np.inf
                cost[p] = x
                low = min(low, x)
            total = 0.0
            for p in range(count):
                x = (cost[p] - low) / heat
                if x < 14.0:
                    total += boltzmann(x)
            mark = draw(state) * total
            b = a
            for p in range(count):
                x = (cost[p] - low) / heat
                if x < 14.0:
                    b = p
                    mark -= boltzmann(x)
                    if mark < 0.0:
                        break
            if b == a:
                continue
            before = _outs(use, demands)
            work += _carry(graph, part, at, nets, axat, same, demands, use, v, b)
            if demands.outs >= 0:
                worse = price * (_outs(use, demands) - before)
                if worse > 14.0 * heat or (worse > 0.0 and draw(state) >= boltzmann(worse / heat)):
                    work += _carry(graph, part, at, nets, axat, same, demands, use, v, a)
    return price if excess(use, demands) == 0.0 else -1.0
