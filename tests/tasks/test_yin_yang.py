"""The yin-yang task: the published points, and a small run that learns."""

import numpy as np

from neuro.tasks import run_task
from neuro.tasks._yin_yang import SIZES, class_of, points


def test_points_lie_in_the_disk_have_their_class_and_classes_are_balanced() -> None:
    for name, size in SIZES.items():
        where, labels = points(name)
        assert len(where) == len(labels) == size
        assert np.all(np.hypot(*(where - 0.5).T) <= 0.5)
        assert [class_of(x, y) for x, y in where[:200]] == labels[:200].tolist()
        assert np.all(np.abs(np.bincount(labels) / size - 1 / 3) < 0.05)


def test_half_a_turn_takes_yin_to_yang_and_leaves_dots() -> None:
    where, labels = points("validation")
    turned = np.array([class_of(x, y) for x, y in 1.0 - where])
    assert np.array_equal(turned, np.array([1, 0, 2])[labels])


def test_a_small_run_learns_more_than_chance() -> None:
    report = run_task("yin-yang", overrides=("workers=1",))
    assert report.metrics["validation_accuracy"] > 0.5
    assert report.metrics["cpu_seconds_per_epoch"] > 0.0


def test_on_crossbars_a_small_run_stands_beside_numbers_that_are_programmed() -> None:
    small = ("workers=1", "crossbars=true", "epochs=5")
    metrics = run_task("yin-yang", overrides=small).metrics
    assert metrics["validation_accuracy"] > 0.5
    assert metrics["validation_accuracy/programmed"] < metrics["validation_accuracy/numbers"]
