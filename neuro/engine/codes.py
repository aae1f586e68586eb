"""The codes that stand in the arrays of the exact engine's kernels.

Codes are members of an enum, each with its meaning. Kernels use plain integers of the same names, defined beside the
enum: numba cannot merge a member with an integer in one variable, and has no bit operations on flags.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


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
    NEXT_CURSOR = 9
    """The first of the state's cursors that are not in use, -1 if all are."""
    N_LOOSE = 10
    """Number of arrivals in the thread's lists."""
    N_TOUCHED = 11
    """Number of neurons that they reach."""
    NEXT_ARRIVAL = 12
    """Without windows, the next of `Inputs.drive_time`."""


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
    NEXT_CURSOR,
    N_LOOSE,
    N_TOUCHED,
    NEXT_ARRIVAL,
) = map(int, Register)
REGISTERS = len(Register)


class Flown(IntEnum):
    """Places in a row of `Workspace.flown`: what is known of a thread's spikes under way."""

    N_FLIGHTS = 0
    """Number of the thread's spikes under way on routes."""
    N_PENDING = 1
    """Number of events that they are still to bring."""
    N_SENT = 2
    """In the first thread's row: how many events the spikes of the last window are to bring, to all threads."""
    N_PIECES = 3
    """Number of the thread's pieces of rows that arrive in the window one by one."""
    FREE_CURSOR = 4
    """The first of the thread's cursors that are not in use, -1 if all are."""
    N_CURSORS = 5
    """Number of those that are in use."""
    N_DEALT = 6
    """Number of arrivals that the last window brought the thread one by one."""


N_FLIGHTS, N_PENDING, N_SENT, N_PIECES, FREE_CURSOR, N_CURSORS, N_DEALT = map(int, Flown)


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
    LOOSE_FULL = 6
    """There are more loose arrivals than `Workspace.arrivals` has room for, or pieces than `Workspace.pieces` has."""
    CURSORS_FULL = 7
    """All cursors are in use."""
    LOOSE_LOW = 8
    """The loose arrivals of the next window may not fit; all windows up to here are valid."""
    CURSORS_LOW = 9
    """There may be too few cursors for the next window; all windows up to here are valid."""


FULL, RUNAWAY, CALENDAR_LOW, SPIKE_ROOM_LOW, HALTED, LOOSE_FULL, CURSORS_FULL, LOOSE_LOW, CURSORS_LOW = map(int, Fault)
STILL_VALID = CALENDAR_LOW, SPIKE_ROOM_LOW, LOOSE_LOW, CURSORS_LOW
"""Faults after which all windows up to the time reached are valid."""


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
    WINDOW = 3
    """Number of the window on the grid of windows."""


TURN, N_EVENTS, WAITING, WINDOW = map(int, Signal)


class Aside(IntEnum):
    """Rows of `Workspace.aside`."""

    V = 0
    """v at the time LAST."""
    DRIVE = 1
    """As in `NEURON`."""
    SINCE = 2
    """Time since which v moves: the end of the refractory time, or LAST."""
    LAST = 3
    """As in `NEURON`."""


V, DRIVE, SINCE, LAST = map(int, Aside)
ASIDE_ROWS = len(Aside)


class AsideBits(IntEnum):
    """Columns of `Workspace.aside_bits`: a bit for each of eight neurons, the lowest for the first."""

    AT_FLOOR = 0
    """Those that rest against the lower limit."""
    IS_HELD = 1
    """Those that are refractory."""
    IN_STATE = 2
    """Those that are neither there nor free; they go through windows alone, and `State` has them."""
    IS_ASIDE = 3
    """Not zero where the eight are aside."""


AT_FLOOR, IS_HELD, IN_STATE, IS_ASIDE = map(int, AsideBits)
ASIDE_BITS = len(AsideBits)

NEVER = 2**62
"""A window, or a number of spikes, that is never reached."""
VACANT = -2
"""`EVENT`'s field `next` in an entry without an event."""
BLOCK = 1024
"""Number of targets that are handled together."""


class Lags(IntEnum):
    """How a projection's rows give delays: `BUNDLE`'s field `lags`."""

    ONE_LAG = 0
    """One for all synapses of a row, in its segment."""
    REAL_LAGS = 1
    """One for each synapse, in `Fixed.lag`."""
    CODED_LAGS = 2
    """One for each synapse, as its place among the few that there are: `Fixed.lag_code` and `lag_value`."""


ONE_LAG, REAL_LAGS, CODED_LAGS = map(int, Lags)

UNTOUCHED, NO_ARRIVAL = -2, -1
"""`Workspace.head` of a neuron that no loose arrival reaches in the window; and after the last of its list."""
MOST_DRAWN = 64
"""More arrivals of one neuron and one block are not drawn: with a mean of `MEAN_ARRIVALS`, that has no probability."""


class Count(IntEnum):
    """Places in `InstantWorkspace.counts`."""

    N_CHANGED = 0
    """Number of neurons that were brought to this instant."""
    N_TRIED = 1
    """Number of neurons to be tested in the next generation."""
    N_WAITING = 2
    """Number of rows of zero delay that spikes of this generation go to."""


N_CHANGED, N_TRIED, N_WAITING = map(int, Count)


class Mark(IntFlag):
    """What is to be done with a neuron at this instant: `InstantWorkspace.mark`."""

    CHANGED = 1
    """It is on the list of neurons whose forecast has to be renewed."""
    TRIED = 2
    """It is on the list of neurons to be tested."""
    SPIKE_DUE = 4
    """Its forecast is a spike now, whatever rounding says of v."""


CHANGED, TRIED, SPIKE_DUE = map(int, Mark)
