"""What a trial is once it has been lowered: its runs, ready for the kernel, or a template and its own numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.drive.inputs import Schedule
from neuro.engine.kernels.arrays import State
from neuro.engine.lower.program import Program
from neuro.engine.trials.schedules import Piece
from neuro.validation import Floats, Ints

__all__ = ["NudgePlan", "Numbers", "Origin", "RunPlan", "Template", "TrialPlan"]


class Origin(NamedTuple):
    """Where a run starts from."""

    parent: int
    """The run of the trial from whose end it goes on; -1 for the first."""
    arrays: State | None
    """The state that it starts from; None for the state at rest, or the parent's end."""
    drive: Floats | None
    """Other drives of the neurons at rest."""
    earlier: Schedule | None
    """Inputs from `begin` to `start`, if the open window has to be finished before clamps change."""
    begin: float
    """The time of the arrays, s."""
    start: float
    forced: Ints
    """Neurons that were clamped before."""


class NudgePlan(NamedTuple):
    """A `Nudge`, ready for the kernel."""

    first: int
    """Its first neuron."""
    strength: float
    values: Floats
    """By neuron: the drive at rest, its gain, the current without the nudge, and the target."""


class RunPlan(NamedTuple):
    """One run, ready for the kernel."""

    program: Program
    """With the run's bias."""
    origin: Origin
    inputs: Schedule
    """From the origin's `begin` on, or from its `start`, if `earlier` has those before."""
    base: float
    """The last point of the grid of windows before `stop`, s."""
    stop: float
    end: float
    """End of the window that `stop` lies in, s."""
    changed: bool
    """Are other neurons clamped than before?"""
    released: Ints
    clamped: Ints
    forced: Ints
    seed: int
    nudge: NudgePlan | None = None


class Numbers(NamedTuple):
    """In what trials of one form differ: copies, since who gives the next trial may change the arrays of this one."""

    currents: list[Floats]
    """Values of each current, in the order of `alike.Form`."""
    targets: list[Floats]
    """Of each nudge."""


@dataclass
class TrialPlan:
    """One trial: its number, its arguments, and its runs, each before those that go on from its end."""

    number: int
    arguments: Mapping[str, Any]
    runs: list[RunPlan] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    """By run, the number of the runs that go on from its end."""
    singly: bool = False
    """Has `run` to do it?"""
    template: Template | None = None
    """If it has one, `runs` are those of the template's own trial,"""
    numbers: Numbers | None = None
    """and these are its own."""


class Template(NamedTuple):
    """What the plans of all trials of one form have in common."""

    key: tuple[Any, ...]
    runs: list[RunPlan]
    """Those of the first of them,"""
    branches: list[int]
    """and how many runs go on from the end of each."""
    pieces: list[list[tuple[Piece, int]]]
    """By run and population: how its drives come about, and the place of its current; -1 if it has none."""
    nudged: list[tuple[int, int]]
    """By nudge: the place of the current into its population, or -1, and the number of neurons."""

    def drives(self, run: int, currents: Sequence[Floats]) -> Floats:
        """The drives of a run in several trials, shape (trials, drives), from currents of shape (trials, ...)."""
        parts = [piece.drives(None if at < 0 else currents[at]) for piece, at in self.pieces[run]]
        count = max(map(len, parts))
        return np.concatenate([np.broadcast_to(part, (count, part.shape[1])) for part in parts], axis=1)
