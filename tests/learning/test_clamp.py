"""Laws of clamps: what is forced is forced, what is free stays free, and a nudge of nothing changes nothing."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import ClampError, InputError, NeuroError, UnknownName
from neuro.learning.clamp import Clamp
from tests.strategies import strength

SIZE = 5
RATE = 970.0
"""Spikes per second of a fully active forced neuron; no interval, delay and refractory time add up to another."""
STEP = 2.0**-10
"""About a millisecond, whose multiples are exact."""
DELAY = 1.31e-3

COMMON = {"tau_m": 20e-3, "v_th": 1.0, "v_reset": -0.15, "refractory": 0.73e-3, "bias": 1.4}
MODELS = {
    "LIF, jumps": nr.LIF(**COMMON),
    "LIF, jumps, floor": nr.LIF(v_min=-0.5, **COMMON),
    "LIF, currents": nr.LIF(tau_syn=5e-3, **COMMON),
    "LIF, two receptors": nr.LIF(tau_syn=(5e-3, None), **COMMON),
    "LIF, subtracts": nr.LIF(tau_syn=5e-3, **{**COMMON, "v_reset": 0.0}, reset="subtract"),
    "IF": nr.IF(v_th=1.0, v_reset=0.1, bias=70.0, refractory=0.41e-3, tau_syn=4e-3, v_min=-0.5),
    "AHP": nr.AHP(tau_syn=5e-3, tau_ahp=60e-3, jump=0.2, **COMMON),
    "ALIF": nr.ALIF(tau_syn=5e-3, tau_adapt=60e-3, jump=0.2, **COMMON),
}
models = st.sampled_from(sorted(MODELS)).map(MODELS.get)
activities = st.one_of(st.just(0.0), st.just(1.0), st.floats(0.02, 1.0))
targets = st.lists(st.one_of(st.just(math.nan), activities), min_size=SIZE, max_size=SIZE).map(np.array)
seeds = st.integers(0, 9999)


def same(one, other):
    """Are all spikes equal to the last bit?"""
    return all(
        np.array_equal(one.spikes[name].times, other.spikes[name].times)
        and np.array_equal(one.spikes[name].ids, other.spikes[name].ids)
        for name in other.spikes
    )


def train(recording, name, i):
    spikes = recording.spikes[name]
    return spikes.times[spikes.ids == i].tolist()


def forced_train(target, start, stop, rate=RATE):
    """Regular, `target` times the rate, as if the last spike had been half an interval before the start."""
    count = 0 if target == 0 else math.floor((stop - start) * rate * target + 0.5)
    return [start + (k + 0.5) / (rate * target) for k in range(count)]


def noise(seed, stop, size=4):
    """Spikes of a source at random."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(5, 60))
    return nr.Spikes(rng.uniform(0, stop, count), rng.integers(0, size, count))


def coupled(model, seed, loud=1.0):
    """A population that hears a source and itself, and one that listens to it; all weights are random."""
    rng = np.random.default_rng(seed)
    net = nr.Network()
    cue = net.add(nr.Population("cue", 4, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", SIZE, model, {"v": rng.uniform(0, 0.9, SIZE)}))
    ear = net.add(nr.Population("ear", 3, model))
    scale = loud * strength(model, 0)
    for pre, post in ((cue, cell), (cell, cell), (cell, ear)):
        net.connect(pre, post, nr.Dense(scale * rng.normal(0.1, 0.6, (pre.size, post.size))), delay=DELAY)
    return net


@given(model=models, target=targets, seed=seeds, before=st.sampled_from([0.0, 7 * STEP, 11.3e-3]))
def test_a_hard_clamp_gives_exactly_the_forced_spikes_whatever_the_input(model, target, seed, before):
    stop = before + 31.3e-3
    net = coupled(model, seed, loud=30.0)
    rng = np.random.default_rng(seed)
    inputs = {
        "cue": noise(seed, stop),
        "cell": nr.Current([0.0], 500 * strength(model, 0) * rng.normal(size=(1, SIZE))),
    }
    first = nr.run(net, before, inputs=inputs)
    held = Clamp("cell", "hard", RATE).toward(target, start=before, stop=stop)
    found = nr.run(net, stop - before, inputs=inputs, clamp=held, state=first.state)
    for i in np.flatnonzero(~np.isnan(target)):
        assert train(found, "cell", i) == pytest.approx(forced_train(target[i], before, stop), abs=1e-12), i


@settings(max_examples=60)
@given(model=models, target=targets, seed=seeds)
@example(model=MODELS["AHP"], target=np.array([0.0, 0.0, 0.0, 1.0, 1.0]), seed=0)  # nobody is free
def test_others_hear_clamped_neurons_as_they_hear_a_source_and_neurons_without_a_target_stay_free(model, target, seed):
    stop = 40e-3
    net = coupled(model, seed)
    inputs = {"cue": noise(seed, stop)}
    held = Clamp("cell", "hard", RATE).toward(target, start=0.0, stop=stop)
    found = nr.run(net, stop, inputs=inputs, clamp=held)

    who, free = np.flatnonzero(~np.isnan(target)), np.flatnonzero(np.isnan(target))
    other = nr.Network()
    cue = other.add(nr.Population("cue", 4, nr.SpikeSource()))
    source = other.add(nr.Population("source", len(who), nr.SpikeSource()))
    v = net.populations["cell"].initial["v"][free]
    cell = other.add(nr.Population("cell", len(free), model, {"v": v}))
    ear = other.add(nr.Population("ear", 3, model))
    inward, among, outward = (p.synapses.weight for p in net.projections.values())
    for pre, post, weights in (
        (cue, cell, inward[:, free]),
        (source, cell, among[np.ix_(who, free)]),
        (cell, cell, among[np.ix_(free, free)]),
        (source, ear, outward[who]),
        (cell, ear, outward[free]),
    ):
        other.connect(pre, post, nr.Dense(weights), delay=DELAY)
    trains = [(t, k) for k, i in enumerate(who) for t in forced_train(target[i], 0.0, stop)]
    forced = nr.Spikes([t for t, _ in trains], [k for _, k in trains])
    expected = nr.run(other, stop, inputs={**inputs, "source": forced})
    for k, i in enumerate(free):
        assert train(found, "cell", i) == pytest.approx(train(expected, "cell", k), abs=1e-9), f"cell {i}"
    for i in range(3):
        assert train(found, "ear", i) == pytest.approx(train(expected, "ear", i), abs=1e-9), f"ear {i}"


@given(model=models, seed=seeds)
def test_a_hard_clamp_without_targets_changes_nothing(model, seed):
    net, inputs = coupled(model, seed), {"cue": noise(seed, 30e-3)}
    held = Clamp("cell", "hard", RATE).toward([math.nan] * SIZE, start=0.0, stop=30e-3)
    assert same(nr.run(net, 30e-3, inputs=inputs, clamp=held), nr.run(net, 30e-3, inputs=inputs))


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("held_for", [8 * STEP, 40.3e-3])
def test_a_released_neuron_goes_on_from_its_reset(model, held_for):
    def alone(v):
        net = nr.Network()
        net.add(nr.Population("cell", SIZE, model, {"v": v}))
        return net

    reset = float(model.v_reset)
    net, record = alone(np.linspace(reset, 0.9, SIZE)), nr.Record(v={"cell": range(SIZE)}, v_dt=STEP)
    held = Clamp("cell", "hard", RATE).toward(np.linspace(0, 1, SIZE), start=0.0, stop=held_for)
    clamped = nr.run(net, held_for, clamp=held, record=record)
    assert (clamped.v["cell"] == reset).all()
    found = nr.run(net, 200e-3, state=clamped.state, record=record)
    if found.v_times[0] == held_for:
        assert found.v["cell"][0] == pytest.approx(reset, abs=1e-12)
    fresh = nr.run(alone(reset), 200e-3)
    for i in range(SIZE):
        assert len(train(fresh, "cell", i)) > 2
        assert train(found, "cell", i) == pytest.approx(np.add(train(fresh, "cell", i), held_for), abs=1e-9)


@pytest.mark.parametrize("tau_m", [20e-3, math.inf])
def test_currents_go_on_while_a_neuron_is_clamped(tau_m):
    """A current of 3 at 5 ms, released at 16 steps: from there the response to what is left of it."""
    tau, weight, at, released = 6e-3, 3.0, 5e-3, 16 * STEP
    options = {"v_th": 100.0, "v_reset": -0.25, "tau_syn": tau}
    model = nr.IF(**options) if tau_m == math.inf else nr.LIF(tau_m=tau_m, **options)
    net = nr.Network()
    cue, cell = net.add(nr.Population("cue", 1, nr.SpikeSource())), net.add(nr.Population("cell", 1, model))
    net.connect(cue, cell, nr.OneToOne(weight), delay=1e-3)
    inputs = {"cue": nr.Spikes([at - 1e-3], [0])}
    held = Clamp("cell", "hard", RATE).toward([0.5], start=0.0, stop=released)
    state = nr.run(net, released, inputs=inputs, clamp=held).state
    found = nr.run(net, 30e-3, inputs=inputs, state=state, record=nr.Record(v={"cell": [0]}, v_dt=STEP))
    left, t = weight * math.exp(-(released - at) / tau), found.v_times - released
    if tau_m == math.inf:
        expected = -0.25 + left * tau * (1 - np.exp(-t / tau))
    else:
        response = tau / (tau_m - tau) * (np.exp(-t / tau_m) - np.exp(-t / tau))
        expected = -0.25 * np.exp(-t / tau_m) + left * response
    assert found.v["cell"][:, 0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("extra", [{}, {"v_min": -1.0}, {"tau_syn": (None, 5e-3)}])
def test_inputs_onto_v_itself_are_lost_while_a_neuron_is_clamped(extra):
    net = nr.Network()
    cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, **extra)))
    net.connect(cue, cell, nr.OneToOne(0.9), delay=1e-3)
    inputs = {"cue": nr.Spikes([2e-3, 9e-3], [0, 0])}  # one arrives clamped, the other free
    held = Clamp("cell", "hard", RATE).toward([0.0], start=0.0, stop=8 * STEP)
    state = nr.run(net, 8 * STEP, inputs=inputs, clamp=held).state
    found = nr.run(net, 8 * STEP, inputs=inputs, state=state, record=nr.Record(v={"cell": [0]}, v_dt=STEP))
    expected = [0.0 if t < 10e-3 else 0.9 * math.exp(-(t - 10e-3) / 20e-3) for t in found.v_times]
    assert found.v["cell"][:, 0] == pytest.approx(expected, abs=1e-12)


@given(target=targets, trace=st.lists(activities, min_size=SIZE, max_size=SIZE), beta=st.floats(-50, 50))
def test_the_current_of_a_current_clamp_is_strength_times_target_minus_trace(target, trace, beta):
    held = Clamp("cell", "current", beta).toward(target, start=3e-3, stop=9e-3, trace=trace)
    assert not held.forced
    assert held.currents["cell"].times[0] == 3e-3
    expected = [0.0 if math.isnan(t) else beta * (t - r) for t, r in zip(target, trace, strict=True)]
    assert held.currents["cell"].values[0].tolist() == expected


@given(target=targets, push=st.floats(-50, 50))
def test_the_current_of_a_weak_clamp_pushes_up_where_the_target_is_full_and_down_where_it_is_silent(target, push):
    held = Clamp("cell", "weak", push).toward(target, start=3e-3, stop=9e-3)
    assert not held.forced
    expected = [0.0 if math.isnan(t) else push * (2 * t - 1) for t in target]
    assert held.currents["cell"].values[0].tolist() == expected


@given(
    target=targets,
    kind=st.sampled_from(["current", "weak"]),
    start=st.floats(0.0, 20e-3),
    stop=st.floats(0.0, 20e-3),
    at=st.floats(0.0, 25e-3),
)
def test_a_clamp_by_current_holds_from_its_start_up_to_its_stop(target, kind, start, stop, at):
    start, stop = sorted([start, stop])
    current = Clamp("cell", kind, 7.0).toward(target, start=start, stop=stop, trace=[0.3] * SIZE).currents["cell"]
    k = np.searchsorted(current.times, at, side="right") - 1
    value = current.values[k] if k >= 0 else np.zeros(SIZE)
    free = np.isnan(target) | (np.array(target) == 0.3 if kind == "current" else np.array(target) == 0.5)
    assert np.array_equal(value != 0.0, ~free if start <= at < stop else np.zeros(SIZE, bool))


@given(model=models, target=targets, seed=seeds, kind=st.sampled_from(["current", "weak"]))
def test_a_clamp_by_current_is_a_current_onto_the_population(model, target, seed, kind):
    net, cue = coupled(model, seed), noise(seed, 30e-3)
    other = nr.Current([0.0, 8e-3], np.random.default_rng(seed).normal(size=(2, SIZE)))
    trace = np.linspace(0, 1, SIZE)
    held = Clamp("cell", kind, 2.0 * strength(model, 0)).toward(target, start=0.0, stop=30e-3, trace=trace)
    clamped = nr.run(net, 30e-3, inputs={"cue": cue, "cell": other}, clamp=held)
    driven = nr.run(net, 30e-3, inputs={"cue": cue, "cell": [other, held.currents["cell"]]})
    assert same(clamped, driven)


@pytest.mark.parametrize("kind", ["current", "weak"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_clamp_by_current_draws_activity_towards_the_target(model, kind):
    net = nr.Network()
    net.add(nr.Population("cell", 3, model))
    free = nr.run(net, 0.3).spikes["cell"].counts(3)
    trace = free / (0.3 * RATE)
    clamp = Clamp("cell", kind, 5.0 * float(model.bias))
    held = clamp.toward([0.0, math.nan, 1.0], start=0.0, stop=0.3, trace=trace)
    found = nr.run(net, 0.3, clamp=held).spikes["cell"].counts(3)
    assert found[0] < free[0]
    assert found[1] == free[1]
    assert found[2] > free[2]


@given(model=models, target=targets, seed=seeds, cut=st.sampled_from([7 * STEP, 11.3e-3, 20.01e-3]))
def test_a_nudge_of_no_strength_goes_on_with_the_free_phase_bit_for_bit(model, target, seed, cut):
    net, stop = coupled(model, seed), 40e-3
    inputs = {"cue": noise(seed, stop), "cell": nr.Current([5e-3], [strength(model, 0)])}
    free = nr.run(net, cut, inputs=inputs)
    held = Clamp("cell", "current", 0.0).toward(target, start=cut, stop=stop, trace=np.full(SIZE, 0.3))
    nudged = nr.run(net, stop - cut, inputs=inputs, clamp=held, state=free.state)
    assert same(nudged, nr.run(net, stop - cut, inputs=inputs, state=free.state))
    whole = nr.run(net, stop, inputs=inputs)
    for name in whole.spikes:
        times = np.concatenate([free.spikes[name].times, nudged.spikes[name].times])
        assert np.array_equal(times, whole.spikes[name].times)


@pytest.mark.parametrize(
    ("kind", "force"), [("soft", 1.0), ("hard", math.nan), ("current", math.inf), ("weak", "strong")]
)
def test_a_clamp_that_cannot_be_is_refused_by_name(kind, force):
    with pytest.raises(ClampError, match="Clamp"):
        Clamp("cell", kind, force)


@pytest.mark.parametrize("force", [0.0, -5.0])
def test_a_hard_clamp_needs_a_rate_above_zero(force):
    with pytest.raises(NeuroError, match=r"Clamp\.strength"):
        Clamp("cell", "hard", force)


@pytest.mark.parametrize("kind", ["hard", "current", "weak"])
@pytest.mark.parametrize("target", [[-0.1, 0.5], [0.5, 1.1], [math.inf, 0.5], [[0.5, 0.5]], 0.5])
def test_a_target_that_is_no_flat_array_of_activities_is_refused_by_name(kind, target):
    with pytest.raises(ClampError, match="'cell'"):
        Clamp("cell", kind, 1.0).toward(target, start=0.0, stop=1e-3, trace=[0.0, 0.0])


@pytest.mark.parametrize("trace", [None, [math.nan, 0.0], ["much", "little"]])
def test_a_current_clamp_needs_the_activity_so_far(trace):
    with pytest.raises(ClampError, match="trace"):
        Clamp("cell", "current", 1.0).toward([0.0, 1.0], start=0.0, stop=1e-3, trace=trace)


def laid_on(population, kind, size):
    net = coupled(MODELS["IF"], 0)
    held = Clamp(population, kind, 1.0).toward(np.ones(size), start=0.0, stop=1.0, trace=np.zeros(size))
    nr.run(net, 1e-3, clamp=held)


@pytest.mark.parametrize("kind", ["hard", "current", "weak"])
def test_a_clamp_that_does_not_fit_the_network_is_refused_by_name(kind):
    with pytest.raises(UnknownName, match="sell"):
        laid_on("sell", kind, SIZE)
    with pytest.raises(ClampError, match="'cue'"):
        laid_on("cue", kind, 4)
    with pytest.raises((ClampError, InputError), match="'cell'"):
        laid_on("cell", kind, SIZE + 1)
