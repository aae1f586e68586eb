"""Resistive networks: Kirchhoff's laws at rest, the voltages of ngspice, gradients, and trainings that repeat."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngspice import NEEDS_NGSPICE, printed

import neuro as nr
from neuro.errors import NetworkError, NeuroError, StateError, WeightError
from neuro.learning.layer_rules import Phase
from neuro.learning.layers import LayerWeights
from neuro.learning.resistive.conductances import shapes_of

laws = settings(deadline=None)
SIZES = (5, 6, 3)
SIDES = ("centred", "positive", "negative", "random")


def conductances(sizes, rng):
    """Some resistors are missing, but no node hangs in the air."""
    matrices = []
    for shape in shapes_of(sizes):
        drawn = rng.uniform(0.0, 1.0, shape) * (rng.random(shape) < 0.7)
        drawn[rng.integers(shape[0], size=shape[1]), np.arange(shape[1])] = rng.uniform(0.1, 1.0, shape[1])
        matrices.append(drawn)
    return LayerWeights(tuple(matrices), tuple(0.3 * rng.normal(size=size) for size in sizes[1:]))


@st.composite
def cases(draw):
    """A network, its conductances, some inputs, and currents into its outputs."""
    sizes = tuple(draw(st.lists(st.integers(1, 6), min_size=2, max_size=4)))
    network = nr.ResistiveNetwork(
        sizes=sizes,
        amplification=draw(st.sampled_from([0.5, 1.0, 4.0, 100.0])),
        volt=draw(st.sampled_from([0.1, 1.0])),
        siemens=draw(st.sampled_from([1e-6, 1e-4])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return network, conductances(sizes, rng), rng.normal(size=(3, sizes[0])), rng.normal(size=sizes[-1])


def seen_by_next_layer(network, inputs, voltages):
    """Voltages at the upper ends of each matrix, V."""
    doubled = network.volt * np.concatenate([inputs, -inputs], axis=1)
    return [doubled, *(network.amplification * each for each in voltages[:-1])]


@laws
@given(cases())
def test_at_rest_kirchhoff_and_the_diodes_are_content(case):
    network, weights, inputs, push = case
    point = network.operating_point(weights, inputs, push)
    upper, a, unit = seen_by_next_layer(network, inputs, point.voltages), network.amplification, network.siemens
    # Along axis 1 the nodes of a layer, along axis 2 those that each is joined to.
    flows = [
        unit * np.asarray(g).T * (pre[:, None, :] - v[:, :, None])
        for g, pre, v in zip(weights.matrices, upper, point.voltages, strict=True)
    ]
    for layer, (v, diode) in enumerate(zip(point.voltages, point.diode_currents, strict=True)):
        last = layer == len(point.voltages) - 1
        gain = a ** max(len(point.voltages) - 1 - layer, 0)
        given_current = unit * network.volt / gain * (weights.biases[layer] + (push if last else 0.0))
        into = flows[layer].sum(axis=2) + given_current + diode
        scale = np.abs(flows[layer]).sum(axis=2) + np.abs(given_current)
        if not last:
            back = flows[layer + 1].sum(axis=1) / a
            into, scale = into - back, scale + np.abs(flows[layer + 1]).sum(axis=1) / a
            size = v.shape[1]
            forward = np.where(np.arange(size) < (size + 1) // 2, 1.0, -1.0)
            assert np.all(forward * v >= 0.0)
            assert np.all(forward * diode >= 0.0)
        assert np.all(diode * v == 0.0)
        assert np.all(np.abs(into) <= 1e-9 * (scale + scale.max()))


@laws
@given(cases())
def test_power_is_the_heat_of_all_resistors(case):
    network, weights, inputs, push = case
    point = network.operating_point(weights, inputs, push)
    upper, heat = seen_by_next_layer(network, inputs, point.voltages), 0.0
    for g, pre, v in zip(weights.matrices, upper, point.voltages, strict=True):
        heat = heat + network.siemens * np.sum(g * (pre[:, :, None] - v[:, None, :]) ** 2, axis=(1, 2))
    assert point.power == pytest.approx(heat, rel=1e-9)


@laws
@given(cases())
def test_without_amplification_sources_deliver_all_heat(case):
    network, weights, inputs, push = case
    network = nr.ResistiveNetwork(sizes=network.sizes, amplification=1.0, volt=network.volt, siemens=network.siemens)
    point = network.operating_point(weights, inputs, push)
    source = network.volt * np.concatenate([inputs, -inputs], axis=1)
    drops = source[:, :, None] - point.voltages[0][:, None, :]
    delivered = network.siemens * np.sum(weights.matrices[0] * drops * source[:, :, None], axis=(1, 2))
    for v, bias in zip(point.voltages, weights.biases, strict=True):
        delivered = delivered + network.siemens * network.volt * (v @ bias)
    delivered = delivered + network.siemens * network.volt * (point.voltages[-1] @ push)
    np.testing.assert_allclose(delivered, point.power, rtol=1e-9, atol=1e-9 * point.power.max())


@NEEDS_NGSPICE
@pytest.mark.parametrize("sizes", [(2, 3), (4, 6, 3), (3, 5, 4, 2)])
@pytest.mark.parametrize("amplification", [1.0, 4.0, 100.0])
def test_voltages_are_those_of_ngspice(sizes, amplification):
    rng = np.random.default_rng(len(sizes))
    network = nr.ResistiveNetwork(sizes=sizes, amplification=amplification)
    weights, inputs, push = conductances(sizes, rng), rng.normal(size=sizes[0]), rng.normal(size=sizes[-1])
    found = printed(network.netlist(weights, inputs, push))
    point = network.operating_point(weights, inputs[None], push)
    assert len(sizes) == 2 or any(each.any() for each in point.diode_currents)
    for layer, voltages in enumerate(point.voltages, 1):
        wanted = [found[f"v(n{layer}_{j})"] for j in range(sizes[layer])]
        np.testing.assert_allclose(voltages[0], wanted, rtol=1e-7, atol=1e-7 * np.abs(wanted).max())


def settled(sizes=SIZES, **given):
    """A network that settles fully in each phase."""
    return nr.ResistiveNetwork(sizes=sizes, amplification=4.0, sweeps=(300, 300), **given)


def case_of(seed, sizes=SIZES):
    rng = np.random.default_rng(seed)
    return conductances(sizes, rng), rng.normal(size=(4, sizes[0])), rng.normal(size=(4, sizes[-1]))


def flat(parts):
    return np.concatenate([np.asarray(each).ravel() for each in parts])


def update(network, rule, weights, inputs, targets):
    phases = rule.phases(np.random.default_rng(0))
    _, found = network.learn(weights, inputs, targets, phases)
    matrices, biases = network.change_of(phases, inputs, found)
    return flat([*matrices, *biases])


def slopes(network, weights, inputs, targets, step=1e-6):
    """-dC/dg and -dC/db of the mean of 1/2 sum (output - target)^2, by finite differences."""
    parts = [*weights.matrices, *weights.biases]
    start, depth = flat(parts), len(weights.matrices)

    def cost(moved):
        cut = np.split(moved, np.cumsum([each.size for each in parts])[:-1])
        shaped = [each.reshape(part.shape) for each, part in zip(cut, parts, strict=True)]
        found = network.answer(LayerWeights(tuple(shaped[:depth]), tuple(shaped[depth:])), inputs)
        return 0.5 * np.sum((found.activities[-1] - targets) ** 2) / len(inputs)

    found = np.zeros(len(start))
    for k in range(len(start)):
        shift = np.zeros(len(start))
        shift[k] = step
        found[k] = (cost(start - shift) - cost(start + shift)) / (2 * step)
    return found


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("sizes", [SIZES, (4, 5, 4, 2), (3, 2)])
@pytest.mark.parametrize("seed", range(2))
def test_small_nudges_teach_the_finite_difference_gradient(sizes, seed):
    weights, inputs, targets = case_of(seed, sizes)
    slope = slopes(settled(sizes), weights, inputs, targets)
    for sides in SIDES:
        for beta, least in ((1e-5, 1.0 - 1e-6), (0.03, 0.99)):
            change = update(settled(sizes), nr.EquilibriumPropagation(beta=beta, sides=sides), weights, inputs, targets)
            assert cosine(change, slope) >= least


@pytest.mark.parametrize("sizes", [SIZES, (4, 5, 4, 2)])
@pytest.mark.parametrize("beta", [0.01, 1.0, 100.0])
def test_frozen_diodes_teach_the_exact_gradient_at_every_nudge(sizes, beta):
    weights, inputs, targets = case_of(3, sizes)
    network = settled(sizes, diodes="frozen")
    change = update(network, nr.EquilibriumPropagation(beta=beta), weights, inputs, targets)
    slope = slopes(network, weights, inputs, targets)
    np.testing.assert_allclose(change, slope, atol=1e-6 * np.abs(slope).max())


def test_frozen_diodes_teach_what_backpropagation_through_a_linear_solve_does():
    weights, inputs, targets = case_of(4)
    first, second = (np.asarray(each) for each in weights.matrices)
    network = settled(diodes="frozen")
    wanted = [np.zeros(first.shape), np.zeros(second.shape)]
    for x, target in zip(inputs, targets, strict=True):
        hidden, output = (each[0] for each in network.answer(weights, x[None]).activities)
        # Kirchhoff's law of the nodes whose diodes are open, A u = c; lambda = A^-1 (target - output).
        conducting = np.flatnonzero(hidden)
        n, part = len(conducting), second[conducting]
        system = np.diag(np.concatenate([first.sum(axis=0)[conducting] + part.sum(axis=1), second.sum(axis=0)]))
        system[:n, n:], system[n:, :n] = -part, -part.T
        solved = np.linalg.solve(system, np.concatenate([np.zeros(n), target - output]))
        adjoint, above = np.zeros(len(hidden)), solved[n:]
        adjoint[conducting] = solved[:n]
        source = 4.0 * np.concatenate([x, -x])
        wanted[0] += (source[:, None] - hidden) * adjoint / len(inputs)
        wanted[1] -= (hidden[:, None] - output) * (adjoint[:, None] - above) / len(inputs)
    change = update(network, nr.EquilibriumPropagation(), weights, inputs, targets)
    np.testing.assert_allclose(change[: first.size + second.size], flat(wanted), rtol=1e-9, atol=1e-12)


@laws
@given(cases(), st.sampled_from(["nonlinear", "frozen"]))
def test_phases_without_a_nudge_teach_exactly_nothing(case, diodes):
    network, weights, inputs, push = case
    network = nr.ResistiveNetwork(sizes=network.sizes, amplification=network.amplification, diodes=diodes)
    phases = Phase(0.0, 1.0), Phase(0.0, -1.0)
    _, found = network.learn(weights, inputs, np.broadcast_to(push, (3, len(push))), phases)
    matrices, biases = network.change_of(phases, inputs, found)
    assert not any(each.any() for each in (*matrices, *biases))


def test_a_hard_clamp_holds_the_outputs_to_the_target():
    weights, inputs, targets = case_of(5)
    _, found = settled().learn(weights, inputs, targets, nr.ContrastiveHebbian().phases(None))
    assert np.array_equal(found[0][-1], targets)


def test_a_change_of_a_resistor_depends_on_its_own_two_nodes_alone():
    rng = np.random.default_rng(6)
    phases = Phase(1.0, 0.5), Phase(-1.0, -0.5)
    inputs, network = rng.normal(size=(7, 5)), settled()
    found = [[rng.normal(size=(7, 6)), rng.normal(size=(7, 3))] for _ in phases]
    mixed = [[each.copy() for each in part] for part in found]
    for part in mixed:
        for each in part:
            each[:, 1:] = rng.permuted(each[:, 1:])
    other = inputs.copy()
    other[:, 1:] = rng.permuted(other[:, 1:])
    before, after = network.change_of(phases, inputs, found), network.change_of(phases, other, mixed)
    for one, two in zip(before[0], after[0], strict=True):
        assert one[0, 0] == pytest.approx(two[0, 0], rel=1e-12)
        assert not np.allclose(one, two)
    assert before[0][0][5, 0] == pytest.approx(after[0][0][5, 0], rel=1e-12)


def blobs(count=60, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return nr.Examples(0.2 * rng.normal(size=(count, 5)) + np.eye(3, 5)[labels], labels)


PLAN = nr.Schedule(epochs=6, rates=(0.01, 0.01), batch=10)


def trained(checkpoint=None, progress=None, **given):
    network = nr.ResistiveNetwork(**{"sizes": SIZES, "amplification": 4.0} | given)
    return nr.fit(
        network, blobs(), nr.EquilibriumPropagation(sides="random"), PLAN,
        validation=blobs(30, 1), seed=2, checkpoint=checkpoint, progress=progress,
    )  # fmt: skip


def bits(fitted):
    return [each.tobytes() for part in fitted.weights for each in part], fitted.training, fitted.validation


@pytest.mark.parametrize("rule", [nr.EquilibriumPropagation(beta=0.1, sides=side) for side in SIDES])
@pytest.mark.parametrize("diodes", ["nonlinear", "frozen"])
def test_rules_learn_separate_classes(rule, diodes):
    network = nr.ResistiveNetwork(sizes=SIZES, amplification=4.0, floor=0.01, diodes=diodes)
    assert nr.fit(network, blobs(), rule, nr.Schedule(epochs=30, rates=(0.01, 0.01), batch=10)).training[-1] >= 0.9


def test_the_same_seed_gives_the_same_bits_and_a_resumed_training_too(tmp_path):
    whole = bits(trained())
    assert bits(trained()) == whole

    def stop(done, total, label):
        if done == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        trained(tmp_path / "half.npz", stop)
    assert bits(trained(tmp_path / "half.npz")) == whole
    with pytest.raises(StateError):
        trained(tmp_path / "half.npz", floor=0.01)


def test_units_change_watts_alone():
    one, other = ({"volt": 0.1, "siemens": 1e-4}, {"volt": 0.3, "siemens": 1e-5})
    assert bits(trained(**one)) == bits(trained(**other))
    weights, inputs, _ = case_of(7)
    watts = [settled(**units).operating_point(weights, inputs).power for units in (one, other)]
    np.testing.assert_allclose(watts[1], 0.9 * watts[0], rtol=1e-12)


@pytest.mark.parametrize("floor", [0.0, 0.02])
def test_no_conductance_falls_below_the_floor(floor):
    matrices = trained(floor=floor).weights.matrices
    assert any(matrix.min() == floor for matrix in matrices)
    for matrix in matrices:
        assert matrix.min() >= floor


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: LayerWeights(w.matrices[:1], w.biases), "must fit layers"),
        (lambda w: LayerWeights((w.matrices[0][:5], w.matrices[1]), w.biases), "two rows for each input"),
        (lambda w: LayerWeights((w.matrices[0] - 0.1, w.matrices[1]), w.biases), "must not be negative"),
        (lambda w: LayerWeights((0.0 * w.matrices[0], w.matrices[1]), w.biases), "layer 1, node 0"),
        (lambda w: LayerWeights((np.nan * w.matrices[0], w.matrices[1]), w.biases), "must be finite"),
    ],
)
def test_conductances_that_cannot_be_are_refused(change, message):
    weights, inputs, _ = case_of(8)
    network, wrong = settled(), change(weights)
    for use in (
        lambda: network.operating_point(wrong, inputs),
        lambda: network.netlist(wrong, inputs[0]),
        lambda: nr.fit(network, blobs(), nr.EquilibriumPropagation(), PLAN, weights=wrong),
    ):
        with pytest.raises(WeightError, match=message):
            use()


@pytest.mark.parametrize(
    "given",
    [
        {"sizes": (3,)}, {"amplification": 0.0}, {"floor": -1.0}, {"sweeps": (4,)}, {"sweeps": (0, 4)}, {"volt": -0.1},
        {"siemens": 0.0}, {"diodes": "shut"}, {"sweeps": 3},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(given):
    with pytest.raises(NeuroError, match="ResistiveNetwork"):
        nr.ResistiveNetwork(**{"sizes": SIZES} | given)


def test_inputs_and_crossbars_that_do_not_fit_are_refused():
    weights, inputs, _ = case_of(9)
    with pytest.raises(NeuroError, match="must have 5 columns"):
        settled().operating_point(weights, inputs[:, :4])
    with pytest.raises(NeuroError, match="must be 5 numbers"):
        settled().netlist(weights, inputs)
    with pytest.raises(NetworkError, match="come to rest"):
        settled().operating_point(weights, inputs, tolerance=-1.0)
