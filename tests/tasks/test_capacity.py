"""The capacity task: its patterns and cues, the search for a boundary, and what memories hold."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import needs

from neuro.errors import TrainingError
from neuro.learning.hopfield import storkey
from neuro.tasks import configure, run_task
from neuro.tasks._capacity import (
    APART,
    Case,
    Config,
    Key,
    boundary,
    classical_weights,
    counts_tried,
    digit_table,
    draw_patterns,
    estimate,
    fill,
    flipped,
    jackknife,
    judge,
    recalled_by,
    search,
    spiking_recalls,
)
from neuro.tasks.capacity import keys

laws = settings(deadline=None)


@laws
@given(st.integers(1, 40), st.integers(2, 70), st.floats(0.0, 0.5), st.integers(0, 999))
def test_a_cue_has_exactly_the_share_of_its_bits_flipped(count, size, share, seed):
    rng = np.random.default_rng(seed)
    patterns = draw_patterns("random", count, size, rng)
    cues = flipped(patterns, share, rng)
    wrong = np.abs(cues - patterns).sum(axis=1)
    assert np.all(wrong == np.round(share * size))
    exact, cosine = judge(patterns, cues)
    assert exact == (1.0 if np.round(share * size) == 0 else 0.0)
    assert cosine == pytest.approx(1.0 - 2.0 * wrong[0] / size)


@needs("mnist")
@pytest.mark.parametrize("size", [64, 128, 256])
def test_digits_are_patterns_that_differ(size):
    table = digit_table(size)
    assert set(np.unique(table)) == {0.0, 1.0}
    assert 0.1 < table.mean() < 0.5
    patterns = draw_patterns("digits", 20, size, np.random.default_rng(0))
    apart = np.abs(patterns[:, None] - patterns).sum(axis=2)[~np.eye(20, dtype=bool)]
    assert apart.min() >= APART * size


@laws
@given(st.floats(0.5, 300.0), st.floats(0.5, 300.0), st.sampled_from([64, 128, 256]))
def test_the_search_finds_both_boundaries_of_falling_curves(first, second, size):
    counts, limits = counts_tried(size), (0.9, 0.99)

    def test(count):
        return np.array([[limits[0] + (first - count) / 1000.0, limits[1] + (second - count) / 2000.0]])

    tried = search(test, counts, limits)
    assert len(tried) < len(counts)
    for k, capacity in enumerate((first, second)):
        found = boundary({count: each[0, k] for count, each in tried.items()}, limits[k])
        wanted = 0.0 if capacity < counts[0] else min(capacity, size)
        assert found == pytest.approx(wanted, rel=1e-6)


@laws
@given(st.integers(0, 20), st.sampled_from([64, 128, 256]))
def test_one_number_of_patterns_that_fails_does_not_end_the_search(place, size):
    counts = counts_tried(size)
    held = min(place + 1, len(counts) - 1)

    def test(count):
        fails = count > counts[held] or count == counts[min(place, held - 1)]
        return np.full((2, 2), 0.5 if fails else 1.0)

    tried = search(test, counts, (0.9, 0.9))
    assert boundary({count: each.mean() for count, each in tried.items()}, 0.9) >= counts[held]


@laws
@given(st.lists(st.floats(0.0, 100.0), min_size=2, max_size=8))
def test_the_jackknifes_error_of_a_mean_is_the_standard_error(values):
    without = [np.mean(values[:k] + values[k + 1 :]) for k in range(len(values))]
    assert jackknife(without) == pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)), rel=1e-6, abs=1e-9)


def test_an_estimate_is_of_the_mean_over_the_seeds_and_has_an_error():
    tried = {10: np.array([[1.0], [0.9]]), 20: np.array([[0.8], [0.5]])}
    found = estimate(tried, 0, 0.8)
    assert found.value == pytest.approx(10 + 10 * 0.15 / 0.3)
    assert found.without == pytest.approx((10 + 10 * 0.1 / 0.4, 20.0))
    assert found.error == pytest.approx(7.5 / 2)
    assert estimate({10: np.array([[1.0]])}, 0, 0.8).error is None


@laws
@given(st.integers(1, 6), st.integers(2, 8), st.integers(0, 999))
def test_storkey_is_its_definition(count, size, seed):
    signs = 2.0 * draw_patterns("random", count, size, np.random.default_rng(seed)) - 1.0
    wanted = np.zeros((size, size))
    for s in signs:
        before = wanted.copy()
        for i in range(size):
            for j in range(size):
                if i != j:
                    h_ij = sum(before[i, k] * s[k] for k in range(size) if k not in (i, j))
                    h_ji = sum(before[j, k] * s[k] for k in range(size) if k not in (i, j))
                    wanted[i, j] += (s[i] * s[j] - s[i] * h_ji - h_ij * s[j]) / size
    np.testing.assert_allclose(storkey(signs), wanted, atol=1e-12)
    np.testing.assert_allclose(storkey(signs), storkey(signs).T, atol=1e-12)


@pytest.mark.parametrize("memory", ["hebb", "storkey", "pinv", "pinv_synchronous"])
def test_a_stuck_device_takes_its_weight_away_and_no_other(memory):
    patterns = draw_patterns("random", 5, 64, np.random.default_rng(1))
    whole = classical_weights(Case(memory, "random", 64, 0.0, 3), patterns)
    stuck = classical_weights(Case(memory, "random", 64, 0.5, 3), patterns)
    kept = stuck != 0.0
    np.testing.assert_allclose(stuck[kept], whole[kept], rtol=1e-9)
    # Weights of zero are not counted.
    assert 0.3 < kept.sum() / np.count_nonzero(whole) < 0.7


def test_every_memory_is_filled():
    every = keys(configure("capacity", "large"))
    assert len(set(every)) == len(every) == 2 * 6 * (2 * 3 + 4 * 3)


@pytest.mark.parametrize("memory", ["spiking", "hidden"])
@pytest.mark.parametrize(("stuck", "error"), [(0.0, "both"), (0.3, "post")])
def test_a_spiking_memory_recalls_what_it_was_taught(memory, stuck, error):
    config = configure("capacity", overrides=("epochs=60", "hidden=0.25", f"error={error}"))
    rng = np.random.default_rng(2)
    patterns = draw_patterns("random", 4, 64, rng)
    shown = np.repeat(patterns, 5, axis=0)
    recalled, spikes = spiking_recalls(
        config, Case(memory, "random", 64, stuck, 0), patterns, flipped(shown, 0.05, rng)
    )
    assert judge(shown, recalled)[0] >= 0.9
    assert spikes > 64


def test_a_small_run_finds_the_known_order():
    metrics = run_task("capacity").metrics
    assert 0.09 <= metrics["hebb_per_neuron"] <= 0.16
    assert metrics["exact/pinv/random/64/0"] > 2.0 * metrics["exact/hebb/random/64/0"]


def test_a_search_goes_on_from_the_tries_that_are_kept(tmp_path, monkeypatch):
    given = {"spiking": ("spiking",), "patterns": ("random",), "stuck": (0.0,), "epochs": 1, "seeds": 2, "least": 1}
    key, config = Key("spiking", "random", 64, 0.0), Config(checkpoints=str(tmp_path / "tries"), **given)
    plain = fill((Config(**given), key))

    def stopped(config, case, count, calls=[]):  # noqa: B006
        calls.append(count)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return recalled_by(config, case, count)

    monkeypatch.setattr("neuro.tasks._capacity.recalled_by", stopped)
    with pytest.raises(KeyboardInterrupt):
        fill((config, key))
    (file,) = (tmp_path / "tries").iterdir()
    before = json.loads(file.read_text())["tries"]
    assert sum(len(each) for each in before.values()) == 3
    asked = []
    monkeypatch.setattr(
        "neuro.tasks._capacity.recalled_by", lambda *job: (asked.append((job[2], job[1].seed)), recalled_by(*job))[1]
    )
    assert fill((config, key)) == plain
    kept = {(int(count), int(seed)) for count, each in before.items() for seed in each}
    assert asked
    assert kept.isdisjoint(asked)
    assert len(asked) == len(set(asked))
    with pytest.raises(TrainingError, match=r"another configuration.*epochs"):
        fill((config.model_copy(update={"epochs": 2}), key))
    file.write_text('{"settings": {}, "tries": {"2": {"0": [1.0, NaN, 0.0]}}}')
    with pytest.raises(TrainingError, match=r"must be tries"):
        fill((config, key))
