"""The latency-mnist task: bright pixels come early, dark ones never; and a small run learns."""

import numpy as np

from neuro.learning.examples import Examples
from neuro.tasks import run_task
from neuro.tasks._latency_mnist import DARK, Config, dropping, times_of
from tests.reference import needs


def test_the_brighter_a_pixel_the_earlier_its_spike_and_dark_ones_have_none() -> None:
    config = Config()
    pixels = np.linspace(0.0, 1.0, 101)[None]
    times = times_of(config, pixels)[0]
    lit = pixels[0] > DARK
    assert np.all(np.diff(times[lit]) < 0.0)
    assert times[-1] == 1e-3
    assert times.max(initial=0.0, where=lit) <= config.late
    assert np.all(times[~lit] == config.duration)


def test_each_epoch_drops_other_spikes_and_the_same_ones_again() -> None:
    config = Config(dropped=0.5)
    epochs = dropping(config, Examples(np.full((20, 30), 2e-3), np.zeros(20, int)), 0)
    first, second = epochs(0).inputs, epochs(1).inputs
    assert np.array_equal(first, epochs(0).inputs)
    assert not np.array_equal(first, second)
    assert set(np.unique(first)) == {2e-3, config.duration}
    assert abs(np.mean(first == config.duration) - 0.5) < 0.1


@needs("mnist")
def test_a_small_run_learns_more_than_chance() -> None:
    report = run_task("latency-mnist", overrides=("workers=1",))
    assert report.metrics["validation_accuracy"] > 0.5
    assert report.metrics["cpu_seconds_per_epoch"] > 0.0
