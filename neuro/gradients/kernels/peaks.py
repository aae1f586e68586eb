"""The largest v of a neuron in a window, exactly: inside a piece, at a kink, or at an end."""

from __future__ import annotations

from math import exp, inf

from neuro.gradients.kernels.arrays import F8, F8_2, Cells
from neuro.gradients.kernels.pieces import Pieces, integral_of, slope_at, v_at
from neuro.jit import inner, kernel

__all__ = ["AT_BEGIN", "AT_END_OF", "INSIDE", "largest", "total_of", "value_at"]

INSIDE, AT_BEGIN, AT_END_OF = 0, 1, 2
"""Where in a piece the largest v is: at a time that is fixed or where dv/dt is zero, at its begin, at its end."""


@inner
def bends(cells: Cells, pieces: Pieces, j: int, p: int, h: float, zeros: F8_2, factors: F8_2) -> int:
    """Zeros of sum c_q rate_q exp(-rate_q u) in (0, h), into the last row of `zeros`; their number is returned.

    Between two of them dv/dt changes its sign at most once, since (dv/dt exp(leak u))' is this sum, times a positive
    function and -gain. A sum of n exponentials is zero at most once between two zeros of the sum of n - 1 of them that
    is left when it is multiplied by the exponential of the first's rate and differentiated.
    """
    n = cells.currents[j]
    for q in range(n):
        factors[0, q] = pieces.c[p, q] * cells.rate[j, q]
    for level in range(1, n):
        for q in range(level, n):
            factors[level, q] = factors[level - 1, q] * (cells.rate[j, level - 1] - cells.rate[j, q])
    found = 0
    for level in range(n - 2, -1, -1):
        count, before = 0, 0.0
        for place in range(found + 1):
            after = zeros[level + 1, place] if place < found else h
            low, high = before, after
            begins = total_at(cells, j, factors, level, low) >= 0.0
            if (total_at(cells, j, factors, level, high) >= 0.0) != begins:
                for _ in range(80):
                    middle = 0.5 * (low + high)
                    if (total_at(cells, j, factors, level, middle) >= 0.0) == begins:
                        low = middle
                    else:
                        high = middle
                zeros[level, count] = high
                count += 1
            before = after
        found = count
    return found


@inner
def total_at(cells: Cells, j: int, factors: F8_2, level: int, u: float) -> float:
    total = 0.0
    for q in range(level, cells.currents[j]):
        total += factors[level, q] * exp(-cells.rate[j, q] * u)
    return total


@inner
def peak_in(cells: Cells, pieces: Pieces, j: int, p: int, low: float, high: float) -> float:
    """Where v has a maximum between two offsets at which dv/dt is above and below zero."""
    for _ in range(100):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if slope_at(cells, pieces, j, p, middle) > 0.0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel
def largest(
    cells: Cells, pieces: Pieces, count: int, j: int, start: float, stop: float, zeros: F8_2, factors: F8_2, out: F8
) -> None:
    """Into `out`: the largest v in start .. stop, its time, its piece, and where in the piece it is."""
    out[0] = -inf
    for p in range(count):
        begin = pieces.time[p]
        end = pieces.time[p + 1] if p + 1 < count else stop
        low, high = max(start, begin) - begin, min(stop, end) - begin
        if high < low or end <= begin:
            continue
        v = v_at(cells, pieces, j, p, low)
        if v > out[0]:
            out[0], out[1], out[2], out[3] = v, begin + low, p, AT_BEGIN if low == 0.0 else INSIDE
        if pieces.held[p]:
            continue
        v = v_at(cells, pieces, j, p, high)
        if v > out[0] and slope_at(cells, pieces, j, p, high) > 0.0:
            at_end = begin + high == end and p + 1 < count
            out[0], out[1], out[2], out[3] = v, begin + high, p, AT_END_OF if at_end else INSIDE
        found = bends(cells, pieces, j, p, high, zeros, factors)
        before = low
        for place in range(found + 1):
            after = zeros[0, place] if place < found else high
            if after <= low:
                continue
            if slope_at(cells, pieces, j, p, before) > 0.0 and slope_at(cells, pieces, j, p, after) <= 0.0:
                u = peak_in(cells, pieces, j, p, before, after)
                v = v_at(cells, pieces, j, p, u)
                if v > out[0]:
                    out[0], out[1], out[2], out[3] = v, begin + u, p, INSIDE
            before = after


@kernel
def value_at(cells: Cells, pieces: Pieces, j: int, p: int, u: float, out: F8) -> None:
    """Into `out`: v and dv/dt of neuron j, u seconds after the begin of piece p."""
    out[0], out[1] = v_at(cells, pieces, j, p, u), slope_at(cells, pieces, j, p, u)


@kernel
def total_of(cells: Cells, pieces: Pieces, count: int, j: int, start: float, stop: float) -> float:
    """The integral of v from start to stop."""
    total = 0.0
    for p in range(count):
        begin = pieces.time[p]
        end = pieces.time[p + 1] if p + 1 < count else stop
        low, high = max(start, begin), min(stop, end)
        if high > low:
            total += integral_of(cells, pieces, j, p, low - begin, high - begin)
    return total
