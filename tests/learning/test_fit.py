"""Learning from two phases in networks of layers: gradients, phases that agree, locality, and resumed trainings."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neuro as nr
from neuro.errors import NeuroError, StateError, TrainingError
from neuro.learning.layer_rules import Phase, Settled, change_of
from neuro.learning.layers import LayerWeights, first_weights

SIZES = (10, 8, 3)
SIDES = ("centred", "positive", "negative", "random")


def case(seed, count=4):
    """Weights, inputs and targets at which most neurons are active."""
    rng = np.random.default_rng(seed)
    matrices = rng.uniform(-0.4, 0.4, (10, 8)), rng.uniform(-0.2, 0.2, (8, 3))
    # Neurons of one rate would fire in step, and the counts would tell little.
    weights = LayerWeights(matrices, (rng.uniform(0.6, 1.4, 8), rng.uniform(0.6, 1.2, 3)))
    return weights, rng.uniform(-1.0, 1.0, (count, 10)), rng.uniform(0.2, 1.0, (count, 3))


def settled(beta):
    """A rate network that settles fully, and a centred rule."""
    return nr.RateLayers(sizes=SIZES, gain=1.0, steps=(60, 60)), nr.EquilibriumPropagation(beta=beta)


def update(network, rule, weights, inputs, targets):
    phases = rule.phases(np.random.default_rng(0))
    _, found = network.learn(weights, inputs, targets, phases)
    matrices, biases = change_of(phases, inputs, found)
    return np.concatenate([each.ravel() for each in (*matrices, *biases)])


def slopes(network, weights, inputs, targets, step=1e-5):
    """-dC/dW of the mean of 1/2 sum (output - target)^2, by finite differences of the settled rates."""

    def cost(flat):
        moved = unpacked(flat)
        return 0.5 * np.sum((network.answer(moved, inputs).activities[-1] - targets) ** 2) / len(inputs)

    start = np.concatenate([each.ravel() for each in (*weights.matrices, *weights.biases)])
    found = np.zeros(len(start))
    for k in range(len(start)):
        shift = np.zeros(len(start))
        shift[k] = step
        found[k] = (cost(start - shift) - cost(start + shift)) / (2 * step)
    return found


def unpacked(flat):
    return LayerWeights((flat[:80].reshape(10, 8), flat[80:104].reshape(8, 3)), (flat[104:112], flat[112:]))


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("seed", range(2))
def test_rates_teach_the_finite_difference_gradient(seed):
    weights, inputs, targets = case(seed)
    network, _ = settled(0.1)
    slope = slopes(network, weights, inputs, targets)
    for sides in SIDES:
        for beta in (0.01, 0.1):
            change = update(network, nr.EquilibriumPropagation(beta=beta, sides=sides), weights, inputs, targets)
            assert cosine(change, slope) >= 0.99
            # The errors of one-sided estimates are of first order in beta.
            rel = 0.02 if sides == "centred" else 0.1
            assert np.linalg.norm(change) == pytest.approx(np.linalg.norm(slope), rel=rel)


@pytest.mark.parametrize("seed", range(2))
def test_spikes_teach_the_finite_difference_gradient_of_the_rates(seed):
    weights, inputs, targets = case(seed, 16)
    network = nr.SpikingLayers(sizes=SIZES, gain=1.0, free=(60.0, 12.0), nudged=(60.0, 12.0))
    change = update(network, nr.EquilibriumPropagation(beta=0.6), weights, inputs, targets)
    assert cosine(change, slopes(settled(0.1)[0], weights, inputs, targets)) >= 0.95


@pytest.mark.parametrize("network", [nr.SpikingLayers(sizes=SIZES), nr.RateLayers(sizes=SIZES)])
def test_phases_without_a_nudge_are_the_same_and_teach_exactly_nothing(network):
    weights, inputs, targets = case(0)
    phases = Phase(0.0, 1.0), Phase(0.0, -1.0)
    _, found = network.learn(weights, inputs, targets, phases)
    for plus, minus in zip(*found, strict=True):
        assert np.array_equal(plus, minus)
        assert plus.any()
    for part in change_of(phases, inputs, found):
        assert not any(each.any() for each in part)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("network", [nr.SpikingLayers(sizes=SIZES), nr.RateLayers(sizes=SIZES, steps=(200, 100))])
def test_outputs_on_target_teach_exactly_nothing(network, sides):
    weights, inputs, _ = case(1)
    free, _ = network.learn(weights, inputs, np.zeros((4, 3)), (Phase(0.0, 1.0),))
    change = update(network, nr.EquilibriumPropagation(beta=0.5, sides=sides), weights, inputs, free.activities[-1])
    assert np.allclose(change, 0.0, atol=1e-14)


def test_the_weights_of_every_rule_add_up_to_zero():
    rng = np.random.default_rng(0)
    for rule in (*(nr.EquilibriumPropagation(beta=0.7, sides=sides) for sides in SIDES), nr.ContrastiveHebbian()):
        assert sum(phase.weight for phase in rule.phases(rng)) == 0.0
    signs = {nr.EquilibriumPropagation(sides="random").phases(rng)[0].nudge for _ in range(50)}
    assert signs == {1.0, -1.0}


def test_a_hard_clamp_holds_the_outputs_to_the_target():
    weights, inputs, targets = case(2)
    for network, off in ((nr.SpikingLayers(sizes=SIZES), 0.2), (nr.RateLayers(sizes=SIZES), 1e-12)):
        _, found = network.learn(weights, inputs, np.round(targets), nr.ContrastiveHebbian().phases(None))
        assert np.allclose(found[0][-1], np.round(targets), atol=off)


def test_a_change_of_a_synapse_depends_on_its_two_neurons_alone():
    rng = np.random.default_rng(3)
    phases = Phase(1.0, 0.5), Phase(-1.0, -0.5)
    inputs = rng.random((6, 10))
    found = [[rng.random((6, 8)), rng.random((6, 3))] for _ in phases]
    mixed = [[each[0].copy(), each[1].copy()] for each in found]
    for each in mixed:
        each[0][:, 1:] = rng.permuted(each[0][:, 1:])
        each[1][:, 1:] = rng.permuted(each[1][:, 1:])
    other = inputs.copy()
    other[:, 1:] = rng.permuted(other[:, 1:])
    before, after = change_of(phases, inputs, found), change_of(phases, other, mixed)
    for one, two in zip(before[0], after[0], strict=True):
        assert one[0, 0] == pytest.approx(two[0, 0], rel=1e-12)
        assert not np.allclose(one, two)
    for one, two in zip(before[1], after[1], strict=True):
        assert one[0] == pytest.approx(two[0], rel=1e-12)


NETWORKS = (nr.SpikingLayers(sizes=SIZES), nr.RateLayers(sizes=SIZES))


def changed(network, rule, weights, inputs, targets):
    phases = rule.phases(np.random.default_rng(0))
    free, found = network.learn(weights, inputs, targets, phases)
    return free.activities, rule.changes(Settled(inputs, targets, free.activities, phases, found))


@pytest.mark.parametrize("network", NETWORKS)
def test_coupled_learning_at_its_full_length_is_contrastive(network):
    weights, inputs, targets = case(4)
    one, two = (changed(network, rule, weights, inputs, np.round(targets))[1]
                for rule in (nr.CoupledLearning(eta=1.0), nr.ContrastiveHebbian()))  # fmt: skip
    assert all(map(np.array_equal, one[0], two[0]))
    assert all(map(np.array_equal, one[1], two[1]))


def test_coupled_learning_holds_the_outputs_between_their_free_activity_and_the_target():
    weights, inputs, targets = case(4)
    for network, off in ((nr.SpikingLayers(sizes=SIZES, nudged=(60.0, 12.0)), 0.1), (settled(0.1)[0], 1e-12)):
        free, found = network.learn(weights, inputs, targets, nr.CoupledLearning(eta=0.3).phases(None))
        between = np.clip(0.7 * free.activities[-1] + 0.3 * targets, 0.0, 1.0 if off == 0.1 else np.inf)
        assert np.allclose(found[0][-1], between, atol=off)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_delta_rule_is_the_gradient_of_a_linear_readout_and_leaves_the_rest(network):
    weights, inputs, targets = case(5)
    free, (matrices, biases) = changed(network, nr.DeltaRule(), weights, inputs, targets)
    hidden, outputs = free
    for k in range(3):
        wrong = targets[:, k] - outputs[:, k]
        assert np.allclose(matrices[1][:, k], (hidden * wrong[:, None]).mean(axis=0), rtol=1e-12)
        assert biases[1][k] == pytest.approx(wrong.mean())
    assert not matrices[0].any()
    assert not biases[0].any()


@pytest.mark.parametrize("network", NETWORKS)
def test_hebb_multiplies_what_is_active_while_the_outputs_are_held(network):
    weights, inputs, targets = case(6)
    phases = nr.Hebb().phases(None)
    _, found = network.learn(weights, inputs, np.round(targets), phases)
    _, (matrices, biases) = changed(network, nr.Hebb(), weights, inputs, np.round(targets))
    hidden, outputs = found[0]
    assert np.allclose(matrices[0], inputs.T @ hidden / 4)
    assert np.allclose(matrices[1], hidden.T @ outputs / 4)
    assert not any(each.any() for each in biases)


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        (nr.Hebb(), (10, 3)),
        *((rule, sizes) for rule in (nr.DeltaRule(), nr.CoupledLearning()) for sizes in ((10, 3), SIZES)),
    ],
)
def test_rules_without_nudges_learn_separate_classes_even_from_silent_outputs(rule, sizes):
    plan = nr.Schedule(epochs=6, rates=(0.3, 0.3)[: len(sizes) - 1], batch=10, momentum=0.0)
    assert nr.fit(nr.SpikingLayers(sizes=sizes), blobs(), rule, plan).training[-1] >= 0.8


def blobs(count=60, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return nr.Examples(rng.normal(size=(count, 10)) * 0.2
                       + np.eye(3, 10)[labels], labels).centred()  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [*(nr.EquilibriumPropagation(beta=0.5, sides=sides) for sides in SIDES if sides != "negative"),
     nr.ContrastiveHebbian()],
)  # fmt: skip
def test_rules_learn_separate_classes(rule):
    plan = nr.Schedule(epochs=20, rates=(0.05, 0.03), batch=10)
    assert nr.fit(nr.RateLayers(sizes=SIZES), blobs(), rule, plan).training[-1] >= 0.9


@pytest.mark.parametrize("rule", [nr.EquilibriumPropagation(), nr.ContrastiveHebbian()])
@pytest.mark.parametrize("window", ["flat", "triangle"])
def test_spikes_learn_separate_classes(rule, window):
    plan = nr.Schedule(epochs=8, rates=(0.3, 0.1), batch=10)
    assert nr.fit(nr.SpikingLayers(sizes=SIZES, window=window), blobs(), rule, plan).training[-1] >= 0.9


def test_an_output_that_never_fires_is_named():
    weights = LayerWeights((np.zeros((10, 8)), np.zeros((8, 3))), (np.zeros(8), np.array([0.0, -50.0, 0.0])))
    with pytest.raises(TrainingError, match="output 1"):
        nr.fit(
            nr.SpikingLayers(sizes=SIZES), blobs(), nr.EquilibriumPropagation(), nr.Schedule(epochs=1), weights=weights
        )


@pytest.mark.parametrize("rule", [nr.DeltaRule(), nr.Hebb()])
def test_a_network_with_changes_of_its_own_needs_a_rule_that_compares_phases(rule):
    with pytest.raises(NeuroError, match="rule: must compare phases"):
        nr.fit(nr.ResistiveNetwork(sizes=SIZES), blobs(), rule, nr.Schedule(epochs=1))


def bits(count, seed):
    """Inputs whose signs are the targets of three outputs, of which the last has to stay silent."""
    wanted = np.random.default_rng(seed).integers(0, 2, (count, 3)).astype(float)
    wanted[:, 2] = 0.0
    return nr.Examples(np.pad(2.0 * wanted[:, :2] - 1.0, ((0, 0), (0, 8))), np.zeros(count, int), wanted)


def fresh(epoch):
    return bits(20, epoch)


@pytest.mark.parametrize("network", [nr.SpikingLayers(sizes=SIZES), nr.RateLayers(sizes=SIZES)])
def test_outputs_learn_targets_of_their_own_from_examples_that_are_new_in_each_epoch(network):
    plan = nr.Schedule(epochs=60, rates=(0.1, 0.05), batch=20)
    fitted = nr.fit(network, fresh, nr.EquilibriumPropagation(), plan, validation=bits(40, 1000))
    assert fitted.validation[-1] == 1.0
    assert fitted.training[0] < 1.0


def test_an_example_with_targets_is_right_where_every_output_is_on_the_side_of_its_target():
    examples = nr.Examples(np.eye(3), [0, 1, 2], [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    found = np.array([[0.6, 0.4], [0.1, 0.6], [0.9, 3.0]])
    assert examples.right(found).tolist() == [True, False, True]
    assert examples.take(np.array([1, 2])).right(found[:2]).tolist() == [False, False]
    assert examples.centred().targets is examples.targets


@pytest.mark.parametrize("network", [nr.SpikingLayers(sizes=SIZES), nr.RateLayers(sizes=SIZES)])
def test_a_function_of_the_epoch_trains_as_its_examples_do(network):
    plan = nr.Schedule(epochs=2, batch=20)
    one = nr.fit(network, blobs(), nr.EquilibriumPropagation(), plan)
    two = nr.fit(network, lambda epoch: blobs(), nr.EquilibriumPropagation(), plan)
    assert all(map(np.array_equal, one.weights.matrices, two.weights.matrices))


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (nr.Examples(np.ones((2, 10)), [0, 1], np.ones((2, 4))), "data"),
        (lambda epoch: bits(20, 0) if epoch == 0 else nr.Examples(np.ones((2, 10)), [0, 5]), "data of epoch 1"),
        (lambda epoch: None, "data"),
        (lambda: bits(20, 0), "data: must be Examples, or a function"),
        (len, "data: must be Examples, or a function"),
    ],
)
def test_examples_of_other_layers_are_refused(data, where):
    with pytest.raises(NeuroError, match=where):
        nr.fit(nr.RateLayers(sizes=SIZES), data, nr.EquilibriumPropagation(), nr.Schedule(epochs=2))


def test_a_silent_output_is_revived_and_then_learns(tmp_path):
    weights = LayerWeights(first_weights(SIZES, 0).matrices, (np.ones(8), np.array([0.0, -3.0, 0.0])))
    network, rule, rates = nr.SpikingLayers(sizes=SIZES), nr.EquilibriumPropagation(), (0.3, 0.1)
    given = {"weights": weights, "seed": 4}
    with pytest.raises(TrainingError, match="output 1"):
        nr.fit(network, blobs(), rule, nr.Schedule(epochs=15, rates=rates, batch=10), **given)
    plan = nr.Schedule(epochs=15, rates=rates, batch=10, revival=4)
    found = nr.fit(network, blobs(), rule, plan, **given)
    assert found.training[-1] >= 0.9
    # Four of the first epoch's six updates are waited for.
    assert found.revived[0] == 2
    assert sum(found.revived) < 60
    assert found.revived[-1] == 0
    assert "revived" in repr(found)
    path = tmp_path / "checkpoint.npz"

    def stop(done, total, label):
        if done == 1:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        nr.fit(network, blobs(), rule, plan, checkpoint=path, progress=stop, **given)
    resumed = nr.fit(network, blobs(), rule, plan, checkpoint=path, **given)
    assert (resumed.training, resumed.revived) == (found.training, found.revived)
    assert np.array_equal(resumed.weights.biases[1], found.weights.biases[1])
    healthy = nr.fit(network, blobs(), rule, nr.Schedule(epochs=3, batch=10, revival=4))
    plain = nr.fit(network, blobs(), rule, nr.Schedule(epochs=3, batch=10))
    assert not any(healthy.revived)
    assert np.array_equal(healthy.weights.matrices[0], plain.weights.matrices[0])


def test_targets_need_one_row_for_each_example():
    with pytest.raises(NeuroError, match=r"Examples\.targets"):
        nr.Examples(np.ones((2, 10)), [0, 1], np.ones((3, 4)))


def test_an_output_that_is_silent_in_a_short_epoch_may_still_learn():
    weights = LayerWeights((np.zeros((10, 8)), np.zeros((8, 3))), (np.zeros(8), np.array([0.0, -50.0, 0.0])))
    plan, rule = nr.Schedule(epochs=3), nr.EquilibriumPropagation()
    nr.fit(nr.SpikingLayers(sizes=SIZES), fresh, rule, plan, weights=weights)
    with pytest.raises(TrainingError, match="output 1"):
        nr.fit(nr.SpikingLayers(sizes=SIZES), fresh, rule, nr.Schedule(epochs=120), weights=weights)


def test_training_stops_when_validation_gets_no_better():
    plan = nr.Schedule(epochs=40, rates=(0.2, 0.1), patience=2)
    network = nr.RateLayers(sizes=SIZES)
    fitted = nr.fit(network, blobs(), nr.EquilibriumPropagation(beta=0.1), plan, validation=blobs(30, 1))
    assert fitted.stopped
    assert len(fitted.validation) == fitted.epochs == int(np.argmax(fitted.validation)) + 3


def crossbars():
    device = nr.Device("levels", 0.0, 100e-6, levels=64, write_noise=1e-6)
    rng = np.random.default_rng(5)
    shapes = ((10, 8), (8, 3))
    return [
        nr.Crossbar(rng.uniform(-0.3, 0.3, shape), device=device, w_max=1.0, start=0.5, name=f"m{k}")
        for k, shape in enumerate(shapes)
    ]


def test_biases_to_start_from_go_with_crossbars_alone():
    biases = np.linspace(0.5, 1.0, 8), np.array([0.3, 0.2, 0.1])
    rule, still = nr.EquilibriumPropagation(), nr.Schedule(epochs=1, rates=(0.0, 0.0))
    fitted = nr.fit(nr.SpikingLayers(sizes=SIZES), blobs(), rule, still, crossbars=crossbars(), biases=biases)
    assert all(map(np.array_equal, fitted.weights.biases, biases))
    for given, match in (({"biases": biases}, "biases"), ({"crossbars": crossbars(), "biases": biases[:1]}, "layers")):
        with pytest.raises(NeuroError, match=match):
            nr.fit(nr.SpikingLayers(sizes=SIZES), blobs(), rule, still, **given)


def trained(path, on_crossbars, epochs=4, progress=None):
    """A training of four epochs, or its first part: the digits of the schedule do not change."""
    plan = nr.Schedule(epochs=4, rates=(0.1, 0.05), batch=10)
    held = {"crossbars": crossbars()} if on_crossbars else {}
    rule = nr.EquilibriumPropagation(sides="random")
    return nr.fit(
        nr.SpikingLayers(sizes=SIZES), blobs(), rule, plan, validation=blobs(30, 1), checkpoint=path,
        progress=progress, **held,
    )  # fmt: skip


def kill_at_two(done, total, label):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("on_crossbars", [False, True])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, on_crossbars):
    whole, path = trained(None, on_crossbars), tmp_path / "checkpoint.npz"
    script = f"from tests.learning.test_fit import *; trained({str(path)!r}, {on_crossbars}, progress=kill_at_two)"
    died = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False)
    assert died.returncode == -signal.SIGKILL
    resumed = trained(path, on_crossbars)
    assert resumed.training == whole.training
    assert resumed.validation == whole.validation
    for one, two in zip((*resumed.weights.matrices, *resumed.weights.biases),
                        (*whole.weights.matrices, *whole.weights.biases), strict=True):  # fmt: skip
        assert np.array_equal(one, two)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    network, plan = nr.RateLayers(sizes=SIZES), nr.Schedule(epochs=1)
    nr.fit(network, blobs(), nr.EquilibriumPropagation(), plan, checkpoint=path)
    with pytest.raises(StateError, match="another training"):
        nr.fit(network, blobs(), nr.EquilibriumPropagation(beta=0.5), plan, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StateError):
        nr.fit(network, blobs(), nr.EquilibriumPropagation(), plan, checkpoint=path)
