"""Annealing of parts over places of the mesh, by exchanges and the exact change of cost of each."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inner, kernel
from neuro.mapping.layout.nets import Flows, Nets
from neuro.mapping.layout.trees import NONE, ONE, Words, bit, links_change, tree_links
from neuro.mapping.random import RandomState, random_below, random_unit
from neuro.validation import Floats, Ints

__all__ = [
    "Mesh",
    "Trees",
    "anneal_paths",
    "anneal_trees",
    "change_places",
    "fill_trees",
    "may_change",
    "path_cost",
    "paths_change",
    "tree_cost",
]


class Mesh(NamedTuple):
    """Places of a mesh and the parts on them; a table."""

    x: Annotated[Ints, np.int64, 1]
    """Along x, of each place (a place is a core)."""
    y: Annotated[Ints, np.int64, 1]
    """Along y."""
    tile: Annotated[Ints, np.int64, 1]
    """Tile of each place."""
    per_tile: Annotated[Ints, np.int64, 1]
    """One number: places on a tile, next to each other in number."""
    open: Annotated[Ints, np.int64, 1]
    """Places whose part may change."""
    may: Annotated[Ints, np.int64, 1]
    """1 for these, 0 for the others."""
    grid: Annotated[Ints, np.int64, 2]
    """First place of each tile, (height, width); -1 where there is none."""
    place: Annotated[Ints, np.int64, 1]
    """Place of each part."""
    at: Annotated[Ints, np.int64, 1]
    """Part at each place, or -1."""
    group: Annotated[Ints, np.int64, 1]
    """Group of the core at each place; places of one group are alike."""
    holds: Annotated[NDArray[np.bool_], np.bool_, 2]
    """Whether the cores of a group can hold a part, (parts, groups)."""


class Trees(NamedTuple):
    """The tiles that each net goes to; a table."""

    columns: Annotated[Words, np.uint64, 2]
    """A word of rows for each column, (nets, width)."""
    used: Annotated[Words, np.uint64, 1]
    """Columns in use."""
    scratch: Annotated[Words, np.uint64, 1]
    """One row of columns, for trials."""


@inner
def _distance(mesh: Mesh, a: int, b: int) -> int:
    return int(abs(mesh.x[a] - mesh.x[b]) + abs(mesh.y[a] - mesh.y[b]))


@kernel
def path_cost(mesh: Mesh, flows: Flows) -> float:
    """Spikes times distance, over all pairs of parts."""
    total = 0.0
    for p in range(mesh.place.size):
        for k in range(flows.start[p], flows.start[p + 1]):
            if flows.part[k] > p:
                total += flows.spikes[k] * _distance(mesh, mesh.place[p], mesh.place[flows.part[k]])
    return total


@inner
def _part_paths_change(mesh: Mesh, flows: Flows, p: int, a: int, b: int, left_out: int) -> float:
    """The change of cost of the paths of part p from place a to b, without those to part `left_out`."""
    cost = 0.0
    xa, ya, xb, yb = mesh.x[a], mesh.y[a], mesh.x[b], mesh.y[b]
    for k in range(flows.start[p], flows.start[p + 1]):
        r = flows.part[k]
        if r != left_out:
            x, y = mesh.x[mesh.place[r]], mesh.y[mesh.place[r]]
            cost += flows.spikes[k] * (abs(xb - x) + abs(yb - y) - abs(xa - x) - abs(ya - y))
    return cost


@inner
def paths_change(mesh: Mesh, flows: Flows, a: int, b: int) -> float:
    """The change of cost of all paths if the parts at a and b change places."""
    p, q = mesh.at[a], mesh.at[b]
    cost = 0.0
    if p >= 0:
        cost += _part_paths_change(mesh, flows, p, a, b, q)
    if q >= 0:
        cost += _part_paths_change(mesh, flows, q, b, a, p)
    return cost


@inner
def may_change(mesh: Mesh, a: int, b: int) -> bool:
    """Can the cores at two places hold each other's parts?"""
    p, q = mesh.at[a], mesh.at[b]
    return bool((p < 0 or mesh.holds[p, mesh.group[b]]) and (q < 0 or mesh.holds[q, mesh.group[a]]))


@inner
def change_places(mesh: Mesh, a: int, b: int) -> None:
    """Exchange the parts at two places, one of which may be empty."""
    p, q = mesh.at[a], mesh.at[b]
    mesh.at[a], mesh.at[b] = q, p
    if p >= 0:
        mesh.place[p] = b
    if q >= 0:
        mesh.place[q] = a


@inner
def _propose(mesh: Mesh, flows: Flows, random: RandomState, reach: int) -> tuple[int, int]:
    """Two places: any open one, and one near a partner of its part or near itself."""
    a = mesh.open[random_below(random, mesh.open.size)]
    p = mesh.at[a]
    height, width = mesh.grid.shape[0], mesh.grid.shape[1]
    near = a
    if p >= 0 and random_below(random, 2) == 0 and flows.start[p + 1] > flows.start[p]:
        near = mesh.place[flows.part[flows.start[p] + random_below(random, flows.start[p + 1] - flows.start[p])]]
    elif random_below(random, 8) == 0:
        return a, mesh.open[random_below(random, mesh.open.size)]
    x = mesh.x[near] + random_below(random, 2 * reach + 1) - reach
    y = mesh.y[near] + random_below(random, 2 * reach + 1) - reach
    b = mesh.grid[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
    return a, a if b < 0 else b + random_below(random, mesh.per_tile[0])


@kernel
def anneal_paths(
    mesh: Mesh, flows: Flows, hot: float, cold: float, reach: int, steps: int, random: RandomState
) -> float:
    """Exchange parts on separate paths, from temperature `hot` to `cold`; returns the change of cost."""
    total = 0.0
    ratio = (cold / hot) ** (1.0 / max(1, steps)) if hot > 0.0 else 1.0
    heat = hot
    for step in range(steps):
        if step & 255 == 0 and random[1] != 0:
            break
        heat *= ratio
        within = max(1, reach - reach * step // steps)
        a, b = _propose(mesh, flows, random, within)
        if a == b or mesh.may[b] == 0 or (mesh.at[a] < 0 and mesh.at[b] < 0) or not may_change(mesh, a, b):
            continue
        cost = paths_change(mesh, flows, a, b)
        if cost <= 0.0 or (heat > 0.0 and cost < -heat * np.log(random_unit(random))):
            change_places(mesh, a, b)
            total += cost
    return total


@kernel
def fill_trees(mesh: Mesh, nets: Nets, trees: Trees) -> None:
    """Fill in the trees from the places."""
    trees.columns[:] = NONE
    trees.used[:] = NONE
    for net in range(nets.root.size):
        for k in range(nets.start[net], nets.start[net + 1]):
            b = mesh.place[nets.part[k]]
            trees.columns[net, mesh.x[b]] |= bit(mesh.y[b])
            trees.used[net] |= bit(mesh.x[b])


@kernel
def tree_cost(mesh: Mesh, nets: Nets, trees: Trees) -> float:
    """Spikes times links, over all nets."""
    total = 0.0
    for net in range(nets.root.size):
        r = mesh.place[nets.root[net]]
        total += nets.spikes[net] * tree_links(trees.columns[net], trees.used[net], mesh.x[r], mesh.y[r])
    return total


@inner
def _ends_on(nets: Nets, net: int, p: int) -> bool:
    """Does the net end on part p?"""
    return p >= 0 and (nets.has[net, p >> 6] >> np.uint64(p & 63)) & ONE != NONE


@inner
def _ends_beside(mesh: Mesh, nets: Nets, net: int, c: int) -> bool:
    """Does the net end on a part at another place of the tile of place c?"""
    per_tile = mesh.per_tile[0]
    if per_tile > 1:
        first = c // per_tile * per_tile
        for b in range(first, first + per_tile):
            if b != c and _ends_on(nets, net, mesh.at[b]):
                return True
    return False


@inner
def _incoming_change(mesh: Mesh, nets: Nets, trees: Trees, p: int, q: int, a: int, b: int) -> float:
    """The change of cost of nets to p, from neither p nor q and not to q, if p goes from place a to b."""
    cost = 0.0
    for k in range(nets.part_start[p], nets.part_start[p + 1]):
        net = nets.part_net[k]
        root = nets.root[net]
        if root == q or _ends_on(nets, net, q):
            continue
        r = mesh.place[root]
        out = not _ends_beside(mesh, nets, net, a)
        into = not _ends_beside(mesh, nets, net, b)
        if out or into:
            cost += nets.spikes[net] * links_change(
                trees.columns[net], trees.used[net], mesh.x[r], mesh.y[r],
                out, mesh.x[a], mesh.y[a], into, mesh.x[b], mesh.y[b],
            )  # fmt: skip
    return cost


@inner
def _outgoing_change(mesh: Mesh, nets: Nets, trees: Trees, p: int, q: int, a: int, b: int) -> float:
    """The change of cost of nets from p if p goes from place a to b and q from b to a."""
    cost = 0.0
    trial = trees.scratch
    for k in range(nets.root_start[p], nets.root_start[p + 1]):
        net = nets.root_net[k]
        before = tree_links(trees.columns[net], trees.used[net], mesh.x[a], mesh.y[a])
        if not _ends_on(nets, net, q):
            after = tree_links(trees.columns[net], trees.used[net], mesh.x[b], mesh.y[b])
        else:
            trial[:] = NONE
            used = NONE
            for m in range(nets.start[net], nets.start[net + 1]):
                c = mesh.place[nets.part[m]]
                if c == b:
                    c = a
                trial[mesh.x[c]] |= bit(mesh.y[c])
                used |= bit(mesh.x[c])
            after = tree_links(trial, used, mesh.x[b], mesh.y[b])
        cost += nets.spikes[net] * (after - before)
    return cost


@inner
def _trees_change(mesh: Mesh, nets: Nets, trees: Trees, a: int, b: int) -> float:
    """The change of cost of all trees if the parts at a and b change places."""
    p, q = mesh.at[a], mesh.at[b]
    cost = 0.0
    if p >= 0:
        cost += _incoming_change(mesh, nets, trees, p, q, a, b) + _outgoing_change(mesh, nets, trees, p, q, a, b)
    if q >= 0:
        cost += _incoming_change(mesh, nets, trees, q, p, b, a) + _outgoing_change(mesh, nets, trees, q, p, b, a)
    return cost


@inner
def _refill(mesh: Mesh, nets: Nets, trees: Trees, p: int) -> None:
    """Fill in again the trees of all nets to part p."""
    for k in range(nets.part_start[p], nets.part_start[p + 1]):
        net = nets.part_net[k]
        trees.columns[net] = NONE
        used = NONE
        for m in range(nets.start[net], nets.start[net + 1]):
            c = mesh.place[nets.part[m]]
            trees.columns[net, mesh.x[c]] |= bit(mesh.y[c])
            used |= bit(mesh.x[c])
        trees.used[net] = used


@kernel
def anneal_trees(
    mesh: Mesh, nets: Nets, trees: Trees, flows: Flows, prices: Floats, hot: float, cold: float, reach: int,
    steps: int, random: RandomState,
) -> float:  # fmt: skip
    """Exchange parts at a price of a tree's link, prices[0], and of a path's, prices[1]; returns the change of cost."""
    total = 0.0
    ratio = (cold / hot) ** (1.0 / max(1, steps)) if hot > 0.0 else 1.0
    heat = hot
    for step in range(steps):
        if step & 255 == 0 and random[1] != 0:
            break
        heat *= ratio
        within = max(1, reach - reach * step // steps)
        a, b = _propose(mesh, flows, random, within)
        if a == b or mesh.may[b] == 0 or mesh.tile[a] == mesh.tile[b] or (mesh.at[a] < 0 and mesh.at[b] < 0):
            continue
        if not may_change(mesh, a, b):
            continue
        cost = prices[0] * _trees_change(mesh, nets, trees, a, b)
        if prices[1] != 0.0:
            cost += prices[1] * paths_change(mesh, flows, a, b)
        if cost <= 0.0 or (heat > 0.0 and cost < -heat * np.log(random_unit(random))):
            change_places(mesh, a, b)
            for c in (a, b):
                if mesh.at[c] >= 0:
                    _refill(mesh, nets, trees, mesh.at[c])
            total += cost
    return total
