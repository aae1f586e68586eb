"""Layers whose synapses have delays of their own: neuron by neuron, forward and back, with all arrivals in order."""

from __future__ import annotations

from math import exp

from neuro.gradients.kernels.arrays import DONE
from neuro.gradients.kernels.layer_arrays import DELAY, DURATION, FLOOR, FULL, LEAK, RATE, Layers, Room, Sums
from neuro.gradients.kernels.layer_forward import PEAK, sort_spikes, spike_on
from neuro.gradients.kernels.nodes import instant_of
from neuro.gradients.kernels.responses import response, response_of
from neuro.jit import inner

__all__ = ["list_arrivals", "run_alone", "sweep_alone"]


@inner
def list_arrivals(layers: Layers, room: Room, layer: int, j: int) -> int:
    """List what arrives at neuron j of a layer before the end of the run, by time; the number of arrivals."""
    size, at, duration = layers.sizes[layer], layers.weight_at[layer - 1] + j, layers.constants[DURATION]
    delay, own, count = layers.constants[DELAY], len(layers.delay) > 0, 0
    time, sender = room.arrival, room.sender
    for a in range(room.first[layer - 1], room.first[layer]):
        t = instant_of(room.time[a] + (layers.delay[at + room.who[a] * size] if own else delay))
        if t < duration:
            time[count], sender[count] = t, a
            count += 1
    if own:
        sort_arrivals(room, count)
    return count


@inner
def sort_arrivals(room: Room, count: int) -> None:
    """Sort what arrives at one neuron by time; at one time by spike."""
    time, sender, gap = room.arrival, room.sender, 1
    while 3 * gap < count:
        gap = 3 * gap + 1
    while gap > 0:
        for n in range(gap, count):
            t, a, k = time[n], sender[n], n
            while k >= gap and (time[k - gap] > t or (time[k - gap] == t and sender[k - gap] > a)):
                time[k], sender[k] = time[k - gap], sender[k - gap]
                k -= gap
            time[k], sender[k] = t, a
        gap //= 3


@inner
def run_alone(layers: Layers, room: Room, layer: int) -> int:
    """The spikes of one layer from those of the layer below, as `run_layer`; DONE or FULL."""
    size, at, duration = layers.sizes[layer], layers.weight_at[layer - 1], layers.constants[DURATION]
    leak, rate, end = layers.constants[LEAK], layers.constants[RATE], room.first[layer]
    for j in range(size):
        room.v[j] = room.c[j] = now = 0.0
        count = list_arrivals(layers, room, layer, j)
        for m in range(count + 1):
            time = room.arrival[m] if m < count else duration
            h = time - now
            if h > 0.0:
                end, fired = spike_on(layers, room, j, now, h, end)
                if end < 0:
                    return FULL
                if fired:
                    room.v[j], room.c[j] = room.own_v[j], room.own_c[j]
                else:
                    left, faded = exp(-leak * h), exp(-rate * h)
                    room.v[j] = room.v[j] * left + room.c[j] * leak * response_of(leak, rate, h, left, faded)
                    room.c[j] *= faded
                now = time
            if m < count:
                room.c[j] += layers.weight[at + room.who[room.sender[m]] * size + j]
    if end > room.first[layer] + 1:
        sort_spikes(room, room.first[layer], end)
    room.first[layer + 1] = end
    return DONE


@inner
def cross_spike(layers: Layers, room: Room, sums: Sums, n: int, by_v: float) -> float:
    """The derivative by v just before spike n, or largest v, of the layer, from that just after."""
    slope, by_time = room.rise[n], room.by_time[n]
    if slope == PEAK:
        found: float = by_v + by_time
        return found
    if slope < layers.constants[FLOOR]:
        slope = layers.constants[FLOOR]
        sums.acted[0] += 1
    found = (by_v * room.fall[n] - by_time) / slope
    return found


@inner
def sweep_alone(layers: Layers, room: Room, sums: Sums, layer: int) -> None:
    """Derivatives by the weights and delays of a layer, and by the spikes of the layer below, as `sweep_layer`."""
    size, at = layers.sizes[layer], layers.weight_at[layer - 1]
    leak, rate = layers.constants[LEAK], layers.constants[RATE]
    for n in range(room.first[layer], room.first[layer + 1]):
        j = room.who[n]
        room.link[n], room.place[j] = room.place[j] - 1, n + 1
    for j in range(size):
        n, room.place[j] = room.place[j] - 1, 0
        while n >= 0 and room.by_time[n] == 0.0:
            n = room.link[n]
        if n < 0:
            continue
        now = last = room.time[n]
        by_v = by_c = 0.0
        for m in range(list_arrivals(layers, room, layer, j) - 1, -1, -1):
            time, a = room.arrival[m], room.sender[m]
            if time >= last:
                continue
            while n >= 0 and room.time[n] > time:
                u = now - room.time[n]
                by_c = by_c * exp(-rate * u) + by_v * leak * response(leak, rate, u)
                by_v = cross_spike(layers, room, sums, n, by_v * exp(-leak * u))
                now, n = room.time[n], room.link[n]
            u = now - time
            if u > 0.0:
                by_c = by_c * exp(-rate * u) + by_v * leak * response(leak, rate, u)
                by_v *= exp(-leak * u)
                now = time
            s = at + room.who[a] * size + j
            later = layers.weight[s] * (rate * by_c - leak * by_v)
            sums.weight[s] += by_c
            sums.delay[s] += later
            room.by_time[a] += later
