"""One neuron in state form: v and its x_k at its last event, brought on through spikes, limits and refractory times."""

from __future__ import annotations

from math import exp, inf

from neuro.engine.crossing import crossing, flow, response, shrink
from neuro.engine.records import (
    CEILING,
    CULPRIT,
    F8,
    FAULT,
    FLOOR,
    FORCED,
    FREE,
    FULL,
    HELD,
    I8,
    N_OUT,
    RUNAWAY,
    Index,
    Record,
)
from neuro.engine.single import course, leave, reach
from neuro.jit import inlined, kernel

MOST_AT_ONCE = 1_000_000
SPIKE = 9

__all__ = ["calm", "calm_one", "emit", "fill", "receive", "settle"]


@kernel
def emit(register: I8, time: F8, neuron: I8, t: float, j: Index) -> None:
    """Write a spike down, or say that there is no room; the count goes on."""
    n = register[N_OUT]
    if n < len(time):
        time[n] = t
        neuron[n] = j
    else:
        register[FAULT] = FULL
    register[N_OUT] = n + 1


@inlined
def receive(neuron: Record, xs: F8, j: Index, receptor: Index, w: float) -> None:
    """An input onto a neuron in state form, at the time of its last event; lost where v is held."""
    if receptor >= 0:
        xs[j, receptor] += w
    elif neuron.mode != HELD and neuron.mode != FORCED and w != 0.0:
        neuron.v += w
        neuron.mode = FREE


@kernel
def at_limit(cell: Record, neuron: Record, now: F8) -> int:
    """Which limit v rests against on the course `now`: FLOOR, CEILING or FREE."""
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


@kernel
def next_event(cell: Record, rate: F8, drive: float, mode: int, work: F8, h: float) -> tuple[float, int]:
    """Offset and kind (SPIKE, FLOOR, CEILING, FREE) of what comes first on the course work[0]; inf if nothing does."""
    c, frozen = work[2], int(mode != FREE)
    first, kind = inf, FREE
    if mode != FLOOR:
        c[:] = 0.0
        c[0], c[1] = -cell.threshold, 1.0
        for k in range(cell.currents, len(rate)):
            c[2 + k] = -1.0
        first, kind = crossing(cell, rate, drive, work, h, 0, frozen), SPIKE
    for limit in range(FLOOR, CEILING + 1):
        sign = 1.0 if limit == FLOOR else -1.0
        level = cell.floor if limit == FLOOR else cell.ceiling
        if mode == limit:
            c[:] = 0.0
            c[0], c[1] = sign * drive, -sign * cell.leak
            for k in range(cell.currents):
                c[2 + k] = sign * cell.gain
        elif mode == FREE and abs(level) < inf:
            c[:] = 0.0
            c[0], c[1] = sign * level, -sign
        else:
            continue
        offset = crossing(cell, rate, drive, work, min(h, first), 1, frozen)
        if offset < first:
            first, kind = offset, FREE if mode == limit else limit
    return first, kind


@inlined
def fire(cell: Record, neuron: Record, register: I8, time: F8, ids: I8, j: Index, audible: int) -> None:
    """A spike, now: v is reset, and held for the refractory time."""
    if audible:
        emit(register, time, ids, neuron.last, j)
    after = neuron.v - cell.threshold if cell.subtract else cell.reset
    neuron.v, neuron.mode = max(after, cell.floor), FREE
    if cell.refractory > 0.0:
        neuron.mode, neuron.until = HELD, neuron.last + cell.refractory


@kernel
def settle(
    cell: Record,
    rate: F8,
    jump: F8,
    neuron: Record,
    x: F8,
    work: F8,
    register: I8,
    time: F8,
    ids: I8,
    j: Index,
    t: float,
    audible: int,
    many: int | None,
) -> None:
    """Bring neuron j to `t` through every spike and limit on the way; spikes go out only if `audible`.

    Where `many` is None, no neuron has more than one current, and the code for the others is not even compiled.
    """
    if many is None or (cell.modes <= 1 and cell.modes == cell.currents and (cell.modes == 0 or jump[0] == 0.0)):
        settle_one(cell, rate[0] if len(rate) else 0.0, neuron, x, register, time, ids, j, t, audible)
    else:
        settle_many(cell, rate, jump, neuron, x, work, register, time, ids, j, t, audible)


@kernel
def settle_many(
    cell: Record,
    rate: F8,
    jump: F8,
    neuron: Record,
    x: F8,
    work: F8,
    register: I8,
    time: F8,
    ids: I8,
    j: Index,
    t: float,
    audible: int,
) -> None:
    """`settle` for a neuron with any number of currents."""
    now, then = work[0], work[1]
    for _ in range(MOST_AT_ONCE):
        h = t - neuron.last
        if h < 0.0:
            return
        now[0], now[1] = 1.0, neuron.v
        now[2:] = x
        mode = neuron.mode
        if mode == HELD or mode == FORCED:
            released = mode == HELD and neuron.until <= t
            goal = neuron.until if released else t
            flow(cell, rate, neuron.drive, now, max(goal - neuron.last, 0.0), then, 1)
            x[:] = then[2:]
            neuron.last = goal
            if released:
                neuron.mode = FREE
            # What arrives at the end of the refractory time is summed before v is tested; a sample comes after it.
            if not released or (audible and goal >= t):
                return
            continue
        if mode == FREE:
            mode = at_limit(cell, neuron, now)
        offset, kind = next_event(cell, rate, neuron.drive, mode, work, h)
        flow(cell, rate, neuron.drive, now, min(offset, h), then, int(mode != FREE))
        x[:] = then[2:]
        neuron.v, neuron.mode = then[1], mode
        if offset > h:
            neuron.last = t
            return
        neuron.last = min(neuron.last + offset, t)
        if kind == SPIKE:
            fire(cell, neuron, register, time, ids, j, audible)
            x += jump
            if register[FAULT]:  # the spikes do not fit: this will be done again, or never
                return
        else:
            neuron.mode = kind
            if kind == FLOOR:
                neuron.v = cell.floor
            elif kind == CEILING:
                neuron.v = cell.ceiling
    register[FAULT], register[CULPRIT] = RUNAWAY, j


@kernel
def settle_one(
    cell: Record, rate: float, neuron: Record, x: F8, register: I8, time: F8, ids: I8, j: Index, t: float, audible: int
) -> None:
    """`settle` for a neuron with at most one current, which its own spikes leave alone."""
    i, drive = x[0] if len(x) else 0.0, neuron.drive
    turn = 0
    while turn < MOST_AT_ONCE:
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
            # What arrives at the end of the refractory time is summed before v is tested; a sample comes after it.
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
            first, kind = leave(cell, rate, drive, v, i, h, 1.0 if mode == FLOOR else -1.0), FREE
            if mode == CEILING and v >= cell.threshold:
                first, kind = 0.0, SPIKE
            then = v
        else:
            then, _, ends = course(cell, rate, drive, v, i, h)
            first = reach(cell, rate, drive, v, i, h, then, push, ends, cell.threshold, 1.0, False)
            kind = SPIKE
            if cell.floor > -inf:
                s = reach(cell, rate, drive, v, i, h, then, push, ends, cell.floor, -1.0, True)
                if s < first:
                    first, kind = s, FLOOR
            if cell.ceiling < inf:
                s = reach(cell, rate, drive, v, i, h, then, push, ends, cell.ceiling, 1.0, True)
                if s < first:
                    first, kind = s, CEILING
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
    if turn == MOST_AT_ONCE:
        register[FAULT], register[CULPRIT] = RUNAWAY, j
    if len(x):
        x[0] = i


@kernel
def fill(cell: Record, rate: F8, h: float, f: F8) -> None:
    """Decay and response factors over `h` seconds: of v, of the drive, then of each x_k."""
    f[0], f[1] = exp(-cell.leak * h), shrink(cell.leak, h)
    for k in range(len(rate)):
        f[2 + 2 * k], f[3 + 2 * k] = exp(-rate[k] * h), response(cell.leak, rate[k], h)


@inlined
def calm(cell: Record, neuron: Record, xs: F8, j: Index, f: F8, t: float, move: int) -> bool:
    """Do bounds prove that nothing happens to the neuron up to `t`? If so, `move` brings it there."""
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
def calm_one(
    cell: Record, neuron: Record, i: float, f0: float, f1: float, f2: float, f3: float, t: float
) -> tuple[bool, float, float]:
    """`calm` for a neuron with one current i: (nothing happens, v at `t`, the current at `t`); see `fill` for f.

    v has at most one extremum, and the slopes at both ends tell whether there is one; only then bounds are needed.
    """
    mode, v, drive = neuron.mode, neuron.v, neuron.drive
    now, safe = i * f2, True
    if mode == FREE:
        left, pull = v * f0, cell.gain * i
        then = left + drive * f1 + pull * f3
        most, least = max(v, then), min(v, then)
        begins, ends = drive - cell.leak * v + pull, drive - cell.leak * then + cell.gain * now
        if begins * ends < 0.0:
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
