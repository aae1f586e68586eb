"""Split-MNIST: honest splits, hidden spikes of the strongest patches, and rules that write where they should."""

import gzip

import numpy as np
import pytest
from reference import needs

from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.settings import Writing
from neuro.errors import DataError
from neuro.learning.examples import Examples
from neuro.tasks import _split_mnist as split
from neuro.tasks import run_task
from neuro.tasks._mnist_images import FILES

PRICES = split.Prices(Reading(voltage=0.2, duration=10e-9), Writing(voltage=2.0, duration=100e-9))
SMALL = split.SplitConfig(neurons=2, winners=15, outputs=2, held_out=40, steps=1)
STEADY = split.Ageing(1.0, 0.0)


def job(seed=0, *, tuning=False, ageing=STEADY, **settings):
    return split.Job(SMALL.model_copy(update=settings), ageing, PRICES, seed, tuning)


def numbered(count, first):
    """Images that are told apart by their first pixels, ten of each digit in turn."""
    inputs = np.random.default_rng(first).uniform(0.0, 0.5, (count, 784))
    inputs[:, 0] = first + np.arange(count)
    return Examples(inputs, np.arange(count) % 10)


@pytest.fixture
def parts(monkeypatch):
    """Made-up images in place of MNIST, and which parts of them were asked for."""
    asked = []

    def read(part, most=0):
        asked.append(part)
        return numbered(*{"training": (200, 0), "test": (50, 1000)}[part])

    monkeypatch.setattr(split, "mnist", read)
    return asked


@pytest.mark.parametrize("tuning", [False, True])
@pytest.mark.parametrize("seed", [0, 7])
def test_each_image_is_shown_once_two_digits_after_two_and_the_test_is_apart(parts, seed, tuning):
    tasks, test, digits = split.images(job(seed, tuning=tuning))
    shown = np.concatenate([task.inputs[:, 0] for task in tasks])
    assert sorted(digits.tolist()) == list(range(10))
    for task, pair in zip(tasks, digits.reshape(5, 2), strict=True):
        assert set(task.labels.tolist()) == set(pair.tolist())
    assert len(np.unique(shown)) == len(shown) == 200 - 40 * tuning
    assert not set(shown) & set(test.inputs[:, 0])
    assert ("test" in parts) == (not tuning)


def test_orders_differ_between_seeds(parts):
    orders = {tuple(split.images(job(seed))[2].tolist()) for seed in range(5)}
    assert len(orders) > 1


def test_a_hidden_neuron_sees_its_patch_alone():
    hidden = split.Hidden(job())
    image = np.random.default_rng(0).uniform(0.2, 1.0, (28, 28))
    for patch, (row, column) in ((0, (0, 0)), (9, (3, 3)), (63, (21, 21))):
        other = image.copy()
        other[row : row + split.PATCH, column : column + split.PATCH] = 0.0
        # Another length of the image scales all drives alike: neurons that do not see the patch keep their ratios.
        before, after = (hidden.drive(each.reshape(1, -1)).reshape(64, -1) for each in (image, other))
        assert np.all(after[patch] == 0.0)
        assert np.all(before[patch] != 0.0)
        apart = {0: 63, 9: 63, 63: 0}[patch]
        assert after[apart] / np.linalg.norm(image) * np.linalg.norm(other) == pytest.approx(before[apart], rel=1e-9)


def test_a_volley_is_the_strongest_drives_and_ends_after_the_winners():
    hidden = split.Hidden(job())
    inputs = np.random.default_rng(1).uniform(0.0, 1.0, (12, 784))
    for drive, spikes in zip(hidden.drive(inputs), hidden.spikes(inputs), strict=True):
        strongest = np.argsort(-drive)
        times = 1.0 / drive[strongest]
        assert set(spikes.tolist()) == set(strongest[: len(spikes)].tolist())
        # Those that fire within the delays of counting and holding back still do; the volley ends all the same.
        last = min(times[SMALL.winners - 1] + 2.0 * split.DELAY, split.VOLLEY)
        assert len(spikes) == np.sum((drive[strongest] > 0.0) & (times < last))


def test_the_answer_is_the_output_that_the_volley_drives_most():
    hidden, readouts = split.Hidden(job()), {}
    for k, name in enumerate(("one", "two")):
        readout = split.Readout(job(), "learning", hidden.size)
        readout.crossbar.program(np.random.default_rng(k).uniform(-1.0, 1.0, readout.crossbar.shape))
        readouts[name] = readout.crossbar
    inputs = np.random.default_rng(2).uniform(0.0, 1.0, (12, 784))
    found, volleys = split.answers(hidden, readouts, inputs), hidden.spikes(inputs)
    for name, crossbar in readouts.items():
        heard = np.array([crossbar.effective_weights()[spikes].sum(axis=0) for spikes in volleys])
        first, spikes = found[name]
        assert first.tolist() == heard.argmax(axis=1).tolist()
        assert spikes >= np.mean([len(each) for each in volleys]) + 2.0  # the one that holds back, and the answer


@pytest.mark.parametrize("digit", [0, 4, 9])
def test_an_example_writes_to_one_output_of_its_own_digit(digit):
    readout = split.Readout(job(), "learning", 40)
    before, spikes = readout.crossbar.effective_weights(), np.arange(0, 40, 3)
    change = np.zeros(before.shape)
    readout._change(before, change, spikes, digit)
    (touched,) = np.flatnonzero(change.any(axis=0)).reshape(1, -1)
    assert len(touched) == 1
    assert touched[0] // SMALL.outputs == digit
    silent = np.setdiff1d(np.arange(40), spikes)
    assert np.all(change[silent, touched[0]] < 0.0)
    assert np.all(change[spikes, touched[0]] > change[silent, touched[0]].max())


def test_a_weight_comes_to_rest_at_the_logarithm_of_how_often_its_neuron_spikes():
    readout = split.Readout(job(outputs=1, rate=0.01, background=2.0), "learning", 40)
    weights, rng = np.zeros((40, 10)), np.random.default_rng(3)
    often = np.linspace(0.2, 0.9, 40)
    late = []
    for k in range(6000):
        change = np.zeros(weights.shape)
        readout._change(weights, change, np.flatnonzero(rng.random(40) < often), 2)
        weights += change
        if k >= 3000:
            late.append(weights[:, 2].copy())
    assert np.allclose(np.mean(late, axis=0), np.log(often / readout.background), atol=0.1)


@pytest.mark.parametrize("way", ["naive", "replay"])
def test_the_rule_that_corrects_errors_leaves_right_answers_alone(way):
    readout = split.Readout(job(), way, 40)
    weights, spikes = np.zeros((40, 20)), np.arange(10)
    weights[:, 6] = 1.0
    change = np.zeros(weights.shape)
    readout._change(weights, change, spikes, 3)
    assert not change.any()
    readout._change(weights, change, spikes, 5)
    assert np.flatnonzero(change.any(axis=0)).tolist() == [6, 10]
    assert np.all(change[spikes, 6] < 0.0)
    assert np.all(change[spikes, 10] > 0.0)


def test_replay_keeps_no_more_than_its_buffer_and_each_example_as_likely():
    kept = np.zeros(60)
    for seed in range(200):
        readout = split.Readout(job(seed, buffer=12), "replay", 40)
        for first in range(0, 60, 10):
            readout._again([(np.array([0]), k) for k in range(first, first + 10)])
        assert len(readout.kept) == 12
        kept[[digit for _, digit in readout.kept]] += 1
    # A binomial with share 1/5 in 200 draws: 40 with a standard deviation of 5.7.
    assert kept.sum() == 200 * 12
    assert np.all(np.abs(kept.reshape(6, 10).mean(axis=1) - 40.0) < 5.0 * 5.7 / np.sqrt(10))


@pytest.mark.parametrize("share", [1.0, 0.2])
def test_steps_of_ageing_add_to_that_of_a_task(share):
    hidden = split.Hidden(job(neurons=8))
    ageing, rng, before = split.Ageing(0.86, 0.06), np.random.default_rng(4), hidden.crossbar.effective_weights()
    for _ in range(round(1.0 / share)):
        split.age(hidden.crossbar, ageing, share, rng)
    after = hidden.crossbar.effective_weights()
    assert np.polyfit(before.ravel(), after.ravel(), 1)[0] == pytest.approx(ageing.kept, abs=0.01)
    noise = (after - ageing.kept * before).std()
    assert noise == pytest.approx(ageing.scatter * np.abs(before).max(), rel=0.15)


def test_who_is_frozen_after_the_first_task_writes_no_more(parts):
    costs = {each.way: each.counts for each in split.learn_split(job(ageing=split.Ageing(0.9, 0.02)))}
    assert set(costs) == set(split.WAYS)
    for counts in costs.values():
        assert all(np.isfinite(value) and value >= 0.0 for value in counts.values())
    one_task = split.learn_split(job(ageing=STEADY, used=200))
    assert [each.accuracy for each in one_task] == pytest.approx([np.mean(each.by_task) for each in one_task], abs=1e-9)


def test_missing_images_are_named_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"NEURO_DATA"):
        run_task("adapt", "split-smoke")


def test_a_small_run_forgets_less_than_the_naive_rule(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    (tmp_path / "mnist").mkdir()
    for (images, labels), count in zip(FILES.values(), (400, 100), strict=True):
        digits = (np.arange(count) % 10).astype(np.uint8)
        pixels = rng.integers(0, 80, (count, 28, 28)).astype(np.uint8)
        for row, digit in zip(pixels, digits, strict=True):
            row[2 * digit + 4 : 2 * digit + 6, 6:22] = 255
        for name, size, body in ((images, [2051, count, 28, 28], pixels), (labels, [2049, count], digits)):
            (tmp_path / "mnist" / name).write_bytes(gzip.compress(np.array(size, ">i4").tobytes() + body.tobytes()))
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    metrics = run_task("adapt", "split-smoke", overrides=("workers=1",)).metrics
    assert metrics["split_mnist"] > max(metrics["split_mnist_naive"], metrics["split_mnist_frozen"])
    assert metrics["split_mnist/pulses_per_example"] > 0.0
    assert 0.0 < metrics["split_mnist/write_joules_per_example"] < 1e-6


@needs("mnist")
def test_the_real_images_fit():
    tasks, test, _ = split.images(job(used=100, tested=10))
    assert sum(len(task) for task in tasks) == 100
    assert len(test) == 10
