"""Messages that wait for links and cores: closed forms of small cases, and a slow account of random ones."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.cores import CoreGroup, Quantity
from neuro.chip.model import KINDS
from neuro.errors import ChipError
from tests.placements import hop, own_figure, path, placements, priced, recordings

DT = 1e-3
OUT, IN, OPERATION, EAST, NORTH = 3.0, 50.0, 7.0, 1.0, 0.25
"""Seconds that a message out, a message in, a synaptic operation and hops take."""


def small(link_buffer=16, **times):
    """A chip of 4 x 3 tiles with two cores each, whose barriers take no time."""
    seconds = dict.fromkeys(KINDS, 0.0)
    seconds |= {"message_out": OUT, "message_in": IN, "synapse": OPERATION, "hop_east": EAST, "hop_north": NORTH}
    table = {kind: Quantity(value, "s", "test") for kind, value in {**seconds, **times}.items()}
    return priced(time=table, barrier={1: Quantity(0.0, "s", "test")}, updates="all", link_buffer=link_buffer)


def last_event(chip, sources, cells, synapses=()):
    """Seconds of a step in which all sources fire; `synapses` are pairs of a source and a cell, by default all."""
    net = nr.Network()
    net.add(nr.Population("cue", len(sources), nr.SpikeSource()))
    net.add(nr.Population("cell", len(cells), nr.LIF(tau_m=20e-3, v_th=1.0)))
    pairs = list(synapses) or [(cue, cell) for cue in range(len(sources)) for cell in range(len(cells))]
    net.connect("cue", "cell", nr.Sparse(*zip(*pairs, strict=True), 0.0), delay=1e-3)
    ids = np.arange(len(sources))
    recording = nr.run(net, DT, inputs={"cue": nr.Spikes(np.zeros(len(ids)), ids)})
    report = nr.account(recording, nr.placed(net, chip, {"cue": sources, "cell": cells}), dt=DT)
    assert report.latency == report.step_times.sum()
    return report.step_times[0]


@pytest.mark.parametrize(("tile", "flight"), [(0, 0.0), (3, 3 * EAST), (4, NORTH), (11, 3 * EAST + 2 * NORTH)])
def test_a_message_alone_takes_its_way_and_its_synapses(tile, flight):
    assert last_event(small(), [0], [2 * tile + 1] * 4) == OUT + flight + IN + 4 * OPERATION


@pytest.mark.parametrize("update", [1.0, 100.0])
def test_a_core_updates_its_neurons_beside_the_messages_that_it_receives(update):
    found = last_event(small(update_active=update), [0], [1, 1])
    assert found == max(OUT + IN + 2 * OPERATION, 2 * update)


def test_a_message_leaves_after_the_updates_and_spikes_before_it():
    net = nr.Network()
    net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cell", "cell", nr.Sparse([2], [3], 0.0), delay=1e-3)
    spikes = {"cell": nr.Spikes([0.0, 0.0], [0, 2])}
    recording = nr.Recording(spikes=spikes, v={}, v_times=np.zeros(0), events={}, start=0.0, stop=DT)
    chip = small(update_active=100.0, spike=20.0)
    report = nr.account(recording, nr.placed(net, chip, {"cell": [0, 0, 0, 2]}), dt=DT)
    # Neuron 0 fires without a message.
    assert report.step_times.tolist() == [3 * 100.0 + 2 * 20.0 + OUT + EAST + IN + OPERATION]
    fired = nr.account(recording, nr.placed(net, replace(chip, updates="fired"), {"cell": [0, 0, 0, 2]}), dt=DT)
    assert fired.step_times.tolist() == [2 * 100.0 + 2 * 20.0 + OUT + EAST + IN + OPERATION]
    assert fired.latency_range == (fired.latency, report.latency)


def test_two_messages_to_one_core_are_processed_one_after_the_other():
    alone = last_event(small(), [2], [0])
    assert last_event(small(), [2, 4], [0], [(0, 0), (1, 0)]) == alone + IN + OPERATION
    assert last_event(small(), [2, 4], [0, 1], [(0, 0), (1, 1)]) == alone
    # From outside of the chip they are there when the step begins.
    assert last_event(small(), [-1, -1], [0]) == 2 * (IN + OPERATION)


@pytest.mark.parametrize(("link_buffer", "blocked"), [(1, 1.5), (2, 0.0), (16, 0.0)])
def test_a_route_that_is_full_blocks_its_core(link_buffer, blocked):
    """Core 0 sends five messages to core 1, each of which takes P, and then one to itself, which takes longer.

    The first is taken at once. When message 5 leaves, three halves are in the way out of core 0, when the last one
    leaves four: with room for one the core waits P / 2, then P. Each way takes as many P as there are in the queue.
    """
    p, cells = IN + OPERATION, [1] + [0] * 40
    synapses = [*((k, 0) for k in range(5)), *((5, 1 + k) for k in range(40))]
    found = last_event(small(link_buffer), [0] * 6, cells, synapses)
    assert found == pytest.approx(6 * OUT + blocked * p + 2 * p + IN + 40 * OPERATION, rel=1e-12, abs=0)


def test_without_a_buffer_a_step_is_the_sum_of_the_slowest_core():
    chip = small(update_active=100.0)
    assert last_event(replace(chip, link_buffer=None), [0], [1, 1]) == IN + 2 * OPERATION + 200.0


@pytest.mark.parametrize("unknown", ["hop_east", "hop_north", "tile", "message_out"])
def test_a_time_that_is_missing_is_asked_for(unknown):
    chip = small()
    chip = replace(
        chip, time={**chip.time, unknown: Quantity(None, "s", "test")}, power={"chip": Quantity(0.0, "W", "t")}
    )
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(0.0), delay=1e-3)
    recording = nr.run(net, DT, inputs={"cue": nr.Spikes([0.0], [0])})
    report = nr.account(recording, nr.placed(net, chip, {"cue": 0, "cell": 22}), dt=DT)
    assert report.latency is None
    assert list(report.missing_time) == [f"time.{unknown}"]


def test_messages_that_branch_on_their_way_are_refused():
    with pytest.raises(ChipError, match="link_buffer: messages wait only where routing is 'unicast'"):
        last_event(replace(small(), routing="multicast"), [0], [1])
    assert last_event(replace(small(), routing="multicast", link_buffer=None), [0], [1]) == IN + OPERATION


def slow_steps(recording, placement):
    """Last event of each step, one message at a time, with the mean of what is on its way taken anew for each."""
    chip, routes, home = placement.chip, placement.routes, placement.neuron_core
    names = [name for name, core in placement.core.items() for _ in core]
    fired = Counter()
    for name, spikes in recording.spikes.items():
        for time, neuron in zip(spikes.times, spikes.ids, strict=True):
            fired[round(time / DT), placement.offset[name] + int(neuron)] += 1

    def of(kind, core):
        return own_figure(chip, "time", kind, core)

    def incoming(entry):
        core, sparse = routes.core[entry], routes.variants["sparse"][entry]
        operations = (routes.synapses[entry] - sparse) * of("synapse", core) + sparse * of("synapse:sparse", core)
        return of("message_in", core) + operations

    ends = []
    for step in range(round((recording.stop - recording.start) / DT)):
        sends = {core: [] for core in range(chip.cores)}
        free, ends_at = Counter(), [0.0]
        for core in (-1, *sends):
            worked = 0.0
            for neuron in np.flatnonzero(home == core):
                spikes, cell = fired[step, int(neuron)], names[neuron] not in placement.sources
                entries = range(routes.start[neuron], routes.start[neuron + 1])
                if core < 0:
                    for entry in entries:
                        free[routes.core[entry]] += spikes * incoming(entry)
                    continue
                if cell and chip.updates != "none":
                    active = chip.updates == "all" or spikes > 0
                    kind = "update_active" if active else "update_idle"
                    worked += of(kind, core) * placement.compartments.get(names[neuron], 1)
                for _ in range(spikes):
                    worked += of("spike", core) if cell else 0.0
                    for entry in entries:
                        sends[core].append((worked + of("message_out", core), entry))
                        worked = 0.0
            if core >= 0 and worked:
                sends[core].append((worked, None))
        clock = {core: listed[0][0] for core, listed in sends.items() if listed}
        on_way = []
        while clock:
            core = min(clock, key=clock.get)
            now = clock.pop(core)
            ends_at.append(now)
            entry = sends[core].pop(0)[1]
            on_way = [each for each in on_way if each[0] > now]
            if entry is not None:
                target = routes.core[entry]
                links = path(chip, tuple(chip.xy[core]), tuple(chip.xy[target]))
                queues = {core, *links}
                ahead = sum(len(queues & others) / (1 + len(others)) for _, others, _ in on_way)
                mean = np.mean([seconds for *_, seconds in on_way]) if on_way else 0.0
                now += max(0.0, ahead - len(queues) * chip.link_buffer) * mean
                flight = of("tile", target) + sum(chip.time[hop(chip, link)].value for link in links)
                taken = max(free[target], now + max(flight, ahead * mean / len(queues)))
                free[target] = taken + incoming(entry)
                on_way.append((taken, queues, incoming(entry)))
            if sends[core]:
                clock[core] = now + sends[core][0][0]
        ends.append(max(*ends_at, *free.values()) if free else max(ends_at))
    return ends


@st.composite
def uneven_chips(draw):
    """Chips on which every core has times of its own, so that no two messages leave at one instant."""
    chip = priced(
        width=draw(st.integers(1, 4)),
        height=draw(st.integers(1, 3)),
        cores_per_tile=draw(st.integers(1, 3)),
        tile_order=draw(st.sampled_from(["rows", "columns"])),
        first_axis=draw(st.sampled_from(["x", "y"])),
        chip_size=draw(st.sampled_from([None, (2, 1)])),
        updates=draw(st.sampled_from(["all", "fired", "none"])),
        link_buffer=draw(st.sampled_from([1, 2, 16])),
        barrier={1: Quantity(0.0, "s", "test")},
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = ("update_idle", "update_active", "spike", "message_out", "message_in", "synapse")
    return replace(
        chip,
        groups=tuple(
            CoreGroup(
                cores=(core,),
                limits=chip.limits,
                time={kind: Quantity(float(rng.uniform(1e-9, 60e-9)), "s", "test") for kind in kinds},
            )
            for core in range(chip.cores)
        ),
    )


@given(data=st.data())
def test_steps_are_those_of_a_message_at_a_time(data):
    placement = data.draw(placements(data.draw(uneven_chips())))
    recording = data.draw(recordings(placement))
    report = nr.account(recording, placement, dt=DT)
    np.testing.assert_allclose(report.step_times, slow_steps(recording, placement), rtol=1e-9, atol=1e-20)
    low, high = report.latency_range
    assert low <= report.latency <= high
