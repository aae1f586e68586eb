"""Annealing of a partition on one level, and level by level on graphs whose vertices are joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuro.mapping.partition.anneal_exchanges import anneal_exchanges
from neuro.mapping.partition.anneal_moves import anneal_moves
from neuro.mapping.partition.coarsen import cluster
from neuro.mapping.partition.hypergraph import Hypergraph, contract
from neuro.mapping.partition.tables import Parts, Tables, repair, tables_of
from neuro.mapping.random import RandomState
from neuro.mapping.traffic import Ids
from neuro.validation import Ints

__all__ = ["LEVELS", "Problem", "annealed", "coarse_to_fine", "cost_of", "cycle", "mean_weight", "repaired"]

HOT, WARM = 1.5, 0.4
"""First temperatures of the coarsest level and of the others, in mean weights of a net times neurons of a vertex."""

LEVELS = 3
"""Levels of a start from coarse to fine that all its work is for."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A graph to be cut into parts."""

    graph: Hypergraph
    """Neurons, or groups of neurons that stay together, and their nets."""
    room: Ints
    """Neurons that each part can hold, shape (parts,)."""
    fixed: NDArray[np.bool_]
    """Vertices that stay where the starts have them."""

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.room)


def cost_of(graph: Hypergraph, tables: Tables) -> int:
    """Weight of each net for each part beyond its first."""
    return int((((tables.pins > 0).sum(axis=1) - 1) * graph.weight.astype(np.int64)).sum())


def mean_weight(graph: Hypergraph) -> float:
    """Mean weight of a net, heavy ones counting more."""
    weight = graph.weight.astype(np.float64)
    return float((weight**2).sum() / weight.sum()) if len(weight) else 1.0


def repaired(problem: Problem, part: Parts) -> tuple[int, Parts] | None:
    """A partition repaired to fit, behind its cost; None where it cannot be repaired."""
    part = part.copy()
    tables = tables_of(problem.graph, part, problem.parts)
    if repair(problem.graph, part, tables, problem.room, problem.fixed):
        return None
    return cost_of(problem.graph, tables), part


def annealed(
    problem: Problem, start: Parts, kind: str, hot: float, budget: int, random: RandomState
) -> tuple[int, Parts]:
    """Anneal from a start; returns the cost and the partition, repaired to fit."""
    graph, room, fixed, part = problem.graph, problem.room, problem.fixed, start.copy()
    tables = tables_of(graph, part, problem.parts)
    if kind == "move":
        anneal_moves(graph, part, tables, room, fixed, budget * 7 // 8, hot, 3.5, 0.15 * problem.parts, random)
        budget, hot = budget // 8, 0.03 * mean_weight(graph)
    if repair(graph, part, tables, room, fixed):
        return 2**62, part
    anneal_exchanges(graph, part, tables, room, fixed, budget, hot, 1.0 if kind == "move" else 3.0, random)
    return cost_of(graph, tables), part


def coarse_to_fine(problem: Problem, start: Parts, budget: int, random: RandomState) -> Parts:
    """Join vertices level by level, anneal the coarsest level, then each finer one.

    `budget` is the work on each of up to `LEVELS` levels; where there are more, they share that of so many.
    """
    graphs, maps = _levels(problem, np.zeros(len(start), np.int32), random)
    if not maps:
        return start
    position = np.cumsum(graphs[-1].size) - 1
    neurons, room = int(problem.graph.size.sum()), problem.room
    if room.min() == room.max():
        part = np.minimum(position * problem.parts // neurons, problem.parts - 1).astype(np.int32)
    else:
        shares = np.cumsum(np.minimum(room, neurons))
        part = np.searchsorted(shares, position * shares[-1] / neurons, "right").astype(np.int32)
        part = np.minimum(part, problem.parts - 1)
    each = min(budget, LEVELS * budget // len(maps))
    return _annealed_levels(problem, graphs, maps, part, each, (HOT, WARM), random)


def cycle(
    problem: Problem, start: Parts, other: Parts, budget: int, heats: tuple[float, float], random: RandomState
) -> tuple[Parts, int]:
    """As `coarse_to_fine`, from a partition: vertices are joined that share a part in it, and in another one too.

    `heats` take the place of `HOT` and `WARM`. Returns the number of levels, too.
    """
    graphs, maps = _levels(problem, start * problem.parts + other, random)
    part = start
    for into, graph in zip(maps, graphs[1:], strict=True):
        coarse = np.zeros(len(graph.size), np.int32)
        coarse[into] = part
        part = coarse
    return _annealed_levels(problem, graphs, maps, part, budget, heats, random), len(maps)


def _levels(problem: Problem, apart: Parts, random: RandomState) -> tuple[list[Hypergraph], list[Ids]]:
    """The graph joined level by level, and the vertex that each vertex becomes part of."""
    graphs: list[Hypergraph] = [problem.graph]
    maps: list[Ids] = []
    neurons = int(problem.graph.size.sum())
    largest = max(int(problem.room.min()) // 3, 1)
    while len(graphs[-1].size) > 12 * problem.parts and not problem.fixed.any():
        graph = graphs[-1]
        most = min(round(2.6 * neurons / len(graph.size)), largest)
        into, count = cluster(graph, max(most, 2), 2048, apart, random)
        if count > 0.95 * len(graph.size):
            break
        coarser = contract(graph, into, count)
        if len(coarser.weight) == 0:
            break
        joined = np.zeros(count, np.int32)
        joined[into] = apart
        apart = joined
        maps.append(into)
        graphs.append(coarser)
    return graphs, maps


def _annealed_levels(
    problem: Problem, graphs: list[Hypergraph], maps: list[Ids], part: Parts, budget: int, heats: tuple[float, float],
    random: RandomState,
) -> Parts:  # fmt: skip
    """Anneal the coarsest level from a partition, and each finer one from what the last one gave, but the finest."""
    for level in range(len(graphs) - 1, 0, -1):
        graph = graphs[level]
        tables = tables_of(graph, part, problem.parts)
        mean_size = float(graph.size.mean())
        hot = heats[level < len(graphs) - 1] * mean_weight(graph) * mean_size
        over = 0.15 * problem.parts * mean_size
        loose = np.zeros(len(graph.size), np.bool_)
        anneal_moves(graph, part, tables, problem.room, loose, budget, hot, 3.0, over, random)
        part = np.ascontiguousarray(part[maps[level - 1]])
    return part
