"""Inputs of a clocked run: spikes, currents and samples, sorted into time steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuro.engine.clocked.arrays import ARRIVAL, CHANGE, SPIKE, Plan, Records
from neuro.engine.clocked.program import ClockedProgram, steps_in
from neuro.engine.drive.drawn import DrawnDrives
from neuro.engine.drive.inputs import check_samples, read_inputs
from neuro.engine.drive.poisson import poisson
from neuro.engine.recording import Current, Record
from neuro.engine.samples import SampleLayout
from neuro.errors import ParameterError, UnsupportedFeature
from neuro.network.neurons import PoissonSource, Source
from neuro.validation import Floats, Ints

__all__ = ["arrivals_of", "plan_of", "step_of"]


def step_of(times: Floats, dt: float) -> Ints:
    """The step that each time lies in: k for k dt <= time < (k + 1) dt.

    A time within a millionth of a step before k dt counts as k dt, because k * dt is seldom an exact double.

    >>> step_of(np.array([0.0, 3 * 0.1, 0.39]), 0.1).tolist()
    [0, 3, 3]
    """
    return np.floor(times / dt + 1e-6).astype(np.int64)


def plan_of(
    program: ClockedProgram, inputs: Mapping[str, Any] | None, record: Record, start: int, stop: int, seed: int = 0
) -> Plan:
    """All inputs and samples of the steps start .. stop - 1; all currents are set at `start`.

    With the same `seed`, Poisson sources fire the same spikes as in the exact engine.
    """
    network = program.network
    trains, currents = read_inputs(network, inputs, clamps=False)
    if currents and program.semantics == "loihi":
        raise UnsupportedFeature("whole-number neurons take no Current", where=f"input of {next(iter(currents))!r}")
    for name, population in network.populations.items():
        if isinstance(population.model, PoissonSource):
            # One step more on either side: rounding may put a spike into the next step.
            spikes = poisson(population, seed, max(start - 1, 0) * program.dt, (stop + 1) * program.dt)
            trains.append((name, spikes))
    steps, neurons = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for name, spikes in trains:
        step = step_of(spikes.times, program.dt)
        low, high = np.searchsorted(step, [start, stop])
        steps.append(step[low:high])
        neurons.append(spikes.ids[low:high] + program.offset[name])
    all_steps, all_neurons = np.concatenate(steps), np.concatenate(neurons)
    order = np.argsort(all_steps * program.size + all_neurons, kind="stable")
    source = np.empty(len(order), SPIKE)
    source["step"], source["neuron"] = all_steps[order], all_neurons[order]
    samples = _samples(program, record, start, stop)
    return Plan(source, *_changes(program, currents, start, stop), *samples, np.zeros(0, ARRIVAL))


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
