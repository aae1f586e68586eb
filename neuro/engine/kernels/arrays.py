"""The arrays that kernels work on: their layout, field by field, and the codes that stand in them.

Codes are members of an enum, each with its meaning. Kernels use plain integers of the same names, defined beside the
enum: numba cannot merge a member with an integer in one variable, and has no bit operations on flags.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
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


class Kind(IntEnum):
    """How a population is computed: `GROUP`'s field `kind`."""

    SOURCE = 0
    """It only emits given spikes."""
    AMPLITUDE_FORM = 1
    """All neurons relative to one reference time; see `amplitude_form.py`."""
    STATE_FORM = 2
    """Each neuron at the time of its own last event; see `state_form.py`."""


SOURCE, AMPLITUDE_FORM, STATE_FORM = map(int, Kind)


class Mode(IntEnum):
    """What v of a neuron does between events: `NEURON`'s field `mode`."""

    FREE = 0
    """It follows its equation."""
    HELD = 1
    """It is refractory, at rest on its reset until the time `until`."""
    FLOOR = 2
    """It rests against the lower limit."""
    CEILING = 3
    """It rests against the upper limit."""
    FORCED = 4
    """A clamp suspends it, and decides its spikes."""


FREE, HELD, FLOOR, CEILING, FORCED = map(int, Mode)


class Register(IntEnum):
    """Places in `State.register` and, for one thread, in a row of `Workspace.tally`."""

    N_SPIKES = 0
    """Number of spikes written (or, where they did not fit, to be written)."""
    NEXT_VACANT = 1
    """Entry of the calendar at which the search for a vacant one begins."""
    NEXT_SOURCE = 2
    """The next of `Inputs.source_time`."""
    NEXT_STEP = 3
    """The next of `Inputs.steps`."""
    NEXT_SAMPLE = 4
    """The next of `Inputs.sample_time`."""
    FAULT = 5
    """Why the kernel has to stop, a `Fault`; 0 if it need not."""
    N_WATCHED = 6
    """Number of watched neurons; without windows, number of arrivals in the calendar."""
    FAULT_DETAIL = 7
    """For RUNAWAY, the neuron; for FULL, the number of events that the window enters in the calendar."""
    N_RELEASES = 8
    """Number of refractory times that end after the window."""


(
    N_SPIKES,
    NEXT_VACANT,
    NEXT_SOURCE,
    NEXT_STEP,
    NEXT_SAMPLE,
    FAULT,
    N_WATCHED,
    FAULT_DETAIL,
    N_RELEASES,
) = map(int, Register)
REGISTERS = len(Register)


class Fault(IntEnum):
    """Why a kernel stops before its end: register[FAULT]."""

    FULL = 1
    """An array is full: all is to be done again with more room."""
    RUNAWAY = 2
    """A neuron fires more often than it may."""
    CALENDAR_LOW = 3
    """The calendar may be too small for the next window; all windows up to here are valid."""
    SPIKE_ROOM_LOW = 4
    """The spikes of the next window may not fit; all windows up to here are valid."""
    HALTED = 5
    """`Workspace.halt` was set."""


FULL, RUNAWAY, CALENDAR_LOW, SPIKE_ROOM_LOW, HALTED = map(int, Fault)


class Spiking(IntEnum):
    """How `advance_neuron` treats the spikes of its neuron."""

    DROP_SPIKES = 0
    """The neuron spikes, but no spike is written: it is only looked at."""
    RECORD_SPIKES = 1
    """The neuron spikes, and its spikes are written."""
    NO_SPIKES = 2
    """The neuron has no threshold."""
    FIRST_SPIKE = 3
    """The first spike is written, and v is held from then on."""


DROP_SPIKES, RECORD_SPIKES, NO_SPIKES, FIRST_SPIKE = map(int, Spiking)


class Outlook(IntFlag):
    """What is known of the gaps of a group in amplitude form: `State.outlook`; 0 if nothing is known.

    A gap is an upper bound of v_th - v_inf - (slow currents' part of v).
    """

    SAME_GAP = 1
    """All gaps are equal."""
    QUIET = 2
    """All gaps are positive: a neuron below its bound stays silent until its next input."""
    UNSCANNED = 4
    """The gaps are new: all neurons are to be compared with their bounds at the start of the next window."""
    SURVEYED = 8
    """The gaps have been computed."""
    DRIVEN = 16
    """No gap is positive: every neuron spikes again and again without input."""


SAME_GAP, QUIET, UNSCANNED, SURVEYED, DRIVEN = map(int, Outlook)


class Signal(IntEnum):
    """Places in `Workspace.signal` that the first thread writes; worker n writes the place n PADDING."""

    TURN = 0
    """Number of the window, counted by the first thread; STOP ends the other threads. Worker n's place follows it."""
    N_EVENTS = 1
    """Number of the window's events."""
    WAITING = 2
    """1 where nothing can happen in the window before its first event."""


TURN, N_EVENTS, WAITING = map(int, Signal)

NEVER = 2**62
"""A window, or a number of spikes, that is never reached."""
VACANT = -2
"""`EVENT`'s field `next` in an entry without an event."""
BLOCK = 1024
"""Number of targets that are handled together."""


def _record(*fields: tuple[str, type[Any]]) -> np.dtype[Any]:
    return np.dtype(list(fields), align=True)


CELL = _record(
    ("leak", np.float64),  # 1 / tau_m, 1/s; 0 for a neuron without leak
    ("gain", np.float64),  # of the currents in dv/dt
    ("threshold", np.float64),
    ("reset", np.float64),
    ("refractory", np.float64),  # s
    ("floor", np.float64),  # lower limit of v, -inf if there is none
    ("ceiling", np.float64),  # upper limit of v, inf if there is none
    ("group", np.int64),
    ("currents", np.int64),  # number of x_k that enter v, an AHP's own slow ones (with a negative jump) among them
    ("modes", np.int64),  # number of x_k in use; those from `currents` on raise the threshold (ALIF)
    ("subtract", np.int64),  # 1 where a spike subtracts the threshold from v, 0 where it sets v to `reset`
)
"""Parameters of a neuron: dv/dt = drive - leak v + gain sum(x_k for k < currents), dx_k/dt = -rate_k x_k."""

GROUP = _record(
    ("start", np.int64),  # its neurons are start .. stop
    ("stop", np.int64),
    ("kind", np.int64),  # a `Kind`
    ("cells", np.int64),  # first of its rows in `Fixed.cells`, `rate` and `jump`
    ("own", np.int64),  # 1 where each neuron has a row, 0 where all share one
    ("uniform", np.int64),  # 1 where all neurons have the same rates
    ("single", np.int64),  # 1 where each neuron has one current, which its own spikes leave alone
    ("first_slow", np.int64),  # in amplitude form, x[first_slow : first_slow + slow] are the currents
    ("slow", np.int64),  # that only own spikes change
    ("rate_m", np.float64),  # 1 / tau_m, 1/s
    ("rate_s", np.float64),  # 1 / tau_syn, 1/s
    ("shape", np.float64),  # an input w gives a current w and adds w shape (exp(-s rate_s) - exp(-s rate_m)) to v
    ("s_peak", np.float64),  # time s at which that is highest, s
    ("peak", np.float64),  # its height for w = 1
    ("fastest", np.float64),  # the largest of all rates, 1/s
)
"""A population: its neurons, its form, and the time constants that all its neurons share."""

SEGMENT = _record(
    ("delay", np.float64),  # s; of a plastic row, minus the number of segments to skip
    ("first", np.int64),  # targets are post[first : first + count]
    ("weight", np.int64),  # place of the first weight
    ("count", np.uint32),
    ("projection", np.uint32),
)
"""A row of synapses with one source and one delay, in half a cache line."""

BUNDLE = _record(
    ("group", np.int64),  # the group of the targets
    ("receptor", np.int64),  # the x_k that an input raises; -1 is v itself
    ("step", np.int64),  # from one target's weight to the next; 0 where all are the same
    ("whole", np.int64),  # 1 where the targets are neighbours, one after the other, and their weights too
)
"""What all rows of a projection have in common."""

NEURON = _record(
    ("v", np.float64),  # at `last`; of a watched neuron, its first amplitude's part of v at `since`
    ("last", np.float64),  # time of the last event, s; of a watched neuron, its second amplitude's part of v at `since`
    ("until", np.float64),  # end of the refractory time, s
    ("drive", np.float64),  # dv/dt from rest potential and bias, 1/s
    ("side_a", np.float64),  # of a watched neuron, the amplitudes a and b
    ("side_b", np.float64),
    ("since", np.float64),  # time of the last look at a watched neuron, s; without windows, of the next look
    ("mode", np.uint8),  # a `Mode`
    (
        "rising",
        np.uint8,
    ),  # of a watched neuron: 2, x is above the gap; 1, x is rising. Without windows: 1, a spike is due
    ("listed", np.uint8),  # 1 where the neuron is on its thread's list of watched neurons
    ("group", np.uint32),  # here and not in CELL alone, so that events need not load the parameters
)
"""The state of a neuron."""

EVENT = _record(
    ("time", np.float64),  # s
    ("code", np.int64),  # segment that a spike reaches; or -1 - j for the end of neuron j's refractory time
    ("due", np.int64),  # window
    ("next", np.int64),  # next entry of the same bucket, -1 after the last; VACANT where there is no event
)
"""An entry of the calendar."""

STEP = _record(("time", np.float64), ("first", np.int64), ("count", np.int64), ("offset", np.int64))
"""From `time` on, the neurons first .. first + count have the drive value[offset : offset + count]."""


class Fixed(NamedTuple):
    """Parameters and wiring: what a run does not change."""

    cells: Annotated[Records, CELL, 1]
    """Parameters, a row for each neuron or for a whole group; `cell_row` finds the row."""
    rate: F8_2
    """Decay rates of the x_k (row, k), 1/s."""
    jump: F8_2
    """What an own spike adds to the x_k (row, k)."""
    groups: Annotated[Records, GROUP, 1]
    """All populations."""
    row: I8
    """Neuron i sends its spikes on the segments row[i] .. row[i + 1]."""
    segments: Annotated[Records, SEGMENT, 1]
    """All rows of synapses, by source."""
    bundles: Annotated[Records, BUNDLE, 1]
    """All projections."""
    post: U4
    """Targets of all rows; within a row they are sorted."""
    narrow: F4
    """All weights, if they are of single precision; else empty."""
    wide: F8
    """All weights, if `narrow` is empty."""

    @property
    def weight(self) -> Reals:
        """All weights."""
        return self.wide if len(self.wide) else self.narrow

    def with_weight(self, weight: NDArray[Any]) -> Fixed:
        """The same with other weights, of the same precision."""
        return self._replace(wide=weight) if len(self.wide) else self._replace(narrow=weight.astype(np.float32))


class State(NamedTuple):
    """Everything that a run changes and the next run needs."""

    neurons: Annotated[Records, NEURON, 1]
    """State form; and, of watched neurons, the amplitudes."""
    amp: F8_2
    """Amplitudes (neuron, a and b) at the group's reference time; without windows, the last span and its spikes."""
    gap: F8
    """By neuron, an upper bound for this window of v_th - v_inf - (slow currents' part of v)."""
    x: F8_2
    """The x_k (neuron, k) at the neuron's last event; in amplitude form, slow ones at the group's reference time."""
    origin: F8
    """Reference time by group, s."""
    outlook: I8
    """What is known of the gaps of each group, flags of `Outlook`."""
    calendar: Annotated[Records, EVENT, 1]
    """Events after this window, and vacant entries; without windows, a heap of arrivals."""
    bucket: I8
    """First entry of the calendar for the windows w with w % len(bucket) = place; -1 if there is none."""
    register: I8
    """Counts and places; see `Register`."""


class Workspace(NamedTuple):
    """Buffers of a run whose contents do not outlive a window. Thread k has the row k of most of them."""

    bounds: I8
    """Thread k computes the neurons bounds[k] .. bounds[k + 1]."""
    tally: I8_2
    """A register of each thread; see `Register`."""
    origin: F8_2
    """Reference time (thread, group): each thread moves its own."""
    scratch: F8_3
    """Eight vectors (1, v, x_1, ...) for the search of crossings."""
    factor: F8_2
    """Decay and response factors of one neuron (see `fill_factors`), or its currents put aside."""
    cell: Annotated[Records, CELL, 1]
    """Parameters of the neuron that `advance_neuron` is at, which its `Spiking` may change."""
    watched: I8_2
    """The watched neurons; their number is tally[k, N_WATCHED]."""
    hits: U4_2
    """Places in a block of a row whose targets the bound does not clear."""
    total: F8_2
    """Sums of several rows that arrive at one instant, for a block of targets."""
    time: F8_2
    """Times of the window's spikes, s; their number is tally[k, N_SPIKES]."""
    ids: I8_2
    """Neurons of these spikes."""
    free_time: F8_2
    """Ends of refractory times after this window, s; their number is tally[k, N_RELEASES]."""
    free_id: I8_2
    """Their neurons."""
    event_time: F8
    """Times of the window's events, sorted, s."""
    event_code: I8
    """Their codes, as in `EVENT`."""
    spare_time: F8
    """Room to sort events or spikes in."""
    spare_code: I8
    """Room for their codes."""
    place: I8
    """Room to count them in, by part of the window."""
    cuts: U4_2
    """Row s has the targets cuts[s, k] .. cuts[s, k + 1] in thread k's share; empty for one thread."""
    signal: I8
    """What threads tell each other about a window; see `Signal`."""
    job: F8
    """Start and end of the window."""
    limit: I8
    """By group, how often a neuron may fire in a window (without windows: in a `span`); their least at the end."""
    span: F8
    """By group, the interval in which spikes are counted where there are no windows, s."""
    fired: U4
    """Spikes of each neuron in the window, while they are counted."""
    halt: I8
    """Not zero when the run is to end as soon as it can."""


class Inputs(NamedTuple):
    """What comes from outside, each kind in order of time."""

    source_time: F8
    """Times of the spikes of sources and of forced neurons, s."""
    source_id: I8
    """Their neurons."""
    steps: Annotated[Records, STEP, 1]
    """Changes of the drive."""
    step_value: F8
    """The new drives."""
    sample_time: F8
    """Times at which voltages are read, s."""
    sample_id: I8
    """The neurons whose voltages are read."""


class Output(NamedTuple):
    """The results of a run."""

    time: F8
    """Times of the spikes, s; their number is register[N_SPIKES]."""
    neuron: I8
    """Their neurons."""
    voltage: F8_2
    """Sampled voltages (time, neuron)."""
    events: I8
    """Synaptic events by projection."""
