"""Networks that other tools wrote do here what they did there."""

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import DataError, InputError, ParameterError, UnsupportedFeature
from tests import crafted
from tests.reference import DATA, needs

DT = 1e-4
BRAILLE = DATA / "nir" / "braille"
published = needs("nir")


def bins(spikes, steps, size):
    counts = np.zeros((steps, size), int)
    np.add.at(counts, (np.rint(spikes.times / DT).astype(int), spikes.ids), 1)
    return counts


def train(values):
    step, neuron = np.nonzero(values)
    return nr.Spikes(step * DT, neuron)


@published
def test_the_lif_of_norse_fires_at_the_exact_times():
    net = nr.read_nir(DATA / "nir" / "lif" / "lif_norse.nir", dt=DT)
    current, _, _ = np.loadtxt(DATA / "nir" / "lif" / "lif_exact.csv", delimiter=",").T
    rec = nr.run(net, 0.1, inputs={"1": nr.Current(np.arange(1000) * DT, current)})
    assert rec.spikes["1"].times == pytest.approx([0.046084, 0.051090, 0.071092, 0.076091], abs=1e-6)


@published
def test_the_lif_of_norse_has_its_voltage_in_every_step():
    net = nr.read_nir(DATA / "nir" / "lif" / "lif_norse.nir", dt=DT)
    current, v, z = np.loadtxt(DATA / "nir" / "lif" / "lif_norse.csv", delimiter=",").T
    options = {"engine": "clocked", "dt": DT, "record": nr.Record(v={"1": [0]})}
    for name, given_ in {"1": nr.Current(np.arange(1000) * DT, current), "input": train(current[:, None])}.items():
        rec = nr.run(net, 0.1, inputs={name: given_}, **options)
        assert rec.v["1"][:, 0] == pytest.approx(v, abs=1e-6)
        assert bins(rec.spikes["1"], 1000, 1)[:, 0].tolist() == z.tolist()


@pytest.fixture(scope="module")
def braille():
    sample = np.load(BRAILLE / "braille_ds_test_0_256x12.npy")
    hidden = np.load(BRAILLE / "snntorch_activity_noDelay_bias_zero.npy").reshape(256, 38)
    return nr.read_nir(BRAILLE / "braille_noDelay_bias_zero.nir", dt=DT), {"input": train(sample)}, hidden


@published
def test_the_braille_network_has_the_spikes_of_snntorch_in_every_bin(braille):
    net, inputs, hidden = braille
    rec = nr.run(net, 256 * DT, engine="clocked", dt=DT, semantics="nir-euler", inputs=inputs)
    found = bins(rec.spikes["lif1.lif"], 256, 38)
    assert found.sum() == 119
    assert (found != hidden).sum() == 0
    assert rec.spikes["lif2"].counts(7).argmax() == 1


@published
def test_the_braille_network_in_continuous_time_reads_the_same_letter(braille):
    net, inputs, hidden = braille
    rec = nr.run(net, 256 * DT, inputs=inputs)
    assert rec.spikes["lif2"].counts(7).argmax() == 1
    mean, reference = rec.spikes["lif1.lif"].counts(38), hidden.sum(0)
    assert mean @ reference / np.linalg.norm(mean) / np.linalg.norm(reference) >= 0.98


@published
def test_populations_keep_the_names_of_their_nodes(braille):
    net, _, _ = braille
    assert {name: p.size for name, p in net.populations.items()} == {"input": 12, "lif1.lif": 38, "lif2": 7}
    assert set(net.projections) == {"fc1", "lif1.w_rec", "fc2"}


@published
def test_files_that_cannot_be_read_are_refused_by_what_is_wrong():
    with pytest.raises(InputError, match=r"subgraph\.nir.*'lif'"):
        nr.read_nir(BRAILLE / "braille_noDelay_bias_zero_subgraph.nir", dt=DT)
    with pytest.raises(InputError, match="not a NIR graph"):
        nr.read_nir(DATA / "nir" / "lif" / "lif_norse.csv", dt=DT)


@published
def test_a_file_with_a_wrong_shape_of_its_output_can_be_read():
    net = nr.read_nir(DATA / "nir" / "lif" / "lif_rockpool.nir", dt=DT)
    assert list(net.projections) == ["0_LinearTorch"]


def saved(path, nodes, edges):
    """Write a graph and read it."""
    nir.write(path / "net.nir", nir.NIRGraph(nodes, edges, type_check=False))
    return nr.read_nir(path / "net.nir", dt=DT)


def near(low, high, size):
    return np.random.default_rng(size).uniform(low, high, size)


KINDS = {
    "LIF": lambda n: nir.LIF(
        tau=near(1e-3, 9e-3, n), r=near(9, 40, n), v_leak=near(-0.1, 0.2, n),
        v_threshold=near(0.5, 1, n), v_reset=near(-0.2, 0.1, n),
    ),
    "IF": lambda n: nir.IF(r=near(500, 2000, n), v_threshold=near(0.5, 1, n), v_reset=near(-0.2, 0.1, n)),
    "CubaLIF": lambda n: nir.CubaLIF(
        tau_mem=near(1e-3, 9e-3, n), tau_syn=near(3e-4, 2e-3, n), r=near(2, 6, n), v_leak=near(-0.1, 0.2, n),
        v_threshold=near(0.5, 1, n), v_reset=near(-0.2, 0.1, n), w_in=near(1, 3, n),
    ),
    "LI": lambda n: nir.LI(tau=near(1e-3, 9e-3, n), r=near(9, 40, n), v_leak=near(-0.1, 0.2, n)),
    "CubaLI": lambda n: nir.CubaLI(
        tau_mem=near(1e-3, 9e-3, n), tau_syn=near(3e-4, 2e-3, n), r=near(2, 6, n), v_leak=near(-0.1, 0.2, n),
        w_in=near(1, 3, n),
    ),
    "I": lambda n: nir.I(r=near(500, 2000, n)),
}  # fmt: skip


def by_the_book(node, signal, weight, recurrent, bias):
    """Forward Euler of the equations in the docstrings of `nir`: (v, z) of every step."""
    v = i = z = np.zeros(len(node.r))
    volts, spikes = [], []
    for x in signal:
        s = weight @ x + bias + recurrent @ z
        if hasattr(node, "tau_syn"):
            i = i + DT / node.tau_syn * (-i + node.w_in * s)
            s = i
        tau = getattr(node, "tau_mem", getattr(node, "tau", None))
        v = v + (DT * node.r * s if tau is None else DT / tau * (node.v_leak - v + node.r * s))
        z = v > getattr(node, "v_threshold", np.inf)
        v, z = np.where(z, getattr(node, "v_reset", 0.0), v), z.astype(float)
        volts.append(v)
        spikes.append(z)
    return np.array(volts), np.array(spikes, int)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5)
@given(seed=st.integers(0, 1000))
def test_each_kind_of_node_follows_its_equations_step_by_step(kind, seed, tmp_path_factory):
    rng, n = np.random.default_rng(seed), 4
    node, signal = KINDS[kind](n), rng.random((80, 3)) < 0.3
    weight, recurrent, bias = rng.normal(0.3, 1, (n, 3)), rng.normal(0, 0.5, (n, n)), rng.normal(0, 0.1, n)
    nodes = {
        "in": nir.Input(np.array([3])), "fc": nir.Affine(weight, bias), "cell": node, "out": nir.Output(np.array([n])),
        "rec": nir.Linear(recurrent),
    }  # fmt: skip
    edges = [("in", "fc"), ("fc", "cell"), ("cell", "out"), ("cell", "rec"), ("rec", "cell")]
    net = saved(tmp_path_factory.mktemp("nir"), nodes, edges)
    record = nr.Record(v={"cell": range(n)})
    rec = nr.run(net, 80 * DT, engine="clocked", dt=DT, inputs={"in": train(signal)}, record=record)
    volts, spikes = by_the_book(node, signal.astype(float), weight, recurrent, bias)
    assert bins(rec.spikes["cell"], 80, n).tolist() == spikes.tolist()
    assert rec.v["cell"] == pytest.approx(volts, rel=1e-9, abs=1e-9)
    assert "IF" in kind or not spikes.any()


def test_what_lies_between_populations_is_joined(tmp_path):
    rng = np.random.default_rng(1)
    first, second, bias, scale = (
        rng.normal(size=(3, 2)),
        rng.normal(size=(4, 3)),
        rng.normal(size=3),
        rng.normal(size=4),
    )
    nodes = {
        "in": nir.Input(np.array([2])), "a": nir.Affine(first, bias), "b": nir.Linear(second), "c": nir.Scale(scale),
        "cell": nir.IF(r=np.full(4, 2.0), v_threshold=np.full(4, 9.0)), "out": nir.Output(np.array([4])),
    }  # fmt: skip
    edges = [("in", "a"), ("a", "b"), ("b", "c"), ("c", "cell"), ("cell", "out")]
    net = saved(tmp_path, nodes, edges)
    expected = scale[:, None] * (second @ first)
    assert net.projections["c"].synapses.weight == pytest.approx(2.0 * DT * expected.T)
    assert net.populations["cell"].model.bias == pytest.approx(2.0 * scale * (second @ bias))


def test_a_delay_node_adds_to_the_delay(tmp_path):
    nodes = {
        "in": nir.Input(np.array([1])), "wait": nir.Delay(np.array([5 * DT])), "out": nir.Output(np.array([1])),
        "cell": nir.IF(r=np.array([2 / DT]), v_threshold=np.array([1.0])),
    }  # fmt: skip
    net = saved(tmp_path, nodes, [("in", "wait"), ("wait", "cell"), ("cell", "out")])
    rec = nr.run(net, 20 * DT, engine="clocked", dt=DT, inputs={"in": nr.Spikes([3 * DT], [0])})
    assert np.rint(rec.spikes["cell"].times / DT).tolist() == [8]


def test_graphs_that_have_no_counterpart_are_refused(tmp_path):
    ends = {"in": nir.Input(np.array([1])), "out": nir.Output(np.array([1]))}
    with pytest.raises(UnsupportedFeature, match=r"output 'out'.*Linear 'fc'"):
        saved(tmp_path, {**ends, "fc": nir.Linear(np.ones((1, 1)))}, [("in", "fc"), ("fc", "out")])
    with pytest.raises(DataError, match="no such file"):
        nr.read_nir(tmp_path / "nothing.nir", dt=DT)
    with pytest.raises(ParameterError, match="dt"):
        nr.read_nir(tmp_path / "net.nir", dt=0.0)


@pytest.mark.parametrize("kind", crafted.KINDS)
def test_a_graph_whose_data_lie_elsewhere_is_refused(kind, tmp_path):
    path = tmp_path / "graph.nir"
    nodes = {"in": nir.Input(np.array([2])), "fc": nir.Linear(np.ones((3, 2))), "out": nir.Output(np.array([3]))}
    nir.write(path, nir.NIRGraph(nodes, [("in", "fc"), ("fc", "out")], type_check=False))
    crafted.divert(path, kind)
    with pytest.raises(InputError, match="must hold its data itself"):
        nr.read_nir(path, dt=DT)


def chain(path, cell, extent, weight=None, **options):
    """An input, a matrix and neurons, written and read."""
    weight = near(0.5, 2.0, cell.r.size * 3).reshape(-1, 3) if weight is None else weight
    nodes = {"in": nir.Input(np.array(extent)), "fc": nir.Linear(weight), "cell": cell}
    nir.write(path / "net.nir", nir.NIRGraph(nodes, [("in", "fc"), ("fc", "cell")], type_check=False))
    return nr.read_nir(path / "net.nir", dt=DT, **options), weight


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF", "LI", "CubaLI"])
def test_steps_that_decay_exponentially_have_the_potentials_of_a_loop(kind, tmp_path):
    node, n, signal = KINDS[kind](4), 4, np.random.default_rng(4).random((80, 3)) < 0.3
    net, weight = chain(tmp_path, node, [3], decay="exponential", initial="v_leak")
    record = nr.Record(v={"cell": range(n)})
    rec = nr.run(net, 80 * DT, engine="clocked", dt=DT, inputs={"in": train(signal)}, record=record)
    v, i, volts, spikes = node.v_leak, np.zeros(n), [], 0
    kept = np.exp(-DT / getattr(node, "tau_mem", getattr(node, "tau", None)))
    for x in signal:
        s = weight @ x
        if kind.startswith("Cuba"):
            decay = np.exp(-DT / node.tau_syn)
            s = i = decay * i + (1.0 - decay) * node.w_in * s
        v = kept * v + (1.0 - kept) * (node.v_leak + node.r * s)
        z = v > getattr(node, "v_threshold", np.inf)
        v, spikes = np.where(z, getattr(node, "v_reset", 0.0), v), spikes + z.sum()
        volts.append(v)
    assert rec.v["cell"] == pytest.approx(np.array(volts), rel=1e-9, abs=1e-9)
    assert len(rec.spikes["cell"]) == spikes
    assert (spikes > 10) == ("IF" in kind)
    assert any("exp(-dt/tau)" in note for note in net.provenance["assumptions"])


def test_potentials_start_where_they_are_told_to_in_both_engines(tmp_path):
    cell = nir.LIF(tau=np.full(2, 0.02), r=np.ones(2), v_leak=np.array([2.0, 0.3]), v_threshold=np.array([1.0, 1.0]))
    for options, first in (({}, 0.02 * np.log(2.0)), ({"initial": "v_leak"}, 0.0)):
        net, _ = chain(tmp_path, cell, [3], **options)
        times = nr.run(net, 0.05).spikes["cell"].times
        assert times[0] == pytest.approx(first, abs=1e-12)
        clocked = nr.run(net, 0.05, engine="clocked", dt=DT).spikes["cell"].times
        assert clocked[0] == pytest.approx(first, abs=2 * DT)


def test_axes_of_batch_and_time_before_those_that_a_matrix_reads_are_left_out(tmp_path):
    cell, signal = KINDS["LIF"](4), train(np.random.default_rng(1).random((80, 3)) < 0.4)
    plain, _ = chain(tmp_path, cell, [3])
    expected = nr.run(plain, 80 * DT, inputs={"in": signal}).spikes["cell"]
    assert len(expected) > 5
    for extent in ([20, 3], [2, 20, 3]):
        net, _ = chain(tmp_path, cell, extent)
        assert net.populations["in"].size == 3
        found = nr.run(net, 80 * DT, inputs={"in": signal}).spikes["cell"]
        assert (found.times.tolist(), found.ids.tolist()) == (expected.times.tolist(), expected.ids.tolist())
        assert any("'in'" in note and "batch" in note for note in net.provenance["assumptions"])
    assert not any("batch" in note for note in plain.provenance["assumptions"])
    assert chain(tmp_path, cell, [2, 3], np.ones((4, 6)))[0].populations["in"].size == 6
    with pytest.raises(InputError, match=r"'fc'.*\(20, 4\)"):
        chain(tmp_path, cell, [20, 4])


def test_axes_before_those_of_a_convolution_are_left_out(tmp_path):
    conv = nir.Conv2d((5, 5), np.ones((4, 2, 3, 3)), 1, 0, 1, 1, np.zeros(4))
    cell = nir.IF(r=np.ones((4, 3, 3)), v_threshold=np.ones((4, 3, 3)))
    for extent in ([2, 5, 5], [7, 2, 5, 5]):
        net = saved(tmp_path, {"in": nir.Input(np.array(extent)), "c": conv, "n": cell}, [("in", "c"), ("c", "n")])
        assert net.populations["in"].size == 50
    with pytest.raises(InputError, match=r"'c'"):
        saved(tmp_path, {"in": nir.Input(np.array([7, 3, 5, 5])), "c": conv, "n": cell}, [("in", "c"), ("c", "n")])


@pytest.mark.parametrize("wrong", [{"decay": "linear"}, {"initial": "rest"}, {"decay": 1}])
def test_unknown_words_are_refused_by_the_name_of_the_argument(wrong, tmp_path):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        chain(tmp_path, KINDS["LIF"](4), [3], **wrong)


def test_a_time_constant_of_zero_is_refused_with_each_decay(tmp_path):
    cell = nir.LIF(tau=np.array([0.01, 0.0]), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2))
    for decay in ("euler", "exponential"):
        with pytest.raises(InputError, match=r"`tau` must be greater than zero"):
            chain(tmp_path, cell, [3], decay=decay)
