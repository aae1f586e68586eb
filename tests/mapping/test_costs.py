"""Costs, bounds, maps and prices by every kind of mesh, and what each search does at the limits of its tables."""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.model import Limits, Quantity, mesh_chip
from neuro.errors import InfeasibleError, NeuroError, ParameterError, UnsupportedFeature
from neuro.mapping.baselines import baseline
from neuro.mapping.compare import compare, what_if
from neuro.mapping.layout import nets as flowing
from neuro.mapping.layout.layout import arrange, layout
from neuro.mapping.layout.nets import flows_between
from neuro.mapping.layout.relieve_link import relieve_link
from neuro.mapping.layout.starts import spectral
from neuro.mapping.metrics import bounds, heat, measure
from neuro.mapping.objective import cost_function, prices_of, weights_of
from neuro.mapping.partition import large
from neuro.mapping.partition.feasible import additive
from neuro.mapping.partition.large import too_large
from neuro.mapping.partition.multilevel import EFFORTS
from neuro.mapping.pipeline import partition_effort, place_partitions
from neuro.mapping.refine.refine import refine
from neuro.mapping.routes import placement_of_network, placement_of_traffic
from neuro.mapping.traffic import Traffic, traffic_of
from tests.mapping.counting import drawn, recount
from tests.mapping.networks import random_traffic, slow_cost, traffic_from, traffics
from tests.mapping.test_rules import fake, fan, network, rules
from tests.placements import priced

CHIPS = (
    mesh_chip(3, 2, neurons=4),
    mesh_chip(1, 6, neurons=4),
    replace(mesh_chip(2, 2, neurons=4), cores_per_tile=2),
    replace(mesh_chip(3, 1, neurons=4), cores_per_tile=3, first_axis="y"),
    replace(mesh_chip(1, 1, neurons=4), cores_per_tile=8),
    replace(mesh_chip(4, 2, neurons=9), tiles=7, limits=Limits(columns=3)),
)


def placed_at_random(traffic: Traffic, chip, seed):
    most = chip.limits.neurons or chip.limits.columns
    slots = np.repeat(np.arange(chip.cores), most)
    core = np.random.default_rng(seed).permutation(slots)[: traffic.neurons]
    return placement_of_traffic(traffic, core, chip)


@settings(max_examples=60)
@given(traffics(), st.sampled_from(CHIPS), st.integers(0, 99))
def test_no_placement_on_any_mesh_costs_less_than_the_bounds(traffic, chip, seed):
    found = measure(placed_at_random(traffic, chip, seed), traffic.spikes)
    for name, bound in bounds(traffic, chip).items():
        assert bound is None or bound <= (found[name] or 0.0) + 1e-9, name


def star(targets, spikes=3.0, itself=False):
    pairs = [(0, k) for k in range(0 if itself else 1, targets + 1)]
    return traffic_from(targets + 1, pairs, [spikes] + [0.0] * targets)


@pytest.mark.parametrize(
    ("chip", "targets", "expected"),
    [
        # One spike of a star to other cores, tiles and synapses, and through four, then eight links out of its tile.
        (mesh_chip(5, 5, neurons=1), 6, {"km1": 6, "cut_synapse_spikes": 6, "unicast_hops": 8, "multicast_hops": 6}),
        (mesh_chip(9, 9, neurons=1), 14, {"km1": 14, "unicast_hops": 4 + 2 * 8 + 3 * 2, "multicast_hops": 14}),
        (mesh_chip(5, 5, neurons=3), 6, {"km1": 2, "cut_synapse_spikes": 4, "unicast_hops": 2, "cores": 3}),
        (
            replace(mesh_chip(3, 3, neurons=1), cores_per_tile=2),
            11,
            {"km1": 11, "unicast_hops": 8 + 2 * 2, "multicast_hops": 5, "cores": 12},
        ),
        (replace(mesh_chip(2, 1, neurons=1), cores_per_tile=4), 3, {"km1": 3, "unicast_hops": 0, "multicast_hops": 0}),
        (replace(mesh_chip(3, 3, neurons=9), limits=Limits(neurons=9, columns=2)), 6, {"km1": 3, "cores": 4}),
        (mesh_chip(1, 1, neurons=9), 6, {"km1": 0, "max_link": 0, "cores": 1}),
    ],
)
def test_bounds_of_a_star_by_hand(chip, targets, expected):
    for itself in (False, True):
        found = bounds(star(targets, itself=itself), chip)
        for name, value in expected.items():
            assert found[name] == value * (1.0 if name == "cores" else 3.0), name
    links = 2 * (chip.width * (chip.height - 1) + chip.height * (chip.width - 1))
    assert found["max_link"] == (found["multicast_hops"] / links if links else 0.0)


def test_a_network_of_nobody_is_bound_to_nothing():
    found = bounds(traffic_from(0, [], []), CHIPS[0])
    assert {value for value in found.values() if value is not None} == {0.0}
    silent = bounds(traffic_from(3, [], [1.0] * 3), CHIPS[0])
    assert (silent["km1"], silent["unicast_hops"], silent["cores"]) == (0.0, 0.0, 1.0)


@settings(max_examples=40)
@given(traffics(), st.sampled_from(CHIPS), st.integers(0, 99))
def test_maps_count_each_tile_by_hand(traffic, chip, seed):
    placement = placed_at_random(traffic, chip, seed)
    maps, home = heat(placement, traffic.spikes), placement.neuron_core
    shape = (chip.height, chip.width)
    there = np.zeros(shape, bool)
    neurons, axons, sent = (np.zeros(shape) for _ in range(3))
    for core, (x, y) in enumerate(np.asarray(chip.xy)):
        there[y, x] = True
        held = np.flatnonzero(home == core)
        neurons[y, x] += len(held)
        axons[y, x] += len({int(i) for i in traffic.source[home[traffic.target] == core]})
        for i in held:
            targets = home[traffic.target[traffic.start[i] : traffic.start[i + 1]]]
            sent[y, x] += traffic.spikes[i] * np.any(targets != core)
    for name, expected in (("neurons", neurons), ("axons", axons)):
        assert np.array_equal(maps[name], np.where(there, expected, np.nan), equal_nan=True)
    hops = measure(placement, traffic.spikes)["multicast_hops"]
    if there.all():  # a route may cross an empty place of the mesh, which has no router to show
        assert np.nansum(maps["router"]) == pytest.approx(hops + sent.sum())
    assert np.nansum(maps["router"]) <= hops + sent.sum() + 1e-9
    assert np.all((maps["router"] >= sent)[there])
    assert np.isnan(maps["link"]).sum() == np.isnan(maps["router"]).sum() == (~there).sum()


def test_sources_outside_of_the_chip_send_nothing_on_it():
    net = nr.Network()
    net.add(nr.Population("a", 3, nr.SpikeSource()))
    net.add(nr.Population("b", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("a", "b", nr.AllToAll(1.0), delay=1e-3)
    placement = nr.placed(net, CHIPS[0], {"a": [-1, 0, 1], "b": 1})
    spikes = np.array([8.0, 4.0, 2.0, 1.0])
    found = measure(placement, spikes)
    assert (found["km1"], found["cut_synapse_spikes"], found["cores"]) == (4.0, 4.0, 2.0)
    assert np.nansum(heat(placement, spikes)["router"]) == 8.0


ENERGY = {f"hop_{way}": Quantity(1e-12, "J", "t") for way in ("east", "west", "north", "south")}
ENERGY |= {"message_in": Quantity(5e-12, "J", "t"), "message_out": Quantity(7e-12, "J", "t")}


@pytest.mark.parametrize(
    "objective",
    [
        *("km1", "unicast_hops", "multicast_hops", "max_link", "cores", "cut_synapse_spikes"),
        *({"km1": 2.0, "unicast_hops": 0.5}, {"km1": 1.0, "max_link": 3.0, "cores": 10.0}, {"cores": 0.0, "km1": 1.0}),
    ],
    ids=str,
)
@settings(max_examples=10)
@given(traffic=traffics(), chip=st.sampled_from(CHIPS), seed=st.integers(0, 99))
def test_the_cost_of_an_objective_is_the_weighted_sum_of_its_parts(objective, traffic, chip, seed):
    placement = placed_at_random(traffic, chip, seed)
    costs = measure(placement, traffic.spikes)
    expected = sum(weight * costs[name] for name, weight in weights_of(objective).items())
    cost = cost_function(traffic, chip, objective)
    assert cost(placement.neuron_core) == pytest.approx(expected)
    assert cost(placement.neuron_core) == cost(placement.neuron_core.copy())


@pytest.mark.parametrize("routing", ["unicast", "multicast"])
def test_energy_without_a_recording_is_that_of_messages_and_hops(routing):
    traffic = random_traffic(10, 3, 2)
    chip = priced(energy=ENERGY, routing=routing, cores_per_tile=1)
    core = np.arange(10)
    cost = cost_function(traffic, chip, {"energy": 1.0, "km1": 1e-12})(core)
    prices = prices_of({"energy": 1.0, "km1": 1e-12}, chip)
    assert cost == pytest.approx(slow_cost(traffic, core, chip, prices))
    both = cost_function(traffic, chip, {"energy": 1.0, "max_link": 1e-12})(core)
    assert both == pytest.approx(1e-12 * measure(placement_of_traffic(traffic, core, chip), traffic.spikes)["max_link"])


def test_latency_of_no_weight_needs_no_recording():
    cost_function(random_traffic(4, 1, 0), CHIPS[0], {"latency": 0.0, "km1": 1.0})
    with pytest.raises(UnsupportedFeature, match="latency"):
        cost_function(random_traffic(4, 1, 0), CHIPS[0], {"latency": 1e-9, "km1": 1.0})
    for wrong in (5, None, ["km1"], {"km1"}):
        with pytest.raises(ParameterError, match="objective"):
            weights_of(wrong)


def test_a_recording_gives_joules_and_seconds():
    net = fan(3)
    spikes = {"a": nr.Spikes(np.linspace(1e-3, 9e-3, 4), [0, 0, 0, 1]), "b": nr.Spikes([], [])}
    run = nr.Recording(spikes=spikes, v={}, v_times=np.zeros(0), events={"a->b": 4}, start=0.0, stop=0.01)
    chip = nr.load_chip("loihi_davies2018")
    placement = nr.placed(net, chip, {"a": [0, 1, 2], "b": 3})
    bill = nr.account(run, placement)
    found = measure(placement, np.array([3.0, 1.0, 0.0, 0.0]), run)
    assert (found["energy"], found["latency"]) == (bill.total, bill.latency)
    assert measure(placement, np.array([3.0, 1.0, 0.0, 0.0]))["energy"] is None
    cost = cost_function(traffic_of(net, run), chip, {"energy": 2.0, "km1": 1.0}, run)
    assert cost(placement.neuron_core) == pytest.approx(2.0 * bill.total + 4.0)


@given(
    ends=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 9)), max_size=20),
    dense=st.booleans(),
)
def test_flows_between_parts_are_both_directions_added(ends, dense):
    source, target, spikes = (np.array([end[k] for end in ends], np.int64) for k in range(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flowing, "DENSE", 6 if dense else 5)
        found = flows_between(source, target, spikes.astype(float), 6)
    table = np.zeros((6, 6))
    for a, b, n in ends:
        if a != b:
            table[a, b] += n
            table[b, a] += n
    for part in range(6):
        here = slice(found.start[part], found.start[part + 1])
        assert found.part[here].tolist() == np.flatnonzero(table[part]).tolist()
        assert found.spikes[here].tolist() == table[part][table[part] > 0].tolist()
    assert (found.part.dtype, found.spikes.dtype) == (np.int64, np.float64)


@pytest.mark.parametrize("first", ["x", "y"])
def test_a_chain_of_parts_on_a_large_mesh_begins_as_neighbours_in_order(first):
    side, parts = 36, 1200
    y, x = np.divmod(np.arange(side * side), side)
    xy = np.stack([x, y] if first == "x" else [y, x], axis=1)
    places = np.arange(side * side)[::-1][: parts + 1]
    chain = flows_between(np.arange(parts - 1), np.arange(1, parts), np.ones(parts - 1), parts)
    found = spectral(chain, places, xy)
    assert len(set(found.tolist())) == parts
    assert set(found.tolist()) <= set(places.tolist())
    length = np.abs(np.diff(xy[found], axis=0)).sum(axis=1).mean()
    at_random = np.random.default_rng(0).permutation(places)[:parts]
    assert length < 0.5 * np.abs(np.diff(xy[at_random], axis=0)).sum(axis=1).mean()


@pytest.mark.parametrize(("cores", "dims"), [(40, (40, 1)), (36, (9, 4)), (1200, (40, 30)), (1201, (1201, 1))])
def test_a_chain_as_long_as_its_mesh_is_spread_over_all_of_it(cores, dims):
    xy = np.stack(np.divmod(np.arange(cores), dims[1]), axis=1)
    chain = flows_between(np.arange(cores - 1), np.arange(1, cores), np.ones(cores - 1), cores)
    for turned in (xy, xy[:, ::-1]):
        found = spectral(chain, np.arange(cores), turned, rounds=20)
        assert sorted(found.tolist()) == list(range(cores))


def test_layouts_of_meshes_too_tall_for_words_are_by_paths():
    two = traffic_from(4, [(0, 1), (2, 3)], [5.0, 0.0, 4.0, 0.0])
    for chip in (mesh_chip(1, 65, neurons=1), mesh_chip(65, 1, neurons=1)):
        place = layout(two, np.arange(4), chip, effort="fast")
        assert abs(place[0] - place[1]) == abs(place[2] - place[3]) == 1
    assert layout(traffic_from(0, [], []), np.zeros(0, np.int64), CHIPS[0], effort="fast").shape == (0,)
    for wrong in ({0: 3, 1: 3}, {0: 5, 1: 2}):
        with pytest.raises(ParameterError, match="fixed parts need a core each, and one that works"):
            layout(two, np.arange(4), mesh_chip(3, 2, neurons=1), effort="fast", fixed=wrong, dead=[5])


@pytest.mark.parametrize(
    ("neurons", "pairs", "parts", "expected"),
    [
        (2**24, 0, 1, False),
        (2**24 + 1, 0, 1, True),
        (2**23 + 1, 0, 2, True),
        (2**25, 25_165_824, 1, False),
        (2**25, 25_165_823, 1, True),
    ],
)
def test_tables_are_made_up_to_a_size_or_while_they_are_smaller_than_the_synapses(neurons, pairs, parts, expected):
    assert too_large(neurons, pairs, parts) is expected


LARGE = ({"neurons": 6}, {"columns": 6}, {"neurons": 7, "synapses": 60}, {"neurons": 6, "axons_in": 60})


@pytest.mark.parametrize("limits", LARGE, ids=str)
@pytest.mark.parametrize("pinned", [False, True])
def test_networks_too_large_for_tables_keep_their_limits(monkeypatch, limits, pinned):
    monkeypatch.setattr(large, "TABLES", -1)
    monkeypatch.setattr("neuro.mapping.partition.choose.partition", lambda *_: pytest.fail("tables were made"))
    net, spikes = drawn(3, (20, 16), fan=2.0)
    chip = replace(mesh_chip(4, 2, neurons=9), limits=Limits(**limits))
    rule = {"pinned": {"p0": np.r_[[7, 7, 2], np.full(17, -1)]}} if pinned else {}
    placement = nr.place(net, chip, spikes, effort="fast", **rule)
    used = recount(net, spikes, placement.core)
    assert max(used["neurons"].values()) <= 7 if "synapses" in limits else 6
    assert placement.core["p0"][:3].tolist() == [7, 7, 2] or not pinned


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        ({"synapses": 13}, {}),
        ({"axons_in": 5}, {}),
        ({"axons_out": 60}, {}),
        ({}, {"apart": [("p0", "p1")]}),
    ],
    ids=str,
)
def test_networks_too_large_for_tables_are_refused_where_other_limits_or_rules_bind(monkeypatch, limits, rule):
    monkeypatch.setattr(large, "TABLES", -1)
    net, spikes = drawn(3, (20, 16), fan=2.0)
    chip = replace(mesh_chip(4, 4, neurons=6), limits=Limits(**{"neurons": 6, **limits}))
    with pytest.raises(InfeasibleError, match="not found"):
        nr.place(net, chip, spikes, effort="fast", **rule)


def test_neurons_of_two_compartments_take_the_room_of_two_in_large_networks(monkeypatch):
    monkeypatch.setattr(large, "TABLES", -1)
    net = network(12, model=nr.LoihiAHP(d_v=204, v_th=127, d_a=5, w_a=96))
    placement = nr.place(net, mesh_chip(3, 2, neurons=5), effort="fast")
    assert placement.usage["neurons"].max() == 4
    assert placement.usage["neurons"].sum() == 24


@pytest.mark.parametrize(
    ("objective", "effort", "pairs", "expected"),
    [
        ("km1", "best", 10, (EFFORTS["best"], 1)),
        ({"km1": 1.0, "cores": 1.0, "cut_synapse_spikes": 1.0}, "balanced", 10, (EFFORTS["balanced"], 1)),
        ("max_link", "fast", 10, (EFFORTS["fast"], 1)),
        ("max_link", "balanced", 10, (2, 1)),
        ("max_link", "best", 0, (5, 2)),
        ("max_link", "best", 360_000, (5, 2)),
        ("max_link", "best", 600_000, (3, 2)),
        ("max_link", "best", 10**9, (2, 2)),
    ],
)
def test_small_networks_get_more_starts_where_neurons_move_on_the_mesh(objective, effort, pairs, expected):
    found, partitions = partition_effort(effort, objective, pairs)
    assert (found if isinstance(expected[0], type(found)) else found.descents, partitions) == expected


def test_bits_of_weights_are_a_limit_of_cores():
    chip = replace(mesh_chip(3, 2, neurons=4), limits=Limits(neurons=4, synapse_bits=40, weight_bits=8))
    assert [(name, each.tolist(), most) for name, each, most in additive(rules(fan(5), chip).terms)] == [
        ("neurons", [1] * 6, 4),
        ("synapse_bits", [0] * 5 + [40], 40),
    ]
    assert nr.place(fan(5), chip, effort="fast").usage["neurons"].max() <= 4
    with pytest.raises(InfeasibleError, match=r"^neuron 0 of 'b': .*synapse_bits = 48"):
        rules(fan(6), chip)
    assert rules(fan(6), replace(chip, limits=Limits(neurons=4, synapse_bits=40))).least == 2


@pytest.mark.parametrize("wrong", ["a", b"a", 5, {"a"}, ["a"], [5], [("a", 5)], [{"a", "b"}], [b"ab"]])
@pytest.mark.parametrize("rule", ["together", "apart"])
def test_groups_are_lists_of_names(rule, wrong):
    with pytest.raises(ParameterError, match=rf"{rule}: must be groups of names of populations"):
        rules(network(1, 1), CHIPS[0], **{rule: wrong})


@settings(max_examples=8)
@given(
    seed=st.integers(0, 999),
    objective=st.sampled_from(["km1", "cores", "multicast_hops", "unicast_hops", {"max_link": 1.0, "km1": 1.0}]),
    data=st.data(),
)
def test_every_objective_keeps_every_rule(seed, objective, data):
    net, spikes = drawn(seed, (5, 7, 4))
    group = data.draw(st.sampled_from([(), [("p0",)], [("p0", "p2")]]))
    apart = data.draw(st.sampled_from([(), [("p0", "p1")]]))
    pinned = data.draw(st.sampled_from([{}, {"p1": [8, 0, *[-1] * 5]}, {"p1": [0, *[-1] * 6]}]))
    chip = mesh_chip(3, 3, neurons=9)
    core = nr.place(
        net, chip, spikes, objective, "fast", seed, together=group, apart=apart, pinned=pinned, dead=[4], cores=5
    ).core
    every = np.concatenate(list(core.values()))
    assert np.bincount(every).max() <= 9
    assert len(set(every.tolist())) <= 5
    assert 4 not in every
    for names in group:
        assert len({int(c) for name in names for c in core[name]}) == 1
    for one, other in apart:
        assert not set(core[one].tolist()) & set(core[other].tolist())
    for name, cores in pinned.items():
        assert [own for own, wanted in zip(core[name].tolist(), cores, strict=True) if wanted >= 0] == [
            wanted for wanted in cores if wanted >= 0
        ]


@pytest.mark.parametrize(
    ("neurons", "cores", "parts", "epsilon"), [(3, None, 2, 0.0), (4, None, 2, 1 / 3), (2, 5, 5, 1.0)]
)
def test_mt_kahypar_is_given_the_nets_and_the_imbalance_that_the_limit_leaves(
    monkeypatch, neurons, cores, parts, epsilon
):
    asked = {}
    context = SimpleNamespace(set_partitioning_parameters=lambda *given_: asked.update(parameters=given_))
    graph = SimpleNamespace(partition=lambda _: SimpleNamespace(get_partition=lambda: [0] * 5))

    def create(given_, count, nets, pins, sizes, weights):
        assert given_ is context
        asked.update(graph=(count, nets, pins, sizes, weights))
        return graph

    machine = SimpleNamespace(context_from_preset=lambda preset: context, create_hypergraph=create)
    presets, objectives = SimpleNamespace(DETERMINISTIC_QUALITY="d"), SimpleNamespace(KM1="km1")
    fake(
        monkeypatch, "mtkahypar", initialize=lambda threads: asked.update(threads=threads) or machine,
        PresetType=presets, Objective=objectives, set_seed=lambda seed: asked.update(seed=seed),
    )  # fmt: skip
    traffic = traffic_from(5, [(0, 1), (1, 0), (2, 2), (2, 3)], [2.0, 3.4, 9.0, 1.0, 1.0])
    found = baseline("mt-kahypar", traffic, mesh_chip(3, 2, neurons=neurons), cores, seed=4)
    sizes = np.bincount(found, minlength=parts)
    assert (sizes.max() <= neurons, sizes.sum()) == (True, 5)
    assert (asked["threads"], asked["seed"]) == (1, 4)
    assert asked["parameters"] == (parts, pytest.approx(max(1e-4, epsilon)), "km1")
    assert asked["graph"] == (5, 3, [[0, 1], [0, 1], [2, 3]], [1] * 5, [2, 3, 9])
    asked.clear()
    assert baseline("mt-kahypar", traffic, mesh_chip(3, 2, neurons=5)).tolist() == [0] * 5
    assert not asked


def test_parts_of_metis_are_annealed_onto_the_mesh(monkeypatch):
    group = np.arange(24) % 6
    fake(
        monkeypatch, "pymetis", Options=lambda seed: None, part_graph=lambda *_, **__: (0, group.tolist())
    )  # fmt: skip
    traffic = traffic_from(24, [(k, k + 1) for k in range(23)], [1.0] * 24)
    chip = mesh_chip(6, 4, neurons=4)
    found = baseline("metis+annealing", traffic, chip, seed=1)
    place = np.array([found[group == p][0] for p in range(6)])
    assert np.array_equal(place[group], found)
    assert len(set(place.tolist())) == 6
    x, y = np.asarray(chip.xy).T
    ring = [abs(int(x[place[p]] - x[place[p - 1]])) + abs(int(y[place[p]] - y[place[p - 1]])) for p in range(6)]
    assert sum(ring) <= 8  # six parts in a ring need six links
    assert found.tolist() == baseline("metis+annealing", traffic, chip, seed=1).tolist()


def test_progress_is_told_before_each_method_and_each_variant_and_at_the_end():
    net, heard = network(4), []
    chip = mesh_chip(2, 2, neurons=4)
    methods = ["sequential", "neuro"]
    compare(net, chip, methods=methods, effort="fast", progress=lambda *told: heard.append(told))
    assert heard == [(0, 2, "sequential"), (1, 2, "neuro"), (2, 2, "done")]
    heard.clear()
    what_if(net, chip, changes={"neurons": [1, 2], "height": [3]}, progress=lambda *told: heard.append(told))
    assert heard == [(0, 3, "neurons = 1"), (1, 3, "neurons = 2"), (2, 3, "height = 3"), (3, 3, "done")]
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(ParameterError, match="what-if, width"):
            what_if(net, chip, changes={"width": [wrong]})


def test_the_mesh_that_would_do_is_the_smallest_nearly_square_one():
    net, spikes = drawn(8, (20, 20), fan=6.0)
    chip = replace(mesh_chip(3, 2, neurons=8), limits=Limits(neurons=8, axons_in=14))
    with pytest.raises(InfeasibleError, match=r"40 neurons, 20 of them in 'p0', with up to 14 axons_in a core") as no:
        nr.place(net, chip, spikes, effort="fast")
    enough = no.value.needed
    height = int(enough**0.5)
    assert f"takes {enough}, for instance a mesh of {-(-enough // height)} x {height}" in str(no.value)
    with pytest.raises(InfeasibleError, match=r"at least 7 needed, such as a mesh of 4 x 2"):
        rules(network(13), mesh_chip(3, 2, neurons=2))
    with pytest.raises(InfeasibleError, match=r"at least 3 needed, such as a mesh of 2 x 2"):
        rules(network(13), mesh_chip(3, 1, neurons=5), dead=[0])


@pytest.mark.parametrize("objective", ["km1", "multicast_hops", "unicast_hops", "max_link"])
@pytest.mark.parametrize("core", [0, 5])
def test_a_neuron_that_alone_is_pinned_stays(objective, core):
    # Its partner is held at the other end, and everything pulls it there.
    net = network(2, 2)
    net.connect("a", "b", nr.AllToAll(1.0), delay=1e-3)
    chip = mesh_chip(3, 2, neurons=4)
    found = nr.place(net, chip, {"a": 9.0, "b": 1.0}, objective, "fast", pinned={"a": [core, -1]}).core
    assert found["a"][0] == core
    both = nr.place(net, chip, {"a": 9.0, "b": 1.0}, objective, "fast", pinned={"a": [core, -1], "b": [5 - core, -1]})
    assert (both.core["a"][0], both.core["b"][0]) == (core, 5 - core)


def test_groups_that_no_search_packs_are_told_as_not_found():
    net = network(7, 6, 5, 4, 3, 3)
    for pre in net.populations:
        for post in net.populations:
            net.connect(pre, post, nr.FixedProbability(0.3, 1.0), delay=1e-3)
    together = [(name,) for name in net.populations]
    with pytest.raises(InfeasibleError, match=r"28 neurons, 7 of them in 'a', with up to 14 neurons a core") as no:
        nr.place(net, mesh_chip(2, 1, neurons=14), effort="fast", together=together)
    assert (no.value.proved, no.value.limit, no.value.most) == (False, "cores", 2)
    found = nr.place(net, mesh_chip(3, 1, neurons=14), effort="fast", together=together)
    assert found.usage["neurons"].max() <= 14
    assert {len(set(core.tolist())) for core in found.core.values()} == {1}


@pytest.mark.parametrize("weight", [nr.Uniform(0.0, 0.0), nr.Normal(1.0, 0.1, single=True)], ids=str)
def test_drawn_weights_are_counted_as_they_are_drawn(weight):
    net = network(2, 1)
    net.connect("a", "b", nr.Sparse([0, 1], [0, 0], weight), delay=1e-3)
    core = np.array([0, 3, 5])
    found, known = (
        placement_of_network(net, CHIPS[0], traffic_of(net), core),
        nr.placed(net, CHIPS[0], {"a": [0, 3], "b": 5}),
    )
    assert found.structure == known.structure
    assert found.routes.nonzero.tolist() == known.routes.nonzero.tolist()


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"network": 5}, "network"),
        ({"chip": "loihi_davies2018"}, "chip"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"pinned": [0, 1]}, "pinned"),
        ({"pinned": {5: 0}}, "pinned"),
        ({"effort": 5}, "effort"),
        ({"effort": None}, "effort"),
        ({"objective": None}, "objective"),
        ({"dead": [0.5]}, "dead"),
        ({"cores": "all"}, "cores"),
    ],
    ids=str,
)
def test_a_placement_is_asked_for_with_what_it_takes(wrong, where):
    with pytest.raises(NeuroError, match=where):
        nr.place(**{"network": network(2), "chip": CHIPS[0], **wrong})
    none = nr.place(network(2), CHIPS[0], pinned=None, dead=(), together=(), apart=())
    assert none.neuron_core.tolist() == nr.place(network(2), CHIPS[0], seed=0).neuron_core.tolist()


@pytest.mark.parametrize(
    "searching",
    [nr.place, layout, arrange, refine, relieve_link, place_partitions, baseline, compare, what_if],
    ids=lambda function: function.__name__,
)
def test_every_search_draws_from_seed_zero_unless_told(searching):
    known = {name: part.default for name, part in inspect.signature(searching).parameters.items()}
    assert known["seed"] == 0
    assert known.get("effort", "balanced") == ("fast" if searching is what_if else "balanced")
