"""Lists of synapses sorted into rows: by source neuron, and within a row by target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.validation import Ints

__all__ = ["by_delay", "in_rows", "into_rows", "one_weight_a_row", "row_order", "row_starts"]

Ids = NDArray[np.uint32]
Weights = NDArray[np.floating]

FEW = 2**14
"""Sorting writes to this many places at a time without missing the cache each time, or nearly so."""
BUCKETS = 2**8
"""More keys are sorted into at most this many buckets first."""


@kernel
def in_rows(pre: Ids, post: Ids) -> bool:
    """Is the list sorted by (pre, post) already?"""
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
def one_weight_a_row(weight: Weights, start: Ints) -> bool:
    """Do all synapses of each source have one weight? Then one number per row will do."""
    for row in range(len(start) - 1):
        for i in range(start[row] + 1, start[row + 1]):
            if weight[i] != weight[start[row]]:
                return False
    return True


@kernel
def row_starts(pre: Ids, size: int) -> Ints:
    """Where the synapses of each of `size` sources begin in a list sorted by source; the last entry is its end."""
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
    """Put everything where `place` has room for its key >> shift, in order; empty outputs are left alone."""
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
    """Values and weights in the order of their keys, stable; a single weight stays one.

    Many keys are first put into a few buckets, so that all writes go to places that the caches can hold.
    """
    n, size = len(key), len(start) - 1
    each = len(weight) == n
    nothing: Ids = np.empty(0, np.uint32)
    none: Weights = np.empty(0, weight.dtype)
    if size > FEW:
        shift = (size // BUCKETS).bit_length()
        keys, values = np.empty(n, np.uint32), np.empty(n, np.uint32)
        weights = np.empty(n, weight.dtype) if each else none
        _scatter(key, shift, value, weight, start[: -1 : 1 << shift].copy(), keys, values, weights)
        key, value, weight = keys, values, weights if each else weight
    moved = np.empty(n, np.uint32)
    carried = np.empty(n, weight.dtype) if each else none
    _scatter(key, 0, value, weight, start[:-1].copy(), nothing, moved, carried)
    return moved, carried if each else weight


def into_rows(pre: Ids, post: Ids, weight: Weights, start: Ints, n_post: int) -> tuple[Ids, Weights]:
    """Targets and weights sorted by (pre, post), stable, where `start` is ``row_starts(pre, ...)``.

    At most two counting sorts, linear in the number of synapses; one, where `post` ascends as in a drawn in-degree.
    """
    if in_rows(pre, post):
        return post, weight
    # Kernels are compiled anew for arrays that are read-only or have gaps.
    weight = np.require(weight, requirements=["C", "W"])
    if not _ascending(post):
        by_post = row_starts(post, n_post)
        pre, weight = _sort_by(post, pre, weight, by_post)
        post = np.repeat(np.arange(n_post, dtype=np.uint32), np.diff(by_post))
    return _sort_by(pre, post, weight, start)


def by_delay(order: NDArray[np.int64], delay: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """`order`, which is sorted into rows, with each row sorted by delay; equal delays stay in their order."""
    sorted_ = np.empty_like(order)
    for row in range(len(start) - 1):
        mine = order[start[row] : start[row + 1]]
        sorted_[start[row] : start[row + 1]] = mine[np.argsort(delay[mine], kind="mergesort")]
    return sorted_
