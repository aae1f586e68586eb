"""A gradient takes a bounded number of bytes for each spike, by kind of network, and for each trial of a batch."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import neuro as nr
from neuro.units import ms

COMMON: dict[str, Any] = {"tau_m": 20 * ms, "v_th": 1.0, "bias": 1.2}
SLOW: dict[str, Any] = {"tau_ahp": 200 * ms, "jump": 0.05}
REFRACTORY: dict[str, Any] = {"refractory": 2 * ms}
KINDS = {
    # time 8, neuron 4, derivative 8; of its node time 8, kind 1, number 4, v 8 and 8 for each current; and 1 to spare
    "one current": (nr.LIF(tau_syn=5 * ms, **COMMON), 50.0),
    "two currents": (nr.LIF(tau_syn=(5 * ms, 12 * ms), **COMMON), 58.0),
    "slow currents": (nr.AHP(tau_syn=5 * ms, **SLOW, **COMMON), 58.0),
    # and 8 for each current at the end of the refractory time
    "refractory": (nr.LIF(tau_syn=5 * ms, **REFRACTORY, **COMMON), 58.0),
    "slow currents, refractory": (nr.AHP(tau_syn=5 * ms, **SLOW, **REFRACTORY, **COMMON), 74.0),
}


def network(model: Any, with_inputs: bool) -> nr.Network:
    """Twenty neurons that spike by themselves, and one input if wanted."""
    rng = np.random.default_rng(1)
    net = nr.Network()
    if with_inputs:
        net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 20, model))
    net.connect("cell", "cell", nr.Dense(rng.normal(0.0, 0.05, (20, 20))), delay=1.5 * ms)
    if with_inputs:
        net.connect("cue", "cell", nr.Dense(rng.normal(0.0, 0.2, (1, 20))), delay=1.5 * ms)
    return net


def last_spikes(spikes: nr.Spikes) -> tuple[float, Any]:
    return float(spikes.times[-20:].sum()), (np.arange(len(spikes)) >= len(spikes) - 20).astype(float)


def peak_of(work: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def spikes_of(run: nr.Recording) -> int:
    return sum(map(len, run.spikes.values()))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_spike_takes_as_many_bytes_as_its_kind_of_network_needs(kind: str, several: bool) -> None:
    model, most = KINDS[kind]
    given = {"cue": nr.Spikes(np.arange(1, 10) * 50 * ms, np.zeros(9, int))} if several else {}
    program = nr.build(network(model, several))
    short, long = (nr.run(program, duration, inputs=given) for duration in (4.0, 12.0))
    more = spikes_of(long) - spikes_of(short)
    assert more > 2000

    def backward(run: nr.Recording) -> nr.Gradient:
        return nr.gradient(program, run, inputs=given, loss={"cell": last_spikes})

    backward(short)
    found = (peak_of(lambda: backward(long)) - peak_of(lambda: backward(short))) / more
    # The times of a single population are not copied.
    assert found <= (most if several else most - 8.0)


def test_a_spike_of_a_batch_of_short_trials_takes_64_bytes_at_most() -> None:
    program = nr.build(network(KINDS["slow currents"][0], True))
    given = [{"cue": nr.Spikes(np.array([5 * ms, 10 * ms]) * (1.0 + n / 99), [0, 0])} for n in range(64)]
    runs = list(nr.run_trials(program, 0.3, [{"inputs": each} for each in given]))
    read = nr.IntegralV(population="cell", neurons=[0, 1, 2], start=0.2, stop=0.3)
    losses = [nr.CrossEntropy(read, n % 3, 100.0) for n in range(64)]
    assert 50 < spikes_of(runs[0]) < 200

    def backward(count: int) -> nr.Gradient:
        return nr.gradient(program, runs[:count], inputs=given[:count], loss=losses[:count])

    backward(16)
    found = (peak_of(lambda: backward(64)) - peak_of(lambda: backward(16))) / sum(map(spikes_of, runs[16:]))
    assert found <= 64.0
