"""Layers without recordings: the spikes of the engine's runs, and the gradients that go back through those."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import given, reject
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NetworkError
from neuro.learning.layers import Answer, LayerWeights
from tests.gradient.test_timed_layers import bits

STEPS = 1e-3
"""Times of some inputs are multiples of this: inputs at one instant, and arrivals at the end of a run."""


@st.composite
def trained(draw: st.DrawFn) -> tuple[nr.TimedLayers, LayerWeights, nr.Examples]:
    """Layers of one, two or three matrices, with weights of both signs, and examples."""
    sizes = draw(st.sampled_from([(3, 2), (3, 6, 2), (4, 5, 5, 3)]))
    layers = nr.TimedLayers(
        sizes=sizes,
        duration=draw(st.sampled_from([20e-3, 45e-3])),
        tau_m=draw(st.sampled_from([5e-3, 10e-3, 20e-3])),
        tau_syn=draw(st.sampled_from([5e-3, 10e-3, 12e-3])),
        delay=draw(st.sampled_from([0.3e-3, 1e-3])),
        temperature=draw(st.sampled_from([0.5e-3, 4e-3])),
        first_mean=(draw(st.floats(0.5, 6.0)),),
        first_sd=(draw(st.floats(0.1, 4.0)),),
        revival=draw(st.sampled_from([0.0, 1.0])),
        once=draw(st.booleans()),
        least_spikes=draw(st.sampled_from([0.0, 0.5, 3.0])),
        train_delays=(unit := draw(st.sampled_from([0.0, 1e-3]))),
        delay_width=0.9 if unit else 0.0,
        loss=draw(st.sampled_from(["cross_entropy", "squared_error"])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    times = rng.uniform(0.0, 22e-3, (7, sizes[0]))
    times = np.where(rng.random(times.shape) < 0.3, STEPS * np.round(times / STEPS), times)
    weights = layers.first_weights(draw(st.integers(0, 1000)))
    labels, wanted = rng.integers(0, sizes[-1], 7), rng.uniform(0.0, layers.duration, (7, sizes[-1]))
    targets = np.eye(sizes[-1])[labels] if layers.loss == "cross_entropy" else wanted
    return layers, weights, nr.Examples(times, labels, targets)


class Recorded(nr.TimedLayers):
    """Layers that always run in the engine, with a delay of its own for each synapse."""

    def _batch(self, *_: Any) -> None:
        return None


def through_recordings(layers: nr.TimedLayers) -> nr.TimedLayers:
    """The same layers through recordings of the engine's runs."""
    given = {each.name: getattr(layers, each.name) for each in fields(layers) if each.init}
    return Recorded(**given | {"train_delays": layers.train_delays or 1.0})


def through_engine(layers: nr.TimedLayers, weights: LayerWeights, data: nr.Examples) -> Answer:
    """The engine's answer; a drawn network that runs away is left out."""
    try:
        return through_recordings(layers).answer(weights, data.inputs)
    except NetworkError:
        reject()


@given(case=trained())
def test_layers_spike_when_the_engine_says(case: tuple[nr.TimedLayers, LayerWeights, nr.Examples]) -> None:
    layers, weights, data = case
    quick, slow = layers.answer(weights, data.inputs), through_engine(layers, weights, data)
    assert np.allclose(quick.activities[-1], slow.activities[-1], rtol=0.0, atol=1e-14)
    assert np.array_equal(quick.spikes, slow.spikes)


@given(case=trained())
def test_gradients_are_those_through_recordings(case: tuple[nr.TimedLayers, LayerWeights, nr.Examples]) -> None:
    layers, weights, data = case
    slow = through_recordings(layers)
    through_engine(layers, weights, data)
    (_, [quick]), (_, [found]) = (each.learn(weights, data.inputs, data.targets, ()) for each in (layers, slow))
    compared = len(found) if layers.train_delays else len(weights.matrices)
    for one, other in zip(quick[:compared], found, strict=False):
        # Softmax saturates: a gradient of 1e-18 is all rounding.
        assert np.linalg.norm(one - other) <= 1e-8 * np.linalg.norm(other) + 1e-12
    for what in ("revival", "least_spikes"):
        assert layers.acted.get(what, 0) == slow.acted.get(what, 0)


@given(case=trained())
def test_threads_change_no_bit_of_a_gradient(case: tuple[nr.TimedLayers, LayerWeights, nr.Examples]) -> None:
    layers, weights, data = case
    one, two = (layers.learn(weights, data.inputs, data.targets, (), workers=workers) for workers in (1, 2))
    assert bits(LayerWeights(tuple(one[1][0]), ())) == bits(LayerWeights(tuple(two[1][0]), ()))


def test_a_layer_with_more_spikes_than_there_was_room_for_gets_more_room() -> None:
    layers = nr.TimedLayers(sizes=(1, 1), duration=40e-3, first_mean=(20000.0,), first_sd=(0.0,))
    found = layers.answer(layers.first_weights(0), np.zeros((1, 1)))
    slow = through_recordings(layers).answer(layers.first_weights(0), np.zeros((1, 1)))
    assert found.spikes[0] == slow.spikes[0] > 1000
