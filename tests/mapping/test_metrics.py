"""Costs are those of every path walked, bounds are below them, and files carry placements whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping.networks import random_traffic, slow_cost, traffics

import neuro as nr
from neuro.bench.map_command import chip_from_text, network_from, run_map
from neuro.bench.mapping_kinds import KINDS, draw_kind
from neuro.bench.mapping_networks import network_of
from neuro.chip.model import mesh_chip
from neuro.errors import NeuroError, ParameterError, PeerError, PlacementError, UnknownName, UnsupportedFeature
from neuro.mapping.baselines import BASELINES, baseline, fill_cores
from neuro.mapping.compare import broken_limits, compare, what_if
from neuro.mapping.fan_in import split_fan_in
from neuro.mapping.files import read_placement, write_placement
from neuro.mapping.metrics import OBJECTIVES, bounds, heat, judge, measure
from neuro.mapping.objective import weights_of
from neuro.mapping.routes import placement_of_traffic
from neuro.mapping.search import Prices


@settings(deadline=None, max_examples=50)
@given(traffics(), st.integers(0, 99))
def test_every_objective_is_counted_as_by_hand_and_no_bound_exceeds_it(traffic, seed: int) -> None:
    chip = mesh_chip(3, 2, neurons=4)
    slots = np.repeat(np.arange(6), 4)
    core = np.random.default_rng(seed).permutation(slots)[: traffic.neurons]
    placement = placement_of_traffic(traffic, core, chip)
    found = measure(placement, traffic.spikes)
    assert found["multicast_hops"] == slow_cost(traffic, core, chip, Prices(tree=1.0))
    assert found["unicast_hops"] == slow_cost(traffic, core, chip, Prices(path=1.0))
    assert found["km1"] == slow_cost(traffic, core, chip, Prices(delivery=1.0))
    cut = core[traffic.source] != core[traffic.target]
    assert found["cut_synapse_spikes"] == (traffic.spikes[traffic.source] * traffic.synapses)[cut].sum()
    for name, bound in bounds(traffic, chip).items():
        if bound is not None:
            assert bound <= (found[name] or 0.0) + 1e-9
    maps = heat(placement, traffic.spikes)
    assert np.nanmax(maps["link"]) == found["max_link"]
    assert np.nansum(maps["neurons"]) == traffic.neurons


def cells(traffic_seed: int = 0, size: int = 24):
    drawn = random_traffic(size, 4, traffic_seed)
    net = nr.Network()
    cell = net.add(nr.Population("cells", size, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cell, cell, nr.Sparse(drawn.source, drawn.target, 0.5), delay=1e-3)
    return net, {"cells": drawn.spikes}


@pytest.mark.parametrize("objective", [*sorted(set(OBJECTIVES) - {"latency"}), {"km1": 1.0, "max_link": 0.5}], ids=str)
def test_every_objective_can_be_asked_for_and_is_not_worse_than_filling_in_order(objective) -> None:
    net, traffic = cells()
    chip = nr.mesh_chip(3, 3, neurons=4)
    found = judge(nr.place(net, chip, traffic, objective, "fast"), net, traffic)
    filled = judge(nr.placed(net, chip, {"cells": np.arange(24) // 4}), net, traffic)
    wanted = weights_of(objective)
    if set(wanted) <= {"unicast_hops", "multicast_hops", "max_link", "km1"}:
        ours, theirs = (sum(w * (v.costs[k] or 0.0) for k, w in wanted.items()) for v in (found, filled))
        assert ours <= theirs
    assert found.usage["neurons"].max() <= 4


def test_latency_needs_a_recording() -> None:
    net, traffic = cells()
    with pytest.raises(UnsupportedFeature, match="Recording"):
        nr.place(net, nr.mesh_chip(3, 3, neurons=4), traffic, "latency", "fast")


def test_a_placement_trained_on_one_recording_is_judged_on_another() -> None:
    net, traffic = cells()
    chip = nr.mesh_chip(3, 3, neurons=4)
    placement = nr.place(net, chip, traffic, "multicast_hops", "fast")
    other = {"cells": traffic["cells"][::-1]}
    assert judge(placement, net, other).costs["km1"] != judge(placement, net, traffic).costs["km1"]
    silent = judge(placement, net, {"cells": 0.0})
    assert silent.costs["multicast_hops"] == 0.0


def test_a_placement_of_another_network_is_not_judged() -> None:
    net, _ = cells()
    placement = nr.placed(net, nr.mesh_chip(3, 3, neurons=24), {"cells": 0})
    with pytest.raises(PlacementError, match="populations"):
        judge(placement, cells(size=20)[0])


@pytest.mark.parametrize("ending", ["json", "npz", "yaml", "part"])
def test_a_placement_comes_back_from_every_format(tmp_path: Path, ending: str) -> None:
    net, traffic = cells()
    chip = nr.mesh_chip(3, 3, neurons=4)
    placement = nr.place(net, chip, traffic, effort="fast")
    write_placement(placement, tmp_path / f"placement.{ending}")
    again = read_placement(tmp_path / f"placement.{ending}", net, chip)
    np.testing.assert_array_equal(again.core["cells"], placement.core["cells"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mappings:\n  - other: [core: 0.0]\n", "populations"),
        ("mappings:\n  - cells.0: [core: 0.0]\n", "none for neuron 1"),
        ("mappings:\n  - cells: [core: 9.0]\n", "tile.core"),
        ("mappings:\n  - cells.7..99: [core: 0.0]\n", "neurons 0..23"),
        ("network: {}\n", "mappings"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "net.yaml").write_text(text)
    with pytest.raises(PlacementError, match=complaint):
        read_placement(tmp_path / "net.yaml", cells()[0], nr.mesh_chip(3, 3, neurons=4))


def test_an_imported_placement_beyond_a_limit_is_told() -> None:
    net, _ = cells()
    placement = nr.placed(net, nr.mesh_chip(2, 1, neurons=10), {"cells": 0})
    assert broken_limits(placement) == {"neurons": (0, 24, 10)}


@pytest.mark.parametrize("name", list(BASELINES))
def test_baselines_keep_to_the_limit_of_neurons_and_repeat_themselves(name: str) -> None:
    traffic, chip = random_traffic(40, 4, 3), mesh_chip(4, 4, neurons=6)
    try:
        once = baseline(name, traffic, chip, seed=1)
    except PeerError as problem:
        pytest.skip(str(problem))
    assert np.bincount(once).max() <= 6
    np.testing.assert_array_equal(once, baseline(name, traffic, chip, seed=1))


def test_filling_keeps_to_synapses_and_axons() -> None:
    traffic = random_traffic(30, 4, 5)
    chip = mesh_chip(9, 9, neurons=8, synapses=20, axons_in=14)
    part = fill_cores(traffic, chip, np.arange(30), np.array([0]))
    assert np.bincount(part, traffic.fan_in).max() <= 20
    sources = [len(set(traffic.source[part[traffic.target] == p].tolist())) for p in range(part.max() + 1)]
    assert max(sources) <= 14


def test_comparing_and_sweeping_say_what_did_not_work() -> None:
    net, traffic = cells()
    methods = ["row-major", "neuro"]
    entries = compare(net, nr.mesh_chip(3, 3, 4), traffic, effort="fast", methods=methods)
    found = {entry.name: entry for entry in entries}
    assert (found["neuro"].costs["km1"] or 0.0) <= (found["row-major"].costs["km1"] or 0.0)
    swept = what_if(net, nr.mesh_chip(3, 3, 4), traffic, changes={"neurons": [1, 8], "side": [3]})
    assert [entry.placement is None for entry in swept] == [True, False, False]
    assert "neurons" in swept[0].remark
    with pytest.raises(UnknownName, match="cores_per_tile"):
        what_if(net, nr.mesh_chip(3, 3, 4), traffic, changes={"colour": [1]})


@pytest.mark.parametrize("shape", ["chain", "tree"])
@settings(deadline=None, max_examples=40)
@given(traffic=traffics(), most=st.integers(6, 8))
def test_splitting_keeps_every_synapse_and_leaves_nobody_with_too_many(shape, traffic, most: int) -> None:
    try:
        found = split_fan_in(traffic, most, shape)
    except ParameterError:
        assert traffic.synapses.max(initial=0) >= most
        return
    made = found.traffic
    assert made.fan_in.max(initial=0) <= most
    assert made.neurons == traffic.neurons + found.relays
    reached = np.zeros((made.neurons, traffic.neurons), bool)
    for relay in reversed(range(made.neurons)):
        for target in made.target[made.start[relay] : made.start[relay + 1]]:
            reached[relay] |= reached[target] if target >= traffic.neurons else np.arange(traffic.neurons) == target
    direct = np.zeros((traffic.neurons, traffic.neurons), bool)
    direct[traffic.source, traffic.target] = True
    # Later relays gather earlier ones, so one pass backwards follows every path.
    np.testing.assert_array_equal(reached[: traffic.neurons], direct)
    assert int(made.fan_in.sum()) == int(traffic.fan_in.sum()) + found.relays


@pytest.mark.parametrize("name", list(KINDS))
def test_generated_networks_have_no_pair_twice_and_no_neuron_onto_itself(name: str) -> None:
    drawn = draw_kind(name, seed=3, scale=0.05)
    assert len(np.unique(drawn.source * drawn.neurons + drawn.target)) == len(drawn.source)
    assert np.all(drawn.source != drawn.target)
    np.testing.assert_array_equal(drawn.target, draw_kind(name, seed=3, scale=0.05).target)
    network, traffic = network_of(drawn)
    assert len(traffic["cells"]) == network.populations["cells"].size


def test_networks_come_from_arrays_in_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", source=[0, 1], target=[1, 2], spikes=[3, 4, 5])
    (tmp_path / "net.json").write_text('{"source": [0, 1], "target": [1, 2], "neurons": 4}')
    for name, size in (("net.npz", 3), ("net.json", 4)):
        network, traffic = network_from(str(tmp_path / name))
        assert network.populations["cells"].size == size
        assert len(traffic["cells"]) == size
    (tmp_path / "bad.json").write_text("[]")
    for text in (str(tmp_path / "bad.json"), "nowhere.npz", "lsm@-1"):
        with pytest.raises(NeuroError):
            network_from(text)


def test_a_mesh_in_words_is_a_chip_or_is_refused() -> None:
    assert chip_from_text("mesh:3x2:8:100:50").limits.axons_in == 50
    with pytest.raises(ParameterError, match="WIDTHxHEIGHT"):
        chip_from_text("mesh:3:8")


def test_the_report_of_a_map_has_costs_bounds_and_the_limit_that_binds(tmp_path: Path) -> None:
    report = run_map("lsm@0.02", "mesh:3x3:32", effort="fast", write=[tmp_path / "net.hgr", tmp_path / "p.json"])
    assert report.metrics["multicast_hops"] >= report.metrics["km1"]
    assert "neurons bind" in report.tables[1].title
    assert (tmp_path / "net.hgr").exists()
    again = run_map("lsm@0.02", "mesh:3x3:32", read=tmp_path / "p.json")
    assert dict(again.metrics) == dict(report.metrics)
