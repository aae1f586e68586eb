"""Lays the nodes of each neuron in one run, in order: its spikes, and what a loss asks for. And what is at a place."""

from __future__ import annotations

from math import inf

from neuro.gradients.kernels.arrays import (
    AFTER,
    AT_STEP,
    CAUSE,
    CROSSED_FIRST,
    DONE,
    EARLY,
    ENDED,
    HELD,
    HELD_SPIKE,
    KIND,
    LAST,
    OF_SPIKE,
    SAMPLE,
    SPIKE,
    START,
    Cells,
    Nodes,
    Run,
)
from neuro.jit import inner, routine

__all__ = [
    "after",
    "before",
    "held_at",
    "instant_of",
    "key_of",
    "lay_nodes",
    "locate",
    "part_of",
    "spike_before",
    "time_of",
]

PER_SECOND, NEAR = 1e9, 2.0**-48
TO_WHOLE, FINEST = 6755399441055744.0, 2.0**51


@inner
def instant_of(t: float) -> float:
    """The instant of a time, s: the engine's rule (`neuro/engine/instants.py`)."""
    x = t * PER_SECOND
    n = (x + TO_WHOLE) - TO_WHOLE
    return n / PER_SECOND if n < FINEST and abs(x - n) <= NEAR * n else t


@inner
def put(nodes: Nodes, j: int, time: float, key: int, kind: int, info: int) -> None:
    """Enter the next node of a neuron; a refractory time that is over by then ends with it."""
    k = nodes.end[j]
    nodes.end[j] = k + 1
    flags = EARLY if kind == SAMPLE and key == AT_STEP else 0
    if nodes.due[j] <= time:
        flags += ENDED
        nodes.due[j] = inf
    elif nodes.due[j] < inf:
        flags += HELD
    nodes.time[k], nodes.kind[k], nodes.info[k] = time, kind + flags, info
    if len(nodes.key):
        nodes.key[k] = key
    nodes.v[k] = 0.0
    for q in range(nodes.c.shape[1]):
        nodes.c[k, q] = 0.0
    if len(nodes.aux):
        nodes.aux[k] = 0.0


@inner
def put_until(run: Run, nodes: Nodes, j: int, time: float, key: int) -> None:
    """Enter the nodes of a neuron that come before (time, key) and are no spikes."""
    while nodes.extra[j] < run.extras[j + 1]:
        e = nodes.extra[j]
        other, its = run.extra_time[e], run.extra_key[e]
        if other > time or (other == time and key <= its):
            return
        put(nodes, j, other, its, run.extra_kind[e], e)
        nodes.extra[j] = e + 1


@routine
def lay_nodes(cells: Cells, run: Run, nodes: Nodes, whole: int) -> int:
    """All nodes of a run. A spike in a refractory time is refused.

    `whole`: 1 if refractory times count after which nothing else happens; they have no gradient, but v goes on.
    """
    size = len(cells.leak)
    for j in range(size):
        nodes.end[j] = 1 + run.extras[j + 1] - run.extras[j] + (1 if cells.refractory[j] > 0.0 else 0)
    for f in range(len(run.time)):
        nodes.end[run.who[f]] += 1
    place = 0
    for j in range(size):
        count = 0 if cells.source[j] else nodes.end[j]
        nodes.first[j] = nodes.end[j] = place
        place += count
        nodes.due[j], nodes.extra[j] = inf, run.extras[j]
        if not cells.source[j]:
            put(nodes, j, run.span[0], -AFTER, START, 0)
    for f in range(len(run.time)):
        j = run.who[f]
        if cells.source[j]:
            continue
        t = run.time[f]
        put_until(run, nodes, j, t, OF_SPIKE)
        if t < nodes.due[j] < inf:
            nodes.fault[0], nodes.fault[1] = j, f
            return HELD_SPIKE
        put(nodes, j, t, OF_SPIKE, SPIKE, f)
        if cells.refractory[j] > 0.0:
            nodes.due[j] = instant_of(t + cells.refractory[j])
    for j in range(size):
        if cells.source[j]:
            continue
        put_until(run, nodes, j, run.span[1], AFTER + 1)
        if whole != 0 and nodes.due[j] <= run.span[1]:
            put(nodes, j, nodes.due[j], AT_STEP, LAST, 0)
    return DONE


@inner
def key_of(nodes: Nodes, k: int) -> int:
    """The order of a node at its instant."""
    if len(nodes.key):
        found: int = nodes.key[k]
        return found
    kind = nodes.kind[k] & KIND
    if kind == SPIKE:
        return AT_STEP if nodes.kind[k] & CAUSE == CROSSED_FIRST else OF_SPIKE
    if kind == START:
        return -AFTER
    return AFTER if kind == SAMPLE and not nodes.kind[k] & EARLY else AT_STEP


@inner
def spike_before(nodes: Nodes, k: int) -> int:
    """The node of the last spike before node k."""
    s = k - 1
    while nodes.kind[s] & KIND != SPIKE:
        s -= 1
    return s


@inner
def time_of(cells: Cells, nodes: Nodes, j: int, p: int) -> float:
    """The time of the event at a place of neuron j."""
    k = p >> 1
    if p & 1:
        found: float = nodes.time[k]
        return found
    ended: float = instant_of(nodes.time[spike_before(nodes, k)] + cells.refractory[j])
    return ended


@inner
def held_at(nodes: Nodes, p: int) -> bool:
    """Is v held in the interval before this place?"""
    return p & 1 == 0 or nodes.kind[p >> 1] & HELD != 0


@inner
def part_of(cells: Cells, p: int) -> int:
    """The column of `Nodes.c` at which the currents of this place begin."""
    return 0 if p & 1 else cells.rate.shape[1]


@inner
def before(nodes: Nodes, p: int) -> int:
    """The place before this one."""
    return p - 2 if p & 1 and not nodes.kind[p >> 1] & ENDED else p - 1


@inner
def after(nodes: Nodes, j: int, p: int) -> int:
    """The place after this one of neuron j."""
    k = (p + 1) >> 1
    return p + 1 if p & 1 == 0 or k == nodes.end[j] or nodes.kind[k] & ENDED else p + 2


@inner
def locate(cells: Cells, nodes: Nodes, j: int, k: int, time: float, key: int) -> int:
    """The place of the first event of neuron j, from node k on, that comes after (time, key)."""
    last = nodes.end[j]
    while k < last and (nodes.time[k] < time or (nodes.time[k] == time and key_of(nodes, k) <= key)):
        k += 1
    if k == last:
        return 2 * k
    # Ends of refractory times come first at their instant.
    return 2 * k if nodes.kind[k] & ENDED and time_of(cells, nodes, j, 2 * k) > time else 2 * k + 1
