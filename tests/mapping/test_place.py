"""Placements keep to every rule, cost what they say, and cost little; what cannot be is refused with its reason."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.route_kernels import count_routes
from neuro.errors import InfeasibleError, InputError, ParameterError, UnknownName
from neuro.mapping.partition import choose as cutting
from neuro.mapping.routes import placement_of_network
from neuro.mapping.traffic import traffic_of
from tests.mapping.counting import drawn, recount


def limited(width, height, **limits):
    """A mesh whose cores have these limits."""
    chip = nr.mesh_chip(width, height, neurons=limits["neurons"])
    return dataclasses.replace(chip, limits=dataclasses.replace(chip.limits, **limits))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    neurons=st.integers(2, 6),
    effort=st.sampled_from(["fast", "balanced"]),
    limits=st.dictionaries(st.sampled_from(["synapses", "axons_in", "axons_out"]), st.integers(8, 25)),
    objective=st.sampled_from(["km1", "cores"]),
)
def test_a_placement_is_within_every_limit_and_costs_what_it_says(seed, sizes, neurons, effort, limits, objective):
    net, spikes = drawn(seed, sizes)
    chip = limited(5, 4, neurons=neurons, **limits)
    try:
        placement = nr.place(net, chip, spikes, objective, effort, seed)
    except InfeasibleError:
        event("refused")
        return
    found = recount(net, spikes, placement.core)
    for limit, most in {"neurons": neurons, **limits}.items():
        assert max(found[limit].values(), default=0) <= most
        assert {c: int(n) for c, n in enumerate(placement.usage[limit]) if n} == found[limit]
    for name in ("km1", "cores", "cut_synapse_spikes"):
        assert placement.objectives[name] == found[name]
        assert placement.bounds.get(name, 0.0) <= found[name]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("effort", ["fast", "balanced", "best"])
def test_no_placement_is_worse_than_filling_cores_one_after_the_other(seed, effort):
    net, spikes = drawn(seed, (13, 11, 17))
    placement = nr.place(net, nr.mesh_chip(4, 2, neurons=6), spikes, effort=effort, seed=seed, cores=7)
    ids = np.arange(41) // 6
    sequential = {"p0": ids[:13], "p1": ids[13:24], "p2": ids[24:]}
    assert placement.objectives["km1"] <= recount(net, spikes, sequential)["km1"]
    assert placement.objectives["cores"] <= 7


def test_the_same_seed_gives_the_same_placement():
    net, spikes = drawn(3, (30, 30))
    chip = nr.mesh_chip(4, 4, neurons=8)
    one, other = (nr.place(net, chip, spikes, seed=5).core for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_placement_does_not_hang_on_the_unit_of_the_traffic():
    net, spikes = drawn(4, (30, 30))
    chip = nr.mesh_chip(4, 4, neurons=8)
    whole = nr.place(net, chip, spikes, seed=5)
    rates = nr.place(net, chip, {name: counts * 0.125 for name, counts in spikes.items()}, seed=5)
    assert rates.objectives["km1"] == pytest.approx(whole.objectives["km1"] * 0.125, rel=0.1)


def test_communities_are_found_wherever_their_neurons_stand():
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat(np.arange(8), 16))
    pre, post = np.nonzero((group[:, None] == group) & (rng.random((128, 128)) < 0.5))
    net = nr.Network()
    net.add(nr.Population("cells", 128, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cells", "cells", nr.Sparse(pre, post, 1.0), delay=1e-3)
    assert nr.place(net, nr.mesh_chip(4, 2, neurons=16), effort="fast").objectives["km1"] == 0.0


def test_where_all_are_connected_to_all_the_bound_is_reached():
    net = nr.Network()
    net.add(nr.Population("cells", 20, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cells", "cells", nr.AllToAll(1.0), delay=1e-3)
    placement = nr.place(net, nr.mesh_chip(3, 1, neurons=8), {"cells": 2.0}, effort="fast")
    assert placement.objectives["km1"] == placement.bounds["km1"] == 20 * 2 * 2


def test_pinned_neurons_stay_and_dead_cores_are_empty():
    net, spikes = drawn(1, (20, 20))
    pinned = {"p0": np.r_[[7, 7, 2], np.full(17, -1)], "p1": np.r_[np.full(19, -1), 7]}
    core = nr.place(net, nr.mesh_chip(3, 3, neurons=8), spikes, pinned=pinned, dead=[0, 4], effort="fast").core
    assert core["p0"][:3].tolist() == [7, 7, 2]
    assert core["p1"][19] == 7
    assert not {0, 4} & set(np.concatenate(list(core.values())).tolist())


@pytest.mark.parametrize("objective", ["km1", "cores"])
def test_populations_stay_together_or_keep_apart(objective):
    net, spikes = drawn(2, (6, 9, 9))
    rules = {"together": [("p0",)], "apart": [("p1", "p2")]}
    core = nr.place(net, nr.mesh_chip(3, 3, neurons=8), spikes, objective, "fast", **rules).core
    assert len(set(core["p0"].tolist())) == 1
    assert not set(core["p1"].tolist()) & set(core["p2"].tolist())


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 1), (1, 5), (3, 2)])
def test_meshes_of_any_shape_will_do(width, height):
    net, spikes = drawn(5, (9, 8))
    neurons = -(-17 // (width * height))
    placement = nr.place(net, nr.mesh_chip(width, height, neurons=neurons), spikes, effort="fast")
    assert placement.usage["neurons"].sum() == 17


def test_networks_without_neurons_synapses_or_spikes_are_placed():
    chip = nr.mesh_chip(2, 2, neurons=8)
    assert nr.place(nr.Network(), chip).objectives["km1"] == 0.0
    empty = nr.Network()
    empty.add(nr.Population("none", 0, nr.SpikeSource()))
    assert nr.place(empty, chip).core["none"].shape == (0,)
    alone = nr.Network()
    alone.add(nr.Population("alone", 20, nr.SpikeSource()))
    assert nr.place(alone, chip).objectives["cores"] == 3.0
    net, spikes = drawn(6)
    silent = dict.fromkeys(spikes, 0)
    assert nr.place(net, chip, silent, effort="fast").objectives["km1"] == 0.0


@pytest.mark.parametrize(
    ("limits", "limit", "needed"),
    [({"synapses": 3}, "synapses", 5), ({"axons_in": 3}, "axons_in", 5), ({"fan_in": 4}, "fan_in", 5)],
)
def test_a_neuron_that_fits_no_core_is_named_with_the_core_that_would_do(limits, limit, needed):
    net = nr.Network()
    net.add(nr.Population("a", 5, nr.SpikeSource()))
    net.add(nr.Population("b", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("a", "b", nr.Sparse(np.arange(5), np.full(5, 1), 1.0), delay=1e-3)
    with pytest.raises(InfeasibleError, match=r"neuron 1 of 'b'.*proved impossible") as refused:
        nr.place(net, limited(4, 4, neurons=8, **limits))
    error = refused.value
    assert (error.limit, error.most, error.needed, error.proved) == (limit, next(iter(limits.values())), needed, True)


def test_a_network_that_is_too_large_is_refused_with_the_mesh_that_would_do():
    net, spikes = drawn(7, (30, 30))
    begun = time.perf_counter()
    with pytest.raises(InfeasibleError, match="a mesh of 4 x 2") as refused:
        nr.place(net, nr.mesh_chip(3, 2, neurons=8), spikes)
    assert time.perf_counter() - begun < 5.0
    assert (refused.value.limit, refused.value.most, refused.value.needed) == ("neurons", 48, 60)


def test_what_was_not_found_is_told_from_what_cannot_be():
    net, spikes = drawn(8, (20, 20), fan=6.0)
    with pytest.raises(InfeasibleError, match="not found") as refused:
        nr.place(net, limited(3, 2, neurons=8, axons_in=14), spikes, effort="fast")
    assert not refused.value.proved
    assert refused.value.needed > 6
    enough = refused.value.needed
    nr.place(net, limited(enough, 1, neurons=8, axons_in=14), spikes, effort="fast")


def test_a_refusal_does_not_wait_for_a_good_partition(monkeypatch):
    def never(*_):
        raise AssertionError("a partition was made")

    monkeypatch.setattr(cutting, "partition", never)
    net, spikes = drawn(8, (20, 20), fan=6.0)
    with pytest.raises(InfeasibleError, match="not found"):
        nr.place(net, limited(3, 2, neurons=8, axons_in=14), spikes, effort="fast")


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ({"effort": "most"}, UnknownName),
        ({"objective": "beauty"}, UnknownName),
        ({"traffic": {"p0": np.nan, "p1": 1}}, InputError),
        ({"traffic": {"p0": -1, "p1": 1}}, InputError),
        ({"traffic": {"p0": 1}}, InputError),
        ({"traffic": {"p0": [1, 2], "p1": 1}}, InputError),
        ({"traffic": {"p0": 1, "p1": 1, "p2": 1}}, UnknownName),
        ({"cores": 5}, ParameterError),
        ({"cores": 0}, ParameterError),
        ({"dead": [4]}, ParameterError),
        ({"pinned": {"p0": 9}}, ParameterError),
        ({"pinned": {"p0": 1}, "dead": [1]}, ParameterError),
        ({"pinned": {"nobody": 1}}, UnknownName),
        ({"together": [("nobody",)]}, UnknownName),
        ({"apart": [("p0", "p0")]}, ParameterError),
        ({"together": [("p0", "p1")], "apart": [("p0", "p1")]}, ParameterError),
    ],
)
def test_what_does_not_fit_the_network_or_the_chip_is_refused(given_, error):
    net, _ = drawn(9)
    with pytest.raises(error):
        nr.place(net, nr.mesh_chip(2, 2, neurons=12), **given_)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), cores=st.integers(1, 5))
def test_placements_are_the_same_however_their_routes_are_counted(seed, cores):
    net, spikes = drawn(seed)
    chip = nr.mesh_chip(cores, 1, neurons=20)
    traffic = traffic_of(net, spikes)
    core = np.random.default_rng(seed).integers(0, cores, traffic.neurons)
    one, other = placement_of_network(net, chip, traffic, core), nr.placed(net, chip, traffic.by_population(core))
    for name in ("start", "core", "synapses", "nonzero"):
        assert np.array_equal(getattr(one.routes, name), getattr(other.routes, name))
    assert one.structure == other.structure
    assert (one.sources, one.compartments) == (other.sources, other.compartments)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), cores=st.integers(1, 40))
def test_routes_are_those_of_a_count_by_hand(seed, cores):
    """Rows in any order, with repeated targets and targets without synapses, on a few and on many cores."""
    rng = np.random.default_rng(seed)
    size = rng.integers(0, 30, 6)
    start = np.concatenate([[0], np.cumsum(size)])
    target = rng.integers(0, 20, start[-1]).astype(np.uint32)
    synapses = rng.integers(0, 3, start[-1]).astype(np.uint32)
    core = rng.integers(0, cores, 20)
    first, entry, count = count_routes(start, target, synapses, core, cores)
    for i in range(6):
        wanted = {}
        for k in range(start[i], start[i + 1]):
            wanted[core[target[k]]] = wanted.get(core[target[k]], 0) + synapses[k]
        found = list(zip(entry[first[i] : first[i + 1]], count[first[i] : first[i + 1]], strict=True))
        assert found == sorted(wanted.items())


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6), calls=st.integers(0, 40), limited=st.booleans())
def test_an_interrupted_search_gives_a_placement_within_every_limit_and_says_so(seed, calls, limited):
    net, spikes = drawn(seed, (40, 35), fan=6.0)
    chip = nr.mesh_chip(4, 3, neurons=10, axons_in=70 if limited else None)
    heard = []

    def stop(done, total, label):
        assert 0 <= done <= total
        heard.append(label)
        if len(heard) > calls:
            raise KeyboardInterrupt

    objective = "multicast_hops" if seed % 2 else "km1"
    placement = nr.place(net, chip, spikes, objective, "balanced", seed=1, progress=stop)
    assert placement.interrupted == (len(heard) > calls)
    assert placement.usage["neurons"].max() <= 10
    assert placement.usage["axons_in"].max() <= 70
    assert ("interrupted" in repr(placement)) == placement.interrupted


CTRL_C = """
import os, signal, threading
import neuro as nr
from tests.mapping.counting import drawn

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
net, spikes = drawn(3, (400, 300), fan=20.0)
pressed = []

def press(done, total, label):
    if not pressed:
        pressed.append(label)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

placement = nr.place(net, nr.mesh_chip(4, 4, neurons=50), spikes, effort="best", progress=press)
assert placement.interrupted
assert placement.usage["neurons"].max() <= 50
assert placement.objectives["km1"] > 0.0
print("all of it")
"""


def test_ctrl_c_ends_the_search_and_the_best_placement_comes():
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "tests"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", CTRL_C],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all of it\n"
