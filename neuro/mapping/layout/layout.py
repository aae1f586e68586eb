"""`layout`: a core for each part, from several starts, by exchanges on separate paths and then on multicast trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.chip.model import Chip
from neuro.errors import ParameterError
from neuro.jit import as_table
from neuro.mapping.layout.anneal_parts import Mesh, Trees, anneal_paths, anneal_trees, fill_trees, path_cost, tree_cost
from neuro.mapping.layout.nets import Flows, Nets, flows_between, flows_of, nets_of
from neuro.mapping.layout.starts import ASSIGNED, hilbert, rows, snake, spectral
from neuro.mapping.random import RandomState, random_state
from neuro.mapping.search import WIDEST_MESH, Prices, axes, effort_of
from neuro.mapping.traffic import Traffic
from neuro.validation import Floats, Ints

__all__ = ["Fit", "arrange", "layout", "mesh_of", "open_places"]

RESTARTS = {"fast": 1, "balanced": 2, "best": 4}
"""Annealings on separate paths, by effort."""
SMALL = 16
"""Parts up to which a layout is annealed many times."""
SMALL_RESTARTS = {"fast": 4, "balanced": 20, "best": 60}
"""How many times at most, by effort: fewer where that takes more work than the budget, but once."""
SMALL_STEPS = 400
"""Exchanges for each part, each time."""
TREES = 0.25
"""Share of the budget for exchanges on trees."""
PATHS_ONLY = 7.0
"""Share of the budget for exchanges on separate paths where there are none on trees."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The cores that can hold each part, where cores differ."""

    home: Ints
    """A core that can hold it, for each part another one, shape (parts,)."""
    holds: NDArray[np.bool_]
    """Whether cores of each group (`Chip.core_group`) can hold it, shape (parts, groups)."""


def layout(
    traffic: Traffic,
    part: Ints,
    chip: Chip,
    prices: Prices | None = None,
    *,
    effort: str = "balanced",
    seed: int = 0,
    fixed: Mapping[int, int] | None = None,
    dead: Sequence[int] = (),
    fit: Fit | None = None,
) -> Ints:
    """A core for each part of a partition, so that spikes cross few links.

    Parameters
    ----------
    traffic
        The connected pairs and the spikes.
    part
        Part of each neuron, 0 .. parts - 1, shape (neurons,).
    chip
        The chip; it needs a core for each part.
    prices
        The prices of what is counted; None: one per link of the multicast tree.
    effort
        ``"fast"``, ``"balanced"`` or ``"best"``.
    seed
        Root of the random draws.
    fixed
        Core of each part that must not be moved.
    dead
        Cores that hold nothing.
    fit
        The cores that can hold each part; None: all can.

    Returns
    -------
    Ints
        Core of each part, shape (parts,).

    Raises
    ------
    ParameterError
        If there are more parts than cores, or fixed parts share a core or are on a dead one.
    UnknownName
        If there is no such effort.

    Examples
    --------
    >>> from neuro.chip.model import mesh_chip
    >>> pairs = np.arange(4), np.array([2, 0, 1], np.uint32), np.ones(3, np.uint32)
    >>> ring = Traffic({"a": 0}, *pairs, np.array([1.0, 1.0, 9.0]), np.ones(3, np.int64))
    >>> place = layout(ring, np.arange(3), mesh_chip(3, 1, neurons=1), effort="fast")
    >>> int(abs(place[2] - place[1]))
    1
    """
    parts = int(part.max()) + 1 if len(part) else 0
    prices = Prices(tree=1.0) if prices is None else prices
    nets = nets_of(traffic, part, parts)
    flows = flows_of(nets, parts)
    tall = max(chip.width, chip.height) > WIDEST_MESH
    tree, path = (0.0, prices.path + prices.tree) if tall else (prices.tree, prices.path)
    return _best_layout(nets, flows, chip, (tree, path), parts, effort, seed, fixed or {}, dead, fit)


def arrange(
    source: Ints, target: Ints, weight: Floats, chip: Chip, parts: int | None = None, *,
    effort: str = "balanced", seed: int = 0,
) -> Ints:  # fmt: skip
    """A core for each node of a weighted graph, so that the sum of weight times XY distance is small.

    Parameters
    ----------
    source, target, weight
        Edges, shape (edges,) each.
    chip
        The chip; it needs a core for each node.
    parts
        Number of nodes, where some have no edges.
    effort, seed
        As for `layout`.

    Examples
    --------
    >>> from neuro.chip.model import mesh_chip
    >>> place = arrange(np.array([0, 1]), np.array([2, 2]), np.ones(2), mesh_chip(3, 1, neurons=1), effort="fast")
    >>> int(place[2])
    1
    """
    size = int(max(source.max(), target.max())) + 1 if parts is None else parts
    flows = flows_between(np.asarray(source), np.asarray(target), np.asarray(weight, np.float64), size)
    return _best_layout(None, flows, chip, (0.0, 1.0), size, effort, seed, {}, (), None)


def _best_layout(
    nets: Nets | None, flows: Flows, chip: Chip, prices: tuple[float, float], parts: int, effort: str, seed: int,
    fixed: Mapping[int, int], dead: Sequence[int], fit: Fit | None,
) -> Ints:  # fmt: skip
    """The core of each part after all steps; prices are of a link of a tree and of a path."""
    budget = effort_of(effort)
    places = open_places(chip, parts, fixed, dead)
    if parts == 0:
        return np.zeros(0, np.int64)
    random = random_state(seed, "layout")
    on_trees = nets is not None and prices[0] > 0.0
    best = _annealed_on_paths(nets if on_trees else None, flows, chip, prices, places, fixed, effort, random, fit)
    if nets is not None and on_trees and len(places) > 1 and len(nets.root):
        mesh = mesh_of(chip, places, best, fit)
        work = (2 * len(nets.part) + len(nets.root)) / parts * 2 + 20
        steps = int(min(budget * TREES / work, 3000.0 * parts))
        _anneal_on_trees(nets, flows, mesh, prices, steps, random, axes(chip)[2])
        best = mesh.place
        if parts <= SMALL:
            times = min(SMALL_RESTARTS[effort], max(int(budget / (work * SMALL_STEPS * parts)), 1))
            best = _restarted(nets, flows, chip, places, best, prices, times, random, fit)
    return best


def _annealed_on_paths(
    nets: Nets | None, flows: Flows, chip: Chip, prices: tuple[float, float], places: Ints, fixed: Mapping[int, int],
    effort: str, random: RandomState, fit: Fit | None,
) -> Ints:  # fmt: skip
    """The best of several annealings on separate paths, by the cost of trees where there are `nets`."""
    parts = len(flows.start) - 1
    table: Any = as_table(flows)
    starts = _starts(chip, flows, parts, places, fixed, fit)
    ranked = sorted((path_cost(as_table(mesh_of(chip, places, place)), table), i) for i, place in enumerate(starts))
    if len(places) <= 1 or not len(flows.part):
        return starts[ranked[0][1]]
    best, least = np.zeros(0, np.int64), np.inf
    share = 1.0 - TREES if prices[0] > 0.0 else PATHS_ONLY
    steps = int(min(effort_of(effort) * share / (2 * len(flows.part) / parts + 20), 20_000.0 * parts))
    scale = max(1e-300, ranked[0][0] / max(1, len(flows.part)))
    runs = SMALL_RESTARTS[effort] if parts <= SMALL else RESTARTS[effort]
    for run in range(runs):
        raw = mesh_of(chip, places, starts[ranked[run % min(len(ranked), 3)][1]], fit)
        mesh: Any = as_table(raw)
        # Runs in turn keep the order of their start, or leave nothing of it.
        hot, reach = (scale, 4) if run % 2 == 0 else (4.0 * scale, max(chip.width, chip.height))
        anneal_paths(mesh, table, hot, 0.03 * scale, reach, steps // runs, random)
        anneal_paths(mesh, table, 0.0, 0.0, 2, steps // runs // 10, random)
        cost = path_cost(mesh, table)
        if nets is not None:
            cost = _anneal_on_trees(nets, flows, raw, prices, 0, random, axes(chip)[2])
        if cost < least:
            best, least = raw.place.copy(), cost
    return best


def _restarted(
    nets: Nets, flows: Flows, chip: Chip, places: Ints, place: Ints, prices: tuple[float, float], times: int,
    random: RandomState, fit: Fit | None,
) -> Ints:  # fmt: skip
    """The best of many annealings on trees from hot: few parts have narrow valleys."""
    width = axes(chip)[2]
    best, least = place, _anneal_on_trees(nets, flows, mesh_of(chip, places, place, fit), prices, 0, random, width)
    for _ in range(times):
        mesh = mesh_of(chip, places, best, fit)
        cost = _anneal_on_trees(nets, flows, mesh, prices, SMALL_STEPS * len(place), random, width, hot=2.0)
        if cost < least:
            best, least = mesh.place.copy(), cost
    return best


def _anneal_on_trees(
    nets: Nets,
    flows: Flows,
    raw: Mesh,
    prices: tuple[float, float],
    steps: int,
    random: RandomState,
    width: int,
    hot: float = 0.2,
) -> float:
    """Anneal on the trees, unless that makes the layout dearer; returns the cost."""
    count = len(nets.root)
    trees: Any = as_table(Trees(*(np.zeros(shape, np.uint64) for shape in ((count, width), count, width))))
    mesh: Any = as_table(raw)
    table: Any = as_table(nets)
    flow_table: Any = as_table(flows)
    fill_trees(mesh, table, trees)
    cost = prices[0] * tree_cost(mesh, table, trees) + prices[1] * path_cost(mesh, flow_table)
    if steps > 0:
        price = np.array(prices, np.float64)
        before = raw.place.copy(), raw.at.copy()
        scale = cost / max(1, len(flows.part))
        gain = anneal_trees(
            mesh, table, trees, flow_table, price, hot * scale, 0.005 * scale, 3, steps * 3 // 4, random
        )  # fmt: skip
        gain += anneal_trees(mesh, table, trees, flow_table, price, 0.0, 0.0, 2, steps // 4, random)
        if gain > 0.0:
            raw.place[:], raw.at[:] = before
        else:
            cost += gain
    return float(cost)


def open_places(chip: Chip, parts: int, fixed: Mapping[int, int], dead: Sequence[int]) -> Ints:
    """Places that free parts may take."""
    dead_cores = set(dead)
    if parts > chip.cores - len(dead_cores):
        raise ParameterError(
            f"{parts} parts need a core each", where=chip.name, value=f"{chip.cores - len(dead_cores)} cores that work"
        )
    taken = list(fixed.values())
    if len(set(taken)) < len(taken) or dead_cores & set(taken):
        raise ParameterError("fixed parts need a core each, and one that works", where="fixed", value=dict(fixed))
    return np.setdiff1d(np.arange(chip.cores), [*dead_cores, *taken]).astype(np.int64)


def _starts(
    chip: Chip, flows: Flows, parts: int, places: Ints, fixed: Mapping[int, int], fit: Fit | None
) -> list[Ints]:
    """Places of all parts, one array for each start."""
    free = np.setdiff1d(np.arange(parts), list(fixed))
    per_tile = np.arange(chip.cores_per_tile)
    _, _, width, height = axes(chip)
    grid = _grid(chip).ravel()
    columns = np.arange(width * height).reshape(height, width).T.ravel()
    found = []
    for curve in (rows(width, height), columns, snake(width, height), hilbert(width, height)):
        tiles = grid[curve]
        line = (tiles[tiles >= 0][:, None] + per_tile).ravel()
        line = line[np.isin(line, places)]
        place = np.empty(parts, np.int64)
        if fit is None:
            place[free] = line[: len(free)]
        else:
            # Parts keep to cores that are like their home.
            groups = chip.core_group
            for group in np.unique(groups[fit.home[free]]):
                alike = free[groups[fit.home[free]] == group]
                place[alike] = line[groups[line] == group][: len(alike)]
        place[list(fixed)] = list(fixed.values())
        found.append(place)
    if parts > 2 and len(flows.part) and len(free) == parts:
        xy = np.stack(axes(chip)[:2], axis=1)
        if fit is None:
            found.append(spectral(flows, places, xy))
        elif len(places) <= ASSIGNED:
            found.append(spectral(flows, places, xy, holds=fit.holds[:, chip.core_group[places]]))
    return found


def _grid(chip: Chip) -> Ints:
    """First place of the tile at each place of the mesh, -1 where there is none."""
    x, y, width, height = axes(chip)
    grid = np.full((height, width), -1, np.int64)
    first = np.arange(0, chip.cores, chip.cores_per_tile)
    grid[y[first], x[first]] = first
    return grid


def mesh_of(chip: Chip, places: Ints, place: Ints, fit: Fit | None = None) -> Mesh:
    """The mesh with parts at their places, of which those at `places` may change, to cores that can hold them."""
    x, y, _, _ = axes(chip)
    at = np.full(chip.cores, -1, np.int64)
    at[place] = np.arange(len(place))
    may = np.zeros(chip.cores, np.int64)
    may[places] = 1
    tiles = np.arange(chip.cores, dtype=np.int64) // chip.cores_per_tile
    per_tile = np.array([chip.cores_per_tile], np.int64)
    group = np.zeros(chip.cores, np.int64) if fit is None else np.array(chip.core_group)
    holds = np.ones((len(place), 1), np.bool_) if fit is None else np.ascontiguousarray(fit.holds)
    return Mesh(x, y, tiles, per_tile, places, may, _grid(chip), place.astype(np.int64).copy(), at, group, holds)
