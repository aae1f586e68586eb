"""Evolution of a few partitions: each is varied from coarse to fine, crossed with another, or cut anew in places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuro.jit import kernel
from neuro.mapping.partition.bisection.bisect import recut
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.partition.levels import Problem, annealed, cycle, mean_weight
from neuro.mapping.partition.tables import Parts
from neuro.mapping.partition.withdraw import withdraw
from neuro.mapping.random import RandomState, next_uniform
from neuro.mapping.watch import advance, is_halted

__all__ = ["JOIN_WORK", "Member", "evolve", "least_cost"]

MEMBERS = 5
"""Partitions that are kept."""
STEP = 10_000_000, 40_000_000
"""Least work of a step, in entries of tables touched, and its work where the problem is of middle size."""
WAYS = (
    ("recut", 0.0), ("cycle", 0.2), ("cycle", 0.1), ("cycle", 0.05), ("cycle", 0.025), ("cross", 0.1),
    ("cross", 0.05), ("cross", 0.025), ("anneal", 0.3), ("anneal", 0.1), ("move", 0.1), ("withdraw", 0.05),
)  # fmt: skip
"""Ways to vary a partition, and the first temperature of each, in mean weights of a net."""
CURIOUS = 0.4
"""Share of the steps whose way is drawn evenly; the others take the way that saved most for its work. First comes each
way once, the last one first, where the work is enough for two steps of each."""
FORGET = 0.8
"""What an earlier step counts, for each later one of the same way."""
BEYOND = 1.25
"""How many times the work that is left a way may take."""
JOIN_WORK = 60
"""Entries that may be touched in the time in which a pin is joined to others, over all levels."""


class Member(NamedTuple):
    """A partition and its cost."""

    cost: int
    """Weight of each net for each part beyond its first."""
    part: Parts
    """Part of each vertex."""


def evolve(
    problem: Problem, members: list[Member], budget: int, random: RandomState, progress: tuple[int, int] = (0, 1)
) -> tuple[list[Member], int]:
    """The cheapest partitions after steps of `WAYS`, best first, never dearer than the best of `members`; and the work.

    All `members` fit. The last step may take the work a little beyond `budget`; none is made that takes far more.

    `progress`: work that was done before, and all that is to be done. Pinned vertices stay where `members` have them.
    """
    if problem.fixed.any():
        return _distinct(members), 0
    graph = problem.graph
    least = least_cost(graph, int(problem.room.max()))
    kept = _distinct(members)
    touched = len(graph.pin) + len(graph.size) * problem.parts
    step = max(min(max(200 * touched, STEP[0]), STEP[1]), 3 * touched)
    saved, spent = np.zeros(len(WAYS)), np.full(len(WAYS), 1e-3)
    least_work = np.array([_work_of(problem, kind, step) for kind, _ in WAYS])
    untried = list(range(len(WAYS))) if budget >= 2 * len(WAYS) * step else []
    work = 0
    while work < budget and kept[0].cost > least and not is_halted():
        advance(progress[0] + work, progress[1], "varying the partition")
        within = np.flatnonzero(least_work <= BEYOND * (budget - work))
        if len(within) == 0:
            break
        way = int(within[int(_uniform(random) * len(within))])
        if untried:
            way = untried.pop()
        elif _uniform(random) >= CURIOUS and saved[within].max() > 0.0:
            way = int(within[np.argmax(saved[within] / spent[within])])
        i = 0 if untried or _uniform(random) < 0.6 else int(_uniform(random) * len(kept))
        j = int(_uniform(random) * len(kept))
        found, used = _varied(problem, kept[i], kept[j], way, step, random)
        work += used
        # What beats a poor member is worth little beside what beats the best one.
        gain = max(kept[i].cost - found.cost, 0) * (1.0 if i == 0 else 0.2)
        saved[way], spent[way] = FORGET * saved[way] + gain, FORGET * spent[way] + used
        if found.cost <= kept[i].cost:
            kept[i] = found
        elif WAYS[way][0] == "cross" and found.cost < kept[-1].cost:
            kept[-1] = found
        kept = _distinct(kept)
    return kept, work


def _work_of(problem: Problem, kind: str, step: int, levels: int = 2) -> int:
    """The work of a way to vary a partition, as far as it is known; `levels` of joined vertices."""
    # Entries that may be touched in the time that a pin takes when tables are filled.
    fill = (8 + problem.parts // 3) * len(problem.graph.pin)
    if kind == "recut":
        return 2 * step
    if kind == "withdraw":
        return 2 * (step + fill)
    if kind in ("move", "anneal"):
        return step + fill
    return step * (1 + levels) + (1 + levels) * fill + JOIN_WORK * len(problem.graph.pin)


def _varied(
    problem: Problem, member: Member, other: Member, way: int, step: int, random: RandomState
) -> tuple[Member, int]:
    """A partition made of one or two others, and the work it took."""
    kind, heat = WAYS[way]
    graph = problem.graph
    if kind == "recut":
        part, gain, used = recut(graph, member.part, problem.room, 2 * step, random)
        return Member(member.cost - gain, part), used
    part, used = member.part, _work_of(problem, kind, step)
    if kind == "withdraw":
        part, _ = withdraw(graph, part, problem.room, step, random)
    elif kind == "move":
        cost, part = annealed(problem, part, kind, heat * mean_weight(graph), step, random)
        return Member(cost, part), used
    elif kind != "anneal":
        mate = other if kind == "cross" else member
        part, levels = cycle(problem, part, mate.part, step, (heat, heat / 2), random)
        used = _work_of(problem, kind, step, levels)
    cost, part = annealed(problem, part, "exchange", max(heat, 0.05) * mean_weight(graph), step, random)
    return Member(cost, part), used


def _distinct(members: list[Member]) -> list[Member]:
    """The cheapest members, one of each cost."""
    kept: list[Member] = []
    for member in sorted(members, key=lambda member: member.cost):
        if not kept or kept[-1].cost != member.cost:
            kept.append(member)
    return kept[:MEMBERS]


@kernel
def _uniform(random: RandomState) -> float:
    return next_uniform(random)


@kernel
def least_cost(graph: Hypergraph, widest: int) -> int:
    """The least cost of any partition: a net of so many neurons needs so many parts."""
    total = np.int64(0)
    for e in range(len(graph.weight)):
        neurons = np.int64(0)
        for k in range(graph.start[e], graph.start[e + 1]):
            neurons += graph.size[graph.pin[k]]
        total += graph.weight[e] * ((neurons + widest - 1) // widest - 1)
    return int(total)
