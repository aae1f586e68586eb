"""One synchronous step after another, in a defined order, for the neurons that have something to do.

A step: sources fire; spikes whose delay is over are added up, projection by projection, each by source neuron; neurons
take them in and move; those above threshold fire and are reset. A neuron that a step without input leaves as it is
stays so until an input comes, so it is put to sleep: this changes no bit.
"""

from __future__ import annotations

import numpy as np

from neuro.engine.clocked.arrays import (
    F8,
    FAULT,
    I8,
    LAST_SPIKE,
    N_LOG,
    NEXT_CHANGE,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    RANGE,
    Cells,
    Flow,
    Plan,
    Record,
    Records,
    State,
    Wiring,
)
from neuro.jit import inlined, kernel

__all__ = ["run_euler", "run_whole"]


@kernel
def run_euler(
    cells: Cells,
    groups: Records,
    wiring: Wiring,
    state: State,
    flow: Flow,
    plan: Plan,
    voltage: F8,
    room: int,
    start: int,
    stop: int,
) -> int:
    """Run steps start .. stop - 1 of real neurons; returns `stop`, or the step at which the log had no room left."""
    t = start
    while True:
        t = next_step(flow, plan, t, stop)
        if t >= stop or len(flow.log) - flow.register[N_LOG] < room:
            return t
        change_drives(groups, state, flow, plan, t)
        fire_sources(groups, state, flow, plan, t)
        collect(groups, wiring, state, flow, t)
        for g in range(len(groups)):
            if not groups[g].source:
                update_euler(groups[g], g, cells, state, flow, t)
        sample(state, voltage, flow, plan, t)
        t += 1


@kernel
def run_whole(
    cells: Cells,
    groups: Records,
    wiring: Wiring,
    state: State,
    flow: Flow,
    plan: Plan,
    voltage: F8,
    room: int,
    start: int,
    stop: int,
) -> int:
    """`run_euler` for whole-number neurons; a number that leaves its range stops the run with a fault."""
    t = start
    while True:
        t = next_step(flow, plan, t, stop)
        if t >= stop or flow.register[FAULT] or len(flow.log) - flow.register[N_LOG] < room:
            return t
        fire_sources(groups, state, flow, plan, t)
        collect(groups, wiring, state, flow, t)
        for g in range(len(groups)):
            if not groups[g].source:
                update_whole(groups[g], g, cells, state, flow, t)
        sample(state, voltage, flow, plan, t)
        t += 1


@inlined
def next_step(flow: Flow, plan: Plan, t: int, stop: int) -> int:
    """`t`, or a later step where nothing can happen before it; what the ring forgets was empty already."""
    register, n_active = flow.register, flow.n_active
    busy = t - register[LAST_SPIKE] <= len(flow.ring) + 1
    for g in range(len(n_active)):
        busy |= n_active[g] > 0
    after = stop
    if register[NEXT_SOURCE] < len(plan.source):
        after = min(after, plan.source[register[NEXT_SOURCE]].step)
    if register[NEXT_CHANGE] < len(plan.change):
        after = min(after, plan.change[register[NEXT_CHANGE]].step)
    if register[NEXT_SAMPLE] < len(plan.sample_step):
        after = min(after, plan.sample_step[register[NEXT_SAMPLE]])
    return t if busy else max(t, after)


@inlined
def change_drives(groups: Records, state: State, flow: Flow, plan: Plan, t: int) -> None:
    """Set the drives that change at this step, and wake who gets them."""
    neuron, change, value, register = state.neuron, plan.change, plan.value, flow.register
    while register[NEXT_CHANGE] < len(change) and change[register[NEXT_CHANGE]].step <= t:
        g, offset = change[register[NEXT_CHANGE]].group, change[register[NEXT_CHANGE]].offset
        for i in range(groups[g].stop - groups[g].start):
            neuron[groups[g].start + i].drive = value[offset + i]
        wake_all(groups[g], g, neuron, flow)
        register[NEXT_CHANGE] += 1


@inlined
def wake_all(group: Record, g: int, neuron: Records, flow: Flow) -> None:
    active, n_active = flow.active, flow.n_active
    if n_active[g] < group.stop - group.start:
        for j in range(group.start, group.stop):
            neuron[j].awake = 1
            active[j] = j
        n_active[g] = group.stop - group.start


@inlined
def fire_sources(groups: Records, state: State, flow: Flow, plan: Plan, t: int) -> None:
    """Put the sources' spikes of this step on the log."""
    source, log, ring, register, neuron = plan.source, flow.log, flow.ring, flow.register, state.neuron
    slot, n, k = t % len(ring), register[N_LOG], register[NEXT_SOURCE]
    for g in range(len(groups)):
        ring[slot, g, 0] = n
        if groups[g].source:
            while k < len(source) and source[k].step == t and source[k].neuron < groups[g].stop:
                log[n].step, log[n].neuron = t, source[k].neuron
                neuron[source[k].neuron].fires += 1
                n, k = n + 1, k + 1
                register[LAST_SPIKE] = t
        ring[slot, g, 1] = n
    register[N_LOG], register[NEXT_SOURCE] = n, k


@inlined
def collect(groups: Records, wiring: Wiring, state: State, flow: Flow, t: int) -> None:
    """Add up the weights of all spikes that arrive in this step, and wake their targets."""
    links, row, post, weight = wiring.links, wiring.row, wiring.post, wiring.weight
    log, ring, active, n_active, events = flow.log, flow.ring, flow.active, flow.n_active, flow.events
    neuron, inbox = state.neuron, state.inbox
    for p in range(len(links)):
        link = links[p]
        slot = (t - link.lag) % len(ring)
        first, last = ring[slot, link.group, 0], ring[slot, link.group, 1]
        if first == last or link.lag > t:
            continue
        g, begin, total = link.target, link.row - link.pre, 0
        for k in range(first, last):
            i = begin + log[k].neuron
            total += row[i + 1] - row[i]
        events[p] += total
        if link.dense:
            wake_all(groups[g], g, neuron, flow)
            add_rows(inbox, weight, log, link, first, last)
            continue
        n, base, box = n_active[g], groups[g].start, link.box
        some_sleep = n < groups[g].stop - base
        # Indices without a sign need no test whether they count from the end.
        posts, weights = np.uint64(link.list), np.uint64(link.weight)
        for k in range(first, last):
            i = begin + log[k].neuron
            low, high = np.uint64(row[i]), np.uint64(row[i + 1])
            for m in range(high - low):
                synapse = low + np.uint64(m)
                inbox[box, post[posts + synapse]] += weight[weights + synapse]
            if some_sleep:
                for m in range(high - low):
                    j = post[posts + low + np.uint64(m)]
                    if not neuron[j].awake:
                        neuron[j].awake = 1
                        active[base + n] = j
                        n += 1
        n_active[g] = n


@kernel
def add_rows(inbox: F8 | I8, weight: F8 | I8, log: Records, link: Record, first: int, last: int) -> None:
    """Add the whole rows of the spikes log[first:last] to their inbox; in a form that becomes vector instructions."""
    box, to, count = inbox[link.box], np.uint64(link.post), link.count
    rows = link.weight - link.pre * count
    for k in range(first, last):
        at = np.uint64(rows + log[k].neuron * count)
        for m in range(count):
            box[to + np.uint64(m)] += weight[at + np.uint64(m)]


@inlined
def update_euler(group: Record, g: int, cells: Cells, state: State, flow: Flow, t: int) -> None:
    """Current first, then voltage, then threshold and reset."""
    active, n_active, log, register = flow.active, flow.n_active, flow.log, flow.register
    neuron, x, inbox, cell, keep, jump = state.neuron, state.x, state.inbox, cells.cell, cells.keep, cells.jump
    n, kept, base = register[N_LOG], 0, group.start
    for k in range(n_active[g]):
        j = np.uint64(active[base + k])
        own, this = cell[j], neuron[j]
        total, raised, moves = this.drive, own.threshold, False
        for m in range(group.modes):
            old_x, new = x[m, j], inbox[1 + m, j]
            x[m, j] = old_x * keep[m, j] + new
            inbox[1 + m, j] = 0.0
            moves |= (new != 0.0) | (x[m, j] != old_x)
            if m < group.currents:
                total += x[m, j]
            else:
                raised += x[m, j]
        old, kick = this.v, inbox[0, j]
        inbox[0, j] = 0.0
        if this.left:
            this.left -= 1
            moves = True
        else:
            if own.leaky:
                total -= old
            this.v = min(max(old + total * own.gain + kick, own.floor), own.ceiling)
            if this.v > raised:
                reset = this.v - own.threshold if own.subtract else own.reset
                this.v = min(max(reset, own.floor), own.ceiling)
                this.left = own.pause
                for m in range(group.modes):
                    x[m, j] += jump[m, j]
                log[n].step, log[n].neuron = t, j
                this.fires += 1
                n += 1
                moves = True
        if moves or kick != 0.0 or this.v != old:
            active[base + kept] = j
            kept += 1
        else:
            this.awake = 0
    n_active[g] = kept
    close(flow, g, n, t)


@inlined
def update_whole(group: Record, g: int, cells: Cells, state: State, flow: Flow, t: int) -> None:
    """The slow current first, then the potential, then threshold and reset; who is at zero then, stays there."""
    active, n_active, log, register = flow.active, flow.n_active, flow.log, flow.register
    neuron, inbox, cell = state.neuron, state.inbox[0], cells.cell
    n, kept, base = register[N_LOG], np.uint64(group.start), np.uint64(group.start)
    bits = 0
    for k in range(n_active[g]):
        j = np.uint64(active[base + np.uint64(k)])
        own, this, new = cell[j], neuron[j], inbox[j]
        inbox[j] = 0
        a = toward_zero(this.a * own.keep_a) - own.jump * this.fired
        v = toward_zero(this.v * own.keep_v) + own.scale * new + a
        bits |= (v ^ (v >> 63)) | (a ^ (a >> 63)) | ((new ^ (new >> 63)) << 13)
        spikes = v > own.threshold
        if spikes:
            v = 0
            log[n].step, log[n].neuron = t, j
            this.fires += 1
            n += 1
        this.v, this.a, this.fired = v, a, spikes
        if spikes or v != 0 or a != 0:
            active[kept] = j
            kept += np.uint64(1)
        else:
            this.awake = 0
    n_active[g] = kept - base
    register[FAULT] |= bits >> RANGE
    close(flow, g, n, t)


@inlined
def toward_zero(product: int) -> int:
    """product / 4096 without its fraction; the shift alone would round down."""
    return (product + ((product >> 63) & 4095)) >> 12


@inlined
def close(flow: Flow, g: int, n: int, t: int) -> None:
    """Put a group's spikes of this step, in the order of its neurons, on the ring."""
    log, ring, register = flow.log, flow.ring, flow.register
    first, slot = register[N_LOG], t % len(ring)
    for k in range(first + 1, n):
        moving, m = log[k].neuron, k
        while m > first and log[m - 1].neuron > moving:
            log[m].neuron = log[m - 1].neuron
            m -= 1
        log[m].neuron = moving
    ring[slot, g, 0], ring[slot, g, 1] = first, n
    if n > first:
        register[LAST_SPIKE] = t
    register[N_LOG] = n


@inlined
def sample(state: State, voltage: F8, flow: Flow, plan: Plan, t: int) -> None:
    """Keep the voltages at the end of this step, if it is one to sample."""
    register, who, neuron = flow.register, plan.sample_neuron, state.neuron
    k = register[NEXT_SAMPLE]
    if k < len(plan.sample_step) and plan.sample_step[k] == t:
        for i in range(len(who)):
            voltage[k, i] = neuron[who[i]].v
        register[NEXT_SAMPLE] = k + 1
