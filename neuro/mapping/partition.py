"""Partitions of neurons into cores that few spikes have to leave: several starts, coarse to fine, annealed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuro.arrays import Ints
from neuro.mapping.anneal import Parts, State, Tables, anneal, repair, restless, tables
from neuro.mapping.coarsen import cluster
from neuro.mapping.hypergraph import Hypergraph, contract

__all__ = ["EFFORTS", "Effort", "Problem", "partition"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much work goes into a partition; in entries of tables touched, so that all machines do the same."""

    coarse: int
    """For each coarse level."""
    trial: int
    """For each temperature that is tried."""
    final: int
    """For the last annealing."""
    hots: tuple[float, ...]
    """Temperatures that are tried, in mean weights of a net."""


EFFORTS = {
    "fast": Effort(coarse=30_000_000, trial=150_000_000, final=200_000_000, hots=(0.3,)),
    "balanced": Effort(coarse=300_000_000, trial=500_000_000, final=2_000_000_000, hots=(0.2, 0.6)),
    "best": Effort(coarse=1_500_000_000, trial=1_000_000_000, final=15_000_000_000, hots=(0.15, 0.4, 1.0)),
}


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


def partition(problem: Problem, starts: list[Parts], effort: Effort, state: State) -> tuple[Parts, int]:
    """The cheapest partition found, and its cost in units of net weight; never dearer than a start that fits."""
    graph = problem.graph
    if len(graph.weight) == 0 or problem.parts == 1:
        return starts[0], 0
    grain = _grain(graph)
    pool = [(_repaired(problem, start), start) for start in starts]
    pool.append((None, _coarse_to_fine(problem, starts[0], effort, state)))
    best: tuple[int, Parts, Parts, float] | None = None
    for kept, start in pool:
        for hot in effort.hots:
            cost, part = _annealed(problem, start, hot * grain, effort.trial, state)
            if best is None or cost < best[0]:
                best = cost, part, start, hot * grain
        if kept is not None and best is not None and kept[0] < best[0]:
            best = *kept, start, best[3]
    assert best is not None
    cost, part = _annealed(problem, best[2], best[3], effort.final, state)
    return (part, cost) if cost < best[0] else (best[1], best[0])


def _grain(graph: Hypergraph) -> float:
    """Mean weight of a net, heavy ones counting more."""
    weight = graph.weight.astype(np.float64)
    return float((weight**2).sum() / weight.sum())


def _repaired(problem: Problem, part: Parts) -> tuple[int, Parts] | None:
    part = part.copy()
    at = tables(problem.graph, part, problem.parts)
    if repair(problem.graph, part, at, problem.room, problem.fixed):
        return None
    return cost_of(problem.graph, at), part


def _annealed(problem: Problem, start: Parts, hot: float, budget: int, state: State) -> tuple[int, Parts]:
    """Anneal from a start; cost and partition, mended to fit."""
    graph, part = problem.graph, start.copy()
    at = tables(graph, part, problem.parts)
    grain = _grain(graph)
    anneal(graph, part, at, problem.room, problem.fixed, budget, hot, 4.0, 4.0, max(0.5 * grain, hot), state)
    if repair(graph, part, at, problem.room, problem.fixed):
        return 2**62, part
    hard = 100.0 * grain
    anneal(graph, part, at, problem.room, problem.fixed, budget // 16, 0.02 * grain, 4.0, 4.0, hard, state)
    if repair(graph, part, at, problem.room, problem.fixed):
        return 2**62, part
    return cost_of(graph, at), part


def _coarse_to_fine(problem: Problem, start: Parts, effort: Effort, state: State) -> Parts:
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
        maps.append(into)
        graphs.append(contract(graph, into, count))
        fixeds.append(np.zeros(count, bool))
    if not maps:
        return start
    full = np.cumsum(graphs[-1].size) - 1
    part = np.minimum(full * problem.parts // neurons, problem.parts - 1).astype(np.int32)
    for level in range(len(graphs) - 1, 0, -1):
        graph, fixed = graphs[level], fixeds[level]
        coarsest = level == len(graphs) - 1
        at = tables(graph, part, problem.parts)
        grain, typical = _grain(graph), float(graph.size.mean())
        square = typical**2
        for heat in (1.0, 0.3, 0.1, 0.03):
            hot = heat * grain * typical
            anneal(
                graph, part, at, problem.room, fixed, effort.coarse // 64, hot, 1.2, 4.0 / square, hot / square, state
            )
        hot = _hot(problem, graph, part, at, fixed, 0.3 if coarsest else 0.1)
        anneal(graph, part, at, problem.room, fixed, effort.coarse, hot, 4.0, 4.0 / square, hot / square, state)
        part = np.ascontiguousarray(part[maps[level - 1]])
    return part


def _hot(problem: Problem, graph: Hypergraph, part: Parts, at: Tables, fixed: Flags, share: float) -> float:
    """The temperature at which a heat bath moves that share of all vertices in one round."""
    low, high = 1e-3 * _grain(graph), 1e4 * _grain(graph)
    square = float(graph.size.mean()) ** 2
    for _ in range(20):
        middle = math.sqrt(low * high)
        if restless(graph, part, at, problem.room, fixed, middle, 4.0 / square, middle / square, 1000) < share:
            low = middle
        else:
            high = middle
    return low
