"""Lists of synapses sorted into rows: by source neuron, and within a row by target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel

__all__ = ["by_delay", "in_rows", "one_weight_a_row", "row_order"]


@kernel
def in_rows(pre: NDArray[np.int64], post: NDArray[np.int64]) -> bool:
    """Is the list sorted by (pre, post) already?"""
    for i in range(1, len(pre)):
        if pre[i - 1] > pre[i] or (pre[i - 1] == pre[i] and post[i - 1] > post[i]):
            return False
    return True


@kernel
def row_order(pre: NDArray[np.int64], post: NDArray[np.int64], n_pre: int, n_post: int) -> NDArray[np.uint32]:
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
def one_weight_a_row(weight: NDArray[np.floating], start: NDArray[np.int64]) -> bool:
    """Do all synapses of each source have one weight? Then one number per row will do."""
    for row in range(len(start) - 1):
        for i in range(start[row] + 1, start[row + 1]):
            if weight[i] != weight[start[row]]:
                return False
    return True


@kernel
def by_delay(order: NDArray[np.int64], delay: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """`order`, which is sorted into rows, with each row sorted by delay; equal delays stay in their order."""
    sorted_ = np.empty_like(order)
    for row in range(len(start) - 1):
        mine = order[start[row] : start[row + 1]]
        sorted_[start[row] : start[row + 1]] = mine[np.argsort(delay[mine], kind="mergesort")]
    return sorted_
