"""Cores that differ: every step of a placement keeps to each core's own limits, by an independent recount."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.cores import Limits
from neuro.errors import InfeasibleError, ParameterError
from neuro.mapping.baselines import fill_cores
from neuro.mapping.compare import changed, compare
from neuro.mapping.constraints import rules_of
from neuro.mapping.layout.layout import Fit, layout
from neuro.mapping.metrics import judge
from neuro.mapping.partition.feasible import holds
from neuro.mapping.search import Prices
from neuro.mapping.traffic import traffic_of
from neuro.report.mapping import verdict_tables
from tests.mapping.counting import drawn, pairs, recount

LIF = nr.LIF(tau_m=20e-3, v_th=1.0)
CORES = 8
NAMES = ("neurons", "synapses", "axons_in", "axons_out", "fan_in", "rows", "columns")


@st.composite
def differing(draw, names=NAMES):
    """A mesh of eight cores, each with limits of its own, some of them of the same ones."""
    kinds = [
        Limits(
            **{"neurons": draw(st.integers(1, 9)), **draw(st.dictionaries(st.sampled_from(names), st.integers(3, 30)))}
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    limits = {core: draw(st.sampled_from(kinds)) for core in range(CORES)}
    return nr.mesh_chip(4, 2, neurons=6, limits_by_core=limits)


def limits_of(chip):
    return [chip.core_limits[group] for group in chip.core_group]


def check(net, spikes, chip, placement):
    """Is every core within its own limits, and is what the placement says of itself true?"""
    found = recount(net, spikes, placement.core)
    found |= {"rows": found["axons_in"], "columns": found["neurons"], "fan_in": {}}
    where = {(name, i): int(c) for name, part in placement.core.items() for i, c in enumerate(part)}
    inputs = {}
    for _, target in pairs(net):
        inputs[target] = inputs.get(target, 0) + 1
    for target, count in inputs.items():
        core = where[target]
        found["fan_in"][core] = max(found["fan_in"].get(core, 0), count)
    for core, limits in enumerate(limits_of(chip)):
        for name in NAMES:
            most = getattr(limits, name)
            assert most is None or found[name].get(core, 0) <= most, (core, name)
    assert placement.broken_limits == {}
    for name in ("km1", "cores", "cut_synapse_spikes"):
        assert placement.objectives[name] == found[name]
        assert placement.bounds.get(name, 0.0) <= found[name]


@settings(max_examples=25)
@given(
    chip=differing(),
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    effort=st.sampled_from(["fast", "fast", "balanced"]),
    objective=st.sampled_from(["km1", "cores", "multicast_hops", "unicast_hops", {"km1": 1, "max_link": 1}]),
    dead=st.sets(st.integers(0, CORES - 1), max_size=2),
    cores=st.none() | st.integers(1, CORES - 2),
    pinned=st.none() | st.integers(0, CORES - 1),
)
def test_a_placement_keeps_to_the_limits_of_each_core(chip, seed, sizes, effort, objective, dead, cores, pinned):
    net, spikes = drawn(seed, sizes)
    if pinned in dead or not sizes[0]:
        pinned = None
    pins = {} if pinned is None else {"p0": np.r_[pinned, np.full(sizes[0] - 1, -1)]}
    try:
        placement = nr.place(net, chip, spikes, objective, effort, seed, dead=sorted(dead), cores=cores, pinned=pins)
    except InfeasibleError as error:
        event(f"refused, {error.proved=}")
        return
    check(net, spikes, chip, placement)
    core = placement.neuron_core
    assert not dead & set(core.tolist())
    assert cores is None or len(set(core.tolist())) <= cores
    assert pinned is None or placement.core["p0"][0] == pinned


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), rooms=st.lists(st.integers(0, 12), min_size=2, max_size=8), spare=st.integers(0, 3))
def test_whatever_the_neurons_alone_fit_is_placed(seed, rooms, spare):
    """Where only neurons are limited, a network fits if and only if there are so many places."""
    neurons = sum(rooms) - spare
    assume(neurons > 0)
    net, spikes = drawn(seed, (neurons,))
    chip = nr.mesh_chip(len(rooms), 1, neurons=5, limits_by_core=[{"neurons": room} for room in rooms])
    for objective in ("km1", "multicast_hops"):
        placement = nr.place(net, chip, spikes, objective, "fast", seed)
        assert np.all(placement.usage["neurons"] <= rooms)
    more, spikes = drawn(seed, (sum(rooms) + 1,))
    with pytest.raises(InfeasibleError, match="proved impossible") as refused:
        nr.place(more, chip, spikes)
    assert (refused.value.limit, refused.value.most, refused.value.needed) == ("neurons", sum(rooms), sum(rooms) + 1)


def test_fifty_neurons_never_come_onto_a_core_of_ten():
    chip = nr.mesh_chip(2, 1, neurons=100, limits_by_core={1: {"neurons": 10}})
    for neurons in (10, 50, 100, 105, 110):
        net = nr.Network()
        net.add(nr.Population("cell", neurons, LIF))
        for objective in ("km1", "cores", "multicast_hops"):
            used = nr.place(net, chip, objective=objective, effort="fast").usage["neurons"]
            assert used[0] <= 100
            assert used[1] <= 10
    net = nr.Network()
    net.add(nr.Population("cell", 111, LIF))
    with pytest.raises(InfeasibleError, match="110"):
        nr.place(net, chip)


@given(core=st.integers(0, 5), count=st.integers(1, 9), most=st.integers(1, 9), differ=st.booleans())
def test_more_than_a_core_holds_cannot_be_pinned_to_it(core, count, most, differ):
    own = {core: {"neurons": most}} if differ else None
    chip = nr.mesh_chip(3, 2, neurons=20 if differ else most, limits_by_core=own)
    net = nr.Network()
    net.add(nr.Population("cell", 9, LIF))
    pinned = {"cell": np.r_[np.full(count, core), np.full(9 - count, -1)]}
    assume(differ or most > 1)
    if count <= most:
        assert nr.place(net, chip, pinned=pinned, effort="fast").core["cell"][:count].tolist() == [core] * count
        return
    with pytest.raises(InfeasibleError, match=rf"pinned to core {core}: proved impossible: neurons") as refused:
        nr.place(net, chip, pinned=pinned)
    assert (refused.value.most, refused.value.needed, refused.value.proved) == (most, count, True)


@settings(max_examples=30)
@given(chip=differing(), seed=st.integers(0, 10**6))
def test_what_cores_can_hold_is_counted_as_by_hand(chip, seed):
    net, spikes = drawn(seed, (7, 5))
    traffic = traffic_of(net, spikes)
    part = np.random.default_rng(seed).integers(0, 3, 12)
    found = holds(rules_terms(net, chip, traffic), part, 3, chip.core_limits)
    counts = recount(net, spikes, {"p0": part[:7], "p1": part[7:]})
    counts |= {"rows": counts["axons_in"], "columns": counts["neurons"]}
    counts["fan_in"] = {p: int(traffic.fan_in[part == p].max(initial=0)) for p in range(3)}
    # Where all cores allow the same synapses of one neuron, a network with more is refused as a whole.
    checked = [name for name in NAMES if name != "fan_in" or len({each.fan_in for each in chip.core_limits}) > 1]
    for p in range(3):
        for k, limits in enumerate(chip.core_limits):
            given_ = {name: getattr(limits, name) for name in checked}
            fits = all(most is None or counts[name].get(p, 0) <= most for name, most in given_.items())
            assert found[p, k] == fits


def rules_terms(net, chip, traffic):
    """The terms of a network that is not refused on this chip."""
    large = dataclasses.replace(chip, limits=Limits(), groups=())
    return rules_of(net, large, traffic, None, {}, (), (), ()).terms


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), tree=st.booleans(), effort=st.sampled_from(["fast", "balanced"]))
def test_a_layout_puts_parts_on_cores_that_can_hold_them_alone(seed, tree, effort):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 3, 12)
    limits = [None, {"neurons": 2}, {"neurons": 3}]
    chip = nr.mesh_chip(4, 3, neurons=9, limits_by_core=[limits[group] for group in groups])
    parts = int(rng.integers(2, 13))
    home = rng.permutation(12)[:parts]
    able = rng.random((parts, len(chip.core_limits))) < 0.4
    able[np.arange(parts), chip.core_group[home]] = True
    net, spikes = drawn(seed, (parts * 2,), fan=6.0)
    prices = Prices(tree=1.0) if tree else Prices(path=1.0)
    fixed = {0: int(home[0])} if seed % 2 else None
    part = np.arange(parts * 2) // 2
    place = layout(
        traffic_of(net, spikes), part, chip, prices, effort=effort, seed=seed, fit=Fit(home, able), fixed=fixed
    )
    assert len(set(place.tolist())) == parts
    assert np.all(able[np.arange(parts), chip.core_group[place]])


@given(chip=differing(("synapses", "axons_in")), seed=st.integers(0, 10**6))
def test_filling_in_order_keeps_to_the_limits_of_each_core(chip, seed):
    net, spikes = drawn(seed, (9, 8))
    traffic = traffic_of(net, spikes)
    core = fill_cores(traffic, chip, np.arange(17), np.array([0]))
    assume(core.max() < CORES - 1)
    placement = nr.placed(net, chip, traffic.by_population(core), beyond_limits=True)
    # What is too much for every core is put on the last of all, and told.
    assert placement.broken_limits == {}


def test_other_methods_break_limits_by_name_and_sizes_stay():
    chip = nr.mesh_chip(2, 1, neurons=12, limits_by_core={1: {"neurons": 3}})
    net, spikes = drawn(3, (15,))
    ours, random = compare(net, chip, spikes, methods=["neuro", "random"], effort="fast", seed=1)
    assert ours.remark == ""
    assert random.placement is not None
    assert changed(chip, "neurons", 7).most("neurons").tolist() == [7, 7]
    with pytest.raises(ParameterError, match="which core is which"):
        changed(chip, "width", 3)


def test_the_use_of_a_core_is_told_beside_its_own_limit():
    chip = nr.mesh_chip(2, 1, neurons=12, limits_by_core={1: {"neurons": 3}})
    net = nr.Network()
    net.add(nr.Population("cell", 8, LIF))
    placement = nr.placed(net, chip, {"cell": np.repeat([0, 1], [5, 3])})
    verdict = judge(placement, net)
    assert verdict.binding == {"neurons": 1.0}
    _, use = verdict_tables(placement, verdict)
    assert use.rows[0] == ("neurons", 3, 1, 4.0, 3, "100%")
