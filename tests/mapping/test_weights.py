"""What the searches begin with: weights of nets and neurons, work by effort, free places, and what may move."""

from dataclasses import replace

import numpy as np
import pytest

from neuro.chip.model import Limits, mesh_chip
from neuro.errors import ParameterError
from neuro.mapping.layout.layout import open_places
from neuro.mapping.objective import cost_function
from neuro.mapping.partition import large
from neuro.mapping.partition.hypergraph import hypergraph_of
from neuro.mapping.partition.large import partition_large
from neuro.mapping.partition.multilevel import Effort
from neuro.mapping.pipeline import place_partitions
from neuro.mapping.refine.refine import price, refine
from neuro.mapping.search import Prices
from tests.mapping.networks import traffic_from


@pytest.mark.parametrize(
    ("spikes", "unit", "weights"),
    [
        ([3.0, 5.0], 1.0, [3, 5]),
        ([2.0**27 - 1.0], 1.0, [2**27 - 1]),
        ([2.0**27], 2.0, [2**26]),
        ([2.0**27, 2.0], 2.0, [2**26, 1]),
        ([0.25, 0.5], 2.0**-27, [2**25, 2**26]),
        ([1e-12, 0.5], 2.0**-27, [1, 2**26]),
        ([1.5, 3.0], 3.0 / 2**26, [2**25, 2**26]),
    ],
)
def test_nets_weigh_their_spikes_or_so_that_the_heaviest_neuron_has_26_bits(spikes, unit, weights):
    # Each sends to a target of its own, so no two nets meet.
    n = len(spikes)
    graph, found = hypergraph_of(traffic_from(2 * n, [(k, n + k) for k in range(n)], [*spikes, *[7.5] * n]))
    assert (found, graph.weight.tolist()) == (pytest.approx(unit, rel=1e-12), weights)


@pytest.mark.parametrize(
    ("spikes", "weights"),
    [
        ([3.0, 2.0**20 - 1.0, 0.0], [3, 2**20 - 1, 0]),
        ([3.0, 50.0, 0.0], [3, 50, 0]),
        ([4.0, 2.0**21, 2.0**20], [2, 2**20, 2**19]),
        ([0.5, 0.25, 0.0], [2**20, 2**19, 0]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_neurons_of_large_networks_weigh_their_spikes_or_20_bits_at_most(monkeypatch, spikes, weights):
    seen, grow = [], large.grow
    monkeypatch.setattr(large, "grow", lambda graph, *rest: seen.append(graph) or grow(graph, *rest))
    partition_large(traffic_from(3, [(0, 1), (1, 2)], spikes), np.full(2, 2), np.full(3, -1, np.int32), 2)
    assert [graph.weight.tolist() for graph in seen] == [weights]


@pytest.mark.parametrize("pinned", [{}, {0: 1, 1: 1}, {0: 2, 1: 2, 2: 2}])
def test_neurons_make_room_for_those_that_are_pinned(pinned):
    chain = traffic_from(9, [(k, k + 1) for k in range(8)], [1.0] * 9)
    fixed = np.full(9, -1, np.int32)
    fixed[list(pinned)] = list(pinned.values())
    part = partition_large(chain, np.full(3, 3), fixed, 5)
    assert np.bincount(part, minlength=3).tolist() == [3, 3, 3]
    assert {neuron: part[neuron] for neuron in pinned} == pinned


LONG = Effort(coarse=600, trial=10**9, final=10**12, rough=10**9, ways=(), halvings=0, evolution=0)


@pytest.mark.parametrize(
    ("pins", "entries", "expected"),
    [
        # At most 20,000 rounds over all pins and entries; a small problem is tried up to 16 times instead.
        (10, 90, (600, 2 * 10**6, 2 * 10**6, 16)),
        (11, 89, (0, 2 * 10**6, 2 * 10**6, 16)),
        (10, 990, (600, 2 * 10**7, 2 * 10**7, 3)),
        (10, 2490, (600, 5 * 10**7, 5 * 10**7, 1)),
        (10, 10**6, (600, 10**9, 20_000 * (10**6 + 10), 1)),
        # Tables that leave the cache take three times as long, and twice on the coarse levels.
        (10, 2**20, (600, 10**9, 20_000 * (2**20 + 10), 1)),
        (10, 2**20 + 1, (300, 10**9 // 3, 20_000 * (2**20 + 11), 1)),
    ],
)
def test_the_work_of_a_search_grows_with_its_tables_up_to_the_effort(pins, entries, expected):
    found = LONG.scaled(pins, entries)
    assert (found.coarse, found.trial, found.final, found.repeats) == expected
    assert (found.descents, found.rounds, found.ways) == (LONG.descents, LONG.rounds, LONG.ways) == (1, 6, ())


def test_places_that_free_parts_may_take():
    chip = mesh_chip(3, 2, neurons=1)
    assert open_places(chip, 4, {0: 5, 2: 0}, [3]).tolist() == [1, 2, 4]
    assert open_places(chip, 6, {}, []).tolist() == [0, 1, 2, 3, 4, 5]
    assert open_places(chip, 5, {}, [3, 3]).tolist() == [0, 1, 2, 4, 5]
    for dead, working in (([], 6), ([3], 5), ([3, 0], 4)):
        with pytest.raises(ParameterError, match=rf"{working + 1} parts need a core each.*{working} cores that work"):
            open_places(chip, working + 1, {}, dead)


CHAIN = traffic_from(8, [(k, (k + 4) % 8) for k in range(8)], [1.0] * 8)


@pytest.mark.parametrize(
    ("limits", "moves"),
    [
        ({}, True),
        ({"columns": 4}, True),
        ({"rows": 9}, True),
        ({"axons_out": 99}, False),
        ({"synapse_bits": 999}, False),
    ],
    ids=str,
)
def test_neurons_move_where_all_limits_are_known_and_leave_room(limits, moves):
    chip = replace(mesh_chip(2, 1, neurons=4), limits=Limits(**{"neurons": 4, **limits}))
    start = np.arange(8) // 4
    found = refine(CHAIN, start, chip, Prices(tree=1.0), effort="fast")
    assert (price(CHAIN, found, chip, Prices(tree=1.0)) == 0.0) is moves
    assert np.array_equal(found, start) is not moves
    everyone = refine(CHAIN, start, chip, Prices(tree=1.0), effort="fast", fixed=np.ones(8, bool))
    assert everyone.tolist() == start.tolist()
    one = np.zeros(8, np.int64)
    assert refine(CHAIN, one, mesh_chip(1, 1, neurons=8), Prices(tree=1.0), effort="fast").tolist() == [0] * 8


@pytest.mark.parametrize("objective", ["multicast_hops", "unicast_hops", {"multicast_hops": 1.0, "km1": 1.0}])
@pytest.mark.parametrize("effort", ["fast", "balanced", "best"])
def test_the_cheapest_of_several_partitions_is_kept_whichever_comes_first(objective, effort):
    traffic = traffic_from(4, [(0, 1), (1, 2), (2, 3)], [3.0, 2.0, 1.0, 0.0])
    dear, cheap = np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1])
    chip, stay = mesh_chip(2, 1, neurons=2), np.ones(4, bool)
    cost = cost_function(traffic, chip, objective)
    assert (cost(dear), cost(cheap)) == ((4.0, 2.0) if isinstance(objective, str) else (8.0, 4.0))
    for partitions in ([dear, cheap], [cheap, dear], [dear, cheap, dear]):
        found = place_partitions(traffic, partitions, chip, objective, effort=effort, fixed=stay)
        assert cost(found) == cost(cheap)
