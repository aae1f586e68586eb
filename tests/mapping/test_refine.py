"""Moving neurons: incremental costs are recomputed ones, limits hold, and nothing gets dearer."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping.networks import random_traffic, slow_cost, traffics

import neuro as nr
from neuro.chip.model import Chip, mesh_chip
from neuro.errors import UnknownName
from neuro.jit import as_table
from neuro.mapping.pipeline import place_partitions
from neuro.mapping.random import random_state
from neuro.mapping.refine import refine as module
from neuro.mapping.refine.anneal_neurons import anneal_soft, anneal_strict, empty_full_cores
from neuro.mapping.refine.moves import cost_of, fill_counts
from neuro.mapping.refine.refine import price, refine
from neuro.mapping.search import Prices
from neuro.mapping.traffic import Traffic

PRICES = (Prices(tree=1.0), Prices(delivery=1.0), Prices(path=1.0), Prices(tree=2.0, delivery=0.5, path=0.25))
CHIPS = (
    mesh_chip(3, 3, neurons=4),
    mesh_chip(5, 1, neurons=5),
    replace(mesh_chip(2, 2, neurons=3), cores_per_tile=3),
    replace(mesh_chip(3, 2, neurons=4), first_axis="y", tile_order="columns"),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Traffic, Chip, np.ndarray, Prices]:
    traffic, chip = draw(traffics()), draw(st.sampled_from(CHIPS))
    each = traffic.neurons // chip.cores + 1
    slots = np.repeat(np.arange(chip.cores), max(each, 2))
    core = slots[draw(st.permutations(range(len(slots))))][: traffic.neurons]
    return traffic, chip, core.astype(np.int64), draw(st.sampled_from(PRICES))


@settings(deadline=None, max_examples=60)
@given(cases())
def test_the_cost_by_counters_is_that_of_every_path_walked(case: tuple[Traffic, Chip, np.ndarray, Prices]) -> None:
    traffic, chip, core, prices = case
    assert price(traffic, core, chip, prices) == pytest.approx(slow_cost(traffic, core, chip, prices), abs=1e-9)


@pytest.mark.parametrize("search", [anneal_strict, anneal_soft])
@settings(deadline=None, max_examples=60)
@given(case=cases(), seed=st.integers(0, 99))
def test_changes_of_cost_add_up_to_the_recomputed_cost(
    search: object, case: tuple[Traffic, Chip, np.ndarray, Prices], seed: int
) -> None:
    traffic, chip, core, prices = case
    edges = as_table(module._adjacency(traffic, None))
    cores = as_table(module._cores(chip, traffic, prices, (), core, None))
    raw = module._state(traffic, chip, core, traffic.neurons + 2)
    state = as_table(raw)
    fill_counts(edges, cores, state)
    before = cost_of(edges, cores, state)
    random = random_state(seed, "test")
    if search is anneal_strict:
        gain, _ = anneal_strict(edges, cores, state, 10.0, 1.0, 200, random)
    else:
        gain, _ = anneal_soft(edges, cores, state, 10.0, 1.0, 1.0, 5.0, 200, random)
    assert cost_of(edges, cores, state) == pytest.approx(before + gain, abs=1e-9)
    kept = [array.copy() for array in (raw.targets, raw.columns, raw.used, raw.size, raw.load, raw.axons)]
    fill_counts(edges, cores, state)
    for one, again in zip(kept, (raw.targets, raw.columns, raw.used, raw.size, raw.load, raw.axons), strict=True):
        np.testing.assert_array_equal(one, again)
    assert slow_cost(traffic, raw.core, chip, prices) == pytest.approx(before + gain, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(cases())
def test_full_cores_are_emptied_into_their_limits(case: tuple[Traffic, Chip, np.ndarray, Prices]) -> None:
    traffic, chip, _, prices = case
    crowded = np.zeros(traffic.neurons, np.int64)
    edges = as_table(module._adjacency(traffic, None))
    cores = as_table(module._cores(chip, traffic, prices, (), crowded, None))
    raw = module._state(traffic, chip, crowded, traffic.neurons)
    state = as_table(raw)
    fill_counts(edges, cores, state)
    assert empty_full_cores(edges, cores, state)
    assert np.bincount(raw.core, minlength=chip.cores).max() <= (chip.limits.neurons or 0)


def limited(neurons: int, synapses: int, axons: int) -> Chip:
    return mesh_chip(3, 3, neurons=neurons, synapses=synapses, axons_in=axons)


@pytest.mark.parametrize("seed", range(6))
def test_refining_keeps_every_limit_and_the_number_of_cores(seed: int) -> None:
    traffic = random_traffic(24, 4, seed)
    core = np.arange(24) // 4
    sources = np.array([len({int(i) for i in traffic.source[core[traffic.target] == c]}) for c in range(6)])
    load = np.bincount(core, traffic.fan_in, 6)
    chip = limited(4, int(load.max()) + 1, int(sources.max()) + 1)
    found = refine(traffic, core, chip, Prices(tree=1.0), effort="fast", seed=seed, cores=6)
    assert np.bincount(found).max() <= 4
    assert np.bincount(found, traffic.fan_in).max() <= load.max() + 1
    after = [len({int(i) for i in traffic.source[found[traffic.target] == c]}) for c in range(9)]
    assert max(after) <= sources.max() + 1
    assert len(np.unique(found)) <= 6
    assert slow_cost(traffic, found, chip, Prices(tree=1.0)) <= slow_cost(traffic, core, chip, Prices(tree=1.0))


@settings(deadline=None, max_examples=30)
@given(case=cases(), seed=st.integers(0, 99), spare=st.integers(0, 2))
def test_soft_limits_open_no_more_cores_than_may_be_used(
    case: tuple[Traffic, Chip, np.ndarray, Prices], seed: int, spare: int
) -> None:
    traffic, chip, core, prices = case
    core = core % 2
    most = len(np.unique(core)) + spare
    edges = as_table(module._adjacency(traffic, None))
    cores = as_table(module._cores(chip, traffic, prices, (), core, most))
    raw = module._state(traffic, chip, core, traffic.neurons + 2)
    state = as_table(raw)
    fill_counts(edges, cores, state)
    # So hot that most proposals are taken.
    anneal_soft(edges, cores, state, 1e3, 1e2, 0.1, 0.2, 2000, random_state(seed, "test"))
    assert len(np.unique(raw.core)) <= most


@pytest.mark.parametrize("spikes", [1.0, 1000.0])
@pytest.mark.parametrize("seed", range(3))
def test_no_more_cores_are_used_than_were_asked_for_on_the_mesh_too(spikes: float, seed: int) -> None:
    """Three communities that would rather have a core each, on two."""
    group = np.random.default_rng(seed).permutation(np.repeat(np.arange(3), 12))
    net = nr.Network()
    net.add(nr.Population("cells", 36, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cells", "cells", nr.Sparse(*np.nonzero(group[:, None] == group), 1.0), delay=1e-3)
    chip = nr.mesh_chip(3, 2, neurons=18)
    placement = nr.place(net, chip, {"cells": spikes}, "multicast_hops", "fast", seed, cores=2)
    assert placement.objectives["cores"] <= 2


def test_fixed_neurons_stay_and_dead_cores_stay_empty() -> None:
    traffic = random_traffic(20, 4, 1)
    core = np.arange(20) // 4
    fixed = np.arange(20) % 5 == 0
    found = refine(traffic, core, mesh_chip(3, 3, neurons=5), Prices(tree=1.0), effort="fast", fixed=fixed, dead=[7, 8])
    np.testing.assert_array_equal(found[fixed], core[fixed])
    assert found.max() < 7


def test_the_same_seed_gives_the_same_cores() -> None:
    traffic = random_traffic(60, 6, 2)
    chip, core = mesh_chip(4, 4, neurons=8), np.arange(60) // 8
    once = refine(traffic, core, chip, Prices(tree=1.0), effort="fast", seed=5)
    np.testing.assert_array_equal(once, refine(traffic, core, chip, Prices(tree=1.0), effort="fast", seed=5))


def test_limits_that_are_not_known_leave_the_neurons_where_they_are() -> None:
    traffic, core = random_traffic(12, 3, 3), np.arange(12) // 4
    chip = mesh_chip(2, 2, neurons=6)
    bound = replace(chip, limits=replace(chip.limits, axons_out=100))
    np.testing.assert_array_equal(refine(traffic, core, bound, Prices(tree=1.0), effort="fast"), core)


def test_efforts_are_named() -> None:
    with pytest.raises(UnknownName, match="balanced"):
        refine(random_traffic(4, 1, 0), np.zeros(4, int), mesh_chip(2, 1, neurons=4), Prices(tree=1.0), effort="most")


def cheapest(traffic: Traffic, chip: Chip, prices: Prices) -> float:
    """The optimum, by trying everything."""
    best = np.inf
    for core in product(range(chip.cores), repeat=traffic.neurons):
        if max(np.bincount(core)) <= (chip.limits.neurons or 0):
            best = min(best, slow_cost(traffic, np.array(core), chip, prices))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_six_neurons_on_four_cores_reach_the_optimum_of_all_placements(seed: int) -> None:
    traffic, chip = random_traffic(6, 2, seed), mesh_chip(2, 2, neurons=2)
    core = np.arange(6) // 2
    found = place_partitions(traffic, [core], chip, "multicast_hops", effort="balanced", seed=seed)
    assert slow_cost(traffic, found, chip, Prices(tree=1.0)) == cheapest(traffic, chip, Prices(tree=1.0))
