"""Inputs of a run, checked once and merged into the sorted arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from neuro.engine.drive.poisson import poisson
from neuro.engine.kernels.arrays import STEP, Records
from neuro.engine.lower.program import Program
from neuro.engine.recording import Current, Record, Spikes, each
from neuro.errors import ClampError, InputError, ParameterError, UnknownName
from neuro.network.neurons import Model, PoissonSource, Source, SpikeSource
from neuro.validation import Floats, Ints, indices

__all__ = ["NO_SAMPLES", "ClampLike", "Sampling", "Schedule", "join", "sampling", "schedule", "since", "takes"]


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
    seed: int,
) -> Schedule:
    """The part of the inputs that lies in [start, stop), with a step at `start` that sets all currents.

    Poisson sources draw their spikes from `seed`.
    """
    times: list[Floats] = []
    ids: list[Ints] = []
    forced: list[Ints] = []
    currents: dict[str, list[Current]] = {}

    def add(name: str, spikes: Spikes) -> None:
        low, high = spikes.times.searchsorted((start, stop))
        size = program.network.populations[name].size
        if len(spikes) and spikes.ids.max() >= size:
            indices(spikes.ids, size, f"spikes of {name!r}", error=InputError)
        times.append(spikes.times[low:high])
        ids.append(spikes.ids[low:high] + program.offset[name])

    for name, value in (inputs or {}).items():
        if name not in program.offset:
            raise UnknownName("population of this network", name, program.offset)
        model = program.network.populations[name].model
        is_source = isinstance(model, SpikeSource)
        for item in each(value):
            if isinstance(item, Spikes) and is_source:
                add(name, item)
            elif isinstance(item, Current) and not isinstance(model, Source):
                currents.setdefault(name, []).append(item)
            else:
                raise InputError(takes(model), where=f"input of {name!r}", value=type(item).__name__)
    for name, population in program.network.populations.items():
        if isinstance(population.model, PoissonSource):
            add(name, poisson(population, seed, start, stop))
    if clamp is not None:
        for name, (neurons, spikes) in clamp.forced.items():
            _known(program, name)
            size = program.network.populations[name].size
            held = np.zeros(size, bool)
            held[indices(neurons, size, f"clamped neurons of {name!r}", error=ClampError)] = True
            if len(spikes) and (spikes.ids.max() >= size or not held[spikes.ids].all()):
                raise ClampError("only clamped neurons can be forced to spike", where=f"clamp of {name!r}")
            forced.append(np.flatnonzero(held) + program.offset[name])
            add(name, spikes)
        for name, current in clamp.currents.items():
            _known(program, name)
            currents.setdefault(name, []).append(current)
    when, who = _joined(times, np.float64), _joined(ids, np.int64)
    if len(times) > 1:
        when, who = _in_order(when, who)
    steps, values = _steps(program, currents, start, stop)
    return Schedule(when, who, steps, values, _joined(forced, np.int64))


def _in_order(when: Floats, who: Ints) -> tuple[Floats, Ints]:
    """Sorted by time, ties by neuron: where sorted lists follow each other, one stable sort is often enough."""
    order = np.argsort(when, kind="stable")
    times, ids = when[order], who[order]
    if np.any((times[1:] == times[:-1]) & (ids[1:] < ids[:-1])):
        order = np.lexsort((who, when))
        times, ids = when[order], who[order]
    return times, ids


def _joined(parts: list[Any], dtype: type) -> Any:
    return np.concatenate([np.zeros(0, dtype), *parts])


def takes(model: Model, *, clamps: bool = True) -> str:
    """What a population takes as its input, for who has given something else; `clamps`: can it be clamped instead?"""
    if isinstance(model, SpikeSource):
        return "a spike source takes Spikes"
    if isinstance(model, PoissonSource):
        return "a Poisson source draws its own spikes; to give it some, make it a SpikeSource"
    return "this population takes a Current" + ("; to force its spikes, use a hard Clamp" if clamps else "")


def _known(program: Program, name: str) -> None:
    if name not in program.offset:
        raise UnknownName("population of this network", name, program.offset)
    if isinstance(program.network.populations[name].model, Source):
        raise ClampError("a source of spikes cannot be clamped: give its spikes as input", where=repr(name))


def _steps(
    program: Program, currents: Mapping[str, list[Current]], start: float, stop: float
) -> tuple[Records, Floats]:
    rows: list[tuple[float, int, int, int]] = []
    values = []
    offset = 0
    for name, population in program.network.populations.items():
        if isinstance(population.model, Source) or not population.size:
            continue
        parts = currents.get(name, [])
        shape = (population.size,)
        here = slice(program.offset[name], program.offset[name] + population.size)
        gain = program.of("gain", here) if parts else 0.0
        for part in parts:
            if part.values.ndim == 2 and part.values.shape[1:] != shape:
                raise InputError(
                    f"a current needs one column for each of the {population.size} neurons",
                    where=f"current onto {name!r}",
                    value=f"shape {part.values.shape}",
                )
        for moment in sorted({start, *(float(t) for part in parts for t in part.times if start < t < stop)}):
            rows.append((moment, here.start, population.size, offset))
            values.append(program.drive[here] + gain * _total(parts, moment) if parts else program.drive[here])
            offset += population.size
    rows.sort(key=lambda row: row[:2])
    return np.array(rows, STEP), _joined(values, np.float64)


def _total(parts: list[Current], moment: float) -> Floats | float:
    """The currents that flow at a moment, summed in the order in which they were given."""
    total: Floats | float = 0.0
    for part in parts:
        k = int(part.times.searchsorted(moment, side="right")) - 1
        if k >= 0:
            total = total + part.values[k]
    return total


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


class Sampling(NamedTuple):
    """Which voltages are read, and when: at the multiples of a step."""

    step: float
    ids: Ints

    def times(self, start: float, stop: float) -> Floats:
        """The sampling times in [start, stop), s."""
        if not len(self.ids):
            return np.zeros(0)
        k = np.arange(int(np.floor(start / self.step)), int(np.ceil(stop / self.step)) + 1)
        times = np.asarray(k * self.step, np.float64)
        return times[(times >= start) & (times < stop)]


NO_SAMPLES = Sampling(1.0, np.zeros(0, np.int64))


def sampling(program: Program, record: Record) -> Sampling:
    """The neurons whose voltages are to be sampled, in the common numbering, and the step."""
    if not record.v:
        return NO_SAMPLES
    v_dt = 1e-3 if record.v_dt is None else record.v_dt
    if not v_dt > 0:
        raise ParameterError("must be greater than zero", where="Record.v_dt", value=v_dt)
    ids = []
    for name, who in record.v.items():
        if name not in program.offset:
            raise UnknownName("population of this network", name, program.offset)
        population = program.network.populations[name]
        if isinstance(population.model, Source):
            raise InputError("a source of spikes has no voltage", where=f"Record.v of {name!r}")
        ids.append(indices(np.atleast_1d(who), population.size, f"Record.v of {name!r}") + program.offset[name])
    return Sampling(float(v_dt), np.concatenate(ids))


def since(part: Schedule, time: float) -> Schedule:
    """What of a schedule lies at `time` or after."""
    low = part.source_time.searchsorted(time)
    steps = part.steps[part.steps["time"] >= time]
    return part._replace(source_time=part.source_time[low:], source_id=part.source_id[low:], steps=steps)
