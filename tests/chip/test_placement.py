"""Placements: routes have every synapse once, and files give back what was written."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.files import chip_from_dict, chip_to_dict
from neuro.errors import PlacementError, UnknownName
from tests.placements import placements, priced

SYNAPSES = {
    "sparse": nr.Sparse([0, 0, 1, 3], [2, 2, 0, 4], [1.0, 2.0, 0.0, 1.0]),
    "dense": nr.Dense(np.arange(20.0).reshape(4, 5) % 3),
    "all": nr.AllToAll(1.0),
    "p": nr.FixedProbability(0.4, 1.0),
    "k": nr.FixedIndegree(2, 1.0),
    "crossbar": nr.Crossbar(np.arange(20.0).reshape(4, 5) - 9, device=nr.load_device("ideal")),
}


def network(*kinds):
    net = nr.Network(seed=3)
    net.add(nr.Population("cue", 4, nr.SpikeSource()))
    net.add(nr.Population("cell", 5, nr.LIF(tau_m=20e-3, v_th=1e9)))
    for kind in kinds:
        net.connect("cue", "cell", SYNAPSES[kind], delay=1e-3, name=kind)
    return net


@pytest.mark.parametrize("kind", SYNAPSES)
@pytest.mark.parametrize("chip", [priced(), nr.load_chip("truenorth")], ids=["few cores", "many cores"])
def test_routes_have_the_synapses_that_the_engine_counts(kind, chip):
    net = network(kind)
    placement = nr.placed(net, chip, {"cue": [0, 5, 9, 0], "cell": [1, 0, 1, 7, 7]})
    for neuron in range(4):
        recording = nr.run(net, 0.01, inputs={"cue": nr.Spikes([0.0], [neuron])})
        entries = slice(*placement.routes.start[neuron : neuron + 2])
        assert placement.routes.synapses[entries].sum() == recording.events[kind]
        assert np.all(np.diff(placement.routes.core[entries]) > 0)


@pytest.mark.parametrize("chip", [priced(), nr.load_chip("truenorth")], ids=["few cores", "many cores"])
def test_synapses_go_to_the_cores_of_their_targets(chip):
    placement = nr.placed(network("sparse"), chip, {"cue": 0, "cell": [1, 1, 4, 4, 2]}, synapses={"sparse": "x"})
    routes = placement.routes
    assert routes.start.tolist() == [0, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    assert routes.core.tolist() == [4, 1, 2]
    assert routes.synapses.tolist() == [2, 1, 1]
    assert routes.nonzero.tolist() == [2, 0, 1]
    assert routes.variants["x"].tolist() == [2, 1, 1]


def test_projections_onto_one_core_share_an_entry():
    placement = nr.placed(network("sparse", "all"), priced(), {"cue": 0, "cell": 3}, synapses={"all": "x"})
    assert placement.routes.core.tolist() == [3, 3, 3, 3]
    assert placement.routes.synapses.tolist() == [7, 6, 5, 6]
    assert placement.routes.variants["x"].tolist() == [5, 5, 5, 5]


def test_usage_counts_what_each_core_holds():
    placement = nr.placed(network("dense"), priced(), {"cue": [0, 0, 1, -1], "cell": [1, 1, 1, 2, 2]})
    used = {limit: count[:3].tolist() for limit, count in placement.usage.items()}
    assert used == {"neurons": [2, 4, 2], "synapses": [0, 12, 8], "axons_in": [0, 4, 4], "axons_out": [4, 1, 0]}


def test_the_slow_current_of_loihi_is_a_compartment_of_its_own():
    net = nr.Network()
    net.add(nr.Population("ahp", 3, nr.LoihiAHP(d_v=204, v_th=127, d_a=5, w_a=96, e_a=-4)))
    net.add(nr.Population("lif", 2, nr.LoihiLIF(d_v=204, v_th=127)))
    assert nr.placed(net, priced(), {"ahp": 0, "lif": 0}).usage["neurons"][0] == 8
    assert nr.placed(net, priced(), {"ahp": 0, "lif": 0}, compartments={"ahp": 1}).usage["neurons"][0] == 5


@pytest.mark.parametrize(
    ("core", "rule"),
    [
        ({"cue": 0}, "'cell'.*needs a core"),
        ({"cue": 0, "cell": [0, 1]}, r"5 of them"),
        ({"cue": 0, "cell": 24}, r"0\.\.23.*got 24"),
        ({"cue": 0, "cell": -1}, r"0\.\.23; got -1"),
        ({"cue": -2, "cell": 0}, "or -1 for a source"),
        ({"cue": 0.5, "cell": 0}, "whole"),
    ],
)
def test_cores_that_cannot_be_are_refused(core, rule):
    with pytest.raises(PlacementError, match=rule):
        nr.placed(network("all"), priced(), core)


@pytest.mark.parametrize("given_", [{"core": {"who": 0}}, {"synapses": {"who": "x"}}, {"neurons": {"who": "x"}}])
def test_names_that_are_not_of_the_network_are_refused(given_):
    with pytest.raises(UnknownName, match="'who'"):
        nr.placed(network("all"), priced(), **{"core": {"cue": 0, "cell": 0}, **given_})


@pytest.mark.parametrize("suffix", ["json", "npz"])
@given(placement=placements(), data=st.data())
def test_a_placement_comes_back_from_a_file_as_it_was(tmp_path_factory, suffix, placement, data):
    path = tmp_path_factory.mktemp("placement") / f"placement.{suffix}"
    placement = replace(placement, variants={"a": "x"}, structure={"pairs": 3.0})
    placement.save(path)
    loaded = nr.load_placement(path)
    assert loaded.chip == placement.chip
    assert list(loaded.core) == list(placement.core)
    for name, core in placement.core.items():
        np.testing.assert_array_equal(loaded.core[name], core)
    for key in ("start", "core", "synapses", "nonzero"):
        np.testing.assert_array_equal(getattr(loaded.routes, key), getattr(placement.routes, key))
    np.testing.assert_array_equal(loaded.routes.variants["sparse"], placement.routes.variants["sparse"])
    for key in ("sources", "variants", "compartments", "structure"):
        assert getattr(loaded, key) == getattr(placement, key)


@pytest.mark.parametrize("name", nr.list_chips())
def test_every_chip_survives_a_file(name):
    chip = nr.load_chip(name)
    assert chip_from_dict(chip_to_dict(chip)) == chip
    assert hash(chip_from_dict(chip_to_dict(chip))) == hash(chip)


@pytest.mark.parametrize("name", ["bad.json", "bad.npz"])
def test_a_file_that_is_no_placement_is_refused(tmp_path, name):
    (tmp_path / name).write_text('{"neuro": "something else", "arrays": {}}', encoding="utf-8")
    with pytest.raises(PlacementError, match="placement"):
        nr.load_placement(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        nr.load_placement(tmp_path / f"no {name}")
