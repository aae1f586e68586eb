"""Partitions with few deliveries between parts: several starts, from coarse to fine, annealed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuro.mapping.partition.anneal_exchanges import anneal_exchanges
from neuro.mapping.partition.anneal_moves import anneal_moves
from neuro.mapping.partition.coarsen import cluster
from neuro.mapping.partition.grow import grow
from neuro.mapping.partition.hypergraph import Hypergraph, contract
from neuro.mapping.partition.tables import Parts, Tables, repair, tables_of
from neuro.mapping.random import RandomState
from neuro.validation import Ints

__all__ = ["EFFORTS", "Effort", "Problem", "partition"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """The work for a partition, in entries of tables touched, so that all machines do the same."""

    coarse: int
    """Work on each coarse level; there are none where joining vertices would cost more than that."""
    descents: int = 1
    """Starts from coarse to fine, each with other random numbers."""
    trial: int
    """Work on each way of annealing that is tried on each start."""
    final: int
    """Work on the way that turns out best."""
    ways: tuple[tuple[str, float], ...]
    """Ways to anneal: by moves or by exchanges, and the first temperature in mean weights of a net."""

    repeats: int = 1
    """Times that each way is tried on each start; more where the problem is small."""
    rounds: int = 6
    """Rounds of exchanges in networks that are too large for tables."""

    def scaled(self, pins: int, entries: int) -> Effort:
        """The effort for so many pins and entries of a table: small problems need less, large ones miss the caches."""
        slow = 2 if entries > CACHED_ENTRIES else 1
        most = MOST_ROUNDS * (pins + entries) * slow
        coarse = min(self.coarse, most // slow) if JOIN_WORK * pins <= self.coarse else 0
        trial, final = (min(work, most) // slow for work in (self.trial, self.final))
        repeats = min(max(self.trial // (16 * most + 1), self.repeats), 16)
        return replace(self, coarse=coarse, trial=trial, final=final, repeats=repeats)


EFFORTS = {
    "fast": Effort(coarse=30_000_000, trial=80_000_000, final=220_000_000, ways=(("exchange", 0.3),), rounds=2),
    "balanced": Effort(
        coarse=300_000_000,
        descents=3,
        trial=150_000_000,
        final=4_000_000_000,
        ways=(("exchange", 0.15), ("exchange", 0.6), ("move", 0.4)),
    ),
    "best": Effort(
        coarse=600_000_000,
        descents=5,
        trial=400_000_000,
        final=10_000_000_000,
        ways=(("exchange", 0.15), ("exchange", 0.6), ("move", 0.4), ("move", 0.8)),
        rounds=16,
    ),
}
HOT, WARM = 1.5, 0.4
"""First temperatures of the coarsest level and of the others, in mean weights of a net times neurons of a vertex."""
MOST_ROUNDS = 20_000
"""No annealing goes round more often than about that."""
JOIN_WORK = 60
"""Entries that may be touched in the time in which a pin is joined to others, over all levels."""
CACHED_ENTRIES = 2**20
"""Tables with more entries than that do not stay in a cache, and an entry takes about twice as long."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A graph to be cut into parts."""

    graph: Hypergraph
    """Neurons, or groups of neurons that stay together, and their nets."""
    room: Ints
    """Neurons that each part can hold, shape (parts,)."""
    fixed: Flags
    """Vertices that stay where the starts have them."""

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.room)


def cost_of(graph: Hypergraph, tables: Tables) -> int:
    """Weight of each net for each part beyond its first."""
    return int((((tables.pins > 0).sum(axis=1) - 1) * graph.weight.astype(np.int64)).sum())


def partition(problem: Problem, starts: list[Parts], effort: Effort, random: RandomState) -> Parts | None:
    """The cheapest partition found, never dearer than a start that fits; None where no start could be made to fit."""
    graph = problem.graph
    if len(graph.weight) == 0 or problem.parts == 1:
        tables = tables_of(graph, starts[0], problem.parts)
        return None if np.any(tables.load > problem.room) else starts[0]
    scale = _mean_weight(graph)
    effort = effort.scaled(len(graph.pin), len(graph.size) * problem.parts)
    candidates = list(starts)
    if not problem.fixed.any():
        candidates.append(grow(graph, problem.room, 0))
        for _ in range(effort.descents if effort.coarse else 0):
            candidates.append(_coarse_to_fine(problem, starts[0], effort.coarse, random))
    found: list[tuple[int, int, Parts]] = []
    tried: list[tuple[int, int, Parts, str, float]] = []
    for start in candidates:
        repaired = _repaired(problem, start)
        if repaired is None:
            continue
        found.append((repaired[0], len(found), repaired[1]))
        for kind, hot in effort.ways * effort.repeats:
            cost, part = _annealed(problem, start, kind, hot * scale, effort.trial, random)
            found.append((cost, len(found), part))
            tried.append((cost, len(tried), start, kind, hot * scale))
    if tried:
        _, _, start, kind, hot = min(tried, key=lambda trial: trial[:2])
        cost, part = _annealed(problem, start, kind, hot, effort.final, random)
        found.append((cost, len(found), part))
    return min(found, key=lambda candidate: candidate[:2])[2] if found else None


def _mean_weight(graph: Hypergraph) -> float:
    """Mean weight of a net, heavy ones counting more."""
    weight = graph.weight.astype(np.float64)
    return float((weight**2).sum() / weight.sum()) if len(weight) else 1.0


def _repaired(problem: Problem, part: Parts) -> tuple[int, Parts] | None:
    """A partition repaired to fit, behind its cost; None where it cannot be repaired."""
    part = part.copy()
    tables = tables_of(problem.graph, part, problem.parts)
    if repair(problem.graph, part, tables, problem.room, problem.fixed):
        return None
    return cost_of(problem.graph, tables), part


def _annealed(
    problem: Problem, start: Parts, kind: str, hot: float, budget: int, random: RandomState
) -> tuple[int, Parts]:
    """Anneal from a start; returns the cost and the partition, repaired to fit."""
    graph, room, fixed, part = problem.graph, problem.room, problem.fixed, start.copy()
    tables = tables_of(graph, part, problem.parts)
    if kind == "move":
        anneal_moves(graph, part, tables, room, fixed, budget * 7 // 8, hot, 3.5, 0.15 * problem.parts, random)
        budget, hot = budget // 8, 0.03 * _mean_weight(graph)
    if repair(graph, part, tables, room, fixed):
        return 2**62, part
    anneal_exchanges(graph, part, tables, room, fixed, budget, hot, 1.0 if kind == "move" else 3.0, random)
    return cost_of(graph, tables), part


def _coarse_to_fine(problem: Problem, start: Parts, budget: int, random: RandomState) -> Parts:
    """Join vertices level by level, anneal the coarsest level, then each finer one."""
    graphs, maps, fixed_of, part = [problem.graph], [], [problem.fixed], start
    neurons = int(problem.graph.size.sum())
    largest = max(int(problem.room.min()) // 3, 1)
    while len(graphs[-1].size) > 12 * problem.parts and not problem.fixed.any():
        graph = graphs[-1]
        most = min(round(2.6 * neurons / len(graph.size)), largest)
        into, count = cluster(graph, max(most, 2), 8192, random)
        if count > 0.95 * len(graph.size):
            break
        coarser = contract(graph, into, count)
        if len(coarser.weight) == 0:
            break
        maps.append(into)
        graphs.append(coarser)
        fixed_of.append(np.zeros(count, bool))
    if not maps:
        return start
    position = np.cumsum(graphs[-1].size) - 1
    part = np.minimum(position * problem.parts // neurons, problem.parts - 1).astype(np.int32)
    for level in range(len(graphs) - 1, 0, -1):
        graph, fixed = graphs[level], fixed_of[level]
        coarsest = level == len(graphs) - 1
        tables = tables_of(graph, part, problem.parts)
        mean_size = float(graph.size.mean())
        hot = (HOT if coarsest else WARM) * _mean_weight(graph) * mean_size
        over = 0.15 * problem.parts * mean_size
        anneal_moves(graph, part, tables, problem.room, fixed, budget, hot, 3.0, over, random)
        part = np.ascontiguousarray(part[maps[level - 1]])
    return part
