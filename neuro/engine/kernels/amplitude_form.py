"""Neurons in amplitude form: all of a group relative to one reference time t0, so that an input is two additions.

v - v_inf = a exp(-(t - t0) rate_m) + b exp(-(t - t0) rate_s) + slow(t), where slow(t) is the part of v from an AHP's
own currents. The value of a marks the neurons that need more than these two additions:

    a = +inf   watched: the neuron could spike before the window ends, or its refractory time ends inside the window.
               `side_a` and `side_b` are its amplitudes (mode FREE), or its state form is valid (mode HELD). The bound
               never clears it.
    a = -inf   refractory (or forced) beyond this window: the bound always clears it; b still sums its inputs.

The bound: with x = a exp(..) + b exp(..) and current i, x stays below max(x, x exp(-h rate_m)) + max(i, 0) peak(h)
for the next h seconds, and below max(x, 0) + max(i, 0) peak for ever. `gap` is v_th - v_inf minus the maximum of
slow(t), so x < gap proves that the neuron is silent. x has at most one extremum: its slopes show where it is highest.
"""

from __future__ import annotations

from math import exp, inf
from typing import NamedTuple

import numpy as np

from neuro.engine.codes import (
    BLOCK,
    DRIVEN,
    FORCED,
    FREE,
    HELD,
    N_RELEASES,
    N_WATCHED,
    NO_SPIKES,
    QUIET,
    RECORD_SPIKES,
    SAME_GAP,
    SURVEYED,
    UNSCANNED,
)
from neuro.engine.kernels.amplitude_spikes import spike_offset
from neuro.engine.kernels.arrays import F8, Fixed, Index, Record, State, Workspace
from neuro.engine.kernels.state_form import advance_neuron, cell_row, fire
from neuro.jit import inlined, inner, routine
from neuro.simd import prefetch

__all__ = [
    "MAX_GROWTH",
    "Bound",
    "bound_at",
    "bound_from_factors",
    "clears",
    "move_reference_time",
    "scan_group",
    "slow_bound",
    "slow_part",
    "survey_gaps",
    "to_amplitude_form",
    "to_state_form",
    "update_slow_gaps",
    "watch",
]

MAX_GROWTH = 50.0
"""The reference time moves when the fastest amplitude has grown by exp(MAX_GROWTH)."""
SMALL = 1e-300
"""Stands for a decay factor of zero, of which the reciprocal is taken."""


class Bound(NamedTuple):
    """How high x = a exp(..) + b exp(..) can get from an instant on, until the window ends or for ever.

    With y = a p + b q, x stays below max(y, y up) + max(b most, 0). At the instant, x is a em + b es.
    """

    em: float
    es: float
    p: float
    q: float
    up: float
    most: float


@inner
def bound_from_factors(group: Record, h: float, em: float, es: float, em_end: float, es_end: float) -> Bound:
    """The bound for the next `h` seconds, from the decay factors now and after them."""
    left = em_end / em
    most = group.peak if h >= group.s_peak else group.shape * (es_end / es - left)
    return Bound(em, es, em_end, es * left, 1.0 / left, most * es / group.shape)


@inner
def bound_at(group: Record, quiet: bool, t: float, end: float, em: float, es: float) -> Bound:
    """The bound from `t` on: until `end`, or for ever if the group is quiet."""
    if quiet:
        return Bound(em, es, em, es, SMALL, group.peak * es / group.shape)
    h = end - t
    return bound_from_factors(group, h, em, es, em * exp(-h * group.rate_m), es * exp(-h * group.rate_s))


@inlined
def clears(bound: Bound, a: float, b: float, gap: float) -> bool:
    """Does the bound prove that a neuron with amplitudes a and b does not spike?"""
    y = a * bound.p + b * bound.q
    return max(y, y * bound.up) + max(b * bound.most, 0.0) < gap


@inlined
def list_watched(state: State, work: Workspace, k: int, j: Index) -> None:
    """Put a neuron on its thread's list of watched neurons, if it is not there."""
    neuron, tally = state.neurons[j], work.tally[k]
    if not neuron.listed:
        neuron.listed = 1
        work.watched[k, tally[N_WATCHED]] = j
        tally[N_WATCHED] += 1


@inlined
def watch(
    state: State, work: Workspace, k: int, group: Record, bound: Bound, j: Index, gap: float, a: float, b: float,
    t: float,
) -> None:  # fmt: skip
    """Watch a neuron that the bound does not clear, from `t` on.

    `rising` says what the next look will find: 2, x is above its gap already; 1, x is on its way up.
    """
    neuron, am, bs = state.neurons[j], a * bound.em, b * bound.es
    neuron.side_a, neuron.side_b, neuron.since = a, b, t
    neuron.v, neuron.last = am, bs
    neuron.rising = 2 if am + bs >= gap else (1 if am * group.rate_m + bs * group.rate_s < 0.0 else 0)
    state.amp[j, 0] = inf
    list_watched(state, work, k, j)


@inner
def slow_part(group: Record, rate: F8, x: F8, s: float) -> float:
    """The slow currents' part of v, `s` after the reference time."""
    total = 0.0
    for k in range(group.first_slow, group.first_slow + group.slow):
        total += x[k] * exp(-s * rate[k]) * group.rate_m / (group.rate_m - rate[k])
    return total


@inner
def slow_bound(group: Record, rate: F8, x: F8, s: float, then: float) -> float:
    """An upper bound of `slow_part` between `s` and `then` after the reference time."""
    total = 0.0
    for k in range(group.first_slow, group.first_slow + group.slow):
        c = x[k] * group.rate_m / (group.rate_m - rate[k])
        total += c * exp(-(then if c < 0.0 else s) * rate[k])
    return total


@routine
def to_state_form(fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, t: float) -> None:
    """Bring neuron j into state form at `t`, through all its spikes before.

    The first spike since the last look has the bits that it has in amplitude form.
    """
    group, neuron, amp, x = fixed.groups[g], state.neurons[j], state.amp[j], state.x[j]
    at = cell_row(fixed, g, j)
    cell, rate, watched, u = fixed.cells[at], fixed.rate[at], amp[0] == inf, -1.0
    if not (watched and neuron.mode == HELD):
        if watched:
            s = t - work.origin[k, g]
            e, d = neuron.side_a * exp(-s * group.rate_m), neuron.side_b * exp(-s * group.rate_s)
            u = spike_offset(fixed, state, work, k, g, j, e, d, t)
        a, b = amp[0], amp[1]
        neuron.last = t
        if watched:
            a, b, neuron.last = neuron.side_a, neuron.side_b, neuron.since
        s = neuron.last - work.origin[k, g]
        b *= exp(-s * group.rate_s)
        if a != -inf:
            slow = slow_part(group, rate, x, s) if group.slow else 0.0
            neuron.v = neuron.drive / cell.leak + a * exp(-s * group.rate_m) + b + slow
            neuron.mode = FREE
        if group.first_slow:
            x[0] = b / group.shape
        for i in range(group.first_slow, group.first_slow + group.slow):
            x[i] *= exp(-s * rate[i])
    if u >= 0.0:
        advance_neuron(fixed, state, work, k, j, min(neuron.since + u, t), NO_SPIKES)
    if 0.0 <= u < inf:
        if u > 0.0 or not cell.subtract:
            neuron.v = cell.threshold
        fire(cell, neuron, work.tally[k], work.time[k], work.ids[k], j, True)
        for i in range(len(x)):
            x[i] += fixed.jump[at, i]
    if watched and u < inf:
        advance_neuron(fixed, state, work, k, j, t, RECORD_SPIKES)


@routine
def to_amplitude_form(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, t: float, end: float
) -> None:
    """Bring neuron j from state form at `t` back into amplitude form, and watch it if it could spike before `end`.

    At the end of a window only neurons of quiet groups are watched: the next scan finds those of other groups.
    """
    group, neuron, amp, x = fixed.groups[g], state.neurons[j], state.amp[j], state.x[j]
    at = cell_row(fixed, g, j)
    cell, rate, tally = fixed.cells[at], fixed.rate[at], work.tally[k]
    s = t - work.origin[k, g]
    em, es = exp(-s * group.rate_m), exp(-s * group.rate_s)
    i = x[0] if group.first_slow else 0.0
    b = i * group.shape / es
    slow = 0.0
    if neuron.mode == HELD and neuron.until < end:
        amp[0] = inf
        list_watched(state, work, k, j)
        return
    if group.slow:
        for n in range(group.first_slow, group.first_slow + group.slow):
            x[n] /= exp(-s * rate[n])
        slow = slow_part(group, rate, x, s)
        v_inf = neuron.drive / cell.leak
        state.gap[j] = cell.threshold - v_inf - slow_bound(group, rate, x, s, s + (end - t))
    amp[1] = b
    if neuron.mode == FORCED:
        amp[0] = -inf
    elif neuron.mode == HELD:
        amp[0] = -inf
        work.free_time[k, tally[N_RELEASES]], work.free_id[k, tally[N_RELEASES]] = neuron.until, j
        tally[N_RELEASES] += 1
    else:
        a = (neuron.v - neuron.drive / cell.leak - i * group.shape - slow) / em
        amp[0] = a
        quiet = state.outlook[g] & QUIET != 0
        if quiet or t < end:
            bound = bound_at(group, quiet, t, end, em, es)
            if not clears(bound, a, b, state.gap[j]):
                watch(state, work, k, group, bound, j, state.gap[j], a, b, t)


@routine
def survey_gaps(fixed: Fixed, state: State, g: int) -> None:
    """Compute the gaps of a group, and the flags that describe them."""
    group = fixed.groups[g]
    same_gap, quiet, driven = group.slow == 0, group.slow == 0, group.slow == 0
    for j in range(group.start, group.stop):
        cell, neuron = fixed.cells[cell_row(fixed, g, j)], state.neurons[j]
        gap = cell.threshold - neuron.drive / cell.leak
        state.gap[j] = gap
        same_gap = same_gap and gap == state.gap[group.start] and not group.loose
        quiet = quiet and gap > 0.0 and not group.drives
        driven = driven and gap <= 0.0
    known = (SAME_GAP if same_gap else 0) | (QUIET if quiet else 0) | (DRIVEN if driven and not quiet else 0)
    state.outlook[g] = SURVEYED | UNSCANNED | known


@routine
def move_reference_time(fixed: Fixed, state: State, work: Workspace, k: int, g: int, start: float) -> None:
    """Move the reference time of a group, in thread k's share, to `start`."""
    group, amps = fixed.groups[g], state.amp
    s = start - work.origin[k, g]
    em, es = max(exp(-s * group.rate_m), SMALL), exp(-s * group.rate_s)
    for j in range(max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])):
        a = amps[j, 0]
        if a == inf:
            neuron = state.neurons[j]
            neuron.side_a *= em
            neuron.side_b *= es
        amps[j, 0], amps[j, 1] = a * em, amps[j, 1] * es
        for i in range(group.first_slow, group.first_slow + group.slow):
            state.x[j, i] *= exp(-s * fixed.rate[group.cells, i])
    work.origin[k, g] = start


@routine
def scan_group(fixed: Fixed, state: State, work: Workspace, k: int, g: int, start: float, end: float) -> None:
    """Watch all neurons of a group that could spike before `end`; in a quiet group, at any time."""
    group, amps, gaps, neurons = fixed.groups[g], state.amp, state.gap, state.neurons
    first, last = max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])
    hits, s = work.hits[k], start - work.origin[k, g]
    em, es = exp(-s * group.rate_m), exp(-s * group.rate_s)
    if group.slow:
        update_slow_gaps(fixed, state, work, k, g, first, last, s, s + (end - start))
    bound = bound_at(group, state.outlook[g] & QUIET != 0, start, end, em, es)
    for begin in range(first, last, BLOCK):
        n = 0
        for j in range(begin, min(begin + BLOCK, last)):
            a = amps[j, 0]
            if not clears(bound, a, amps[j, 1], gaps[j]) and a != inf:
                prefetch(neurons, j)
                hits[n] = j - begin
                n += 1
        for hit in range(n):
            who = begin + np.int64(hits[hit])
            watch(state, work, k, group, bound, who, gaps[who], amps[who, 0], amps[who, 1], start)


@inner
def update_slow_gaps(
    fixed: Fixed, state: State, work: Workspace, k: int, g: int, first: Index, last: Index, s: float, then: float
) -> None:
    """Compute the gaps of neurons with slow currents, for the window from `s` to `then` after the reference time."""
    group, now, later = fixed.groups[g], work.factor[k], work.scratch[k, 0]
    for i in range(group.slow):
        r = fixed.rate[group.cells, group.first_slow + i]
        shape = group.rate_m / (group.rate_m - r)
        now[i], later[i] = exp(-s * r) * shape, exp(-then * r) * shape
    for j in range(first, last):
        cell = fixed.cells[cell_row(fixed, g, j)]
        gap = cell.threshold - state.neurons[j].drive / cell.leak
        for i in range(group.slow):
            x = state.x[j, group.first_slow + i]
            gap -= max(x * now[i], x * later[i])
        state.gap[j] = gap
