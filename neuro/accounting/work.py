"""Seconds that neurons, spikes and messages take of their cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neuro.accounting.counts import is_source, synaptic_operations, variants_of_neurons
from neuro.chip.placement import Placement
from neuro.validation import Floats, Ints

__all__ = ["CoreWork", "Seconds", "on_cores", "work_of_cores"]

Seconds = float | Floats
"""Seconds on every core, or on each, shape (cores,)."""


@dataclass(frozen=True, eq=False)
class CoreWork:
    """Seconds of the core that does the work; what happens to sources, or outside of the chip, takes none."""

    idle: Floats
    """All updates of a neuron in a step in which nothing happens to it, shape (neurons,)."""
    active: Floats
    """All its updates in a step in which it is active, shape (neurons,)."""
    spike: Floats
    """One spike of it, beyond its update and its messages, shape (neurons,)."""
    message_out: Floats
    """One message of it, where it is sent, shape (neurons,)."""
    incoming: Floats
    """One message where it arrives, with its synaptic operations, by entry of the routes, shape (entries,)."""


def on_cores(seconds: Mapping[str, Seconds], kind: str, core: Ints) -> Seconds:
    """Seconds of one event of a kind on some cores; zero for kinds that do not happen."""
    cost = seconds.get(kind, 0.0)
    return cost if isinstance(cost, float) else cost[core]


def work_of_cores(placement: Placement, seconds: Mapping[str, Seconds]) -> CoreWork:
    """The seconds of each part, from those of one event of each kind."""
    chip, routes, home = placement.chip, placement.routes, placement.neuron_core
    source, parts = is_source(placement), placement.neuron_compartments
    known, variant = variants_of_neurons(placement)

    def each(kind: str) -> Floats:
        """Seconds of one event of a kind, by neuron."""
        names = [f"{kind}:{name}" if name else kind for name in known]
        by_variant = [np.broadcast_to(on_cores(seconds, name, home), home.shape) for name in names]
        return np.where(source, 0.0, np.stack(by_variant)[variant, np.arange(len(home))])

    updated = parts if chip.updates != "none" else np.zeros(len(home))
    incoming = np.zeros(len(routes.core)) + on_cores(seconds, "message_in", routes.core)
    if chip.arithmetic == "event":
        for kind, part in synaptic_operations(placement):
            incoming = incoming + on_cores(seconds, kind, routes.core) * part
    return CoreWork(
        idle=each("update_idle") * updated,
        active=each("update_active") * updated,
        spike=each("spike"),
        message_out=np.zeros(len(home)) + on_cores(seconds, "message_out", home),
        incoming=incoming,
    )
