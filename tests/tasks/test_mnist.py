"""The MNIST task: honest splits, a small run that learns, and trainings that go on after a kill."""

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from neuro.errors import DataError
from neuro.learning.layers import SpikingLayers, first_weights
from neuro.tasks import _mnist as mnist
from neuro.tasks import configure, run_task
from neuro.tasks._layer_prices import chip_joules
from neuro.tasks._layered_report import energy_table
from neuro.tasks._mnist_images import FILES
from neuro.tasks._mnist_images import mnist as read
from tests.reference import needs

SMALL = ("used=200", "tested=60", "hidden=24", "epochs=3", "workers=1")


def write_images(folder, count, seed):
    """Files as those of MNIST: each class is a bar of its own, with noise."""
    rng = np.random.default_rng(seed)
    (folder / "mnist").mkdir(exist_ok=True)
    for (images, labels), n in zip(FILES.values(), (count, count // 3), strict=True):
        digits = rng.integers(0, 10, n).astype(np.uint8)
        pixels = rng.integers(0, 80, (n, 28, 28)).astype(np.uint8)
        for row, digit in zip(pixels, digits, strict=True):
            row[2 * digit + 4 : 2 * digit + 6, 6:22] = 255
        heads = np.array([2051, n, 28, 28], ">i4").tobytes(), np.array([2049, n], ">i4").tobytes()
        for name, head, body in ((images, heads[0], pixels), (labels, heads[1], digits)):
            (folder / "mnist" / name).write_bytes(gzip.compress(head + body.tobytes()))


@pytest.fixture
def bars(tmp_path, monkeypatch):
    write_images(tmp_path, 300, 0)
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    return tmp_path


def test_missing_files_are_named_with_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"train-images.*NEURO_DATA.*PyPI"):
        run_task("mnist")


def test_damaged_files_are_refused(bars):
    (bars / "mnist" / FILES["training"][1]).write_bytes(b"not gzip")
    with pytest.raises(DataError, match="must be whole"):
        read("training")


def test_validation_images_are_the_last_ones_and_nothing_else_is_judged(bars):
    every = read("training")
    training, validation, judged = mnist.split_images(configure("mnist", "tuning", overrides=("validation=50",)))
    assert judged is validation
    mean = every.inputs[:250].mean(axis=0)
    assert np.array_equal(training.inputs, every.inputs[:250] - mean)
    assert np.array_equal(validation.inputs, every.inputs[250:] - mean)
    (bars / "mnist" / FILES["test"][0]).write_bytes(b"looked at")
    assert len(mnist.split_images(configure("mnist", "tuning", overrides=("validation=50",)))[0]) == 250
    with pytest.raises(DataError, match="must leave some"):
        mnist.split_images(configure("mnist", "tuning", overrides=("validation=300",)))


def test_without_validation_all_training_images_are_learned_and_the_test_images_judged(bars):
    training, validation, judged = mnist.split_images(configure("mnist", "paper"))
    assert (len(training), validation, len(judged)) == (300, None, 100)
    assert np.allclose(training.inputs.mean(axis=0), 0.0, atol=1e-12)


def test_a_small_run_learns_and_prices_an_inference(bars):
    metrics = run_task("mnist", overrides=SMALL).metrics
    for name in ("test_error", "test_error_levels64", "rate_ep_error"):
        assert metrics[name] <= 0.3
    assert 10 < metrics["spikes_per_inference"] < 2500
    costs = [metrics[f"joules_per_inference/{name}"] for name in ("crossbar", "loihi_davies2018", "truenorth")]
    assert min(costs) > 0.0


def test_a_small_convolution_learns_and_names_its_metrics(bars):
    few = ("used=200", "tested=60", "channels=3", "stride=3", "epochs=12", "workers=1")
    report = run_task("mnist", "conv", overrides=(*few, "seeds=1", "shared_rates=[0.1, 0.3]"))
    assert report.metrics["test_error_conv"] <= 0.3
    assert report.metrics["spikes_per_inference_conv"] > 10
    assert not [name for name in report.metrics if name.startswith(("joules", "test_error/", "rate"))]
    assert len(report.tables) == 1


PROGRAM = """
import sys
from neuro.tasks import configure
from neuro.tasks._mnist import learn
overrides = ("used=200", "tested=60", "hidden=24", f"epochs={sys.argv[3]}", f"checkpoints={sys.argv[2]}")
learn((configure("mnist", overrides=overrides), sys.argv[1], 0))
"""


@pytest.mark.parametrize("variant", ["ideal", "levels64"])
def test_a_killed_training_goes_on_to_the_same_bits(bars, tmp_path, variant):
    overrides = (*SMALL, "epochs=12")
    whole, folder = mnist.learn((configure("mnist", overrides=overrides), variant, 0)), tmp_path / "kept"
    command = [sys.executable, "-c", PROGRAM, variant, str(folder), "12"]
    child = subprocess.Popen(command, cwd=Path(__file__).parents[2], env=dict(os.environ))
    kept, until = folder / f"{variant}-0.npz", time.monotonic() + 300.0
    while not kept.exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert kept.exists()
    resumed = mnist.learn((configure("mnist", overrides=(*overrides, f"checkpoints={folder}")), variant, 0))
    assert resumed == whole


@needs("mnist")
def test_the_images_are_those_of_mnist():
    for part, count in (("training", 60000), ("test", 10000)):
        found = read(part)
        assert found.inputs.shape == (count, 784)
        assert (found.inputs.min(), found.inputs.max()) == (0.0, 1.0)
        assert set(found.labels.tolist()) == set(range(10))


def test_a_chip_that_cannot_hold_the_network_has_no_price_and_the_table_says_so():
    network = SpikingLayers(sizes=(4, 300, 10))
    costs = chip_joules(network, first_weights(network.sizes, 0), np.ones((1, 4)))
    assert costs["loihi_davies2018"] > 0.0
    assert "truenorth" not in costs  # an output would hear 300 axons, of 256
    rows = {row[0]: row[1] for row in energy_table({**costs, "crossbar": 1e-9}).rows}
    assert rows["truenorth"] == "cannot hold it"
