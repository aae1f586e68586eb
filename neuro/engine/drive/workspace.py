"""The arrays of a simulation: at rest, copied, or with a larger calendar; and the workspace of the kernels."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neuro.engine.drive.runaway import Limits
from neuro.engine.kernels.arrays import (
    BLOCK,
    CELL,
    EVENT,
    NEURON,
    NEVER,
    NEXT_VACANT,
    REGISTERS,
    VACANT,
    Fixed,
    State,
    Workspace,
)
from neuro.engine.kernels.threads import PADDING, row_cuts
from neuro.engine.kernels.zero_delay import InstantWorkspace
from neuro.engine.lower.program import Program, amplitudes
from neuro.validation import Ints, in_lines

__all__ = [
    "arrays_at_rest",
    "copy_arrays",
    "new_instant_workspace",
    "new_workspace",
    "with_larger_calendar",
    "with_vacant_entries",
]


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
    longest = max(program.fixed.segments["delay"].max(initial=0.0), program.fixed.cells["refractory"].max(initial=0.0))
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
        bucket=np.full(int(np.clip(np.ceil(longest / (program.window or np.inf)) + 2, 2, 4096)), -1, np.int64),
        register=np.zeros(REGISTERS, np.int64),
    )


def new_workspace(
    program: Program, bounds: Ints, calendar: int, room: int, limits: Limits | None = None, halt: Ints | None = None
) -> Workspace:
    """A workspace for as many threads as there are shares of the neurons. Without `limits` any rate is allowed."""
    max_count = np.full(len(program.fixed.groups), NEVER) if limits is None else limits.max_count
    threads, depth = len(bounds) - 1, 2 + program.fixed.rate.shape[1]
    largest = int(np.diff(bounds).max())
    spaced = max(2 * depth, 2 * PADDING)
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
        cuts=row_cuts(program, threads),
        signal=np.zeros(PADDING * (threads + 1), np.int64),
        job=np.zeros(2),
        limit=np.append(max_count, max_count.min(initial=NEVER)),
        span=np.ones(len(max_count)) if limits is None else limits.span,
        fired=np.zeros(program.size, np.uint32),
        halt=np.zeros(1, np.int64) if halt is None else halt,
    )


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
