"""Kernels that send pulses to devices: the laws, the errors of single pulses, and their random numbers.

The k-th pulse of a device always draws the same numbers: number j of a device is output j of a SplitMix64 generator
(Steele, Lea and Flood 2014) that starts from the array's key and the device's index. So the bits depend neither on
how pulses are batched nor on the pulses of other devices.
"""

from __future__ import annotations

from math import cos, erfc, exp, log, pi, sqrt

import numpy as np

from neuro.crossbar.device.records import DeviceRecords
from neuro.jit import inlined, kernel
from neuro.validation import Floats, Ints

__all__ = ["normals", "play", "send", "send_by_rows"]

# The columns of a row of parameters, as `records.COLUMNS` names them.
LO, HI, UP, DOWN, ZERO, LOW, HIGH, GAMMA_UP, GAMMA_DOWN, A_UP, A_DOWN, A, B, NUMBER = range(14)
CONSTANT, LINEAR, SOFT, EXPONENTIAL, POWER, PIECEWISE, TABLE = range(7)
CHANGE, STEP, MIXED = range(3)

# Numbers drawn for each pulse: two for its error (or one for a table), two for the read afterwards.
_DRAWS = 4


@inlined
def _bits(key: np.uint64, device: int, number: int) -> np.uint64:
    """Output `number` of the generator of one device: 64 bits."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    state = key + golden * np.uint64(device + 1)
    for turn in range(2):
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
        if turn == 0:
            state = state + golden * np.uint64(number + 1)
    return state


@inlined
def _uniform(key: np.uint64, device: int, number: int) -> float:
    """Uniform in (0, 1), never an end."""
    return (float(_bits(key, device, number) >> np.uint64(11)) + 0.5) * 2.0**-53


@inlined
def _normal(key: np.uint64, device: int, number: int) -> float:
    """Standard normal, from two uniform numbers (Box and Muller 1958)."""
    radius = sqrt(-2.0 * log(_uniform(key, device, number)))
    return radius * cos(2.0 * pi * _uniform(key, device, number + 1))


@inlined
def _place(axes: Floats, row: int, x: float) -> float:
    """Where x lies on a rising axis, in units of its points, held at both ends."""
    low, high = 0, axes.shape[1] - 1
    if high == 0 or x <= axes[row, 0]:
        return 0.0
    if x >= axes[row, high]:
        return float(high)
    while high - low > 1:
        middle = (low + high) // 2
        if axes[row, middle] <= x:
            low = middle
        else:
            high = middle
    place: float = low + (x - axes[row, low]) / (axes[row, high] - axes[row, low])
    return place


@inlined
def _tabulated(tables: Floats, way: int, number: int, at_probability: float, at_conductance: float) -> float:
    """Bilinear in one table (probabilities, points)."""
    k = min(int(at_probability), max(tables.shape[2] - 2, 0))
    m = min(int(at_conductance), tables.shape[3] - 2)
    share, part = at_probability - k, at_conductance - m
    found: float = (1.0 - part) * tables[way, number, k, m] + part * tables[way, number, k, m + 1]
    if share > 0.0:
        above = (1.0 - part) * tables[way, number, k + 1, m] + part * tables[way, number, k + 1, m + 1]
        found = (1.0 - share) * found + share * above
    return found


@inlined
def _change(
    kind: int, way: int, g: float, lo: float, hi: float, zero: float, step: float, bound: float, gamma: float,
    weight: float, a: float, b: float,
) -> float:  # fmt: skip
    """Size of the noiseless change of one pulse, S, by the law of this kind (docstrings in `laws`).

    Numbers alone come in: to pass an array costs a count of its references, and that more than the law itself.
    """
    if kind == LINEAR:
        if bound != zero:
            step *= 1.0 - gamma * (g - zero) / (bound - zero)
    elif kind == SOFT:
        end = lo if way else hi
        if end != zero:
            step *= (end - g) / (end - zero)
    elif kind == EXPONENTIAL:
        z = 2.0 * a * (g - zero) / (hi - lo) + b
        z = -z if way else z
        step *= max(1.0 - weight * exp(gamma * z), 0.0)
    elif kind == POWER:
        share = (g - lo if way else hi - g) / (hi - lo)
        step *= max(share, 0.0) ** gamma
    return step


@inlined
def _factor(curves: Floats, way: int, place: float) -> float:
    """The factor of a piecewise law, `place` being where in the window the device stands, 0..1."""
    last = curves.shape[1] - 1
    at = min(max(place, 0.0), 1.0) * last
    k = min(int(at), max(last - 1, 0))
    share = at - k
    factor: float = curves[way, k]
    if share > 0.0:
        factor = (1.0 - share) * factor + share * curves[way, k + 1]
    return factor


@inlined
def _pulse(
    d: DeviceRecords, par: Floats, last_normal: Floats, kind: int, std: float, rho: float, key: np.uint64, way: int,
    g: float, i: int, count: int,
) -> float:  # fmt: skip
    """The conductance of device i after one more pulse, its `count`-th, up (way 0) or down (way 1)."""
    lo: float = par[i, LO]
    hi: float = par[i, HI]
    # A stuck or dead device has no window; its pulse counts all the same.
    if hi > lo:
        zero, step = par[i, ZERO], par[i, UP + way]
        z = 0.0
        if std > 0.0 or rho != 0.0:
            z = _normal(key, i, _DRAWS * count)
            if rho != 0.0:
                if count > 0:
                    z = rho * last_normal[i] + sqrt(1.0 - rho * rho) * z
                last_normal[i] = z
        if kind == TABLE:
            number = int(par[i, NUMBER])
            u = 0.5 * erfc(-z / sqrt(2.0)) if rho != 0.0 else _uniform(key, i, _DRAWS * count)
            g += _tabulated(d.tables, way, number, _place(d.probability, 0, u), _place(d.axes, number, g))
        else:
            change = _change(
                kind, way, g, lo, hi, zero, step, par[i, HIGH - way], par[i, GAMMA_UP + way], par[i, A_UP + way],
                par[i, A], par[i, B],
            )  # fmt: skip
            if kind == PIECEWISE:
                change *= _factor(d.curves, way, (g - lo) / (hi - lo))
            if std > 0.0:
                if d.mode == STEP:
                    size = step
                elif d.mode == MIXED:
                    size = abs(change) + d.noise[1] + d.noise[2] * abs(g - zero)
                else:
                    size = abs(change)
                change += z * std * size
            g += -change if way else change
    return min(max(g, lo), hi)


@inlined
def _half_pulse(d: DeviceRecords, way: int, g: float, i: int, fraction: float) -> float:
    """The conductance after a half-selected pulse: `fraction` of the expected change of a whole one."""
    lo: float = d.par[i, LO]
    hi: float = d.par[i, HI]
    if hi > lo:
        if d.kind == TABLE:
            number = int(d.par[i, NUMBER])
            g += fraction * _tabulated(d.means, way, number, 0.0, _place(d.axes, number, g))
        else:
            par = d.par
            change = fraction * _change(
                d.kind, way, g, lo, hi, par[i, ZERO], par[i, UP + way], par[i, HIGH - way], par[i, GAMMA_UP + way],
                par[i, A_UP + way], par[i, A], par[i, B],
            )  # fmt: skip
            if d.kind == PIECEWISE:
                change *= _factor(d.curves, way, (g - lo) / (hi - lo))
            g += -change if way else change
    return min(max(g, lo), hi)


@kernel
def send(d: DeviceRecords, g: Floats, seen: Floats, pulses: Ints) -> tuple[float, float]:
    """Send `pulses[i]` pulses, signed by direction, to each device i, in place.

    The next pulse starts from `g`; `seen` is the read conductance: the same, or g with the write noise of the last
    pulse. Returns two sums, over up pulses and over down pulses, of the mean of g before and after, S: a pulse's charge
    is computed from them.
    """
    risen, fallen = 0.0, 0.0
    par, last_normal, counts, write_noise, key = d.par, d.last_normal, d.counts, d.write_noise, d.key
    kind, std, rho = d.kind, d.noise[0], d.noise[3]
    for i in range(len(g)):
        n = pulses[i]
        if n == 0:
            continue
        way = 0 if n > 0 else 1
        now, total, count = g[i], 0.0, counts[i]
        for _ in range(abs(n)):
            before = now
            now = _pulse(d, par, last_normal, kind, std, rho, key, way, now, i, count)
            count += 1
            total += 0.5 * (before + now)
        counts[i] = count
        g[i] = now
        seen[i] = now
        if write_noise > 0.0:
            seen[i] = max(now + write_noise * _normal(key, i, _DRAWS * (count - 1) + 2), 0.0)
        if way:
            fallen += total
        else:
            risen += total
    return risen, fallen


@kernel
def send_by_rows(
    d: DeviceRecords, g: Floats, seen: Floats, pulses: Ints, fraction: float, columns: int
) -> tuple[float, float, int, float]:
    """As `send`, row by row with the neighbours disturbed: arrays are flat, of `columns` devices a row.

    A row gets its up pulses, then its down pulses. In each slot the cells with pulses left are selected; the rest of
    their row and the rest of their columns are half-selected. Returns two more: how many half-selected pulses there
    were, and the sum of the conductances they met.
    """
    risen, fallen, half_selects, half_selected = 0.0, 0.0, 0, 0.0
    par, last_normal, key, kind, std, rho = d.par, d.last_normal, d.key, d.kind, d.noise[0], d.noise[3]
    rows = len(g) // columns
    for row in range(rows):
        for way in range(2):
            direction = 1 - 2 * way
            slots = 0
            for i in range(row * columns, (row + 1) * columns):
                slots = max(slots, direction * pulses[i])
            for slot in range(slots):
                for column in range(columns):
                    i = row * columns + column
                    selected = direction * pulses[i] > slot
                    if selected:
                        before = g[i]
                        now = _pulse(d, par, last_normal, kind, std, rho, key, way, before, i, d.counts[i])
                        d.counts[i] += 1
                        g[i] = now
                        seen[i] = now
                        if d.write_noise > 0.0:
                            seen[i] = max(now + d.write_noise * _normal(d.key, i, _DRAWS * (d.counts[i] - 1) + 2), 0.0)
                        if way:
                            fallen += 0.5 * (before + now)
                        else:
                            risen += 0.5 * (before + now)
                    for other in range(rows):
                        # Of a column with a selected cell, the other rows are disturbed; of any other, the driven row.
                        if (other == row) == selected:
                            continue
                        k = other * columns + column
                        moved = _half_pulse(d, way, g[k], k, fraction)
                        seen[k] = max(seen[k] + (moved - g[k]), 0.0)
                        half_selects += 1
                        half_selected += g[k]
                        g[k] = moved
    return risen, fallen, half_selects, half_selected


@kernel
def play(d: DeviceRecords, g: Floats, ways: Ints, drawn: Floats, gain: float) -> Floats:
    """The read conductance of each device before and after each of its pulses, S, shape (pulses + 1, devices).

    `ways` has one pulse, up, down or none (1, -1, 0), for each device in each of its rows. After each pulse the
    device takes over `gain` of its distance to `drawn`, shape (pulses + 1, devices), where that is a number.
    """
    steps, size = ways.shape
    par, last_normal, key, kind, std, rho = d.par, d.last_normal, d.key, d.kind, d.noise[0], d.noise[3]
    found = np.empty((steps + 1, size))
    for i in range(size):
        now = g[i]
        found[0, i] = now
        for k in range(steps):
            found[k + 1, i] = found[k, i]
            if ways[k, i] != 0:
                way = 0 if ways[k, i] > 0 else 1
                now = _pulse(d, par, last_normal, kind, std, rho, key, way, now, i, d.counts[i])
                d.counts[i] += 1
                found[k + 1, i] = now
                if d.write_noise > 0.0:
                    noise = d.write_noise * _normal(d.key, i, _DRAWS * (d.counts[i] - 1) + 2)
                    found[k + 1, i] = max(now + noise, 0.0)
            if gain > 0.0 and not np.isnan(drawn[k + 1, i]):
                now += gain * (drawn[k + 1, i] - now)
        g[i] = now
    return found


@kernel
def normals(key: np.uint64, count: int, number: int) -> Floats:
    """Normal number `number` of each of `count` devices, as `send` draws them."""
    found = np.empty(count)
    for i in range(count):
        found[i] = _normal(key, i, number)
    return found
