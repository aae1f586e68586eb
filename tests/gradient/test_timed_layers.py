"""Training by exact gradients: the same bits for any threads and after a checkpoint, and gradients of whole batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.learning.layers import LayerWeights

SMALL = nr.TimedLayers(sizes=(3, 8, 2), duration=30e-3, first_mean=(3.0, 2.0), revival=0.5)


def examples(count: int = 24, seed: int = 0) -> nr.Examples:
    """The earlier of two inputs decides."""
    times = np.random.default_rng(seed).uniform(1e-3, 8e-3, (count, 3))
    return nr.Examples(times, (times[:, 1] < times[:, 0]).astype(int))


def bits(weights: LayerWeights) -> bytes:
    return b"".join(each.tobytes() for each in (*weights.matrices, *weights.biases))


def loss_of(layers: nr.TimedLayers, weights: LayerWeights, data: nr.Examples) -> float:
    """The mean loss, from the answers alone."""
    logits = (layers.answer(weights, data.inputs).activities[-1] - layers.duration) / layers.temperature
    norm = np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)) + logits.max(axis=1)
    return float(np.mean(norm - logits[np.arange(len(data)), data.labels]))


@settings(max_examples=5)
@given(seed=st.integers(0, 1000), optimiser=st.sampled_from(["adam", "sgd"]))
def test_threads_change_no_bit_of_a_training(seed: int, optimiser: str) -> None:
    plan = nr.Schedule(epochs=2, rates=(1e-2, 1e-2), batch=7)
    rule = nr.ExactGradient(optimiser=optimiser)
    one, two = (nr.fit(SMALL, examples(), rule, plan, seed=seed, workers=workers) for workers in (1, 2))
    assert bits(one.weights) == bits(two.weights)


@pytest.mark.parametrize("layers", [SMALL, nr.TimedLayers(sizes=(3, 8, 2), duration=30e-3, train_delays=1e-3)])
def test_a_training_that_goes_on_from_a_checkpoint_has_the_bits_of_one(layers: nr.TimedLayers, tmp_path: Path) -> None:
    plan, rule = nr.Schedule(epochs=3, rates=(1e-2, 1e-2), batch=7), nr.ExactGradient()
    whole = nr.fit(layers, examples(), rule, plan, validation=examples(seed=1))
    file = tmp_path / "half"

    def stop(done: float, total: float, label: str) -> None:
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        nr.fit(layers, examples(), rule, plan, validation=examples(seed=1), checkpoint=file, progress=stop)
    rest = nr.fit(layers, examples(), rule, plan, validation=examples(seed=1), checkpoint=file)
    assert bits(rest.weights) == bits(whole.weights)
    assert rest.validation == whole.validation


def test_the_gradient_of_a_batch_is_the_limit_of_differences_of_its_loss() -> None:
    layers = nr.TimedLayers(sizes=(3, 6, 2), duration=30e-3, first_mean=(4.0, 3.0), train_delays=1.0)
    data, weights = examples(8), layers.first_weights(3)
    _, [found] = layers.learn(weights, data.inputs, np.eye(2)[data.labels], ())
    rng = np.random.default_rng(0)
    for n, scale in ((0, 1.0), (1, 1.0), (2, 1e-3), (3, 1e-3)):
        step = rng.uniform(-1.0, 1.0, found[n].shape) * scale

        def moved(by: float, n: int = n, step: np.ndarray = step) -> float:
            parts = [*weights.matrices, *weights.biases]
            parts[n] = parts[n] + by * step
            return loss_of(layers, LayerWeights(tuple(parts[:2]), tuple(parts[2:])), data)

        h = 1e-4
        slope = sum(w * (moved(k * h) - moved(-k * h)) for k, w in {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}.items()) / h
        assert -np.sum(found[n] * step) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_training_lowers_the_loss_and_learns_which_input_came_first() -> None:
    layers = nr.TimedLayers(sizes=(3, 16, 2), duration=30e-3, first_mean=(3.0, 1.5), temperature=0.5e-3, revival=0.5)
    data = examples(60)
    fitted = nr.fit(layers, data, nr.ExactGradient(), nr.Schedule(epochs=15, rates=(5e-2, 5e-2), batch=10))
    assert loss_of(layers, fitted.weights, data) < 0.5 * loss_of(layers, layers.first_weights(0), data)
    assert fitted.training[-1] >= 0.9


def test_a_silent_right_output_learns_by_its_largest_v_and_that_is_told() -> None:
    layers = nr.TimedLayers(sizes=(3, 8, 2), duration=30e-3, first_mean=(3.0, 0.01), first_sd=(0.1, 0.0), revival=1.0)
    data, weights = examples(6), layers.first_weights(0)
    assert np.all(layers.answer(weights, data.inputs).activities[-1] == 0.0)
    _, [found] = layers.learn(weights, data.inputs, np.eye(2)[data.labels], ())
    assert np.all(found[1] >= 0.0)
    assert found[1].max() > 0.0
    assert layers.acted == {"revival": len(data)}


def test_a_hidden_neuron_is_raised_by_the_charge_it_receives_until_it_spikes_often_enough() -> None:
    layers = nr.TimedLayers(sizes=(3, 3, 2), duration=30e-3, raising=0.5, least_spikes=0.8)
    plain = replace(layers, least_spikes=0.0)
    # The first hidden neuron never spikes, the second with one input of four examples, the last always.
    up = np.array([[0.0, 0.0, 9.0], [0.0, 9.0, 9.0], [0.0, 0.0, 9.0]])
    weights = LayerWeights((up, np.full((3, 2), 0.1)), layers.first_weights(0).biases)
    late = layers.duration
    times = np.array([[1e-3, late, 2e-3], [1e-3, late, late], [1e-3, 3e-3, late], [late, late, 1e-3]])
    pushed, without = (each.learn(weights, times, np.eye(2)[[0, 1, 0, 1]], ())[1][0] for each in (layers, plain))
    spikes = np.array([0.75, 0.25, 0.5])
    found = pushed[0] - without[0]
    assert np.allclose(found[:, 0], 0.5 * spikes)
    often = np.diff(found[:, 1] / spikes), found[0, 1] / (0.5 * 0.75)
    assert np.allclose(often[0], 0.0)
    assert 0.0 < often[1] < 1.0
    assert not found[:, 2].any()
    assert np.array_equal(pushed[1], without[1])
    assert layers.acted["least_spikes"] == 2
    assert "least_spikes" not in plain.acted


def test_a_network_whose_hidden_neurons_are_all_silent_comes_alive_with_a_least_number_of_spikes() -> None:
    layers = replace(SMALL, first_mean=(0.5, 2.0), first_sd=(0.1, 0.3))
    plan, rule = nr.Schedule(epochs=30, rates=(0.05, 0.05), batch=6), nr.ExactGradient()
    for each, alive in ((layers, False), (replace(layers, least_spikes=0.5), True)):
        fitted = nr.fit(each, examples(), rule, plan)
        assert bool(np.all(each.answer(fitted.weights, examples().inputs).activities[-1].max(axis=1) > 0.0)) == alive


def test_the_floor_of_the_slope_is_off_by_default_and_told_when_it_acts() -> None:
    data = examples(6)
    exact, cut = (
        nr.TimedLayers(sizes=(3, 8, 2), duration=30e-3, first_mean=(4.0, 3.0), slope_floor=each) for each in (0.0, 1e6)
    )
    for layers in (exact, cut):
        layers.learn(layers.first_weights(0), data.inputs, np.eye(2)[data.labels], ())
    assert exact.acted == {}
    assert cut.acted["slope_floor"] > 0


def test_gradients_of_several_runs_add_up_in_any_number_of_threads() -> None:
    program = SMALL.programmed(SMALL.first_weights(0))
    given = [{"inputs": nr.Spikes(times, [0, 1, 2])} for times in examples(5).inputs]
    runs = list(nr.run_trials(program, 30e-3, [{"inputs": each} for each in given]))
    loss = nr.CrossEntropy(nr.FirstSpike(population="layer2"), 1, scale=-500.0)
    each = [nr.gradient(program, run, inputs=its, loss=loss) for run, its in zip(runs, given, strict=True)]
    whole = [nr.gradient(program, runs, inputs=given, loss=[loss] * 5, workers=workers) for workers in (1, 2)]
    assert whole[0].weights["up1"].tobytes() == whole[1].weights["up1"].tobytes()
    assert whole[0].value == pytest.approx(sum(one.value for one in each))
    assert np.allclose(whole[0].weights["up1"], sum(one.weights["up1"] for one in each), rtol=1e-12)
    assert np.array_equal(whole[0].inputs["inputs"], np.concatenate([one.inputs["inputs"] for one in each]))


@pytest.mark.parametrize(
    ("network", "rule"),
    [(SMALL, nr.EquilibriumPropagation()), (nr.SpikingLayers(sizes=(3, 8, 2)), nr.ExactGradient())],
)
def test_layers_and_rules_that_do_not_fit_are_refused(network: object, rule: object) -> None:
    with pytest.raises(nr.NeuroError, match=r"exact|TimedLayers"):
        nr.fit(network, examples(), rule, nr.Schedule(epochs=1))
