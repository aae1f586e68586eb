"""Partitions with few deliveries between parts: several starts, from coarse to fine, annealed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from neuro.mapping.partition.bisection.bisect import VISITS, bisected
from neuro.mapping.partition.evolve import JOIN_WORK, Member, evolve, least_cost
from neuro.mapping.partition.grow import grow
from neuro.mapping.partition.levels import BEGINNINGS, LEVELS, Problem, annealed, coarse_to_fine, mean_weight, repaired
from neuro.mapping.partition.tables import Parts, tables_of
from neuro.mapping.random import RandomState, state_of
from neuro.mapping.watch import advance, is_halted

__all__ = ["EFFORTS", "Effort", "partition"]


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
    """Work on the way that turns out best, or on evolution where that is ahead."""
    longer: float = 1.0
    """How many times `final` that way takes where evolution is not ahead: its entries are touched in less time."""
    varied: float = 1.0
    """How many times `final` evolution takes where it is ahead, beyond its own work."""
    islands: int = 1
    """Groups of partitions that evolve apart there, before the best of each are crossed."""
    rough: int
    """Work on each trial of the partition that tells whether limits matter."""
    ways: tuple[tuple[str, float], ...]
    """Ways to anneal: by moves or by exchanges, and the first temperature in mean weights of a net."""
    cool: tuple[tuple[str, float], ...] = ()
    """Ways that are tried after these on the two best starts."""
    repeats: int = 1
    """Times that each way is tried on each start; more where the problem is small."""
    halvings: int
    """Starts by recursive bisection."""
    evolution: int
    """Work on varying the best partitions, and on crossing them."""
    rounds: int = 6
    """Rounds of exchanges in networks that are too large for tables."""
    before: Effort | None = None
    """The effort of a search that comes first, so that this one never finds less."""

    def scaled(self, pins: int, entries: int) -> Effort:
        """The effort for so many pins and entries of a table: small problems need less, large ones miss the caches.

        Evolution gets a third of the work on annealing that a small problem does not need.
        """
        slow = SLOW if entries > CACHED_ENTRIES else 1
        most = MOST_ROUNDS * (pins + entries) * slow
        coarse = min(self.coarse, most // slow) if JOIN_WORK * pins <= self.coarse else 0
        coarse //= SLOW_COARSE if slow > 1 else 1
        trial, final, rough = (min(work, most) // slow for work in (self.trial, self.final, self.rough))
        unused = self.final - min(self.final, most)
        evolution = min(self.evolution + unused // 3, MOST_VARIED * (pins + entries))
        repeats = min(max(self.trial // (16 * most + 1), self.repeats), 16)
        return replace(self, coarse=coarse, trial=trial, final=final, rough=rough, repeats=repeats, evolution=evolution)


FAST = Effort(
    coarse=30_000_000,
    trial=65_000_000,
    final=200_000_000,
    rough=20_000_000,
    ways=(("exchange", 0.3),),
    halvings=1,
    evolution=300_000_000,
    rounds=2,
)
BALANCED = Effort(
    coarse=250_000_000,
    descents=3,
    trial=150_000_000,
    final=3_600_000_000,
    rough=150_000_000,
    ways=(("exchange", 0.15), ("exchange", 0.6), ("move", 0.4)),
    cool=(("move", 0.1),),
    halvings=2,
    evolution=1_200_000_000,
)
BEST = Effort(
    before=BALANCED,
    coarse=600_000_000,
    descents=3,
    trial=300_000_000,
    final=14_000_000_000,
    longer=1.25,
    varied=1.5,
    islands=3,
    rough=400_000_000,
    ways=(("exchange", 0.15), ("exchange", 0.6), ("move", 0.4), ("move", 0.8)),
    cool=(("exchange", 0.05), ("move", 0.1)),
    halvings=4,
    evolution=5_000_000_000,
    rounds=16,
)
EFFORTS = {"fast": FAST, "balanced": BALANCED, "best": BEST}
LABELS = "cutting the network", "cutting the network anew"
"""What a search is called, and one that comes after another."""
AHEAD = 0.99
"""Where evolution has come to less than that share of the cost of all trials, it goes on in place of the best trial."""
BEHIND = 0.999
"""Where evolution has come to no less than that share of it, the rest of its work goes to annealing the best trial."""
COOLED = 2
"""Starts on which the cool ways are tried."""
PROBE = 4
"""How much longer than a trial the annealing is that tells whether longer ones are better."""
FAR = 1.02
"""Where a start from coarse to fine, or a halving, comes to more than so many times the cost of the best other trial,
no more of them are made."""
JOINING = 4
"""The share of the work on a level for which pins are looked at as vertices are joined: one in so many."""
FEW_VISITS = 2048
"""Pins looked at for each vertex that is joined, in every other halving: where layers are dense, that ends better."""
APART, ELDERS = 2, 2
"""Halvings of a group that evolves apart, and how many of its partitions are crossed with others'."""
NONE = 2**62
"""The cost of no partition."""
EVOLUTION = 0x5DEECE66D
"""What tells the random numbers of evolution from those of the trials."""
MOST_VARIED = 60_000
"""The work of evolution is at most so many times the pins and the entries of a table."""
MOST_ROUNDS = 20_000
"""No annealing goes round more often than about that."""
HALVING_WORK = 250
"""Entries that may be touched in the time that a pin takes, each time that parts are halved."""
CACHED_ENTRIES = 2**20
"""Tables with more entries than that do not stay in a cache."""
SLOW = 3
"""How many times longer an entry takes there, tables to be filled included."""
SLOW_COARSE = 2
"""As `SLOW`, on the levels of joined vertices."""


class Trial(NamedTuple):
    """A start that was annealed."""

    cost: int
    """What came of it."""
    start: Parts
    """Part of each vertex at the start."""
    kind: str
    """By moves or by exchanges."""
    hot: float
    """First temperature."""


def partition(
    problem: Problem, starts: list[Parts], effort: Effort, random: RandomState, aside: Parts | None = None
) -> Parts | None:
    """The cheapest partition found, never dearer than a start that fits; None where no start could be made to fit.

    `aside` is a partition that was found before. Only the end of the search knows it, so that the rest finds others.
    """
    graph = problem.graph
    if len(graph.weight) == 0 or problem.parts == 1:
        tables = tables_of(graph, starts[0], problem.parts)
        return aside if np.any(tables.load > problem.room) else starts[0]
    starts = _with_grown(problem, starts, effort)
    ways = len(effort.ways) * effort.repeats
    total = (len(starts) + effort.descents) * ways * effort.trial + effort.final + effort.evolution
    label = LABELS[aside is not None]
    found, tried, spare = _trials(problem, starts, effort, random, (total, label))
    if not found:
        return aside
    # Numbers of their own: what follows the trials is the same with and without evolution.
    other = state_of(int(random[0]) ^ EVOLUTION)
    done = len(tried) * effort.trial
    best = sorted(found, key=_cost)[:2]
    share = effort.evolution // 4
    members = [*best, *_halved(problem, best[0].cost, effort, other)]
    members, work = evolve(problem, members, share, other, (done, total))
    rest = effort.evolution - work
    if members[0].cost < AHEAD * best[0].cost:
        rest += round(effort.varied * effort.final) + spare
        members, rest = _evolved_apart(problem, members, best[0].cost, effort, (rest, total), other)
    elif tried and effort.final and not is_halted():
        advance(done + share, total, label)
        more = max(rest, 0) if members[0].cost > BEHIND * best[0].cost else 0
        final = round(effort.longer * effort.final) + spare
        longer, left = _lengthened(problem, sorted(tried, key=_cost)[:2], (effort.trial, final, more), random)
        rest += left - more
        best = sorted(best + longer, key=_cost)
        members += best
    if aside is not None:
        members += [Member(*within) for within in [repaired(problem, aside)] if within is not None]
    evolved = evolve(problem, members, rest, other, (total - max(rest, 0), total))[0][0]
    return evolved.part if evolved.cost < best[0].cost else best[0].part


def _with_grown(problem: Problem, starts: list[Parts], effort: Effort) -> list[Parts]:
    """The given starts and grown parts."""
    graph, room = problem.graph, problem.room
    if problem.fixed.any():
        return starts
    # Full parts begin in the middle of a layer; parts of one size begin with layers that fill some of them.
    even = -(-int(graph.size.sum()) // problem.parts)
    if len(effort.ways) > 1 and room.min() == room.max() > even:
        return [*starts, grow(graph, room, 0), grow(graph, np.full_like(room, even), 0)]
    return [*starts, grow(graph, room, 0)]


def _trials(
    problem: Problem, starts: list[Parts], effort: Effort, random: RandomState, progress: tuple[int, str]
) -> tuple[list[Member], list[Trial], int]:
    """What came of all ways to anneal the starts, and those from coarse to fine; and the work that is left.

    There are no more of those from coarse to fine where one is far from the best of the others, and no more trials
    where the least cost of any partition is reached. `progress`: all the work, and its name.
    """
    scale, least_of_all = mean_weight(problem.graph), least_cost(problem.graph, int(problem.room.max()))
    found: list[Member] = []
    tried: list[Trial] = []

    def try_ways(start: Parts, ways: tuple[tuple[str, float], ...]) -> None:
        for kind, hot in ways:
            if is_halted() or any(member.cost <= least_of_all for member in found):
                break
            advance(len(tried) * effort.trial, *progress)
            cost, part = annealed(problem, start, kind, hot * scale, effort.trial, random)
            found.append(Member(cost, part))
            tried.append(Trial(cost, start, kind, hot * scale))

    def begin(start: Parts) -> int:
        within = repaired(problem, start)
        if within is None:
            return NONE
        before = len(found)
        found.append(Member(*within))
        try_ways(start, effort.ways * effort.repeats)
        return min(member.cost for member in found[before:])

    least = min(begin(start) for start in starts)
    left = effort.descents if effort.coarse and not problem.fixed.any() else 0
    begun: tuple[str, ...] = BEGINNINGS if effort.descents > 1 else BEGINNINGS[:1]
    while left and least > least_of_all and not is_halted():
        left -= 1
        # Every other one looks at few pins as vertices are joined.
        works = effort.coarse, 0 if (effort.descents - left) % 2 == 0 else effort.coarse // JOINING
        start, name = coarse_to_fine(problem, starts[0], works, random, begun)
        begun = (name,)
        if begin(start) > FAR * least:
            break
    leads = {id(trial.start): trial.start for trial in sorted(tried, key=_cost)}
    for start in list(leads.values())[: COOLED if effort.cool else 0]:
        try_ways(start, effort.cool)
    return found, tried, left * (LEVELS * effort.coarse + len(effort.ways) * effort.repeats * effort.trial)


def _evolved_apart(
    problem: Problem, members: list[Member], least: int, effort: Effort, works: tuple[int, int], random: RandomState
) -> tuple[list[Member], int]:
    """The best of several groups that evolve apart: the given one, and others of new halvings; and the work left.

    `works`: what this and the evolution that follows may take, and all work of the search. Groups that evolve together
    soon have one ancestor; apart, each ends elsewhere.
    """
    rest, total = works
    share = rest // (effort.islands + 2)
    kept: list[Member] = []
    for k in range(effort.islands if effort.islands > 1 else 0):
        group = members if k == 0 else _halved(problem, least, replace(effort, halvings=APART), random)
        if group and not is_halted():
            evolved, work = evolve(problem, group, share, random, (total - rest, total))
            kept += evolved[:ELDERS]
            rest -= work
    return kept or members, rest


def _cost(candidate: Member | Trial) -> int:
    return candidate.cost


def _lengthened(
    problem: Problem, tried: list[Trial], works: tuple[int, int, int], random: RandomState
) -> tuple[list[Member], int]:
    """The best trial annealed longer; or, where a somewhat longer one is no better, the best ones done anew.

    `works`: the work of a trial, that for all of this, and what a longer annealing may take beyond it. Returns what is
    left of them for evolution, too. On networks with few ways to be cut well, such as a few dense layers, slow
    annealing ends as well as chance has it, and evolution gets half of what is left.
    """
    trial, final, more = works
    cost, start, kind, hot = tried[0]
    probe = min(PROBE * trial, final)
    members = [Member(*annealed(problem, start, kind, hot, probe, random))]
    rest = final - probe
    if members[0].cost < cost:
        if rest + more:
            members.append(Member(*annealed(problem, start, kind, hot, rest + more, random)))
        return members, 0
    for k in range(rest // 2 // trial):
        if is_halted():
            break
        _, start, kind, hot = tried[k % len(tried)]
        members.append(Member(*annealed(problem, start, kind, hot, trial, random)))
    return members, rest - rest // 2 + more


def _halved(problem: Problem, least: int, effort: Effort, random: RandomState) -> list[Member]:
    """Partitions by recursive bisection, annealed briefly; no more of them where they are far from a cost of `least`.

    There are fewer where they would take more work than evolution, too.
    """
    graph, scale = problem.graph, mean_weight(problem.graph)
    members: list[Member] = []
    if problem.fixed.any():
        return members
    work = HALVING_WORK * len(graph.pin) * math.ceil(math.log2(problem.parts))
    for k in range(min(effort.halvings, effort.evolution // work)):
        if is_halted() or (members and min(member.cost for member in members) > FAR * least):
            break
        part, _ = bisected(graph, problem.room, random, FEW_VISITS if k % 2 else VISITS)
        for heat in (0.05, 0.2):
            members.append(Member(*annealed(problem, part, "exchange", heat * scale, effort.trial, random)))
    return members
