"""Spikes and edges go to SONATA files and come back; files as other tools write them are read."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import DataError, InputError
from neuro.exchange.spike_files import read_spikes
from tests.strategies import small_networks


def edges_of(network, name):
    graph = network.to_networkx()
    found = [(i, j, about) for (_, i), (_, j), about in graph.edges(data=True) if about["projection"] == name]
    return sorted((i, j, about["weight"], about["delay"]) for i, j, about in found)


@given(case=small_networks(whole=True, more=True))
def test_all_synapses_of_a_network_come_back(case, tmp_path_factory):
    network = case[0]
    assume(not any("/" in name for name in network.projections))
    path = tmp_path_factory.mktemp("sonata") / "edges.h5"
    nr.write_sonata(network, path)
    found = nr.read_sonata(path)
    assert set(found.edges) == set(network.projections)
    for name, projection in network.projections.items():
        edges = found.edges[name]
        assert (edges.source, edges.target) == (projection.pre.name, projection.post.name)
        again = nr.Network()
        again.add(projection.pre)
        if projection.post is not projection.pre:
            again.add(projection.post)
        delay = 1e-3 if edges.synapses.delay is None else None
        again.connect(edges.source, edges.target, edges.synapses, delay=delay, receptor=projection.receptor, name=name)
        ours, back = edges_of(network, name), edges_of(again, name)
        assert [each[:3] for each in back] == [each[:3] for each in ours]
        np.testing.assert_allclose([each[3] for each in back], [each[3] for each in ours], rtol=3e-16)


TIMES = st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 2**40)), max_size=20)


@given(
    trains=st.dictionaries(
        st.text("ab->é .", min_size=1).filter(lambda name: name != "."), TIMES, min_size=1, max_size=3
    )
)
def test_spikes_come_back_to_the_last_bit_but_one(trains, tmp_path_factory):
    path = tmp_path_factory.mktemp("sonata") / "spikes.h5"
    assume(not any(name.strip(".") == "" for name in trains))
    given = {name: nr.Spikes([t for t, _ in pairs], [i for _, i in pairs]) for name, pairs in trains.items()}
    nr.write_sonata(given, path)
    found = nr.read_sonata(path).spikes
    assert set(found) == set(given)
    for name, spikes in given.items():
        order = np.lexsort((found[name].times, found[name].ids)), np.lexsort((spikes.times, spikes.ids))
        assert found[name].ids[order[0]].tolist() == spikes.ids[order[1]].tolist()
        np.testing.assert_allclose(found[name].times[order[0]], spikes.times[order[1]], rtol=3e-16, atol=1e-320)


def small():
    net = nr.Network()
    net.add(nr.Population("cue", 3, nr.SpikeSource()))
    net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.Sparse([0, 1, 2], [0, 1, 3], [1.5, 1.5, 0.5]), delay=[1e-3, 2e-3, 3e-3], name="link")
    return net


def test_a_recording_is_written_as_the_format_says_and_feeds_another_run(tmp_path):
    rec = nr.run(small(), 0.02, inputs={"cue": nr.Spikes([1e-3, 2e-3], [0, 1])})
    nr.write_sonata(rec, tmp_path / "spikes.h5")
    with h5py.File(tmp_path / "spikes.h5") as file:
        assert file.attrs["magic"] == 0x0A7A
        assert file.attrs["version"].tolist() == [0, 1]
        cell = file["spikes/cell"]
        assert h5py.check_enum_dtype(cell.attrs.get_id("sorting").dtype)["by_time"] == cell.attrs["sorting"]
        assert cell["timestamps"].attrs["units"] == "ms"
        assert cell["timestamps"][()].tolist() == (rec.spikes["cell"].times * 1e3).tolist()
        assert cell["node_ids"].dtype == np.uint64
    back = read_spikes(tmp_path / "spikes.h5", small(), dt=1e-3)
    assert list(back) == ["cue"]
    assert nr.run(small(), 0.02, inputs=back).spikes["cell"].times.tolist() == rec.spikes["cell"].times.tolist()


def as_bmtk(path, *, grouped=True):
    """Edges of two groups, of which one has weights of its own, as BMTK writes them."""
    with h5py.File(path, "w") as file:
        own = file.create_group("edges/v1_to_v1")
        own["source_node_id"], own["target_node_id"] = np.array([0, 1, 2], "u8"), np.array([1, 2, 0], "u8")
        own["source_node_id"].attrs["node_population"] = np.bytes_("v1")
        own["target_node_id"].attrs["node_population"] = "v1"
        own["edge_type_id"] = np.array([100, 101, 100], "u4")
        own["edge_group_id"] = np.array([0, 1, 1], "u2")
        own["edge_group_index"] = np.array([0, 1, 0], "u4")
        if grouped:
            own["1/syn_weight"] = np.array([0.25, 0.75])
        own["0/nsyns"] = np.array([3])
    types = "edge_type_id syn_weight delay model\n100 2.0 1.5 static\n101 NULL 2.5 static\n"
    path.with_suffix(".csv").write_text(types)


def test_weights_and_delays_come_from_groups_and_from_the_table_of_types(tmp_path):
    as_bmtk(tmp_path / "edges.h5")
    found = nr.read_sonata(tmp_path / "edges.h5", edge_types=tmp_path / "edges.csv").edges["v1_to_v1"]
    assert (found.source, found.target) == ("v1", "v1")
    assert found.synapses.weight.tolist() == [6.0, 0.75, 0.25]
    assert found.synapses.delay.tolist() == [1.5e-3, 2.5e-3, 1.5e-3]
    with pytest.raises(InputError, match=r"v1_to_v1.*syn_weight"):
        nr.read_sonata(tmp_path / "edges.h5")
    as_bmtk(tmp_path / "edges.h5", grouped=False)
    with pytest.raises(InputError, match=r"v1_to_v1.*syn_weight"):
        nr.read_sonata(tmp_path / "edges.h5", edge_types=tmp_path / "edges.csv")


def test_spikes_of_early_versions_and_other_units_are_read_and_unknown_units_refused(tmp_path):
    path = tmp_path / "spikes.h5"
    for unit, expected in (("ms", 5e-3), ("s", 5.0), (None, 5e-3)):
        with h5py.File(path, "w") as file:
            file["spikes/timestamps"], file["spikes/gids"] = [5.0], [7]
            if unit:
                file["spikes/timestamps"].attrs["units"] = unit
        spikes = nr.read_sonata(path).spikes["All"]
        assert (spikes.times.tolist(), spikes.ids.tolist()) == ([expected], [7])
    with h5py.File(path, "r+") as file:
        file["spikes/timestamps"].attrs["units"] = "fortnights"
    with pytest.raises(InputError, match="fortnights"):
        nr.read_sonata(path)


def test_what_is_no_sonata_file_is_refused_by_name(tmp_path):
    path = tmp_path / "x.h5"
    with pytest.raises(DataError, match=r"x\.h5"):
        nr.read_sonata(path)
    path.write_text("hello")
    with pytest.raises(InputError, match=r"x\.h5"):
        nr.read_sonata(path)
    with h5py.File(path, "w") as file:
        file["nodes/a"] = [1]
    with pytest.raises(InputError, match=r"x\.h5.*`spikes` or `edges`"):
        nr.read_sonata(path)
    nr.write_sonata(small(), path)
    for key, value in (("source_node_id", [0.5]), ("edge_group_index", [0, 1, 9]), ("0/delay", [[1.0]])):
        nr.write_sonata(small(), path)
        with h5py.File(path, "r+") as file:
            del file[f"edges/link/{key}"]
            file[f"edges/link/{key}"] = value
        with pytest.raises(InputError, match=r"x\.h5"):
            nr.read_sonata(path)
    with pytest.raises(InputError, match="Network, a Recording"):
        nr.write_sonata([1, 2], path)
    with pytest.raises(InputError, match="Network, a Recording"):
        nr.write_sonata({}, path)
    with pytest.raises(InputError, match="slash"):
        nr.write_sonata({"a/b": nr.Spikes([], [])}, path)
