"""Trials that differ in numbers alone: one of them is lowered, and its plan is filled with the numbers of the others.

Such trials have the same populations with one current each, which changes at the same times; the same durations; and
nudges of the same populations and strengths. They start at rest, and are asked for counts or traces.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.engine.recording import Current
from neuro.engine.trials.plans import Numbers, Template, TrialPlan
from neuro.engine.trials.requests import Nudge
from neuro.engine.trials.schedules import Piece, Schedules

__all__ = ["Form", "template_of"]

KEYS = frozenset(("inputs", "duration", "then", "nudge"))
"""What a run may have whose trial has a `Form`."""


class Form:
    """All of a trial but its numbers; trials of equal `key` have the same plan."""

    def __init__(self, arguments: Any) -> None:
        self.places: dict[int, int] = {}
        """By id, the places of the currents among all different ones; runs of a trial often share them."""
        self.currents: list[Current] = []
        self.nudges: list[Nudge] = []
        self.known: dict[int, tuple[Any, ...]] = {}
        """By id of the inputs of a run, what other trials must have in common with them."""
        self.key = self._key_of(arguments)
        """None for a trial that has to be lowered for itself."""

    def _key_of(self, run: Any) -> tuple[Any, ...] | None:
        """What a run must have in common with another, and the runs that go on from its end."""
        if type(run) is not dict or not KEYS.issuperset(run):
            return None
        inputs, duration = run.get("inputs"), run.get("duration")
        nudge, then = run.get("nudge"), run.get("then")
        if type(duration) not in (float, type(None)) or type(then) not in (list, tuple, type(None)):
            return None
        common = self.known.get(id(inputs)) if inputs is not None else ()
        if common is None:
            common = self._key_of_inputs(inputs)
            if common is None:
                return None
            self.known[id(inputs)] = common
        key: list[Any] = [duration, common]
        if nudge is not None:
            if type(nudge) is not Nudge:
                return None
            self.nudges.append(nudge)
            key.append((nudge.population, nudge.strength, np.shape(nudge.target)))
        for branch in then or ():
            own = self._key_of(branch)
            if own is None:
                return None
            key.append((own,))
        return tuple(key)

    def _key_of_inputs(self, inputs: Any) -> tuple[Any, ...] | None:
        """The same of the inputs of a run."""
        if type(inputs) is not dict:
            return None
        key = []
        for name, current in inputs.items():
            if type(current) is not Current:
                return None
            place = self.places.setdefault(id(current), len(self.currents))
            if place == len(self.currents):
                self.currents.append(current)
            key.append((name, place, current.times.tobytes(), current.values.shape))
        return tuple(key)

    def numbers(self) -> Numbers:
        """The numbers of this trial."""
        return Numbers([each.values.copy() for each in self.currents], [np.array(each.target) for each in self.nudges])


def template_of(form: Form, plan: TrialPlan, schedules: Schedules) -> Template | None:
    """The template that a plan makes, or None if its schedules hold more than the drives of its own runs."""
    if form.key is None or plan.singly or schedules.alone:
        return None
    pieces: list[list[tuple[Piece, int]]] = []
    nudged: list[tuple[int, int]] = []
    for arguments, run in zip(_in_order(plan.arguments), plan.runs, strict=True):
        inputs = arguments.get("inputs") or {}
        places = {name: form.places[id(current)] for name, current in inputs.items()}
        start = run.origin.start
        own = [
            (schedules.piece(run.program, name, inputs.get(name), start, run.stop), places.get(name, -1))
            for name in schedules.neurons
        ]
        size = sum(len(piece.drive) * (1 + len(piece.later)) for piece, _ in own)
        if run.origin.arrays is not None or len(run.inputs.step_value) != size or not size:
            return None
        pieces.append(own)
        if run.nudge is not None:
            nudged.append((places.get(arguments["nudge"].population, -1), len(run.nudge.values)))
    return Template(form.key, plan.runs, plan.branches, pieces, nudged)


def _in_order(arguments: Any) -> list[Any]:
    """The arguments of a run and of those that go on from its end, as plans have them."""
    return [arguments, *(each for branch in arguments.get("then") or () for each in _in_order(branch))]
