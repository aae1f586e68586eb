"""The exact cost of moving neurons between cores, in time proportional to their sources."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inner, kernel
from neuro.mapping.layout.trees import NONE, Words, bit, links_change, tree_links
from neuro.validation import Floats, Ints

__all__ = ["Adjacency", "Cores", "SearchState", "cost_of", "exchange_cost", "fill_counts", "move_cost", "move_targets"]

Ids = NDArray[np.uint32]
Small = NDArray[np.int32]


class Adjacency(NamedTuple):
    """The network, as the kernels read it; laid."""

    out_start: Annotated[Ints, np.int64, 1]
    """First target of each neuron, (neurons + 1,)."""
    out: Annotated[Ids, np.uint32, 1]
    """Target neurons, no pair twice."""
    in_start: Annotated[Ints, np.int64, 1]
    """First source of each neuron, (neurons + 1,)."""
    into: Annotated[Ids, np.uint32, 1]
    """Source neurons, no pair twice."""
    spikes: Annotated[Floats, np.float64, 1]
    """Spikes of each neuron."""
    synapses: Annotated[Ints, np.int64, 1]
    """Synapses onto each neuron."""
    free: Annotated[Ints, np.int64, 1]
    """Neurons that may be moved."""
    fixed: Annotated[NDArray[np.bool_], np.bool_, 1]
    """Neurons that may not be moved."""


class Cores(NamedTuple):
    """The chip, as the kernels read it; laid."""

    x: Annotated[Ints, np.int64, 1]
    """Mesh place of each core along x."""
    y: Annotated[Ints, np.int64, 1]
    """Mesh place of each core along y."""
    neurons: Annotated[Ints, np.int64, 1]
    """Most neurons of each core; 0 where it is dead."""
    synapses: Annotated[Ints, np.int64, 1]
    """Most synapses of each core."""
    axons: Annotated[Ints, np.int64, 1]
    """Most distinct sources of each core."""
    most: Annotated[Ints, np.int64, 1]
    """One number: how many cores may be in use."""
    per_tile: Annotated[Ints, np.int64, 1]
    """One number: cores on one tile, next to each other in number."""
    prices: Annotated[Floats, np.float64, 1]
    """Of a link of the multicast tree, of a delivery to another core, of a link of the separate paths."""


class SearchState(NamedTuple):
    """The cores of the neurons, and the counts that follow from them; laid."""

    core: Annotated[Ints, np.int64, 1]
    """Core of each neuron."""
    targets: Annotated[NDArray[np.uint16], np.uint16, 2]
    """Targets of each neuron on each core, (neurons, cores)."""
    columns: Annotated[Words, np.uint64, 2]
    """Tiles with targets: a word of rows for each column, (neurons, width)."""
    used: Annotated[Words, np.uint64, 1]
    """Columns with targets, a word for each neuron."""
    member: Annotated[Ints, np.int64, 2]
    """Neurons by core, (cores, most neurons)."""
    slot: Annotated[Ints, np.int64, 1]
    """Place of each neuron among the members of its core."""
    size: Annotated[Ints, np.int64, 1]
    """Neurons on each core."""
    load: Annotated[Ints, np.int64, 1]
    """Synapses on each core."""
    axons: Annotated[Ints, np.int64, 1]
    """Distinct sources of each core."""
    mark: Annotated[Ints, np.int64, 1]
    """Scratch: the number of the proposal that last saw a neuron as a source."""


@kernel
def fill_counts(edges: Adjacency, cores: Cores, state: SearchState) -> None:
    """Count everything in `state` from `state.core`."""
    state.targets[:] = 0
    state.columns[:] = NONE
    state.used[:] = NONE
    state.size[:] = 0
    state.load[:] = 0
    state.axons[:] = 0
    for v in range(state.core.size):
        c = state.core[v]
        state.slot[v] = state.size[c]
        state.member[c, state.size[c]] = v
        state.size[c] += 1
        state.load[c] += edges.synapses[v]
        for k in range(edges.out_start[v], edges.out_start[v + 1]):
            b = state.core[edges.out[k]]
            if state.targets[v, b] == 0:
                state.axons[b] += 1
                state.columns[v, cores.x[b]] |= bit(cores.y[b])
                state.used[v] |= bit(cores.x[b])
            state.targets[v, b] += 1


@kernel
def cost_of(edges: Adjacency, cores: Cores, state: SearchState) -> float:
    """The whole cost, from the counts."""
    total = 0.0
    for u in range(state.core.size):
        total += edges.spikes[u] * _spike_cost(cores, state, u, state.core[u])
    return total


@inner
def _spike_cost(cores: Cores, state: SearchState, u: int, c: int) -> float:
    """Cost of one spike of neuron u if it were on core c and its targets where they are."""
    cost = float(cores.prices[0]) * tree_links(state.columns[u], state.used[u], cores.x[c], cores.y[c])
    if cores.prices[1] != 0.0 or cores.prices[2] != 0.0:
        for b in range(cores.x.size):
            if b != c and state.targets[u, b] > 0:
                cost += cores.prices[1] + cores.prices[2] * _distance(cores, c, b)
    return cost


@inner
def _distance(cores: Cores, a: int, b: int) -> int:
    return int(abs(cores.x[a] - cores.x[b]) + abs(cores.y[a] - cores.y[b]))


@inner
def _only_on_tile(cores: Cores, state: SearchState, u: int, c: int) -> bool:
    """Has neuron u no target on other cores of the tile of core c?"""
    if cores.per_tile[0] > 1:
        first = c // cores.per_tile[0] * cores.per_tile[0]
        for b in range(first, first + cores.per_tile[0]):
            if b != c and state.targets[u, b] > 0:
                return False
    return True


@inner
def _spike_change(cores: Cores, state: SearchState, u: int, a: int, b: int, leaves: bool, joins: bool) -> float:
    """The change of cost of a spike of u if core a leaves its destinations (`leaves`) and b joins them (`joins`)."""
    root = state.core[u]
    cost = 0.0
    if cores.prices[0] != 0.0:
        same = cores.per_tile[0] > 1 and a // cores.per_tile[0] == b // cores.per_tile[0]
        if not (same and leaves and joins):
            out = leaves and _only_on_tile(cores, state, u, a) and not (same and state.targets[u, b] > 0)
            into = joins and _only_on_tile(cores, state, u, b) and not (same and state.targets[u, a] > 0)
            if out or into:
                cost = cores.prices[0] * links_change(
                    state.columns[u], state.used[u], cores.x[root], cores.y[root],
                    out, cores.x[a], cores.y[a], into, cores.x[b], cores.y[b],
                )  # fmt: skip
    if cores.prices[1] != 0.0 or cores.prices[2] != 0.0:
        if leaves and a != root:
            cost -= cores.prices[1] + cores.prices[2] * _distance(cores, root, a)
        if joins and b != root:
            cost += cores.prices[1] + cores.prices[2] * _distance(cores, root, b)
    return cost


@inner
def _change_count(cores: Cores, state: SearchState, u: int, c: int, by: int) -> None:
    """Change the count of u's targets on core c by one, and everything that follows from it."""
    if by > 0:
        if state.targets[u, c] == 0:
            state.axons[c] += 1
            state.columns[u, cores.x[c]] |= bit(cores.y[c])
            state.used[u] |= bit(cores.x[c])
        state.targets[u, c] += 1
    else:
        state.targets[u, c] -= 1
        if state.targets[u, c] == 0:
            state.axons[c] -= 1
            if _only_on_tile(cores, state, u, c):
                left = state.columns[u, cores.x[c]] & ~bit(cores.y[c])
                state.columns[u, cores.x[c]] = left
                if left == NONE:
                    state.used[u] &= ~bit(cores.x[c])


@inner
def move_targets(edges: Adjacency, cores: Cores, state: SearchState, v: int, a: int, b: int) -> None:
    """Move neuron v from core a to core b in the counts of its sources and in the loads."""
    for k in range(edges.in_start[v], edges.in_start[v + 1]):
        u = edges.into[k]
        _change_count(cores, state, u, a, -1)
        _change_count(cores, state, u, b, 1)
    state.load[a] -= edges.synapses[v]
    state.load[b] += edges.synapses[v]
    state.core[v] = b


@inner
def exchange_cost(
    edges: Adjacency, cores: Cores, state: SearchState, v: int, w: int, a: int, b: int, serial: int
) -> tuple[float, int, int]:
    """The change of cost if v moves from a to b and (unless w < 0) w from b to a; the growth of the axons of a and b.

    Sources of both v and w change nothing. Where v and w are sources themselves, their trees are counted anew.
    """
    cost = 0.0
    grow_a, grow_b = 0, 0
    v_own, w_own = 0, 0
    mark = state.mark
    if w >= 0:
        for k in range(edges.in_start[w], edges.in_start[w + 1]):
            mark[edges.into[k]] = serial
    for k in range(edges.in_start[v], edges.in_start[v + 1]):
        u = edges.into[k]
        if w >= 0 and mark[u] == serial:
            mark[u] = serial + 1
            continue
        if u == v:
            v_own += 1
            continue
        if u == w:
            w_own += 1
            continue
        leaves = state.targets[u, a] == 1
        joins = state.targets[u, b] == 0
        if leaves or joins:
            cost += edges.spikes[u] * _spike_change(cores, state, u, a, b, leaves, joins)
            grow_a -= leaves
            grow_b += joins
    if w >= 0:
        for k in range(edges.in_start[w], edges.in_start[w + 1]):
            u = edges.into[k]
            if mark[u] == serial + 1:
                continue
            if u == v:
                v_own -= 1
                continue
            if u == w:
                w_own -= 1
                continue
            leaves = state.targets[u, b] == 1
            joins = state.targets[u, a] == 0
            if leaves or joins:
                cost += edges.spikes[u] * _spike_change(cores, state, u, b, a, leaves, joins)
                grow_b -= leaves
                grow_a += joins
    first, more_a, more_b = _own_change(edges, cores, state, v, a, b, v_own)
    cost += first
    grow_a += more_a
    grow_b += more_b
    if w >= 0:
        first, more_b, more_a = _own_change(edges, cores, state, w, b, a, -w_own)
        cost += first
        grow_a += more_a
        grow_b += more_b
    return cost, grow_a, grow_b


@inner
def move_cost(edges: Adjacency, cores: Cores, state: SearchState, v: int, a: int, b: int) -> tuple[float, int, int]:
    """The change of cost if v moves from core a to b, and the growth of the axons of a and b."""
    cost = 0.0
    grow_a, grow_b, own = 0, 0, 0
    for k in range(edges.in_start[v], edges.in_start[v + 1]):
        u = edges.into[k]
        leaves = state.targets[u, a] == 1
        joins = state.targets[u, b] == 0
        if leaves or joins:
            if u == v:
                own = 1
                continue
            cost += edges.spikes[u] * _spike_change(cores, state, u, a, b, leaves, joins)
            grow_a -= leaves
            grow_b += joins
        elif u == v:
            own = 1
    first, more_a, more_b = _own_change(edges, cores, state, v, a, b, own)
    return cost + first, grow_a + more_a, grow_b + more_b


@inner
def _own_change(
    edges: Adjacency, cores: Cores, state: SearchState, v: int, a: int, b: int, own: int
) -> tuple[float, int, int]:
    """The change of cost of v's own spikes from core a to b, where `own` of its targets move along (-1: back)."""
    before = _spike_cost(cores, state, v, a)
    if own == 0:
        return edges.spikes[v] * (_spike_cost(cores, state, v, b) - before), 0, 0
    grow_a, grow_b = 0, 0
    low, high = min(a, b), max(a, b)
    axons_low, axons_high = state.axons[low], state.axons[high]
    p, q = (a, b) if own > 0 else (b, a)
    _change_count(cores, state, v, p, -1)
    _change_count(cores, state, v, q, 1)
    after = _spike_cost(cores, state, v, b)
    grow_a, grow_b = state.axons[low] - axons_low, state.axons[high] - axons_high
    if low != a:
        grow_a, grow_b = grow_b, grow_a
    _change_count(cores, state, v, q, -1)
    _change_count(cores, state, v, p, 1)
    return edges.spikes[v] * (after - before), grow_a, grow_b
