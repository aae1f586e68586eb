"""Classical associative memories for comparison: Hebb, Storkey, the pseudo-inverse, and the nearest template."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import ParameterError
from neuro.validation import Floats, finite, instance, whole_number

__all__ = ["hebb", "nearest", "pseudo_inverse", "settle_signs", "storkey"]


def hebb(patterns: ArrayLike) -> Floats:
    """W = 1/N sum of s s^T without its diagonal, for patterns of +-1, shape (patterns, N). Hopfield 1982.

    >>> hebb([[1, -1]]).tolist()
    [[0.0, -0.5], [-0.5, 0.0]]
    """
    s = _table(patterns, "patterns")
    weights = s.T @ s / s.shape[1]
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def pseudo_inverse(patterns: ArrayLike) -> Floats:
    """The projection onto the patterns without its diagonal, (N, N). Personnaz, Guyon and Dreyfus 1985.

    >>> pseudo_inverse([[1, -1]]).round(12).tolist()
    [[0.0, -0.5], [-0.5, 0.0]]
    """
    s = _table(patterns, "patterns")
    weights = np.linalg.pinv(s) @ s
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def storkey(patterns: ArrayLike) -> Floats:
    """Storkey's local rule, (N, N), one pattern s after the other: W += (s_i s_j - s_i h_ji - h_ij s_j) / N, i != j.

    h_ij = sum over k other than i and j of W_ik s_k, before the pattern. Source: Storkey, ICANN 1997.

    >>> storkey([[1, -1]]).tolist()
    [[0.0, -0.5], [-0.5, 0.0]]
    """
    table = _table(patterns, "patterns")
    size = table.shape[1]
    weights = np.zeros((size, size))
    for s in table:
        # The diagonal is zero, so that only k = j has to be taken out of the sum.
        field = (weights @ s)[:, None] - weights * s
        weights += (np.outer(s, s) - s[:, None] * field.T - field * s) / size
        np.fill_diagonal(weights, 0.0)
    return weights


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
    w, state = _table(weights, "weights"), _table(cues, "cues").copy()
    if w.shape != (state.shape[1],) * 2:
        rule = "weights must have one row and one column for each entry of a cue"
        raise ParameterError(rule, where="weights", value=f"shapes {w.shape} and {state.shape}")
    whole_number(sweeps, "sweeps")
    instance(rng, "rng", np.random.Generator, "a numpy.random.Generator")
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
    s = _table(patterns, "patterns")
    given = _table(cues, "cues")
    if given.shape[1] != s.shape[1]:
        rule = "patterns and cues must have the same length"
        raise ParameterError(rule, where="cues", value=f"shapes {s.shape} and {given.shape}")
    return np.asarray(s[np.argmax(given @ s.T, axis=1)])


def _table(value: ArrayLike, where: str) -> Floats:
    """`value` as an array of two axes with at least one entry."""
    array = finite(value, where)
    if array.ndim != 2 or not array.size:
        raise ParameterError("must have two axes, and an entry", where=where, value=f"shape {array.shape}")
    return array
