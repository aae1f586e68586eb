"""Events of a recording on a placement, counted: by kind, and where, when and for whom each happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.accounting.slowest_core import seen_before
from neuro.chip.mesh import HOPS, hops_and_loads
from neuro.chip.placement import Placement
from neuro.validation import Floats, Ints

__all__ = ["BinnedSpikes", "Counts", "count_events", "is_source", "operations", "variants_of_neurons"]


@dataclass(frozen=True, eq=False)
class BinnedSpikes:
    """All spikes of a recording in the order of their steps (or bins), neurons counted through all populations."""

    step: Ints
    """Step of each spike, increasing, shape (spikes,)."""
    neuron: Ints
    """Its neuron, shape (spikes,)."""
    steps: int
    """Number of steps, or of bins where there are no steps."""
    stepped: bool
    """Are these steps of a chip that advances in steps?"""

    @cached_property
    def again(self) -> Ints:
        """1 for each spike whose neuron fired before in the same step, shape (spikes,)."""
        return seen_before(self.step, self.neuron, int(self.neuron.max(initial=-1)) + 1)


@dataclass(eq=False)
class Counts:
    """How many events of each kind there were."""

    total: dict[str, float] = field(default_factory=dict)
    """By kind."""
    core: dict[str, Floats] = field(default_factory=dict)
    """By kind, on each core, shape (cores,); hops are on links instead."""
    population: dict[str, Floats] = field(default_factory=dict)
    """By kind, for the neurons of each population or their spikes, shape (populations,)."""
    bin: dict[str, Floats] = field(default_factory=dict)
    """By kind, in each step or bin, shape (steps,)."""
    spikes: Floats = field(default_factory=lambda: np.zeros(0))
    """Spikes of each neuron, shape (neurons,)."""
    link: Floats = field(default_factory=lambda: np.zeros(0))
    """Messages over each link, shape (links,)."""

    def kinds(self) -> Iterator[str]:
        """Kinds of which there was any event."""
        return (kind for kind, count in self.total.items() if count)


def count_events(placement: Placement, train: BinnedSpikes) -> Counts:
    """Count what the spikes of `train` cause on the placement."""
    tally = _Tally(placement, train)
    routes, chip = placement.routes, placement.chip
    home = placement.neuron_core
    inside = home >= 0
    entries = np.diff(routes.start)
    synapses = np.asarray(routes.synapses, np.float64)
    if chip.arithmetic == "dense":
        for kind in ("mac", "load"):
            tally.each_step(kind, routes.core, routes.neuron, synapses)
    elif chip.arithmetic == "crossbar":
        columns = np.bincount(home[inside & ~is_source(placement)], minlength=chip.cores)
        tally.on_arrival("row_read", np.ones(len(routes.core)))
        tally.on_arrival("cell_read", synapses * chip.devices_per_synapse)
        tally.on_arrival("column_read", columns[routes.core].astype(np.float64))
    else:
        for kind, part in operations(placement):
            tally.on_arrival(kind, part)
    tally.on_arrival("message_in", np.ones(len(routes.core)))
    tally.on_arrival("tile", np.ones(len(routes.core)))
    out = entries if chip.routing == "unicast" else np.minimum(entries, 1)
    tally.on_spike("message_out", np.where(inside, out, 0).astype(np.float64))
    hops, tally.counts.link = hops_and_loads(placement, tally.spikes)
    for place, kind in enumerate(HOPS):
        tally.on_links(kind, hops[:, place].astype(np.float64))
    _count_updates(tally, placement, train)
    return tally.counts


class _Tally:
    """Sums of each kind by place, time and population."""

    def __init__(self, placement: Placement, train: BinnedSpikes) -> None:
        self.placement, self.train, self.counts = placement, train, Counts()
        sizes = [len(core) for core in placement.core.values()]
        self.population = np.repeat(np.arange(len(sizes)), sizes)
        self.populations = len(sizes)
        self.spikes = np.bincount(train.neuron, minlength=len(self.population)).astype(np.float64)
        self.counts.spikes = self.spikes

    def on_arrival(self, kind: str, per_entry: Floats) -> None:
        """Something at the cores that a spike goes to: so much for each entry of the routes."""
        routes = self.placement.routes
        events = per_entry * self.spikes[routes.neuron]
        core = np.bincount(routes.core, events, self.placement.chip.cores)
        self._spread(kind, np.bincount(routes.neuron, per_entry, len(self.population)), core)

    def on_spike(self, kind: str, per_neuron: Floats) -> None:
        """Something at the core of the neuron that fires: so much for each of its spikes."""
        home = self.placement.neuron_core
        inside = home >= 0
        core = np.bincount(home[inside], (per_neuron * self.spikes)[inside], self.placement.chip.cores)
        self._spread(kind, per_neuron, core)

    def on_links(self, kind: str, per_neuron: Floats) -> None:
        """Something on the mesh, so much for each spike of a neuron."""
        self._spread(kind, per_neuron, None)

    def each_step(self, kind: str, core: Ints, neuron: Ints, amount: Floats) -> None:
        """Something that happens in every step, at cores and for neurons that are given along with how much of it."""
        steps = self.train.steps
        counts = self.counts
        per_population = np.bincount(self.population[neuron], amount, self.populations)
        counts.total[kind] = counts.total.get(kind, 0.0) + float(amount.sum() * steps)
        self._add(counts.core, kind, np.bincount(core, amount, self.placement.chip.cores) * steps)
        self._add(counts.population, kind, per_population * steps)
        self._add(counts.bin, kind, np.full(steps, amount.sum()))

    def moved(self, source: str, target: str, step: Ints, neuron: Ints, amount: NDArray[Any]) -> None:
        """Take events of one kind for those of another one: so many, for these neurons in these steps."""
        home = self.placement.neuron_core[neuron]
        for kind, sign in ((source, -1.0), (target, 1.0)):
            counts = self.counts
            counts.total[kind] = counts.total.get(kind, 0.0) + sign * float(amount.sum())
            self._add(counts.core, kind, sign * np.bincount(home, amount, self.placement.chip.cores))
            self._add(counts.population, kind, sign * np.bincount(self.population[neuron], amount, self.populations))
            self._add(counts.bin, kind, sign * np.bincount(step, amount, self.train.steps))

    def _spread(self, kind: str, per_neuron: NDArray[Any], core: NDArray[Any] | None) -> None:
        counts, train = self.counts, self.train
        events = per_neuron * self.spikes
        counts.total[kind] = counts.total.get(kind, 0.0) + float(events.sum())
        if not events.any():
            return
        if core is not None:
            self._add(counts.core, kind, core)
        self._add(counts.population, kind, np.bincount(self.population, events, self.populations))
        self._add(counts.bin, kind, np.bincount(train.step, per_neuron[train.neuron], train.steps))

    @staticmethod
    def _add(table: dict[str, Floats], kind: str, values: NDArray[Any]) -> None:
        table[kind] = table[kind] + values if kind in table else values.astype(np.float64)


def operations(placement: Placement) -> Iterator[tuple[str, Floats]]:
    """Synaptic operations of each entry, by kind; what no variant names has the chip's own."""
    chip, routes = placement.chip, placement.routes
    rest = np.asarray(routes.synapses, np.float64)
    for variant, part in routes.variants.items():
        rest = rest - part
        yield f"synapse:{variant}", np.asarray(part, np.float64)
    yield f"synapse:{chip.synapse}" if chip.synapse else "synapse", rest


def is_source(placement: Placement) -> NDArray[np.bool_]:
    """Is each neuron a source, counted through all populations? Shape (neurons,)."""
    sizes = [len(core) for core in placement.core.values()]
    return np.repeat(np.array([name in placement.sources for name in placement.core], bool), sizes)


def variants_of_neurons(placement: Placement) -> tuple[list[str], Ints]:
    """Variants of updates and spikes, and the index of each neuron's."""
    named = [placement.variants.get(name, placement.chip.neuron) for name in placement.core]
    known = sorted(set(named))
    sizes = [len(core) for core in placement.core.values()]
    return known or [""], np.repeat(np.array([known.index(name) for name in named], np.int64), sizes)


def _count_updates(tally: _Tally, placement: Placement, train: BinnedSpikes) -> None:
    """Spikes of neurons that are no sources, and their updates where the chip advances in steps."""
    source, (known, variant) = is_source(placement), variants_of_neurons(placement)
    updates = placement.chip.updates if train.stepped else "none"
    fresh = train.again == 0 if updates == "fired" else None
    parts = placement.neuron_compartments
    for place, name in enumerate(known):
        suffix = f":{name}" if name else ""
        chosen = ~source & (variant == place)
        tally.on_spike(f"spike{suffix}", chosen.astype(np.float64))
        if updates == "none":
            continue
        who = np.flatnonzero(chosen)
        every = "update_active" if updates == "all" else "update_idle"
        tally.each_step(every + suffix, placement.neuron_core[who], who, parts[who].astype(np.float64))
        if fresh is not None:
            fired = fresh & chosen[train.neuron]
            who = train.neuron[fired]
            tally.moved(every + suffix, f"update_active{suffix}", train.step[fired], who, parts[who])
