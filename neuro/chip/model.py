"""Chips: cores on a mesh of tiles, and what a core can hold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neuro.arrays import Ints, frozen
from neuro.errors import ParameterError

__all__ = ["Chip", "Limits", "mesh_chip"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one core can hold; None: no limit."""

    neurons: int | None = None
    """Neurons."""
    synapses: int | None = None
    """Synapses onto the core's neurons."""
    synapse_bits: int | None = None
    """Memory for synapses, bits, by the chip's own formula."""
    axons_in: int | None = None
    """Distinct source neurons with a target on the core, those of the core itself included."""
    axons_out: int | None = None
    """Entries of the routing table: distinct (source neuron on the core, core of a target) pairs, own core excluded."""
    fan_in: int | None = None
    """Synapses onto one neuron."""


@dataclass(frozen=True, kw_only=True)
class Chip:
    """Cores on a mesh of tiles; core c lies on tile c // cores_per_tile, tiles go row by row, x fastest."""

    name: str
    """What the chip is called in errors and reports."""
    width: int
    """Tiles along x."""
    height: int
    """Tiles along y."""
    cores_per_tile: int = 1
    """Cores that share a router."""
    limits: Limits = field(default_factory=Limits)
    """What each core can hold."""

    @property
    def cores(self) -> int:
        """Number of cores."""
        return self.width * self.height * self.cores_per_tile

    @property
    def xy(self) -> Ints:
        """Mesh place (x, y) of each core, shape (cores, 2)."""
        tile = np.arange(self.cores) // self.cores_per_tile
        return frozen(np.stack([tile % self.width, tile // self.width], axis=1))


def mesh_chip(
    width: int, height: int, neurons: int, synapses: int | None = None, axons_in: int | None = None
) -> Chip:
    """A bare chip for mapping studies: one core a tile, unit cost per delivery and per hop.

    Raises
    ------
    ParameterError
        If a size or a limit is not a whole number above zero.

    Examples
    --------
    >>> mesh_chip(3, 2, neurons=256).cores
    6
    """
    given = {"width": width, "height": height, "neurons": neurons, "synapses": synapses, "axons_in": axons_in}
    for key, value in given.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and value > 0):
            raise ParameterError("must be a whole number above zero", where=f"mesh_chip, {key}", value=value)
    limits = Limits(neurons=neurons, synapses=synapses, axons_in=axons_in)
    return Chip(name=f"mesh {width} x {height}", width=width, height=height, limits=limits)
