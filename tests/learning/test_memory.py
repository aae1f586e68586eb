"""Laws of the spiking memory: it restores what it was taught, and accounts for every pulse and every read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.errors import ParameterError
from neuro.learning.memory import (
    PROJECTION,
    Memory,
    Training,
    clamped,
    lower,
    present,
    recall,
    step,
    train,
    weight_unit,
)
from neuro.learning.two_phase import Contrastive

SIZE = 12
MEMORY = Memory(size=SIZE)
UNIT = weight_unit(MEMORY)
WORDS = np.array([[1] * 6 + [0] * 6, [1, 0] * 6, [0, 1, 1, 0, 0, 1] * 2], dtype=float)
"""Three patterns; any two of them differ in six dots at least."""
DEVICES = {"ideal": None, "64 levels": Device("quiet", g_min=0.0, g_max=150e-6, levels=64)}
TRAINING = Training(epochs=30, cues=4, rate_first=0.08, rate_last=0.02)


def crossbar(device=None, weights=None):
    """Devices for |W| <= 0.8, started in the middle of their windows."""
    weights = np.zeros((SIZE, SIZE)) if weights is None else UNIT * weights
    return Crossbar(weights, device=device, w_max=0.8 * UNIT, start=0.5)


def flipped_once(words, seed):
    """`TRAINING.cues` cues of each word in order, each with one dot flipped at random."""
    cues = np.repeat(words, TRAINING.cues, axis=0)
    dots = np.random.default_rng(seed).integers(0, SIZE, len(cues))
    cues[np.arange(len(cues)), dots] = 1 - cues[np.arange(len(cues)), dots]
    return cues


def all_flips(words):
    """Each word with each of its dots flipped, and the words that they come from."""
    targets = np.repeat(words, SIZE, axis=0)
    return np.abs(targets - np.tile(np.eye(SIZE), (len(words), 1))), targets


def taught(devices, words=WORDS, watch=None):
    return train(MEMORY, devices, words, lambda epoch: flipped_once(words, epoch), TRAINING, watch=watch)


def random_weights(seed):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-0.3, 0.3, (SIZE, SIZE))
    np.fill_diagonal(weights, 0.0)
    return weights, rng


@pytest.mark.parametrize("words", [2, 3])
@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_a_taught_memory_restores_its_patterns_whichever_dot_is_flipped(words, device):
    devices = crossbar(device)
    cues, targets = all_flips(WORDS[:words])
    before = recall(lower(MEMORY, devices), MEMORY, cues)
    assert not np.all(before.bits == targets, axis=1).any()
    after = recall(taught(devices, WORDS[:words]), MEMORY, cues)
    assert np.array_equal(after.bits, targets)


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_the_same_teaching_gives_the_same_memory(device):
    one, other = crossbar(device), crossbar(device)
    cues, _ = all_flips(WORDS)
    first, second = recall(taught(one), MEMORY, cues), recall(taught(other), MEMORY, cues)
    assert np.array_equal(one.effective_weights(), other.effective_weights())
    assert np.array_equal(first.activity, second.activity)
    assert np.array_equal(first.spikes, second.spikes)


def test_what_training_returns_is_what_the_devices_hold():
    devices = crossbar(DEVICES["64 levels"])
    program, cues = taught(devices), all_flips(WORDS)[0]
    lowered = recall(lower(MEMORY, devices), MEMORY, cues)
    assert np.array_equal(recall(program, MEMORY, cues).activity, lowered.activity)


@settings(max_examples=20)
@given(seed=st.integers(0, 9999), order=st.permutations(range(6)))
def test_a_recall_depends_on_its_own_cue_alone(seed, order):
    weights, rng = random_weights(seed)
    program, cues = lower(MEMORY, crossbar(weights=weights)), rng.integers(0, 2, (6, SIZE)).astype(float)
    together, order = recall(program, MEMORY, cues), list(order)
    moved = recall(program, MEMORY, cues[order])
    assert np.array_equal(moved.activity, together.activity[order])
    assert np.array_equal(moved.spikes, together.spikes[order])


@settings(max_examples=20)
@given(seed=st.integers(0, 9999), order=st.permutations(range(SIZE)))
def test_permuted_neurons_give_the_permuted_recall(seed, order):
    weights, rng = random_weights(seed)
    cues, order = rng.integers(0, 2, (3, SIZE)).astype(float), list(order)
    one = recall(lower(MEMORY, crossbar(weights=weights)), MEMORY, cues)
    other = recall(lower(MEMORY, crossbar(weights=weights[np.ix_(order, order)])), MEMORY, cues[:, order])
    assert np.array_equal(other.activity, one.activity[:, order])
    assert np.array_equal(other.spikes, one.spikes)


def test_an_untaught_memory_follows_its_equation():
    """A spike takes the refractory time and 2 ticks / (1 + u): half a tick at u = gain, two ticks at u = 0."""
    cue = np.zeros(SIZE)
    cue[0] = 1
    program = lower(MEMORY, crossbar())
    spikes = present(program, MEMORY, cue).spikes["memory"]
    full, silent = (spikes.times[spikes.ids == i] for i in (0, 1))
    assert full[:6] == pytest.approx([0.5e-3, 1.5e-3, 2.5e-3, 3.5e-3, 4.5e-3, 7e-3], abs=1e-9)
    # It starts from its floor: one and a half of its range in 3 ms.
    assert silent[:3] == pytest.approx([8e-3, 10.5e-3, 13e-3], abs=1e-9)
    # Only the last 15 ms count, in which both fire six times.
    assert recall(program, MEMORY, cue[None]).activity.tolist() == [[6 / 15] * SIZE]


@pytest.mark.parametrize("weight", [-0.3, 0.3, 0.6])
def test_a_silent_neuron_pushes_the_other_way(weight):
    """u = gain (c - W) where the only neuron that is heard is silent and its weight is W, from row to column."""
    weights, cue = np.zeros((SIZE, SIZE)), np.zeros(SIZE)
    weights[0, 1], cue[1] = weight, 1
    spikes = present(lower(MEMORY, crossbar(weights=weights)), MEMORY, cue).spikes["memory"]
    rise = 2 * MEMORY.tick / (1 + MEMORY.gain * (1 - weight))
    expected = [rise + k * (rise + MEMORY.refractory) for k in range(3)]
    assert spikes.times[spikes.ids == 1][:3] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30)
@given(seed=st.integers(0, 9999))
def test_a_clamped_memory_shows_its_pattern_exactly_whatever_its_weights(seed):
    weights, rng = random_weights(seed)
    words = rng.integers(0, 2, (4, SIZE)).astype(float)
    shown = clamped(lower(MEMORY, crossbar(weights=weights)), MEMORY, words)
    assert np.array_equal(shown.activity, words)
    assert np.array_equal(shown.spikes, words.sum(axis=1) * round(MEMORY.duration / MEMORY.tick))


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_nothing_is_learned_where_the_memory_shows_its_pattern_already(device):
    """Strong weights of Hebb's rule hold one pattern at full activity."""
    word = WORDS[:1]
    sign = 2 * word[0] - 1
    devices = crossbar(device, 0.5 * (np.outer(sign, sign) - np.eye(SIZE)))
    program, before = lower(MEMORY, devices), devices.effective_weights().copy()
    targets = clamped(program, MEMORY, word)
    after, free = step(program, MEMORY, devices, Contrastive(rate=0.5), targets, word, 4)
    assert np.array_equal(free.activity, word)
    assert after is program
    assert np.array_equal(devices.effective_weights(), before)
    assert not devices.register.any()
    assert devices.ledger.pulses_up == devices.ledger.pulses_down == 0


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_the_devices_and_the_register_hold_together_what_the_rule_asked_for(device):
    """No device reaches the end of its window, and none errs: nothing is lost."""
    devices, asked = crossbar(device), np.zeros((SIZE, SIZE))

    def watch(epoch, program, free):
        nonlocal asked
        asked += UNIT * TRAINING.rule(epoch).change(np.repeat(WORDS, TRAINING.cues, axis=0), free.activity)

    taught(devices, watch=watch)
    assert np.abs(asked).max() > 0.1 * UNIT
    assert devices.effective_weights() + devices.register == pytest.approx(asked, abs=1e-9 * UNIT)


def test_a_level_that_a_device_moved_is_a_pulse_in_the_ledger():
    device = DEVICES["64 levels"]
    devices = crossbar(device)
    seen = [np.array([devices.conductance_plus, devices.conductance_minus])]
    taught(devices, watch=lambda *_: seen.append(np.array([devices.conductance_plus, devices.conductance_minus])))
    moves = np.rint(np.diff(seen, axis=0) / device.step)
    assert np.abs(moves).max() <= TRAINING.max_levels
    assert devices.ledger.pulses_up == moves[moves > 0].sum() > 0
    assert devices.ledger.pulses_down == -moves[moves < 0].sum() > 0
    assert np.array_equal(devices.ledger.plus, np.abs(moves).sum(axis=0)[0])
    assert np.array_equal(devices.ledger.minus, np.abs(moves).sum(axis=0)[1])


def test_the_ledger_counts_a_row_read_for_every_spike():
    devices, spikes = crossbar(), []
    program = taught(devices, watch=lambda epoch, program, free: spikes.append(free.spikes.sum()))
    trained = devices.ledger.row_reads
    held = WORDS.sum() * round(MEMORY.duration / MEMORY.tick)
    assert trained == held + sum(spikes)
    found = recall(program, MEMORY, WORDS)
    assert devices.ledger.row_reads - trained == found.spikes.sum() > 0


def test_every_epoch_is_watched_once_after_its_update():
    devices, epochs = crossbar(), []

    def watch(epoch, program, free):
        epochs.append(epoch)
        assert free.activity.shape == (len(WORDS) * TRAINING.cues, SIZE)
        first, last = program.weights_at[PROJECTION]
        assert np.array_equal(program.fixed.weight[first:last], devices.effective_weights().ravel())

    taught(devices, watch=watch)
    assert epochs == list(range(TRAINING.epochs))


@given(epochs=st.integers(2, 50), first=st.floats(1e-9, 1), last=st.floats(1e-9, 1))
def test_the_learning_rate_runs_straight_from_the_first_epoch_to_the_last(epochs, first, last):
    training = Training(epochs=epochs, rate_first=first, rate_last=last)
    rates = [training.rule(epoch).rate for epoch in range(epochs)]
    assert rates == pytest.approx(np.linspace(first, last, epochs), abs=1e-12)


@pytest.mark.parametrize("times", [{"counted": 31e-3}, {"cue_time": 31e-3}, {"counted": 0.0}, {"cue_time": -1e-3}])
def test_a_cue_or_a_count_that_does_not_fit_into_a_recall_is_refused_by_name(times):
    with pytest.raises(ParameterError, match="Memory"):
        Memory(size=SIZE, **times)
