"""One network with every kind of neuron in it, busy all the time, for laws about how runs begin, stop and go on."""

from __future__ import annotations

import numpy as np

import neuro as nr
from neuro.learning.clamp import AppliedClamp

DURATION = 0.2


def zoo(*, seed=1, size=6, weight=0.2, tau_m=20e-3):
    """Sources, and neurons of all models that excite and inhibit each other; delays from 0.7 to 3 ms."""
    rng = np.random.default_rng(seed)
    net = nr.Network(seed=seed)
    net.add(nr.Population("cue", 4, nr.SpikeSource()))
    common = {"v_th": 1.0, "refractory": 1.3e-3}
    bias = rng.uniform(0.9, 1.4, size)
    net.add(nr.Population("lif", size, nr.LIF(tau_m=tau_m, tau_syn=4e-3, bias=bias, **common)))
    net.add(
        nr.Population("ahp", 3, nr.AHP(tau_m=17e-3, tau_ahp=0.1, jump=0.1, bias=1.7, tau_syn=(5e-3, None), **common))
    )
    net.add(nr.Population("alif", 3, nr.ALIF(tau_m=21e-3, tau_adapt=0.05, jump=0.1, bias=1.6, **common)))
    net.add(nr.Population("if", 3, nr.IF(v_th=1.0, bias=[70.0, 40.0, -10.0], v_min=-0.4, tau_syn=3e-3)))
    net.connect("cue", "lif", nr.FixedProbability(0.7, 0.9), delay=1.1e-3)
    net.connect("lif", "lif", nr.Dense(rng.normal(0.0, weight, (size, size))), delay=0.7e-3)
    net.connect("lif", "ahp", nr.AllToAll(0.3), delay=2.3e-3)
    net.connect("ahp", "alif", nr.AllToAll(-0.1), delay=3e-3)
    net.connect("alif", "if", nr.OneToOne(20.0), delay=1.7e-3)
    net.connect("if", "ahp", nr.AllToAll(0.05), delay=0.9e-3, receptor=1)
    return net


def inputs(duration=DURATION):
    """Spikes and stepwise currents for all of it."""
    rng = np.random.default_rng(5)
    n = int(400 * duration)
    steps = np.arange(0.0, duration, 7.7e-3)
    return {
        "cue": nr.Spikes(rng.uniform(0.0, duration, n), rng.integers(0, 4, n)),
        "lif": nr.Current(steps, rng.uniform(-0.2, 0.5, len(steps))),
    }


def clamp(duration=DURATION):
    """One neuron of the ALIF fires when it is told to."""
    times = np.arange(2e-3, duration, 11.3e-3)
    return AppliedClamp(forced={"alif": (np.array([1]), nr.Spikes(times, np.ones(len(times), int)))})


def everything(**more):
    """A request for some voltages of every population."""
    return nr.Record(v={"lif": [0, 2], "ahp": [1], "alif": [2], "if": [2, 0]}, v_dt=0.31e-3, **more)


def assert_same(parts, whole):
    """Do recordings one after another have the bits of one?"""
    for name in whole.spikes:
        found = [part.spikes[name] for part in parts]
        assert np.array_equal(np.concatenate([s.times for s in found]), whole.spikes[name].times), name
        assert np.array_equal(np.concatenate([s.ids for s in found]), whole.spikes[name].ids), name
    for name in whole.v:
        assert np.array_equal(np.concatenate([part.v[name] for part in parts]), whole.v[name]), name
    assert np.array_equal(np.concatenate([part.v_times for part in parts]), whole.v_times)
    assert {n: sum(part.events[n] for part in parts) for n in whole.events} == dict(whole.events)


def stop_after(calls):
    """A progress callback that presses Ctrl-C the n-th time."""
    count = iter(range(calls, -1, -1))

    def tell(done, total, label):
        if next(count) <= 1:
            raise KeyboardInterrupt

    return tell
