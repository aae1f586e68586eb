"""One small file of every kind that this program writes or reads, with its writer and its reader."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nir
import numpy as np

import neuro as nr
from neuro.bench.map_command import network_from
from neuro.crossbar.device.fit import fit
from neuro.crossbar.device.reference_data import MeasuredFile
from neuro.mapping.files import read_placement, write_hmetis, write_placement
from neuro.paths import models_dir
from neuro.report import Report, write
from neuro.report.plots import heat_map
from neuro.report.style import save
from neuro.sweeps.plan import Plan
from neuro.sweeps.store import load_plan
from tests.sanafe_fixture import ARCHITECTURE

CELLS = 6


@cache
def network() -> nr.Network:
    net = nr.Network(seed=1)
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", CELLS, nr.LIF(tau_m=20e-3, v_th=1.0, bias=np.linspace(1.5, 3.0, CELLS))))
    net.connect("cue", "cell", nr.AllToAll(0.2), delay=1e-3)
    net.connect("cell", "cell", nr.Sparse([0, 1, 2], [1, 2, 3], 0.1), delay=2e-3)
    return net


@cache
def recording() -> nr.Recording:
    spikes = nr.Spikes([1e-3, 2e-3, 30e-3], [0, 1, 1])
    return nr.run(network(), 0.0513, inputs={"cue": spikes}, record=nr.Record(v={"cell": [0, 3]}))


def stream(path: Path) -> None:
    spikes = nr.Spikes([1e-3, 2e-3, 30e-3], [0, 1, 1])
    nr.run(network(), 0.0513, inputs={"cue": spikes}, record=nr.Record(v={"cell": [0, 3]}, to=path))


@cache
def placement() -> nr.Placement:
    return nr.placed(network(), nr.mesh_chip(2, 2, neurons=8), {"cue": [-1, 0], "cell": [0, 0, 1, 2, 3, 3]})


def summary(found: Any) -> Any:
    """What a reader gave, as plain values that can be compared."""
    if isinstance(found, nr.Recording):
        spikes = {name: (each.times.tolist(), each.ids.tolist()) for name, each in found.spikes.items()}
        voltages = {name: each.tolist() for name, each in found.v.items()}
        return spikes, voltages, found.v_times.tolist(), dict(found.events), found.start, found.stop
    if isinstance(found, nr.Placement):
        routes = [getattr(found.routes, name) for name in ("start", "core", "synapses", "nonzero")]
        cores = {name: core.tolist() for name, core in found.core.items()}
        return cores, [None if part is None else part.tolist() for part in routes], found.chip, sorted(found.sources)
    if hasattr(found, "arrays"):
        return [part.tobytes() for part in found.arrays], found.base, found.time, found.seed
    return repr(found)


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    name: str
    """File name, whose suffix may say how it is read."""
    write: Callable[[Path], object]
    """Writes a valid one."""
    read: Callable[[Path], Any] | None = None
    """Reads it."""
    ours: bool = True
    """Is `write` a function of the package?"""
    sums: bool = False
    """Do its bytes have checksums?"""

    def __str__(self) -> str:
        return self.name


def copy_of(folder: str, name: str) -> Callable[[Path], object]:
    return lambda path: shutil.copyfile(models_dir() / folder / name, path)


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content, encoding="utf-8")


def nir_file(path: Path) -> None:
    cell = nir.LIF(tau=np.ones(2), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2))
    nodes = {"in": nir.Input(np.array([3])), "fc": nir.Linear(np.ones((2, 3))), "cell": cell}
    nir.write(path, nir.NIRGraph(nodes, [("in", "fc"), ("fc", "cell")], type_check=False))


def measured(path: Path) -> None:
    points = np.linspace(1e-6, 9e-6, 5)
    change = np.sort(np.random.default_rng(1).uniform(0, 1e-6, (1, 3, 5)), axis=1)
    with path.open("wb") as file:
        np.savez(file, conductance=points[None], probability=np.array([0.1, 0.5, 0.9]), set_change=change,
                 reset_change=-change)  # fmt: skip


def synapses(path: Path) -> None:
    arrays = {"source": [0, 1, 2], "target": [1, 2, 0], "spikes": [3.0, 0.0, 1.5], "neurons": 3}
    if path.suffix == ".json":
        path.write_text(json.dumps(arrays))
    else:
        with path.open("wb") as file:
            np.savez(file, **arrays)


def described(path: Path) -> Any:
    net, traffic = network_from(str(path))
    return {name: p.size for name, p in net.populations.items()}, traffic["cells"].tolist()


def placed_again(path: Path) -> Any:
    return read_placement(path, network(), placement().chip)


def curve(path: Path) -> None:
    levels = 1e-6 * np.concatenate([np.linspace(1, 9, 20), np.linspace(9, 1, 20)])
    path.write_text("pulse,conductance (S)\n" + "".join(f"{k},{g:.6g}\n" for k, g in enumerate(levels)))


@cache
def sonata_folder() -> Path:
    """A folder with the nodes of the network in SONATA, and the table of their types."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    nr.write_sonata(network(), folder / "nodes.h5", node_types=folder / "node_types.csv")
    return folder


def plan(path: Path) -> None:
    found = Plan(task="braille", preset="smoke", settings={}, grid={"trials": ["9"]}, zipped=False, seeds=1, seed=None)
    path.write_text(json.dumps(asdict(found)))


FORMATS = [
    Format("recording.h5", lambda path: recording().save(path), nr.load_recording, sums=True),
    Format("stream.h5", stream, nr.load_recording, sums=True),
    Format(
        "state.h5", lambda path: recording().state.save(path), lambda path: nr.load_state(path, network()), sums=True
    ),
    Format("placement.npz", lambda path: placement().save(path), nr.load_placement, sums=True),
    Format("placement.json", lambda path: placement().save(path), nr.load_placement),
    Format("mapping.yaml", lambda path: write_placement(on_cores(), path), placed_again),
    Format("mapping.part", lambda path: write_placement(placement(), path), placed_again),
    Format("network.hgr", lambda path: write_hmetis(network(), path)),
    Format("figure.png", lambda path: save(heat_map([[1.0]], xlabel="x", ylabel="y", label="z"), path)),
    *([Format("page.html", lambda path: nr.html_report(path, recording()))] if find_spec("plotly") else []),
    Format("report", lambda path: write(Report(task="t", metrics={"a": 1.0}), path)),
    Format("network.nir", nir_file, lambda path: nr.read_nir(path, dt=1e-4), ours=False),
    Format("written.nir", lambda path: nr.write_nir(network(), path), nr.read_nir),
    Format("synapses.npz", synapses, described, ours=False),
    Format("synapses.json", synapses, described, ours=False),
    Format("loihi_davies2018.toml", copy_of("chips", "loihi_davies2018.toml"), nr.load_chip, ours=False),
    Format("ideal.toml", copy_of("devices", "ideal.toml"), nr.load_device, ours=False),
    Format("architecture.yaml", text(ARCHITECTURE), nr.load_chip, ours=False),
    Format("curve.csv", curve, lambda path: fit(path), ours=False),
    Format("edges.h5", lambda path: nr.write_sonata(network(), path), nr.read_sonata),
    Format(
        "nodes.h5",
        lambda path: shutil.copyfile(sonata_folder() / "nodes.h5", path),
        lambda path: nr.read_sonata(path, node_types=sonata_folder() / "node_types.csv").nodes,
        ours=False,
    ),
    Format(
        "node_types.csv",
        lambda path: shutil.copyfile(sonata_folder() / "node_types.csv", path),
        lambda path: nr.read_sonata(sonata_folder() / "nodes.h5", node_types=path).nodes,
        ours=False,
    ),
    Format("sweep.json", plan, lambda path: load_plan(path.parent).points(), ours=False),
    Format("measured.npz", measured, lambda path: MeasuredFile(str(path)).load(), ours=False),
]


@cache
def on_cores() -> nr.Placement:
    return nr.placed(network(), placement().chip, {"cue": 0, "cell": [0, 0, 1, 2, 3, 3]})


WRITTEN = [each for each in FORMATS if each.ours]
READ = [each for each in FORMATS if each.read is not None]


def members(path: Path) -> dict[str, bytes]:
    """The members of a zip file."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
