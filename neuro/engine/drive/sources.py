"""The spikes of sources as a run needs them: those that are given, and those of Poisson sources, piece by piece."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from neuro.engine.codes import NEXT_SOURCE
from neuro.engine.drive.inputs import Schedule, sorted_spikes
from neuro.engine.drive.poisson import BYTES, PoissonTrains
from neuro.engine.kernels.arrays import Inputs, State
from neuro.engine.kernels.calendar import window_of
from neuro.engine.lower.program import Program
from neuro.memory import Budget

__all__ = ["SourceSpikes", "with_trains"]


def with_trains(plan: Schedule, trains: PoissonTrains, start: float, stop: float) -> Schedule:
    """A schedule with the spikes of Poisson sources in [start, stop), too."""
    parts = [(plan.source_time, plan.source_id), *trains.between(start, stop)]
    if len(parts) == 1:
        return plan
    times, ids = (np.concatenate([part[k] for part in parts]) for k in range(2))
    times, ids = sorted_spikes(times, ids)
    return plan._replace(source_time=times, source_id=ids)


class SourceSpikes:
    """Hands a simulation the spikes of sources up to the time `known`, and more when it comes there."""

    def __init__(self, program: Program, plan: Schedule, trains: PoissonTrains | None, budget: Budget) -> None:
        self.program, self.plan, self.trains, self.budget = program, plan, trains, budget
        self.known = inf if trains is None or trains.rate == 0.0 else -inf
        """The time up to which all spikes are in the inputs, s; an end of a window."""

    def load(self, inputs: Inputs, arrays: State, reached: float) -> tuple[Inputs, State]:
        """Inputs with the spikes of the next piece, and arrays that point to its first spike.

        Raises
        ------
        OutOfMemory
            If the piece does not fit.
        """
        window = self.program.window
        if self.trains is None or reached + window < self.known:
            return inputs, arrays
        piece = min(self.trains.piece, self.budget.limit / (16.0 * BYTES * self.trains.rate))
        self.known = reached + max(piece, 2.0 * window)
        if window:
            self.known = (float(window_of(self.known, window)) + 1.0) * window
        count = self.trains.rate * (min(self.known, self.trains.stop) - reached)
        self.budget.require(
            "spikes of Poisson sources",
            2.0 * BYTES * count,
            value=f"{count:.3g} spikes of one window from {reached:.9g} s on",
            remedy="Lower the rates, or use shorter delays, which make shorter windows",
        )
        # What drives a neuron that fires too often is looked for among earlier spikes, too.
        earlier = reached - self.program.longest_delay - window
        whole: Any = with_trains(self._given(earlier), self.trains, earlier, self.known)
        register = arrays.register.copy()
        register[NEXT_SOURCE] = whole.source_time.searchsorted(reached)
        if self.known >= self.trains.stop:
            self.known = inf
        inputs = inputs._replace(source_time=whole.source_time, source_id=whole.source_id)
        return inputs, arrays._replace(register=register)

    def _given(self, start: float) -> Schedule:
        """The spikes that are given from `start` to the time known; after the trains, all of them."""
        times = self.plan.source_time
        last = len(times) if self.trains is None or self.known >= self.trains.stop else times.searchsorted(self.known)
        first = times.searchsorted(start)
        return self.plan._replace(source_time=times[first:last], source_id=self.plan.source_id[first:last])
