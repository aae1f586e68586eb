"""A neuron that would fire without end is refused with its name, its number and its rate; a fast one is not."""

import numpy as np
import pytest

import neuro as nr
from neuro.errors import NetworkError, ParameterError

FAST = {"tau_m": 20e-3, "v_th": 1.0, "tau_syn": 5e-3}


def test_a_reset_at_the_threshold_is_refused_with_the_neuron():
    with pytest.raises(ParameterError, match=r"LIF: `v_reset` must lie below.*v_reset=1\.5, v_th=1\.0 at neuron 2"):
        nr.LIF(tau_m=20e-3, v_th=1.0, v_reset=[0.0, 0.5, 1.5, 2.0])
    with pytest.raises(ParameterError, match=r"v_th=-1\.0 at neuron 1"):
        nr.IF(v_th=[1.0, -1.0], reset="subtract")


@pytest.mark.parametrize(
    "model",
    [
        nr.LIF(tau_m=20e-3, v_th=1.0, v_reset=[0.0, 0.0, 1.0 - 1e-8], bias=2.0),
        nr.LIF(tau_m=20e-3, v_th=1.0, bias=[1.5, 2.0, 1e9]),
        nr.LIF(tau_m=20e-3, v_th=[1.0, 1.0, 1e-9], reset="subtract", v_rest=1.5),
        nr.IF(v_th=1.0, bias=[1e3, -1e12, 1e10], v_min=-1.0),
    ],
    ids=["reset near the threshold", "a strong bias", "a low threshold", "no leak"],
)
def test_a_bias_that_drives_a_neuron_without_end_is_refused_when_the_network_is_built(model):
    net = nr.Network()
    net.add(nr.Population("calm", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    net.add(nr.Population("cell", 3, model))
    with pytest.raises(NetworkError, match=r"population 'cell', neuron 2: .*1e\+09 times a second.*by its bias alone"):
        nr.build(net)


@pytest.mark.parametrize(
    "model",
    [
        nr.LIF(tau_m=20e-3, v_th=1.0, bias=1e9, refractory=1e-3),
        nr.LIF(tau_m=20e-3, v_th=1.0, v_reset=1.0 - 1e-9, bias=1.0),
        nr.LIF(tau_m=20e-3, v_th=1.0, bias=1e9, v_max=0.5),
        nr.IF(v_th=1.0, bias=-1e12, v_min=-1.0),
    ],
    ids=["refractory", "never there", "held below", "driven away"],
)
def test_a_neuron_that_cannot_run_away_is_not_refused(model):
    net = nr.Network()
    net.add(nr.Population("cell", 1, model))
    assert len(nr.run(net, 0.01).spikes["cell"]) <= 10


def driven(model, weight, size=3, spikes=1):
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", size, model))
    net.connect("cue", "cell", nr.Dense([[*[0.0] * (size - 1), weight]]), delay=1e-3)
    return nr.run(net, 0.1, inputs={"cue": nr.Spikes([0.02] * spikes, [0] * spikes)})


@pytest.mark.parametrize(
    ("model", "weight"),
    [
        (nr.LIF(**FAST), 1e12),
        (nr.LIF(**FAST, v_min=-1.0), 1e12),
        (nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=(5e-3, 9e-3)), 1e12),
        (nr.LIF(**FAST, v_reset=1.0 - 1e-13), 15.0),
        (nr.IF(v_th=1.0, tau_syn=5e-3), 1e13),
        (nr.LIF(tau_m=20e-3, v_th=1e-9, reset="subtract"), 1.0),
        (nr.ALIF(tau_m=20e-3, v_th=1.0, tau_adapt=0.1, jump=-2.0), 1.5),
    ],
    ids=["amplitude form", "with a floor", "two currents", "reset at the threshold", "no leak", "subtract", "sinking"],
)
def test_an_input_that_drives_a_neuron_without_end_is_refused_when_it_does(model, weight):
    with pytest.raises(NetworkError, match=r"population 'cell', neuron 2: .*spikes in .* from 0\.02[12]\d* s on"):
        driven(model, weight)


def test_many_runaways_at_once_do_not_fill_the_memory():
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 40, nr.LIF(**FAST)))
    net.connect("cue", "cell", nr.AllToAll(1e12), delay=1e-3)
    with pytest.raises(NetworkError, match=r"population 'cell', neuron \d+"):
        nr.run(net, 0.1, inputs={"cue": nr.Spikes([0.02], [0])})


def test_one_input_may_rightly_set_off_thousands_of_spikes_where_reset_subtracts():
    found = driven(nr.LIF(tau_m=20e-3, v_th=2.0**-10, reset="subtract"), 20.0)
    assert found.spikes["cell"].counts(3).tolist() == [0, 0, 20_480]
    assert np.ptp(found.spikes["cell"].times) == 0.0


def test_a_neuron_may_fire_at_ten_megahertz():
    found = driven(nr.IF(v_th=1.0, tau_syn=10e-6), 1e7, size=1)
    assert len(found.spikes["cell"]) == pytest.approx(100, abs=1)
    assert found.spikes["cell"].times[0] == pytest.approx(0.021 + 1e-7, abs=1e-9)


def test_what_happens_after_a_run_is_not_held_against_it():
    net = nr.Network()
    net.add(nr.Population("cell", 1, nr.AHP(tau_m=8e-3, v_th=0.8, bias=1.7, tau_ahp=0.1, jump=-0.15)))
    first = nr.run(net, 0.03)
    assert 0 < len(first.spikes["cell"]) < 20
    assert len(nr.run(net, 0.03, state=first.state).spikes["cell"]) > 0
    with pytest.raises(NetworkError, match="population 'cell', neuron 0"):
        nr.run(net, 1.0)
