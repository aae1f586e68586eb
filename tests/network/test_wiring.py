"""A network has one fingerprint in every process, and a recording of another network is refused by its projection."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import InputError, PlacementError
from neuro.network.wiring import other_wiring, wiring_of


def network(synapses=None, seed=1, bias=1.5, name=None):
    net = nr.Network(seed=seed)
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0, bias=bias), positions=np.arange(4) * 1e-3))
    net.connect("cue", "cell", synapses or nr.Sparse([0, 0, 1], [1, 2, 3], 0.5), delay=1e-3, name=name)
    net.connect("cell", "cell", nr.Dense(np.ones((4, 4)) * 0.1), delay=1e-3)
    return net


PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), max_size=12)


@given(pairs=PAIRS, others=PAIRS, seed=st.integers(0, 9))
def test_lists_have_one_fingerprint_if_and_only_if_they_have_the_same_synapses(pairs, others, seed):
    def of(chosen):
        pre, post = np.array(chosen, np.int64).reshape(-1, 2).T
        return wiring_of(network(nr.Sparse(pre, post, 0.1 if len(pre) else [])))["cue->cell"]

    shuffled = [pairs[k] for k in np.random.default_rng(seed).permutation(len(pairs))]
    assert of(pairs) == of(shuffled)
    assert (of(pairs) == of(others)) == (sorted(pairs) == sorted(others))


KINDS = {
    "listed": lambda: nr.Sparse([0, 0, 1], [1, 2, 3], 0.5),
    "matrix": lambda: nr.AllToAll(0.5),
    "rule": lambda: nr.FixedProbability(0.5, weight=0.1),
    "degree": lambda: nr.FixedIndegree(2, weight=0.1),
    "number": lambda: nr.FixedTotalNumber(5, weight=0.1),
}


def test_descriptions_of_other_wirings_differ_and_weights_parameters_and_processes_do_not_matter():
    made = {kind: wiring_of(network(make()))["cue->cell"] for kind, make in KINDS.items()}
    assert len(set(made.values())) == len(KINDS)
    assert wiring_of(network(nr.Dense(np.arange(8.0).reshape(2, 4)), bias=0.3))["cue->cell"] == made["matrix"]
    assert wiring_of(network(nr.FixedProbability(0.5, weight=0.7)))["cue->cell"] == made["rule"]
    assert wiring_of(network(nr.FixedProbability(0.5, weight=0.1), seed=2))["cue->cell"] != made["rule"]
    assert wiring_of(network(nr.FixedProbability(0.6, weight=0.1)))["cue->cell"] != made["rule"]
    code = "from tests.network.test_wiring import *\n"
    code += "print({k: wiring_of(network(make()))['cue->cell'] for k, make in KINDS.items()})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(made)


def test_a_drawn_network_and_its_synapses_as_a_list_may_be_the_same():
    assert other_wiring({"a": "drawn 1"}, {"a": "listed 2"}) == ("", "")
    assert other_wiring({"a": "drawn 1"}, {"a": "drawn 2"})[0] == "a"
    assert other_wiring({"a": "matrix 1"}, {"a": "listed 1"}) == ("", "")
    assert other_wiring({"a": "drawn 1"}, {"b": "drawn 1"})[0] == "a"
    assert other_wiring({}, {"b": "drawn 1"}) == ("", "")


def recorded(net):
    return nr.run(net, 0.05, inputs={"cue": nr.Spikes([1e-3, 7e-3], [0, 1])})


OTHER = {
    "other targets": lambda: network(nr.Sparse([0, 0, 1], [1, 2, 2], 0.5)),
    "one synapse less": lambda: network(nr.Sparse([0, 0], [1, 2], 0.5)),
    "another name": lambda: network(name="else"),
}


def chip():
    return nr.load_chip("loihi_davies2018")


def placed(net):
    return nr.placed(net, chip(), {"cue": 0, "cell": [0, 0, 1, 1]})


@pytest.mark.parametrize("way", ["in memory", "through files"])
@pytest.mark.parametrize("what", OTHER)
def test_a_recording_of_another_network_is_refused_by_its_projection(what, way, tmp_path):
    other, placement = recorded(OTHER[what]()), placed(network())
    if way == "through files":
        other.save(tmp_path / "run.h5")
        placement.save(tmp_path / "placement.json")
        other, placement = nr.load_recording(tmp_path / "run.h5"), nr.load_placement(tmp_path / "placement.json")
    name = "else" if what == "another name" else "cue->cell"
    with pytest.raises(PlacementError, match=rf"'{name}'.*same network") as caught:
        nr.account(other, placement, dt=1e-3)
    assert caught.value.remedy
    rule = "must be of this network|another network"
    with pytest.raises(InputError, match=rule):
        nr.place(network(), chip(), other)
    with pytest.raises(InputError, match=rule):
        nr.gradient(network(), other, loss={"cell": lambda spikes: (0.0, np.zeros(len(spikes)))})


def test_its_own_recording_is_accounted_from_memory_and_files_and_from_files_without_fingerprints(tmp_path):
    placement, recording = placed(network()), recorded(network(bias=1.7))
    expected = nr.account(recording, placement, dt=1e-3).total
    recording.save(tmp_path / "run.h5")
    placement.save(tmp_path / "placement.json")
    assert nr.load_placement(tmp_path / "placement.json").wiring == placement.wiring != {}
    again = nr.load_recording(tmp_path / "run.h5")
    assert again.provenance["network"]["wiring"] == wiring_of(network())
    assert nr.account(again, nr.load_placement(tmp_path / "placement.json"), dt=1e-3).total == expected
    header = json.loads((tmp_path / "placement.json").read_text())
    del header["wiring"]
    (tmp_path / "placement.json").write_text(json.dumps(header))
    del again.provenance["network"]["wiring"]
    again.save(tmp_path / "old.h5")
    for rec in (recording, nr.load_recording(tmp_path / "old.h5")):
        assert nr.account(rec, nr.load_placement(tmp_path / "placement.json"), dt=1e-3).total == expected
    assert nr.account(nr.load_recording(tmp_path / "old.h5"), placement, dt=1e-3).total == expected


def test_a_placement_may_have_synapses_that_the_engine_does_not_have():
    recording, more = recorded(network(bias=1.7)), network()
    more.connect("cell", "cell", nr.OneToOne(-1.0), delay=1e-3, name="second compartment")
    own, both = (nr.account(recording, placed(net), dt=1e-3) for net in (network(), more))
    assert both.by_cause["synapse"] > own.by_cause["synapse"]
    assert other_wiring(wiring_of(more), wiring_of(network())) != ("", "")


def test_streamed_recordings_and_trials_carry_the_fingerprint(tmp_path):
    net = network()
    nr.run(net, 0.02, record=nr.Record(to=tmp_path / "run.h5"))
    (trial,) = nr.run_trials(net, 0.02, [{}])
    for found in (nr.load_recording(tmp_path / "run.h5"), trial, nr.run(net, 0.02, engine="clocked", dt=1e-3)):
        assert found.provenance["network"]["wiring"] == wiring_of(net)
