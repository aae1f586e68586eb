"""What lies on the way from one population to another: delays, weights, biases and loops are taken once, or refused."""

from itertools import pairwise

import h5py
import nir
import numpy as np
import pytest

import neuro as nr
from neuro.errors import InputError, UnsupportedFeature
from tests.exchange.test_nir import DT, KINDS, saved


def cell(size=1):
    return nir.IF(r=np.full(size, 1 / DT), v_threshold=np.full(size, 9.0))


def chain(path, *between, size=1, target=None):
    """A source, some nodes one after the other, and cells."""
    nodes = {"in": nir.Input(np.array([size])), **{f"n{k}": node for k, node in enumerate(between)}}
    nodes["cell"] = cell(size) if target is None else target
    names = list(nodes)
    return saved(path, nodes, list(pairwise(names)))


def delay(*steps):
    return nir.Delay(DT * np.array(steps, float))


def test_delays_add_up_and_a_step_comes_on_top(tmp_path):
    net = chain(tmp_path, delay(2), nir.Flatten({"input": np.array([1])}, 0), delay(3))
    assert net.projections["n2"].delay == pytest.approx(6 * DT, rel=1e-12)
    assert chain(tmp_path, delay(4, 4), size=2).projections["n0"].delay == pytest.approx(5 * DT, rel=1e-12)
    direct = chain(tmp_path)
    assert list(direct.projections) == ["in->cell"]
    assert direct.projections["in->cell"].delay == DT
    assert isinstance(direct.projections["in->cell"].synapses, nr.OneToOne)
    assert direct.projections["in->cell"].synapses.weight.tolist() == [1.0]


@pytest.mark.parametrize(
    "between",
    [
        (nir.Affine(np.eye(2), np.ones(2)), delay(2, 2)),
        (nir.Affine(np.eye(2), np.ones(2)), delay(2, 3)),
    ],
    ids=["one delay", "two delays"],
)
def test_a_delay_of_a_bias_is_refused(tmp_path, between):
    with pytest.raises(UnsupportedFeature, match=r"node 'n1'.*a Delay must lie behind nodes without a bias.*got \["):
        chain(tmp_path, *between, size=2)


def test_a_bias_of_zero_may_be_delayed(tmp_path):
    net = chain(tmp_path, nir.Affine(2.0 * np.eye(2), np.zeros(2)), delay(2, 2), size=2)
    assert net.projections["n1"].delay == pytest.approx(3 * DT, rel=1e-12)
    assert net.projections["n1"].synapses.weight.tolist() == [[2.0, 0.0], [0.0, 2.0]]


def test_a_scale_is_a_diagonal_and_biases_pass_through_what_follows(tmp_path):
    weight, bias, scale = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0]), np.array([10.0, 100.0])
    net = chain(tmp_path, nir.Scale(scale), nir.Affine(weight, bias), nir.Affine(weight, bias), size=2)
    assert net.projections["n2"].synapses.weight.tolist() == pytest.approx((weight @ weight @ np.diag(scale)).T)
    assert net.populations["cell"].model.bias * DT == pytest.approx(weight @ bias + bias)
    alone = chain(tmp_path, nir.Scale(scale), size=2)
    assert alone.projections["n0"].synapses.weight == pytest.approx(np.diag(scale))


def test_a_loop_without_a_neuron_is_refused_and_one_with_a_neuron_is_not(tmp_path):
    one = nir.Linear(np.ones((1, 1)))
    nodes = {"in": nir.Input(np.array([1])), "a": one, "b": one, "cell": cell()}
    edges = [("in", "a"), ("a", "b"), ("b", "a"), ("b", "cell")]
    with pytest.raises(UnsupportedFeature, match=r"node '[ab]'.*a loop needs a neuron in it"):
        saved(tmp_path, nodes, edges)
    net = saved(tmp_path, nodes, [("in", "a"), ("a", "cell"), ("cell", "b"), ("b", "cell")])
    assert {name: (p.pre.name, p.post.name) for name, p in net.projections.items()} == {
        "a": ("in", "cell"),
        "b": ("cell", "cell"),
    }


def test_two_paths_that_end_in_one_node_are_two_projections(tmp_path):
    one = nir.Linear(np.ones((1, 1)))
    nodes = {"left": nir.Input(np.array([1])), "right": nir.Input(np.array([1])), "sum": one, "cell": cell()}
    net = saved(tmp_path, nodes, [("left", "sum"), ("right", "sum"), ("sum", "cell")])
    assert {name: p.pre.name for name, p in net.projections.items()} == {"sum": "left", "right->cell": "right"}


def test_what_is_not_known_is_answered_with_what_is(tmp_path):
    chain(tmp_path, nir.Scale(np.ones(1)))
    with h5py.File(tmp_path / "net.nir", "a") as file:
        del file["node/nodes/n0/type"]
        file["node/nodes/n0"].create_dataset("type", data="Neurode")
    with pytest.raises(UnsupportedFeature, match=r"net\.nir, node 'n0'.*no Neurode.*Known: Input, Output, LIF.*Linear"):
        nr.read_nir(tmp_path / "net.nir", dt=DT)


def test_an_edge_to_nowhere_is_refused(tmp_path):
    nodes = {"in": nir.Input(np.array([1])), "cell": cell()}
    for edge in (("in", "nobody"), ("nobody", "cell")):
        with pytest.raises(InputError, match="node 'nobody'"):
            saved(tmp_path, nodes, [("in", "cell"), edge])


@pytest.mark.parametrize("kind", KINDS)
def test_a_population_has_the_numbers_of_its_node(tmp_path, kind):
    node = KINDS[kind](3)
    net = chain(tmp_path, nir.Affine(np.eye(3), np.array([1.0, 2.0, 3.0])), size=3, target=node)
    found = net.populations["cell"]
    gain = node.r * (node.w_in if kind.startswith("Cuba") else 1.0)
    assert found.size == 3
    assert found.model.bias == pytest.approx(gain * np.array([1.0, 2.0, 3.0]))
    assert found.parameter("v_reset") == pytest.approx(getattr(node, "v_reset", np.zeros(3)))
    assert found.parameter("v_th", np.inf) == pytest.approx(getattr(node, "v_threshold", np.full(3, np.inf)))
    assert found.parameter("v_rest") == pytest.approx(getattr(node, "v_leak", np.zeros(3)))
    assert found.initial["v"] == 0.0
    tau = getattr(node, "tau_mem", getattr(node, "tau", None))
    assert isinstance(found.model, nr.IF if tau is None else nr.LIF)
    jump = DT * node.r if tau is None else DT * node.r / tau
    if kind.startswith("Cuba"):
        assert found.initial["i"] == pytest.approx(-gain * np.array([1.0, 2.0, 3.0]))
        assert found.model.tau_syn == pytest.approx(node.tau_syn)
        jump = DT * gain / node.tau_syn
    assert net.projections["n0"].synapses.weight == pytest.approx(np.diag(jump))


def test_an_image_is_as_many_sources_as_it_has_places(tmp_path):
    nodes = {"in": nir.Input(np.array([2, 3, 4])), "cell": cell(24)}
    assert saved(tmp_path, nodes, []).populations["in"].size == 24
