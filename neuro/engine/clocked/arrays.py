"""The flat arrays of the clocked kernels: parameters, wiring, state, activity and inputs, in time steps."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Records = NDArray[Any]
Record = Any
F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


class Register(IntEnum):
    """Places in `Flow.register`; kernels use integers of the same names (see `neuro/engine/kernels/arrays.py`)."""

    N_LOG = 0
    """Number of spikes in the log."""
    NEXT_SOURCE = 1
    """The next of `Plan.source`."""
    NEXT_CHANGE = 2
    """The next of `Plan.change`."""
    NEXT_SAMPLE = 3
    """The next of `Plan.sample_step`."""
    LAST_SPIKE = 4
    """The last step with a spike."""
    FAULT = 5
    """Not zero where a whole number has left its range."""
    NEXT_ARRIVAL = 6
    """The next of `Plan.arrival`."""


N_LOG, NEXT_SOURCE, NEXT_CHANGE, NEXT_SAMPLE, LAST_SPIKE, FAULT, NEXT_ARRIVAL = map(int, Register)
NEVER = 2**62
RANGE = 50
"""Whole numbers stay below 2 to this power, so that a product with 4096 fits into 64 bits."""


CHIP_BITS = 23
"""Bits of the numbers of bounded neurons, without the sign."""


def _record(**types: str) -> np.dtype[Any]:
    return np.dtype([(name, kind) for kind, names in types.items() for name in names.split()], align=True)


GROUP = _record(int64="start stop source currents modes")
"""A population: its neurons, whether it is a source, and how many x_k enter v (`currents`) or are in use (`modes`)."""

LINK = _record(int64="projection group target pre post count lag box dense row list weight")
"""The synapses of a projection that share one delay.

`group` and `target` are its two populations, `pre` and `post` their first neurons, `count` is the number of targets.
`lag` is the number of steps from a spike to its effect, `box` the row of the inbox that collects the inputs.
Source i has the synapses m = row[r + i] .. row[r + i + 1], where r is the link's `row`. A sparse link has their targets
at post[list + m] and their weights at weight[weight + m]. A dense link has whole rows of weights, zeros included: that
of source i begins at weight[weight + i count].
"""

EULER = _record(float64="gain threshold reset floor ceiling", int64="pause", uint8="leaky subtract")
"""A real neuron: v += (drive + sum x_k - leaky v) gain; `pause`: steps for which v is held after a spike."""

WHOLE = _record(int64="jump scale threshold bias", int32="keep_u keep_v keep_a pause", uint8="bounded")
"""A whole-number neuron: u = T(u keep_u / 4096) + scale inputs,  a = T(a keep_a / 4096) - jump z,
v = T(v keep_v / 4096) + u + bias + a; `pause`: steps for which v is held after a spike; `bounded`: as on the chip."""

EULER_NEURON = _record(float64="v drive", int64="left fires", uint8="awake")
"""The state of a real neuron; `left`: steps for which v is still held; `fires`: spikes in this run."""

WHOLE_NEURON = _record(int64="v a u fires", int32="left", uint8="fired awake")
"""The state of a whole-number neuron; `left`: steps for which v is still held; `fired`: did it spike in the step
before?"""

SPIKE = _record(int64="step neuron")
"""An entry of the log, or a spike that a source is given."""

CHANGE = _record(int64="step group offset")
"""From this step on, the group's drives are the values from `offset` on."""


ARRIVAL = _record(int64="step group neuron box", float64="weight")
"""An arrival of a drive; `box` is the row of the inbox that collects it."""


class Wiring(NamedTuple):
    """All projections in the order in which they were connected, the synapses of each by delay.

    Inputs are summed in this order, and within a link by source neuron. Links without a delay come after all others,
    in the order in which populations advance.
    """

    links: Records
    row: I8
    post: NDArray[np.uint32]
    weight: NDArray[Any]
    order: I8
    """The populations in the order in which they advance within a step."""
    at_once: I8
    """By population: do its spikes act in the step in which they are fired?"""


class Cells(NamedTuple):
    """Parameters of all neurons, and of the x_k of real ones (k, neuron): x_k <- x_k keep, and a spike adds `jump`."""

    cell: Records
    keep: F8
    jump: F8


class ClockedArrays(NamedTuple):
    """The state of all neurons, the x_k (k, neuron), and the inputs of a step (box, neuron): to v, then to each x_k."""

    neuron: Records
    x: F8
    inbox: NDArray[Any]


class Activity(NamedTuple):
    """The neurons that are awake, and the log of spikes.

    Group g has its part of `active`, from groups[g].start on; the first `n_active[g]` entries are its awake neurons.
    `ring[step % len(ring), g]` has the first and last entry of the log of the group's spikes in that step.
    `events` counts synaptic events by link.
    """

    active: I8
    n_active: I8
    log: Records
    ring: I8
    events: I8
    register: I8


class Plan(NamedTuple):
    """Inputs and samples: spikes of sources, by step and neuron; changes of drives; steps and neurons to sample."""

    source: Records
    change: Records
    value: F8
    sample_step: I8
    sample_neuron: I8
    arrival: Records
    """Arrivals of drives, by step, of the steps that are to be run next."""
