"""More effort never finds less: what a smaller one found is known to the larger one that follows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import neuro as nr
from neuro.mapping.constraints import rules_of
from neuro.mapping.partition import multilevel
from neuro.mapping.partition.choose import cut_network
from neuro.mapping.partition.evolve import Member
from neuro.mapping.partition.feasible import fits
from neuro.mapping.partition.hypergraph import deliveries, hypergraph_of
from neuro.mapping.partition.levels import Problem, cost_of
from neuro.mapping.partition.multilevel import BALANCED, BEST, EFFORTS, partition
from neuro.mapping.partition.tables import tables_of
from neuro.mapping.traffic import traffic_of
from tests.mapping.counting import drawn

GOOD = replace(
    BALANCED, coarse=2_000_000, descents=1, trial=2_000_000, final=4_000_000, rough=1_000_000, halvings=1,
    evolution=10_000_000,
)  # fmt: skip
POOR = replace(
    GOOD, before=GOOD, coarse=0, trial=2_000, final=0, rough=2_000, ways=(("move", 5.0),), cool=(), halvings=0,
    evolution=0,
)  # fmt: skip
RULES = [
    (nr.mesh_chip(4, 2, neurons=12), {}),
    (nr.mesh_chip(4, 3, neurons=12, synapses=60), {}),
    (nr.mesh_chip(4, 3, neurons=12), {"apart": [("p0", "p1")]}),
    (nr.mesh_chip(4, 2, neurons=12), {"pinned": {"p0": 1}}),
]


def cut(seed, chip, given, effort):
    """The deliveries of a partition, which fits."""
    net, spikes = drawn(seed, (12, 40, 33), fan=4.0)
    known = traffic_of(net, spikes)
    given = {"pinned": {}, "apart": (), **given}
    rules = rules_of(net, chip, known, None, given["pinned"], (), (), given["apart"])
    part = cut_network(rules, "km1", effort, np.array([seed + 1, 0], np.uint64))
    assert part.max() < rules.parts
    assert rules.terms.vertices < len(part) or fits(rules.terms, part, rules.parts)
    return deliveries(known.start, known.target, part.astype(np.int32), known.spikes, rules.parts)


@pytest.mark.parametrize(("chip", "given"), RULES)
def test_a_search_that_follows_a_better_one_returns_no_less(chip, given):
    good = [cut(seed, chip, given, GOOD) for seed in range(6)]
    assert all(cut(seed, chip, given, POOR) <= cost for seed, cost in enumerate(good))
    assert any(cut(seed, chip, given, replace(POOR, before=None)) > cost for seed, cost in enumerate(good))


def test_best_begins_with_balanced():
    assert EFFORTS["best"].before == EFFORTS["balanced"]
    assert EFFORTS["balanced"].before is EFFORTS["fast"].before is None


def test_more_starts_from_coarse_to_fine_only_where_the_first_is_near_the_others(monkeypatch):
    made = []
    real = multilevel.coarse_to_fine
    monkeypatch.setattr(multilevel, "coarse_to_fine", lambda *given: made.append(1) or real(*given))
    effort = replace(GOOD, descents=4, trial=20_000, ways=(("exchange", 0.01),), cool=(), evolution=0, final=0)
    for share, wanted in ((0.0, 1), (1e9, 4)):
        monkeypatch.setattr(multilevel, "FAR", share)
        made.clear()
        cut(3, RULES[0][0], {}, effort)
        assert len(made) == wanted


def test_trials_end_where_the_bound_is_reached(monkeypatch):
    net = nr.Network()
    cells = net.add(nr.Population("cells", 24, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cells, cells, nr.AllToAll(1.0), delay=1e-3)
    graph, _ = hypergraph_of(traffic_of(net, {"cells": np.arange(1, 25)}))
    start = np.repeat(np.arange(3, dtype=np.int32), 8)
    problem = Problem(graph, np.full(3, 8, np.int64), np.zeros(24, bool))
    monkeypatch.setattr(multilevel, "annealed", None)
    monkeypatch.setattr(multilevel, "coarse_to_fine", None)
    found = partition(problem, [start], replace(BALANCED, halvings=0), np.array([7, 0], np.uint64))
    assert np.array_equal(found, start)


def test_groups_evolve_apart_within_the_work_and_the_best_of_each_are_kept():
    net, spikes = drawn(8, (120, 130), fan=4.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    problem = Problem(graph, np.full(5, 52, np.int64), np.zeros(250, bool))
    part = (np.arange(250) % 5).astype(np.int32)
    begun = [Member(cost_of(graph, tables_of(graph, part, 5)), part)]
    for islands, most in ((1, 1), (3, 6)):
        effort = replace(GOOD, islands=islands, trial=1_000_000, evolution=10**9)
        kept, rest = multilevel._evolved_apart(
            problem, begun, 10**9, effort, (200_000_000, 10**9), np.array([5, 0], np.uint64)
        )
        assert (kept is begun and rest == 200_000_000) == (islands == 1)
        assert 1 <= len(kept) <= most
        assert rest > 40_000_000
        for member in kept:
            assert member.cost == cost_of(graph, tables_of(graph, member.part, 5))
            assert np.bincount(member.part, minlength=5).max() <= 52
    assert min(member.cost for member in kept) < begun[0].cost


def test_evolution_gets_a_third_of_the_annealing_that_a_small_problem_does_not_need():
    small, large = BEST.scaled(1000, 1000), BEST.scaled(10**6, 10**5)
    assert large.final == BEST.final
    assert large.evolution == BEST.evolution
    middle = BEST.scaled(200_000, 100_000)
    assert middle.evolution - BEST.evolution == (BEST.final - middle.final) // 3 > 0
    assert small.evolution == multilevel.MOST_VARIED * 2000
