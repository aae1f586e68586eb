"""The mapping study: each network by each method, counted alike, and ours never behind what it starts from."""

import pytest

from neuro.errors import UnknownName
from neuro.tasks import run_task

TINY = ('networks=["lsm","braille_memory"]', "scale=0.05", "jin=[4]", 'methods=["sequential","neuro"]', "effort=fast")


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


def test_an_unknown_network_is_named():
    with pytest.raises(UnknownName, match="nowhere"):
        run_task("mapping-study", overrides=('networks=["nowhere"]',))
