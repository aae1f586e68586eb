"""The mesh of a chip: its links, and the links that the messages of each neuron cross."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.jit import inner, kernel
from neuro.validation import Floats, Ints, frozen

__all__ = ["HOPS", "Links", "busiest_links", "hops_and_loads", "links"]

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


def hops_and_loads(placement: Placement, spikes: ArrayLike) -> tuple[Ints, Floats]:
    """Links that the spikes of each neuron cross, and messages over each link.

    A path goes along the first axis of the chip, then along the other.

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
    >>> hops, loads = hops_and_loads(placement, [7, 0])
    >>> hops[0].tolist(), loads.sum()
    ([2, 0, 1, 0, 0], np.float64(21.0))
    """
    chip, routes = placement.chip, placement.routes
    first = 0 if chip.first_axis == "x" else 1
    longest = max(chip.width, chip.height)
    hops = np.zeros((len(placement.neuron_core), len(HOPS)), np.int64)
    change = np.zeros((4, longest, longest))
    add_paths(
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
    # A segment adds its spikes at its low end and subtracts them at its high end; the running sum is the load.
    load = np.cumsum(change, axis=2)
    lines = ((chip.height, chip.width), (chip.height, chip.width), (chip.width, chip.height), (chip.width, chip.height))
    loads = [load[way, :line, : place - 1].ravel() for way, (line, place) in enumerate(lines)]
    return hops, np.concatenate(loads)


@inner
def add_segment(
    axis: int, line: int, begin: int, end: int, spikes: float, size: Ints, hops: Ints, change: Floats
) -> None:
    """Add a straight segment of a path, along `axis` in a row or column of tiles, for one neuron."""
    if begin == end:
        return
    way, low, high = 2 * axis, begin, end
    if end < begin:
        way, low, high = way + 1, end, begin
    between = high // size[axis] - low // size[axis]
    hops[way] += high - low - between
    hops[4] += between
    change[way, line, low] += spikes
    change[way, line, high] -= spikes


@kernel
def add_paths(
    start: Ints,
    entry_core: Ints,
    home: Ints,
    xy: Ints,
    spikes: Floats,
    first: int,
    tree: bool,
    size: Ints,
    hops: Ints,
    change: Floats,
) -> None:
    """Add the paths of all neurons: to `hops` by neuron and kind, and to `change` by direction and line.

    `change` has the difference of the load from each place of a line to the next. A path goes along axis `first` in the
    line of its source, then along the other axis in the line of its target. A tree has one segment in each direction
    along the first axis, up to the farthest target, and one in each direction in every line with targets.
    """
    lines = np.zeros(change.shape[1], np.int64)
    low, high = np.full(change.shape[1], -1), np.full(change.shape[1], -1)
    for neuron in range(len(home)):
        if home[neuron] >= 0:
            targets = entry_core[start[neuron] : start[neuron + 1]]
            add_path(
                targets, xy[home[neuron]], xy, spikes[neuron], first, tree, size, hops[neuron], change, lines, low, high
            )


@inner
def add_path(
    targets: Ints,
    begin: Ints,
    xy: Ints,
    fired: float,
    first: int,
    tree: bool,
    size: Ints,
    own: Ints,
    change: Floats,
    lines: Ints,
    low: Ints,
    high: Ints,
) -> None:
    """Add the paths of one neuron, which begin at the tile `begin`; see `add_paths`. `low` and `high` are -1 again."""
    second, count = 1 - first, 0
    here, across = begin[first], begin[second]
    least, most = here, here
    for core in targets:
        there, target = xy[core, first], xy[core, second]
        if not tree:
            add_segment(first, across, here, there, fired, size, own, change)
            add_segment(second, there, across, target, fired, size, own, change)
            continue
        if low[there] < 0:
            lines[count], low[there], high[there] = there, across, across
            count += 1
        least, most = min(least, there), max(most, there)
        low[there], high[there] = min(low[there], target), max(high[there], target)
    add_segment(first, across, here, most, fired, size, own, change)
    add_segment(first, across, here, least, fired, size, own, change)
    for place in range(count):
        line = lines[place]
        add_segment(second, line, across, high[line], fired, size, own, change)
        add_segment(second, line, across, low[line], fired, size, own, change)
        low[line], high[line] = -1, -1


def busiest_links(placement: Placement, step: Ints, neuron: Ints, steps: int) -> tuple[Ints, Floats]:
    """The link with the most messages in each step, an index of `links(chip)`, -1 where there are none; and these.

    Parameters
    ----------
    placement
        Neurons on cores, and the cores that each one's spikes go to.
    step, neuron
        Step of each spike, increasing, and its neuron, shape (spikes,).
    steps
        Number of steps.
    """
    chip, routes = placement.chip, placement.routes
    longest = max(chip.width, chip.height)
    link, messages = np.full(steps, -1), np.zeros(steps)
    find_busiest_links(
        step, neuron, np.ascontiguousarray(routes.start), np.ascontiguousarray(routes.core),
        np.ascontiguousarray(placement.neuron_core), np.ascontiguousarray(chip.xy), 0 if chip.first_axis == "x" else 1,
        chip.routing == "multicast", np.array(chip.chip_size or (chip.width, chip.height)),
        np.array([chip.width, chip.height]), np.zeros((4, longest, longest)), link, messages,
    )  # fmt: skip
    return link, messages


@kernel
def find_busiest_links(
    step: Ints, neuron: Ints, start: Ints, entry_core: Ints, home: Ints, xy: Ints, first: int, tree: bool, size: Ints,
    tiles: Ints, change: Floats, link: Ints, messages: Floats,
) -> None:  # fmt: skip
    """Fill in `link` and `messages`, step by step; `change` is room for the loads of one step."""
    own, lines = np.zeros(5, np.int64), np.zeros(change.shape[1], np.int64)
    low, high = np.full(change.shape[1], -1), np.full(change.shape[1], -1)
    spike = 0
    while spike < len(step):
        now = step[spike]
        change[:] = 0.0
        while spike < len(step) and step[spike] == now:
            u = neuron[spike]
            if home[u] >= 0:
                targets = entry_core[start[u] : start[u + 1]]
                add_path(targets, xy[home[u]], xy, 1.0, first, tree, size, own, change, lines, low, high)
            spike += 1
        number = 0
        for way in range(4):
            across, along = (tiles[1], tiles[0]) if way < 2 else (tiles[0], tiles[1])
            for line in range(across):
                load = 0.0
                for place in range(along - 1):
                    load += change[way, line, place]
                    if load > messages[now]:
                        link[now], messages[now] = number, load
                    number += 1
