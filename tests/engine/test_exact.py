"""Laws of the exact engine: it finds what the oracle finds, and what must not matter does not matter."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st

import neuro as nr
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, ALIF, IF, LIF, Source, SpikeSource, receptors
from neuro.network.synapses import AllToAll, Dense, OneToOne, Sparse
from tests.engine.agreement import (
    ROUNDING,
    TIME,
    V_DT,
    clamp_of,
    everything,
    for_engine,
    same_bits,
    spikes_agree,
    train,
    trains_part,
    voltages_agree,
)
from tests.engine.ties import TIES
from tests.oracle import horizon, simulate
from tests.strategies import (
    Grid,
    Steps,
    Train,
    between,
    driven,
    fractions,
    max_of_psp,
    models,
    readable,
    small_networks,
    strength,
)


@given(case=small_networks(whole=True, more=True))
def test_every_spike_is_where_the_oracle_has_it(case):
    network, duration, inputs = case
    note(readable(*case))
    expected = simulate(network, duration, inputs)
    found = nr.run(network, duration, inputs=for_engine(inputs), clamp=clamp_of(inputs))
    spikes_agree(case, found, expected)


@given(case=small_networks(whole=True, more=True))
def test_every_voltage_is_what_the_oracle_has(case):
    network, duration, inputs = case
    note(readable(*case))
    expected = simulate(network, duration, inputs)
    found = nr.run(network, duration, inputs=for_engine(inputs), record=everything(network), clamp=clamp_of(inputs))
    voltages_agree(case, found, expected)


@given(case=small_networks())
def test_voltages_are_sampled_at_the_multiples_of_the_step(case):
    network, duration, inputs = case
    found = nr.run(network, duration, inputs=for_engine(inputs), record=everything(network))
    times = V_DT * np.arange(duration / V_DT + 2)
    assert np.array_equal(found.v_times, times[times < duration])
    for name, v in found.v.items():
        assert v.shape == (len(found.v_times), network.populations[name].size)


@given(case=small_networks(), cuts=st.lists(fractions(), min_size=1, max_size=3))
def test_a_run_in_parts_equals_one_run_bit_for_bit(case, cuts):
    network, duration, inputs = case
    note(readable(*case))
    given_, record = for_engine(inputs), everything(network)
    parts, state, stop = [], None, 0.0
    for cut in [*sorted(cut * duration for cut in cuts), duration]:
        parts.append(nr.run(network, cut - stop, inputs=given_, record=record, state=state))
        state, stop = parts[-1].state, parts[-1].stop
    whole = nr.run(network, stop, inputs=given_, record=record)
    for name in network.populations:
        assert np.array_equal(np.concatenate([p.spikes[name].times for p in parts]), whole.spikes[name].times)
        assert np.array_equal(np.concatenate([p.spikes[name].ids for p in parts]), whole.spikes[name].ids)
    for name in whole.v:
        assert np.array_equal(np.concatenate([p.v[name] for p in parts]), whole.v[name])
    assert np.array_equal(np.concatenate([p.v_times for p in parts]), whole.v_times)
    assert {n: sum(p.events[n] for p in parts) for n in whole.events} == dict(whole.events)


BIASED = {
    "leaky, no current": lambda bias, held: nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=None, bias=bias, refractory=held),
    "leaky, one current": lambda bias, held: nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3, bias=bias, refractory=held),
    "subtracting": lambda bias, held: nr.LIF(
        tau_m=20e-3, v_th=1.0, tau_syn=5e-3, bias=bias, refractory=held, reset="subtract"
    ),
    "slow own current": lambda bias, held: nr.AHP(
        tau_m=20e-3, v_th=1.0, tau_ahp=80e-3, jump=0.2, tau_syn=5e-3, bias=bias, refractory=held
    ),
    "no leak": lambda bias, held: nr.IF(v_th=1.0, bias=20.0 * bias, refractory=held),
}


@pytest.mark.parametrize("model", BIASED)
@pytest.mark.parametrize("held", [6e-3, 30e-3])
def test_where_a_run_stops_moves_no_bit_of_a_spike_before(model, held):
    """Windows are 25 ms: neurons fire more than once in a window, or once, before or after a step of current."""
    rng, size = np.random.default_rng(7), 300
    network = nr.Network()
    network.add(nr.Population("cue", 40, nr.SpikeSource()))
    network.add(nr.Population("b", size, BIASED[model](rng.uniform(1.1, 2.5, size), held)))
    network.connect("cue", "b", nr.Dense(rng.normal(0.0, 0.3, (40, size))), delay=25e-3)
    inputs = {"cue": nr.Spikes(rng.uniform(0.0, 50e-3, 200), rng.integers(0, 40, 200))}
    inputs["b"] = nr.Current(np.sort(rng.uniform(0.0, 75e-3, 6)), rng.normal(0.0, 0.2, (6, size)))
    program = nr.build(network)
    whole = nr.run(program, 75e-3, inputs=inputs).spikes["b"]
    assert len(whole.times) > size
    for stop in rng.uniform(10e-3, 75e-3, 40):
        part = nr.run(program, stop, inputs=inputs).spikes["b"]
        assert np.array_equal(part.times, whole.times[: len(part.times)])
        assert np.array_equal(part.ids, whole.ids[: len(part.ids)])
        assert len(part.times) == np.searchsorted(whole.times, stop)


@given(case=small_networks())
def test_a_state_can_be_gone_on_from_twice(case):
    network, duration, inputs = case
    given_, record = for_engine(inputs), everything(network)
    half = nr.run(network, duration / 2, inputs=given_).state
    once = nr.run(network, duration / 2, inputs=given_, record=record, state=half)
    twice = nr.run(network, duration / 2, inputs=given_, record=record, state=half)
    assert same_bits(once, twice)


@given(case=small_networks())
def test_the_same_seed_gives_the_same_bits(case):
    network, duration, inputs = case
    options = {"inputs": for_engine(inputs), "record": everything(network), "seed": 5}
    one, other = nr.run(network, duration, **options), nr.run(network, duration, **options)
    built = nr.run(nr.build(network), duration, **options)
    assert same_bits(one, other)
    assert same_bits(one, built)


@given(case=small_networks())
def test_what_is_recorded_does_not_change_the_spikes(case):
    network, duration, inputs = case
    bare = nr.run(network, duration, inputs=for_engine(inputs))
    watched = nr.run(network, duration, inputs=for_engine(inputs), record=everything(network))
    assert trains_part(network, *(lambda n, i, r=r: train(r, n, i) for r in (bare, watched)))[0] == math.inf


@given(case=small_networks(), data=st.data())
def test_permuted_neurons_give_permuted_results(case, data):
    network, duration, inputs = case
    note(readable(*case))
    sizes = {p.name: p.size for p in network.populations.values()}
    place = {name: np.array(data.draw(st.permutations(range(n)))) for name, n in sizes.items()}
    other_network, other_inputs = permuted(network, inputs, place)
    one = nr.run(network, duration, inputs=for_engine(inputs))
    other = nr.run(other_network, duration, inputs=for_engine(other_inputs))
    at, name, i = trains_part(network, lambda n, i: train(one, n, i), lambda n, i: train(other, n, int(place[n][i])))
    if at < math.inf:  # the sums have another order
        expected = simulate(network, duration, inputs)
        assert at >= horizon(network, duration, inputs, expected, noise=ROUNDING, tolerance=TIME), (name, i)


def permuted(network, inputs, place):
    """The same network with neuron i of each population in place ``place[name][i]``."""
    other = Network(seed=network.seed)

    def moved(value, to):
        if isinstance(value, tuple):
            return tuple(moved(part, to) for part in value)
        return value[np.argsort(to)] if np.ndim(value) else value

    for p in network.populations.values():
        to = place[p.name]
        changes = {f.name: moved(getattr(p.model, f.name), to) for f in fields(p.model)}
        initial = None if p.initial is None else {"v": moved(p.initial["v"], to)}
        other.add(Population(p.name, p.size, replace(p.model, **changes), initial))
    for p in network.projections.values():
        pre, post, s = place[p.pre.name], place[p.post.name], p.synapses
        if isinstance(s, AllToAll):
            synapses, delay = s, in_place(p.delay, pre, post)
        elif isinstance(s, Dense | Grid):
            delay = in_place(p.delay, pre, post)
            weights = np.asarray(s.weight if isinstance(s, Dense) else s.weights)
            synapses = type(s)(in_place(weights, pre, post))
        elif isinstance(s, OneToOne):
            synapses, delay = Sparse(pre, post, s.weight), p.delay
        else:
            synapses, delay = Sparse([pre[i] for i in s.pre], [post[j] for j in s.post], s.weight), p.delay
        other.connect(p.pre.name, p.post.name, synapses, delay=delay, receptor=p.receptor, name=p.name)
    others = dict(inputs)
    for name, x in inputs.items():
        if isinstance(x, Train):
            others[name] = replace(x, ids=place[name][x.ids])
        elif x.values.ndim == 2:
            others[name] = replace(x, values=x.values[:, np.argsort(place[name])])
    return other, others


NOBODY = {
    "windowed": LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3),
    "bounded": LIF(tau_m=20e-3, v_th=1.0, v_min=-1.0),
    "source": SpikeSource(),
}


@given(case=small_networks(), model=st.sampled_from(sorted(NOBODY)).map(NOBODY.get))
def test_populations_of_no_neurons_change_nothing(case, model):
    network, duration, inputs = case
    other = Network(seed=network.seed)
    for p in network.populations.values():
        other.add(Population(f"none, {p.name}", 0, model))
        other.add(p)
    for p in network.projections.values():
        for end in () if isinstance(model, Source) else network.populations:
            empty = other.populations[f"none, {end}"]
            other.connect(p.pre, empty, Dense(np.zeros((p.pre.size, 0))), delay=np.max(p.delay, initial=1e-3))
            if not isinstance(p.post.model, Source):
                other.connect(empty, p.post, Dense(np.zeros((0, p.post.size))), delay=np.max(p.delay, initial=1e-3))
        other.connect(p.pre, p.post, p.synapses, delay=p.delay, receptor=p.receptor, name=p.name)
    one, two = (nr.run(n, duration, inputs=for_engine(inputs), record=everything(network)) for n in (network, other))
    assert same_bits(one, two)


def in_place(matrix, pre, post):
    """Rows and columns of a matrix moved to their neurons' new places; a number stays."""
    return matrix[np.ix_(np.argsort(pre), np.argsort(post))] if np.ndim(matrix) else matrix


@given(case=small_networks())
def test_a_spike_source_fires_when_it_is_told_to(case):
    network, duration, inputs = case
    told = inputs["cue"]
    found = nr.run(network, duration, inputs=for_engine(inputs)).spikes["cue"]
    heard = sorted((t, i) for t, i in zip(told.times, told.ids, strict=True) if t < duration)
    assert list(zip(found.times, found.ids, strict=True)) == heard


@given(case=small_networks())
def test_spikes_are_sorted_by_time_and_then_by_neuron(case):
    network, duration, inputs = case
    for spikes in nr.run(network, duration, inputs=for_engine(inputs)).spikes.values():
        pairs = list(zip(spikes.times, spikes.ids, strict=True))
        assert pairs == sorted(pairs)
        assert all(0 <= t < duration for t in spikes.times)


@given(case=small_networks())
def test_an_event_is_a_synapse_reached_by_a_spike_in_the_run(case):
    network, duration, inputs = case
    found = nr.run(network, duration, inputs=for_engine(inputs))
    for p in network.projections.values():
        spikes, s = found.spikes[p.pre.name], p.synapses
        if isinstance(s, Sparse):
            pre = np.asarray(s.pre, dtype=int)
        else:
            pre = np.repeat(np.arange(p.pre.size), 1 if isinstance(s, OneToOne) else p.post.size)
        delays = np.broadcast_to(np.ravel(p.delay), len(pre))
        arriving = [
            (spikes.times[spikes.ids == i] + delay < duration).sum() for i, delay in zip(pre, delays, strict=True)
        ]
        assert found.events[p.name] == sum(arriving)


@pytest.mark.parametrize("tau_syn", [None, 5e-3])
@pytest.mark.parametrize("reset", ["to_value", "subtract"])
@pytest.mark.parametrize("refractory", [0.0, 2.5e-3])
def test_a_biased_neuron_fires_at_the_interval_of_the_closed_form(tau_syn, reset, refractory):
    bias = np.array([1.01, 1.5, 7.0])
    model = LIF(tau_m=20e-3, v_th=1.0, bias=bias, refractory=refractory, tau_syn=tau_syn, reset=reset)
    net = Network()
    net.add(Population("cell", 3, model))
    found = nr.run(net, 10.0)
    for i in range(3):
        interval = refractory + 20e-3 * math.log(bias[i] / (bias[i] - 1.0))
        times = np.array(train(found, "cell", i))
        assert len(times) == math.floor((10.0 + refractory) / interval)
        assert times == pytest.approx(interval * np.arange(1, len(times) + 1) - refractory, abs=1e-9)


def test_without_input_and_below_threshold_there_are_no_spikes():
    net = Network()
    for name, model in [
        ("a", LIF(tau_m=20e-3, v_th=1.0, bias=0.999)),
        ("b", AHP(tau_m=20e-3, v_th=1.0, bias=0.5, tau_ahp=0.2, jump=0.1, tau_syn=20e-3)),
        ("c", ALIF(tau_m=20e-3, v_th=1.0, v_rest=-0.5, tau_adapt=0.2, jump=0.1)),
        ("d", IF(v_th=1.0, bias=-4.0, v_min=-1.0)),
    ]:
        net.add(Population(name, 5, model))
        net.connect(name, name, AllToAll(2.0), delay=1e-3)
    found = nr.run(net, 100.0)
    assert sum(len(spikes) for spikes in found.spikes.values()) == 0
    assert sum(found.events.values()) == 0


def test_an_empty_network_runs():
    assert nr.run(Network(), 1.0).spikes == {}


@pytest.mark.parametrize(("volleys", "parameters", "initial"), TIES.values(), ids=TIES)
def test_at_one_instant_things_happen_in_one_order(volleys, parameters, initial):
    net, inputs = driven(volleys, LIF(**{"tau_m": 20e-3, "v_th": 1.0} | parameters), initial)
    expected = simulate(net, 0.06, inputs)
    # A sample every half millisecond falls on most of the events: what it finds is v after all of them.
    found = nr.run(net, 0.06, inputs=for_engine(inputs), record=nr.Record(v={"cell": [0]}, v_dt=0.5e-3))
    assert train(found, "cell", 0) == pytest.approx(expected.train("cell", 0), abs=1e-15)
    v = [expected.v("cell", 0, t) for t in found.v_times]
    assert found.v["cell"][:, 0] == pytest.approx(v, abs=1e-12)


def test_a_chain_of_jumps_adds_its_delays_to_the_last_bit():
    net = Network()
    net.add(Population("cell", 40, LIF(tau_m=20e-3, v_th=1.0), {"v": [2.0, *[0.0] * 39]}))
    net.connect("cell", "cell", Sparse(range(39), range(1, 40), 1.5), delay=1.1e-3)
    found = nr.run(net, 1.0).spikes["cell"]
    assert found.times.tolist() == [11 * k / 10_000 for k in range(40)]
    assert found.ids.tolist() == list(range(40))


def test_neurons_that_are_alike_fire_at_the_same_bits():
    net = Network()
    net.add(Population("cue", 1, SpikeSource()))
    net.add(Population("cell", 6, LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3, bias=0.8)))
    net.connect("cue", "cell", AllToAll(1.3), delay=1e-3)
    net.connect("cell", "cell", AllToAll(0.1), delay=1e-3)
    cue = nr.Spikes(0.013 * np.arange(20), np.zeros(20, int))
    found = nr.run(net, 0.5, inputs={"cue": cue}).spikes["cell"]
    assert len(found) > 6
    assert np.all(found.times.reshape(-1, 6) == found.times[::6, None])


def test_a_maximum_of_v_that_shows_above_threshold_for_an_instant_is_a_spike():
    tau_m, tau_s = 20e-3, 5e-3
    top = max_of_psp(tau_m, tau_s)
    for excess in [1e-3, 1e-6, 1e-9, 1e-12]:
        for sign in [1, -1]:
            weight = (1 + sign * excess) / top
            net, inputs = driven([(0.01, weight)], LIF(tau_m=tau_m, v_th=1.0, tau_syn=tau_s))
            assert len(nr.run(net, 0.1, inputs=for_engine(inputs)).spikes["cell"]) == (sign > 0)


def test_currents_of_a_list_are_added():
    net = Network()
    net.add(Population("cell", 2, LIF(tau_m=20e-3, v_th=9.0)))
    one = Steps(np.array([0.01, 0.03]), np.array([[2.0, 3.0], [0.0, 1.0]]))
    two = Steps(np.array([0.02]), np.array([-0.5]))
    expected = simulate(net, 0.1, {"cell": [one, two]})
    given_ = {"cell": [nr.Current(x.times, x.values) for x in (one, two)]}
    found = nr.run(net, 0.1, inputs=given_, record=nr.Record(v={"cell": [1, 0]}))
    for k, t in enumerate(found.v_times):
        assert found.v["cell"][k] == pytest.approx([expected.v("cell", i, t) for i in (1, 0)], abs=1e-13)


def test_a_current_that_just_holds_v_at_its_limit_lets_go_at_once():
    tau = 2.0**-7
    network = nr.Network()
    cue = network.add(nr.Population("cue", 1, nr.SpikeSource()))
    cell = network.add(nr.Population("a", 1, nr.IF(v_th=None, v_max=0.5, tau_syn=tau), initial={"v": 0.5}))
    network.connect(cue, cell, nr.OneToOne(2.0), delay=0.25)
    inputs = {"cue": nr.Spikes([0.25], [0]), "a": nr.Current([0.5], [-2.0])}
    run = nr.run(network, 0.52, inputs=inputs, record=nr.Record(v={"a": [0]}, v_dt=2.0**-6))
    since = np.maximum(run.v_times - 0.5, 0.0)
    assert run.v["a"][:, 0] == pytest.approx(0.5 - 2.0 * since + 2.0 * tau * (1.0 - np.exp(-since / tau)), rel=1e-12)


@pytest.mark.parametrize("tau_m", [6e-3, 20e-3, [6e-3, 20e-3]], ids=str)
@pytest.mark.parametrize("tau_syn", [2e-3, 10e-3])
@pytest.mark.parametrize("threshold", [0.3, 0.35])
def test_a_maximum_long_before_the_next_event_is_not_missed(tau_m, tau_syn, threshold):
    net = Network()
    net.add(Population("cell", 2, LIF(tau_m=tau_m, v_th=threshold, bias=0.2, tau_syn=tau_syn), {"i": 4.3}))
    # Nothing else happens: one window lasts until currents and voltages have decayed to the last bit.
    found, expected = nr.run(net, 1.0), simulate(net, 1.0)
    for i in range(2):
        assert train(found, "cell", i) == pytest.approx(expected.train("cell", i), abs=TIME)
    assert len(expected.train("cell", 0)) > 0


@st.composite
def grazing(draw):
    """A neuron of any kind, its inputs, and the highest v that it reaches without a threshold, and when."""
    model = draw(models(1, [1e-3]))
    free = {"v_th": 1e6, "v_max": None, "v_reset": -1.0, "v_min": None}
    cell = replace(model, **free, **({"bias": 0.0} if isinstance(model, IF) else {}))
    weights = [0.5 * strength(cell, k) for k in range(len(receptors(cell)))]
    n, volley = draw(st.integers(1, 6)), []
    for _ in range(n):
        k = draw(st.integers(0, len(weights) - 1))
        volley.append((draw(between(0.01, 0.06)), weights[k] * draw(between(-0.6, 1.2)), k))
    net, inputs = driven(volley, cell)
    run = simulate(net, 0.15, inputs)
    grid = sorted([*np.linspace(0.0, 0.1499, 1500), *(t for t, *_ in volley)])
    v = [run.v("cell", 0, t) for t in grid]
    best = int(np.argmax(v))
    assume(best < len(grid) - 2)  # not one that it is still on its way to
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    for _ in range(100):  # v has one maximum in here, or the grid's point is a jump
        a, b = low + 0.382 * (high - low), low + 0.618 * (high - low)
        low, high = (low, b) if run.v("cell", 0, a) > run.v("cell", 0, b) else (a, high)
    top = max(max(v), run.v("cell", 0, 0.5 * (low + high)))
    assume(top > 0.05 and top > run.v("cell", 0, 0.0) + 0.01)
    return net, inputs, cell, volley, top


@given(case=grazing(), excess=st.sampled_from([1e-4, 1e-6, 1e-8, 1e-10]))
def test_whatever_the_neuron_a_maximum_just_above_threshold_is_a_spike_and_one_just_below_is_none(case, excess):
    _, _, cell, volley, top = case
    for sign in (1, -1):
        net, inputs = driven(volley, replace(cell, v_th=top * (1.0 - sign * excess)))
        found = nr.run(net, 0.15, inputs=for_engine(inputs)).spikes["cell"]
        assert (len(found) > 0) == (sign > 0)
