"""`neuro simulate`: spikes come in from every kind of file, and the counts of all nodes go out."""

import json
import re
import warnings

import nir
import numpy as np
import pytest
from typer.testing import CliRunner

import neuro as nr
from neuro.cli import app
from tests.exchange.test_graphs import neurons
from tests.exchange.test_nir import BRAILLE, DT, published, train

SIGNAL = np.random.default_rng(3).random((40, 3)) < 0.3


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("nir") / "net.nir"
    nodes = {
        "in": nir.Input(np.array([3])), "fc": nir.Linear(np.full((2, 3), 0.9)), "cell": neurons("LIF", 2),
        "out": nir.Output(np.array([2])),
    }  # fmt: skip
    nir.write(path, nir.NIRGraph(nodes, [("in", "fc"), ("fc", "cell"), ("cell", "out")], type_check=False))
    return path


def recorded(path):
    net = nr.Network()
    net.add(nr.Population("in", 3, nr.SpikeSource()))
    nr.run(net, 40 * DT, inputs={"in": train(SIGNAL)}).save(path)


def lines(*rows):
    return lambda path: path.write_text("\n".join(rows) + "\n")


def events(path):
    step, neuron = np.nonzero(SIGNAL)
    data = nir.EventData(np.append(neuron, -1)[None], np.append(step * DT, np.inf)[None], 3, 40 * DT)
    nir.write_data(path, nir.NIRGraphData({"in": nir.NIRNodeData({"spikes": data})}))


def gridded(path):
    data = nir.TimeGriddedData(SIGNAL[None], DT)
    nir.write_data(path, nir.NIRGraphData({"in": nir.NIRNodeData({"spikes": data})}))


STEP, NEURON = np.nonzero(SIGNAL)
ROWS = [f"{t * DT!r},{i}" for t, i in zip(STEP.tolist(), NEURON.tolist(), strict=True)]
FILES = {
    "times.npz": lambda path: np.savez(path, times=STEP * DT, ids=NEURON),
    "matrix.npz": lambda path: np.savez(path, SIGNAL),
    "named.npz": lambda path: np.savez(path, **{"in": SIGNAL}),
    "plain.csv": lines("time,id", *ROWS),
    "named.csv": lines("node,time,id", *(f"in,{row}" for row in ROWS)),
    "recording.h5": recorded,
    "events.nir": events,
    "gridded.nir": gridded,
}


def simulate(*arguments):
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


@pytest.mark.parametrize("engine", ["clocked", "exact"])
@pytest.mark.parametrize("name", FILES)
def test_spikes_of_every_kind_of_file_are_those_of_run(name, engine, net, tmp_path):
    FILES[name](tmp_path / name)
    options = {"engine": "clocked", "dt": DT} if engine == "clocked" else {}
    expected = nr.run(nr.read_nir(net, dt=DT), 40 * DT, inputs={"in": train(SIGNAL)}, **options)
    assert len(expected.spikes["cell"]) > 3
    found = simulate(net, "--input", tmp_path / name, "--duration", 40 * DT, "--dt", DT, "--engine", engine, "--json")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout)
    assert report["metrics"] == {"spikes/in": SIGNAL.sum(), "spikes/cell": len(expected.spikes["cell"])}
    assert any("reset" in each for each in report["provenance"]["assumptions"])


BAD = {
    "nothing.npz": (lambda path: None, "no such file"),
    "pickle.npz": (lambda path: np.savez(path, times=np.array([{}], object), ids=[0]), "Python objects"),
    "other.npz": (lambda path: np.savez(path, weights=np.ones(3)), "times.*ids"),
    "halves.npz": (lambda path: np.savez(path, 0.5 * SIGNAL), "whole numbers"),
    "empty.csv": (lines(""), "header with `time`"),
    "words.csv": (lines("time,id", "soon,1"), "line 2.*soon"),
    "stranger.csv": (lines("node,time,id", "nobody,0.001,0"), "nobody"),
    "beyond.csv": (lines("time,id", "0.001,7"), "in"),
    "graph.nir": (lambda path: nir.write(path, nir.NIRGraph({}, [], type_check=False)), "no data of NIR"),
    "spikes.txt": (lines("0.1 0"), "kind of file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_file_without_spikes_ends_in_a_sentence(name, net, tmp_path):
    write, says = BAD[name]
    write(tmp_path / name)
    found = simulate(net, "--input", tmp_path / name, "--duration", 0.01, "--out", tmp_path / "out")
    assert found.exit_code == 2
    assert found.stderr.startswith("error: ")
    assert re.search(says, found.stderr), found.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_gets_the_report_the_raster_and_the_recording(net, tmp_path):
    FILES["times.npz"](tmp_path / "in.npz")
    found = simulate(net, "--input", tmp_path / "in.npz", "--duration", 40 * DT, "--out", tmp_path / "out")
    assert found.exit_code == 0, found.output
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"report.json", "raster.png", "recording.h5"}
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    kept = nr.load_recording(tmp_path / "out" / "recording.h5")
    assert report["metrics"]["spikes/cell"] == len(kept.spikes["cell"])


@published
def test_the_braille_network_runs_from_the_command_line(tmp_path):
    sample = np.load(BRAILLE / "braille_ds_test_0_256x12.npy")
    np.savez(tmp_path / "sample.npz", input=sample)
    net = BRAILLE / "braille_noDelay_bias_zero.nir"
    options = ["--duration", 256 * DT, "--dt", DT, "--engine", "clocked", "--json"]
    found = simulate(net, "--input", tmp_path / "sample.npz", *options)
    assert json.loads(found.stdout)["metrics"]["spikes/lif1.lif"] == 119


@pytest.fixture
def leaky(tmp_path):
    """A file of two neurons whose leak alone makes them fire, in steps of 1."""
    cell = nir.LIF(tau=np.full(2, 8.0), r=np.ones(2), v_leak=np.array([1.4, 1.5]), v_threshold=np.ones(2))
    nodes = {"in": nir.Input(np.array([1])), "fc": nir.Linear(np.ones((2, 1))), "cell": cell}
    nir.write(tmp_path / "leaky.nir", nir.NIRGraph(nodes, [("in", "fc"), ("fc", "cell")], type_check=False))
    return tmp_path / "leaky.nir"


@pytest.mark.parametrize("options", [{}, {"decay": "exponential"}, {"initial": "v_leak"}, {"reset": "subtract"}])
def test_the_command_line_reads_a_file_as_read_nir_does(options, leaky):
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    found = simulate(leaky, "--duration", 500, "--dt", 1, "--engine", "clocked", "--json", *words)
    assert found.exit_code == 0, found.output
    expected = nr.run(nr.read_nir(leaky, dt=1.0, **options), 500.0, engine="clocked", dt=1.0).spikes["cell"]
    plain = nr.run(nr.read_nir(leaky, dt=1.0), 500.0, engine="clocked", dt=1.0).spikes["cell"]
    assert json.loads(found.stdout)["metrics"]["spikes/cell"] == len(expected)
    assert (len(expected) == len(plain)) == (not options)


@pytest.mark.parametrize("option", ["--decay", "--initial"])
def test_a_way_of_reading_that_there_is_not_ends_in_a_sentence(option, leaky):
    found = simulate(leaky, "--duration", 10, "--dt", 1, option, "never")
    assert found.exit_code == 2
    assert re.search(rf"error: {option[2:]}.*never", found.stderr), found.stderr


def test_a_file_that_counts_in_steps_warns_of_no_long_times(leaky):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nr.read_nir(leaky, dt=1.0)
    with pytest.warns(nr.UnitWarning, match=r"tau_m = 8 s"):
        nr.read_nir(leaky, dt=1e-3)
