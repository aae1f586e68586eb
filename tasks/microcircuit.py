"""The cortical microcircuit of Potjans and Diesmann (2014), at full size or scaled down: rates, time, memory."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

import neuro as nr
from neuro.accounting.report import EnergyReport
from neuro.engine.recording import Recording
from neuro.errors import InfeasibleError
from neuro.progress import Progress
from neuro.report import Report, Table
from neuro.report.plots import spike_raster
from neuro.tasks._microcircuit import FULL_RATES, POPULATIONS, circuit
from neuro.tasks._spike_statistics import correlation, irregularity, raster, rate
from neuro.units import ms

PUBLISHED_RATES = (0.86, 2.80, 4.45, 5.93, 7.59, 8.64, 1.09, 7.88)
"""Spontaneous rates of the paper, Hz, with Poisson drive, full size; quoted from memory, not compared with the text."""


class Config(BaseModel):
    """Settings of the microcircuit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="root of all random draws")
    size: float = Field(1.0, ge=0.001, le=1, description="share of the 77,169 neurons")
    indegree: float = Field(1.0, ge=0.001, le=1, description="share of the synapses of each neuron")
    poisson: bool = Field(False, description="Poisson arrivals from outside, not a constant current")
    delay_step: float = Field(0.1 * ms, ge=0, le=0.01, description="delays are multiples of this, s; 0: real numbers")
    settle: float = Field(0.1, ge=0.001, le=3600, description="seconds that are simulated before anything is measured")
    duration: float = Field(1.0, ge=0.001, le=3600, description="seconds that are measured")
    threads: int = Field(2, ge=1, description="threads of the run; they change no result")
    chips: tuple[str, ...] = Field((), description="chips to place the network on, and to account for")
    effort: Literal["fast", "balanced", "best"] = Field("fast", description="of the mapper: fast, balanced or best")


PRESETS = {
    "smoke": Config(size=0.01, indegree=0.3, duration=0.5),
    "chips": Config(size=0.01, indegree=0.3, chips=("loihi_davies2018", "spinnaker1")),
    "tenth": Config(size=0.1, indegree=0.3),
    "tenth-full-indegree": Config(size=0.1),
    "third": Config(size=0.3, indegree=0.3),
    "paper": Config(duration=10.0),
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Build and run the circuit, and put its activity beside the published one."""
    steps = 3 + len(config.chips)
    for name in config.chips:
        nr.load_chip(name)  # an unknown name is refused before the run
    progress(0, steps, "building")
    began = time.perf_counter()
    net = circuit(
        config.size, config.indegree, poisson=config.poisson, delay_step=config.delay_step, seed=config.seed
    )  # fmt: skip
    program = nr.build(net)
    built = time.perf_counter() - began
    progress(1, steps, "settling")
    settled = nr.run(program, config.settle, seed=config.seed, threads=config.threads, record=nr.Record(spikes=False))
    progress(2, steps, "simulating")
    began = time.perf_counter()
    recording = nr.run(program, config.duration, threads=config.threads, state=settled.state)
    wall = time.perf_counter() - began
    found = statistics(net, recording, config.duration)
    synapses = int(program.fixed.segments["count"].sum(dtype=np.int64))
    metrics = {
        "real_time_factor": wall / config.duration,
        "build_seconds": built,
        "peak_gigabytes": peak_gigabytes(),
        "neurons": program.size,
        "synapses": synapses,
        "synaptic_events_per_second": sum(recording.events.values()) / config.duration,
        **{f"{key}/{name}": value for key, values in found.items() for name, value in values.items()},
    }
    reports: dict[str, EnergyReport | str] = {}
    for k, name in enumerate(config.chips):
        progress(3 + k, steps, f"placing on {name}")
        reports[name] = cost(net, recording, name, config)
    return Report(
        task="microcircuit",
        metrics=metrics,
        measured=("real_time_factor", "build_seconds", "peak_gigabytes"),
        energy=_energy(reports, config.duration),
        tables=(_activity(config, found, net), *_on_chips(reports, config.duration)),
        figures={"raster": lambda: _raster(net, recording, config)},
    )


def statistics(net: nr.Network, recording: Recording, duration: float) -> dict[str, dict[str, float]]:
    """Rate, irregularity and correlation of each population; what cannot be told is left out."""
    found: dict[str, dict[str, float]] = {"rate": {}, "cv": {}, "correlation": {}}
    for name, population in net.populations.items():
        spikes, size = recording.spikes[name], int(population.size)
        found["rate"][name] = rate(spikes, size, duration)
        found["cv"][name] = irregularity(spikes, size)
        found["correlation"][name] = correlation(spikes, size, (recording.start, recording.stop))
    return {key: {n: v for n, v in values.items() if np.isfinite(v)} for key, values in found.items()}


def peak_gigabytes() -> float:
    """The most memory that this process has held, GB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e9


def cost(net: nr.Network, recording: Recording, name: str, config: Config) -> EnergyReport | str:
    """What the recording costs on a chip, or why the network has no placement there."""
    try:
        placement = nr.place(net, nr.load_chip(name), traffic=recording, effort=config.effort, seed=config.seed)
    except InfeasibleError as problem:
        return str(problem)
    return nr.account(recording, placement, dt=0.1 * ms)


def _energy(reports: dict[str, EnergyReport | str], duration: float) -> dict[str, Any]:
    known = {name: report for name, report in reports.items() if isinstance(report, EnergyReport)}
    if not known:
        return {}
    return {
        "unit": f"J for {duration:g} s",
        **{name: {"total": r.total, "latency": r.latency, "by_cause": dict(r.by_cause)} for name, r in known.items()},
    }


def _activity(config: Config, found: dict[str, dict[str, float]], net: nr.Network) -> Table:
    drive = "Poisson drive" if config.poisson else "constant drive"
    columns = (
        "population", "neurons", "rate, Hz", "NEST, Poisson drive", "paper (not verified)", "CV", "correlation"
    )  # fmt: skip
    rows = tuple(
        (
            name, int(net.populations[name].size), found["rate"].get(name), float(FULL_RATES[k]), PUBLISHED_RATES[k],
            found["cv"].get(name), found["correlation"].get(name),
        )
        for k, name in enumerate(POPULATIONS)
    )  # fmt: skip
    title = f"Activity over {config.duration:g} s: {config.size:.3g} of the neurons, {config.indegree:.3g} of their "
    return Table(title + f"synapses, {drive}; the others at full size with Poisson drive", columns, rows)


def _on_chips(reports: dict[str, EnergyReport | str], duration: float) -> tuple[Table, ...]:
    if not reports:
        return ()
    columns = ("chip", "energy, mJ", "synapses, mJ", "static, mJ", "time, s", "cores")
    rows = []
    for name, report in reports.items():
        if isinstance(report, str):
            rows.append((name, report, "-", "-", "-", "-"))
            continue
        static = report.by_cause.get("static", 0.0)
        cores = int(np.count_nonzero(report.by_core))
        synapse = report.by_cause.get("synapse", 0.0)
        rows.append((name, report.total * 1e3, synapse * 1e3, static * 1e3, report.latency, cores))
    return (Table(f"Cost of {duration:g} s of activity, in steps of 0.1 ms", columns, tuple(rows)),)


def _raster(net: nr.Network, recording: Recording, config: Config) -> Any:
    """Some neurons of each population, as many as their shares of all, for up to 0.4 s."""
    total = sum(int(population.size) for population in net.populations.values())
    share = min(1.0, 600 / total)
    shown = {name: max(2, round(share * int(population.size))) for name, population in net.populations.items()}
    span = recording.start, recording.start + min(0.4, config.duration)
    times, rows, groups = raster(recording, shown, span)
    drive = "Poisson" if config.poisson else "constant"
    title = f"{sum(shown.values()):,} of {total:,} neurons, {drive} drive"
    return spike_raster(times, rows, size=sum(shown.values()), window=span, groups=groups, title=title)
