"""Driving the exact kernels: windows cut where runs begin and end, and states to go on from.

Windows lie on a fixed grid, whatever the cuts: a state stands at the last grid point before the run's end, with
the inputs since then, and the next run repeats that one window. So two short runs give the same bits as one long run.
A program with a delay of zero has windows of length zero: it goes through the queue, and stands at the run's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from neuro.engine.drive.chunks import SPARE, Halted, Piece, Simulation, ready
from neuro.engine.drive.inputs import NO_SAMPLES, Sampling, Schedule, join, since
from neuro.engine.drive.state import EngineState, copied, new_workspace
from neuro.engine.kernels.arrays import State
from neuro.engine.kernels.calendar import window_of
from neuro.engine.kernels.windows import force
from neuro.engine.kernels.zero_delay import bring, new_queue
from neuro.engine.lower.fingerprint import acting
from neuro.engine.lower.program import Program
from neuro.engine.lower.runaway import LongCount, check_bias, limits_of
from neuro.engine.plasticity.migrate import carried
from neuro.engine.plasticity.state import PlasticState, Rule, pairings
from neuro.engine.recording import Recording
from neuro.errors import NetworkError
from neuro.jit import laid
from neuro.validation import Floats, Ints

__all__ = ["Outcome", "Recorder", "advance", "finished"]


class Recorder(Protocol):
    """Takes a run's pieces as they come, and makes a recording of them."""

    def write(self, piece: Piece) -> None:
        """Keep a piece; its spikes are copied, for their arrays are used again."""

    def close(self) -> None:
        """No more pieces come, or the run has failed."""

    def counts(self) -> Ints:
        """Spikes of each neuron, in the common numbering."""

    def recording(self, **about: Any) -> Recording:
        """The run as a recording; `about` has the fields that are not spikes or voltages."""


class Outcome(NamedTuple):
    """Where a run has come to; its spikes and samples are in the sink."""

    reached: float
    events: Ints
    state: EngineState
    weights: dict[str, Floats]
    """Of the projections that learn, at the time reached."""


def advance(
    program: Program,
    state: EngineState,
    plan: Schedule,
    stop: float,
    sampling: Sampling,
    sink: Recorder,
    tell: Callable[[float], None],
    halted: Callable[[], bool],
    threads: int = 1,
    rules: Mapping[str, Rule] | None = None,
    max_rate: float | None = None,
    halt: Ints | None = None,
) -> Outcome:
    """Simulate from a state to `stop`, or to where `halted` says to stop; `halt` also ends an unfinished piece.

    After each piece, when all of it is in the sink, `tell` is called with the time reached.
    """
    ready(program, threads)
    start = state.time
    arrays, begin, known, lesson = state.arrays, state.base, join(state.since_base, plan), state.lesson
    told = pairings(program, rules, lesson)
    if _changed(state, program, plan) or told != ({} if lesson is None else lesson.pairings):
        begin, known = start, plan
        arrays, lesson = finished(state)
        if not program.window:
            arrays = copied(arrays)
            queue, work = new_queue(state.program.fixed, arrays), new_workspace(state.program, program.shares(1), 0, 1)
            bring(state.program.table, laid(arrays), laid(work), laid(queue), start)
        arrays = _forced(program, arrays, state.forced, plan.forced, start)
        if told:
            lesson, arrays = carried(program, told, arrays, lesson, start)
    base = max(begin, _grid(stop, program.window))
    limits = limits_of(program, max_rate)
    check_bias(program, limits.rate)
    simulation = Simulation(program, arrays, known, sampling, begin, (start, stop), threads, lesson, limits, halt)
    count = LongCount(program, limits, plan.forced)

    def keep(piece: Piece, reached: float | None = None) -> None:
        count.add(piece.time, piece.neuron)
        sink.write(piece)
        tell(simulation.reached if reached is None else reached)

    try:
        while simulation.reached < base:
            if halted():
                return _halt(state, plan, simulation)
            keep(simulation.piece(base))
        if halted() and base < stop:
            return _halt(state, plan, simulation)
        final, kept = simulation.kept(), simulation.lesson
        end = float(window_of(base, program.window) + 1) * program.window if base < stop else base
        while base < stop and simulation.reached < end:
            try:
                piece = simulation.piece(end)
            except NetworkError:
                # A neuron that runs away after the run's end is none of its business.
                piece = simulation.piece(end := stop)
            keep(piece, stop)
    except Halted:
        return _halt(state, plan, simulation)
    free = simulation.spare if simulation.arrays is final else simulation.arrays
    if free is not None:
        SPARE[program] = free
    after = EngineState(program, final, base, stop, since(known, base), plan.forced, state.seed, kept)
    return Outcome(stop, simulation.events, after, simulation.weights())


def _grid(time: float, length: float) -> float:
    """The last point of the grid of windows that is not after `time`; without windows, any point is one."""
    return float(window_of(time, length)) * length if length else time


def _halt(state: EngineState, plan: Schedule, simulation: Simulation) -> Outcome:
    """Stop at the end of a window; before the end of the first, nothing has happened yet."""
    if simulation.reached <= state.time:
        return Outcome(state.time, np.zeros_like(simulation.events), state, simulation.weights())
    reached = simulation.reached
    after = EngineState(
        simulation.program, simulation.kept(), reached, reached, None, plan.forced, state.seed, simulation.lesson
    )
    return Outcome(reached, simulation.events, after, simulation.weights())


def _changed(state: EngineState, program: Program, plan: Schedule) -> bool:
    """Does this run differ from the last one in what acts inside the window that both share?"""
    if len(state.forced) != len(plan.forced) or np.any(state.forced != plan.forced):
        return True
    if state.program.fixed is program.fixed:
        return False
    # What a projection has learned is in the state: the devices of its crossbar, which have it too, do not matter.
    learned = () if state.lesson is None else state.lesson.pairings
    old, new = (acting(one, learned) for one in (state.program, program))
    return not all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def finished(state: EngineState) -> tuple[State, PlasticState | None]:
    """The state at the time that was reached: the open window up to there, with the weights that it began with."""
    if state.since_base is None or state.base >= state.time:
        return state.arrays, state.lesson
    ready(state.program)
    times, inputs = (state.time, state.time), state.since_base
    simulation = Simulation(state.program, state.arrays, inputs, NO_SAMPLES, state.base, times, lesson=state.lesson)
    while simulation.reached < state.time:
        simulation.piece(state.time)
    return simulation.arrays, simulation.lesson


def _forced(program: Program, arrays: State, old: Ints, new: Ints, time: float) -> State:
    """Suspend and release the neurons in which two clamps differ."""
    on, off = _only(new, old), _only(old, new)
    if not len(on) and not len(off):
        return arrays
    arrays, work = copied(arrays), new_workspace(program, program.shares(1), 0, 16)
    for ids, held in ((off, False), (on, True)):
        if len(ids):
            force(program.table, laid(arrays), laid(work), ids, held, time, program.window)
    return arrays


def _only(ids: Ints, others: Ints) -> Ints:
    """Those that are not among the others."""
    return np.setdiff1d(ids, others, assume_unique=True) if len(ids) and len(others) else ids
