"""Groups in state form: each neuron keeps v and its currents at its own last event."""

from __future__ import annotations

import numpy as np

from neuro.engine.neuron import calm, calm_one, fill, receive, settle
from neuro.engine.records import Desk, Fixed, Index, State
from neuro.jit import kernel

__all__ = ["close_general", "deliver"]


@kernel
def deliver(
    fixed: Fixed, state: State, desk: Desk, k: int, segment: Index, skip: Index, count: Index, t: float
) -> None:
    """One arriving spike onto part of a row of neurons in state form."""
    cells, rate, jump, post, weights = fixed.cells, fixed.rate, fixed.jump, fixed.post, fixed.weight
    neurons, xs, tally, time, ids = state.neurons, state.x, desk.tally[k], desk.time[k], desk.ids[k]
    work, f, seg = desk.work[k], desk.factor[k], fixed.segments[segment]
    group, known, receptor = fixed.groups[seg.group], -1.0, seg.receptor
    first, weight, weight_step = seg.first, seg.weight, seg.weight_step
    for i in range(skip, skip + count):
        j = np.uint64(post[np.uint64(first + i)])
        cell, neuron = cells[j], neurons[j]
        h = t - neuron.last
        if h > 0.0:
            if h != known or not group.uniform:
                fill(cell, rate[j], h, f)
                known = h
            if group.single:
                safe, v, current = calm_one(cell, neuron, xs[j, 0], f[0], f[1], f[2], f[3], t)
                if safe:
                    neuron.v, neuron.last, xs[j, 0] = v, t, current
            else:
                safe = calm(cell, neuron, xs, j, f, t, 1)
            if not safe:
                settle(cell, rate[j], jump[j], neuron, xs[j], work, tally, time, ids, np.int64(j), t, 1, fixed.many)
        receive(neuron, xs, j, receptor, weights[np.uint64(weight + weight_step * i)])


@kernel
def close_general(fixed: Fixed, state: State, desk: Desk, k: int, g: int, end: float) -> None:
    """Spikes before the window's end of all neurons of a group in state form."""
    cells, rate, jump = fixed.cells, fixed.rate, fixed.jump
    neurons, xs, tally, time, ids = state.neurons, state.x, desk.tally[k], desk.time[k], desk.ids[k]
    group, known, work, f = fixed.groups[g], -1.0, desk.work[k], desk.factor[k]
    for j in range(max(group.start, desk.bounds[k]), min(group.stop, desk.bounds[k + 1])):
        cell, neuron = cells[j], neurons[j]
        h = end - neuron.last
        if h > 0.0:
            if h != known or not group.uniform:
                fill(cell, rate[j], h, f)
                known = h
            if group.single:
                safe, _, _ = calm_one(cell, neuron, xs[j, 0], f[0], f[1], f[2], f[3], end)
            else:
                safe = calm(cell, neuron, xs, j, f, end, 0)
            if not safe:
                settle(cell, rate[j], jump[j], neuron, xs[j], work, tally, time, ids, j, end, 1, fixed.many)
