"""How long each step takes its slowest core, and how many neurons may have been active in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.validation import Floats, Ints

__all__ = ["ENTRY", "Work", "seen_before", "slowest_core"]


ENTRY = np.dtype([("core", np.int64), ("time", np.float64), ("synapses", np.float64)])
"""An entry of the routes: its core, seconds of that core for a spike along it, and its synapses."""


class Work(NamedTuple):
    """What cores do: spikes in the order of their steps, the routes, and the seconds that each part takes."""

    spike_step: Ints
    """Step of each spike, increasing."""
    spike_neuron: Ints
    """Its neuron, counted through all populations."""
    spike_again: Ints
    """1 where the neuron fired before in the same step."""
    start: Ints
    """First entry of each neuron's routes, and one past the last."""
    entry: NDArray[Any]
    """Each entry, as `ENTRY`."""
    home: Ints
    """Core of each neuron; -1: none."""
    sent: Floats
    """Seconds of that core for each spike of the neuron."""
    woken: Floats
    """Seconds more, once in each step in which it fires."""
    parts: Floats
    """Updates of each neuron in a step, by which a spike takes it from those that may yet be active."""
    base: Floats
    """Seconds of each core in a step without spikes."""
    neurons: Floats
    """Updates of each core in a step."""
    most: int
    """Most updates of one neuron in a step."""
    maybe: float
    """Seconds more for each update of a neuron that may have received something."""


@kernel
def seen_before(step: Ints, neuron: Ints, neurons: int) -> Ints:
    """1 for each spike whose neuron fired before in the same step; spikes come by step."""
    last, found = np.full(neurons, -1), np.zeros(len(step), np.int64)
    for spike in range(len(step)):
        found[spike] = last[neuron[spike]] == step[spike]
        last[neuron[spike]] = step[spike]
    return found


@kernel
def slowest_core(work: Work, step_time: Floats, longest_time: Floats) -> float:
    """Fill in the seconds of the slowest core in each step, as counted and with every update that may have been active.

    Returns how many those are: updates, besides those of neurons that fire, of neurons that may have received
    something; no more than there are, nor than operations can reach.
    """
    cores = len(work.base)
    time, operations, fired = work.base.copy(), np.zeros(cores), np.zeros(cores)
    # Where most cores get something in most steps, looking at all of them costs less than keeping a list.
    visits = 0
    for spike in range(len(work.spike_step)):
        visits += work.start[work.spike_neuron[spike] + 1] - work.start[work.spike_neuron[spike]]
    listed = visits < cores * len(step_time)
    touched, is_touched, count = np.arange(cores), np.zeros(cores, np.bool_), 0 if listed else cores
    longest, received, spike = 0.0, 0.0, 0
    for core in range(cores):
        longest = max(longest, work.base[core])
    for step in range(len(step_time)):
        while spike < len(work.spike_step) and work.spike_step[spike] == step:
            neuron = work.spike_neuron[spike]
            own = work.home[neuron]
            if own >= 0:
                if listed and not is_touched[own]:
                    is_touched[own], touched[count] = True, own
                    count += 1
                time[own] += work.sent[neuron]
                if work.spike_again[spike] == 0:
                    time[own] += work.woken[neuron]
                    fired[own] += work.parts[neuron]
            for place in range(work.start[neuron], work.start[neuron + 1]):
                entry = work.entry[place]
                core = entry.core
                if listed and not is_touched[core]:
                    is_touched[core], touched[count] = True, core
                    count += 1
                time[core] += entry.time
                operations[core] += entry.synapses
            spike += 1
        slowest, late = longest, longest
        for place in range(count):
            core = touched[place]
            reached = max(0.0, min(work.neurons[core] - fired[core], work.most * operations[core]))
            slowest = max(slowest, time[core])
            late = max(late, time[core] + work.maybe * reached)
            received += reached
            time[core], operations[core], fired[core] = work.base[core], 0.0, 0.0
            is_touched[core] = False
        count = 0 if listed else cores
        step_time[step], longest_time[step] = slowest, late
    return received
