"""Learning in the field: splits, drifts and ageing are what they are called, and a small run learns on."""

import numpy as np
import pytest

from neuro.learning.layers import LayerWeights, SpikingLayers
from neuro.tasks import _adapt as field
from neuro.tasks import configure, run_task

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")

CONFIG = configure("adapt", "paper")


def rows(examples):
    return {each.tobytes() for each in examples.inputs}


@pytest.mark.parametrize("preset", ["paper", "tuning"])
def test_no_image_is_in_two_parts(preset):
    parts = field.parts_of(configure("adapt", preset), 3)
    every = [rows(part) for part in (parts.training, parts.streamed, parts.test)]
    assert not every[0] & every[1] and not every[1] & every[2] and not every[0] & every[2]  # noqa: PT018
    assert len(parts.streamed) == CONFIG.streamed


def test_tuning_never_shows_a_test_image():
    parts, tuning = field.parts_of(CONFIG, 5), field.parts_of(configure("adapt", "tuning"), 5)
    for part in (tuning.training, tuning.streamed, tuning.test):
        assert not rows(parts.test) & rows(part)


@pytest.mark.parametrize("stage", range(6))
def test_lines_of_the_sensor_die_and_stay_dead(stage):
    images = field.parts_of(CONFIG, 0).test
    shown = [field.drifted(CONFIG, "dead", images, k, 0).inputs.reshape(-1, 8, 8) for k in (stage, min(stage + 1, 5))]
    whole = images.inputs.reshape(-1, 8, 8)
    assert np.all((shown[0] == whole) | (shown[0] == 0.0))
    assert np.all(shown[1][shown[0] != whole] == 0.0)
    changed = np.any(shown[0] != whole, axis=0)
    # Each line that is whole crosses the dead lines of the other direction alone.
    assert changed.any() == (stage > 0)


def test_the_images_turn_about_their_centre():
    corner = np.zeros((1, 8, 8))
    corner[0, 3:5, :] = 1.0
    bar = field.Examples(corner.reshape(1, 64), [0])
    turned = field.drifted(configure("adapt", overrides=["angle=90"]), "rotation", bar, 2, 0).inputs.reshape(8, 8)
    assert np.allclose(turned, corner[0].T, atol=1e-12)
    assert field.drifted(CONFIG, "rotation", bar, 0, 0).inputs.tobytes() == bar.inputs.tobytes()


def test_ageing_keeps_a_share_and_adds_noise_of_the_largest_weight():
    weights = np.linspace(-2.0, 2.0, 60_000).reshape(200, 300)
    noise = field.aged(CONFIG, [weights], np.random.default_rng(0))[0] - CONFIG.kept * weights
    assert noise.std() == pytest.approx(CONFIG.scatter * 2.0, rel=0.02)
    assert abs(noise.mean()) < 5 * noise.std() / np.sqrt(noise.size)


def test_devices_age_as_weights_do_and_their_copies_alone():
    matrix = np.random.default_rng(1).uniform(-0.4, 0.4, (100, 100))
    held = field.arrays(CONFIG, [matrix], 0)
    before = held[0].effective_weights()
    network = SpikingLayers(sizes=(100, 100))
    deployed = field.Deployed(network, LayerWeights((before,), (np.ones(100),)), held)
    deployed.age(CONFIG, np.random.default_rng(2))
    after = deployed.weights.matrices[0]
    assert np.array_equal(held[0].effective_weights(), before)
    assert np.array_equal(deployed.weights.biases[0], np.ones(100))
    assert np.polyfit(before.ravel(), after.ravel(), 1)[0] == pytest.approx(CONFIG.kept, abs=0.03)
    noise = (after - CONFIG.kept * before).std()
    assert noise == pytest.approx(CONFIG.scatter * np.abs(before).max(), rel=0.05)


def test_a_small_run_learns_on_and_counts_what_that_costs():
    metrics = run_task("adapt", overrides=("workers=1", "epochs=4", "examples=50", "training=250")).metrics
    for drift in field.DRIFTS:
        assert metrics[f"learning/{drift}"] > metrics[f"frozen/{drift}"]
        assert metrics[f"frozen/{drift}"] < metrics["before"]
        assert metrics[f"pulses_per_example/{drift}"] > 0.0
        assert 0.0 < metrics[f"write_joules_per_example/{drift}"] < 1e-6
        assert 0.0 < metrics[f"read_joules_per_inference/{drift}"] < 1e-6
