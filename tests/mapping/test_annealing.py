"""A step of annealing is a draw from Boltzmann's distribution over the parts."""

from __future__ import annotations

import numpy as np
import pytest

from neuro.mapping.partition.anneal_exchanges import anneal_exchanges
from neuro.mapping.partition.anneal_moves import anneal_moves
from neuro.mapping.partition.hypergraph import Hypergraph, hypergraph_of
from neuro.mapping.partition.tables import tables_of
from neuro.mapping.random import state_of
from neuro.mapping.traffic import incoming, traffic_of
from tests.mapping.counting import drawn

DRAWS = 4000
PULLS = [5, 9, 2, 1]
"""Weight of a net to the fixed vertex of each part."""


@pytest.mark.parametrize("anneal", ["moves", "exchanges"])
@pytest.mark.parametrize("heat", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_step_draws_from_boltzmanns_distribution(anneal, heat, first):
    parts = len(PULLS)
    start, pin = np.arange(0, 2 * parts + 1, 2), np.stack([np.zeros(parts), np.arange(1, parts + 1)], 1).ravel()
    begin, net = incoming(start, pin.astype(np.uint32), parts + 1)
    graph = Hypergraph(
        start, pin.astype(np.uint32), begin, net, np.array(PULLS, np.int32), np.ones(parts + 1, np.int32)
    )
    fixed, room = np.arange(parts + 1) > 0, np.full(parts, 5)
    found = np.zeros(parts)
    for seed in range(DRAWS):
        part = np.array([first, *range(parts)], np.int32)
        tables = tables_of(graph, part, parts)
        if anneal == "moves":
            anneal_moves(graph, part, tables, room, fixed, 1, heat, 0.0, 0.0, state_of(1 + seed * 2**40))
        else:
            anneal_exchanges(graph, part, tables, room, fixed, 1, heat, 0.0, state_of(1 + seed * 2**40))
        found[part[0]] += 1
    share = np.exp(np.array(PULLS) / heat)
    share /= share.sum()
    assert np.all(np.abs(found / DRAWS - share) < 4.5 * np.sqrt(share * (1 - share) / DRAWS) + 1e-3)


@pytest.mark.parametrize("anneal", ["moves", "exchanges"])
@pytest.mark.parametrize(("budget", "least", "most"), [(1, 16, 128), (250_000, 150, 1300), (100_000_000, 1000, 2000)])
def test_annealing_ends_within_a_round_where_its_work_is_done(anneal, budget, least, most):
    """So hot that nearly every vertex that is visited moves, of 64 at least; an exchange moves two."""
    net, spikes = drawn(5, (600, 1400), fan=20.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    start = np.arange(len(graph.size), dtype=np.int32) % 8
    part, fixed, room = start.copy(), np.zeros(len(start), bool), np.full(8, 260)
    tables = tables_of(graph, part, 8)
    if anneal == "moves":
        anneal_moves(graph, part, tables, room, fixed, budget, 1e6, 0.0, 0.0, state_of(3))
    else:
        anneal_exchanges(graph, part, tables, room, fixed, budget, 1e6, 0.0, state_of(3))
    assert least < np.count_nonzero(part != start) <= most
