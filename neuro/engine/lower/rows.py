"""Sorting of synapse lists into rows: by source neuron, and within a row by target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.validation import Ints

__all__ = [
    "count_runs",
    "few_values",
    "has_one_weight_per_row",
    "is_in_rows",
    "places_of",
    "row_order",
    "row_starts",
    "sort_into_rows",
    "sort_rows_by_delay",
]

Ids = NDArray[np.uint32]
Weights = NDArray[np.floating]

FEW = 2**14
"""Sorting can write to this many places at a time with few cache misses."""
BUCKETS = 2**8
"""Keys above `FEW` are first sorted into at most this many buckets."""


@kernel
def is_in_rows(pre: Ids, post: Ids) -> bool:
    """Is the list already sorted by (pre, post)?"""
    for i in range(1, len(pre)):
        if pre[i - 1] > pre[i] or (pre[i - 1] == pre[i] and post[i - 1] > post[i]):
            return False
    return True


@kernel
def row_order(pre: Ids, post: Ids, n_pre: int, n_post: int) -> Ids:
    """The stable order by (pre, post): two counting sorts, linear in the number of synapses."""
    n = len(pre)
    place = np.zeros(n_post + 1, np.int64)
    for i in range(n):
        place[post[i] + 1] += 1
    for i in range(n_post):
        place[i + 1] += place[i]
    by_post = np.empty(n, np.uint32)
    for i in range(n):
        by_post[place[post[i]]] = i
        place[post[i]] += 1
    start = np.zeros(n_pre + 1, np.int64)
    for i in range(n):
        start[pre[i] + 1] += 1
    for i in range(n_pre):
        start[i + 1] += start[i]
    order = np.empty(n, np.uint32)
    for k in range(n):
        i = by_post[k]
        order[start[pre[i]]] = i
        start[pre[i]] += 1
    return order


@kernel
def has_one_weight_per_row(weight: Weights, start: Ints) -> bool:
    """Do all synapses of a source have the same weight, for every source?"""
    for row in range(len(start) - 1):
        for i in range(start[row] + 1, start[row + 1]):
            if weight[i] != weight[start[row]]:
                return False
    return True


@kernel
def row_starts(pre: Ids, size: int) -> Ints:
    """The first synapse of each of `size` sources in a list sorted by source; one more entry is the list's end."""
    start = np.zeros(size + 1, np.int64)
    for i in range(len(pre)):
        start[pre[i] + 1] += 1
    for i in range(size):
        start[i + 1] += start[i]
    return start


@kernel
def _ascending(ids: Ids) -> bool:
    for i in range(1, len(ids)):
        if ids[i - 1] > ids[i]:
            return False
    return True


@kernel
def _scatter(
    key: Ids, shift: int, value: Ids, weight: Weights, place: Ints, keys: Ids, values: Ids, weights: Weights
) -> None:
    """Copy each entry to the next place of its bucket key >> shift, in order; empty outputs are not written."""
    with_key, with_weight = len(keys) > 0, len(weights) > 0
    for i in range(len(key)):
        bucket = key[i] >> shift
        p = place[bucket]
        place[bucket] = p + 1
        values[p] = value[i]
        if with_key:
            keys[p] = key[i]
        if with_weight:
            weights[p] = weight[i]


def _sort_by(key: Ids, value: Ids, weight: Weights, start: Ints) -> tuple[Ids, Weights]:
    """Values and weights in the order of their keys, stable; a single weight stays single.

    Many keys are first sorted into a few buckets, so that the caches can hold all places that are written to.
    """
    n, size = len(key), len(start) - 1
    has_weights = len(weight) == n
    no_keys: Ids = np.empty(0, np.uint32)
    no_weights: Weights = np.empty(0, weight.dtype)
    if size > FEW:
        shift = (size // BUCKETS).bit_length()
        keys, values = np.empty(n, np.uint32), np.empty(n, np.uint32)
        weights = np.empty(n, weight.dtype) if has_weights else no_weights
        _scatter(key, shift, value, weight, start[: -1 : 1 << shift].copy(), keys, values, weights)
        key, value, weight = keys, values, weights if has_weights else weight
    sorted_values = np.empty(n, np.uint32)
    sorted_weights = np.empty(n, weight.dtype) if has_weights else no_weights
    _scatter(key, 0, value, weight, start[:-1].copy(), no_keys, sorted_values, sorted_weights)
    return sorted_values, sorted_weights if has_weights else weight


def sort_into_rows(pre: Ids, post: Ids, weight: Weights, start: Ints, n_post: int) -> tuple[Ids, Weights]:
    """Targets and weights sorted by (pre, post), stable, where `start` is ``row_starts(pre, ...)``.

    Takes at most two counting sorts, linear in the number of synapses; one where `post` ascends, as in `FixedIndegree`.
    """
    if is_in_rows(pre, post):
        return post, weight
    # Numba would compile the kernels again for arrays that are read-only or have gaps.
    weight = np.require(weight, requirements=["C", "W"])
    if not _ascending(post):
        by_post = row_starts(post, n_post)
        pre, weight = _sort_by(post, pre, weight, by_post)
        post = np.repeat(np.arange(n_post, dtype=np.uint32), np.diff(by_post))
    return _sort_by(pre, post, weight, start)


@kernel
def sort_rows_by_delay(order: NDArray[Any], delay: NDArray[np.float64], start: NDArray[np.int64]) -> None:
    """Sort each row of `order` by delay, in place, stable; row i is order[start[i] : start[i + 1]]."""
    longest = 0
    for row in range(len(start) - 1):
        longest = max(longest, start[row + 1] - start[row])
    key, other_key = np.empty(longest), np.empty(longest)
    value, other = np.empty(longest, order.dtype), np.empty(longest, order.dtype)
    for row in range(len(start) - 1):
        first, n = start[row], start[row + 1] - start[row]
        for i in range(n):
            value[i] = order[first + i]
            key[i] = delay[value[i]]
        width = 1
        while width < n:
            for begin in range(0, n, 2 * width):
                i, middle = begin, min(begin + width, n)
                j, stop = middle, min(begin + 2 * width, n)
                for k in range(begin, stop):
                    if i < middle and (j >= stop or key[i] <= key[j]):
                        other_key[k], other[k] = key[i], value[i]
                        i += 1
                    else:
                        other_key[k], other[k] = key[j], value[j]
                        j += 1
            key, other_key, value, other = other_key, key, other, value
            width *= 2
        for i in range(n):
            order[first + i] = value[i]


@kernel
def count_runs(value: NDArray[np.float64], start: NDArray[np.int64]) -> int:
    """How many runs of equal neighbours the rows of a list have."""
    runs = 0
    for row in range(len(start) - 1):
        for i in range(start[row], start[row + 1]):
            if i == start[row] or value[i] != value[i - 1]:
                runs += 1
    return runs


@kernel
def few_values(value: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """The distinct values of an array, ascending; empty if there are more than `most`. No value is below zero."""
    size = 1
    while size < 4 * most:
        size *= 2
    table, found, n = np.full(size, -1.0), np.empty(most), 0
    words = value.view(np.uint64)
    for i in range(len(value)):
        at = np.int64((words[i] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & (size - 1)
        while table[at] >= 0.0 and table[at] != value[i]:
            at = (at + 1) & (size - 1)
        if table[at] < 0.0:
            if n == most:
                return np.empty(0)
            table[at] = found[n] = value[i]
            n += 1
    return np.sort(found[:n])


@kernel
def places_of(value: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.uint16]:
    """The place of each value in a list of distinct values, ascending."""
    found = np.empty(len(value), np.uint16)
    for i in range(len(value)):
        a, b = 0, len(values)
        while b - a > 1:
            middle = (a + b) // 2
            if values[middle] <= value[i]:
                a = middle
            else:
                b = middle
        found[i] = a
    return found
