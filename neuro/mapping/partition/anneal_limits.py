"""Annealing of partitions with every limit of a core at once: excess over a limit has a price that rises."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, inner, kernel
from neuro.mapping.partition.heat_bath import boltzmann
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.partition.tables import Parts, Tables, move
from neuro.mapping.random import RandomState, next_uniform
from neuro.mapping.traffic import Ids
from neuro.validation import Ints

__all__ = ["Demands", "Use", "anneal_limits", "excess", "use_of"]


class Demands(NamedTuple):
    """Needs of vertices and limits of parts."""

    each: Ints
    """Need of each vertex for each resource that adds up, shape (vertices, resources)."""
    most: Ints
    """Limit of each part for each of these resources, shape (resources, parts)."""
    unit: NDArray[np.float64]
    """The excess of each resource that counts as 1; axons come last; shape (resources + 1,)."""
    axons: Ints
    """Most source neurons with a target in each part, shape (parts,); empty: any number."""
    outs: Ints
    """Most pairs of a source neuron in a part and another part with a target, shape (parts,); empty: any number."""
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
    """Use of resources by parts."""

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
def use_of(nets: Hypergraph, part: Parts, axon_tables: Tables, demands: Demands) -> Use:
    """Count the use of resources by parts."""
    count = axon_tables.pins.shape[1]
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
            if axon_tables.pins[e, p] > 0:
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
        if demands.axons.size > 0:
            total += max(use.axons[p] - demands.axons[p], 0) / demands.unit[last]
        if demands.outs.size > 0:
            total += max(use.outs[p] - demands.outs[p], 0) / demands.unit[last]
    return total


@inlined
def _penalty(used: int, most: int, unit: float) -> float:
    """The square of the excess over a limit, in units."""
    x = float(max(used - most, 0)) / unit
    return x * x


@inner
def _carry(
    graph: Hypergraph,
    part: Parts,
    tables: Tables,
    nets: Hypergraph,
    axon_tables: Tables,
    axons_only: bool,
    demands: Demands,
    use: Use,
    v: int,
    b: int,
) -> int:
    """Move vertex v to part b and update all tables; returns the work done.

    Of `axon_tables` only the pins are kept where axons into a part are neither the cost nor limited.
    """
    a = part[v]
    for r in range(demands.each.shape[1]):
        use.load[r, a] -= demands.each[v, r]
        use.load[r, b] += demands.each[v, r]
    kind = demands.label[v]
    if kind >= 0:
        use.kinds[a, kind] -= 1
        use.kinds[b, kind] += 1
    work, counts_axons = 0, axons_only or demands.axons.size > 0
    if demands.axons.size > 0 or demands.outs.size > 0:
        work += int(4 * (nets.begin[v + 1] - nets.begin[v]))
        for k in range(nets.begin[v], nets.begin[v + 1]):
            e = nets.net[k]
            own = part[demands.source[e]]
            if axon_tables.pins[e, a] == 1:
                use.axons[a] -= 1
                use.reached[e] -= 1
                use.outs[own] -= a != own
            if axon_tables.pins[e, b] == 0:
                use.axons[b] += 1
                use.reached[e] += 1
                use.outs[own] += b != own
            if not counts_axons:
                axon_tables.pins[e, a] -= 1
                axon_tables.pins[e, b] += 1
    if not axons_only:
        work += move(graph, part, tables, v, b)
        part[v] = a
    if counts_axons:
        work += move(nets, part, axon_tables, v, b)
    part[v] = b
    if demands.outs.size > 0:
        for k in range(demands.owner[v], demands.owner[v + 1]):
            e = demands.sent[k]
            use.outs[a] -= use.reached[e] - (axon_tables.pins[e, a] > 0)
            use.outs[b] += use.reached[e] - (axon_tables.pins[e, b] > 0)
    return work


@inner
def _outs_penalty(use: Use, demands: Demands) -> float:
    """The penalty of all axons out beyond their limit."""
    total = 0.0
    if demands.outs.size > 0:
        for p in range(len(use.outs)):
            total += _penalty(use.outs[p], demands.outs[p], demands.unit[len(demands.unit) - 1])
    return total


@inner
def _own_outs(axon_tables: Tables, demands: Demands, use: Use, v: int, a: int) -> int:
    """Axons out of part a that belong to vertex v."""
    total = np.int64(0)
    for k in range(demands.owner[v], demands.owner[v + 1]):
        e = demands.sent[k]
        total += use.reached[e] - (axon_tables.pins[e, a] > 0)
    return int(total)


@inlined
def _entry_excess(demands: Demands, use: Use, v: int, p: int, new_axons: int, price: float, cost: float) -> float:
    """A cost with that of the excess that vertex v brings to part p; infinite where it must keep apart from others."""
    for r in range(demands.each.shape[1]):
        y, u = use.load[r, p], demands.unit[r]
        most = demands.most[r, p]
        if y + demands.each[v, r] > most:
            cost += price * (_penalty(y + demands.each[v, r], most, u) - _penalty(y, most, u))
    if demands.axons.size > 0 and use.axons[p] + new_axons > demands.axons[p]:
        y, u = use.axons[p], demands.unit[len(demands.unit) - 1]
        limit = demands.axons[p]
        cost += price * (_penalty(y + new_axons, limit, u) - _penalty(y, limit, u))
    kind = demands.label[v]
    if kind >= 0:
        for other in range(demands.clash.shape[0]):
            if demands.clash[kind, other] and use.kinds[p, other] > 0:
                cost = np.inf
    return cost


@inlined
def _choose(cost: NDArray[np.float64], low: float, heat: float, a: int, random: RandomState) -> int:
    """A part by Boltzmann's distribution of costs, of which `low` is the lowest; a is the part of the vertex."""
    total = 0.0
    for p in range(len(cost)):
        x = (cost[p] - low) / heat
        if x < 14.0:
            total += boltzmann(x)
    rest = next_uniform(random) * total
    b = a
    for p in range(len(cost)):
        x = (cost[p] - low) / heat
        if x < 14.0:
            b = p
            rest -= boltzmann(x)
            if rest < 0.0:
                break
    return b


@kernel
def anneal_limits(
    graph: Hypergraph,
    part: Parts,
    tables: Tables,
    nets: Hypergraph,
    axon_tables: Tables,
    axons_only: bool,
    demands: Demands,
    use: Use,
    fixed: NDArray[np.bool_],
    budget: int,
    hot: float,
    fall: float,
    price: float,
    until: bool,
    random: RandomState,
) -> float:
    """Visit the vertices in turn until `budget` entries are touched, or with `until` until all is within limits.

    With `axons_only` the cost is the sum of axons, whose tables are `axon_tables`. The square of each excess is priced;
    the price rises while there is any. Returns the last price, or a number below zero where something is in excess.
    """
    n, count = len(part), len(use.axons)
    cost = np.zeros(count)
    last = len(demands.unit) - 1
    work = 0
    heat = hot
    while work < budget and random[1] == 0:
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
            # The gain of leaving part a. As a function of its own it made every visit half as dear again.
            gain = float(axon_tables.alone[v] if axons_only else tables.alone[v])
            for r in range(demands.each.shape[1]):
                x, u = use.load[r, a], demands.unit[r]
                m = demands.most[r, a]
                gain += price * (_penalty(x, m, u) - _penalty(x - demands.each[v, r], m, u))
            if demands.axons.size > 0:
                x, u = use.axons[a], demands.unit[last]
                m = demands.axons[a]
                gain += price * (_penalty(x, m, u) - _penalty(x - axon_tables.alone[v], m, u))
            if demands.outs.size > 0 and use.outs[a] > demands.outs[a]:
                x, u = use.outs[a], demands.unit[last]
                m = demands.outs[a]
                gain += price * (_penalty(x, m, u) - _penalty(x - _own_outs(axon_tables, demands, use, v, a), m, u))
            row = axon_tables.missing[v] if axons_only else tables.missing[v]
            low = 0.0
            for p in range(count):
                cost[p] = 0.0
                if p != a:
                    x = float(row[p]) - gain
                    if x < low + 14.0 * heat:
                        x = _entry_excess(demands, use, v, p, axon_tables.missing[v, p], price, x)
                    cost[p] = x
                    low = min(low, x)
            b = _choose(cost, low, heat, a, random)
            if b == a:
                continue
            before = _outs_penalty(use, demands)
            work += _carry(graph, part, tables, nets, axon_tables, axons_only, demands, use, v, b)
            if demands.outs.size > 0:
                worse = price * (_outs_penalty(use, demands) - before)
                if worse > 14.0 * heat or (worse > 0.0 and next_uniform(random) >= boltzmann(worse / heat)):
                    work += _carry(graph, part, tables, nets, axon_tables, axons_only, demands, use, v, a)
    return price if excess(use, demands) == 0.0 else -1.0
