"""Fingerprints of the wiring of a network: by them a recording and a placement tell whether they are of one network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neuro.network.graph import Network, Projection
from neuro.network.synapses import Sparse, is_matrix, is_random

__all__ = ["other_wiring", "wiring_of"]

PIECE = 2**16
"""Synapses that are hashed at a time."""
VALUES = ("weight", "delay")
"""Fields of synapses that are no wiring."""
_KNOWN: WeakKeyDictionary[Projection, tuple[int, str]] = WeakKeyDictionary()


def wiring_of(network: Network) -> dict[str, str]:
    """The fingerprint of each projection: its populations and which neuron is connected to which, without weights.

    It is the same in every process, and takes some 20 ns per listed synapse, once. A fingerprint has two words: how the
    synapses are described, and a digest.

    >>> from neuro.network.graph import Population
    >>> from neuro.network.neurons import LIF
    >>> net = Network()
    >>> cell = net.add(Population("cell", 3, LIF(tau_m=20e-3, v_th=1.0)))
    >>> link = net.connect(cell, cell, Sparse([0, 1], [1, 2], 0.5), delay=1e-3)
    >>> wiring_of(net)["cell->cell"].partition(" ")[0]
    'listed'
    """
    return {name: _fingerprint(projection, network.seed) for name, projection in network.projections.items()}


def other_wiring(one: Mapping[str, str], other: Mapping[str, str], *, more: bool = False) -> tuple[str, str]:
    """A projection in which two networks differ, and how; two empty texts where none is known to differ.

    Digests of synapses that are described in different ways, such as a list and a matrix with zeros, cannot be
    compared: they pass. With `more` the first network may have projections that the other does not have.

    >>> other_wiring({"a->b": "listed 1f"}, {"a->b": "listed 2e"})
    ('a->b', 'it connects other neurons')
    """
    if not one or not other:
        return "", ""
    for name in other if more else [*one, *other]:
        if name not in one or name not in other:
            return name, "one of them does not have it"
        alike = one[name].partition(" ")[0] == other[name].partition(" ")[0]
        if alike and one[name] != other[name]:
            return name, "it connects other neurons"
    return "", ""


def _fingerprint(projection: Projection, seed: int) -> str:
    known = _KNOWN.get(projection)
    if known is None or known[0] != seed:
        known = _KNOWN[projection] = seed, _digest(projection, seed)
    return known[1]


def _digest(projection: Projection, seed: int) -> str:
    synapses, pre, post = projection.synapses, projection.pre, projection.post
    ends = f"{pre.name!r} {pre.size} {post.name!r} {post.size}"
    if is_matrix(synapses):
        kind, words = "matrix", ""
    elif isinstance(synapses, Sparse):
        kind, words = "listed", _of_pairs(np.asarray(synapses.pre), np.asarray(synapses.post))
    else:
        kind, drawn = "drawn", is_random(synapses)
        own = [(each.name, getattr(synapses, each.name)) for each in fields(synapses) if each.name not in VALUES]  # type: ignore[arg-type]
        if drawn:
            own += [("seed", seed), ("name", projection.name), ("places", (pre.positions, post.positions))]
        words = f"{type(synapses).__name__} {[(key, _words(value)) for key, value in own]}"
    return f"{kind} {hashlib.blake2b(f'{ends} {words}'.encode(), digest_size=8).hexdigest()}"


def _words(value: Any) -> str:
    """A value as a text that is the same in every process."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_words, value))})"
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        return f"{array.shape} {hashlib.blake2b(array.astype(np.float64).tobytes(), digest_size=8).hexdigest()}"
    if is_dataclass(value):
        return f"{type(value).__name__} {[_words(getattr(value, each.name)) for each in fields(value)]}"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return getattr(value, "__qualname__", type(value).__name__)


def _of_pairs(pre: NDArray[Any], post: NDArray[Any]) -> str:
    """A sum over all pairs, so that their order does not matter; wraps at 2^64."""
    total = 0
    for begin in range(0, len(pre), PIECE):
        source, target = (each[begin : begin + PIECE].astype(np.uint64) for each in (pre, post))
        total += int(_mixed(source * np.uint64(0x9E3779B97F4A7C15) + _mixed(target)).sum())
    return f"{len(pre)} {total % 2**64}"


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64: every bit of the result depends on all bits of x."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
