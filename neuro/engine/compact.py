"""Neurons in amplitude form: a whole group relative to one reference time, so that an input is two additions.

v - v_inf = a exp(-(t - t0) rate_m) + b exp(-(t - t0) rate_s). What is rare is hidden in the value of a itself:

    a = +inf   watched: the neuron could spike before the window ends, or its refractory time ends inside the window.
               Its amplitudes stand aside (mode FREE), or its state form holds (mode HELD). The bound always fires.
    a = -inf   refractory (or forced) beyond this window: the bound never fires, and b goes on collecting input.

The bound: with x = v - v_inf and current i, v stays below v_inf + max(x, x exp(-h rate_m)) + max(i, 0) peak(h).
"""

from __future__ import annotations

from math import exp, inf

from neuro.engine.calendar import enter
from neuro.engine.neuron import settle
from neuro.engine.records import F8, FORCED, FREE, HELD, I8, WATCHED, Index, Record, Records, State
from neuro.jit import inlined, kernel

__all__ = ["close", "pack", "response_peak", "scan", "unpack", "watch"]


@inlined
def response_peak(group: Record, left: float, h: float) -> float:
    """The most that a unit current can add to v in the next `h` seconds; `left` = exp(-h rate_m)."""
    if h >= group.s_peak:
        most: float = group.peak
    else:
        most = group.shape * (exp(-h * group.rate_s) - left)
    return most


@inlined
def enlist(neuron: Record, register: I8, watched: I8, j: Index) -> None:
    if not neuron.listed:
        neuron.listed = 1
        watched[register[WATCHED]] = j
        register[WATCHED] += 1


@inlined
def watch(
    neuron: Record,
    amp: F8,
    register: I8,
    watched: I8,
    j: Index,
    a: float,
    b: float,
    am: float,
    bs: float,
    rate_m: float,
    rate_s: float,
    t: float,
) -> None:
    """Put a neuron on the list of those that the bound cannot clear; am and bs are its amplitudes at `t`.

    `rising` tells the next look what to expect: 2, v is above threshold already; 1, it is on its way up.
    """
    neuron.side_a, neuron.side_b, neuron.since = a, b, t
    neuron.rising = 2 if am + bs >= amp[2] else (1 if am * rate_m + bs * rate_s < 0.0 else 0)
    amp[0] = inf
    enlist(neuron, register, watched, j)


@kernel
def unpack(
    cell: Record,
    rate: F8,
    jump: F8,
    group: Record,
    origin: float,
    neuron: Record,
    amp: F8,
    x: F8,
    work: F8,
    register: I8,
    time: F8,
    ids: I8,
    j: Index,
    t: float,
) -> None:
    """Bring a neuron into state form at `t`, through whatever happens on the way."""
    watched = amp[0] == inf
    if not (watched and neuron.mode == HELD):
        a, b = amp[0], amp[1]
        neuron.last = t
        if watched:
            a, b, neuron.last = neuron.side_a, neuron.side_b, neuron.since
        s = neuron.last - origin
        b *= exp(-s * group.rate_s)
        if a != -inf:
            neuron.v = amp[3] + a * exp(-s * group.rate_m) + b
            neuron.mode = FREE
        if len(x):
            x[0] = b / group.shape
    if watched:
        settle(cell, rate, jump, neuron, x, work, register, time, ids, j, t, True)


@kernel
def pack(
    group: Record,
    origin: float,
    neuron: Record,
    amp: F8,
    x: F8,
    register: I8,
    watched: I8,
    calendar: Records,
    bucket: I8,
    j: Index,
    t: float,
    end: float,
    window: Index,
    length: float,
) -> None:
    """Put a neuron in state form at `t` back into amplitude form.

    At the end of a window nothing is watched: the next scan looks at every neuron.
    """
    s = t - origin
    em, es = exp(-s * group.rate_m), exp(-s * group.rate_s)
    i = x[0] if len(x) else 0.0
    b = i * group.shape / es
    amp[1] = b
    if neuron.mode == FORCED:
        amp[0] = -inf
    elif neuron.mode == HELD:
        if neuron.until >= end:
            amp[0] = -inf
            enter(calendar, bucket, register, window, length, neuron.until, -1 - j)
        else:
            amp[0] = inf
            enlist(neuron, register, watched, j)
    else:
        a = (neuron.v - amp[3] - i * group.shape) / em
        amp[0] = a
        if t < end:
            v = a * em + b * es
            left = exp(-(end - t) * group.rate_m)
            if max(v, v * left) + max(i * response_peak(group, left, end - t), 0.0) >= amp[2]:
                watch(neuron, amp, register, watched, j, a, b, a * em, b * es, group.rate_m, group.rate_s, t)


@kernel
def scan(
    group: Record, origin: float, neurons: Records, amps: F8, register: I8, watched: I8, start: float, end: float
) -> None:
    """Move a group's reference time to `start`, and watch all that could spike before `end`."""
    s = start - origin
    em, es = max(exp(-s * group.rate_m), 1e-300), exp(-s * group.rate_s)
    left = exp(-(end - start) * group.rate_m)
    most = response_peak(group, left, end - start) / group.shape
    for j in range(group.start, group.stop):
        amp = amps[j]
        a, b = amp[0] * em, amp[1] * es
        amp[0], amp[1] = a, b
        v = a + b
        if max(v, v * left) + max(b * most, 0.0) >= amp[2]:
            watch(neurons[j], amp, register, watched, j, a, b, a, b, group.rate_m, group.rate_s, start)


@kernel
def close(
    cells: Records,
    rate: F8,
    jump: F8,
    groups: Records,
    origin: F8,
    state: State,
    work: F8,
    watched: I8,
    time: F8,
    ids: I8,
    end: float,
    window: Index,
    length: float,
) -> None:
    """The window's last look at every watched neuron."""
    register = state.register
    n = register[WATCHED]
    register[WATCHED] = 0
    for k in range(n):
        j = watched[k]
        neuron, amp, x = state.neurons[j], state.amp[j], state.x[j]
        neuron.listed = 0
        if amp[0] != inf:
            continue
        g = cells[j].group
        group = groups[g]
        if neuron.mode != HELD:
            s = end - origin[g]
            am, bs = neuron.side_a * exp(-s * group.rate_m), neuron.side_b * exp(-s * group.rate_s)
            falls = am * group.rate_m + bs * group.rate_s > 0.0
            if not (am + bs >= amp[2] or neuron.rising == 2 or (neuron.rising == 1 and falls)):
                amp[0], amp[1] = neuron.side_a, neuron.side_b
                continue
        unpack(cells[j], rate[j], jump[j], group, origin[g], neuron, amp, x, work, register, time, ids, j, end)
        pack(
            group,
            origin[g],
            neuron,
            amp,
            x,
            register,
            watched,
            state.calendar,
            state.bucket,
            j,
            end,
            end,
            window,
            length,
        )
