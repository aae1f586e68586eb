"""Annealing of neurons over cores: single moves with soft walls first, then moves and exchanges within the limits."""

from __future__ import annotations

import numpy as np

from neuro.jit import inner, kernel
from neuro.mapping.layout.trees import Words
from neuro.mapping.refine.moves import Adjacency, Cores, SearchState, carry, exchange, single

__all__ = ["anneal", "below", "drift", "estimate_temperature", "settle_down", "unit"]


@inner
def _next(random: Words) -> np.uint64:
    """The next 64 random bits (splitmix64)."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word: np.uint64 = z ^ (z >> np.uint64(31))
    return word


@inner
def below(random: Words, n: int) -> int:
    """A random whole number below n."""
    return int(np.int64(((_next(random) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)))


@inner
def unit(random: Words) -> float:
    """A random number between 0 and 1, neither of them."""
    return float((np.float64(_next(random) >> np.uint64(11)) + 0.5) / 9007199254740992.0)


@inner
def _kin(wires: Adjacency, random: Words, v: int) -> int:
    """A random neuron that shares a source with v, or is a target or a source of it."""
    low, high = wires.in_start[v], wires.in_start[v + 1]
    kind = below(random, 4)
    if low < high and kind > 0:
        u = wires.into[low + below(random, high - low)]
        if kind == 1:
            return int(u)
    else:
        u = v
    low, high = wires.out_start[u], wires.out_start[u + 1]
    if low == high:
        return v
    return int(wires.out[low + below(random, high - low)])


@inner
def _where(wires: Adjacency, state: SearchState, random: Words, v: int) -> int:
    """A core to move v to: mostly one that holds kin of it, at times any, so that empty ones are found."""
    if below(random, 32) == 0:
        return below(random, state.size.size)
    return int(state.core[_kin(wires, random, v)])


@inner
def _relocate(state: SearchState, v: int, a: int, b: int) -> None:
    """Take v out of the members of a and put it behind those of b."""
    last = state.member[a, state.size[a] - 1]
    state.member[a, state.slot[v]] = last
    state.slot[last] = state.slot[v]
    state.size[a] -= 1
    state.member[b, state.size[b]] = v
    state.slot[v] = state.size[b]
    state.size[b] += 1


@kernel
def anneal(
    wires: Adjacency, cores: Cores, state: SearchState, hot: float, cold: float, steps: int, random: Words
) -> tuple[float, int]:
    """Try `steps` moves and exchanges of neurons, from temperature `hot` to `cold`; the change of cost, and how many.

    With `hot` 0 only what does not cost more is done.
    """
    total = 0.0
    done = 0
    serial = 1
    most = cores.most[0]
    in_use = np.sum(state.size > 0)
    state.mark[:] = 0
    ratio = (cold / hot) ** (1.0 / max(1, steps)) if hot > 0.0 else 1.0
    heat = hot
    for _ in range(steps):
        heat *= ratio
        v = wires.free[below(random, wires.free.size)]
        a = state.core[v]
        b = _where(wires, state, random, v)
        if b == a or cores.neurons[b] == 0:
            continue
        room = state.size[b] < cores.neurons[b] and (state.size[b] > 0 or in_use < most)
        w = -1
        if not room or below(random, 2) == 0:
            if state.size[b] == 0:
                continue
            for _try in range(4):
                z = _kin(wires, random, state.member[a, below(random, state.size[a])])
                if state.core[z] == b:
                    w = z
                    break
            if w < 0:
                w = state.member[b, below(random, state.size[b])]
            if wires.fixed[w]:
                continue
        cost, grow_a, grow_b = exchange(wires, cores, state, v, w, a, b, serial)
        serial += 2
        if cost > 0.0 and (heat <= 0.0 or cost >= -heat * np.log(unit(random))):
            continue
        more = wires.synapses[v] - (wires.synapses[w] if w >= 0 else 0)
        if (
            state.load[b] + more > cores.synapses[b]
            or (more < 0 and state.load[a] - more > cores.synapses[a])
            or (grow_a > 0 and state.axons[a] + grow_a > cores.axons[a])
            or (grow_b > 0 and state.axons[b] + grow_b > cores.axons[b])
        ):
            continue
        carry(wires, cores, state, v, a, b)
        if w >= 0:
            carry(wires, cores, state, w, b, a)
            place_v, place_w = state.slot[v], state.slot[w]
            state.member[a, place_v], state.member[b, place_w] = w, v
            state.slot[v], state.slot[w] = place_w, place_v
        else:
            _relocate(state, v, a, b)
            in_use += (state.size[b] == 1) - (state.size[a] == 0)
        total += cost
        done += 1
    return total, done


@kernel
def drift(
    wires: Adjacency,
    cores: Cores,
    state: SearchState,
    hot: float,
    cold: float,
    soft: float,
    stiff: float,
    steps: int,
    random: Words,
) -> tuple[float, int]:
    """Anneal with single moves; neurons beyond a core's most cost their number squared, times `soft` to `stiff`."""
    total = 0.0
    done = 0
    widest, most = state.member.shape[1], cores.most[0]
    in_use = np.sum(state.size > 0)
    ratio = (cold / hot) ** (1.0 / max(1, steps)) if hot > 0.0 else 1.0
    stiffen = (stiff / soft) ** (1.0 / max(1, steps))
    heat, stiff = hot, soft
    for _ in range(steps):
        heat *= ratio
        stiff *= stiffen
        v = wires.free[below(random, wires.free.size)]
        a = state.core[v]
        b = _where(wires, state, random, v)
        if b == a or cores.neurons[b] == 0 or state.size[b] >= widest or (state.size[b] == 0 and in_use >= most):
            continue
        over_b = state.size[b] - cores.neurons[b]
        over_a = state.size[a] - cores.neurons[a]
        fine = 0.0
        if over_b >= 0:
            fine += stiff * (2 * over_b + 1)
        if over_a > 0:
            fine -= stiff * (2 * over_a - 1)
        most = -heat * np.log(unit(random)) - fine
        cost, grow_a, grow_b = single(wires, cores, state, v, a, b)
        if cost > most:
            continue
        if (
            state.load[b] + wires.synapses[v] > cores.synapses[b]
            or (grow_a > 0 and state.axons[a] + grow_a > cores.axons[a])
            or (grow_b > 0 and state.axons[b] + grow_b > cores.axons[b])
        ):
            continue
        carry(wires, cores, state, v, a, b)
        _relocate(state, v, a, b)
        in_use += (state.size[b] == 1) - (state.size[a] == 0)
        total += cost
        done += 1
    return total, done


@kernel
def estimate_temperature(wires: Adjacency, cores: Cores, state: SearchState, steps: int, random: Words) -> float:
    """Mean size of the change of cost over `steps` proposed single moves."""
    total, found = 0.0, 0
    for _ in range(steps):
        v = wires.free[below(random, wires.free.size)]
        a = state.core[v]
        b = _where(wires, state, random, v)
        if b != a and cores.neurons[b] > 0:
            total += abs(single(wires, cores, state, v, a, b)[0])
            found += 1
    return total / max(1, found)


@kernel
def settle_down(wires: Adjacency, cores: Cores, state: SearchState) -> bool:
    """Move neurons out of cores that hold too many, each time the one that costs least; False if none can go."""
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
        least, who, where = np.inf, -1, -1
        for b in range(state.size.size):
            if state.size[b] >= cores.neurons[b] or (state.size[b] == 0 and in_use >= most):
                continue
            for k in range(state.size[a]):
                v = state.member[a, k]
                if wires.fixed[v] or state.load[b] + wires.synapses[v] > cores.synapses[b]:
                    continue
                cost, _grow_a, grow_b = single(wires, cores, state, v, a, b)
                if grow_b > 0 and state.axons[b] + grow_b > cores.axons[b]:
                    continue
                if cost < least:
                    least, who, where = cost, v, b
        if who < 0:
            return False
        carry(wires, cores, state, who, a, where)
        _relocate(state, who, a, where)
