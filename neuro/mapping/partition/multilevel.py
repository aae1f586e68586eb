"""Partitions of neurons into cores that few spikes have to leave: several starts, coarse to fine, annealed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuro.mapping.partition.anneal import Parts, SearchState, Tables, anneal, exchange, repair, tables
from neuro.mapping.partition.coarsen import cluster
from neuro.mapping.partition.grow import grow
from neuro.mapping.partition.hypergraph import Hypergraph, contract
from neuro.validation import Ints

__all__ = ["EFFORTS", "Effort", "Problem", "partition"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much work goes into a partition; in entries of tables touched, so that all machines do the same."""

    coarse: int
    """For each coarse level; there are none where joining vertices would cost more than that."""
    descents: int = 1
    """Times that vertices are joined level by level, each time otherwise."""
    trial: int
    """For each way of annealing that is tried on each start."""
    final: int
    """For the way that turns out best."""
    ways: tuple[tuple[str, float], ...]
    """Ways to anneal: by moves or by exchanges, and the first temperature in mean weights of a net."""

    repeats: int = 1
    """Times that each way is tried on each start; more where the problem is small."""
    rounds: int = 6
    """Of changes of place in networks that are too large for tables."""

    def scaled(self, pins: int, entries: int) -> Effort:
        """The effort for so many pins and entries of a table: small problems need less, large ones miss the caches."""
        slow = 2 if entries > LARGE else 1
        most = ROUNDS * (pins + entries) * slow
        coarse = min(self.coarse, most // slow) if JOINING * pins <= self.coarse else 0
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
MELT, MEND = 1.5, 0.4
"""First temperatures of the coarsest level and of the others, in mean weights of a net times neurons of a vertex."""
ROUNDS = 20_000
"""No annealing goes round more often than about that."""
JOINING = 60
"""Entries that may be touched in the time in which a pin is joined to others, over all levels."""
LARGE = 2**20
"""Tables with more entries than that do not stay in a cache, and an entry takes about twice as long."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be cut into parts."""

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


def cost_of(graph: Hypergraph, at: Tables) -> int:
    """Weight of each net for each part beyond its first."""
    return int((((at.pins > 0).sum(axis=1) - 1) * graph.weight.astype(np.int64)).sum())


def partition(problem: Problem, starts: list[Parts], effort: Effort, state: SearchState) -> Parts | None:
    """The cheapest partition found, never dearer than a start that fits; None where no start could be made to fit."""
    graph = problem.graph
    if len(graph.weight) == 0 or problem.parts == 1:
        at = tables(graph, starts[0], problem.parts)
        return None if np.any(at.load > problem.room) else starts[0]
    grain = _grain(graph)
    effort = effort.scaled(len(graph.pin), len(graph.size) * problem.parts)
    pool = list(starts)
    if not problem.fixed.any():
        pool.append(grow(graph, problem.room, 0))
        for _ in range(effort.descents if effort.coarse else 0):
            pool.append(_coarse_to_fine(problem, starts[0], effort.coarse, state))
    found: list[tuple[int, int, Parts]] = []
    tried: list[tuple[int, int, Parts, str, float]] = []
    for start in pool:
        mended = _mended(problem, start)
        if mended is None:
            continue
        found.append((mended[0], len(found), mended[1]))
        for kind, hot in effort.ways * effort.repeats:
            cost, part = _annealed(problem, start, kind, hot * grain, effort.trial, state)
            found.append((cost, len(found), part))
            tried.append((cost, len(tried), start, kind, hot * grain))
    if tried:
        _, _, start, kind, hot = min(tried, key=lambda one: one[:2])
        cost, part = _annealed(problem, start, kind, hot, effort.final, state)
        found.append((cost, len(found), part))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _grain(graph: Hypergraph) -> float:
    """Mean weight of a net, heavy ones counting more."""
    weight = graph.weight.astype(np.float64)
    return float((weight**2).sum() / weight.sum()) if len(weight) else 1.0


def _mended(problem: Problem, part: Parts) -> tuple[int, Parts] | None:
    """The cost of a partition that is made to fit, and that; None where it cannot be made to."""
    part = part.copy()
    at = tables(problem.graph, part, problem.parts)
    if repair(problem.graph, part, at, problem.room, problem.fixed):
        return None
    return cost_of(problem.graph, at), part


def _annealed(
    problem: Problem, start: Parts, kind: str, hot: float, budget: int, state: SearchState
) -> tuple[int, Parts]:
    """Anneal from a start; cost and partition, mended to fit."""
    graph, room, fixed, part = problem.graph, problem.room, problem.fixed, start.copy()
    at = tables(graph, part, problem.parts)
    if kind == "move":
        anneal(graph, part, at, room, fixed, budget * 7 // 8, hot, 3.5, 0.15 * problem.parts, state)
        budget, hot = budget // 8, 0.03 * _grain(graph)
    if repair(graph, part, at, room, fixed):
        return 2**62, part
    exchange(graph, part, at, room, fixed, budget, hot, 1.0 if kind == "move" else 3.0, state)
    return cost_of(graph, at), part


def _coarse_to_fine(problem: Problem, start: Parts, budget: int, state: SearchState) -> Parts:
    """Join vertices level by level, anneal the coarsest, and anneal again as they come apart."""
    graphs, maps, fixeds, part = [problem.graph], [], [problem.fixed], start
    neurons = int(problem.graph.size.sum())
    largest = max(int(problem.room.min()) // 3, 1)
    while len(graphs[-1].size) > 12 * problem.parts and not problem.fixed.any():
        graph = graphs[-1]
        most = min(round(2.6 * neurons / len(graph.size)), largest)
        into, count = cluster(graph, max(most, 2), 8192, state)
        if count > 0.95 * len(graph.size):
            break
        coarser = contract(graph, into, count)
        if len(coarser.weight) == 0:
            break
        maps.append(into)
        graphs.append(coarser)
        fixeds.append(np.zeros(count, bool))
    if not maps:
        return start
    full = np.cumsum(graphs[-1].size) - 1
    part = np.minimum(full * problem.parts // neurons, problem.parts - 1).astype(np.int32)
    for level in range(len(graphs) - 1, 0, -1):
        graph, fixed = graphs[level], fixeds[level]
        coarsest = level == len(graphs) - 1
        at = tables(graph, part, problem.parts)
        typical = float(graph.size.mean())
        hot = (MELT if coarsest else MEND) * _grain(graph) * typical
        over = 0.15 * problem.parts * typical
        anneal(graph, part, at, problem.room, fixed, budget, hot, 3.0, over, state)
        part = np.ascontiguousarray(part[maps[level - 1]])
    return part
