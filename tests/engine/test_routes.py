"""Spikes on routes bring the events that they would bring from the calendar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.drive import chunks
from neuro.engine.drive.routes import no_routes, routes_of

STEP = 1e-4


def network(seed, spread):
    """Two projections between each pair of populations, with `spread` delays each, and one with a few synapses each."""
    rng = np.random.default_rng(seed)
    net = nr.Network(seed=seed)
    shared = {"tau_m": 20e-3, "v_th": 20.0, "v_reset": 10.0, "bias": 24.0, "refractory": 2e-3, "tau_syn": 2e-3}
    state = nr.LIF(tau_m=10e-3, v_th=1.0, tau_syn=(3e-3, None), v_min=-1.0)
    amplitude = nr.LIF(**shared)
    sources = [
        net.add(nr.Population("a", 60, amplitude, initial={"v": rng.uniform(0, 20, 60)})),
        net.add(nr.Population("s", 12, nr.SpikeSource())),
    ]
    targets = [
        sources[0],
        net.add(nr.Population("b", 40, nr.AHP(tau_ahp=0.1, jump=1.0, **shared))),
        net.add(nr.Population("c", 30, state)),
    ]
    for pre in sources:
        for post in targets:
            for turn in range(2):
                n = 10 * spread * pre.size
                pairs = rng.integers(0, pre.size, n), rng.integers(0, post.size, n)
                lag = (10 + rng.integers(0, spread, n)) * STEP
                weight = rng.normal(0.02 if post.name == "c" else 0.3, 0.1, n)
                net.connect(pre, post, nr.Sparse(*pairs, weight), delay=lag, name=f"{pre.name}{post.name}{turn}")
    n = 4 * 60
    few = nr.Sparse(rng.integers(0, 60, n), rng.integers(0, 60, n), rng.normal(0.3, 0.1, n))
    net.connect(sources[0], sources[0], few, delay=rng.uniform(1e-3, 3e-3, n), name="few")
    return net


def everything(recording):
    spikes = [array for s in recording.spikes.values() for array in (s.times, s.ids)]
    return [*spikes, *recording.v.values(), np.array(list(recording.events.values()))]


def given_spikes(seed, on_grid):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 60, 300) * 5 * STEP if on_grid else rng.uniform(0, 0.03, 300))
    return {"s": nr.Spikes(times, rng.integers(0, 12, 300))}


def run(program, threads, inputs, cut):
    record = nr.Record(v={"a": [0, 59], "c": [3]}, v_dt=1.3e-3)
    first = nr.run(program, cut, threads=threads, inputs=inputs, record=record, seed=1)
    return everything(first) + everything(nr.run(program, 0.035 - cut, threads=threads, state=first.state))


@given(
    seed=st.integers(0, 99),
    spread=st.integers(2, 5),
    threads=st.integers(1, 4),
    on_grid=st.booleans(),
    cut=st.floats(0.03, 0.034),
)
def test_routes_and_the_calendar_give_the_same_bits(seed, spread, threads, on_grid, cut):
    """Sources on a grid make many events of one instant."""
    program, inputs = nr.build(network(seed, spread)), given_spikes(seed, on_grid)
    assert routes_of(program, program.shares(threads)).row.shape[1]
    with pytest.MonkeyPatch.context() as patch:
        found = run(program, threads, inputs, cut)
        patch.setattr(chunks, "routes_of", lambda program, bounds: no_routes(len(bounds) - 1))
        expected = run(program, 1, inputs, cut)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_synapse_is_on_the_route_of_the_thread_of_its_target(threads):
    program = nr.build(network(0, 4))
    bounds, fixed = program.shares(threads), program.fixed
    routes = routes_of(program, bounds)
    one_lag = fixed.bundles["lags"][fixed.segments["projection"]] == 0
    assert routes.parts["count"].sum() == fixed.segments["count"][one_lag].sum()
    assert not np.all(one_lag)
    for k in range(threads):
        for j in range(program.size):
            parts = routes.parts[routes.row[k, j] : routes.row[k, j + 1]]
            assert np.all(np.diff(parts["delay"]) >= 0.0)
            for part in parts:
                targets = fixed.post[part["first"] : part["first"] + part["count"]]
                assert np.all((bounds[k] <= targets) & (targets < bounds[k + 1]))
