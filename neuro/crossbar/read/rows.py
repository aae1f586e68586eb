"""Kernels that read single rows, one after the other, and add them to the columns."""

from __future__ import annotations

import numpy as np

from neuro.jit import kernel
from neuro.validation import Floats, Ints

__all__ = ["add_noisy_rows", "add_rows"]


@kernel
def add_rows(target: Floats, weights: Floats, rows: Ints) -> None:
    """Add row after row of `weights`, shape (rows, columns), to `target`, shape (columns,)."""
    for k in range(rows.size):
        row = rows[k]
        for j in range(target.size):
            target[j] += weights[row, j]


@kernel
def add_noisy_rows(target: Floats, weights: Floats, deviation: Floats, rows: Ints, rng: np.random.Generator) -> None:
    """The same with a normal of its own for each column of each read, times `deviation`, shaped as the weights.

    The normals are taken from `rng` in the order of the reads: however these are grouped, they get the same.
    """
    for k in range(rows.size):
        row = rows[k]
        for j in range(target.size):
            target[j] += weights[row, j] + deviation[row, j] * rng.standard_normal()
