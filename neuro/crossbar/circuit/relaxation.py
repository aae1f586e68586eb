"""`relax`: one set of currents by line relaxation, which solves rows and columns in turn as tridiagonal systems."""

from __future__ import annotations

import numpy as np

from neuro.jit import inner, kernel
from neuro.validation import Floats

__all__ = ["relax"]

# Rows that are solved side by side, so that the processor does not wait for the last result of each.
_ABREAST = 8


@kernel
def relax(
    conductance: Floats, row: float, first: float, column: float, last: float, drive: Floats, max_steps: int
) -> tuple[Floats, Floats, int, float]:
    """Currents into the columns and out of the drivers, A, for these voltages of the drivers, the columns at 0 V.

    With u and w the voltages on rows and columns,  R u = D w + b  and  C w = D u,  D being the devices and R and C
    tridiagonal line by line. Solving the two in turn converges; conjugate gradients on
    (C - D R^-1 D) w = D R^-1 b  with C as preconditioner take the same two line solves a step and far fewer steps.
    Source: M. Hestenes and E. Stiefel, J. Res. NBS 49 (1952) 409.

    Parameters
    ----------
    conductance
        Devices, S, shape (rows, columns).
    row, first, column, last
        Conductances of a row's segment and of its first one, of a column's segment and of its last one, S.
    drive
        V, shape (rows,).
    max_steps
        Largest number of steps.

    Returns
    -------
    tuple
        The currents of columns and of rows; the number of steps, `max_steps` if it did not converge; and the largest
        relative change of a column's current in the last turn.
    """
    rows, columns = conductance.shape
    by_row = _pivots(conductance, row, first, 0.0, True)
    by_column = _pivots(conductance, column, 0.0, last, False)
    u = np.zeros((rows, columns))
    for i in range(rows):
        u[i, 0] = first * drive[i]
    _solve_rows(by_row, row, u)
    residual = conductance * u
    w = np.zeros((rows, columns))
    z = residual.copy()
    _solve_columns(by_column, column, z)
    p = z.copy()
    # C p, which follows from C z = residual without another product.
    cp = residual.copy()
    size = start = _product(residual, z)
    steps = 0
    while size > 1e-32 * start and steps < max_steps:
        for i in range(rows):
            for j in range(columns):
                u[i, j] = conductance[i, j] * p[i, j]
        _solve_rows(by_row, row, u)
        along = 0.0
        for i in range(rows):
            for j in range(columns):
                u[i, j] = cp[i, j] - conductance[i, j] * u[i, j]
                along += p[i, j] * u[i, j]
        if along <= 0:
            break
        pace = size / along
        for i in range(rows):
            for j in range(columns):
                w[i, j] += pace * p[i, j]
                residual[i, j] -= pace * u[i, j]
                z[i, j] = residual[i, j]
        _solve_columns(by_column, column, z)
        before = size
        size = _product(residual, z)
        turn = size / before
        for i in range(rows):
            for j in range(columns):
                p[i, j] = z[i, j] + turn * p[i, j]
                cp[i, j] = residual[i, j] + turn * cp[i, j]
        steps += 1
    taken, change = _last_turn(conductance, row, first, column, drive, by_row, by_column, u, w)
    return last * w[rows - 1], taken, steps, change


@inner
def _last_turn(
    conductance: Floats,
    row: float,
    first: float,
    column: float,
    drive: Floats,
    by_row: Floats,
    by_column: Floats,
    u: Floats,
    w: Floats,
) -> tuple[Floats, float]:
    """One turn of plain relaxation, in place, which damps the rest of the error; `change` estimates the remainder.

    Returns
    -------
    tuple
        The currents of the drivers, A, and the largest relative change of a column's current.
    """
    rows, columns = conductance.shape
    before_last = w[rows - 1].copy()
    for i in range(rows):
        for j in range(columns):
            u[i, j] = conductance[i, j] * w[i, j]
        u[i, 0] += first * drive[i]
    _solve_rows(by_row, row, u)
    for i in range(rows):
        for j in range(columns):
            w[i, j] = conductance[i, j] * u[i, j]
    _solve_columns(by_column, column, w)
    taken = np.zeros(rows)
    for i in range(rows):
        total = through = 0.0
        for j in range(columns):
            total += conductance[i, j]
            through += conductance[i, j] * (u[i, j] - w[i, j])
        # Of the two sums for a driver's current, the one with the smaller terms has more digits.
        taken[i] = through if total < first else first * (drive[i] - u[i, 0])
    change = 0.0
    for j in range(columns):
        if w[rows - 1, j] != 0:
            change = max(change, abs(before_last[j] / w[rows - 1, j] - 1))
    return taken, change


@inner
def _pivots(conductance: Floats, step: float, begin: float, end: float, along: bool) -> Floats:
    """One over the pivots of each row's (or column's) system; pivots are sums, without subtraction."""
    rows, columns = conductance.shape
    inverse = np.zeros((rows, columns))
    # Conductance between the next node of each line and all before it.
    seen = np.full(rows if along else columns, begin)
    for i in range(rows):
        for j in range(columns):
            line = i if along else j
            at_end = j == columns - 1 if along else i == rows - 1
            total = seen[line] + conductance[i, j]
            inverse[i, j] = 1 / (total + (end if at_end else step))
            seen[line] = total * inverse[i, j] * step
    return inverse


@inner
def _solve_columns(inverse: Floats, step: float, x: Floats) -> None:
    """Solve each column's system in place."""
    rows, columns = x.shape
    for i in range(1, rows):
        for j in range(columns):
            x[i, j] += step * inverse[i - 1, j] * x[i - 1, j]
    for j in range(columns):
        x[rows - 1, j] *= inverse[rows - 1, j]
    for i in range(rows - 2, -1, -1):
        for j in range(columns):
            x[i, j] = (x[i, j] + step * x[i + 1, j]) * inverse[i, j]


@inner
def _solve_rows(inverse: Floats, step: float, x: Floats) -> None:
    """Solve each row's system in place."""
    rows, columns = x.shape
    whole = rows - rows % _ABREAST
    for block in range(0, whole, _ABREAST):
        for j in range(1, columns):
            for k in range(_ABREAST):
                x[block + k, j] += step * inverse[block + k, j - 1] * x[block + k, j - 1]
        for k in range(_ABREAST):
            x[block + k, columns - 1] *= inverse[block + k, columns - 1]
        for j in range(columns - 2, -1, -1):
            for k in range(_ABREAST):
                x[block + k, j] = (x[block + k, j] + step * x[block + k, j + 1]) * inverse[block + k, j]
    for i in range(whole, rows):
        for j in range(1, columns):
            x[i, j] += step * inverse[i, j - 1] * x[i, j - 1]
        x[i, columns - 1] *= inverse[i, columns - 1]
        for j in range(columns - 2, -1, -1):
            x[i, j] = (x[i, j] + step * x[i, j + 1]) * inverse[i, j]


@inner
def _product(a: Floats, b: Floats) -> float:
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * b[i, j]
    return total
