"""Limits of cores: as numbers per vertex and part, first fits, and partitions within every limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuro.chip.cores import NO_LIMIT, Limits
from neuro.chip.route_kernels import count_routes
from neuro.jit import kernel
from neuro.mapping.partition.anneal_limits import Demands, Use, anneal_limits, excess, use_of
from neuro.mapping.partition.grow import grow
from neuro.mapping.partition.hypergraph import Hypergraph, merged
from neuro.mapping.partition.tables import Parts, tables_of
from neuro.mapping.random import RandomState
from neuro.mapping.traffic import Ids, Traffic, incoming
from neuro.validation import Ints

__all__ = [
    "Most",
    "Terms",
    "additive",
    "axon_limit",
    "binding_axons",
    "demands_of",
    "first_fit",
    "first_fit_size",
    "fits",
    "holds",
    "least_cores",
    "of_parts",
    "partition_into_fewest",
    "partition_within",
    "terms_of",
    "totals",
    "usage",
    "widest_fan_in",
]

Flags = NDArray[np.bool_]
Most = int | Ints
"""A limit of every part, or one for each part."""


@dataclass(frozen=True, eq=False)
class Terms:
    """The constraints of a partition, vertex by vertex; a vertex is a neuron, or neurons that stay together."""

    traffic: Traffic
    """The network."""
    limits: Limits
    """Limits of a core, if all are alike."""
    into: Ids
    """Vertex of each neuron, shape (neurons,)."""
    weight: Ints
    """Neurons of the chip that each neuron takes, shape (neurons,)."""
    label: Ints
    """Kind of each vertex, or -1, shape (vertices,)."""
    clash: Flags
    """Kinds that must not share a core, shape (kinds, kinds)."""
    nets: Hypergraph
    """Of each source neuron, the vertices of its targets."""
    source: Ints
    """Source neuron of each of these nets."""
    own: tuple[Limits, ...] = ()
    """Limits of the core that each part stands for, if cores differ."""

    @property
    def vertices(self) -> int:
        """Number of vertices."""
        return len(self.label)


def terms_of(
    traffic: Traffic, limits: Limits, into: Ids, weight: Ints, label: Ints, clash: Flags, own: Sequence[Limits] = ()
) -> Terms:
    """The terms of a network on a chip."""
    begin, net = traffic.incoming
    one = np.ones(traffic.neurons, np.int32)
    nets = Hypergraph(traffic.start, traffic.target, begin, net, one, one)
    source = np.arange(traffic.neurons)
    count = len(label)
    if count < traffic.neurons:
        start, pin = merged(nets.start, nets.pin, into, count)
        begin, net = incoming(start, pin, count)
        nets = Hypergraph(start, pin, begin, net, nets.weight, one[:count])
    nets = nets._replace(size=np.bincount(into, weight, count).astype(np.int32))
    return Terms(traffic, limits, into, weight, label, clash, nets, source, tuple(own))


def of_parts(most: Most, parts: int) -> Ints:
    """A limit of each of so many parts; parts beyond the cores of the chip are as large as its largest core."""
    if isinstance(most, int):
        return np.full(parts, most, np.int64)
    found = np.full(parts, most.max(initial=0), np.int64)
    found[: len(most)] = most[:parts]
    return found


def _smallest(terms: Terms, *names: str) -> Most | None:
    """The smallest of some limits, by their names; None where no part has any of them."""
    each = []
    for limits in terms.own or (terms.limits,):
        given = [getattr(limits, name) for name in names]
        each.append(min((most for most in given if most is not None), default=NO_LIMIT))
    if min(each) == NO_LIMIT:
        return None
    return np.array(each, np.int64) if terms.own else int(each[0])


def additive(terms: Terms) -> list[tuple[str, Ints, Most]]:
    """Limits on what adds up: name, need of each vertex, limit of a core."""
    traffic, count = terms.traffic, terms.vertices
    fan_in = np.bincount(terms.into, traffic.fan_in, count).astype(np.int64)
    neurons = np.bincount(terms.into, terms.weight, count).astype(np.int64)
    bits, memory = _synapse_memory(terms)
    given = [
        ("neurons", neurons, _smallest(terms, "neurons")),
        ("synapses", fan_in, _smallest(terms, "synapses")),
        ("synapse_bits", fan_in * bits, memory),
        ("columns", neurons, _smallest(terms, "columns")),
        *_too_wide(terms),
    ]
    return [(name, each, most) for name, each, most in given if most is not None]


def _synapse_memory(terms: Terms) -> tuple[int, Most | None]:
    """Bits that a synapse counts, and the limit of all synapses in such bits; None where there is none."""
    kinds = terms.own or (terms.limits,)
    bits = max((limits.weight_bits or 0 for limits in kinds if limits.synapse_bits is not None), default=0)
    if not bits:
        return 0, None
    each = [NO_LIMIT] * len(kinds)
    for k, limits in enumerate(kinds):
        if limits.synapse_bits is not None and limits.weight_bits:
            # Where weights have fewer bits than on other cores, what counts is how many synapses fit.
            same = limits.weight_bits == bits
            each[k] = limits.synapse_bits if same else limits.synapse_bits // limits.weight_bits * bits
    return bits, np.array(each, np.int64) if terms.own else each[0]


def _too_wide(terms: Terms) -> list[tuple[str, Ints, Most]]:
    """Where cores differ in the synapses that one neuron may have: no vertex with more on a core that allows fewer."""
    given = {limits.fan_in for limits in terms.own}
    if len(given) < 2:
        return []
    widest = widest_fan_in(terms)
    return [
        ("fan_in", (widest > limit).astype(np.int64),
         np.array([0 if own.fan_in is not None and own.fan_in <= limit else NO_LIMIT for own in terms.own], np.int64))
        for limit in sorted(each for each in given if each is not None)
    ]  # fmt: skip


def widest_fan_in(terms: Terms) -> Ints:
    """The most synapses onto one neuron of each vertex."""
    found = np.zeros(terms.vertices, np.int64)
    np.maximum.at(found, terms.into, terms.traffic.fan_in)
    return found


def axon_limit(terms: Terms) -> Most | None:
    """Most distinct source neurons of a core: its axons, or the rows of its crossbar; None where there is no limit."""
    return _smallest(terms, "axons_in", "rows")


def binding_axons(terms: Terms) -> Most | None:
    """As `axon_limit`, but None where no core could exceed it: the network has no more source neurons than that."""
    most = axon_limit(terms)
    sources = int(np.count_nonzero(np.diff(terms.nets.start)))
    return None if most is None or sources <= int(np.min(most)) else most


def demands_of(terms: Terms, parts: int) -> Demands:
    """The terms as the kernels take them, for so many parts."""
    rows = additive(terms)
    count = terms.vertices
    each = np.stack([np.zeros(count, np.int64), *(row[1] for row in rows)], axis=1)[:, 1:]
    most = np.array([of_parts(row[2], parts) for row in rows], np.int64).reshape(len(rows), parts)
    degree = float(np.diff(terms.nets.begin).mean()) if count else 1.0
    unit = np.array([*(max(float(row[1].mean()), 1.0) for row in rows), max(degree / 4.0, 1.0)])
    vertex = terms.into[terms.source].astype(np.int64)
    owner = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(vertex, minlength=count), out=owner[1:])
    sent = np.argsort(vertex, kind="stable").astype(np.uint32)
    axons, outs = (
        np.zeros(0, np.int64) if limit is None else of_parts(limit, parts)
        for limit in (binding_axons(terms), _smallest(terms, "axons_out"))
    )
    return Demands(np.ascontiguousarray(each), most, unit, axons, outs, terms.label, terms.clash, vertex, owner, sent)


def usage(terms: Terms, part: Parts, parts: int) -> tuple[Use, Demands]:
    """The use of resources by each part, and their limits."""
    demands = demands_of(terms, parts)
    return use_of(terms.nets, part, tables_of(terms.nets, part, parts, pins_only=True), demands), demands


def fits(terms: Terms, part: Parts, parts: int) -> bool:
    """Is every part within every limit, and without vertices that must keep apart?"""
    use, demands = usage(terms, part, parts)
    mixed = (use.kinds > 0).astype(np.int64)
    return excess(use, demands) == 0.0 and not np.any((mixed @ demands.clash) * mixed)


def holds(terms: Terms, part: Ints, parts: int, kinds: Sequence[Limits]) -> Flags:
    """Could cores with each of some limits hold what each part has? Shape (parts, kinds); `part` is by neuron."""
    of_kinds = replace(terms, own=tuple(kinds))
    first = np.zeros(terms.vertices, np.int64)
    first[terms.into[::-1]] = np.arange(terms.traffic.neurons)[::-1]
    traffic, found = terms.traffic, np.ones((parts, len(kinds)), np.bool_)
    for _, each, most in additive(of_kinds):
        found &= np.bincount(part[first], each, parts)[:, None] <= of_parts(most, len(kinds))
    start, reached, _ = count_routes(traffic.start, traffic.target, traffic.synapses, part.astype(np.int64), parts)
    own = part[np.repeat(np.arange(traffic.neurons), np.diff(start))]
    used = np.bincount(reached, minlength=parts), np.bincount(own[own != reached], minlength=parts)
    for count, limit in zip(used, (axon_limit(of_kinds), _smallest(of_kinds, "axons_out")), strict=True):
        if limit is not None:
            found &= count[:, None] <= of_parts(limit, len(kinds))
    return found


@kernel
def first_fit(nets: Hypergraph, order: Ints, demands: Demands, start: Parts, parts: int) -> Parts:
    """Fill parts one after the other in an order, beside the vertices that `start` places; -1 where there is no room.

    Limits on axons out are ignored.
    """
    part = start.copy()
    resources = demands.each.shape[1]
    held = np.full(len(nets.weight), -1, np.int64)
    load = np.zeros(resources, np.int64)
    p, axons, is_full = -1, np.int64(0), True
    kinds = np.zeros(len(demands.clash), np.int64)
    for v in order:
        if part[v] >= 0:
            continue
        while p < parts:
            if is_full:
                p += 1
                is_full = False
                if p == parts:
                    break
                load[:] = 0
                kinds[:] = 0
                axons = np.int64(0)
                for u in range(len(start)):
                    if start[u] == p:
                        axons += _take(nets, demands, u, p, held, load, kinds)
            new = np.int64(0)
            for k in range(nets.begin[v], nets.begin[v + 1]):
                new += held[nets.net[k]] != p
            fits_here = bool(demands.axons.size == 0 or axons + new <= demands.axons[p])
            for r in range(resources):
                fits_here = bool(fits_here and load[r] + demands.each[v, r] <= demands.most[r, p])
            if demands.label[v] >= 0:
                for other in range(len(kinds)):
                    fits_here = bool(fits_here and not (demands.clash[demands.label[v], other] and kinds[other] > 0))
            if fits_here:
                part[v] = p
                axons += _take(nets, demands, v, p, held, load, kinds)
                break
            is_full = True
        if p == parts:
            break
    return part


@kernel
def _take(nets: Hypergraph, demands: Demands, v: int, p: int, held: Ints, load: Ints, kinds: Ints) -> int:
    """Count vertex v among those of part p; returns the axons that it adds."""
    new = 0
    for k in range(nets.begin[v], nets.begin[v + 1]):
        if held[nets.net[k]] != p:
            held[nets.net[k]] = p
            new += 1
    for r in range(demands.each.shape[1]):
        load[r] += demands.each[v, r]
    if demands.label[v] >= 0:
        kinds[demands.label[v]] += 1
    return new


def grown(terms: Terms, parts: int) -> Parts:
    """Parts of one size, each grown by shared axons."""
    return grow(terms.nets, np.full(parts, -(-int(terms.nets.size.sum()) // parts), np.int64), 0)


def fill_orders(terms: Terms, start: Parts) -> list[Ints]:
    """Two orders in which to fill parts: that of the numbers, and that of a partition."""
    return [np.arange(terms.vertices), np.argsort(start, kind="stable")]


def partition_within(
    terms: Terms, fixed: Parts, parts: int, budget: int, random: RandomState, starts: Sequence[Parts] = ()
) -> Parts | None:
    """A partition into at most `parts` parts within every limit, or None where none was found.

    `fixed`: parts of the vertices that have to be in one, -1 for all others.
    """
    demands = demands_of(terms, parts)
    part = first_fit(terms.nets, np.arange(terms.vertices), demands, fixed, parts)
    if part.min(initial=0) >= 0 and fits(terms, part, parts):
        return part
    by_axons = grown(terms, parts)
    part = first_fit(terms.nets, np.argsort(by_axons, kind="stable"), demands, fixed, parts)
    if part.min(initial=0) >= 0 and fits(terms, part, parts):
        return part
    for start in [*starts, by_axons]:
        part = np.where(fixed >= 0, fixed, start).astype(np.int32)
        if len(terms.clash):
            part = _apart(terms, demands, part, fixed, parts)
        tables = tables_of(terms.nets, part, parts)
        use = use_of(terms.nets, part, tables, demands)
        hot = 0.02 * float(np.diff(terms.nets.begin).mean())
        anneal_limits(
            terms.nets, part, tables, terms.nets, tables, True, demands, use, fixed >= 0, budget, hot, 3.0, hot, True,
            random,
        )  # fmt: skip
        if fits(terms, part, parts):
            return part
    return None


def _apart(terms: Terms, demands: Demands, part: Parts, fixed: Parts, parts: int) -> Parts:
    """Give kinds that must keep apart parts of their own, in proportion; they may not fit yet."""
    loose = demands._replace(axons=np.zeros(0, np.int64))
    each = -(-demands.each.sum(axis=0) // parts) + demands.each.max(axis=0)
    loose = loose._replace(most=np.minimum(loose.most, each[:, None]))
    order = np.lexsort((part, terms.label))
    found = first_fit(terms.nets, order, loose, fixed, parts)
    if found.min(initial=0) < 0:
        found = first_fit(terms.nets, order, demands._replace(axons=loose.axons), fixed, parts)
    return np.where(found < 0, part, found).astype(np.int32)


def least_cores(terms: Terms) -> tuple[int, str]:
    """A number of cores below which nothing fits, and the limit that sets it."""
    bounds = [(_fewest(total, most), name) for name, total, most in totals(terms) if np.max(most, initial=0) > 0]
    return max(bounds, default=(1, "neurons"))


def totals(terms: Terms) -> list[tuple[str, int, Most]]:
    """What the whole network needs at least of each limit that adds up, and the limit of a core."""
    found = [(name, int(each.sum()), most) for name, each, most in additive(terms)]
    axons = axon_limit(terms)
    if axons is not None:
        found.append(("axons_in", int(np.count_nonzero(np.diff(terms.traffic.start))), axons))
    return found


def _fewest(total: int, most: Most) -> int:
    """How many cores hold so much together; one more than there are, where all of them do not."""
    if isinstance(most, int):
        return -(-total // most)
    room = np.cumsum(np.sort(np.minimum(most, total))[::-1])
    return int(np.searchsorted(room, total)) + 1 if total else 0


def partition_into_fewest(terms: Terms, fixed: Parts, most: int, budget: int, random: RandomState) -> Parts | None:
    """A partition within every limit into as few parts as could be found, at most `most`; None where there is none."""
    least = max(least_cores(terms)[0], int(fixed.max(initial=-1)) + 1, 1)
    best: Parts | None = None
    demands = demands_of(terms, most)
    for order in fill_orders(terms, grown(terms, least)):
        part = first_fit(terms.nets, order, demands, fixed, most)
        if part.min(initial=0) >= 0 and fits(terms, part, most) and (best is None or part.max() < best.max()):
            best = part
    if best is None:
        best = partition_within(terms, fixed, most, budget, random)
    if best is None:
        return None
    low, high = least, int(best.max()) + 1
    while low < high:
        middle = (low + high) // 2
        found = partition_within(terms, fixed, middle, budget, random)
        if found is None:
            low = middle + 1
        else:
            best, high = found, int(found.max()) + 1
    return best


def first_fit_size(terms: Terms, fixed: Parts) -> int:
    """Cores that filling one after the other takes, in the better of two orders."""
    parts = terms.vertices + int(fixed.max(initial=-1)) + 1
    demands = demands_of(terms, parts)
    start = grown(terms, max(least_cores(terms)[0], 1))
    found = [first_fit(terms.nets, order, demands, fixed, parts) for order in fill_orders(terms, start)]
    return min(int(part.max(initial=-1)) + 1 for part in found)
