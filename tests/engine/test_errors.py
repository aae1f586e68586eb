"""Bad input is refused once, at the border, by a named error that says what, where and what would be right."""

import numpy as np
import pytest

import neuro as nr
from neuro.errors import (
    ClampError,
    InputError,
    NetworkError,
    ParameterError,
    StateError,
    UnknownName,
    UnsupportedFeature,
    WeightError,
)


def network(size=3):
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", size, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    return net


@pytest.mark.parametrize(
    ("times", "ids", "says"),
    [
        ([np.nan], [0], "must be finite"),
        ([np.inf], [0], "must be finite"),
        ([-1e-3], [0], "must not be negative"),
        ([0.1, 0.2], [0], "one length"),
        ([0.1], [-1], "ids must lie in"),
        ([0.1], [0.5], "whole numbers"),
    ],
)
def test_spikes_that_cannot_be_are_refused(times, ids, says):
    with pytest.raises(InputError, match=says):
        nr.Spikes(times, ids)


def test_a_spike_of_a_neuron_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"'cue'.*0\.\.1; got 5"):
        nr.run(network(), 0.1, inputs={"cue": nr.Spikes([0.01], [5])})


def test_input_for_an_unknown_population_names_those_that_there_are():
    with pytest.raises(UnknownName, match=r"no population .* 'cues'.*cell, cue"):
        nr.run(network(), 0.1, inputs={"cues": nr.Spikes([0.01], [0])})


def test_spikes_cannot_be_put_into_a_neuron_nor_current_into_a_source():
    with pytest.raises(InputError, match="hard Clamp"):
        nr.run(network(), 0.1, inputs={"cell": nr.Spikes([0.01], [0])})
    with pytest.raises(InputError, match="takes Spikes"):
        nr.run(network(), 0.1, inputs={"cue": nr.Current([0.0], [1.0])})


@pytest.mark.parametrize(("times", "values"), [([0.1, 0.1], [1, 2]), ([-1.0], [1]), ([0.0], [np.nan]), ([0.0], [1, 2])])
def test_currents_that_cannot_be_are_refused(times, values):
    with pytest.raises(InputError):
        nr.Current(times, values)


def test_a_current_with_the_wrong_number_of_columns_is_refused():
    with pytest.raises(InputError, match="each of the 3 neurons"):
        nr.run(network(), 0.1, inputs={"cell": nr.Current([0.0], [[1.0, 2.0]])})


@pytest.mark.parametrize(
    "synapses",
    [
        nr.Dense(np.zeros((3, 2))),
        nr.Dense([[np.nan] * 3] * 2),
        nr.Sparse([0], [3], 1.0),
        nr.Sparse([2], [0], 1.0),
        nr.Sparse([0], [0], np.inf),
        nr.OneToOne(1.0),
    ],
    ids=lambda synapses: type(synapses).__name__,
)
def test_weights_that_do_not_fit_the_populations_are_refused(synapses):
    def connect():
        net = network()
        net.connect("cue", "cell", synapses, delay=1e-3)
        nr.build(net)

    with pytest.raises(WeightError, match=r"cue->cell"):
        connect()


def test_a_crossbar_of_the_wrong_shape_is_refused():
    with pytest.raises(WeightError, match=r"\(pre, post\) = \(2, 3\); got \(3, 2\)"):
        network().connect("cue", "cell", nr.Crossbar(np.zeros((3, 2))), delay=1e-3)


@pytest.mark.parametrize("delay", [-1e-3, np.nan, np.inf])
def test_a_delay_must_not_be_below_zero(delay):
    with pytest.raises(ParameterError, match=r"cue->cell.*delay"):
        network().connect("cue", "cell", nr.AllToAll(1.0), delay=delay)


@pytest.mark.parametrize(
    ("synapses", "delay", "says"),
    [
        (nr.Sparse([0, 1], [2, 2], 1.0), [1e-3, -2e-3], r"cue->cell.*delay.*not be negative.*-0\.002"),
        (nr.Sparse([0, 1], [2, 2], 1.0), [1e-3, np.nan], r"cue->cell.*delay.*finite.*index 1"),
        (nr.Sparse([0, 1], [2, 2], 1.0), [1e-3], r"one for each synapse: \(2,\); got shape \(1,\)"),
        (nr.AllToAll(1.0), [1e-3] * 6, r"shape \(pre, post\): \(2, 3\); got shape \(6,\)"),
        (nr.Dense(np.ones((2, 3))), np.full((3, 2), 1e-3), r"\(2, 3\); got shape \(3, 2\)"),
        (nr.FixedIndegree(1, 1.0), [1e-3] * 3, "drawn at random.*have one delay"),
    ],
)
def test_delays_that_do_not_fit_the_synapses_are_refused(synapses, delay, says):
    with pytest.raises(ParameterError, match=says):
        network().connect("cue", "cell", synapses, delay=delay)


def test_names_are_unique_and_known():
    net = network()
    with pytest.raises(NetworkError, match="'cell'"):
        net.add(nr.Population("cell", 1, nr.SpikeSource()))
    with pytest.raises(UnknownName, match="'nobody'"):
        net.connect("nobody", "cell", nr.AllToAll(1.0), delay=1e-3)
    with pytest.raises(NetworkError, match="takes no synapses"):
        net.connect("cell", "cue", nr.AllToAll(1.0), delay=1e-3)
    with pytest.raises(NetworkError, match="another network"):
        net.connect(network().populations["cue"], "cell", nr.AllToAll(1.0), delay=1e-3)
    with pytest.raises(ParameterError, match="receptor"):
        net.connect("cue", "cell", nr.AllToAll(1.0), delay=1e-3, receptor=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tau_m": 0.0},
        {"tau_m": -1.0},
        {"tau_m": np.nan},
        {"v_th": np.inf},
        {"refractory": -1e-3},
        {"tau_syn": 0.0},
        {"v_reset": 1.0},
        {"v_reset": 2.0},
        {"reset": "subtract", "v_th": 0.0, "v_reset": -1.0},
        {"reset": "never"},
        {"v_min": 1.0},
        {"v_min": 0.5},
        {"v_min": -1.0, "v_max": -2.0},
        {"v_max": -1.0},
        {"bias": "much"},
    ],
    ids=str,
)
def test_a_neuron_that_cannot_be_is_refused(wrong):
    with pytest.raises(ParameterError, match="LIF"):
        nr.LIF(**{"tau_m": 20e-3, "v_th": 1.0, **wrong})


def test_slow_currents_and_jumps_go_together():
    with pytest.raises(ParameterError, match="one length"):
        nr.AHP(tau_m=20e-3, v_th=1.0, tau_ahp=(0.1, 0.2), jump=0.1)


def test_parameters_and_initial_values_have_one_entry_per_neuron():
    with pytest.raises(ParameterError, match=r"`bias`.*3 of them"):
        nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0, bias=[1.0, 2.0]))
    with pytest.raises(ParameterError, match="initial v"):
        nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0), initial={"v": [0.0, 0.0]})
    with pytest.raises(UnknownName, match="'u'"):
        nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0), initial={"u": 0.0})


def test_a_state_of_another_network_is_refused():
    state = nr.run(network(3), 0.01).state
    with pytest.raises(StateError, match="cell"):
        nr.run(network(4), 0.01, state=state)


def test_what_the_engine_cannot_do_it_does_not_pretend():
    net = network()
    with pytest.raises(UnsupportedFeature, match="no time step"):
        nr.run(net, 0.1, dt=1e-4)
    for threads in (0, -1, 1.5):
        with pytest.raises(ParameterError, match="threads"):
            nr.run(net, 0.1, threads=threads)
    with pytest.raises(UnknownName, match="engine"):
        nr.run(net, 0.1, engine="fast")
    with pytest.raises(ParameterError, match="duration"):
        nr.run(net, -1.0)


def test_voltages_are_asked_of_neurons_that_have_one():
    with pytest.raises(InputError, match="no voltage"):
        nr.run(network(), 0.1, record=nr.Record(v={"cue": [0]}))
    with pytest.raises(ParameterError, match=r"0\.\.2"):
        nr.run(network(), 0.1, record=nr.Record(v={"cell": [3]}))
    with pytest.raises(ParameterError, match="v_dt"):
        nr.run(network(), 0.1, record=nr.Record(v={"cell": [0]}, v_dt=0.0))


def test_a_clamp_forces_only_neurons_that_it_holds():
    from neuro.learning.clamp import AppliedClamp

    held = AppliedClamp(forced={"cell": (np.array([0]), nr.Spikes([0.01], [1]))})
    with pytest.raises(ClampError, match="only clamped neurons"):
        nr.run(network(), 0.1, clamp=held)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_run_too_long_for_its_shortest_delay_is_refused_where_spikes_would_be_lost(parts):
    net = nr.Network()
    cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cue, cell, nr.OneToOne(2.0), delay=1e-9)
    longest, inputs = 4390.0, {"cue": nr.Spikes([4000.0], [0])}
    assert len(nr.run(net, longest, inputs=inputs).spikes["cell"].times) == 1
    state = nr.run(net, 4000.0).state if parts == 2 else None
    with pytest.raises(ParameterError, match=r"within 4\.4e\+12 times the shortest delay.* got 5000 s"):
        nr.run(net, 5000.0 if parts == 1 else 1000.0, inputs=inputs, state=state)
