"""Classical associative memories for comparison: Hebb, the pseudo-inverse, and the nearest template."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neuro.validation import Floats, finite

__all__ = ["hebb", "nearest", "pseudo_inverse", "settle_signs"]


def hebb(patterns: ArrayLike) -> Floats:
    """W = 1/N sum of s s^T without its diagonal, for patterns of +-1, shape (patterns, N). Hopfield 1982.

    >>> hebb([[1, -1]]).tolist()
    [[0.0, -0.5], [-0.5, 0.0]]
    """
    s = finite(patterns, "patterns")
    weights = s.T @ s / s.shape[1]
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def pseudo_inverse(patterns: ArrayLike) -> Floats:
    """The projection onto the patterns without its diagonal, (N, N). Personnaz, Guyon and Dreyfus 1985.

    >>> pseudo_inverse([[1, -1]]).round(12).tolist()
    [[0.0, -0.5], [-0.5, 0.0]]
    """
    s = finite(patterns, "patterns")
    weights = np.linalg.pinv(s) @ s
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def settle_signs(weights: ArrayLike, cues: ArrayLike, rng: np.random.Generator, sweeps: int = 50) -> Floats:
    """Hopfield's dynamics: neurons take the sign of their input one after the other, in random order.

    Parameters
    ----------
    weights
        (N, N); input of neuron i is sum_j s_j W_ji.
    cues
        Starting states of +-1, shape (trials, N).
    rng
        Draws the order of each sweep; all trials share it.
    sweeps
        At most so many; fewer where nothing changes any more.

    >>> settle_signs(hebb([[1, -1, 1]]), [[1, -1, -1]], np.random.default_rng(0)).tolist()
    [[1.0, -1.0, 1.0]]
    """
    w, state = finite(weights, "weights"), finite(cues, "cues").copy()
    for _ in range(sweeps):
        before = state.copy()
        for i in rng.permutation(w.shape[0]):
            drive = state @ w[:, i]
            state[:, i] = np.where(drive == 0.0, state[:, i], np.sign(drive))
        if np.array_equal(before, state):
            break
    return state


def nearest(patterns: ArrayLike, cues: ArrayLike) -> Floats:
    """The stored pattern with the fewest differing entries, for each cue; the first one if several are equal.

    For independent flips with one probability this is the best any memory can do.

    >>> nearest([[1, 1], [-1, -1]], [[1, 1]]).tolist()
    [[1.0, 1.0]]
    """
    s = finite(patterns, "patterns")
    return np.asarray(s[np.argmax(finite(cues, "cues") @ s.T, axis=1)])
