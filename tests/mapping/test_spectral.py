"""Spectral bisection: its vector is that of numpy, rings are cut into arcs, and a start begins with the cheaper one."""

from __future__ import annotations

import numpy as np
import pytest

import neuro as nr
from neuro.mapping.partition import levels
from neuro.mapping.partition.bisection import spectral as module
from neuro.mapping.partition.bisection.spectral import neighbours, spectral
from neuro.mapping.partition.hypergraph import hypergraph_of
from neuro.mapping.partition.levels import Problem, coarse_to_fine
from neuro.mapping.random import state_of
from neuro.mapping.traffic import traffic_of


def ring(neurons, reach, rewired=0.0, seed=5):
    """Nets of a ring: each neuron and `reach` on both sides, a share of the targets anywhere; ids are shuffled."""
    draw = np.random.default_rng(seed)
    source = np.repeat(np.arange(neurons), 2 * reach)
    target = (source + np.tile(np.r_[-reach:0, 1 : reach + 1], neurons)) % neurons
    target = np.where(draw.random(len(target)) < rewired, draw.integers(neurons, size=len(target)), target)
    ids = draw.permutation(neurons)
    pairs = np.unique(np.stack([ids[source], ids[target]])[:, source != target], axis=1)
    net = nr.Network()
    cells = net.add(nr.Population("cells", neurons, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cells, cells, nr.Sparse(*pairs, 1.0), delay=1e-3)
    graph, _ = hypergraph_of(traffic_of(net, {"cells": np.full(neurons, 3)}))
    return graph, ids


def near(graph):
    own = np.arange(len(graph.size), dtype=np.uint32)
    return neighbours(graph, own, graph.size)


def test_near_vertices_share_nets():
    graph, ids = ring(30, 2)
    matrix = near(graph)
    # Weight 3, five pins: a net gives 3 / 25. Next ones share five nets less one, those after next three.
    assert matrix[ids[0], ids[1]] == pytest.approx(4 * 3 / 25)
    assert matrix[ids[0], ids[2]] == pytest.approx(3 * 3 / 25)
    assert matrix[ids[0], ids[3]] == pytest.approx(2 * 3 / 25)
    assert matrix[ids[0], ids[4]] == pytest.approx(1 * 3 / 25 * module.DISTANT)
    assert matrix[ids[0], ids[9]] == 0.0


def test_the_mode_is_the_second_eigenvector():
    graph, _ = ring(60, 3, rewired=0.2)
    matrix = near(graph)
    chosen = np.arange(5, 55)
    mode = module._slowest(matrix, chosen, state_of(3))
    inner = matrix[np.ix_(chosen, chosen)]
    root = np.sqrt(inner.sum(axis=1))
    values, vectors = np.linalg.eigh(np.eye(50) - inner / root[:, None] / root)
    assert values[2] > 1.3 * values[1]
    expected = vectors[:, 1] / root
    mode = mode / np.linalg.norm(mode) * np.sign(mode @ expected)
    assert np.allclose(mode, expected / np.linalg.norm(expected), atol=2e-2)


@pytest.mark.parametrize("room", [[100] * 4, [40, 60, 200, 100], [134, 133, 133]])
def test_a_ring_is_cut_into_arcs(room):
    graph, ids = ring(400, 4)
    part = spectral(near(graph), graph.size, np.array(room), state_of(1))
    around = part[ids]
    assert np.count_nonzero(around != np.roll(around, 1)) == len(room)
    assert np.abs(np.bincount(part) - room).max() <= 1


@pytest.mark.parametrize(("rewired", "name"), [(0.1, "spectral"), (1.0, "order")])
def test_a_start_goes_on_from_the_cheaper_beginning(rewired, name):
    graph, _ = ring(3000, 20, rewired)
    problem = Problem(graph, np.full(24, 128), np.zeros(3000, bool))
    start = np.zeros(3000, np.int32)
    cost = {}
    for begun in (("order",), ("spectral",), ("order", "spectral")):
        part, cost[begun] = coarse_to_fine(problem, start, (20_000_000, 0), state_of(9), begun)
        assert np.bincount(part).max() < 160
    assert cost == {("order",): "order", ("spectral",): "spectral", ("order", "spectral"): name}


def test_spectral_bisection_only_where_it_is_within_the_work(monkeypatch):
    graph, _ = ring(3000, 8, 0.1)
    problem = Problem(graph, np.full(24, 128), np.zeros(3000, bool))
    monkeypatch.setattr(levels, "neighbours", None)
    part, _ = coarse_to_fine(problem, np.zeros(3000, np.int32), (100_000, 0), state_of(9))
    assert len(part) == 3000
