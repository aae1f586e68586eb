"""The loop for networks with synapses of zero delay: from instant to instant, with all neurons in state form.

Every neuron has a forecast: when it will spike if nothing arrives, or until when it is sure not to. What comes first
is the first forecast, arrival, or input. At one instant, what arrives is summed before v is tested; the spikes that
this sets off act through synapses of zero delay at the same instant, one generation after the other.
"""

from __future__ import annotations

from math import floor, inf
from typing import Annotated, NamedTuple

import numpy as np

from neuro.engine.kernels.arrays import (
    F8,
    FAULT,
    FAULT_DETAIL,
    FIRST_SPIKE,
    FORCED,
    HALTED,
    HELD,
    I8,
    N_SPIKES,
    N_WATCHED,
    NEURON,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    NEXT_STEP,
    NO_SPIKES,
    RUNAWAY,
    SOURCE,
    Fixed,
    Index,
    Inputs,
    Output,
    Record,
    Records,
    State,
    Workspace,
)
from neuro.engine.kernels.heap import heapify, pop, push, restore
from neuro.engine.kernels.state_form import add_input, advance_neuron, cell_row, fire, write_spike
from neuro.jit import inlined, inner, kernel, load_acquire

FORECAST_SPAN = 8.0
"""How far a forecast looks ahead, in units of the neuron's fastest time constant; further, slopes drown in rounding."""
MAX_SPIKES = 100_000
MAX_GENERATIONS = 10_000
"""At one instant, by one neuron in one generation; and beyond one generation per neuron."""
N_UNDER_WAY = N_WATCHED
"""In the register: how many arrivals the calendar holds. The forecast is `since`, and `rising` if it is a spike."""
N_CHANGED, N_TRIED, N_WAITING = 0, 1, 2

__all__ = ["advance_all", "new_queue", "run_queue"]


class InstantWorkspace(NamedTuple):
    """What an instant is worked out on: lists and marks of neurons and segments, and a neuron to try things on."""

    order: I8
    place: I8
    counts: I8
    touched: I8
    tried: I8
    waiting: I8
    times: I8
    mark: I8
    ghost: Annotated[Records, NEURON, 1]
    x: F8


def new_queue(fixed: Fixed, state: State) -> InstantWorkspace:
    """Room to work in."""
    n, m, depth = len(state.neurons), len(fixed.segments), state.x.shape[1]
    return InstantWorkspace(
        order=np.empty(n, np.int64),
        place=np.empty(n, np.int64),
        counts=np.zeros(3, np.int64),
        touched=np.empty(n, np.int64),
        tried=np.empty(n, np.int64),
        waiting=np.empty(m, np.int64),
        times=np.zeros(m, np.int64),
        mark=np.zeros(n, np.int64),
        ghost=np.zeros(1, NEURON),
        x=np.zeros(depth),
    )


@inner
def forecast_span(cell: Record, rate: F8) -> float:
    """How far ahead a forecast looks, s."""
    fastest = cell.leak
    for k in range(cell.modes):
        fastest = max(fastest, rate[k])
    return FORECAST_SPAN / fastest if fastest > 0.0 else 1.0


@inlined
def raised_threshold(cell: Record, x: F8) -> float:
    """The threshold, with what is raised on it."""
    total: float = cell.threshold
    for k in range(cell.currents, cell.modes):
        total += x[k]
    return total


@inner
def advance_silently(fixed: Fixed, state: State, work: Workspace, queue: InstantWorkspace, j: Index, t: float) -> None:
    """Bring neuron j to `t`, up to which it does not spike: in short steps where a limit could be met on the way."""
    neuron, x = state.neurons[j], state.x[j]
    at = cell_row(fixed, neuron.group, j)
    cell, rate = fixed.cells[at], fixed.rate[at]
    near = forecast_span(cell, rate) if cell.floor > -inf or cell.ceiling < inf else inf
    while t - neuron.last > near:
        busy = False
        for k in range(cell.currents):
            busy = busy or x[k] != 0.0
        if not busy:
            break
        advance_neuron(fixed, state, work, 0, j, neuron.last + near, NO_SPIKES)
    advance_neuron(fixed, state, work, 0, j, t, NO_SPIKES)


@inner
def never_spikes(cell: Record, rate: F8, neuron: Record, x: F8) -> bool:
    """Will the neuron never spike again without input? A bound over all future time decides."""
    most, extra, low = neuron.drive, 0.0, 0.0
    for k in range(cell.modes):
        if k >= cell.currents:
            low += min(x[k], 0.0)
        elif x[k] > 0.0:
            most += cell.gain * x[k]
            extra += cell.gain * x[k] / rate[k]
    v = max(neuron.v, cell.floor)
    if cell.leak > 0.0:
        v = max(v, most / cell.leak)
    else:
        v = inf if neuron.drive > 0.0 else v + extra
    never: bool = v < cell.threshold + low
    return never


@inner
def forecast(fixed: Fixed, state: State, work: Workspace, queue: InstantWorkspace, j: Index) -> None:
    """When neuron j is looked at next if nothing arrives, and whether it spikes then."""
    neuron = state.neurons[j]
    at = cell_row(fixed, neuron.group, j)
    cell, rate = fixed.cells[at], fixed.rate[at]
    neuron.since, neuron.rising = inf, 0
    if not (
        fixed.groups[cell.group].kind == SOURCE or neuron.mode == FORCED or never_spikes(cell, rate, neuron, state.x[j])
    ):
        queue.ghost[0] = neuron
        queue.x[:] = state.x[j]
        begin = max(neuron.last, neuron.until) if neuron.mode == HELD else neuron.last
        until = begin + forecast_span(cell, rate)
        work.tally[0, N_SPIKES] = work.tally[0, FAULT] = 0
        advance_neuron(fixed, state, work, 0, j, until, FIRST_SPIKE)
        state.neurons[j] = queue.ghost[0]
        state.x[j][:] = queue.x
        neuron.since = until
        if work.tally[0, N_SPIKES] > 0:
            neuron.since, neuron.rising = max(work.time[0, 0], neuron.last), 1
    restore(state.neurons, queue.order, queue.place, j)


@inner
def bring_to_instant(fixed: Fixed, state: State, work: Workspace, queue: InstantWorkspace, j: Index, t: float) -> None:
    """Bring neuron j to this instant, and put it on the lists of those to be tested and to be forecast.

    Its mark has a bit for each list, and the bit 4 where its own spike is due.
    """
    count, mark = queue.counts, queue.mark[j]
    if not mark & 1:
        queue.touched[count[N_CHANGED]] = j
        count[N_CHANGED] += 1
        advance_silently(fixed, state, work, queue, j, t)
    if not mark & 2:
        queue.tried[count[N_TRIED]] = j
        count[N_TRIED] += 1
    queue.mark[j] = mark | 3


@inner
def deliver_spike(
    fixed: Fixed, state: State, out: Output, work: Workspace, queue: InstantWorkspace, code: Index, t: float
) -> None:
    """One arriving spike onto a row."""
    seg, xs, narrow, wide, is_wide = fixed.segments[code], state.x, fixed.narrow, fixed.wide, len(fixed.wide) > 0
    bundle = fixed.bundles[seg.projection]
    out.events[seg.projection] += seg.count
    for i in range(np.int64(seg.count)):
        j = np.int64(fixed.post[seg.first + i])
        bring_to_instant(fixed, state, work, queue, j, t)
        at = seg.weight + bundle.step * i
        add_input(state.neurons[j], xs, j, bundle.receptor, wide[at] if is_wide else np.float64(narrow[at]))


@inner
def send_spike(fixed: Fixed, state: State, work: Workspace, queue: InstantWorkspace, j: Index, t: float) -> None:
    """Send a spike of neuron j on its ways; what takes no time waits for the next generation."""
    for k in range(fixed.row[j], fixed.row[j + 1]):
        arrival = t + fixed.segments[k].delay
        if arrival > t:
            push(state.calendar, state.register, N_UNDER_WAY, arrival, k)
        else:
            if queue.times[k] == 0:
                queue.waiting[queue.counts[N_WAITING]] = k
                queue.counts[N_WAITING] += 1
            queue.times[k] += 1


@inner
def deliver_waiting(
    fixed: Fixed, state: State, out: Output, work: Workspace, queue: InstantWorkspace, t: float
) -> None:
    """All spikes of a generation through the synapses of zero delay, in the order of their rows."""
    n = queue.counts[N_WAITING]
    queue.counts[N_WAITING] = 0
    for code in np.sort(queue.waiting[:n]):
        for _ in range(queue.times[code]):
            deliver_spike(fixed, state, out, work, queue, code, t)
        queue.times[code] = 0


@inner
def count_spike(state: State, work: Workspace, j: Index, t: float) -> None:
    """Count a spike of neuron j, and see whether it has fired more often in its span than it may.

    Spans lie on one grid, and where there are no windows `amp` has no other use: it holds the number of the last span
    and the spikes in it, so that a run that goes on counts on.
    """
    g, amp = np.int64(state.neurons[j].group), state.amp[j]
    number = floor(t / work.span[g])
    if amp[0] != number:
        amp[0], amp[1] = number, 0.0
    amp[1] += 1.0
    if amp[1] > work.limit[g]:
        state.register[FAULT], state.register[FAULT_DETAIL] = RUNAWAY, j


@inner
def fire_while_above(
    fixed: Fixed, state: State, out: Output, work: Workspace, queue: InstantWorkspace, j: Index, t: float
) -> None:
    """Let neuron j, at this instant, spike as often as it must."""
    neuron, x, register = state.neurons[j], state.x[j], state.register
    at = cell_row(fixed, neuron.group, j)
    cell, jump = fixed.cells[at], fixed.jump[at]
    due = queue.mark[j] & 4 != 0
    queue.mark[j] &= 1
    for _ in range(MAX_SPIKES):
        if neuron.mode == HELD or neuron.mode == FORCED:
            return
        bar = raised_threshold(cell, x)
        neuron.v = min(max(neuron.v, cell.floor), max(cell.ceiling, bar) if due else cell.ceiling)
        if neuron.v < bar:
            return
        fire(cell, neuron, register, out.time, out.neuron, j, True)
        x += jump
        send_spike(fixed, state, work, queue, j, t)
        count_spike(state, work, j, t)
        if register[FAULT] == RUNAWAY:
            return
        due = False
    register[FAULT], register[FAULT_DETAIL] = RUNAWAY, j


@inner
def run_instant(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, queue: InstantWorkspace, t: float
) -> None:
    """Everything that happens at `t`."""
    neurons, register, order, count = state.neurons, state.register, queue.order, queue.counts
    n_out = register[N_SPIKES]
    while len(order) and neurons[order[0]].since == t:
        j = order[0]
        bring_to_instant(fixed, state, work, queue, j, t)
        neuron = neurons[j]
        if neuron.rising and neuron.mode != HELD and neuron.mode != FORCED:
            neuron.v = max(neuron.v, raised_threshold(fixed.cells[cell_row(fixed, neuron.group, j)], state.x[j]))
            queue.mark[j] |= 4
        neuron.since = inf
        restore(neurons, order, queue.place, j)
    s = register[NEXT_STEP]
    while s < len(inputs.steps) and inputs.steps[s].time == t:
        step = inputs.steps[s]
        for i in range(step.count):
            j, drive = step.first + i, inputs.step_value[step.offset + i]
            if drive != neurons[j].drive:
                bring_to_instant(fixed, state, work, queue, j, t)
                neurons[j].drive = drive
        s += 1
    register[NEXT_STEP] = s
    while register[N_UNDER_WAY] and state.calendar[0].time == t:
        deliver_spike(fixed, state, out, work, queue, pop(state.calendar, register, N_UNDER_WAY), t)
    s = register[NEXT_SOURCE]
    while s < len(inputs.source_time) and inputs.source_time[s] == t:
        j = inputs.source_id[s]
        write_spike(register, out.time, out.neuron, t, j)
        send_spike(fixed, state, work, queue, j, t)
        s += 1
    register[NEXT_SOURCE] = s
    deliver_waiting(fixed, state, out, work, queue, t)
    for generation in range(MAX_GENERATIONS + len(order) + 1):
        n = count[N_TRIED]
        count[N_TRIED] = 0
        for k in range(n):
            fire_while_above(fixed, state, out, work, queue, queue.tried[k], t)
        if count[N_WAITING] == 0 or register[FAULT] == RUNAWAY:
            break
        if generation == MAX_GENERATIONS + len(order):
            register[FAULT], register[FAULT_DETAIL] = RUNAWAY, queue.tried[0]
            break
        deliver_waiting(fixed, state, out, work, queue, t)
    for k in range(count[N_CHANGED]):
        queue.mark[queue.touched[k]] = 0
        forecast(fixed, state, work, queue, queue.touched[k])
    count[N_CHANGED] = 0
    last = min(register[N_SPIKES], len(out.time))
    out.neuron[n_out:last] = np.sort(out.neuron[n_out:last])


@inner
def sample_before(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, queue: InstantWorkspace, until: float
) -> None:
    """Read the voltages asked for at all times before `until`, leaving the neurons as they were."""
    m = state.register[NEXT_SAMPLE]
    while m < len(inputs.sample_time) and inputs.sample_time[m] < until:
        for i in range(len(inputs.sample_id)):
            j = inputs.sample_id[i]
            neuron, x = state.neurons[j], state.x[j]
            v, last, mode, parts = neuron.v, neuron.last, neuron.mode, x.copy()
            advance_silently(fixed, state, work, queue, j, inputs.sample_time[m])
            out.voltage[m, i] = neuron.v
            neuron.v, neuron.last, neuron.mode = v, last, mode
            x[:] = parts
        m += 1
    state.register[NEXT_SAMPLE] = m


@kernel
def run_queue(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, queue: InstantWorkspace, stop: float
) -> float:
    """Simulate up to `stop`, instant by instant; return the time reached.

    Stops early, with a code in register[FAULT]: an array is full, a neuron fires without end, or the run is to halt.
    """
    register, neurons = state.register, state.neurons
    heapify(neurons, queue.order, queue.place)
    before, repeats = -inf, 0
    while True:
        s, k = register[NEXT_SOURCE], register[NEXT_STEP]
        t = neurons[queue.order[0]].since if len(neurons) else inf
        if register[N_UNDER_WAY]:
            t = min(t, state.calendar[0].time)
        if s < len(inputs.source_time):
            t = min(t, inputs.source_time[s])
        if k < len(inputs.steps):
            t = min(t, inputs.steps[k].time)
        sample_before(fixed, state, inputs, out, work, queue, min(t, stop))
        if not t < stop:
            return stop
        if load_acquire(work.halt, 0):
            register[FAULT] = HALTED
            return t
        repeats = repeats + 1 if t == before else 0
        before = t
        run_instant(fixed, state, inputs, out, work, queue, t)
        if repeats == MAX_GENERATIONS:
            register[FAULT], register[FAULT_DETAIL] = RUNAWAY, queue.order[0]
        if register[FAULT]:
            return t


@kernel
def advance_all(fixed: Fixed, state: State, work: Workspace, queue: InstantWorkspace, t: float) -> None:
    """Bring all neurons to `t`, and have them looked at there: what they are or do has changed."""
    for j in range(len(state.neurons)):
        advance_silently(fixed, state, work, queue, j, t)
        state.neurons[j].since, state.neurons[j].rising = t, 0
