"""Spikes of layers of LIF neurons, exactly: from arrival to arrival, all neurons of a layer side by side."""

from __future__ import annotations

from math import exp, inf, log

from neuro.gradients.kernels.arrays import DONE, F8
from neuro.gradients.kernels.layer_arrays import DELAY, DURATION, FULL, LEAK, ONCE, RATE, Layers, Room
from neuro.gradients.kernels.nodes import instant_of
from neuro.gradients.kernels.responses import response, response_of
from neuro.jit import inner

__all__ = ["PEAK", "peak_after", "run_layer", "sort_spikes", "spike_on"]

PEAK = -1.0
"""`Room.rise` of a largest v."""
BLOCK = 32
"""Neurons that are looked at together for whether one can reach the threshold."""


@inner
def crossing(leak: float, rate: float, v: float, c: float, h: float, begin: float) -> float:
    """The first time in (0, h] after which v, below 1 at `begin`, is at 1; inf if there is none.

    v rises exactly while c > v. So it can only reach 1 while c > 1, and below 1 it rises all that time.
    """
    if c <= 1.0:
        return inf
    high = min(h, log(c) / rate)
    left, faded = exp(-leak * high), exp(-rate * high)
    if v * left + c * leak * response_of(leak, rate, high, left, faded) < 1.0:
        return inf
    low, u, small = 0.0, 0.0, 2.0**-52 * (begin + h)
    at, flow = v, c
    for _ in range(100):
        # Halley's step: v is concave while it rises.
        slope = leak * (flow - at)
        bend = -leak * (rate * flow + slope)
        away = at - 1.0
        after = u - 2.0 * away * slope / (2.0 * slope * slope - away * bend)
        if abs(after - u) <= small:
            break
        if not low < after < high:
            after = 0.5 * (low + high)
            if not low < after < high:
                break
        u = after
        left, faded = exp(-leak * u), exp(-rate * u)
        at, flow = v * left + c * leak * response_of(leak, rate, u, left, faded), c * faded
        if at < 1.0:
            low = u
        else:
            high = u
    return u


@inner
def sort_spikes(room: Room, low: int, high: int) -> None:
    """Sort the spikes low .. high by time; at one time by neuron."""
    time, who, rise, fall = room.time, room.who, room.rise, room.fall
    gap = 1
    while 3 * gap < high - low:
        gap = 3 * gap + 1
    while gap > 0:
        for n in range(low + gap, high):
            t, j, up, down = time[n], who[n], rise[n], fall[n]
            k = n
            while k >= low + gap and (time[k - gap] > t or (time[k - gap] == t and who[k - gap] > j)):
                time[k], who[k], rise[k], fall[k] = time[k - gap], who[k - gap], rise[k - gap], fall[k - gap]
                k -= gap
            time[k], who[k], rise[k], fall[k] = t, j, up, down
        gap //= 3


@inner
def near(v: F8, c: F8, most: float) -> bool:
    """May any of these neurons reach 1, if the response to a current does not exceed `most`?

    Without a branch, so that several are looked at in one instruction.
    """
    found = 0
    for j in range(len(v)):
        found |= int(max(v[j], 0.0) + c[j] * most >= 1.0)
    return found != 0


@inner
def spike_on(layers: Layers, room: Room, j: int, begin: float, h: float, end: int) -> tuple[int, bool]:
    """Enter the spikes of neuron j within h seconds without arrivals, and what becomes of it; their end, or -1."""
    leak, rate, once = layers.constants[LEAK], layers.constants[RATE], layers.constants[ONCE] > 0.0
    here, v, c, fired = 0.0, room.v[j], room.c[j], False
    while True:
        u = crossing(leak, rate, v, c, h - here, begin + here)
        if u == inf:
            break
        if end == len(room.time):
            return -1, False
        fired = True
        here += u
        v, c = 0.0, c * exp(-rate * u)
        room.time[end], room.who[end] = begin + here, j
        room.rise[end], room.fall[end] = leak * (c - 1.0), leak * c
        if once:
            # No input brings it back.
            room.fall[end], c = 0.0, -inf
        end += 1
    if fired:
        rest = h - here
        room.own_v[j] = c * leak * response(leak, rate, rest)
        room.own_c[j] = c * exp(-rate * rest)
    return end, fired


@inner
def pass_interval(layers: Layers, room: Room, size: int, begin: float, h: float, end: int, peak: float) -> int:
    """Advance a layer by h seconds without arrivals; its spikes are entered from place `end` on, and their end given.

    -1 if there is no room. The response to a current is largest after `peak` seconds.
    """
    v, c, leak, rate = room.v, room.c, layers.constants[LEAK], layers.constants[RATE]
    left, faded = exp(-leak * h), exp(-rate * h)
    grown = leak * response_of(leak, rate, h, left, faded)
    most = leak * response(leak, rate, peak) if peak < h else grown
    own, first = 0, end
    for block in range(0, size, BLOCK):
        last = min(size, block + BLOCK)
        if not near(v[block:last], c[block:last], most):
            continue
        for j in range(block, last):
            if c[j] <= 1.0 or max(v[j], 0.0) + c[j] * most < 1.0:
                continue
            end, fired = spike_on(layers, room, j, begin, h, end)
            if end < 0:
                return -1
            if fired:
                room.own[own] = j
                own += 1
    for j in range(size):
        v[j] = v[j] * left + c[j] * grown
        c[j] *= faded
    for n in range(own):
        j = room.own[n]
        v[j], c[j] = room.own_v[j], room.own_c[j]
    if end > first + 1:
        sort_spikes(room, first, end)
    return end


@inner
def run_layer(layers: Layers, room: Room, layer: int) -> int:
    """The spikes of one layer from those of the layer below; DONE or FULL."""
    size, at = layers.sizes[layer], layers.weight_at[layer - 1]
    v, c, weight = room.v, room.c, layers.weight
    delay, duration = layers.constants[DELAY], layers.constants[DURATION]
    leak, rate = layers.constants[LEAK], layers.constants[RATE]
    peak = log(rate / leak) / (rate - leak) if rate != leak else 1.0 / leak
    for j in range(size):
        v[j] = c[j] = 0.0
    now, end = 0.0, room.first[layer]
    for a in range(room.first[layer - 1], room.first[layer]):
        time = instant_of(room.time[a] + delay)
        if time >= duration:
            break
        if time > now:
            end = pass_interval(layers, room, size, now, time - now, end, peak)
            if end < 0:
                return FULL
            now = time
        # A slice spares a look at the sign of each index.
        row = weight[at + room.who[a] * size : at + (room.who[a] + 1) * size]
        for j in range(size):
            c[j] += row[j]
    if duration > now:
        end = pass_interval(layers, room, size, now, duration - now, end, peak)
        if end < 0:
            return FULL
    room.first[layer + 1] = end
    return DONE


@inner
def peak_after(leak: float, rate: float, v: float, c: float, h: float) -> float:
    """Where v, which rises at first, is largest within h seconds."""
    low, high = 0.0, h
    if c * exp(-rate * h) >= v * exp(-leak * h) + c * leak * response(leak, rate, h):
        return h
    for _ in range(60):
        u = 0.5 * (low + high)
        if c * exp(-rate * u) > v * exp(-leak * u) + c * leak * response(leak, rate, u):
            low = u
        else:
            high = u
    return 0.5 * (low + high)
