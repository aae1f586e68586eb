"""Inputs of a run: checked once, and merged into the sorted arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neuro.crossbar.base import AbstractCrossbar
from neuro.engine.drive.poisson import poisson
from neuro.engine.instants import instants_of
from neuro.engine.kernels.arrays import STEP, Records
from neuro.engine.lower.program import Program
from neuro.engine.plasticity.layout import sample_shape
from neuro.engine.recording import Current, Record, Spikes, as_sequence
from neuro.engine.samples import SampleLayout
from neuro.errors import ClampError, InputError, UnknownName
from neuro.memory import require_memory
from neuro.network.graph import Network, Population
from neuro.network.neurons import PoissonSource, Source, SpikeSource
from neuro.validation import Floats, Ints, finite, indices, mapping, number, seconds, shown

__all__ = [
    "NO_SAMPLES",
    "ClampLike",
    "Sampling",
    "Schedule",
    "check_samples",
    "join_schedules",
    "learned_times",
    "read_inputs",
    "sampling",
    "schedule",
    "schedule_from",
    "sorted_spikes",
]


class ClampLike(Protocol):
    """What a run needs to know of a clamp."""

    @property
    def forced(self) -> Mapping[str, tuple[Ints, Spikes]]:
        """By population: the neurons whose dynamics are suspended, and the spikes they fire instead."""

    @property
    def currents(self) -> Mapping[str, Current]:
        """By population: a current added for as long as the clamp holds."""


class Schedule(NamedTuple):
    """All inputs in one interval, in the common numbering of neurons."""

    source_time: Floats
    source_id: Ints
    steps: Records
    step_value: Floats
    forced: Ints
    drive_keys: NDArray[np.uint64]
    """Key of the draws of each drive."""


def read_inputs(
    network: Network, inputs: Mapping[str, Any] | None, *, clamps: bool = True
) -> tuple[list[tuple[str, Spikes]], dict[str, list[Current]]]:
    """Check the `inputs` of a run, and sort them into the spikes of sources and the currents of each population.

    The spikes that sources have by themselves are among them.

    `clamps`: does the engine have clamps? The error message mentions them then.

    Raises
    ------
    UnknownName
        If the network has no such population.
    InputError
        If a population cannot take such an input, or if shapes or ids do not fit its size.
    """
    spikes = [
        (name, Spikes(p.model.times, p.model.ids))
        for name, p in network.populations.items()
        if isinstance(p.model, SpikeSource) and p.model.times is not None and p.model.ids is not None
    ]
    currents: dict[str, list[Current]] = {}
    for name, value in mapping(inputs, "inputs", "inputs by population", error=InputError).items():
        if name not in network.populations:
            raise UnknownName("population of this network", name, network.populations)
        population = network.populations[name]
        for item in as_sequence(value):
            if isinstance(item, Spikes) and isinstance(population.model, SpikeSource):
                if len(item) and item.ids.max() >= population.size:
                    indices(item.ids, population.size, f"spikes of {name!r}", error=InputError)
                spikes.append((name, item))
            elif isinstance(item, Current) and not isinstance(population.model, Source):
                currents.setdefault(name, []).append(_of_size(item, population))
            else:
                rule = _accepted(population, clamps)
                raise InputError(rule, where=f"input of {name!r}", value=shown(item))
    return spikes, currents


def _accepted(population: Population, clamps: bool) -> str:
    """What a population takes as its input, in the words of an error message."""
    if isinstance(population.model, SpikeSource):
        return "a spike source takes Spikes"
    if isinstance(population.model, PoissonSource):
        return "a Poisson source draws its own spikes; to give it some, make it a SpikeSource"
    return "this population takes a Current" + ("; to force its spikes, use a hard Clamp" if clamps else "")


def _of_size(current: Current, population: Population) -> Current:
    """The current, if its columns fit the population."""
    if current.values.ndim == 2 and current.values.shape[1] != population.size:
        raise InputError(
            f"a current needs one column for each of the {population.size} neurons",
            where=f"current onto {population.name!r}",
            value=f"shape {current.values.shape}",
        )
    return current


def schedule(
    program: Program,
    inputs: Mapping[str, Any] | None,
    clamp: ClampLike | None,
    start: float,
    stop: float,
    seed: int,
    *,
    draw: bool = True,
) -> Schedule:
    """The part of the inputs that lies in [start, stop), with a step at `start` that sets all currents.

    Poisson sources draw their spikes from `seed`, unless `draw` is False: then `PoissonTrains` has them.
    """
    trains, currents = read_inputs(program.network, inputs)
    for name, population in program.network.populations.items():
        if draw and isinstance(population.model, PoissonSource):
            trains.append((name, poisson(population, seed, start, stop)))
    forced: list[Ints] = []
    if clamp is not None:
        if isinstance(clamp, type) or not (hasattr(clamp, "forced") and hasattr(clamp, "currents")):
            remedy = "Clamp(...).toward(...) makes one"
            raise ClampError("must be an AppliedClamp", where="clamp", value=shown(clamp), remedy=remedy)
        for name, (neurons, spikes) in clamp.forced.items():
            forced.append(_forced_neurons(program, name, neurons, spikes))
            trains.append((name, spikes))
        for name, current in clamp.currents.items():
            currents.setdefault(name, []).append(_of_size(current, _clampable(program, name)))
    times: list[Floats] = []
    ids: list[Ints] = []
    for name, spikes in trains:
        # Without windows, a spike can be an arrival itself.
        sent = spikes.times if program.window else instants_of(spikes.times)
        low, high = sent.searchsorted((start, stop))
        times.append(sent[low:high])
        ids.append(spikes.ids[low:high] + program.offset[name])
    all_times, all_ids = _concatenated(times, np.float64), _concatenated(ids, np.int64)
    if len(times) > 1:
        all_times, all_ids = sorted_spikes(all_times, all_ids)
    steps, values = _drive_steps(program, currents, start, stop)
    return Schedule(all_times, all_ids, steps, values, _concatenated(forced, np.int64), program.drive_keys(seed))


def sorted_spikes(times: Floats, ids: Ints) -> tuple[Floats, Ints]:
    """Sorted by time, ties by neuron. For sorted lists that follow each other, one stable sort is often enough."""
    order = np.argsort(times, kind="stable")
    sorted_times, sorted_ids = times[order], ids[order]
    if np.any((sorted_times[1:] == sorted_times[:-1]) & (sorted_ids[1:] < sorted_ids[:-1])):
        order = np.lexsort((ids, times))
        sorted_times, sorted_ids = times[order], ids[order]
    return sorted_times, sorted_ids


def _concatenated(parts: list[Any], dtype: type) -> Any:
    return np.concatenate([np.zeros(0, dtype), *parts])


def _forced_neurons(program: Program, name: str, neurons: Ints, spikes: Spikes) -> Ints:
    """The neurons that a hard clamp holds, in the common numbering."""
    size = _clampable(program, name).size
    is_held = np.zeros(size, bool)
    is_held[indices(neurons, size, f"clamped neurons of {name!r}", error=ClampError)] = True
    if len(spikes) and (spikes.ids.max() >= size or not is_held[spikes.ids].all()):
        raise ClampError("only clamped neurons can be forced to spike", where=f"clamp of {name!r}")
    return np.flatnonzero(is_held) + program.offset[name]


def _clampable(program: Program, name: str) -> Population:
    if name not in program.offset:
        raise UnknownName("population of this network", name, program.offset)
    population = program.network.populations[name]
    if isinstance(population.model, Source):
        raise ClampError("a source of spikes cannot be clamped: give its spikes as input", where=repr(name))
    return population


def _drive_steps(
    program: Program, currents: Mapping[str, list[Current]], start: float, stop: float
) -> tuple[Records, Floats]:
    """The times at which drives change (`STEP`), and the drives from then on, one after the other."""
    rows: list[tuple[float, int, int, int]] = []
    values = []
    offset = 0
    for name, population in program.network.populations.items():
        if isinstance(population.model, Source) or not population.size:
            continue
        parts = currents.get(name, [])
        here = slice(program.offset[name], program.offset[name] + population.size)
        gain = program.of("gain", here) if parts else 0.0
        for moment in sorted({start, *(float(t) for part in parts for t in part.times if start < t < stop)}):
            rows.append((moment, here.start, population.size, offset))
            values.append(program.drive[here] + gain * _total(parts, moment) if parts else program.drive[here])
            offset += population.size
    rows.sort(key=lambda row: row[:2])
    return np.array(rows, STEP), _concatenated(values, np.float64)


def _total(parts: list[Current], moment: float) -> Floats | float:
    """The sum of the currents at a moment, in the order in which they were given."""
    total: Floats | float = 0.0
    for part in parts:
        k = int(part.times.searchsorted(moment, side="right")) - 1
        if k >= 0:
            total = total + part.values[k]
    return total


def join_schedules(earlier: Schedule | None, later: Schedule) -> Schedule:
    """The inputs of one interval, then those of the next."""
    if earlier is None or not (len(earlier.steps) or len(earlier.source_time)):
        return later
    steps = later.steps.copy()
    steps["offset"] += len(earlier.step_value)
    return Schedule(
        np.concatenate([earlier.source_time, later.source_time]),
        np.concatenate([earlier.source_id, later.source_id]),
        np.concatenate([earlier.steps, steps]),
        np.concatenate([earlier.step_value, later.step_value]),
        later.forced,
        later.drive_keys,
    )


def schedule_from(whole: Schedule, time: float) -> Schedule:
    """The part of a schedule at `time` or after."""
    low = whole.source_time.searchsorted(time)
    steps = whole.steps[whole.steps["time"] >= time]
    return whole._replace(source_time=whole.source_time[low:], source_id=whole.source_id[low:], steps=steps)


class Sampling(NamedTuple):
    """What is sampled, and when: at the multiples of a step."""

    step: float
    ids: Ints
    """Codes; see `SampleLayout`."""

    def times(self, start: float, stop: float) -> Floats:
        """The sampling times in [start, stop), s."""
        if not len(self.ids):
            return np.zeros(0)
        k = np.arange(int(np.floor(start / self.step)), int(np.ceil(stop / self.step)) + 1)
        times = np.asarray(k * self.step, np.float64)
        return times[(times >= start) & (times < stop)]


MAX_SAMPLE = 2.0**52
"""Number of the last sample: doubles have all whole numbers up to here."""
NO_SAMPLES = Sampling(1.0, np.zeros(0, np.int64))


def sampling(program: Program, record: Record, start: float, stop: float) -> Sampling:
    """What is to be sampled in [start, stop), and the step.

    Raises
    ------
    InputError
        If the samples do not fit into memory, or their step drowns in the rounding of times.
    """
    if not record.samples():
        return NO_SAMPLES
    v_dt = 1e-3 if record.v_dt is None else float(record.v_dt)
    ids = SampleLayout.of(program.network, program.offset, record).codes
    check_samples((stop - start) / v_dt, len(ids), record)
    if stop > MAX_SAMPLE * v_dt:
        raise InputError(
            f"must be at least the end of the run over {MAX_SAMPLE:.3g}", where="Record.v_dt", value=f"{v_dt} s"
        )
    return Sampling(v_dt, ids)


def learned_times(
    program: Program, record: Record, learning: Collection[str], start: float, stop: float
) -> dict[tuple[str, str], Floats]:
    """The times in [start, stop) of the samples that `Record.learned` has, s.

    Raises
    ------
    InputError
        If the projection does not learn or has no devices, or the samples do not fit into memory.
    UnknownName
        If there is no such projection.
    """
    found, needed, last = {}, 0.0, ""
    for field, name in record.learned():
        key = field.removeprefix("sampled_")
        where, when = f"Record.{key} of {name!r}", getattr(record, key)[name]
        if name not in program.network.projections:
            raise UnknownName("projection of this network", name, program.network.projections)
        if name not in learning:
            rule = f"only {key} that learn are sampled"
            raise InputError(rule, where=where, remedy=f"Give it a rule: run(plasticity={{{name!r}: ...}})")
        synapses = program.network.projections[name].synapses
        if key == "conductances" and not isinstance(synapses, AbstractCrossbar):
            raise InputError("only the devices of a crossbar have conductances", where=where, value=shown(synapses))
        size = float(np.prod(sample_shape(program, field, name)))
        if np.ndim(when) == 0:
            step = number(when, where, check=seconds)
            _refuse_samples((stop - start) / step, 1.0 + size, where, record)
            found[field, name] = Sampling(step, np.zeros(1, np.int64)).times(start, stop)
        else:
            times = finite(when, where, unit="s", error=InputError)
            found[field, name] = times[(times >= start) & (times < stop)]
        needed, last = needed + (1.0 + size) * len(found[field, name]), key
    if found:
        _refuse_samples(1.0, needed, f"Record.{last}", record)
    return found


def check_samples(moments: float, columns: int, record: Record) -> None:
    """Refuse so many samples of so many values that memory cannot hold them; those of a file need no memory."""
    _refuse_samples(moments, columns + 1.0, f"Record.{record.samples()[0]}", record)


def _refuse_samples(moments: float, values: float, where: str, record: Record) -> None:
    if record.to is None:
        value = f"{moments:.6g} samples of {values:,.6g} numbers"
        remedy = "Sample less, give a longer step, or write to a file: Record(to=...)"
        require_memory(8.0 * moments * values, where, value=value, remedy=remedy, error=InputError)
