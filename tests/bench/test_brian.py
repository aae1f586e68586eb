"""A clock is a limit: Brian2's spikes come closer as its time step shrinks, in proportion to it."""

from __future__ import annotations

import numpy as np
import pytest

import neuro as nr
from neuro.units import ms

# Brian2's own imports use what pyparsing has renamed.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

N, DURATION = 40, 40 * ms
STEPS = [0.2 * ms, 0.1 * ms, 0.05 * ms, 0.025 * ms]


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Drive of each neuron, sources, targets and weights; links are weak, so that errors do not grow."""
    rng = np.random.default_rng(11)
    pre, post = np.repeat(np.arange(N), 6), rng.integers(0, N, 6 * N)
    return rng.uniform(22.0, 40.0, N), pre, post, rng.uniform(-0.5, 0.5, 6 * N)


def exact() -> nr.Spikes:
    drive, pre, post, weight = drawn()
    net = nr.Network()
    model = nr.LIF(tau_m=20 * ms, v_th=20.0, v_reset=10.0, bias=drive, refractory=2 * ms, tau_syn=2 * ms)
    cells = net.add(nr.Population("cells", N, model))
    net.connect(cells, cells, nr.Sparse(pre, post, weight), delay=2 * ms)
    return nr.run(net, DURATION).spikes["cells"]


def clocked(dt: float) -> nr.Spikes:
    import brian2 as b2

    b2.prefs.codegen.target = "numpy"
    drive, pre, post, weight = drawn()
    cells = b2.NeuronGroup(
        N,
        "dv/dt = (drive - v + x)/(20*ms) : 1 (unless refractory)\ndx/dt = -x/(2*ms) : 1\ndrive : 1 (constant)",
        threshold="v >= 20",
        reset="v = 10",
        refractory=2 * b2.ms,
        method="exact",
        dt=dt * b2.second,
    )
    cells.drive = drive
    synapses = b2.Synapses(cells, cells, "w : 1", on_pre="x_post += w", dt=dt * b2.second)
    synapses.connect(i=pre, j=post)
    synapses.w, synapses.delay = weight, 2 * b2.ms
    spikes = b2.SpikeMonitor(cells)
    b2.Network(cells, synapses, spikes).run(DURATION * b2.second)
    return nr.Spikes(np.asarray(spikes.t / b2.second), np.asarray(spikes.i))


def by_neuron(spikes: nr.Spikes) -> list[np.ndarray]:
    return [spikes.times[spikes.ids == j] for j in range(N)]


def test_the_distance_from_brian2_falls_linearly_with_its_time_step():
    ours = by_neuron(exact())
    assert sum(map(len, ours)) > 50
    distances = []
    for dt in STEPS:
        apart = []
        for mine, its in zip(ours, by_neuron(clocked(dt)), strict=True):
            # A last spike may fall to the other side of the end.
            assert abs(len(mine) - len(its)) <= 1
            both = min(len(mine), len(its))
            apart.append(np.abs(mine[:both] - its[:both]))
        distances.append(np.concatenate(apart).mean())
    slope = np.polyfit(np.log(STEPS), np.log(distances), 1)[0]
    assert 0.85 < slope < 1.15
    assert distances[-1] < 2 * STEPS[-1]
