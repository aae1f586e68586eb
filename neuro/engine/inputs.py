"""Inputs of a run, checked once and merged into the sorted arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from neuro.arrays import Floats, Ints, indices
from neuro.engine.program import Program
from neuro.engine.recording import Current, Record, Spikes, each
from neuro.engine.records import STEP, Inputs, Records
from neuro.errors import ClampError, InputError, ParameterError, UnknownName
from neuro.network.neurons import SpikeSource

__all__ = ["ClampLike", "Schedule", "join", "merge", "samples", "schedule", "since"]


class ClampLike(Protocol):
    """What a run needs to know of a clamp."""

    @property
    def forced(self) -> Mapping[str, tuple[Ints, Spikes]]:
        """By population: the neurons whose dynamics are suspended, and the spikes they fire instead."""

    @property
    def currents(self) -> Mapping[str, Current]:
        """By population: a current added for as long as the clamp holds."""


class Schedule(NamedTuple):
    """Everything from outside in one interval, in the common numbering of neurons."""

    source_time: Floats
    source_id: Ints
    steps: Records
    step_value: Floats
    forced: Ints


def schedule(
    program: Program,
    inputs: Mapping[str, Any] | None,
    clamp: ClampLike | None,
    start: float,
    stop: float,
) -> Schedule:
    """The part of the inputs that lies in [start, stop), with a step at `start` that sets all currents."""
    times, ids, forced = [np.zeros(0)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    currents: dict[str, list[Current]] = {}

    def add(name: str, spikes: Spikes) -> None:
        part = spikes.window(start, stop)
        size = program.network.populations[name].size
        indices(spikes.ids, size, f"spikes of {name!r}", error=InputError)
        times.append(part.times)
        ids.append(part.ids + program.offset[name])

    for name, value in (inputs or {}).items():
        if name not in program.offset:
            raise UnknownName("population of this network", name, program.offset)
        is_source = isinstance(program.network.populations[name].model, SpikeSource)
        for item in each(value):
            if isinstance(item, Spikes) and is_source:
                add(name, item)
            elif isinstance(item, Current) and not is_source:
                currents.setdefault(name, []).append(item)
            else:
                rule = (
                    "a spike source takes Spikes"
                    if is_source
                    else "this population takes a Current; to force its spikes, use a hard Clamp"
                )
                raise InputError(rule, where=f"input of {name!r}", value=type(item).__name__)
    if clamp is not None:
        for name, (neurons, spikes) in clamp.forced.items():
            _known(program, name)
            size = program.network.populations[name].size
            who = indices(neurons, size, f"clamped neurons of {name!r}", error=ClampError)
            if len(np.setdiff1d(spikes.ids, who)):
                raise ClampError("only clamped neurons can be forced to spike", where=f"clamp of {name!r}")
            forced.append(np.unique(who) + program.offset[name])
            add(name, spikes)
        for name, current in clamp.currents.items():
            _known(program, name)
            currents.setdefault(name, []).append(current)
    when, who = np.concatenate(times), np.concatenate(ids)
    order = np.lexsort((who, when))
    steps, values = _steps(program, currents, start, stop)
    return Schedule(when[order], who[order], steps, values, np.concatenate(forced))


def _known(program: Program, name: str) -> None:
    if name not in program.offset:
        raise UnknownName("population of this network", name, program.offset)
    if isinstance(program.network.populations[name].model, SpikeSource):
        raise ClampError("a spike source cannot be clamped: give its spikes as input", where=repr(name))


def _steps(
    program: Program, currents: Mapping[str, list[Current]], start: float, stop: float
) -> tuple[Records, Floats]:
    rows: list[tuple[float, int, int, int]] = []
    values = []
    offset = 0
    for name, population in program.network.populations.items():
        if isinstance(population.model, SpikeSource) or not population.size:
            continue
        parts = currents.get(name, [])
        shape = (population.size,)
        for part in parts:
            if part.values.ndim == 2 and part.values.shape[1:] != shape:
                raise InputError(
                    f"a current needs one column for each of the {population.size} neurons",
                    where=f"current onto {name!r}",
                    value=f"shape {part.values.shape}",
                )
        moments = {start, *(float(t) for part in parts for t in part.times if start < t < stop)}
        for moment in sorted(moments):
            total = np.zeros(shape)
            for part in parts:
                k = int(np.searchsorted(part.times, moment, side="right")) - 1
                if k >= 0:
                    total += part.values[k]
            rows.append((moment, program.offset[name], population.size, offset))
            here = program.slice(name)
            values.append(program.drive[here] + program.fixed.cells["gain"][here] * total)
            offset += population.size
    rows.sort(key=lambda row: row[:2])
    return np.array(rows, STEP), np.concatenate([np.zeros(0), *values])


def join(earlier: Schedule | None, later: Schedule) -> Schedule:
    """One interval's inputs after another's."""
    if earlier is None:
        return later
    steps = later.steps.copy()
    steps["offset"] += len(earlier.step_value)
    return Schedule(
        np.concatenate([earlier.source_time, later.source_time]),
        np.concatenate([earlier.source_id, later.source_id]),
        np.concatenate([earlier.steps, steps]),
        np.concatenate([earlier.step_value, later.step_value]),
        later.forced,
    )


def merge(plan: Schedule, sample_time: Floats, sample_id: Ints) -> Inputs:
    """A schedule and the times of samples, as the kernels read them."""
    return Inputs(plan.source_time, plan.source_id, plan.steps, plan.step_value, sample_time, sample_id)


def samples(program: Program, record: Record, start: float, stop: float) -> tuple[Floats, Ints]:
    """Sampling times k v_dt in [start, stop), and the neurons to sample."""
    if not record.v:
        return np.zeros(0), np.zeros(0, np.int64)
    v_dt = 1e-3 if record.v_dt is None else record.v_dt
    if not v_dt > 0:
        raise ParameterError("must be greater than zero", where="Record.v_dt", value=v_dt)
    ids = []
    for name, who in record.v.items():
        if name not in program.offset:
            raise UnknownName("population of this network", name, program.offset)
        population = program.network.populations[name]
        if isinstance(population.model, SpikeSource):
            raise InputError("a spike source has no voltage", where=f"Record.v of {name!r}")
        ids.append(indices(np.atleast_1d(who), population.size, f"Record.v of {name!r}") + program.offset[name])
    k = np.arange(int(np.floor(start / v_dt)), int(np.ceil(stop / v_dt)) + 1)
    times = np.asarray(k * v_dt, np.float64)
    return times[(times >= start) & (times < stop)], np.concatenate(ids)


def since(part: Schedule, time: float) -> Schedule:
    """What of a schedule lies at `time` or after."""
    keep = part.source_time >= time
    steps = part.steps[part.steps["time"] >= time]
    return part._replace(source_time=part.source_time[keep], source_id=part.source_id[keep], steps=steps)
