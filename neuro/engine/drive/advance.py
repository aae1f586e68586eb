"""Advances the exact engine from a state to the end of a run, and makes the state to continue from.

Windows lie on a fixed grid, wherever runs begin and end. A state has the arrays at its base, the last grid point before
the run's end, and the inputs since then; the next run repeats that one window. So two short runs give the same bits as
one long run. A program with a delay of zero has windows of length zero: its events go through a queue, and the base of
its state is the run's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan
from typing import Any, NamedTuple, Protocol

import numpy as np

from neuro.engine.drive.chunk import Chunk
from neuro.engine.drive.chunks import SPARE_ARRAYS, Halted, Simulation
from neuro.engine.drive.inputs import Sampling, Schedule, join_schedules, schedule_from
from neuro.engine.drive.poisson import PoissonTrains
from neuro.engine.drive.prepare import prepare_kernels
from neuro.engine.drive.runaway import LongCount, check_bias, limits_of
from neuro.engine.drive.sources import with_trains
from neuro.engine.drive.state import EngineState
from neuro.engine.drive.workspace import copy_arrays, new_instant_workspace, new_workspace
from neuro.engine.kernels.arrays import State
from neuro.engine.kernels.calendar import window_of
from neuro.engine.kernels.windows import set_forced
from neuro.engine.kernels.zero_delay import advance_all
from neuro.engine.lower.fingerprint import parameters_in_force
from neuro.engine.lower.program import Program
from neuro.engine.plasticity.loop import WeightSampler
from neuro.engine.plasticity.migrate import change_rules
from neuro.engine.plasticity.state import Rule, rules_in_force
from neuro.engine.recording import Recording
from neuro.errors import NetworkError, OutOfMemory
from neuro.jit import as_table
from neuro.memory import Budget
from neuro.validation import Floats, Ints

__all__ = ["Outcome", "Recorder", "advance"]

RECORD_LESS = (
    "Write it to a file with Record(to=...), record fewer populations with Record(spikes=[...]), or run for a shorter "
    "time; the error's recording has a state to go on from"
)
SHORTER = "Run for a shorter time, record less or to a file, or close what else takes memory"


class Recorder(Protocol):
    """Takes the chunks of a run one by one, and makes a recording of them."""

    @property
    def held(self) -> float:
        """Bytes that are kept in memory."""

    @property
    def whole(self) -> float:
        """Bytes that are held while the recording is made."""

    @property
    def growth(self) -> float:
        """How much that grows with each byte of a chunk."""

    def write(self, chunk: Chunk) -> None:
        """Keep a chunk. Its spikes must be copied: the next chunk uses the same arrays."""

    def close(self, failed: bool) -> None:
        """Called after the last chunk, or when the run has failed."""

    def counts(self) -> Ints:
        """Spikes of each neuron, in the common numbering."""

    def recording(self, **about: Any) -> Recording:
        """The run as a recording; `about` has the fields that are not spikes or voltages."""


class Outcome(NamedTuple):
    """The end of a run; its spikes and samples are in the recorder."""

    reached: float
    events: Ints
    state: EngineState
    weights: dict[str, Floats]
    """Weights of the projections that learn, at the time reached."""
    failure: OutOfMemory | None = None
    """Why the run ended before its time, if memory did not suffice."""


def advance(
    program: Program,
    state: EngineState,
    plan: Schedule,
    stop: float,
    sampling: Sampling,
    recorder: Recorder,
    report: Callable[[float], None],
    halted: Callable[[], bool],
    threads: int = 1,
    rules: Mapping[str, Rule] | None = None,
    max_rate: float | None = None,
    halt: Ints | None = None,
    budget: Budget | None = None,
    learned_times: Mapping[tuple[str, str], Floats] | None = None,
    trains: PoissonTrains | None = None,
) -> Outcome:
    """Simulate from a state to `stop`, or until `halted` returns True; a nonzero `halt` also ends an unfinished chunk.

    After each chunk, once the recorder has it, `report` is called with the time reached.
    """
    budget = Budget() if budget is None else budget
    prepare_kernels(program, threads)
    start = state.time
    arrays, begin, plastic_state = state.arrays, state.base, state.plastic_state
    inputs = join_schedules(state.since_base, plan)
    new_rules = rules_in_force(program, rules, plastic_state)
    if _changed(state, program, plan) or new_rules != ({} if plastic_state is None else plastic_state.rules):
        begin, inputs = start, plan
        arrays, plastic_state = state.finished()
        if not program.window:
            arrays = copy_arrays(arrays)
            queue, work = (
                new_instant_workspace(state.program.fixed, arrays),
                new_workspace(state.program, program.shares(1), 0, 1),
            )
            advance_all(state.program.table, as_table(arrays), as_table(work), as_table(queue), start)
        arrays = _change_clamped(program, arrays, state.forced, plan.forced, start)
        if new_rules:
            plastic_state, arrays = change_rules(program, new_rules, arrays, plastic_state, start)
    base = max(begin, _grid(stop, program.window))
    limits = limits_of(program, max_rate)
    check_bias(program, limits.rate)
    sampler = WeightSampler(learned_times) if learned_times else None
    simulation = Simulation(
        program,
        arrays,
        inputs,
        sampling,
        begin,
        (start, stop),
        threads,
        plastic_state,
        limits,
        halt,
        budget,
        sampler,
        trains,
    )
    count = LongCount(program, limits, plan.forced)

    def keep(chunk: Chunk, reached: float | None = None) -> None:
        count.add(chunk.time, chunk.neuron)
        recorder.write(chunk)
        report(simulation.reached if reached is None else reached)

    try:
        while simulation.reached < base:
            if halted():
                return _stop_early(state, plan, simulation)
            _require_room(budget, recorder, simulation)
            keep(simulation.run_chunk(base))
        if halted() and base < stop:
            return _stop_early(state, plan, simulation)
        final, plastic_state_at_base = simulation.kept(), simulation.plastic_state
        end = float(window_of(base, program.window) + 1) * program.window if base < stop else base
        while base < stop and simulation.reached < end:
            _require_room(budget, recorder, simulation)
            try:
                chunk = simulation.run_chunk(end)
            except OutOfMemory:
                raise
            except NetworkError:
                # Runaway firing after `stop` must not fail this run.
                chunk = simulation.run_chunk(end := stop)
            keep(chunk, stop)
    except Halted:
        return _stop_early(state, plan, simulation)
    except MemoryError as error:
        failure = error if isinstance(error, OutOfMemory) else _refused_by_system(error)
        return _stop_early(state, plan, simulation)._replace(failure=failure)
    free = simulation.spare if simulation.arrays is final else simulation.arrays
    if free is not None:
        SPARE_ARRAYS[program] = free
    since = schedule_from(inputs, base)
    since = since if trains is None else with_trains(since, trains, base, stop)
    after = EngineState(program, final, base, stop, since, plan.forced, state.seed, plastic_state_at_base)
    return Outcome(stop, simulation.events, after, simulation.weights())


def _require_room(budget: Budget, recorder: Recorder, simulation: Simulation) -> None:
    """Refuse to go on if the recording could not be made after one more chunk."""
    budget.require(
        "the recording",
        recorder.whole + recorder.growth * simulation.chunk_bytes,
        held=recorder.held,
        value=f"spikes and samples up to {simulation.reached:.9g} s",
        remedy=RECORD_LESS,
    )


def _refused_by_system(error: MemoryError) -> OutOfMemory:
    """The error for memory that the system did not give, though it had seemed to be there."""
    return OutOfMemory("the buffers of a run", nan, nan, value=str(error) or "no more from the system", remedy=SHORTER)


def _grid(time: float, length: float) -> float:
    """The last point of the grid of windows that is not after `time`; without windows, `time` itself."""
    return float(window_of(time, length)) * length if length else time


def _stop_early(state: EngineState, plan: Schedule, simulation: Simulation) -> Outcome:
    """The outcome of a run that is stopped: all complete chunks, or nothing."""
    if simulation.reached <= state.time:
        return Outcome(state.time, np.zeros_like(simulation.events), state, simulation.weights())
    reached = simulation.reached
    after = EngineState(
        simulation.program, simulation.kept(), reached, reached, None, plan.forced, state.seed, simulation.plastic_state
    )
    return Outcome(reached, simulation.events, after, simulation.weights())


def _changed(state: EngineState, program: Program, plan: Schedule) -> bool:
    """Does this run have other clamps or parameters than the last one, inside the window that both share?"""
    if len(state.forced) != len(plan.forced) or np.any(state.forced != plan.forced):
        return True
    if state.since_base is not None and not np.array_equal(state.since_base.drive_keys, plan.drive_keys):
        return True
    if state.program.fixed is program.fixed:
        return False
    # Learned weights are in the state. The devices of a crossbar have them too, so they do not count as a change.
    learned = () if state.plastic_state is None else state.plastic_state.rules
    old, new = (parameters_in_force(each, learned) for each in (state.program, program))
    return not all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def _change_clamped(program: Program, arrays: State, old: Ints, new: Ints, time: float) -> State:
    """Suspend and release the neurons in which the clamps of two runs differ."""
    on, off = _without(new, old), _without(old, new)
    if not len(on) and not len(off):
        return arrays
    arrays, work = copy_arrays(arrays), new_workspace(program, program.shares(1), 0, 16)
    for ids, is_on in ((off, False), (on, True)):
        if len(ids):
            set_forced(program.table, as_table(arrays), as_table(work), ids, is_on, time, program.window)
    return arrays


def _without(ids: Ints, others: Ints) -> Ints:
    """The ids that are not among `others`."""
    return np.setdiff1d(ids, others, assume_unique=True) if len(ids) and len(others) else ids
