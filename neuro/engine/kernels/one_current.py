"""Neurons with at most one current, in scalars: v has at most one extremum, so the slopes at both ends decide."""

from __future__ import annotations

from math import exp, inf, log

from neuro.engine.kernels.arrays import Record
from neuro.engine.kernels.crossings import response, round_to_24_bits
from neuro.jit import inlined, inner

__all__ = ["NEAR", "evolve_one", "leave_limit", "reach_level", "reach_on_line"]

NEAR = 0.02
"""Relative difference of tau_syn and tau_m below which neurons keep the state form, and the response its smooth form.

Amplitudes grow without bound as tau_syn nears tau_m."""


@inner
def evolve_one(cell: Record, rate: float, drive: float, v: float, i: float, s: float) -> tuple[float, float, float]:
    """v, the current and dv/dt after `s` seconds without events, from v and a current i."""
    faded, left, apart, pull = exp(-rate * s), 1.0, cell.leak - rate, 0.0
    now, then = i * faded, v + drive * s
    if cell.leak != 0.0:
        left = exp(-cell.leak * s)
        then = v * left + drive / cell.leak * (1.0 - left)
    # Where the rates are apart, this difference loses no more digits than the other terms of v.
    if abs(apart) > NEAR * cell.leak and cell.leak != 0.0:
        pull = cell.gain * i * ((faded - left) / apart)
    elif i != 0.0:
        pull = cell.gain * i * response(cell.leak, rate, s)
    if cell.leak == 0.0:
        return then + pull, now, drive + cell.gain * now
    # Not drive - leak v + gain i: after all currents have decayed, that is a rounding error of any sign.
    return then + pull, now, (drive - cell.leak * v + cell.gain * i) * left - rate * pull


@inner
def reach_level(
    cell: Record,
    rate: float,
    drive: float,
    v: float,
    i: float,
    h: float,
    end: float,
    begins: float,
    ends: float,
    level: float,
    sign: float,
    strict: bool,
) -> float:
    """First offset in [0, h] at which sign (v - level) reaches zero (with `strict`: exceeds it), or inf.

    `end` is v after h; `begins` and `ends` are dv/dt at both ends.
    """
    f_low, f_high = sign * (v - level), sign * (end - level)
    if f_low > 0.0 or (f_low == 0.0 and not strict):
        return 0.0
    low, high = 0.0, h
    if f_high < 0.0 or (f_high == 0.0 and strict):
        if not (sign * begins > 0.0 and sign * ends <= 0.0):
            return inf
        peak, past = low, high
        for _ in range(200):
            s = 0.5 * (peak + past)
            if not peak < s < past or past - peak <= 1e-9 * past:
                break
            for _ in range(2):
                _, now, slope = evolve_one(cell, rate, drive, v, i, s)
                if sign * slope > 0.0:
                    peak = s
                else:
                    past = s
                bend = -cell.leak * slope - cell.gain * rate * now
                s = s - slope / bend if bend != 0.0 else inf
                if not peak < s < past:
                    break
        high = 0.5 * (peak + past)
        end, _, _ = evolve_one(cell, rate, drive, v, i, high)
        f_high = sign * (end - level)
        if f_high < 0.0 or (f_high == 0.0 and strict):
            return inf
    s, before = high * (f_low / (f_low - f_high)) if f_high > f_low else 0.5 * high, inf
    for _ in range(200):
        if not low < s < high:
            s = 0.5 * (low + high)
            if not low < s < high:
                break
        then, _, slope = evolve_one(cell, rate, drive, v, i, s)
        f = sign * (then - level)
        if f > 0.0 or (f == 0.0 and not strict):
            high = s
        else:
            low = s
        step = f / (sign * slope) if sign * slope > 0.0 else inf
        s -= step
        # Steps converge quadratically: this one leaves an error of about its square.
        if abs(step) <= 1e-11 * high or (abs(step) <= 1e-8 * high and abs(step) <= 1e-3 * before):
            break
        before = abs(step)
    once = round_to_24_bits(s)
    for _ in range(2):
        then, _, slope = evolve_one(cell, rate, drive, v, i, once)
        once -= (then - level) / slope if slope != 0.0 else inf
    return min(once if abs(once - s) <= 1e-9 * s else s, h)


@inlined
def reach_on_line(drive: float, v: float, h: float, end: float, level: float, sign: float, strict: bool) -> float:
    """`reach_level` of a neuron without leak and current, to the bit: v is a straight line, and `drive` its slope."""
    f_low, f_high, found = sign * (v - level), sign * (end - level), inf
    if f_low > 0.0 or (f_low == 0.0 and not strict):
        found = 0.0
    elif not (f_high < 0.0 or (f_high == 0.0 and strict)):
        found = cross_level(drive, v, h, f_low, f_high, level, sign, strict)
    return found


@inner
def cross_level(
    drive: float, v: float, h: float, f_low: float, f_high: float, level: float, sign: float, strict: bool
) -> float:
    """`reach_on_line` where v crosses the level: sign (v - level) is f_low at first, and f_high after h."""
    low, high, slope = 0.0, h, drive + 0.0
    s, before = high * (f_low / (f_low - f_high)) if f_high > f_low else 0.5 * high, inf
    for _ in range(200):
        if not low < s < high:
            s = 0.5 * (low + high)
            if not low < s < high:
                break
        f = sign * (v + drive * s + 0.0 - level)
        if f > 0.0 or (f == 0.0 and not strict):
            high = s
        else:
            low = s
        step = f / (sign * slope) if sign * slope > 0.0 else inf
        s -= step
        if abs(step) <= 1e-11 * high or (abs(step) <= 1e-8 * high and abs(step) <= 1e-3 * before):
            break
        before = abs(step)
    once = round_to_24_bits(s)
    for _ in range(2):
        once -= (v + drive * once + 0.0 - level) / slope if slope != 0.0 else inf
    return min(once if abs(once - s) <= 1e-9 * s else s, h)


@inner
def leave_limit(cell: Record, rate: float, drive: float, v: float, i: float, h: float, sign: float) -> float:
    """First offset in [0, h] at which a neuron held at the limit `v` is driven off it (`sign` 1: upward), or inf."""
    push = drive - cell.leak * v
    if sign * (push + cell.gain * i) > 0.0:
        return 0.0
    if not sign * push > 0.0:
        return inf
    s = log(-cell.gain * i / push) / rate
    nudge = 2.3e-16 * max(s, 1.0 / rate)  # one rounding of s, or of exp(-rate s) where s is nearly zero
    while s <= h:
        if sign * (push + cell.gain * i * exp(-rate * s)) > 0.0:
            return s
        s += nudge
        nudge *= 2.0
    return inf
