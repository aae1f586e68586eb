"""Durations of steps in which messages wait for links and for the cores that they go to.

The law is that of the detailed timing model of SANA-FE 2.2 (Boyle et al., IEEE TCAD 2025, doi
10.1109/TCAD.2025.3537971; its public source says what the article leaves open). In each step, and from its beginning:

Each core updates its neurons one after the other, and sends the messages of one that fires at once. So message k of a
core leaves at  s_k = s_{k-1} + w_k,  where w_k are the seconds of updates and spikes since message k - 1, and of the
sending itself. What is left after the last message ends the work of the core.

The route of a message with h hops is the way out of its core and the h links that it crosses: h + 1 queues. While it is
on its way, each of them holds 1 / (h + 2) of it. When a message is sent, n is the sum of what the queues of its route
hold, and d the mean processing time of all messages on their way, on any route. A route of queues for b messages each
holds (h + 1) b. Beyond, the core waits before it sends:

    s_k += (n - (h + 1) b) d   where n > (h + 1) b.

The way takes  f = max(flight over the empty mesh, n d / (h + 1)).  The core that receives it processes one message
after the other, in the order of their sending, beside its own updates: it takes the message at  r = max(s + f, free),
and is free again at  r + p,  where p is the time of a message in and of its synaptic operations. The message is on its
way until r. The step ends when all messages are processed and all cores have done their updates.

The next message is the one that is sent first. Of those sent at one instant, it is the one that a binary heap has on
top, filled core by core in their order: this gives the times of SANA-FE. The messages of one spike go in the order of
their cores; in SANA-FE they go in the order of the addresses of these cores in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from neuro.accounting.counts import BinnedSpikes
from neuro.accounting.message_queues import ENTRY, Activity, Cores, Messages, Network, time_steps
from neuro.accounting.time_of_flight import hops_of_entries
from neuro.accounting.touched import touched_updates
from neuro.accounting.work import Seconds, on_cores, work_of_cores
from neuro.chip.placement import Placement
from neuro.errors import ChipError
from neuro.memory import require_memory
from neuro.validation import Floats, Ints

__all__ = ["Waiting"]

_BYTES_PER_MESSAGE = 32
"""Of one step: what is sent, and what is on its way."""


class Waiting:
    """The steps of a run on a chip whose messages wait.

    Raises
    ------
    ChipError
        If messages branch on their way (multicast).
    """

    def __init__(self, placement: Placement, binned: BinnedSpikes) -> None:
        if placement.chip.routing != "unicast":
            raise ChipError(
                "messages wait only where routing is 'unicast'",
                where=f"account on {placement.chip.name}, link_buffer",
                value=repr(placement.chip.routing),
                remedy="Set link_buffer=None, with which none waits",
            )
        self.placement, self.binned = placement, binned
        self.hops = hops_of_entries(placement)

    def steps(self, seconds: Mapping[str, Seconds], *, every: bool = False) -> Floats:
        """Seconds until the last event of each step, without the barrier, shape (steps,).

        `seconds` are those of one event of each kind. With `every`, all neurons count as active.
        """
        placement, binned, routes = self.placement, self.binned, self.placement.routes
        chip, home = placement.chip, placement.neuron_core
        work = work_of_cores(placement, seconds)
        first = 0 if chip.first_axis == "x" else 1
        begin = chip.xy[home[routes.neuron]]
        distance = chip.xy[routes.core] - begin
        entry = np.zeros(len(routes.core), ENTRY)
        entry["sender"], entry["core"], entry["processing"] = home[routes.neuron], routes.core, work.incoming
        entry["tile"] = begin[:, 0] * chip.height + begin[:, 1]
        entry["first"], entry["second"] = distance[:, first], distance[:, 1 - first]
        for kind, count in self.hops.items():
            entry["flight"] += count * on_cores(seconds, kind, routes.core)
        listed = None if every else self._active
        step, neuron = (np.zeros(0, np.int64),) * 2 if listed is None else listed
        order = np.argsort(home, kind="stable")
        found = np.zeros(binned.steps)
        time_steps(
            Cores(
                first=np.searchsorted(home[order], np.arange(chip.cores + 1)),
                neuron=order,
                idle=work.idle,
                active=work.active,
                spike=work.spike,
                message_out=work.message_out,
            ),
            Network(
                start=np.ascontiguousarray(routes.start),
                entry=entry,
                first_axis=first,
                height=chip.height,
                link_buffer=float(chip.link_buffer or 0),
                on_way=np.zeros(chip.cores + 4 * chip.width * chip.height),
                free=np.zeros(chip.cores),
            ),
            Activity(
                spike_step=binned.step,
                spike_neuron=binned.neuron,
                active_step=step,
                active_neuron=neuron,
                all_active=listed is None,
                spikes=np.zeros(len(home), np.int64),
                is_active=np.zeros(len(home), np.bool_),
            ),
            self._messages(),
            found,
        )
        return found

    @cached_property
    def _active(self) -> tuple[Ints, Ints] | None:
        """Step and neuron of each active update; None: all updates are active."""
        binned, chip = self.binned, self.placement.chip
        if chip.updates == "fired":
            return binned.step, binned.neuron
        if chip.updates == "touched":
            return touched_updates(self.placement, binned.step, binned.neuron, binned.steps)
        return None

    def _messages(self) -> Messages:
        """Room for the messages of any one step."""
        binned, cores = self.binned, self.placement.chip.cores
        entries = np.diff(self.placement.routes.start)[binned.neuron]
        most = int(np.bincount(binned.step, entries, 1).max(initial=0)) + cores
        require_memory(
            _BYTES_PER_MESSAGE * most,
            "account, messages of one step",
            value=f"{most:,} messages",
            remedy="Take a shorter `dt`, or `dataclasses.replace(chip, link_buffer=None)`, on which none waits",
        )
        return Messages(
            first=np.zeros(cores + 1, np.int64),
            entry=np.zeros(most, np.int64),
            delay=np.zeros(most),
            turn_time=np.zeros(cores),
            turn=np.zeros(cores, np.int64),
            arrival_time=np.zeros(most),
            arrival=np.zeros(most, np.int64),
        )
