"""Threads share the neurons among them, and nothing shows it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.drive import balance, chunks

N = 60


def network(seed):
    """Populations in amplitude form and in state form, with rows, whole rows and a delay for each synapse."""
    rng = np.random.default_rng(seed)
    net = nr.Network(seed=seed)
    shared = {"tau_m": 20e-3, "v_th": 20.0, "v_reset": 10.0, "bias": 24.0, "refractory": 2e-3, "tau_syn": 2e-3}
    cell = net.add(nr.Population("cell", N, nr.LIF(**shared), initial={"v": rng.uniform(0, 20, N)}))
    slow = net.add(nr.Population("slow", N, nr.AHP(tau_ahp=0.1, jump=1.0, **shared)))
    calm = net.add(nr.Population("calm", 17, nr.LIF(tau_m=10e-3, v_th=1.0)))
    state = net.add(nr.Population("state", 13, nr.LIF(tau_m=10e-3, v_th=1.0, tau_syn=(3e-3, None), v_min=-1.0)))
    noise = net.add(nr.Population("noise", 9, nr.PoissonSource(200.0)))
    net.connect(cell, cell, nr.FixedIndegree(12, -0.6), delay=1.5e-3)
    net.connect(cell, slow, nr.FixedProbability(0.2, 0.5), delay=1.2e-3)
    net.connect(cell, calm, nr.Dense(rng.uniform(0, 0.1, (N, 17))), delay=1.1e-3)
    net.connect(calm, state, nr.Dense(rng.uniform(0.3, 1.0, (17, 13))), delay=rng.uniform(1e-3, 3e-3, (17, 13)))
    net.connect(state, cell, nr.Dense(rng.uniform(0, 0.5, (13, N))), delay=1.1e-3)
    net.connect(noise, slow, nr.AllToAll(0.3), delay=2e-3)
    return net


def run(net, threads, state=None):
    record = nr.Record(v={name: [0, 7] for name in ("cell", "slow", "calm", "state")}, v_dt=1.3e-3)
    step = nr.Current([0.02, 0.05], np.array([[1.0] * N, [-3.0] * N]))
    return nr.run(net, 0.06, inputs={"cell": step}, record=record, threads=threads, state=state)


def everything(*recordings):
    spikes = [array for r in recordings for s in r.spikes.values() for array in (s.times, s.ids)]
    return [*spikes, *(v for r in recordings for v in r.v.values())]


@given(seed=st.integers(0, 99), threads=st.integers(2, 5))
def test_any_number_of_threads_gives_the_same_bits(seed, threads):
    net = network(seed)
    one = run(net, 1)
    more = run(net, threads)
    assert min(len(one.spikes[name]) for name in ("cell", "slow", "noise")) > 0
    assert one.events == more.events
    assert all(np.array_equal(a, b) for a, b in zip(everything(one), everything(more), strict=True))


def test_a_state_goes_from_one_number_of_threads_to_another():
    net = network(1)
    first = run(net, 1)
    on_one, on_three = (run(net, threads, first.state) for threads in (1, 3))
    assert all(np.array_equal(a, b) for a, b in zip(everything(on_one), everything(on_three), strict=True))
    assert np.array_equal(run(net, 1, run(net, 2).state).spikes["cell"].times, on_one.spikes["cell"].times)


@given(seed=st.integers(0, 99), threads=st.integers(2, 5))
def test_shares_that_change_between_chunks_and_runs_change_no_bit(seed, threads):
    """Here any events tell what neurons cost, and any shares are better than those that there are."""
    program = nr.build(network(seed))
    one = run(program, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(balance, "ENOUGH", 1)
        patch.setattr(balance, "WORTH", 1e9)
        patch.setattr(chunks, "CHUNK_SECONDS", 1e-9)
        more = run(program, threads), run(program, threads)
    assert not np.array_equal(balance.shares_of(program, threads), program.shares(threads))
    assert all(one.events == each.events for each in more)
    assert all(np.array_equal(a, b) for each in more for a, b in zip(everything(one), everything(each), strict=True))


@given(weights=st.lists(st.integers(0, 1000), min_size=6, max_size=6), threads=st.integers(2, 5))
def test_no_share_costs_more_than_an_equal_part_and_one_neuron(weights, threads):
    """Costs are those of the populations, shared by their neurons as their synapses are."""
    program = nr.build(network(0))
    events = np.array(weights) * 10**6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(balance, "WORTH", 1e9)
        bounds = balance.balanced_shares(program, program.shares(threads), events)
    cost = balance.cost_of_neurons(program, events)
    assert (bounds[0], bounds[-1]) == (0, program.size)
    parts = [cost[low:high].sum() for low, high in pairwise(bounds)]
    assert max(parts) <= (cost.sum() / threads + cost.max()) * (1 + 1e-9)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_shares_part_the_neurons(threads):
    program = nr.build(network(0))
    bounds = program.shares(threads)
    assert bounds[0] == 0
    assert bounds[-1] == program.size
    assert len(bounds) == threads + 1
    assert np.all(np.diff(bounds) >= 0)
