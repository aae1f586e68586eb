"""What a projection of a network stands for: its single synapses, weights and delays, drawn where they are random."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neuro.errors import ParameterError
from neuro.network.distance import check_extent
from neuro.network.rules import Draws
from neuro.network.synapses import Synapses, Triplets, is_drawn, is_matrix, matrix, triplets
from neuro.validation import Floats, Ints

__all__ = ["Wired", "delays_of", "draws_of", "edge_arrays", "edges_of", "has_one_delay", "matrix_of", "triplets_of"]


class _Place(Protocol):
    """What is read of a `Population`."""

    @property
    def size(self) -> int: ...
    @property
    def positions(self) -> Any: ...


class Wired(Protocol):
    """What is read of a `Projection`."""

    @property
    def name(self) -> str: ...
    @property
    def pre(self) -> _Place: ...
    @property
    def post(self) -> _Place: ...
    @property
    def synapses(self) -> Synapses: ...
    @property
    def delay(self) -> Any: ...


def draws_of(projection: Wired, seed: int) -> Draws:
    """What the draws of a projection depend on; not on other projections, nor on the order of anything."""
    extent = check_extent(getattr(projection.synapses, "periodic", None), f"projection {projection.name!r}, periodic")
    positions = projection.pre.positions, projection.post.positions
    return Draws(seed, projection.name, projection.pre is projection.post, positions, extent)


def triplets_of(projection: Wired, seed: int) -> Triplets:
    """The single synapses of a projection that is no matrix; `seed` is the network's.

    Raises
    ------
    WeightError
        If ids or weights do not fit the populations.
    """
    draws = draws_of(projection, seed)
    shape = projection.pre.size, projection.post.size
    return triplets(projection.synapses, shape, draws.stream(), f"projection {projection.name!r}", draws)


def matrix_of(projection: Wired, seed: int) -> NDArray[np.floating]:
    """The weights of a projection that is a matrix, shape (pre, post); `seed` is the network's.

    Raises
    ------
    UnsupportedFeature, WeightError
        As `matrix`.
    """
    shape = projection.pre.size, projection.post.size
    return matrix(projection.synapses, shape, f"projection {projection.name!r}", draws_of(projection, seed))


def delays_of(projection: Wired, seed: int, listed: Triplets | None = None) -> float | Floats:
    """The delay of a projection, s: one for all, or one for each synapse of `listed`; of a matrix, (pre, post).

    Raises
    ------
    ParameterError
        If a function of distance gives a delay below zero.
    """
    if not is_drawn(projection.delay):
        given: float | Floats = projection.delay
        return given
    draws = draws_of(projection, seed)
    if is_matrix(projection.synapses):
        found = draws.of_matrix(projection.delay, "delay", (projection.pre.size, projection.post.size))
    else:
        pre, post, _ = triplets_of(projection, seed) if listed is None else listed
        found = draws.values(projection.delay, "delay", pre, post)
    if found.size and found.min() < 0.0:
        where = f"projection {projection.name!r}, delay"
        raise ParameterError("must not be negative", where=where, value=float(found.min()))
    return np.asarray(found, np.float64)


def has_one_delay(projection: Wired) -> bool:
    """Have all synapses of a projection one delay?"""
    return not is_drawn(projection.delay) and np.ndim(projection.delay) == 0


def edge_arrays(projection: Wired, seed: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Source, target, weight and delay (s) of each synapse; weights of zero in a matrix are left out."""
    if is_matrix(projection.synapses):
        values = matrix_of(projection, seed)
        pre, post = np.nonzero(values)
        weight, lag = values[pre, post], np.asarray(delays_of(projection, seed))
        delay = lag if lag.ndim == 0 else lag[pre, post]
    else:
        listed = triplets_of(projection, seed)
        pre, post, weight = listed.pre.astype(np.int64), listed.post.astype(np.int64), listed.weight
        delay = np.asarray(delays_of(projection, seed, listed))
    return pre, post, np.broadcast_to(weight, pre.shape), np.broadcast_to(delay, pre.shape)


def edges_of(projection: Wired, seed: int) -> tuple[list[int], list[int], list[float], list[float]]:
    """`edge_arrays` as lists."""
    pre, post, weight, delay = edge_arrays(projection, seed)
    return pre.tolist(), post.tolist(), weight.tolist(), delay.tolist()
