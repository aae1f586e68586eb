"""Random choices without bias: trials, and targets drawn with or without replacement, in linear time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.validation import Ints

__all__ = ["bernoulli", "counts_with_replacement", "distinct", "rows_without_replacement", "with_replacement"]

Ids = NDArray[np.uint32]

AT_A_TIME = 2**20
"""Numbers are drawn so many at a time, so that temporary arrays stay small."""


def bernoulli(count: int, p: float, rng: np.random.Generator) -> Ints:
    """The successes, ascending, of `count` independent trials that succeed with probability `p`.

    The gaps between them are geometric, whole parts of exponential ones: work goes with successes, not with trials.
    """
    if p == 0.0 or count == 0:
        return np.zeros(0, np.int64)
    with np.errstate(divide="ignore"):
        mean = -1.0 / np.log1p(-p)
    parts, last = [np.zeros(0, np.int64)], -1
    while last < count:
        left = (count - last) * p
        gaps = rng.standard_exponential(int(left + 4.0 * left**0.5) + 8)
        gaps *= mean
        # A gap beyond the end ends the list; cut there, sums of gaps stay in range.
        places = np.minimum(gaps, count, out=gaps).astype(np.int64)
        places += 1
        np.cumsum(places, out=places)
        places += last
        parts.append(places)
        last = int(places[-1])
    found = np.concatenate(parts)
    return found[: np.searchsorted(found, count)]


def counts_with_replacement(draws: int, size: int, rng: np.random.Generator) -> Ints:
    """How often each of `size` things comes, if `draws` are drawn, each anew from all."""
    counts = np.zeros(size, np.int64)
    for first in range(0, draws, AT_A_TIME):
        some = rng.integers(0, size, min(AT_A_TIME, draws - first), dtype=np.uint32)
        counts += np.bincount(some, minlength=size)
    return counts


def with_replacement(count: int, size: int, rng: np.random.Generator, owner: Ids | None = None) -> Ids:
    """`count` of `size` things, each drawn anew from all; if there are owners, from all but that of the same number."""
    found = rng.integers(0, size if owner is None else size - 1, count, dtype=np.uint32)
    if owner is not None:
        found += found >= owner
    return found


def rows_without_replacement(rows: int, k: int, size: int, rng: np.random.Generator, *, skip_own: bool) -> Ids:
    """For each row `k` different ones of `size` things, shape (rows, k); with `skip_own` row i has no thing i.

    Each row is the beginning of a shuffle. The next row's goes on from where the last one left the order, which is as
    good as any order to begin with.
    """
    things = size - skip_own
    found = np.empty((rows, k), np.uint32)
    order = np.arange(things, dtype=np.uint32)
    left = things - np.arange(k, dtype=np.int64)
    at_once = max(1, AT_A_TIME // max(k, 1))
    for first in range(0, rows if k else 0, at_once):
        here = found[first : first + at_once]
        ahead = rng.integers(0, left, here.shape, dtype=np.uint32)
        _begin_shuffles(ahead, order, here)
        if skip_own:
            here += here >= np.arange(first, first + len(here), dtype=np.uint32)[:, None]
    return found


@kernel
def _begin_shuffles(ahead: Ids, order: Ids, found: Ids) -> None:
    """Row by row, swap the first entries of `order` with those that lie `ahead` of them, and copy them."""
    for row in range(ahead.shape[0]):
        for i in range(ahead.shape[1]):
            j = i + ahead[row, i]
            order[i], order[j] = order[j], order[i]
            found[row, i] = order[i]


def distinct(count: int, size: int, rng: np.random.Generator) -> Ints:
    """`count` different numbers of 0..size - 1, ascending; every set of them is equally likely.

    They are the first different ones of numbers that are drawn independently; or all but these, if they are many.
    """
    if 2 * count > size:
        kept = np.ones(size, bool)
        kept[distinct(size - count, size, rng)] = False
        return np.flatnonzero(kept)
    parts: list[Ints] = []
    missing = count
    while missing:
        # No more than are missing, so that none has to be left out again, which would need another draw.
        new = rng.integers(0, size, missing)
        new.sort()
        new = new[np.append(True, new[1:] != new[:-1])]
        for part in parts:
            at = np.minimum(np.searchsorted(part, new), len(part) - 1)
            new = new[part[at] != new]
        missing -= len(new)
        if len(new):
            parts.append(new)
    if len(parts) == 1:
        return parts[0]
    found: Ints = np.concatenate([np.zeros(0, np.int64), *parts])
    found.sort()
    return found
