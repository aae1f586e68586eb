"""Placements that take little time: the law of time, its changes move by move, and what `place` promises of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.accounting.hotspots import hotspots
from neuro.chip.cores import Limits, Quantity
from neuro.chip.mesh import links
from neuro.errors import UnsupportedFeature
from neuro.mapping.constraints import rules_of
from neuro.mapping.latency.loads import apply_change, change_of
from neuro.mapping.latency.pieces import in_pieces
from neuro.mapping.latency.shorten import equal_parts, search_of, starts_on_more
from neuro.mapping.pipeline import partition_effort
from neuro.mapping.routes import placement_of_network
from neuro.mapping.traffic import traffic_of
from neuro.report.mapping import hotspot_table, placement_report
from tests.mapping.counting import drawn, recount
from tests.placements import chips, differing_chips, path, priced

DT = 1e-3
EVERY_CHIP = st.one_of(chips(), differing_chips()).filter(lambda chip: chip.cores > 1)


def recorded(net, seed, steps=6, most=14):
    """A recording of random spikes, some of them several in one step."""
    rng = np.random.default_rng(seed)
    spikes = {}
    for name, population in net.populations.items():
        count = int(rng.integers(0, most)) if population.size else 0
        spikes[name] = nr.Spikes(np.sort(DT * rng.integers(0, steps, count)), rng.integers(0, population.size, count))
    return nr.Recording(spikes=spikes, v={}, v_times=np.zeros(0), events={}, start=0.0, stop=steps * DT)


def with_sources(seed, sizes=(6, 9)):
    """A drawn network whose first population is one of sources."""
    net, _ = drawn(seed, sizes)
    made = nr.Network(seed=seed)
    made.add(nr.Population("p0", sizes[0], nr.SpikeSource()))
    made.add(nr.Population("p1", sizes[1], nr.LIF(tau_m=20e-3, v_th=1.0)))
    for projection in net.projections.values():
        if projection.post.name == "p1":
            made.connect(projection.pre.name, "p1", projection.synapses, delay=1e-3)
    return made


def begun(seed, chip, **given_):
    """A search on a random placement, with what it is about."""
    net = with_sources(seed)
    run, known = recorded(net, seed), traffic_of(net)
    core = np.random.default_rng(seed).integers(0, chip.cores, known.neurons)
    rules = rules_of(net, replace(chip, groups=(), limits=Limits()), known, None, {}, (), (), ())
    search = search_of(rules, chip, placement_of_network(net, chip, known, core), run, **given_)
    return net, run, known, core, search


@given(st.integers(0, 10**6), EVERY_CHIP)
def test_the_seconds_of_a_search_are_those_of_the_account(seed, chip):
    net, run, known, core, search = begun(seed, chip)
    bill = nr.account(run, placement_of_network(net, chip, known, core))
    seconds = search.start(core)
    if chip.mode == "step":
        assert seconds == pytest.approx(bill.latency, rel=1e-12)
        return
    # Without steps, the busiest core of each window: at least the busiest one of all, and its sum in one window.
    assert seconds >= bill.busiest * (1 - 1e-12)
    whole = search.state.load @ search.work.weight
    assert whole.max() == pytest.approx(bill.busiest, rel=1e-12)


@given(st.integers(0, 10**6), EVERY_CHIP, st.lists(st.tuples(*[st.integers(0, 99)] * 3), min_size=1, max_size=12))
def test_changes_of_time_add_up_to_the_recomputed_time(seed, chip, moves):
    *_, core, search = begun(seed, chip)
    before, made = search.start(core), 0
    for first, second, third in moves:
        state = search.state
        v, b = first % len(core), second % chip.cores
        a = int(state.core[v])
        if a == b:
            continue
        others = state.member[b, : state.size[b]]
        w = int(others[third % len(others)]) if len(others) and third % 2 else -1
        more = change_of(search.tables[0], search.tables[2], v, w, b)
        assert apply_change(*search.tables, v, w, a, b)
        before, made = before + more, made + 1
        kept = {name: getattr(state, name).copy() for name in ("targets", "reached", "axons_in", "axons_out", "used")}
        loads, top = state.load.copy(), state.top.copy()
        again = search.start(state.core.copy())
        assert again == pytest.approx(before, rel=1e-12, abs=1e-21)
        np.testing.assert_allclose(loads, state.load, rtol=1e-9, atol=1e-20)
        assert np.allclose(np.take_along_axis(state.load, np.maximum(top, 0), 0)[top >= 0],
                           np.take_along_axis(state.load, np.maximum(state.top, 0), 0)[top >= 0])  # fmt: skip
        for name, array in kept.items():
            assert np.array_equal(array, getattr(state, name)), name
    assume(made)


@given(st.integers(0, 10**6), EVERY_CHIP)
def test_a_change_that_a_limit_forbids_leaves_everything_as_it_was(seed, chip):
    *_, core, search = begun(seed, chip)
    search.start(core)
    search.room.axons_in[:] = -1
    before = [array.copy() for array in search.state]
    v = int(np.argmax(np.diff(search.work.in_start)))
    a, b = int(core[v]), int((core[v] + 1) % chip.cores)
    change_of(search.tables[0], search.tables[2], v, -1, b)
    assert not apply_change(*search.tables, v, -1, a, b)
    for name, array in zip(search.state._fields, before, strict=True):
        if name not in ("delta", "touched"):
            assert np.array_equal(array, getattr(search.state, name)), name


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_pieces_of_parts_stay_on_cores_of_their_own(seed, cores):
    *_, known, core, search = begun(seed, priced(width=6, height=1, cores_per_tile=1))
    whole = np.minimum(core, 1)
    search.start(whole)
    found = in_pieces(search.work, search.room, priced(width=6, height=1, cores_per_tile=1), whole, cores)
    assert len(np.unique(found)) <= max(cores, len(np.unique(whole)))
    assert all(len(np.unique(whole[found == c])) == 1 for c in np.unique(found))
    assert len(found) == known.neurons


@given(st.integers(0, 10**6), st.integers(2, 30))
def test_equal_parts_use_the_same_cores_and_keep_the_order_of_the_parts(seed, cores):
    rng = np.random.default_rng(seed)
    core, pieces = rng.integers(0, 9, 30), rng.permutation(np.arange(30) % cores) * 3
    found = equal_parts(core, pieces)
    sizes = np.bincount(found)[np.unique(pieces)]
    assert np.array_equal(np.unique(found), np.unique(pieces))
    assert sizes.max() - sizes.min() <= 1
    assert all(core[found == a].max() <= core[found > a].min(initial=9) for a in np.unique(found)[:-1])


def test_where_pieces_have_too_many_axons_out_the_search_starts_from_equal_parts():
    """All neurons reach each other, so a part of n on one of k cores has n (k - 1) axons out; the busy 12 are cut."""
    net = nr.Network()
    net.add(nr.Population("cells", 36, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cells", "cells", nr.Dense(np.ones((36, 36))), delay=1e-3)
    busy = nr.Spikes(np.repeat(DT * np.arange(6), 12), np.tile(np.arange(24, 36), 6))
    run = nr.Recording(spikes={"cells": busy}, v={}, v_times=np.zeros(0), events={}, start=0.0, stop=6 * DT)
    chip, known = priced(width=12, height=1, cores_per_tile=1), traffic_of(net)
    core = np.repeat([0, 1], [24, 12])
    rules = rules_of(net, chip, known, None, {}, (), (), ())
    search = search_of(rules, chip, placement_of_network(net, chip, known, core), run)
    search.start(core)

    def within(found):
        used = np.bincount(found)
        return used.max() * (np.count_nonzero(used) - 1) <= 35

    found = starts_on_more(search, chip, core, within)
    assert [sorted(np.bincount(each)[np.unique(each)].tolist()) for each in found] == [
        [9] * 4,
        [4] * 4 + [5] * 4,
        [3] * 12,
    ]


@pytest.mark.parametrize(
    ("objective", "effort", "wanted"),
    [
        ("latency", "fast", "fast"),
        ("latency", "best", "balanced"),
        ({"latency": 1.0, "km1": 1e-9}, "best", "best"),
        ("km1", "best", "best"),
    ],
)
def test_a_search_for_latency_alone_begins_with_balanced_at_most(monkeypatch, objective, effort, wanted):
    net, _ = drawn(2, (8, 7))
    asked = []

    def level(effort, *given):
        asked.append(effort)
        return partition_effort("fast", *given)

    monkeypatch.setattr("neuro.mapping.place.partition_effort", level)
    monkeypatch.setattr("neuro.mapping.place.shorten", lambda rules, core, *given, **options: core)
    nr.place(net, priced(limits=Limits(neurons=9)), recorded(net, 2), objective, effort, 2)
    assert asked == [wanted]


LIMITS = ({"neurons": 5}, {"neurons": 8, "synapses": 40}, {"neurons": 9, "axons_in": 12, "axons_out": 20}, {"rows": 14})


@settings(max_examples=10)
@given(
    st.integers(0, 10**6), st.sampled_from(LIMITS), st.sampled_from(["event", "crossbar", "dense"]),
    st.sampled_from(["step", "event"]), st.sampled_from([None, 4]),
)  # fmt: skip
def test_placements_for_latency_keep_every_limit_and_take_no_longer_than_those_for_km1(
    seed, limits, arithmetic, mode, cores
):
    net, _ = drawn(seed, (8, 7))
    run = recorded(net, seed)
    chip = priced(
        limits=Limits(**limits), arithmetic=arithmetic, mode="step" if arithmetic == "dense" else mode, cores_per_tile=2
    )
    rule = {"pinned": {"p0": [3, *[-1] * 7]}, "dead": [5], "cores": cores}
    first = nr.place(net, chip, run, "km1", "fast", seed, **rule)
    found = nr.place(net, chip, run, "latency", "fast", seed, **rule)
    taken = [nr.account(run, each).latency for each in (first, found)]
    assert taken[1] <= taken[0]
    assert found.objectives["latency"] == taken[1]
    core = np.concatenate(list(found.core.values()))
    assert found.core["p0"][0] == 3
    assert 5 not in core
    assert len(np.unique(core)) <= (cores or chip.cores)
    used = recount(net, {name: np.zeros(len(part)) for name, part in found.core.items()}, found.core)
    for name, most in {**limits, **({"axons_in": limits["rows"]} if "rows" in limits else {})}.items():
        if name != "rows":
            assert max(used[name].values(), default=0) <= most, name
    again = nr.place(net, chip, run, "latency", "fast", seed, **rule)
    assert all(np.array_equal(found.core[name], again.core[name]) for name in found.core)


def test_spikes_that_come_together_are_kept_on_different_cores():
    net = nr.Network()
    cell = net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cell, cell, nr.Sparse([0, 1, 2, 3], [0, 1, 2, 3], 0.1), delay=1e-3)
    # Neurons 0 and 1 fire in one step, 2 and 3 in another; totals are all the same.
    times = [*[0.5e-3] * 8, *[1.5e-3] * 8]
    run = nr.Recording(
        spikes={"cell": nr.Spikes(times, [0, 1] * 4 + [2, 3] * 4)}, v={}, v_times=np.zeros(0), events={}, start=0.0,
        stop=2e-3,
    )  # fmt: skip
    barrier = {1: Quantity(1e-12, "s", "test")}
    chip = priced(width=2, height=1, cores_per_tile=1, limits=Limits(neurons=2), barrier=barrier)
    core = nr.place(net, chip, run, "latency", "fast").core["cell"]
    assert core[0] != core[1]
    assert core[2] != core[3]


def test_where_messages_wait_the_account_decides():
    net, _ = drawn(4, (30, 20))
    run, chip = recorded(net, 4, steps=20, most=300), nr.load_chip("loihi_sanafe")
    first, found = (nr.place(net, chip, run, objective, "fast") for objective in ("km1", "latency"))
    assert nr.account(run, found).latency < nr.account(run, first).latency
    assert found.objectives["latency"] == nr.account(run, found).latency


def test_latency_beside_other_objectives_is_part_of_the_sum():
    net, _ = drawn(4, (30, 20))
    run, chip = recorded(net, 4, steps=20, most=300), nr.load_chip("loihi_davies2018")
    mixed = nr.place(net, chip, run, {"latency": 1.0, "km1": 1.0}, "fast")
    assert mixed.objectives["km1"] == 0.0
    assert nr.place(net, chip, run, {"latency": 1.0, "km1": 0.0}, "fast").objectives["km1"] > 0.0


def test_latency_is_refused_where_nothing_tells_the_time():
    net, spikes = drawn(1)
    with pytest.raises(UnsupportedFeature, match=r"totals do not say.*Give a Recording"):
        nr.place(net, nr.load_chip("loihi_davies2018"), spikes, "latency", "fast")
    for name in ("loihi2", "truenorth"):
        with pytest.raises(UnsupportedFeature, match=r"unknown: .*synapse.*choose another objective"):
            nr.place(net, nr.load_chip(name), recorded(net, 1), "latency", "fast")
    with pytest.raises(UnsupportedFeature, match="unknown: barrier"):
        nr.place(net, priced(barrier={}), recorded(net, 1), {"latency": 1.0}, "fast")
    placed = nr.place(net, priced(barrier={}), recorded(net, 1), {"latency": 0.0, "km1": 1.0}, "fast")
    assert "latency" not in placed.objectives


@pytest.mark.parametrize("steps", [0, 1])
def test_a_run_in_which_nothing_happens_keeps_the_placement_for_km1(steps):
    net, _ = drawn(2)
    empty = {name: nr.Spikes([], []) for name in net.populations}
    run = nr.Recording(spikes=empty, v={}, v_times=np.zeros(0), events={}, start=0.0, stop=steps * DT)
    chip = priced(mode="event", limits=Limits(neurons=4))
    first, found = (nr.place(net, chip, run, objective, "fast") for objective in ("km1", "latency"))
    assert all(np.array_equal(first.core[name], found.core[name]) for name in found.core)


def test_after_an_interrupt_the_placement_is_within_the_limits():
    net, _ = drawn(6, (40, 40))
    chip = priced(limits=Limits(neurons=9), width=4, height=3)

    def stop(done, total, label):
        raise KeyboardInterrupt

    found = nr.place(net, chip, recorded(net, 6, most=200), "latency", "balanced", progress=stop)
    assert found.interrupted
    assert found.usage["neurons"].max() <= 9


@given(st.integers(0, 10**6), EVERY_CHIP)
def test_hotspots_are_those_counted_message_by_message(seed, chip):
    net, run, known, core, search = begun(seed, chip)
    placement = placement_of_network(net, chip, known, core)
    found = hotspots(run, placement, window=DT)
    search.start(core)
    assert len(found.start) == len(found.link) == len(found.messages) == 6
    order = np.argsort(np.concatenate([spikes.times for spikes in run.spikes.values()]), kind="stable")
    ids = np.concatenate([spikes.ids + placement.offset[name] for name, spikes in run.spikes.items()])[order]
    when = np.concatenate([spikes.times for spikes in run.spikes.values()])[order]
    mesh = links(chip)
    ends = zip(map(tuple, mesh.source.tolist()), map(tuple, mesh.target.tolist()), strict=True)
    number = {link: k for k, link in enumerate(ends)}
    for step in range(6):
        crossed = Counter()
        for neuron in ids[np.round(when / DT).astype(int) == step]:
            begin, paths = tuple(chip.xy[core[neuron]].tolist()), []
            for entry in range(placement.routes.start[neuron], placement.routes.start[neuron + 1]):
                paths.append(path(chip, begin, tuple(chip.xy[placement.routes.core[entry]].tolist())))
            every = [link for one in paths for link in one]
            crossed.update(set(every) if chip.routing == "multicast" else every)
        assert found.messages[step] == max(crossed.values(), default=0)
        if crossed:
            most = [number[link] for link, count in crossed.items() if count == found.messages[step]]
            assert found.link[step] in most
        else:
            assert found.link[step] == -1
    bill = nr.account(run, placement)
    if chip.mode == "step":
        steps = bill.step_times - found.seconds
        np.testing.assert_allclose(steps, steps[0], atol=1e-15)
        assert steps[0] >= 0.0
    else:
        assert found.seconds.sum() == pytest.approx(search.start(core), rel=1e-12)
        whole = hotspots(run, placement, window=1.0)
        assert whole.seconds.tolist() == pytest.approx([bill.busiest], rel=1e-12)
    search.start(core)
    for column, step in enumerate(np.unique(np.round(when / DT).astype(int))):
        load = search.state.load[:, column]
        assert load[found.core[step]] == pytest.approx(load.max(), rel=1e-12)


def test_hotspots_of_a_chip_without_times_have_links_alone():
    net, _ = drawn(3, (9, 9))
    run, chip = recorded(net, 3), replace(nr.load_chip("truenorth"), limits=Limits(neurons=2))
    found = hotspots(run, nr.place(net, chip, run, effort="fast"))
    assert found.core is None
    assert found.seconds is None
    assert found.messages.max() > 0
    assert "busiest link" in repr(found)
    table = hotspot_table(found)
    assert table.rows[0][4] == found.messages.max()
    assert table.rows[0][1] is None


def test_the_report_on_a_placement_has_the_busiest_steps_of_a_recording(tmp_path):
    net, _ = drawn(3, (9, 9))
    run, chip = recorded(net, 3), replace(nr.load_chip("loihi_davies2018"), limits=Limits(neurons=4))
    report, placement = placement_report(net, chip, run, effort="fast")
    table = next(table for table in report.tables if table.title == "Busiest steps")
    found = hotspots(run, placement)
    assert len(table.rows) == 5
    assert table.rows[0][2] == found.seconds.max()
    assert table.rows[0][1] == found.core[found.seconds.argmax()]
    report.figures["time"]().savefig(tmp_path / "time.png")
    assert (tmp_path / "time.png").stat().st_size > 1000
    totals = {name: spikes.counts(9) for name, spikes in run.spikes.items()}
    assert "time" not in placement_report(net, chip, totals, effort="fast")[0].figures
