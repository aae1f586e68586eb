"""The flat arrays of the clocked kernels: parameters in steps, wiring, what changes, and what comes from outside."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Records = NDArray[Any]
Record = Any
F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

N_LOG, NEXT_SOURCE, NEXT_CHANGE, NEXT_SAMPLE, LAST_SPIKE, FAULT = range(6)
NEVER = 2**62
RANGE = 50
"""Whole numbers stay below 2 to this power, so that a product with 4096 fits 64 bits."""


def _record(**types: str) -> np.dtype[Any]:
    return np.dtype([(name, kind) for kind, names in types.items() for name in names.split()], align=True)


GROUP = _record(int64="start stop source currents modes")
"""A population: its neurons, whether it is a source, and how many x_k enter v, and are in use."""

LINK = _record(int64="projection group target pre post count lag box dense row list weight")
"""The synapses of a projection that have one delay: its two groups, first source and target neuron, number of targets,
steps from a spike to its effect, and the inbox that collects. Source i has the synapses m = row[r + i] ..
row[r + i + 1], with r the link's own `row`; they go to post[list + m] with weight[weight + m], or, if dense, stand
somewhere in the whole row weight + i count ..
"""

EULER = _record(float64="gain threshold reset floor ceiling", int64="pause", uint8="leaky subtract")
"""A real neuron: v += (drive + sum x_k - leaky v) gain; `pause`: steps for which v is held after a spike."""

WHOLE = _record(int64="keep_v keep_a jump scale threshold")
"""A whole-number neuron: v = T(v keep_v / 4096) + scale inputs + a,  a = T(a keep_a / 4096) - jump z."""

EULER_NEURON = _record(float64="v drive", int64="left fires", uint8="awake")
"""What changes in a real neuron; `left`: steps for which it is still held; `fires`: spikes in this run."""

WHOLE_NEURON = _record(int64="v a fires", uint8="fired awake")
"""What changes in a whole-number neuron; `fired`: did it spike in the step before?"""

SPIKE = _record(int64="step neuron")
"""An entry of the log, or a spike that a source is told to fire."""

CHANGE = _record(int64="step group offset")
"""From this step on, the group's drives are the values from `offset` on."""


class Wiring(NamedTuple):
    """All projections in the order in which they were connected, the synapses of each by delay.

    This is the order of every sum of inputs; within a link, it is by source neuron.
    """

    links: Records
    row: I8
    post: NDArray[np.uint32]
    weight: NDArray[Any]


class Cells(NamedTuple):
    """Parameters of all neurons; of the x_k of real ones (k, neuron), x_k <- x_k keep, and own spikes' jumps."""

    cell: Records
    keep: F8
    jump: F8


class State(NamedTuple):
    """All neurons, the x_k (k, neuron), and the inputs of a step (box, neuron): onto v, then onto each x_k."""

    neuron: Records
    x: F8
    inbox: NDArray[Any]


class Flow(NamedTuple):
    """Who is awake, and the log of spikes.

    The first `n_active[g]` places of a group's stretch of `active` are its neurons that have something to do.
    `ring[step % len(ring), g]` says where the group's spikes of the last steps stand in the log.
    """

    active: I8
    n_active: I8
    log: Records
    ring: I8
    events: I8
    register: I8


class Plan(NamedTuple):
    """From outside: spikes of sources, sorted by step and neuron; drives that change; steps to sample, and whom."""

    source: Records
    change: Records
    value: F8
    sample_step: I8
    sample_neuron: I8
