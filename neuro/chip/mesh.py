"""Paths over the mesh: the stretches that each neuron's messages travel, and the links that they cross."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuro.arrays import Floats, Ints, frozen
from neuro.chip.model import Chip
from neuro.chip.placement import Placement

__all__ = ["HOPS", "Links", "Stretches", "hops_per_neuron", "link_loads", "links", "stretches"]

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
    """Straight stretches of paths: along x in row `line`, or along y in column `line`, from `begin` to `end`."""

    along_x: Ints
    """1 along x, 0 along y; as all the others shape (stretches,)."""
    line: Ints
    """y of a stretch along x, x of one along y."""
    begin: Ints
    """Where it begins."""
    end: Ints
    """Where it ends."""
    neuron: Ints
    """Source neuron whose spikes travel it."""


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


def stretches(placement: Placement) -> Stretches:
    """The paths of all routes, first along the chip's first axis; with multicast each link once for all targets.

    Sources outside of the chip have none.
    """
    chip, routes = placement.chip, placement.routes
    home = placement.neuron_core[routes.neuron]
    inside = home >= 0
    neuron, xy = routes.neuron[inside], chip.xy
    begin, end = xy[home[inside]], xy[routes.core[inside]]
    a, b = (0, 1) if chip.first_axis == "x" else (1, 0)
    if chip.routing == "unicast":
        first = _parts(neuron, begin[:, b], begin[:, a], end[:, a])
        second = _parts(neuron, end[:, a], begin[:, b], end[:, b])
    else:
        # One stretch each way along the first axis, as far as the farthest target; and in each line that targets
        # lie in, one each way from the source's own place.
        first = _farthest(neuron, begin[:, b], begin[:, a], end[:, a])
        second = _farthest(neuron, end[:, a], begin[:, b], end[:, b])
    along = [np.full(len(first[0]), a == 0), np.full(len(second[0]), b == 0)]
    line, start, stop, who = (np.concatenate(parts) for parts in zip(first, second, strict=True))
    return Stretches(np.concatenate(along).astype(np.int64), line, start, stop, who)


def hops_per_neuron(chip: Chip, paths: Stretches, neurons: int) -> Ints:
    """Links that one spike of each neuron crosses, by kind, shape (neurons, kinds of `HOPS`)."""
    found = np.zeros((neurons, len(HOPS)), np.int64)
    size = chip.chip_size or (chip.width, chip.height)
    each = np.where(paths.along_x == 1, size[0], size[1])
    between = np.abs(paths.end // each - paths.begin // each)
    length = np.abs(paths.end - paths.begin) - between
    kind = np.where(paths.along_x == 1, 0, 2) + (paths.end < paths.begin)
    for place in range(4):
        found[:, place] = np.bincount(paths.neuron, length * (kind == place), neurons)
    found[:, HOPS.index("hop_chip")] = np.bincount(paths.neuron, between, neurons)
    return found


def link_loads(chip: Chip, paths: Stretches, spikes: ArrayLike) -> Floats:
    """Messages over each link of `links(chip)`, shape (links,), when neurons fire so often, shape (neurons,)."""
    count = np.asarray(spikes, np.float64)[paths.neuron]
    found = []
    for along_x, up in ((1, True), (1, False), (0, True), (0, False)):
        lines, places = (chip.height, chip.width) if along_x else (chip.width, chip.height)
        chosen = (paths.along_x == along_x) & ((paths.end > paths.begin) if up else (paths.end < paths.begin))
        line, low = paths.line[chosen], np.minimum(paths.begin, paths.end)[chosen]
        high = np.maximum(paths.begin, paths.end)[chosen]
        # A stretch adds its count from its low end on and takes it off again at its high end.
        change = np.bincount(line * places + low, count[chosen], lines * places)
        change -= np.bincount(line * places + high, count[chosen], lines * places)
        found.append(np.cumsum(change.reshape(lines, places), axis=1)[:, :-1].ravel())
    return np.concatenate(found)


def _parts(neuron: Ints, line: Ints, begin: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    moved = begin != end
    return line[moved], begin[moved], end[moved], neuron[moved]


def _farthest(neuron: Ints, line: Ints, begin: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Of the stretches of one neuron in one line, which begin at one place, the longest each way."""
    up = (end > begin).astype(np.int64)
    moved = np.flatnonzero(end != begin)
    order = moved[np.lexsort((np.abs(end - begin)[moved], up[moved], line[moved], neuron[moved]))]
    if not len(order):
        return line[order], begin[order], end[order], neuron[order]
    key = np.stack([neuron[order], line[order], up[order]])
    last = np.append(np.any(key[:, 1:] != key[:, :-1], axis=0), True)
    kept = order[last]
    return line[kept], begin[kept], end[kept], neuron[kept]
