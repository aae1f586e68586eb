"""The way back through layers of LIF neurons: from the loss of an example to the derivatives by all weights."""

from __future__ import annotations

from math import exp

from neuro.gradients.kernels.arrays import DONE
from neuro.gradients.kernels.layer_arrays import (
    DELAY,
    DURATION,
    FLOOR,
    FULL,
    LEAK,
    RATE,
    REVIVAL,
    TEMPERATURE,
    TIMED,
    Examples,
    Layers,
    Room,
    Sums,
)
from neuro.gradients.kernels.layer_delays import list_arrivals, run_alone, sweep_alone
from neuro.gradients.kernels.layer_forward import PEAK, peak_after, run_layer
from neuro.gradients.kernels.nodes import instant_of
from neuro.gradients.kernels.responses import response
from neuro.jit import inner, kernel

__all__ = ["answer_examples", "learn_examples"]


@inner
def run_example(layers: Layers, examples: Examples, room: Room, b: int) -> int:
    """All spikes of example b, and its answer; DONE or FULL."""
    depth = len(layers.sizes) - 1
    low, count = examples.first[b], examples.first[b + 1] - examples.first[b]
    if count > len(room.time):
        return FULL
    for a in range(count):
        room.time[a], room.who[a] = examples.time[low + a], examples.who[low + a]
    room.first[0], room.first[1] = 0, count
    for layer in range(1, depth + 1):
        code = run_layer(layers, room, layer) if len(layers.delay) == 0 else run_alone(layers, room, layer)
        if code != DONE:
            return FULL
    for o in range(layers.sizes[depth]):
        examples.answer[b, o] = layers.constants[DURATION]
    for n in range(room.first[depth + 1] - 1, room.first[depth] - 1, -1):
        examples.answer[b, room.who[n]] = room.time[n]
    for layer in range(depth + 1):
        examples.spikes[b, layer] = room.first[layer + 1] - room.first[layer]
    return DONE


@inner
def largest_v(layers: Layers, room: Room, j: int) -> tuple[float, float, int]:
    """When v of the silent output j is largest; dv/dt there if it is so because of an arrival, whose spike is given."""
    depth = len(layers.sizes) - 1
    size, at = layers.sizes[depth], layers.weight_at[depth - 1]
    leak, rate, duration = layers.constants[LEAK], layers.constants[RATE], layers.constants[DURATION]
    v, c, now, best, when, slope, spike = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1
    count = list_arrivals(layers, room, depth, j)
    for m in range(count + 1):
        time = room.arrival[m] if m < count else duration
        h = time - now
        if h > 0.0:
            if c > max(v, 0.0):
                u = peak_after(leak, rate, v, c, h)
                top = v * exp(-leak * u) + c * leak * response(leak, rate, u)
                if top > best:
                    best, when, spike, slope = top, now + u, -1, 0.0
                    if u == h and m < count:
                        spike, slope = room.sender[m], leak * (c * exp(-rate * h) - top)
            v, c = v * exp(-leak * h) + c * leak * response(leak, rate, h), c * exp(-rate * h)
            now = time
        if m < count:
            c += layers.weight[at + room.who[room.sender[m]] * size + j]
    return when, slope, spike


@inner
def enter_peak(layers: Layers, room: Room, j: int) -> int:
    """Enter the largest v of a silent output among the spikes of its layer; the spike that moves it, or -1."""
    depth = len(layers.sizes) - 1
    when, slope, spike = largest_v(layers, room, j)
    n = room.first[depth + 1]
    room.first[depth + 1] = n + 1
    while n > room.first[depth] and room.time[n - 1] >= when:
        room.time[n], room.who[n] = room.time[n - 1], room.who[n - 1]
        room.rise[n], room.fall[n] = room.rise[n - 1], room.fall[n - 1]
        n -= 1
    room.time[n], room.who[n], room.rise[n], room.fall[n] = when, j, PEAK, slope
    return spike


@inner
def enter_loss(layers: Layers, examples: Examples, room: Room, sums: Sums, b: int, share: float) -> int:
    """Put the derivatives of the loss of example b, times `share`, at the spikes of the outputs; DONE or FULL."""
    depth = len(layers.sizes) - 1
    size, duration, temperature = layers.sizes[depth], layers.constants[DURATION], layers.constants[TEMPERATURE]
    revival, timed = layers.constants[REVIVAL], layers.constants[TIMED] > 0.0
    for n in range(room.first[depth + 1]):
        room.by_time[n] = 0.0
    first, total = duration, 0.0
    for o in range(size):
        first = min(first, examples.answer[b, o])
    for o in range(size):
        total += exp((first - examples.answer[b, o]) / temperature)
    if revival > 0.0:
        for o in range(size):
            if (timed or examples.target[b, o] > 0.0) and examples.answer[b, o] == duration:
                if room.first[depth + 1] == len(room.time):
                    return FULL
                spike = enter_peak(layers, room, o)
                sums.acted[1] += 1
                for n in range(room.first[depth], room.first[depth + 1]):
                    if room.who[n] == o and room.rise[n] == PEAK and spike >= 0:
                        later = share * revival * room.fall[n]
                        room.by_time[spike] -= later
                        if len(sums.delay):
                            sums.delay[layers.weight_at[depth - 1] + room.who[spike] * size + o] -= later
    for n in range(room.first[depth], room.first[depth + 1]):
        o = room.who[n]
        target, t = examples.target[b, o], examples.answer[b, o]
        room.by_time[n] = 0.0
        if room.rise[n] == PEAK:
            room.by_time[n] = -share * revival
        elif room.time[n] == t and timed:
            room.by_time[n] = share * 2.0 * (t - target) / (temperature * temperature)
        elif room.time[n] == t:
            room.by_time[n] = share * (target - exp((first - t) / temperature) / total) / temperature
    return DONE


@inner
def pass_back(layers: Layers, room: Room, sums: Sums, layer: int, n: int, begin: float, end: float) -> int:
    """Go from `end` back to `begin`, without an arrival but with a layer's spikes n, n - 1, ... after `begin`.

    The number of the first spike that is left is returned.
    """
    v, c, leak, rate = room.v, room.c, layers.constants[LEAK], layers.constants[RATE]
    floor, low, count = layers.constants[FLOOR], room.first[layer], 0
    while n >= low and room.time[n] > begin:
        j, by_time = room.who[n], room.by_time[n]
        k = room.place[j] - 1
        if k < 0:
            if by_time == 0.0 and v[j] == 0.0:
                n -= 1
                continue
            k = count
            room.own[k], room.own_v[k], room.own_c[k], room.own_time[k] = j, v[j], c[j], end
            count += 1
            room.place[j] = count
        u = room.own_time[k] - room.time[n]
        by_v, by_c = room.own_v[k], room.own_c[k]
        by_c = by_c * exp(-rate * u) + by_v * leak * response(leak, rate, u)
        by_v *= exp(-leak * u)
        if room.rise[n] == PEAK:
            by_v += by_time
        else:
            slope = room.rise[n]
            if slope < floor:
                slope = floor
                sums.acted[0] += 1
            by_v = (by_v * room.fall[n] - by_time) / slope
        room.own_v[k], room.own_c[k], room.own_time[k] = by_v, by_c, room.time[n]
        n -= 1
    for k in range(count):
        u, by_v = room.own_time[k] - begin, room.own_v[k]
        room.own_c[k] = room.own_c[k] * exp(-rate * u) + by_v * leak * response(leak, rate, u)
        room.own_v[k] = by_v * exp(-leak * u)
    h = end - begin
    left, faded, grown = exp(-leak * h), exp(-rate * h), leak * response(leak, rate, h)
    for j in range(layers.sizes[layer]):
        c[j] = c[j] * faded + v[j] * grown
        v[j] *= left
    for k in range(count):
        j = room.own[k]
        v[j], c[j], room.place[j] = room.own_v[k], room.own_c[k], 0
    return n


@inner
def sweep_layer(layers: Layers, room: Room, sums: Sums, layer: int) -> None:
    """From the last spike of a layer that matters to its first arrival: derivatives by weights and by those spikes."""
    v, c, weight, found = room.v, room.c, layers.weight, sums.weight
    leak, rate = layers.constants[LEAK], layers.constants[RATE]
    delay, size = layers.constants[DELAY], layers.sizes[layer]
    n = room.first[layer + 1] - 1
    while n >= room.first[layer] and room.by_time[n] == 0.0:
        n -= 1
    if n < room.first[layer]:
        return
    for j in range(size):
        v[j] = c[j] = 0.0
    now = last = room.time[n]
    for a in range(room.first[layer] - 1, room.first[layer - 1] - 1, -1):
        time = instant_of(room.time[a] + delay)
        if time >= last:
            continue
        if time < now:
            n = pass_back(layers, room, sums, layer, n, time, now)
            now = time
        row = layers.weight_at[layer - 1] + room.who[a] * size
        into = found[row : row + size]
        for j in range(size):
            into[j] += c[j]
        if layer > 1:
            own, total = weight[row : row + size], 0.0
            for j in range(size):
                total += own[j] * (rate * c[j] - leak * v[j])
            room.by_time[a] += total


@kernel
def learn_examples(
    layers: Layers, examples: Examples, room: Room, sums: Sums, low: int, high: int, share: float
) -> int:
    """Run the examples low .. high and add the gradient of `share` times their losses; DONE or FULL."""
    depth = len(layers.sizes) - 1
    for b in range(low, high):
        if run_example(layers, examples, room, b) != DONE:
            return FULL
        if enter_loss(layers, examples, room, sums, b, share) != DONE:
            return FULL
        for layer in range(depth, 0, -1):
            if len(layers.delay) == 0:
                sweep_layer(layers, room, sums, layer)
            else:
                sweep_alone(layers, room, sums, layer)
        at = 0
        for layer in range(depth + 1):
            for n in range(room.first[layer], room.first[layer + 1]):
                sums.spikes[at + room.who[n]] += 1
            at += layers.sizes[layer]
    return DONE


@kernel
def answer_examples(layers: Layers, examples: Examples, room: Room, low: int, high: int) -> int:
    """Run the examples low .. high; DONE or FULL."""
    for b in range(low, high):
        if run_example(layers, examples, room, b) != DONE:
            return FULL
    return DONE
