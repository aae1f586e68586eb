"""Sampled voltages and currents of neurons in windows; the neurons stay as they are."""

from __future__ import annotations

from math import exp, inf

import numpy as np

from neuro.engine.arrivals.amplitude_arrivals import bring_arrivals, current_from_arrivals, voltage_from_arrivals
from neuro.engine.arrivals.state_arrivals import take_arrivals
from neuro.engine.codes import AMPLITUDE_FORM, DROP_SPIKES, HELD, NEXT_SAMPLE
from neuro.engine.kernels.amplitude_form import slow_part
from neuro.engine.kernels.arrays import Fixed, Index, Inputs, Output, State, Workspace
from neuro.engine.kernels.state_form import advance_neuron, cell_row
from neuro.jit import inner, routine

__all__ = ["sample_voltages"]


@inner
def current_at(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, i: Index, t: float
) -> float:  # fmt: skip
    """x_i at `t` of neuron j, which is in amplitude form and not watched."""
    group, s, rate = fixed.groups[g], t - work.origin[k, g], fixed.rate[cell_row(fixed, g, j)]
    if i >= group.first_slow:
        own: float = state.x[j, i] * exp(-s * rate[i])
        return own
    now: float = state.amp[j, 1] * exp(-s * group.rate_s) / group.shape
    if group.loose:
        now += current_from_arrivals(fixed, work, k, g, j, t)
    return now


@inner
def value_at(fixed: Fixed, state: State, work: Workspace, k: int, j: Index, what: Index, t: float) -> float:
    """v of neuron j at `t`, or x_i for what = 1 + i; the neuron is put back as it was."""
    neuron, x, amp = state.neurons[j], state.x[j], state.amp[j]
    g = np.int64(neuron.group)
    at = cell_row(fixed, g, j)
    cell, rate, group, origin = fixed.cells[at], fixed.rate[at], fixed.groups[g], work.origin[k, g]
    if group.loose and (group.kind != AMPLITUDE_FORM or amp[0] == inf):
        if group.kind == AMPLITUDE_FORM:
            bring_arrivals(fixed, state, work, k, g, j, t, False)
        else:
            take_arrivals(fixed, state, work, k, g, j, t, False)
    a = amp[0] if group.kind == AMPLITUDE_FORM else inf
    if what > 0 and a != inf:
        return current_at(fixed, state, work, k, g, j, what - 1, t)
    if abs(a) < inf:
        s = t - origin
        now: float = neuron.drive / cell.leak + a * exp(-s * group.rate_m) + amp[1] * exp(-s * group.rate_s)
        if group.slow:
            now += slow_part(group, rate, x, s)
        if group.loose and not work.listed[j]:
            now += voltage_from_arrivals(fixed, work, k, g, j, t)
        return now
    sampled: float = neuron.v
    if a == -inf:
        return sampled
    v, last, until, mode, parts = neuron.v, neuron.last, neuron.until, neuron.mode, work.factor[k]
    for i in range(len(x)):
        parts[i] = x[i]
    if group.kind == AMPLITUDE_FORM and mode != HELD:
        s = neuron.since - origin
        b = neuron.side_b * exp(-s * group.rate_s)
        slow = slow_part(group, rate, x, s) if group.slow else 0.0
        neuron.v = neuron.drive / cell.leak + neuron.side_a * exp(-s * group.rate_m) + b + slow
        neuron.last = neuron.since
        if group.first_slow:
            x[0] = b / group.shape
        for i in range(group.first_slow, group.first_slow + group.slow):
            x[i] *= exp(-s * rate[i])
    advance_neuron(fixed, state, work, k, j, t, DROP_SPIKES)
    sampled = x[what - 1] if what > 0 else neuron.v
    neuron.v, neuron.last, neuron.until, neuron.mode = v, last, until, mode
    for i in range(len(x)):
        x[i] = parts[i]
    return sampled


@routine
def sample_voltages(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, k: int, until: float
) -> None:
    """Read thread k's voltages and currents at all sampling times before `until`."""
    size = len(state.neurons)
    low, high, m = work.bounds[k], work.bounds[k + 1], work.tally[k, NEXT_SAMPLE]
    while m < len(inputs.sample_time) and inputs.sample_time[m] < until:
        for i in range(len(inputs.sample_id)):
            what = inputs.sample_id[i] // size
            j = inputs.sample_id[i] - what * size
            if low <= j < high:
                out.voltage[m, i] = value_at(fixed, state, work, k, j, what, inputs.sample_time[m])
        m += 1
    work.tally[k, NEXT_SAMPLE] = m
