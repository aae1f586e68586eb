"""Laws of the spiking memory: it restores what it was taught, and accounts for every pulse and every read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.errors import ParameterError
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, fit
from neuro.learning.layer_rules import ContrastiveHebbian, CoupledLearning, EquilibriumPropagation
from neuro.learning.layers import LayerWeights
from neuro.learning.memory import AssociativeMemory, clamped, lower, present, recall, with_matrix
from neuro.learning.two_phase import Contrastive

SIZE = 12
MEMORY = AssociativeMemory(size=SIZE)
UNIT = MEMORY.unit
WORDS = np.array([[1] * 6 + [0] * 6, [1, 0] * 6, [0, 1, 1, 0, 0, 1] * 2], dtype=float)
"""Three patterns; any two of them differ in six dots at least."""
DEVICES = {"ideal": None, "64 levels": Device("quiet", g_min=0.0, g_max=150e-6, levels=64)}
EPOCHS, CUES, RATES = 30, 4, (0.08, 0.02)


def crossbar(device=None, weights=None):
    """Devices for |W| <= 0.8, started in the middle of their windows."""
    weights = np.zeros((SIZE, SIZE)) if weights is None else UNIT * weights
    return Crossbar(weights, device=device, w_max=0.8 * UNIT, start=0.5)


def flipped_once(words, seed):
    """`CUES` cues of each word in order, each with one dot flipped at random."""
    cues = np.repeat(words, CUES, axis=0)
    dots = np.random.default_rng(seed).integers(0, SIZE, len(cues))
    cues[np.arange(len(cues)), dots] = 1 - cues[np.arange(len(cues)), dots]
    return cues


def all_flips(words):
    """Each word with each of its dots flipped, and the words that they come from."""
    targets = np.repeat(words, SIZE, axis=0)
    return np.abs(targets - np.tile(np.eye(SIZE), (len(words), 1))), targets


def examples(words, epoch):
    names = np.repeat(np.arange(len(words)), CUES)
    return Examples(flipped_once(words, epoch), names, words[names])


def plan(words, epochs=EPOCHS):
    first, last = RATES
    return Schedule(
        epochs=epochs, rates=(first,), last=last / first, fall="linear", batch=CUES * len(words), momentum=0.0
    )


def taught(devices, words=WORDS, watch=lambda epoch: None, **options):
    """Train the memory on these devices; None: as numbers."""

    def data(epoch):
        watch(epoch)
        return examples(words, epoch)

    crossbars = None if devices is None else [devices]
    return fit(MEMORY, data, ContrastiveHebbian(), plan(words), crossbars=crossbars, **options)


def taught_step_by_step(devices, words=WORDS, epochs=EPOCHS):
    """The same training, written out; returns the sum of the changes that it asked for, and the spikes of recalls."""
    program, asked, spikes = lower(MEMORY, devices), np.zeros((SIZE, SIZE)), []
    held = np.repeat(clamped(program, MEMORY, words).activity, CUES, axis=0)
    for epoch, rate in enumerate(np.linspace(*RATES, epochs)):
        free = recall(program, MEMORY, flipped_once(words, epoch))
        change = UNIT * Contrastive(rate=float(rate)).change(held, free.activity)
        devices.accumulate(change, 4)
        program = with_matrix(program, MEMORY, devices.effective_weights())
        asked += change
        spikes.append(free.spikes.mean())
    return asked, spikes


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
    taught(devices, WORDS[:words])
    after = recall(lower(MEMORY, devices), MEMORY, cues)
    assert np.array_equal(after.bits, targets)


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_the_same_teaching_gives_the_same_memory(device):
    one, other = crossbar(device), crossbar(device)
    cues, _ = all_flips(WORDS)
    first, second = taught(one), taught(other, workers=2)
    assert np.array_equal(one.effective_weights(), other.effective_weights())
    assert first.training == second.training
    assert first.spikes == second.spikes
    (here,), some = MEMORY.answer(first.weights, cues)
    (there,), others = MEMORY.answer(second.weights, cues, workers=2)
    assert np.array_equal(here, there)
    assert np.array_equal(some, others)


def test_what_training_returns_is_what_the_devices_hold():
    devices = crossbar(DEVICES["64 levels"])
    found, cues = taught(devices), all_flips(WORDS)[0]
    assert np.array_equal(found.weights.matrices[0], devices.effective_weights())
    program = lower(MEMORY, devices)
    answer, lowered = MEMORY.answer(found.weights, cues), recall(program, MEMORY, cues)
    assert np.array_equal(answer.activities[0], lowered.activity)
    assert np.array_equal(answer.spikes, lowered.spikes)


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_fit_does_what_the_training_does_step_by_step(device):
    devices, others = crossbar(device), crossbar(device)
    found = taught(devices)
    _, spikes = taught_step_by_step(others)
    assert devices.effective_weights() == pytest.approx(others.effective_weights(), abs=1e-9 * UNIT)
    assert devices.register == pytest.approx(others.register, abs=1e-9 * UNIT)
    assert found.spikes == pytest.approx(spikes, rel=1e-12)
    assert found.training[0] < 0.5
    assert found.training[-1] == 1.0


def test_a_memory_learns_as_numbers_what_it_learns_on_devices_that_follow_exactly():
    devices = crossbar()
    found, other = taught(devices), taught(None)
    assert other.weights.matrices[0] == pytest.approx(found.weights.matrices[0], abs=1e-9 * UNIT)
    assert not np.any(other.weights.biases[0])


def test_a_memory_that_was_stopped_goes_on_to_the_same_bits(tmp_path):
    device, file = DEVICES["64 levels"], tmp_path / "memory.npz"
    whole, devices = taught(crossbar(device)), crossbar(device)

    def stop(epoch):
        if epoch == 20:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        taught(devices, watch=stop, checkpoint=file)
    resumed = taught(crossbar(device), checkpoint=file)
    assert (resumed.training, resumed.spikes) == (whole.training, whole.spikes)
    assert np.array_equal(resumed.weights.matrices[0], whole.weights.matrices[0])


def test_a_bias_of_its_own_learns_as_a_weight_from_a_neuron_that_is_always_active():
    memory = AssociativeMemory(size=SIZE, own_bias=True)
    first = LayerWeights((np.zeros((SIZE, SIZE)),), (np.zeros(SIZE),))
    data = examples(WORDS, 0)
    free = memory.answer(first, data.inputs).activities[0]
    found = fit(memory, data, ContrastiveHebbian(), plan(WORDS, 1)).weights.biases[0]
    assert found == pytest.approx(RATES[0] * 2.0 * (data.targets - free).mean(axis=0), abs=1e-12)
    moved = memory.answer(first._replace(biases=(np.full(SIZE, 0.5),)), data.inputs).activities[0]
    assert np.all(moved >= free)
    assert moved.sum() > free.sum()


def test_coupled_learning_holds_a_memory_part_of_the_way_to_its_target():
    data, full = examples(WORDS, 0), CoupledLearning(eta=1.0)
    same, other = (fit(MEMORY, data, rule, plan(WORDS, 2)).weights for rule in (full, ContrastiveHebbian()))
    assert np.array_equal(same.matrices[0], other.matrices[0])
    none = LayerWeights((np.zeros((SIZE, SIZE)),), (np.zeros(SIZE),))
    phases = CoupledLearning(eta=0.5).phases(np.random.default_rng(0))
    answer, ((held,), (free,)) = MEMORY.learn(none, data.inputs, data.targets, phases)
    assert np.array_equal(free, answer.activities[0])
    # Held neurons fire regularly: the count in 15 ticks is within a spike of what is wanted.
    assert held == pytest.approx(0.5 * (free + data.targets), abs=1.01 / 15)


def test_a_nudge_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"held at its target or free.*ContrastiveHebbian"):
        fit(MEMORY, examples(WORDS, 0), EquilibriumPropagation(), plan(WORDS, 1))


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
    before = devices.effective_weights().copy()
    assert np.array_equal(recall(lower(MEMORY, devices), MEMORY, word).activity, word)
    once = Schedule(epochs=1, rates=(0.5,), momentum=0.0)
    found = fit(MEMORY, Examples(word, [0], word), ContrastiveHebbian(), once, crossbars=[devices])
    assert found.training == [1.0]
    assert np.array_equal(devices.effective_weights(), before)
    assert not devices.register.any()
    assert devices.ledger.pulses_up == devices.ledger.pulses_down == 0


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_the_devices_and_the_register_hold_together_what_the_rule_asked_for(device):
    """No device reaches the end of its window, and none errs: nothing is lost."""
    devices = crossbar(device)
    asked, _ = taught_step_by_step(crossbar(device))
    taught(devices)
    assert np.abs(asked).max() > 0.1 * UNIT
    assert devices.effective_weights() + devices.register == pytest.approx(asked, abs=1e-9 * UNIT)


def test_a_level_that_a_device_moved_is_a_pulse_in_the_ledger():
    device = DEVICES["64 levels"]
    devices = crossbar(device)
    seen = []

    def look(epoch=None):
        seen.append(np.array([devices.conductance_plus, devices.conductance_minus]))

    taught(devices, watch=look)
    look()
    moves = np.rint(np.diff(seen, axis=0) / device.step)
    assert np.abs(moves).max() <= 4
    assert devices.ledger.pulses_up == moves[moves > 0].sum() > 0
    assert devices.ledger.pulses_down == -moves[moves < 0].sum() > 0
    assert np.array_equal(devices.ledger.plus, np.abs(moves).sum(axis=0)[0])
    assert np.array_equal(devices.ledger.minus, np.abs(moves).sum(axis=0)[1])


def test_the_ledger_counts_a_row_read_for_every_spike_of_a_recall():
    devices = crossbar(weights=random_weights(1)[0])
    found = recall(lower(MEMORY, devices), MEMORY, WORDS)
    assert devices.ledger.row_reads == found.spikes.sum() > 0


@pytest.mark.parametrize("times", [{"counted": 31e-3}, {"cue_time": 31e-3}, {"counted": 0.0}, {"cue_time": -1e-3}])
def test_a_cue_or_a_count_that_does_not_fit_into_a_recall_is_refused_by_name(times):
    with pytest.raises(ParameterError, match="Memory"):
        AssociativeMemory(size=SIZE, **times)
