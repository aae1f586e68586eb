"""The published sequential MNIST network does in the clocked engine what it did on the chip."""

import numpy as np
import pytest

import neuro as nr
from tests.reference import DATA, needs
from tests.smnist import STEPS, chip_run, encode, load, network

pytestmark = [needs("loihi_smnist"), needs("mnist")]
DT = 1e-3

CHIP_ERRORS = [(1, 7), (3, 5), (8, 5), (0, 8), (9, 3), (8, 0), (7, 9), (3, 2), (4, 8), (4, 0), (2, 3)]
"""The chip's eleven errors, in order: (digit, answer)."""


@pytest.fixture(scope="module")
def data():
    return load(DATA)


def recordings(data, images, **options):
    weights, pixels, _ = data
    trials = ({"input": encode(pixels[i], DT)} for i in images)
    return list(nr.run_batch(network(*weights, DT, **options), STEPS * DT, trials, dt=DT))


def answers(runs):
    return np.array([run.state.v["readout"].argmax() for run in runs])


@pytest.fixture(scope="module")
def chip(data):
    return recordings(data, chip_run())


def test_the_images_of_the_chip_run_get_the_chips_answers_but_for_one(data, chip):
    digits, found = data[2][chip_run()], answers(chip)
    wrong = [(int(d), int(f)) for d, f in zip(digits, found, strict=True) if d != f]
    assert wrong == [error for error in CHIP_ERRORS if error != (7, 9)]


def test_spikes_and_synaptic_events_are_those_that_were_counted(chip):
    def mean(count):
        return sum(count(run) for run in chip) / len(chip)

    assert mean(lambda run: len(run.spikes["lif"]) + len(run.spikes["ahp"])) == pytest.approx(10_636, rel=0.01)
    assert mean(lambda run: len(run.spikes["input"])) == pytest.approx(2_011, rel=0.01)
    assert mean(lambda run: sum(run.events.values())) == pytest.approx(637_000, rel=0.01)


def test_without_the_slow_current_it_knows_next_to_nothing(data):
    images = chip_run()[:60]
    assert np.mean(answers(recordings(data, images, w_a=0)) == data[2][images]) < 0.25
