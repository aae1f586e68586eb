"""Lays the nodes of each neuron in one run, in order: spikes, ends of refractory times, and what a loss asks for."""

from __future__ import annotations

from math import inf

from neuro.gradients.kernels.arrays import (
    AFTER,
    AT_END,
    AT_STEP,
    DONE,
    EARLY,
    END,
    HELD,
    HELD_SPIKE,
    KIND,
    OF_SPIKE,
    SAMPLE,
    SPIKE,
    START,
    Batch,
    Cells,
    Nodes,
)
from neuro.jit import inner, routine

__all__ = ["instant_of", "key_of", "lay_nodes", "locate"]

PER_SECOND, NEAR = 1e9, 2.0**-48
TO_WHOLE, LAST = 6755399441055744.0, 2.0**51


@inner
def instant_of(t: float) -> float:
    """The instant of a time, s: the engine's rule (`neuro/engine/instants.py`)."""
    x = t * PER_SECOND
    n = (x + TO_WHOLE) - TO_WHOLE
    return n / PER_SECOND if n < LAST and abs(x - n) <= NEAR * n else t


@inner
def put(nodes: Nodes, j: int, time: float, key: int, kind: int, info: int) -> None:
    """Enter the next node of a neuron."""
    k = nodes.end[j]
    nodes.end[j] = k + 1
    early = EARLY if kind & KIND == SAMPLE and key == AT_STEP else 0
    nodes.time[k], nodes.kind[k], nodes.info[k] = time, kind + early, info
    if len(nodes.key):
        nodes.key[k] = key
    nodes.v[k] = 0.0
    for q in range(nodes.c.shape[1]):
        nodes.c[k, q] = 0.0
    if len(nodes.aux):
        nodes.aux[k] = 0.0


@inner
def put_until(batch: Batch, nodes: Nodes, b: int, j: int, time: float, key: int) -> None:
    """Enter the nodes of a neuron that come before (time, key) and are no spikes."""
    last = batch.extras[b, j + 1]
    while True:
        e = nodes.extra[j]
        other = batch.extra_time[e] if e < last else inf
        due = nodes.due[j]
        if due <= other:
            if due > time or (due == time and key <= AT_END) or due == inf:
                return
            put(nodes, j, due, AT_END, END + HELD, 0)
            nodes.due[j] = inf
        else:
            its = batch.extra_key[e]
            if other > time or (other == time and key <= its):
                return
            held = HELD if due < inf else 0
            put(nodes, j, other, its, batch.extra_kind[e] + held, e)
            nodes.extra[j] = e + 1


@routine
def lay_nodes(cells: Cells, batch: Batch, nodes: Nodes, b: int) -> int:
    """All nodes of run b. A spike in a refractory time is refused."""
    begin, stop = batch.spikes[b], batch.spikes[b + 1]
    size = len(cells.leak)
    for j in range(size):
        nodes.end[j] = 1 + batch.extras[b, j + 1] - batch.extras[b, j]
    for f in range(begin, stop):
        j = batch.who[f]
        nodes.end[j] += 1 if cells.refractory[j] == 0.0 else 2
    place = 0
    for j in range(size):
        count = 0 if cells.source[j] else nodes.end[j]
        nodes.first[j] = nodes.end[j] = place
        place += count
        nodes.due[j], nodes.extra[j] = inf, batch.extras[b, j]
        if not cells.source[j]:
            put(nodes, j, batch.span[b, 0], -AFTER, START, 0)
    for f in range(begin, stop):
        j = batch.who[f]
        if cells.source[j]:
            continue
        t = batch.time[f]
        put_until(batch, nodes, b, j, t, OF_SPIKE)
        if nodes.due[j] < inf:
            nodes.fault[0], nodes.fault[1] = j, f - begin
            return HELD_SPIKE
        put(nodes, j, t, OF_SPIKE, SPIKE, f - begin)
        if cells.refractory[j] > 0.0:
            nodes.due[j] = instant_of(t + cells.refractory[j])
    for j in range(size):
        if not cells.source[j]:
            put_until(batch, nodes, b, j, batch.span[b, 1], AFTER + 1)
    return DONE


@inner
def key_of(nodes: Nodes, k: int) -> int:
    """The order of a node at its instant."""
    if len(nodes.key):
        found: int = nodes.key[k]
        return found
    kind = nodes.kind[k] & KIND
    if kind == SPIKE:
        return OF_SPIKE
    if kind == END:
        return AT_END
    if kind == START:
        return -AFTER
    return AFTER if kind == SAMPLE and not nodes.kind[k] & EARLY else AT_STEP


@inner
def locate(nodes: Nodes, j: int, k: int, time: float, key: int) -> int:
    """The first node of neuron j from node k on that comes after (time, key)."""
    last = nodes.end[j]
    while k < last and (nodes.time[k] < time or (nodes.time[k] == time and key_of(nodes, k) <= key)):
        k += 1
    return k
