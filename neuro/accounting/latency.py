"""How long each step takes its slowest core, and how many neurons may have been active in it."""

from __future__ import annotations

from neuro.arrays import Floats, Ints
from neuro.jit import kernel

__all__ = ["slowest_core"]


@kernel
def slowest_core(
    spike_step: Ints,
    spike_neuron: Ints,
    spike_again: Ints,
    start: Ints,
    entry_core: Ints,
    entry_synapses: Floats,
    entry_time: Floats,
    home: Ints,
    neuron_time: Floats,
    base: Floats,
    neurons: Ints,
    step_time: Floats,
) -> float:
    """Fill in the seconds of the slowest core in each step; returns how many neurons besides those that fire may have
    received something, summed over cores and steps: no more than there are, and no more than there were operations.

    Spikes come by step. A core in a step takes its base, what each spike of its own neurons takes, and what each
    message that it gets takes. `spike_again` is 1 for a spike whose neuron fired before in the same step.
    """
    time, operations, fired = base.copy(), base * 0.0, base * 0.0
    is_touched, stack = neurons < 0, neurons.copy()
    longest = 0.0
    for core in range(len(base)):
        longest = max(longest, base[core])
    received = 0.0
    spike, count = 0, 0
    for step in range(len(step_time)):
        slowest, count = longest, 0
        while spike < len(spike_step) and spike_step[spike] == step:
            neuron = spike_neuron[spike]
            own = home[neuron]
            if own >= 0:
                if not is_touched[own]:
                    is_touched[own] = True
                    stack[count] = own
                    count += 1
                time[own] += neuron_time[neuron]
                fired[own] += 1.0 - spike_again[spike]
            for entry in range(start[neuron], start[neuron + 1]):
                core = entry_core[entry]
                if not is_touched[core]:
                    is_touched[core] = True
                    stack[count] = core
                    count += 1
                time[core] += entry_time[entry]
                operations[core] += entry_synapses[entry]
            spike += 1
        for place in range(count):
            core = stack[place]
            slowest = max(slowest, time[core])
            received += max(0.0, min(neurons[core] - fired[core], operations[core]))
            time[core], operations[core], fired[core] = base[core], 0.0, 0.0
            is_touched[core] = False
        step_time[step] = slowest
    return received
