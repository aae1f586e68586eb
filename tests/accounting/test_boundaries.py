"""Accounts at their boundaries: spikes on the edge of a step, empty runs, a host known in part, tiles, hops by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.accounting.costs import Span, cost_of, own_kind
from neuro.accounting.fallback_placement import moved_to_chip, on_one_core
from neuro.accounting.report import Host
from neuro.chip.model import Quantity
from neuro.chip.placement import Placement
from neuro.chip.routes import Routes
from neuro.errors import NeuroError, ParameterError, PlacementError
from tests.placements import priced

DT = 1e-3


def one_each(chip, core, *, cues=1):
    """Sources, and as many cells, of which the first fires onto every core of a list: one synapse on each."""
    neurons = 2 * cues
    start = np.minimum(np.arange(neurons + 1) * len(core), len(core)) if neurons else np.zeros(1, np.int64)
    routes = Routes(start, np.array(core, np.int64), np.ones(len(core), np.int64))
    homes = {"cue": np.zeros(cues, np.int64), "cell": np.zeros(cues, np.int64)}
    return Placement(chip, homes, routes, frozenset({"cue"}))


def recorded(times, *, stop, start=0.0, name="cue", ids=None, **more):
    times = np.array(times, float)
    spikes = {"cue": nr.Spikes([], []), "cell": nr.Spikes([], [])}
    spikes[name] = nr.Spikes(times, np.zeros(len(times), int) if ids is None else ids)
    return nr.Recording(spikes=spikes, v={}, v_times=np.zeros(0), events={}, start=start, stop=stop, **more)


def messages(report):
    return report.counts_by_bin["message_in"].tolist()


@given(dt=st.floats(1e-5, 1.0), at=st.integers(0, 6), start=st.integers(0, 5))
def test_a_spike_on_the_edge_of_a_step_belongs_to_the_step_that_begins(dt, at, start):
    run = recorded([(start + at) * dt], start=start * dt, stop=(start + 7) * dt)
    report = nr.account(run, one_each(priced(), [0]), dt=dt)
    assert messages(report) == [float(k == at) for k in range(7)]
    assert report.bins == pytest.approx((start + np.arange(8)) * dt, rel=1e-12)
    assert report.step == pytest.approx(dt, rel=1e-12)


@given(at=st.floats(0.0, 1.0), bins=st.integers(1, 9), start=st.sampled_from([0.0, 0.5]))
def test_on_a_chip_without_steps_a_spike_is_in_the_bin_of_its_time(at, bins, start):
    run = recorded([start + at], start=start, stop=start + 1.0)
    report = nr.account(run, one_each(priced(mode="event"), [0]), bins=bins)
    (place,) = np.flatnonzero(messages(report))
    assert report.bins[place] <= start + at + 1e-12
    assert start + at <= report.bins[place + 1] + 1e-12
    assert report.step is None
    assert len(report.by_bin) == bins


def test_a_chip_without_steps_has_a_hundred_bins_unless_told():
    report = nr.account(recorded([0.0], stop=1.0), one_each(priced(mode="event"), [0]))
    assert (len(report.by_bin), messages(report)[0]) == (100, 1.0)


@pytest.mark.parametrize("mode", ["step", "event"])
def test_a_run_of_no_length_costs_its_spikes_and_no_time(mode):
    run = recorded([] if mode == "step" else [0.5], start=0.5, stop=0.5)
    report = nr.account(run, one_each(priced(mode=mode), [0]), dt=DT)
    assert report.by_bin.sum() == pytest.approx(report.total, rel=1e-12, abs=0)
    if mode == "step":
        assert (len(report.by_bin), report.step, report.total) == (0, None, 0.0)
        assert "activation_sparsity" not in report.metrics
    else:
        assert (report.counts["message_in"], report.latency) == (1.0, report.busiest)


@pytest.mark.parametrize("bins", [0, -1, True, 2.0])
def test_bins_are_a_whole_number_above_zero(bins):
    with pytest.raises(ParameterError, match="bins"):
        nr.account(recorded([0.0], stop=1.0), one_each(priced(mode="event"), [0]), bins=bins)


def test_a_spike_of_a_neuron_that_is_not_placed_is_refused_and_of_the_last_one_is_not():
    placement = one_each(priced(), [0], cues=2)
    assert nr.account(recorded([0.0], stop=DT, ids=[1]), placement, dt=DT).total > 0
    with pytest.raises(PlacementError, match=r"'cue'.*2 neurons of it.*neuron 2"):
        nr.account(recorded([0.0], stop=DT, ids=[2]), placement, dt=DT)


def test_events_without_spikes_are_refused_and_silence_is_not():
    placement = one_each(priced(), [0])
    silent = recorded([], stop=DT)
    assert nr.account(replace(silent, events={"cue->cell": 0}), placement, dt=DT).counts["message_in"] == 0
    with pytest.raises(NeuroError, match="spikes must be recorded"):
        nr.account(replace(silent, events={"cue->cell": 1}), placement, dt=DT)


@pytest.mark.parametrize("pulses", [{-1: 1}, {24: 1}, {0: -1}, {0: 1, 24: 1}])
def test_pulses_of_cores_that_are_not_there_are_refused(pulses):
    with pytest.raises(ParameterError, match=r"counts by core 0\.\.23.*(-1|24)"):
        nr.account(recorded([], stop=DT), one_each(priced(), [0]), dt=DT, pulses=pulses)


@pytest.mark.parametrize("pulses", [{0: 3}, {23: 3}, {0: 0, 23: 2}])
def test_pulses_of_the_first_and_the_last_core_count_evenly_over_the_steps(pulses):
    report = nr.account(recorded([], stop=4 * DT), one_each(priced(), [0]), dt=DT, pulses=pulses)
    total = sum(pulses.values())
    assert report.counts["write_pulse"] == total
    assert report.counts_by_bin["write_pulse"].tolist() == [total / 4] * 4
    assert report.counts_by_core["write_pulse"][23] == pulses.get(23, 0)
    assert "write_pulse" not in nr.account(recorded([], stop=DT), one_each(priced(), [0]), dt=DT).counts


FIGURES = {"power": 0.5, "static": 0.1, "step": 2e-6, "spike": 1e-9}


@pytest.mark.parametrize(
    "known",
    [set(), *({key} for key in FIGURES), *({*FIGURES} - {key} for key in FIGURES)],
    ids=lambda known: "+".join(sorted(known)) or "none",
)
def test_a_host_says_what_its_figures_allow_and_no_more(known):
    units = {"power": "W", "static": "W", "step": "s", "spike": "J"}
    host = {key: Quantity(FIGURES[key] if key in known else None, units[key], "test") for key in FIGURES}
    found = nr.account(recorded([0.0, DT], stop=10 * DT), one_each(priced(host=host), [0]), dt=DT).host
    latency = 10 * 2e-6 if "step" in known else None
    powered = 0.5 * latency if latency and "power" in known else None
    fed = 2 * 1e-9 if "spike" in known else None
    dynamic = None if powered is None and fed is None else (powered or 0.0) + (fed or 0.0)
    static = 0.1 * latency if latency and "static" in known else None
    for value, expected in ((found.latency, latency), (found.dynamic, dynamic), (found.static, static)):
        assert value == (None if expected is None else pytest.approx(expected, rel=1e-12, abs=0))
    total = None if dynamic is None and static is None else (dynamic or 0.0) + (static or 0.0)
    assert found.total == (None if total is None else pytest.approx(total, rel=1e-12, abs=0))


def test_a_chip_without_a_host_has_none_and_parts_of_one_are_zero():
    assert nr.account(recorded([], stop=DT), one_each(priced(), [0]), dt=DT).host is None
    assert Host(dynamic=None, static=3.0, latency=None).total == 3.0
    assert Host(dynamic=2.0, static=None, latency=None).total == 2.0
    assert Host(dynamic=None, static=None, latency=1.0).total is None


def test_the_report_as_a_dictionary_has_the_numbers_of_the_report():
    host = {key: Quantity(value, "W", "test") for key, value in FIGURES.items()}
    report = nr.account(recorded([0.0], stop=2 * DT), one_each(priced(host=host), [3]), dt=DT)
    found = report.as_dict()
    assert (found["chip"], found["complete"], found["missing"], found["missing_time"]) == ("priced", True, {}, {})
    assert (found["total_J"], found["range_J"]) == (report.total, list(report.range))
    assert (found["dynamic_J"], found["static_J"], found["step_s"]) == (report.dynamic, report.static, report.step)
    assert (found["latency_s"], found["latency_range_s"]) == (report.latency, list(report.latency_range))
    assert found["edp_Js"] == report.edp == report.total * report.latency
    assert report.dynamic + report.static == pytest.approx(report.total, rel=1e-12)
    assert found["flight_s"] == list(report.flight)
    assert (found["by_cause_J"], found["by_population_J"]) == (dict(report.by_cause), dict(report.by_population))
    assert found["by_core_J"] is report.by_core
    assert found["links"]["messages"] is report.messages_by_link
    assert (found["host_J"], found["host_latency_s"]) == (report.host.total, report.host.latency)
    assert (found["neurobench"], found["counts"]) == (dict(report.metrics), dict(report.counts))


def test_what_is_not_known_is_none_in_the_dictionary_too():
    chip = priced(time={}, power={"chip": Quantity(0.0, "W", "test")})
    report = nr.account(recorded([0.0], stop=2 * DT), one_each(chip, [3]), dt=DT)
    found = report.as_dict()
    assert [
        found[key] for key in ("latency_s", "latency_range_s", "edp_Js", "flight_s", "host_J", "host_latency_s")
    ] == [None] * 6
    assert found["missing_time"]["time.message_in"] == 1.0


def test_a_name_that_a_report_does_not_have_is_answered_with_those_it_has():
    report = nr.account(recorded([0.0], stop=DT), one_each(priced(), [0]), dt=DT)
    with pytest.raises(NeuroError, match=r"'cells'.*cell"):
        report.by_population["cells"]
    with pytest.raises(NeuroError, match=r"'message_inn'.*message_in"):
        report.by_cause["message_inn"]


def test_a_flight_is_hops_and_the_last_tile_by_hand():
    # Tiles in rows of 4, 2 cores each: core 2 (4 y + x) + k.
    seconds = {"tile": 1.0, "hop_east": 10.0, "hop_west": 100.0, "hop_north": 1e3, "hop_south": 1e4, "hop_chip": 1e5}
    time = {**priced().time, **{kind: Quantity(value, "s", "test") for kind, value in seconds.items()}}
    flights = {(0, 0): 1.0, (0, 2): 11.0, (2, 0): 101.0, (0, 8): 1001.0, (8, 0): 10001.0, (0, 21): 1.0 + 20.0 + 2e3}
    for (source, target), expected in flights.items():
        placement = one_each(priced(time=time), [target])
        placement = replace(placement, core={**placement.core, "cue": np.array([source])})
        assert nr.account(recorded([0.0], stop=DT), placement, dt=DT).flight == (expected, expected)
    # On chips of 2 x 1 tiles, each second step to the east and every step to the north leaves the chip.
    placement = one_each(priced(time=time, chip_size=(2, 1)), [21])
    assert nr.account(recorded([0.0], stop=DT), placement, dt=DT).flight == (1.0 + 10.0 + 3e5,) * 2
    both = replace(one_each(priced(time=time), [0, 2]))
    assert nr.account(recorded([0.0], stop=DT), both, dt=DT).flight == (6.0, 11.0)


@pytest.mark.parametrize(
    ("used", "seconds"), [(0, 1e-7), (1, 1e-7), (3, 1e-7), (4, 3e-7), (5, 3e-7)], ids=lambda value: str(value)
)
@pytest.mark.parametrize("between", ["step", "linear"])
def test_a_barrier_is_that_of_the_tiles_in_use(between, used, seconds):
    chip = priced(barrier_between=between, updates="none")
    placement = one_each(chip, [], cues=max(used, 1))
    homes = 2 * np.arange(used) + np.arange(used) % 2 if used else np.array([-1])
    placement = replace(placement, core={"cue": np.full(max(used, 1), -1), "cell": homes})
    report = nr.account(recorded([], stop=DT), placement, dt=DT)
    if between == "linear":
        seconds = np.interp(used, [1, 4], [1e-7, 3e-7])
    assert report.latency == pytest.approx(seconds, rel=1e-12, abs=0)


def test_a_step_of_a_crossbar_drives_rows_and_converts_all_columns_at_once():
    seconds = {"row_read": 10.0, "column_read": 100.0, "message_in": 1.0}
    time = {kind: Quantity(seconds.get(kind, 0.0), "s", "test") for kind in priced().time}
    chip = priced(time=time, arithmetic="crossbar", updates="none", barrier={}, pace="real")
    placement = one_each(chip, [0], cues=3)
    report = nr.account(recorded([0.0, 0.0], stop=DT), placement, dt=DT)
    assert report.step_times.tolist() == [2 * 111.0]
    assert (report.counts["row_read"], report.counts["column_read"]) == (2.0, 6.0)
    empty = replace(placement, core={**placement.core, "cell": np.full(3, 1)})
    assert nr.account(recorded([0.0, 0.0], stop=DT), empty, dt=DT).step_times.tolist() == [2 * 11.0]


def test_a_cost_is_that_of_the_variant_or_of_its_kind():
    table = {
        "synapse": Quantity(2.0, "J", "test", 1.0, 3.0),
        "synapse:dense": Quantity(5.0, "J", "test"),
        "spike": Quantity(None, "J", "test"),
        "tile": Quantity(None, "J", "test", within="synapse"),
        "hop_east": Quantity(None, "J", "test", within="spike"),
        "hop_west": Quantity(None, "J", "test", within="nobody"),
    }
    assert cost_of(table, "synapse") == cost_of(table, "synapse:sparse") == Span(2.0, 1.0, 3.0)
    assert cost_of(table, "synapse:dense") == Span(5.0, 5.0, 5.0)
    assert cost_of(table, "tile") == cost_of(table, "hop_west") == Span(0.0, 0.0, 0.0)
    assert cost_of(table, "spike") is cost_of(table, "hop_east") is cost_of(table, "mac") is None
    assert own_kind(priced(), "update_idle") == "update_idle"
    assert own_kind(priced(neuron="lif"), "update_idle") == "update_idle:lif"


@pytest.mark.parametrize("pair", [(5.0, 2.0), (2.0, 5.0)])
def test_active_updates_widen_the_range_by_what_they_differ(pair):
    idle, active = pair
    energy = {kind: Quantity(0.0, "J", "test") for kind in priced().energy}
    energy |= {"update_idle": Quantity(idle, "J", "test"), "update_active": Quantity(active, "J", "test")}
    chip = priced(energy=energy, power={"chip": Quantity(0.0, "W", "test")})
    report = nr.account(recorded([0.0], stop=2 * DT), one_each(chip, [0]), dt=DT)
    # One cell, two steps, idle in both; in the first it received a spike.
    assert report.total == 2 * idle
    assert report.range == tuple(sorted([report.total, report.total + active - idle]))


def network_of(projections):
    populations = {
        "cue": {"size": 2, "model": "SpikeSource", "source": True},
        "cell": {"size": 3, "model": "LoihiAHP", "source": False},
        "idle": {"size": 1, "model": "LIF", "source": False},
    }
    return {"network": {"populations": populations, "projections": projections}}


def test_on_one_core_every_spike_of_a_population_has_the_same_share_of_its_events():
    run = recorded([0.0, DT, DT, DT], stop=2 * DT, ids=[0, 1, 0, 1])
    spikes = {**run.spikes, "cell": nr.Spikes([DT], [2]), "idle": nr.Spikes([], [])}
    projections = {"a": ["cue", "cell"], "b": ["cue", "idle"], "c": ["cell", "idle"], "d": ["cell", "cell"]}
    run = replace(run, spikes=spikes, events={"a": 10, "b": 6, "c": 3}, provenance=network_of(projections))
    placement = on_one_core(run, priced())
    assert {name: core.tolist() for name, core in placement.core.items()} == {
        "cue": [-1, -1],
        "cell": [0, 0, 0],
        "idle": [0],
    }
    assert placement.routes.synapses.tolist() == [4.0, 4.0, 3.0, 3.0, 3.0]
    assert placement.routes.start.tolist() == [0, 1, 2, 3, 4, 5, 5]
    assert placement.routes.core.tolist() == [0] * 5
    assert placement.compartments == {"cell": 2}
    assert nr.account(run, placement, dt=DT).counts["synapse"] == 19.0
    quiet = replace(run, spikes={**spikes, "cell": nr.Spikes([], [])})
    assert on_one_core(quiet, priced()).routes.synapses.tolist() == [4.0, 4.0, 0.0, 0.0, 0.0]


def test_one_core_holds_as_many_neurons_as_it_holds_compartments_counted():
    run = replace(recorded([], stop=DT), provenance=network_of({}))
    on_one_core(run, nr.mesh_chip(1, 1, neurons=7))  # 3 of two compartments, and 1
    with pytest.raises(PlacementError, match=r"holds 6.*got 7 neurons"):
        on_one_core(run, nr.mesh_chip(1, 1, neurons=6))
    none = replace(recorded([], stop=DT), provenance={"network": {"populations": {}, "projections": {}}})
    assert len(on_one_core(none, priced()).routes.core) == 0


def test_a_placement_moves_to_a_chip_with_just_enough_cores():
    placement = one_each(priced(), [5, 7])
    placement = replace(placement, core={"cue": np.array([-1]), "cell": np.array([7])})
    assert moved_to_chip(placement, nr.mesh_chip(8, 1, neurons=9)).neuron_core.tolist() == [-1, 7]
    with pytest.raises(PlacementError, match=r"priced.*7 cores.*core 7 is in use"):
        moved_to_chip(placement, nr.mesh_chip(7, 1, neurons=9))
    merged = moved_to_chip(placement, nr.mesh_chip(1, 1, neurons=9))
    assert merged.neuron_core.tolist() == [-1, 0]
    assert (merged.routes.core.tolist(), merged.routes.synapses.tolist()) == ([0], [2])
    assert merged.routes.start.tolist() == [0, 1, 1]
