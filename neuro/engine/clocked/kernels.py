"""Kernels of the clocked engine: one time step after another, for the neurons that are awake.

In a step, sources fire first. Then spikes whose delay is over are added up, projection by projection, each by source
neuron. Neurons take these inputs and advance; those above threshold fire and are reset. Spikes of synapses without a
delay reach populations that have yet to advance. A neuron that does not change in a step without input cannot change
until its next input. It is put to sleep until then, which changes no bit.
"""

from __future__ import annotations

import numpy as np

from neuro.engine.clocked.arrays import (
    CHIP_BITS,
    F8,
    FAULT,
    I8,
    LAST_SPIKE,
    N_LOG,
    NEXT_ARRIVAL,
    NEXT_CHANGE,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    RANGE,
    Activity,
    Cells,
    ClockedArrays,
    Plan,
    Record,
    Records,
    Wiring,
)
from neuro.jit import inlined, kernel

__all__ = ["run_euler", "run_whole"]

# The two entries are one loop with another update. Functions passed as arguments (or caught in a closure) would make
# them one, but numba then never finds them in its cache: each process would compile them anew.


@kernel
def run_euler(
    cells: Cells,
    groups: Records,
    wiring: Wiring,
    state: ClockedArrays,
    activity: Activity,
    plan: Plan,
    voltage: F8,
    room: int,
    start: int,
    stop: int,
) -> int:
    """Run the steps start .. stop - 1 of real neurons.

    Returns `stop`, or the first step that was not run because the log has less than `room` left.
    """
    t = start
    while True:
        t = next_step(activity, plan, t, stop)
        if t >= stop or len(activity.log) - activity.register[N_LOG] < room:
            return t
        change_drives(groups, state, activity, plan, t)
        fire_sources(groups, state, activity, plan, t)
        take_arrivals(groups, state, activity, plan, t)
        collect(groups, wiring, state, activity, t)
        for k in range(len(groups)):
            g = wiring.order[k]
            if not groups[g].source:
                update_euler(groups[g], g, cells, state, activity, t)
            if wiring.at_once[g]:
                collect_at_once(groups, wiring, state, activity, t, g)
        sample_voltages(state, voltage, activity, plan, t)
        t += 1


@kernel
def run_whole(
    cells: Cells,
    groups: Records,
    wiring: Wiring,
    state: ClockedArrays,
    activity: Activity,
    plan: Plan,
    voltage: F8,
    room: int,
    start: int,
    stop: int,
) -> int:
    """`run_euler` for whole-number neurons. A number out of range sets the register `FAULT` and ends the run."""
    t = start
    while True:
        t = next_step(activity, plan, t, stop)
        if t >= stop or activity.register[FAULT] or len(activity.log) - activity.register[N_LOG] < room:
            return t
        fire_sources(groups, state, activity, plan, t)
        take_arrivals(groups, state, activity, plan, t)
        collect(groups, wiring, state, activity, t)
        for k in range(len(groups)):
            g = wiring.order[k]
            if not groups[g].source:
                update_whole(groups[g], g, cells, state, activity, t)
            if wiring.at_once[g]:
                collect_at_once(groups, wiring, state, activity, t, g)
        sample_voltages(state, voltage, activity, plan, t)
        t += 1


@inlined
def next_step(activity: Activity, plan: Plan, t: int, stop: int) -> int:
    """`t`, or the next step in which anything can happen; steps that are skipped have no spikes on the ring."""
    register, n_active = activity.register, activity.n_active
    busy = t - register[LAST_SPIKE] <= len(activity.ring) + 1
    for g in range(len(n_active)):
        busy |= n_active[g] > 0
    after = stop
    if register[NEXT_SOURCE] < len(plan.source):
        after = min(after, plan.source[register[NEXT_SOURCE]].step)
    if register[NEXT_CHANGE] < len(plan.change):
        after = min(after, plan.change[register[NEXT_CHANGE]].step)
    if register[NEXT_ARRIVAL] < len(plan.arrival):
        after = min(after, plan.arrival[register[NEXT_ARRIVAL]].step)
    if register[NEXT_SAMPLE] < len(plan.sample_step):
        after = min(after, plan.sample_step[register[NEXT_SAMPLE]])
    return t if busy else max(t, after)


@inlined
def change_drives(groups: Records, state: ClockedArrays, activity: Activity, plan: Plan, t: int) -> None:
    """Set the drives that change at this step, and wake their neurons."""
    neuron, change, value, register = state.neuron, plan.change, plan.value, activity.register
    while register[NEXT_CHANGE] < len(change) and change[register[NEXT_CHANGE]].step <= t:
        g, offset = change[register[NEXT_CHANGE]].group, change[register[NEXT_CHANGE]].offset
        for i in range(groups[g].stop - groups[g].start):
            neuron[groups[g].start + i].drive = value[offset + i]
        wake_all(groups[g], g, neuron, activity)
        register[NEXT_CHANGE] += 1


@inlined
def wake_all(group: Record, g: int, neuron: Records, activity: Activity) -> None:
    """Wake all neurons of group g."""
    active, n_active = activity.active, activity.n_active
    if n_active[g] < group.stop - group.start:
        for j in range(group.start, group.stop):
            neuron[j].awake = 1
            active[j] = j
        n_active[g] = group.stop - group.start


@inlined
def fire_sources(groups: Records, state: ClockedArrays, activity: Activity, plan: Plan, t: int) -> None:
    """Put the sources' spikes of this step into the log."""
    source, log, ring, register, neuron = plan.source, activity.log, activity.ring, activity.register, state.neuron
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
def take_arrivals(groups: Records, state: ClockedArrays, activity: Activity, plan: Plan, t: int) -> None:
    """Add up the weights of the arrivals of drives in this step, and wake their neurons."""
    arrival, register, active, n_active = plan.arrival, activity.register, activity.active, activity.n_active
    k = register[NEXT_ARRIVAL]
    while k < len(arrival) and arrival[k].step == t:
        j, g = arrival[k].neuron, arrival[k].group
        state.inbox[arrival[k].box, j] += arrival[k].weight
        if not state.neuron[j].awake:
            state.neuron[j].awake = 1
            active[groups[g].start + n_active[g]] = j
            n_active[g] += 1
        k += 1
    register[NEXT_ARRIVAL] = k


@inlined
def collect(groups: Records, wiring: Wiring, state: ClockedArrays, activity: Activity, t: int) -> None:
    """Add up the weights of all spikes that arrive in this step, and wake their targets."""
    links, ring = wiring.links, activity.ring
    for p in range(len(links)):
        link = links[p]
        slot = (t - link.lag) % len(ring)
        first, last = ring[slot, link.group, 0], ring[slot, link.group, 1]
        if first < last and link.lag <= t:
            add_rows(groups, wiring, state, activity, p, first, last)


@inlined
def collect_at_once(groups: Records, wiring: Wiring, state: ClockedArrays, activity: Activity, t: int, g: int) -> None:
    """Add up the weights of the spikes that neurons of group g fired in this step, by synapses without a delay."""
    links, ring = wiring.links, activity.ring
    first, last = ring[t % len(ring), g, 0], ring[t % len(ring), g, 1]
    if first < last:
        for p in range(len(links)):
            if links[p].group == g and links[p].lag == 0:
                add_rows(groups, wiring, state, activity, p, first, last)


@inlined
def add_rows(
    groups: Records, wiring: Wiring, state: ClockedArrays, activity: Activity, p: int, first: int, last: int
) -> None:
    """Add up the weights of the spikes log[first:last] by the synapses of link p, and wake their targets."""
    row, post, weight, log = wiring.row, wiring.post, wiring.weight, activity.log
    neuron, inbox, link = state.neuron, state.inbox, wiring.links[p]
    active, n_active = activity.active, activity.n_active
    g, begin, total = link.target, link.row - link.pre, 0
    for k in range(first, last):
        i = begin + log[k].neuron
        total += row[i + 1] - row[i]
    activity.events[p] += total
    if link.dense:
        wake_all(groups[g], g, neuron, activity)
        add_dense_rows(inbox, weight, log, link, first, last)
        return
    n, base, box = n_active[g], groups[g].start, link.box
    some_sleep = n < groups[g].stop - base
    # With unsigned indices numba does not test whether they count from the end.
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
def add_dense_rows(inbox: F8 | I8, weight: F8 | I8, log: Records, link: Record, first: int, last: int) -> None:
    """Add the whole rows of the spikes log[first:last] to the inbox, in a form that compiles to vector instructions."""
    box, to, count = inbox[link.box], np.uint64(link.post), link.count
    rows = link.weight - link.pre * count
    for k in range(first, last):
        at = np.uint64(rows + log[k].neuron * count)
        for m in range(count):
            box[to + np.uint64(m)] += weight[at + np.uint64(m)]


@inlined
def update_euler(group: Record, g: int, cells: Cells, state: ClockedArrays, activity: Activity, t: int) -> None:
    """Update the real neurons of a group: first the x_k, then the voltage, then threshold and reset."""
    active, n_active, log, register = activity.active, activity.n_active, activity.log, activity.register
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
        if this.left > 1:
            this.left -= 1
            moves = True
        else:
            driven = old
            if this.left:  # The refractory time ends with this step: an input onto v counts, and the drive acts later.
                this.left = 0
                moves = True
            else:
                if own.leaky:
                    total -= old
                driven += total * own.gain
            this.v = min(max(driven + kick, own.floor), own.ceiling)
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
    end_group(activity, g, n, t)


@inlined
def update_whole(group: Record, g: int, cells: Cells, state: ClockedArrays, activity: Activity, t: int) -> None:
    """Update the whole-number neurons of a group: first the currents, then the potential, then threshold and reset.

    A neuron at zero without a bias stays there until its next input.
    """
    active, n_active, log, register = activity.active, activity.n_active, activity.log, activity.register
    neuron, inbox, cell = state.neuron, state.inbox[0], cells.cell
    n, kept, base = register[N_LOG], np.uint64(group.start), np.uint64(group.start)
    bits = 0
    for k in range(n_active[g]):
        j = np.uint64(active[base + np.uint64(k)])
        own, this, new = cell[j], neuron[j], inbox[j]
        inbox[j] = 0
        u = toward_zero(this.u * own.keep_u) + own.scale * new
        a = toward_zero(this.a * own.keep_a) - own.jump * this.fired
        if own.bounded:
            u, a = wrapped(u), saturated(a)
        v = this.v
        if this.left:
            this.left -= 1
        else:
            v = toward_zero(v * own.keep_v) + u + own.bias + a
            if own.bounded:
                v = saturated(v)
        bits |= (v ^ (v >> 63)) | (a ^ (a >> 63)) | (u ^ (u >> 63)) | ((new ^ (new >> 63)) << 13)
        spikes = v > own.threshold
        if spikes:
            v = 0
            this.left = own.pause
            log[n].step, log[n].neuron = t, j
            this.fires += 1
            n += 1
        this.v, this.a, this.u, this.fired = v, a, u, spikes
        if spikes or v != 0 or a != 0 or u != 0 or own.bias != 0 or this.left:
            active[kept] = j
            kept += np.uint64(1)
        else:
            this.awake = 0
    n_active[g] = kept - base
    register[FAULT] |= bits >> RANGE
    end_group(activity, g, n, t)


@inlined
def wrapped(u: int) -> int:
    """The number in -2^23 < number <= 2^23 that differs from `u` by a multiple of 2^24."""
    half = 1 << CHIP_BITS
    return ((u + half - 1) & (2 * half - 1)) - (half - 1)


@inlined
def saturated(v: int) -> int:
    """The number within +-(2^23 - 1) that is nearest to `v`."""
    most = (1 << CHIP_BITS) - 1
    return min(max(v, -most), most)


@inlined
def toward_zero(product: int) -> int:
    """product / 4096 without its fraction. A shift alone would round down."""
    return (product + ((product >> 63) & 4095)) >> 12


@inlined
def end_group(activity: Activity, g: int, n: int, t: int) -> None:
    """Sort a group's spikes of this step by neuron, and note on the ring where they stand in the log."""
    log, ring, register = activity.log, activity.ring, activity.register
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
def sample_voltages(state: ClockedArrays, voltage: F8, activity: Activity, plan: Plan, t: int) -> None:
    """Sample voltages and currents at the end of this step, if the plan asks for it."""
    register, ids, neuron, size = activity.register, plan.sample_neuron, state.neuron, len(state.neuron)
    k = register[NEXT_SAMPLE]
    if k < len(plan.sample_step) and plan.sample_step[k] == t:
        for i in range(len(ids)):
            what = ids[i] // size
            j = ids[i] - what * size
            voltage[k, i] = state.x[what - 1, j] if what > 0 else neuron[j].v
        register[NEXT_SAMPLE] = k + 1
