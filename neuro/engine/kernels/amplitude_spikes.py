"""The first spike of a neuron in amplitude form since the last look at it.

u seconds after the last look at a neuron, v is above its threshold by f(u) = sum_k c_k exp(-u rate_k) - gap: two
exponentials, and one more for each slow current. Two exponentials have at most one extremum, in closed form. With more,
each term is monotone, which bounds f and f' between two times; where these bounds do not decide, the search of the
state form does. The last steps towards the zero are the same in both cases, and for a neuron that goes on in state
form: the bits of a spike do not depend on what comes after it.
"""

from __future__ import annotations

from enum import IntEnum
from math import exp, inf, log, sqrt

from neuro.engine.codes import FREE, HELD, N_RELEASES
from neuro.engine.instants import instant_of
from neuro.engine.kernels.arrays import F8, Fixed, Index, Record, State, Workspace
from neuro.engine.kernels.crossings import round_to_24_bits
from neuro.engine.kernels.state_form import cell_row, next_event, write_spike
from neuro.jit import inlined, inner, routine

__all__ = ["FIRED", "SILENT", "UNDECIDED", "check_watched", "spike_offset"]


class Firing(IntEnum):
    """Has a watched neuron fired since its last look?"""

    SILENT = 0
    """It has not."""
    FIRED = 1
    """Once; its spike is written, and it is refractory beyond the window."""
    UNDECIDED = 2
    """Its state form has to decide."""


SILENT, FIRED, UNDECIDED = map(int, Firing)


@inner
def distance(group: Record, rate: F8, c: F8, am: float, bs: float, gap: float, u: float) -> tuple[float, float, float]:
    """f, f' and f'' after `u`; c has the terms of the slow currents at 0, am and bs are the other two."""
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
    """Halley's step towards a zero on a rise, which converges cubically; inf if f does not rise."""
    under = slope * slope - 0.5 * f * bend
    return f * slope / under if slope > 0.0 and under > 0.0 else inf


@inner
def last_steps(group: Record, rate: F8, c: F8, am: float, bs: float, gap: float, u: float, h: float) -> float:
    """The zero of f in [0, h] next to `u`, with bits that do not depend on how `u` was found."""
    once = round_to_24_bits(u)
    for _ in range(2):
        f, slope, bend = distance(group, rate, c, am, bs, gap, once)
        step = halley_step(f, slope, bend)
        once -= step
        if abs(step * bend) <= 1e-4 * slope:
            break
    return min(once if abs(once - u) <= 1e-9 * u else u, h)


@inner
def rising_zero(
    group: Record, rate: F8, c: F8, am: float, bs: float, gap: float, h: float, low: float, begins: float, high: float
) -> float:
    """Where f rises through zero in (0, h]: `low` and `high` are f at both ends, `begins` is its slope at 0.

    Halley's steps, kept inside a bracket, from the zero of the parabola with these three values.
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
        # Errors are e, then e' = k e^3, then k e'^3: the last two steps show k.
        if step <= 1e-11 * upper or step * step * step * step <= 1e-11 * upper * before * before * before:
            break
        before = step
    return last_steps(group, rate, c, am, bs, gap, u, h)


@inner
def first_zero(group: Record, rate: F8, c: F8, am: float, bs: float, gap: float, e: float, d: float, h: float) -> float:
    """First u in [0, h] with f(u) >= 0, inf if there is none, or -1 where bounds do not decide.

    am and bs are the two terms of f at 0, e and d those at `h`.
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


@inner
def zero_in_state_form(
    fixed: Fixed, work: Workspace, k: int, group: Record, at: Index, drive: float, c: F8, am: float, bs: float,
    gap: float, v: float, h: float,
) -> float:  # fmt: skip
    """`first_zero` by the search of the state form, for a neuron with slow currents and parameters of row `at`."""
    work.cell[k], scratch, rate = fixed.cells[at], work.scratch[k], fixed.rate[at]
    now = scratch[0]
    now[0], now[1] = 1.0, v
    for n in range(2, len(now)):
        now[n] = 0.0
    if group.first_slow:
        now[2] = bs / group.shape
    for i in range(group.slow):
        r = rate[group.first_slow + i]
        now[2 + group.first_slow + i] = c[i] * (group.rate_m - r) / group.rate_m
    u, _ = next_event(fixed, work, k, at, drive, FREE, scratch, h)
    return last_steps(group, rate, c, am, bs, gap, u, h) if 0.0 < u <= h else u


@routine
def spike_offset(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, e: float, d: float, t: float
) -> float:
    """How long after its last look a watched neuron fires, which was free then; inf if it does not up to `t`.

    e and d are the two terms of v at `t`. The terms of the slow currents at the last look are in work.factor[k].
    """
    group, neuron, c = fixed.groups[g], state.neurons[j], work.factor[k]
    at = cell_row(fixed, g, j)
    cell, rate, am, bs, since = fixed.cells[at], fixed.rate[at], neuron.v, neuron.last, neuron.since
    v_inf, s, parts = neuron.drive / cell.leak, since - work.origin[k, g], 0.0
    for i in range(group.slow):
        r = rate[group.first_slow + i]
        c[i] = state.x[j, group.first_slow + i] * exp(-s * r) * group.rate_m / (group.rate_m - r)
        parts += c[i]
    v, gap = v_inf + am + bs + parts, cell.threshold - v_inf
    u = first_zero(group, rate, c, am, bs, gap, e, d, t - since)
    if u < 0.0:
        u = zero_in_state_form(fixed, work, k, group, at, neuron.drive, c, am, bs, gap, v, t - since)
    return u if u <= t - since else inf


@routine
def spike_since_look(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, e: float, d: float, t: float, end: float
) -> int:
    """Find the spike of a watched neuron between its last look and `t`, and write it. Returns a `Firing`.

    e and d are the two terms of v at `t`. Neurons whose refractory time could end before `end`, or that could fire
    twice, are UNDECIDED.
    """
    group, neuron, amp = fixed.groups[g], state.neurons[j], state.amp[j]
    at = cell_row(fixed, g, j)
    cell, rate, since = fixed.cells[at], fixed.rate[at], neuron.since
    if not (cell.refractory > 0.0 and instant_of(since + cell.refractory) >= end):
        return UNDECIDED
    u = spike_offset(fixed, state, work, k, g, j, e, d, t)
    if u == inf:
        return SILENT
    excess = neuron.drive / cell.leak + neuron.v + neuron.last - cell.threshold
    for i in range(group.slow):
        excess += work.factor[k, i]
    tally, when = work.tally[k], min(since + u, t)
    write_spike(tally, work.time[k], work.ids[k], when, j)
    neuron.v, neuron.mode, neuron.until = cell.reset, HELD, instant_of(when + cell.refractory)
    if cell.subtract:
        neuron.v = excess if u == 0.0 else 0.0
    for i in range(group.first_slow, group.first_slow + group.slow):
        state.x[j, i] += fixed.jump[at, i] * exp((when - work.origin[k, g]) * rate[i])
    amp[0], amp[1] = -inf, neuron.side_b
    work.free_time[k, tally[N_RELEASES]], work.free_id[k, tally[N_RELEASES]] = neuron.until, j
    tally[N_RELEASES] += 1
    return FIRED


@inlined
def check_watched(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, j: Index, em: float, es: float, gap: float,
    t: float, end: float,
) -> int:  # fmt: skip
    """Has a watched neuron fired since its last look, up to `t`? Returns a `Firing`.

    em and es are the decay factors from the reference time to `t`. The terms of v at both ends and `rising`
    show whether x can have reached the gap in between; only then `spike_since_look` has to search.
    """
    group, neuron = fixed.groups[g], state.neurons[j]
    outcome = SILENT
    if neuron.mode == HELD:
        outcome = UNDECIDED
    elif t > neuron.since:
        am, bs = neuron.side_a * em, neuron.side_b * es
        falls = am * group.rate_m + bs * group.rate_s > 0.0
        if am + bs >= gap or neuron.rising == 2 or (neuron.rising == 1 and falls):
            outcome = spike_since_look(fixed, state, work, k, g, j, am, bs, t, end)
    return outcome
