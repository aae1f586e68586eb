"""The arrays that the kernels of layers work on: each layer of LIF neurons sends to the next alone."""

from __future__ import annotations

from typing import NamedTuple

from neuro.gradients.kernels.arrays import F8, F8_2, I8, I8_2

__all__ = ["FULL", "Examples", "Layers", "Room", "Sums"]

FULL = 3
"""What a kernel returns where there is no room for all spikes."""
LEAK, RATE, DELAY, DURATION, TEMPERATURE, FLOOR, REVIVAL, ONCE, TIMED = range(9)
"""Places in `Layers.constants`: of v and of the current, 1/s; of synapses and of the run, s; of the loss, s; least
dv/dt at a spike that a gradient divides by, 1/s; factor of the largest v of a silent right output; above zero where
neurons spike once in a run; above zero where answers are times."""


class Layers(NamedTuple):
    """LIF neurons with one current, threshold 1, v_rest = v_reset = 0, and no refractory time."""

    sizes: I8
    """Number of inputs, then of the neurons of each layer."""
    weight_at: I8
    """Place of the first weight of each matrix."""
    weight: F8
    """All matrices, each (pre, post) row by row."""
    delay: F8
    """The delay of each synapse, as `weight`; empty where all have that of `constants`."""
    constants: F8


class Examples(NamedTuple):
    """Inputs and targets of a batch, and what came of them."""

    first: I8
    """Example b has the inputs first[b] .. first[b + 1], by time."""
    time: F8
    who: I8
    target: F8_2
    """Share that each output should have, or when it should spike first, s; shape (examples, outputs)."""
    answer: F8_2
    """First spike of each output, s; the duration if there is none."""
    spikes: I8_2
    """Number of spikes of each layer, inputs included, shape (examples, layers)."""


class Room(NamedTuple):
    """Space for one example."""

    first: I8
    """Layer l has the spikes first[l] .. first[l + 1], by time."""
    time: F8
    who: I8
    rise: F8
    """dv/dt just before the spike, 1/s; minus one: no spike, but the largest v of a silent output."""
    fall: F8
    """dv/dt just after it."""
    by_time: F8
    """Derivative of the loss by the time of the spike."""
    v: F8
    """Of each neuron of a layer; on the way back, the derivative by it."""
    c: F8
    own: I8
    """Neurons that spike between two arrivals; and their v and c at a time."""
    own_v: F8
    own_c: F8
    own_time: F8
    place: I8
    """A neuron's place in `own` plus one; zero if it has none."""
    arrival: F8
    """Times at which spikes reach one neuron, in order; and which spikes these are."""
    sender: I8
    link: I8
    """Of each spike, the one before of the same neuron; -1 if there is none."""


class Sums(NamedTuple):
    """What is summed over examples."""

    weight: F8
    """Derivative of the loss by each weight."""
    delay: F8
    """By each delay, per second; empty where all synapses have one."""
    acted: I8
    """Spikes whose slope was below the floor; silent right outputs that were raised."""
    spikes: I8
    """Of each neuron, inputs first, then layer by layer."""
