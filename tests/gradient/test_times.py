"""Layers whose answers are times: the loss and its gradient, delays that alone are trained, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import neuro as nr
from neuro.errors import ParameterError
from neuro.learning.layers import LayerWeights
from tests.gradient.test_timed_layers import bits

LAYERS = nr.TimedLayers(
    sizes=(3, 12, 2),
    duration=40e-3,
    first_mean=(3.0, 1.5),
    delay=4e-3,
    delay_width=0.5,
    train_delays=5e-3,
    temperature=1e-3,
    loss="squared_error",
)
PLAN = nr.Schedule(epochs=15, rates=(2e-2, 2e-2), batch=10)


def examples(count: int = 60, seed: int = 0) -> nr.Examples:
    """Two outputs repeat the first input and the mean of two, later."""
    times = np.random.default_rng(seed).uniform(1e-3, 6e-3, (count, 3))
    return nr.Examples(times, targets=np.column_stack([times[:, 0], times[:, :2].mean(axis=1)]) + 8e-3)


def first_spikes(layers: nr.TimedLayers, weights: LayerWeights, data: nr.Examples) -> np.ndarray:
    return layers.duration - layers.answer(weights, data.inputs).activities[-1]


def test_the_gradient_is_the_limit_of_differences_of_squared_distances_in_units_of_the_temperature() -> None:
    data, weights = examples(8), LAYERS.first_weights(0)
    assert np.all(first_spikes(LAYERS, weights, data) < LAYERS.duration)

    def loss(parts: list[np.ndarray]) -> float:
        moved = LayerWeights(tuple(parts[:2]), tuple(parts[2:]))
        apart = (first_spikes(LAYERS, moved, data) - data.targets) / LAYERS.temperature
        return float(np.sum(apart**2, axis=1).mean())

    _, [found] = LAYERS.learn(weights, data.inputs, data.targets, ())
    rng, start, h = np.random.default_rng(0), [*weights.matrices, *weights.biases], 1e-5
    for n, change in enumerate(found):
        # Delays move in units of `train_delays`.
        step, unit = rng.uniform(-1.0, 1.0, change.shape), 1.0 if n < 2 else LAYERS.train_delays

        def moved(by: float, n: int = n, step: np.ndarray = step * unit) -> float:
            return loss([*start[:n], start[n] + by * step, *start[n + 1 :]])

        assert -np.sum(change * step) == pytest.approx((moved(h) - moved(-h)) / (2 * h), rel=1e-5)


@pytest.mark.parametrize("train_weights", [True, False])
def test_training_brings_answers_nearer_to_their_times_and_says_how_near(train_weights: bool) -> None:
    layers, data = replace(LAYERS, train_weights=train_weights), examples()
    fitted = nr.fit(layers, data, nr.ExactGradient(), PLAN, validation=data)
    apart = first_spikes(layers, fitted.weights, data) - data.targets
    assert fitted.validation[-1] == pytest.approx(-np.sqrt(np.mean(apart**2)), rel=1e-12)
    before = first_spikes(layers, layers.first_weights(0), data) - data.targets
    assert -fitted.validation[-1] < 0.5 * np.sqrt(np.mean(before**2))
    assert "rms error" in repr(fitted)


def test_where_delays_alone_are_trained_weights_keep_their_bits() -> None:
    layers = replace(LAYERS, train_weights=False)
    first, found = layers.first_weights(0), nr.fit(layers, examples(), nr.ExactGradient(), PLAN).weights
    assert bits(LayerWeights(found.matrices, ())) == bits(LayerWeights(first.matrices, ()))
    assert all(np.any(one != other) for one, other in zip(first.biases, found.biases, strict=True))


def test_where_delays_alone_are_trained_no_device_of_a_crossbar_is_written() -> None:
    layers = replace(LAYERS, train_weights=False)
    device = nr.Device("levels256", 0.0, 100e-6, levels=256, write_noise=0.4e-6)
    held = [nr.Crossbar(w, device=device, w_max=9.0, start=0.5) for w in layers.first_weights(0).matrices]
    before = [each.ledger.pulses_up + each.ledger.pulses_down for each in held]
    fitted = nr.fit(layers, examples(), nr.ExactGradient(), PLAN, crossbars=held)
    assert [each.ledger.pulses_up + each.ledger.pulses_down for each in held] == before
    assert fitted.training[-1] > fitted.training[0]


def test_a_silent_output_is_raised_whatever_its_target() -> None:
    layers = replace(LAYERS, first_mean=(3.0, 0.01), first_sd=(0.1, 0.0), revival=1.0)
    data, weights = examples(6), layers.first_weights(0)
    assert np.all(first_spikes(layers, weights, data) == layers.duration)
    _, [found] = layers.learn(weights, data.inputs, np.zeros((6, 2)), ())
    assert found[1].max() > 0.0
    assert layers.acted == {"revival": 2 * len(data)}


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (nr.Examples(np.ones((2, 3)) * 1e-3, [0, 1]), "Examples\\(inputs, targets=times\\)"),
        (nr.Examples(np.ones((1, 3)) * 1e-3, targets=[[1e-3, 12.0]]), "0..0.04 s; got 12 s"),
        (nr.Examples(np.ones((1, 3)) * 1e-3, targets=[[-1e-3, 1e-3]]), "got -0.001 s"),
        (nr.Examples(np.ones((1, 3)) * 1e-3, targets=[[1e-3]]), "2 targets"),
    ],
)
def test_targets_that_are_no_times_of_the_run_are_refused(data: nr.Examples, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        nr.fit(LAYERS, data, nr.ExactGradient(), PLAN)


def test_examples_without_labels_need_targets() -> None:
    with pytest.raises(ParameterError, match="labels"):
        nr.Examples(np.ones((2, 3)))


@pytest.mark.parametrize("given", [{"train_delays": 0.0, "delay_width": 0.0}, {"least_spikes": 0.5}])
def test_settings_that_train_nothing_or_weights_are_refused_where_delays_alone_are_trained(given: dict) -> None:
    with pytest.raises(ParameterError, match=next(iter(given))):
        replace(LAYERS, train_weights=False, **given)
