"""Layouts to begin with: along curves, in rows, and by the two slowest modes of the traffic between parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.mapping.layout.nets import Flows
from neuro.validation import Floats, Ints

__all__ = ["ASSIGNED", "hilbert", "rows", "snake", "spectral"]


ASSIGNED = 1200
"""Places up to which parts get theirs by linear assignment."""
FORBIDDEN = 1e9
"""Cost of a place that cannot hold a part."""


def rows(width: int, height: int) -> Ints:
    """Tiles row by row, x fastest.

    >>> rows(2, 2).tolist()
    [0, 1, 2, 3]
    """
    return np.arange(width * height)


def snake(width: int, height: int) -> Ints:
    """Tiles row by row, every other row backwards.

    >>> snake(2, 2).tolist()
    [0, 1, 3, 2]
    """
    grid = np.arange(width * height).reshape(height, width)
    grid[1::2] = grid[1::2, ::-1]
    return grid.ravel()


def hilbert(width: int, height: int) -> Ints:
    """Tiles along the Hilbert curve of the smallest square of side 2^k that holds the mesh, those outside left out.

    >>> hilbert(2, 2).tolist()
    [0, 2, 3, 1]
    """
    side = 1
    while side < max(width, height):
        side *= 2
    step = np.arange(side * side)
    x, y = np.zeros_like(step), np.zeros_like(step)
    left, size = step.copy(), 1
    while size < side:
        right = (left // 2) & 1
        up = (left ^ right) & 1
        turned = up == 0
        flipped = turned & (right == 1)
        x[flipped], y[flipped] = size - 1 - x[flipped], size - 1 - y[flipped]
        x[turned], y[turned] = y[turned], x[turned]
        x += size * right
        y += size * up
        left //= 4
        size *= 2
    inside = (x < width) & (y < height)
    return y[inside] * width + x[inside]


def spectral(flows: Flows, places: Ints, xy: Ints, rounds: int = 300, holds: NDArray[np.bool_] | None = None) -> Ints:
    """A place for each part, from the two slowest modes of the traffic between parts, by linear assignment.

    The modes come from plain power iteration of a fixed number of rounds, summed in a fixed order: a library's
    eigenvectors differ between machines in the last bits.

    Parameters
    ----------
    flows
        Spikes between parts.
    places
        Places that may be taken, at least as many as parts.
    xy
        Mesh place of each place of the chip, shape (cores, 2).
    rounds
        Rounds of the power iteration.
    holds
        Whether each place can hold each part, shape (parts, places), for up to `ASSIGNED` places; None: all can.

    Examples
    --------
    >>> from neuro.mapping.layout.nets import flows_between
    >>> line = flows_between(np.array([0, 1]), np.array([2, 2]), np.ones(2), 3)
    >>> place = spectral(line, np.arange(3), np.array([[0, 0], [1, 0], [2, 0]]))
    >>> int(place[2])
    1
    """
    parts = len(flows.start) - 1
    modes = _modes(flows.start, flows.part, flows.spikes, rounds)
    position = xy[places].astype(np.float64)
    goals = np.empty((parts, 2))
    longer = int(np.ptp(position[:, 1]) > np.ptp(position[:, 0]))
    for mode, axis in enumerate((longer, 1 - longer)):
        order = np.argsort(modes[mode], kind="stable")
        taken = np.sort(position[:, axis])
        goals[order, axis] = taken[(np.arange(parts) * len(places)) // parts]
    if len(places) <= ASSIGNED:
        from scipy.optimize import linear_sum_assignment

        cost = ((goals[:, None, :] - position[None, :, :]) ** 2).sum(axis=2)
        if holds is not None:
            cost[~holds] = FORBIDDEN
        part, place = linear_sum_assignment(cost)
        found = np.empty(parts, np.int64)
        found[part] = places[place]
        return found
    # Too many for an assignment: parts go to columns by one mode, and to places of a column by the other.
    by_column: Any = np.lexsort((position[:, 1 - longer], position[:, longer]))
    found = np.empty(parts, np.int64)
    by_first = np.argsort(goals[:, longer], kind="stable")
    lines = position[by_column, longer]
    used = 0
    for line in np.unique(lines):
        column = places[by_column[lines == line]]
        share = by_first[used : used + len(column)]
        found[share[np.argsort(modes[1][share], kind="stable")]] = column[: len(share)]
        used += len(share)
    return found


@kernel
def _modes(start: Ints, part: Ints, spikes: Floats, rounds: int) -> Floats:
    """The two slowest non-constant modes of the diffusion of spikes between parts, (2, parts)."""
    n = start.size - 1
    degree = np.zeros(n)
    for p in range(n):
        for k in range(start[p], start[p + 1]):
            degree[p] += spikes[k]
        degree[p] = max(degree[p], 1e-300)
    modes = np.zeros((2, n))
    for p in range(n):
        modes[0, p] = p - 0.5 * n
        modes[1, p] = (p * 7919) % n - 0.5 * n
    new = np.zeros(n)
    total = degree.sum()
    for _ in range(rounds):
        for m in range(2):
            for p in range(n):
                pull = 0.0
                for k in range(start[p], start[p + 1]):
                    pull += spikes[k] * modes[m, part[k]]
                new[p] = 0.5 * modes[m, p] + 0.5 * pull / degree[p]
            mean = 0.0
            for p in range(n):
                mean += degree[p] * new[p]
            for p in range(n):
                new[p] -= mean / total
            if m == 1:
                over, own = 0.0, 0.0
                for p in range(n):
                    over += degree[p] * new[p] * modes[0, p]
                    own += degree[p] * modes[0, p] * modes[0, p]
                for p in range(n):
                    new[p] -= over / max(own, 1e-300) * modes[0, p]
            norm = 0.0
            for p in range(n):
                norm += degree[p] * new[p] * new[p]
            norm = np.sqrt(norm)
            for p in range(n):
                modes[m, p] = new[p] / norm if norm > 1e-200 else 0.0
    return modes
