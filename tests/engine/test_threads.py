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


@given(seed=st.integers(0, 99), inner=st.lists(st.integers(0, 3 * N), min_size=1, max_size=5))
def test_any_shares_give_the_same_bits(seed, inner):
    """Shares of no neurons are among them."""
    program = nr.build(network(seed))
    bounds = np.array([0, *sorted(min(at, program.size) for at in inner), program.size])
    one = run(program, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "shares_of", lambda program, threads: bounds)
        more = run(program, len(bounds) - 1)
    assert one.events == more.events
    assert all(np.array_equal(a, b) for a, b in zip(everything(one), everything(more), strict=True))


def small_network(seed, sizes):
    """Populations of a few neurons or none, all connected to all, with a delay for each synapse or for all."""
    rng = np.random.default_rng(seed)
    net = nr.Network(seed=seed)
    models = (
        nr.LIF(tau_m=20e-3, v_th=20.0, v_reset=10.0, bias=40.0, refractory=2e-3, tau_syn=2e-3),
        nr.LIF(tau_m=10e-3, v_th=20.0, bias=30.0, tau_syn=(3e-3, None), v_min=-1.0),
    )
    for k, size in enumerate(sizes):
        net.add(nr.Population(f"p{k}", size, models[k % 2]))
    for pre, n in enumerate(sizes):
        for post, m in enumerate(sizes):
            delay = rng.uniform(1e-3, 3e-3, (n, m)) if n * m and rng.random() < 0.8 else 1.3e-3
            net.connect(f"p{pre}", f"p{post}", nr.Dense(rng.normal(0.5, 1.0, (n, m))), delay=delay)
    return net


@given(
    seed=st.integers(0, 99),
    sizes=st.lists(st.integers(0, 3), min_size=1, max_size=5).filter(any),
    threads=st.integers(2, 9),
)
def test_neither_fewer_neurons_than_threads_nor_empty_populations_change_a_bit(seed, sizes, threads):
    program = nr.build(small_network(seed, sizes))
    one = nr.run(program, 0.1)
    assert sum(map(len, one.spikes.values())) > 0
    first = nr.run(program, 0.0413, threads=threads)
    then = nr.run(program, 0.06, threads=threads, state=first.state)
    for name, spikes in one.spikes.items():
        parts = [recording.spikes[name] for recording in (first, then)]
        times, ids = (np.concatenate([getattr(part, key) for part in parts]) for key in ("times", "ids"))
        n = len(spikes)
        assert np.array_equal(times[:n], spikes.times)
        assert np.array_equal(ids[:n], spikes.ids)
    assert one.events == nr.run(program, 0.1, threads=threads).events


def test_a_network_of_no_neurons_runs_with_several_threads():
    recording = nr.run(small_network(0, [0, 0]), 0.01, threads=3)
    assert (len(recording.spikes["p0"]), sum(recording.events.values())) == (0, 0)


def test_buffers_for_single_arrivals_grow_with_threads_as_without():
    """Thousands of spikes are under way, and a window has more than 100,000 arrivals."""
    rng = np.random.default_rng(0)
    net = nr.Network()
    net.add(nr.Population("cue", 100, nr.SpikeSource()))
    for name in ("a", "b"):
        net.add(nr.Population(name, 300, nr.LIF(tau_m=20e-3, v_th=0.2, tau_syn=2e-3)))
        delay = rng.uniform(20e-3, 60e-3, (100, 300))
        net.connect("cue", name, nr.Dense(rng.uniform(0, 0.01, (100, 300))), delay=delay)
    cue = nr.Spikes(np.sort(rng.uniform(0, 0.03, 3000)), rng.integers(0, 100, 3000))
    program = nr.build(net)
    one, more = (nr.run(program, 0.1, inputs={"cue": cue}, threads=threads) for threads in (1, 3))
    assert len(one.spikes["a"]) > 0
    assert one.events == more.events
    assert sum(one.events.values()) == 2 * 3000 * 300
    assert all(np.array_equal(a, b) for a, b in zip(everything(one), everything(more), strict=True))


@given(weights=st.lists(st.integers(0, 1000), min_size=6, max_size=6), threads=st.integers(2, 5))
def test_no_share_costs_more_than_an_equal_part_and_one_neuron(weights, threads):
    """Costs are those of the populations, shared by their neurons as their synapses are."""
    program = nr.build(network(0))
    events = np.array(weights) * 10**6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(balance, "WORTH", 1e9)
        bounds = balance.balanced_shares(program, program.shares(threads), events, 1.0)
    cost = balance.cost_of_neurons(program, events, 1.0)
    assert (bounds[0], bounds[-1]) == (0, program.size)
    parts = [cost[low:high].sum() for low, high in pairwise(bounds)]
    assert max(parts) <= (cost.sum() / threads + cost.max()) * (1 + 1e-9)


@given(sizes=st.lists(st.integers(0, 3), min_size=1, max_size=5), threads=st.integers(2, 9))
def test_shares_are_found_where_populations_or_their_events_are_none(sizes, threads):
    program = nr.build(small_network(0, sizes))
    for events in (0, 10**9):
        counts = np.full(len(program.network.projections), events)
        found = balance.balanced_shares(program, program.shares(threads), counts, 1.0)
        assert (found[0], found[-1], len(found)) == (0, program.size, threads + 1)
        assert np.all(np.diff(found) >= 0)


def test_neurons_that_drives_alone_reach_cost_what_their_arrivals_do():
    net = nr.Network()
    cell = nr.LIF(tau_m=10e-3, v_th=20.0, tau_syn=2e-3)
    for name, rate in (("calm", 10.0), ("driven", 10_000.0)):
        net.drive(net.add(nr.Population(name, 100, cell)), nr.PoissonInput(rate=rate, weight=0.1))
    cost = balance.cost_of_neurons(nr.build(net), np.zeros(0, np.int64), 1.0)
    assert cost[50] > 0
    assert cost[150] - cost[50] == pytest.approx(balance.LOOSE * 9990.0)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_shares_part_the_neurons(threads):
    program = nr.build(network(0))
    bounds = program.shares(threads)
    assert bounds[0] == 0
    assert bounds[-1] == program.size
    assert len(bounds) == threads + 1
    assert np.all(np.diff(bounds) >= 0)
