"""Annealing of a partition on one level, and level by level on graphs whose vertices are joined."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuro.mapping.partition.anneal_exchanges import anneal_exchanges
from neuro.mapping.partition.anneal_moves import anneal_moves
from neuro.mapping.partition.bisection.spectral import neighbours, spectral, spectral_work
from neuro.mapping.partition.coarsen import cluster
from neuro.mapping.partition.hypergraph import Hypergraph, contract
from neuro.mapping.partition.tables import Parts, Tables, repair, tables_of
from neuro.mapping.random import RandomState, state_of
from neuro.mapping.traffic import Ids
from neuro.validation import Ints

__all__ = ["LEVELS", "Problem", "annealed", "coarse_to_fine", "cost_of", "cycle", "mean_weight", "repaired"]

WARM = 0.15
"""First temperature of a level that is not the coarsest, in mean weights of a net times neurons of a vertex."""
HEATS, SPECTRAL_HEATS = (1.5, WARM), (0.1, WARM)
"""Those of the coarsest level and of the others, from any partition and from a spectral one."""
NEW_FALLS, FALLS = (2.5, 0.7), (3.0, 3.0)
"""Fall of the logarithm of the temperature on the coarsest level and on the others, and that of a partition varied."""
BEGINNINGS = "order", "spectral"
"""Partitions of the coarsest level: vertices in their order, which are annealed hot, and by spectral bisection."""
CLEAR = 0.996
"""The spectral one goes on where it comes to less than that share of the cost of the other."""
SPECTRAL_VERTICES = 12
"""Vertices for each part, at least, where a graph is cut by spectral bisection."""
SPECTRAL_TRIES = 4
"""Spectral bisections, each from another random vector, of which the cheapest one is taken."""
VISITS = 2048
"""Pins looked at, at least, for each vertex that is joined."""
SPECTRAL = 0x2545F4914F6CDD1D
"""What tells the random numbers of spectral bisection from those of others."""

COOL = 0.12
"""Temperature at the end of slow annealing, in mean weights of a net: work below it is better spent above it."""
QUENCH, QUENCH_FALL = 8, 2.5
"""One in so many of the work follows, as exchanges from there on, while the logarithm of the temperature falls so far.
"""
LEAST_FALL = 0.5
"""Least fall of that logarithm in moves."""
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
    tables, scale = tables_of(graph, part, problem.parts), mean_weight(graph)
    slow = budget - budget // QUENCH if kind == "move" or hot > COOL * scale else 0
    # Rounded, so that all machines have the same number.
    fall = max(round(math.log(hot / (COOL * scale)), 6), LEAST_FALL)
    if kind == "move":
        anneal_moves(graph, part, tables, room, fixed, slow, hot, fall, 0.15 * problem.parts, random)
    if repair(graph, part, tables, room, fixed):
        return 2**62, part
    if kind == "exchange" and slow:
        anneal_exchanges(graph, part, tables, room, fixed, slow, hot, fall, random)
    last = QUENCH_FALL if slow else FALLS[0]
    anneal_exchanges(graph, part, tables, room, fixed, budget - slow, min(hot, COOL * scale), last, random)
    return cost_of(graph, tables), part


def coarse_to_fine(
    problem: Problem, start: Parts, works: tuple[int, int], random: RandomState, begun: tuple[str, ...] = BEGINNINGS
) -> tuple[Parts, str]:
    """Join vertices level by level, anneal the coarsest level, then each finer one; returns what it began with, too.

    `works`: the work on each of up to `LEVELS` levels, and where there are more, they share that of so many; and the
    number of pins that may be looked at as vertices are joined, on each level. Where both `BEGINNINGS` may be tried,
    the first goes on to the fine levels, or the second where that is clearly cheaper by then.
    """
    budget, joining = works
    graphs, maps = _levels(problem, np.zeros(len(start), np.int32), joining, random)
    if not maps:
        return start, BEGINNINGS[0]
    top = _spectral_level(problem, graphs, LEVELS * budget)
    budget = min(budget, LEVELS * budget // len(maps))
    if top < 2 or begun == BEGINNINGS[:1]:
        return _annealed_levels(problem, graphs, maps, _in_order(problem, graphs[-1]), budget, HEATS, random), begun[0]
    fine = top - 2
    found: list[tuple[int, Parts, str]] = []
    for name in begun:
        # The first draws the same numbers with and without the other.
        own = random if name == BEGINNINGS[0] else state_of(int(random[0]) ^ SPECTRAL)
        if name == BEGINNINGS[0]:
            part = _in_order(problem, graphs[-1])
            part = _annealed_levels(problem, graphs, maps, part, budget, HEATS, own, fine)
        else:
            part = _spectral(problem, graphs[top], _joined(maps[:top]), own)
            part = _annealed_levels(problem, graphs[: top + 1], maps, part, budget, SPECTRAL_HEATS, own, fine)
        found.append((cost_of(graphs[fine], tables_of(graphs[fine], part, problem.parts)), part, name))
    _, part, name = found[-1] if found[-1][0] < CLEAR * found[0][0] else found[0]
    return _annealed_levels(problem, graphs[: fine + 1], maps, part, budget, (WARM, WARM), random), name


def _in_order(problem: Problem, graph: Hypergraph) -> Parts:
    """Parts filled with the vertices in their order, shape (vertices,)."""
    position, room = np.cumsum(graph.size) - 1, problem.room
    neurons = int(problem.graph.size.sum())
    if room.min() == room.max():
        return np.minimum(position * problem.parts // neurons, problem.parts - 1).astype(np.int32)
    shares = np.cumsum(np.minimum(room, neurons))
    part: Parts = np.searchsorted(shares, position * shares[-1] / neurons, "right").astype(np.int32)
    return np.minimum(part, np.int32(problem.parts - 1))


def _spectral(problem: Problem, graph: Hypergraph, into: Ids, random: RandomState) -> Parts:
    """The cheapest partition of `graph`, whose vertices those of the problem become part of, by spectral bisection."""
    near = neighbours(problem.graph, into, graph.size)
    tried = [spectral(near, graph.size, problem.room, random) for _ in range(SPECTRAL_TRIES)]
    return min(tried, key=lambda part: cost_of(graph, tables_of(graph, part, problem.parts)))


def _spectral_level(problem: Problem, graphs: list[Hypergraph], budget: int) -> int:
    """The coarsest level with enough vertices for spectral bisection, 0 where that takes more work than `budget`."""
    top = len(graphs) - 1
    while top > 0 and len(graphs[top].size) < SPECTRAL_VERTICES * problem.parts:
        top -= 1
    return top if spectral_work(problem.graph, len(graphs[top].size), SPECTRAL_TRIES) <= budget else 0


def _joined(maps: list[Ids]) -> Ids:
    """The vertex of the last level that each one of the first becomes part of."""
    into = maps[0]
    for further in maps[1:]:
        into = further[into]
    return into


def cycle(
    problem: Problem, start: Parts, other: Parts, budget: int, heats: tuple[float, float], random: RandomState
) -> tuple[Parts, int]:
    """As `coarse_to_fine`, from a partition: vertices are joined that share a part in it, and in another one too.

    `heats` take the place of `HEATS`. Returns the number of levels, too.
    """
    graphs, maps = _levels(problem, start * problem.parts + other, budget, random)
    part = start
    for into, graph in zip(maps, graphs[1:], strict=True):
        coarse = np.zeros(len(graph.size), np.int32)
        coarse[into] = part
        part = coarse
    return _annealed_levels(problem, graphs, maps, part, budget, heats, random, falls=FALLS), len(maps)


def _levels(problem: Problem, apart: Parts, joining: int, random: RandomState) -> tuple[list[Hypergraph], list[Ids]]:
    """The graph joined level by level, and the vertex that each vertex becomes part of.

    `joining` is the number of pins that may be looked at as vertices are joined, on each level.
    """
    graphs: list[Hypergraph] = [problem.graph]
    maps: list[Ids] = []
    neurons = int(problem.graph.size.sum())
    largest = max(int(problem.room.min()) // 3, 1)
    while len(graphs[-1].size) > 12 * problem.parts and not problem.fixed.any():
        graph = graphs[-1]
        most = min(round(2.6 * neurons / len(graph.size)), largest)
        into, count = cluster(graph, max(most, 2), max(joining // len(graph.size), VISITS), apart, random)
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
    random: RandomState, last: int = 0, falls: tuple[float, float] = NEW_FALLS,
) -> Parts:  # fmt: skip
    """Anneal the coarsest level from a partition, and each finer one from what came of it; the parts on level `last`.

    That level is not annealed.
    """
    for level in range(len(graphs) - 1, last, -1):
        graph = graphs[level]
        tables = tables_of(graph, part, problem.parts)
        mean_size = float(graph.size.mean())
        finer = level < len(graphs) - 1
        hot, fall = heats[finer] * mean_weight(graph) * mean_size, falls[finer]
        over = 0.15 * problem.parts * mean_size
        loose = np.zeros(len(graph.size), np.bool_)
        anneal_moves(graph, part, tables, problem.room, loose, budget, hot, fall, over, random)
        part = np.ascontiguousarray(part[maps[level - 1]])
    return part
