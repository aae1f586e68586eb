"""The inputs of trials as schedules: what all trials of a program have in common is computed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.drive.inputs import Schedule, schedule
from neuro.engine.kernels.arrays import STEP, Records
from neuro.engine.lower.program import Program
from neuro.engine.recording import Current, Spikes
from neuro.network.neurons import PoissonSource, Source, SpikeSource
from neuro.validation import Floats

__all__ = ["Piece", "Schedules"]

NO_TIMES, NO_NEURONS, NO_KEYS = np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.uint64)


class Constant(NamedTuple):
    """Inputs that are nothing but currents that never change, and the drives that come of them."""

    program: Program
    currents: list[tuple[str, Current]]
    start: float
    steps: Records
    values: Floats

    def are(self, program: Program, inputs: Mapping[str, Any], start: float) -> bool:
        """Are these the inputs of a run of this program from `start` on?"""
        if program is not self.program or start < self.start or not isinstance(inputs, Mapping):
            return False
        return len(inputs) == len(self.currents) and all(inputs.get(name) is item for name, item in self.currents)


class Piece(NamedTuple):
    """How the drives of one population come about in an interval."""

    drive: Floats
    """Without a current."""
    gain: Floats
    later: list[float]
    """The times after the start at which the current changes, s."""
    low: int
    """Values of the current before the first of these times; if there is none, it is zero at the start."""
    high: int
    """Values before the interval's end."""

    def drives(self, values: Floats | None) -> Floats:
        """The drives from the start and from each later time on, one after the other, shape (trials, drives).

        `values` are those of a current in each trial, shape (trials, steps) or (trials, steps, neurons).
        """
        if values is None:
            return self.drive[None]
        total = values[:, max(self.low - 1, 0) : self.high]
        if not self.low:
            total = np.concatenate([np.zeros_like(values, shape=(len(values), 1, *values.shape[2:])), total], axis=1)
        if total.ndim == 2:
            total = total[:, :, None]
        return (self.drive + self.gain * (0.0 + total)).reshape(len(values), -1)


class Schedules:
    """Makes the schedules of runs of one program, as `schedule` does, which takes over what is not common."""

    def __init__(self, program: Program) -> None:
        populations = program.network.populations
        self.program = program
        self.neurons = {
            name: program.slice(name) for name, p in populations.items() if p.size and not isinstance(p.model, Source)
        }
        self.sources = {name for name, p in populations.items() if isinstance(p.model, SpikeSource)}
        self.gain = {name: program.of("gain", here) for name, here in self.neurons.items()}
        self.constant: Constant | None = None
        """The inputs that were asked for last, if they are constant; the runs of a trial often have the same."""
        self.alone = any(
            isinstance(p.model, PoissonSource) or (isinstance(p.model, SpikeSource) and p.model.times is not None)
            for p in populations.values()
        )
        """Do some sources fire without an input?"""

    def of(
        self, program: Program, inputs: Mapping[str, Any] | None, clamp: Any, start: float, stop: float, seed: int
    ) -> Schedule:
        """The inputs of a run of the program, which may have another bias, in [start, stop)."""
        inputs = inputs or {}
        if clamp is None and self.constant is not None and self.constant.are(program, inputs, start):
            steps = self.constant.steps.copy()
            steps["time"] = start
            return Schedule(NO_TIMES, NO_NEURONS, steps, self.constant.values, NO_NEURONS, NO_KEYS)
        if self.alone or clamp is not None or not self._are_common(inputs):
            return schedule(program, inputs, clamp, start, stop, seed)
        times, ids = np.zeros(0), NO_NEURONS
        for name, item in inputs.items():
            if isinstance(item, Spikes):
                low, high = item.times.searchsorted((start, stop))
                times, ids = item.times[low:high], item.ids[low:high] + program.offset[name]
        rows, values, offset = [], [], 0
        for name, here in self.neurons.items():
            piece = self.piece(program, name, inputs.get(name), start, stop)
            for moment in (start, *piece.later):
                rows.append((moment, here.start, here.stop - here.start, offset))
                offset += here.stop - here.start
            values.append(piece.drives(inputs[name].values[None] if name in inputs else None)[0])
        if len(values) > 1:
            rows.sort(key=lambda row: row[:2])
        flat = values[0] if len(values) == 1 else np.concatenate([np.zeros(0), *values])
        steps = np.array(rows, STEP)
        items = list(inputs.items())
        if all(isinstance(item, Current) and len(item.times) == 1 and item.times[0] <= start for _, item in items):
            self.constant = Constant(program, items, start, steps, flat)
        return Schedule(times, ids, steps, flat, NO_NEURONS, NO_KEYS)

    def piece(self, program: Program, name: str, current: Current | None, start: float, stop: float) -> Piece:
        """The part of a schedule that gives the neurons of a population their drives."""
        here = self.neurons[name]
        drive, gain = program.drive[here], self.gain[name]
        if current is None:
            return Piece(drive, gain, [], 0, 0)
        times = current.times
        low, high = int(times.searchsorted(start, side="right")), int(times.searchsorted(stop))
        return Piece(drive, gain, times[low:high].tolist(), low, max(low, high))

    def _are_common(self, inputs: Mapping[str, Any]) -> bool:
        """Are these at most one train of spikes, and one current for each population, that fit?"""
        if not isinstance(inputs, Mapping):
            return False
        trains = 0
        for name, item in inputs.items():
            if isinstance(item, Current):
                values = item.values
                here = self.neurons.get(name)
                if here is None or (values.ndim == 2 and values.shape[1] != here.stop - here.start):
                    return False
            elif isinstance(item, Spikes) and name in self.sources:
                trains += 1
                if len(item) and item.ids.max() >= self.program.network.populations[name].size:
                    return False
            else:
                return False
        return trains <= 1
