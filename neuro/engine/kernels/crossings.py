"""A neuron between events: its exact state at any time, rigorous bounds, and the first zero of a combination of it.

Its state is the vector x = (1, v, x_1, x_2, ...). Every next event (v reaches the threshold, the floor or the ceiling,
or leaves a limit) is the first zero of some c . x from below.
"""

from __future__ import annotations

from math import exp, expm1, inf

from neuro.engine.kernels.arrays import F8, Fixed, Index, Record, Workspace
from neuro.jit import inner, routine

SPLITTER = 536870913.0
"""2^29 + 1: see `round_to_24_bits`."""

__all__ = ["SPLITTER", "decay_integral", "dot", "evolve", "first_crossing", "response", "round_to_24_bits"]


@inner
def decay_integral(leak: float, h: float) -> float:
    """The integral of exp(-leak s) over [0, h]."""
    return h if leak == 0.0 else -expm1(-leak * h) / leak


@inner
def response(leak: float, rate: float, h: float) -> float:
    """What a unit current of `rate` has added to v after `h`, with a gain of 1; smooth where the two rates meet."""
    apart = abs(leak - rate)
    slowest = exp(-min(leak, rate) * h)
    return slowest * h if apart == 0.0 else slowest * -expm1(-apart * h) / apart


@inner
def round_to_24_bits(s: float) -> float:
    """`s` rounded to 24 bits, so that Newton's steps from there give the same bits however `s` was found.

    Veltkamp's splitting: a product with 2^29 + 1 leaves no room for the other bits.
    """
    product = SPLITTER * s
    return product - (product - s)


@inner
def evolve(cell: Record, rate: F8, drive: float, x: F8, h: float, y: F8, frozen: bool) -> None:
    """Put the state `h` seconds after `x`, without events, into y; `frozen` keeps v at a limit."""
    pull = 0.0
    y[0] = 1.0
    for k in range(len(rate)):
        i = x[2 + k]
        y[2 + k] = 0.0
        if i != 0.0:
            y[2 + k] = i * exp(-rate[k] * h)
            if k < cell.currents and not frozen:
                pull += i * response(cell.leak, rate[k], h)
    y[1] = x[1]
    if not frozen:
        y[1] = x[1] * exp(-cell.leak * h) + drive * decay_integral(cell.leak, h) + cell.gain * pull


@inner
def dot(c: F8, x: F8) -> float:
    """c . x; written out, because numba's own needs SciPy and pays only for long vectors."""
    total = 0.0
    for i in range(len(c)):
        total += c[i] * x[i]
    return total


@inner
def derivative(cell: Record, rate: F8, drive: float, c: F8, c1: F8, frozen: bool) -> None:
    """Put the coefficients of the time derivative of c . x into c1."""
    dv = 0.0 if frozen else c[1]
    c1[0] = dv * drive
    c1[1] = -cell.leak * dv
    for k in range(len(rate)):
        c1[2 + k] = -rate[k] * c[2 + k]
        if k < cell.currents:
            c1[2 + k] += cell.gain * dv


@inner
def state_bounds(cell: Record, rate: F8, drive: float, x: F8, y: F8, h: float, lo: F8, hi: F8, frozen: bool) -> None:
    """Bounds of the state in the `h` seconds from `x` to `y`: every x_k is monotone, and the currents bound v."""
    low = high = 0.0
    for i in range(2, len(x)):
        lo[i], hi[i] = min(x[i], y[i]), max(x[i], y[i])
        if i < 2 + cell.currents:
            low, high = low + lo[i], high + hi[i]
    lo[0] = hi[0] = 1.0
    lo[1] = hi[1] = x[1]
    if not frozen:
        left, span = x[1] * exp(-cell.leak * h), decay_integral(cell.leak, h)
        lo[1] = min(x[1], left + (drive + cell.gain * low) * span)
        hi[1] = max(x[1], left + (drive + cell.gain * high) * span)


@inner
def dot_bounds(c: F8, lo: F8, hi: F8) -> tuple[float, float]:
    """Bounds of c . x for lo <= x <= hi."""
    low = high = 0.0
    for i in range(len(c)):
        low += c[i] * (lo[i] if c[i] >= 0.0 else hi[i])
        high += c[i] * (hi[i] if c[i] >= 0.0 else lo[i])
    return low, high


@inner
def rising_root(
    cell: Record,
    rate: F8,
    drive: float,
    x: F8,
    c: F8,
    c1: F8,
    y: F8,
    low: float,
    high: float,
    f_low: float,
    f_high: float,
    frozen: bool,
    verified: bool,
) -> float:
    """Where c . x rises through zero in (low, high]: Newton's steps, kept inside the bracket.

    With `verified`, the computed c . x is above zero there, and the time is at most a few roundings late.
    """
    t = 0.5 * (low + high) if f_high <= f_low else low + (high - low) * (f_low / (f_low - f_high))
    if not low < t < high:
        t = 0.5 * (low + high)
    nudge = 2.3e-16 * high
    for _ in range(200):
        evolve(cell, rate, drive, x, t, y, frozen)
        f = dot(c, y)
        if f > 0.0 or (f == 0.0 and not verified):
            high = t
        else:
            low = t
        slope = dot(c1, y)
        step = t - f / slope if slope > 0.0 else inf
        newton = low < step < high
        if not newton:
            step = 0.5 * (low + high)
        if not low < step < high or (newton and abs(step - t) <= 1.0e-11 * high):
            t = min(step, high)
            break
        t = step
    if not verified:
        once = round_to_24_bits(t)
        for _ in range(2):
            evolve(cell, rate, drive, x, once, y, frozen)
            slope = dot(c1, y)
            once -= dot(c, y) / slope if slope != 0.0 else inf
        return once if abs(once - t) <= 1e-9 * t else t
    while t < high:
        evolve(cell, rate, drive, x, t, y, frozen)
        if dot(c, y) > 0.0:
            return t
        t += nudge
        nudge *= 2.0
    return high


@inner
def find_peak(
    cell: Record, rate: F8, drive: float, x: F8, c1: F8, c2: F8, y: F8, low: float, high: float, frozen: bool
) -> float:
    """Where the derivative c1 . x falls through zero in (low, high)."""
    for _ in range(200):
        t = 0.5 * (low + high)
        if not low < t < high or high - low <= 1.0e-9 * high:
            break
        evolve(cell, rate, drive, x, t, y, frozen)
        slope, f = dot(c2, y), dot(c1, y)
        if f > 0.0:
            low = t
        else:
            high = t
        step = t - f / slope if slope < 0.0 else inf
        if low < step < high:
            evolve(cell, rate, drive, x, step, y, frozen)
            if dot(c1, y) > 0.0:
                low = step
            else:
                high = step
    return 0.5 * (low + high)


@routine
def first_crossing(
    fixed: Fixed, work: Workspace, k: int, at: Index, drive: float, h: float, strict: bool, frozen: bool
) -> float:
    """First offset in [0, h] at which scratch[2] . x reaches zero (`strict`: exceeds it) from x = scratch[0], or inf.

    For a neuron with the rates of row `at` and the parameters work.cell[k]; `scratch` lies in the workspace too.

    Intervals are halved until bounds on f, f' or f'' prove what happens inside, for any number of exponentials.
    """
    cell, rate, scratch = work.cell[k], fixed.rate[at], work.scratch[k]
    x, y, c, c1, c2, z, lo, hi = (
        scratch[0],
        scratch[1],
        scratch[2],
        scratch[3],
        scratch[4],
        scratch[5],
        scratch[6],
        scratch[7],
    )
    f = dot(c, x)
    if f > 0.0 or (f == 0.0 and not strict):
        return 0.0
    if h <= 0.0:
        return inf
    derivative(cell, rate, drive, c, c1, frozen)
    derivative(cell, rate, drive, c1, c2, frozen)
    low, width = 0.0, h
    while low < h:
        high = min(low + width, h)
        evolve(cell, rate, drive, x, low, z, frozen)
        evolve(cell, rate, drive, x, high, y, frozen)
        state_bounds(cell, rate, drive, z, y, high - low, lo, hi, frozen)
        _, most = dot_bounds(c, lo, hi)
        least1, most1 = dot_bounds(c1, lo, hi)
        if most >= 0.0 and most1 > 0.0:
            least2, most2 = dot_bounds(c2, lo, hi)
            peaks = most2 <= 0.0 and least1 < 0.0
            if not (peaks or least1 >= 0.0 or least2 >= 0.0) and low + 0.5 * width > low:
                width *= 0.5
                continue
            begin, end, summit = dot(c, z), dot(c, y), high
            if peaks and dot(c1, y) < 0.0:
                end = -1.0
                if dot(c1, z) > 0.0:
                    summit = find_peak(cell, rate, drive, x, c1, c2, y, low, high, frozen)
                    evolve(cell, rate, drive, x, summit, y, frozen)
                    end = dot(c, y)
            if end > 0.0 or (end == 0.0 and not strict):
                return rising_root(cell, rate, drive, x, c, c1, y, low, summit, begin, end, frozen, strict)
        low = high
        width *= 2.0
    return inf
