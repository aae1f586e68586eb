"""Relief of the busiest link: parts change places while the largest load, or the sum of squares, falls."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.chip.model import Chip
from neuro.jit import as_table, inner, kernel
from neuro.mapping.layout.anneal_parts import Mesh, change_places, may_change
from neuro.mapping.layout.layout import Fit, mesh_of, open_places
from neuro.mapping.layout.nets import Nets
from neuro.mapping.random import RandomState, random_below, random_state
from neuro.mapping.search import axes, effort_of
from neuro.validation import Floats, Ints

__all__ = ["relieve_link"]


def relieve_link(
    nets: Nets, chip: Chip, place: Ints, *, effort: str = "balanced", seed: int = 0, dead: Any = (),
    fit: Fit | None = None,
) -> Ints:  # fmt: skip
    """A layout whose busiest link carries no more than that of `place`, with multicast.

    Parameters
    ----------
    nets
        Nets between the parts.
    chip
        The chip.
    place
        Core of each part, shape (parts,).
    effort, seed, dead, fit
        As for `layout`.
    """
    _, _, width, height = axes(chip)
    if len(place) < 2 or not len(nets.root) or width * height < 2:
        return place.copy()
    steps = int(min(effort_of(effort) / (20.0 * (len(nets.part) + len(nets.root))), 200.0 * len(place)))
    raw = mesh_of(chip, open_places(chip, len(place), {}, dead), place, fit)
    loads = np.zeros(4 * width * height)
    # Results depend on the name of the random numbers, so it stays as it was first.
    random = random_state(seed, "lighten")
    _descend(as_table(raw), as_table(nets), loads, max(50, steps), random)
    return raw.place


@inner
def _load(mesh: Mesh, nets: Nets, loads: Floats, seen: Ints) -> float:
    """Fill in the load of every link (east, west, north, south of each tile); returns the largest."""
    height, width = mesh.grid.shape
    tiles = width * height
    loads[:] = 0.0
    for net in range(nets.root.size):
        root = mesh.place[nets.root[net]]
        x0, y0 = mesh.x[root], mesh.y[root]
        spikes = nets.spikes[net]
        for k in range(nets.start[net], nets.start[net + 1]):
            c = mesh.place[nets.part[k]]
            x1, y1 = mesh.x[c], mesh.y[c]
            x = x0
            while x != x1:
                link = (0 if x1 > x else tiles) + y0 * width + x
                if seen[link] != net:
                    seen[link] = net
                    loads[link] += spikes
                x += 1 if x1 > x else -1
            y = y0
            while y != y1:
                link = (2 * tiles if y1 > y else 3 * tiles) + y * width + x1
                if seen[link] != net:
                    seen[link] = net
                    loads[link] += spikes
                y += 1 if y1 > y else -1
    return float(loads.max())


@kernel
def _descend(mesh: Mesh, nets: Nets, loads: Floats, steps: int, random: RandomState) -> None:
    """Exchange parts at random where the largest load falls, or stays and the sum of squares does not rise."""
    seen = np.full(loads.size, -1, np.int64)
    largest = _load(mesh, nets, loads, seen)
    squares = np.sum(loads * loads)
    for _ in range(steps):
        if random[1] != 0:
            break
        a = mesh.open[random_below(random, mesh.open.size)]
        b = mesh.open[random_below(random, mesh.open.size)]
        if a == b or (mesh.at[a] < 0 and mesh.at[b] < 0) or not may_change(mesh, a, b):
            continue
        change_places(mesh, a, b)
        seen[:] = -1
        now = _load(mesh, nets, loads, seen)
        more = np.sum(loads * loads)
        if now < largest or (now == largest and more <= squares):
            largest, squares = now, more
        else:
            change_places(mesh, a, b)
