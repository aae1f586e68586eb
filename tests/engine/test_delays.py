"""Laws of delays that synapses have one by one: each effect comes at its own time, in whatever form it is given."""

import numpy as np
import pytest

import neuro as nr
from neuro.network.synapses import Sparse
from tests.oracle import simulate

CUE = nr.Spikes([0.010, 0.013, 0.017], [0, 2, 1])


def steps_of_v(synapses, delay, *, pre=3, post=4):
    """When, and by how much, v of each neuron jumps; without leak, v keeps the sum."""
    net = nr.Network()
    cue = net.add(nr.Population("cue", pre, nr.SpikeSource()))
    net.add(nr.Population("cell", post, nr.IF(v_th=1e9)))
    net.connect(cue, "cell", synapses, delay=delay, name="w")
    return net


def voltages(network_or_program):
    record = nr.Record(v={"cell": range(4)}, v_dt=0.37e-3)
    return nr.run(network_or_program, 0.06, inputs={"cue": CUE}, record=record).v["cell"]


@pytest.fixture(params=[0, 1])
def matrices(request):
    rng = np.random.default_rng(request.param)
    return rng.normal(size=(3, 4)), rng.choice([1e-3, 2.2e-3, 7.1e-3], (3, 4)) + (rng.random((3, 4)) < 0.3) * 1e-4


def test_each_synapse_acts_after_its_own_delay(matrices):
    weight, delay = matrices
    found, times = voltages(steps_of_v(nr.Dense(weight), delay)), 0.37e-3 * np.arange(163)
    expected = np.zeros((163, 4))
    for t, i in zip(CUE.times, CUE.ids, strict=True):
        expected += weight[i] * (times[:, None] >= t + delay[i])
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_matrix_of_delays_equals_its_list_of_synapses(matrices):
    weight, delay = matrices
    pre, post = np.divmod(np.random.default_rng(3).permutation(12), 4)
    listed = steps_of_v(Sparse(pre, post, weight[pre, post]), delay[pre, post])
    assert voltages(listed) == pytest.approx(voltages(steps_of_v(nr.Dense(weight), delay)), abs=1e-12)


def test_equal_delays_equal_one_delay_to_the_last_bit(matrices):
    weight, _ = matrices
    assert np.array_equal(
        voltages(steps_of_v(nr.Dense(weight), np.full((3, 4), 1.7e-3))), voltages(steps_of_v(nr.Dense(weight), 1.7e-3))
    )


def test_other_weights_go_to_the_same_synapses(matrices):
    weight, delay = matrices
    program = nr.build(steps_of_v(nr.Dense(np.ones((3, 4))), delay)).with_weights({"w": weight})
    assert np.array_equal(voltages(program), voltages(steps_of_v(nr.Dense(weight), delay)))
    lifted = nr.build(steps_of_v(nr.AllToAll(2.0), delay)).with_weights({"w": weight})
    assert np.array_equal(voltages(lifted), voltages(steps_of_v(nr.Dense(weight), delay)))


def test_one_pair_may_have_several_synapses_each_with_its_delay():
    pre, post, weight = [0, 0, 0, 0], [1, 1, 1, 1], [0.5, 0.25, 8.0, 1.0]
    found = voltages(steps_of_v(Sparse(pre, post, weight), [5e-3, 1e-3, 3e-3, 1e-3]))[:, 1]
    assert sorted(set(found.tolist())) == [0.0, 1.25, 9.25, 9.75]


def test_a_delay_per_row_keeps_one_segment_a_row_and_one_list_of_targets():
    by_row = np.repeat([[1e-3], [2e-3], [4e-3]], 4, axis=1)
    fixed = nr.build(steps_of_v(nr.Dense(np.ones((3, 4))), by_row)).fixed
    assert fixed.segments["delay"].tolist() == [1e-3, 2e-3, 4e-3]
    assert len(fixed.post) == 4


def test_a_row_has_one_segment_for_each_distinct_delay():
    pre, post = np.divmod(np.arange(3 * 4), 4)
    delay = np.where(post % 2, 2e-3, 1e-3)
    segments = nr.build(steps_of_v(Sparse(pre, post, 1.0), delay)).fixed.segments
    assert segments["delay"].tolist() == [1e-3, 2e-3] * 3
    assert segments["count"].tolist() == [2] * 6


def test_a_neuron_excites_itself_after_each_of_its_delays():
    net = nr.Network()
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0), initial={"v": [1.5, 0.0]}))
    net.connect("cell", "cell", Sparse([0, 0, 0], [0, 0, 1], 1.2), delay=[1.1e-3, 2.6e-3, 0.7e-3])
    expected = simulate(net, 9e-3).spikes["cell"]
    found = nr.run(net, 9e-3).spikes["cell"]
    assert found.times == pytest.approx(expected[0], abs=1e-15)
    assert found.ids.tolist() == expected[1]
