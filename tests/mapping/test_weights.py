"""Weights of nets and neurons in the searches: spikes where they are whole and small, in proportion elsewhere."""

import numpy as np
import pytest

from neuro.mapping.partition import large
from neuro.mapping.partition.hypergraph import hypergraph_of
from neuro.mapping.partition.large import partition_large
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
