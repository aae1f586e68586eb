"""Draws Poisson spike trains in blocks of absolute time; a draw depends only on seed, population name and block."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from neuro.engine.instants import instants_of
from neuro.engine.recording import Spikes
from neuro.errors import InputError
from neuro.memory import require_memory
from neuro.network.graph import Network, Population
from neuro.network.neurons import PoissonSource
from neuro.randomness import stream
from neuro.validation import Floats, Ints

__all__ = ["BLOCK", "PoissonTrains", "poisson"]

BLOCK = 0.125
"""Length of a block, s; a power of two, so that its ends are exact."""
MOST_IN_BLOCK = 2.0**20
"""If a population has more spikes in a block on average, its blocks are shorter, by a power of two."""
PIECE = 2.0**18
"""Spikes that a run draws at a time, about."""
BYTES = 32
"""A spike takes at least so many bytes, while blocks are put together: twice a time and a number."""


def poisson(population: Population, seed: int, start: float, stop: float) -> Spikes:
    """The spikes of a population of Poisson sources in [start, stop).

    In each block the number of a neuron's spikes has a Poisson distribution with mean rate times length, and the spikes
    are uniform in time, to the resolution of a double. This is a homogeneous Poisson process without a time grid.

    Raises
    ------
    InputError
        If they do not fit into memory.

    >>> from neuro.network.neurons import PoissonSource
    >>> noise = Population("noise", 3, PoissonSource(20.0))
    >>> len(poisson(noise, 1, 0.0, 10.0)) == len(poisson(noise, 1, 0.0, 4.0)) + len(poisson(noise, 1, 4.0, 10.0))
    True
    """
    spikes = float(population.parameter("rate").sum()) * (stop - start)
    require_memory(
        BYTES * spikes,
        f"population {population.name!r}",
        rule="the spikes of Poisson sources must fit into memory",
        value=f"{spikes:.3g} spikes",
        remedy="Run for a shorter time, go on from its state, or lower the rates",
        error=InputError,
    )
    return _Train(population, seed).between(start, stop)


class _Train:
    """The spikes of one population; the last block is kept, because the next piece may begin in it."""

    def __init__(self, population: Population, seed: int) -> None:
        self.name, self.seed, rate = population.name, seed, population.parameter("rate")
        self.length = BLOCK
        while float(rate.sum()) * self.length > MOST_IN_BLOCK:
            self.length /= 2.0
        self.mean = rate * self.length
        self.number, self.block = -1, (np.zeros(0), np.zeros(0, np.int64))

    def between(self, start: float, stop: float) -> Spikes:
        """The spikes in [start, stop)."""
        first, last = int(np.floor(start / self.length)), int(np.ceil(stop / self.length))
        times, ids = [np.zeros(0)], [np.zeros(0, np.int64)]
        for k in range(first, last):
            if k != self.number:
                self.number, self.block = k, self._draw(k)
            low, high = self.block[0].searchsorted((start, stop))
            times.append(self.block[0][low:high])
            ids.append(self.block[1][low:high])
        return Spikes.in_order(np.concatenate(times), np.concatenate(ids))

    def _draw(self, k: int) -> tuple[Floats, Ints]:
        rng = stream(self.seed, "poisson", self.name, str(k), *([str(self.length)] * (self.length < BLOCK)))
        ids = np.repeat(np.arange(len(self.mean)), rng.poisson(self.mean))
        # The sum can round up to the block's end, which belongs to the next block.
        times = np.minimum((k + rng.random(len(ids))) * self.length, np.nextafter((k + 1) * self.length, 0.0))
        order = np.lexsort((ids, times))
        return times[order], ids[order]


class PoissonTrains:
    """The spikes of all Poisson sources of a network in an interval, drawn piece by piece."""

    def __init__(
        self, network: Network, offset: Mapping[str, int], seed: int, interval: tuple[float, float], *, instants: bool
    ) -> None:
        sources = [each for each in network.populations.values() if isinstance(each.model, PoissonSource)]
        self.trains = [(offset[each.name], _Train(each, seed)) for each in sources if each.size]
        self.rate = float(sum(each.parameter("rate").sum() for each in sources))
        self.start, self.stop = interval
        self.instants = instants
        """Are times replaced by their instants?"""

    @property
    def piece(self) -> float:
        """Length of a piece of about `PIECE` spikes, s."""
        return PIECE / self.rate if self.rate > 0.0 else inf

    def between(self, start: float, stop: float) -> list[tuple[Floats, Ints]]:
        """Times and neurons, in the common numbering, of the spikes of each population in [start, stop)."""
        begin, end = max(start, self.start), min(stop, self.stop)
        if end <= begin:
            return []
        found = []
        for offset, train in self.trains:
            # An instant may lie on the other side of an end.
            margin = 2.0**-40 * end if self.instants else 0.0
            spikes = train.between(max(begin - margin, 0.0), end + margin)
            times = instants_of(spikes.times) if self.instants else spikes.times
            low, high = times.searchsorted((begin, end))
            found.append((times[low:high], spikes.ids[low:high] + offset))
        return found
