"""Partitions: tables kept move by move equal those made anew, and small ones are as good as can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.mapping.partition.anneal_exchanges import anneal_exchanges
from neuro.mapping.partition.anneal_limits import anneal_limits, use_of
from neuro.mapping.partition.anneal_moves import anneal_moves
from neuro.mapping.partition.bisection.bisect import bisected, recut, restricted
from neuro.mapping.partition.bisection.two_sides import cut_of, grow_side, improve_sides
from neuro.mapping.partition.coarsen import cluster
from neuro.mapping.partition.evolve import Member, evolve
from neuro.mapping.partition.feasible import demands_of, terms_of
from neuro.mapping.partition.grow import grow
from neuro.mapping.partition.hypergraph import contract, deliveries, hypergraph_of
from neuro.mapping.partition.large import partition_large
from neuro.mapping.partition.levels import Problem, cost_of
from neuro.mapping.partition.tables import repair, tables_of
from neuro.mapping.partition.withdraw import withdraw
from neuro.mapping.traffic import traffic_of
from tests.mapping.counting import drawn, pairs, recount


def same_tables(graph, part, at):
    """Are the tables those that the partition has when they are made anew, and `least` no more than the least?"""
    new = tables_of(graph, part, at.pins.shape[1])
    away = np.arange(new.missing.shape[1]) != part[:, None]
    assert np.all(at.least <= np.where(away, new.missing, 2**31 - 1).min(axis=1))
    return all(np.array_equal(one, other) for one, other in zip(new, at._replace(least=new.least), strict=True))


def start_of(n, parts, seed):
    """Any partition."""
    return np.random.default_rng(seed).integers(0, parts, n).astype(np.int32)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), parts=st.integers(2, 6), way=st.sampled_from([anneal_moves, anneal_exchanges]))
def test_tables_kept_move_by_move_equal_those_made_anew(seed, parts, way):
    net, spikes = drawn(seed, (11, 8), fan=4.0)
    traffic = traffic_of(net, spikes)
    graph, _ = hypergraph_of(traffic)
    room = np.full(parts, -(-19 // parts), np.int64)
    part, fixed = start_of(19, parts, seed), np.zeros(19, bool)
    at = tables_of(graph, part, parts)
    repair(graph, part, at, room, fixed)
    assert at.load.max() <= room[0]
    random = np.array([seed + 1, 0], np.uint64)
    extra = (0.5,) if way is anneal_moves else ()
    assert way(graph, part, at, room, fixed, 20_000, 5.0, 3.0, *extra, random) >= 0
    assert same_tables(graph, part, at)
    assert cost_of(graph, at) == deliveries(traffic.start, traffic.target, part, traffic.spikes, parts)
    if way is anneal_exchanges:
        assert at.load.max() <= room[0]


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), parts=st.integers(2, 5), slack=st.integers(0, 2))
def test_nets_that_leave_parts_save_what_is_said_and_keep_to_the_room(seed, parts, slack):
    net, spikes = drawn(seed, (20, 15), fan=5.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    room = np.full(parts, -(-35 // parts) + slack, np.int64)
    part, fixed = start_of(35, parts, seed), np.zeros(35, bool)
    at = tables_of(graph, part, parts)
    repair(graph, part, at, room, fixed)
    before, kept = cost_of(graph, at), part.copy()
    found, saved = withdraw(graph, part, room, 50_000, np.array([seed + 1, 0], np.uint64))
    assert np.array_equal(part, kept)
    at = tables_of(graph, found, parts)
    assert at.load.max() <= room[0]
    assert saved >= 0
    assert cost_of(graph, at) == before - saved


def test_a_heavy_net_leaves_a_part_where_no_single_move_pays():
    # The heavy net is that of neurons 0 to 3, two in each part; light nets of two hold each of them where it is.
    net = nr.Network()
    cells = net.add(nr.Population("cells", 12, nr.LIF(tau_m=20e-3, v_th=1.0)))
    source, target = [0, 0, 0, 2, 3, 4, 5], [1, 2, 3, 8, 9, 0, 1]
    net.connect(cells, cells, nr.Sparse(source, target, 1.0), delay=1e-3)
    spikes = np.ones(12)
    spikes[0] = 20.0
    graph, _ = hypergraph_of(traffic_of(net, {"cells": spikes}))
    part = np.array([0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1], np.int32)
    at = tables_of(graph, part, 2)
    assert np.all(at.missing[np.arange(12), 1 - part] >= at.alone)
    found, saved = withdraw(graph, part, np.full(2, 6, np.int64), 20_000, np.array([1, 0], np.uint64))
    assert saved == 18
    assert len(set(found[:4])) == 1


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), parts=st.integers(2, 5), same=st.booleans())
def test_what_parts_use_is_kept_as_vertices_move(seed, parts, same):
    net, spikes = drawn(seed, (11, 8), fan=4.0)
    traffic = traffic_of(net, spikes)
    graph, _ = hypergraph_of(traffic)
    limits = nr.mesh_chip(1, 1, neurons=8).limits
    limits = type(limits)(neurons=8, synapses=25, axons_in=12, axons_out=9)
    each, one, none = np.arange(19, dtype=np.uint32), np.ones(19, np.int64), np.full(19, -1, np.int64)
    terms = terms_of(traffic, limits, each, one, none, np.zeros((0, 0), bool))
    part, demands = start_of(19, parts, seed), demands_of(terms, parts)
    at, axon_tables = tables_of(graph, part, parts), tables_of(terms.nets, part, parts)
    use = use_of(terms.nets, part, axon_tables, demands)
    rest = (demands, use, np.zeros(19, bool), 30_000, 3.0, 3.0, 1.0, False, np.array([seed + 1, 0], np.uint64))
    anneal_limits(
        terms.nets if same else graph, part, axon_tables if same else at, terms.nets, axon_tables, same, *rest
    )
    assert same or same_tables(graph, part, at)
    if same or len(demands.axons):
        assert same_tables(terms.nets, part, axon_tables)
    else:  # only pins are needed
        assert np.array_equal(axon_tables.pins, tables_of(terms.nets, part, parts).pins)
    again = use_of(terms.nets, part, axon_tables, demands)
    assert all(np.array_equal(one, other) for one, other in zip(use, again, strict=True))


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_contraction_keeps_the_cost_of_partitions_of_clusters(seed):
    net, spikes = drawn(seed, (20, 15), fan=5.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    into, count = cluster(graph, 4, 64, np.zeros(35, np.int32), np.array([seed + 1, 0], np.uint64))
    coarse = contract(graph, into, count)
    assert coarse.size.sum() == 35
    assert coarse.size.max() <= 4
    part = start_of(count, 3, seed)
    fine = np.ascontiguousarray(part[into])
    assert cost_of(coarse, tables_of(coarse, part, 3)) == cost_of(graph, tables_of(graph, fine, 3))


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), loose=st.integers(0, 4))
def test_passes_over_two_sides_never_make_them_worse_and_keep_to_what_a_side_may_hold(seed, loose):
    net, spikes = drawn(seed, (20, 15), fan=5.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    room = np.array([18, 18], np.int64)
    side = start_of(35, 2, seed)
    over = int(np.maximum(np.bincount(side, minlength=2) - room, 0).sum())
    cut = cut_of(graph, side)
    # A pass that moves every vertex takes the loads past any point between them.
    after, _ = improve_sides(graph, side, room, room + loose, 5, len(graph.size))
    assert after == np.maximum(np.bincount(side, minlength=2) - room, 0).sum()
    assert (after, cut_of(graph, side)) <= (over, cut)
    assert cut_of(graph, side) == cost_of(graph, tables_of(graph, side, 2))
    assert after == 0


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), most=st.integers(1, 30))
def test_a_side_grows_from_a_vertex_up_to_what_it_may_hold(seed, most):
    net, spikes = drawn(seed, (20, 15), fan=5.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    side = grow_side(graph, seed % 35, most)
    assert side[seed % 35] == 0
    assert (side == 0).sum() == most


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_nets_of_some_parts_cost_what_they_cost_among_them(seed):
    net, spikes = drawn(seed, (20, 15), fan=5.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    part = start_of(35, 4, seed)
    chosen = np.flatnonzero(part < 2)
    inner = restricted(graph, chosen)
    at = tables_of(graph, part, 4).pins[:, :2]
    wanted = ((np.count_nonzero(at, axis=1) > 1) * graph.weight.astype(np.int64)).sum()
    assert cost_of(inner, tables_of(inner, part[chosen], 2)) == wanted


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), slack=st.integers(0, 2))
def test_parts_that_are_cut_anew_or_evolve_stay_within_room_and_cost_no_more(seed, slack):
    net, spikes = drawn(seed, (20, 15), fan=5.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    room, fixed = np.full(5, 7 + slack, np.int64), np.zeros(35, bool)
    part, _ = bisected(graph, room, np.array([seed + 1, 0], np.uint64))
    repair(graph, part, tables_of(graph, part, 5), room, fixed)
    cost = cost_of(graph, tables_of(graph, part, 5))
    again, saved, work = recut(graph, part, room, 3_000_000, np.array([seed + 2, 0], np.uint64))
    assert saved >= 0
    assert work >= 3_000_000
    assert cost_of(graph, tables_of(graph, again, 5)) == cost - saved
    assert np.all(np.bincount(again, minlength=5) <= room)
    (best, *_), _ = evolve(
        Problem(graph, room, fixed), [Member(cost, part)], 60_000_000, np.array([seed + 3, 0], np.uint64)
    )
    assert best.cost == cost_of(graph, tables_of(graph, best.part, 5)) <= cost
    assert np.all(np.bincount(best.part, minlength=5) <= room)


def test_evolution_takes_no_way_that_is_far_beyond_its_work():
    net, spikes = drawn(3, (200, 150), fan=8.0)
    graph, _ = hypergraph_of(traffic_of(net, spikes))
    problem = Problem(graph, np.full(5, 75, np.int64), np.zeros(350, bool))
    part = (np.arange(350) % 5).astype(np.int32)
    members = [Member(cost_of(graph, tables_of(graph, part, 5)), part)]
    step = 10_000_000
    for budget in (1, step // 2, step, 3 * step, 12 * step):
        (best, *_), work = evolve(problem, members, budget, np.array([4, 0], np.uint64))
        assert (work == 0) == (budget < step)
        assert work <= 1.5 * budget
        assert (best.cost < members[0].cost) == (work > 0)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), parts=st.integers(1, 24), groups=st.sampled_from([1, 3, 60]))
def test_tables_are_what_counting_gives(seed, parts, groups):
    # Nets with pins in all parts but a few, in a few, and in about half of them.
    graph, _ = hypergraph_of(traffic_of(*drawn(seed, (80, 40), fan=30.0 / groups)))
    part = start_of(120, parts, seed)
    at = tables_of(graph, part, parts)
    nets = [graph.pin[a:b] for a, b in zip(graph.start, graph.start[1:], strict=False)]
    pins = np.array([np.bincount(part[net], minlength=parts) for net in nets]).reshape(-1, parts)
    missing, alone = np.zeros((120, parts), np.int64), np.zeros(120, np.int64)
    for net, count, weight in zip(nets, pins, graph.weight, strict=True):
        missing[net] += weight * (count == 0)
        alone[net] += weight * (count[part[net]] == 1)
    wanted = pins, missing, alone, np.zeros(120), np.bincount(part, minlength=parts)
    assert all(np.array_equal(one, other) for one, other in zip(at, wanted, strict=True))


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), parts=st.integers(1, 5), pinned=st.booleans())
def test_large_networks_are_partitioned_within_room_and_never_worse_than_grown(seed, parts, pinned):
    net, spikes = drawn(seed, (20, 15), fan=5.0)
    traffic = traffic_of(net, spikes)
    room = np.full(parts, -(-35 // parts), np.int64)
    fixed = np.full(35, -1, np.int32)
    if pinned:
        fixed[3] = parts - 1
    part = partition_large(traffic, room, fixed, 6)
    assert np.bincount(part, minlength=parts).max() <= room[0]
    assert not pinned or part[3] == parts - 1
    if not pinned:
        grown = grow(hypergraph_of(traffic)[0], room, 0)
        assert np.bincount(grown, minlength=parts).max() <= room[0]


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_traffic_lists_each_pair_once_with_its_synapses(seed):
    net, spikes = drawn(seed, (6, 0, 5), fan=6.0)
    traffic = traffic_of(net, spikes)
    wanted = {}
    for source, target in pairs(net):
        pair = traffic.first[source[0]] + source[1], traffic.first[target[0]] + target[1]
        wanted[pair] = wanted.get(pair, 0) + 1
    found = list(zip(traffic.source.tolist(), traffic.target.tolist(), strict=True))
    assert found == sorted(wanted)
    assert traffic.synapses.tolist() == [wanted[pair] for pair in found]
    begin, source = traffic.incoming
    back = [(int(source[k]), j) for j in range(11) for k in range(begin[j], begin[j + 1])]
    assert sorted(back) == found
    assert traffic.fan_in.tolist() == [sum(n for (_, j), n in wanted.items() if j == i) for i in range(11)]


def optimum(net, spikes, neurons, parts):
    """The fewest deliveries, proved."""
    cp_model = pytest.importorskip("ortools.sat.python.cp_model")
    ids = {key: i for i, key in enumerate((name, i) for name, part in spikes.items() for i in range(len(part)))}
    nets = {}
    for source, target in pairs(net):
        nets.setdefault(source, set()).add(target)
    model = cp_model.CpModel()
    at = [[model.new_bool_var(f"{v}{p}") for p in range(parts)] for v in range(len(ids))]
    for v, row in enumerate(at):
        model.add_exactly_one(row)
        for p in range(v + 1, parts):
            model.add(row[p] == 0)
    for p in range(parts):
        model.add(sum(row[p] for row in at) <= neurons)
    total = 0
    for source, targets in nets.items():
        for p in range(parts):
            there = model.new_bool_var("")
            for key in {source, *targets}:
                model.add_implication(at[ids[key]][p], there)
            total += int(spikes[source[0]][source[1]]) * there
        total -= int(spikes[source[0]][source[1]])
    model.minimize(total)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    return solver.objective_value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_small_partitions_are_as_good_as_the_proved_optimum(seed):
    rng = np.random.default_rng(seed)
    sizes = (int(rng.integers(2, 7)), int(rng.integers(2, 7)))
    net, spikes = drawn(seed, sizes, fan=2.5)
    parts = int(rng.integers(2, 4))
    neurons = -(-sum(sizes) // parts) + int(rng.integers(0, 2))
    placement = nr.place(net, nr.mesh_chip(parts, 1, neurons=neurons), spikes, effort="best", seed=seed)
    assert recount(net, spikes, placement.core)["km1"] == optimum(net, spikes, neurons, parts)
