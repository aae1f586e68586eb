"""Spikes and the ends of refractory times in amplitude form: what is rare, but happens once a spike.

From its last look on, u seconds ago, a neuron's distance to threshold is f(u) = sum_k c_k exp(-u rate_k) - gap: two
exponentials, and one more for each slow current. Two have at most one extremum, which has a closed form. With more,
each term is monotone, which bounds f and f' between two instants; where that does not decide, the neuron goes the
long way through its state form.
"""

from __future__ import annotations

from math import exp, inf, log, sqrt

import numpy as np

from neuro.engine.kernels.amplitude_form import bound_at, slow_bound, slow_part, to_amplitude_form, to_state_form, watch
from neuro.engine.kernels.arrays import (
    F8,
    FAULT,
    FREE,
    HALTED,
    HELD,
    N_RELEASES,
    N_WATCHED,
    QUIET,
    SAME_GAP,
    Fixed,
    Index,
    Record,
    State,
    Workspace,
)
from neuro.engine.kernels.crossings import round_to_24_bits
from neuro.engine.kernels.state_form import cell_row, write_spike
from neuro.jit import inner, load_acquire, routine
from neuro.simd import prefetch

SILENT, FIRED, UNDECIDED = 0, 1, 2

__all__ = ["FIRED", "SILENT", "UNDECIDED", "end_refractory", "finish_watched", "spike_since_look"]


@inner
def distance(group: Record, rate: F8, c: F8, am: float, bs: float, gap: float, u: float) -> tuple[float, float, float]:
    """f, f' and f'' after `u`; the first `slow` of c are the parts of the slow currents."""
    e, d = am * exp(-u * group.rate_m), bs * exp(-u * group.rate_s)
    slope_e, slope_d = e * group.rate_m, d * group.rate_s
    f, slope, bend = e + d - gap, -slope_e - slope_d, slope_e * group.rate_m + slope_d * group.rate_s
    for i in range(group.slow):
        r = rate[group.first_slow + i]
        e = c[i] * exp(-u * r)
        f += e
        slope -= e * r
        bend += e * r * r
    return f, slope, bend


@inner
def halley_step(f: float, slope: float, bend: float) -> float:
    """Halley's step towards a zero on a rise, which leaves the third power of an error; inf if there is no rise."""
    under = slope * slope - 0.5 * f * bend
    return f * slope / under if slope > 0.0 and under > 0.0 else inf


@inner
def rising_zero(
    group: Record, rate: F8, c: F8, am: float, bs: float, gap: float, h: float, low: float, begins: float, high: float
) -> float:
    """Where f rises through zero in (0, h]: `low` and `high` are f at the ends, `begins` is its slope at 0.

    Halley's steps, kept inside a bracket, from the zero of the parabola through what is known.
    """
    curve = (high - low - begins * h) / (h * h)
    under, lower, upper, before = begins * begins - 4.0 * curve * low, 0.0, h, 0.0
    u = -2.0 * low / (begins + sqrt(under)) if under > 0.0 else 0.5 * h
    for _ in range(200):
        if not lower < u < upper:
            u = 0.5 * (lower + upper)
            if not lower < u < upper:
                break
        f, slope, bend = distance(group, rate, c, am, bs, gap, u)
        if f >= 0.0:
            upper = u
        else:
            lower = u
        step = halley_step(f, slope, bend)
        u -= step
        step = abs(step)
        # Errors e, then e' = k e^3, then k e'^3: the two steps show k.
        if step <= 1e-11 * upper or step * step * step * step <= 1e-11 * upper * before * before * before:
            break
        before = step
    once = round_to_24_bits(u)
    for _ in range(2):
        f, slope, bend = distance(group, rate, c, am, bs, gap, once)
        step = halley_step(f, slope, bend)
        once -= step
        if abs(step * bend) <= 1e-4 * slope:
            break
    return min(once if abs(once - u) <= 1e-9 * u else u, h)


@inner
def first_zero(group: Record, rate: F8, c: F8, am: float, bs: float, gap: float, e: float, d: float, h: float) -> float:
    """First u in [0, h] with f(u) >= 0, inf if there is none, or -1 where that is not clear.

    am and bs are the terms of f now, e and d after `h`.
    """
    low, begins = am + bs - gap, -am * group.rate_m - bs * group.rate_s
    for i in range(group.slow):
        low += c[i]
        begins -= c[i] * rate[group.first_slow + i]
    if low >= 0.0:
        return 0.0
    if group.slow:
        high, most = e + d - gap, max(am, e) + max(bs, d) - gap
        least = -max(am, e) * group.rate_m - max(bs, d) * group.rate_s
        for i in range(group.slow):
            r = rate[group.first_slow + i]
            e = c[i] * exp(-h * r)
            high += e
            most += max(c[i], e)
            least -= max(c[i], e) * r
        if most < 0.0:
            return inf
        if least <= 0.0:
            return -1.0
        return inf if high < 0.0 else rising_zero(group, rate, c, am, bs, gap, h, low, begins, high)
    high, ends = e + d - gap, -e * group.rate_m - d * group.rate_s
    if high < 0.0:
        if not (begins > 0.0 and ends < 0.0):
            return inf
        h = min(log(-am * group.rate_m / (bs * group.rate_s)) / (group.rate_m - group.rate_s), h)
        high, _, _ = distance(group, rate, c, am, bs, gap, h)
        if not (h > 0.0 and high >= 0.0):
            return inf
    return rising_zero(group, rate, c, am, bs, gap, h, low, begins, high)


@routine
def spike_since_look(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, e: float, d: float, t: float, end: float
) -> int:
    """Has a watched neuron fired since its last look, up to `t`? If it FIRED, it is refractory beyond the window.

    e and d are the two terms of v at `t`.

    Neurons that could be free again before the window ends, or fire twice, are UNDECIDED, and so are hard cases.
    """
    group, neuron, amp = fixed.groups[g], state.neurons[j], state.amp[j]
    one = cell_row(fixed, g, j)
    cell, rate, c, since = fixed.cells[one], fixed.rate[one], work.factor[k], neuron.since
    if not (cell.refractory > 0.0 and since + cell.refractory >= end):
        return UNDECIDED
    v_inf, s = neuron.drive / cell.leak, since - work.origin[k, g]
    am, bs, parts = neuron.v, neuron.last, 0.0
    for i in range(group.slow):
        r = rate[group.first_slow + i]
        c[i] = state.x[j, group.first_slow + i] * exp(-s * r) * group.rate_m / (group.rate_m - r)
        parts += c[i]
    u = first_zero(group, rate, c, am, bs, cell.threshold - v_inf, e, d, t - since)
    if u < 0.0:
        return UNDECIDED
    if u > t - since:
        return SILENT
    tally, when = work.tally[k], min(since + u, t)
    write_spike(tally, work.time[k], work.ids[k], when, j)
    neuron.v, neuron.mode, neuron.until = cell.reset, HELD, when + cell.refractory
    if cell.subtract:
        neuron.v = v_inf + am + bs + parts - cell.threshold if u == 0.0 else 0.0
    for i in range(group.first_slow, group.first_slow + group.slow):
        state.x[j, i] += fixed.jump[one, i] * exp((when - work.origin[k, g]) * rate[i])
    amp[0], amp[1] = -inf, neuron.side_b
    work.free_time[k, tally[N_RELEASES]], work.free_id[k, tally[N_RELEASES]] = neuron.until, j
    tally[N_RELEASES] += 1
    return FIRED


@inner
def end_refractory(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, t: float, end: float, em: float, es: float,
    p: float, q: float, up: float, most: float,
) -> None:  # fmt: skip
    """The end of a refractory time; (p, q, up, most) as for an input at `t`."""
    group, neuron, amp = fixed.groups[g], state.neurons[j], state.amp[j]
    one = cell_row(fixed, g, j)
    cell, rate, b, slow = fixed.cells[one], fixed.rate[one], amp[1], 0.0
    v_inf, s = neuron.drive / cell.leak, t - work.origin[k, g]
    gap = state.gap[group.start if state.outlook[g] & SAME_GAP else j]
    if group.slow:
        slow = slow_part(group, rate, state.x[j], s)
        gap = state.gap[j] = cell.threshold - v_inf - slow_bound(group, rate, state.x[j], s, s + (end - t))
    neuron.mode = FREE
    a = (neuron.v - v_inf - b * es - slow) / em
    amp[0] = a
    y = a * p + b * q
    if not max(y, y * up) + max(b * most, 0.0) < gap:
        am, bs = a * em, b * es
        watch(
            neuron, state.amp, gap, work.tally[k], work.watched[k], j, a, b, am, bs, group.rate_m, group.rate_s, t
        )  # fmt: skip


@routine
def finish_watched(fixed: Fixed, state: State, work: Workspace, k: int, end: float) -> None:
    """The window's last look at every watched neuron."""
    tally, watched = work.tally[k], work.watched[k]
    n = tally[N_WATCHED]
    tally[N_WATCHED] = 0
    last, em, es = np.int64(-1), 1.0, 1.0
    for turn in range(n):
        soon = watched[min(turn + 8, n - 1)]
        prefetch(state.neurons, soon)
        prefetch(state.amp, soon)
        if load_acquire(work.halt, 0):
            tally[FAULT] = HALTED
            return
        j = watched[turn]
        neuron, amp = state.neurons[j], state.amp[j]
        neuron.listed = 0
        if amp[0] != inf:
            continue
        g = np.int64(neuron.group)
        group = fixed.groups[g]
        # One gap for all spares a look at this neuron's own.
        gap = state.gap[group.start if state.outlook[g] & SAME_GAP else j]
        if neuron.mode != HELD:
            if g != last:
                s, last = end - work.origin[k, g], g
                em, es = exp(-s * group.rate_m), exp(-s * group.rate_s)
            a, b = neuron.side_a, neuron.side_b
            am, bs = a * em, b * es
            falls = am * group.rate_m + bs * group.rate_s > 0.0
            happens = am + bs >= gap or neuron.rising == 2 or (neuron.rising == 1 and falls)
            outcome = spike_since_look(fixed, state, work, k, g, j, am, bs, end, end) if happens else SILENT
            if outcome == FIRED:
                continue
            if outcome == SILENT:
                amp[0], amp[1] = a, b
                quiet = state.outlook[g] & QUIET != 0
                if quiet:
                    p, q, up, most = bound_at(group, quiet, end, end, em, es)
                    y = a * p + b * q
                    if not max(y, y * up) + max(b * most, 0.0) < gap:
                        watch(neuron, state.amp, gap, tally, watched, j, a, b, am, bs, group.rate_m, group.rate_s, end)
                continue
        to_state_form(fixed, state, work, k, g, j, end)
        to_amplitude_form(fixed, state, work, k, g, j, end, end)
