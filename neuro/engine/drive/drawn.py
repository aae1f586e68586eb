"""All arrivals of a network's drives in an interval, for engines and networks that take them one by one."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from neuro.engine.arrivals.draws import DRAWN_AT, WORDS_AT, list_drawn
from neuro.engine.codes import MOST_DRAWN
from neuro.engine.kernels.arrays import Fixed, Workspace
from neuro.engine.lower.drives import lower_drives, total_rate
from neuro.jit import as_table
from neuro.network.graph import Network
from neuro.simd import LANES
from neuro.validation import Floats, Ints

__all__ = ["Arrivals", "DrawnDrives"]


class Arrivals(NamedTuple):
    """Arrivals in order of time."""

    time: Floats
    """Seconds."""
    neuron: Ints
    """In the common numbering."""
    drive: Ints
    """Number of the drive, in the order of the populations."""


class DrawnDrives:
    """The drives of a network, under the keys of one seed."""

    def __init__(self, network: Network, keys: NDArray[np.uint64]) -> None:
        arrays, spans = lower_drives(network)
        self.records, self.weight = arrays["drives"], arrays["drive_weight"]
        offset = np.cumsum([0, *(population.size for population in network.populations.values())])
        sizes = {name: population.size for name, population in network.populations.items()}
        self.owner = [
            (d, sizes[name], int(offset[g])) for g, (name, span) in enumerate(spans.items()) for d in range(*span)
        ]
        self.rate = sum(
            sizes[name] * total_rate(network, name) * max(last - first, 1) for name, (first, last) in spans.items()
        )
        """An upper bound of all arrivals per second."""
        lanes = np.zeros((1, DRAWN_AT + MOST_DRAWN + 24))
        words = np.zeros((1, WORDS_AT + LANES), np.uint64)
        self.fixed = as_table(_empty(Fixed)._replace(**arrays))
        self.work = as_table(_empty(Workspace)._replace(lanes=lanes, words=words, drive_key=keys))

    def between(self, start: float, stop: float) -> Arrivals:
        """The arrivals in [start, stop)."""
        parts = [Arrivals(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))]
        for d, size, first in self.owner:
            room, n = 1024, -1
            while n < 0:
                room *= 4
                time, who = np.empty(room), np.empty(room, np.int64)
                n = int(list_drawn(self.fixed, self.work, d, size, start, stop, time, who))
            parts.append(Arrivals(time[:n], who[:n] + first, np.full(n, d)))
        time, neuron, drive = (np.concatenate([part[k] for part in parts]) for k in range(3))
        order = np.lexsort((drive, neuron, time))
        return Arrivals(time[order], neuron[order], drive[order])

    def weights(self, found: Arrivals) -> Floats:
        """The weight of each arrival."""
        record = self.records[found.drive]
        first = np.zeros(len(self.records), np.int64)
        for d, _, offset in self.owner:
            first[d] = offset
        at = record["weight_at"] + record["own_weight"] * (found.neuron - first[found.drive])
        return np.asarray(self.weight[at])


def _empty(kind: Any) -> Any:
    """A table's arrays, all without entries."""
    hints = {name: get_args(hint)[-2:] for name, hint in get_type_hints(kind, include_extras=True).items()}
    return kind(**{name: np.zeros((0,) * ndim, dtype) for name, (dtype, ndim) in hints.items()})
