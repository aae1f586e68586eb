"""Loads of the cores in each step, and the exact change of time if neurons move."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inner, kernel
from neuro.mapping.latency.work import Work
from neuro.validation import Floats, Ints

__all__ = ["Room", "State", "apply_change", "change_of", "fill", "total_time", "undo_change"]

BUSIEST = 3
"""Cores of each column that are known to be the busiest ones."""


class Room(NamedTuple):
    """The limits of the cores; laid."""

    each: Annotated[Ints, np.int64, 2]
    """Need of each neuron of each resource, shape (neurons, resources)."""
    most: Annotated[Ints, np.int64, 2]
    """Most of each resource on each core, shape (resources, cores)."""
    axons_in: Annotated[Ints, np.int64, 1]
    """Most distinct sources of each core, shape (cores,)."""
    axons_out: Annotated[Ints, np.int64, 1]
    """Most axons out of each core, shape (cores,)."""
    usable: Annotated[NDArray[np.bool_], np.bool_, 1]
    """Cores that may hold neurons, shape (cores,)."""
    fixed: Annotated[NDArray[np.bool_], np.bool_, 1]
    """Neurons that stay, shape (neurons,)."""
    cores: Annotated[Ints, np.int64, 1]
    """Most cores in use, shape (1,)."""


class State(NamedTuple):
    """The cores of the neurons, what follows from them, and room for a change that is under way; laid."""

    core: Annotated[Ints, np.int64, 1]
    """Core of each neuron, shape (neurons,)."""
    targets: Annotated[NDArray[np.int32], np.int32, 2]
    """Targets of each neuron on each core, shape (neurons, cores)."""
    reached: Annotated[Ints, np.int64, 1]
    """Cores with targets of each neuron, shape (neurons,)."""
    load: Annotated[Floats, np.float64, 2]
    """Seconds of each core in each column, shape (cores, columns)."""
    top: Annotated[NDArray[np.int32], np.int32, 2]
    """The busiest cores of each column, busiest first; -1: there are fewer; shape (BUSIEST, columns)."""
    step: Annotated[Floats, np.float64, 1]
    """Seconds of a step of each column, shape (columns,)."""
    used: Annotated[Ints, np.int64, 2]
    """Use of each resource, shape (resources, cores)."""
    axons_in: Annotated[Ints, np.int64, 1]
    """Distinct sources of each core, shape (cores,)."""
    axons_out: Annotated[Ints, np.int64, 1]
    """Axons out of each core, shape (cores,)."""
    member: Annotated[NDArray[np.int32], np.int32, 2]
    """Neurons by core, shape (cores, most neurons)."""
    slot: Annotated[Ints, np.int64, 1]
    """Place of each neuron among the members of its core, shape (neurons,)."""
    size: Annotated[Ints, np.int64, 1]
    """Neurons of each core, shape (cores,)."""
    on_tile: Annotated[Ints, np.int64, 1]
    """Neurons of each tile, shape (tiles,)."""
    in_use: Annotated[Ints, np.int64, 1]
    """Cores and tiles in use, shape (2,)."""
    delta: Annotated[Floats, np.float64, 2]
    """Changes of the loads of touched cores, shape (cores, columns)."""
    touched: Annotated[Ints, np.int64, 1]
    """Touched cores, shape (cores,)."""
    is_touched: Annotated[NDArray[np.bool_], np.bool_, 1]
    """Is a core touched? Shape (cores,)."""
    changed: Annotated[Ints, np.int64, 1]
    """How many are, shape (1,)."""


@kernel
def fill(work: Work, room: Room, state: State) -> None:
    """Count everything in `state` from `state.core`."""
    state.targets[:] = 0
    state.reached[:] = 0
    state.load[:] = 0.0
    state.used[:] = 0
    state.axons_in[:] = 0
    state.axons_out[:] = 0
    state.size[:] = 0
    state.on_tile[:] = 0
    for v in range(len(state.core)):
        c = state.core[v]
        state.slot[v] = state.size[c]
        state.member[c, state.size[c]] = v
        state.size[c] += 1
        state.on_tile[work.tile[c]] += 1
        for r in range(len(room.most)):
            state.used[r, c] += room.each[v, r]
        for k in range(work.out_start[v], work.out_start[v + 1]):
            b = state.core[work.out[k]]
            if state.targets[v, b] == 0:
                state.axons_in[b] += 1
                state.reached[v] += 1
                for j in range(work.start[v], work.start[v + 1]):
                    state.load[b, work.column[j]] += work.entry[b] * work.spikes[j]
            state.targets[v, b] += 1
        state.axons_out[c] += _away(state, v, c)
        _add_neuron(work, v, c, state.reached[v], 1.0, state.load[c])
    state.in_use[0] = np.sum(state.size > 0)
    state.in_use[1] = np.sum(state.on_tile > 0)
    for t in range(len(work.weight)):
        _find_top(state, t)
        busiest = state.load[state.top[0, t], t]
        state.step[t] = max(busiest + work.barrier[state.in_use[1]], work.clock[0])


@kernel
def total_time(work: Work, state: State) -> float:
    """Seconds of all steps."""
    total = 0.0
    for t in range(len(work.weight)):
        total += work.weight[t] * state.step[t]
    return total


@inner
def _away(state: State, v: int, c: int) -> int:
    """Cores other than c with targets of v."""
    return int(state.reached[v] - (state.targets[v, c] > 0))


@inner
def _add_neuron(work: Work, v: int, c: int, reached: int, sign: float, row: Floats) -> None:
    """Add what neuron v itself takes of core c to the load of a core, by `sign`."""
    base = sign * (work.updates[v] * work.idle[c] + work.fan_in[v] * work.mac[c])
    operation = sign * work.synapse[c]
    got = work.got[v]
    for t in range(len(row)):
        row[t] += base + operation * got[t]
    sent = reached if work.unicast[0] else min(reached, 1)
    each = sign * (work.cell[v] * work.spike[c] + work.sent[c] * sent)
    once = sign * work.updates[v] * work.active[c]
    for k in range(work.start[v], work.start[v + 1]):
        row[work.column[k]] += once + each * work.spikes[k]


@inner
def _find_top(state: State, t: int) -> None:
    """Find the three busiest cores of a column; of equal ones the first."""
    first, second, third = -1.0, -1.0, -1.0
    at_first, at_second, at_third = -1, -1, -1
    for c in range(len(state.size)):
        load = state.load[c, t]
        if load > third:
            if load > second:
                third, at_third = second, at_second
                if load > first:
                    second, at_second = first, at_first
                    first, at_first = load, c
                else:
                    second, at_second = load, c
            else:
                third, at_third = load, c
    state.top[0, t], state.top[1, t], state.top[2, t] = at_first, at_second, at_third


@inner
def _touch(state: State, c: int) -> None:
    if not state.is_touched[c]:
        state.is_touched[c] = True
        state.touched[state.changed[0]] = c
        state.changed[0] += 1
        state.delta[c] = 0.0


@inner
def _add_messages(work: Work, state: State, u: int, c: int, seconds: float) -> None:
    """Add seconds of core c for each spike of u to the change."""
    if seconds != 0.0:
        _touch(state, c)
        for j in range(work.start[u], work.start[u + 1]):
            state.delta[c, work.column[j]] += seconds * work.spikes[j]


@inner
def _shift(work: Work, state: State, v: int, b: int, priced: bool) -> None:
    """Move v to core b in the counts and, if `priced`, in the loads' change."""
    a = state.core[v]
    state.axons_out[a] -= _away(state, v, a)
    if priced:
        _add_neuron(work, v, a, state.reached[v], -1.0, state.delta[a])
    for k in range(work.in_start[v], work.in_start[v + 1]):
        u = work.into[k]
        home = state.core[u]
        leaves, joins = state.targets[u, a] == 1, state.targets[u, b] == 0
        state.targets[u, a] -= 1
        state.targets[u, b] += 1
        if not (leaves or joins):
            continue
        state.axons_in[a] -= leaves
        state.axons_in[b] += joins
        more = int(joins) - int(leaves)
        state.reached[u] += more
        if u != v:
            state.axons_out[home] += more + (leaves and home == a) - (joins and home == b)
        if priced and work.messages[0]:
            if leaves:
                _add_messages(work, state, u, a, -work.entry[a])
            if joins:
                _add_messages(work, state, u, b, work.entry[b])
            if more != 0 and u != v and work.unicast[0]:
                _add_messages(work, state, u, home, more * work.sent[home])
    state.core[v] = b
    state.axons_out[b] += _away(state, v, b)
    if priced:
        _add_neuron(work, v, b, state.reached[v], 1.0, state.delta[b])


@inner
def _tiles_after(work: Work, state: State, w: int, a: int, b: int) -> int:
    """Tiles in use once a neuron has gone from a to b and, unless w < 0, another one back."""
    if w >= 0 or work.tile[a] == work.tile[b]:
        return int(state.in_use[1])
    return int(state.in_use[1] - (state.on_tile[work.tile[a]] == 1) + (state.on_tile[work.tile[b]] == 0))


@inner
def _busiest_after(state: State, t: int) -> float:
    """The largest load of a column after the change."""
    most, listed = 0.0, False
    for k in range(state.changed[0]):
        c = state.touched[k]
        most = max(most, state.load[c, t] + state.delta[c, t])
    for place in range(BUSIEST):
        c = state.top[place, t]
        if c < 0:
            listed = True
            break
        if not state.is_touched[c]:
            most = max(most, state.load[c, t])
            listed = True
            break
    if not listed:
        for c in range(len(state.size)):
            if not state.is_touched[c]:
                most = max(most, state.load[c, t])
    return most


@kernel
def change_of(work: Work, state: State, v: int, w: int, b: int) -> float:
    """Begin a change: v goes to core b and, unless w < 0, w from there to v's core. Returns the seconds more.

    `apply_change` or `undo_change` must follow. Counts are changed already where messages take time.
    """
    a = state.core[v]
    state.changed[0] = 0
    _touch(state, a)
    _touch(state, b)
    tiles = _tiles_after(work, state, w, a, b)
    if work.messages[0]:
        _shift(work, state, v, b, True)
        if w >= 0:
            _shift(work, state, w, a, True)
    else:
        _add_neuron(work, v, a, 0, -1.0, state.delta[a])
        _add_neuron(work, v, b, 0, 1.0, state.delta[b])
        if w >= 0:
            _add_neuron(work, w, b, 0, -1.0, state.delta[b])
            _add_neuron(work, w, a, 0, 1.0, state.delta[a])
    total, barrier = 0.0, work.barrier[tiles]
    for t in range(len(work.weight)):
        total += work.weight[t] * (max(_busiest_after(state, t) + barrier, work.clock[0]) - state.step[t])
    return total


@inner
def _forget(state: State) -> None:
    for k in range(state.changed[0]):
        state.is_touched[state.touched[k]] = False
    state.changed[0] = 0


@kernel
def undo_change(work: Work, state: State, v: int, w: int, a: int, b: int) -> None:
    """End a change without it; `a` is the core that v was on."""
    if work.messages[0]:
        if w >= 0:
            _shift(work, state, w, b, False)
        _shift(work, state, v, a, False)
    _forget(state)


@kernel
def apply_change(work: Work, room: Room, state: State, v: int, w: int, a: int, b: int) -> bool:
    """Make a change if all limits allow it, or end it without; `a` is the core that v was on."""
    fits = True
    for r in range(len(room.most)):
        more = room.each[v, r] - (room.each[w, r] if w >= 0 else 0)
        fits = fits and state.used[r, b] + more <= room.most[r, b] and state.used[r, a] - more <= room.most[r, a]
    if not fits:
        undo_change(work, state, v, w, a, b)
        return False
    if not work.messages[0]:
        _shift(work, state, v, b, False)
        if w >= 0:
            _shift(work, state, w, a, False)
    if _axons_exceed(work, room, state, v, w, a, b):
        if w >= 0:
            _shift(work, state, w, b, False)
        _shift(work, state, v, a, False)
        _forget(state)
        return False
    tiles = _tiles_after(work, state, w, a, b)
    for r in range(len(room.most)):
        more = room.each[v, r] - (room.each[w, r] if w >= 0 else 0)
        state.used[r, b] += more
        state.used[r, a] -= more
    _change_members(work, state, v, w, a, b)
    state.in_use[0] = np.sum(state.size > 0)
    state.in_use[1] = tiles
    _apply_loads(work, state)
    _forget(state)
    return True


@inner
def _axons_exceed(work: Work, room: Room, state: State, v: int, w: int, a: int, b: int) -> bool:
    """Are there more axons than allowed on any core that the change concerns?"""
    for c in (a, b):
        if state.axons_in[c] > room.axons_in[c] or state.axons_out[c] > room.axons_out[c]:
            return True
    for x in (v, w):
        if x >= 0:
            for k in range(work.in_start[x], work.in_start[x + 1]):
                home = state.core[work.into[k]]
                if state.axons_out[home] > room.axons_out[home]:
                    return True
    return False


@inner
def _change_members(work: Work, state: State, v: int, w: int, a: int, b: int) -> None:
    if w >= 0:
        place_v, place_w = state.slot[v], state.slot[w]
        state.member[a, place_v], state.member[b, place_w] = w, v
        state.slot[v], state.slot[w] = place_w, place_v
        return
    last = state.member[a, state.size[a] - 1]
    state.member[a, state.slot[v]] = last
    state.slot[last] = state.slot[v]
    state.size[a] -= 1
    state.member[b, state.size[b]] = v
    state.slot[v] = state.size[b]
    state.size[b] += 1
    state.on_tile[work.tile[a]] -= 1
    state.on_tile[work.tile[b]] += 1


@inner
def _apply_loads(work: Work, state: State) -> None:
    """Add the change to the loads, and find the busiest cores anew where they may be others."""
    for k in range(state.changed[0]):
        c = state.touched[k]
        row, more = state.load[c], state.delta[c]
        for t in range(len(row)):
            row[t] += more[t]
    barrier = work.barrier[state.in_use[1]]
    for t in range(len(work.weight)):
        last = state.top[BUSIEST - 1, t]
        again = last < 0
        for place in range(BUSIEST):
            again = again or state.is_touched[state.top[place, t]]
        if not again:
            for k in range(state.changed[0]):
                again = again or state.load[state.touched[k], t] >= state.load[last, t]
        if again:
            _find_top(state, t)
        state.step[t] = max(state.load[state.top[0, t], t] + barrier, work.clock[0])
