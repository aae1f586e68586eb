"""The mapping study: each network by each method, counted alike, and ours never behind what it starts from."""

from dataclasses import replace

import pytest

from neuro.chip.cores import Limits
from neuro.chip.model import mesh_chip
from neuro.errors import UnknownName
from neuro.tasks import run_task
from neuro.tasks._trained_networks import filled_in_order
from tests.mapping.counting import drawn
from tests.tasks.test_mnist import write_images

TINY = (
    'networks=["lsm","braille_memory"]',
    "scale=0.05",
    "jin=[4]",
    'methods=["sequential","neuro"]',
    "effort=fast",
    'trained=["digits"]',
    "trained_size=0.01",
)


@pytest.fixture(scope="module")
def metrics():
    return run_task("mapping-study", overrides=TINY).metrics


@pytest.mark.parametrize("network", ["lsm", "braille_memory"])
def test_no_placement_of_ours_takes_more_hops_than_filling_cores_in_order(metrics, network):
    assert metrics[f"{network}_neuro_multicast_hops"] <= metrics[f"{network}_sequential_multicast_hops"]


@pytest.mark.parametrize("network", ["lsm", "braille_memory"])
@pytest.mark.parametrize("method", ["sequential", "neuro"])
def test_a_tree_has_a_link_for_each_delivery_and_no_more_than_its_paths(metrics, network, method):
    km1, trees, paths = (metrics[f"{network}_{method}_{key}"] for key in ("km1", "multicast_hops", "unicast_hops"))
    assert 0 < km1 <= trees <= paths


def test_the_layered_graph_has_a_length(metrics):
    assert metrics["jin_4_weighted_length"] > 0


def test_networks_of_our_own_take_less_time_and_fewer_deliveries_by_their_placement(metrics):
    for key, method in (("latency", "latency"), ("deliveries", "km1")):
        assert metrics[f"digits_{method}_{key}"] <= metrics[f"digits_in_order_{key}"]
    assert metrics["digits_latency_latency"] < 0.5 * metrics["digits_km1_latency"]
    assert metrics["digits_latency_cores"] > 1
    for method in ("in_order", "latency"):
        assert 0 < metrics[f"digits_{method}_dynamic_joules"] < metrics[f"digits_{method}_joules"]


def test_the_mnist_network_takes_less_time_on_more_cores(tmp_path, monkeypatch):
    write_images(tmp_path, 300, 0)
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    given = ("networks=[]", "jin=[]", 'trained=["mnist"]', "trained_size=0.002", "effort=fast")
    found = run_task("mapping-study", overrides=given).metrics
    assert found["mnist_latency_latency"] < 0.5 * found["mnist_in_order_latency"]
    assert found["mnist_latency_cores"] > found["mnist_in_order_cores"]


@pytest.mark.parametrize("name", ["store_recall", "stories"])
def test_recurrent_networks_of_our_own_take_less_time_on_more_cores_without_other_networks(name):
    pytest.importorskip("torch")
    given = ("networks=[]", "jin=[]", f'trained=["{name}"]', "trained_size=0.004", "effort=fast")
    found = run_task("mapping-study", overrides=given).metrics
    assert {key.removeprefix(f"{name}_").rsplit("_", 1)[0] for key in found} >= {"in_order", "km1", "latency"}
    assert found[f"{name}_latency_latency"] < 0.5 * found[f"{name}_in_order_latency"]
    assert found[f"{name}_latency_cores"] > 1
    for method in ("in_order", "km1", "latency"):
        assert 0 < found[f"{name}_{method}_dynamic_joules"] < found[f"{name}_{method}_joules"]


def test_cores_filled_in_order_are_within_their_limits():
    net, _ = drawn(2, (12, 9))
    chip = replace(mesh_chip(4, 4, neurons=4), limits=Limits(neurons=4, axons_in=14, synapses=20))
    placement = filled_in_order(net, chip)
    assert not placement.broken_limits
    assert placement.usage["neurons"][0] == 4


def test_an_unknown_network_is_named():
    with pytest.raises(UnknownName, match="elsewhere"):
        run_task("mapping-study", overrides=('trained=["elsewhere"]',))
    with pytest.raises(UnknownName, match="nowhere"):
        run_task("mapping-study", overrides=('networks=["nowhere"]',))
