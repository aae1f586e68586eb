"""Places benchmark networks and the networks of this project on meshes of cores, by this and by other methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.bench.mapping_networks import NETWORKS, draw, jin_layers, network_of
from neuro.chip.load import load_chip
from neuro.chip.model import mesh_chip
from neuro.engine.recording import Spikes
from neuro.engine.run import run as simulate
from neuro.errors import UnknownName
from neuro.mapping.compare import OURS, compare
from neuro.mapping.layout.layout import arrange
from neuro.network.graph import Network, Population
from neuro.network.neurons import LIF, SpikeSource
from neuro.network.synapses import Dense, OneToOne
from neuro.progress import Progress
from neuro.randomness import stream
from neuro.report import Report, Table
from neuro.report.mapping import comparison_tables, mesh_maps
from neuro.tasks._trained_networks import TRAINED, bought, trained_table

OWN = ("braille_memory",)
"""Networks of this project's tasks, placed by the spikes of a run."""


class Config(BaseModel):
    """Settings of the mapping study."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="root of all random draws")
    networks: tuple[str, ...] = Field((*NETWORKS, *OWN), description="which networks")
    scale: float = Field(1.0, gt=0, description="of the benchmark networks' neurons")
    neurons: int = Field(256, ge=1, description="neurons a core, of the benchmark networks")
    own_neurons: int = Field(16, ge=1, description="neurons a core, of the project's own")
    objective: str = Field("multicast_hops", description="what is minimized")
    effort: str = Field("best", description="fast, balanced or best")
    methods: tuple[str, ...] = Field(
        ("random", "sequential", "row-major", "metis", "mt-kahypar", "metis+annealing", "hilbert+force", OURS),
        description="which methods",
    )
    trained: tuple[str, ...] = Field(
        ("digits", "loihi_smnist", "microcircuit", "mnist", "store_recall", "stories"),
        description="networks of this project's tasks, placed on `chip`",
    )
    trained_size: float = Field(
        0.1, gt=0, le=1, description="share of the microcircuit, of the network for stories, and of trainings"
    )
    chip: str = Field("loihi_davies2018", description="the chip that they are placed on")
    jin: tuple[int, ...] = Field((32, 64), description="sides of the meshes for the layered graphs of Jin et al.")


PRESETS = {
    "smoke": Config(
        scale=0.1, effort="fast", jin=(16,), networks=("lsm", "mlp", "sheet", "braille_memory"),
        methods=("random", "sequential", "hilbert+force", OURS), trained=("digits", "microcircuit"), trained_size=0.01,
    ),
    "paper": Config(),
}  # fmt: skip


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Place every network by every method and tabulate the costs."""
    for name in config.networks:
        if name not in (*NETWORKS, *OWN):
            raise UnknownName("network", name, (*NETWORKS, *OWN))
    for name in config.trained:
        if name not in TRAINED:
            raise UnknownName("network of this project", name, TRAINED)
    metrics: dict[str, float] = {}
    tables: list[Table] = []
    figures: dict[str, Any] = {}
    total = len(config.networks) + len(config.jin) + len(config.trained)
    for number, name in enumerate(config.networks):
        progress(number, total, name)
        if name in NETWORKS:
            network, traffic = network_of(draw(name, config.seed, config.scale))
            per_core = config.neurons
        else:
            network, traffic = braille_memory(config.seed)
            per_core = config.own_neurons
        neurons = sum(population.size for population in network.populations.values())
        cores = -(-neurons // per_core)
        side = int(np.ceil(np.sqrt(cores)))
        # Cores are not rationed where every population begins a new one.
        chip = mesh_chip(side, side, neurons=per_core)
        entries = compare(
            network, chip, traffic, objective=config.objective, effort=config.effort, seed=config.seed,
            cores=cores, methods=config.methods,
        )  # fmt: skip
        for entry in entries:
            metrics |= {f"{name}_{entry.name}_{key}": cost for key, cost in entry.costs.items() if cost is not None}
            if entry.placement is not None and entry.name in ("sequential", OURS):
                found = mesh_maps(entry.placement, network, traffic, entry.name)
                loads = {key: figure for key, figure in found.items() if key.endswith(("router", "link"))}
                figures |= {f"{name}_{key}": figure for key, figure in loads.items()}
        title = f"{name}: {neurons:,} neurons, {cores} cores, mesh {side} x {side}"
        tables += comparison_tables(entries, title, "method")
    rows = []
    for number, side in enumerate(config.jin):
        progress(len(config.networks) + number, total, f"layers {side} x {side}")
        length = _layers(side, config)
        metrics[f"jin_{side}_weighted_length"] = length
        rows.append((f"{side} x {side}", length, {32: 6712.32, 64: 42988.2}.get(side)))
    if rows:
        tables.append(Table("Layered graphs of Jin et al.", ("mesh", "weighted length", "their best"), tuple(rows)))
    if config.trained:
        chip, costs = load_chip(config.chip), {}
        for number, name in enumerate(config.trained):
            progress(total - len(config.trained) + number, total, name)
            example = TRAINED[name](config.trained_size, config.seed)
            costs[name] = bought(example, chip, config.effort, config.seed)
            for method, found in costs[name].items():
                metrics |= {f"{name}_{method.replace(' ', '_')}_{key}": value for key, value in found.items()}
        tables.append(trained_table(costs, chip))
    return Report(task="mapping-study", metrics=metrics, tables=tuple(tables), figures=figures)


def _layers(side: int, config: Config) -> float:
    """Weighted length of the layered graph on a mesh."""
    source, target, weight = jin_layers(side)
    chip = mesh_chip(side, side, neurons=1)
    place = arrange(source, target, weight, chip, side * side, effort=config.effort, seed=config.seed)
    xy = np.asarray(chip.xy)[place]
    return float((weight * np.abs(xy[source] - xy[target]).sum(axis=1)).sum())


def braille_memory(seed: int) -> tuple[Network, Any]:
    """The Braille task's network: 60 cue neurons onto a Hopfield memory of 60, and the recording of one recall."""
    random = stream(seed, "mapping study")
    words = np.where(random.random((9, 60)) < 0.5, 1.0, -1.0)
    weights = words.T @ words / 60.0
    np.fill_diagonal(weights, 0.0)
    net = Network(seed=seed)
    cue = net.add(Population("cue", 60, SpikeSource()))
    memory = net.add(Population("memory", 60, LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, refractory=5e-3)))
    net.connect(cue, memory, OneToOne(9.0), delay=1e-3)
    net.connect(memory, memory, Dense(2.0 * weights), delay=1e-3)
    on = np.flatnonzero(words[0] > 0)
    times = np.repeat(np.arange(5, 45, 10) * 1e-3, len(on))
    return net, simulate(net, 0.1, inputs={"cue": Spikes(times, np.tile(on, 4))}, seed=seed)
