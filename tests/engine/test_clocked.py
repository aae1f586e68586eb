"""The clocked engine gives the bits of a loop over all neurons in all steps, and does no more than it has to."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import (
    InputError,
    NetworkError,
    ParameterError,
    StateError,
    UnknownName,
    UnsupportedFeature,
    WeightError,
)
from neuro.network.neurons import Source
from neuro.network.synapses import is_drawn, is_random
from tests.clocked_reference import DT, euler, stepped_networks, whole

thorough = settings(max_examples=60)
any_network = st.one_of(stepped_networks(), stepped_networks(whole_numbers=True))


def run(network, steps, inputs, **options):
    return nr.run(network, steps * DT, engine="clocked", dt=DT, inputs=inputs, **options)


def everything(network):
    members = {p.name: range(p.size) for p in network.populations.values() if not isinstance(p.model, Source)}
    return nr.Record(v=members)


def pairs(spikes):
    steps = np.rint(spikes.times / DT).astype(int)
    assert np.array_equal(steps * DT, spikes.times)
    return list(zip(steps.tolist(), spikes.ids.tolist(), strict=True))


def assert_same(found, expected):
    spikes, volts, events = expected
    assert {name: pairs(s) for name, s in found.spikes.items()} == spikes
    for name, v in found.v.items():
        assert np.array_equal(v, np.array(volts[name], float))
    assert dict(found.events) == events


def same_bits(one, other):
    return (
        {n: pairs(s) for n, s in one.spikes.items()} == {n: pairs(s) for n, s in other.spikes.items()}
        and all(np.array_equal(one.v[name], other.v[name]) for name in one.v)
        and one.events == other.events
    )


@thorough
@given(case=stepped_networks())
def test_forward_euler_has_the_bits_of_a_loop_over_all_neurons(case):
    network, steps, inputs = case
    assert_same(run(network, steps, inputs, record=everything(network)), euler(network, steps, inputs))


@thorough
@given(case=stepped_networks(whole_numbers=True))
def test_whole_numbers_are_those_of_a_loop_over_all_neurons(case):
    network, steps, inputs = case
    assert_same(run(network, steps, inputs, record=everything(network)), whole(network, steps, inputs))


@given(case=any_network, cuts=st.lists(st.integers(0, 60), max_size=3))
def test_a_run_in_parts_equals_one_run_bit_for_bit(case, cuts):
    network, steps, inputs = case
    record = everything(network)
    parts, state, begin = [], None, 0
    for cut in [*sorted(min(cut, steps) for cut in cuts), steps]:
        parts.append(run(network, cut - begin, inputs, record=record, state=state))
        state, begin = parts[-1].state, cut
    one = run(network, steps, inputs, record=record)
    for name in network.populations:
        assert [spike for part in parts for spike in pairs(part.spikes[name])] == pairs(one.spikes[name])
    for name in one.v:
        assert np.array_equal(np.concatenate([part.v[name] for part in parts]), one.v[name])
        assert np.array_equal(parts[-1].state.v[name], one.state.v[name])
    assert {name: sum(part.events[name] for part in parts) for name in one.events} == one.events
    assert parts[-1].stop == one.stop


@given(case=any_network)
def test_a_batch_is_single_runs(case):
    network, steps, inputs = case
    cue = inputs["cue"]
    later = {**inputs, "cue": nr.Spikes(cue.times[::2], cue.ids[::2])}
    program = nr.build_clocked(network, dt=DT)
    record = everything(network)
    batch = list(nr.run_batch(program, steps * DT, [inputs, later, inputs], record=record))
    single = [run(network, steps, trial, record=record) for trial in (inputs, later, inputs)]
    assert all(same_bits(one, other) for one, other in zip(batch, single, strict=True))


@given(case=any_network)
def test_what_is_recorded_changes_nothing(case):
    network, steps, inputs = case
    watched, bare = (
        run(network, steps, inputs, record=everything(network)),
        run(network, steps, inputs, record=nr.Record(spikes=False)),
    )
    assert bare.spikes == {}
    assert bare.events == watched.events
    assert all(np.array_equal(bare.state.v[name], watched.state.v[name]) for name in bare.state.v)


@given(case=any_network, later=st.integers(0, 2))
def test_copies_with_the_same_synapses_fire_as_copies_with_their_own_and_their_weights_are_held_once(case, later):
    network, steps, inputs = case

    def twice(own):
        net = nr.Network(seed=network.seed)
        for k in range(2):
            for name, p in network.populations.items():
                net.add(nr.Population(f"{name} {k}", p.size, p.model, p.initial))
            for name, p in network.projections.items():
                synapses, delay = copy.deepcopy(p.synapses) if own else p.synapses, p.delay + k * later * DT
                ends = f"{p.pre.name} {k}", f"{p.post.name} {k}"
                net.connect(*ends, synapses, delay=delay, receptor=p.receptor, name=f"{name} {k}")
        return net

    def held(net):
        return len(nr.build_clocked(net, dt=DT).wiring.weight)

    shared, apart = twice(own=False), twice(own=True)
    both = {f"{name} {k}": given for name, given in inputs.items() for k in range(2)}
    assert same_bits(*(run(net, steps, both, record=everything(net)) for net in (shared, apart)))
    if not any(drawn(p) for p in network.projections.values()):
        assert held(apart) == 2 * held(network)
        if all(np.ndim(p.delay) == 0 for p in network.projections.values()):
            assert held(shared) == held(network)


def drawn(projection):
    """Does a projection draw connections, weights or delays, so that each copy has its own?"""
    parts = getattr(projection.synapses, "weight", None), projection.delay
    return is_random(projection.synapses) or any(is_drawn(part) for part in parts)


def test_synapses_that_are_drawn_are_drawn_for_each_projection():
    rule, net = nr.FixedProbability(0.5, nr.Uniform(0.0, 1.0)), nr.Network()
    for k in range(2):
        net.add(nr.Population(f"cue {k}", 20, nr.SpikeSource()))
        net.add(nr.Population(f"cell {k}", 20, nr.LIF(tau_m=20e-3, v_th=1.0)))
        net.connect(f"cue {k}", f"cell {k}", rule, delay=DT)
    one, two = np.split(nr.build_clocked(net, dt=DT).wiring.weight, 2)
    assert not np.array_equal(one, two)


def test_silent_steps_cost_nothing():
    net, _ = relay(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3), weight=9.0)
    late = nr.Spikes([0.01, 2e6], [0, 0])  # 2e9 steps apart: minutes, one by one
    rec = nr.run(net, 2e6 + 1.0, engine="clocked", dt=DT, inputs={"cue": late})
    first, second = rec.spikes["cell"].times
    assert first == pytest.approx(second - 2e6 + 0.01, abs=1e-6)


@pytest.mark.parametrize(
    ("tau_syn", "initial", "weight", "expected"),
    [(None, {"v": 0.5}, 0.25, [0.5, 0.25, 0.125]), (2 * DT, {"v": 1.0, "i": 1.0}, 0.5, [1.0, 0.75, 0.5])],
    ids=["potential", "current"],
)
def test_a_neuron_whose_input_just_makes_up_for_its_leak_is_not_at_rest(tau_syn, initial, weight, expected):
    net = nr.Network()
    cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=2 * DT, v_th=None, tau_syn=tau_syn), initial))
    net.connect(cue, cell, nr.Dense([[weight]]), delay=DT)
    rec = run(net, 3, {"cue": nr.Spikes([0.0], [0])}, record=nr.Record(v={"cell": [0]}))
    assert rec.v["cell"][:, 0].tolist() == expected


def relay(model, weight, delay=DT):
    net = nr.Network()
    cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 1, model))
    net.connect(cue, cell, nr.Dense([[weight]]), delay=delay)
    return net, {"cue": nr.Spikes([3 * DT], [0])}


def test_a_source_acts_in_its_own_step_and_a_neuron_in_the_next():
    net, inputs = relay(nr.LIF(tau_m=20e-3, v_th=1.0), weight=2.0)
    after = net.add(nr.Population("after", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cell", after, nr.Dense([[2.0]]), delay=DT)
    rec = run(net, 10, inputs)
    assert [pairs(rec.spikes[name]) for name in ("cue", "cell", "after")] == [[(3, 0)], [(3, 0)], [(4, 0)]]


def test_one_step_more_of_delay_is_one_step_later():
    net, inputs = relay(nr.LIF(tau_m=20e-3, v_th=1.0), weight=2.0, delay=4 * DT)
    assert pairs(run(net, 10, inputs).spikes["cell"]) == [(6, 0)]


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_without_a_delay_a_spike_acts_in_its_own_step_in_whatever_order_populations_were_added(order):
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    for name in order:
        net.add(nr.Population(name, 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    for pre, post, delay in [("b", "c", 0.0), ("cue", "a", DT), ("a", "b", 0.0), ("a", "c", 2 * DT)]:
        net.connect(pre, post, nr.OneToOne(1.2), delay=delay)
    rec = run(net, 9, {"cue": nr.Spikes([3 * DT], [0])})
    steps = {name: np.rint(rec.spikes[name].times / DT).tolist() for name in order}
    assert steps == {"a": [3], "b": [3], "c": [3, 5]}


def test_delays_of_zero_in_a_loop_or_from_a_source_are_refused():
    net = nr.Network()
    for name in "ab":
        net.add(nr.Population(name, 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("a", "b", nr.OneToOne(1.2), delay=0.0)
    net.connect("b", "a", nr.OneToOne(1.2), delay=0.0)
    with pytest.raises(ParameterError, match=r"projection '(a->b|b->a)', delay.*loop"):
        nr.run(net, DT, engine="clocked", dt=DT)
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("a", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "a", nr.OneToOne(1.2), delay=0.0)
    with pytest.raises(ParameterError, match=r"projection 'cue->a', delay.*source.*one step"):
        nr.run(net, DT, engine="clocked", dt=DT)


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_spike_under_way_outlives_the_end_of_a_run(cut):
    net, inputs = relay(nr.LIF(tau_m=20e-3, v_th=1.0), weight=2.0, delay=4 * DT)
    first = run(net, cut, inputs)
    second = run(net, 10 - cut, inputs, state=first.state)
    assert pairs(first.spikes["cell"]) + pairs(second.spikes["cell"]) == [(6, 0)]


def test_spikes_of_one_step_are_in_the_order_of_neurons_whoever_woke_first():
    net = nr.Network()
    cue = net.add(nr.Population("cue", 3, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 30, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cue, cell, nr.Sparse([0, 1, 2], [20, 5, 12], 2.0), delay=DT)
    rec = run(net, 10, {"cue": nr.Spikes([5 * DT] * 3, [0, 1, 2])})
    assert rec.spikes["cell"].ids.tolist() == [5, 12, 20]


def test_a_time_just_below_a_step_is_that_step():
    net, _ = relay(nr.LIF(tau_m=20e-3, v_th=1.0), weight=2.0)
    times = [0.003 - 1e-12, 0.0049]
    assert [t for t, _ in pairs(run(net, 10, {"cue": nr.Spikes(times, [0, 0])}).spikes["cell"])] == [3, 4]


def test_smaller_steps_come_closer_to_the_exact_engine():
    net, inputs = relay(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3), weight=13.0)
    exact = nr.run(net, 0.1, inputs=inputs).spikes["cell"].times
    errors = []
    for dt in (1e-3, 1e-4, 1e-5):
        found = nr.run(net, 0.1, engine="clocked", dt=dt, inputs=inputs).spikes["cell"].times
        errors.append(abs(found - exact).max())
        assert len(found) == len(exact) >= 2
    assert errors[2] < errors[1] / 3 < errors[0] / 9


def test_a_program_brings_its_weights():
    net, inputs = relay(nr.LIF(tau_m=20e-3, v_th=1.0), weight=2.0)
    program = nr.build(net)
    assert len(run(program.with_weights({"cue->cell": [[0.5]]}), 10, inputs).spikes["cell"]) == 0
    assert len(run(program, 10, inputs).spikes["cell"]) == 1
    with pytest.raises(UnsupportedFeature, match="another bias"):
        run(program.with_bias({"cell": 0.1}), 10, inputs)


def test_weights_of_a_program_go_where_their_delays_are():
    weights = np.arange(6.0).reshape(2, 3)

    def network(weight):
        net = nr.Network()
        cue = net.add(nr.Population("cue", 2, nr.SpikeSource()))
        cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=None)))
        net.connect(cue, cell, nr.Dense(weight), delay=DT * np.array([[3, 1, 2], [2, 2, 1]]))
        return net

    inputs, record = {"cue": nr.Spikes([0.0, 0.0], [0, 1])}, nr.Record(v={"cell": range(3)})
    expected = run(network(weights), 5, inputs, record=record)
    assert len({tuple(column) for column in expected.v["cell"].T}) == 3
    program = nr.build(network(np.zeros((2, 3)))).with_weights({"cue->cell": weights})
    assert same_bits(run(program, 5, inputs, record=record), expected)


def test_poisson_sources_fire_what_they_fire_in_the_exact_engine():
    net = nr.Network()
    net.add(nr.Population("noise", 3, nr.PoissonSource([50.0, 400.0, 3000.0])))
    exact = nr.run(net, 200 * DT, seed=3).spikes["noise"]
    steps = np.floor(exact.times / DT + 1e-6).astype(int)
    whole = run(net, 200, {}, seed=3)
    assert pairs(whole.spikes["noise"]) == sorted(zip(steps.tolist(), exact.ids.tolist(), strict=True))
    assert pairs(run(net, 200, {}).spikes["noise"]) != pairs(whole.spikes["noise"])
    first = run(net, 77, {}, seed=3)
    rest = run(net, 123, {}, state=first.state)
    assert pairs(first.spikes["noise"]) + pairs(rest.spikes["noise"]) == pairs(whole.spikes["noise"])
    with pytest.raises(InputError, match="draws its own"):
        run(net, 5, {"noise": nr.Spikes([0.0], [0])})
    with pytest.raises(ParameterError, match="seed"):
        run(net, 5, {}, seed=-1)


def test_a_crossbar_counts_its_reads():
    net = nr.Network()
    cue = net.add(nr.Population("cue", 2, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    crossbar = nr.Crossbar(np.ones((2, 3)))
    net.connect(cue, cell, crossbar, delay=DT)
    before = crossbar.ledger.row_reads
    run(net, 10, {"cue": nr.Spikes([0.0, 0.002, 0.002], [0, 0, 1])})
    assert crossbar.ledger.row_reads - before == 3


def test_whole_numbers_that_grow_without_end_are_told():
    net, _ = relay(nr.LoihiLIF(d_v=0, v_th=None, e=7), weight=2**30)
    spikes = nr.Spikes(np.repeat(np.arange(100) * DT, 100), np.zeros(10_000, int))
    with pytest.raises(NetworkError, match=r"'cell', neuron 0.*2\^50"):
        run(net, 100, {"cue": spikes})


def test_progress_is_told_and_changes_nothing():
    net, inputs = relay(nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.5), weight=2.0)
    told = []
    rec = run(net, 500, inputs, progress=lambda done, total, label: told.append((done, total)))
    assert told[-1] == (500 * DT, 500 * DT)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert pairs(rec.spikes["cell"]) == pairs(run(net, 500, inputs).spikes["cell"])


REAL = nr.LIF(tau_m=20e-3, v_th=1.0)
WHOLE = nr.LoihiLIF(d_v=204, v_th=127)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"dt": None}, ParameterError, "needs a time step"),
        ({"dt": 0.0}, ParameterError, "dt: must be greater than zero"),
        ({"dt": -1e-3}, ParameterError, "dt"),
        ({"dt": float("nan")}, ParameterError, "dt"),
        ({"dt": 0.7e-3}, ParameterError, "delay: must be a whole number of steps"),
        ({"dt": 2e-3}, ParameterError, "delay"),
        ({"dt": 25e-3}, ParameterError, "shortest time constant"),
        ({"semantics": "brian"}, UnknownName, "loihi, nir-euler"),
        ({"semantics": "loihi"}, UnsupportedFeature, "'loihi' has no LIF.*'cell'|'cell'.*'loihi' has no LIF"),
        ({"threads": 2}, UnsupportedFeature, "one thread"),
        ({"clamp": object()}, UnsupportedFeature, "clamps"),
        ({"record": nr.Record(v={"cell": [0]}, v_dt=1.5e-3)}, ParameterError, "v_dt"),
        ({"record": nr.Record(v={"cue": [0]})}, InputError, "no voltage"),
        ({"record": nr.Record(v={"cell": [1]})}, ParameterError, r"0\.\.0"),
        ({"inputs": {"cell": nr.Spikes([0.0], [0])}}, InputError, "Current"),
        ({"inputs": {"cue": nr.Spikes([0.0], [7])}}, InputError, "cue"),
        ({"inputs": {"nobody": nr.Spikes([0.0], [0])}}, UnknownName, "nobody"),
        ({"inputs": {"cell": nr.Current([0.0], [[1.0, 2.0]])}}, InputError, "each of the 1 neurons"),
    ],
)
def test_what_the_clocked_engine_cannot_do_it_says(options, error, says):
    net, _ = relay(REAL, weight=1.0)
    with pytest.raises(error, match=says):
        nr.run(net, 0.1, engine="clocked", **{"dt": DT, **options})


@pytest.mark.parametrize("duration", [-1.0, 0.5e-3, float("inf")])
def test_a_duration_is_a_whole_number_of_steps(duration):
    with pytest.raises(ParameterError, match="duration"):
        nr.run(relay(REAL, 1.0)[0], duration, engine="clocked", dt=DT)


def test_a_refractory_time_is_a_whole_number_of_steps():
    net, _ = relay(nr.LIF(tau_m=20e-3, v_th=1.0, refractory=1.5e-3), weight=1.0)
    with pytest.raises(ParameterError, match="refractory"):
        run(net, 10, {})


def test_whole_number_neurons_are_for_the_clocked_engine_alone():
    net, _ = relay(nr.LoihiAHP(d_v=204, v_th=127, d_a=5, w_a=96), weight=1)
    with pytest.raises(UnsupportedFeature, match=r"'cell'.*LoihiAHP.*engine='clocked'"):
        nr.run(net, 0.1)
    with pytest.raises(UnsupportedFeature, match=r"nir-euler.*LoihiAHP"):
        run(net, 10, {}, semantics="nir-euler")
    with pytest.raises(UnsupportedFeature, match="Current"):
        run(net, 10, {"cell": nr.Current([0.0], [1.0])})


@pytest.mark.parametrize("wrong", [{"d_v": -1}, {"d_v": 4097}, {"d_v": 0.5}, {"v_th": -1}, {"e": 8}, {"e": -7}])
def test_a_whole_number_neuron_that_cannot_be_is_refused(wrong):
    with pytest.raises(ParameterError, match=f"LoihiLIF.{next(iter(wrong))}"):
        nr.LoihiLIF(**{"d_v": 204, "v_th": 127, **wrong})


def test_weights_onto_whole_number_neurons_are_whole():
    net, _ = relay(WHOLE, weight=0.5)
    with pytest.raises(WeightError, match=r"cue->cell.*0\.5"):
        run(net, 10, {})


def test_a_state_belongs_to_one_engine_network_and_step():
    net, _ = relay(REAL, weight=1.0)
    clocked, exact = run(net, 10, {}).state, nr.run(net, 0.01).state
    with pytest.raises(StateError, match="another engine"):
        run(net, 10, {}, state=exact)
    with pytest.raises(StateError, match="clocked"):
        nr.run(net, 0.01, state=clocked)
    with pytest.raises(StateError, match="time step"):
        nr.run(net, 0.01, engine="clocked", dt=DT / 2, state=clocked)
    with pytest.raises(InputError, match="built for"):
        nr.run(nr.build_clocked(net, dt=DT), 0.01, engine="clocked", dt=DT / 2)
    with pytest.raises(UnsupportedFeature, match="semantics"):
        nr.run(net, 0.01, semantics="loihi")


@pytest.mark.parametrize("refractory", [1, 2, 5, 64])
def test_a_driven_neuron_fires_once_in_its_refractory_time(refractory):
    net = nr.Network()
    net.add(nr.Population("cell", 1, nr.LoihiLIF(d_v=0, v_th=0, bias=1, refractory=refractory)))
    steps = [t for t, _ in pairs(run(net, 200, {}).spikes["cell"])]
    assert steps == list(range(0, 200, refractory))


def test_a_current_wraps_around_and_a_potential_saturates():
    net = nr.Network()
    cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LoihiLIF(d_u=[0, 4096], d_v=[4096, 0], v_th=None, bounded=True)))
    net.connect(cue, "cell", nr.Dense([[2**16, 2**16]]), delay=DT)  # 2^22 a spike
    inputs = {"cue": nr.Spikes(np.arange(5) * DT, [0] * 5)}
    rec = run(net, 5, inputs, record=everything(net))
    assert rec.state.arrays.neuron["u"][1:].tolist() == [5 * 2**22 - 2**24, 2**22]
    assert rec.v["cell"][:, 0].tolist() == [2**22, 2**23 - 1, 3 * 2**22 - 2**24, 0, 2**22]
    assert rec.v["cell"][:, 1].tolist() == [2**22, *[2**23 - 1] * 4]


@given(mantissa=st.integers(-256, 254), exponent=st.integers(-8, 7), bits=st.integers(1, 8), mixed=st.booleans())
def test_weights_are_rounded_as_on_the_chip(mantissa, exponent, bits, mixed):
    signs = "mixed" if mixed else "negative" if mantissa < 0 else "positive"
    step = 2 ** (8 - bits + mixed)
    rounded = abs(mantissa) // step * step * (1 if mantissa > 0 else -1)
    shifted = rounded << exponent if exponent >= 0 else rounded >> -exponent
    expected = max(-(2**15 - 1), min(2**15 - 1, shifted))
    assert nr.loihi_weights(mantissa, exponent, bits=bits, signs=signs) == expected


@pytest.mark.parametrize(
    ("where", "bad"),
    [
        ("LoihiLIF.d_u", lambda: nr.LoihiLIF(d_v=0, v_th=0, d_u=4097)),
        ("LoihiLIF.bias", lambda: nr.LoihiLIF(d_v=0, v_th=0, bias=0.5)),
        ("LoihiLIF.e_bias", lambda: nr.LoihiLIF(d_v=0, v_th=0, e_bias=8)),
        ("LoihiLIF.refractory", lambda: nr.LoihiLIF(d_v=0, v_th=0, refractory=0)),
        ("LoihiLIF.bounded", lambda: nr.LoihiLIF(d_v=0, v_th=0, bounded=24)),
        ("mantissa", lambda: nr.loihi_weights(255)),
        ("exponent", lambda: nr.loihi_weights(1, exponent=8)),
        ("bits", lambda: nr.loihi_weights(1, bits=9)),
        ("signs", lambda: nr.loihi_weights(1, signs="both")),
    ],
)
def test_parameters_of_the_chip_are_refused_out_of_range(where, bad):
    with pytest.raises(nr.NeuroError, match=where):
        bad()
