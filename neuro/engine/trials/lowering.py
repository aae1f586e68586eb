"""Lowers trials: each mapping of arguments becomes one run, and the runs that follow from its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.drive.inputs import Schedule, join_schedules, schedule_from
from neuro.engine.drive.runaway import Limits, check_bias, limits_of
from neuro.engine.drive.state import EngineState, initial_state
from neuro.engine.drive.workspace import arrays_at_rest
from neuro.engine.kernels.arrays import State
from neuro.engine.kernels.calendar import window_of
from neuro.engine.lower.fingerprint import parameters_in_force, require_same
from neuro.engine.lower.program import Program
from neuro.engine.run import MAX_WINDOWS
from neuro.engine.trials.schedules import Schedules
from neuro.errors import InputError, StateError, UnknownName, UnsupportedFeature
from neuro.validation import Floats, Ints, positive, whole_number

__all__ = ["Lowering", "RunPlan", "TrialPlan"]

KEYS = ("inputs", "clamp", "seed", "state", "bias", "duration", "then")
"""What a trial may have."""
BRANCH_KEYS = tuple(key for key in KEYS if key != "state")
"""What a run in `then` may have: its state is the end of the run before."""


class RunPlan(NamedTuple):
    """One run, ready for the kernel."""

    program: Program
    """With the run's bias."""
    parent: int
    """The run of the trial from whose end it goes on; -1 for the first."""
    arrays: State | None
    """The state that it starts from; None for the state at rest, or the parent's end."""
    drive: Floats | None
    """Other drives of the neurons at rest."""
    inputs: Schedule
    """From `begin` on."""
    earlier: Schedule | None
    """Inputs from `begin` to `start`, if the open window has to be finished before clamps change."""
    begin: float
    start: float
    base: float
    stop: float
    end: float
    changed: bool
    """Are other neurons clamped than before?"""
    released: Ints
    clamped: Ints
    forced: Ints
    seed: int
    branches: int
    """Number of the runs that go on from its end."""


@dataclass
class TrialPlan:
    """One trial: its number, its arguments, and its runs, each before those that go on from its end."""

    number: int
    arguments: Mapping[str, Any]
    runs: list[RunPlan] = field(default_factory=list)
    singly: bool = False
    """Has `run` to do it?"""


class _Singly(Exception):
    """Raised for a trial that only `run` can do."""


class Lowering:
    """Lowers the trials of one call of `run_trials`."""

    def __init__(self, program: Program, duration: float, state: EngineState | None) -> None:
        self.program, self.duration, self.state = program, duration, state
        self.limits: Limits = limits_of(program)
        self.rest = initial_state(program)
        self.finished: tuple[EngineState | None, State] = (None, self.rest.arrays)
        self.schedules = Schedules(program)
        self.is_checked = False

    def trial(self, number: int, arguments: Any) -> TrialPlan:
        """One trial.

        Raises
        ------
        NeuroError
            As `run` would.
        """
        if not self.is_checked:
            check_bias(self.program, self.limits.rate)
            self.is_checked = True
        _check_keys(arguments, KEYS)
        plan = TrialPlan(number, arguments)
        try:
            self._add(plan, arguments, -1)
        except _Singly:
            plan.singly, plan.runs = True, []
        return plan

    def _add(self, plan: TrialPlan, arguments: Mapping[str, Any], parent: int) -> None:
        """Add a run and those that go on from its end."""
        then = branches_of(arguments)
        program = self.program
        if arguments.get("bias") is not None:
            program = program.with_bias(arguments["bias"])
            check_bias(program, self.limits.rate)
        duration = self.duration
        if arguments.get("duration") is not None:
            duration = float(positive(arguments["duration"], "duration", zero=True))
        seed = arguments.get("seed")
        if seed is not None:
            whole_number(seed, "seed")
        if parent >= 0:
            run = self._after(plan.runs[parent], parent, program, duration, arguments, seed)
        else:
            run = self._from_state(program, duration, arguments, seed)
        plan.runs.append(run._replace(branches=len(then)))
        here = len(plan.runs) - 1
        for branch in then:
            _check_keys(branch, BRANCH_KEYS)
            self._add(plan, branch, here)

    def _from_state(self, program: Program, duration: float, arguments: Mapping[str, Any], seed: int | None) -> RunPlan:
        """The first run of a trial."""
        state = arguments.get("state", self.state)
        at_rest = state is None
        state = self.rest if state is None else state
        if not isinstance(state, EngineState):
            raise StateError("must be a state of the exact engine", where="state", value=type(state).__name__)
        if state.plastic_state is not None:
            raise UnsupportedFeature("trials do not learn while they run", where="state", remedy="Use run")
        require_same(state.program, self.program)
        seed = state.seed if seed is None else int(seed)
        start, stop = state.time, state.time + duration
        plan = self._schedule(program, arguments, start, stop, seed)
        other_parameters = not at_rest and not _same_parameters(state.program, program)
        clamps_change = _differ(state.forced, plan.forced)
        arrays, begin, inputs = state.arrays, state.base, join_schedules(state.since_base, plan)
        if other_parameters or clamps_change:
            arrays, begin, inputs = self._finished(state), start, plan
            if other_parameters and not program.window:
                raise _Singly
        drive = program.drive if at_rest and program is not self.program else None
        return self._plan(
            program,
            -1,
            None if at_rest else self._usable(arrays),
            drive,
            inputs,
            None,
            begin,
            start,
            stop,
            (state.forced, plan.forced),
            seed,
        )

    def _after(
        self,
        before: RunPlan,
        parent: int,
        program: Program,
        duration: float,
        arguments: Mapping[str, Any],
        seed: int | None,
    ) -> RunPlan:
        """A run that goes on from the end of another of its trial."""
        seed = before.seed if seed is None else int(seed)
        start, stop = before.stop, before.stop + duration
        plan = self._schedule(program, arguments, start, stop, seed)
        since_base, begin = schedule_from(before.inputs, before.base), before.base
        earlier, inputs = None, plan
        if not _differ(before.forced, plan.forced):
            inputs = join_schedules(since_base, plan)
        elif begin < start:
            earlier = since_base
        return self._plan(
            program, parent, None, None, inputs, earlier, begin, start, stop, (before.forced, plan.forced), seed
        )

    def _plan(
        self,
        program: Program,
        parent: int,
        arrays: State | None,
        drive: Floats | None,
        inputs: Schedule,
        earlier: Schedule | None,
        begin: float,
        start: float,
        stop: float,
        forced: tuple[Ints, Ints],
        seed: int,
    ) -> RunPlan:
        length = program.window
        after = begin if earlier is None else start
        base = max(after, float(window_of(stop, length)) * length) if length else stop
        end = float(window_of(base, length) + 1) * length if base < stop else base
        before, now = forced
        changed = _differ(before, now)
        return RunPlan(
            program=program,
            parent=parent,
            arrays=arrays,
            drive=drive,
            inputs=inputs,
            earlier=earlier,
            begin=begin,
            start=start,
            base=base,
            stop=stop,
            end=end,
            changed=changed,
            released=np.setdiff1d(before, now, assume_unique=True) if changed else now[:0],
            clamped=np.setdiff1d(now, before, assume_unique=True) if changed else now[:0],
            forced=now,
            seed=seed,
            branches=0,
        )

    def _schedule(
        self, program: Program, arguments: Mapping[str, Any], start: float, stop: float, seed: int
    ) -> Schedule:
        if program.window and stop > MAX_WINDOWS * program.window:
            raise _Singly  # `run` says why it cannot
        return self.schedules.of(program, arguments.get("inputs"), arguments.get("clamp"), start, stop, seed)

    def _finished(self, state: EngineState) -> State:
        """The arrays at the time that a state reached; many trials may start from it."""
        if self.finished[0] is not state:
            self.finished = (state, state.finished()[0])
        return self.finished[1]

    def _usable(self, arrays: State) -> State:
        """The arrays of a state, if a block can hold them: another refractory time may have taken another bucket."""
        rest = arrays_at_rest(self.program)
        if any(a.shape != b.shape for a, b in zip(arrays._replace(calendar=rest.calendar), rest, strict=True)):
            raise _Singly
        return arrays


def branches_of(arguments: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The runs that go on from the end of a run."""
    then = arguments.get("then")
    if then is None:
        return []
    if isinstance(then, Mapping):
        raise InputError("must be a list of the runs that go on from the end", where="then", value="one mapping")
    return list(then)


def _check_keys(arguments: Any, known: tuple[str, ...]) -> None:
    if not isinstance(arguments, Mapping):
        raise InputError("a trial is a mapping of arguments of `run`", value=type(arguments).__name__)
    if "plasticity" in arguments:
        raise UnsupportedFeature("trials do not learn while they run", where="plasticity", remedy="Use run")
    for key in arguments:
        if key not in known:
            raise UnknownName("argument of a trial", key, known)


def _differ(before: Ints, now: Ints) -> bool:
    """Are these not the same neurons?"""
    return bool(len(before) or len(now)) and not np.array_equal(before, now)


def _same_parameters(old: Program, new: Program) -> bool:
    """Do two programs have the same weights and parameters, but for the bias?"""
    if old.fixed is new.fixed:
        return True
    pairs = zip(parameters_in_force(old), parameters_in_force(new), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
