"""The arrays of a simulation: at rest, copied, or with a larger calendar; and the workspace of the kernels."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neuro.engine.arrivals.draws import DRAWN_AT
from neuro.engine.arrivals.driven import WORDS
from neuro.engine.codes import (
    ASIDE_BITS,
    ASIDE_ROWS,
    BLOCK,
    MOST_DRAWN,
    NEVER,
    NEXT_CURSOR,
    NEXT_SOURCE,
    NEXT_STEP,
    NEXT_VACANT,
    REGISTERS,
    STATE_FORM,
    UNTOUCHED,
    VACANT,
)
from neuro.engine.drive.routes import Routes, no_routes
from neuro.engine.drive.runaway import Limits
from neuro.engine.kernels.arrays import (
    ARRIVAL,
    CELL,
    CURSOR,
    EVENT,
    FLIGHT,
    NEURON,
    PIECE,
    Fixed,
    Inputs,
    Output,
    State,
    Workspace,
    in_lines,
)
from neuro.engine.kernels.heap import InstantWorkspace
from neuro.engine.kernels.threads import PADDING, row_cuts
from neuro.engine.kernels.zero_delay import N_UNDER_WAY
from neuro.engine.lower.program import Program, amplitudes
from neuro.simd import LANES
from neuro.validation import Ints

__all__ = [
    "Loose",
    "arrays_at_rest",
    "copy_arrays",
    "new_instant_workspace",
    "new_output",
    "new_workspace",
    "next_instant",
    "with_larger_calendar",
    "with_more_cursors",
    "with_vacant_entries",
]


class Loose(NamedTuple):
    """What a workspace needs to know of loose arrivals."""

    cursors: int
    """Number of cursors, per thread."""
    buckets: int
    """Number of buckets of cursors, for each population."""
    arrivals: int
    """Room for the arrivals of a window, per thread."""
    keys: NDArray[np.uint64]
    """Keys of the drives."""


_AT_REST: WeakKeyDictionary[Program, State] = WeakKeyDictionary()


def arrays_at_rest(program: Program) -> State:
    """Everything at rest at time zero, but for the initial voltages; not to be written to."""
    if program not in _AT_REST:
        _AT_REST[program] = _at_rest(program)
    return _AT_REST[program]


def _at_rest(program: Program) -> State:
    n = program.size
    neurons, x = np.zeros(n, NEURON), np.zeros((n, program.fixed.rate.shape[1]))
    for name, population in program.network.populations.items():
        rest, initial = population.parameter("v_rest"), population.initial or {}
        neurons["v"][program.slice(name)] = initial.get("v", rest)
        if "i" in initial:
            x[program.slice(name), 0] = initial["i"]
    neurons["drive"], neurons["group"] = (
        program.drive,
        np.repeat(np.arange(len(program.offset)), [p.size for p in program.network.populations.values()]),
    )
    longest = max(program.longest_delay, program.fixed.cells["refractory"].max(initial=0.0))
    buckets = int(np.clip(np.ceil(longest / (program.window or np.inf)) + 2, 2, 4096))
    cursors = np.zeros(256 + n // 8 if program.fixed.bundles["lags"].any() else 0, CURSOR)
    cursors["next"] = _free_list(0, len(cursors))
    register = np.zeros(REGISTERS, np.int64)
    register[NEXT_CURSOR] = 0 if len(cursors) else -1
    calendar = np.zeros(256 + n // 8, EVENT)
    calendar["next"] = VACANT
    return State(
        neurons=neurons,
        amp=amplitudes(program, neurons["v"], x),
        gap=np.zeros(n),
        x=x,
        origin=np.zeros(len(program.fixed.groups)),
        outlook=np.zeros(len(program.fixed.groups), np.int64),
        calendar=calendar,
        bucket=np.full(buckets, -1, np.int64),
        register=register,
        cursors=cursors,
        cursor_bucket=np.full(buckets if len(cursors) else 0, -1, np.int64),
    )


def _free_list(first: int, last: int) -> Ints:
    """The field `next` of the unused cursors first .. last."""
    return np.append(np.arange(first + 1, last), -1)[: last - first].astype(np.int64)


def new_workspace(
    program: Program,
    bounds: Ints,
    calendar: int,
    room: int,
    limits: Limits | None = None,
    halt: Ints | None = None,
    loose: Loose | None = None,
    routes: Routes | None = None,
) -> Workspace:
    """A workspace for as many threads as there are shares of the neurons. Without `limits` any rate is allowed."""
    max_count = np.full(len(program.fixed.groups), NEVER) if limits is None else limits.max_count
    threads, depth = len(bounds) - 1, 2 + program.fixed.rate.shape[1]
    largest = int(np.diff(bounds).max())
    spaced = max(2 * depth, 2 * PADDING)
    has_loose = bool(program.fixed.groups["loose"].any())
    cursors, buckets, arrivals, keys = loose or Loose(0, 0, 0, np.zeros(len(program.fixed.drives), np.uint64))
    each = program.size if has_loose else 0
    filled = program.fixed.groups[program.fixed.groups["stop"] > program.fixed.groups["start"]]
    cells = program.fixed.cells[filled["cells"][filled["kind"] == STATE_FORM]]
    has_lines = bool(np.any((cells["leak"] == 0.0) & (cells["modes"] == 0)))
    routes = no_routes(threads) if routes is None else routes
    routed = calendar if routes.row.shape[1] else 0
    return Workspace(
        bounds=bounds,
        tally=np.zeros((threads, 2 * PADDING), np.int64),
        origin=np.zeros((threads, len(program.fixed.groups))),
        scratch=np.zeros((threads, 8, depth)),
        factor=np.zeros((threads, spaced)),
        cell=np.zeros(threads, CELL),
        watched=np.empty((threads, largest), np.int64),
        hits=np.empty((threads, BLOCK), np.uint32),
        total=np.empty((threads, BLOCK)),
        time=np.empty((threads, room)),
        ids=np.empty((threads, room), np.int64),
        free_time=np.empty((threads, largest)),
        free_id=np.empty((threads, largest), np.int64),
        event_time=np.empty(calendar),
        event_code=np.empty(calendar, np.int64),
        spare_time=np.empty(max(calendar, room)),
        spare_code=np.empty(max(calendar, room), np.int64),
        place=np.empty(max(calendar, room) + 1, np.int64),
        cuts=row_cuts(program, bounds),
        route_row=routes.row,
        routes=routes.parts,
        route_segment=routes.segment,
        cursor_row=routes.cursor_row,
        cursor_segment=routes.cursor_segment,
        cursors=np.empty((threads, cursors), CURSOR),
        cursor_bucket=np.full((threads, len(program.fixed.groups) if cursors else 0, buckets), -1, np.int64),
        flights=np.empty((threads, routed), FLIGHT),
        flown=np.zeros((threads, PADDING), np.int64),
        own_time=np.empty((threads, 3, routed)),
        own_code=np.empty((threads, 4, routed + 1), np.int64),
        counted=np.zeros((threads, len(program.fixed.bundles) + PADDING), np.int64),
        signal=np.zeros(PADDING * (threads + 1), np.int64),
        job=np.zeros(5),
        limit=np.append(max_count, max_count.min(initial=NEVER)),
        span=np.ones(len(max_count)) if limits is None else limits.span,
        fired=np.zeros(program.size, np.uint32),
        halt=np.zeros(1, np.int64) if halt is None else halt,
        loose=np.zeros((each + threads, 4)),
        head=np.full(each, UNTOUCHED, np.int32),
        next_drawn=np.full((each if len(keys) else 0, 2), np.inf),
        listed=np.zeros(each, np.int32),
        following=np.empty((threads, arrivals if has_loose else 0), np.int32),
        true_gap=np.zeros(each),
        touched=np.empty((threads, largest + 1 if has_loose else 0), np.int64),
        arrivals=np.empty((threads, arrivals if has_loose else 0), ARRIVAL),
        pieces=np.empty((threads, cursors), PIECE),
        lanes=np.zeros((threads, DRAWN_AT + MOST_DRAWN + 24)),
        aside=np.zeros((ASIDE_ROWS, program.size + LANES if has_lines else 0)),
        aside_bits=np.zeros((program.size if has_lines else 0, ASIDE_BITS), np.uint64),
        arriving=np.empty((threads, 2 * calendar), np.int64),
        staged_time=np.empty((threads, arrivals + PADDING if has_loose else 0)),
        staged_weight=np.empty((threads, arrivals + PADDING if has_loose else 0)),
        staged_post=np.empty((threads, arrivals + PADDING if has_loose else 0), np.uint32),
        words=np.empty((threads, WORDS if len(keys) and has_loose else 0), np.uint64),
        batch=np.empty((threads, WORDS if len(keys) and has_loose else 0)),
        drive_key=keys,
    )


def new_output(program: Program, room: int) -> Output:
    """Buffers for the results of a chunk, with room for so many spikes."""
    events = np.zeros(len(program.fixed.bundles), np.int64)
    return Output(np.empty(room), np.empty(room, np.int64), np.zeros((0, 0)), events)


def new_instant_workspace(fixed: Fixed, state: State) -> InstantWorkspace:
    """A workspace for one instant, for networks with synapses of zero delay."""
    n, m, depth = len(state.neurons), len(fixed.segments), state.x.shape[1]
    return InstantWorkspace(
        order=np.empty(n, np.int64),
        place=np.empty(n, np.int64),
        counts=np.zeros(3, np.int64),
        changed=np.empty(n, np.int64),
        tried=np.empty(n, np.int64),
        waiting=np.empty(m, np.int64),
        times=np.zeros(m, np.int64),
        mark=np.zeros(n, np.int64),
        saved=np.zeros(1, NEURON),
        saved_x=np.zeros(depth),
    )


def next_instant(arrays: State, inputs: Inputs) -> float:
    """The next time at which anything can happen, where there are no windows; inf if never."""
    register = arrays.register
    due = [arrays.neurons["since"].min(initial=inf)]
    due += [arrays.calendar["time"][0]] if register[N_UNDER_WAY] else []
    due += inputs.source_time[register[NEXT_SOURCE] :][:1].tolist()
    due += inputs.steps["time"][register[NEXT_STEP] :][:1].tolist()
    return float(min(due))


def copy_arrays(arrays: State, spare: State | None = None) -> State:
    """A copy that can be written to. It uses the arrays of `spare` that fit: new memory would cost page faults."""
    copies = []
    for name, old in zip(State._fields, arrays, strict=True):
        new = None if spare is None else getattr(spare, name)
        if new is None or new.shape != old.shape:
            new = in_lines(old.shape, old.dtype)
        # Numpy copies records field by field, which takes ten times as long as their bytes.
        np.copyto(_bytes(new), _bytes(old))
        copies.append(new)
    return State._make(copies)


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)


def with_more_cursors(arrays: State) -> State:
    """The same state with twice as many cursors."""
    old = len(arrays.cursors)
    cursors = np.concatenate([arrays.cursors, np.zeros(old, CURSOR)])
    cursors["next"][old:] = _free_list(old, 2 * old)
    cursors["next"][-1] = arrays.register[NEXT_CURSOR]
    register = arrays.register.copy()
    register[NEXT_CURSOR] = old
    return arrays._replace(cursors=cursors, register=register)


def with_larger_calendar(arrays: State, needed: int = 1) -> State:
    """The same state with room for that many more pending events: the calendar doubles until they fit."""
    old, times = len(arrays.calendar), 2
    while (times - 1) * old < needed:
        times *= 2
    return with_vacant_entries(arrays, (times - 1) * old)


def with_vacant_entries(arrays: State, count: int) -> State:
    """The same state with that many more entries in the calendar."""
    old = len(arrays.calendar)
    calendar = np.concatenate([arrays.calendar, np.zeros(count, EVENT)])
    calendar["next"][old:] = VACANT
    register = arrays.register.copy()
    register[NEXT_VACANT] = old
    return arrays._replace(calendar=calendar, register=register)
