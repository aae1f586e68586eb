"""The sequence memory: steps follow the clock, the rule is its definition, and what is taught is completed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuro.learning.memory import lower
from neuro.tasks import _sequence_memory as sequences
from neuro.tasks import configure, run_task


def drawn(count, length, size, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (count, length, size)).astype(float)


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(2, 6), st.integers(1, 4), st.integers(2, 5))
def test_every_pattern_but_the_last_is_a_cue_for_those_that_follow(count, length, steps, size):
    taught = drawn(count, length, size)
    lesson = sequences.lesson_of(taught, steps)
    assert lesson.pattern.shape == (count * (length - 1), size)
    for k in range(count):
        for start in range(length - 1):
            row = k * (length - 1) + start
            assert np.array_equal(lesson.pattern[row], taught[k, start])
            for step in range(steps):
                at = start + 1 + step
                wanted = taught[k, at] if at < length else np.full(size, np.nan)
                np.testing.assert_array_equal(lesson.target[row, step], wanted)


def test_a_change_is_the_source_of_one_step_times_the_error_of_the_next():
    rng = np.random.default_rng(1)
    found, target = rng.random((3, 3, 4)), rng.integers(0, 2, (3, 2, 4)).astype(float)
    target[2, 1] = np.nan
    towards, offset = sequences.change(found, target)
    pairs = [(k, step) for k in range(3) for step in range(2) if (k, step) != (2, 1)]
    for i in range(4):
        for j in range(4):
            each = [(2 * found[k, step, i] - 1) * 2 * (target[k, step, j] - found[k, step + 1, j]) for k, step in pairs]
            assert towards[i, j] == pytest.approx(np.mean(each), abs=1e-12)
    assert offset == pytest.approx(np.mean([2 * (target[k, s] - found[k, s + 1]) for k, s in pairs], axis=0))
    right = np.stack([found[:, 0], target[:, 0]], axis=1)
    assert not sequences.change(right, target[:, :1])[0].any()


def test_without_weights_the_cue_fires_in_the_first_step_alone_and_at_full_activity():
    memory = sequences.memory_of(8)
    program = lower(memory, sequences.devices("two_phase", 8, 0))
    cue = drawn(1, 1, 8)[:, 0]
    found, spikes = sequences.recall(program, memory, cue, 3)
    assert np.array_equal(found[:, 0] > 0.5, cue > 0.5)
    assert found[0, 0][cue[0] > 0.5] == pytest.approx(1.0)
    # With u = 0, a neuron fires every 2.5 ms of the open part.
    assert np.all(found[:, 1:] < 0.6)
    assert spikes[0] >= found.sum() * sequences.FULL - 1e-9


def test_the_chain_is_its_definition():
    taught = drawn(2, 3, 8)
    signs = 2 * taught - 1
    weights = sum(np.outer(signs[k, t], signs[k, t + 1]) for k in range(2) for t in range(2)) / 8
    cue = taught[:1, 0]
    state = 2 * cue[0] - 1
    for step in range(1, 3):
        field = state @ weights
        state = np.where(field == 0, state, np.sign(field))
        assert np.array_equal(sequences.chain(taught, cue)[0, step], (state > 0).astype(float))


@pytest.mark.parametrize("name", sequences.SPIKING)
def test_a_taught_sequence_is_completed_from_a_distorted_first_pattern(name):
    config = configure("sequence-completion", "paper", overrides=("size=32", "length=4", "epochs=60", "trials=20"))
    shown, found, took = sequences.recalled(config, name, 1, 5)
    assert np.all(shown == found, axis=2)[:, -1].mean() >= 0.9
    assert took["spikes"] > 32
    assert took["pulses_per_device"] > 0


def test_a_small_run_counts_what_memories_hold():
    report = run_task("sequence-completion", overrides=("workers=1",))
    assert report.metrics["exact/two_phase"] >= 1.0
    assert report.metrics["spikes/two_phase"] > 0
    chain = max(report.metrics["cosine/hebb"], 1.0)
    assert report.metrics["ratio_hebb/cosine/two_phase"] == report.metrics["cosine/two_phase"] / chain
    assert set(report.figures) == {"steps"}
