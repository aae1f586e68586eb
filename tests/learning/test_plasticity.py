"""Laws of learning in the run: weights are those of the definition, whatever windows, runs, threads and files."""

import contextlib
import math
import os
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, event, given, note, reject, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.lower.single_delays import with_segments
from neuro.errors import (
    InputError,
    NetworkError,
    ParameterError,
    StateError,
    UnknownName,
    UnsupportedFeature,
    WeightError,
)
from neuro.learning.clamp import AppliedClamp, Clamp
from neuro.learning.two_phase import Centred, activity
from neuro.network.convolution import Convolution2d
from tests.engine.agreement import ROUNDING, TIME, clamp_of, for_engine, train, trains_part
from tests.oracle import horizon, listed, simulate
from tests.plasticity_reference import Twin, trace
from tests.strategies import between, fractions, readable, small_networks, strength

EXAMPLES = int(os.environ.get("NEURO_EXAMPLES", "20"))
slowly = settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@st.composite
def rules(draw, weights, scale, duration):
    """A rule whose changes are some part of weights of size `scale`."""
    more = {}
    if draw(st.booleans()):
        more["w_min"] = min(weights, default=0.0) - draw(between(0.0, 0.3 * scale))
        more["w_max"] = max(weights, default=0.0) + draw(between(0.0, 0.3 * scale))
    if draw(st.integers(0, 3)) == 3:
        start = draw(between(0.0, duration))
        more["during"] = ((start, start + draw(between(0.0, duration))),)
    if draw(st.integers(0, 3)) == 3:
        more["every"] = draw(between(1e-3, 20e-3))
    size = draw(between(-0.3 * scale, 0.3 * scale))
    taus = [draw(between(2e-3, 60e-3)) for _ in range(2)]
    if draw(st.booleans()):
        return nr.STDP(a_plus=size, a_minus=0.7 * size, tau_plus=taus[0], tau_minus=taus[1], **more)
    beta = draw(st.sampled_from([0.5, -0.5]))
    fast, slow = sorted((taus[0], 10 * taus[1]))
    return nr.EventLocal(rate=abs(size), beta=beta, tau_fast=fast, tau_slow=slow, full=80.0, window=0.05, **more)


@st.composite
def plastic_cases(draw):
    """A network, a duration, inputs, and rules for some of its projections."""
    network, duration, inputs = draw(small_networks(whole=True))
    duration = min(duration, 0.2)
    told = {}
    for p in network.projections.values():
        if not isinstance(p.synapses, Convolution2d) and not hasattr(p.synapses, "effective_weights"):
            weights = [w for *_, w in listed(p, network.seed)]
            told[p.name] = draw(rules(weights, strength(p.post.model, p.receptor), duration))
    assume(told)
    names = draw(st.lists(st.sampled_from(sorted(told)), min_size=1, unique=True))
    return network, duration, inputs, {name: told[name] for name in names}


def test_a_neuron_whose_weight_grows_until_it_fires_without_end_is_refused_at_once():
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=27.7e-3, v_th=0.62, tau_syn=45e-3)))
    net.connect("cue", "cell", nr.AllToAll(30.0), delay=1.5e-3)
    net.connect("cell", "cell", nr.AllToAll(2.55), delay=1.5e-3)
    rule = nr.EventLocal(rate=0.5, beta=0.5, tau_fast=0.0157, tau_slow=0.314, full=80.0, window=0.05)
    options = {"inputs": {"cue": nr.Spikes([0.0], [0])}, "plasticity": {"cell->cell": rule}}
    nr.run(net, 1e-3, **options)
    began = time.process_time()
    with pytest.raises(
        NetworkError,
        match=r"population 'cell', neuron 0: a neuron may fire at most 3\.33e\+06 times a second; got 5,002 spikes"
        r".*driven most by projection 'cell->cell'.*its own autapse; the weights are learned.*max_rate",
    ):
        nr.run(net, 0.02, **options)
    assert time.process_time() - began < 1.0


@settings(slowly, max_examples=min(12, EXAMPLES))
@given(
    size=st.integers(2, 8),
    gain=between(0.5, 4.0),
    rate=between(0.1, 2.0),
    model=st.sampled_from(["value", "subtract", "jump", "current"]),
    delay=st.sampled_from([0.1e-3, 1.5e-3, 5e-3]),
)
def test_networks_of_growing_excitatory_weights_end_soon(size, gain, rate, model, delay):
    """In a result or in an error, in time that grows with the neurons and not with how fast they would fire."""
    common = {"tau_m": 20e-3, "v_th": 1.0, "reset": "subtract" if model == "subtract" else "to_value"}
    cell = (
        nr.IF(v_th=1.0, tau_syn=5e-3)
        if model == "current"
        else nr.LIF(**common, tau_syn=None if model == "jump" else 5e-3)
    )
    strong = 200.0 if model == "current" else 1.0 if model == "jump" else 5.0
    net = nr.Network()
    net.add(nr.Population("cue", size, nr.SpikeSource()))
    net.add(nr.Population("cell", size, cell))
    net.connect("cue", "cell", nr.OneToOne(4.0 * strong), delay=delay)
    net.connect("cell", "cell", nr.AllToAll(gain * strong), delay=delay)
    rule = nr.EventLocal(rate=rate * strong, beta=0.5, tau_fast=15e-3, tau_slow=0.3, full=80.0, window=0.05)
    cue = nr.Spikes(np.full(size, 1e-3), np.arange(size))
    began = time.process_time()
    with contextlib.suppress(NetworkError):
        nr.run(net, 0.05, inputs={"cue": cue}, plasticity={"cell->cell": rule})
    assert time.process_time() - began < 20.0


def synapses_of(network, name):
    """The synapses of a projection in the order in which a recording tells their weights."""
    found = listed(network.projections[name], network.seed)
    drawn = isinstance(network.projections[name].synapses, nr.FixedProbability | nr.FixedIndegree)
    return sorted(found, key=lambda s: s[:2]) if drawn else found


def learned(case, **options):
    """The run of a case; those that go wild are left out."""
    network, duration, inputs, told = case
    try:
        rec = nr.run(network, duration, inputs=for_engine(inputs), clamp=clamp_of(inputs), plasticity=told, **options)
    except NetworkError:
        reject()  # weights that grew until a neuron fired without end
    assume(sum(len(s) for s in rec.spikes.values()) < 600)
    return rec


def same(one, other):
    """Are spikes, events and weights of two recordings the same bits?"""
    for name in one.spikes:
        assert np.array_equal(one.spikes[name].times, other.spikes[name].times)
        assert np.array_equal(one.spikes[name].ids, other.spikes[name].ids)
    assert one.events == other.events
    for name, weights in one.weights.items():
        assert np.array_equal(weights, other.weights[name])


@slowly
@given(case=plastic_cases())
def test_weights_and_spikes_are_those_of_the_definition(case):
    network, duration, inputs, told = case
    note(readable(network, duration, inputs))
    note(str(told))
    rec = learned(case)
    synapses = {name: listed(network.projections[name], network.seed) for name in told}
    twin = Twin(network, told, synapses, rec.spikes, duration)
    for name, weights in rec.weights.items():
        expected = dict(zip(range(10**6), twin.final(name), strict=False))
        order = sorted(expected, key=lambda k: synapses[name][k][:2])
        drawn = isinstance(network.projections[name].synapses, nr.FixedProbability | nr.FixedIndegree)
        values = [expected[k] for k in order] if drawn else list(expected.values())
        assert weights.ravel().tolist() == pytest.approx(values, rel=1e-9, abs=1e-9 * max(map(abs, values), default=1))
    oracle = simulate(network, duration, inputs, weight_at=twin.weight_at)
    at, name, i = trains_part(network, oracle.train, lambda name, i: train(rec, name, i))
    if at < math.inf:
        until = horizon(network, duration, inputs, oracle, noise=ROUNDING, tolerance=TIME, weight_at=twin.weight_at)
        assert at >= until, f"{name} {i} parts at {at}"


@slowly
@given(case=plastic_cases(), cuts=st.lists(fractions(), min_size=1, max_size=3))
def test_a_run_in_parts_equals_one_run_bit_for_bit(case, cuts, tmp_path_factory):
    network, duration, inputs, told = case
    options = {"inputs": for_engine(inputs), "clamp": clamp_of(inputs), "plasticity": told}
    parts, state, stop = [], None, 0.0
    for cut in [*sorted(cut * duration for cut in cuts), duration]:
        try:
            parts.append(nr.run(network, cut - stop, state=state, **options))
        except NetworkError:  # weights that grew until a neuron fired without end: in one run they do, too
            with pytest.raises(NetworkError):
                nr.run(network, duration, **options)
            event("refused")
            return
        state, stop = parts[-1].state, parts[-1].stop
        if len(parts) == 1:
            path = tmp_path_factory.mktemp("state") / "state.h5"
            state.save(path)
            state = nr.load_state(path, network)
    whole = nr.run(network, stop, **options)
    for name in network.populations:
        assert np.array_equal(np.concatenate([p.spikes[name].times for p in parts]), whole.spikes[name].times)
        assert np.array_equal(np.concatenate([p.spikes[name].ids for p in parts]), whole.spikes[name].ids)
    assert {n: sum(p.events[n] for p in parts) for n in whole.events} == dict(whole.events)
    for name, weights in whole.weights.items():
        assert np.array_equal(parts[-1].weights[name], weights)


@settings(slowly, max_examples=min(8, EXAMPLES))
@given(case=plastic_cases())
def test_threads_and_seeds_do_not_matter(case):
    case = (case[0], min(case[1], 0.03), *case[2:])  # threads meet at the end of each window
    same(learned(case), learned(case, threads=2))
    same(learned(case, seed=0), learned((*case[:3], dict(reversed(case[3].items())))))


@slowly
@given(case=plastic_cases())
def test_a_rate_of_zero_leaves_the_bits_of_a_run_without_learning(case):
    network, duration, inputs, told = case
    still = nr.EventLocal(rate=0.0, beta=1.0, tau_fast=10e-3, tau_slow=1.0, full=100.0, window=0.1)
    rec = learned((network, duration, inputs, dict.fromkeys(told, still)))
    # Where something learns, all segments have one delay: arrivals of one instant may be summed in another order.
    program = with_segments(nr.build(network), network.projections)
    bare = nr.run(program, duration, inputs=for_engine(inputs), clamp=clamp_of(inputs))
    for name, spikes in bare.spikes.items():
        assert np.array_equal(spikes.times, rec.spikes[name].times)
        assert np.array_equal(spikes.ids, rec.spikes[name].ids)
    assert bare.events == rec.events
    for name, weights in rec.weights.items():
        assert weights.ravel().tolist() == [w for *_, w in synapses_of(network, name)]


@slowly
@given(case=plastic_cases())
def test_traces_of_one_time_constant_never_change_a_weight(case):
    network, duration, inputs, told = case
    even = nr.EventLocal(rate=9.0, beta=0.1, tau_fast=20e-3, tau_slow=20e-3, full=100.0, window=0.1)
    rec = learned((network, duration, inputs, dict.fromkeys(told, even)))
    for name, weights in rec.weights.items():
        assert weights.ravel().tolist() == [w for *_, w in synapses_of(network, name)]


def busy(order=None, *, seed=1, n=12, delay=1.5e-3):
    """Poisson sources onto neurons that excite and inhibit each other; neuron i stands in place order[i]."""
    rng = np.random.default_rng(seed)
    into, among = rng.uniform(0.0, 0.8, (n, n)), rng.normal(0.0, 0.1, (n, n))
    bias = rng.uniform(0.5, 1.3, n)
    back = np.argsort(np.arange(n) if order is None else order)
    net = nr.Network(seed=seed)
    net.add(nr.Population("in", n, nr.PoissonSource(40.0)))
    common = {"tau_m": 20e-3, "tau_syn": 4e-3, "v_th": 1.0}
    net.add(nr.Population("cell", n, nr.LIF(**common, refractory=2e-3, bias=bias[back])))
    net.connect("in", "cell", nr.Dense(into[:, back]), delay=delay)
    net.connect("cell", "cell", nr.Dense(among[np.ix_(back, back)]), delay=delay)
    return net


STDP = nr.STDP(a_plus=0.02, a_minus=0.021, tau_plus=20e-3, tau_minus=25e-3, w_min=-0.3, w_max=0.8)
BOTH = {"in->cell": STDP, "cell->cell": STDP}


def test_permuted_neurons_have_permuted_weights():
    order = np.random.default_rng(5).permutation(12)
    one, other = nr.run(busy(), 0.5, plasticity=BOTH), nr.run(busy(order), 0.5, plasticity=BOTH)
    assert len(one.spikes["cell"]) > 100
    assert other.weights["in->cell"][:, order] == pytest.approx(one.weights["in->cell"], rel=1e-9)
    assert other.weights["cell->cell"][np.ix_(order, order)] == pytest.approx(one.weights["cell->cell"], rel=1e-9)
    assert np.abs(one.weights["in->cell"] - busy().projections["in->cell"].synapses.weight).max() > 0.1


@pytest.mark.parametrize("delay", [0.3e-3, 1.5e-3, 40e-3])
def test_a_long_delay_has_many_spikes_under_way_each_with_its_weights(delay):
    net = busy(delay=delay)
    net.connect("cell", "cell", nr.Sparse([0], [1], 0.1), delay=0.7e-3, name="short")
    rec = nr.run(net, 0.5, plasticity=BOTH)
    parts = [nr.run(net, 0.2, plasticity=BOTH)]
    parts.append(nr.run(net, 0.3, plasticity=BOTH, state=parts[0].state))
    assert np.array_equal(parts[1].weights["cell->cell"], rec.weights["cell->cell"])
    synapses = {name: listed(net.projections[name], 1) for name in BOTH}
    twin = Twin(net, BOTH, synapses, rec.spikes, 0.5)
    assert rec.weights["cell->cell"].ravel() == pytest.approx(twin.final("cell->cell"), rel=1e-9)
    drawn = {"in": rec.spikes["in"]}
    oracle = simulate(net, 0.5, drawn, weight_at=twin.weight_at)
    for i in range(12):
        assert train(rec, "cell", i) == pytest.approx(oracle.train("cell", i), abs=1e-9)


def test_learning_may_begin_and_end_while_spikes_are_under_way():
    net = busy(delay=9e-3)
    first = nr.run(net, 0.1)
    second = nr.run(net, 0.2, state=first.state, plasticity={"in->cell": STDP})
    third = nr.run(net, 0.2, state=second.state, plasticity=BOTH)
    fourth = nr.run(net, 0.2, state=third.state)
    assert list(second.weights) == ["in->cell"]
    assert list(third.weights) == list(fourth.weights) == list(BOTH)
    for name, weights in third.weights.items():
        assert np.array_equal(fourth.weights[name], weights)
    # What was learned stays in force: the same as a run from the start with these weights would find.
    spikes = {n: np.concatenate([r.spikes[n].times for r in (first, second, third, fourth)]) for n in first.spikes}
    ids = {n: np.concatenate([r.spikes[n].ids for r in (first, second, third, fourth)]) for n in first.spikes}
    both = {n: nr.Spikes(spikes[n], ids[n]) for n in spikes}
    told = {
        "in->cell": nr.STDP(a_plus=0.02, a_minus=0.021, tau_plus=20e-3, tau_minus=25e-3, w_min=-0.3, w_max=0.8),
        "cell->cell": STDP,
    }
    since = {"in->cell": (0.1, 0.5), "cell->cell": (first.stop + 0.2, 0.5)}
    synapses = {name: listed(net.projections[name], 1) for name in told}
    # Traces begin with the rule, so the twin hears of no spike before it.
    for name, (start, stop) in since.items():
        late = {n: s.window(start, stop) for n, s in both.items()}
        twin = Twin(net, {name: told[name]}, synapses, late, stop)
        assert fourth.weights[name].ravel() == pytest.approx(twin.final(name), rel=1e-9)


def test_silence_costs_nothing():
    net = busy()
    net.populations.pop("in")
    net = nr.Network()
    net.add(nr.Population("in", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("in", "cell", nr.Dense([[2.0, 0.1], [0.1, 2.0]]), delay=1e-3)
    rule = nr.STDP(a_plus=0.1, a_minus=0.1, tau_plus=20e-3, tau_minus=20e-3, every=10e-3)
    spikes = nr.Spikes([0.1, 0.11, 1e6], [0, 1, 0])
    rec = nr.run(net, 1e6 + 1.0, inputs={"in": spikes}, plasticity={"in->cell": rule})
    assert rec.spikes["cell"].counts(2).tolist() == [2, 1]


def test_steady_activity_changes_nothing_on_average():
    n = 40
    net = nr.Network(seed=3)
    net.add(nr.Population("a", n, nr.PoissonSource(40.0)))
    net.add(nr.Population("b", n, nr.LIF(tau_m=20e-3, v_th=None)))
    net.add(nr.Population("c", n, nr.PoissonSource(25.0)))
    net.connect("a", "b", nr.Dense(np.zeros((n, n))), delay=1e-3)
    # The targets fire on their own, whatever the sources do.
    rng = np.random.default_rng(2)
    times = np.sort(rng.uniform(0.0, 8.0, 40 * n * 8))
    held = AppliedClamp(forced={"b": (np.arange(n), nr.Spikes(times, rng.integers(0, n, len(times))))})
    rule = nr.EventLocal(rate=1.0, beta=1.0, tau_fast=20e-3, tau_slow=0.5, full=100.0, window=0.1, during=((3.0, 8.0),))
    rec = nr.run(net, 8.0, clamp=held, plasticity={"a->b": rule}, seed=4)
    change = rec.weights["a->b"]
    # Trains of one neuron are in a whole row or column: the mean of each is one draw of 2 n.
    spread = math.hypot(change.mean(axis=0).std(), change.mean(axis=1).std()) / math.sqrt(n)
    assert np.abs(change.mean()) < 4.0 * spread
    # Without the slow trace it would be 2 r_a r_b (duration / window).
    assert np.abs(change.mean()) < 0.01 * 2.0 * 0.4 * 0.4 * 50.0


def relaxing(n=6, k=8):
    """Neurons with symmetric weights that fire at 20 to 60 Hz, kept from falling into step by noise."""
    rng = np.random.default_rng(11)
    weights = rng.normal(0.0, 0.1, (n, n))
    weights = 0.5 * (weights + weights.T)
    np.fill_diagonal(weights, 0.0)
    bias = rng.uniform(0.9, 1.3, n)
    net = nr.Network(seed=2)
    net.add(nr.Population("cell", n, nr.LIF(tau_m=10e-3, v_th=1.0, tau_syn=20e-3, refractory=2e-3, bias=bias)))
    net.add(nr.Population("noise", k * n, nr.PoissonSource(60.0)))
    each = np.arange(k * n)
    net.connect("noise", "cell", nr.Sparse(each, each % n, np.where(each // n % 2, 0.25, -0.25)), delay=4e-3)
    net.connect("cell", "cell", nr.Dense(weights), delay=4e-3)
    return nr.build(net), weights


def test_the_mean_change_is_that_of_two_phases():
    program, weights = relaxing()
    n, full, window, begin, beta = 6, 100.0, 4.0, 40.0, 0.5
    target = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    events, phases, bends = [], [], []

    def rule(rate, push):
        return nr.EventLocal(rate=rate, beta=push, tau_fast=30e-3, tau_slow=20.0, full=full, window=window)

    for seed in range(6):
        free = nr.run(program, begin, seed=seed, plasticity={"cell->cell": rule(0.0, beta)})
        spikes = free.spikes["cell"]
        r = activity(spikes, n, start=begin - 20.0, stop=begin, most=20.0 * full)
        changes, nudged = [], []
        for push in (beta, -beta):
            clamp = Clamp("cell", "current", push).toward(target, start=begin, stop=begin + window, trace=r)
            told = {"cell->cell": rule(1e-4, push)}
            rec = nr.run(program, window, state=free.state, clamp=clamp, plasticity=told)
            changes.append((rec.weights["cell->cell"] - weights) / 1e-4 / rule(1.0, 1.0).share())
            nudged.append(activity(rec.spikes["cell"], n, start=begin, stop=begin + window, most=window * full))
        plus, minus = (x[None] for x in nudged)
        events.append(0.5 * (changes[0] + changes[1]))
        phases.append(Centred(rate=1.0, beta=beta).change(plus, plus, minus, minus))
        bends.append((np.outer(plus - r, plus - r) - np.outer(minus - r, minus - r)) / (2.0 * beta))
    apart = ~np.eye(n, dtype=bool)
    event, phase, bend = (np.mean(x, axis=0)[apart] for x in (events, phases, bends))
    assert np.sqrt(np.mean(phase**2)) > 0.1
    # To first order in the nudge they are the same.
    assert np.corrcoef(event, phase)[0, 1] > 0.98
    assert np.sqrt(np.mean((event - phase) ** 2)) < 0.2 * np.sqrt(np.mean(phase**2))
    # The second order is counted twice; what is left is chance, as far as trials differ.
    chance = np.std(np.array(events) - np.array(phases) - np.array(bends), axis=0)[apart] / np.sqrt(6)
    assert np.sqrt(np.mean((event - phase - bend) ** 2)) < 2.0 * np.sqrt(np.mean(chance**2)) + 0.01


LEVELS = nr.Device("levels", 0.0, 100e-6, levels=65, write_noise=0.2e-6)


def on_devices(device=LEVELS, seed=1):
    """The network of `busy` with its recurrent weights on devices, which another projection reads by columns."""
    net = busy(seed=seed)
    weights = net.projections["cell->cell"].synapses.weight
    crossbar = nr.Crossbar(weights, device=device, w_max=0.5, start=0.5, seed=3)
    other = nr.Network(seed=seed)
    for population in net.populations.values():
        other.add(population)
    other.connect("in", "cell", net.projections["in->cell"].synapses, delay=1.5e-3)
    other.connect("cell", "cell", crossbar, delay=1.5e-3, name="forth")
    other.connect("cell", "cell", crossbar.T, delay=2.5e-3, name="back")
    return other, crossbar


PULSES = nr.STDP(a_plus=0.02, a_minus=0.021, tau_plus=20e-3, tau_minus=25e-3, every=20e-3)


def test_a_crossbar_learns_through_its_register_and_pulses():
    net, crossbar = on_devices()
    twin = crossbar.copy()
    rec = nr.run(net, 0.5, plasticity={"forth": PULSES})
    # By hand: the changes of each interval, given to a copy of the devices when it ends.
    trains = [train(rec, "cell", i) for i in range(12)]
    pulses = 0
    for k in range(25):
        change = np.zeros((12, 12))
        for i in range(12):
            for j in range(12):
                for t in [t for t in trains[i] if k * 0.02 <= t < (k + 1) * 0.02]:
                    change[i, j] -= PULSES.a_minus * trace(trains[j], PULSES.tau_minus, t)
                for t in [t for t in trains[j] if k * 0.02 <= t < (k + 1) * 0.02]:
                    change[i, j] += PULSES.a_plus * trace(trains[i], PULSES.tau_plus, t)
        pulses += twin.accumulate(change)
    assert pulses > 100
    assert np.array_equal(crossbar.conductance_plus, twin.conductance_plus)
    assert crossbar.register == pytest.approx(twin.register, abs=1e-12)
    assert crossbar.ledger.pulses_up + crossbar.ledger.pulses_down == pulses
    assert np.array_equal(rec.weights["forth"], crossbar.effective_weights())
    assert np.array_equal(rec.weights["back"], crossbar.effective_weights().T)


@pytest.mark.parametrize(
    "device", [LEVELS, None, nr.load_device("ReRamES")], ids=["levels", "continuous", "pulsed by a law"]
)
def test_devices_that_learn_in_parts_and_from_a_file_learn_the_same(device, tmp_path):
    net, crossbar = on_devices(device)
    whole = nr.run(net, 0.5, plasticity={"forth": PULSES})
    other, parts = on_devices(device)
    first = nr.run(other, 0.2077, plasticity={"forth": PULSES})
    first.state.save(tmp_path / "state.h5")
    again, anew = on_devices(device)
    for net_, state in ((other, first.state), (again, nr.load_state(tmp_path / "state.h5", again))):
        second = nr.run(net_, 0.5 - 0.2077, plasticity={"forth": PULSES}, state=state)
        late = second.spikes["cell"]
        assert np.array_equal(whole.spikes["cell"].window(0.2077, 1.0).times, late.times)
        for name, weights in whole.weights.items():
            assert np.array_equal(second.weights[name], weights)
    assert np.array_equal(parts.conductance_minus, crossbar.conductance_minus)
    assert np.array_equal(anew.conductance_minus, crossbar.conductance_minus)
    assert parts.ledger.as_dict() == crossbar.ledger.as_dict()


@pytest.mark.parametrize("options", [{"tile": (6, 6)}, {"mapping": "slices"}, {"mapping": "offset"}])
def test_only_a_crossbar_of_one_array_of_pairs_learns_in_the_run(options):
    net = busy()
    net.connect("cell", "cell", nr.Crossbar(np.zeros((12, 12)), LEVELS, w_max=0.5, **options), delay=1.5e-3, name="c")
    with pytest.raises(nr.NeuroError, match="does not learn in the run"):
        nr.run(net, 0.1, plasticity={"c": PULSES})


def test_a_state_from_which_devices_learned_can_be_gone_on_from_twice():
    net, crossbar = on_devices()
    state = nr.run(net, 0.2, plasticity={"forth": PULSES}).state
    once = nr.run(net, 0.2, plasticity={"forth": PULSES}, state=state)
    left = crossbar.conductance_plus.copy()
    twice = nr.run(net, 0.2, plasticity={"forth": PULSES}, state=state)
    same(once, twice)
    assert np.array_equal(crossbar.conductance_plus, left)


def test_a_recording_keeps_what_was_learned(tmp_path):
    rec = nr.run(busy(), 0.1, plasticity=BOTH)
    rec.save(tmp_path / "rec.h5")
    same(rec, nr.load_recording(tmp_path / "rec.h5"))
    streamed = nr.run(busy(), 0.1, plasticity=BOTH, record=nr.Record(to=tmp_path / "stream.h5"))
    same(rec, streamed)
    same(rec, nr.load_recording(tmp_path / "stream.h5"))


def test_two_rules_may_nudge_at_different_times_of_one_run():
    early = nr.STDP(a_plus=0.02, a_minus=0.0, tau_plus=20e-3, tau_minus=20e-3, during=((0.1, 0.2),))
    late = nr.STDP(a_plus=0.02, a_minus=0.0, tau_plus=20e-3, tau_minus=20e-3, during=((0.3, 0.4), (0.45, 0.5)))
    told = {"in->cell": early, "cell->cell": late}
    rec = nr.run(busy(), 0.5, plasticity=told)
    twin = Twin(busy(), told, {name: listed(busy().projections[name], 1) for name in told}, rec.spikes, 0.5)
    for name, weights in rec.weights.items():
        assert weights.ravel() == pytest.approx(twin.final(name), rel=1e-9)


def test_pairs_add_what_the_rule_says():
    net = nr.Network()
    net.add(nr.Population("in", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("in", "cell", nr.Sparse([0], [0], 0.5), delay=5e-3)
    held = AppliedClamp(forced={"cell": (np.array([0]), nr.Spikes([0.02, 0.03, 0.07], [0, 0, 0]))})
    rule = nr.STDP(a_plus=1.0, a_minus=2.0, tau_plus=10e-3, tau_minus=30e-3)
    inputs = {"in": nr.Spikes([0.02, 0.025], [0, 0])}
    found = nr.run(net, 0.1, inputs=inputs, clamp=held, plasticity={"in->cell": rule}).weights["in->cell"]
    # Delays do not enter, and the pair at 20 ms does nothing.
    more = math.exp(-1.0) + math.exp(-0.5) + math.exp(-5.0) + math.exp(-4.5)
    assert found[0] == pytest.approx(0.5 + more - 2.0 * math.exp(-5.0 / 30.0), rel=1e-12)


def convolved():
    net = nr.Network()
    net.add(nr.Population("in", 4, nr.SpikeSource()))
    net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("in", "cell", nr.Convolution2d(np.ones((1, 1, 1, 1)), (1, 1, 4)), delay=1e-3)
    return net


@pytest.mark.parametrize(
    ("network", "told", "error", "says"),
    [
        (busy, {"in->cell": 0.1}, InputError, "a rule such as EventLocal or STDP"),
        (busy, {"cell->in": STDP}, UnknownName, r"no projection .* 'cell->in'.*cell->cell"),
        (convolved, {"in->cell": STDP}, UnsupportedFeature, "shared by many synapses"),
        (lambda: busy(delay=0.0), {"in->cell": STDP}, UnsupportedFeature, "delays above zero"),
        (busy, {"in->cell": nr.STDP(a_plus=1, a_minus=1, tau_plus=1, tau_minus=1, w_max=0.1)}, WeightError, "w_max"),
        (lambda: on_devices()[0], {"back": PULSES}, UnsupportedFeature, "through the crossbar itself"),
        (lambda: on_devices()[0], {"forth": STDP}, UnsupportedFeature, "at intervals"),
    ],
    ids=["no rule", "unknown", "convolution", "no delay", "outside the bounds", "by columns", "at every spike"],
)
def test_what_cannot_learn_is_refused_by_name(network, told, error, says):
    with pytest.raises(error, match=says):
        nr.run(network(), 0.1, plasticity=told)


def test_a_program_that_is_older_than_its_devices_is_refused():
    net, crossbar = on_devices()
    program = nr.build(net)
    crossbar.program(np.zeros((12, 12)))
    with pytest.raises(StateError, match="weights of the devices"):
        nr.run(program, 0.1, plasticity={"forth": PULSES})


def test_the_clocked_engine_does_not_learn():
    with pytest.raises(UnsupportedFeature, match="exact engine"):
        nr.run(busy(), 0.1, engine="clocked", dt=0.5e-3, plasticity=BOTH)


EVENT = {"rate": 0.1, "beta": 0.5, "tau_fast": 0.02, "tau_slow": 1.0, "full": 100.0, "window": 0.1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": -1.0},
        {"beta": 0.0},
        {"tau_fast": 0.0},
        {"full": -1.0},
        {"window": 0.0},
        {"every": 0.0},
        {"w_min": 1.0, "w_max": 0.0},
        {"during": ((0.2, 0.1),)},
        {"max_levels": 0},
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_is_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        nr.EventLocal(**{**EVENT, **wrong})
