"""Takes du/dt = A u apart into exponentials: what an input or a spike adds to v's drive as a sum of decaying modes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuro.errors import ParameterError
from neuro.validation import Floats, frozen, seconds

__all__ = ["Modes", "modes_of"]

MOST_CANCELLED = 1e6
"""The modes of an input may be so many times larger than their sum: six of sixteen digits cancel."""
ROUNDING = 64 * np.finfo(np.float64).eps
"""Relative size below which a sum of products is nothing but rounding."""
REAL = 1e-3
"""Imaginary parts smaller than this, relative, come from equal eigenvalues and rounding."""


class Modes(NamedTuple):
    """The drive c . u as a sum of x_k with dx_k/dt = -rate_k x_k, each of which an input or a spike adds to."""

    rate: Floats
    """Decay rates, 1/s, shape (modes,)."""
    gain: Floats
    """What an input of weight 1 adds to x_k, shape (modes, receptors)."""
    jump: Floats
    """What an own spike adds to x_k, shape (modes,)."""


def modes_of(matrix: Floats, readout: Floats, inputs: Floats, jump: Floats, where: str) -> Modes:
    """The modes of du/dt = matrix u that reach v through readout . u.

    With matrix = P diag(-rate) P^-1, an input b adds (readout P)_k (P^-1 b)_k to x_k.

    Parameters
    ----------
    matrix
        Shape (states, states), 1/s.
    readout
        Shape (states,).
    inputs
        What an input of weight 1 adds to u, shape (states, receptors).
    jump
        What an own spike adds to u, shape (states,).
    where
        What the matrix is called in errors.

    Raises
    ------
    ParameterError
        If an eigenvalue is complex or not below zero, or if two are so close that the digits of their modes cancel.

    >>> modes_of(np.diag([-200.0, -10.0]), np.array([1.0, -1.0]), np.eye(2), np.array([0.0, 0.5]), "m").jump.tolist()
    [0.0, -0.5]
    """
    values, vectors = np.linalg.eig(matrix)
    if np.any(values.imag):
        apart = np.abs(values.imag) <= REAL * np.abs(values)
        raise _too_close(values.real, where) if np.all(apart) else _complex(values, where)
    values, vectors = values.real, vectors.real  # since NumPy 2.5 complex in any case
    if values.max() >= 0.0:
        raise ParameterError(
            "the eigenvalues must lie below zero, for internal states decay",
            where=where,
            value=_listed(values),
            remedy="Give each state a decay rate, -1/tau, on the diagonal. A constant drive is `bias`",
        )
    seconds(-1.0 / values, f"{where}, -1 / eigenvalues")
    try:
        inverse = np.linalg.inv(vectors)
    except np.linalg.LinAlgError:
        raise _too_close(values, where) from None
    pushes = np.column_stack([inputs, jump])
    seen = readout @ vectors
    # Where inputs do not excite a mode, or v does not see it, rounding must not make a current of it.
    size, reach = np.abs(vectors).T @ np.abs(readout), np.abs(inverse) @ np.abs(pushes)
    found = seen[:, None] * np.linalg.solve(vectors, pushes)
    found[np.abs(found) <= ROUNDING * size[:, None] * reach] = 0.0
    _refuse_cancelling(values, found, where)
    kept = np.any(found != 0.0, axis=1)
    rate, gains = -values[kept], found[kept]
    return Modes(frozen(rate), frozen(gains[:, :-1].copy()), frozen(gains[:, -1].copy()))


def _refuse_cancelling(values: Floats, found: Floats, where: str) -> None:
    """Refuse modes that are much larger than their sum ever is."""
    rate = -values
    times = np.append(0.0, np.geomspace(1e-2 / rate.max(), 10.0 / rate.min(), 200))
    sums = np.abs(np.exp(-np.outer(times, rate)) @ found).max(axis=0)
    if np.any(np.abs(found).sum(axis=0) > MOST_CANCELLED * sums):
        raise _too_close(values, where)


def _too_close(values: Floats, where: str) -> ParameterError:
    return ParameterError(
        "two eigenvalues are equal or nearly so, and their states act on each other: such a matrix cannot be taken "
        "apart into exponentials",
        where=where,
        value=_listed(values),
        remedy="Move one of the decay rates by a thousandth of itself; the response changes by about as much",
    )


def _complex(values: Floats, where: str) -> ParameterError:
    return ParameterError(
        "the eigenvalues must be real: states that oscillate are not taken, for the engine's search for the threshold "
        "rests on modes that decay",
        where=where,
        value=_listed(values),
        remedy="Weaken the couplings by which states act on each other in a loop, or give them one sign",
    )


def _listed(values: Floats) -> str:
    return "eigenvalues " + ", ".join(f"{value:.12g}" for value in values.tolist()) + " 1/s"
