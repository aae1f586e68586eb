"""Annealing of partitions by single moves: parts may be too full on the way, at a price."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, kernel
from neuro.mapping.partition.heat_bath import boltzmann, decay
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.partition.tables import Parts, Tables, move
from neuro.mapping.random import RandomState, next_uniform
from neuro.validation import Ints

__all__ = ["anneal_moves"]

LARGEST = np.int32(2**31 - 1)
"""More than any cost."""
HIGHEST = 2.0**29
"""Prices and temperatures beyond this are cut off, so that sums fit 32 bits."""


@inlined
def _excess_cost(load: int, room: int, price: float) -> float:
    """The cost of neurons beyond the room of a part."""
    over = max(load - room, 0)
    return price * float(over * over)


@inlined
def _adjusted(price: float, load: Ints, room: Ints, over: float, least: float) -> float:
    """The price of excess, raised where more than `over` neurons are in excess and lowered where not."""
    excess = 0
    for p in range(len(room)):
        excess += max(load[p] - room[p], 0)
    price *= 1.02 if excess > over else 1.0 / 1.02
    price = min(price, 2.0**24)
    return max(price, least)


@kernel
def anneal_moves(
    graph: Hypergraph,
    part: Parts,
    tables: Tables,
    room: Ints,
    fixed: NDArray[np.bool_],
    budget: int,
    hot: float,
    fall: float,
    over: float,
    random: RandomState,
) -> int:
    """Visit the vertices in turn until `budget` entries are touched; returns the number of moves.

    Each vertex goes where Boltzmann's distribution puts it. The temperature falls from `hot` by e^-fall. A part beyond
    its room by x neurons costs x^2 times a price, which rises as long as more than `over` neurons are in excess, and
    falls as long as fewer are.
    """
    count = len(room)
    n = len(graph.size)
    entry = np.zeros(count, np.int32)
    moves, work = 0, 0
    per_size = float(n) ** 2 / float(np.sum(graph.size)) ** 2
    heat, price = hot, 2.0 * hot * per_size
    reach = np.int32(0)
    while work < budget and random[1] == 0:
        last = -1
        for v in range(n):
            if v & 63 == 0:
                if v > 0 and work >= budget:
                    break
                heat = hot * decay(fall * min(float(work) / float(budget), 1.0))
                floor = 0.25 * heat * per_size
                price = _adjusted(price, tables.load, room, over, floor)
                reach = np.int32(min(14.0 * heat, HIGHEST))
                last = -1
                work += 128 + 4 * count
            if fixed[v]:
                continue
            a, z = part[v], graph.size[v]
            base = tables.alone[v]
            if tables.load[a] > room[a]:
                back = _excess_cost(tables.load[a], room[a], price) - _excess_cost(tables.load[a] - z, room[a], price)
                base += np.int32(min(back, HIGHEST))
            # Whatever its row holds, every other part is too dear.
            if tables.least[v] - base >= reach:
                continue
            if z != last:
                last = z
                for p in range(count):
                    load = tables.load[p]
                    more = _excess_cost(load + z, room[p], price) - _excess_cost(load, room[p], price)
                    entry[p] = np.int32(min(more, HIGHEST))
            work += 8 + count // 4
            row = tables.missing[v]
            best, least = LARGEST, LARGEST
            for p in range(count):
                best = min(best, np.int32(row[p] + entry[p]) if p != a else LARGEST)
                least = min(least, row[p] if p != a else LARGEST)
            tables.least[v] = least
            if best - base >= reach:
                continue
            # The choice stands here, and not in a function that takes arrays: with that, moves take half as long again.
            low = min(best, base)
            chance = next_uniform(random)
            work += 16
            # It stays, whatever the other parts than the best one cost.
            if best > base and chance * (1.0 + (count - 1) * boltzmann((best - base) / heat)) < 1.0:
                continue
            work += 2 * count
            stay = boltzmann((base - low) / heat) if base - low < reach else 0.0
            total = stay
            for p in range(count):
                x = row[p] + entry[p] - low
                if p != a and x < reach:
                    total += boltzmann(x / heat)
            rest = chance * total - stay
            if rest < 0.0:
                continue
            b = a
            for p in range(count):
                x = row[p] + entry[p] - low
                if p != a and x < reach:
                    b = p
                    rest -= boltzmann(x / heat)
                    if rest < 0.0:
                        break
            if b == a:
                continue
            work += move(graph, part, tables, v, b)
            moves += 1
            for i in range(2):
                p = b if i else a
                load = tables.load[p]
                more = _excess_cost(load + z, room[p], price) - _excess_cost(load, room[p], price)
                entry[p] = np.int32(min(more, HIGHEST))
    return moves
