"""The flat arrays that kernels work on: records of parameters and of what changes, and the codes in them."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Records = NDArray[Any]
Record = Any
Index = int | np.integer[Any]
Reals = NDArray[np.floating]
F4 = Annotated[NDArray[np.float32], np.float32, 1]
F8 = Annotated[NDArray[np.float64], np.float64, 1]
I8 = Annotated[NDArray[np.int64], np.int64, 1]
U4 = Annotated[NDArray[np.uint32], np.uint32, 1]
F8_2 = Annotated[NDArray[np.float64], np.float64, 2]
F8_3 = Annotated[NDArray[np.float64], np.float64, 3]
I8_2 = Annotated[NDArray[np.int64], np.int64, 2]
U4_2 = Annotated[NDArray[np.uint32], np.uint32, 2]

SOURCE, AMPLITUDE_FORM, STATE_FORM = 0, 1, 2
FREE, HELD, FLOOR, CEILING, FORCED = 0, 1, 2, 3, 4
N_SPIKES, NEXT_VACANT, NEXT_SOURCE, NEXT_STEP, NEXT_SAMPLE, FAULT, N_WATCHED, FAULT_DETAIL, N_RELEASES = range(9)
"""Places in the register. FAULT_DETAIL goes with FAULT: of RUNAWAY the neuron; of FULL, how many events a window enters."""
REGISTERS = 9
FULL, RUNAWAY, CALENDAR_LOW, SPIKE_ROOM_LOW, HALTED = 1, 2, 3, 4, 5
DROP_SPIKES, RECORD_SPIKES, NO_SPIKES, FIRST_SPIKE = 0, 1, 2, 3
NEVER = 2**62
VACANT = -2
SAME_GAP, QUIET, UNSCANNED, SURVEYED, DRIVEN = 1, 2, 4, 8, 16
BLOCK = 1024

CELL = np.dtype(
    [(name, np.float64) for name in ("leak", "gain", "threshold", "reset", "refractory", "floor", "ceiling")]
    + [("group", np.int64), ("currents", np.int64), ("modes", np.int64), ("subtract", np.int64)],
    align=True,
)
"""Parameters of a neuron: dv/dt = drive - leak v + gain sum(x_k for k < currents), dx_k/dt = -rate_k x_k.

Currents come first, an AHP's own slow ones among them, with a negative jump; the x_k from `currents` on raise the
threshold (ALIF). `modes` counts all x_k that are in use.
"""

GROUP = np.dtype(
    [(name, np.int64) for name in ("start", "stop", "kind", "cells", "own", "uniform", "single")]
    + [(name, np.int64) for name in ("first_slow", "slow")]
    + [(name, np.float64) for name in ("rate_m", "rate_s", "shape", "s_peak", "peak", "fastest")],
    align=True,
)
"""A population: where it stands, how it is kept, and the time constants that all its neurons share.

Its parameters are in `Fixed` from row `cells` on: `own` is 1 where each neuron has a row, 0 where they share one.
`uniform`: all neurons have the same rates; `single`: each has one current, which
its own spikes leave alone.
In amplitude form, x[first_slow : first_slow + slow] are currents that only own spikes change.

An input w gives a current w and adds w shape (exp(-s rate_s) - exp(-s rate_m)) to v, most at `s_peak`: w peak.
"""

SEGMENT = np.dtype(
    [("delay", np.float64), ("first", np.int64), ("weight", np.int64), ("count", np.uint32), ("projection", np.uint32)],
    align=True,
)
"""A row of synapses: targets post[first : first + count], weights from `weight` on; half a cache line."""

BUNDLE = np.dtype([(name, np.int64) for name in ("group", "receptor", "step", "whole")], align=True)
"""What the rows of a projection share: the group they reach, on which receptor (-1 is v itself), and from one target to
the next how far it is to the next weight.

`whole`: the targets are neighbours, one after the other, and their weights too.
"""

NEURON = np.dtype(
    [(name, np.float64) for name in ("v", "last", "until", "drive", "side_a", "side_b", "since")]
    + [(name, np.uint8) for name in ("mode", "rising", "listed")]
    + [("group", np.uint32)],
    align=True,
)
"""What changes in a neuron: its state form at `last`; or, where it is watched, its amplitudes at `since`, and, in place
of v and `last`, what these are worth at that time.

Its group stands here, too, so that what happens to a neuron need not look at its parameters.
"""

EVENT = np.dtype([("time", np.float64), ("code", np.int64), ("due", np.int64), ("next", np.int64)], align=True)
"""An entry of the calendar: a segment (code >= 0) that a spike reaches, or neuron -1 - code, to be released.

`next` is the next entry of the same bucket, -1 after the last; VACANT where there is no event.
"""

STEP = np.dtype([("time", np.float64), ("first", np.int64), ("count", np.int64), ("offset", np.int64)], align=True)
"""From `time` on, the neurons first .. first + count have the drive value[offset : offset + count]."""


class Fixed(NamedTuple):
    """What a program does not change: parameters and wiring. Source i has the segments row[i] .. row[i + 1].

    A row of cells, rate and jump is a neuron's, or a whole group's: `cell_of` tells which.

    Weights are in `narrow` if all of them are of single precision, else in `wide`; the other one is empty.
    """

    cells: Annotated[Records, CELL, 1]
    rate: F8_2
    jump: F8_2
    groups: Annotated[Records, GROUP, 1]
    row: I8
    segments: Annotated[Records, SEGMENT, 1]
    bundles: Annotated[Records, BUNDLE, 1]
    post: U4
    narrow: F4
    wide: F8

    @property
    def weight(self) -> Reals:
        """All weights."""
        return self.wide if len(self.wide) else self.narrow

    def with_weight(self, weight: NDArray[Any]) -> Fixed:
        """The same with other weights, of the same precision."""
        return self._replace(wide=weight) if len(self.wide) else self._replace(narrow=weight.astype(np.float32))


class State(NamedTuple):
    """All that changes.

    In amplitude form, `amp` holds (a, b) and `gap` an upper bound of v_th - v_inf - (slow currents' part of v) for
    the window; the slow x_k, a and b count from the group's reference time `origin`. `outlook` holds, by group, what
    is known of its gaps: SAME_GAP, they are all the same; QUIET, they are all positive, so that a neuron below its bound
    stays silent until its next input; DRIVEN, none is positive; UNSCANNED, known only since the last look at every
    neuron; 0, nothing.
    """

    neurons: Annotated[Records, NEURON, 1]
    amp: F8_2
    gap: F8
    x: F8_2
    origin: F8
    outlook: I8
    calendar: Annotated[Records, EVENT, 1]
    bucket: I8
    register: I8


class Workspace(NamedTuple):
    """Room to work in, apart for each thread k, which sees to the neurons bounds[k] .. bounds[k + 1].

    `tally` counts like a state's register; `time` and `ids` are the window's spikes, `free_time` and `free_id` the
    refractory times that end after it; events are the window's arrivals; `cell` is for parameters to be tried out.
    `cuts` says where rows are cut for the shares; `signal` and `job` are how threads meet.

    By population, `limit` is how often a neuron may fire in a window (or, without windows, in a `span`), with the least
    of all at its end; `fired` counts. `halt` is not zero when the run is to end as soon as it can.
    """

    bounds: I8
    tally: I8_2
    origin: F8_2
    scratch: F8_3
    factor: F8_2
    cell: Annotated[Records, CELL, 1]
    watched: I8_2
    hits: U4_2
    total: F8_2
    time: F8_2
    ids: I8_2
    free_time: F8_2
    free_id: I8_2
    event_time: F8
    event_code: I8
    spare_time: F8
    spare_code: I8
    place: I8
    cuts: U4_2
    signal: I8
    job: F8
    limit: I8
    span: F8
    fired: U4
    halt: I8


class Inputs(NamedTuple):
    """What comes from outside: spikes of sources and forced neurons, steps of the bias, sampling times."""

    source_time: F8
    source_id: I8
    steps: Annotated[Records, STEP, 1]
    step_value: F8
    sample_time: F8
    sample_id: I8


class Output(NamedTuple):
    """What a run leaves: spikes, sampled voltages, synaptic events per projection."""

    time: F8
    neuron: I8
    voltage: F8_2
    events: I8
