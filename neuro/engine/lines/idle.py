"""Whether a network stays silent without input, so that windows can be skipped."""

from __future__ import annotations

from math import inf

from neuro.engine.codes import AMPLITUDE_FORM, FORCED, N_WATCHED, QUIET, SOURCE, STATE_FORM, SURVEYED, UNSCANNED
from neuro.engine.kernels.arrays import Fixed, State, Workspace
from neuro.engine.kernels.state_form import cell_row
from neuro.engine.kernels.state_form_rows import on_line
from neuro.engine.lines.aside import put_all_back
from neuro.jit import inner

__all__ = ["idle"]


@inner
def driven_on_line(fixed: Fixed, state: State) -> bool:
    """Is there a neuron that rises on a straight line, and so spikes again? Its v need not be known."""
    for g in range(len(fixed.groups)):
        group = fixed.groups[g]
        if group.kind == STATE_FORM and on_line(fixed, group):
            for j in range(group.start, group.stop):
                if state.neurons[j].drive > 0.0 and state.neurons[j].mode != FORCED:
                    return True
    return False


@inner
def idle(fixed: Fixed, state: State, work: Workspace) -> bool:
    """Does a bound over all future time prove that no neuron spikes again without input?"""
    for k in range(len(work.bounds) - 1):
        if work.tally[k, N_WATCHED]:
            return False
    if len(work.aside_bits):
        if driven_on_line(fixed, state):
            return False
        for k in range(len(work.bounds) - 1):
            put_all_back(fixed, state, work, k)
    for g in range(len(fixed.groups)):
        group = fixed.groups[g]
        known = state.outlook[g] & (QUIET | UNSCANNED | SURVEYED) == QUIET | SURVEYED
        if group.kind == SOURCE or (group.kind == AMPLITUDE_FORM and known):
            continue
        if group.drives:
            return False
        for j in range(group.start, group.stop):
            at = cell_row(fixed, g, j)
            cell, neuron = fixed.cells[at], state.neurons[j]
            if neuron.mode == FORCED:
                continue
            if group.kind == AMPLITUDE_FORM:
                gap, a, b = cell.threshold - neuron.drive / cell.leak, state.amp[j, 0], state.amp[j, 1]
                if group.slow:
                    s = 0.0
                    for i in range(group.first_slow, group.first_slow + group.slow):
                        s += max(state.x[j, i] * group.rate_m / (group.rate_m - fixed.rate[at, i]), 0.0)
                    gap -= s
                if a != -inf and not max(a + b, 0.0) + max(b / group.shape * group.peak, 0.0) < gap:
                    return False
                continue
            most, extra, sink = neuron.drive, 0.0, 0.0
            for i in range(state.x.shape[1]):
                x = state.x[j, i]
                if i >= cell.currents:
                    sink += min(x, 0.0)
                elif x > 0.0:
                    most += cell.gain * x
                    extra += cell.gain * x / fixed.rate[at, i]
            if cell.leak > 0.0:
                most = max(neuron.v, most / cell.leak)
            else:
                most = inf if neuron.drive > 0.0 else neuron.v + extra
            if most >= cell.threshold + sink:
                return False
    return True
