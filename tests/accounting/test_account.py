"""Accounting: counts and joules are those of a slow account, one message at a time; sums close."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.mesh import links
from neuro.chip.model import KINDS, Quantity
from neuro.errors import InputError, MissingFigure, ParameterError, PlacementError
from tests.placements import (
    differing_chips,
    hop,
    own_figure,
    path,
    placements,
    priced,
    recordings,
    runs,
    slow_account,
)

DT = 1e-3


def close(a, b):
    return a == pytest.approx(b, rel=1e-12, abs=0)


@given(run=runs())
def test_counts_are_those_of_a_message_at_a_time(run):
    recording, placement = run
    report = nr.account(recording, placement, dt=DT)
    counts, by_core, by_link, _ = slow_account(recording, placement)
    found = {kind: count for kind, count in report.counts.items() if count}
    assert found == {kind: count for kind, count in counts.items() if count}
    for (kind, core), count in by_core.items():
        if count:
            assert report.counts_by_core[kind][core] == count
    mesh = links(placement.chip)
    for k, ends in enumerate(zip(map(tuple, mesh.source), map(tuple, mesh.target), strict=True)):
        assert report.messages_by_link[k] == by_link[ends]


@given(run=runs(differing_chips()), written=st.booleans())
def test_each_core_costs_its_own_joules_and_seconds(run, written):
    recording, placement = run
    chip = placement.chip
    pulses = {chip.cores - 1: 7, 0: 2} if written and chip.cores > 1 else {}
    report = nr.account(recording, placement, dt=DT, pulses=pulses)
    counts, by_core, by_link, busy = slow_account(recording, placement)
    by_core.update({("write_pulse", core): count for core, count in pulses.items()})
    counts["write_pulse"] = sum(pulses.values())
    assert {kind: n for kind, n in report.counts.items() if n} == {kind: n for kind, n in counts.items() if n}
    joules, of_core = dict.fromkeys(counts, 0.0), np.zeros(chip.cores)
    for (kind, core), count in by_core.items():
        if count:
            joules[kind] += count * own_figure(chip, "energy", kind, core)
            of_core[core] += count * own_figure(chip, "energy", kind, core)
    for link, count in by_link.items():
        joules[hop(chip, link)] += count * chip.energy[hop(chip, link)].value
    found = {kind: value for kind, value in report.by_cause.items() if value and kind != "static"}
    assert found == pytest.approx({kind: value for kind, value in joules.items() if value}, rel=1e-9, abs=0)
    np.testing.assert_allclose(report.by_core, of_core, rtol=1e-9, atol=0)
    if chip.mode == "event":
        work = {core: sum(s for (c, _), s in busy.items() if c == core) for core, _ in busy}
        assert report.busiest == pytest.approx(max(work.values(), default=0.0), rel=1e-9, abs=0)
    else:
        barrier = report.step_times - [
            max((s for (_, when), s in busy.items() if when == step), default=0.0)
            for step in range(len(report.step_times))
        ]
        assert barrier == pytest.approx(barrier[0], rel=1e-6, abs=1e-15)


@given(run=runs(differing_chips()))
def test_a_figure_that_one_core_alone_lacks_is_missing_for_its_events(run):
    recording, placement = run
    chip = placement.chip
    counts = slow_account(recording, placement)[1]
    unknown = {"spike": Quantity(None, "J", "test")}
    groups = tuple(replace(group, energy={**group.energy, **unknown}) for group in chip.groups)
    special = {core for group in chip.groups for core in group.cores}
    lacking = sum(count for (kind, core), count in counts.items() if kind == "spike" and core in special)
    report = nr.account(recording, replace(placement, chip=replace(chip, groups=groups)), dt=DT, partial=True)
    assert report.missing == ({"energy.spike": lacking} if lacking else {})
    assert report.range[0] <= report.total * (1 + 1e-12)


@pytest.mark.parametrize("kind", ["alike", "differ"])
@given(data=st.data())
def test_sums_close(kind, data):
    run = data.draw(runs(differing_chips() if kind == "differ" else None))
    recording, placement = run
    report = nr.account(recording, placement, dt=DT)
    assert close(sum(report.by_cause.values()), report.total)
    assert close(report.by_core.sum() + report.by_link.sum() + report.static, report.total)
    assert close(report.by_bin.sum(), report.total)
    assert close(sum(report.by_population.values()) + report.static, report.total)
    assert close(report.dynamic + report.static, report.total)
    for kind, count in report.counts.items():
        assert report.counts_by_bin.get(kind, np.zeros(1)).sum() == pytest.approx(count, rel=1e-12, abs=0)
    low, high = report.range
    assert low <= report.total * (1 + 1e-12)
    assert high >= report.total * (1 - 1e-12)


@given(run=runs())
def test_joules_are_counts_times_cost(run):
    recording, placement = run
    report = nr.account(recording, placement, dt=DT)
    for kind, joules in report.by_cause.items():
        if kind != "static":
            assert close(joules, report.counts[kind] * placement.chip.energy[kind].value)
    used = len(np.unique(placement.neuron_core[placement.neuron_core >= 0]))
    chips = placement.chip.chips[0] * placement.chip.chips[1]
    assert close(report.static, (1e-3 * chips + 2e-3 * used) * report.latency)


@given(run=runs())
def test_a_step_lasts_as_long_as_its_slowest_core_and_the_barrier(run):
    recording, placement = run
    chip = placement.chip
    report = nr.account(recording, placement, dt=DT)
    *_, busy = slow_account(recording, placement)
    if chip.mode == "event":
        work = {core: sum(s for (c, _), s in busy.items() if c == core) for core, _ in busy}
        assert report.busiest == pytest.approx(max(work.values(), default=0.0), rel=1e-12, abs=0)
        assert close(report.latency, max(recording.stop - recording.start, report.busiest))
        return
    tiles = len({int(c) // chip.cores_per_tile for c in placement.neuron_core if c >= 0})
    barrier = 3e-7 if tiles >= 4 else 1e-7
    if chip.barrier_between == "linear":
        barrier = np.interp(tiles, [1, 4], [1e-7, 3e-7])
    for step, seconds in enumerate(report.step_times):
        slowest = max((s for (_, when), s in busy.items() if when == step), default=0.0)
        assert close(seconds, slowest + barrier)
    assert close(report.latency, report.step_times.sum())


@given(run=runs())
def test_static_energy_goes_with_the_duration_of_each_step(run):
    recording, placement = run
    report = nr.account(recording, placement, dt=DT)
    energy = placement.chip.energy
    dynamic = sum((count * energy[kind].value for kind, count in report.counts_by_bin.items()), 0 * report.by_bin)
    share = np.ones(len(report.by_bin)) if report.step_times is None else report.step_times
    np.testing.assert_allclose(report.by_bin - dynamic, report.static * share / share.sum(), rtol=1e-6)


@given(run=runs())
def test_flights_are_those_of_a_walk(run):
    recording, placement = run
    chip, routes = placement.chip, placement.routes
    seconds = []
    for name, core in placement.core.items():
        for neuron in recording.spikes[name].ids if core.max(initial=-1) >= 0 else []:
            i = placement.offset[name] + neuron
            for target in routes.core[routes.start[i] : routes.start[i + 1]]:
                links_ = path(chip, tuple(chip.xy[core[neuron]]), tuple(chip.xy[target]))
                seconds.append(sum(chip.time[hop(chip, link)].value for link in links_) + chip.time["tile"].value)
    report = nr.account(recording, placement, dt=DT)
    if seconds:
        assert report.flight == pytest.approx((np.mean(seconds), max(seconds)), rel=1e-12, abs=0)
    else:
        assert report.flight is None


@given(data=st.data())
def test_permuting_the_cores_inside_a_tile_changes_nothing(data):
    chip = priced(cores_per_tile=3, routing=data.draw(st.sampled_from(["unicast", "multicast"])))
    placement = data.draw(placements(chip))
    recording = data.draw(recordings(placement))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    new = np.concatenate([3 * tile + rng.permutation(3) for tile in range(chip.width * chip.height)])
    core = {name: np.where(old < 0, -1, new[old]) for name, old in placement.core.items()}
    routes = placement.routes
    order = np.lexsort((new[routes.core], routes.neuron))
    moved = replace(
        routes,
        core=new[routes.core][order],
        synapses=routes.synapses[order],
        variants={name: part[order] for name, part in routes.variants.items()},
        nonzero=routes.nonzero[order],
    )
    one = nr.account(recording, placement, dt=DT)
    other = nr.account(recording, replace(placement, core=core, routes=moved), dt=DT)
    assert dict(one.counts) == dict(other.counts)
    assert one.total == pytest.approx(other.total, rel=1e-12, abs=0)
    assert one.latency == pytest.approx(other.latency, rel=1e-12, abs=0)
    np.testing.assert_allclose(other.by_core[new], one.by_core, rtol=1e-12)
    np.testing.assert_array_equal(other.messages_by_link, one.messages_by_link)
    np.testing.assert_allclose(other.by_bin, one.by_bin, rtol=1e-12)


@given(run=runs())
def test_a_figure_that_is_missing_is_asked_for_by_name_or_left_out(run):
    recording, placement = run
    whole = nr.account(recording, placement, dt=DT)
    charged = [kind for kind, count in whole.counts.items() if count]
    if not charged:
        return
    kind = charged[0]
    family = kind.partition(":")[0]
    energy = {key: cost for key, cost in placement.chip.energy.items() if key.partition(":")[0] != family}
    poorer = replace(placement, chip=replace(placement.chip, energy=energy))
    with pytest.raises(MissingFigure) as caught:
        nr.account(recording, poorer, dt=DT)
    assert caught.value.chip == "priced"
    assert caught.value.needed[f"energy.{kind}"] == whole.counts[kind]
    assert kind in str(caught.value)
    part = nr.account(recording, poorer, dt=DT, partial=True)
    assert not part.complete
    assert kind not in part.by_cause
    lost = sum(joules for key, joules in whole.by_cause.items() if key not in part.by_cause)
    assert part.total == pytest.approx(whole.total - lost, rel=1e-9, abs=1e-24)


def one_to_one(chip, *, spikes=3):
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.OneToOne(0.1), delay=DT)
    recording = nr.run(net, 0.01, inputs={"cue": nr.Spikes(DT * np.arange(spikes), [0] * spikes)})
    return recording, nr.placed(net, chip, {"cue": 0, "cell": 1})


def test_static_power_that_is_unknown_is_asked_for_too():
    recording, placement = one_to_one(priced(power={}))
    with pytest.raises(MissingFigure, match=r"power\.chip"):
        nr.account(recording, placement, dt=DT)
    report = nr.account(recording, placement, dt=DT, partial=True)
    assert "static" not in report.by_cause
    assert report.edp is None


def test_without_times_there_is_no_latency_and_static_power_asks_for_them():
    recording, placement = one_to_one(priced(time={}))
    with pytest.raises(MissingFigure, match="static power"):
        nr.account(recording, placement, dt=DT)
    report = nr.account(recording, placement, dt=DT, partial=True)
    assert report.latency is None
    assert report.edp is None
    assert "time.message_in" in report.missing_time
    free = replace(placement, chip=replace(placement.chip, power={"chip": Quantity(0.0, "W", "test")}))
    assert nr.account(recording, free, dt=DT).complete


def test_a_cost_that_another_one_contains_is_not_charged_again():
    energy = dict(priced().energy)
    energy["message_in"] = Quantity(None, "J", "test", within="synapse")
    recording, placement = one_to_one(priced(energy=energy))
    report = nr.account(recording, placement, dt=DT)
    assert report.complete
    assert report.by_cause["message_in"] == 0
    assert report.counts["message_in"] == 3
    energy["synapse"] = Quantity(None, "J", "test")
    _, placement = one_to_one(priced(energy=energy))
    with pytest.raises(MissingFigure, match=r"energy\.message_in"):
        nr.account(recording, placement, dt=DT)


def test_the_range_of_a_figure_is_carried_to_the_total():
    energy = {kind: Quantity(0.0, "J", "test") for kind in KINDS} | {"synapse": Quantity(2.0, "J", "test", 1.0, 5.0)}
    chip = priced(energy=energy, power={"chip": Quantity(0.0, "W", "test")}, updates="all")
    recording, placement = one_to_one(chip)
    report = nr.account(recording, placement, dt=DT)
    assert (report.total, report.range) == (6.0, (3.0, 15.0))
    assert report.range_by_cause["synapse"] == (3.0, 15.0)


def test_neurons_that_may_have_received_something_widen_the_range():
    energy = {kind: Quantity(0.0, "J", "test") for kind in KINDS}
    energy |= {"update_idle": Quantity(1.0, "J", "test"), "update_active": Quantity(3.0, "J", "test")}
    chip = priced(energy=energy, power={"chip": Quantity(0.0, "W", "test")})
    recording, placement = one_to_one(chip)
    report = nr.account(recording, placement, dt=DT)
    # Two neurons, ten steps, none fires; three spikes reach one of them each.
    assert (report.total, report.range) == (20.0, (20.0, 26.0))
    assert report.latency_range[1] > report.latency


def test_active_updates_that_cost_less_than_idle_ones_widen_the_range_below():
    energy = {kind: Quantity(0.0, "J", "test") for kind in KINDS}
    energy |= {"update_idle": Quantity(3.0, "J", "test"), "update_active": Quantity(1.0, "J", "test")}
    chip = priced(energy=energy, power={"chip": Quantity(0.0, "W", "test")})
    recording, placement = one_to_one(chip)
    report = nr.account(recording, placement, dt=DT)
    assert (report.total, report.range) == (60.0, (54.0, 60.0))
    unstated = replace(placement, chip=replace(chip, updates="all", updates_unstated=True))
    report = nr.account(recording, unstated, dt=DT)
    # No neuron fires: each of the 20 updates is counted as active, and may have been idle.
    assert (report.total, report.range) == (20.0, (20.0, 60.0))


def test_a_chip_that_keeps_real_time_takes_as_long_as_the_network():
    recording, placement = one_to_one(priced(pace="real"))
    assert nr.account(recording, placement, dt=DT).latency == pytest.approx(0.01, rel=1e-12, abs=0)
    slow = {kind: Quantity(1.0, "s", "test") for kind in KINDS}
    recording, placement = one_to_one(priced(pace="real", time=slow))
    assert nr.account(recording, placement, dt=DT).latency > 1


def test_the_step_is_that_of_the_recording_the_chip_or_whoever_asks():
    recording, placement = one_to_one(priced())
    assert nr.account(recording, placement).step == pytest.approx(1e-3, rel=1e-12, abs=0)
    with pytest.raises(ParameterError, match="dt"):
        nr.account(recording, placement, dt=0.0)
    assert len(nr.account(recording, placement, dt=5e-3).by_bin) == 2
    clocked = replace(recording, provenance={"dt": 2e-3})
    assert len(nr.account(clocked, placement).by_bin) == 5
    own = replace(placement, chip=replace(placement.chip, step=Quantity(1e-3, "s", "test")))
    assert len(nr.account(recording, own).by_bin) == 10


def test_a_recording_of_another_network_is_refused():
    recording, placement = one_to_one(priced())
    for core in ({"cue": placement.core["cue"]}, {**placement.core, "cue": np.zeros(0, np.int64)}):
        with pytest.raises(PlacementError, match="neurons of `core`"):
            replace(placement, core=core)
    other = nr.Network()
    other.add(nr.Population("cue", len(placement.core["cue"]), nr.SpikeSource()))
    lacking = nr.placed(other, placement.chip, {"cue": 0})
    with pytest.raises(PlacementError, match="'cell'"):
        nr.account(recording, lacking, dt=DT)
    other.add(nr.Population("cell", 1 + len(placement.core["cell"]), nr.LIF(tau_m=20e-3, v_th=1.0)))
    larger = nr.placed(other, placement.chip, {"cue": 0, "cell": 0})
    with pytest.raises(PlacementError, match="of the same network"):
        nr.account(recording, larger, dt=DT)


def test_a_run_that_recorded_no_spikes_is_refused():
    recording, placement = one_to_one(priced())
    assert any(recording.events.values())
    with pytest.raises(InputError, match="recorded"):
        nr.account(replace(recording, spikes={}), placement)


def test_pulses_are_charged_to_their_cores():
    recording, placement = one_to_one(priced())
    bare = nr.account(recording, placement, dt=DT)
    report = nr.account(recording, placement, dt=DT, pulses={1: 40})
    cost = placement.chip.energy["write_pulse"].value
    assert report.by_cause["write_pulse"] == pytest.approx(40 * cost, rel=1e-12, abs=0)
    assert report.by_core[1] - bare.by_core[1] == pytest.approx(40 * cost, rel=1e-9, abs=0)
    assert report.by_bin.sum() == pytest.approx(report.total, rel=1e-12, abs=0)
    with pytest.raises(ParameterError, match="pulses"):
        nr.account(recording, placement, dt=DT, pulses={99: 1})


def test_the_host_is_a_part_of_its_own():
    host = {
        "power": Quantity(0.5, "W", "test"),
        "static": Quantity(0.1, "W", "test"),
        "step": Quantity(2e-6, "s", "test"),
        "spike": Quantity(1e-9, "J", "test"),
    }
    recording, placement = one_to_one(priced(host=host))
    without, _ = one_to_one(priced())
    report = nr.account(recording, placement, dt=DT)
    assert report.total == nr.account(without, replace(placement, chip=priced()), dt=DT).total
    assert report.host.latency == pytest.approx(20e-6, rel=1e-12, abs=0)
    assert report.host.dynamic == pytest.approx(0.5 * 20e-6 + 3e-9, rel=1e-12, abs=0)
    assert report.host.static == pytest.approx(0.1 * 20e-6, rel=1e-12, abs=0)


def test_a_recording_from_a_file_costs_the_same(tmp_path):
    recording, placement = one_to_one(priced())
    recording.save(tmp_path / "run.h5")
    loaded = nr.load_recording(tmp_path / "run.h5")
    assert nr.account(loaded, placement, dt=DT).total == nr.account(recording, placement, dt=DT).total


def test_neurobench_names_mean_what_neurobench_means_by_them():
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.Dense([[2.0, 0.0, 2.0], [0.0, 0.0, 0.1]]), delay=DT)
    recording = nr.run(net, 0.01, inputs={"cue": nr.Spikes([0.0, DT, DT], [0, 0, 1])})
    assert recording.spikes["cell"].ids.tolist() == [0, 2, 0, 2]
    metrics = nr.account(recording, nr.placed(net, priced(), {"cue": 0, "cell": 0}), dt=DT).metrics
    assert metrics == {
        "footprint": 48.0,
        "connection_sparsity": 0.5,
        "activation_sparsity": 1 - 4 / 30,
        "effective_acs": 5.0,
        "effective_macs": 0.0,
        "dense": 60.0,
    }


def test_a_placement_never_changes_spikes():
    recording, placement = one_to_one(priced())
    before = {name: (s.times.copy(), s.ids.copy()) for name, s in recording.spikes.items()}
    nr.account(recording, placement, dt=DT)
    for name, (times, ids) in before.items():
        np.testing.assert_array_equal(recording.spikes[name].times, times)
        np.testing.assert_array_equal(recording.spikes[name].ids, ids)
