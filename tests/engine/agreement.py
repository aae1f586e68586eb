"""Runs of the engine beside those of the oracle: what both take, what both give, and whether they agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import event

import neuro as nr
from neuro.learning.clamp import AppliedClamp
from neuro.network.neurons import Source
from tests.oracle import horizon, parting
from tests.strategies import Arrived, Drawn, Forced, Train

TIME = 1e-9
"""Two spikes are one if they are no further apart, s."""
ROUNDING = 1e-12
"""Relative disturbance that is sure to be more than the engine's rounding."""
V_DT = 0.73e-3
"""Sampling step, s: no sample falls on an event."""


def for_engine(inputs):
    """Inputs as the engine takes them; Poisson sources and drives draw their own, and forced spikes are a clamp's."""
    found = {}
    for name, given_ in inputs.items():
        own = Drawn | Forced | Arrived
        parts = [x for x in (given_ if isinstance(given_, list) else [given_]) if not isinstance(x, own)]
        if parts:
            found[name] = [
                nr.Spikes(x.times, x.ids) if isinstance(x, Train) else nr.Current(x.times, x.values) for x in parts
            ]
    return found


def clamp_of(inputs):
    """The clamp that forces spikes, or None."""
    parts = [(name, x) for name, given_ in inputs.items() if isinstance(given_, list) for x in given_]
    forced = {name: (x.neurons, nr.Spikes(x.times, x.ids)) for name, x in parts if isinstance(x, Forced)}
    return AppliedClamp(forced=forced) if forced else None


def everything(network):
    """A request for every neuron's voltage."""
    cells = [p for p in network.populations.values() if not isinstance(p.model, Source)]
    return nr.Record(v={p.name: list(range(p.size)) for p in cells}, v_dt=V_DT)


def train(recording, name, i):
    spikes = recording.spikes[name]
    return spikes.times[spikes.ids == i].tolist()


def trains_part(network, a, b):
    """When the first neuron's spikes in two results part by more than `TIME`; and that neuron."""
    everyone = [(p.name, i) for p in network.populations.values() for i in range(p.size)]
    return min((parting(a(name, i), b(name, i), TIME), name, i) for name, i in everyone)


def same_bits(a, b):
    """Are two recordings equal to the last bit?"""
    pairs = [(a.v[name], b.v[name]) for name in a.v]
    for name in a.spikes:
        pairs += [(a.spikes[name].times, b.spikes[name].times), (a.spikes[name].ids, b.spikes[name].ids)]
    return all(np.array_equal(x, y) for x, y in pairs)


def spikes_agree(case, found, expected):
    """Are all spikes those of the oracle, up to where rounding decides?"""
    network, duration, inputs = case
    at, name, i = trains_part(network, expected.train, lambda name, i: train(found, name, i))
    if at < math.inf:  # is it a spike that hangs on rounding?
        until = horizon(network, duration, inputs, expected, noise=ROUNDING, tolerance=TIME)
        event("parted from the oracle where rounding decides")
        assert at >= until, f"{name} {i} parts at {at}: {expected.train(name, i)}, {train(found, name, i)}"


def voltages_agree(case, found, expected):
    """Are all voltages those of the oracle, up to where rounding decides?"""
    network, duration, inputs = case
    wrong = [
        (t, name, i)
        for name, group in expected.cells.items()
        for i in range(len(group))
        for t, v in zip(found.v_times.tolist(), found.v[name][:, i].tolist(), strict=True)
        if v != pytest.approx(expected.v(name, i, t), rel=1e-8, abs=1e-8)
        and expected.quiet(name, i, t, margin=10 * TIME)
    ]
    if wrong:
        times = sorted({t for t, *_ in wrong})
        until = horizon(network, duration, inputs, expected, noise=ROUNDING, tolerance=TIME, samples=times)
        assert times[0] >= until, wrong[0]
