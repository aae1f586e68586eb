"""Results that both engines hand out: spikes split by population, and reads counted by crossbars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.engine.recording import Spikes
from neuro.network.graph import Network
from neuro.validation import Floats, Ints

__all__ = ["kept_spikes", "report_reads", "split_by_population"]


def kept_spikes(times: Floats, neurons: Ints, kept: NDArray[np.bool_] | None) -> tuple[Floats, Ints]:
    """Copies of the spikes of neurons that are kept, shape (neurons,); None: of all."""
    if kept is None:
        return times.copy(), neurons.copy()
    mine = kept[neurons]
    return times[mine], neurons[mine]


def split_by_population(
    offset: Mapping[str, int], times: Floats, neurons: Ints, group_of: Callable[[Ints], NDArray[Any]]
) -> dict[str, Spikes]:
    """The spikes of each population, from sorted spikes in the common numbering.

    `offset` has the first neuron of each population; `group_of` gives the number of each neuron's population.
    """
    if len(offset) == 0:
        return {}
    if len(offset) == 1:
        return {name: Spikes.in_order(times, neurons) for name in offset}
    # With 16 bits numpy sorts by counting.
    group = group_of(neurons).astype(np.uint16 if len(offset) < 2**16 else np.int64)
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(len(offset) + 1))
    parts = {}
    for g, (name, first) in enumerate(offset.items()):
        own = order[ends[g] : ends[g + 1]]
        parts[name] = Spikes.in_order(times[own], neurons[own] - first)
    return parts


def report_reads(network: Network, offset: Mapping[str, int], count_spikes: Callable[[], Ints]) -> None:
    """Report to each crossbar how often its rows were driven.

    `count_spikes` gives the spikes of each neuron in the common numbering. It is called only if there is a crossbar.
    """
    fired = None
    for projection in network.projections.values():
        count_reads = getattr(projection.synapses, "count_reads", None)
        if count_reads is not None:
            fired = count_spikes() if fired is None else fired
            first = offset[projection.pre.name]
            count_reads(rows=fired[first : first + projection.pre.size])
