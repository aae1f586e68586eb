"""The outermost loop for networks with synapses of zero delay: from instant to instant, all neurons in state form.

Every neuron has a forecast: the time of its next spike without input, or a time until which it does not spike. The next
instant is that of the first forecast, arrival, or input. At an instant, all arrivals are summed before v is tested. The
spikes that follow act through synapses of zero delay at the same instant, one generation after the other.
"""

from __future__ import annotations

from math import floor, inf

import numpy as np

from neuro.engine.codes import (
    CHANGED,
    FAULT,
    FAULT_DETAIL,
    FIRST_SPIKE,
    FORCED,
    HALTED,
    HELD,
    N_CHANGED,
    N_SPIKES,
    N_TRIED,
    N_WAITING,
    N_WATCHED,
    NEXT_ARRIVAL,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    NEXT_STEP,
    NO_SPIKES,
    RUNAWAY,
    SOURCE,
    SPIKE_DUE,
    TRIED,
)
from neuro.engine.instants import instant_of
from neuro.engine.kernels.arrays import (
    F8,
    Fixed,
    Index,
    Inputs,
    Output,
    Record,
    State,
    Workspace,
)
from neuro.engine.kernels.heap import InstantWorkspace, heapify, pop, push, restore
from neuro.engine.kernels.state_form import add_input, advance_neuron, cell_row, fire, write_spike
from neuro.jit import inlined, inner, kernel, load_acquire

FORECAST_SPAN = 8.0
"""Length of a forecast in the neuron's fastest time constants; beyond, rounding errors exceed the slopes."""
MAX_SPIKES, MAX_GENERATIONS = 100_000, 10_000
"""Limits at one instant: spikes of a neuron in one generation; generations, beyond one for each neuron."""
N_UNDER_WAY = N_WATCHED
"""Place in the register: number of arrivals in the calendar. Nothing is watched where there are no windows."""


__all__ = ["advance_all", "run_queue"]


@inner
def forecast_span(cell: Record, rate: F8) -> float:
    """Length of a neuron's forecast, s."""
    fastest = cell.leak
    for k in range(cell.modes):
        fastest = max(fastest, rate[k])
    return FORECAST_SPAN / fastest if fastest > 0.0 else 1.0


@inlined
def raised_threshold(cell: Record, x: F8) -> float:
    """The threshold, with the x_k that raise it."""
    total: float = cell.threshold
    for k in range(cell.currents, cell.modes):
        total += x[k]
    return total


@inner
def advance_silently(fixed: Fixed, state: State, work: Workspace, queue: InstantWorkspace, j: Index, t: float) -> None:
    """Advance neuron j to `t`, before which it does not spike; in short steps where v could reach a limit before."""
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
    """Does a bound over all future time prove that the neuron does not spike again without input?"""
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
    """Renew neuron j's forecast: `since` is its time, and `rising` is 1 if it is a spike."""
    neuron = state.neurons[j]
    at = cell_row(fixed, neuron.group, j)
    cell, rate = fixed.cells[at], fixed.rate[at]
    neuron.since, neuron.rising = inf, 0
    given = fixed.groups[cell.group].kind == SOURCE or neuron.mode == FORCED
    if not (given or never_spikes(cell, rate, neuron, state.x[j])):
        queue.saved[0] = neuron
        queue.saved_x[:] = state.x[j]
        begin = max(neuron.last, neuron.until) if neuron.mode == HELD else neuron.last
        until = begin + forecast_span(cell, rate)
        work.tally[0, N_SPIKES] = work.tally[0, FAULT] = 0
        advance_neuron(fixed, state, work, 0, j, until, FIRST_SPIKE)
        state.neurons[j] = queue.saved[0]
        state.x[j][:] = queue.saved_x
        neuron.since = until
        if work.tally[0, N_SPIKES] > 0:
            neuron.since, neuron.rising = max(work.time[0, 0], neuron.last), 1
    restore(state.neurons, queue.order, queue.place, j)


@inner
def bring_to_instant(fixed: Fixed, state: State, work: Workspace, queue: InstantWorkspace, j: Index, t: float) -> None:
    """Advance neuron j to this instant, and put it on the lists of neurons to be tested and to be forecast."""
    count, mark = queue.counts, queue.mark[j]
    if not mark & CHANGED:
        queue.changed[count[N_CHANGED]] = j
        count[N_CHANGED] += 1
        advance_silently(fixed, state, work, queue, j, t)
    if not mark & TRIED:
        queue.tried[count[N_TRIED]] = j
        count[N_TRIED] += 1
    queue.mark[j] = mark | CHANGED | TRIED


@inner
def deliver_spike(
    fixed: Fixed, state: State, out: Output, work: Workspace, queue: InstantWorkspace, code: Index, t: float
) -> None:
    """A spike arrives on all synapses of a row."""
    seg, xs, narrow, wide, is_wide = fixed.segments[code], state.x, fixed.narrow, fixed.wide, len(fixed.wide) > 0
    bundle = fixed.bundles[seg.projection]
    out.events[seg.projection] += seg.count
    for i in range(np.int64(seg.count)):
        j = np.int64(fixed.post[seg.first + i])
        bring_to_instant(fixed, state, work, queue, j, t)
        at = seg.weight + bundle.step * i
        add_input(state.neurons[j], xs, j, bundle.receptor, wide[at] if is_wide else np.float64(narrow[at]))


@inner
def take_drawn(fixed: Fixed, state: State, inputs: Inputs, work: Workspace, queue: InstantWorkspace, t: float) -> None:
    """Take the arrivals of drives at this instant."""
    n, register = state.register[NEXT_ARRIVAL], state.register
    while n < len(inputs.drive_time) and inputs.drive_time[n] == t:
        j, drive = inputs.drive_id[n], fixed.drives[inputs.drive_number[n]]
        bring_to_instant(fixed, state, work, queue, j, t)
        i = j - fixed.groups[drive.group].start
        w = fixed.drive_weight[drive.weight_at + drive.own_weight * i]
        add_input(state.neurons[j], state.x, j, drive.receptor, w)
        n += 1
    register[NEXT_ARRIVAL] = n


@inner
def send_spike(fixed: Fixed, state: State, work: Workspace, queue: InstantWorkspace, j: Index, t: float) -> None:
    """Send a spike of neuron j; on rows of zero delay, it waits for the next generation."""
    for k in range(fixed.row[j], fixed.row[j + 1]):
        delay = fixed.segments[k].delay
        arrival = instant_of(t + delay) if delay > 0.0 else t
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
    """Deliver the spikes of a generation on rows of zero delay, in the order of the rows."""
    n = queue.counts[N_WAITING]
    queue.counts[N_WAITING] = 0
    for code in np.sort(queue.waiting[:n]):
        for _ in range(queue.times[code]):
            deliver_spike(fixed, state, out, work, queue, code, t)
        queue.times[code] = 0


@inner
def count_spike(state: State, work: Workspace, j: Index, t: float) -> None:
    """Count a spike of neuron j; set the fault RUNAWAY if it has fired more often in its span than it may.

    Spans lie on one grid. `amp` has no other use without windows: it holds the number of the last span and the spikes
    in it, so that the next run continues the count.
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
    """Let neuron j spike at this instant until v is below its threshold."""
    neuron, x, register = state.neurons[j], state.x[j], state.register
    at = cell_row(fixed, neuron.group, j)
    cell, jump = fixed.cells[at], fixed.jump[at]
    due = queue.mark[j] & SPIKE_DUE != 0
    queue.mark[j] &= CHANGED
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
    """Compute the instant `t`: forecasts, steps, arrivals, sources, then spikes, generation by generation."""
    neurons, register, order, count = state.neurons, state.register, queue.order, queue.counts
    n_out = register[N_SPIKES]
    while len(order) and neurons[order[0]].since == t:
        j = order[0]
        bring_to_instant(fixed, state, work, queue, j, t)
        neuron = neurons[j]
        if neuron.rising and neuron.mode != HELD and neuron.mode != FORCED:
            neuron.v = max(neuron.v, raised_threshold(fixed.cells[cell_row(fixed, neuron.group, j)], state.x[j]))
            queue.mark[j] |= SPIKE_DUE
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
    take_drawn(fixed, state, inputs, work, queue, t)
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
        queue.mark[queue.changed[k]] = 0
        forecast(fixed, state, work, queue, queue.changed[k])
    count[N_CHANGED] = 0
    last = min(register[N_SPIKES], len(out.time))
    out.neuron[n_out:last] = np.sort(out.neuron[n_out:last])


@inner
def sample_before(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, queue: InstantWorkspace, until: float
) -> None:
    """Read voltages and currents at all sampling times before `until`; the neurons are put back as they were."""
    size = len(state.neurons)
    m = state.register[NEXT_SAMPLE]
    while m < len(inputs.sample_time) and inputs.sample_time[m] < until:
        for i in range(len(inputs.sample_id)):
            what = inputs.sample_id[i] // size
            j = inputs.sample_id[i] - what * size
            neuron, x = state.neurons[j], state.x[j]
            v, last, mode, parts = neuron.v, neuron.last, neuron.mode, x.copy()
            advance_silently(fixed, state, work, queue, j, inputs.sample_time[m])
            out.voltage[m, i] = x[what - 1] if what > 0 else neuron.v
            neuron.v, neuron.last, neuron.mode = v, last, mode
            x[:] = parts
        m += 1
    state.register[NEXT_SAMPLE] = m


@kernel
def run_queue(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, queue: InstantWorkspace, stop: float
) -> float:
    """Simulate up to `stop`, instant by instant; return the time reached.

    Stops early with a `Fault` in register[FAULT]: FULL, RUNAWAY or HALTED.
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
        if register[NEXT_ARRIVAL] < len(inputs.drive_time):
            t = min(t, inputs.drive_time[register[NEXT_ARRIVAL]])
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
    """Advance all neurons to `t`, and renew their forecasts there, since parameters or inputs have changed."""
    for j in range(len(state.neurons)):
        advance_silently(fixed, state, work, queue, j, t)
        state.neurons[j].since, state.neurons[j].rising = t, 0
