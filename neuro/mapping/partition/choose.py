"""The choice of the method that cuts a network into parts: by the rules, the limits that bind, and the size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuro.chip.route_kernels import count_routes
from neuro.mapping.constraints import Rules, no_partition_found
from neuro.mapping.partition.anneal_limits import anneal_limits, use_of
from neuro.mapping.partition.feasible import (
    Terms,
    additive,
    axon_limit,
    binding_axons,
    demands_of,
    first_fit,
    fits,
    of_parts,
    partition_into_fewest,
    partition_within,
)
from neuro.mapping.partition.grow import grow
from neuro.mapping.partition.hypergraph import Hypergraph, deliveries, hypergraph_of, merged
from neuro.mapping.partition.large import partition_large, too_large
from neuro.mapping.partition.levels import Problem
from neuro.mapping.partition.multilevel import Effort, partition
from neuro.mapping.partition.tables import Parts, tables_of
from neuro.mapping.random import RandomState
from neuro.mapping.traffic import incoming
from neuro.mapping.watch import is_halted
from neuro.validation import Ints

__all__ = ["cut_network"]

SPARE = 1.15
"""Parts to begin with, per part that is needed at least: two half-empty parts are never better than one."""


EVEN = 1.1
"""Neurons of a part, for each that it has in the mean of a partition within the limits, where parts are kept alike."""
ROUGH = 2
"""Rough partitions that are made until one keeps to the limits."""
HEATS = 0.3, 0.03
"""First temperatures within limits, in mean weights of a net: a good start needs little to keep to them."""
COOLING, LAST_HEAT = 3.0, 0.05
"""Fall of the logarithm of the temperature within limits, and the last temperature as a share of the first."""


def cut_network(rules: Rules, objective: str, effort: Effort, random: RandomState) -> Parts:
    """Part of each neuron, by number of `rules.cores`.

    Raises
    ------
    InfeasibleError
        If no partition within the limits was found.
    """
    terms = rules.terms
    if terms.vertices == 0:
        return np.zeros(0, np.int32)
    parts = min(rules.parts, _first_parts(rules))
    if (
        objective != "cores"
        and terms.vertices == terms.traffic.neurons
        and too_large(terms.vertices, terms.traffic.pairs, parts)
    ):
        return _large(rules, parts, effort)
    part = None
    for each in [effort] if effort.before is None or objective == "cores" else [effort.before, effort]:
        if part is not None and is_halted():
            break
        part = _cut(rules, objective, parts, each.scaled(len(terms.nets.pin), terms.vertices * parts), random, part)
    if part is None:
        raise no_partition_found(rules)
    return part[terms.into]


def _cut(
    rules: Rules, objective: str, parts: int, effort: Effort, random: RandomState, aside: Parts | None
) -> Parts | None:
    """Part of each vertex, no dearer than `aside`, which was found before; None where no partition was found."""
    terms = rules.terms
    if objective == "cores":
        return partition_into_fewest(terms, rules.fixed, rules.parts, 3 * effort.trial, random)
    parts = parts if aside is None else max(parts, int(aside.max()) + 1)
    cheapest = _cheapest_within_limits if _has_other_limits(terms) else _cheapest
    part = cheapest(rules, parts, effort, random, aside)
    if part is None and cheapest is _cheapest and _first_parts(rules) < rules.parts:
        part = _cheapest(rules, rules.parts, effort, random, aside)
    return part


def _large(rules: Rules, parts: int, effort: Effort) -> Parts:
    """A partition of a network that is too large for tables, or a refusal."""
    terms = rules.terms
    room = np.minimum(rules.room(parts), terms.traffic.neurons)
    if terms.weight.max() > 1:
        room //= int(terms.weight.max())
    part = partition_large(terms.traffic, room, rules.fixed, effort.rounds)
    traffic = terms.traffic
    _, reached, _ = count_routes(traffic.start, traffic.target, traffic.synapses, part.astype(np.int64), parts)
    used = [(np.bincount(part, each, parts), most) for _, each, most in additive(terms)]
    axons, known = axon_limit(terms), len(terms.clash) == 0 and not _limits_axons_out(terms)
    if axons is not None:
        used.append((np.bincount(reached, minlength=parts), axons))
    if not known or any(np.any(count > of_parts(most, parts)) for count, most in used):
        raise no_partition_found(rules)
    return part


def _first_parts(rules: Rules) -> int:
    """Parts to begin with."""
    return max(int(SPARE * rules.least) + 1, int(rules.fixed.max(initial=-1)) + 1)


def _cheapest(rules: Rules, parts: int, effort: Effort, random: RandomState, aside: Parts | None) -> Parts | None:
    """The partition with the fewest deliveries where only neurons are limited; None where none was found."""
    part = _by_neurons(rules, _graph(rules.terms), rules.room(parts), effort, random, aside=aside)
    return part if part is not None and fits(rules.terms, part, parts) else None


def _by_neurons(
    rules: Rules, graph: Hypergraph, room: Ints, effort: Effort, random: RandomState, starts: Sequence[Parts] = (),
    aside: Parts | None = None,
) -> Parts | None:  # fmt: skip
    """A partition with few deliveries and at most `room` neurons in each part, whatever the other limits."""
    terms, fixed, parts = rules.terms, rules.fixed, len(room)
    room = np.minimum(room, int(graph.size.sum()))
    order = np.arange(terms.vertices)
    loose = demands_of(terms, parts)._replace(axons=np.zeros(0, np.int64))
    neurons = np.bincount(terms.into, terms.weight, terms.vertices).astype(np.int64)
    loose = loose._replace(
        each=np.column_stack([loose.each, neurons]), most=np.vstack([loose.most, np.asarray(room, np.int64)])
    )
    filled = first_fit(terms.nets, order, loose, fixed, parts)
    first = np.where(filled < 0, parts - 1, filled).astype(np.int32)
    begun = [first, *starts]
    if np.any(fixed >= 0):
        begun.append(np.where(fixed >= 0, fixed, grow(graph, room, 0)).astype(np.int32))
    return partition(Problem(graph, room, fixed >= 0), begun, effort, random, aside)


def _cheapest_within_limits(
    rules: Rules, parts: int, effort: Effort, random: RandomState, aside: Parts | None
) -> Parts | None:
    """The cheapest partition found where limits bind that `anneal_exchanges` does not know; None where none was found.

    First comes a partition within all limits, so that a refusal does not wait for a good one. Then rough partitions
    tell whether the limits matter: where one keeps to them, the effort goes to a search that ignores them; elsewhere
    it goes to `anneal_limits`, from that partition and from one of parts of nearly equal size.
    """
    terms, fixed, budget = rules.terms, rules.fixed, 3 * effort.trial
    first = partition_within(terms, fixed, parts, budget, random)
    if first is None and parts < rules.parts:
        first = partition_within(terms, fixed, rules.parts, budget, random)
        parts = rules.parts if first is None else int(first.max()) + 1
    if first is None:
        return None
    graph = _graph(terms)
    rough = replace(
        effort, coarse=min(effort.coarse, 2 * effort.rough), descents=1, trial=effort.rough, ways=effort.ways[:1],
        cool=(), halvings=0, final=0, evolution=min(effort.evolution, 2 * effort.rough) if effort.descents > 1 else 0,
    )  # fmt: skip
    room, used, neurons = rules.room(parts), len(np.unique(first)), int(graph.size.sum())
    for _ in range(ROUGH):
        part = _by_neurons(rules, graph, room, rough, random)
        if part is None or fits(terms, part, parts):
            break
    known = [first] if aside is None else [first, aside]
    starts = known.copy()
    if part is not None and fits(terms, part, parts):
        rest = replace(effort, descents=effort.descents - 1, halvings=1)
        whole = _by_neurons(rules, graph, room, rest, random, [part])
        if whole is not None and fits(terms, whole, parts):
            return whole if aside is None else min(whole, aside, key=lambda part: _cost(terms, part, parts))
        starts += [part] if whole is None else [part, whole]
    else:
        if part is not None and len(np.unique(part)) >= rules.least:
            starts.append(part)
        even = np.minimum(room, int(EVEN * neurons / used) + 1)
        if np.any(even < room) and even.sum() >= neurons:
            part = _by_neurons(rules, graph, even, rough, random)
            starts += [] if part is None else [part]
    return _limited(rules, graph, parts, first, starts if not len(terms.clash) else known, effort, random)


def _has_other_limits(terms: Terms) -> bool:
    """Are there limits that `anneal_exchanges` does not know?"""
    limits = len(additive(terms)) > 1 or binding_axons(terms) is not None or _limits_axons_out(terms)
    return limits or len(terms.clash) > 0


def _limits_axons_out(terms: Terms) -> bool:
    """Are axons out of a core limited?"""
    return any(limits.axons_out is not None for limits in (terms.limits, *terms.own))


def _limited(
    rules: Rules,
    graph: Hypergraph,
    parts: int,
    first: Parts,
    starts: list[Parts],
    effort: Effort,
    random: RandomState,
) -> Parts:
    """The cheapest partition found by `anneal_limits`; `first` is within the limits.

    Each start is annealed briefly, and what came of the best one is annealed longer.
    """
    terms = rules.terms
    demands = demands_of(terms, parts)
    found = [first, *(start for start in starts if fits(terms, start, parts))]
    unit = float(graph.weight.mean()) if len(graph.weight) else 1.0

    def annealed(start: Parts, hot: float, budget: int) -> Parts:
        part, heat = start.copy(), hot * unit
        axon_tables = tables_of(terms.nets, part, parts)
        tables, use = tables_of(graph, part, parts), use_of(terms.nets, part, axon_tables, demands)
        # What is still in excess at the end moves on at the last temperature.
        for first, fall, most, until in ((heat, COOLING, budget, False), (heat * LAST_HEAT, 0.0, budget // 4, True)):
            anneal_limits(
                graph, part, tables, terms.nets, axon_tables, False, demands, use, rules.fixed >= 0, most, first, fall,
                unit, until, random,
            )  # fmt: skip
        if fits(terms, part, parts):
            found.append(part)
        return part

    tried = [(start, hot, annealed(start, hot, 2 * effort.rough)) for start in starts for hot in HEATS]
    within = [each for each in tried if fits(terms, each[2], parts)]
    if within:
        start, hot, _ = min(within, key=lambda each: _cost(terms, each[2], parts))
        annealed(start, hot, effort.final // 2)
    return min(found, key=lambda part: _cost(terms, part, parts))


def _cost(terms: Terms, part: Parts, parts: int) -> float:
    """Deliveries to other parts."""
    traffic = terms.traffic
    each = np.ascontiguousarray(part[terms.into])
    return float(deliveries(traffic.start, traffic.target, each, traffic.spikes, parts))


def _graph(terms: Terms) -> Hypergraph:
    """The spike-weighted nets of the vertices."""
    graph, _ = hypergraph_of(terms.traffic)
    if terms.vertices < terms.traffic.neurons:
        start, pin = merged(graph.start, graph.pin, terms.into, terms.vertices)
        begin, net = incoming(start, pin, terms.vertices)
        graph = Hypergraph(start, pin, begin, net, graph.weight, graph.size)
    size = np.bincount(terms.into, terms.weight, terms.vertices).astype(np.int32)
    return graph._replace(size=size)
