"""Which neurons are updated in each step of a chip that leaves alone what nothing touches."""

from __future__ import annotations

import numpy as np

from neuro.chip.placement import Placement
from neuro.validation import Ints

__all__ = ["touched_updates"]


def touched_updates(placement: Placement, step: Ints, neuron: Ints, steps: int) -> tuple[Ints, Ints] | None:
    """Step and neuron of each update, as SANA-FE updates by default; None if the placement has no targets.

    `step` and `neuron` are those of each spike, by step; `steps` is the number of steps.

    A neuron is updated in the steps after a spike has reached it, until it fires itself: then its potential is zero
    again. A spike reaches its targets in the step after its own. Sources are not updated.
    """
    targets = placement.routes.targets
    if targets is None:
        return None
    start, target = targets
    home = placement.neuron_core
    alive = np.zeros(len(home), np.bool_)
    cell = home >= 0
    edges = np.searchsorted(step, np.arange(steps + 1))
    when, who, before = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], np.zeros(0, np.int64)
    for now in range(steps):
        fired = np.unique(neuron[edges[now] : edges[now + 1]])
        alive[before] = False
        for source in before:
            alive[target[start[source] : start[source + 1]]] = True
        active = alive & cell
        active[fired] = cell[fired]
        found = np.flatnonzero(active)
        when.append(np.full(len(found), now))
        who.append(found)
        before = fired
    return np.concatenate(when), np.concatenate(who)
