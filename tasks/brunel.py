"""The sparsely connected network of Brunel (2000) in its four regimes: rates and irregularity beside the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

import neuro as nr
from neuro.engine.recording import Recording, Spikes
from neuro.errors import UnknownName
from neuro.progress import Progress
from neuro.report import Report, Table
from neuro.report.plots import spike_raster
from neuro.tasks._brunel_theory import Stationary, stationary
from neuro.tasks._spike_statistics import irregularity, oscillation, raster, rate
from neuro.units import ms

TAU_M, THRESHOLD, RESET, REFRACTORY, DELAY = 20 * ms, 20.0, 10.0, 2 * ms, 1.5 * ms
"""Parameters of the paper; potentials in mV."""
WEIGHT = 0.1
"""Jump of v by an excitatory input, mV."""
SIZE, EXCITATORY, OF_EXCITATORY, OF_INHIBITORY = 12_500, 0.8, 1_000, 250
"""Neurons, the share of excitatory ones, and inputs of a neuron by kind."""


class Regime(NamedTuple):
    """One panel of figure 8 of the paper, and what its table 1 says of it."""

    panel: str
    g: float
    """Inhibitory weights over excitatory ones."""
    eta: float
    """Rate from outside over the rate that alone would hold v at the threshold."""
    rate: float | None = None
    """Simulated rate, Hz."""
    theory: float | None = None
    """Predicted rate, Hz."""
    oscillation: float | None = None
    """Simulated frequency of the global oscillation, Hz."""


REGIMES = {
    "SR": Regime("A", 3.0, 2.0),
    "SI-fast": Regime("B", 6.0, 4.0, 60.7, 55.8, 180.0),
    "AI": Regime("C", 5.0, 2.0, 37.7, 38.0),
    "SI-slow": Regime("D", 4.5, 0.9, 5.5, 6.5, 22.0),
}
"""Synchronous (S) or asynchronous (A), regular (R) or irregular (I). N. Brunel, Journal of Computational Neuroscience 8
(2000) 183-208, doi:10.1023/A:1008925309027. The numbers are quoted, not compared with the text."""


class Config(BaseModel):
    """Settings of Brunel's network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="root of all random draws")
    neurons: int = Field(SIZE, ge=10, description="neurons, four fifths of them excitatory; in-degrees stay")
    settle: float = Field(0.2, ge=0.001, le=3600, description="seconds that are simulated before anything is measured")
    duration: float = Field(1.0, ge=0.001, le=3600, description="seconds that are measured")
    threads: int = Field(2, ge=1, description="threads of the run; they change no result")
    regimes: tuple[str, ...] = Field(tuple(REGIMES), description="which regimes")


PRESETS = {
    "smoke": Config(neurons=2_500, settle=0.05, duration=0.1),
    "paper": Config(settle=0.2, duration=2.0),
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Simulate each regime, and put rate, irregularity and global oscillation beside the paper's."""
    for name in config.regimes:
        if name not in REGIMES:
            raise UnknownName("regime", name, REGIMES)
    metrics: dict[str, float] = {}
    rows, figures = [], {}
    for k, name in enumerate(config.regimes):
        progress(k, len(config.regimes), name)
        recording, predicted = simulate(config, name), theory(REGIMES[name])
        cells = merged(recording)
        found = {
            "rate": rate(cells, config.neurons, config.duration),
            "cv": irregularity(cells, config.neurons),
            "theory_rate": predicted.rate,
            "theory_cv": predicted.cv,
        }
        found["oscillation_Hz"], found["oscillation_height"] = oscillation(cells, (recording.start, recording.stop))
        metrics |= {f"{key}/{name}": value for key, value in found.items() if np.isfinite(value)}
        rows.append(_row(name, found))
        figures[f"raster_{name}"] = _drawn(recording, name, found)
    columns = (
        "regime", "panel, g, rate from outside", "rate, Hz", "paper", "mean field", "paper's", "CV", "mean field",
        "oscillation, Hz", "paper", "height",
    )  # fmt: skip
    title = f"{config.neurons:,} neurons, {config.duration:g} s"
    return Report(task="brunel", metrics=metrics, tables=(Table(title, columns, tuple(rows)),), figures=figures)


def network(neurons: int, g: float, eta: float, seed: int) -> nr.Network:
    """The network: excitatory and inhibitory neurons alike, inputs that jump v, Poisson arrivals from outside.

    With fewer neurons than the paper's, each still has 1,000 excitatory and 250 inhibitory inputs.
    """
    net = nr.Network(seed=seed)
    model = nr.LIF(tau_m=TAU_M, v_th=THRESHOLD, v_reset=RESET, refractory=REFRACTORY)
    excitatory = round(EXCITATORY * neurons)
    sizes = {"excitatory": excitatory, "inhibitory": neurons - excitatory}
    inputs = {"excitatory": (OF_EXCITATORY, WEIGHT), "inhibitory": (OF_INHIBITORY, -g * WEIGHT)}
    for name, size in sizes.items():
        net.add(nr.Population(name, size, model))
        net.drive(name, nr.PoissonInput(OF_EXCITATORY * eta * threshold_rate(), WEIGHT))
    for source, (indegree, weight) in inputs.items():
        for target in sizes:
            net.connect(source, target, nr.FixedIndegree(indegree, weight), delay=DELAY)
    return net


def threshold_rate() -> float:
    """Rate of each of the inputs from outside that alone would hold the mean of v at the threshold, Hz."""
    return THRESHOLD / (WEIGHT * OF_EXCITATORY * TAU_M)


def simulate(config: Config, name: str) -> Recording:
    """The recording of a regime, after it has settled."""
    regime = REGIMES[name]
    program = nr.build(network(config.neurons, regime.g, regime.eta, config.seed))
    settled = nr.run(program, config.settle, seed=config.seed, threads=config.threads, record=nr.Record(spikes=False))
    return nr.run(program, config.duration, threads=config.threads, state=settled.state)


def theory(regime: Regime) -> Stationary:
    """Rate and irregularity of the stationary state in mean field."""
    outside = OF_EXCITATORY * regime.eta * threshold_rate()
    return stationary(
        tau_m=TAU_M, threshold=THRESHOLD, reset=RESET, refractory=REFRACTORY,
        inputs=((OF_EXCITATORY, WEIGHT), (OF_INHIBITORY, -regime.g * WEIGHT)), outside=((outside, WEIGHT),),
    )  # fmt: skip


def merged(recording: Recording) -> Spikes:
    """The spikes of both populations under one numbering, excitatory neurons first."""
    own, other = recording.spikes["excitatory"], recording.spikes["inhibitory"]
    size = own.ids.max(initial=-1) + 1
    return Spikes(np.concatenate([own.times, other.times]), np.concatenate([own.ids, other.ids + size]))


def _row(name: str, found: dict[str, float]) -> tuple[Any, ...]:
    regime = REGIMES[name]
    return (
        name, f"{regime.panel}, {regime.g:g}, {regime.eta:g}", found["rate"], regime.rate, found["theory_rate"],
        regime.theory, found["cv"], found["theory_cv"], found["oscillation_Hz"], regime.oscillation,
        found["oscillation_height"],
    )  # fmt: skip


def _drawn(recording: Recording, name: str, found: dict[str, float]) -> Any:
    """A function that draws 40 excitatory and 10 inhibitory neurons for up to 0.2 s."""
    span = recording.start, min(recording.stop, recording.start + 0.2)
    times, rows, groups = raster(recording, {"excitatory": 40, "inhibitory": 10}, span)
    regime = REGIMES[name]
    setting = f"{name}: g = {regime.g:g}, drive {regime.eta:g} of threshold"
    title = f"{setting}; {found['rate']:.1f} Hz, CV {found['cv']:.2f}"
    return lambda: spike_raster(times, rows, size=50, window=span, groups=groups, title=title)
