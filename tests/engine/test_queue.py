"""Laws of zero delay: what happens at one instant happens in one order, and the queue finds what windows find."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.codes import AMPLITUDE_FORM, STATE_FORM
from neuro.engine.lower.single_delays import with_segments
from neuro.errors import NetworkError
from neuro.learning.clamp import AppliedClamp
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, ALIF, IF, LIF, SpikeSource
from neuro.network.synapses import AllToAll, Dense, Sparse
from tests.engine.agreement import (
    ROUNDING,
    TIME,
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
from tests.strategies import driven, fractions, max_of_psp, readable, small_networks


def through_the_queue(network):
    """A program that takes the queue whatever its delays are."""
    program = with_segments(nr.build(network), network.projections)
    groups = program.fixed.groups.copy()
    groups["kind"][groups["kind"] == AMPLITUDE_FORM] = STATE_FORM
    return replace(program, window=0.0, fixed=program.fixed._replace(groups=groups))


@given(case=small_networks(instant=True, whole=True, more=True))
def test_spikes_and_voltages_with_zero_delays_are_those_of_the_oracle(case):
    network, duration, inputs = case
    note(readable(*case))
    expected = simulate(network, duration, inputs)
    found = nr.run(network, duration, inputs=for_engine(inputs), record=everything(network), clamp=clamp_of(inputs))
    spikes_agree(case, found, expected)
    voltages_agree(case, found, expected)


@given(case=small_networks())
def test_without_zero_delays_the_queue_finds_what_windows_find(case):
    network, duration, inputs = case
    note(readable(*case))
    queued = nr.run(through_the_queue(network), duration, inputs=for_engine(inputs))
    windowed = nr.run(network, duration, inputs=for_engine(inputs))
    at, name, i = trains_part(network, lambda n, i: train(windowed, n, i), lambda n, i: train(queued, n, i))
    if at < math.inf:
        expected = simulate(network, duration, inputs)
        assert at >= horizon(network, duration, inputs, expected, noise=ROUNDING, tolerance=TIME), (name, i)
    else:
        assert queued.events == windowed.events


@given(case=small_networks(instant=True), cuts=st.lists(fractions(), min_size=1, max_size=3))
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
    assert {n: sum(p.events[n] for p in parts) for n in whole.events} == dict(whole.events)
    assert same_bits(whole, nr.run(network, stop, inputs=given_, record=record))


@pytest.mark.parametrize(("volleys", "parameters", "initial"), TIES.values(), ids=TIES)
def test_at_one_instant_things_happen_in_the_order_of_the_windows(volleys, parameters, initial):
    net, inputs = driven(volleys, LIF(**{"tau_m": 20e-3, "v_th": 1.0} | parameters), initial)
    expected = simulate(net, 0.06, inputs)
    record = nr.Record(v={"cell": [0]}, v_dt=0.5e-3)
    found = nr.run(through_the_queue(net), 0.06, inputs=for_engine(inputs), record=record)
    assert train(found, "cell", 0) == pytest.approx(expected.train("cell", 0), abs=1e-15)
    v = [expected.v("cell", 0, t) for t in found.v_times]
    assert found.v["cell"][:, 0] == pytest.approx(v, abs=1e-12)


def chain(n, model, weight=1.5, delay=0.0):
    net = Network()
    net.add(Population("cue", 1, SpikeSource()))
    net.add(Population("cell", n, model))
    net.connect("cue", "cell", Sparse([0], [0], weight), delay=delay)
    net.connect("cell", "cell", Sparse(range(n - 1), range(1, n), weight), delay=delay)
    return net


def test_a_chain_of_zero_delays_fires_at_one_instant():
    found = nr.run(chain(50, LIF(tau_m=20e-3, v_th=1.0)), 0.1, inputs={"cue": nr.Spikes([0.013], [0])})
    assert found.spikes["cell"].times.tolist() == [0.013] * 50
    assert found.spikes["cell"].ids.tolist() == list(range(50))
    assert found.events == {"cue->cell": 1, "cell->cell": 49}


def test_a_spike_at_its_own_time_acts_at_that_time_to_the_last_bit():
    net = Network()
    net.add(Population("beat", 1, LIF(tau_m=20e-3, v_th=1.0, bias=1.7)))
    net.add(Population("cell", 1, LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("beat", "cell", AllToAll(1.2), delay=0.0)
    found = nr.run(net, 0.5).spikes
    assert len(found["beat"]) > 10
    assert np.array_equal(found["beat"].times, found["cell"].times)


def test_one_generation_is_summed_before_the_next_is_tested():
    # The cue fires 0 and 1; they excite 2 and inhibit it at once, and 0 excites 3, which excites 2 one step later.
    net = Network()
    net.add(Population("cue", 1, SpikeSource()))
    net.add(Population("cell", 4, LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", Sparse([0, 0], [0, 1], 2.0), delay=0.0)
    net.connect("cell", "cell", Sparse([0, 1, 0, 3], [2, 2, 3, 2], [5.0, -4.5, 1.1, 0.6]), delay=0.0)
    record = nr.Record(v={"cell": [2]}, v_dt=1e-3)
    found = nr.run(net, 0.02, inputs={"cue": nr.Spikes([0.01], [0])}, record=record)
    assert found.spikes["cell"].ids.tolist() == [0, 1, 2, 3]
    net.connect("cell", "cell", Sparse([1], [2], -0.7), delay=0.0)
    found = nr.run(net, 0.02, inputs={"cue": nr.Spikes([0.01], [0])}, record=record)
    assert found.spikes["cell"].ids.tolist() == [0, 1, 3]
    assert found.v["cell"][found.v_times == 0.01, 0] == pytest.approx(0.4)


def test_jumps_onto_a_neuron_that_has_just_fired_are_lost_or_fire_it_again():
    for refractory, fired in [(1e-3, [0, 1]), (0.0, [0, 0, 1])]:
        net = Network()
        net.add(Population("cue", 1, SpikeSource()))
        net.add(Population("cell", 2, LIF(tau_m=20e-3, v_th=1.0, refractory=refractory)))
        net.connect("cue", "cell", Sparse([0], [0], 2.0), delay=0.0)
        net.connect("cell", "cell", Sparse([0, 1], [1, 0], [0.6, 1.3]), delay=0.0)
        net.connect("cue", "cell", Sparse([0], [1], 0.5), delay=0.0)
        found = nr.run(net, 0.02, inputs={"cue": nr.Spikes([0.01], [0])}).spikes["cell"]
        assert found.ids.tolist() == fired
        assert set(found.times) == {0.01}


@pytest.mark.parametrize("model", [LIF(tau_m=20e-3, v_th=1.0), IF(v_th=1.0, reset="subtract")])
def test_a_loop_without_delay_or_refractory_time_is_named(model):
    net = Network()
    net.add(Population("cue", 1, SpikeSource()))
    net.add(Population("quiet", 2, model))
    net.add(Population("loop", 3, model))
    net.connect("cue", "loop", AllToAll(1.5), delay=1e-3)
    net.connect("loop", "loop", AllToAll(0.5), delay=0.0)
    net.connect("loop", "quiet", AllToAll(0.0), delay=0.0)
    with pytest.raises(NetworkError, match=r"'loop'.*(without end|in one instant)"):
        nr.run(net, 0.1, inputs={"cue": nr.Spikes([0.01], [0])})


def test_a_refractory_time_ends_a_loop():
    net = Network()
    net.add(Population("loop", 3, LIF(tau_m=20e-3, v_th=1.0, refractory=2e-3), {"v": [1.5, 0.0, 0.0]}))
    net.connect("loop", "loop", AllToAll(1.1), delay=0.0)
    found = nr.run(net, 0.1).spikes["loop"]
    assert found.ids.tolist() == [0, 1, 2]
    assert found.times.tolist() == [0.0] * 3


def test_a_delay_too_short_to_change_the_time_is_none():
    net = chain(5, LIF(tau_m=20e-3, v_th=1.0), delay=1e-18)
    found = nr.run(through_the_queue(net), 0.1, inputs={"cue": nr.Spikes([0.052], [0])}).spikes["cell"]
    assert found.times.tolist() == [0.052] * 5


def test_clamped_neurons_fire_as_forced_and_act_at_once():
    net = Network()
    net.add(Population("a", 2, LIF(tau_m=20e-3, v_th=1.0, bias=3.0)))
    net.add(Population("b", 2, LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    net.connect("a", "b", Dense([[9.0, 0.0], [0.0, 9.0]]), delay=0.0)
    held = AppliedClamp(forced={"a": (np.array([0]), nr.Spikes([4e-3, 40e-3], [0, 0]))})
    clamped = nr.run(net, 0.05, clamp=held)
    freed = nr.run(net, 0.05, state=clamped.state)
    for recording, start, forced in ((clamped, 0.0, [4e-3, 40e-3]), (freed, 0.05, None)):
        mine, other = (np.array(train(recording, "a", i)) for i in (0, 1))
        if forced is None:  # released at the reset value
            assert mine == pytest.approx(start + 20e-3 * math.log(1.5) * np.arange(1, 7), abs=1e-12)
        else:
            assert mine.tolist() == forced
        assert len(other) == 6
    early, _ = (train(clamped, "b", i) for i in (0, 1))
    assert len(early) == 2


def test_steps_of_current_and_brief_maxima_are_met():
    top = max_of_psp(20e-3, 5e-3)
    for excess in (1e-9, -1e-9):
        net, inputs = driven([(0.01, (1 + excess) / top)], LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3))
        assert len(nr.run(through_the_queue(net), 0.1, inputs=for_engine(inputs)).spikes["cell"]) == (excess > 0)


def test_a_brief_maximum_long_before_anything_else_happens_is_met():
    # Until the next input, 50 s later, everything has decayed to nothing: only near the maximum can it be seen.
    net, inputs = driven([(0.01, 1.001 / max_of_psp(2e-3, 1e-3)), (50.0, 0.1)], LIF(tau_m=2e-3, v_th=1.0, tau_syn=1e-3))
    expected = simulate(net, 51.0, inputs).train("cell", 0)
    assert len(expected) == 1
    assert train(nr.run(through_the_queue(net), 51.0, inputs=for_engine(inputs)), "cell", 0) == pytest.approx(expected)


def test_many_spikes_of_one_instant_make_buffers_grow():
    net = Network()
    net.add(Population("cue", 1, SpikeSource()))
    net.add(Population("cell", 3000, AHP(tau_m=20e-3, v_th=1.0, tau_ahp=0.1, jump=0.1)))
    net.add(Population("next", 1, ALIF(tau_m=20e-3, v_th=1.0, tau_adapt=0.1, jump=0.1)))
    net.connect("cue", "cell", AllToAll(1.5), delay=0.0)
    net.connect("cell", "next", AllToAll(1e-3), delay=2e-3)
    found = nr.run(net, 0.1, inputs={"cue": nr.Spikes([0.01, 0.05], [0, 0])})
    assert found.spikes["cell"].ids.tolist() == [*range(3000), *range(3000)]
    assert found.spikes["next"].times.tolist() == [0.012, 0.052]
    assert found.events == {"cue->cell": 6000, "cell->next": 6000}


def test_silence_is_passed_over_at_once_without_windows_too():
    net = Network()
    net.add(Population("cue", 1, SpikeSource()))
    net.add(Population("cell", 3, LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3, bias=0.9)))
    net.connect("cue", "cell", AllToAll(3.0), delay=0.0)
    net.connect("cell", "cell", AllToAll(0.01), delay=0.0)
    cue = nr.Spikes([0.01, 1e9, 1e9 + 5.0], [0, 0, 0])
    pieces = []
    found = nr.run(net, 1e9 + 10.0, inputs={"cue": cue}, progress=lambda done, *_: pieces.append(done))
    assert found.spikes["cell"].counts(3).tolist() == [found.spikes["cell"].counts(3)[0]] * 3
    late = found.spikes["cell"].window(1e9, 2e9)
    assert len(late) == 2 * len(found.spikes["cell"].window(0.0, 1.0)) > 0
    # A piece ends at most where something happens: there are a few, not one for each so many seconds.
    assert len(pieces) < 100
