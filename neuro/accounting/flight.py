"""How long messages are under way on an empty mesh."""

from __future__ import annotations

import numpy as np

from neuro.accounting.duration import figure
from neuro.chip.placement import Placement
from neuro.validation import Floats

__all__ = ["flight"]


def flight(placement: Placement, spikes: Floats) -> tuple[float, float] | None:
    """Seconds that a message takes over its links and through the router of its last tile: the mean, and the longest.

    Parameters
    ----------
    placement
        Neurons on cores.
    spikes
        How often each neuron fired, shape (neurons,).

    Returns
    -------
    tuple[float, float] | None
        None where a time that is needed is unknown, or where there were no messages. Queues are not modelled, and
        messages from outside of the chip not counted.
    """
    chip, routes = placement.chip, placement.routes
    home = placement.neuron_core[routes.neuron]
    sent = np.where(home >= 0, spikes[routes.neuron], 0.0)
    if not sent.any():
        return None
    begin, end = chip.xy[home], chip.xy[routes.core]
    size = np.array(chip.chip_size or (chip.width, chip.height))
    between = np.abs(end // size - begin // size)
    hops = {"tile": np.ones(len(home)), "hop_chip": between.sum(axis=1)}
    for axis, (up, down) in enumerate((("hop_east", "hop_west"), ("hop_north", "hop_south"))):
        moved = end[:, axis] - begin[:, axis]
        length = np.abs(moved) - between[:, axis]
        hops |= {up: np.where(moved > 0, length, 0), down: np.where(moved < 0, length, 0)}
    seconds = np.zeros(len(home))
    for kind, count in hops.items():
        if not (count * sent).any():
            continue
        cost = figure(chip.time, kind)
        if cost is None:
            return None
        seconds += count * cost.value
    return float(np.average(seconds, weights=sent)), float(seconds[sent > 0].max())
