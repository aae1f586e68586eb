"""Events of the cores that cost alike, where some cores of a chip have costs of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neuro.accounting.counts import BinnedSpikes, Counts, count_events
from neuro.chip.cores import Quantity
from neuro.chip.mesh import HOPS
from neuro.chip.placement import Placement
from neuro.validation import Floats

__all__ = ["Share", "shares_of"]


@dataclass(frozen=True, eq=False)
class Share:
    """The events of some cores, and what each costs there."""

    counts: Counts
    """The events; those on the mesh are in the first share."""
    energy: Mapping[str, Quantity]
    """Joules of one, by kind."""
    time: Mapping[str, Quantity]
    """Seconds of one, by kind."""
    only: Floats | None
    """1 for each of the cores, 0 for the others, shape (cores,); None: all cores."""


def shares_of(placement: Placement, binned: BinnedSpikes, counts: Counts) -> list[Share]:
    """All events, `counts`, by the costs of their cores; first those of the cores without costs of their own."""
    chip = placement.chip
    special = [group for group in chip.groups if group.energy or group.time]
    if not special:
        return [Share(counts, chip.energy, chip.time, None)]
    rest, shares = np.ones(chip.cores), []
    for group in special:
        only = np.zeros(chip.cores)
        only[list(group.cores)] = 1.0
        rest -= only
        own = count_events(placement, binned, only)
        shares.append(Share(own, {**chip.energy, **group.energy}, {**chip.time, **group.time}, only))
    common = count_events(placement, binned, rest)
    for kind in (hop for hop in HOPS if hop in counts.total):
        common.total[kind] = counts.total[kind]
        for table, every in ((common.population, counts.population), (common.bin, counts.bin)):
            if kind in every:
                table[kind] = every[kind]
    return [Share(common, chip.energy, chip.time, rest), *shares]
