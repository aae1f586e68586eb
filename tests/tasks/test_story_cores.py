"""The published relational network at full size: cores by the published rules, limits, and what copies share."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import neuro as nr
from neuro.errors import ParameterError, PlacementError
from neuro.tasks import configure, run_task
from neuro.tasks._story_skeleton import DT, build, pairs_of, stored_bytes


@pytest.fixture(scope="module")
def published():
    return run_task("story-cores", "paper", overrides=("mapper=null",)).metrics


def test_the_published_rules_give_the_published_number_of_cores(published):
    assert published["rules/cores/first_layers"] == 840
    assert published["rules/cores/other_layers"] == 3 * 420
    assert published["rules/cores/readers"] == 42
    assert abs(published["rules/cores"] / 2430 - 1) <= 0.05


def test_no_core_of_it_exceeds_a_limit(published):
    limits = {"neurons": 1024, "axons_in": 4096, "axons_out": 2048, "cores_of_a_neuron": 511, "synapses": 2**20 // 8}
    for name, most in limits.items():
        assert 0 < published[f"rules/largest/{name}"] <= most, name


def test_copies_share_their_weights(published):
    words, cells, width = 180, 200, 256
    matrices = 2 * (words + cells) * cells + 3 * cells * width + 3 * width**2 + 181 * width
    assert 4 * matrices < published["stored_bytes"] < 4 * matrices + 64
    assert published["copied_bytes"] > 100 * published["stored_bytes"]


@pytest.fixture(scope="module")
def small():
    return build(configure("story-cores", "smoke"))


def test_a_pair_hears_both_sentences_and_the_question_once_and_in_one_step(small):
    net, sentences = small.network, configure("story-cores", "smoke").sentences
    into = {}
    for p in net.projections.values():
        if not p.pre.name.startswith(p.post.name.split()[0]) or p.post.name.startswith("relay"):
            into.setdefault(p.post.name, []).append(p)

    def routes(name):
        """Reader, synapses and steps of all ways into a population, through relays."""
        for p in into[name]:
            if p.pre.name.startswith("relay"):
                (before,) = into[p.pre.name]
                late = before.delay
                while before.pre.name.startswith("relay"):
                    (before,) = into[before.pre.name]
                    late += before.delay
                yield before.pre.name, p.pre.name, p.pre.size, round((late + p.delay) / DT)

    steps = set()
    for i, j in pairs_of(sentences):
        heard = {}
        for reader, _, size, late in routes(f"relation 0 {i} {j} 1"):
            name = reader.rsplit(" ", 1)[0]
            heard[name] = heard.get(name, 0) + size
            steps.add(late)
        once, cells = {f"reader {i}", f"reader {j}", "reader question"}, 20
        assert heard == {name: cells * (2 if i == j and name == f"reader {i}" else 1) for name in once}
    assert len(steps) == 1


def test_the_network_with_shared_weights_fires_as_one_with_copies_of_its_own(small):
    apart, spikes = nr.Network(), {}
    for population in small.network.populations.values():
        apart.add(population)
    for name, p in small.network.projections.items():
        apart.connect(p.pre, p.post, copy.deepcopy(p.synapses), delay=p.delay, name=name)
    rng = np.random.default_rng(0)
    for name, population in small.network.populations.items():
        if name.startswith("words"):
            steps, ids = np.nonzero(rng.random((30, population.size)) < 0.4)
            spikes[name] = nr.Spikes(steps * DT, ids)
    one, other = (nr.run(net, 60 * DT, inputs=spikes, engine="clocked", dt=DT) for net in (small.network, apart))
    for name in small.network.populations:
        assert np.array_equal(one.spikes[name].ids, other.spikes[name].ids)
        assert np.array_equal(one.spikes[name].times, other.spikes[name].times)
    assert sum(len(one.spikes[name].ids) for name in one.spikes if name.startswith("relation 0")) > 0
    assert stored_bytes(apart) > 5 * stored_bytes(small.network)


def test_the_mapper_takes_fewer_cores_within_the_same_limits():
    found = run_task("story-cores", "smoke").metrics
    assert found["mapper/least"] <= found["mapper/cores"] < found["rules/cores"]
    for name, most in {"neurons": 64, "axons_in": 128, "axons_out": 120}.items():
        assert found[f"mapper/largest/{name}"] <= most


def test_rules_that_exceed_a_core_are_refused_with_the_limit():
    with pytest.raises(PlacementError, match="synapses"):
        run_task("story-cores", "paper", overrides=("mapper=null", "first_a_core=256", "sentences=2"))


def test_limits_without_room_for_one_pair_are_refused():
    with pytest.raises(ParameterError, match="axons_out"):
        run_task("story-cores", "smoke", overrides=("axons_out=20",))
