"""Neurons by equations of your own: how far their own spikes slow them down.

Run it:  neuro run NAME.py --preset paper --set pull=0.5 --out results/NAME    or    python NAME.py
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import neuro as nr
from neuro.progress import Progress
from neuro.report import Report, Table
from neuro.units import ms


def neuron(pull: float) -> nr.LinearNeuron:
    """A leaky neuron with a synaptic current that rises and falls, and a slow current of its own spikes.

        tau_m dv/dt = v_rest - v + bias + I - a        tau_rise dr/dt = -r,      an input of weight w adds w to r
                                                       tau_fall dI/dt = r - I
                                                       tau_slow da/dt = -a,      an own spike adds pull to a

    as  tau_m dv/dt = v_rest - v + bias + readout . u,  du/dt = matrix u,  with u = (r, I, a).
    """
    tau_rise, tau_fall, tau_slow = 2 * ms, 10 * ms, 200 * ms
    return nr.LinearNeuron(
        tau_m=20 * ms,
        v_th=1.0,
        refractory=2 * ms,
        # One row for each state, in 1/s. Eigenvalues must be real, below zero, and apart.
        matrix=[
            [-1 / tau_rise, 0.0, 0.0],
            [1 / tau_fall, -1 / tau_fall, 0.0],
            [0.0, 0.0, -1 / tau_slow],
        ],
        readout=[0.0, 1.0, -1.0],
        # A second receptor would be a second column: [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]].
        inputs=[1.0, 0.0, 0.0],
        jump=[0.0, 0.0, pull],
    )


class Config(BaseModel):
    """Settings of the task: each can be replaced with --set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="root of all random draws")
    size: int = Field(20, ge=1, description="number of neurons")
    pull: float = Field(0.1, ge=0, description="what an own spike adds to the slow current, units of v_th")
    duration: float = Field(1.0, gt=0.2, description="seconds")


# `smoke` takes seconds and shows that all works; `paper` is the result.
PRESETS = {"smoke": Config(), "paper": Config(size=200, duration=5.0)}


def network(size: int, pull: float, seed: int) -> nr.Network:
    """Noise drives the neurons, which inhibit each other."""
    net = nr.Network(seed=seed)
    noise = net.add(nr.Population("noise", 100, nr.PoissonSource(40.0)))
    cells = net.add(nr.Population("cells", size, neuron(pull)))
    net.connect(noise, cells, nr.FixedProbability(0.2, nr.Uniform(0.5, 2.5)), delay=1 * ms)
    net.connect(cells, cells, nr.FixedProbability(0.1, -0.5), delay=nr.Uniform(1 * ms, 3 * ms))
    return net


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Rates at the beginning and at the end, with and without the slow current."""
    rows = []
    for k, pull in enumerate((0.0, config.pull)):
        progress(k, 2, "simulating")
        net = network(config.size, pull, config.seed)
        # engine="clocked", dt=0.1 * ms would take forward Euler's steps of the same equations.
        spikes = nr.run(net, config.duration, seed=config.seed).spikes["cells"]
        first, last = spikes.window(0.0, 0.1), spikes.window(config.duration - 0.1, config.duration)
        rows.append((pull, *(len(part) / config.size / 0.1 for part in (first, last))))
    return Report(
        task="NAME",
        metrics={"rate_hz": rows[0][2], "rate_hz_slowed": rows[1][2]},
        tables=(Table("Rates", ("pull", "first 100 ms, Hz", "last 100 ms, Hz"), tuple(rows)),),
    )


if __name__ == "__main__":
    for row in run(Config(), out=None, progress=lambda *_: None).tables[0].rows:
        print("pull {:g}: {:.1f} Hz at first, {:.1f} Hz at the end".format(*row))
