"""The kernel that finds the slowest core of each step, and the updates that may have been active in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.validation import Floats, Ints

__all__ = ["ENTRY", "Work", "seen_before", "slowest_core"]


ENTRY = np.dtype([("core", np.int64), ("time", np.float64), ("synapses", np.float64)])
"""An entry of the routes: its core, the seconds that a spike takes there, and its synapses."""


class Work(NamedTuple):
    """Work of the cores: spikes in the order of their steps, routes, and the seconds of each part."""

    spike_step: Ints
    """Step of each spike, increasing."""
    spike_neuron: Ints
    """Its neuron, counted through all populations."""
    spike_repeated: Ints
    """1 where the neuron fired before in the same step."""
    start: Ints
    """First entry of each neuron's routes, and one past the last."""
    entry: NDArray[Any]
    """The entries, of dtype `ENTRY`."""
    home: Ints
    """Core of each neuron; -1: none."""
    spike_time: Floats
    """Seconds of that core for each spike of the neuron."""
    active_time: Floats
    """Further seconds, once in each step in which the neuron fires; less than 0 if active updates are the shorter."""
    updates: Floats
    """Updates of each neuron in a step. A neuron that fires no longer counts as one that may be active."""
    base_time: Floats
    """Seconds of each core in a step without spikes."""
    core_updates: Floats
    """Updates of each core in a step."""
    max_updates: int
    """Most updates of one neuron in a step."""
    active_extra: float
    """Further seconds for each update of a neuron that may have received a spike; less than 0 as `active_time`."""


@kernel
def seen_before(step: Ints, neuron: Ints, neurons: int) -> Ints:
    """1 for each spike whose neuron fired before in the same step; spikes are in the order of their steps."""
    last, found = np.full(neurons, -1), np.zeros(len(step), np.int64)
    for spike in range(len(step)):
        found[spike] = last[neuron[spike]] == step[spike]
        last[neuron[spike]] = step[spike]
    return found


@kernel
def slowest_core(work: Work, step_time: Floats, longest_time: Floats, busiest: Ints) -> float:
    """Fill in the seconds of the slowest core in each step.

    `step_time` has them as counted, `longest_time` with every update active that may have been (the shortest time, if
    active updates are the shorter); `busiest` is that core as counted, the first of equal ones. Returns the number of
    these updates: those of neurons that did not fire and may have received a spike. On each core they are at most all
    updates of the core, and at most the updates that its synaptic operations can reach.
    """
    cores = len(work.base_time)
    time, operations, fired = work.base_time.copy(), np.zeros(cores), np.zeros(cores)
    # If most cores receive spikes in most steps, a loop over all cores costs less than a list of those touched. Where
    # spikes can make the work of a core less, the slowest may be any that none of them touches.
    visits, less = 0, work.active_extra < 0
    for spike in range(len(work.spike_step)):
        neuron = work.spike_neuron[spike]
        visits += work.start[neuron + 1] - work.start[neuron]
        less = less or work.spike_time[neuron] + work.active_time[neuron] < 0
    listed = visits < cores * len(step_time) and not less
    touched, is_touched, count = np.arange(cores), np.zeros(cores, np.bool_), 0 if listed else cores
    longest_base, received, spike, at_base = 0.0, 0.0, 0, 0
    for core in range(cores):
        if work.base_time[core] > longest_base:
            longest_base, at_base = work.base_time[core], core
    for step in range(len(step_time)):
        while spike < len(work.spike_step) and work.spike_step[spike] == step:
            neuron = work.spike_neuron[spike]
            own = work.home[neuron]
            if own >= 0:
                if listed and not is_touched[own]:
                    is_touched[own], touched[count] = True, own
                    count += 1
                time[own] += work.spike_time[neuron]
                if work.spike_repeated[spike] == 0:
                    time[own] += work.active_time[neuron]
                    fired[own] += work.updates[neuron]
            for place in range(work.start[neuron], work.start[neuron + 1]):
                entry = work.entry[place]
                core = entry.core
                if listed and not is_touched[core]:
                    is_touched[core], touched[count] = True, core
                    count += 1
                time[core] += entry.time
                operations[core] += entry.synapses
            spike += 1
        slowest, latest, at = (longest_base, longest_base, at_base) if listed else (-1.0, 0.0, 0)
        for place in range(count):
            core = touched[place]
            reached = max(0.0, min(work.core_updates[core] - fired[core], work.max_updates * operations[core]))
            if time[core] > slowest or (time[core] == slowest and core < at):
                slowest, at = time[core], core
            latest = max(latest, time[core] + work.active_extra * reached)
            received += reached
            time[core], operations[core], fired[core] = work.base_time[core], 0.0, 0.0
            is_touched[core] = False
        count = 0 if listed else cores
        step_time[step], longest_time[step], busiest[step] = slowest, latest, at
    return received
