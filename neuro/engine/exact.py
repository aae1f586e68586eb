"""Driving the exact kernels: windows cut where runs begin and end, and states to go on from.

Windows lie on a fixed grid, whatever the cuts: a state stands at the last grid point before the run's end, with
the inputs since then, and the next run repeats that one window. So two short runs give the same bits as one long run.
A program with a delay of zero has windows of length zero: it goes through the queue, and stands at the run's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from neuro.arrays import Floats, Ints
from neuro.engine.calendar import window_of
from neuro.engine.carrying import carried
from neuro.engine.course import SPARE, Course, Piece, ready
from neuro.engine.inputs import NO_SAMPLES, Sampling, Schedule, join, since
from neuro.engine.lessons import Lesson, Rule, pairings
from neuro.engine.program import Program
from neuro.engine.queue import bring, new_bench
from neuro.engine.recording import Recording
from neuro.engine.records import State
from neuro.engine.state import EngineState, copied, new_desk
from neuro.engine.structure import acting
from neuro.engine.windows import force
from neuro.errors import NetworkError
from neuro.jit import laid

__all__ = ["Outcome", "Sink", "advance", "finished"]


class Sink(Protocol):
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
    sink: Sink,
    tell: Callable[[float], None],
    halted: Callable[[], bool],
    threads: int = 1,
    rules: Mapping[str, Rule] | None = None,
) -> Outcome:
    """Simulate from a state to `stop`, or to where `halted` says to stop.

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
            bench, desk = new_bench(state.program.fixed, arrays), new_desk(state.program, program.shares(1), 0, 1)
            bring(state.program.table, laid(arrays), laid(desk), laid(bench), start)
        arrays = _forced(program, arrays, state.forced, plan.forced, start)
        if told:
            lesson, arrays = carried(program, told, arrays, lesson, start)
    base = max(begin, _grid(stop, program.window))
    course = Course(program, arrays, known, sampling, begin, (start, stop), threads, lesson)
    while course.reached < base:
        if halted():
            return _halt(state, plan, course)
        sink.write(course.piece(base))
        tell(course.reached)
    if halted() and base < stop:
        return _halt(state, plan, course)
    final, kept = course.kept(), course.lesson
    end = float(window_of(base, program.window) + 1) * program.window if base < stop else base
    while base < stop and course.reached < end:
        try:
            sink.write(course.piece(end))
        except NetworkError:
            # A neuron that runs away after the run's end is none of its business.
            sink.write(course.piece(end := stop))
        tell(stop)
    free = course.spare if course.arrays is final else course.arrays
    if free is not None:
        SPARE[program] = free
    after = EngineState(program, final, base, stop, since(known, base), plan.forced, state.seed, kept)
    return Outcome(stop, course.events, after, course.weights())


def _grid(time: float, length: float) -> float:
    """The last point of the grid of windows that is not after `time`; without windows, any point is one."""
    return float(window_of(time, length)) * length if length else time


def _halt(state: EngineState, plan: Schedule, course: Course) -> Outcome:
    """Stop at the end of a window; before the end of the first, nothing has happened yet."""
    if course.reached <= state.time:
        return Outcome(state.time, np.zeros_like(course.events), state, course.weights())
    reached = course.reached
    after = EngineState(course.program, course.kept(), reached, reached, None, plan.forced, state.seed, course.lesson)
    return Outcome(reached, course.events, after, course.weights())


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


def finished(state: EngineState) -> tuple[State, Lesson | None]:
    """The state at the time that was reached: the open window up to there, with the weights that it began with."""
    if state.since_base is None or state.base >= state.time:
        return state.arrays, state.lesson
    ready(state.program)
    times, inputs = (state.time, state.time), state.since_base
    course = Course(state.program, state.arrays, inputs, NO_SAMPLES, state.base, times, lesson=state.lesson)
    while course.reached < state.time:
        course.piece(state.time)
    return course.arrays, course.lesson


def _forced(program: Program, arrays: State, old: Ints, new: Ints, time: float) -> State:
    """Suspend and release the neurons in which two clamps differ."""
    on, off = _only(new, old), _only(old, new)
    if not len(on) and not len(off):
        return arrays
    arrays, desk = copied(arrays), new_desk(program, program.shares(1), 0, 16)
    for ids, held in ((off, False), (on, True)):
        if len(ids):
            force(program.table, laid(arrays), laid(desk), ids, held, time, program.window)
    return arrays


def _only(ids: Ints, others: Ints) -> Ints:
    """Those that are not among the others."""
    return np.setdiff1d(ids, others, assume_unique=True) if len(ids) and len(others) else ids
