"""The binary heaps of the loop for zero delays: neurons by their next forecast, and spikes by their arrival."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from neuro.engine.codes import FAULT, FULL
from neuro.engine.kernels.arrays import F8, I8, NEURON, Index, Records
from neuro.jit import inner

__all__ = ["InstantWorkspace", "heapify", "pop", "push", "restore"]


class InstantWorkspace(NamedTuple):
    """Buffers for one instant: the heap of forecasts, lists and marks of neurons and rows, and a copy of a neuron."""

    order: I8
    """Heap of the neurons by the time of their forecast, `since`."""
    place: I8
    """Place of each neuron in the heap."""
    counts: I8
    """Lengths of the lists; see `Count`."""
    changed: I8
    """Neurons that were brought to this instant."""
    tried: I8
    """Neurons to be tested in the next generation."""
    waiting: I8
    """Rows of zero delay that spikes of this generation go to."""
    times: I8
    """Number of these spikes by row."""
    mark: I8
    """By neuron, flags of `Mark`."""
    saved: Annotated[Records, NEURON, 1]
    """Copy of the neuron whose forecast is computed."""
    saved_x: F8
    """Copy of its x_k."""


@inner
def sift_down(neurons: Records, order: I8, place: I8, k: Index) -> None:
    """Move the neuron at place k down until no neuron below it is earlier."""
    j, n = order[k], len(order)
    t = neurons[j].since
    while True:
        low = 2 * k + 1
        if low + 1 < n and neurons[order[low + 1]].since < neurons[order[low]].since:
            low += 1
        if low >= n or not neurons[order[low]].since < t:
            break
        order[k] = order[low]
        place[order[k]] = k
        k = low
    order[k] = j
    place[j] = k


@inner
def restore(neurons: Records, order: I8, place: I8, j: Index) -> None:
    """Move neuron j to its place after its time has changed."""
    k, t = place[j], neurons[j].since
    while k > 0 and t < neurons[order[(k - 1) // 2]].since:
        order[k] = order[(k - 1) // 2]
        place[order[k]] = k
        k = (k - 1) // 2
    order[k] = j
    place[j] = k
    sift_down(neurons, order, place, k)


@inner
def heapify(neurons: Records, order: I8, place: I8) -> None:
    """Order all neurons."""
    for k in range(len(order)):
        order[k] = place[k] = k
    for k in range(len(order) // 2 - 1, -1, -1):
        sift_down(neurons, order, place, k)


@inner
def push(calendar: Records, register: I8, count: Index, t: float, code: Index) -> None:
    """Add an arrival; register[count] is the number of arrivals."""
    k = register[count]
    if k == len(calendar):
        register[FAULT] = FULL
        return
    register[count] = k + 1
    while k > 0:
        up = calendar[(k - 1) // 2]
        if up.time < t or (up.time == t and up.code <= code):
            break
        calendar[k].time, calendar[k].code = up.time, up.code
        k = (k - 1) // 2
    calendar[k].time, calendar[k].code = t, code


@inner
def pop(calendar: Records, register: I8, count: Index) -> Index:
    """Remove the first arrival and return its code; arrivals of one instant come in the order of their codes."""
    first: Index = calendar[0].code
    n = register[count] - 1
    register[count] = n
    t, code, k = calendar[n].time, calendar[n].code, np.int64(0)
    while True:
        low = 2 * k + 1
        if low + 1 < n:
            a, b = calendar[low], calendar[low + 1]
            if b.time < a.time or (b.time == a.time and b.code < a.code):
                low += 1
        if low >= n:
            break
        down = calendar[low]
        if t < down.time or (t == down.time and code <= down.code):
            break
        calendar[k].time, calendar[k].code = down.time, down.code
        k = low
    calendar[k].time, calendar[k].code = t, code
    return first
