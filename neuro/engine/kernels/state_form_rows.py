"""Groups in state form within a window: rows of synapses that reach them, and their spikes before the window's end."""

from __future__ import annotations

import numpy as np

from neuro.engine.kernels.arrays import FAULT, HALTED, RECORD_SPIKES, Fixed, Index, State, Workspace
from neuro.engine.kernels.state_form import add_input, advance_neuron, cell_row, fill_factors, no_event, no_event_one
from neuro.jit import load_acquire, routine

__all__ = ["deliver_row", "finish_state_form"]


@routine
def deliver_row(
    fixed: Fixed, state: State, work: Workspace, k: int, segment: Index, skip: Index, count: Index, t: float
) -> None:
    """One spike arrives on `count` synapses of a row, from `skip` on, onto neurons in state form."""
    cells, rate, post, narrow = fixed.cells, fixed.rate, fixed.post, fixed.narrow
    neurons, xs, f, seg = state.neurons, state.x, work.factor[k], fixed.segments[segment]
    wide, is_wide = fixed.wide, len(fixed.wide) > 0
    bundle = fixed.bundles[seg.projection]
    group, known, receptor = fixed.groups[bundle.group], -1.0, bundle.receptor
    first, weight, step = seg.first, seg.weight, bundle.step
    for i in range(skip, skip + count):
        j = np.uint64(post[np.uint64(first + i)])
        own, neuron = cell_row(fixed, bundle.group, np.int64(j)), neurons[j]
        cell = cells[own]
        h = t - neuron.last
        if h > 0.0:
            if h != known or not group.uniform:
                fill_factors(cell, rate[own], h, f)
                known = h
            if group.single:
                safe, v, current = no_event_one(cell, neuron, xs[j, 0], rate[own, 0], f[0], f[1], f[2], f[3], t)
                if safe:
                    neuron.v, neuron.last, xs[j, 0] = v, t, current
            else:
                safe = no_event(cell, neuron, xs, j, f, t, 1)
            if not safe:
                advance_neuron(fixed, state, work, k, np.int64(j), t, RECORD_SPIKES)
        at = np.uint64(weight + step * i)
        add_input(neuron, xs, j, receptor, wide[at] if is_wide else np.float64(narrow[at]))


@routine
def finish_state_form(fixed: Fixed, state: State, work: Workspace, k: int, g: int, end: float) -> None:
    """Find the spikes before the window's end of all neurons of a group."""
    cells, rate, neurons, xs = fixed.cells, fixed.rate, state.neurons, state.x
    group, known, f = fixed.groups[g], -1.0, work.factor[k]
    for j in range(max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])):
        own, neuron = cell_row(fixed, g, j), neurons[j]
        cell = cells[own]
        if load_acquire(work.halt, 0):
            work.tally[k, FAULT] = HALTED
            return
        h = end - neuron.last
        if h > 0.0:
            if h != known or not group.uniform:
                fill_factors(cell, rate[own], h, f)
                known = h
            if group.single:
                safe, _, _ = no_event_one(cell, neuron, xs[j, 0], rate[own, 0], f[0], f[1], f[2], f[3], end)
            else:
                safe = no_event(cell, neuron, xs, j, f, end, 0)
            if not safe:
                advance_neuron(fixed, state, work, k, j, end, RECORD_SPIKES)
