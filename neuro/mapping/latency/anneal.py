"""Annealing of neurons over cores for time: moves and exchanges that take load off the busiest core of a step."""

from __future__ import annotations

import numpy as np

from neuro.jit import inner, kernel
from neuro.mapping.latency.loads import Room, State, apply_change, change_of, undo_change
from neuro.mapping.latency.work import Work
from neuro.mapping.random import RandomState, random_below, random_unit
from neuro.validation import Floats

__all__ = ["anneal", "mean_change"]


@inner
def _propose(
    work: Work, room: Room, state: State, until: Floats, random: RandomState
) -> tuple[int, int, int]:  # fmt: skip
    """A neuron, one to exchange it with (or -1), and its new core (or -1: no proposal)."""
    cores = len(state.size)
    t = np.searchsorted(until, random_unit(random) * until[-1])
    a = int(state.top[0, t]) if random_below(random, 8) else random_below(random, cores)
    if state.size[a] == 0:
        return -1, -1, -1
    v = int(state.member[a, random_below(random, state.size[a])])
    if room.fixed[v]:
        return -1, -1, -1
    b = _idle_core(state, t, random)
    if random_below(random, 4) == 0:
        b = _related_core(work, state, v, random)
    if b == a or not room.usable[b]:
        return -1, -1, -1
    opens = state.size[b] == 0
    if opens and state.in_use[0] >= room.cores[0] and state.size[a] > 1:
        return -1, -1, -1
    if opens or random_below(random, 2) == 0:
        return v, -1, b
    w = int(state.member[b, random_below(random, state.size[b])])
    return (-1, -1, -1) if room.fixed[w] else (v, w, b)


@inner
def _idle_core(state: State, t: int, random: RandomState) -> int:
    """The core with the least load in a column, of four random ones."""
    best = random_below(random, len(state.size))
    for _ in range(3):
        c = random_below(random, len(state.size))
        if state.load[c, t] < state.load[best, t]:
            best = c
    return best


@inner
def _related_core(work: Work, state: State, v: int, random: RandomState) -> int:
    """The core of a random source or target of v; its own, if it has neither."""
    low, high = work.in_start[v], work.in_start[v + 1]
    if low < high and random_below(random, 2) == 0:
        return int(state.core[work.into[low + random_below(random, high - low)]])
    low, high = work.out_start[v], work.out_start[v + 1]
    if low == high:
        return int(state.core[v])
    return int(state.core[work.out[low + random_below(random, high - low)]])


@kernel
def anneal(
    work: Work, room: Room, state: State, until: Floats, hot: float, cold: float, steps: int, random: RandomState
) -> float:
    """Try `steps` moves and exchanges, from temperature `hot` to `cold`; returns the seconds more.

    With `hot` 0 no step adds seconds. `until` is the running sum of the seconds of all columns.
    """
    total, heat = 0.0, hot
    ratio = (cold / hot) ** (1.0 / max(1, steps)) if hot > 0.0 else 1.0
    for step in range(steps):
        if step & 63 == 0 and random[1] != 0:
            break
        heat *= ratio
        v, w, b = _propose(work, room, state, until, random)
        if v < 0:
            continue
        a = state.core[v]
        more = change_of(work, state, v, w, b)
        if more >= 0.0 and (heat <= 0.0 or more >= -heat * np.log(random_unit(random))):
            undo_change(work, state, v, w, a, b)
        elif apply_change(work, room, state, v, w, a, b):
            total += more
    return total


@kernel
def mean_change(work: Work, room: Room, state: State, until: Floats, steps: int, random: RandomState) -> float:
    """Mean size of the change of time over so many proposals, those without any left out."""
    total, found = 0.0, 0
    for _ in range(steps):
        v, w, b = _propose(work, room, state, until, random)
        if v >= 0:
            a = state.core[v]
            more = abs(change_of(work, state, v, w, b))
            undo_change(work, state, v, w, a, b)
            total += more
            found += more > 0.0
    return total / max(1, found)
