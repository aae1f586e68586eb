"""Convolutions are what nested loops over their definition say, listed as synapses and delivered by the engine."""

import numpy as np
import pytest

import neuro as nr
from neuro.errors import ParameterError, WeightError
from neuro.network.synapses import triplets

GEOMETRIES = {
    "plain": {},
    "stride": {"stride": 2},
    "stride beyond the kernel": {"stride": (4, 5)},
    "padding": {"padding": 1},
    "padding beyond the kernel": {"padding": (3, 4)},
    "dilation": {"dilation": (2, 3)},
    "all of them": {"stride": (2, 1), "padding": (2, 1), "dilation": (1, 2)},
    "same": {"padding": "same", "dilation": (1, 2)},
    "valid": {"padding": "valid"},
    "groups": {"groups": 2, "padding": 1},
    "depthwise": {"groups": 4, "stride": 2, "padding": 1},
}
INPUT = (4, 7, 9)


def convolution(geometry, outs=4, kernel=(3, 2), dtype=np.float64):
    ins = INPUT[0] // geometry.get("groups", 1)
    weight = np.random.default_rng(1).normal(size=(outs, ins, *kernel)).astype(dtype)
    return nr.Convolution2d(weight, INPUT, **geometry)


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def by_definition(weight, input_shape, stride=1, padding=0, dilation=1, groups=1):
    """The matrix (pre, post) of the cross-correlation that torch documents for Conv2d, one output at a time."""
    (c_in, h, w), (c_out, c_group, kh, kw) = input_shape, weight.shape
    (sy, sx), (dy, dx) = pair(stride), pair(dilation)
    if padding == "same":  # what is left over goes to the right and to the bottom
        (py, px), (oh, ow) = (dy * (kh - 1) // 2, dx * (kw - 1) // 2), (h, w)
    else:
        py, px = pair(0 if padding == "valid" else padding)
        oh, ow = (h + 2 * py - dy * (kh - 1) - 1) // sy + 1, (w + 2 * px - dx * (kw - 1) - 1) // sx + 1
    full = np.zeros((c_in * h * w, c_out * oh * ow))
    for o, y, x in np.ndindex(c_out, oh, ow):
        for c, i, j in np.ndindex(c_group, kh, kw):
            row, column = y * sy - py + i * dy, x * sx - px + j * dx
            if 0 <= row < h and 0 <= column < w:
                channel = o // (c_out // groups) * c_group + c
                full[(channel * h + row) * w + column, (o * oh + y) * ow + x] += weight[o, c, i, j]
    return full, (c_out, oh, ow)


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("kernel", [(3, 2), (1, 1)])
def test_its_synapses_are_those_of_the_definition(geometry, kernel):
    conv = convolution(geometry, kernel=kernel)
    expected, shape = by_definition(conv.weight, INPUT, **geometry)
    pre, post, weight = triplets(conv, conv.shape, np.random.default_rng(), "w")
    found = np.zeros(conv.shape)
    found[pre, post] = weight
    assert conv.output_shape == shape
    assert np.array_equal(found, expected)
    assert len(set(zip(pre.tolist(), post.tolist(), strict=True))) == len(pre)
    assert np.all(np.diff(pre * found.shape[1] + post) > 0)


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_the_engine_delivers_what_the_dense_matrix_delivers(geometry):
    conv = convolution(geometry)
    full, shape = by_definition(conv.weight, INPUT, **geometry)
    rng = np.random.default_rng(2)
    spikes = nr.Spikes(rng.uniform(0, 9e-3, 80), rng.integers(0, full.shape[0], 80))
    results = []
    for synapses in (conv, nr.Dense(full)):
        net = nr.Network()
        net.add(nr.Population("image", full.shape[0], nr.SpikeSource()))
        net.add(nr.Population("map", full.shape[1], nr.IF(v_th=1e9)))
        net.connect("image", "map", synapses, delay=1e-3)
        record = nr.Record(v={"map": range(full.shape[1])}, v_dt=4.9e-3)
        results.append(nr.run(net, 20e-3, inputs={"image": spikes}, record=record).v["map"])
    assert shape == conv.output_shape
    assert np.ptp(results[1][-1]) > 1.0
    assert results[0] == pytest.approx(results[1], abs=1e-12)


def test_weights_and_targets_are_shared_by_rows():
    kernel = np.random.default_rng(1).normal(size=(8, 4, 3, 3)).astype(np.float32)
    conv = nr.Convolution2d(kernel, (4, 20, 30), padding=1)
    net = nr.Network()
    net.add(nr.Population("image", 4 * 20 * 30, nr.SpikeSource()))
    net.add(nr.Population("map", 8 * 20 * 30, nr.IF(v_th=1.0)))
    net.connect("image", "map", conv, delay=1e-3)
    fixed = nr.build(net).fixed
    synapses = fixed.segments["count"].sum()
    assert len(fixed.post) == synapses / 4  # the channels share their targets
    assert len(fixed.weight) == 8 * 4 * (3 + 2 + 2) ** 2  # places inside have 3 taps an axis, at each edge 2
    assert fixed.weight.dtype == np.float32


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"weight": np.zeros((2, 4, 3))}, WeightError, r"out_channels.*got shape \(2, 4, 3\)"),
        ({"weight": np.full((2, 4, 3, 3), np.nan)}, WeightError, "finite"),
        ({"weight": np.zeros((2, 3, 3, 3))}, WeightError, "4 input channels"),
        ({"weight": np.zeros((3, 2, 3, 3)), "groups": 2}, WeightError, "multiple of 2"),
        ({"groups": 0}, ParameterError, "groups"),
        ({"stride": 0}, ParameterError, "stride.*at least 1"),
        ({"dilation": (1, 0)}, ParameterError, "dilation.*at least 1"),
        ({"stride": 1.5}, ParameterError, "stride.*whole number"),
        ({"padding": -1}, ParameterError, "padding.*negative"),
        ({"padding": "full"}, ParameterError, "'same' or 'valid'"),
        ({"padding": "same", "stride": 2}, ParameterError, "stride of 1"),
        ({"dilation": 5}, ParameterError, "larger than the padded input"),
        ({"input_shape": (4, 7)}, ParameterError, "channels, height, width"),
    ],
    ids=str,
)
def test_a_convolution_that_cannot_be_is_refused(wrong, error, says):
    with pytest.raises(error, match=says):
        nr.Convolution2d(**{"weight": np.zeros((2, 4, 3, 3)), "input_shape": INPUT, **wrong})


def test_populations_of_another_size_are_refused():
    net = nr.Network()
    net.add(nr.Population("image", 4 * 7 * 9, nr.SpikeSource()))
    net.add(nr.Population("map", 10, nr.IF(v_th=1.0)))
    with pytest.raises(WeightError, match=r"image->map.*\(252, 10\); got \(252, 140\)"):
        net.connect("image", "map", nr.Convolution2d(np.zeros((4, 4, 3, 3)), INPUT), delay=1e-3)


@pytest.mark.parametrize(
    "allowed",
    [
        {"padding": "same", "stride": (1, 1)},
        {"padding": "same"},
        {"stride": 2**31 - 1},
        {"padding": (0, 1), "dilation": (3, 4)},
        {"weight": np.zeros((4, 2, 7, 9)), "groups": 2},
        {"padding": (0, 0)},
        {"input_shape": (4, 3, 3)},
        {"weight": np.zeros((1, 4, 1, 1)), "input_shape": (4, 1, 1)},
        {"groups": np.int64(1), "stride": np.array([1, 2])},
    ],
    ids=str,
)
def test_a_convolution_at_the_boundary_of_what_can_be_is_allowed(allowed):
    conv = nr.Convolution2d(**{"weight": np.zeros((2, 4, 3, 3)), "input_shape": INPUT, **allowed})
    assert conv.shape == (int(np.prod(conv.input_shape)), int(np.prod(conv.output_shape)))
    assert min(conv.output_shape) >= 1


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"weight": np.zeros((0, 4, 3, 3))}, WeightError, "kernel must have shape"),
        ({"weight": np.zeros((2, 4, 3, 3, 1))}, WeightError, "kernel must have shape"),
        ({"weight": np.zeros((2, 4, 8, 1))}, ParameterError, "larger than the padded input"),
        ({"weight": np.zeros((2, 4, 1, 10))}, ParameterError, "larger than the padded input"),
        ({"input_shape": (4, 0, 9)}, ParameterError, "channels, height, width"),
        ({"input_shape": 4}, ParameterError, "channels, height, width"),
        ({"groups": True}, ParameterError, "groups"),
        ({"groups": 1.0}, ParameterError, "groups"),
        ({"padding": (0, -1)}, ParameterError, "padding.*negative"),
        ({"padding": (1, 1, 1)}, ParameterError, "padding.*pair"),
        ({"dilation": 1.0}, ParameterError, "dilation.*pair"),
        ({"padding": "same", "stride": (1, 2)}, ParameterError, "stride of 1"),
        ({"weight": np.zeros((2, 4, 3, 0))}, WeightError, "kernel must have shape"),
        ({"input_shape": (4, 7, 9, 1)}, ParameterError, "channels, height, width"),
        ({"input_shape": (4, 7, 9.0)}, ParameterError, "channels, height, width"),
        ({"input_shape": (4, 7, "9")}, ParameterError, "channels, height, width"),
        ({"input_shape": (4, 7, 2**31)}, ParameterError, "channels, height, width"),
        ({"stride": 2**31}, ParameterError, "stride.*pair"),
        ({"padding": -(2**31)}, ParameterError, "padding.*pair"),
        ({"stride": (1, 0)}, ParameterError, "stride.*at least 1"),
        ({"stride": "same"}, ParameterError, "stride.*pair"),
        ({"groups": 3}, WeightError, "3 group"),
        ({"weight": np.zeros((2, 8, 3, 3))}, WeightError, "4 input channels"),
    ],
    ids=str,
)
def test_a_convolution_just_beyond_the_boundary_is_refused(wrong, error, says):
    with pytest.raises(error, match=says):
        nr.Convolution2d(**{"weight": np.zeros((2, 4, 3, 3)), "input_shape": INPUT, **wrong})


def test_geometry_is_plain_unless_told():
    conv = nr.Convolution2d(np.zeros((2, 4, 3, 3)), INPUT)
    assert (conv.stride, conv.padding, conv.dilation, conv.groups) == (1, 0, 1, 1)
