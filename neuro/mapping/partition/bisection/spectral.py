"""Parts by spectral bisection of a joined graph: along its slowest mode, for networks that are laid out in space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inner, kernel
from neuro.mapping.partition.hypergraph import Hypergraph, Weights
from neuro.mapping.partition.tables import Parts
from neuro.mapping.random import RandomState, next_uniform
from neuro.mapping.traffic import Ids
from neuro.validation import Ints

__all__ = ["neighbours", "spectral", "spectral_work"]

Matrix = NDArray[np.float64]

CLOSE = 0.5
"""Two vertices are neighbours where they share at least so much of what one of them shares with its closest one."""
DISTANT = 1e-6
"""What others count."""
STEPS = 12
"""Steps of inverse iteration towards the slowest mode."""
SHIFT = 1e-8
"""Added to the diagonal, in degrees, so that the matrix has an inverse."""
FLOPS = 8
"""Entries of a row that are subtracted in the time in which an entry of a table is touched."""


def spectral(near: Matrix, size: Weights, room: Ints, random: RandomState) -> Parts:
    """Part of each vertex, shape (vertices,), by how near they are to each other; parts may be beyond their room.

    Recursive bisection by the second eigenvector of the normalized Laplacian (Shi, Malik, IEEE TPAMI 22, 888, 2000).
    """
    part = np.zeros(len(size), np.int32)
    _bisect(near, size, np.arange(len(size)), room, 0, part, random)
    return part


def neighbours(graph: Hypergraph, into: Ids, size: Weights) -> Matrix:
    """How near the vertices are that those of `graph` become part of, by `into`, shape (vertices, vertices).

    `size` is the number of neurons of each. Two vertices share the sum over nets of weight * pins of one * pins of the
    other / pins^2; they are near by what they share / sqrt(size of one * size of the other).
    """
    return _nearness(_shared(graph, into, len(size)), size)


def spectral_work(graph: Hypergraph, vertices: int, tries: int) -> int:
    """About the work for `neighbours` and so many times `spectral`, in entries of tables touched."""
    pins = np.minimum(np.diff(graph.start), vertices)
    return int((pins**2).sum()) + tries * vertices**3 // (3 * FLOPS)


def _bisect(
    near: Matrix, size: Weights, chosen: Ints, room: Ints, first: int, part: Parts, random: RandomState
) -> None:
    """Set the parts of the chosen vertices, from `first` on, shape (vertices,)."""
    parts = len(room)
    if parts == 1 or len(chosen) < 2:
        part[chosen] = first
        return
    half = parts // 2
    order = chosen[np.argsort(_slowest(near, chosen, random), kind="stable")]
    total = np.cumsum(size[order].astype(np.int64))
    share = total[-1] * int(room[:half].sum()) / int(room.sum())
    cut = min(max(int(np.searchsorted(total - size[order] / 2, share)), 1), len(order) - 1)
    _bisect(near, size, order[:cut], room[:half], first, part, random)
    _bisect(near, size, order[cut:], room[half:], first + half, part, random)


@kernel
def _shared(graph: Hypergraph, into: Ids, count: int) -> Matrix:
    """What each two vertices share, shape (vertices, vertices)."""
    shared = np.zeros((count, count))
    pins, found = np.zeros(count, np.int64), np.empty(count, np.int64)
    for e in range(len(graph.weight)):
        many = 0
        all_pins = graph.start[e + 1] - graph.start[e]
        for k in range(graph.start[e], graph.start[e + 1]):
            v = into[graph.pin[k]]
            if pins[v] == 0:
                found[many] = v
                many += 1
            pins[v] += 1
        for i in range(many):
            u = found[i]
            each = float(graph.weight[e]) * float(pins[u]) / (float(all_pins) * float(all_pins))
            for j in range(many):
                shared[u, found[j]] += each * float(pins[found[j]])
        for i in range(many):
            pins[found[i]] = 0
    return shared


@kernel
def _nearness(shared: Matrix, size: Weights) -> Matrix:
    """What neighbours share by their sizes, and a little of what others do, shape (vertices, vertices)."""
    n = len(size)
    near, most = np.zeros((n, n)), np.zeros(n)
    for u in range(n):
        for v in range(n):
            if u != v:
                near[u, v] = shared[u, v] / np.sqrt(float(size[u]) * float(size[v]))
                most[u] = max(most[u], near[u, v])
    for u in range(n):
        for v in range(n):
            if near[u, v] < CLOSE * max(most[u], most[v]):
                near[u, v] *= DISTANT
    return near


@kernel
def _slowest(near: Matrix, chosen: Ints, random: RandomState) -> NDArray[np.float64]:
    """The slowest mode of a walk among the chosen vertices, shape (chosen,): inverse iteration from a random vector."""
    n = len(chosen)
    matrix, degree = np.empty((n, n)), np.zeros(n)
    for i in range(n):
        for j in range(n):
            matrix[i, j] = -near[chosen[i], chosen[j]]
            degree[i] -= matrix[i, j]
    total = 0.0
    for i in range(n):
        total += degree[i]
    for i in range(n):
        degree[i] += 1e-9 * total / n + 1e-12
        matrix[i, i] += degree[i] * (1.0 + SHIFT)
    _factor(matrix)
    mode = np.empty(n)
    for i in range(n):
        mode[i] = next_uniform(random)
    for _ in range(STEPS):
        mean, all_degrees, largest = 0.0, 0.0, 0.0
        for i in range(n):
            mean += degree[i] * mode[i]
            all_degrees += degree[i]
        for i in range(n):
            mode[i] -= mean / all_degrees
            largest = max(largest, abs(mode[i]))
        for i in range(n):
            mode[i] *= degree[i] / max(largest, 1e-300)
        _solve(matrix, mode)
    return mode


@inner
def _factor(matrix: Matrix) -> None:
    """The factor U of U^T D^-1 U = matrix, with D the diagonal of U, in the place of the upper triangle."""
    n = len(matrix)
    for k in range(n):
        for i in range(k + 1, n):
            by = matrix[k, i] / matrix[k, k]
            for j in range(i, n):
                matrix[i, j] -= by * matrix[k, j]


@inner
def _solve(factor: Matrix, x: NDArray[np.float64]) -> None:
    """Solve for the right side x, in place."""
    n = len(x)
    for k in range(n):
        by = x[k] / factor[k, k]
        for j in range(k + 1, n):
            x[j] -= by * factor[k, j]
    for k in range(n - 1, -1, -1):
        rest = x[k]
        for j in range(k + 1, n):
            rest -= factor[k, j] * x[j]
        x[k] = rest / factor[k, k]
