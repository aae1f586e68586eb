"""Laws of delays that synapses have one by one: each effect comes at its own time, in whatever form it is given."""

import numpy as np
import pytest

import neuro as nr
from neuro.engine.lower import delays
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


def test_a_row_has_one_segment_for_each_distinct_delay_if_these_are_few():
    pre, post = np.divmod(np.arange(3 * 100), 100)
    delay = np.where(post % 2, 2e-3, 1e-3)
    segments = nr.build(steps_of_v(Sparse(pre, post, 1.0), delay, post=100)).fixed.segments
    assert segments["delay"].tolist() == [1e-3, 2e-3] * 3
    assert segments["count"].tolist() == [50] * 6


@pytest.mark.parametrize(("digits", "most"), [(3, 10), (9, 16)], ids=["on a grid", "real numbers"])
def test_a_row_of_many_delays_takes_few_bytes_and_is_in_order_of_delay(digits, most):
    pre, post = np.divmod(np.arange(300 * 300), 300)
    delay = 1e-3 + np.round(np.random.default_rng(1).random(len(pre)), digits) * 1e-3
    weight = np.random.default_rng(2).random(len(pre), np.float32)
    fixed = nr.build(steps_of_v(Sparse(pre, post, weight), delay, pre=300, post=300)).fixed
    assert fixed.segments["count"].tolist() == [300] * 300
    assert fixed.segments["delay"] == pytest.approx(delay.reshape(300, 300).min(axis=1), abs=0)
    each = fixed.post, fixed.weight, fixed.lag, fixed.lag_code
    assert sum(array.nbytes for array in each) <= most * len(pre) + 1000


MODELS = {
    "amplitude form": nr.LIF(tau_m=20e-3, v_th=1.0, refractory=2e-3, tau_syn=3e-3, bias=1.2),
    "short refractory time": nr.LIF(tau_m=20e-3, v_th=1.0, refractory=0.3e-3, tau_syn=3e-3, bias=1.2),
    "jumps": nr.LIF(tau_m=20e-3, v_th=1.0, refractory=2e-3, bias=1.2),
    "AHP": nr.AHP(tau_m=20e-3, v_th=1.0, tau_syn=3e-3, tau_ahp=50e-3, jump=0.2, bias=1.2),
    "state form": nr.ALIF(tau_m=20e-3, v_th=1.0, tau_syn=3e-3, tau_adapt=50e-3, jump=0.2, bias=1.2),
}


def recurrent(model, digits, *, rows=True):
    """Cells that excite and inhibit each other after many delays and, with `rows`, after one."""
    rng, n = np.random.default_rng(5), 40
    net = nr.Network(seed=2)
    net.add(nr.Population("cell", n, MODELS[model], initial={"v": rng.uniform(0, 1, n)}))
    weight, delay = rng.normal(0.02, 0.3, (2, n, n)), 0.4e-3 + np.round(rng.exponential(2.0, (n, n)), digits) * 1e-3
    net.connect("cell", "cell", nr.Dense(weight[0]), delay=delay, name="w")
    if rows:
        net.connect("cell", "cell", nr.Dense(weight[1] / 2), delay=1.1e-3)
    return net


@pytest.mark.parametrize("rows", [False, True], ids=["alone", "with rows of one delay"])
@pytest.mark.parametrize("digits", [1, 12], ids=["on a grid", "real numbers"])
@pytest.mark.parametrize("model", MODELS)
def test_rows_by_delay_do_what_segments_of_one_delay_do(model, digits, rows, monkeypatch):
    net = recurrent(model, digits, rows=rows)
    found = nr.run(net, 0.1)
    monkeypatch.setattr(delays, "LONG_SEGMENT", 1)
    program = nr.build(net)
    assert not program.fixed.bundles["lags"].any()
    expected = nr.run(program, 0.1)
    assert len(expected.spikes["cell"]) > 50
    assert found.spikes["cell"].times == pytest.approx(expected.spikes["cell"].times, abs=1e-10)
    assert found.spikes["cell"].ids.tolist() == expected.spikes["cell"].ids.tolist()
    assert found.events == expected.events


@pytest.mark.parametrize("model", MODELS)
def test_neither_cuts_nor_threads_nor_a_file_change_a_bit(model, tmp_path):
    program = nr.build(recurrent(model, 12))
    whole, state, parts, events = nr.run(program, 0.1), None, [], 0
    for k, length in enumerate((0.0123, 0.0004, 0.0473, 0.0401)):
        run = nr.run(program, length, state=state)
        run.state.save(tmp_path / f"{k}.h5")
        state = nr.load_state(tmp_path / f"{k}.h5", program)
        parts.append(run.spikes["cell"].times)
        events += run.events["w"]
    n = len(whole.spikes["cell"])
    assert np.array_equal(np.concatenate(parts)[:n], whole.spikes["cell"].times)
    assert events >= whole.events["w"]
    assert np.array_equal(nr.run(program, 0.1, threads=3).spikes["cell"].times, whole.spikes["cell"].times)


def test_learning_that_begins_in_a_later_run_finds_the_spikes_under_way(tmp_path):
    net = recurrent("amplitude form", 12)
    rng = np.random.default_rng(6)
    net.connect("cell", "cell", nr.Dense(rng.normal(0.0, 0.1, (40, 40))), delay=rng.uniform(1e-3, 5e-3, (40, 40)))
    rule = nr.STDP(a_plus=0.0, a_minus=0.0, tau_plus=20e-3, tau_minus=20e-3)
    whole = nr.run(net, 0.1).spikes["cell"]
    first = nr.run(net, 0.0503)
    then = nr.run(net, 0.0497, state=first.state, plasticity={"w": rule})
    times = np.concatenate([first.spikes["cell"].times, then.spikes["cell"].times])
    assert times[: len(whole)] == pytest.approx(whole.times, abs=1e-10)
    then.state.save(tmp_path / "state.h5")
    again = nr.run(net, 0.01, state=nr.load_state(tmp_path / "state.h5", net))
    assert again.weights["w"] == pytest.approx(net.projections["w"].synapses.weight)


def test_a_neuron_excites_itself_after_each_of_its_delays():
    net = nr.Network()
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0), initial={"v": [1.5, 0.0]}))
    net.connect("cell", "cell", Sparse([0, 0, 0], [0, 0, 1], 1.2), delay=[1.1e-3, 2.6e-3, 0.7e-3])
    expected = simulate(net, 9e-3).spikes["cell"]
    found = nr.run(net, 9e-3).spikes["cell"]
    assert found.times == pytest.approx(expected[0], abs=1e-15)
    assert found.ids.tolist() == expected[1]
