"""Draws Poisson spike trains in blocks of absolute time; a draw depends only on seed, population name and block."""

from __future__ import annotations

import numpy as np

from neuro.engine.recording import Spikes
from neuro.errors import InputError
from neuro.memory import require_memory
from neuro.network.graph import Population
from neuro.randomness import stream
from neuro.validation import Floats

__all__ = ["BLOCK", "poisson"]

BLOCK = 0.125
"""Length of a block, s; a power of two, so that its ends are exact."""
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
    first, last = int(np.floor(start / BLOCK)), int(np.ceil(stop / BLOCK))
    rate = population.parameter("rate")
    spikes = float(rate.sum()) * (stop - start)
    require_memory(
        BYTES * spikes,
        f"population {population.name!r}",
        rule="the spikes of Poisson sources must fit into memory",
        value=f"{spikes:.3g} spikes",
        remedy="Run for a shorter time, go on from its state, or lower the rates",
        error=InputError,
    )
    mean = rate * BLOCK
    blocks = [_block(population.name, seed, k, mean) for k in range(first, last)]
    times = np.concatenate([np.zeros(0), *(times for times, _ in blocks)])
    ids = np.concatenate([np.zeros(0, np.int64), *(ids for _, ids in blocks)])
    return Spikes.in_order(times, ids).window(start, stop)


def _block(name: str, seed: int, k: int, mean: Floats) -> tuple[Floats, np.ndarray]:
    rng = stream(seed, "poisson", name, str(k))
    ids = np.repeat(np.arange(len(mean)), rng.poisson(mean))
    # The sum can round up to the block's end, which belongs to the next block.
    times = np.minimum((k + rng.random(len(ids))) * BLOCK, np.nextafter((k + 1) * BLOCK, 0.0))
    order = np.lexsort((ids, times))
    return times[order], ids[order]
