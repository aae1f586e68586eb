"""A neuron in state form, v and its x_k at its last event: advance it through spikes, limits and refractory times."""

from __future__ import annotations

from math import exp, inf

from neuro.engine.codes import (
    CEILING,
    FAULT,
    FAULT_DETAIL,
    FIRST_SPIKE,
    FLOOR,
    FORCED,
    FREE,
    FULL,
    HELD,
    N_SPIKES,
    NO_SPIKES,
    RECORD_SPIKES,
    RUNAWAY,
)
from neuro.engine.instants import instant_of
from neuro.engine.kernels.arrays import F8, F8_2, I8, Fixed, Index, Record, State, Workspace
from neuro.engine.kernels.crossings import decay_integral, evolve, first_crossing, response
from neuro.engine.kernels.one_current import evolve_one, leave_limit, reach_level
from neuro.jit import inlined, inner, routine

MAX_EVENTS = 1_000_000
"""A neuron with more spikes and limits in one call runs away."""
SPIKE = 9
"""Kind of an event of one neuron; the other kinds are the `Mode` that it leads to."""
THRESHOLD = 0
"""What v can reach, besides FLOOR and CEILING."""

__all__ = [
    "MAX_EVENTS",
    "SPIKE",
    "THRESHOLD",
    "add_input",
    "advance_neuron",
    "cell_row",
    "fill_factors",
    "fire",
    "next_event",
    "no_event",
    "no_event_one",
    "write_spike",
]


@inlined
def cell_row(fixed: Fixed, g: Index, j: Index) -> Index:
    """The row of `Fixed.cells` with the parameters of neuron j of group g."""
    group = fixed.groups[g]
    row: Index = group.cells + group.own * (j - group.start)
    return row


@inlined
def write_spike(register: I8, time: F8, neuron: I8, t: float, j: Index) -> None:
    """Write a spike, or set the fault FULL; it is counted in any case."""
    n = register[N_SPIKES]
    if n < len(time):
        time[n] = t
        neuron[n] = j
    else:
        register[FAULT] = FULL
    register[N_SPIKES] = n + 1


@inlined
def add_input(neuron: Record, xs: F8, j: Index, receptor: Index, w: float) -> None:
    """Add an input to a neuron at the time of its last event; an input onto v is lost while v is held."""
    if receptor >= 0:
        xs[j, receptor] += w
    elif neuron.mode != HELD and neuron.mode != FORCED and w != 0.0:
        neuron.v += w
        neuron.mode = FREE


@inner
def at_limit(cell: Record, neuron: Record, now: F8) -> int:
    """The limit that v rests against, FLOOR or CEILING, or FREE; `now` is (1, v, x_1, ...)."""
    v = min(max(now[1], cell.floor), cell.ceiling)
    now[1] = v
    if v != cell.floor and v != cell.ceiling:
        return FREE
    push = neuron.drive - cell.leak * v
    for k in range(cell.currents):
        push += cell.gain * now[2 + k]
    if v == cell.floor and push <= 0.0:
        return FLOOR
    return CEILING if v == cell.ceiling and push >= 0.0 else FREE


@inner
def next_event(
    fixed: Fixed, work: Workspace, k: int, at: Index, drive: float, mode: int, scratch: F8_2, h: float
) -> tuple[float, int]:
    """Offset and kind (SPIKE, FLOOR, CEILING, FREE) of the first event from scratch[0] on; inf if there is none."""
    cell, c, first, kind = work.cell[k], scratch[2], inf, FREE
    for limit in (THRESHOLD, FLOOR, CEILING):
        sign = -1.0 if limit == CEILING else 1.0
        level = cell.floor if limit == FLOOR else cell.ceiling
        for n in range(len(c)):
            c[n] = 0.0
        if limit == THRESHOLD and mode != FLOOR:
            c[0], c[1] = -cell.threshold, 1.0
            for n in range(cell.currents, fixed.rate.shape[1]):
                c[2 + n] = -1.0
        elif mode == limit:
            c[0], c[1] = sign * drive, -sign * cell.leak
            for n in range(cell.currents):
                c[2 + n] = sign * cell.gain
        elif mode == FREE and limit != THRESHOLD and abs(level) < inf:
            c[0], c[1] = sign * level, -sign
        else:
            continue
        offset = first_crossing(fixed, work, k, at, drive, min(h, first), limit != THRESHOLD, mode != FREE)
        if offset < first:
            first, kind = offset, SPIKE if limit == THRESHOLD else (FREE if mode == limit else limit)
    return first, kind


@inlined
def fire(cell: Record, neuron: Record, register: I8, time: F8, ids: I8, j: Index, audible: bool) -> None:
    """A spike at the neuron's time: reset v, and hold it for the refractory time."""
    if audible:
        write_spike(register, time, ids, neuron.last, j)
    after = neuron.v - cell.threshold if cell.subtract else cell.reset
    neuron.v, neuron.mode = max(after, cell.floor), FREE
    if cell.refractory > 0.0:
        neuron.mode, neuron.until = HELD, instant_of(neuron.last + cell.refractory)


@inner
def advance_many_currents(
    fixed: Fixed, state: State, work: Workspace, k: int, at: Index, j: Index, t: float, audible: bool
) -> None:
    """`advance_neuron` with any number of currents; row `at` has the rates, work.cell[k] the other parameters."""
    cell, neuron, x, rate, jump = work.cell[k], state.neurons[j], state.x[j], fixed.rate[at], fixed.jump[at]
    scratch, register, time, ids = work.scratch[k], work.tally[k], work.time[k], work.ids[k]
    now, then = scratch[0], scratch[1]
    for _ in range(MAX_EVENTS):
        h = t - neuron.last
        if h < 0.0:
            return
        now[0], now[1] = 1.0, neuron.v
        for n in range(len(x)):
            now[2 + n] = x[n]
        mode = neuron.mode
        if mode == HELD or mode == FORCED:
            released = mode == HELD and neuron.until <= t
            goal = neuron.until if released else t
            evolve(cell, rate, neuron.drive, now, max(goal - neuron.last, 0.0), then, mode != FREE)
            for n in range(len(x)):
                x[n] = then[2 + n]
            neuron.last = goal
            if released:
                neuron.mode = FREE
            # Inputs at the end of the refractory time are summed before v is tested; a sample comes after that.
            if not released or (audible and goal >= t):
                return
            continue
        if mode == FREE:
            mode = at_limit(cell, neuron, now)
        offset, kind = next_event(fixed, work, k, at, neuron.drive, mode, scratch, h)
        evolve(cell, rate, neuron.drive, now, min(offset, h), then, mode != FREE)
        for n in range(len(x)):
            x[n] = then[2 + n]
        neuron.v, neuron.mode = then[1], mode
        if offset > h:
            neuron.last = t
            return
        neuron.last = min(neuron.last + offset, t)
        if kind == SPIKE:
            fire(cell, neuron, register, time, ids, j, audible)
            for n in range(len(x)):
                x[n] += jump[n]
            if register[FAULT]:  # the spikes do not fit: the window will be repeated, or not used
                return
        else:
            neuron.mode = kind
            if kind == FLOOR:
                neuron.v = cell.floor
            elif kind == CEILING:
                neuron.v = cell.ceiling
    register[FAULT], register[FAULT_DETAIL] = RUNAWAY, j


@inner
def advance_one_current(
    cell: Record, rate: float, neuron: Record, x: F8, register: I8, time: F8, ids: I8, j: Index, t: float, audible: bool
) -> None:
    """`advance_neuron` with at most one current, which own spikes do not change."""
    i, drive = x[0] if len(x) else 0.0, neuron.drive
    turn = 0
    while turn < MAX_EVENTS:
        turn += 1
        h = t - neuron.last
        if h < 0.0:
            break
        mode = neuron.mode
        if mode == HELD or mode == FORCED:
            released = mode == HELD and neuron.until <= t
            goal = neuron.until if released else t
            i *= exp(-rate * max(goal - neuron.last, 0.0))
            neuron.last = goal
            if released:
                neuron.mode = FREE
            # Inputs at the end of the refractory time are summed before v is tested; a sample comes after that.
            if not released or (audible and goal >= t):
                break
            continue
        v = neuron.v
        if mode == FREE:
            v = min(max(v, cell.floor), cell.ceiling)
            push = drive - cell.leak * v + cell.gain * i
            if v == cell.floor and push <= 0.0:
                mode = FLOOR
            elif v == cell.ceiling and push >= 0.0:
                mode = CEILING
        if mode != FREE:
            first, kind = leave_limit(cell, rate, drive, v, i, h, 1.0 if mode == FLOOR else -1.0), FREE
            if mode == CEILING and v >= cell.threshold:
                first, kind = 0.0, SPIKE
            then = v
        else:
            then, _, ends = evolve_one(cell, rate, drive, v, i, h)
            first, kind = inf, SPIKE
            for limit in (THRESHOLD, FLOOR, CEILING):
                level = cell.floor if limit == FLOOR else (cell.ceiling if limit == CEILING else cell.threshold)
                if abs(level) < inf:
                    sign = -1.0 if limit == FLOOR else 1.0
                    s = reach_level(cell, rate, drive, v, i, h, then, push, ends, level, sign, limit != THRESHOLD)
                    if s < first:
                        first, kind = s, SPIKE if limit == THRESHOLD else limit
        if first > h:
            i *= exp(-rate * h)
            neuron.v, neuron.mode, neuron.last = then, mode, t
            break
        if mode == FREE and kind == SPIKE and cell.subtract and first == 0.0:
            then = v
        elif mode == FREE and kind == SPIKE:
            then = cell.threshold
        i *= exp(-rate * first)
        neuron.v, neuron.mode, neuron.last = then, mode, min(neuron.last + first, t)
        if kind == SPIKE:
            fire(cell, neuron, register, time, ids, j, audible)
            if register[FAULT]:
                break
        else:
            neuron.mode = kind
            if kind == FLOOR:
                neuron.v = cell.floor
            elif kind == CEILING:
                neuron.v = cell.ceiling
            else:
                neuron.v = v
    if turn == MAX_EVENTS:
        register[FAULT], register[FAULT_DETAIL] = RUNAWAY, j
    if len(x):
        x[0] = i


@routine
def advance_neuron(fixed: Fixed, state: State, work: Workspace, k: int, j: Index, t: float, how: int) -> None:
    """Advance neuron j to `t` through every spike and limit before it, in thread k's workspace.

    `how` is a `Spiking`: what becomes of its spikes.
    """
    at = cell_row(fixed, state.neurons[j].group, j)
    work.cell[k] = fixed.cells[at]
    cell, rate = work.cell[k], fixed.rate[at]
    if how == NO_SPIKES:
        cell.threshold = inf
    elif how == FIRST_SPIKE:
        cell.refractory = inf
    audible = how == RECORD_SPIKES or how == FIRST_SPIKE
    if cell.modes > 1 or cell.modes != cell.currents or (cell.modes == 1 and fixed.jump[at, 0] != 0.0):
        advance_many_currents(fixed, state, work, k, at, j, t, audible)
    else:
        tally, time, ids = work.tally[k], work.time[k], work.ids[k]
        rate_s = rate[0] if len(rate) else 0.0
        advance_one_current(cell, rate_s, state.neurons[j], state.x[j], tally, time, ids, j, t, audible)


@inner
def fill_factors(cell: Record, rate: F8, h: float, f: F8) -> None:
    """Decay and response factors over `h` seconds: of v, of the drive, then of each x_k."""
    f[0], f[1] = exp(-cell.leak * h), decay_integral(cell.leak, h)
    for k in range(len(rate)):
        f[2 + 2 * k], f[3 + 2 * k] = exp(-rate[k] * h), response(cell.leak, rate[k], h)


@inlined
def no_event(cell: Record, neuron: Record, xs: F8, j: Index, f: F8, t: float, move: int) -> bool:
    """Do bounds prove that the neuron has no event up to `t`? If so and if `move` is set, advance it to `t`."""
    low = high = pull = sink = 0.0
    for k in range(xs.shape[1]):
        now = xs[j, k]
        then = now * f[2 + 2 * k]
        if k < cell.currents:
            low += min(now, then)
            high += max(now, then)
            pull += now * f[3 + 2 * k]
        else:
            sink += min(now, then)
    mode, v, drive = neuron.mode, neuron.v, neuron.drive
    safe = True
    if mode == FREE:
        left = v * f[0]
        most = max(v, left + (drive + cell.gain * high) * f[1])
        least = min(v, left + (drive + cell.gain * low) * f[1])
        then = left + drive * f[1] + cell.gain * pull
        safe = most < cell.threshold + sink and least > cell.floor and most < cell.ceiling
        v = then
    elif mode == FLOOR:
        safe = drive - cell.leak * v + cell.gain * high <= 0.0
    elif mode == CEILING:
        safe = drive - cell.leak * v + cell.gain * low >= 0.0 and v < cell.threshold + sink
    elif mode == HELD:
        safe = neuron.until > t
    if safe and move:
        neuron.v, neuron.last = v, t
        for k in range(xs.shape[1]):
            xs[j, k] *= f[2 + 2 * k]
    return safe


@inlined
def no_event_one(
    cell: Record, neuron: Record, i: float, rate: float, f0: float, f1: float, f2: float, f3: float, t: float
) -> tuple[bool, float, float]:
    """`no_event` with one current i: (no event, v at `t`, the current at `t`); f0 .. f3 are those of `fill_factors`.

    v has at most one extremum, and the slopes at both ends show whether there is one; only then bounds are needed.
    """
    mode, v, drive = neuron.mode, neuron.v, neuron.drive
    now, safe = i * f2, True
    if mode == FREE:
        left, pull = v * f0, cell.gain * i
        then = left + drive * f1 + pull * f3
        most, least = max(v, then), min(v, then)
        begins = drive - cell.leak * v + pull
        ends = begins * f0 - rate * pull * f3 if cell.leak != 0.0 else drive + cell.gain * now
        if begins * ends <= 0.0:
            most = max(most, left + (drive + cell.gain * max(i, now)) * f1)
            least = min(least, left + (drive + cell.gain * min(i, now)) * f1)
        safe = most < cell.threshold and least > cell.floor and most < cell.ceiling
        v = then
    elif mode == FLOOR:
        safe = drive - cell.leak * v + cell.gain * max(i, now) <= 0.0
    elif mode == CEILING:
        safe = drive - cell.leak * v + cell.gain * min(i, now) >= 0.0 and v < cell.threshold
    elif mode == HELD:
        safe = neuron.until > t
    return safe, v, now
