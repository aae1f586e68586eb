"""The resistive task: honest splits, and a small run that learns."""

import gzip

import numpy as np
import pytest
from reference import needs

from neuro.errors import DataError, ParameterError
from neuro.tasks import _resistive, configure, load_task, run_task
from neuro.tasks._mnist_images import FILES, mnist
from neuro.tasks._resistive import split_images


def write(folder, count, pixels=784):
    """Files of so many images, numbered by their first pixel."""
    (folder / "mnist").mkdir(exist_ok=True)
    for part in FILES.values():
        images = np.zeros((count, pixels), np.uint8)
        images[:, 0] = np.arange(count)
        sizes = ([2051, count, 28, 28] if pixels == 784 else [2051, count, 1, pixels]), [2049, count]
        for name, size, body in zip(part, sizes, (images.tobytes(), bytes(count)), strict=True):
            (folder / "mnist" / name).write_bytes(gzip.compress(np.array(size, ">i4").tobytes() + body))


def test_validation_images_are_the_last_ones_and_nobody_learns_from_them(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    write(tmp_path, 200)
    first = [
        (255 * part.inputs[:, 0]).round().tolist()
        for part in split_images(configure("resistive", "tuning", overrides=("used=150", "validation=40")))
    ]
    assert first == [[*range(110)], [*range(110, 150)]]
    assert split_images(configure("resistive", "paper"))[1] is None


def test_images_that_are_missing_or_damaged_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    with pytest.raises(DataError, match="NEURO_DATA"):
        mnist("test")
    write(tmp_path, 20, pixels=783)
    with pytest.raises(DataError, match="whole"):
        mnist("test")
    (tmp_path / "mnist" / FILES["test"][0]).write_bytes(b"no archive")
    with pytest.raises(DataError, match="whole"):
        mnist("test")


@needs("mnist")
def test_who_chooses_settings_never_sees_a_test_image(monkeypatch):
    def guarded(part, most=0):
        assert part == "training"
        return mnist(part, most)

    monkeypatch.setattr(_resistive, "mnist", guarded)
    config = configure("resistive", overrides=("used=400", "validation=100"))
    outcome = _resistive.learn((config, "ep", 0))
    assert outcome.test is None
    assert len(outcome.validation) == config.epochs


@needs("mnist")
def test_a_small_run_learns_by_both_rules_and_counts_joules():
    metrics = run_task("resistive").metrics
    assert metrics["ep_error"] <= 0.15
    assert abs(metrics["ep_error"] - metrics["backprop_error"]) <= 0.03
    for rule in ("ep", "backprop"):
        assert 0.0 < 2.0 * metrics[f"joules_inferred/{rule}"] < metrics[f"joules_trained/{rule}"] < 1e-9


@needs("mnist")
def test_validation_that_leaves_nothing_to_learn_from_is_refused():
    config = configure("resistive", overrides=("used=100", "validation=100"))
    with pytest.raises(ParameterError, match="must leave images"):
        load_task("resistive").run(config, out=None, progress=lambda *_: None)
