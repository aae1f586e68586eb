"""What comes from outside, sorted into time steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuro.engine.clocked.arrays import CHANGE, SPIKE, Plan, Records
from neuro.engine.clocked.program import ClockedProgram, steps_in
from neuro.engine.drive.inputs import takes
from neuro.engine.drive.poisson import poisson
from neuro.engine.recording import Current, Record, Spikes, each
from neuro.errors import InputError, ParameterError, UnknownName, UnsupportedFeature
from neuro.network.neurons import PoissonSource, Source, SpikeSource
from neuro.validation import Floats, Ints, indices

__all__ = ["plan_of", "step_of"]


def step_of(times: Floats, dt: float) -> Ints:
    """The step that each time lies in: k for k dt <= time < (k + 1) dt.

    A time within a millionth of a step before k dt counts as k dt, for k * dt is seldom a double.

    >>> step_of(np.array([0.0, 3 * 0.1, 0.39]), 0.1).tolist()
    [0, 3, 3]
    """
    return np.floor(times / dt + 1e-6).astype(np.int64)


def plan_of(
    program: ClockedProgram, inputs: Mapping[str, Any] | None, record: Record, start: int, stop: int, seed: int = 0
) -> Plan:
    """Everything from outside in steps start .. stop - 1; all currents are set at `start`.

    Poisson sources draw from `seed` the spikes that they have in the exact engine.
    """
    steps, neurons = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]

    def add(name: str, spikes: Spikes) -> None:
        when = step_of(spikes.times, program.dt)
        low, high = np.searchsorted(when, [start, stop])
        steps.append(when[low:high])
        neurons.append(spikes.ids[low:high] + program.offset[name])

    currents: dict[str, list[Current]] = {}
    for name, value in (inputs or {}).items():
        population = program.network.populations.get(name)
        if population is None:
            raise UnknownName("population of this network", name, program.offset)
        for item in each(value):
            if isinstance(item, Spikes) and isinstance(population.model, SpikeSource):
                indices(item.ids, population.size, f"spikes of {name!r}", error=InputError)
                add(name, item)
            elif isinstance(item, Current) and not isinstance(population.model, Source):
                if program.semantics == "loihi":
                    raise UnsupportedFeature("whole-number neurons take no Current", where=f"input of {name!r}")
                currents.setdefault(name, []).append(item)
            else:
                rule = takes(population.model, clamps=False)
                raise InputError(rule, where=f"input of {name!r}", value=type(item).__name__)
    for name, population in program.network.populations.items():
        if isinstance(population.model, PoissonSource):
            # A step more on either side: rounding may put a spike into the next one.
            add(name, poisson(population, seed, max(start - 1, 0) * program.dt, (stop + 1) * program.dt))
    when, who = np.concatenate(steps), np.concatenate(neurons)
    order = np.argsort(when * program.size + who, kind="stable")
    spikes = np.empty(len(order), SPIKE)
    spikes["step"], spikes["neuron"] = when[order], who[order]
    return Plan(spikes, *_changes(program, currents, start, stop), *_samples(program, record, start, stop))


def _changes(
    program: ClockedProgram, currents: Mapping[str, list[Current]], start: int, stop: int
) -> tuple[Records, Floats]:
    """Steps at which a population's drive changes, the population, and where the values stand."""
    rows: list[tuple[int, int, int]] = []
    values, offset = [np.zeros(0)], 0
    for g, (name, population) in enumerate(program.network.populations.items()):
        if isinstance(population.model, Source):
            continue
        parts = currents.get(name, [])
        for part in parts:
            if part.values.ndim == 2 and part.values.shape[1] != population.size:
                raise InputError(
                    f"a current needs one column for each of the {population.size} neurons",
                    where=f"current onto {name!r}",
                    value=f"shape {part.values.shape}",
                )
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
    """Steps to sample, and the neurons."""
    if not record.v:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    every = 1 if record.v_dt is None else steps_in(record.v_dt, program.dt, "Record.v_dt")
    if every < 1:
        raise ParameterError("must be at least one step", where="Record.v_dt", value=record.v_dt)
    ids = []
    for name, who in record.v.items():
        population = program.network.populations.get(name)
        if population is None:
            raise UnknownName("population of this network", name, program.offset)
        if isinstance(population.model, Source):
            raise InputError("a source of spikes has no voltage", where=f"Record.v of {name!r}")
        ids.append(indices(np.atleast_1d(who), population.size, f"Record.v of {name!r}") + program.offset[name])
    return np.arange(-(-start // every) * every, stop, every, dtype=np.int64), np.concatenate(ids)
