"""Populations go to SONATA files and come back; what has no counterpart is refused by its name."""

from __future__ import annotations

import json
from dataclasses import fields

import h5py
import numpy as np
import pytest

import neuro as nr
from neuro.errors import InputError, UnsupportedFeature


def several():
    """All models that nodes can be, with numbers and arrays, receptors and initial values."""
    net, rng = nr.Network(seed=3), np.random.default_rng(0)
    net.add(nr.Population("cue", 6, nr.SpikeSource(), positions=rng.uniform(0, 1e-3, (6, 2))))
    lif = nr.LIF(
        tau_m=rng.uniform(0.01, 0.03, 5), v_th=1.0, tau_syn=(5e-3, None), refractory=2e-3, bias=1.1, v_min=-1.0
    )
    net.add(nr.Population("a b", 5, lif, initial={"v": rng.uniform(0, 0.5, 5), "i": 0.25}))
    ahp = nr.AHP(tau_m=20e-3, v_th=1.0, tau_ahp=(0.1, 0.03), jump=(0.5, 0.1), bias=rng.uniform(1.1, 1.5, 4))
    net.add(nr.Population("slow", 4, ahp))
    net.add(
        nr.Population("adapts", 3, nr.ALIF(tau_m=20e-3, v_th=1.0, tau_adapt=0.1, jump=0.5, reset="subtract", bias=1.4))
    )
    net.add(nr.Population("sum", 2, nr.IF(v_th=1.0, tau_syn=4e-3)))
    net.add(nr.Population("reads", 2, nr.LIF(tau_m=20e-3, v_th=None)))
    net.connect("cue", "a b", nr.Dense(rng.normal(0.5, 0.5, (6, 5))), delay=1e-3, name="first")
    net.connect("cue", "a b", nr.FixedProbability(0.5, weight=0.3), delay=2e-3, receptor=1, name="jumps")
    net.connect("a b", "slow", nr.Dense(rng.normal(0.2, 0.2, (5, 4))), delay=rng.uniform(1e-3, 3e-3, (5, 4)))
    net.connect("slow", "adapts", nr.Sparse([0, 3], [1, 2], [0.5, -0.25]), delay=1.5e-3)
    net.connect("adapts", "sum", nr.Dense(np.full((3, 2), 80.0)), delay=1e-3)
    net.connect("sum", "reads", nr.OneToOne(0.1), delay=1e-3)
    return net


def same(one, other):
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    if one is None or isinstance(one, str):
        return one == other
    return other is not None and np.array_equal(np.broadcast_to(one, np.shape(other)), np.asarray(other))


def test_a_network_comes_back_with_its_populations_its_synapses_and_its_spikes(tmp_path):
    net, file, types = several(), tmp_path / "net.h5", tmp_path / "types.csv"
    nr.write_sonata(net, file, node_types=types)
    found = nr.read_sonata(file, node_types=types)
    again = found.network()
    assert {name: each.size for name, each in found.nodes.items()} == {n: p.size for n, p in net.populations.items()}
    for name, population in net.populations.items():
        back = again.populations[name]
        assert type(back.model) is type(population.model)
        for key in fields(population.model):
            assert same(getattr(population.model, key.name), getattr(back.model, key.name)), (name, key.name)
        assert (back.initial or {}).keys() == (population.initial or {}).keys()
        assert all(same(value, back.initial[key]) for key, value in (population.initial or {}).items())
    np.testing.assert_allclose(again.populations["cue"].positions, net.populations["cue"].positions, rtol=3e-16)
    assert {n: (p.pre.name, p.post.name, p.receptor) for n, p in again.projections.items()} == {
        n: (p.pre.name, p.post.name, p.receptor) for n, p in net.projections.items()
    }
    given = {"cue": nr.Spikes(np.arange(1, 31) * 3e-3, np.arange(30) % 6)}
    ours, theirs = (nr.run(each, 0.1, inputs=given).spikes for each in (net, again))
    for name in ("a b", "slow", "adapts", "sum"):
        assert len(ours[name]) > 3
        assert theirs[name].ids.tolist() == ours[name].ids.tolist()
        np.testing.assert_allclose(theirs[name].times, ours[name].times, rtol=1e-9)


def test_without_the_table_of_types_nodes_are_not_read_and_no_network_is_made(tmp_path):
    nr.write_sonata(several(), tmp_path / "net.h5", node_types=tmp_path / "types.csv")
    found = nr.read_sonata(tmp_path / "net.h5")
    assert not found.nodes
    assert len(found.edges) == 6
    with pytest.raises(InputError, match="node_types="):
        found.network()


def of_nest(path, params=None, kind="point_neuron", template="nest:iaf_psc_delta", own=()):
    """Nodes of two types, as BMTK writes them for NEST."""
    with h5py.File(path / "nodes.h5", "w") as file:
        group = file.create_group("nodes/v1")
        group["node_type_id"], group["node_group_id"] = np.array([100, 101, 100], "u4"), np.zeros(3, "u4")
        group["node_group_index"] = np.array([2, 1, 0], "u4")
        group["0/dynamics_params/V_th"] = np.array([-50.0, -51.0, -52.0])
        for key in own:
            group[f"0/dynamics_params/{key}"] = np.ones(3)
    values = {"tau_m": 20.0, "C_m": 200.0, "I_e": 300.0, "E_L": -65.0, "V_reset": -60.0} | (params or {})
    (path / "a.json").write_text(json.dumps(values))
    (path / "b.json").write_text(json.dumps(values | {"tau_m": 30.0}))
    head = "node_type_id pop_name model_type model_template dynamics_params ei\n"
    rows = [f"{k} x {kind} {template} {f}.json e\n" for k, f in ((100, "a"), (101, "b"))]
    (path / "types.csv").write_text(head + "".join(rows))
    return nr.read_sonata(path / "nodes.h5", node_types=path / "types.csv")


def test_neurons_of_nest_have_the_parameters_of_their_types_and_their_own(tmp_path):
    cells = of_nest(tmp_path).nodes["v1"]
    assert cells.parameter("tau_m") == pytest.approx([20e-3, 30e-3, 20e-3])
    assert cells.parameter("v_th").tolist() == [-52.0, -51.0, -50.0]
    assert cells.parameter("refractory") == pytest.approx([2e-3] * 3)
    assert cells.parameter("bias") == pytest.approx([30.0, 45.0, 30.0])
    net = nr.Network()
    net.add(cells)
    first = nr.run(net, 0.1).spikes["v1"]
    # v climbs from E_L to E_L + 30 with 20 ms: it is at -52 when exp(-t/tau) = 17/30.
    assert first.times[first.ids == 0][0] == pytest.approx(20e-3 * np.log(30 / 17))
    assert of_nest(tmp_path, kind="virtual", own=()).nodes["v1"].size == 3


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"kind": "biophysical"}, "biophysical"),
        ({"template": "nest:iaf_psc_alpha"}, "iaf_psc_alpha"),
        ({"params": {"tau_minus": 3.0}}, "tau_minus"),
        ({"own": ["V_min"]}, "V_min"),
        ({"template": "neuro:LIF"}, "C_m"),
    ],
)
def test_models_and_parameters_that_are_not_known_are_refused_by_name(given, word, tmp_path):
    with pytest.raises(UnsupportedFeature, match=f"'v1'.*{word}"):
        of_nest(tmp_path, **given)


def test_populations_without_a_counterpart_are_refused_by_name(tmp_path):
    for model, word in (
        (nr.PoissonSource(rate=10.0), "PoissonSource"),
        (nr.SpikeSource([0.1], [0]), "spikes"),
        (nr.LoihiLIF(d_v=0, v_th=100), "LoihiLIF"),
    ):
        net = nr.Network()
        net.add(nr.Population("odd", 2, model))
        with pytest.raises(UnsupportedFeature, match=f"'odd'.*{word}"):
            nr.write_sonata(net, tmp_path / "net.h5", node_types=tmp_path / "types.csv")
        assert not (tmp_path / "net.h5").exists()
    with pytest.raises(InputError, match="only a Network"):
        nr.write_sonata({"a": nr.Spikes([], [])}, tmp_path / "s.h5", node_types=tmp_path / "types.csv")


def test_damaged_nodes_are_refused_by_the_file_and_the_population(tmp_path):
    file, types = tmp_path / "net.h5", tmp_path / "types.csv"
    for key, value in (
        ("node_type_id", [7] * 4), ("node_type_id", [0.5] * 4), ("node_id", [1, 0, 2, 3]),
        ("node_group_index", [0, 1, 2, 9]), ("node_group_id", [0, 0, 0, 1]), ("0/dynamics_params/tau_m", [-1.0] * 4),
        ("0/dynamics_params/bias", [[1.0]]),
    ):  # fmt: skip
        nr.write_sonata(several(), file, node_types=types)
        with h5py.File(file, "r+") as opened:
            del opened[f"nodes/slow/{key}"]
            opened[f"nodes/slow/{key}"] = value
        with pytest.raises((InputError, UnsupportedFeature), match=r"net\.h5.*'slow'"):
            nr.read_sonata(file, node_types=types)
    types.write_text("hello")
    with pytest.raises(InputError, match=r"types\.csv.*node_type_id"):
        nr.read_sonata(file, node_types=types)
