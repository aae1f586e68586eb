"""Rules, objectives and files of placements at their boundaries: core 0, the last core, one, none, and equal."""

from __future__ import annotations

import dataclasses
import sys
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.model import Limits, Quantity
from neuro.errors import InfeasibleError, InputError, NeuroError, ParameterError, PeerError, PlacementError, UnknownName
from neuro.mapping.baselines import baseline, fill_cores, hyperedges
from neuro.mapping.compare import broken_limits, changed, compare, what_if
from neuro.mapping.constraints import rules_of
from neuro.mapping.fan_in import split_fan_in
from neuro.mapping.files import read_placement, write_hmetis, write_placement
from neuro.mapping.layout.lower_bound import gilmore_lawler
from neuro.mapping.layout.nets import nets_of
from neuro.mapping.layout.relieve_link import relieve_link
from neuro.mapping.metrics import bounds, judge
from neuro.mapping.objective import prices_of, weights_of
from neuro.mapping.partition.hypergraph import Hypergraph, hypergraph_of
from neuro.mapping.partition.large import partition_large
from neuro.mapping.partition.tables import tables_of
from neuro.mapping.place import deliveries_at_least
from neuro.mapping.refine import refine as refining
from neuro.mapping.refine.refine import price
from neuro.mapping.routes import placement_of_network
from neuro.mapping.search import Prices, axes
from neuro.mapping.traffic import spikes_of, traffic_of
from tests.mapping.networks import random_traffic, traffic_from
from tests.placements import priced

LIF = nr.LIF(tau_m=20e-3, v_th=1.0)


def network(*sizes, model=LIF):
    """Populations a, b, ... without synapses."""
    net = nr.Network()
    for name, size in zip("abcdef", sizes, strict=False):
        net.add(nr.Population(name, size, model))
    return net


def rules(net, chip, *, cores=None, pinned=None, dead=(), together=(), apart=()):
    return rules_of(net, chip, traffic_of(net), cores, pinned or {}, dead, together, apart)


CHIP = nr.mesh_chip(3, 2, neurons=4)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 0), (5, 0)])
def test_neurons_that_stay_together_are_pinned_to_one_core_at_most(one, other):
    net = network(2, 2)
    with pytest.raises(ParameterError, match=r"neuron [01] of '[ab]': neurons that stay together cannot be pinned"):
        rules(net, CHIP, pinned={"a": one, "b": other}, together=[("a", "b")])
    with pytest.raises(ParameterError, match="pinned to several cores"):
        rules(net, CHIP, pinned={"a": [one, other]}, together=[("a",)])
    for allowed in ({"a": one, "b": one}, {"a": [one, -1]}, {"b": [-1, other]}):
        found = rules(net, CHIP, pinned=allowed, together=[("a", "b")])
        (core,) = {int(c) for value in allowed.values() for c in np.ravel(value)} - {-1}
        assert found.cores[found.fixed].tolist() == [core]


@given(
    core=st.lists(st.integers(-1, 5), min_size=4, max_size=4),
    dead=st.sets(st.integers(0, 5), max_size=2),
)
def test_a_pinned_neuron_has_the_part_of_its_core_and_all_others_none(core, dead):
    core = [-1 if c in dead else c for c in core]
    found = rules(network(4), CHIP, pinned={"a": core}, dead=sorted(dead))
    assert [int(found.cores[part]) if part >= 0 else -1 for part in found.fixed] == core
    pinned = sorted(set(core) - {-1})
    assert found.cores.tolist() == [*pinned, *sorted(set(range(6)) - dead - set(pinned))]
    assert found.parts == 6 - len(dead)


def test_as_many_cores_as_are_allowed_may_be_pinned():
    net = network(3)
    assert rules(net, CHIP, pinned={"a": [4, 0, 2]}, cores=3).cores.tolist() == [0, 2, 4]
    with pytest.raises(ParameterError, match=r"pinned to 3 cores; got 2 cores that may be used"):
        rules(net, CHIP, pinned={"a": [4, 0, 2]}, cores=2)


@pytest.mark.parametrize("dead", [[-1], [6], [0, 6], [-2, 7]])
def test_a_dead_core_is_one_of_the_chip(dead):
    with pytest.raises(ParameterError, match=rf"dead.*0\.\.5; got {min(dead) if min(dead) < 0 else max(dead)}"):
        rules(network(1), CHIP, dead=dead)
    assert rules(network(1), CHIP, dead=[0, 5, 5]).cores.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("cores", [0, -1, 7, True, 2.0])
def test_a_number_of_cores_is_one_that_works(cores):
    with pytest.raises(ParameterError, match=r"has 6 that work"):
        rules(network(1), CHIP, cores=cores)
    assert rules(network(1), CHIP, cores=6).parts == 6
    assert rules(network(1), CHIP, cores=np.int64(1)).parts == 1
    assert rules(network(1), CHIP, cores=5, dead=[3]).parts == 5
    with pytest.raises(ParameterError, match=r"has 5 that work.*got 6"):
        rules(network(1), CHIP, cores=6, dead=[3])


@pytest.mark.parametrize("bad", [6, -2, [0, 6], [0.5, 1.0], [0, 1, 2], "x"])
def test_neurons_are_pinned_to_cores_that_work(bad):
    with pytest.raises(ParameterError, match=r"pinned, population 'a'"):
        rules(network(2), CHIP, pinned={"a": bad})
    with pytest.raises(ParameterError, match=r"that work, or -1; got 3"):
        rules(network(2), CHIP, pinned={"a": [-1, 3]}, dead=[3])


def test_groups_that_share_a_population_are_one_group_and_keep_their_order():
    found = rules(network(1, 2, 1, 1), CHIP, together=[("b",), ("d", "b")])
    assert found.terms.into.tolist() == [0, 1, 1, 2, 1]
    assert rules(network(1, 2), CHIP).terms.into.tolist() == [0, 1, 2]


def test_populations_apart_clash_both_ways_and_with_no_others():
    found = rules(network(1, 1, 1, 1), CHIP, apart=[("c", "a"), ("a", "b")])
    assert found.terms.label.tolist() == [0, 1, 2, -1]
    assert found.terms.clash.tolist() == [[False, True, True], [True, False, False], [True, False, False]]
    for wrong in (("a", "a"), ("a", "b", "c"), ("a",)):
        with pytest.raises(ParameterError, match="come in pairs of two"):
            rules(network(1, 1, 1), CHIP, apart=[wrong])
    with pytest.raises(ParameterError, match="cannot keep apart"):
        rules(network(1, 1, 1), CHIP, apart=[("a", "b")], together=[("a", "c", "b")])


def test_a_network_that_just_fits_is_not_refused():
    assert rules(network(24), CHIP).least == 6
    with pytest.raises(
        InfeasibleError, match=r"6 cores of 4 are given, at least 7 needed, such as a mesh of 4 x 2"
    ) as no:
        rules(network(25), CHIP)
    assert (no.value.limit, no.value.most, no.value.needed, no.value.proved) == ("neurons", 24, 25, True)
    assert "25 neurons, 25 of them in 'a'" in str(no.value)
    assert rules(network(4, 1), CHIP, together=[("a",)]).least == 2
    with pytest.raises(InfeasibleError, match=r"the neurons that stay together with neuron 0 of 'b'.*neurons = 5"):
        rules(network(1, 5), CHIP, together=[("b",)])
    ahp = nr.LoihiAHP(d_v=204, v_th=127, d_a=5, w_a=96)
    assert rules(network(12, model=ahp), CHIP).least == 6
    with pytest.raises(InfeasibleError, match="at least 7 needed"):
        rules(network(13, model=ahp), CHIP)


def fan(inputs, weight=1.0):
    """Some neurons onto the last one."""
    net = network(inputs, 1)
    net.connect("a", "b", nr.Sparse(np.arange(inputs), np.zeros(inputs, int), weight), delay=1e-3)
    return net


@pytest.mark.parametrize("limit", ["fan_in", "synapses", "axons_in"])
def test_a_neuron_with_just_as_many_inputs_as_a_core_takes_is_not_refused(limit):
    chip = dataclasses.replace(CHIP, limits=Limits(neurons=9, **{limit: 5}))
    assert rules(fan(5), chip).least >= 1
    with pytest.raises(InfeasibleError, match=rf"neuron 0 of 'b'.*{limit} = 6"):
        rules(fan(6), chip)


@pytest.mark.parametrize("weights", [{"km1": -1e-9}, {"km1": np.nan}, {"km1": np.inf}, {"km1": True}, {"km1": "1"}])
def test_a_weight_of_an_objective_is_a_number_not_below_zero(weights):
    with pytest.raises(ParameterError, match="km1"):
        weights_of(weights)
    assert weights_of({"km1": 0, "cores": 2}) == {"km1": 0.0, "cores": 2.0}
    for nothing in ({}, {"km1": 0.0}):
        with pytest.raises(ParameterError, match="above zero"):
            weights_of(nothing)


def test_prices_of_an_objective_are_those_of_its_parts():
    energy = {
        f"hop_{way}": Quantity(v, "J", "t")
        for way, v in zip(("east", "west", "north", "south"), (1, 2, 3, 6), strict=True)
    }
    energy |= {"message_in": Quantity(10.0, "J", "t"), "tile": Quantity(20.0, "J", "t")}
    energy |= {"message_out": Quantity(100.0, "J", "t"), "message_out:far": Quantity(None, "J", "t")}
    many = {"energy": 2.0, "cut_synapse_spikes": 0.5, "cores": 0.25, "unicast_hops": 5.0, "max_link": 7.0}
    assert prices_of(many, priced(energy=energy)) == Prices(7.0, 0.75 + 2 * 130.0, 5.0 + 2 * 3.0)
    assert prices_of(many, priced(energy=energy, routing="multicast")) == Prices(7.0 + 2 * 3.0, 0.75 + 2 * 30.0, 5.0)
    assert prices_of("energy", priced(energy={})) == Prices(1.0, 0.0, 0.0)
    assert prices_of("latency", CHIP) == Prices(1.0, 0.0, 0.0)


def test_axes_are_those_that_messages_take_first_and_second():
    x, y, width, height = axes(CHIP)
    assert (x.tolist(), y.tolist(), width, height) == ([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], 3, 2)
    first, second, long, wide = axes(dataclasses.replace(CHIP, first_axis="y"))
    assert (first.tolist(), second.tolist(), long, wide) == (y.tolist(), x.tolist(), 2, 3)


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        (5, InputError), ([1.0, 2.0], InputError), ({"a": 1.0}, InputError), ({"a": -1e-9, "b": 1.0}, InputError),
        ({"a": np.inf, "b": 1.0}, InputError), ({"a": [1.0], "b": 1.0}, InputError), ({"c": 1.0}, UnknownName),
    ],
)  # fmt: skip
def test_traffic_is_a_number_of_spikes_for_each_neuron(given_, error):
    with pytest.raises(error):
        spikes_of(network(2, 1), given_)
    assert spikes_of(network(2, 1), None).tolist() == [1.0, 1.0, 1.0]
    assert spikes_of(network(2, 1), {"b": 0.5, "a": [0.0, 3.0]}).tolist() == [0.0, 3.0, 0.5]


def test_a_recording_is_its_spikes():
    spikes = {"a": nr.Spikes([0.1, 0.2, 0.3], [1, 1, 0]), "b": nr.Spikes([], [])}
    run = nr.Recording(spikes=spikes, v={}, v_times=np.zeros(0), events={}, start=0.0, stop=1.0)
    assert spikes_of(network(2, 1), run).tolist() == [1.0, 2.0, 0.0]


def test_a_neuron_in_words_is_its_number_in_its_population():
    found = traffic_of(network(2, 0, 3))
    assert [found.name(i) for i in (0, 1, 2, 4)] == [
        f"neuron {k} of {name!r}" for k, name in ((0, "a"), (1, "a"), (0, "c"), (2, "c"))
    ]
    assert {name: part.tolist() for name, part in found.by_population(np.arange(5)).items()} == {
        "a": [0, 1], "b": [], "c": [2, 3, 4],
    }  # fmt: skip


@pytest.mark.parametrize(
    "synapses",
    [
        nr.Sparse([0, 1], [0, 0], [1.0, 0.0]),
        nr.Sparse([0, 1, 1], [0, 0, 0], np.array([1, 2, 3], np.float32)),
        nr.Sparse([0, 1], [0, 0], 0.0),
        nr.AllToAll(1.0),
        nr.FixedIndegree(2, 1.0),
    ],
)
@pytest.mark.parametrize("beside", [None, nr.Sparse([0], [0], 2.0), nr.Sparse([0], [0], 0.0), nr.AllToAll(0.0)])
def test_a_placement_is_that_of_its_cores_however_its_synapses_are_given(synapses, beside):
    net = network(2, 1)
    net.connect("a", "b", synapses, delay=1e-3)
    if beside is not None:
        net.connect("a", "b", beside, delay=1e-3)
    core = np.array([0, 3, 5])
    found, known = placement_of_network(net, CHIP, traffic_of(net), core), nr.placed(net, CHIP, {"a": core[:2], "b": 5})
    assert found.structure == known.structure
    for name in ("start", "core", "synapses", "nonzero"):
        assert getattr(found.routes, name).tolist() == getattr(known.routes, name).tolist()


def test_the_fullest_limit_comes_first_and_its_share_is_use_over_limit():
    net = fan(5)
    chip = dataclasses.replace(CHIP, limits=Limits(neurons=8, synapses=10, axons_in=5))
    found = judge(nr.placed(net, chip, {"a": [0, 0, 0, 1, 1], "b": 2}), net)
    assert found.binding == {"axons_in": 1.0, "synapses": 0.5, "neurons": 3 / 8}
    assert list(found.binding) == ["axons_in", "synapses", "neurons"]
    assert broken_limits(nr.placed(net, chip, {"a": 0, "b": 0})) == {}
    tight = dataclasses.replace(chip, limits=Limits(neurons=5))
    assert broken_limits(nr.placed(net, tight, {"a": 1, "b": 1})) == {"neurons": (1, 6, 5)}


def test_a_gap_is_cost_over_bound_where_there_is_one():
    net = fan(3)
    found = judge(nr.placed(net, nr.mesh_chip(2, 2, neurons=2), {"a": [0, 1, 2], "b": 3}), net, {"a": 2.0, "b": 1.0})
    assert (found.costs["km1"], found.costs["cores"], found.bounds["cores"]) == (6.0, 4.0, 2.0)
    assert found.gaps["cores"] == 1.0
    assert all(found.gaps[name] == found.costs[name] / found.bounds[name] - 1.0 for name in found.gaps)
    assert "energy" not in found.gaps


@pytest.mark.parametrize("shape", ["ring", "", None])
def test_inputs_are_gathered_in_a_chain_or_a_tree_of_two_or_more(shape):
    many = traffic_from(4, [(0, 3), (1, 3), (2, 3)], [1.0, 2.0, 4.0, 8.0])
    with pytest.raises(ParameterError, match=r"split_fan_in.*chain"):
        split_fan_in(many, 2, shape)
    for fan_in in (1, 0, -1):
        with pytest.raises(ParameterError, match=rf"at least 2; got {fan_in}"):
            split_fan_in(many, fan_in)
    assert split_fan_in(many, 3).relays == 0
    found = split_fan_in(many, 2)
    assert (found.relays, found.depth, found.spikes, found.owner.tolist()) == (1, 1, 3.0, [3])
    double = traffic_from(4, [(0, 3), (0, 3), (1, 3)], [1.0] * 4)
    with pytest.raises(ParameterError, match=r"neuron 3.*a pair of neurons has 2 synapses, which a relay of 2"):
        split_fan_in(double, 2)


@pytest.mark.parametrize(("shape", "relays", "depth", "spikes"), [("tree", 3, 2, 20.0), ("chain", 3, 3, 19.0)])
def test_five_inputs_through_relays_of_two_by_hand(shape, relays, depth, spikes):
    five = traffic_from(6, [(k, 5) for k in range(5)], [1.0, 2.0, 3.0, 4.0, 5.0, 0.0])
    found = split_fan_in(five, 2, shape)
    made = found.traffic
    assert (found.relays, found.depth) == (relays, depth)
    assert made.fan_in.max() == 2
    assert made.spikes[6:].sum() == found.spikes == spikes
    for relay in range(6, 9):  # a relay sends what arrives at it
        arriving = made.source[made.target == relay]
        assert made.spikes[relay] == made.spikes[arriving].sum()


def test_hyperedges_are_those_who_send_and_their_targets():
    found = traffic_from(4, [(0, 0), (1, 0), (1, 2), (2, 2), (3, 1)], [5.0, 0.2, 3.0, 0.0])
    assert hyperedges(found) == ([[0, 1, 2]], [1])
    sent = traffic_from(3, [(0, 1), (2, 1), (2, 0)], [1.5, 9.0, 2.6])
    assert hyperedges(sent) == ([[0, 1], [0, 1, 2]], [2, 3])


def test_a_hypergraph_is_written_from_one(tmp_path):
    net = network(2, 1)
    net.connect("a", "b", nr.Sparse([0, 1], [0, 0], 1.0), delay=1e-3)
    write_hmetis(net, tmp_path / "net.hgr", {"a": [2.0, 0.0], "b": 1.0})
    assert (tmp_path / "net.hgr").read_text() == "1 3 1\n2 1 3\n"


def test_filling_begins_anew_at_a_break_and_where_a_limit_is_just_passed():
    chain = traffic_from(6, [(k, k + 1) for k in range(5)], [1.0] * 6)
    order = np.arange(6)
    assert fill_cores(chain, nr.mesh_chip(3, 2, neurons=3), order, np.array([0])).tolist() == [0, 0, 0, 1, 1, 1]
    assert fill_cores(chain, nr.mesh_chip(3, 2, neurons=3), order, np.array([0, 2])).tolist() == [0, 0, 1, 1, 1, 2]
    for limits in ({"columns": 2}, {"synapses": 2}, {"axons_in": 2}, {"rows": 2}):
        chip = dataclasses.replace(CHIP, limits=Limits(**limits))
        most = 2 if "columns" in limits else 3
        found = fill_cores(chain, chip, order, np.array([0]))
        assert np.count_nonzero(found == 0) == most, limits
    for name in ("sequential", "row-major", "random"):
        with pytest.raises(PeerError, match=r"needs 6 cores.*5 cores"):
            baseline(name, chain, nr.mesh_chip(5, 1, neurons=1))
        assert len(set(baseline(name, chain, nr.mesh_chip(6, 1, neurons=1)).tolist())) == 6


def fake(monkeypatch, name, **parts):
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    vars(module).update(parts)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(("neurons", "cores", "parts"), [(3, None, 2), (2, None, 3), (3, 4, 4), (2, 99, 6), (5, 1, 1)])
def test_metis_is_given_the_graph_of_spikes_and_its_parts_are_kept_within_the_limit(monkeypatch, neurons, cores, parts):
    asked = {}

    def part_graph(count, *, xadj, adjncy, eweights, options):
        asked.update(parts=count, xadj=list(xadj), adjncy=list(adjncy), eweights=list(eweights), seed=options.seed)
        return 0, [0] * 5

    fake(monkeypatch, "pymetis", part_graph=part_graph, Options=lambda seed: SimpleNamespace(seed=seed))
    given_ = traffic_from(5, [(0, 1), (1, 0), (2, 2), (2, 3)], [2.0, 3.4, 9.0, 1.0, 1.0])
    found = baseline("metis", given_, nr.mesh_chip(3, 2, neurons=neurons), cores, seed=4)
    assert len(found) == 5
    if parts == 1:
        assert not asked
        assert set(found.tolist()) == {0}
        return
    assert (asked["parts"], asked["seed"]) == (parts, 4)
    assert (asked["xadj"], asked["adjncy"], asked["eweights"]) == ([0, 1, 2, 3, 4, 4], [1, 0, 3, 2], [5, 5, 9, 9])
    sizes = np.bincount(found, minlength=parts)
    assert sizes.max() <= neurons
    assert sizes[0] == min(neurons, 5)


@pytest.mark.parametrize("name", ["metis", "mt-kahypar", "metis+annealing"])
def test_a_library_that_is_not_there_is_named_with_how_to_get_it(monkeypatch, name):
    monkeypatch.setattr("neuro.mapping.baselines.find_spec", lambda _: None)
    with pytest.raises(PeerError, match=r"not installed.*pip install"):
        baseline(name, traffic_from(2, [(0, 1)], [1.0, 1.0]), CHIP)
    with pytest.raises(UnknownName, match="sequential"):
        baseline("best", traffic_from(2, [(0, 1)], [1.0, 1.0]), CHIP)


def test_a_partition_of_several_cores_a_tile_is_written_tile_by_tile(tmp_path: Path) -> None:
    net = network(3, 2, 1)
    chip = dataclasses.replace(nr.mesh_chip(2, 2, neurons=4), cores_per_tile=2)
    placement = nr.placed(net, chip, {"a": [0, 3, 7], "b": 5, "c": 0})
    for ending in ("yaml", "yml", "part"):
        path = tmp_path / f"net.{ending}"
        write_placement(placement, path)
        assert read_placement(path, net, chip).neuron_core.tolist() == [0, 3, 7, 5, 5, 0]
    assert (tmp_path / "net.part").read_text() == "0\n3\n7\n5\n5\n0\n"
    assert (tmp_path / "net.yaml").read_text().splitlines()[1:] == [
        "  - a.0: [core: 0.0]",
        "  - a.1: [core: 1.1]",
        "  - a.2: [core: 3.1]",
        "  - b: [core: 2.1]",
        "  - c: [core: 0.0]",
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("- a.0..1: [core: 0.0]\n  - a.2: [core: 3.1]\n  - b: [core: 0.0]", None),
        ("- a: {core: 0.1}\n  - b: [core: 0.0]", None),
        ("- a.0..3: [core: 0.0]", r"'a' has neurons 0\.\.2; got 'a\.0\.\.3'"),
        ("- a.3: [core: 0.0]", r"'a' has neurons 0\.\.2"),
        ("- a.-1: [core: 0.0]", r"'a' has neurons 0\.\.2"),
        ("- a.x: [core: 0.0]", r"'a' has neurons 0\.\.2"),
        ("- a: [core: 4.0]", r"tiles 0\.\.3, cores 0\.\.1; got 4\.0"),
        ("- a: [core: 0.2]", r"tiles 0\.\.3, cores 0\.\.1; got 0\.2"),
        ("- a: [core: -1.0]", r"tiles 0\.\.3"),
        ("- a: [core: 0.-1]", r"tiles 0\.\.3"),
        ("- a: []", r"tiles 0\.\.3"),
        ("- a: [core: 0.0]\n  - b.1: [core: 0.0]", "'b' has neurons"),
        ("- a.0: [core: 0.0]\n  - b: [core: 0.0]", "none for neuron 1 of 'a'"),
    ],
)
def test_a_mapping_of_sanafe_is_understood_or_refused_by_name(tmp_path, lines, says):
    net, path = network(3, 1), tmp_path / "net.yaml"
    chip = dataclasses.replace(nr.mesh_chip(2, 2, neurons=4), cores_per_tile=2)
    path.write_text(f"mappings:\n  {lines}\n", encoding="utf-8")
    if says is None:
        assert read_placement(path, net, chip).neuron_core[-1] == 0
        return
    with pytest.raises(PlacementError, match=says):
        read_placement(path, net, chip)


def test_a_partition_has_a_line_for_each_neuron(tmp_path):
    net, path = network(2, 1), tmp_path / "net.part"
    for text, says in (
        ("0\n1\n", "has 3 lines; got 2 lines"),
        ("0\n1\n2\n3\n", "got 4 lines"),
        ("0\nx\n2\n", "whole number"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PlacementError, match=says):
            read_placement(path, net, CHIP)
    with pytest.raises(FileNotFoundError):
        read_placement(tmp_path / "none.part", net, CHIP)


def test_a_name_that_sanafe_would_read_as_something_else_is_refused(tmp_path):
    net = nr.Network()
    net.add(nr.Population("a.b", 1, LIF))
    with pytest.raises(PlacementError, match=r"'a\.b'"):
        write_placement(nr.placed(net, CHIP, {"a.b": 0}), tmp_path / "net.yaml")


def test_variants_of_a_chip_change_one_thing_each():
    net = network(4)
    found = what_if(net, CHIP, changes={"side": [2], "neurons": [1, 4], "width": [5]})
    assert len(found) == 4
    assert (found[0].placement.chip.width, found[0].placement.chip.height) == (2, 2)
    assert [entry.placement.chip.limits.neurons for entry in found[1:3]] == [1, 4]
    assert (found[3].placement.chip.width, found[3].placement.chip.height) == (5, 2)
    with pytest.raises(NeuroError, match="'colour'"):
        what_if(net, CHIP, changes={"colour": [1]})


def test_each_size_and_each_limit_of_a_chip_can_be_another():
    chip = dataclasses.replace(CHIP, tiles=5, chip_size=(3, 1), cores_per_tile=2)
    assert (changed(chip, "side", 4).width, changed(chip, "side", 4).height) == (4, 4)
    assert (changed(chip, "width", 4).width, changed(chip, "width", 4).height) == (4, 2)
    assert (changed(chip, "height", 4).width, changed(chip, "height", 4).height) == (3, 4)
    for key in ("side", "width", "height"):
        assert (changed(chip, key, 4).tiles, changed(chip, key, 4).chip_size) == (None, None)
    assert changed(chip, "cores_per_tile", 3).cores == 15
    for key in Limits.__dataclass_fields__:
        found = changed(chip, key, 7)
        assert found.limits == dataclasses.replace(chip.limits, **{key: 7})
        assert dataclasses.replace(found, limits=chip.limits) == chip


def test_an_entry_without_a_placement_says_why_and_how_long_that_took():
    began = time.perf_counter()
    found = compare(network(9), nr.mesh_chip(2, 1, neurons=4), methods=["sequential", "neuro"], effort="fast")
    passed = time.perf_counter() - began
    assert [entry.placement for entry in found] == [None, None]
    assert all(entry.costs == {} and "cores" in entry.remark for entry in found)
    assert 0.0 <= sum(entry.seconds for entry in found) <= passed
    fits = compare(network(8), nr.mesh_chip(2, 1, neurons=4), methods=["row-major", "neuro"], effort="fast")
    assert [(entry.name, entry.remark, entry.costs["cores"]) for entry in fits] == [
        ("row-major", "", 2.0),
        ("neuro", "", 2.0),
    ]
    assert all(0.0 <= entry.seconds <= time.perf_counter() - began for entry in fits)


@pytest.mark.parametrize("parts", [3, 64, 65, 130])
def test_nets_have_their_destinations_as_bits_too(parts):
    rng = np.random.default_rng(parts)
    pairs = [(0, k) for k in range(parts)] + [(1, parts - 1), (2, 0)]
    nets = nets_of(traffic_from(parts, pairs, rng.integers(1, 9, parts).tolist()), np.arange(parts), parts)
    for k in range(len(nets.root)):
        members = nets.part[nets.start[k] : nets.start[k + 1]]
        bits = sum(int(word) << (64 * place) for place, word in enumerate(nets.has[k]))
        assert bits == sum(1 << int(part) for part in members)
        assert nets.root[k] not in members


def test_nets_are_of_neurons_that_send_to_other_parts():
    # Neuron 0 has no target, 1 is silent, 2 sends to its own part only; 3 and 4 send to the same parts from one part.
    pairs = [(1, 5), (2, 2), (3, 5), (4, 5), (4, 3)]
    nets = nets_of(traffic_from(6, pairs, [9.0, 0.0, 7.0, 1.0, 2.0, 4.0]), np.array([0, 0, 1, 2, 2, 0]), 3)
    assert (nets.root.tolist(), nets.spikes.tolist(), nets.part.tolist()) == ([2], [3.0], [0])
    assert (nets.start.tolist(), nets.part_start.tolist(), nets.root_start.tolist()) == (
        [0, 1],
        [0, 1, 1, 1],
        [0, 0, 0, 1],
    )


@pytest.mark.parametrize("pins", [2**15 - 1, 2**15, 2**15 + 1])
def test_a_net_of_many_pins_is_counted_to_the_last(pins):
    graph = Hypergraph(
        np.array([0, pins]), np.arange(pins, dtype=np.uint32), np.arange(pins + 1), np.zeros(pins, np.uint32),
        np.ones(1, np.int32), np.ones(pins, np.int32),
    )  # fmt: skip
    tables = tables_of(graph, np.zeros(pins, np.int32), 2)
    assert tables.pins.tolist() == [[pins, 0]]
    assert tables.pins.dtype == (np.int16 if pins < 2**15 else np.int32)
    assert tables.load.tolist() == [pins, 0]


def test_a_network_without_nets_has_tables_of_small_words():
    graph, unit = hypergraph_of(traffic_from(2, [], [1.0, 1.0]))
    assert (tables_of(graph, np.zeros(2, np.int32), 2).pins.dtype, unit) == (np.int16, 1.0)


def test_weights_of_nets_are_spikes_where_they_are_whole_and_in_proportion_elsewhere():
    pairs = [(0, 1), (1, 0), (2, 3), (3, 2)]
    graph, unit = hypergraph_of(traffic_from(4, pairs, [3.0, 5.0, 0.0, 9.0]))
    assert (unit, graph.weight.tolist()) == (1.0, [3, 5, 9])
    graph, unit = hypergraph_of(traffic_from(4, pairs, [3.5, 5.0, 1e-12, 9.0]))
    assert graph.weight * unit == pytest.approx([3.5, 5.0, unit, 9.0], rel=1e-6)
    assert 2**26 <= max(graph.weight[0] + graph.weight[1], graph.weight[3]) <= 2**28


def test_halves_of_spikes_are_cut_as_whole_ones():
    traffic = random_traffic(48, 5, 3)
    spikes = np.array(traffic.spikes)
    spikes[0] = 32.0
    room, loose = np.full(6, 9), np.full(48, -1, np.int32)
    whole = partition_large(dataclasses.replace(traffic, spikes=spikes), room, loose, 20)
    halves = partition_large(dataclasses.replace(traffic, spikes=spikes / 64), room, loose, 20)
    assert halves.tolist() == whole.tolist()
    assert np.bincount(whole, minlength=6).max() <= 9


def test_what_cannot_be_counted_has_no_price(monkeypatch):
    one = traffic_from(4, [(0, 1), (2, 3)], [1.0, 1.0, 2.0, 1.0])
    core = np.array([0, 1, 0, 2])
    monkeypatch.setattr(refining, "MOST_COUNTERS", 4 * CHIP.cores)
    assert price(one, core, CHIP, Prices(tree=1.0)) == 1.0 + 2 * 2.0
    monkeypatch.setattr(refining, "MOST_COUNTERS", 4 * CHIP.cores - 1)
    assert price(one, core, CHIP, Prices(tree=1.0)) is None
    monkeypatch.undo()
    assert price(one, core, nr.mesh_chip(64, 1, neurons=4), Prices(tree=1.0)) == 5.0
    for wide in (nr.mesh_chip(65, 1, neurons=4), nr.mesh_chip(1, 65, neurons=4)):
        assert price(one, core, wide, Prices(tree=1.0)) is None
    assert price(traffic_from(0, [], []), np.zeros(0, np.int64), CHIP, Prices(tree=1.0)) in (None, 0.0)


def test_two_parts_of_one_message_come_together():
    two = traffic_from(2, [(0, 1)], [5.0, 0.0])
    place = relieve_link(nets_of(two, np.arange(2), 2), nr.mesh_chip(3, 1, neurons=1), np.array([0, 2]), effort="fast")
    assert abs(place[0] - place[1]) == 1
    for few in (np.array([2]), np.zeros(0, np.int64)):
        alone = traffic_from(len(few), [], [1.0] * len(few))
        nets = nets_of(alone, np.arange(len(few)), len(few))
        assert relieve_link(nets, nr.mesh_chip(3, 1, neurons=1), few, effort="fast").tolist() == few.tolist()


def test_a_placement_has_every_bound_that_is_known():
    net = fan(5)
    chip = dataclasses.replace(CHIP, limits=Limits(neurons=2))
    placement = nr.place(net, chip, {"a": [1.0, 2.0, 0.0, 3.0, 4.0], "b": 1.0}, effort="fast")
    traffic = traffic_of(net, {"a": [1.0, 2.0, 0.0, 3.0, 4.0], "b": 1.0})
    known = {name: bound for name, bound in bounds(traffic, chip).items() if bound is not None}
    assert set(placement.bounds) == set(known) == {*known} - {"energy", "latency"}
    assert {name: placement.bounds[name] for name in known if name != "km1"} == {
        k: v for k, v in known.items() if k != "km1"
    }
    assert placement.bounds["cores"] == 3.0
    star = traffic_from(5, [(0, k) for k in range(1, 5)], [3.0, 1.0, 1.0, 1.0, 1.0])
    assert [deliveries_at_least(star, widest) for widest in (0, 1, 2, 4, 5)] == [12.0, 12.0, 6.0, 3.0, 0.0]


def test_fewer_than_two_parts_have_a_bound_of_nothing():
    line = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    assert gilmore_lawler(np.zeros((0, 0)), line) == gilmore_lawler(np.array([[7.0]]), line) == 0.0
    assert gilmore_lawler(np.array([[7.0, 2.0], [3.0, 7.0]]), line) == 5.0
    assert gilmore_lawler(np.array([[0.0, 1.0, 4.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), line) == 5.0
