"""How long each step takes its slowest core, and how many neurons may have been active in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuro.arrays import Floats, Ints
from neuro.jit import kernel

__all__ = ["Work", "slowest_core"]


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
    entry_core: Ints
    """Core of each entry."""
    entry_synapses: Floats
    """Synapses of each entry."""
    entry_time: Floats
    """Seconds of that core for a spike along the entry."""
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
def slowest_core(work: Work, step_time: Floats) -> float:
    """Fill in the seconds of the slowest core in each step; returns how many updates, besides those of neurons that
    fire, may have been of neurons that received something: no more than there are, nor than operations can reach.
    """
    time, operations, fired = work.base.copy(), work.base * 0.0, work.base * 0.0
    is_touched, touched, count = work.base < 0.0, np.zeros(len(work.base), np.int64), 0
    longest, received, spike = 0.0, 0.0, 0
    for core in range(len(work.base)):
        longest = max(longest, work.base[core])
    for step in range(len(step_time)):
        while spike < len(work.spike_step) and work.spike_step[spike] == step:
            neuron = work.spike_neuron[spike]
            own = work.home[neuron]
            if own >= 0:
                if not is_touched[own]:
                    is_touched[own], touched[count] = True, own
                    count += 1
                time[own] += work.sent[neuron]
                if work.spike_again[spike] == 0:
                    time[own] += work.woken[neuron]
                    fired[own] += work.parts[neuron]
            for entry in range(work.start[neuron], work.start[neuron + 1]):
                core = work.entry_core[entry]
                if not is_touched[core]:
                    is_touched[core], touched[count] = True, core
                    count += 1
                time[core] += work.entry_time[entry]
                operations[core] += work.entry_synapses[entry]
            spike += 1
        slowest = longest
        for place in range(count):
            core = touched[place]
            reached = max(0.0, min(work.neurons[core] - fired[core], work.most * operations[core]))
            slowest = max(slowest, time[core] + work.maybe * reached)
            received += reached
            time[core], operations[core], fired[core] = work.base[core], 0.0, 0.0
            is_touched[core] = False
        count = 0
        step_time[step] = slowest
    return received
