"""What happens to a neuron in amplitude form at the end of its refractory time, and to watched ones after a window."""

from __future__ import annotations

from math import exp, inf

import numpy as np

from neuro.engine.arrivals.amplitude_arrivals import bring_arrivals
from neuro.engine.codes import FAULT, FREE, HALTED, N_WATCHED, QUIET, SAME_GAP
from neuro.engine.kernels.amplitude_form import (
    Bound,
    bound_at,
    clears,
    slow_bound,
    slow_part,
    to_amplitude_form,
    to_state_form,
    watch,
)
from neuro.engine.kernels.amplitude_spikes import SILENT, UNDECIDED, check_watched
from neuro.engine.kernels.arrays import Fixed, Index, State, Workspace
from neuro.engine.kernels.state_form import cell_row
from neuro.jit import inner, load_acquire, routine
from neuro.simd import prefetch

__all__ = ["end_refractory", "finish_watched"]


@inner
def end_refractory(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, t: float, end: float, bound: Bound
) -> None:
    """Neuron j's refractory time ends at `t`, from which on `bound` holds."""
    group, neuron, amp = fixed.groups[g], state.neurons[j], state.amp[j]
    at = cell_row(fixed, g, j)
    if group.loose:
        bring_arrivals(fixed, state, work, k, g, j, t, True)
    cell, rate, b, slow = fixed.cells[at], fixed.rate[at], amp[1], 0.0
    v_inf, s = neuron.drive / cell.leak, t - work.origin[k, g]
    gap = state.gap[group.start if state.outlook[g] & SAME_GAP else j]
    if group.slow:
        slow = slow_part(group, rate, state.x[j], s)
        gap = state.gap[j] = cell.threshold - v_inf - slow_bound(group, rate, state.x[j], s, s + (end - t))
    neuron.mode = FREE
    a = (neuron.v - v_inf - b * bound.es - slow) / bound.em
    amp[0] = a
    if not clears(bound, a, b, gap) or (group.loose and work.head[j] >= 0):
        watch(state, work, k, group, bound, j, gap, a, b, t)


@routine
def finish_watched(fixed: Fixed, state: State, work: Workspace, k: int, end: float) -> None:
    """Look at every watched neuron at the end of a window."""
    tally, watched = work.tally[k], work.watched[k]
    n = tally[N_WATCHED]
    tally[N_WATCHED] = 0
    last, em, es = np.int64(-1), 1.0, 1.0
    for turn in range(n):
        later = watched[min(turn + 8, n - 1)]
        prefetch(state.neurons, later)
        prefetch(state.amp, later)
        if load_acquire(work.halt, 0):
            tally[FAULT] = HALTED
            return
        j = watched[turn]
        neuron, amp = state.neurons[j], state.amp[j]
        g = np.int64(neuron.group)
        group = fixed.groups[g]
        if group.loose and amp[0] == inf:
            bring_arrivals(fixed, state, work, k, g, j, inf, False)
        neuron.listed = 0
        if amp[0] != inf:
            continue
        if g != last:
            s, last = end - work.origin[k, g], g
            em, es = exp(-s * group.rate_m), exp(-s * group.rate_s)
        # The common gap of a group spares loading this neuron's own.
        gap = state.gap[group.start if state.outlook[g] & SAME_GAP else j]
        outcome = check_watched(fixed, state, work, k, g, j, em, es, gap, end, end)
        if outcome == SILENT:
            a, b = neuron.side_a, neuron.side_b
            amp[0], amp[1] = a, b
            if state.outlook[g] & QUIET:
                bound = bound_at(group, True, end, end, em, es)
                if not clears(bound, a, b, gap):
                    watch(state, work, k, group, bound, j, gap, a, b, end)
        elif outcome == UNDECIDED:
            to_state_form(fixed, state, work, k, g, j, end)
            to_amplitude_form(fixed, state, work, k, g, j, end, end)
