"""What trials give instead of recordings: spike counts, or traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.engine.lower.program import Program
from neuro.errors import ParameterError, UnknownName
from neuro.validation import Floats, choice, field_of, finite, instance, number, number_field, positive, text

__all__ = ["Counts", "Nudge", "Traces"]


def _check_populations(given: object, where: str) -> None:
    """Refuse what are no names of populations."""
    if given is not None and not isinstance(given, str):
        for name in instance(given, where, Sequence, "a name, names, or None"):
            text(name, where)


@dataclass(frozen=True, eq=False)
class Counts:
    """Asks `run_trials` for spike counts instead of recordings: by population, an array of shape (neurons,).

    Under a triangular window, a spike at the share x of its length counts `2 (1 - |2 x - 1|)`: steady firing gives the
    count of a flat window in the mean, and a spike at its edge, which chance moves in or out, hardly counts.

    >>> Counts(window=(15e-3, 30e-3)).windows.tolist()
    [[0.015, 0.03]]
    """

    populations: str | Sequence[str] | None = None
    """Which populations; None for all, sources too."""
    window: ArrayLike | None = None
    """(begin, end) in seconds from the start of each run: spikes with begin <= time - start < end count. Several such
    pairs, shape (windows, 2), give counts of shape (windows, neurons). None: all spikes of the run."""
    shape: str | Sequence[str] = "flat"
    """"flat" or "triangle": one for all windows, or one for each. With a triangle, counts are real numbers."""

    def __post_init__(self) -> None:
        _check_populations(self.populations, "Counts.populations")
        bounds = self.windows
        if bounds.ndim != 2 or bounds.shape[1] != 2 or np.any(bounds[:, 0] > bounds[:, 1]):
            rule = "must be a pair (begin, end), or several, none of which ends before it begins"
            raise ParameterError(rule, where="Counts.window", value=self.window)
        lengths = np.diff(bounds)[:, 0]
        if np.any(self.triangles & ~((lengths > 0.0) & np.isfinite(lengths))):
            raise ParameterError("a triangle needs a length", where="Counts.window", value=self.window)

    @property
    def triangles(self) -> NDArray[np.bool_]:
        """Which windows are triangular, shape (windows,)."""
        count, given = len(self.windows), self.shape
        shapes = [given] * count if isinstance(given, str) else list(instance(given, "Counts.shape", Sequence, "names"))
        if len(shapes) != count:
            raise ParameterError(f"must be one name, or {count}", where="Counts.shape", value=len(shapes))
        return np.array([choice(each, "Counts.shape", ("flat", "triangle")) == "triangle" for each in shapes], bool)

    @property
    def several(self) -> bool:
        """Are several windows asked for, even if it is a list of one?"""
        return self.window is not None and np.ndim(self.window) == 2

    @property
    def windows(self) -> Floats:
        """All windows, s, shape (windows, 2)."""
        if self.window is None:
            return np.array([[0.0, np.inf]])
        return np.atleast_2d(finite(self.window, "Counts.window", unit="s", infinite=True))


@dataclass(frozen=True, eq=False)
class Traces:
    """Asks `run_trials` for exponential traces: by population, an array of shape (times, neurons).

    The trace of a neuron at time t is the sum of exp(-(t - t_k) / tau) over its spikes t_k < t of the run.

    >>> Traces(20e-3, at=[10e-3, 30e-3]).times.tolist()
    [0.01, 0.03]
    """

    tau: float
    """Time constant, s."""
    at: ArrayLike
    """When the traces are read, s from the start of each run, increasing; one number, or an array."""
    populations: str | Sequence[str] | None = None
    """Which populations; None for all, sources too."""

    def __post_init__(self) -> None:
        _check_populations(self.populations, "Traces.populations")
        number_field(self, "tau", positive, unit="s")
        times = self.times
        if times.ndim != 1 or np.any(np.diff(times) <= 0.0) or np.any(times < 0.0):
            raise ParameterError("times must increase and not be negative", where="Traces.at", value=self.at)

    @property
    def times(self) -> Floats:
        """All times, s."""
        return np.atleast_1d(finite(self.at, "Traces.at", unit="s"))


@dataclass(frozen=True, eq=False)
class Nudge:
    """A current that draws counts to a target, for a run in `then`: it is constant, and known once the run before ends.

    It is  strength (target - count),  with the counts of the run before under the first window of `Counts`, and is
    added to the current that the population gets. Counts and targets are numbers of spikes.

    >>> Nudge("output", [1.0, 0.0], strength=50.0).current(np.array([0.0, 2.0])).tolist()
    [50.0, -100.0]
    """

    population: str
    """Which population is nudged."""
    target: ArrayLike
    """The counts to be reached, shape (neurons,)."""
    strength: float
    """Units of the model's bias for each spike."""

    def __post_init__(self) -> None:
        text(self.population, "Nudge.population")
        target = finite(self.target, "Nudge.target")
        if target.ndim > 1:
            raise ParameterError("must be flat", where="Nudge.target", value=target.shape)
        object.__setattr__(self, "target", target)
        field_of(self, "strength", number)

    @classmethod
    def checked(cls, population: str, target: Floats, strength: float) -> Nudge:
        """A nudge from what is already checked."""
        nudge = object.__new__(cls)
        for key, value in (("population", population), ("target", target), ("strength", strength)):
            object.__setattr__(nudge, key, value)
        return nudge

    def current(self, counts: Floats) -> Floats:
        """The current that these counts of the run before ask for, shape (neurons,)."""
        return self.strength * (np.asarray(self.target) - counts)


def chosen(program: Program, request: Counts | Traces) -> dict[str, slice]:
    """The neurons of each population that is asked for, in the common numbering.

    Raises
    ------
    UnknownName
        If the network has no such population.
    """
    names = request.populations
    names = list(program.offset) if names is None else [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in program.offset:
            raise UnknownName("population of this network", name, program.offset)
    return {name: program.slice(name) for name in names}
