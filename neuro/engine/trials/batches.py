"""Lays the runs of several trials out for the kernel, with room for their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.drive.inputs import NO_SAMPLES, Sampling, Schedule
from neuro.engine.kernels.arrays import Inputs, Output, State
from neuro.engine.lower.program import Program
from neuro.engine.trials.blocks import Layout
from neuro.engine.trials.kernels import NUDGE, RUN, Batch
from neuro.engine.trials.plans import RunPlan, Template, TrialPlan
from neuro.engine.trials.requests import Counts, Traces
from neuro.jit import as_tables, repeated_tables
from neuro.validation import Floats, Ints

__all__ = ["LoadedBatch", "Needs", "load_batch", "new_batch", "run_bytes", "sample_bytes"]

NO_IDS = np.zeros(0, np.int64)
NO_TIMES = np.zeros(0)


class Needs(NamedTuple):
    """What trials are asked for."""

    request: Counts | Traces | None
    """None: recordings."""
    sampling: Sampling
    fired: bool
    """Are the spikes of each neuron counted, for the reads of crossbars?"""


class LoadedBatch(NamedTuple):
    """A batch as the kernel takes it."""

    batch: Batch
    inputs: Inputs
    """Tables."""
    outputs: Output
    """Tables: one for each run if voltages are sampled, else one for all."""
    sample_time: list[Floats]
    """By run; empty if no voltages are sampled."""
    voltage: list[Floats]


def new_batch(program: Program, needs: Needs, runs: int, kept: int, words: int) -> Batch:
    """A batch of empty runs, of which so many keep their states; what needs no results gets no rows."""
    request, size = needs.request, program.size
    windows = request.windows if isinstance(request, Counts) else np.zeros((0, 2))
    triangle = request.triangles if isinstance(request, Counts) else np.zeros(0, bool)
    at = request.times if isinstance(request, Traces) else NO_TIMES
    return Batch(
        runs=np.zeros(runs, RUN),
        block=NO_IDS,
        ids=NO_IDS,
        given=np.zeros((0, words), np.int64),
        kept=np.empty((kept, words), np.int64),
        drive=np.zeros((0, size)),
        nudges=np.zeros(0, NUDGE),
        nudged=np.zeros((0, 4)),
        fired=np.zeros((runs if needs.fired else 0, size), np.int64),
        events=np.zeros((0 if request else runs, len(program.fixed.bundles)), np.int64),
        window=windows,
        triangle=triangle.astype(np.int64),
        counted=np.zeros((0 if triangle.any() else runs, len(windows), size), np.int64),
        weighed=np.zeros((runs if triangle.any() else 0, len(windows), size)),
        at=at,
        tau=np.array([request.tau if isinstance(request, Traces) else 1.0]),
        trace=np.zeros((runs, len(at), size)),
    )


def run_bytes(program: Program, needs: Needs, words: int, duration: float) -> int:
    """About how many bytes a run of a batch takes, without its spikes."""
    request = needs.request
    rows = 2
    if isinstance(request, Counts):
        rows += len(request.windows)
    elif isinstance(request, Traces):
        rows += len(request.times)
    samples = int(len(needs.sampling.ids) * duration / needs.sampling.step)
    return 2048 + 8 * (rows * program.size + 2 * words + samples)


def sample_bytes(needs: Needs, trials: Sequence[TrialPlan]) -> float:
    """Bytes of the sampled voltages of the longest run of some trials."""
    if not len(needs.sampling.ids):
        return 0.0
    longest = max((run.stop - run.origin.start for trial in trials for run in trial.runs), default=0.0)
    return 8.0 * len(needs.sampling.ids) * longest / needs.sampling.step


def load_batch(
    program: Program,
    layout: Layout,
    block: Ints,
    needs: Needs,
    trials: Sequence[TrialPlan],
    output: tuple[Floats, Ints],
) -> LoadedBatch:
    """The runs of trials as a batch to be simulated in `block`; `output` has room for spikes: times and neurons.

    If the first trial has a template, all must have the same.
    """
    template = trials[0].template
    own = trials[:1] if template else trials
    runs = [run for trial in own for run in trial.runs]
    times = len(trials) if template else 1
    count = len(runs) * times
    keeps = [needs.request is None or branches > 0 for trial in own for branches in trial.branches]
    batch = new_batch(program, needs, count, count if any(keeps) else 0, layout.words)
    tables, parts = _parts_of(runs, keeps, layout, needs, batch)
    batch = batch._replace(block=block, **parts)
    if template:
        batch, values = _repeated(batch, template, trials, tables)
        inputs = repeated_tables(tables, times, "step_value", values)
    else:
        inputs = as_tables(tables)
    sample_time, voltage = [], []
    if len(needs.sampling.ids):
        sample_time = [needs.sampling.times(run.origin.start, run.stop) for run in runs]
        voltage = [np.zeros((len(moments), len(needs.sampling.ids))) for moments in sample_time]
    events = np.zeros(len(program.fixed.bundles), np.int64)
    outputs = [Output(*output, each, events) for each in voltage or [np.zeros((0, 0))]]
    return LoadedBatch(batch, inputs, as_tables(outputs), sample_time, voltage)


def _parts_of(
    runs: Sequence[RunPlan], keeps: Sequence[bool], layout: Layout, needs: Needs, batch: Batch
) -> tuple[list[Inputs], dict[str, Any]]:
    """The inputs of runs, of which some keep their states, and what a batch of them consists of."""
    tables: list[Inputs] = []
    given: dict[int, int] = {}
    states: list[State] = []
    drives: list[Floats] = []
    ids: list[Ints] = []
    rows: list[tuple[Any, ...]] = []
    nudges: list[tuple[Any, ...]] = []
    nudged: list[Floats] = [batch.nudged]
    count, first, neurons = 0, 0, 0
    for r, run in enumerate(runs):
        origin = run.origin
        if origin.parent < 0:
            first, arrays = r, origin.arrays or layout.rest
            source = given.setdefault(id(arrays), len(states))
            states += [arrays] if source == len(states) else []
        else:
            source = -1 - (first + origin.parent)
        clamped = count + len(run.released)
        last = clamped + len(run.clamped)
        drive, here = (-1 if origin.drive is None else len(drives)), len(tables)
        times = origin.begin, origin.start, run.base, run.stop, run.end
        earlier = -1 if origin.earlier is None else here + 1
        place = -1 if run.nudge is None else len(nudges)
        rows.append((source, drive, here, earlier, *times, run.changed, count, clamped, last, place, keeps[r], 0, 0))
        if last > count:
            ids += [run.released, run.clamped]
            count = last
        if origin.drive is not None:
            drives.append(origin.drive)
        tables.append(_inputs(run.inputs, needs.sampling, run))
        if run.nudge is not None:
            nudge, values = run.nudge, tables[here].step_value.copy()
            tables[here] = tables[here]._replace(step_value=values)
            size = len(nudge.values)
            offset = _place_of(run, nudge.first)
            nudges.append((first + origin.parent, offset, nudge.first, size, neurons, nudge.strength))
            nudged.append(nudge.values)
            neurons += size
        if origin.earlier is not None:
            tables.append(_inputs(origin.earlier, NO_SAMPLES, run))
    packed = np.empty((len(states), layout.words), np.int64)
    for k, arrays in enumerate(states):
        layout.pack(arrays, packed[k])
    return tables, {
        "runs": np.array(rows, RUN),
        "ids": np.concatenate([NO_IDS, *ids]),
        "given": packed,
        "drive": np.concatenate([batch.drive, *(drive[None] for drive in drives)]),
        "nudges": np.array(nudges, NUDGE),
        "nudged": np.concatenate(nudged),
    }


def _repeated(
    batch: Batch, template: Template, trials: Sequence[TrialPlan], tables: Sequence[Inputs]
) -> tuple[Batch, list[Floats]]:
    """The batch of one trial for all trials of its template, and the values of the steps of each run and trial."""
    numbers = [trial.numbers for trial in trials if trial.numbers is not None]
    count, runs, nudges, nudged = len(numbers), len(batch.runs), len(batch.nudges), len(batch.nudged)
    currents = [np.stack(each) for each in zip(*(each.currents for each in numbers), strict=True)]
    values = [np.empty((count, len(each.step_value))) for each in tables]
    for r, drives in enumerate(values):
        drives[:] = template.drives(r, currents)
    trial = np.repeat(np.arange(count), runs)
    rows = np.tile(batch.runs, count)
    rows["source"] -= np.where(rows["source"] < 0, runs, 0) * trial
    rows["inputs"] += len(tables) * trial
    rows["nudge"] += np.where(rows["nudge"] < 0, 0, nudges) * trial
    trial, pushes = np.repeat(np.arange(count), nudges), np.tile(batch.nudges, count)
    pushes["parent"] += runs * trial
    pushes["begin"] += nudged * trial
    every = np.tile(batch.nudged, (count, 1, 1))
    begin = 0
    for n, (current, size) in enumerate(template.nudged):
        here = slice(begin, begin + size)
        if current >= 0:
            every[:, here, 2] = currents[current][:, 0].reshape(count, -1)
        every[:, here, 3] = np.stack([each.targets[n] for each in numbers]).reshape(count, -1)
        begin += size
    return batch._replace(runs=rows, nudges=pushes, nudged=every.reshape(-1, 4)), values


def _place_of(run: RunPlan, first: int) -> int:
    """Where the inputs of a run have the drives of the neurons from `first` on that begin with it."""
    steps = run.inputs.steps
    (found,) = np.flatnonzero((steps["time"] == run.origin.start) & (steps["first"] == first))[-1:]
    return int(steps["offset"][found])


def _inputs(part: Schedule, sampling: Sampling, run: RunPlan) -> Inputs:
    times = sampling.times(run.origin.start, run.stop) if len(sampling.ids) else NO_TIMES
    none = NO_TIMES, NO_IDS, NO_IDS
    return Inputs(part.source_time, part.source_id, part.steps, part.step_value, times, sampling.ids, *none)
