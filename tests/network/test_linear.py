"""Neurons in matrix form: which equations are taken, which are refused and why, and where such neurons do not go."""

import pickle
import re

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import InputError, ParameterError, UnsupportedFeature
from neuro.exchange.nir_write import write_nir
from neuro.network.linear.modes import modes_of
from tests.strategies import between, matrices

PLAIN = {"tau_m": 20e-3, "v_th": 1.0}
ONE = {"matrix": [[-100.0]], "readout": [1.0], "inputs": [1.0]}
TWO = {"matrix": [[-100.0, 0.0], [100.0, -90.0]], "readout": [0.0, 1.0], "inputs": [1.0, 0.0]}


def linear(**fields):
    return nr.LinearNeuron(**{**PLAIN, **TWO, **fields})


@st.composite
def equations(draw):
    matrix = draw(matrices(20e-3))
    n = len(matrix)

    def numbers(*shape):
        return np.array([draw(between(-1.0, 1.0)) for _ in range(int(np.prod(shape)))]).reshape(shape)

    return matrix, numbers(n), numbers(n, 2), numbers(n)


@given(given_=equations(), t=between(0.0, 0.2))
def test_modes_add_up_to_the_exponential_of_the_matrix(given_, t):
    matrix, readout, inputs, jump = given_
    modes = modes_of(matrix, readout, inputs, jump, "matrix")
    expected = readout @ scipy.linalg.expm(matrix * t) @ np.column_stack([inputs, jump])
    found = np.exp(-modes.rate * t) @ np.column_stack([modes.gain, modes.jump])
    assert np.allclose(found, expected, rtol=0.0, atol=1e-11 * (1.0 + np.abs(modes.gain).max(initial=0.0)))


@given(given_=equations(), data=st.data())
def test_units_of_the_internal_states_change_no_mode(given_, data):
    matrix, readout, inputs, jump = given_
    units = np.array([10.0 ** data.draw(st.integers(-12, 12)) for _ in matrix])
    other = units[:, None] * matrix / units, readout / units, units[:, None] * inputs, units * jump
    one, two = (modes_of(*parts, "matrix") for parts in (given_, other))
    order, other_order = np.argsort(one.rate), np.argsort(two.rate)
    assert np.allclose(one.rate[order], two.rate[other_order], rtol=1e-9, atol=0.0)
    assert np.allclose(one.gain[order], two.gain[other_order], rtol=1e-7, atol=1e-9)


def test_states_that_v_does_not_see_or_nothing_excites_cost_no_current():
    blind = linear(matrix=np.diag([-10.0, -20.0, -30.0]), readout=[1, 0, 1], inputs=[1, 1, 0])
    assert blind.modes.rate.tolist() == [10.0]


def test_equal_rates_of_states_that_leave_each_other_alone_are_taken():
    assert linear(matrix=np.diag([-100.0, -100.0]), readout=[1, -1], inputs=np.eye(2)).modes.rate.tolist() == [100, 100]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"matrix": [[-100.0, 90.0], [-90.0, -100.0]]}, r"must be real.*-100\+90j.*Weaken the couplings"),
        ({"matrix": [[-100.0, 0.0], [0.0, 0.0]]}, r"must lie below zero.*eigenvalues -100, 0 1/s.*`bias`"),
        ({"matrix": [[-100.0, 200.0], [200.0, -100.0]]}, r"must lie below zero.*100"),
        ({"matrix": [[-100.0, 0.0], [100.0, -100.0]]}, r"equal or nearly so.*-100, -100 1/s.*thousandth"),
        ({"matrix": [[-100.0, 0.0], [100.0, -100.0000001]]}, r"equal or nearly so.*-100\.0000001"),
        ({"matrix": [[-1e-30, 0.0], [100.0, -100.0]]}, r"-1 / eigenvalues"),
        ({"matrix": [-100.0, -10.0]}, r"must have shape \(states, states\).*\(2,\)"),
        ({"matrix": np.zeros((0, 0))}, r"1\.\.64 states.*A neuron without internal states is a LIF"),
        ({"matrix": -np.eye(65)}, r"1\.\.64 states"),
        ({"matrix": [[-100.0, np.nan], [0.0, -1.0]]}, r"LinearNeuron\.matrix: must be finite"),
        ({"readout": [1.0, 0.0, 0.0]}, r"readout: must have shape \(2,\)"),
        ({"readout": [1.0]}, r"matrix. is that of u alone.*v has an equation of its own"),
        ({"inputs": [1.0]}, r"inputs: must have shape \(2,\), or \(2, receptors\)"),
        ({"inputs": np.zeros((2, 0))}, r"inputs: must have shape"),
        ({"to_v": [1.0, 2.0]}, r"to_v: must have shape \(1,\)"),
        ({"jump": [1.0, 2.0, 3.0]}, r"jump: must have shape \(2,\)"),
        ({"jump": np.inf}, r"jump: must be finite"),
        ({"tau_m": 0.0}, r"LinearNeuron\.tau_m"),
        ({"v_reset": 1.0}, r"`v_reset` must lie below `v_th`"),
        ({"reset": "never"}, r"LinearNeuron\.reset"),
    ],
)
def test_equations_that_cannot_be_are_refused(fields, says):
    with pytest.raises(ParameterError, match=rf"(?s){says}"):
        linear(**fields)


def test_rates_a_thousandth_apart_are_taken_as_the_error_says():
    near = linear(matrix=[[-100.0, 0.0], [100.0, -100.1]]).modes
    t = np.linspace(0.0, 0.1, 50)
    alpha = 100.0 * t * np.exp(-100.0 * t)
    assert np.abs(np.exp(-np.outer(t, near.rate)) @ near.gain[:, 0] - alpha).max() < 1e-3 * alpha.max()


def test_a_population_has_one_matrix_and_parameters_of_each_neuron():
    cells = nr.Population("cells", 2, linear(tau_m=[10e-3, 20e-3], bias=[0.0, 2.0], jump=0.1))
    assert cells.parameter("bias").tolist() == [0.0, 2.0]
    assert cells.model.jump.tolist() == [0.1, 0.1]
    with pytest.raises(ParameterError, match="`tau_m` must be one number or 3 of them"):
        nr.Population("cells", 3, cells.model)
    with pytest.raises(ParameterError, match="internal states of a LinearNeuron begin at zero"):
        nr.Population("cells", 2, cells.model, initial={"i": 1.0})


def test_a_record_keeps_its_modes_through_pickle_and_cannot_be_changed():
    model = linear()
    other = pickle.loads(pickle.dumps(model))
    assert np.array_equal(other.modes.gain, model.modes.gain)
    with pytest.raises(ValueError, match="read-only"):
        model.matrix[0, 0] = 1.0


def network(quiet=False, **fields):
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource() if quiet else nr.SpikeSource([1e-3], [0])))
    net.add(nr.Population("cells", 2, linear(**fields)))
    net.connect("cue", "cells", nr.Dense([[1.0, 2.0], [3.0, 4.0]]), delay=1e-3, name="in")
    return net


def test_more_inputs_at_once_are_counted_in_what_drives_a_runaway_neuron():
    net = network(v_reset=1 - 1e-9)
    net.connect("cue", "cells", nr.AllToAll(30.0), delay=1e-3)
    net.connect("cells", "cells", nr.Dense(np.full((2, 2), 900.0)), delay=1e-3, name="back")
    with pytest.raises(nr.errors.NetworkError, match=r"population 'cells'.*driven most by projection 'back'"):
        nr.run(net, 1.0)


def test_other_synapses_learn_beside_those_onto_such_neurons():
    def learned(model):
        net = nr.Network()
        net.add(nr.Population("cue", 2, nr.SpikeSource([1e-3, 4e-3, 9e-3], [0, 1, 0])))
        net.add(nr.Population("cells", 2, model))
        net.add(nr.Population("out", 2, nr.LIF(**PLAIN)))
        net.connect("cue", "cells", nr.Dense([[90.0, 20.0], [30.0, 40.0]]), delay=[[1e-3, 2e-3], [1e-3, 3e-3]])
        net.connect("cells", "out", nr.Dense(np.full((2, 2), 0.8)), delay=1e-3, name="on")
        net.connect("cells", "cells", nr.AllToAll(-0.5), delay=2e-3)
        stdp = nr.STDP(a_plus=0.1, a_minus=0.1, tau_plus=20e-3, tau_minus=20e-3)
        return nr.run(net, 0.05, plasticity={"on": stdp})

    other = np.array([[1.0, 0.4], [0.2, 1.0]])
    rates, inputs = np.diag([-150.0, -20.0]), np.array([1.0, 0.0])
    built_in = nr.AHP(**PLAIN, tau_syn=1 / 150.0, tau_ahp=0.05, jump=0.3)
    own = nr.LinearNeuron(
        **PLAIN,
        matrix=other @ rates @ np.linalg.inv(other),
        readout=np.array([1.0, -1.0]) @ np.linalg.inv(other),
        inputs=other @ inputs,
        jump=other @ [0.0, 0.3],
    )
    one, two = learned(built_in), learned(own)
    assert len(one.spikes["out"]) > 3
    assert not np.allclose(one.weights["on"], 0.8)
    assert np.allclose(one.weights["on"], two.weights["on"], rtol=1e-9)
    # Three currents, of which two are reached by inputs: a projection has rows for both.
    assert np.allclose(learned(linear(inputs=[30.0, 1.0])).weights["on"].shape, (2, 2))


def test_devices_that_learn_are_not_read_by_such_neurons():
    crossbar = nr.Crossbar(np.full((2, 2), 0.5), device=nr.load_device("taox_64x64"), w_max=1.0)
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource([1e-3], [0])))
    net.add(nr.Population("out", 2, nr.LIF(**PLAIN)))
    net.add(nr.Population("cells", 2, linear()))
    net.connect("cue", "out", crossbar, delay=1e-3, name="learns")
    net.connect("out", "cells", crossbar.T, delay=1e-3, name="reads")
    rule = nr.STDP(a_plus=0.1, a_minus=0.1, tau_plus=20e-3, tau_minus=20e-3)
    with pytest.raises(UnsupportedFeature, match=r"plasticity of 'reads': .*LinearNeuron.*population 'cells'"):
        nr.run(net, 0.01, plasticity={"learns": rule})


def test_what_does_not_take_such_neurons_refuses_them_by_name(tmp_path):
    net = network()
    stdp = nr.STDP(a_plus=0.1, a_minus=0.1, tau_plus=20e-3, tau_minus=20e-3)
    with pytest.raises(UnsupportedFeature, match=r"plasticity of 'in': .*LinearNeuron.*population 'cells'\. A LIF"):
        nr.run(net, 0.01, plasticity={"in": stdp})
    with pytest.raises(UnsupportedFeature, match=r"population 'cells'.*LinearNeuron.*2 internal states"):
        nr.gradient(net, nr.run(net, 0.01), loss={"cells": lambda spikes: (0.0, np.zeros(len(spikes)))})
    net = network(quiet=True)
    for write in (
        lambda: write_nir(net, tmp_path / "net.nir"),
        lambda: nr.write_nest(net, tmp_path / "nest"),
        lambda: nr.write_sonata(net, tmp_path / "net.h5", node_types=tmp_path / "types.csv"),
        lambda: nr.to_brian2(net),
    ):
        with pytest.raises(UnsupportedFeature, match=re.compile(r"population 'cells'.*LinearNeuron", re.DOTALL)):
            write()
    with pytest.raises(InputError, match="a LinearNeuron does not adapt"):
        nr.run(net, 0.01, record=nr.Record(adaptation={"cells": [0]}))
