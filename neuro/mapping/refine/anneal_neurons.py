"""Annealing of neurons over cores: single moves beyond the limits at a price, and moves and exchanges within them."""

from __future__ import annotations

import numpy as np

from neuro.jit import inner, kernel
from neuro.mapping.random import RandomState, random_below, random_unit
from neuro.mapping.refine.moves import Adjacency, Cores, SearchState, exchange_cost, move_cost, move_targets

__all__ = ["anneal_soft", "anneal_strict", "empty_full_cores", "estimate_temperature"]


@inner
def _related(edges: Adjacency, random: RandomState, v: int) -> int:
    """A random neuron that shares a source with v, or is a target or a source of it."""
    low, high = edges.in_start[v], edges.in_start[v + 1]
    kind = random_below(random, 4)
    if low < high and kind > 0:
        u = edges.into[low + random_below(random, high - low)]
        if kind == 1:
            return int(u)
    else:
        u = v
    low, high = edges.out_start[u], edges.out_start[u + 1]
    if low == high:
        return v
    return int(edges.out[low + random_below(random, high - low)])


@inner
def _propose_core(edges: Adjacency, state: SearchState, random: RandomState, v: int) -> int:
    """A core to move v to: mostly that of a related neuron, at times any, so that empty ones are found."""
    if random_below(random, 32) == 0:
        return random_below(random, state.size.size)
    return int(state.core[_related(edges, random, v)])


@inner
def _change_member(state: SearchState, v: int, a: int, b: int) -> None:
    """Move v from the members of core a to those of core b."""
    last = state.member[a, state.size[a] - 1]
    state.member[a, state.slot[v]] = last
    state.slot[last] = state.slot[v]
    state.size[a] -= 1
    state.member[b, state.size[b]] = v
    state.slot[v] = state.size[b]
    state.size[b] += 1


@kernel
def anneal_strict(
    edges: Adjacency, cores: Cores, state: SearchState, hot: float, cold: float, steps: int, random: RandomState
) -> tuple[float, int]:
    """Try `steps` moves and exchanges, from temperature `hot` to `cold`; returns the change of cost and their number.

    With `hot` 0 no step raises the cost.
    """
    total = 0.0
    done = 0
    serial = 1
    most = cores.most[0]
    in_use = np.sum(state.size > 0)
    state.mark[:] = 0
    ratio = (cold / hot) ** (1.0 / max(1, steps)) if hot > 0.0 else 1.0
    heat = hot
    for step in range(steps):
        if step & 255 == 0 and random[1] != 0:
            break
        heat *= ratio
        v = edges.free[random_below(random, edges.free.size)]
        a = state.core[v]
        b = _propose_core(edges, state, random, v)
        if b == a or cores.neurons[b] == 0:
            continue
        room = state.size[b] < cores.neurons[b] and (state.size[b] > 0 or in_use < most)
        w = -1
        if not room or random_below(random, 2) == 0:
            if state.size[b] == 0:
                continue
            for _try in range(4):
                z = _related(edges, random, state.member[a, random_below(random, state.size[a])])
                if state.core[z] == b:
                    w = z
                    break
            if w < 0:
                w = state.member[b, random_below(random, state.size[b])]
            if edges.fixed[w]:
                continue
        cost, grow_a, grow_b = exchange_cost(edges, cores, state, v, w, a, b, serial)
        serial += 2
        if cost > 0.0 and (heat <= 0.0 or cost >= -heat * np.log(random_unit(random))):
            continue
        more = edges.synapses[v] - (edges.synapses[w] if w >= 0 else 0)
        if (
            state.load[b] + more > cores.synapses[b]
            or (more < 0 and state.load[a] - more > cores.synapses[a])
            or (grow_a > 0 and state.axons[a] + grow_a > cores.axons[a])
            or (grow_b > 0 and state.axons[b] + grow_b > cores.axons[b])
        ):
            continue
        move_targets(edges, cores, state, v, a, b)
        if w >= 0:
            move_targets(edges, cores, state, w, b, a)
            place_v, place_w = state.slot[v], state.slot[w]
            state.member[a, place_v], state.member[b, place_w] = w, v
            state.slot[v], state.slot[w] = place_w, place_v
        else:
            _change_member(state, v, a, b)
            in_use += (state.size[b] == 1) - (state.size[a] == 0)
        total += cost
        done += 1
    return total, done


@kernel
def anneal_soft(
    edges: Adjacency,
    cores: Cores,
    state: SearchState,
    hot: float,
    cold: float,
    soft: float,
    stiff: float,
    steps: int,
    random: RandomState,
) -> tuple[float, int]:
    """Try `steps` single moves, from temperature `hot` to `cold`; returns the change of cost and their number.

    Neurons beyond a core's most cost their number squared, times a price that rises from `soft` to `stiff`. An empty
    core is taken into use only where more are allowed, and where the step before could have cost more than the number
    of cores in use: so that a cold search opens few.
    """
    total = 0.0
    done = 0
    widest, most = state.member.shape[1], cores.most[0]
    in_use = np.sum(state.size > 0)
    ratio = (cold / hot) ** (1.0 / max(1, steps)) if hot > 0.0 else 1.0
    stiffen = (stiff / soft) ** (1.0 / max(1, steps))
    heat, stiff = hot, soft
    dearest = float(most)
    for step in range(steps):
        if step & 255 == 0 and random[1] != 0:
            break
        heat *= ratio
        stiff *= stiffen
        v = edges.free[random_below(random, edges.free.size)]
        a = state.core[v]
        b = _propose_core(edges, state, random, v)
        if b == a or cores.neurons[b] == 0 or state.size[b] >= widest:
            continue
        if state.size[b] == 0 and (in_use >= most or in_use >= dearest):
            continue
        over_b = state.size[b] - cores.neurons[b]
        over_a = state.size[a] - cores.neurons[a]
        penalty = 0.0
        if over_b >= 0:
            penalty += stiff * (2 * over_b + 1)
        if over_a > 0:
            penalty -= stiff * (2 * over_a - 1)
        dearest = -heat * np.log(random_unit(random)) - penalty
        cost, grow_a, grow_b = move_cost(edges, cores, state, v, a, b)
        if cost > dearest:
            continue
        if (
            state.load[b] + edges.synapses[v] > cores.synapses[b]
            or (grow_a > 0 and state.axons[a] + grow_a > cores.axons[a])
            or (grow_b > 0 and state.axons[b] + grow_b > cores.axons[b])
        ):
            continue
        move_targets(edges, cores, state, v, a, b)
        _change_member(state, v, a, b)
        in_use += (state.size[b] == 1) - (state.size[a] == 0)
        total += cost
        done += 1
    return total, done


@kernel
def estimate_temperature(edges: Adjacency, cores: Cores, state: SearchState, steps: int, random: RandomState) -> float:
    """Mean size of the change of cost over `steps` proposed single moves."""
    total, found = 0.0, 0
    for _ in range(steps):
        v = edges.free[random_below(random, edges.free.size)]
        a = state.core[v]
        b = _propose_core(edges, state, random, v)
        if b != a and cores.neurons[b] > 0:
            total += abs(move_cost(edges, cores, state, v, a, b)[0])
            found += 1
    return total / max(1, found)


@kernel
def empty_full_cores(edges: Adjacency, cores: Cores, state: SearchState) -> bool:
    """Move neurons out of cores that hold too many, the cheapest first; False if none can go."""
    most = cores.most[0]
    while True:
        a = -1
        for c in range(state.size.size):
            if state.size[c] > cores.neurons[c]:
                a = c
                break
        if a < 0:
            return True
        in_use = np.sum(state.size > 0)
        least, moved, to = np.inf, -1, -1
        for b in range(state.size.size):
            if state.size[b] >= cores.neurons[b] or (state.size[b] == 0 and in_use >= most):
                continue
            for k in range(state.size[a]):
                v = state.member[a, k]
                if edges.fixed[v] or state.load[b] + edges.synapses[v] > cores.synapses[b]:
                    continue
                cost, _grow_a, grow_b = move_cost(edges, cores, state, v, a, b)
                if grow_b > 0 and state.axons[b] + grow_b > cores.axons[b]:
                    continue
                if cost < least:
                    least, moved, to = cost, v, b
        if moved < 0:
            return False
        move_targets(edges, cores, state, moved, a, to)
        _change_member(state, moved, a, to)
