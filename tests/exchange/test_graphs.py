"""Graphs as other tools write them: parameters of one entry, images, nested graphs, currents, and what is assumed."""

import re
from itertools import pairwise

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import InputError
from tests.exchange.test_nir import DT, bins, published, saved, train
from tests.reference import DATA


def tampered(path, changes):
    """Change parameters of a file in place, as no node of nir could be made."""
    with h5py.File(path, "a") as file:
        for place, value in changes.items():
            del file[f"node/nodes/{place}"]
            file[f"node/nodes/{place}"] = value


def line(path, *nodes, **changes):
    """Nodes n0, n1, ... one after the other, read; `changes` are parameters to write over."""
    names = [f"n{k}" for k in range(len(nodes))]
    graph = nir.NIRGraph(dict(zip(names, nodes, strict=True)), [*pairwise(names)], type_check=False)
    nir.write(path / "net.nir", graph, compression=None)
    tampered(path / "net.nir", {key.replace("__", "/"): value for key, value in changes.items()})
    return nr.read_nir(path / "net.nir", dt=DT)


def neurons(kind, *shape):
    one = np.ones(shape)
    return {
        "LIF": lambda: nir.LIF(tau=0.01 * one, r=100 * one, v_leak=0 * one, v_threshold=one),
        "CubaLIF": lambda: nir.CubaLIF(tau_mem=0.01 * one, tau_syn=0.002 * one, r=one, v_leak=0 * one, v_threshold=one),
        "IF": lambda: nir.IF(r=1e4 * one, v_threshold=one),
        "LI": lambda: nir.LI(tau=0.01 * one, r=one, v_leak=0 * one),
        "I": lambda: nir.I(r=one),
        "Threshold": lambda: nir.Threshold(threshold=one),
    }[kind]()


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("kind", ["LIF", "CubaLIF", "IF", "LI", "I", "Threshold"])
def test_parameters_of_one_entry_hold_for_the_whole_layer(kind, shape, tmp_path):
    weight = np.random.default_rng(1).normal(size=(5, 3))
    one, whole = (
        line(tmp_path, nir.Input(np.array([3])), nir.Linear(weight), neurons(kind, *size)) for size in (shape, (5,))
    )
    assert one.populations["n2"].size == 5
    assert one.projections["n1"].synapses.weight == pytest.approx(whole.projections["n1"].synapses.weight)
    assert one.populations["n2"].parameter("tau_m") == pytest.approx(whole.populations["n2"].parameter("tau_m"))
    if kind != "I":
        assert any("shape" in note for note in one.provenance["assumptions"])


WRONG = {
    "weight": ({"n1__weight": np.ones((2, 4))}, r"node 'n1'.*\(out, 3\).*shape \(2, 4\)"),
    "weight of one axis": ({"n1__weight": np.ones(3)}, r"node 'n1'.*\(out, in\).*shape \(3,\)"),
    "bias": ({"n1__bias": np.ones(5)}, r"node 'n1'.*2.*shape \(5,\)"),
    "neurons": ({"n2__tau": np.ones(3)}, r"node 'n2'.*one shape.*tau \(3,\)"),
    "all neurons": (
        {f"n2__{key}": np.ones(3) for key in ("tau", "r", "v_leak", "v_threshold", "v_reset")},
        r"node 'n2'.*shape \(2,\).*tau \(3,\)",
    ),
    "text": ({"n2__tau": "fast"}, r"node 'n2'.*`tau`: must be real numbers"),
    "not a number": ({"n2__tau": np.array([np.nan, 1.0])}, r"node 'n2'.*`tau`.*finite"),
    "time constant": ({"n2__tau": np.array([0.0, 1.0])}, r"node 'n2'.*`tau` must be greater than zero"),
    "reset": ({"n2__v_reset": np.array([2.0, 2.0])}, r"node 'n2'.*v_reset.*below.*v_th"),
    "input": ({"n0__shape": np.array([-3])}, r"node 'n0'.*whole numbers"),
}


@pytest.mark.parametrize("what", WRONG)
def test_shapes_that_do_not_fit_are_named_with_node_and_what_was_expected(what, tmp_path):
    changes, says = WRONG[what]
    layers = nir.Input(np.array([3])), nir.Affine(np.ones((2, 3)), np.ones(2)), neurons("LIF", 2)
    with pytest.raises(InputError, match=says):
        line(tmp_path, *layers, **changes)


def image(rng, *shape):
    return (rng.random((12, *shape)) < 0.3).astype(float)


def slid(x, kernel, stride, pad, dilation, groups):
    """A cross-correlation of (channels, y, x), entry by entry."""
    out, per, height, width = kernel.shape
    x = np.pad(x, ((0, 0), *((p, p) for p in pad)))
    size = [
        (n - d * (k - 1) - 1) // s + 1
        for n, d, k, s in zip(x.shape[1:], dilation, (height, width), stride, strict=True)
    ]
    found = np.zeros((out, *size))
    for o in range(out):
        group = o // (out // groups)
        for c in range(per):
            for i in range(height):
                for j in range(width):
                    rows = slice(dilation[0] * i, dilation[0] * i + stride[0] * (size[0] - 1) + 1, stride[0])
                    columns = slice(dilation[1] * j, dilation[1] * j + stride[1] * (size[1] - 1) + 1, stride[1])
                    found[o] += kernel[o, c, i, j] * x[group * per + c, rows, columns]
    return found


CONVOLUTIONS = {
    "plain": ((1, 1), (0, 0), (1, 1), 1),
    "stride": ((2, 1), (1, 1), (1, 1), 1),
    "dilation": ((1, 1), (2, 2), (2, 2), 1),
    "groups": ((1, 2), (0, 1), (1, 1), 2),
}


@pytest.mark.parametrize("pool", [None, nir.SumPool2d, nir.AvgPool2d])
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_convolutions_and_poolings_have_the_counts_of_a_loop_over_the_image(kind, pool, tmp_path):
    rng, (stride, pad, dilation, groups) = np.random.default_rng(3), CONVOLUTIONS[kind]
    kernel, bias = rng.normal(0, 0.5, (4, 4 // groups, 3, 3)), rng.normal(0, 0.2, 4)
    places = (12, 10) if pool is None else (6, 5)
    conv = nir.Conv2d(places, kernel, np.array(stride), np.array(pad), np.array(dilation), groups, bias)
    pooling = [] if pool is None else [pool(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))]
    signal, v, counts = image(rng, 4, 12, 10), 0.0, 0
    for x in signal:
        if pool is not None:
            x = slid(x, np.ones((4, 1, 2, 2)), (2, 2), (0, 0), (1, 1), 4) * (1.0 if pool is nir.SumPool2d else 0.25)
        v = v + slid(x, kernel, stride, pad, dilation, groups) + bias[:, None, None]
        z = v > 1.0
        v, counts = np.where(z, 0.0, v), counts + z
    flat = nir.Flatten({"input": np.array(counts.shape)}, 0, -1)
    cell = nir.IF(r=np.array([1 / DT]), v_threshold=np.array([1.0]))
    net = line(
        tmp_path, nir.Input(np.array([4, 12, 10])), *pooling, conv, cell, flat, nir.Output(np.array([counts.size]))
    )
    rec = nr.run(net, 12 * DT, engine="clocked", dt=DT, inputs={"n0": train(signal.reshape(12, -1))})
    found = rec.spikes[f"n{len(pooling) + 2}"].counts(counts.size)
    assert counts.sum() > 50
    assert found.tolist() == counts.ravel().tolist()


def test_a_convolution_of_a_line_is_one_of_an_image_of_one_row(tmp_path):
    rng = np.random.default_rng(4)
    kernel = rng.normal(size=(3, 2, 4))
    net = line(
        tmp_path, nir.Input(np.array([2, 9])), nir.Conv1d(9, kernel, 2, 1, 1, 1, np.zeros(3)), neurons("IF", 3, 4)
    )
    found = nr.Network.to_networkx(net)
    x = rng.normal(size=(2, 9))
    expected = slid(x[:, None], kernel[:, :, None], (1, 2), (0, 1), (1, 1), 1).ravel()
    into = np.zeros(12)
    for (_, i), (_, j), weight in found.edges(data="weight"):
        into[j] += weight * x.ravel()[i]
    assert into == pytest.approx(expected * 1e4 * DT)


@pytest.mark.parametrize("wrong", [{"n1__weight": np.ones((4, 3, 3, 3))}, {"n1__input_shape": np.array([5, 5])}])
def test_an_image_that_does_not_fit_its_convolution_is_named(wrong, tmp_path):
    conv = nir.Conv2d((6, 6), np.ones((4, 2, 3, 3)), 1, 0, 1, 1, np.zeros(4))
    with pytest.raises(InputError, match=r"node 'n1'.*must have the shape.*got.*shape \(2, 6, 6\)"):
        line(tmp_path, nir.Input(np.array([2, 6, 6])), conv, neurons("IF", 1), **wrong)


@published
def test_a_published_convolutional_network_has_the_counts_of_numpy_in_every_layer():
    path, rng = DATA / "nir" / "cnn_sinabs.nir", np.random.default_rng(0)
    net = nr.read_nir(path, dt=1.0)
    signal = (rng.random((8, 2, 34, 34)) < 0.2).astype(float)
    with h5py.File(path) as file:
        nodes = {name: {key: node[key][()] for key in node} for name, node in file["node/nodes"].items()}
    state, counts = {}, {}

    def fired(name, current):
        node = nodes[name]
        v = state.get(name, 0.0) + node["r"] * current
        z = v > node["v_threshold"]
        state[name], counts[name] = np.where(z, 0.0, v), counts.get(name, 0) + z
        return z.astype(float)

    def conv(name, x):
        kernel, stride, pad = (nodes[name][key] for key in ("weight", "stride", "padding"))
        return slid(x, kernel.astype(float), stride, pad, (1, 1), 1) + nodes[name]["bias"][:, None, None]

    def pooled(x):
        return x.reshape(x.shape[0], x.shape[1] // 2, 2, -1, 2).sum((2, 4))

    for x in signal:
        z = fired("3", conv("2", fired("1", conv("0", x))))
        z = fired("6", conv("5", pooled(z)))
        z = fired("10", nodes["9"]["weight"].astype(float) @ pooled(z).ravel() + nodes["9"]["bias"])
        fired("12", nodes["11"]["weight"].astype(float) @ z + nodes["11"]["bias"])
    step, neuron = np.nonzero(signal.reshape(8, -1))
    rec = nr.run(net, 8.0, engine="clocked", dt=1.0, inputs={"input": nr.Spikes(1.0 * step, neuron)})
    assert counts["10"].sum() > 20
    for name, expected in counts.items():
        assert rec.spikes[name].counts(expected.size).tolist() == expected.ravel().tolist(), name


def nested(depth, lif, recurrent):
    """A layer with a recurrent matrix, in `depth` graphs one in another."""
    inner = {"input": nir.Input(np.array([4])), "lif": lif, "rec": recurrent, "output": nir.Output(np.array([4]))}
    edges = [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]
    graph = nir.NIRGraph(inner, edges, type_check=False)
    for _ in range(depth - 1):
        inner = {"input": nir.Input(np.array([4])), "core": graph, "output": nir.Output(np.array([4]))}
        graph = nir.NIRGraph(inner, [("input", "core"), ("core", "output")], type_check=False)
    return graph


@pytest.mark.parametrize("depth", [1, 3])
def test_a_nested_graph_is_the_same_network_as_a_flat_one(depth, tmp_path):
    rng = np.random.default_rng(5)
    lif, weight, back = neurons("LIF", 4), nir.Linear(rng.normal(1, 1, (4, 3))), nir.Linear(rng.normal(size=(4, 4)))
    ends = {"in": nir.Input(np.array([3])), "fc": weight, "out": nir.Output(np.array([4]))}
    flat = saved(
        tmp_path, {**ends, "lif": lif, "rec": back},
        [("in", "fc"), ("fc", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "out")],
    )  # fmt: skip
    net = saved(tmp_path, {**ends, "deep": nested(depth, lif, back)}, [("in", "fc"), ("fc", "deep"), ("deep", "out")])
    name = "deep." + "core." * (depth - 1)
    assert set(net.populations) == {"in", f"{name}lif"}
    assert set(net.projections) == {"fc", f"{name}rec"}
    signal = rng.random((60, 3)) < 0.4
    runs = [nr.run(each, 60 * DT, engine="clocked", dt=DT, inputs={"in": train(signal)}) for each in (flat, net)]
    assert len(runs[0].spikes["lif"]) > 10
    assert runs[0].spikes["lif"].times.tobytes() == runs[1].spikes[f"{name}lif"].times.tobytes()


def test_within_a_step_edges_act_at_once_and_those_that_close_a_cycle_one_step_later(tmp_path):
    def cell():
        return nir.IF(r=np.array([1 / DT]), v_threshold=np.array([0.5]))

    nodes = {"a": cell(), "b": cell(), "c": cell(), "in": nir.Input(np.array([1])), "out": nir.Output(np.array([1]))}
    net = saved(tmp_path, nodes, [("in", "c"), ("c", "a"), ("a", "b"), ("b", "c"), ("b", "out")])
    rec = nr.run(net, 6 * DT, engine="clocked", dt=DT, inputs={"in": nr.Spikes([DT], [0])})
    for name in "cab":
        assert bins(rec.spikes[name], 6, 1)[:, 0].tolist() == [0, 1, 1, 1, 1, 1], name


def composite(signal, lif, current, scale, weight):
    """Forward Euler of LIF -> LI -> Scale -> LIF; the edge from the Scale closes the cycle."""
    v = a = np.zeros(len(lif.r))
    found = []
    for x in signal:
        v = v + DT / lif.tau * (lif.v_leak - v + lif.r * (weight @ x + scale * a))
        z = v > lif.v_threshold
        v = np.where(z, lif.v_reset, v)
        a = a + DT / current.tau * (-a + current.r * z)
        found.append(z)
    return np.array(found, int)


@given(seed=st.integers(0, 1000))
def test_a_current_that_a_neuron_feeds_itself_is_a_slow_current(seed, tmp_path_factory):
    rng, n = np.random.default_rng(seed), 3
    lif, weight = neurons("LIF", n), rng.normal(1, 1, (n, 3))
    current = nir.LI(tau=rng.uniform(0.01, 0.1, n), r=rng.uniform(50, 900, n), v_leak=np.zeros(n))
    scale = -rng.uniform(0.1, 1, n) / 10
    nodes = {
        "in": nir.Input(np.array([3])), "fc": nir.Linear(weight), "lif": lif, "li": current, "back": nir.Scale(scale),
        "out": nir.Output(np.array([n])),
    }  # fmt: skip
    edges = [("in", "fc"), ("fc", "lif"), ("lif", "li"), ("li", "back"), ("back", "lif"), ("lif", "out")]
    net = saved(tmp_path_factory.mktemp("nir"), nodes, edges)
    assert isinstance(net.populations["lif"].model, nr.AHP)
    signal = (rng.random((200, 3)) < 0.4).astype(float)
    rec = nr.run(net, 200 * DT, engine="clocked", dt=DT, inputs={"in": train(signal)})
    assert bins(rec.spikes["lif"], 200, n).tolist() == composite(signal, lif, current, scale, weight).tolist()


def test_a_current_in_front_of_neurons_is_a_receptor(tmp_path):
    rng, n = np.random.default_rng(7), 4
    cell, current = neurons("LIF", n), nir.LI(tau=np.full(n, 0.003), r=np.full(n, 9.0), v_leak=np.zeros(n))
    fast, slow = rng.normal(1, 1, (n, 2)), rng.normal(1, 1, (n, 2))
    nodes = {
        "in": nir.Input(np.array([2])), "fast": nir.Linear(fast), "slow": nir.Linear(slow), "li": current, "cell": cell,
        "out": nir.Output(np.array([n])),
    }  # fmt: skip
    edges = [("in", "fast"), ("in", "slow"), ("fast", "cell"), ("slow", "li"), ("li", "cell"), ("cell", "out")]
    net = saved(tmp_path, nodes, edges)
    signal, v, i, expected = rng.random((150, 2)) < 0.3, np.zeros(n), np.zeros(n), []
    for x in signal.astype(float):
        i = i + DT / current.tau * (-i + current.r * (slow @ x))
        v = v + DT / cell.tau * (cell.v_leak - v + cell.r * (fast @ x + i))
        z = v > 1.0
        v = np.where(z, 0.0, v)
        expected.append(z.astype(int))
    rec = nr.run(net, 150 * DT, engine="clocked", dt=DT, inputs={"in": train(signal)})
    assert np.sum(expected) > 10
    assert bins(rec.spikes["cell"], 150, n).tolist() == np.array(expected).tolist()


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF", "IF"])
def test_a_reset_that_nir_cannot_say_is_given_and_what_is_assumed_is_noted(kind, tmp_path):
    line(tmp_path, nir.Input(np.array([2])), neurons(kind, 2))
    nets = {reset: nr.read_nir(tmp_path / "net.nir", dt=DT, reset=reset) for reset in (None, "to_value", "subtract")}
    models = {reset: net.populations["n1"].model.reset for reset, net in nets.items()}
    assert models == {None: "to_value", "to_value": "to_value", "subtract": "subtract"}
    assumed = {reset: " ".join(net.provenance["assumptions"]) for reset, net in nets.items()}
    assert "NIR cannot say" in assumed[None]
    assert 'reset="subtract", as given' in assumed["subtract"]
    rec = nr.run(nets["subtract"], 10 * DT, engine="clocked", dt=DT)
    assert rec.provenance["network"]["provenance"]["assumptions"] == nets["subtract"].provenance["assumptions"]


def test_a_threshold_fires_in_each_step_in_which_its_input_is_larger(tmp_path):
    weight = np.array([[1.0, 0.5, -1.0]])
    net = line(tmp_path, nir.Input(np.array([3])), nir.Linear(weight), nir.Threshold(np.array([0.9])))
    signal = np.random.default_rng(2).random((50, 3)) < 0.5
    rec = nr.run(net, 50 * DT, engine="clocked", dt=DT, inputs={"n0": train(signal)})
    assert bins(rec.spikes["n2"], 50, 1)[:, 0].tolist() == (signal @ weight[0] > 0.9).astype(int).tolist()


def test_each_synapse_of_a_delay_with_several_numbers_has_its_own(tmp_path):
    wait, mix = nir.Delay(DT * np.array([2.0, 5.0])), nir.Linear(np.array([[1.0, 1.0], [0.0, 1.0]]))
    net = line(tmp_path, nir.Input(np.array([2])), wait, mix, nir.IF(np.full(2, 1 / DT), np.full(2, 0.5)))
    rec = nr.run(net, 12 * DT, engine="clocked", dt=DT, inputs={"n0": nr.Spikes([DT, DT], [0, 1])})
    assert np.argwhere(bins(rec.spikes["n3"], 12, 2)).tolist() == [[3, 0], [6, 0], [6, 1]]


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        ([("input", "lost")], r"net\.nir, node 'lost' of the graph 'deep'"),
        ([("input", "lif")], r"node 'deep'.*exactly one output.*got 0"),
    ],
)
def test_a_nested_graph_that_cannot_be_joined_is_named(inner, says, tmp_path):
    one = {"input": nir.Input(np.array([2])), "lif": neurons("LIF", 2)}
    graph = nir.NIRGraph(one, [("input", "lif")], type_check=False)
    outer = nir.NIRGraph(
        {"in": nir.Input(np.array([2])), "deep": graph, "cell": neurons("LIF", 2)}, [], type_check=False
    )
    outer.edges = [("in", "deep"), ("deep", "cell")]
    nir.write(tmp_path / "net.nir", outer)
    tampered(tmp_path / "net.nir", {"deep/edges": np.array(inner, "S5")})
    with pytest.raises(InputError, match=says):
        nr.read_nir(tmp_path / "net.nir", dt=DT)


def test_bad_graphs_end_the_command_in_a_sentence(tmp_path):
    from typer.testing import CliRunner

    from neuro.cli import app

    for what, (changes, _) in WRONG.items():
        layers = nir.Input(np.array([3])), nir.Affine(np.ones((2, 3)), np.ones(2)), neurons("LIF", 2)
        with pytest.raises(InputError):
            line(tmp_path, *layers, **changes)
        found = CliRunner().invoke(app, ["map", str(tmp_path / "net.nir"), "--chip", "mesh:2x2:8"])
        assert found.exit_code == 2, what
        assert re.match(r"error: .*net\.nir, node 'n", found.stderr), found.stderr


@pytest.mark.parametrize(
    ("nodes", "changes", "says"),
    [
        ([neurons("LIF", 1)], {"n0/shape": np.array([2**40])}, "fit into memory"),
        ([nir.SumPool2d(np.array([2**30, 1]), np.array([1, 1]), np.array([0, 0]))], {}, "padded input"),
        ([nir.SumPool2d(np.array([2, 2]), np.array([0, 1]), np.array([0, 0]))], {}, "must be at least 1"),
        ([nir.SumPool2d(np.array([1, 1]), np.array([1, 1]), np.array([2**30, 0]))], {}, "fit into memory"),
        ([nir.Conv2d((4, 4), np.ones((1, 2, 1, 1)), 1, 2**30, 1, 1, np.zeros(1))], {}, "fit into memory"),
    ],
)
def test_sizes_that_no_machine_has_are_refused_before_anything_is_made(nodes, changes, says, tmp_path):
    with pytest.raises(InputError, match=says):
        line(tmp_path, nir.Input(np.array([2, 4, 4])), *nodes, **changes)


def test_two_layers_that_meet_must_bring_one_shape(tmp_path):
    nodes = {
        "in": nir.Input(np.array([2])), "a": nir.Linear(np.ones((3, 2))), "b": nir.Linear(np.ones((4, 2))),
        "cell": neurons("IF", 1),
    }  # fmt: skip
    with pytest.raises(InputError, match=r"node 'cell'.*one shape.*\(3,\) from 'a', \(4,\) from 'b'"):
        saved(tmp_path, nodes, [("in", "a"), ("in", "b"), ("a", "cell"), ("b", "cell")])
