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

__all__ = ["Schedules"]

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
        self.draws = any(isinstance(p.model, PoissonSource) for p in populations.values())

    def of(
        self, program: Program, inputs: Mapping[str, Any] | None, clamp: Any, start: float, stop: float, seed: int
    ) -> Schedule:
        """The inputs of a run of the program, which may have another bias, in [start, stop)."""
        inputs = inputs or {}
        if clamp is None and self.constant is not None and self.constant.are(program, inputs, start):
            steps = self.constant.steps.copy()
            steps["time"] = start
            return Schedule(NO_TIMES, NO_NEURONS, steps, self.constant.values, NO_NEURONS, NO_KEYS)
        if self.draws or clamp is not None or not self._are_common(inputs):
            return schedule(program, inputs, clamp, start, stop, seed)
        times, ids = np.zeros(0), NO_NEURONS
        rows, values, offset = [], [], 0
        for name, item in inputs.items():
            if isinstance(item, Spikes):
                low, high = item.times.searchsorted((start, stop))
                times, ids = item.times[low:high], item.ids[low:high] + program.offset[name]
        for name, here in self.neurons.items():
            drive, first, size = program.drive[here], here.start, here.stop - here.start
            moments = [start]
            if name in inputs:
                later, drive = _steps(inputs[name], start, stop, drive, self.gain[name])
                moments += later
            for moment in moments:
                rows.append((moment, first, size, offset))
                offset += size
            values.append(drive)
        if len(values) > 1:
            rows.sort(key=lambda row: row[:2])
        flat = values[0] if len(values) == 1 else np.concatenate([np.zeros(0), *values])
        steps = np.array(rows, STEP)
        items = list(inputs.items())
        if all(isinstance(item, Current) and len(item.times) == 1 and item.times[0] <= start for _, item in items):
            self.constant = Constant(program, items, start, steps, flat)
        return Schedule(times, ids, steps, flat, NO_NEURONS, NO_KEYS)

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


def _steps(current: Current, start: float, stop: float, drive: Floats, gain: Floats) -> tuple[list[float], Floats]:
    """The times after `start` at which the current changes, and the drives from `start` and from these times on."""
    times, values = current.times, current.values
    low, high = int(times.searchsorted(start, side="right")), int(times.searchsorted(stop))
    total = values[max(low - 1, 0) : max(high, low)]
    if not low:
        total = np.concatenate([np.zeros((1, *values.shape[1:])), total])
    if total.ndim == 1:
        total = total[:, None]
    return times[low:high].tolist(), (drive + gain * (0.0 + total)).ravel()
