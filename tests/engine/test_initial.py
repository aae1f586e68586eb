"""Neurons that never spike, and currents that are there from the beginning, in the exact engine."""

import numpy as np
import pytest

import neuro as nr

TAU_M, TAU_S, T = 20e-3, 5e-3, np.arange(50) * 1e-3


def integrators(size, tau_m, tau_syn, **initial):
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", size, nr.LIF(tau_m=tau_m, v_th=None, tau_syn=tau_syn, bias=0.3), initial))
    return net


@pytest.mark.parametrize("tau_m", [TAU_M, [TAU_M, 10e-3, 7e-3]], ids=["one tau_m", "several"])
def test_a_neuron_without_threshold_follows_its_closed_form(tau_m):
    i, v = np.array([2.0, -1.0, 5.0]), np.array([0.5, 0.0, -3.0])
    net = integrators(3, tau_m, TAU_S, v=v, i=i)
    rec = nr.run(net, 50e-3, record=nr.Record(v={"cell": range(3)}))
    taus = np.broadcast_to(tau_m, 3)
    leak, syn = np.exp(-T[:, None] / taus), np.exp(-T[:, None] / TAU_S)
    assert len(rec.spikes["cell"]) == 0
    assert rec.v["cell"] == pytest.approx(v * leak + 0.3 * (1 - leak) + i * TAU_S / (TAU_S - taus) * (syn - leak))


def test_a_neuron_without_threshold_takes_inputs_and_never_spikes():
    net = integrators(1, TAU_M, TAU_S)
    net.connect("cue", "cell", nr.AllToAll(1e6), delay=1e-3)
    rec = nr.run(net, 50e-3, inputs={"cue": nr.Spikes([0.0], [0])}, record=nr.Record(v={"cell": [0]}))
    assert len(rec.spikes["cell"]) == 0
    assert rec.v["cell"].max() > 1e5


@pytest.mark.parametrize("tau_m", [TAU_M, [TAU_M, 10e-3]], ids=["one tau_m", "several"])
def test_a_current_at_the_start_is_an_input_at_the_start(tau_m):
    model = nr.LIF(tau_m=tau_m, v_th=1.0, tau_syn=TAU_S)
    net = nr.Network()
    cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    given = net.add(nr.Population("given", 2, model, {"i": [20.0, 13.0]}))
    driven = net.add(nr.Population("driven", 2, model))
    net.connect(cue, driven, nr.Dense([[20.0, 13.0]]), delay=1e-3)
    rec = nr.run(net, 50e-3, inputs={"cue": nr.Spikes([0.0], [0])})
    one, other = rec.spikes[given.name], rec.spikes[driven.name]
    assert len(one) >= 3
    assert one.ids.tolist() == other.ids.tolist()
    assert one.times + 1e-3 == pytest.approx(other.times, abs=1e-12)


def test_an_initial_current_needs_one_receptor_that_has_one():
    for taus in (None, (5e-3, 6e-3)):
        with pytest.raises(nr.NeuroError, match="initial current"):
            nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=taus), {"i": 1.0})
    with pytest.raises(nr.NeuroError, match="initial i"):
        nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3), {"i": [1.0, 2.0, 3.0]})
