"""How long a neuron takes to its first spike, by the strength of its bias.

Run it:  neuro run NAME.py --preset paper --seed 1 --set biases=1.2,2.5 --out results/NAME
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import neuro as nr
from neuro.progress import Progress
from neuro.report import Report, Table


class Config(BaseModel):
    """Settings of the task: each can be replaced with --set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="root of all random draws")
    biases: tuple[float, ...] = Field((1.5, 2.0), min_length=1, description="constant inputs, units of v_th")


# `smoke` takes seconds and shows that all works; `paper` is the result.
PRESETS = {"smoke": Config(), "paper": Config(biases=(1.1, 1.5, 2.0, 3.0))}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Simulate one neuron for each bias; `out` is a folder for files of the task's own."""
    rows = []
    for k, bias in enumerate(config.biases):
        progress(k, len(config.biases), "simulating")
        network = nr.Network()
        network.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=bias)))
        times = nr.run(network, 0.1, seed=config.seed).spikes["cell"].times
        rows.append((bias, float(times[0]) if len(times) else None))
    return Report(
        task="NAME",
        metrics={f"first_spike_s_{bias:g}": time for bias, time in rows if time is not None},
        tables=(Table("First spikes", ("bias", "s"), tuple(rows)),),
    )
