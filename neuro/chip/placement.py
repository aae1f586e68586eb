"""Placements: which core each neuron is on, and which cores its spikes go to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neuro.arrays import Ints
from neuro.chip.model import Chip

__all__ = ["Placement", "Routes"]


@dataclass(frozen=True, eq=False)
class Routes:
    """Where spikes go: source neuron i has the entries start[i] .. start[i + 1], one for each core with targets.

    Source neurons are counted through all populations in the order of `Placement.core`.
    """

    start: Ints
    """First entry of each source neuron, shape (neurons + 1,)."""
    core: Ints
    """Core that holds targets, the neuron's own core included, increasing within a neuron, shape (entries,)."""
    synapses: Ints
    """Synapses of the source neuron onto that core, shape (entries,)."""


@dataclass(frozen=True, eq=False)
class Placement:
    """A network's neurons on the cores of a chip; it changes what spikes cost, never which there are."""

    chip: Chip
    """The chip."""
    core: Mapping[str, Ints]
    """Core of each neuron, by population, in the network's order."""
    routes: Routes
    """Where each neuron's spikes go."""

    @property
    def xy(self) -> Ints:
        """Mesh place (x, y) of each core, shape (cores, 2)."""
        return self.chip.xy
