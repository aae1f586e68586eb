"""The arrays that kernels work on: their layout, field by field. The codes that stand in them are in `codes.py`."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LINE = 64
"""Bytes of a cache line."""

Records = NDArray[Any]
Record = Any
Index = int | np.integer[Any]
Reals = NDArray[np.floating]
F4 = Annotated[NDArray[np.float32], np.float32, 1]
F8 = Annotated[NDArray[np.float64], np.float64, 1]
I8 = Annotated[NDArray[np.int64], np.int64, 1]
I4 = Annotated[NDArray[np.int32], np.int32, 1]
I4_2 = Annotated[NDArray[np.int32], np.int32, 2]
U2 = Annotated[NDArray[np.uint16], np.uint16, 1]
U8 = Annotated[NDArray[np.uint64], np.uint64, 1]
U8_2 = Annotated[NDArray[np.uint64], np.uint64, 2]
U4 = Annotated[NDArray[np.uint32], np.uint32, 1]
F8_2 = Annotated[NDArray[np.float64], np.float64, 2]
F8_3 = Annotated[NDArray[np.float64], np.float64, 3]
I8_2 = Annotated[NDArray[np.int64], np.int64, 2]
U4_2 = Annotated[NDArray[np.uint32], np.uint32, 2]
I8_3 = Annotated[NDArray[np.int64], np.int64, 3]


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
    ("loose", np.int64),  # 1 where arrivals reach it one by one: from synapses with delays of their own, or drives
    ("first_drive", np.int64),  # its drives are first_drive .. first_drive + drives
    ("drives", np.int64),
    ("rows", np.int64),  # 1 where rows of one delay reach it, too
)
"""A population: its neurons, its form, and the time constants that all its neurons share."""

SEGMENT = _record(
    ("delay", np.float64),  # s, the shortest of the row; of a plastic row, minus the number of segments to skip
    ("first", np.int64),  # targets are post[first : first + count]
    ("weight", np.int64),  # place of the first weight
    ("count", np.uint32),
    ("projection", np.uint32),
)
"""A row of synapses with one source and, unless its bundle says otherwise, one delay, in half a cache line."""

BUNDLE = _record(
    ("group", np.int64),  # the group of the targets
    ("receptor", np.int64),  # the x_k that an input raises; -1 is v itself
    ("step", np.int64),  # from one target's weight to the next; 0 where all are the same
    ("whole", np.int64),  # 1 where the targets are neighbours, one after the other, and their weights too
    ("lags", np.int64),  # a `Lags`: where the delays of a row's synapses stand; these rows are sorted by delay
    ("lag_at", np.int64),  # synapse post[i] has the delay at place i + lag_at
    ("lag_table", np.int64),  # of coded delays, the place of the first in `Fixed.lag_value`
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
    ("rising", np.uint8),  # of a watched one: 2, x is above the gap; 1, x is rising. Without windows: 1, a spike is due
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

CURSOR = _record(
    ("time", np.float64),  # of the spike, s
    ("row", np.int64),  # segment that it reaches
    ("at", np.int64),  # the next synapse of the row that it reaches
    ("due", np.int64),  # the window in which it does
    ("next", np.int64),  # next cursor of the same bucket, or next that is not in use; -1 after the last
)
"""A spike under way on a row whose synapses have delays of their own."""

FLIGHT = _record(("time", np.float64), ("at", np.int64), ("last", np.int64))
"""A spike under way on a thread's route; the parts at .. last of the route are still to come."""

PIECE = _record(("time", np.float64), ("row", np.int64), ("first", np.int64), ("last", np.int64), ("begin", np.int64))
"""The synapses first .. last of a row, which a spike fired at `time` reaches in this window.

They have the numbers from `begin` on among all of the thread's in the window."""

ARRIVAL = _record(("time", np.float64), ("weight", np.float64), ("next", np.int32), ("receptor", np.int32))
"""An arrival in a neuron's list; `next` is NO_ARRIVAL after the last."""

DRIVE = _record(
    ("group", np.int64),  # population that it reaches
    ("receptor", np.int64),  # the x_k that an arrival raises; -1 is v itself
    ("block", np.float64),  # length of a block of draws, s, a power of two
    ("delay", np.float64),  # s
    ("mean_at", np.int64),  # place of the first mean number of arrivals in a block
    ("own_mean", np.int64),  # 1 where each neuron has a mean, 0 where all share one
    ("weight_at", np.int64),  # place of the first weight
    ("own_weight", np.int64),  # 1 where each neuron has a weight, 0 where all share one
    ("table_at", np.int64),  # place of the probabilities of at most 0, 1, 2, .. arrivals, for the common mean
    ("table_end", np.int64),
    ("knots_at", np.int64),  # place of the first knot of a rate that changes
    ("knots", np.int64),  # their number; 0 where the rate is constant
    ("shares_at", np.int64),  # place of the first share of the rate at a knot
    ("own_shares", np.int64),  # 1 where each neuron has shares, 0 where all have the same
    ("linear", np.int64),  # 1 where the rate goes on a straight line from knot to knot, 0 where it stays
)
"""Independent Poisson arrivals at each neuron of a population."""

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

    lag: F8
    """Delays of single synapses, s, at places that `BUNDLE` tells; eight unused ones at the end."""
    lag_code: U2
    """Delays of single synapses as places in `lag_value`; eight unused ones at the end."""
    lag_value: F8
    """The values of coded delays, s, ascending for each projection."""
    drives: Annotated[Records, DRIVE, 1]
    """All drives, by population."""
    drive_mean: F8
    """Mean numbers of arrivals in a block."""
    drive_weight: F8
    """Weights of the arrivals."""
    drive_table: F8
    """Probabilities of at most 0, 1, 2, .. arrivals in a block; filled up with twos to eights."""
    knot_time: F8
    """Times at which rates change, s."""
    knot_share: F8
    """Rates there, as shares of the drive's greatest."""

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
    cursors: Annotated[Records, CURSOR, 1]
    """Spikes under way on rows whose synapses have delays of their own, and unused ones."""
    cursor_bucket: I8
    """First cursor for the windows w with w % len(cursor_bucket) = place; -1 if there is none."""


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
    route_row: I8_2
    """Thread k sends spikes of neuron j on routes[route_row[k, j] : route_row[k, j + 1]]; no columns: no routes."""
    routes: Annotated[Records, SEGMENT, 1]
    """By thread and source: the thread's parts of segments, sorted by delay."""
    route_segment: U4
    """The segments that they are parts of."""
    cursor_row: I8_2
    """With routes: neuron j's rows with delays of their own to thread k start at cursor_row[k, j] of cursor_segment."""
    cursor_segment: U4
    """These rows."""
    cursors: Annotated[Records, CURSOR, 2]
    """Each thread's spikes under way on such rows, and unused ones."""
    cursor_bucket: I8_3
    """By thread and population, the first cursor for windows as in `State.cursor_bucket`; no columns: no cursors."""
    flights: Annotated[Records, FLIGHT, 2]
    """Each thread's spikes under way on routes."""
    flown: I8_2
    """What is known of them by thread; see `Flown`."""
    own_time: F8_3
    """With routes: times of each thread's events, of entries that are being sorted, and room to sort in, s."""
    own_code: I8_3
    """Their codes, and room to count them in."""
    counted: I8_2
    """Each thread's synaptic events of the window on routes and from cursors, by projection."""
    signal: I8
    """What threads tell each other about a window; see `Signal`."""
    job: F8
    """Start and end of the window, and of the interval in which synaptic events are counted; length of windows."""
    limit: I8
    """By group, how often a neuron may fire in a window (without windows: in a `span`); their least at the end."""
    span: F8
    """By group, the interval in which spikes are counted where there are no windows, s."""
    fired: U4
    """Spikes of each neuron in the window, while they are counted."""
    halt: I8
    """Not zero when the run is to end as soon as it can."""
    loose: F8_2
    """By neuron, sums over its loose arrivals: what they add to a and b, for the window's start as the reference time
    and a unit input as the unit; and the inputs above zero. Empty if the network has none."""
    head: I4
    """By neuron, its last arrival from synapses; if it has a list, the next arrival. UNTOUCHED, NO_ARRIVAL."""
    next_drawn: F8_2
    """By neuron, an interval in which drives bring nothing: from a time until the next arrival or before it, s."""
    listed: I4
    """By neuron, 1 where it has a list of all its arrivals, in order of time, and its sums are not used."""
    following: I4_2
    """By number of an arrival from synapses, the one before it at the same neuron."""
    true_gap: F8
    """By neuron with loose arrivals, the gap; `State.gap` is less what they could add within the window."""
    touched: I8_2
    """Neurons that loose arrivals reach; their number is tally[k, N_TOUCHED]."""
    arrivals: Annotated[Records, ARRIVAL, 2]
    """Their lists; their total length is tally[k, N_LOOSE]."""
    pieces: Annotated[Records, PIECE, 2]
    """What arrives in this window at each thread's populations on rows whose synapses have delays of their own."""
    lanes: F8_2
    """Room for numbers of a few arrivals or of eight neurons, and for the times of drawn arrivals."""
    aside: F8_2
    """State of neurons on straight lines (row, neuron) while it is not in `State`; see `Aside`."""
    aside_bits: U8_2
    """At the first of eight neurons, what is known of them; see `AsideBits`. No rows: no neurons on lines."""
    arriving: I8_2
    """Events of the window that reach one group: the place of each, followed by that of its first weight."""
    staged_time: F8_2
    """Arrivals of a population from synapses: times since the window's start, s."""
    staged_weight: F8_2
    """Their weights."""
    staged_post: U4_2
    """Their targets; beyond the neurons where these are another thread's."""
    words: U8_2
    """Room for keys and words of draws."""
    batch: F8_2
    """Room for counts of arrivals of several neurons, and for what each arrival adds."""
    drive_key: U8
    """Key of the draws of each drive."""


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
    """Times at which voltages and currents are read, s."""
    sample_id: I8
    """What is read: for v the neuron, for its x_k the neuron plus 1 + k times the number of all neurons."""
    drive_time: F8
    """Without windows, times of the arrivals of drives, s."""
    drive_id: I8
    """Their neurons."""
    drive_number: I8
    """Their drives."""


class Output(NamedTuple):
    """The results of a run."""

    time: F8
    """Times of the spikes, s; their number is register[N_SPIKES]."""
    neuron: I8
    """Their neurons."""
    voltage: F8_2
    """Sampled voltages and currents (time, column)."""
    events: I8
    """Synaptic events by projection."""


def in_lines(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array that begins where a cache line does, so that no record of 64 bytes lies in two of them."""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(size + LINE, np.uint8)
    begin = -raw.ctypes.data % LINE
    return raw[begin : begin + size].view(dtype).reshape(shape)
