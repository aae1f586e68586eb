"""Loose arrivals at neurons in state form: each takes them in order, before anything that comes later."""

from __future__ import annotations

from neuro.engine.arrivals.draws import any_drawn
from neuro.engine.arrivals.lists import list_arrivals
from neuro.engine.codes import RECORD_SPIKES, UNTOUCHED
from neuro.engine.kernels.arrays import Fixed, Index, State, Workspace
from neuro.engine.kernels.state_form import add_input, advance_neuron, cell_row, fill_factors, no_event, no_event_one
from neuro.jit import routine

__all__ = ["take_arrivals"]


@routine
def take_arrivals(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, t: float, before: bool
) -> None:
    """Neuron j takes its arrivals up to `t`, or only those before `t`."""
    group, head, entries, neuron = fixed.groups[g], work.head, work.arrivals[k], state.neurons[j]
    if not work.listed[j]:
        if head[j] == UNTOUCHED and not any_drawn(fixed, work, k, group, j, work.job[0], work.job[1]):
            return
        list_arrivals(fixed, work, k, g, j)
    own, f, xs = cell_row(fixed, g, j), work.factor[k], state.x
    cell, rate = fixed.cells[own], fixed.rate[own]
    while head[j] >= 0:
        entry = entries[head[j]]
        at = entry.time
        if at > t or (before and at == t):
            return
        head[j] = entry.next
        h = at - neuron.last
        if h > 0.0:
            fill_factors(cell, rate, h, f)
            if group.single:
                safe, v, current = no_event_one(cell, neuron, xs[j, 0], rate[0], f[0], f[1], f[2], f[3], at)
                if safe:
                    neuron.v, neuron.last, xs[j, 0] = v, at, current
            else:
                safe = no_event(cell, neuron, xs, j, f, at, 1)
            if not safe:
                advance_neuron(fixed, state, work, k, j, at, RECORD_SPIKES)
        add_input(neuron, xs, j, entry.receptor, entry.weight)
