"""The arrays that the kernels of the gradient work on, and the codes that stand in them."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

F8 = Annotated[NDArray[np.float64], np.float64, 1]
F8_2 = Annotated[NDArray[np.float64], np.float64, 2]
I8 = Annotated[NDArray[np.int64], np.int64, 1]
I8_2 = Annotated[NDArray[np.int64], np.int64, 2]
I4 = Annotated[NDArray[np.int32], np.int32, 1]
U1 = Annotated[NDArray[np.uint8], np.uint8, 1]
U4 = Annotated[NDArray[np.uint32], np.uint32, 1]

START, SPIKE, END, STEP, SAMPLE, MARK, LAST = 0, 1, 2, 3, 4, 5, 6
"""Kinds of events: the start of the run, an own spike, the end of a refractory time, a step of a current, a sample of
v, a change of the density of an integral of v, and what comes after a last refractory time. All but ends of refractory
times are nodes."""
CROSSING, BY_ARRIVAL, BY_END, BY_SPIKE, AT_START, CROSSED_FIRST = 0, 8, 16, 24, 32, 40
"""Why a neuron spiked: v grew to the threshold; inputs jumped it there; it was there when the refractory time ended,
after its last spike, or when the run began; v grew there at the instant of an arrival, but before it. Added to the kind
of a spike."""
KIND, CAUSE, HELD, ENDED = 7, 56, 64, 128
"""Masks of the kind and of the cause; the flag that v is held in the interval before a node; and the flag that a
refractory time ends in that interval, as the last event before the node."""
EARLY = 8
"""Flag that a sample comes before what arrives at its instant, as steps do."""
AT_END, AT_STEP, OF_ARRIVAL, OF_SPIKE, AFTER = -3, -2, -1, 0, 1 << 30
"""Order at one instant: ends of refractory times, steps, arrivals, spikes (their generation), samples."""
DONE, MISMATCH, HELD_SPIKE = 0, 1, 2
"""What a kernel returns; a neuron's number is added in `Nodes.fault`."""


class Cells(NamedTuple):
    """The neurons: dv/dt = drive - leak v + gain sum(c_q for q < currents), dc_q/dt = -rate_q c_q."""

    leak: F8
    gain: F8
    threshold: F8
    reset: F8
    refractory: F8
    subtract: I8
    source: I8
    """1 where a neuron fires when it is told to."""
    currents: I8
    """Number of c_q that enter v; the others raise the threshold."""
    modes: I8
    """Number of c_q in use."""
    rate: F8_2
    jump: F8_2
    """What an own spike adds to each c_q."""
    v: F8
    """At the start."""
    c: F8_2
    """At the start."""


class Wires(NamedTuple):
    """The synapses: neuron i has the segments row[i] .. row[i + 1]."""

    row: I8
    first: I8
    """Of each segment, the place of its targets in `post`."""
    length: I8
    mode: I8
    """The c_q that it adds to; -1: v itself."""
    weight_at: I8
    """Place of its first weight, and of that synapse's gradients."""
    lag_at: I8
    """Place of its first delay in `lag`; -1: all have the delay `delay`."""
    delay: F8
    span: F8
    """Length of the windows (`windows.py`) in which its inputs are taken together, s; zero: one by one."""
    post: U4
    lag: F8
    weight: F8


class Run(NamedTuple):
    """The recording of one run, and its loss."""

    time: F8
    """Of each spike, in order."""
    who: I4
    """Neuron of each spike."""
    slope: F8
    """Derivative of the loss with respect to the time of each spike; grows to the total derivative."""
    extras: I8
    """Neuron j has the extras extras[j] .. extras[j + 1], by time: nodes that are no own events."""
    extra_time: F8
    extra_key: I8
    extra_kind: I8
    extra_value: F8
    """Of a step the drive from then on, of a sample the derivative of the loss, of a mark the density from then on."""
    drive: F8
    """At the start."""
    span: F8
    """Start and stop."""


class Nodes(NamedTuple):
    """What happens to each neuron in one run, in order of time; and scratch space of each neuron.

    The end of a refractory time is no node, but a part of the node that comes next: its time follows from the spike,
    and v is held up to it. So events are numbered by their *place*: 2 k + 1 is node k, and 2 k is the end of a
    refractory time just before it, if there is one. Behind the last node of neuron j is the place 2 end[j].
    """

    first: I8
    """Neuron j has the nodes first[j] .. end[j]."""
    end: I8
    time: F8
    key: I4
    """Its order at its instant, where delays may be zero; else empty, as `key_of` finds it from the kind."""
    kind: U1
    info: I4
    """Number of the spike, or of the extra."""
    v: F8
    """v just before the node; once the way back has passed, the derivative of the loss with respect to it."""
    c: F8_2
    """The same of each c_q; then those just before the end of the refractory time, if there are such times."""
    aux: F8
    """Of a spike the sum of the positive inputs onto v at its instant, of a step the drive before; empty if unused."""
    density: F8
    """Of an integral of v, in the interval before the node; empty if unused."""
    order: I4
    """Spikes in the order in which they act; empty: by time."""
    at: I8
    """A node of each neuron near the current time."""
    done: I8
    """Place of the first event that is not finished; on the way back, of the last that is."""
    extra: I8
    due: F8
    """End of the refractory time that goes on, inf if none."""
    drive: F8
    """At the current time."""
    held: F8
    """Derivative with respect to the value at which v is held after the spike that comes next on the way back."""
    later: F8
    """Derivative with respect to the time of that spike, from the end of its refractory time."""
    work: F8
    level: F8
    """Current density of the integral."""
    window: F8_2
    """Of each neuron and c_q, see `windows.py`; no rows if there are no windows."""
    window_at: I8
    """The place at which it ends; -1 if after the last."""
    window_start: F8
    fault: I8
    """The neuron and the spike at which a kernel stopped."""


class Totals(NamedTuple):
    """Gradients, summed over runs."""

    weight: F8
    delay: F8
    leak: F8
    gain: F8
    drive: F8
    threshold: F8
    reset: F8
    refractory: F8
    rate: F8_2
    jump: F8_2
    v: F8
    c: F8_2
    small: I8
    """Number of spikes whose slope was below the floor."""
