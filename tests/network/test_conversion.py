"""Synapses go to SciPy and NetworkX and come back as they were."""

from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import neuro as nr
from neuro.errors import WeightError
from neuro.network.listing import delays_of, triplets_of

CELL = nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=(5e-3, None))
MS = 1e-3


def projected(made, n_pre, n_post, delay=None):
    net = nr.Network()
    net.add(nr.Population("pre", n_pre, nr.SpikeSource()))
    net.add(nr.Population("post", n_post, CELL))
    return net, net.connect("pre", "post", made, delay=delay, receptor=1)


def edges(net, link):
    """Every synapse as (pre, post, weight, delay), in order."""
    found = triplets_of(link, net.seed)
    lags = delays_of(link, net.seed, found)
    columns = [np.broadcast_to(x, found.pre.shape).tolist() for x in (*found, lags)]
    return sorted(zip(*columns, strict=True))


@st.composite
def synapse_lists(draw):
    n_pre, n_post = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    pairs = draw(st.lists(st.tuples(st.integers(0, n_pre - 1), st.integers(0, n_post - 1)), max_size=15))
    weight = draw(st.lists(st.floats(-2, 2), min_size=len(pairs), max_size=len(pairs)))
    delay = draw(st.lists(st.floats(MS, 9 * MS), min_size=len(pairs), max_size=len(pairs)))
    return n_pre, n_post, nr.Sparse([i for i, _ in pairs], [j for _, j in pairs], weight, np.array(delay))


@given(case=synapse_lists(), form=st.sampled_from(["coo", "csr", "csc"]), twice=st.booleans())
def test_stored_entries_of_a_sparse_matrix_are_the_synapses(case, form, twice):
    n_pre, n_post, made = case
    places = list(zip(made.pre, made.post, strict=True))
    if form != "coo" or not twice:  # other forms may add up entries of one place
        first = {place: k for k, place in reversed(list(enumerate(places)))}
        keep = sorted(first.values())
        made = nr.Sparse(*(np.asarray(x)[keep] for x in (made.pre, made.post, made.weight, made.delay)))
    ids = np.asarray(made.pre, int), np.asarray(made.post, int)
    weight, delay = (sparse.coo_array((x, ids), (n_pre, n_post)) for x in (made.weight, made.delay))
    weight, delay = weight.asformat(form), delay.asformat(form)
    back = nr.Sparse.from_scipy(weight, delay=delay)
    assert edges(*projected(back, n_pre, n_post)) == edges(*projected(made, n_pre, n_post))


@given(case=synapse_lists())
def test_a_network_as_a_graph_has_every_neuron_and_synapse_and_goes_back(case):
    n_pre, n_post, made = case
    net, link = projected(made, n_pre, n_post)
    graph = net.to_networkx()
    assert set(graph) == {("pre", i) for i in range(n_pre)} | {("post", j) for j in range(n_post)}
    assert {about for *_, about in graph.edges(data="projection")} <= {"pre->post"}
    assert {about for *_, about in graph.edges(data="receptor")} <= {1}
    pre, post = [("pre", i) for i in range(n_pre)], [("post", j) for j in range(n_post)]
    back = nr.Sparse.from_networkx(graph, delay="delay", pre=pre, post=post)
    assert edges(*projected(back, n_pre, n_post)) == edges(net, link)


@given(case=synapse_lists(), directed=st.booleans())
def test_edges_of_a_graph_are_synapses_one_way_or_both(case, directed):
    n_pre, n_post, made = case
    size = max(n_pre, n_post)
    graph = (nx.MultiDiGraph if directed else nx.MultiGraph)()
    graph.add_nodes_from(range(size))
    for i, j, w in zip(made.pre, made.post, made.weight, strict=True):
        graph.add_edge(i, j, weight=w)
    matrix = nx.to_numpy_array(graph, multigraph_weight=sum)
    back = triplets_of(projected(nr.Sparse.from_networkx(graph), size, size, delay=MS)[1], 0)
    found = np.zeros((size, size))
    np.add.at(found, (back.pre, back.post), back.weight)
    assert np.allclose(found, matrix, rtol=0.0, atol=1e-12)


def test_nodes_have_the_parameters_of_their_neurons():
    net = nr.Network()
    places = np.array([[0.0, 1e-3], [2e-3, 0.0]])
    net.add(nr.Population("a", 2, nr.LIF(tau_m=20e-3, v_th=[1.0, 2.0], tau_syn=(None, [5e-3, 6e-3])), positions=places))
    net.add(nr.Population("b", 1, nr.LoihiLIF(d_v=204, v_th=None)))
    node = net.to_networkx().nodes["a", 1]
    assert [node[key] for key in ("model", "tau_m", "v_th", "reset")] == ["LIF", 20e-3, 2.0, "to_value"]
    assert node["tau_syn"] == (None, 6e-3)
    assert node["position"] == (2e-3, 0.0)
    assert net.to_networkx().nodes["b", 0]["v_th"] is None


def test_matrices_and_drawn_synapses_are_edges_with_their_own_weights_and_delays():
    net = nr.Network(seed=4)
    net.add(nr.Population("a", 3, CELL))
    net.connect("a", "a", nr.Dense([[0.0, 1.0, 2.0]] * 3), delay=np.arange(1, 10).reshape(3, 3) * MS, name="full")
    link = net.connect("a", "a", nr.FixedIndegree(2, nr.Normal(1.0, 0.1)), delay=nr.Uniform(MS, 2 * MS), name="drawn")
    graph = net.to_networkx()
    by_name = {name: [] for name in net.projections}
    for (_, i), (_, j), about in graph.edges(data=True):
        by_name[about["projection"]].append((i, j, about["weight"], about["delay"]))
    assert by_name["full"] == [(i, j, float(j), (3 * i + j + 1) * MS) for i in range(3) for j in (1, 2)]
    assert sorted(by_name["drawn"]) == edges(net, link)


@pytest.mark.parametrize(
    ("says", "bad"),
    [
        ("sparse matrix", lambda: nr.Sparse.from_scipy(np.eye(2))),
        ("places of the weights", lambda: nr.Sparse.from_scipy(sparse.eye(2), delay=sparse.eye(2, k=1))),
        ("sparse matrix", lambda: nr.Sparse.from_scipy(sparse.coo_array([1.0, 0.0]))),
        ("places of the weights", lambda: convert(*lagged((2, 2), (2, 3), (0, 1), (0, 1)))),
        ("places of the weights", lambda: convert(*lagged((2, 2), (2, 2), (0, 1), (1, 1)))),
        ("places of the weights", lambda: convert(*lagged((2, 2), (2, 2), (1, 0), (1, 1)))),
        ("graph of NetworkX", lambda: nr.Sparse.from_networkx(np.eye(2))),
        ("graph of NetworkX", lambda: nr.Sparse.from_networkx(SimpleNamespace(edges=[]))),
        ("graph of NetworkX", lambda: nr.Sparse.from_networkx(SimpleNamespace(is_directed=True))),
        ("attribute 'lag'", lambda: nr.Sparse.from_networkx(nx.path_graph(2), delay="lag")),
        ("twice", lambda: nr.Sparse.from_networkx(nx.path_graph(2), pre=[0, 0])),
        ("nodes of the graph", lambda: nr.Sparse.from_networkx(nx.path_graph(2), post=[0, 7])),
    ],
)
def test_what_cannot_be_converted_is_refused(says, bad):
    with pytest.raises(WeightError, match=says):
        bad()


def convert(matrix, delay):
    return nr.Sparse.from_scipy(matrix, delay=delay)


def lagged(shape, other, place, other_place):
    """One weight and one delay, in matrices of these shapes."""
    weight, delay = (sparse.coo_array(([1.0], ([i], [j])), of) for of, (i, j) in ((shape, place), (other, other_place)))
    return SimpleNamespace(tocoo=weight.tocoo, shape=shape), delay


def test_attributes_of_edges_are_weights_and_delays_and_weights_are_one_unless_told():
    graph = nx.DiGraph()
    graph.add_edge("b", "a", lag=2 * MS, strength=3.0)
    graph.add_edge("b", "b", lag=1 * MS)
    graph.add_edge("c", "a", lag=0.0, strength=-1.0)
    made = nr.Sparse.from_networkx(graph, weight="strength", delay="lag", pre=["c", "b"], post=["a", "b"])
    found = zip(made.pre.tolist(), made.post.tolist(), made.weight.tolist(), made.delay.tolist(), strict=True)
    assert list(found) == [(1, 0, 3.0, 2 * MS), (1, 1, 1.0, 1 * MS), (0, 0, -1.0, 0.0)]
    some = nr.Sparse.from_networkx(graph, pre=["b"], post=["a"], delay=nr.Uniform(MS, 2 * MS))
    assert (some.pre.tolist(), some.post.tolist(), some.weight.tolist()) == ([0], [0], [1.0])
    assert some.delay == nr.Uniform(MS, 2 * MS)
    none = nr.Sparse.from_networkx(graph, pre=["a"], delay="lag")
    assert [len(part) for part in (none.pre, none.post, none.weight, none.delay)] == [0] * 4


def test_an_edge_without_direction_is_one_synapse_each_way_and_a_loop_is_one():
    graph = nx.Graph([("a", "b"), ("b", "b")])
    made = nr.Sparse.from_networkx(graph)
    assert list(zip(made.pre.tolist(), made.post.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 1)]


def test_entries_of_a_matrix_come_by_source_and_then_by_target():
    ids = np.array([2, 0, 2, 0]), np.array([0, 1, 1, 0])
    matrix, lag = (sparse.coo_array((np.array(x), ids), (3, 2)) for x in ([1.0, 2.0, 0.0, 4.0], [5.0, 6.0, 7.0, 8.0]))
    made = nr.Sparse.from_scipy(matrix, delay=lag)
    assert [part.tolist() for part in (made.pre, made.post, made.weight, made.delay)] == [
        [0, 0, 2, 2], [0, 1, 0, 1], [4.0, 2.0, 1.0, 0.0], [8.0, 6.0, 5.0, 7.0],
    ]  # fmt: skip
    assert nr.Sparse.from_scipy(matrix, delay=MS).delay == MS


@pytest.mark.parametrize("places", [None, [[0.5, 1.0]]])
def test_a_node_is_a_neuron_with_its_model_and_its_place_if_it_has_one(places):
    net = nr.Network()
    net.add(nr.Population("a", 1, nr.SpikeSource(), positions=places))
    assert net.to_networkx().nodes["a", 0] == {"model": "SpikeSource", **({"position": (0.5, 1.0)} if places else {})}
