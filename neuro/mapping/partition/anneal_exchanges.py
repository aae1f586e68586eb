"""Annealing of partitions by exchanges: no part is ever too full, and a vertex that enters a full one trades places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, inner, kernel
from neuro.mapping.partition.heat_bath import boltzmann, decay
from neuro.mapping.partition.hypergraph import Hypergraph, Weights
from neuro.mapping.partition.tables import Members, Parts, Tables, members_of, move, relink
from neuro.mapping.random import RandomState, next_uniform
from neuro.validation import Ints

__all__ = ["anneal_exchanges"]

LARGEST = np.int32(2**31 - 1)
"""More than any cost."""
NEVER = np.int32(2**29)
"""A price that nobody pays."""
STALE = 16
"""Prices are set anew after moves of one vertex in so many."""


@inner
def _set_prices(
    part: Parts, tables: Tables, room: Ints, fixed: NDArray[np.bool_], leave: Weights, price: Weights, lowest: Weights
) -> None:
    """Set price[a, b] of going from a to b: where b is full, the cost of the cheapest move from b to a.

    `lowest` is set to the lowest price of each part a, shape (parts,).
    """
    count = len(room)
    leave[:] = NEVER
    for v in range(len(part)):
        if not fixed[v]:
            row, to = tables.missing[v], leave[part[v]]
            for p in range(count):
                to[p] = min(to[p], row[p] - tables.alone[v])
    for p in range(count):
        for q in range(count):
            price[q, p] = leave[p, q] if tables.load[p] >= room[p] else min(leave[p, q], 0)
    for p in range(count):
        lowest[p] = NEVER
        for q in range(count):
            if q != p:
                lowest[p] = min(lowest[p], price[p, q])


@inlined
def _partner(
    graph: Hypergraph, tables: Tables, room: Ints, fixed: NDArray[np.bool_], members: Members, alike: bool, z: int,
    a: int, b: int, most: Any, random: RandomState,
) -> tuple[int, Any, Any, int]:  # fmt: skip
    """The cheapest vertex of part b to go to part a, below a cost of `most`, or -1; its cost, the next, and the work.

    Parts stay within their room as z neurons go the other way. Among equals chance decides. `alike`: all vertices have
    the size of this one and may move, so that a full part takes any of them.
    """
    found, paid, following, work = -1, most, most, 0
    row = members.listed[b]
    for k in range(members.length[b] - 1, -1, -1):
        u = row[k]
        if u < 0:
            continue
        work += 4
        x = tables.missing[u, a] - tables.alone[u]
        if x > paid:
            following = min(following, x)
            continue
        if not alike:
            size = graph.size[u]
            if fixed[u] or tables.load[b] + z - size > room[b] or tables.load[a] - z + size > room[a]:
                continue
        if x < paid or next_uniform(random) < 0.5:
            following = paid
            paid, found = x, int(u)
        else:
            following = x
    return found, paid, following, work


@inlined
def _refused(cost: Any, heat: float, reach: Any, random: RandomState) -> bool:
    """Does a step that costs more than was expected fail at this temperature?"""
    return bool(cost > 0 and (cost >= reach or next_uniform(random) >= boltzmann(cost / heat)))


@kernel
def anneal_exchanges(
    graph: Hypergraph, part: Parts, tables: Tables, room: Ints, fixed: NDArray[np.bool_], budget: int, hot: float,
    fall: float, random: RandomState,
) -> int:  # fmt: skip
    """As `anneal_moves`, with parts within their room: a vertex that enters a full part trades places with another.

    The prices of full parts are set at the beginning of a round where many vertices have moved since, and kept by each
    search for a partner; what is done is judged by its true cost.
    """
    count, n = len(room), len(graph.size)
    price, lowest = np.zeros((count, count), np.int32), np.zeros(count, np.int32)
    members = members_of(part, graph.size, room)
    alike = bool(np.min(graph.size) == np.max(graph.size) and not np.any(fixed))
    moves, work, again = 0, 0, 0
    heat, reach = hot, np.int32(0)
    while work < budget and random[1] == 0:
        if moves >= again:
            _set_prices(part, tables, room, fixed, np.empty_like(price), price, lowest)
            work += n * count // 4 + count * count
            again = moves + n // STALE
        for v in range(n):
            if v & 63 == 0:
                if v > 0 and work >= budget:
                    break
                heat = hot * decay(fall * min(float(work) / float(budget), 1.0))
                reach = np.int32(min(14.0 * heat, float(NEVER)))
                work += 128
            if fixed[v]:
                continue
            a = part[v]
            entry, base = price[a], tables.alone[v]
            if tables.least[v] + lowest[a] - base >= reach:
                continue
            work += 8 + count // 4
            row = tables.missing[v]
            best, least, low = LARGEST, LARGEST, LARGEST
            for p in range(count):
                best = min(best, np.int32(row[p] + entry[p]) if p != a else LARGEST)
                least = min(least, row[p] if p != a else LARGEST)
                low = min(low, entry[p] if p != a else LARGEST)
            tables.least[v], lowest[a] = least, low
            if best - base >= reach:
                continue
            # As in `anneal_moves`; in a function of its own it makes exchanges a fifth slower.
            bottom = min(best, base)
            chance = next_uniform(random)
            work += 16
            # It stays, whatever the other parts than the best one cost.
            if best > base and chance * (1.0 + (count - 1) * boltzmann((best - base) / heat)) < 1.0:
                continue
            work += 2 * count
            stay = boltzmann((base - bottom) / heat) if base - bottom < reach else 0.0
            total = stay
            for p in range(count):
                x = row[p] + entry[p] - bottom
                if p != a and x < reach:
                    total += boltzmann(x / heat)
            rest = chance * total - stay
            if rest < 0.0:
                continue
            b = a
            for p in range(count):
                x = row[p] + entry[p] - bottom
                if p != a and x < reach:
                    b = p
                    rest -= boltzmann(x / heat)
                    if rest < 0.0:
                        break
            if b == a:
                continue
            z, asked = graph.size[v], entry[b]
            fits = tables.load[b] + z <= room[b]
            partner, paid = -1, np.int32(0) if fits else NEVER
            if not fits or entry[b] < 0:
                partner, paid, following, more = _partner(
                    graph, tables, room, fixed, members, alike, z, a, b, paid, random
                )
                work += more
                if not fits:
                    entry[b] = paid
                    lowest[a] = min(lowest[a], paid)
                if partner < 0 and not fits:
                    continue
            if _refused(paid - asked, heat, reach, random):
                continue
            work += move(graph, part, tables, v, b)
            relink(members, v, a, b)
            if partner >= 0:
                # Nets that both are in make the exchange dearer than its two moves.
                if _refused(tables.missing[partner, a] - tables.alone[partner] - paid, heat, reach, random):
                    work += move(graph, part, tables, v, a)
                    relink(members, v, b, a)
                    continue
                work += move(graph, part, tables, partner, a)
                relink(members, partner, b, a)
                if not fits:
                    entry[b] = following
                    lowest[a] = min(lowest[a], following)
            moves += 1
    return moves
