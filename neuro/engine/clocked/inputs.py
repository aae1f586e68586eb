"""Inputs of a clocked run: spikes, arrivals, currents and samples, sorted into time steps and drawn as they are due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuro.engine.clocked.arrays import ARRIVAL, CHANGE, SPIKE, Plan, Records
from neuro.engine.clocked.program import ClockedProgram
from neuro.engine.clocked.wiring import steps_in
from neuro.engine.drive.drawn import DrawnDrives
from neuro.engine.drive.inputs import check_samples, read_inputs
from neuro.engine.drive.poisson import PoissonTrains
from neuro.engine.lower.drives import drive_keys
from neuro.engine.recording import Current, Record
from neuro.engine.samples import SampleLayout
from neuro.errors import ParameterError, UnsupportedFeature
from neuro.memory import require_memory
from neuro.network.neurons import Source
from neuro.validation import Floats, Ints

__all__ = ["StepInputs", "step_of"]

DRAWN_BYTES = 100
"""Of a spike while it is drawn and sorted into its step."""


def step_of(times: Floats, dt: float) -> Ints:
    """The step that each time lies in: k for k dt <= time < (k + 1) dt.

    A time within a millionth of a step before k dt counts as k dt, because k * dt is seldom an exact double.

    >>> step_of(np.array([0.0, 3 * 0.1, 0.39]), 0.1).tolist()
    [0, 3, 3]
    """
    return np.floor(times / dt + 1e-6).astype(np.int64)


class StepInputs:
    """The inputs and samples of the steps start .. stop - 1, handed out for a few steps at a time.

    With the same `seed`, Poisson sources and drives draw what they draw in the exact engine.
    """

    def __init__(
        self,
        program: ClockedProgram,
        inputs: Mapping[str, Any] | None,
        record: Record,
        start: int,
        stop: int,
        seed: int = 0,
    ) -> None:
        network, dt = program.network, program.dt
        given, currents = read_inputs(network, inputs, clamps=False)
        if currents and program.semantics == "loihi":
            raise UnsupportedFeature("whole-number neurons take no Current", where=f"input of {next(iter(currents))!r}")
        self.program, self.start, self.stop = program, start, stop
        self.given = self._in_steps([(spikes.times, spikes.ids + program.offset[name]) for name, spikes in given])
        # One step more on either side: rounding may put a spike into the next step.
        interval = max(start - 1, 0) * dt, (stop + 1) * dt
        self.trains = PoissonTrains(network, program.offset, seed, interval, instants=False)
        self.drawn = DrawnDrives(network, drive_keys(network, seed)) if network.drives else None
        self.change, self.value = _changes(program, currents, start, stop)
        self.sample_step, self.sample_neuron = _samples(program, record, start, stop)
        self.rate = self.trains.rate + (0.0 if self.drawn is None else self.drawn.rate)
        """Spikes and arrivals that are drawn per second, at most in the mean."""
        # The least that is drawn at a time is one step, and one more on either side.
        count = 3.0 * dt * self.rate
        require_memory(
            DRAWN_BYTES * count, "rates of Poisson sources and drives", value=f"{count:.3g} spikes in three steps"
        )

    @property
    def every(self) -> float:
        """Steps from sample to sample, in the mean."""
        return (self.stop - self.start) / max(len(self.sample_step), 1)

    def between(self, first: int, last: int) -> tuple[Plan, int]:
        """The inputs of the steps first .. last - 1, and the most spikes of sources in one step.

        All changes of currents are in each plan.
        """
        dt = self.program.dt
        source = _window(self.given, first, last)
        if self.trains.rate:
            drawn = self._in_steps(self.trains.between(max(first - 1, 0) * dt, (last + 1) * dt))
            source = np.concatenate([source, _window(drawn, first, last)])
            source = source[np.argsort(source["step"] * self.program.size + source["neuron"], kind="stable")]
        busiest = int(np.unique(source["step"], return_counts=True)[1].max(initial=0))
        samples = self.sample_step[slice(*np.searchsorted(self.sample_step, [first, last]))]
        arrival = np.zeros(0, ARRIVAL) if self.drawn is None else arrivals_of(self.program, self.drawn, first, last)
        return Plan(source, self.change, self.value, samples, self.sample_neuron, arrival), busiest

    def _in_steps(self, trains: list[tuple[Floats, Ints]]) -> Records:
        """Spikes of sources, sorted by step and neuron."""
        found = np.empty(sum(len(times) for times, _ in trains), SPIKE)
        none = np.zeros(0, np.int64)
        found["step"] = np.concatenate([none, *(step_of(times, self.program.dt) for times, _ in trains)])
        found["neuron"] = np.concatenate([none, *(neurons for _, neurons in trains)])
        return found[np.argsort(found["step"] * self.program.size + found["neuron"], kind="stable")]


def _window(spikes: Records, first: int, last: int) -> Records:
    """Those of the steps first .. last - 1."""
    low, high = np.searchsorted(spikes["step"], [first, last])
    return spikes[low:high]


def arrivals_of(program: ClockedProgram, drawn: DrawnDrives, start: int, stop: int) -> Records:
    """The arrivals of drives in the steps start .. stop - 1: each acts in the step that its time lies in."""
    dt, groups = program.dt, program.groups
    # One step more on either side: rounding may put an arrival into the next step.
    found = drawn.between(max(start - 1, 0) * dt, (stop + 1) * dt)
    step = step_of(found.time, dt)
    low, high = np.searchsorted(step, [start, stop])
    arrival = np.zeros(high - low, ARRIVAL)
    arrival["step"], arrival["neuron"] = step[low:high], found.neuron[low:high]
    arrival["group"] = np.searchsorted(groups["stop"], arrival["neuron"], side="right")
    arrival["box"] = 1 + drawn.records["receptor"][found.drive[low:high]]
    arrival["weight"] = drawn.weights(found)[low:high]
    return arrival


def _changes(
    program: ClockedProgram, currents: Mapping[str, list[Current]], start: int, stop: int
) -> tuple[Records, Floats]:
    """The steps at which drives change (`CHANGE`), and the drives from then on, one after the other."""
    rows: list[tuple[int, int, int]] = []
    values, offset = [np.zeros(0)], 0
    for g, (name, population) in enumerate(program.network.populations.items()):
        if isinstance(population.model, Source):
            continue
        parts = currents.get(name, [])
        begins = [step_of(part.times, program.dt) for part in parts]
        moments = np.unique(np.concatenate([[start], *begins]).astype(np.int64))
        for moment in moments[(moments >= start) & (moments < max(stop, start + 1))]:
            total = program.drive[program.slice(name)].copy()
            for part, begin in zip(parts, begins, strict=True):
                k = int(np.searchsorted(begin, moment, side="right")) - 1
                if k >= 0:
                    total += part.values[k]
            rows.append((int(moment), g, offset))
            values.append(total)
            offset += population.size
    return np.array(sorted(rows), CHANGE), np.concatenate(values)


def _samples(program: ClockedProgram, record: Record, start: int, stop: int) -> tuple[Ints, Ints]:
    """The steps after which voltages and currents are sampled, and the codes of what is."""
    neurons = SampleLayout.of(program.network, program.offset, record).codes
    if not record.samples():
        return np.zeros(0, np.int64), neurons
    every = 1 if record.v_dt is None else steps_in(record.v_dt, program.dt, "Record.v_dt")
    if every < 1:
        raise ParameterError("must be at least one step", where="Record.v_dt", value=record.v_dt)
    check_samples((stop - start) / every, len(neurons), record)
    return np.arange(-(-start // every) * every, stop, every, dtype=np.int64), neurons
