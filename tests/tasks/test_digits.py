"""The digits task: honest splits, and a small run that learns."""

import numpy as np
import pytest

from neuro.crossbar.write.targets import nominal_step
from neuro.errors import ConfigurationError, TrainingError
from neuro.tasks import configure, run_task
from neuro.tasks._digits import images, split_images
from neuro.tasks._layered import device_of, max_levels

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


def test_devices_and_wires_learn_and_a_silent_output_is_counted(monkeypatch):
    given = ("workers=1", 'variants=["wires1", "EcRam", "taox_64x64"]', "used=300", "epochs=3", "hidden=24")
    metrics = run_task("digits", overrides=given).metrics
    for name in ("wires1", "EcRam", "taox_64x64"):
        assert metrics[f"test_accuracy_{name}"] >= 0.5
        assert metrics[f"silent/{name}"] == 0
        assert metrics[f"pulses_per_device/{name}"] > 0.0

    def silent(*arguments):
        raise TrainingError("no spike", where="output 3")

    monkeypatch.setattr("neuro.tasks._digits.train", silent)
    report = run_task("digits", overrides=("workers=1", 'variants=["EcRam"]', "seeds=2"))
    assert report.metrics == {"silent/EcRam": 2}
    with pytest.raises(TrainingError):
        run_task("digits", overrides=("workers=1", 'variants=["levels64"]'))


def test_variants_are_known_and_different():
    for wrong in ('["EcRam", "EcRam"]', '["unknown"]'):
        with pytest.raises(ConfigurationError, match="variants"):
            configure("digits", overrides=(f"variants={wrong}",))


def test_pulses_of_an_update_move_as_large_a_part_of_every_window():
    assert max_levels(device_of("levels64"), 4) == max_levels(device_of("taox_64x64"), 4) == 4
    assert max_levels(device_of("ideal"), 4) == 4
    device = device_of("EcRam")
    assert max_levels(device, 4) * nominal_step(device) == pytest.approx(4 / 63 * 100e-6, rel=0.1)
