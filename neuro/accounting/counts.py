"""Counts of the events of a recording on a placement: by kind, core, link, population and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.accounting.slowest_core import seen_before
from neuro.accounting.touched import touched_updates
from neuro.chip.mesh import HOPS, hops_and_loads
from neuro.chip.placement import Placement
from neuro.validation import Floats, Ints

__all__ = ["BinnedSpikes", "Counts", "count_events", "is_source", "synaptic_operations", "variants_of_neurons"]


@dataclass(frozen=True, eq=False)
class BinnedSpikes:
    """All spikes of a recording by step (or bin); neurons are numbered through all populations."""

    step: Ints
    """Step of each spike, increasing, shape (spikes,)."""
    neuron: Ints
    """Its neuron, shape (spikes,)."""
    steps: int
    """Number of steps, or of bins where there are no steps."""
    stepped: bool
    """Are these steps of a chip that advances in steps?"""

    @cached_property
    def repeated(self) -> Ints:
        """1 for each spike whose neuron fired before in the same step, shape (spikes,)."""
        return seen_before(self.step, self.neuron, int(self.neuron.max(initial=-1)) + 1)


@dataclass(eq=False)
class Counts:
    """How often each kind of event happened."""

    total: dict[str, float] = field(default_factory=dict)
    """By kind."""
    core: dict[str, Floats] = field(default_factory=dict)
    """By kind, on each core, shape (cores,); without hops, which happen on links."""
    population: dict[str, Floats] = field(default_factory=dict)
    """By kind, caused by the neurons of each population or their spikes, shape (populations,)."""
    bin: dict[str, Floats] = field(default_factory=dict)
    """By kind, in each step or bin, shape (steps,)."""
    spikes: Floats = field(default_factory=lambda: np.zeros(0))
    """Spikes of each neuron, shape (neurons,)."""
    link: Floats = field(default_factory=lambda: np.zeros(0))
    """Messages over each link, shape (links,)."""

    def kinds(self) -> Iterator[str]:
        """Kinds that happened at least once."""
        return (kind for kind, count in self.total.items() if count)


def count_events(placement: Placement, binned: BinnedSpikes, only: Floats | None = None) -> Counts:
    """Count the events that spikes cause on a placement. A new kind of event is counted here.

    With `only`, 1 or 0 for each core, those on some cores alone, without the mesh.
    """
    tally = _Tally(placement, binned, only)
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
        for kind, part in synaptic_operations(placement):
            tally.on_arrival(kind, part)
    tally.on_arrival("message_in", np.ones(len(routes.core)))
    tally.on_arrival("tile", np.ones(len(routes.core)))
    out = entries if chip.routing == "unicast" else np.minimum(entries, 1)
    tally.on_spike("message_out", np.where(inside, out, 0).astype(np.float64))
    if only is None:
        hops, tally.counts.link = hops_and_loads(placement, tally.spikes)
        for place, kind in enumerate(HOPS):
            tally.on_links(kind, hops[:, place].astype(np.float64))
    _count_updates(tally, placement, binned)
    return tally.counts


class _Tally:
    """Adds up the events of each kind by core, time and population."""

    def __init__(self, placement: Placement, binned: BinnedSpikes, only: Floats | None) -> None:
        self.placement, self.binned, self.counts, self.only = placement, binned, Counts(), only
        sizes = [len(core) for core in placement.core.values()]
        self.population = np.repeat(np.arange(len(sizes)), sizes)
        self.populations = len(sizes)
        self.spikes = np.bincount(binned.neuron, minlength=len(self.population)).astype(np.float64)
        self.counts.spikes = self.spikes

    def on_arrival(self, kind: str, per_entry: Floats) -> None:
        """Add events at the cores that a spike goes to: so many for each entry of the routes."""
        routes = self.placement.routes
        per_entry = self._on(routes.core, per_entry)
        events = per_entry * self.spikes[routes.neuron]
        core = np.bincount(routes.core, events, self.placement.chip.cores)
        self._add_per_spike(kind, np.bincount(routes.neuron, per_entry, len(self.population)), core)

    def on_spike(self, kind: str, per_neuron: Floats) -> None:
        """Add events at the core of the neuron that fires: so many for each of its spikes."""
        home = self.placement.neuron_core
        inside = home >= 0
        per_neuron = self._on(home, per_neuron)
        core = np.bincount(home[inside], (per_neuron * self.spikes)[inside], self.placement.chip.cores)
        self._add_per_spike(kind, per_neuron, core)

    def on_links(self, kind: str, per_neuron: Floats) -> None:
        """Add events on the mesh: so many for each spike of a neuron."""
        self._add_per_spike(kind, per_neuron, None)

    def each_step(self, kind: str, core: Ints, neuron: Ints, amount: Floats) -> None:
        """Add events of every step: entry k is `amount[k]` events on `core[k]`, caused by `neuron[k]`."""
        steps, amount = self.binned.steps, self._on(core, amount)
        counts = self.counts
        per_population = np.bincount(self.population[neuron], amount, self.populations)
        counts.total[kind] = counts.total.get(kind, 0.0) + float(amount.sum() * steps)
        self._add(counts.core, kind, np.bincount(core, amount, self.placement.chip.cores) * steps)
        self._add(counts.population, kind, per_population * steps)
        self._add(counts.bin, kind, np.full(steps, amount.sum()))

    def relabel(self, source: str, target: str, step: Ints, neuron: Ints, amount: NDArray[Any]) -> None:
        """Count events as `target` instead of `source`: `amount[k]` of them, of `neuron[k]` in `step[k]`."""
        home = self.placement.neuron_core[neuron]
        amount = self._on(home, amount)
        for kind, sign in ((source, -1.0), (target, 1.0)):
            counts = self.counts
            counts.total[kind] = counts.total.get(kind, 0.0) + sign * float(amount.sum())
            self._add(counts.core, kind, sign * np.bincount(home, amount, self.placement.chip.cores))
            self._add(counts.population, kind, sign * np.bincount(self.population[neuron], amount, self.populations))
            self._add(counts.bin, kind, sign * np.bincount(step, amount, self.binned.steps))

    def _on(self, core: Ints, amount: NDArray[Any]) -> NDArray[Any]:
        """What happens on the cores that are counted; nothing does outside of the chip."""
        return amount if self.only is None else amount * np.where(core >= 0, self.only[core], 0.0)

    def _add_per_spike(self, kind: str, per_neuron: NDArray[Any], core: NDArray[Any] | None) -> None:
        counts, binned = self.counts, self.binned
        events = per_neuron * self.spikes
        counts.total[kind] = counts.total.get(kind, 0.0) + float(events.sum())
        if not events.any():
            return
        if core is not None:
            self._add(counts.core, kind, core)
        self._add(counts.population, kind, np.bincount(self.population, events, self.populations))
        self._add(counts.bin, kind, np.bincount(binned.step, per_neuron[binned.neuron], binned.steps))

    @staticmethod
    def _add(table: dict[str, Floats], kind: str, values: NDArray[Any]) -> None:
        table[kind] = table[kind] + values if kind in table else values.astype(np.float64)


def synaptic_operations(placement: Placement) -> Iterator[tuple[str, Floats]]:
    """Kinds of synaptic operations, and the operations of each entry of the routes per spike.

    Synapses without a variant have the default of the chip.
    """
    chip, routes = placement.chip, placement.routes
    rest = np.asarray(routes.synapses, np.float64)
    for variant, part in routes.variants.items():
        rest = rest - part
        yield f"synapse:{variant}", np.asarray(part, np.float64)
    yield f"synapse:{chip.synapse}" if chip.synapse else "synapse", rest


def is_source(placement: Placement) -> NDArray[np.bool_]:
    """True for each neuron that is a source, shape (neurons,)."""
    sizes = [len(core) for core in placement.core.values()]
    return np.repeat(np.array([name in placement.sources for name in placement.core], bool), sizes)


def variants_of_neurons(placement: Placement) -> tuple[list[str], Ints]:
    """Variants of updates and spikes, and the index of the variant of each neuron."""
    named = [placement.variants.get(name, placement.chip.neuron) for name in placement.core]
    known = sorted(set(named))
    sizes = [len(core) for core in placement.core.values()]
    return known or [""], np.repeat(np.array([known.index(name) for name in named], np.int64), sizes)


def _count_updates(tally: _Tally, placement: Placement, binned: BinnedSpikes) -> None:
    """Count spikes of neurons that are no sources, and their updates if the chip advances in steps."""
    source, (known, variant) = is_source(placement), variants_of_neurons(placement)
    updates = placement.chip.updates if binned.stepped else "none"
    first = binned.repeated == 0 if updates == "fired" else None
    touched = None
    if updates == "touched":
        touched = touched_updates(placement, binned.step, binned.neuron, binned.steps)
    parts = placement.neuron_compartments
    for place, name in enumerate(known):
        suffix = f":{name}" if name else ""
        chosen = ~source & (variant == place)
        tally.on_spike(f"spike{suffix}", chosen.astype(np.float64))
        if updates == "none":
            continue
        neurons = np.flatnonzero(chosen)
        every = "update_idle" if first is not None or touched is not None else "update_active"
        tally.each_step(every + suffix, placement.neuron_core[neurons], neurons, parts[neurons].astype(np.float64))
        if first is not None:
            fired = first & chosen[binned.neuron]
            neurons = binned.neuron[fired]
            tally.relabel(every + suffix, f"update_active{suffix}", binned.step[fired], neurons, parts[neurons])
        if touched is not None:
            own = chosen[touched[1]]
            step, neurons = touched[0][own], touched[1][own]
            tally.relabel(every + suffix, f"update_active{suffix}", step, neurons, parts[neurons])
