"""Clamps: they draw the activity of a population to a target during a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from neuro.engine.recording import Current, Spikes
from neuro.errors import ClampError
from neuro.memory import require_memory
from neuro.validation import (
    Floats,
    Ints,
    choice,
    field_of,
    finite,
    instance,
    mapping,
    number,
    numbers,
    positive,
    shown,
    text,
)

__all__ = ["AppliedClamp", "Clamp"]

SPIKE_BYTES = 16
"""A spike is a time and a number."""


@dataclass(frozen=True, eq=False)
class AppliedClamp:
    """A clamp for one run, which `run(clamp=...)` takes; `Clamp.toward` makes one."""

    forced: Mapping[str, tuple[Ints, Spikes]] = field(default_factory=dict)
    """By population: neurons whose dynamics are suspended, and the spikes they fire instead."""
    currents: Mapping[str, Current] = field(default_factory=dict)
    """By population: a current added to the bias."""

    def __post_init__(self) -> None:
        for key in ("forced", "currents"):
            instance(getattr(self, key), f"AppliedClamp.{key}", Mapping, "a dictionary by population", error=ClampError)
        where = "AppliedClamp.forced"
        for name, pair in mapping(self.forced, where, "neurons and spikes by population", error=ClampError).items():
            what = "a pair of neurons and Spikes"
            _, spikes = pair if isinstance(pair, tuple | list) and len(pair) == 2 else (None, None)
            if not isinstance(spikes, Spikes):
                raise ClampError(f"must be {what}", where=f"{where} of {name!r}", value=shown(pair))
        where = "AppliedClamp.currents"
        for name, current in mapping(self.currents, where, "currents by population", error=ClampError).items():
            instance(current, f"{where} of {name!r}", Current, "a Current", error=ClampError)


@dataclass(frozen=True, eq=False)
class Clamp:
    """Draws the activity of a population to a target, by one of three strategies.

    Activity is a number in 0..1: a spike count over the longest count possible, or a trace.

    * ``"hard"``: the neurons fire regularly, `strength` (spikes per second) times the target, whatever their input.
    * ``"current"``: a current of `strength` times (target - trace), units of the model's bias. To first order it
      adds beta dC/dr of the cost C = 1/2 sum (r - target)^2 to the energy; a negative strength nudges away from
      the target (the other half of a centred estimate).
    * ``"weak"``: a current of `strength` times (2 target - 1), whatever the activity.

    >>> Clamp("memory", "hard", 1000.0).toward([1.0, 0.0], start=0.0, stop=3e-3).forced["memory"][1].times.tolist()
    [0.0005, 0.0015, 0.0025]
    """

    population: str
    """Which population is clamped."""
    kind: Literal["hard", "current", "weak"]
    """The strategy."""
    strength: float
    """Spikes per second at full activity (hard), or units of the model's bias (current, weak)."""

    def __post_init__(self) -> None:
        text(self.population, "Clamp.population", error=ClampError)
        choice(self.kind, "Clamp.kind", ("hard", "current", "weak"), error=ClampError)
        if self.kind == "hard":
            field_of(self, "strength", number, unit="Hz", check=positive, error=ClampError)
        else:
            field_of(self, "strength", number, error=ClampError)

    def toward(self, target: ArrayLike, *, start: float, stop: float, trace: ArrayLike | None = None) -> AppliedClamp:
        """The clamp toward a target in [start, stop), seconds; give it to `run(clamp=...)`.

        Parameters
        ----------
        target
            Activity to draw the neurons to, 0..1, shape (neurons,); NaN leaves a neuron free.
        trace
            Activity so far, shape (neurons,); only the current clamp needs it.

        Raises
        ------
        ClampError
            If targets lie outside 0..1, the clamp stops before it starts, or the current clamp gets no trace.
        """
        begin, end = (
            number(time, f"clamp, {key}", unit="s", error=ClampError)
            for key, time in (("start", start), ("stop", stop))
        )
        if not 0.0 <= begin <= end:
            raise ClampError("must start at 0 s or later, and not after its stop", where="clamp", value=(begin, end))
        goal = np.asarray(numbers(target, "clamp, target", error=ClampError), dtype=np.float64)
        clamped = ~np.isnan(goal)
        if goal.ndim != 1 or np.any((goal[clamped] < 0) | (goal[clamped] > 1)):
            raise ClampError("targets must be a flat array of numbers in 0..1", where=f"clamp of {self.population!r}")
        level = None if trace is None else finite(trace, "clamp, trace", error=ClampError)
        if level is not None and level.shape != goal.shape:
            rule = "must have one number for each target"
            raise ClampError(rule, where="clamp, trace", value=f"shape {level.shape}, targets {goal.shape}")
        if self.kind == "hard":
            neurons = np.flatnonzero(clamped)
            return AppliedClamp(forced={self.population: (neurons, _regular(goal, self.strength, begin, end))})
        if self.kind == "weak":
            push = 2.0 * goal - 1.0
        elif level is None:
            raise ClampError("a current clamp needs the activity so far", where="trace", remedy="Give trace=")
        else:
            push = goal - level
        value = self.strength * np.where(clamped, push, 0.0)
        steps = [value, np.zeros_like(value)] if begin < end else [np.zeros_like(value)]
        times = [begin, end] if begin < end else [begin]
        return AppliedClamp(currents={self.population: Current(times, np.array(steps))})


def _regular(activity: Floats, rate: float, start: float, stop: float) -> Spikes:
    """Regular spikes at `rate` times the activity of each neuron, the first half an interval after the start."""
    times, ids = [np.zeros(0)], [np.zeros(0, np.int64)]
    count = rate * float(np.nansum(activity)) * (stop - start)
    require_memory(SPIKE_BYTES * count, "Clamp.strength", value=f"{count:.3g} spikes", error=ClampError)
    for i in np.flatnonzero(np.nan_to_num(activity) > 0):
        interval = 1.0 / (rate * activity[i])
        train = start + interval * (0.5 + np.arange(int(np.ceil((stop - start) / interval))))
        train = train[train < stop]
        times.append(train)
        ids.append(np.full(len(train), i))
    return Spikes(np.concatenate(times), np.concatenate(ids))
