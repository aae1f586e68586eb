"""Random numbers for kernels: they come from a seed alone and are the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, inner
from neuro.mapping.watch import new_state
from neuro.randomness import stream

__all__ = ["RandomState", "next_uniform", "random_below", "random_state", "random_unit", "state_of"]

RandomState = NDArray[np.uint64]
"""The state of a generator, shape (2,): its word, and one that is not 0 where the work that draws should end."""


def random_state(seed: int, *names: str) -> RandomState:
    """The state that a generator begins with, by seed and names."""
    return state_of(int(stream(seed, "mapping", *names).integers(0, 2**63, size=1, dtype=np.uint64)[0]))


def state_of(word: int) -> RandomState:
    """The state of a generator that begins with a word."""
    return new_state(np.array([word, 0], np.uint64))


@inner
def _next(random: RandomState) -> np.uint64:
    """The next 64 random bits (splitmix64)."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word: np.uint64 = z ^ (z >> np.uint64(31))
    return word


@inner
def random_below(random: RandomState, n: int) -> int:
    """A random whole number below n."""
    return int(np.int64(((_next(random) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)))


@inner
def random_unit(random: RandomState) -> float:
    """A random number between 0 and 1, neither of them."""
    return float((np.float64(_next(random) >> np.uint64(11)) + 0.5) / 9007199254740992.0)


@inlined
def next_uniform(random: RandomState) -> float:
    """The next number of a xorshift generator, in [0, 1); the state must not be 0."""
    x = random[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    random[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)
