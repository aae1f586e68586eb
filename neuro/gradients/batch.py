"""A recording and its loss as arrays for the kernels of the gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.engine.drive.inputs import read_inputs
from neuro.engine.lower.program import Program
from neuro.engine.recording import Recording
from neuro.errors import InputError, StateError, UnsupportedFeature
from neuro.gradients.kernels.arrays import AFTER, AT_STEP, MARK, SAMPLE, STEP, Cells, Nodes, Run
from neuro.gradients.wiring import Wiring
from neuro.network.wiring import other_wiring, wiring_of
from neuro.validation import Floats, Ints

__all__ = ["AFTER_ALL", "BEFORE_ARRIVALS", "Slopes", "Spiked", "nodes_for", "run_of", "spiked"]

BEFORE_ARRIVALS, AFTER_ALL = AT_STEP, AFTER
"""Whether a sample comes before what arrives at its instant, or after all that happens then."""

Extra = tuple[int, float, int, int, float]
"""Neuron, time, order at this instant, kind, value."""


@dataclass(frozen=True, slots=True)
class Spiked:
    """One recording in the common numbering of neurons."""

    program: Program
    time: Floats
    """Of each spike, in order."""
    who: NDArray[np.int32]
    """Its neuron."""
    start: float
    stop: float
    steps: tuple[tuple[int, float, float], ...]
    """Steps of the drive: neuron, time, and the drive from then on."""
    drive: Floats
    """The drive at the start, shape (neurons,)."""

    def places(self, name: str) -> Ints:
        """The places of the spikes of a population among all, in their order."""
        here = self.program.slice(name)
        return np.flatnonzero((self.who >= here.start) & (self.who < here.stop))


@dataclass(slots=True)
class Slopes:
    """The derivatives of the loss of one recording with respect to spike times, and to v."""

    time: Floats
    """By the time of each spike, in the order of `Spiked`; the way back works in it."""
    samples: list[tuple[int, float, int, float]] = field(default_factory=list)
    """By v at a time: neuron, time, its order at this instant, derivative."""
    integrals: list[tuple[Ints, float, float, Floats]] = field(default_factory=list)
    """By the integrals of v over a window: neurons, begin, end, derivatives."""
    delays: list[tuple[int, float]] = field(default_factory=list)
    """By the delay of a synapse directly: its place among the weights, derivative."""


def spiked(program: Program, recording: Recording, inputs: Mapping[str, Any] | None) -> Spiked:
    """A recording in the common numbering.

    Raises
    ------
    UnsupportedFeature, StateError, InputError
        If it has no gradient: what learned, what goes on from a state, what lacks the spikes of a population.
    """
    if recording.weights:
        rule = "there are no gradients through learning"
        raise UnsupportedFeature(rule, where=f"gradient, projection {next(iter(recording.weights))!r}")
    if recording.provenance.get("engine", "exact") != "exact":
        raise UnsupportedFeature("only runs of the exact engine have gradients", where="gradient, recording")
    if recording.start != 0.0:
        raise StateError(
            "the states before a run that goes on from another are not known",
            where="gradient, recording",
            value=f"starts at {recording.start} s",
            remedy="Run from time zero",
        )
    name, difference = other_wiring(
        wiring_of(program.network), recording.provenance.get("network", {}).get("wiring", {})
    )
    if name:
        raise InputError(
            "the recording is of another network",
            where=f"gradient, projection {name!r}",
            value=difference,
            remedy="Run this network",
        )
    times: list[Floats] = []
    ids: list[NDArray[np.int32]] = []
    for name, first in program.offset.items():
        try:
            spikes = recording.spikes[name]
        except KeyError:
            raise InputError("the spikes of all populations are needed", where=f"recording of {name!r}") from None
        if len(spikes) and spikes.ids.max() >= program.network.populations[name].size:
            raise InputError("the recording is of another network", where=f"recording of {name!r}")
        if len(spikes):
            times.append(spikes.times)
            ids.append(np.add(spikes.ids, first, dtype=np.int32, casting="same_kind"))
    time, who = _joined(times, np.float64), _joined(ids, np.int32)
    del times, ids
    if np.any(time[1:] < time[:-1]):
        order = np.argsort(time, kind="stable")
        time, who = time[order], who[order]
    drive, steps = _drives(program, recording, inputs)
    return Spiked(program, time, who, recording.start, recording.stop, steps, drive)


def _drives(
    program: Program, recording: Recording, inputs: Mapping[str, Any] | None
) -> tuple[Floats, tuple[tuple[int, float, float], ...]]:
    """The drive at the start, and its steps, from the currents of a run."""
    if not inputs:
        return program.drive, ()
    _, currents = read_inputs(program.network, inputs)
    if not currents:
        return program.drive, ()
    drive, steps = program.drive.copy(), []
    for name, parts in currents.items():
        here = program.slice(name)
        gain = program.of("gain", here)

        drive[here] += gain * _total(parts, recording.start)
        for moment in sorted({float(t) for part in parts for t in part.times}):
            if recording.start < moment < recording.stop:
                values = program.drive[here] + gain * _total(parts, moment)
                steps += [(here.start + i, moment, float(value)) for i, value in enumerate(values)]
    return drive, tuple(steps)


def _total(parts: Sequence[Any], moment: float) -> Floats | float:
    """The sum of the currents at a moment."""
    total: Floats | float = 0.0
    for part in parts:
        k = int(part.times.searchsorted(moment, side="right")) - 1
        if k >= 0:
            total = total + part.values[k]
    return total


def run_of(run: Spiked, slope: Slopes) -> Run:
    """A run and the derivatives of its loss."""
    size = run.program.size
    extras: list[Extra] = [(j, t, AT_STEP, STEP, value) for j, t, value in run.steps]
    extras += [(j, t, key, SAMPLE, value) for j, t, key, value in slope.samples]
    extras += _marks(slope.integrals)
    extras.sort(key=lambda extra: extra[:3])
    columns = list(zip(*extras, strict=True)) if extras else [()] * 5
    rows = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(np.array(columns[0], np.int64), minlength=size), out=rows[1:])
    return Run(
        time=run.time,
        who=run.who,
        slope=slope.time,
        extras=rows,
        extra_time=np.array(columns[1], np.float64),
        extra_key=np.array(columns[2], np.int64),
        extra_kind=np.array(columns[3], np.int64),
        extra_value=np.array(columns[4], np.float64),
        drive=np.ascontiguousarray(run.drive, np.float64),
        span=np.array([run.start, run.stop]),
    )


def _joined(parts: list[Any], dtype: Any) -> Any:
    """All parts, one after the other; one part alone is not copied, if it can be used as it is."""
    if len(parts) == 1:
        return np.ascontiguousarray(parts[0], dtype)
    return np.concatenate([np.zeros(0, dtype), *parts], dtype=dtype, casting="same_kind")


def _marks(integrals: Sequence[tuple[Ints, float, float, Floats]]) -> list[Extra]:
    """Where the densities of integrals change, by neuron and time; those of one neuron add up."""
    changes: dict[int, dict[float, float]] = {}
    for neurons, begin, end, values in integrals:
        for j, value in zip(neurons.tolist(), values.tolist(), strict=True):
            mine = changes.setdefault(j, {})
            mine[begin] = mine.get(begin, 0.0) + value
            mine[end] = mine.get(end, 0.0) - value
    found = []
    for j, mine in changes.items():
        level = 0.0
        for n, t in enumerate(sorted(mine)):
            # Rounding must leave nothing behind the last.
            level = 0.0 if n == len(mine) - 1 else level + mine[t]
            found.append((j, t, AT_STEP, MARK, level))
    return found


def nodes_for(cells: Cells, wiring: Wiring, runs: Sequence[Spiked], slopes: Sequence[Slopes]) -> Nodes:
    """Space for the nodes of the longest of several runs."""
    size, depth = cells.rate.shape
    most = 0
    own, refractory = cells.source == 0, bool(np.any(cells.refractory > 0.0))
    for run, slope in zip(runs, slopes, strict=True):
        extras = len(run.steps) + len(slope.samples) + 2 * sum(len(each[0]) for each in slope.integrals)
        most = max(most, int(np.count_nonzero(own[run.who])) + extras)
    # Each neuron has a node at the start, and may have one that follows its last refractory time.
    most += 2 * size
    longest = max((len(run.time) for run in runs), default=0)
    steps, marks = any(run.steps for run in runs), any(slope.integrals for slope in slopes)
    each: dict[str, Any] = {key: np.zeros(size, np.int64) for key in ("first", "end", "at", "done", "extra")}
    each |= {key: np.zeros(size) for key in ("due", "drive", "held", "later", "level")}
    rows = size * depth if np.any(wiring.wires.span > 0.0) else 0
    return Nodes(
        time=np.empty(most),
        key=np.empty(most if wiring.at_once else 0, np.int32),
        kind=np.empty(most, np.uint8),
        info=np.empty(most, np.int32),
        v=np.empty(most),
        c=np.empty((most, 2 * depth if refractory else depth)),
        aux=np.empty(most if wiring.jumps or steps else 0),
        density=np.empty(most if marks else 0),
        order=np.empty(longest if wiring.at_once else 0, np.int32),
        work=np.zeros(max(depth, 1)),
        window=_in_lines(rows),
        window_at=np.zeros(rows, np.int64),
        window_start=np.zeros(rows),
        fault=np.zeros(2, np.int64),
        **each,
    )


def _in_lines(rows: int) -> Floats:
    """Rows of eight numbers, each in one line of the cache, of 64 bytes."""
    whole = np.zeros(8 * rows + 8)
    skipped = -(whole.ctypes.data // 8) % 8
    return whole[skipped : skipped + 8 * rows].reshape(rows, 8)
