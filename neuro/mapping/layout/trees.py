"""Multicast trees in closed form: the links of a spike's XY tree, and their change with a destination."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import highest_bit, inner, lowest_bit

__all__ = ["NONE", "ONE", "Words", "bit", "links_change", "span", "tree_links"]

Words = NDArray[np.uint64]
ONE, NONE = np.uint64(1), np.uint64(0)


@inner
def bit(place: int) -> np.uint64:
    """The word with one bit set."""
    return ONE << np.uint64(place)


@inner
def span(word: np.uint64, root: int) -> int:
    """Length of the shortest stretch of a line that holds `root` and all places whose bit is set; 0 for none."""
    if word == NONE:
        return 0
    return max(root, highest_bit(word)) - min(root, lowest_bit(word))


@inner
def tree_links(columns: Words, used: np.uint64, x0: int, y0: int) -> int:
    """Links of the XY tree from (x0, y0) to all places set in `columns`; bit x of `used` says that column x has any.

    The tree first runs along the row of its source to every column in use, then up and down each of these: so it
    has span(used columns, x0) links along x and, in each column, span(its places, y0) along y.
    """
    links = span(used, x0)
    left = used
    while left != NONE:
        links += span(columns[lowest_bit(left)], y0)
        left &= left - ONE
    return links


@inner
def links_change(
    columns: Words, used: np.uint64, x0: int, y0: int, out: bool, xa: int, ya: int, into: bool, xb: int, yb: int
) -> int:
    """The growth of the tree in links if (xa, ya) leaves its destinations (`out`) and (xb, yb) joins (`into`)."""
    if out and into and xa == xb:
        before = columns[xa]
        now = (before & ~bit(ya)) | bit(yb)
        return span(now, y0) - span(before, y0)
    links = 0
    after = used
    if out:
        before = columns[xa]
        now = before & ~bit(ya)
        links += span(now, y0) - span(before, y0)
        if now == NONE:
            after &= ~bit(xa)
    if into:
        before = columns[xb]
        links += span(before | bit(yb), y0) - span(before, y0)
        after |= bit(xb)
    if after != used:
        links += span(after, x0) - span(used, x0)
    return links
