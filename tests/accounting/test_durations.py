"""Durations by hand: clocks, ranges of times, figures that nobody knows, and requests that cannot be."""

from dataclasses import replace

import numpy as np
import pytest

import neuro as nr
from neuro.chip.model import Quantity
from neuro.errors import InputError, MissingFigure, NeuroError, ParameterError
from tests.accounting.test_boundaries import DT, one_each, recorded
from tests.placements import priced

FREE = {"chip": Quantity(0.0, "W", "test")}


def timed(times, *, barrier=None, **changes):
    """A chip on which only these kinds of events take time: a number of seconds, or (value, low, high)."""
    table = {kind: Quantity(0.0, "s", "test") for kind in priced().time}
    for kind, given in times.items():
        value, low, high = given if isinstance(given, tuple) else (given, None, None)
        table[kind] = Quantity(value, "s", "test", low, high)
    steps = {} if barrier is None else {1: Quantity(*barrier)}
    return priced(**{"time": table, "barrier": steps, "power": FREE, "pace": "real", **changes})


def clock(value, low=None, high=None):
    return Quantity(value, "s", "test", low, high)


def account(chip, times=(0.0,), steps=4, **how):
    """One cue that fires at these times onto one cell on core 0."""
    return nr.account(recorded(times, stop=steps * DT), one_each(chip, [0]), dt=DT, **how)


def test_without_figures_a_chip_of_events_keeps_up_with_the_recording():
    chip = timed({"message_in": None}, mode="event")
    report = account(chip)
    assert (report.latency, report.latency_range, report.busiest) == (4 * DT, (4 * DT, 4 * DT), None)
    assert report.missing_time == {"time.message_in": 1.0}
    assert account(chip, times=()).missing_time == {}


@pytest.mark.parametrize(("seconds", "latency"), [(1e-3, 4e-3), (1.0, 2.0), (2e-3, 4e-3)])
def test_a_chip_of_events_takes_as_long_as_the_run_or_its_busiest_core(seconds, latency):
    report = account(timed({"message_in": (seconds, seconds / 2, 2 * seconds)}, mode="event"), times=(0.0, DT))
    assert report.busiest == pytest.approx(2 * seconds)
    assert report.latency == pytest.approx(latency)
    assert report.latency_range == pytest.approx((max(4e-3, seconds), max(4e-3, 4 * seconds)))


def test_without_figures_a_chip_with_a_clock_takes_its_steps():
    chip = timed({"message_in": None}, pace="free", step=clock(5e-3, 4e-3, 7e-3))
    report = account(chip)
    assert report.latency == pytest.approx(4 * 5e-3)
    assert report.latency_range == pytest.approx((4 * 4e-3, 4 * 7e-3))
    assert report.step_times.tolist() == [5e-3] * 4
    assert report.missing_time == {"time.message_in": 1.0}
    own = account(timed({"message_in": None}))
    assert own.latency == pytest.approx(4 * DT)
    assert own.step_times == pytest.approx([DT] * 4)


def test_without_figures_and_clock_nobody_knows_how_long_it_takes():
    chip = timed({"message_in": None}, pace="free")
    report = account(chip)
    assert (report.latency, report.latency_range, report.step_times, report.edp) == (None, None, None, None)
    assert report.missing_time == {"time.message_in": 1.0, "barrier": 4.0}
    for pace, step, arithmetic in (("real", None, "event"), ("free", clock(DT), "event"), ("free", None, "crossbar")):
        known = account(timed({}, pace=pace, step=step, arithmetic=arithmetic))
        assert "barrier" not in known.missing_time
    unknown = account(timed({}, pace="free", barrier=(None, "s", "test")))
    assert unknown.missing_time == {"barrier": 4.0}


@pytest.mark.parametrize("step", [1e-3, 2.5e-3])
def test_a_step_is_the_slowest_core_and_the_barrier_and_not_shorter_than_the_clock(step):
    times = {"message_in": (1e-3, 0.5e-3, 4e-3)}
    chip = timed(times, pace="free", step=clock(step), barrier=(1e-3, "s", "test", 0.5e-3, 2e-3))
    report = account(chip, times=(0.0, 0.0, 3 * DT))
    work = np.array([2e-3, 0.0, 0.0, 1e-3])
    for found, share, barrier in (
        (report.latency, 1.0, 1e-3),
        (report.latency_range[0], 0.5, 0.5e-3),
        (report.latency_range[1], 4.0, 2e-3),
    ):
        assert found == pytest.approx(np.maximum(work * share + barrier, step).sum())
    assert report.step_times == pytest.approx(np.maximum(work + 1e-3, step))


@pytest.mark.parametrize(("updates", "expected"), [("none", 0.0), ("fired", 3.0), ("all", 50.0)])
def test_updates_of_each_step_take_the_time_of_their_kind(updates, expected):
    chip = timed({"update_idle": 3.0, "update_active": 50.0}, updates=updates)
    report = account(chip, times=(), steps=2)
    assert report.step_times.tolist() == [max(expected, DT)] * 2
    fired = nr.account(recorded([0.0], stop=2 * DT, name="cell"), one_each(chip, [0]), dt=DT)
    assert fired.step_times.tolist() == [max(50.0 * (updates != "none"), DT), max(expected, DT)]


def test_neurons_and_synapses_have_the_times_of_their_variants():
    times = {"spike": 1.0, "spike:big": 20.0, "update_idle": 300.0, "update_idle:big": 4000.0}
    chip = timed(times, neuron="big")
    cell = nr.account(recorded([0.0], stop=DT, name="cell"), one_each(replace(chip, updates="none"), [0]), dt=DT)
    assert cell.step_times.tolist() == [20.0]
    assert account(chip, times=(), steps=1).step_times.tolist() == [4000.0]
    placement = replace(one_each(chip, [0]), variants={"cell": "small"})
    assert nr.account(recorded([], stop=DT), placement, dt=DT).step_times.tolist() == [300.0]


@pytest.mark.parametrize(("routing", "sent"), [("unicast", 2), ("multicast", 1)])
def test_a_core_sends_a_message_to_each_core_or_one_for_all(routing, sent):
    chip = timed({"message_out": 10.0}, routing=routing, updates="none")
    report = nr.account(recorded([0.0], stop=DT), one_each(chip, [2, 4]), dt=DT)
    assert report.step_times.tolist() == [10.0 * sent]
    assert report.counts["message_out"] == sent


def test_dense_arithmetic_takes_its_time_in_every_step():
    chip = timed({"mac": 7.0}, arithmetic="dense", updates="none")
    placement = one_each(chip, [0, 0, 2])
    report = nr.account(recorded([], stop=2 * DT), placement, dt=DT)
    assert report.step_times.tolist() == [14.0, 14.0]
    assert report.counts["mac"] == 6.0


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"recording": 5}, "recording"),
        ({"placement": 5}, "placement"),
        ({"partial": 1}, "partial"),
        ({"dt": 0.0}, "dt"),
        ({"dt": -1e-3}, "dt"),
        ({"dt": np.inf}, "dt"),
        ({"dt": [1e-3]}, "dt"),
        ({"dt": 1e-15}, r"dt = 1e-15 s: .*steps or bins"),
        ({"bins": 2**50}, "bins: .*steps or bins"),
        ({"bins": 2**53 + 1}, "bins"),
        ({"pulses": [(0, 1)]}, "pulses"),
        ({"pulses": {0.5: 1}}, "pulses"),
        ({"pulses": {0: 0.5}}, "pulses"),
        ({"pulses": {0: 2**53 + 1}}, "pulses"),
    ],
    ids=str,
)
def test_requests_that_cannot_be_are_refused_by_name(given, where):
    good = {"recording": recorded([0.0], stop=DT), "placement": one_each(priced(), [0]), "dt": DT}
    with pytest.raises(NeuroError, match=where) as caught:
        nr.account(**{**good, **given})
    assert isinstance(caught.value, ParameterError | InputError)


def test_what_the_total_lacks_is_asked_for_with_the_events_that_need_it():
    energy = {**priced().energy, "message_in": Quantity(None, "J", "test")}
    chip = priced(energy=energy, power={"core": Quantity(None, "W", "test")})
    with pytest.raises(MissingFigure, match=r"message_in"):
        account(chip)
    report = account(chip, partial=True)
    assert report.missing == {"energy.message_in": 1.0, "power.chip": 4.0, "power.core": 4.0}
    assert (report.complete, report.edp) == (False, None)
    assert not {"static", "message_in"} & set(report.by_cause)


@pytest.mark.parametrize("used", [1, 2])
def test_static_power_is_that_of_all_chips_and_of_the_cores_in_use(used):
    power = {"chip": Quantity(3.0, "W", "test", 2.0, 5.0), "core": Quantity(10.0, "W", "test")}
    chip = timed({}, power=power, chip_size=(2, 1), pace="real")
    chips = chip.chips[0] * chip.chips[1]
    placement = replace(one_each(chip, [0]), core={"cue": np.array([-1]), "cell": np.array([3])})
    if used == 2:
        placement = replace(placement, core={"cue": np.array([0]), "cell": np.array([3])})
    report = nr.account(recorded([], stop=4 * DT), placement, dt=DT)
    assert report.static == pytest.approx((3.0 * chips + 10.0 * used) * 4 * DT)
    low, high = report.range_by_cause["static"]
    assert (low, high) == pytest.approx(tuple((end * chips + 10.0 * used) * 4 * DT for end in (2.0, 5.0)))


@pytest.mark.parametrize("unknown", ["hop_east", "hop_north"])
def test_links_without_a_figure_cost_nothing_in_part_of_a_total(unknown):
    energy = {kind: cost for kind, cost in priced().energy.items() if kind != unknown}
    chip = priced(energy=energy, power=FREE)
    report = nr.account(recorded([0.0], stop=DT), one_each(chip, [21]), dt=DT, partial=True)
    assert set(report.missing) == {f"energy.{unknown}"}
    assert report.counts["hop_east"] * report.counts["hop_north"] > 0
    parts = report.by_core.sum() + report.by_link.sum() + report.static
    assert parts == pytest.approx(report.total, rel=1e-12, abs=0)


def shorter_when_active(**changes):
    """A chip on which an idle update takes longer than an active one."""
    return timed({"update_idle": 50.0, "update_active": 3.0}, **changes)


@pytest.mark.parametrize("other", [(), (0.0, DT)])
def test_a_spike_may_shorten_a_step(other):
    """Two cells on two cores; the first fires in step 1, the second when `other` says."""
    chip = shorter_when_active()
    placement = one_each(chip, [0], cues=2)
    placement = replace(placement, core={**placement.core, "cell": np.array([0, 1])})
    run = recorded([*other, DT], stop=3 * DT, name="cell", ids=[1] * len(other) + [0])
    expected = [50.0, 3.0 if other else 50.0, 50.0]
    report = nr.account(run, placement, dt=DT)
    assert report.step_times.tolist() == expected
    found = nr.hotspots(run, placement, dt=DT)
    assert found.seconds.tolist() == expected
    assert found.core.tolist() == [0, 0 if other else 1, 0]


def test_one_cell_that_fires_shortens_its_step():
    run = recorded([DT], stop=3 * DT, name="cell")
    report = nr.account(run, one_each(shorter_when_active(), [0]), dt=DT)
    assert report.step_times.tolist() == [50.0, 3.0, 50.0]


@pytest.mark.parametrize("waits", [False, True])
def test_updates_that_may_have_been_active_make_the_shortest_time_shorter(waits):
    chip = shorter_when_active(link_buffer=4 if waits else None)
    report = account(chip, times=(DT,))
    assert report.latency == pytest.approx(4 * 50.0)
    # With waiting messages each neuron may have been active in each step, without those that a message reached.
    assert report.latency_range == pytest.approx((4 * 3.0 if waits else 3 * 50.0 + 3.0, 4 * 50.0))


def test_of_touched_neurons_the_longer_update_counts():
    net = nr.Network()
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    placement = nr.placed(net, shorter_when_active(updates="touched"), {"cell": 0})
    run = nr.Recording(
        spikes={"cell": nr.Spikes([DT], [0])}, v={}, v_times=np.zeros(0), events={}, start=0.0, stop=3 * DT
    )
    assert nr.account(run, placement, dt=DT).step_times.tolist() == [100.0] * 3
