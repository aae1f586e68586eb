"""The physical limit: loops that only add the weights of the same spikes into the same targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.bench.networks import Arrays, Wired
from neuro.jit import kernel
from neuro.validation import Floats, Ints

__all__ = ["add_all", "add_rows", "columns_of", "rows_of"]


def rows_of(pre: NDArray[np.int32], size: int) -> Ints:
    """Where the synapses of each of `size` sources begin in a list sorted by source, and where the last ends.

    >>> rows_of(np.array([0, 0, 2], np.int32), 3).tolist()
    [0, 2, 2, 3]
    """
    return np.searchsorted(pre, np.arange(size + 1)).astype(np.int64)


@kernel
def _add_listed(spikes: Ints, first: Ints, post: NDArray[np.uint32], weight: Floats, target: Floats) -> None:
    for source in spikes:
        w = weight[source]
        for p in range(first[source], first[source + 1]):
            target[post[np.uint64(p)]] += w


@kernel
def _add_rows(array: Ints, row: Ints, weight: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    for i in range(len(row)):
        k = array[i]
        values, into = weight[k, row[i]], target[k]
        for j in range(len(into)):
            into[j] += values[j]


def add_all(case: Wired, first: Ints, post: NDArray[np.uint32], spikes: Ints, target: Floats) -> None:
    """Add the weights of every synapse that `spikes` (neurons, in order of time) reach."""
    _add_listed(spikes, first, post, case.row_weight, target)


def columns_of(case: Arrays) -> NDArray[np.float32]:
    """One zero for each column of each array."""
    return np.zeros((case.weight.shape[0], case.weight.shape[2]), np.float32)


def add_rows(case: Arrays, target: NDArray[np.float32]) -> None:
    """Add every row that is driven onto the columns of its array."""
    _add_rows(case.array, case.row, case.weight, target)
