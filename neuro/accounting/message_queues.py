"""The kernel that times the messages of each step. `neuro.accounting.waiting` states the law."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inner, kernel
from neuro.validation import Floats, Ints

__all__ = ["ENTRY", "Activity", "Cores", "Messages", "Network", "time_steps"]

ENTRY = np.dtype([
    ("sender", np.int64), ("core", np.int64), ("tile", np.int64), ("first", np.int64), ("second", np.int64),
    ("flight", np.float64), ("processing", np.float64),
])  # fmt: skip
"""An entry of the routes: the core that it comes from and the one that it goes to; the place of the tile that it comes
from, x * height + y; the tiles that it goes along the first axis and then along the other, below zero towards lower
places; the seconds of a message over the empty mesh, and those of the core that receives it. Sources outside of the
chip have the sender -1."""


class Cores(NamedTuple):
    """The neurons of each core, in the order of their updates, and the seconds that each takes."""

    first: Ints
    """Place in `neuron` of the first neuron of each core, and one past the last."""
    neuron: Ints
    """Neurons core by core; before the first core those outside of the chip."""
    idle: Floats
    """Seconds of the updates of each neuron in a step in which it is idle."""
    active: Floats
    """The same in a step in which it is active."""
    spike: Floats
    """Seconds of a spike of each neuron, without its messages."""
    message_out: Floats
    """Seconds of sending one of its messages."""


class Network(NamedTuple):
    """Routes of the messages, and the state of the mesh."""

    start: Ints
    """First entry of each neuron's routes, and one past the last."""
    entry: NDArray[Any]
    """The entries, of dtype `ENTRY`."""
    first_axis: int
    """Axis along which a message goes first."""
    height: int
    """Tiles along y."""
    link_buffer: float
    """Messages that a queue holds."""
    on_way: Floats
    """Messages in each queue: the ways out of all cores, then the links into all tiles, four a tile."""
    free: Floats
    """When each core has processed what it has received."""


class Activity(NamedTuple):
    """What neurons do in each step."""

    spike_step: Ints
    """Step of each spike, increasing."""
    spike_neuron: Ints
    """Its neuron."""
    active_step: Ints
    """Step of each active update, increasing."""
    active_neuron: Ints
    """Its neuron."""
    all_active: bool
    """Are all updates active, whatever is listed?"""
    spikes: Ints
    """Spikes of each neuron in this step; zero between steps."""
    is_active: NDArray[np.bool_]
    """Is each neuron active in this step? False between steps."""


class Messages(NamedTuple):
    """Messages of one step, core by core in the order of their sending; and two heaps."""

    first: Ints
    """First message of each core, and one past the last."""
    entry: Ints
    """Entry of the routes of each message; -1: no message, but the rest of the core's work."""
    delay: Floats
    """Seconds between the sending of the message before and its own."""
    turn_time: Floats
    """Heap of cores that have something to send: when each will send the next message."""
    turn: Ints
    """Its cores."""
    arrival_time: Floats
    """Heap of messages on their way: when each is taken by its core."""
    arrival: Ints
    """Their entries of the routes."""


@inner
def push(time: Floats, item: Ints, size: int, when: float, what: int) -> int:
    """Add an item to a heap with the earliest time on top; returns the new size."""
    rise(time, item, size, when, what)
    return size + 1


@inner
def rise(time: Floats, item: Ints, place: int, when: float, what: int) -> None:
    """Let an item rise from a vacant place until nothing above it is later."""
    while place > 0 and time[(place - 1) // 2] > when:
        above = (place - 1) // 2
        time[place], item[place] = time[above], item[above]
        place = above
    time[place], item[place] = when, what


@inner
def pop(time: Floats, item: Ints, size: int) -> int:
    """Remove the top of a heap; returns the new size.

    The vacant place sinks to the bottom along the earlier of both below it, the second one where they are equal. The
    last item then rises from there. The order of equal times depends on this.
    """
    size -= 1
    place = 0
    while 2 * place + 2 < size:
        below = 2 * place + 2
        if time[below] > time[below - 1]:
            below -= 1
        time[place], item[place] = time[below], item[below]
        place = below
    if 2 * place + 2 == size:
        time[place], item[place] = time[size - 1], item[size - 1]
        place = size - 1
    rise(time, item, place, time[size], item[size])
    return size


@inner
def route(
    on_way: Floats, sender: int, link: int, first: int, second: int, axis: int, height: int, more: float
) -> float:
    """Messages in all queues of a route; then add `more` to each of these queues.

    The first queue is that of the sending core. `link` is the queue of the link to the east into the tile of this core;
    the next ones are those to the west, north and south. The route goes `first` tiles along `axis`, then `second` along
    the other.
    """
    total = on_way[sender]
    on_way[sender] += more
    for distance in (first, second):
        stride = 4 * height if axis == 0 else 4
        queue = link + 2 * axis
        link += distance * stride
        if distance < 0:
            stride, queue = -stride, queue + 1
        for _ in range(abs(distance)):
            queue += stride
            total += on_way[queue]
            on_way[queue] += more
        axis = 1 - axis
    return float(total)


@inner
def list_messages(cores: Cores, mesh: Network, activity: Activity, messages: Messages) -> None:
    """List what each core sends in this step, and the seconds of work before each message."""
    count = 0
    for core in range(len(mesh.free)):
        messages.first[core] = count
        worked = 0.0
        for place in range(cores.first[core], cores.first[core + 1]):
            neuron = cores.neuron[place]
            active = activity.all_active or activity.is_active[neuron]
            own = cores.active[neuron] if active else cores.idle[neuron]
            for spike in range(activity.spikes[neuron]):
                worked += cores.spike[neuron] if spike else own + cores.spike[neuron]
                for entry in range(mesh.start[neuron], mesh.start[neuron + 1]):
                    messages.entry[count] = entry
                    messages.delay[count] = worked + cores.message_out[neuron]
                    worked = 0.0
                    count += 1
            if activity.spikes[neuron] == 0:
                worked += own
        if worked > 0.0:
            messages.entry[count], messages.delay[count] = -1, worked
            count += 1
    messages.first[len(mesh.free)] = count


@inner
def receive_from_outside(cores: Cores, mesh: Network, activity: Activity) -> float:
    """Let cores process the spikes of sources outside of the chip first; returns when the last one is done."""
    latest = 0.0
    for place in range(cores.first[0]):
        neuron = cores.neuron[place]
        for entry in range(mesh.start[neuron], mesh.start[neuron + 1]):
            target = mesh.entry[entry].core
            mesh.free[target] += activity.spikes[neuron] * mesh.entry[entry].processing
            latest = max(latest, mesh.free[target])
    return latest


@inner
def deliver(mesh: Network, messages: Messages) -> float:
    """Send the listed messages in the order of time; returns when the last one is processed."""
    latest, mean, on_way, waiting = 0.0, 0.0, 0, 0
    axis, height, links, sent = mesh.first_axis, mesh.height, len(mesh.free), messages.first[:-1].copy()
    for core in range(len(mesh.free)):
        if messages.first[core] < messages.first[core + 1]:
            waiting = push(messages.turn_time, messages.turn, waiting, messages.delay[messages.first[core]], core)
    while waiting > 0:
        now, core = messages.turn_time[0], messages.turn[0]
        waiting = pop(messages.turn_time, messages.turn, waiting)
        latest = max(latest, now)
        while on_way > 0 and messages.arrival_time[0] <= now:
            gone = mesh.entry[messages.arrival[0]]
            on_way = pop(messages.arrival_time, messages.arrival, on_way)
            less = -1.0 / (abs(gone.first) + abs(gone.second) + 2)
            link = links + 4 * gone.tile
            route(mesh.on_way, gone.sender, link, gone.first, gone.second, axis, height, less)
            mean = mean + (mean - gone.processing) / on_way if on_way > 0 else 0.0
        number = messages.entry[sent[core]]
        sent[core] += 1
        if number >= 0:
            entry = mesh.entry[number]
            queues, link = abs(entry.first) + abs(entry.second) + 1, links + 4 * entry.tile
            part = 1.0 / (queues + 1)
            ahead = route(mesh.on_way, core, link, entry.first, entry.second, axis, height, part)
            if ahead > queues * mesh.link_buffer:
                now += (ahead - queues * mesh.link_buffer) * mean
            arrival = now + max(entry.flight, ahead * mean / queues)
            taken = max(mesh.free[entry.core], arrival)
            mesh.free[entry.core] = taken + entry.processing
            latest = max(latest, mesh.free[entry.core])
            mean += (entry.processing - mean) / (on_way + 1)
            on_way = push(messages.arrival_time, messages.arrival, on_way, taken, number)
        if sent[core] < messages.first[core + 1]:
            waiting = push(messages.turn_time, messages.turn, waiting, now + messages.delay[sent[core]], core)
    return latest


@kernel
def time_steps(cores: Cores, mesh: Network, activity: Activity, messages: Messages, step_time: Floats) -> None:
    """Fill in the seconds from the beginning of each step until its last event, without the barrier."""
    spike, update = 0, 0
    for step in range(len(step_time)):
        first_spike, first_update = spike, update
        while spike < len(activity.spike_step) and activity.spike_step[spike] == step:
            activity.spikes[activity.spike_neuron[spike]] += 1
            spike += 1
        while update < len(activity.active_step) and activity.active_step[update] == step:
            activity.is_active[activity.active_neuron[update]] = True
            update += 1
        mesh.on_way[:] = 0.0
        mesh.free[:] = 0.0
        list_messages(cores, mesh, activity, messages)
        outside = receive_from_outside(cores, mesh, activity)
        step_time[step] = max(outside, deliver(mesh, messages))
        for place in range(first_spike, spike):
            activity.spikes[activity.spike_neuron[place]] = 0
        for place in range(first_update, update):
            activity.is_active[activity.active_neuron[place]] = False
