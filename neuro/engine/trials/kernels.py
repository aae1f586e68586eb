"""The compiled loop over the runs of a batch: each starts from a state, is simulated, and is measured."""

from __future__ import annotations

from math import exp
from typing import Annotated, NamedTuple

import numpy as np

from neuro.engine.codes import AMPLITUDE_FORM, FAULT, N_SPIKES, NEXT_SAMPLE, NEXT_SOURCE, NEXT_STEP
from neuro.engine.kernels.arrays import (
    F8,
    F8_2,
    F8_3,
    I8,
    I8_2,
    I8_3,
    Fixed,
    Index,
    Inputs,
    Output,
    Records,
    State,
    Workspace,
)
from neuro.engine.kernels.heap import InstantWorkspace
from neuro.engine.kernels.state_form import cell_row
from neuro.engine.kernels.windows import run_windows, set_forced
from neuro.engine.kernels.zero_delay import advance_all, run_queue
from neuro.jit import inner, kernel, table_at

RUN = np.dtype(
    [
        ("source", np.int64),  # row of `Batch.given` that it starts from; or -1 - r for the state kept by run r
        ("drive", np.int64),  # row of `Batch.drive` with the drives at rest; -1 for those of the state
        ("inputs", np.int64),  # place among the tables of inputs
        ("earlier", np.int64),  # table of the inputs from `base` of its state on, if that is to be finished; or -1
        ("begin", np.float64),  # time of the arrays that it starts from, s
        ("start", np.float64),  # s
        ("base", np.float64),  # the last point of the grid of windows before its end, s
        ("stop", np.float64),  # s
        ("end", np.float64),  # end of the window that `stop` lies in, s
        ("changed", np.int64),  # 1 where other neurons are clamped than before
        ("released", np.int64),  # clamps end for ids[released : clamped], and begin for ids[clamped : last]
        ("clamped", np.int64),
        ("last", np.int64),
        ("nudge", np.int64),  # row of `Batch.nudges`, or -1
        ("keeps", np.int64),  # 1 where its state at `base` goes into `Batch.kept`
        ("low", np.int64),  # result: its spikes are low .. high of the output
        ("high", np.int64),
    ],
    align=True,
)
"""One run of a batch."""

NUDGE = np.dtype(
    [
        ("parent", np.int64),  # run whose counts it depends on
        ("offset", np.int64),  # place of its first neuron in the run's `step_value`
        ("first", np.int64),  # its neurons are first .. first + size
        ("size", np.int64),
        ("begin", np.int64),  # its first row of `Batch.nudged`
        ("strength", np.float64),
    ],
    align=True,
)
"""A current at the start of a run that depends on the counts of the run before."""


class Batch(NamedTuple):
    """Runs, the states that they begin from, and their results. Runs that are not asked for a result have no rows."""

    runs: Annotated[Records, RUN, 1]
    """All runs; those that begin from another's end come after it."""
    block: I8
    """The memory of the state that the kernel works on."""
    ids: I8
    """Neurons whose clamps begin or end."""
    given: I8_2
    """States to start from, in one block each."""
    kept: I8_2
    """The state of each run that keeps it at its `base`; no rows, where none does."""
    drive: F8_2
    """Drives at rest, (row, neuron)."""
    nudges: Annotated[Records, NUDGE, 1]
    """All nudges."""
    nudged: F8_2
    """By neuron: the drive at rest, its gain, the current without the nudge, and the target."""
    fired: I8_2
    """Spikes (run, neuron)."""
    events: I8_2
    """Synaptic events (run, projection)."""
    window: F8_2
    """Begin and end of the intervals in which spikes are counted, s from the start of a run."""
    triangle: I8
    """1 where spikes of an interval count by a triangle."""
    counted: I8_3
    """Spikes (run, interval, neuron), if all count alike."""
    weighed: F8_3
    """What they count (run, interval, neuron), if not."""
    at: F8
    """Times at which traces are read, s from the start of a run, increasing."""
    tau: F8
    """Time constant of the traces, s, shape (1,)."""
    trace: F8_3
    """Traces (run, time, neuron)."""


@inner
def copy_block(into: I8, block: I8) -> None:
    """Copy a state."""
    for i in range(len(into)):
        into[i] = block[i]


@inner
def clear_places(state: State, filled: Index) -> None:
    """Begin with the first of the inputs, after `filled` spikes of the output."""
    register = state.register
    register[NEXT_SOURCE] = register[NEXT_STEP] = register[NEXT_SAMPLE] = register[FAULT] = 0
    register[N_SPIKES] = filled


@inner
def set_drives(fixed: Fixed, state: State, drive: F8) -> None:
    """Give the neurons of a state at rest other drives."""
    for j in range(len(state.neurons)):
        neuron = state.neurons[j]
        g = np.int64(neuron.group)
        neuron.drive = drive[j]
        if fixed.groups[g].kind == AMPLITUDE_FORM:
            state.amp[j, 0] = neuron.v - drive[j] / fixed.cells[cell_row(fixed, g, j)].leak - state.amp[j, 1]


@inner
def load_run(fixed: Fixed, state: State, out: Output, batch: Batch, r: Index, filled: Index) -> None:
    """Copy the state that run r starts from."""
    run = batch.runs[r]
    if run.source >= 0:
        copy_block(batch.block, batch.given[run.source])
    else:
        copy_block(batch.block, batch.kept[-1 - run.source])
    if run.drive >= 0:
        set_drives(fixed, state, batch.drive[run.drive])
    clear_places(state, filled)
    for p in range(len(out.events)):
        out.events[p] = 0


@inner
def change_clamped(fixed: Fixed, state: State, work: Workspace, batch: Batch, r: Index, length: float) -> None:
    """End and begin clamps at the start of run r."""
    run = batch.runs[r]
    if run.clamped > run.released:
        set_forced(fixed, state, work, batch.ids[run.released : run.clamped], False, run.start, length)
    if run.last > run.clamped:
        set_forced(fixed, state, work, batch.ids[run.clamped : run.last], True, run.start, length)


@kernel
def measure(batch: Batch, r: Index, time: F8, neuron: I8, low: Index, high: Index) -> None:
    """Count the spikes low .. high, which are run r's, and fill its traces."""
    start, m, tau = batch.runs[r].start, 0, batch.tau[0]
    for n in range(low, high):
        t, j = time[n], neuron[n]
        if len(batch.fired):
            batch.fired[r, j] += 1
        for w in range(len(batch.window)):
            begin, end = start + batch.window[w, 0], start + batch.window[w, 1]
            if begin <= t < end:
                if len(batch.counted):
                    batch.counted[r, w, j] += 1
                elif batch.triangle[w]:
                    batch.weighed[r, w, j] += 2.0 * (1.0 - abs(2.0 * ((t - begin) / (end - begin)) - 1.0))
                else:
                    batch.weighed[r, w, j] += 1.0
        while m < len(batch.at) and t >= start + batch.at[m]:
            carry_trace(batch, r, m)
            m += 1
        if m < len(batch.at):
            batch.trace[r, m, j] += exp((t - (start + batch.at[m])) / tau)
    while m < len(batch.at):
        carry_trace(batch, r, m)
        m += 1


@inner
def carry_trace(batch: Batch, r: Index, m: Index) -> None:
    """The traces at time m are complete: let them decay until the next."""
    if m + 1 < len(batch.at):
        decay = exp((batch.at[m] - batch.at[m + 1]) / batch.tau[0])
        for j in range(batch.trace.shape[2]):
            batch.trace[r, m + 1, j] = batch.trace[r, m, j] * decay


@inner
def apply_nudge(batch: Batch, r: Index, given: Inputs) -> None:
    """Enter the current of run r's nudge in its inputs."""
    nudge = batch.nudges[batch.runs[r].nudge]
    for i in range(nudge.size):
        row, j = nudge.begin + i, nudge.first + i
        count = 0.0
        if len(batch.counted):
            count = np.float64(batch.counted[nudge.parent, 0, j])
        else:
            count = batch.weighed[nudge.parent, 0, j]
        push = nudge.strength * (batch.nudged[row, 3] - count)
        total = 0.0 + (batch.nudged[row, 2] + push)
        given.step_value[nudge.offset + i] = batch.nudged[row, 0] + batch.nudged[row, 1] * total


@inner
def finish_run(state: State, out: Output, batch: Batch, r: Index, filled: Index) -> None:
    """Keep the spikes of run r from its start to its end, and measure them."""
    run, low, high = batch.runs[r], filled, state.register[N_SPIKES]
    while low < high and out.time[low] < run.start:
        low += 1
    while high > low and out.time[high - 1] >= run.stop:
        high -= 1
    run.low, run.high = low, high
    measure(batch, r, out.time, out.neuron, low, high)
    if len(batch.events):
        for p in range(len(out.events)):
            batch.events[r, p] = out.events[p]


@kernel
def run_batch_in_windows(
    fixed: Fixed, state: State, inputs: Inputs, outputs: Output, several: bool, work: Workspace,
    batch: Batch, first: Index, last: Index, length: float,
) -> Index:  # fmt: skip
    """Simulate the runs first .. last of a batch; return the first that is not done, with a `Fault` in the register.

    `state` has its arrays in the batch's block. There is one output for all runs, or `several`, one each.
    """
    register, filled = state.register, np.int64(0)
    for r in range(first, last):
        run, out = batch.runs[r], table_at(outputs, r if several else 0)
        load_run(fixed, state, out, batch, r, filled)
        begin, start, base, stop = run.begin, run.start, run.base, run.stop
        if run.earlier >= 0:
            earlier = table_at(inputs, run.earlier)
            run_windows(fixed, state, earlier, out, work, begin, start, length, start, start, 1)
            if register[FAULT]:
                return r
            begin = start
            clear_places(state, filled)
        if run.changed:
            change_clamped(fixed, state, work, batch, r, length)
            clear_places(state, filled)
        given = table_at(inputs, run.inputs)
        if run.nudge >= 0:
            apply_nudge(batch, r, given)
        if begin < base:
            run_windows(fixed, state, given, out, work, begin, base, length, start, stop, 1)
            if register[FAULT]:
                return r
        if run.keeps:
            copy_block(batch.kept[r], batch.block)
        if base < stop:
            run_windows(fixed, state, given, out, work, base, run.end, length, start, stop, 1)
            if register[FAULT]:
                return r
        finish_run(state, out, batch, r, filled)
        filled = run.high if len(batch.events) else np.int64(0)
    return last


@kernel
def run_batch_in_queue(
    fixed: Fixed, state: State, inputs: Inputs, outputs: Output, several: bool, work: Workspace,
    batch: Batch, first: Index, last: Index, queue: InstantWorkspace,
) -> Index:  # fmt: skip
    """`run_batch_in_windows` for programs with a delay of zero."""
    register, filled = state.register, np.int64(0)
    for r in range(first, last):
        run, out = batch.runs[r], table_at(outputs, r if several else 0)
        load_run(fixed, state, out, batch, r, filled)
        if run.changed:
            advance_all(fixed, state, work, queue, run.start)
            change_clamped(fixed, state, work, batch, r, 0.0)
            clear_places(state, filled)
        given = table_at(inputs, run.inputs)
        if run.nudge >= 0:
            apply_nudge(batch, r, given)
        run_queue(fixed, state, given, out, work, queue, run.stop)
        if register[FAULT]:
            return r
        if run.keeps:
            copy_block(batch.kept[r], batch.block)
        finish_run(state, out, batch, r, filled)
        filled = run.high if len(batch.events) else np.int64(0)
    return last
