"""The states of all neurons at their nodes, from the spikes of a run."""

from __future__ import annotations

from math import exp

import numpy as np

from neuro.gradients.kernels.arrays import (
    AFTER,
    AT_START,
    BY_ARRIVAL,
    BY_END,
    BY_SPIKE,
    CAUSE,
    CROSSED_FIRST,
    CROSSING,
    DONE,
    KIND,
    MARK,
    MISMATCH,
    OF_ARRIVAL,
    OF_SPIKE,
    SPIKE,
    START,
    STEP,
    Cells,
    Nodes,
    Run,
    Wires,
)
from neuro.gradients.kernels.nodes import after, before, held_at, instant_of, locate, part_of, spike_before, time_of
from neuro.gradients.kernels.responses import drive_response, response, response_of
from neuro.gradients.kernels.windows import (
    BY_LEAK,
    BY_RATE,
    HIGH,
    LOW,
    close_forward,
    forget,
    open_window,
    start_of,
)
from neuro.jit import inner, routine

__all__ = ["NEAR", "replay", "v_after"]

NEAR = 1e-7
"""Largest difference of v and the threshold at a spike, in relation to the values that add up to v."""
WAITING = AFTER - 1
"""Key of a spike of an instant whose generation is not known yet."""


@inner
def v_after(cells: Cells, nodes: Nodes, j: int, p: int) -> float:
    """v just after the event at a place whose state is known. Up to the end of a refractory time v is held."""
    k = p >> 1 if p & 1 else spike_before(nodes, p >> 1)
    v: float = nodes.v[k]
    if nodes.kind[k] & KIND == SPIKE:
        v = v - cells.threshold[j] if cells.subtract[j] else cells.reset[j]
    return v


@inner
def threshold_at(cells: Cells, nodes: Nodes, j: int, k: int) -> float:
    """The threshold just before a node."""
    level: float = cells.threshold[j]
    for q in range(cells.currents[j], cells.modes[j]):
        level += nodes.c[k, q]
    return level


@inner
def decay_to(cells: Cells, nodes: Nodes, j: int, p: int) -> None:
    """Add what is left of the state after the event before place p to what has arrived since."""
    last, k = before(nodes, p), p >> 1
    h = time_of(cells, nodes, j, p) - time_of(cells, nodes, j, last)
    leak, held = cells.leak[j], held_at(nodes, p)
    own = last & 1 != 0 and nodes.kind[last >> 1] & KIND == SPIKE
    if not held:
        v = v_after(cells, nodes, j, last)
        nodes.v[k] += v * exp(-leak * h) + nodes.drive[j] * drive_response(leak, h)
    elif p & 1:
        nodes.v[k] = v_after(cells, nodes, j, last)
    here, there = part_of(cells, p), part_of(cells, last)
    for q in range(cells.modes[j]):
        c = nodes.c[last >> 1, there + q] + (cells.jump[j, q] if own else 0.0)
        if c != 0.0:
            nodes.c[k, here + q] += c * exp(-cells.rate[j, q] * h)
            if q < cells.currents[j] and not held:
                nodes.v[k] += c * cells.gain[j] * response(leak, cells.rate[j, q], h)


@inner
def cause_of(cells: Cells, nodes: Nodes, j: int, k: int) -> int:
    """Why a neuron fired at node k: one of the codes, or -1 if it should not have."""
    level = threshold_at(cells, nodes, j, k)
    near = NEAR * (1.0 + abs(level) + abs(nodes.v[k]))
    if nodes.v[k] < level - near:
        return -1
    if len(nodes.aux) and nodes.aux[k] > 0.0:
        return BY_ARRIVAL
    p = before(nodes, 2 * k + 1)
    while time_of(cells, nodes, j, p) == nodes.time[k]:
        if p & 1 == 0:
            return BY_END
        kind = nodes.kind[p >> 1] & KIND
        if kind == START:
            return AT_START
        if kind == SPIKE:
            return BY_SPIKE
        p = before(nodes, p)
    return CROSSING if nodes.v[k] <= level + near else -1


@routine
def finish_until(cells: Cells, run: Run, nodes: Nodes, j: int, last: int, voltages: int) -> int:
    """Finish the events of a neuron before the place `last`, to which everything has come that comes."""
    while nodes.done[j] < last:
        p = nodes.done[j]
        k = p >> 1
        kind = nodes.kind[k] & KIND
        if kind == START:
            nodes.v[k] = cells.v[j]
            for q in range(cells.modes[j]):
                nodes.c[k, q] = cells.c[j, q]
        else:
            decay_to(cells, nodes, j, p)
        nodes.done[j] = after(nodes, j, p)
        if p & 1 == 0:
            continue
        if len(nodes.density):
            nodes.density[k] = nodes.level[j]
        if kind == MARK:
            nodes.level[j] = run.extra_value[nodes.info[k]]
        elif kind == STEP:
            nodes.aux[k] = nodes.drive[j]
            nodes.drive[j] = run.extra_value[nodes.info[k]]
        elif kind == SPIKE:
            cause = cause_of(cells, nodes, j, k) if voltages != 0 else CROSSING
            first = nodes.kind[k] & CAUSE == CROSSED_FIRST
            if cause < 0 or (first and cause != CROSSING):
                nodes.fault[0], nodes.fault[1] = j, nodes.info[k]
                return MISMATCH
            nodes.kind[k] += 0 if first else cause
            if cause == CROSSING:
                nodes.v[k] = threshold_at(cells, nodes, j, k)
    return DONE


@inner
def find_next(cells: Cells, nodes: Nodes, j: int, t: float, time: float, key: int) -> int:
    """The place in neuron j that comes next after an input at `time`, by a spike at `t`; or that behind its nodes."""
    at, last = nodes.at[j], nodes.end[j]
    while at < last and nodes.time[at] < t:
        at += 1
    nodes.at[j] = at
    found: int = locate(cells, nodes, j, at, time, key)
    return found


@routine
def turn_forward(
    cells: Cells, nodes: Nodes, j: int, t: float, time: float, mode: int, start: float, span: float, voltages: int
) -> None:
    """End the window of neuron j and current `mode`, and begin that in which an input at `time` is."""
    r = j * cells.rate.shape[1] + mode
    close_forward(cells, nodes, j, mode, r, voltages)
    open_window(cells, nodes, j, find_next(cells, nodes, j, t, time, OF_ARRIVAL), r, start, span)


@routine
def add(
    cells: Cells, nodes: Nodes, j: int, t: float, time: float, key: int, mode: int, w: float, voltages: int
) -> None:
    """Add one input at `time`, by a spike at `t`, to the state before the event that comes next."""
    p = find_next(cells, nodes, j, t, time, key)
    k = p >> 1
    if k == nodes.end[j]:
        return
    u, held = time_of(cells, nodes, j, p) - time, held_at(nodes, p)
    if mode >= 0:
        rate = cells.rate[j, mode]
        faded = exp(-rate * u)
        nodes.c[k, part_of(cells, p) + mode] += w * faded
        if voltages != 0 and not held:
            leak = cells.leak[j]
            nodes.v[k] += w * cells.gain[j] * response_of(leak, rate, u, exp(-leak * u), faded)
    elif not held:
        nodes.v[k] += w * exp(-cells.leak[j] * u)
        if u == 0.0 and nodes.kind[k] & KIND == SPIKE:
            nodes.aux[k] += max(w, 0.0)


@routine
def send(cells: Cells, wires: Wires, nodes: Nodes, i: int, t: float, generation: int, voltages: int) -> None:
    """Add what a spike does to each of its targets to the event that comes next there; to v with `voltages` alone."""
    window, depth = nodes.window, cells.rate.shape[1]
    for s in range(wires.row[i], wires.row[i + 1]):
        first, weight_at, lag_at = wires.first[s], wires.weight_at[s], wires.lag_at[s]
        mode, delay, span = wires.mode[s], wires.delay[s], wires.span[s]
        # Slices spare a look at the sign of each index.
        post = wires.post[first : first + wires.length[s]]
        weight = wires.weight[weight_at : weight_at + wires.length[s]]
        time, start, by_rate, by_leak = instant_of(t + delay), 0.0, 0.0, 0.0
        rate = leak = 0.0
        if span > 0.0:
            rate, leak = cells.rate[post[0], mode], cells.leak[post[0]]
            start = start_of(time, span)
            by_rate, by_leak = exp(rate * (time - start)), exp(leak * (time - start))
        for n in range(len(post)):
            if lag_at >= 0:
                delay = wires.lag[lag_at + n]
                time = instant_of(t + delay)
                if span > 0.0:
                    start = start_of(time, span)
                    by_rate, by_leak = exp(rate * (time - start)), exp(leak * (time - start))
            if span > 0.0:
                r = np.uint64(post[n]) * np.uint64(depth) + np.uint64(mode)
                if not window[r, LOW] < time < window[r, HIGH]:
                    turn_forward(cells, nodes, post[n], t, time, mode, start, span, voltages)
                if window[r, LOW] < time < window[r, HIGH]:
                    window[r, BY_RATE] += weight[n] * by_rate
                    if voltages != 0:
                        window[r, BY_LEAK] += weight[n] * by_leak
                    continue
            key = OF_ARRIVAL if delay > 0.0 else generation
            add(cells, nodes, post[n], t, time, key, mode, weight[n], voltages)


@routine
def send_instant(cells: Cells, wires: Wires, run: Run, nodes: Nodes, low: int, high: int) -> int:
    """Send the spikes of one instant, low .. high, generation by generation, where delays may be zero."""
    sent = low
    for f in range(low, high):
        j = run.who[f]
        if cells.source[j]:
            nodes.order[sent] = f
            sent += 1
        else:
            while not spikes_next(nodes, j) or nodes.time[nodes.done[j] >> 1] < run.time[f]:
                if finish_until(cells, run, nodes, j, nodes.done[j] + 1, 1) != DONE:
                    return MISMATCH
            k = nodes.done[j] >> 1
            while k < nodes.end[j] and nodes.info[k] <= f and nodes.time[k] == run.time[f]:
                nodes.key[k] = WAITING
                k += 1
    for r in range(low, sent):
        send(cells, wires, nodes, run.who[nodes.order[r]], run.time[low], OF_ARRIVAL, 1)
    generation = OF_SPIKE
    while sent < high:
        began = sent
        for f in range(low, high):
            j = run.who[f]
            if cells.source[j] or not spikes_next(nodes, j) or nodes.info[nodes.done[j] >> 1] != f:
                continue
            # One spike of a neuron in each generation: a later one of its own follows it.
            if is_due(cells, nodes, j, nodes.done[j] >> 1):
                nodes.order[sent] = f
                sent += 1
        if sent == began:
            nodes.fault[0], nodes.fault[1] = run.who[low], low
            return MISMATCH
        for r in range(began, sent):
            j = run.who[nodes.order[r]]
            nodes.key[nodes.done[j] >> 1] = generation
            if finish_until(cells, run, nodes, j, nodes.done[j] + 1, 1) != DONE:
                return MISMATCH
        for r in range(began, sent):
            send(cells, wires, nodes, run.who[nodes.order[r]], run.time[low], generation, 1)
        generation += 1
    return DONE


@inner
def spikes_next(nodes: Nodes, j: int) -> bool:
    """Is a spike the first event of neuron j that is not finished?"""
    p = nodes.done[j]
    found: bool = p & 1 != 0 and nodes.kind[p >> 1] & KIND == SPIKE
    return found


@inner
def is_due(cells: Cells, nodes: Nodes, j: int, k: int) -> bool:
    """Is v at the threshold at node k, with all that has come so far? The node stays unfinished."""
    v, work = nodes.v[k], nodes.work
    for q in range(cells.modes[j]):
        work[q] = nodes.c[k, q]
    decay_to(cells, nodes, j, 2 * k + 1)
    due = cause_of(cells, nodes, j, k) >= 0
    nodes.v[k] = v
    for q in range(cells.modes[j]):
        nodes.c[k, q] = work[q]
    return due


@inner
def crossed_first(cells: Cells, nodes: Nodes) -> int:
    """The last spike up to the fault with a v that can have met the threshold just before what arrived; -1 if none."""
    j = nodes.fault[0]
    last = nodes.first[j]
    while nodes.kind[last] & KIND != SPIKE or nodes.info[last] != nodes.fault[1]:
        last += 1
    for k in range(last - 1, nodes.first[j], -1):
        if nodes.kind[k] & (KIND | CAUSE) == SPIKE + BY_ARRIVAL:
            level = threshold_at(cells, nodes, j, k)
            if abs(nodes.v[k] - nodes.aux[k] - level) <= NEAR * (1.0 + abs(level) + abs(nodes.v[k])):
                return k
    return last if nodes.kind[last] & CAUSE != CROSSED_FIRST else -1


@inner
def begin_again(cells: Cells, nodes: Nodes, first: int) -> None:
    """Clear all states, to replay a run in which the spike at node `first` came before the arrivals at its instant."""
    for j in range(len(cells.leak)):
        for k in range(nodes.first[j], nodes.end[j]):
            if nodes.kind[k] & KIND == SPIKE and nodes.kind[k] & CAUSE != CROSSED_FIRST:
                nodes.kind[k] &= ~CAUSE
            nodes.v[k] = 0.0
            if len(nodes.aux):
                nodes.aux[k] = 0.0
            for q in range(nodes.c.shape[1]):
                nodes.c[k, q] = 0.0
    nodes.kind[first] += CROSSED_FIRST


@inner
def replay_in_order(cells: Cells, wires: Wires, run: Run, nodes: Nodes, voltages: int) -> int:
    """`replay`, with the order at each instant as it is known."""
    size = len(cells.leak)
    for j in range(size):
        nodes.done[j] = 2 * nodes.first[j] + 1
        nodes.at[j] = nodes.first[j] + 1
        nodes.drive[j], nodes.level[j] = run.drive[j], 0.0
    forget(nodes)
    low, stop = 0, len(run.time)
    while low < stop:
        high = low + 1
        if len(nodes.order):
            while high < stop and run.time[high] == run.time[low]:
                high += 1
            code = send_instant(cells, wires, run, nodes, low, high)
            if code != DONE:
                return code
        else:
            send(cells, wires, nodes, run.who[low], run.time[low], OF_SPIKE, voltages)
        low = high
    depth = cells.rate.shape[1]
    for r in range(len(nodes.window)):
        close_forward(cells, nodes, r // depth, r % depth, r, voltages)
    for j in range(size):
        if not cells.source[j]:
            code = finish_until(cells, run, nodes, j, 2 * nodes.end[j], voltages)
            if code != DONE:
                return code
    return DONE


@routine
def replay(cells: Cells, wires: Wires, run: Run, nodes: Nodes, voltages: int) -> int:
    """Find the state of each neuron just before each of its events, and why it spiked.

    Without `voltages` all spikes are taken for crossings, and v is known at spikes and while it is held alone.

    Where v meets the threshold at the very instant of an arrival, rounding in the engine decides which comes first. If
    the spikes do not fit with the arrival first, the spike is.
    """
    code = replay_in_order(cells, wires, run, nodes, voltages)
    while code == MISMATCH and len(nodes.aux) and not len(nodes.key):
        first = crossed_first(cells, nodes)
        if first < 0:
            break
        begin_again(cells, nodes, first)
        code = replay_in_order(cells, wires, run, nodes, voltages)
    return code
