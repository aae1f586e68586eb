"""What a recording asks of the cores in each step: `Work`, from which the time of every placement follows."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.accounting.account import bin_spikes
from neuro.accounting.costs import kinds_of_load, seconds_on_cores
from neuro.accounting.counts import BinnedSpikes, is_source
from neuro.accounting.duration import barrier_of_tiles, clock_of
from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.errors import UnsupportedFeature
from neuro.jit import kernel
from neuro.mapping.traffic import Ids, Traffic
from neuro.validation import Floats, Ints

__all__ = ["WINDOW", "Work", "require_times", "windows_of", "work_of"]

WINDOW = 1e-3
"""Window of a chip without steps, s."""
MOST_ENTRIES = 50_000_000
"""Neurons times steps up to which all steps are looked at; beyond, every second, third, ... of those with spikes."""
MOST_OPERATIONS = 600_000_000
"""Synaptic operations beyond which the same is done."""


class Work(NamedTuple):
    """Events by neuron and column, and the seconds of each kind of event on each core; laid.

    A column is one step of the chip, or all steps without spikes together. The load of core c in a column is the sum

      * over its neurons of  updates idle + fan-in mac,  in each step;
      * over its neurons that fire of  updates active,  and for each spike  spike + messages sent;
      * over the messages that reach it of  entry,  and of  synapse  for each synaptic operation.

    A step lasts as long as its largest load, then the barrier; at least as long as the clock says.
    """

    weight: Annotated[Floats, np.float64, 1]
    """Steps that each column stands for, shape (columns,)."""
    got: Annotated[Floats, np.float64, 2]
    """Synaptic operations of each neuron, shape (neurons, columns)."""
    start: Annotated[Ints, np.int64, 1]
    """First entry of each neuron in `column` and `spikes`, shape (neurons + 1,)."""
    column: Annotated[Ints, np.int64, 1]
    """Columns in which each neuron fires."""
    spikes: Annotated[Floats, np.float64, 1]
    """Its spikes there."""
    in_start: Annotated[Ints, np.int64, 1]
    """First source of each neuron, shape (neurons + 1,)."""
    into: Annotated[Ids, np.uint32, 1]
    """Source neurons, no pair twice."""
    out_start: Annotated[Ints, np.int64, 1]
    """First target of each neuron, shape (neurons + 1,)."""
    out: Annotated[Ids, np.uint32, 1]
    """Target neurons, no pair twice."""
    updates: Annotated[Floats, np.float64, 1]
    """Updates of each neuron in a step, 0 for sources, shape (neurons,)."""
    cell: Annotated[Floats, np.float64, 1]
    """1 for neurons, 0 for sources, shape (neurons,)."""
    fan_in: Annotated[Floats, np.float64, 1]
    """Synapses onto each neuron, shape (neurons,)."""
    idle: Annotated[Floats, np.float64, 1]
    """Seconds of an update in a step in which the neuron does not fire, shape (cores,)."""
    active: Annotated[Floats, np.float64, 1]
    """Further seconds of an update if it fires, shape (cores,)."""
    mac: Annotated[Floats, np.float64, 1]
    """Seconds of each synapse in each step, spike or none, shape (cores,)."""
    spike: Annotated[Floats, np.float64, 1]
    """Seconds of a spike beyond updates and messages, shape (cores,)."""
    sent: Annotated[Floats, np.float64, 1]
    """Seconds of sending a message, shape (cores,)."""
    entry: Annotated[Floats, np.float64, 1]
    """Seconds of receiving one, shape (cores,)."""
    synapse: Annotated[Floats, np.float64, 1]
    """Seconds of a synaptic operation, shape (cores,)."""
    unicast: Annotated[NDArray[np.bool_], np.bool_, 1]
    """Is there a message for each core with targets? Otherwise one for all of them. Shape (1,)."""
    messages: Annotated[NDArray[np.bool_], np.bool_, 1]
    """Do messages take time of cores? Shape (1,)."""
    tile: Annotated[Ints, np.int64, 1]
    """Tile of each core, shape (cores,)."""
    barrier: Annotated[Floats, np.float64, 1]
    """Seconds of the barrier by the number of tiles in use, shape (tiles + 1,)."""
    clock: Annotated[Floats, np.float64, 1]
    """Shortest step, s, shape (1,)."""


def require_times(chip: Chip, recording: object) -> None:
    """Refuse to look for a short latency where nothing says how long anything takes, or when anything happens.

    Raises
    ------
    UnsupportedFeature
        If there is no recording, or the chip's times are not known.
    """
    if not isinstance(recording, Recording):
        raise UnsupportedFeature(
            "the latency of a placement is known for a recording only: totals do not say which spikes come together",
            where="objective 'latency'",
            remedy="Give a Recording as traffic (`neuro map --spikes RUN.h5`)",
        )
    unknown = [kind for kind in kinds_of_load(chip).values() if kind and seconds_on_cores(chip, kind) is None]
    if chip.mode == "step" and barrier_of_tiles(chip, 1)[1]:
        unknown.append("barrier")
    if unknown:
        raise UnsupportedFeature(
            "the latency of a placement needs the times of all events",
            where=f"objective 'latency', chip {chip.name!r}",
            value=f"unknown: {', '.join(unknown)}",
            remedy="Give the chip these times (`dataclasses.replace(chip, time=...)`), or choose another objective",
        )


def windows_of(recording: Recording, placement: Placement) -> BinnedSpikes:
    """All spikes by step; by windows of 1 ms on a chip without steps."""
    if placement.chip.mode == "step":
        return bin_spikes(recording, placement, None, None)
    length = recording.stop - recording.start
    return bin_spikes(recording, placement, None, max(int(np.ceil(length / WINDOW - 1e-6)), 1))


def work_of(traffic: Traffic, placement: Placement, recording: Recording) -> Work:
    """The work of a recording; of the placement only what does not depend on the cores of the neurons is used."""
    chip, binned = placement.chip, windows_of(recording, placement)
    neurons, source = traffic.neurons, is_source(placement)
    step, neuron, weight = _columns(binned, traffic)
    key, spikes = np.unique(neuron * len(weight) + step, return_counts=True)
    start = np.zeros(neurons + 1, np.int64)
    np.cumsum(np.bincount(key // max(len(weight), 1), minlength=neurons), out=start[1:])
    column, spikes = key % max(len(weight), 1), spikes.astype(np.float64)
    in_start, into = traffic.incoming
    out_start, out = np.ascontiguousarray(traffic.start, np.int64), np.ascontiguousarray(traffic.target)
    got = np.zeros((neurons, len(weight)))
    if chip.arithmetic == "event":
        _operations(start, column, spikes, out_start, out, np.ascontiguousarray(traffic.synapses), got)
    seconds = {part: seconds_on_cores(chip, kind) if kind else None for part, kind in kinds_of_load(chip).items()}
    known = {part: np.zeros(chip.cores) if found is None else found for part, found in seconds.items()}
    nothing = np.zeros(chip.cores)
    entry = known["received"] + known.get("row", nothing) + known.get("column", nothing)
    tiles = chip.cores // chip.cores_per_tile
    stepped = chip.mode == "step"
    barrier = [barrier_of_tiles(chip, number)[0].value if stepped else 0.0 for number in range(tiles + 1)]
    clock = clock_of(chip, recording, binned) if stepped else None
    return Work(
        weight=weight, got=got, start=start, column=column, spikes=spikes, in_start=in_start, into=into,
        out_start=out_start, out=out, updates=np.where(source, 0.0, placement.neuron_compartments),
        cell=np.where(source, 0.0, 1.0), fan_in=traffic.fan_in.astype(np.float64), idle=known["idle"],
        active=known["active"] - known["idle"] if seconds["active"] is not None else nothing,
        mac=known.get("mac", nothing), spike=known["spike"], sent=known["sent"], entry=entry,
        synapse=known.get("synapse", nothing), unicast=np.array([chip.routing == "unicast"]),
        messages=np.array([np.any(entry) or np.any(known["sent"])]), tile=np.arange(chip.cores) // chip.cores_per_tile,
        barrier=np.array(barrier), clock=np.array([0.0 if clock is None else clock.value]),
    )  # fmt: skip


def _columns(binned: BinnedSpikes, traffic: Traffic) -> tuple[Ints, Ints, Floats]:
    """Column and neuron of each spike, and how many steps each column stands for: quiet steps are one column."""
    used, column = np.unique(binned.step, return_inverse=True)
    operations = float(np.diff(traffic.start)[binned.neuron].sum())
    every = max(
        -(-traffic.neurons * len(used) // MOST_ENTRIES), int(np.ceil(operations / MOST_OPERATIONS)), 1
    )  # fmt: skip
    kept = np.arange(0, len(used), every)
    chosen = column % every == 0
    weight = np.full(len(kept), len(used) / max(len(kept), 1))
    quiet = binned.steps - len(used)
    if quiet:
        weight = np.concatenate([weight, [float(quiet)]])
    return column[chosen] // every, binned.neuron[chosen], weight


@kernel
def _operations(
    start: Ints, column: Ints, spikes: Floats, out_start: Ints, out: Ids, synapses: NDArray[np.uint32], got: Floats
) -> None:
    """Add the synaptic operations of each neuron in each column to `got`."""
    for u in range(len(start) - 1):
        for place in range(out_start[u], out_start[u + 1]):
            v, many = out[place], synapses[place]
            for k in range(start[u], start[u + 1]):
                got[v, column[k]] += many * spikes[k]
