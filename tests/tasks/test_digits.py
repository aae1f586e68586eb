"""The digits task: honest splits, and a small run that learns."""

import numpy as np
import pytest

from neuro.tasks import configure, run_task
from neuro.tasks._digits import images, split_images

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")


def test_every_image_is_in_one_part_of_a_split_and_classes_keep_their_shares():
    config = configure("digits", "tuning")
    parts = split_images(config, 3)
    assert sum(len(part) for part in parts) == len(images()) == 1797
    whole = np.bincount(images().labels) / 1797
    for part in parts:
        assert np.allclose(np.bincount(part.labels) / len(part), whole, atol=0.005)
    assert np.allclose(parts[0].inputs.mean(axis=0), 0.0, atol=1e-12)


def test_another_seed_sets_other_test_images_aside():
    config = configure("digits")
    one, two = (split_images(config, seed)[2] for seed in (0, 1))
    assert not np.array_equal(one.inputs, two.inputs)


def test_a_small_run_learns_and_prices_an_inference():
    report = run_task("digits", overrides=("workers=1",))
    metrics = report.metrics
    for name in ("test_accuracy", "test_accuracy_levels64", "rate_ep_accuracy"):
        assert metrics[name] >= 0.7
    assert 10 < metrics["spikes_per_inference"] < 1000
    costs = [metrics[f"joules_per_inference/{name}"] for name in ("crossbar", "loihi_davies2018", "truenorth")]
    assert min(costs) > 0.0
