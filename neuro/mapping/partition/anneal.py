"""Annealing of partitions: every vertex in turn is put where a heat bath would have it, at a falling temperature."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, inner, kernel
from neuro.mapping.partition.hypergraph import Hypergraph, Weights
from neuro.validation import Ints

__all__ = ["Tables", "anneal", "boltzmann", "draw", "exchange", "move", "repair", "tables"]

Parts = NDArray[np.int32]
Counts = NDArray[np.integer]
SearchState = NDArray[np.uint64]


class Tables(NamedTuple):
    """What moves of a partition cost, kept up to date move by move."""

    pins: Counts
    """Pins of each net in each part, shape (nets, parts)."""
    missing: Weights
    """Weight of the nets of a vertex without a pin in a part: what going there adds; shape (vertices, parts)."""
    alone: Weights
    """Weight of the nets that a vertex is the only pin of in its part: what leaving saves; shape (vertices,)."""
    load: Ints
    """Neurons in each part."""


def tables(graph: Hypergraph, part: Parts, count: int) -> Tables:
    """The tables of a partition into `count` parts."""
    widest = int(np.diff(graph.start).max(initial=0))
    pins = np.zeros((len(graph.weight), count), np.int16 if widest < 2**15 else np.int32)
    missing, alone = np.zeros((len(graph.size), count), np.int32), np.zeros(len(graph.size), np.int32)
    load = np.zeros(count, np.int64)
    _fill(graph, part, pins, missing, alone, load)
    return Tables(pins, missing, alone, load)


@kernel
def _fill(graph: Hypergraph, part: Parts, pins: Counts, missing: Weights, alone: Weights, load: Ints) -> None:
    count = len(load)
    for e in range(len(graph.weight)):
        for k in range(graph.start[e], graph.start[e + 1]):
            pins[e, part[graph.pin[k]]] += 1
    for v in range(len(graph.size)):
        load[part[v]] += graph.size[v]
        for k in range(graph.begin[v], graph.begin[v + 1]):
            e = graph.net[k]
            w = graph.weight[e]
            for p in range(count):
                if pins[e, p] == 0:
                    missing[v, p] += w
            if pins[e, part[v]] == 1:
                alone[v] += w


@inlined
def draw(state: SearchState) -> float:
    """The next number of a xorshift generator, in [0, 1)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def boltzmann(x: float) -> float:
    """Nearly exp(-x) for 0 <= x < 16, by operations that all machines round alike."""
    y = 1.0 - x * (1.0 / 256.0)
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    return y


@inner
def move(graph: Hypergraph, part: Parts, at: Tables, v: int, b: int) -> int:
    """Put vertex v into part b and mend the tables; returns the work done, in entries touched."""
    a = part[v]
    part[v] = b
    at.load[a] -= graph.size[v]
    at.load[b] += graph.size[v]
    left = 0
    work = int(4 * (graph.begin[v + 1] - graph.begin[v]))
    for k in range(graph.begin[v], graph.begin[v + 1]):
        e = graph.net[k]
        w = graph.weight[e]
        in_a = at.pins[e, a] - 1
        in_b = at.pins[e, b] + 1
        at.pins[e, a] = in_a
        at.pins[e, b] = in_b
        if in_b == 1:
            left += w
            work += 2 * (graph.start[e + 1] - graph.start[e])
            for i in range(graph.start[e], graph.start[e + 1]):
                at.missing[graph.pin[i], b] -= w
        elif in_b == 2:
            for i in range(graph.start[e], graph.start[e + 1]):
                u = graph.pin[i]
                if part[u] == b and u != v:
                    at.alone[u] -= w
                    work += i - graph.start[e]
                    break
        if in_a == 0:
            work += 2 * (graph.start[e + 1] - graph.start[e])
            for i in range(graph.start[e], graph.start[e + 1]):
                at.missing[graph.pin[i], a] += w
        elif in_a == 1:
            for i in range(graph.start[e], graph.start[e + 1]):
                u = graph.pin[i]
                if part[u] == a:
                    at.alone[u] += w
                    work += i - graph.start[e]
                    break
    at.alone[v] = left
    return work


@inlined
def _excess(load: int, room: int, price: float) -> float:
    """What a part beyond its room costs."""
    over = max(load - room, 0)
    return price * float(over * over)


@kernel
def anneal(
    graph: Hypergraph,
    part: Parts,
    at: Tables,
    room: Ints,
    fixed: NDArray[np.bool_],
    budget: int,
    hot: float,
    fall: float,
    over: float,
    state: SearchState,
) -> int:
    """Go round the vertices until `budget` entries are touched, the temperature falling by e^-fall; the moves made.

    A part beyond its room by x neurons costs x^2 times a price, which rises as long as more than `over` neurons are in
    excess, and falls as long as fewer are.
    """
    count = len(room)
    n = len(graph.size)
    price = np.zeros(count, np.int32)
    moves, work = 0, 0
    top = 2.0**29
    heat, over_price = hot, 2.0 * hot * float(n) ** 2 / float(np.sum(graph.size)) ** 2
    reach = np.int32(0)
    while work < budget:
        last = -1
        for v in range(n):
            if v & 63 == 0:
                heat = hot * _decay(fall * min(float(work) / float(budget), 1.0))
                excess = 0
                for p in range(count):
                    excess += max(at.load[p] - room[p], 0)
                over_price *= 1.02 if excess > over else 1.0 / 1.02
                over_price = min(over_price, 2.0**24)
                over_price = max(over_price, 0.25 * heat * float(n) ** 2 / float(np.sum(graph.size)) ** 2)
                reach = np.int32(min(14.0 * heat, top))
                last = -1
                work += 20 * count + 640
            if fixed[v]:
                continue
            z = graph.size[v]
            if z != last:
                last = z
                for p in range(count):
                    dear = _excess(at.load[p] + z, room[p], over_price) - _excess(at.load[p], room[p], over_price)
                    price[p] = np.int32(min(dear, top))
            a = part[v]
            back = _excess(at.load[a], room[a], over_price) - _excess(at.load[a] - z, room[a], over_price)
            base = at.alone[v] + np.int32(min(back, top))
            row = at.missing[v]
            best = np.int32(2147483647)
            for p in range(count):
                x = row[p] + price[p]
                best = min(best, x) if p != a else best
            if best - base > reach:
                continue
            work += 4 * count
            # Staying costs `base`, all else what is in `row` and `price`.
            low = min(best, base)
            stay = boltzmann((base - low) / heat) if base - low < reach else 0.0
            total = stay
            for p in range(count):
                x = row[p] + price[p] - low
                if p != a and x < reach:
                    total += boltzmann(x / heat)
            mark = draw(state) * total - stay
            if mark < 0.0:
                continue
            b = a
            for p in range(count):
                x = row[p] + price[p] - low
                if p != a and x < reach:
                    b = p
                    mark -= boltzmann(x / heat)
                    if mark < 0.0:
                        break
            if b == a:
                continue
            work += move(graph, part, at, v, b)
            moves += 1
            for i in range(2):
                p = b if i else a
                dear = _excess(at.load[p] + z, room[p], over_price) - _excess(at.load[p], room[p], over_price)
                price[p] = np.int32(min(dear, top))
    return moves


@inlined
def _decay(x: float) -> float:
    """exp(-x) for 0 <= x < 100, by operations that all machines round alike."""
    y = 1.0 + x * (1.0 / 4096.0)
    for _ in range(12):
        y *= y
    return 1.0 / y


@kernel
def repair(graph: Hypergraph, part: Parts, at: Tables, room: Ints, fixed: NDArray[np.bool_]) -> int:
    """Take the cheapest vertices out of parts that hold too many neurons into parts with room; how many are over."""
    while True:
        best, who, where = np.int64(2) ** 62, -1, -1
        over = 0
        for p in range(len(room)):
            over += max(at.load[p] - room[p], 0)
        if over == 0:
            return 0
        for v in range(len(part)):
            a = part[v]
            if fixed[v] or at.load[a] <= room[a]:
                continue
            for p in range(len(room)):
                if at.load[p] + graph.size[v] <= room[p]:
                    x = np.int64(at.missing[v, p] - at.alone[v])
                    if x < best:
                        best, who, where = x, v, p
        if who < 0:
            return over
        move(graph, part, at, who, where)


@kernel
def restless(
    graph: Hypergraph,
    part: Parts,
    at: Tables,
    room: Ints,
    fixed: NDArray[np.bool_],
    heat: float,
    soft: float,
    sample: int,
) -> float:
    """The fraction of about `sample` vertices that a heat bath of this temperature would move."""
    n, count = at.missing.shape
    step = max(n // sample, 1)
    seen, gone = 0, 0.0
    over_price = soft * heat
    cost = np.zeros(count)
    for v in range(0, n, step):
        if fixed[v]:
            continue
        seen += 1
        z = graph.size[v]
        for p in range(count):
            if p == part[v]:
                less, more = at.load[p] - z, at.load[p]
                cost[p] = at.alone[v]
            else:
                less, more = at.load[p], at.load[p] + z
                cost[p] = at.missing[v, p]
            cost[p] += _excess(more, room[p], over_price) - _excess(less, room[p], over_price)
        low = np.min(cost)
        total, stay = 0.0, 0.0
        for p in range(count):
            x = (cost[p] - low) / heat
            y = boltzmann(x) if x < 14.0 else 0.0
            total += y
            if p == part[v]:
                stay = y
        gone += 1.0 - stay / total
    return gone / max(seen, 1)


@kernel
def exchange(
    graph: Hypergraph,
    part: Parts,
    at: Tables,
    room: Ints,
    fixed: NDArray[np.bool_],
    budget: int,
    hot: float,
    fall: float,
    state: SearchState,
) -> int:
    """As `anneal`, with parts within their room: who goes to a full part changes places with one from there."""
    count, n = len(room), len(graph.size)
    leave = np.zeros((count, count), np.int32)
    price = np.zeros((count, count), np.int32)
    after, before = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    head = np.full(count, -1, np.int64)
    for v in range(n):
        p = part[v]
        after[v] = head[p]
        if head[p] >= 0:
            before[head[p]] = v
        head[p] = v
    never = np.int32(2**29)
    moves, work = 0, 0
    heat = hot
    reach = np.int32(0)
    while work < budget:
        # What the cheapest way out of each part into each other one costs; it ages until the next round.
        leave[:] = never
        for v in range(n):
            if not fixed[v]:
                row, to = at.missing[v], leave[part[v]]
                for p in range(count):
                    to[p] = min(to[p], row[p] - at.alone[v])
        for p in range(count):
            for q in range(count):
                price[q, p] = leave[p, q] if at.load[p] >= room[p] else min(leave[p, q], 0)
        work += n * count // 4 + count * count
        for v in range(n):
            if v & 63 == 0:
                heat = hot * _decay(fall * min(float(work) / float(budget), 1.0))
                reach = np.int32(min(14.0 * heat, float(never)))
                work += 20 * count + 640
            if fixed[v]:
                continue
            a = part[v]
            base = at.alone[v]
            row, fee = at.missing[v], price[a]
            best = np.int32(2147483647)
            for p in range(count):
                x = row[p] + fee[p]
                best = min(best, x) if p != a else best
            if best - base > reach:
                continue
            work += 4 * count
            low = min(best, base)
            stay = boltzmann((base - low) / heat) if base - low < reach else 0.0
            total = stay
            for p in range(count):
                x = row[p] + fee[p] - low
                if p != a and x < reach:
                    total += boltzmann(x / heat)
            mark = draw(state) * total - stay
            if mark < 0.0:
                continue
            b = a
            for p in range(count):
                x = row[p] + fee[p] - low
                if p != a and x < reach:
                    b = p
                    mark -= boltzmann(x / heat)
                    if mark < 0.0:
                        break
            if b == a:
                continue
            z = graph.size[v]
            who = -1
            fits = at.load[b] + z <= room[b]
            paid = np.int32(0) if fits else never
            if not fits or fee[b] < 0:
                u = int(head[b])
                while u >= 0:
                    work += 4
                    swapped = graph.size[u]
                    if not fixed[u] and at.load[b] + z - swapped <= room[b] and at.load[a] - z + swapped <= room[a]:
                        x = at.missing[u, a] - at.alone[u]
                        if x < paid or (x == paid and draw(state) < 0.5):
                            paid, who = x, u
                    u = int(after[u])
                if who < 0 and not fits:
                    continue
            # The price was a guess: the true one has to pass as well, shared nets included.
            if paid > fee[b]:
                x = paid - fee[b]
                if x >= reach or draw(state) >= boltzmann(x / heat):
                    continue
            work += move(graph, part, at, v, b)
            _relink(after, before, head, v, a, b)
            if who >= 0:
                worse = at.missing[who, a] - at.alone[who] - paid
                if worse > 0 and (worse >= reach or draw(state) >= boltzmann(worse / heat)):
                    work += move(graph, part, at, v, a)
                    _relink(after, before, head, v, b, a)
                    continue
                work += move(graph, part, at, who, a)
                _relink(after, before, head, who, b, a)
            moves += 1
    return moves


@inlined
def _relink(after: Ints, before: Ints, head: Ints, v: int, a: int, b: int) -> None:
    """Take vertex v out of the list of part a and put it first in that of part b."""
    x, y = before[v], after[v]
    if x >= 0:
        after[x] = y
    else:
        head[a] = y
    if y >= 0:
        before[y] = x
    before[v] = -1
    after[v] = head[b]
    if head[b] >= 0:
        before[head[b]] = v
    head[b] = v
