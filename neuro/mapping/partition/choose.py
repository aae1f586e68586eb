"""Cutting a network into parts by the rules of a placement: the limits that bind are found out first."""

from __future__ import annotations

import numpy as np

from neuro.mapping.constraints import Rules, not_found
from neuro.mapping.partition.anneal import Parts, SearchState, tables
from neuro.mapping.partition.anneal_limits import settle, use_of
from neuro.mapping.partition.feasible import Terms, additive, axon_limit, demands_of, fewest, first_fit, fits, within
from neuro.mapping.partition.grow import grow
from neuro.mapping.partition.hypergraph import Hypergraph, deliveries, hypergraph_of, merged
from neuro.mapping.partition.large import partition_streamed, too_large
from neuro.mapping.partition.multilevel import Effort, Problem, partition
from neuro.mapping.routes import routes_of
from neuro.mapping.traffic import incoming

__all__ = ["cut"]

SPARE = 1.15
"""Parts to begin with, for the parts that are needed at least: two half-empty ones are never better than one."""


def cut(rules: Rules, objective: str, effort: Effort, state: SearchState) -> Parts:
    """Part of each neuron, by number of `rules.cores`.

    Raises
    ------
    InfeasibleError
        If no partition within the limits was found.
    """
    terms = rules.terms
    if terms.vertices == 0:
        return np.zeros(0, np.int32)
    parts = min(rules.parts, _few(rules))
    if (
        objective != "cores"
        and terms.vertices == terms.traffic.neurons
        and too_large(terms.vertices, terms.traffic.pairs, parts)
    ):
        return _streamed(rules, parts, effort)
    effort = effort.scaled(len(terms.nets.pin), terms.vertices * parts)
    if objective == "cores":
        part = fewest(terms, rules.fixed, rules.parts, 3 * effort.trial, state)
    else:
        # Nobody should wait for a good partition to be told that there is none.
        if _bound(terms) and within(terms, rules.fixed, rules.parts, 3 * effort.trial, state) is None:
            raise not_found(rules)
        part = _cheapest(rules, parts, effort, state)
        if part is None and _few(rules) < rules.parts:
            part = _cheapest(rules, rules.parts, effort, state)
    if part is None:
        raise not_found(rules)
    return part[terms.into]


def _streamed(rules: Rules, parts: int, effort: Effort) -> Parts:
    """A partition of a network that is too large for tables."""
    terms = rules.terms
    room = np.full(parts, min(rules.widest, terms.traffic.neurons), np.int64)
    if terms.weight.max() > 1:
        room //= int(terms.weight.max())
    part = partition_streamed(terms.traffic, room, rules.fixed, effort.rounds)
    traffic = terms.traffic
    _, to, _ = routes_of(traffic.start, traffic.target, traffic.synapses, part.astype(np.int64), parts)
    axons, most = np.bincount(to, minlength=parts), axon_limit(terms.limits)
    over = any(np.any(np.bincount(part, each, parts) > limit) for _, each, limit in additive(terms))
    if over or (most >= 0 and axons.max(initial=0) > most) or len(terms.clash) or terms.limits.axons_out is not None:
        raise not_found(rules)
    return part


def _few(rules: Rules) -> int:
    return max(int(SPARE * rules.least) + 1, int(rules.fixed.max(initial=-1)) + 1)


def _cheapest(rules: Rules, parts: int, effort: Effort, state: SearchState) -> Parts | None:
    """The partition with the fewest deliveries that was found within all limits; None where none was."""
    terms, fixed = rules.terms, rules.fixed
    first = None
    if _bound(terms):
        first = within(terms, fixed, parts, 3 * effort.trial, state)
        if first is None:
            return None
    graph = _graph(terms)
    room = np.full(parts, min(rules.widest, int(graph.size.sum())), np.int64)
    order = np.arange(terms.vertices)
    loose = demands_of(terms, parts)._replace(axons=-1)
    full = first_fit(terms.nets, order, loose, fixed, parts)
    starts = [np.where(full < 0, parts - 1, full).astype(np.int32)]
    if np.any(fixed >= 0):
        starts.append(np.where(fixed >= 0, fixed, grow(graph, room, 0)).astype(np.int32))
    part = partition(Problem(graph, room, fixed >= 0), starts, effort, state)
    if part is not None and fits(terms, part, parts):
        return part
    found = [start for start in (part,) if start is not None]
    if first is None:
        first = within(terms, fixed, parts, 3 * effort.trial, state, found)
    return _limited(rules, graph, parts, first, found, effort, state)


def _bound(terms: Terms) -> bool:
    """Are there limits that exchanges do not know?"""
    limits = len(additive(terms)) > 1 or axon_limit(terms.limits) >= 0 or terms.limits.axons_out is not None
    return limits or len(terms.clash) > 0


def _limited(
    rules: Rules,
    graph: Hypergraph,
    parts: int,
    first: Parts | None,
    starts: list[Parts],
    effort: Effort,
    state: SearchState,
) -> Parts | None:
    """As `_cheapest`, where limits bind that exchanges do not know; `first` is within them."""
    terms, fixed = rules.terms, rules.fixed
    found = [] if first is None else [first]
    demands = demands_of(terms, parts)
    grain = float(graph.weight.mean()) if len(graph.weight) else 1.0
    for start in [*found, *(s for s in starts if not len(terms.clash))]:
        part = start.copy()
        axat = tables(terms.nets, part, parts)
        at, use = tables(graph, part, parts), use_of(terms.nets, part, axat, demands)
        settle(
            graph, part, at, terms.nets, axat, False, demands, use, fixed >= 0,
            3 * effort.trial, 0.3 * grain, 3.0, grain, False, state,
        )  # fmt: skip
        if fits(terms, part, parts):
            found.append(part)
    return min(found, key=lambda one: _cost(terms, one, parts)) if found else None


def _cost(terms: Terms, part: Parts, parts: int) -> float:
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
