"""Lowers trials: each mapping of arguments becomes one run, and the runs that follow from its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuro.engine.drive.inputs import Schedule, join_schedules, schedule_from
from neuro.engine.drive.runaway import Limits, check_bias, limits_of
from neuro.engine.drive.state import EngineState, initial_state
from neuro.engine.drive.workspace import arrays_at_rest
from neuro.engine.kernels.arrays import State
from neuro.engine.kernels.calendar import window_of
from neuro.engine.lower.fingerprint import parameters_in_force, require_same
from neuro.engine.lower.program import Program
from neuro.engine.recording import Current
from neuro.engine.run import MAX_WINDOWS
from neuro.engine.trials.alike import Form, template_of
from neuro.engine.trials.plans import NudgePlan, Origin, RunPlan, Template, TrialPlan
from neuro.engine.trials.requests import Counts, Nudge, Traces, chosen
from neuro.engine.trials.schedules import Schedules
from neuro.errors import InputError, StateError, UnknownName, UnsupportedFeature
from neuro.validation import Floats, Ints, instance, number, positive, whole_number

__all__ = ["Lowering"]

KEYS = ("inputs", "clamp", "seed", "state", "bias", "duration", "then")
"""What a trial may have."""
BRANCH_KEYS = (*(key for key in KEYS if key != "state"), "nudge")
"""What a run in `then` may have: its state is the end of the run before."""


class _Singly(Exception):
    """Raised for a trial that only `run` can do."""


class Lowering:
    """Lowers the trials of one call of `run_trials`."""

    def __init__(
        self, program: Program, duration: float, state: EngineState | None, request: Counts | Traces | None = None
    ) -> None:
        self.program, self.duration, self.state, self.request = program, duration, state, request
        self.limits: Limits = limits_of(program)
        self.rest = initial_state(program)
        self.finished: tuple[EngineState | None, State] = (None, self.rest.arrays)
        self.schedules = Schedules(program)
        self.is_checked = False
        self.template: Template | None = None
        """Of the last trial, if the next may be like it."""

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
        form = None
        if self.state is None and self.request is not None:
            form = Form(arguments)
            if self.template is not None and form.key == self.template.key:
                runs, branches = self.template.runs, self.template.branches
                return TrialPlan(number, arguments, runs, branches, False, self.template, form.numbers())
        _check_keys(arguments, KEYS)
        self.schedules.constant = None  # who gives the next trial may have changed the arrays of the one before
        plan = TrialPlan(number, arguments)
        try:
            self._add(plan, arguments, -1)
        except _Singly:
            plan = TrialPlan(number, arguments, singly=True)
        if form is not None:
            self.template = plan.template = template_of(form, plan, self.schedules)
            plan.numbers = form.numbers() if plan.template else None
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
            duration = number(arguments["duration"], "duration", check=positive, unit="s", zero=True)
        seed = arguments.get("seed")
        if seed is not None:
            whole_number(seed, "seed")
        if parent >= 0:
            run = self._after((parent, plan.runs[parent]), program, duration, arguments, seed)
            if arguments.get("nudge") is not None:
                run = run._replace(nudge=self._nudge(program, arguments, run.origin.start))
        else:
            run = self._from_state(program, duration, arguments, seed)
        here = len(plan.runs)
        plan.runs.append(run)
        plan.branches.append(len(then))
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
        given = self._schedule(program, arguments, start, stop, seed)
        if at_rest:
            drive = None if program is self.program else program.drive
            return _plan(program, Origin(-1, None, drive, None, start, start, state.forced), given, given, stop, seed)
        arrays, begin, inputs = state.arrays, state.base, given
        other_parameters = not _same_parameters(state.program, program)
        if other_parameters and not program.window:
            raise _Singly
        if other_parameters or _differ(state.forced, given.forced):
            arrays, begin = self._finished(state), start
        else:
            inputs = join_schedules(state.since_base, given)
        origin = Origin(-1, self._usable(arrays), None, None, begin, start, state.forced)
        return _plan(program, origin, inputs, given, stop, seed)

    def _after(
        self,
        parent: tuple[int, RunPlan],
        program: Program,
        duration: float,
        arguments: Mapping[str, Any],
        seed: int | None,
    ) -> RunPlan:
        """A run that goes on from the end of another of its trial, whose number stands before it."""
        number, before = parent
        seed = before.seed if seed is None else int(seed)
        start, stop = before.stop, before.stop + duration
        given = self._schedule(program, arguments, start, stop, seed)
        since_base = schedule_from(before.inputs, before.base)
        earlier, inputs = None, given
        if not _differ(before.forced, given.forced):
            inputs = join_schedules(since_base, given)
        elif before.base < start:
            earlier = since_base
        origin = Origin(number, None, None, earlier, before.base, start, before.forced)
        return _plan(program, origin, inputs, given, stop, seed)

    def _nudge(self, program: Program, arguments: Mapping[str, Any], start: float) -> NudgePlan:
        """The nudge of a run that begins at `start`."""
        nudge = instance(arguments["nudge"], "nudge", Nudge, "a Nudge", error=InputError)
        if not isinstance(self.request, Counts):
            raise UnsupportedFeature("a nudge needs counts", where="nudge", remedy="Give record=Counts(...)")
        if arguments.get("then"):
            raise UnsupportedFeature("no run goes on from a nudged one", where="nudge")
        if nudge.population not in chosen(program, self.request):
            raise UnknownName("population that is counted", nudge.population, chosen(program, self.request))
        here = self.schedules.neurons.get(nudge.population)
        if here is None:
            raise InputError("a source of spikes has no current", where="nudge", value=nudge.population)
        values = np.zeros((here.stop - here.start, 4))
        if np.shape(nudge.target) not in ((), (len(values),)):
            rule = f"must have one target for each of the {len(values)} neurons"
            raise InputError(rule, where="nudge", value=np.shape(nudge.target))
        values[:, 0], values[:, 1] = program.drive[here], self.schedules.gain[nudge.population]
        values[:, 2], values[:, 3] = constant_current(arguments.get("inputs"), nudge.population, start), nudge.target
        return NudgePlan(here.start, nudge.strength, values)

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


def _plan(program: Program, origin: Origin, inputs: Schedule, given: Schedule, stop: float, seed: int) -> RunPlan:
    """The plan of a run with these inputs, of which those in its own interval were `given`."""
    length = program.window
    begin = origin.begin if origin.earlier is None else origin.start
    base = max(begin, float(window_of(stop, length)) * length) if length else stop
    end = float(window_of(base, length) + 1) * length if base < stop else base
    before, now = origin.forced, given.forced
    changed = _differ(before, now)
    return RunPlan(
        program=program,
        origin=origin,
        inputs=inputs,
        base=base,
        stop=stop,
        end=end,
        changed=changed,
        released=np.setdiff1d(before, now, assume_unique=True) if changed else now[:0],
        clamped=np.setdiff1d(now, before, assume_unique=True) if changed else now[:0],
        forced=now,
        seed=seed,
    )


def constant_current(inputs: Mapping[str, Any] | None, population: str, start: float) -> Floats:
    """The current into a population that is to be nudged, from `start` on."""
    given = (inputs or {}).get(population)
    if given is None:
        return np.zeros(1)
    if not isinstance(given, Current) or len(given.times) != 1 or given.times[0] > start:
        rule = "the other current into a nudged population must be constant"
        raise UnsupportedFeature(rule, where=f"inputs of {population!r}", remedy="Give a Current of one value")
    return np.asarray(given.values[0])


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
