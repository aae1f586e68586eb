"""Plans of single runs: all that the kernel needs to know of them."""

from __future__ import annotations

from typing import NamedTuple

from neuro.engine.drive.inputs import Schedule
from neuro.engine.kernels.arrays import State
from neuro.engine.lower.program import Program
from neuro.validation import Floats, Ints

__all__ = ["NudgePlan", "Origin", "RunPlan"]


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
