"""Named streams of random numbers under one root seed."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["stream"]


def stream(seed: int, *names: str) -> np.random.Generator:
    """The random stream of a named part, under one root seed.

    Streams are spawned by name, so adding a population leaves the draws of all others as they were.

    >>> float(stream(1, "memory").random()) == float(stream(1, "memory").random())
    True
    """
    digest = hashlib.sha256("\x00".join(names).encode()).digest()
    words = np.frombuffer(digest[:16], dtype=np.uint32)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *map(int, words)])))
