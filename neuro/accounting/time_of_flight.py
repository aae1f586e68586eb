"""Time that messages take over an empty mesh."""

from __future__ import annotations

import numpy as np

from neuro.accounting.costs import cost_of
from neuro.chip.placement import Placement
from neuro.validation import Floats, Ints

__all__ = ["hops_of_entries", "time_of_flight"]


def hops_of_entries(placement: Placement) -> dict[str, Ints]:
    """Links that the message of each entry of the routes crosses, by kind, and its last tile; shape (entries,) each.

    Entries of sources outside of the chip have no meaning.
    """
    chip, routes = placement.chip, placement.routes
    begin, end = chip.xy[placement.neuron_core[routes.neuron]], chip.xy[routes.core]
    size = np.array(chip.chip_size or (chip.width, chip.height))
    between = np.abs(end // size - begin // size)
    hops = {"tile": np.ones(len(begin), np.int64), "hop_chip": between.sum(axis=1)}
    for axis, (up, down) in enumerate((("hop_east", "hop_west"), ("hop_north", "hop_south"))):
        moved = end[:, axis] - begin[:, axis]
        length = np.abs(moved) - between[:, axis]
        hops |= {up: np.where(moved > 0, length, 0), down: np.where(moved < 0, length, 0)}
    return hops


def time_of_flight(placement: Placement, spikes: Floats) -> tuple[float, float] | None:
    """Mean and longest time, s, that a message takes over its links and through the router of its last tile.

    Parameters
    ----------
    placement
        Neurons on cores.
    spikes
        How often each neuron fired, shape (neurons,).

    Returns
    -------
    tuple[float, float] | None
        None if a time is unknown, or if there were no messages. Queues are not modelled. Messages from outside of the
        chip are not counted.
    """
    chip, routes = placement.chip, placement.routes
    home = placement.neuron_core[routes.neuron]
    sent = np.where(home >= 0, spikes[routes.neuron], 0.0)
    if not sent.any():
        return None
    seconds = np.zeros(len(home))
    for kind, count in hops_of_entries(placement).items():
        if not (count * sent).any():
            continue
        cost = cost_of(chip.time, kind)
        if cost is None:
            return None
        seconds += count * cost.value
    return float(np.average(seconds, weights=sent)), float(seconds[sent > 0].max())
