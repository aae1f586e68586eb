"""The choice of the method that cuts a network into parts: by the rules, the limits that bind, and the size."""

from __future__ import annotations

import numpy as np

from neuro.chip.route_kernels import count_routes
from neuro.mapping.constraints import Rules, no_partition_found
from neuro.mapping.partition.anneal_limits import anneal_limits, use_of
from neuro.mapping.partition.feasible import (
    Terms,
    additive,
    axon_limit,
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

__all__ = ["cut_network"]

SPARE = 1.15
"""Parts to begin with, per part that is needed at least: two half-empty parts are never better than one."""


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
    effort = effort.scaled(len(terms.nets.pin), terms.vertices * parts)
    if objective == "cores":
        part = partition_into_fewest(terms, rules.fixed, rules.parts, 3 * effort.trial, random)
    else:
        # A refusal must not wait for a good partition.
        if (
            _has_other_limits(terms)
            and partition_within(terms, rules.fixed, rules.parts, 3 * effort.trial, random) is None
        ):
            raise no_partition_found(rules)
        part = _cheapest(rules, parts, effort, random)
        if part is None and _first_parts(rules) < rules.parts:
            part = _cheapest(rules, rules.parts, effort, random)
    if part is None:
        raise no_partition_found(rules)
    return part[terms.into]


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


def _cheapest(rules: Rules, parts: int, effort: Effort, random: RandomState) -> Parts | None:
    """The partition within all limits with the fewest deliveries; None where none was found."""
    terms, fixed = rules.terms, rules.fixed
    first = None
    if _has_other_limits(terms):
        first = partition_within(terms, fixed, parts, 3 * effort.trial, random)
        if first is None:
            return None
    graph = _graph(terms)
    room = np.minimum(rules.room(parts), int(graph.size.sum()))
    order = np.arange(terms.vertices)
    loose = demands_of(terms, parts)._replace(axons=np.zeros(0, np.int64))
    filled = first_fit(terms.nets, order, loose, fixed, parts)
    starts = [np.where(filled < 0, parts - 1, filled).astype(np.int32)]
    if np.any(fixed >= 0):
        starts.append(np.where(fixed >= 0, fixed, grow(graph, room, 0)).astype(np.int32))
    part = partition(Problem(graph, room, fixed >= 0), starts, effort, random)
    if part is not None and fits(terms, part, parts):
        return part
    found = [start for start in (part,) if start is not None]
    if first is None:
        first = partition_within(terms, fixed, parts, 3 * effort.trial, random, found)
    return _limited(rules, graph, parts, first, found, effort, random)


def _has_other_limits(terms: Terms) -> bool:
    """Are there limits that `anneal_exchanges` does not know?"""
    limits = len(additive(terms)) > 1 or axon_limit(terms) is not None or _limits_axons_out(terms)
    return limits or len(terms.clash) > 0


def _limits_axons_out(terms: Terms) -> bool:
    """Are axons out of a core limited?"""
    return any(limits.axons_out is not None for limits in (terms.limits, *terms.own))


def _limited(
    rules: Rules,
    graph: Hypergraph,
    parts: int,
    first: Parts | None,
    starts: list[Parts],
    effort: Effort,
    random: RandomState,
) -> Parts | None:
    """As `_cheapest`, where limits bind that `anneal_exchanges` does not know; `first` is within them."""
    terms, fixed = rules.terms, rules.fixed
    found = [] if first is None else [first]
    demands = demands_of(terms, parts)
    mean_weight = float(graph.weight.mean()) if len(graph.weight) else 1.0
    for start in [*found, *(starts if not len(terms.clash) else [])]:
        part = start.copy()
        axon_tables = tables_of(terms.nets, part, parts)
        tables, use = tables_of(graph, part, parts), use_of(terms.nets, part, axon_tables, demands)
        anneal_limits(
            graph, part, tables, terms.nets, axon_tables, False, demands, use, fixed >= 0,
            3 * effort.trial, 0.3 * mean_weight, 3.0, mean_weight, False, random,
        )  # fmt: skip
        if fits(terms, part, parts):
            found.append(part)
    return min(found, key=lambda part: _cost(terms, part, parts)) if found else None


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
