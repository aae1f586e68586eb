"""The benchmark's own rules: what the networks are, who runs when, and what is refused before anything is built."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import neuro as nr
from neuro.bench import networks, peers
from neuro.bench.additions import add_synapses, first_synapses
from neuro.bench.engine import EngineBenchmark, as_dict, bench_engine, tables, take_turns
from neuro.bench.runners import AdditionsRunner, EngineRunner, Measurement, NumpyRunner, PeerRunner
from neuro.cli import app
from neuro.errors import ParameterError, PeerError, UnknownName

SMALL = {
    "balanced": lambda: networks.balanced(60, 20),
    "balanced-ahp": lambda: networks.balanced(60, 20, jump=1.0, name="balanced-ahp"),
    "sparse": lambda: replace(networks.sparse(2_000), duration=0.03),
    "crossbar": lambda: networks.crossbar(2, 100, 50, 40),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "NETWORKS", SMALL)
    monkeypatch.setattr("neuro.bench.engine.NETWORKS", SMALL)


def test_a_balanced_network_has_its_in_degree_in_excitation_and_inhibition():
    case = networks.balanced(50, 20)
    excitatory = case.pre < 40
    assert np.all(np.diff(case.pre) >= 0)
    assert np.all(np.bincount(case.post[excitatory], minlength=50) == 16)
    assert np.all(np.bincount(case.post[~excitatory], minlength=50) == 4)
    assert set(case.row_weight[:40]) == {0.3}
    assert set(case.row_weight[40:]) == {-1.5}


def test_sources_of_the_sparse_network_fire_on_the_grid_and_once_a_step_at_most():
    case = networks.sparse(2_000)
    steps = np.round(case.source_times / networks.GRID)
    np.testing.assert_allclose(steps * networks.GRID, case.source_times, rtol=1e-12)
    assert len({*zip(case.source_ids.tolist(), steps.tolist(), strict=True)}) == len(steps)
    assert np.all(np.bincount(case.source_pre) == 100)


@pytest.mark.parametrize("name", ["balanced", "sparse"])
def test_events_are_those_of_the_engine_and_of_spikes_that_arrive_after_the_end(small, name):
    case = networks.draw_case(name)
    network, inputs = networks.build_network(case)
    recording = nr.run(network, case.duration, inputs=inputs)
    fan_out = {"cells": np.bincount(case.pre, minlength=case.size), "sources": np.full(case.sources, 100)}
    late = 0
    for part, spikes in recording.spikes.items():
        late += fan_out[part][spikes.ids[spikes.times + networks.DELAY >= case.duration]].sum()
    assert case.events(recording.spikes["cells"].ids) == sum(recording.events.values()) + late


def test_all_simulators_count_the_same_synapses_of_a_crossbar(small):
    case = networks.draw_case("crossbar")
    neuro = EngineRunner(case)
    counted = {runner.run().events for runner in (neuro, NumpyRunner(case), AdditionsRunner(case, neuro))}
    assert counted == {sum(neuro.last.events.values())} == {len(case.row) * 50}


def test_the_limit_reaches_the_targets_of_the_spikes_with_their_weights():
    case = networks.balanced(60, 20)
    ids = np.array([3, 59, 3])
    target, expected = np.zeros(case.size), np.zeros(case.size)
    add_synapses(case, first_synapses(case.pre, case.size), case.post.astype(np.uint32), ids, target)
    for source in ids:
        np.add.at(expected, case.post[case.pre == source], case.row_weight[source])
    np.testing.assert_allclose(target, expected, rtol=1e-12)


class Counted:
    def __init__(self, name: str, log: list[str], walls: list[float]) -> None:
        self.name, self.log, self.walls = name, log, walls

    def run(self) -> Measurement:
        self.log.append(self.name)
        return Measurement(self.walls.pop(0), 1, 1_000)


def test_runners_take_turns_and_the_ratio_is_taken_turn_by_turn():
    log: list[str] = []
    runners = {"neuro": Counted("neuro", log, [1.0, 4.0, 2.0]), "peer": Counted("peer", log, [2.0, 4.0, 1.0])}
    runs = take_turns(runners, 3)
    assert log == ["neuro", "peer"] * 3
    bench = EngineBenchmark(
        network="n",
        peer="peer",
        threads=1,
        neuro=runs["neuro"],
        other=runs["peer"],
        limit=runs["neuro"],
        build_seconds={},
    )
    found = as_dict(bench)["ratio"]
    assert found["turns"] == [0.5, 1.0, 2.0]
    assert (found["median"], found["least"], found["most"]) == (1.0, 0.5, 2.0)


def test_one_thread_takes_turns_where_two_are_asked_for(small):
    bench = bench_engine("balanced", threads=2, turns=3)
    assert bench.speedup == [one.wall / two.wall for one, two in zip(bench.single, bench.neuro, strict=True)]
    assert {run.spikes for run in bench.single} == {run.spikes for run in bench.neuro}
    assert as_dict(bench)["speedup"]["turns"] == bench.speedup
    assert [row[0] for row in tables(bench)[1].rows][-1] == "neuro, 1 thread / 2"
    assert bench_engine("balanced", turns=1).single == ()


@pytest.mark.parametrize(
    ("peer", "network", "error", "says"),
    [
        ("nest", "balanced", UnknownName, "nest-exact"),
        ("nest-exact", "balanced-ahp", PeerError, "slow current"),
        ("brian2-cpp", "crossbar", PeerError, "numpy"),
        (None, "balancd", UnknownName, "balanced-ahp"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(peer, network, error, says):
    with pytest.raises(error, match=says):
        bench_engine(network, peer)


def test_no_turn_is_refused():
    with pytest.raises(ParameterError, match="1 or more"):
        bench_engine("balanced", turns=0)


@pytest.mark.parametrize("peer", sorted(peers.PEERS))
def test_a_missing_peer_is_refused_with_the_remedy(peer, monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PeerError, match=r"is not installed.*neuro-events\[bench\]") as found:
        peers.require(peer, "balanced")
    assert peer in str(found.value)


def test_a_brian2_peer_without_a_compiler_is_refused(monkeypatch):
    monkeypatch.setattr(peers.shutil, "which", lambda name: None)
    with pytest.raises(PeerError, match="compiler"):
        peers.require("brian2-cpp", "balanced")


STAND_IN = """
import json, sys
print(json.dumps({"build_seconds": 1.5, "version": "7"}), flush=True)
for line in sys.stdin:
    print(json.dumps({"wall": 0.25, "spikes": 3, "events": 250}), flush=True)
"""


def test_a_peer_answers_from_its_own_process():
    with PeerRunner("stand-in", "balanced", [sys.executable, "-c", STAND_IN]) as peer:
        assert (peer.build_seconds, peer.version) == (1.5, "7")
        assert peer.run().ns_per_event == 1e6
        assert peer.run() == Measurement(0.25, 3, 250)


def test_a_peer_that_fails_is_named_with_its_last_words():
    with pytest.raises(PeerError, match=r"peer 'stand-in'.*no such luck"):
        PeerRunner("stand-in", "balanced", [sys.executable, "-c", "raise SystemExit('no such luck')"])


def test_the_benchmark_itself_imports_no_peer():
    code = "import sys, neuro.bench.engine, neuro.bench.peers; print('brian2' in sys.modules, 'nest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("network", sorted(SMALL))
def test_the_command_prints_what_was_measured(small, network):
    done = CliRunner().invoke(app, ["bench", "engine", "--network", network, "--turns", "2", "--json"])
    found = json.loads(done.stdout)
    assert found["turns"] == 2
    assert found["peer"] == ("numpy" if network == "crossbar" else None)
    assert found["neuro"]["events"] > 0
    assert all(ns > 0 for part in ("neuro", "limit") for ns in found[part]["ns_per_event"]["turns"])
    assert ("ratio" in found) == (network == "crossbar")


def test_the_command_shows_a_table_of_times_and_one_of_ratios(small):
    done = CliRunner().invoke(app, ["bench", "engine", "--network", "crossbar", "--turns", "1"])
    assert done.exit_code == 0
    assert all(text in done.stdout for text in ("ns per event", "neuro, 1 thread", "neuro / numpy", "additions alone"))
