"""A convolution whose kernels learn: it is the network with every synapse apart, with sums over shared weights."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NeuroError
from neuro.learning.layer_rules import Phase, change_of
from neuro.network.listing import triplets_of


@st.composite
def networks(draw):
    """Convolutions of small images, with one to three kinds of everything."""
    kernel, stride, pool = (draw(st.integers(1, 3)) for _ in range(3))
    rows, columns = (draw(st.integers(1, 2)) * pool for _ in range(2))
    spare = draw(st.integers(0, stride - 1))
    image = draw(st.integers(1, 2)), (rows - 1) * stride + kernel + spare, (columns - 1) * stride + kernel
    after = (*draw(st.sampled_from([(), (3,)])), draw(st.integers(1, 3)))
    sizes = {"kernel": kernel, "stride": stride, "pool": pool}
    return nr.ConvolutionLayers(image=image, channels=draw(st.integers(1, 3)), after=after, gain=1.3, **sizes)


def drawn(network, rng):
    """Weights at which most neurons are active, and no two fire in step."""
    kernels, biases = network.first_weights(int(rng.integers(1000)))
    return nr.LayerWeights(kernels, tuple(rng.uniform(0.4, 1.2, each.shape) for each in biases))


def apart(network):
    """The same network with every synapse apart."""
    own = {each.name: getattr(network, each.name) for each in fields(nr.SpikingLayers)}
    return nr.SpikingLayers(**own)


def product(one, two):
    """Sum over all weights and biases of the products of two of everything."""
    return sum(float(np.sum(a * b)) for parts in zip(one, two, strict=True) for a, b in zip(*parts, strict=True))


seeds = st.integers(0, 1000)


@given(network=networks(), seed=seeds)
def test_it_spikes_as_the_network_with_every_synapse_apart(network, seed):
    rng = np.random.default_rng(seed)
    weights, inputs = drawn(network, rng), rng.normal(size=(2, network.sizes[0]))
    targets = rng.random((2, network.sizes[-1]))
    phases = nr.EquilibriumPropagation().phases(rng)
    free, found = network.learn(weights, inputs, targets, phases)
    other, others = apart(network).learn(network.unshared(weights), inputs, targets, phases)
    for one, two in zip((free.activities, *found), (other.activities, *others), strict=True):
        for a, b in zip(one, two, strict=True):
            assert a == pytest.approx(b, abs=1e-6)


@given(network=networks(), seed=seeds)
def test_a_weight_learns_the_sum_of_what_its_synapses_would_learn_apart(network, seed):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(3, network.sizes[0]))
    phases = Phase(0.5, 1.0), Phase(-0.5, -1.0)
    found = [[rng.random((3, size)) for size in network.sizes[1:]] for _ in phases]
    change = network.change_of(phases, inputs, found)
    matrices, biases = change_of(phases, inputs, found)
    matrices[0] = network.gain * matrices[0]
    # Which share every synapse has of a weight is what `unshared` says of the weight alone.
    kernels, starts = network.first_weights(seed)
    way = nr.LayerWeights(kernels, tuple(rng.normal(size=each.shape) for each in starts))
    assert product(change, way) == pytest.approx(product((matrices, biases), network.unshared(way)), rel=1e-9, abs=1e-9)


@given(network=networks(), seed=seeds)
def test_the_kernel_is_a_convolution_and_the_next_matrix_an_average(network, seed):
    rng = np.random.default_rng(seed)
    weights = drawn(network, rng)
    first, second, *_ = network.unshared(weights).matrices
    net = nr.Network()
    for name, size in (("image", network.sizes[0]), ("map", network.sizes[1])):
        net.add(nr.Population(name, size, nr.IF(v_th=1.0)))
    synapses = network.convolution(weights.matrices[0])
    pre, post, weight = triplets_of(net.connect("image", "map", synapses, delay=1e-3), 0)
    listed = np.zeros_like(first)
    listed[pre, post] = weight
    assert np.allclose(first, listed, rtol=1e-12, atol=0.0)
    activity = rng.random((2, network.sizes[1]))
    squares = activity.reshape(2, network.channels, *network.places)
    for k, (c, y, x) in enumerate(np.ndindex(network.pooled)):
        rows, columns = (slice(network.pool * at, network.pool * (at + 1)) for at in (y, x))
        one = np.zeros_like(squares)
        one[:, c, rows, columns] = squares[:, c, rows, columns]
        mean = one[:, c, rows, columns].mean(axis=(1, 2))
        assert np.allclose(one.reshape(2, -1) @ second, mean[:, None] * weights.matrices[1][k])


@given(network=networks(), seed=seeds)
def test_a_weight_learns_from_the_neurons_of_its_synapses_alone(network, seed):
    rng = np.random.default_rng(seed)
    inputs, phases = rng.normal(size=(4, network.sizes[0])), (Phase(0.5, 1.0), Phase(-0.5, -1.0))
    found = [[rng.random((4, size)) for size in network.sizes[1:]] for _ in phases]
    mixed = [[each.copy() for each in phase] for phase in found]
    square = np.zeros((network.channels, *network.places), bool)
    square[0, : network.pool, : network.pool] = True
    for phase in mixed:
        places = phase[0].reshape(4, network.channels, -1)
        places[:, 1:] = rng.permuted(places[:, 1:])
        phase[-1][:, 1:] = rng.permuted(phase[-1][:, 1:])
    before, after = (network.change_of(phases, inputs, each) for each in (found, mixed))
    assert np.allclose(before[0][0][0], after[0][0][0], rtol=1e-12)
    assert before[1][0][0] == pytest.approx(after[1][0][0], rel=1e-12)
    for phase, old in zip(mixed, found, strict=True):
        phase[0][:, ~square.ravel()] = rng.permuted(phase[0][:, ~square.ravel()])
        phase[1][:, 0] = old[1][:, 0]
    after = network.change_of(phases, inputs, mixed)
    assert before[0][1][0, 0] == pytest.approx(after[0][1][0, 0], rel=1e-9, abs=1e-12)


@given(network=networks(), seed=seeds)
def test_phases_without_a_nudge_teach_exactly_nothing(network, seed):
    rng = np.random.default_rng(seed)
    weights, inputs = drawn(network, rng), rng.normal(size=(2, network.sizes[0]))
    phases = Phase(0.0, 1.0), Phase(0.0, -1.0)
    _, found = network.learn(weights, inputs, rng.random((2, network.sizes[-1])), phases)
    assert not any(each.any() for part in network.change_of(phases, inputs, found) for each in part)


LAYERS = nr.ConvolutionLayers(image=(1, 6, 6), channels=3, after=(2,), kernel=3, pool=2)


def strokes(count):
    """Images with a stroke across or down, at any place."""
    rng = np.random.default_rng(0)
    images, labels = 0.2 * rng.random((count, 6, 6)), rng.integers(0, 2, count)
    for image, label in zip(images, labels, strict=True):
        place = rng.integers(0, 6)
        (image if label else image.T)[place] += 1.0
    return nr.Examples(images.reshape(count, -1), labels).centred()


def test_it_learns_what_no_single_pixel_says():
    plan = nr.Schedule(epochs=12, rates=(0.05, 0.2))
    fitted = nr.fit(LAYERS, strokes(200), nr.EquilibriumPropagation(), plan)
    assert fitted.training[-1] >= 0.95


def test_a_training_that_is_ended_goes_on_to_the_same_bits(tmp_path):
    def once(file, ends):
        def progress(done, total, label):
            if done == ends:
                raise InterruptedError

        plan = nr.Schedule(epochs=3, rates=(0.05, 0.2))
        given = {"seed": 1, "checkpoint": file, "progress": progress}
        return nr.fit(LAYERS, strokes(60), nr.EquilibriumPropagation(), plan, **given)

    whole = once(tmp_path / "whole.npz", 0)
    with pytest.raises(InterruptedError):
        once(tmp_path / "ended.npz", 2)
    resumed = once(tmp_path / "ended.npz", 0)
    assert resumed.training == whole.training
    for one, two in zip(resumed.weights, whole.weights, strict=True):
        assert all(map(np.array_equal, one, two))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"pool": 3}, "must divide the 4 x 4 places"),
        ({"kernel": 7}, "must fit into the image"),
        ({"after": ()}, "must have the outputs"),
        ({"image": (6, 6)}, r"must be \(channels, height, width\)"),
        ({"stride": 0}, "ConvolutionLayers.stride"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(wrong, text):
    good = {"image": (1, 6, 6), "channels": 3, "after": (2,), "kernel": 3, "pool": 2}
    with pytest.raises(NeuroError, match=text):
        nr.ConvolutionLayers(**(good | wrong))


def test_weights_of_other_layers_are_refused():
    with pytest.raises(NeuroError, match="must have the shapes"):
        LAYERS.answer(LAYERS.unshared(LAYERS.first_weights(0)), np.zeros((1, 36)))
    with pytest.raises(NeuroError, match="must compare phases"):
        nr.fit(LAYERS, strokes(20), nr.DeltaRule())
    held = [nr.Crossbar(np.zeros((2, 2)), device=nr.Device("ideal", 0.0, 1e-4))]
    with pytest.raises(NeuroError, match="weights are numbers"):
        nr.fit(LAYERS, strokes(20), nr.EquilibriumPropagation(), crossbars=held)
