"""Paths over the mesh: the links that there are, and those that each neuron's messages cross."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from neuro.chip.mesh_kernels import walk
from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.validation import Floats, Ints, frozen

__all__ = ["HOPS", "Links", "Stretches", "hops_per_neuron", "link_loads", "links", "stretches", "travelled"]

HOPS = ("hop_east", "hop_west", "hop_north", "hop_south", "hop_chip")
"""Kinds of hops; one between two chips is a `hop_chip` and no other."""


@dataclass(frozen=True, eq=False)
class Links:
    """Directed links between neighbouring tiles: all to the east, then west, north, south; by line, then by place."""

    source: Ints
    """Tile (x, y) that each link leaves, shape (links, 2)."""
    target: Ints
    """Tile (x, y) that it enters, shape (links, 2)."""
    kind: Ints
    """Index of its kind in `HOPS`, shape (links,)."""


@dataclass(frozen=True, eq=False)
class Stretches:
    """The paths of a placement's routes, to ask for hops and loads apart; `travelled` gives both at once."""

    placement: Placement
    """Whose routes they are."""


def links(chip: Chip) -> Links:
    """Every link of a chip's mesh.

    >>> from neuro.chip.model import mesh_chip
    >>> links(mesh_chip(2, 1, neurons=1)).target.tolist()
    [[1, 0], [0, 0]]
    """
    sources, targets, kinds = [], [], []
    for kind, (dx, dy) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1))):
        lines, places = (chip.height, chip.width) if dx else (chip.width, chip.height)
        low = np.arange(places - 1)
        step, begin = dx + dy, low if dx + dy > 0 else low + 1
        line, place = np.repeat(np.arange(lines), places - 1), np.tile(begin, lines)
        source = np.stack([place, line] if dx else [line, place], axis=1)
        target = source + np.array([dx, dy])
        size = (chip.chip_size or (chip.width, chip.height))[0 if dx else 1]
        crossing = place // size != (place + step) // size
        sources.append(source)
        targets.append(target)
        kinds.append(np.where(crossing, HOPS.index("hop_chip"), kind))
    return Links(*(frozen(np.concatenate(parts)) for parts in (sources, targets, kinds)))


def travelled(placement: Placement, spikes: ArrayLike) -> tuple[Ints, Floats]:
    """Which links the spikes of a placement's neurons cross: first along the chip's first axis, then along the other.

    With multicast the paths of one neuron are a tree, and each link of it is crossed once. Sources outside of the chip
    cross none.

    Parameters
    ----------
    placement
        Neurons on cores, and the cores that each one's spikes go to.
    spikes
        How often each neuron fired, shape (neurons,).

    Returns
    -------
    Ints, Floats
        Links that one spike of each neuron crosses, by kind, shape (neurons, kinds of `HOPS`); and messages over each
        link of `links(chip)`, shape (links,).

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> projection = net.connect(cue, cell, nr.AllToAll(0.5), delay=1e-3)
    >>> placement = nr.placed(net, nr.mesh_chip(3, 2, neurons=1), {"cue": 0, "cell": 5})
    >>> hops, loads = travelled(placement, [7, 0])
    >>> hops[0].tolist(), loads.sum()
    ([2, 0, 1, 0, 0], np.float64(21.0))
    """
    chip, routes = placement.chip, placement.routes
    first = 0 if chip.first_axis == "x" else 1
    longest = max(chip.width, chip.height)
    hops = np.zeros((len(placement.neuron_core), len(HOPS)), np.int64)
    change = np.zeros((4, longest, longest))
    walk(
        np.ascontiguousarray(routes.start),
        np.ascontiguousarray(routes.core),
        np.ascontiguousarray(placement.neuron_core),
        np.ascontiguousarray(chip.xy),
        np.asarray(spikes, np.float64),
        first,
        chip.routing == "multicast",
        np.array(chip.chip_size or (chip.width, chip.height)),
        hops,
        change,
    )
    # A stretch adds its spikes from its low end on and takes them off again at its high end.
    load = np.cumsum(change, axis=2)
    lines = ((chip.height, chip.width), (chip.height, chip.width), (chip.width, chip.height), (chip.width, chip.height))
    each = [load[way, :line, : place - 1].ravel() for way, (line, place) in enumerate(lines)]
    return hops, np.concatenate(each)


def stretches(placement: Placement) -> Stretches:
    """The paths of all routes of a placement."""
    return Stretches(placement)


def hops_per_neuron(chip: Chip, paths: Stretches, neurons: int) -> Ints:
    """Links that one spike of each neuron crosses on `chip`, by kind, shape (neurons, kinds of `HOPS`)."""
    return travelled(replace(paths.placement, chip=chip), np.zeros(neurons))[0]


def link_loads(chip: Chip, paths: Stretches, spikes: ArrayLike) -> Floats:
    """Messages over each link of `links(chip)`, shape (links,), when neurons fire so often, shape (neurons,)."""
    return travelled(replace(paths.placement, chip=chip), spikes)[1]
