"""Training by gradients through crossbars: forward passes read the noise, updates are pulses, checkpoints keep both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.crossbar.device.noise import Drift, Telegraph
from neuro.errors import UnsupportedFeature
from neuro.learning.layers import LayerWeights

LAYERS = nr.TimedLayers(sizes=(3, 8, 2), duration=30e-3, first_mean=(3.0, 2.0), revival=0.5)
DELAYED = nr.TimedLayers(sizes=(3, 8, 2), duration=30e-3, first_mean=(3.0, 2.0), revival=0.5, train_delays=1e-3)
SPIKING = nr.SpikingLayers(sizes=(3, 8, 2))
FINE = nr.Device("fine", 0.0, 1e-4)
COARSE = nr.Device("coarse", 0.0, 1e-4, levels=64, write_noise=1e-6)


def examples(count: int = 21, seed: int = 0) -> nr.Examples:
    """The earlier of two inputs decides."""
    times = np.random.default_rng(seed).uniform(1e-3, 8e-3, (count, 3))
    return nr.Examples(times, (times[:, 1] < times[:, 0]).astype(int))


def crossbars(
    seed: int, reading: nr.Reading | None = None, device: nr.Device = FINE, **kwargs: object
) -> list[nr.AbstractCrossbar]:
    matrices = LAYERS.first_weights(seed).matrices
    held = enumerate(np.clip(each, -6.0, 6.0) for each in matrices)
    return [
        nr.Crossbar(each, device=device, w_max=8.0, start=0.5, reading=reading, seed=seed, name=f"held{k}", **kwargs)
        for k, each in held
    ]


def read(held: list[nr.AbstractCrossbar]) -> tuple[np.ndarray, ...]:
    """The next draw of the arrays' noise, from copies: it is theirs still."""
    return tuple(each.copy().snapshot().effective_weights() for each in held)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), noise=st.sampled_from([0.0, 0.05, 0.2]))
def test_an_update_is_the_gradient_at_the_weights_as_they_were_read(seed: int, noise: float) -> None:
    data, held = examples(seed=seed), crossbars(seed, nr.Reading(noise=noise))
    before, seen = [each.effective_weights().copy() for each in held], read(held)
    delays = LAYERS.first_weights(seed).biases
    _, found = LAYERS.learn(LayerWeights(seen, delays), data.inputs, np.eye(2)[data.labels], ())
    plan = nr.Schedule(epochs=1, rates=(1e-3, 1e-3), batch=len(data), momentum=0.0)
    fitted = nr.fit(LAYERS, data, nr.ExactGradient(optimiser="sgd"), plan, crossbars=held, seed=seed)
    assert all((np.abs(each - first).max() > 0.0) == (noise > 0.0) for each, first in zip(seen, before, strict=True))
    for k, (crossbar, first) in enumerate(zip(held, before, strict=True)):
        # The arrays hold what is trained, and the fitted weights are what they hold, without the noise of a read.
        assert np.array_equal(crossbar.effective_weights(), fitted.weights.matrices[k])
        assert np.allclose(crossbar.effective_weights(), first + 1e-3 * found[0][k], rtol=0.0, atol=1e-9)
        assert np.array_equal(fitted.weights.biases[k], delays[k])


@pytest.mark.parametrize("network", [LAYERS, DELAYED, SPIKING], ids=["layers", "delays", "two phases"])
def test_a_training_that_goes_on_from_a_checkpoint_reads_and_writes_as_one(network: object, tmp_path: Path) -> None:
    rule = nr.EquilibriumPropagation() if network is SPIKING else nr.ExactGradient()
    plan = nr.Schedule(epochs=3, rates=(0.05, 0.05), batch=7)

    def train(checkpoint: Path | None, progress: object = None) -> tuple[bytes, list[float]]:
        held = crossbars(3, nr.Reading(noise=0.1), COARSE)
        data = examples() if network is not SPIKING else nr.Examples(500.0 * examples().inputs - 2.0, examples().labels)
        fitted = nr.fit(
            network, data, rule, plan, validation=data, crossbars=held, checkpoint=checkpoint, progress=progress
        )
        parts = [*fitted.weights.matrices, *fitted.weights.biases, *read(held), *(each.register for each in held)]
        return b"".join(each.tobytes() for each in parts), fitted.validation

    def stop(done: float, total: float, label: str) -> None:
        if done == 2:
            raise InterruptedError

    whole, file = train(None), tmp_path / "half"
    with pytest.raises(InterruptedError):
        train(file, stop)
    assert train(file) == whole


@pytest.mark.parametrize("on_crossbars", [True, False])
def test_steps_of_delays_are_as_large_as_those_of_weights_in_their_unit(on_crossbars: bool) -> None:
    data, plan = examples(), nr.Schedule(epochs=1, rates=(1e-2, 1e-2), batch=len(examples()))
    delays = (np.full((3, 8), 2e-3), np.full((8, 2), 3e-3))
    drawn = {"weights": LayerWeights(DELAYED.first_weights(0).matrices, delays)}
    held = {"crossbars": crossbars(0), "biases": delays} if on_crossbars else drawn
    fitted = nr.fit(DELAYED, data, nr.ExactGradient(), plan, **held)
    for moved, first in zip(fitted.weights.biases, delays, strict=True):
        # The first step of Adam is the rate, whatever the gradient is.
        steps = np.abs(moved - first)
        assert np.allclose(steps[steps > 0.0], 1e-2 * DELAYED.train_delays, rtol=1e-3)
        assert steps.max() > 0.0


@pytest.mark.parametrize(
    "reading",
    [
        nr.Reading(telegraph=Telegraph(amplitude=0.5, dwell_high=1.0, dwell_low=1.0)),
        nr.Reading(drift=Drift(exponent=0.1, reference=1.0)),
    ],
    ids=["telegraph", "drift"],
)
def test_a_checkpoint_of_devices_that_move_by_themselves_is_refused(reading: nr.Reading, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint"
    with pytest.raises(UnsupportedFeature, match="traps"):
        nr.fit(
            *(LAYERS, examples(), nr.ExactGradient(), nr.Schedule(epochs=1, rates=(0.1, 0.1))),
            crossbars=crossbars(0, reading),
            checkpoint=file,
        )
    assert not file.exists()


def test_a_network_whose_weights_are_resistors_takes_no_crossbars() -> None:
    network = nr.ResistiveNetwork(sizes=(3, 8, 2))
    with pytest.raises(UnsupportedFeature, match="resistors"):
        nr.fit(network, examples(), nr.EquilibriumPropagation(), nr.Schedule(epochs=1), crossbars=crossbars(0))


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (LayerWeights((np.ones((3, 8)),), LAYERS.first_weights(0).biases), "matrices of layers"),
        (LayerWeights(LAYERS.first_weights(0).matrices, (np.zeros(8), np.zeros(2))), "delays in the place of biases"),
        (LayerWeights(LAYERS.first_weights(0).matrices, (np.full((3, 8), -1e-3), np.zeros((8, 2)))), "delays"),
        (LayerWeights((np.full((3, 8), np.nan), np.ones((8, 2))), LAYERS.first_weights(0).biases), "LayerWeights"),
    ],
    ids=["one matrix", "biases", "negative delay", "nan"],
)
def test_weights_and_delays_that_do_not_fit_are_refused_by_name(weights: LayerWeights, match: str) -> None:
    with pytest.raises(nr.NeuroError, match=match):
        nr.fit(LAYERS, examples(), nr.ExactGradient(), nr.Schedule(epochs=1), weights=weights)
