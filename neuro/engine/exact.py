"""Driving the exact kernels: states, growing buffers, windows cut where runs begin and end.

Windows lie on a fixed grid, whatever the cuts: a state stands at the last grid point before the run's end, with
the inputs since then, and the next run repeats that one window. So two short runs give the same bits as one long run.
"""

from __future__ import annotations

import sys
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from neuro.arrays import Floats, Ints
from neuro.engine.calendar import window_of
from neuro.engine.inputs import Schedule, join, merge, samples, since
from neuro.engine.program import Program, amplitudes
from neuro.engine.recording import Record
from neuro.engine.records import (
    CULPRIT,
    EVENT,
    FAULT,
    FULL,
    N_OUT,
    NEURON,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    NEXT_STEP,
    UNUSED,
    Inputs,
    Output,
    State,
)
from neuro.engine.windows import force, run_windows
from neuro.errors import NetworkError
from neuro.jit import is_cached

__all__ = ["EngineState", "Outcome", "advance", "initial_state"]


@dataclass(frozen=True, eq=False)
class EngineState:
    """Where a run stopped; opaque, to be passed on as ``run(..., state=...)``."""

    program: Program
    arrays: State
    base: float
    """The instant at which `arrays` stand, s."""
    time: float
    """The instant that was reached, s."""
    since_base: Schedule | None
    """Inputs of the time between the two."""
    forced: Ints
    """Neurons that are clamped."""


class Outcome(NamedTuple):
    """Spikes in the common numbering, samples, events per projection, and the final state."""

    time: Floats
    neuron: Ints
    sample_time: Floats
    voltage: Floats
    events: Ints
    state: EngineState


def initial_state(program: Program) -> EngineState:
    """Everything at rest at time zero, but for the initial voltages."""
    n = program.size
    neurons, x = np.zeros(n, NEURON), np.zeros(program.fixed.rate.shape)
    for name, population in program.network.populations.items():
        rest, initial = population.parameter("v_rest"), population.initial or {}
        neurons["v"][program.slice(name)] = initial.get("v", rest)
        if "i" in initial:
            x[program.slice(name), 0] = initial["i"]
    neurons["drive"] = program.drive
    longest = max(program.fixed.segments["delay"].max(initial=0.0), program.fixed.cells["refractory"].max(initial=0.0))
    calendar = np.zeros(256, EVENT)
    calendar["next"] = np.arange(1, 257)
    calendar["next"][-1] = -1
    arrays = State(
        neurons=neurons,
        amp=amplitudes(program, neurons["v"], x),
        x=x,
        origin=np.zeros(len(program.fixed.groups)),
        calendar=calendar,
        bucket=np.full(int(np.clip(np.ceil(longest / program.window) + 2, 2, 4096)), -1, np.int64),
        register=np.zeros(8, np.int64),
    )
    return EngineState(program, arrays, 0.0, 0.0, None, np.zeros(0, np.int64))


def _with_room(state: State) -> State:
    """The same state with twice the room for pending events."""
    old = len(state.calendar)
    calendar = np.concatenate([state.calendar, np.zeros(old, EVENT)])
    calendar["next"][old:] = np.arange(old + 1, 2 * old + 1)
    calendar["next"][-1] = state.register[UNUSED]
    state.register[UNUSED] = old
    return state._replace(calendar=calendar)


def _copy(state: State) -> State:
    return State._make(array.copy() for array in state)


class _Tape:
    """Spikes of a run in pieces, the samples, the counts, and the buffers that the kernels write to."""

    def __init__(self, program: Program, n_samples: int, n_sampled: int) -> None:
        room = max(1024, 2 * program.size)
        events = np.zeros(len(program.network.projections), np.int64)
        self.output = Output(np.empty(room), np.empty(room, np.int64), np.zeros((n_samples, n_sampled)), events)
        self.pieces: list[tuple[Floats, Ints]] = []

    def harvest(self, count: int) -> None:
        if count:
            self.pieces.append((self.output.time[:count].copy(), self.output.neuron[:count].copy()))

    def grow(self) -> None:
        room = 2 * len(self.output.time)
        self.output = self.output._replace(time=np.empty(room), neuron=np.empty(room, np.int64))

    def spikes(self, start: float, stop: float) -> tuple[Floats, Ints]:
        if not self.pieces:
            return np.zeros(0), np.zeros(0, np.int64)
        time = np.concatenate([piece[0] for piece in self.pieces])
        neuron = np.concatenate([piece[1] for piece in self.pieces])
        low, high = np.searchsorted(time, [start, stop])
        return time[low:high].copy(), neuron[low:high].copy()


def advance(
    program: Program,
    state: EngineState,
    plan: Schedule,
    stop: float,
    record: Record,
    progress: Callable[[float, float, str], None] | None,
) -> Outcome:
    """Simulate from a state to `stop`."""
    start = state.time
    sample_time, sample_id = samples(program, record, start, stop)
    tape = _Tape(program, len(sample_time), len(sample_id))
    arrays, begin, known = _copy(state.arrays), state.base, join(state.since_base, plan)
    if _changed(state, program, plan):
        begin, known = start, plan
        arrays = _switch(program, state, arrays, plan.forced)
    inputs = merge(known, sample_time, sample_id)
    _rewind(arrays)
    base = max(begin, float(window_of(stop, program.window)) * program.window)
    report = None if progress is None else _reporter(progress, start, stop)
    arrays = _windows(program, arrays, inputs, tape, begin, base, (start, stop), report)
    final = _copy(arrays)
    if base < stop:
        end = (window_of(base, program.window) + 1) * program.window
        _windows(program, arrays, inputs, tape, base, end, (start, stop), None)
    time, neuron = tape.spikes(start, stop)
    after = EngineState(program, final, base, stop, since(known, base), plan.forced)
    return Outcome(time, neuron, sample_time, tape.output.voltage, tape.output.events, after)


def _changed(state: EngineState, program: Program, plan: Schedule) -> bool:
    """Does this run differ from the last one in what acts inside the window that both share?"""
    if not np.array_equal(state.forced, plan.forced):
        return True
    old, new = state.program.fixed, program.fixed
    return old is not new and not all(
        np.array_equal(getattr(old, key), getattr(new, key)) for key in ("weight", "cells", "rate", "jump")
    )


def _switch(program: Program, state: EngineState, arrays: State, forced: Ints) -> State:
    """Finish the last run's open window with its own weights, up to its end, and change the clamped neurons."""
    old, time = state.program, state.time
    nothing = _Tape(old, 0, 0)
    if state.since_base is not None and state.base < time:
        _rewind(arrays)
        inputs = merge(state.since_base, np.zeros(0), np.zeros(0, np.int64))
        arrays = _windows(old, arrays, inputs, nothing, state.base, time, (time, time), None)
    for ids, on in ((np.setdiff1d(state.forced, forced), False), (np.setdiff1d(forced, state.forced), True)):
        force(program.fixed, arrays, nothing.output, ids, on, time, program.window)
    return arrays


def _rewind(arrays: State) -> None:
    arrays.register[[NEXT_SOURCE, NEXT_STEP, NEXT_SAMPLE]] = 0


def _reporter(progress: Callable[[float, float, str], None], start: float, stop: float) -> Callable[[float], None]:
    return lambda reached: progress(min(reached, stop) - start, stop - start, "simulating")


def _windows(
    program: Program,
    arrays: State,
    inputs: Inputs,
    tape: _Tape,
    begin: float,
    stop: float,
    counted: tuple[float, float],
    report: Callable[[float], None] | None,
) -> State:
    """Run whole windows in pieces of a fraction of a second, growing buffers where a piece did not fit."""
    _announce()
    piece = 256 * program.window
    while begin < stop:
        before, events = _copy(arrays), tape.output.events.copy()
        until = min(stop, begin + piece)
        if until < stop:
            until = float(window_of(until, program.window)) * program.window
        tick = clock.perf_counter()
        reached = run_windows(program.fixed, arrays, inputs, tape.output, begin, until, program.window, *counted)
        fault = arrays.register[FAULT]
        if fault == FULL:
            arrays = _with_room(before)
            tape.grow()
            tape.output.events[:] = events
            continue
        if fault:
            _runaway(program, arrays)
        tape.harvest(int(arrays.register[N_OUT]))
        arrays.register[N_OUT] = 0
        begin = max(reached, until) if reached < stop else stop
        if clock.perf_counter() - tick < 0.2:
            piece *= 2
        if report is not None:
            report(begin)
    return arrays


def _runaway(program: Program, arrays: State) -> None:
    j = int(arrays.register[CULPRIT])
    name = next(n for n in program.offset if program.slice(n).start <= j < program.slice(n).stop)
    raise NetworkError(
        "a neuron fired a million times in one instant",
        where=f"population {name!r}",
        remedy="Give it a refractory time, or a reset further below its threshold",
    )


@cache
def _announce() -> None:
    """Say so before the first compilation, which takes a while; later processes read the cache."""
    if not is_cached(run_windows):
        print("neuro: compiling the engine, once (less than a minute) ...", file=sys.stderr, flush=True)
