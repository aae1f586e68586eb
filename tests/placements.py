"""Random placements and recordings of a few neurons, and a slow account of them, one message at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.cores import CoreGroup, Limits, Quantity
from neuro.chip.mesh import HOPS
from neuro.chip.model import KINDS, Chip
from neuro.chip.placement import Placement
from neuro.chip.routes import Routes


def priced(**changes) -> Chip:
    """A chip on which every kind of event has a cost and a time of its own."""
    energy = {kind: Quantity(1e-12 * (3 + 2 * k), "J", "test") for k, kind in enumerate(KINDS)}
    energy["synapse:sparse"] = Quantity(0.7e-12, "J", "test", low=0.5e-12, high=1.1e-12)
    time = {kind: Quantity(1e-9 * (2 + 3 * k), "s", "test") for k, kind in enumerate(KINDS)}
    time["synapse:sparse"] = Quantity(0.3e-9, "s", "test")
    chip = Chip(
        name="priced",
        width=4,
        height=3,
        cores_per_tile=2,
        mode="step",
        updates="fired",
        energy=energy,
        time=time,
        barrier={1: Quantity(1e-7, "s", "test"), 4: Quantity(3e-7, "s", "test")},
        power={"chip": Quantity(1e-3, "W", "test"), "core": Quantity(2e-3, "W", "test")},
    )
    return replace(chip, **changes)


@st.composite
def chips(draw) -> Chip:
    arithmetic = draw(st.sampled_from(["event", "event", "crossbar", "dense"]))
    return priced(
        width=draw(st.integers(1, 5)),
        height=draw(st.integers(1, 4)),
        cores_per_tile=draw(st.integers(1, 3)),
        tile_order=draw(st.sampled_from(["rows", "columns"])),
        routing=draw(st.sampled_from(["unicast", "multicast"])),
        first_axis=draw(st.sampled_from(["x", "y"])),
        chip_size=draw(st.sampled_from([None, (2, 1), (2, 2)])),
        mode="step" if arithmetic == "dense" else draw(st.sampled_from(["step", "event"])),
        updates=draw(st.sampled_from(["all", "fired", "none"])),
        arithmetic=arithmetic,
        devices_per_synapse=draw(st.integers(1, 2)),
        barrier_between=draw(st.sampled_from(["step", "linear"])),
    )


@st.composite
def differing_chips(draw) -> Chip:
    """Chips some of whose cores have costs or limits of their own."""
    chip, rng = draw(chips()), np.random.default_rng(draw(st.integers(0, 2**32)))
    group_of = rng.integers(0, 4, chip.cores)
    kinds = [kind for kind in (*KINDS, "synapse:sparse") if kind not in (*HOPS, "tile")]
    groups = [CoreGroup(cores=tuple(np.flatnonzero(group_of == 3).tolist()), limits=Limits(neurons=50))]
    for group in (1, 2):
        energy, time = (
            {kind: Quantity(float(rng.integers(1, 90)) * unit, name, "test") for kind in kinds if rng.random() < 0.6}
            for unit, name in ((1e-12, "J"), (1e-9, "s"))
        )
        cores = tuple(np.flatnonzero(group_of == group).tolist())
        groups.append(CoreGroup(cores=cores, limits=chip.limits, energy=energy, time=time))
    return replace(chip, groups=tuple(groups))


def own_figure(chip: Chip, table: str, kind: str, core: int) -> float:
    """What one event of a kind costs on a core."""
    for group in chip.groups:
        if core in group.cores and kind in getattr(group, table):
            return getattr(group, table)[kind].value
    return getattr(chip, table)[kind].value


@st.composite
def placements(draw, chip: Chip | None = None) -> Placement:
    chip = draw(chips()) if chip is None else chip
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = {"cue": draw(st.integers(1, 4)), "a": draw(st.integers(1, 6)), "b": draw(st.integers(0, 5))}
    outside = draw(st.booleans())
    core = {name: rng.integers(0, chip.cores, size) for name, size in sizes.items()}
    if outside:
        core["cue"] = np.full(sizes["cue"], -1)
    neurons = sum(sizes.values())
    held = rng.random((neurons, chip.cores)) < draw(st.sampled_from([0.1, 0.5]))
    source, target = np.nonzero(held)
    synapses = rng.integers(1, 9, len(source))
    sparse = rng.integers(0, synapses + 1)
    start = np.searchsorted(source, np.arange(neurons + 1))
    routes = Routes(start, target, synapses, {"sparse": sparse}, rng.integers(0, synapses + 1))
    return Placement(chip, core, routes, frozenset({"cue"}), compartments={"a": draw(st.integers(1, 2))})


@st.composite
def recordings(draw, placement: Placement, dt: float = 1e-3) -> nr.Recording:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps, spikes = draw(st.integers(1, 8)), {}
    for name, core in placement.core.items():
        count = draw(st.integers(0, 12)) if len(core) else 0
        times = dt * rng.integers(0, steps, count)
        spikes[name] = nr.Spikes(times, rng.integers(0, max(len(core), 1), count))
    return nr.Recording(spikes=spikes, v={}, v_times=np.zeros(0), events={}, start=0.0, stop=steps * dt)


@st.composite
def runs(draw, chip: st.SearchStrategy[Chip] | None = None) -> tuple[nr.Recording, Placement]:
    placement = draw(placements(None if chip is None else draw(chip)))
    return draw(recordings(placement)), placement


def path(chip: Chip, begin: tuple[int, int], end: tuple[int, int]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The links from one tile to another, one step at a time."""
    at, links = list(begin), []
    for axis in (0, 1) if chip.first_axis == "x" else (1, 0):
        while at[axis] != end[axis]:
            before = tuple(at)
            at[axis] += 1 if end[axis] > at[axis] else -1
            links.append((before, tuple(at)))
    return links


def hop(chip: Chip, link: tuple[tuple[int, int], tuple[int, int]]) -> str:
    (x0, y0), (x1, y1) = link
    if chip.chip_size is not None:
        w, h = chip.chip_size
        if (x0 // w, y0 // h) != (x1 // w, y1 // h):
            return "hop_chip"
    return {(1, 0): "hop_east", (-1, 0): "hop_west", (0, 1): "hop_north", (0, -1): "hop_south"}[x1 - x0, y1 - y0]


def slow_account(recording: nr.Recording, placement: Placement, dt: float = 1e-3):
    """Counts by kind, by kind and core, by link, and seconds of each core in each step; message by message."""
    chip, routes = placement.chip, placement.routes
    counts, by_core, by_link, busy = Counter(), Counter(), Counter(), Counter()
    steps = round((recording.stop - recording.start) / dt)
    stepped = chip.mode == "step"

    def seconds(kind, core):
        return own_figure(chip, "time", kind, core)

    def event(kind, core, step, amount=1, timed=True):
        counts[kind] += amount
        by_core[kind, core] += amount
        if timed:
            busy[core, step] += amount * seconds(kind, core)

    populations = list(placement.core)
    columns = Counter(int(c) for name in populations if name not in placement.sources for c in placement.core[name])
    fired = set()
    for name in populations:
        for time, neuron in zip(recording.spikes[name].times, recording.spikes[name].ids, strict=True):
            step, home = round(time / dt), int(placement.core[name][neuron])
            i = placement.offset[name] + int(neuron)
            if name not in placement.sources:
                event("spike", home, step)
                fired.add((name, int(neuron), step))
            entries = range(routes.start[i], routes.start[i + 1])
            tree = set()
            for e in entries:
                core = int(routes.core[e])
                event("message_in", core, step)
                event("tile", core, step, timed=False)
                sparse = int(routes.variants["sparse"][e])
                if chip.arithmetic == "event":
                    event("synapse:sparse", core, step, sparse)
                    event("synapse", core, step, int(routes.synapses[e]) - sparse)
                elif chip.arithmetic == "crossbar":
                    event("row_read", core, step)
                    event("cell_read", core, step, int(routes.synapses[e]) * chip.devices_per_synapse, timed=False)
                    event("column_read", core, step, columns[core], timed=False)
                    busy[core, step] += seconds("column_read", core) if columns[core] else 0.0
                if home >= 0:
                    links = path(chip, tuple(chip.xy[home]), tuple(chip.xy[core]))
                    if chip.routing == "unicast":
                        event("message_out", home, step)
                        by_link.update(links)
                    tree |= set(links)
            if chip.routing == "multicast" and home >= 0 and len(entries):
                event("message_out", home, step)
                by_link.update(tree)
    for step in range(steps if stepped else 0):
        for name in populations:
            for neuron, core in enumerate(placement.core[name]):
                if name in placement.sources or chip.updates == "none":
                    continue
                active = chip.updates == "all" or (name, neuron, step) in fired
                kind = "update_active" if active else "update_idle"
                event(kind, int(core), step, placement.compartments.get(name, 1))
        if chip.arithmetic == "dense":
            for core, synapses in zip(routes.core, routes.synapses, strict=True):
                event("mac", int(core), step, int(synapses))
                event("load", int(core), step, int(synapses), timed=False)
    for link, count in by_link.items():
        counts[hop(chip, link)] += count
    return counts, by_core, by_link, busy
