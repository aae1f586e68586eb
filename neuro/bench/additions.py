"""Loops that only add the weights of the same spikes to the same targets: the physical limit of any engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.bench.networks import CrossbarCase, ListedCase
from neuro.jit import kernel
from neuro.validation import Floats, Ints

__all__ = ["add_array_rows", "add_synapses", "first_synapses", "zero_columns"]


def first_synapses(pre: NDArray[np.int32], size: int) -> Ints:
    """First synapse of each of `size` sources in a list sorted by source, and one past the last synapse.

    >>> first_synapses(np.array([0, 0, 2], np.int32), 3).tolist()
    [0, 2, 2, 3]
    """
    return np.searchsorted(pre, np.arange(size + 1)).astype(np.int64)


@kernel
def _add_synapses(spikes: Ints, first: Ints, post: NDArray[np.uint32], weight: Floats, target: Floats) -> None:
    for source in spikes:
        w = weight[source]
        for p in range(first[source], first[source + 1]):
            target[post[np.uint64(p)]] += w


@kernel
def _add_array_rows(array: Ints, row: Ints, weight: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    for i in range(len(row)):
        k = array[i]
        values, into = weight[k, row[i]], target[k]
        for j in range(len(into)):
            into[j] += values[j]


def add_synapses(case: ListedCase, first: Ints, post: NDArray[np.uint32], spikes: Ints, target: Floats) -> None:
    """Add the weights of every synapse that `spikes` (neurons, in order of time) reach."""
    _add_synapses(spikes, first, post, case.row_weight, target)


def zero_columns(case: CrossbarCase) -> NDArray[np.float32]:
    """One zero for each column of each array."""
    return np.zeros((case.weight.shape[0], case.weight.shape[2]), np.float32)


def add_array_rows(case: CrossbarCase, target: NDArray[np.float32]) -> None:
    """Add every row that is driven onto the columns of its array."""
    _add_array_rows(case.array, case.row, case.weight, target)
