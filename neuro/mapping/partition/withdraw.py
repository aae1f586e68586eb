"""Heavy nets that leave a part at once: where no single move pays, all pins of a net in a part may pay together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, inner, kernel
from neuro.mapping.partition.hypergraph import Hypergraph
from neuro.mapping.partition.tables import Members, Parts, Tables, members_of, move, relink, tables_of
from neuro.mapping.random import RandomState, next_uniform
from neuro.validation import Ints

__all__ = ["withdraw"]

NEVER = 2**40
"""A price that nobody pays."""
MOST_PINS = 64
"""Pins of a net in a part beyond which it stays there."""


def withdraw(graph: Hypergraph, part: Parts, room: Ints, budget: int, random: RandomState) -> tuple[Parts, int]:
    """Nets drawn by weight leave a part each, where that costs nothing; also what it saves.

    The vertices of the net that are there go to its other parts, in exchange for vertices outside the net. Where the
    whole is dearer than before, all is taken back. Parts have to be within their room.
    """
    part = part.copy()
    tables = tables_of(graph, part, len(room))
    until = np.cumsum(graph.weight, dtype=np.float64)
    return part, _withdraw(graph, part, tables, room, until, budget, random)


@kernel
def _withdraw(
    graph: Hypergraph,
    part: Parts,
    tables: Tables,
    room: Ints,
    until: NDArray[np.float64],
    budget: int,
    random: RandomState,
) -> int:
    count, n = len(room), len(graph.size)
    members = members_of(part, graph.size, room)
    is_pin = np.zeros(n, np.bool_)
    back = np.zeros(count, np.int64)
    there, moved, origin = np.empty(n, np.int64), np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
    saved, work = np.int64(0), 0
    while work < budget and random[1] == 0:
        work += 200
        e = int(np.searchsorted(until, next_uniform(random) * until[-1]))
        p = _part_of(tables, e, random)
        work += 4 * count
        if p < 0:
            continue
        some = 0
        for k in range(graph.start[e], graph.start[e + 1]):
            v = graph.pin[k]
            is_pin[v] = True
            if part[v] == p:
                there[some] = v
                some += 1
        for q in range(count):
            back[q] = NEVER
            if q != p and tables.pins[e, q] > 0:
                _, back[q], more = _partner(graph, tables, room, members, is_pin, 1, q, p)
                work += more
        total, steps, stays = np.int64(0), 0, False
        for i in range(some):
            v = int(there[i])
            q = _cheapest(tables, back, v)
            work += 4 * count
            if q < 0:
                stays = True
                break
            z = graph.size[v]
            u = -1
            if tables.load[q] + z > room[q]:
                u, back[q], more = _partner(graph, tables, room, members, is_pin, z, q, p)
                work += more
                if u < 0:
                    stays = True
                    break
            total += tables.missing[v, q] - tables.alone[v]
            work += move(graph, part, tables, v, q)
            relink(members, v, p, q)
            moved[steps], origin[steps] = v, p
            steps += 1
            if u >= 0:
                total += tables.missing[u, p] - tables.alone[u]
                work += move(graph, part, tables, u, p)
                relink(members, u, q, p)
                moved[steps], origin[steps] = u, q
                steps += 1
            if total > graph.weight[e]:
                stays = True
                break
        if stays or total > 0:
            for s in range(steps - 1, -1, -1):
                v = int(moved[s])
                q = part[v]
                work += move(graph, part, tables, v, int(origin[s]))
                relink(members, v, int(q), int(origin[s]))
        else:
            saved -= total
        for k in range(graph.start[e], graph.start[e + 1]):
            is_pin[graph.pin[k]] = False
        work += 4 * (graph.start[e + 1] - graph.start[e])
    return int(saved)


@inner
def _part_of(tables: Tables, e: int, random: RandomState) -> int:
    """A part that net e may leave, of two random ones that with fewer pins; -1 where it has one part or many pins."""
    count = len(tables.load)
    found, fewest, others = -1, MOST_PINS + 1, 0
    for p in range(count):
        others += tables.pins[e, p] > 0
    if others < 2:
        return -1
    for _ in range(2):
        chosen = int(next_uniform(random) * others)
        for p in range(count):
            if tables.pins[e, p] > 0:
                if chosen == 0:
                    if tables.pins[e, p] < fewest:
                        found, fewest = p, int(tables.pins[e, p])
                    break
                chosen -= 1
    return found


@inner
def _cheapest(tables: Tables, back: Ints, v: int) -> int:
    """The part to which vertex v goes, by its cost there and that of the vertex that comes back; -1 for none."""
    found, least = -1, NEVER
    for q in range(len(back)):
        if back[q] < NEVER:
            x = int(tables.missing[v, q] + back[q])
            if x < least:
                found, least = q, x
    return found


@inlined
def _partner(
    graph: Hypergraph, tables: Tables, room: Ints, members: Members, is_pin: NDArray[np.bool_], z: int, q: int, p: int
) -> tuple[int, int, int]:
    """The cheapest vertex of part q outside the net to go to part p as z neurons go the other way; its cost; the work.

    Where part q has room, none comes back, at no cost.
    """
    found, least, work = -1, NEVER, 0
    if tables.load[q] + z <= room[q]:
        return found, 0, work
    row = members.listed[q]
    for k in range(members.length[q]):
        u = row[k]
        if u < 0:
            continue
        work += 4
        if is_pin[u]:
            continue
        x = int(tables.missing[u, p] - tables.alone[u])
        size = graph.size[u]
        if x < least and tables.load[q] + z - size <= room[q] and tables.load[p] - z + size <= room[p]:
            found, least = int(u), x
    return found, least, work
