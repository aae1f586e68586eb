"""Outer products written by coincident pulses: stochastic or deterministic trains on rows and columns."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from neuro.errors import UnknownName
from neuro.memory import require_memory
from neuro.validation import Floats, Ints

__all__ = ["TRAINS", "Coincidences", "Trains", "coincidences"]

Trains = Literal["stochastic", "deterministic"]
TRAINS: tuple[Trains, ...] = ("stochastic", "deterministic")


class Coincidences(NamedTuple):
    """Pulses that meet at each pair."""

    pulses: Ints
    """Signed by the product of the signs of row and column, shape (rows, columns)."""
    clipped: int
    """Lines whose train was too short for their pulses, so that they fired in every slot."""


def coincidences(
    rows: Floats, columns: Floats, gain: float, length: int, trains: Trains, rng: np.random.Generator
) -> Coincidences:
    """The pulses that meet at each pair; their mean is  gain rows_i columns_j.

    Every line fires in a share of the `length` slots of a train: p_i = a |rows_i|, q_j = b |columns_j| with
    a b length = gain, and a : b such that the busiest row and the busiest column are equally busy; shares above 1
    are cut to 1. A cell gets a pulse in each slot in which both of its lines fire. `stochastic`: each slot of each
    line is drawn independently (Gokmen and Vlasov, Front. Neurosci. 10, 333, 2016). `deterministic`: a row fires in
    its first slots, a column in as many, distributed evenly over the train in bit-reversed order. The count differs
    from the product by log2(length) at most and the same product always gives the same pulses.

    Parameters
    ----------
    rows, columns
        Factors of the outer product, shape (rows,) and (columns,).
    gain
        Pulses for a product of 1.
    length
        Slots of a train.

    Raises
    ------
    UnknownName
        If there are no such trains.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> coincidences(np.array([1.0, -0.5]), np.array([0.5, 0.0]), 8.0, 16, "deterministic", rng).pulses
    array([[ 4,  0],
           [-2,  0]])
    """
    if not isinstance(trains, str) or trains not in TRAINS:
        raise UnknownName("kind of trains", trains, TRAINS)
    signs = np.sign(rows)[:, None] * np.sign(columns)[None, :]
    rows, columns = np.abs(rows), np.abs(columns)
    top = float(rows.max(initial=0.0)), float(columns.max(initial=0.0))
    if top[0] == 0.0 or top[1] == 0.0 or gain == 0.0:
        return Coincidences(np.zeros(signs.shape, dtype=np.int64), 0)
    require_memory(9.0 * length * (rows.size + columns.size), "length", value=f"trains of {length:,} slots")
    unit = np.sqrt(abs(gain) / length)
    shares = unit * np.sqrt(top[1] / top[0]) * rows, unit * np.sqrt(top[0] / top[1]) * columns
    clipped = int(sum(np.count_nonzero(share > 1.0) for share in shares))
    p, q = (np.minimum(share, 1.0) for share in shares)
    if trains == "stochastic":
        on = rng.random((length, p.size)) < p, rng.random((length, q.size)) < q
    else:
        slots = np.arange(length)
        on = slots[:, None] < np.rint(length * p), _reversed(length)[:, None] < np.rint(length * q)
    met = on[0].T.astype(np.float64) @ on[1].astype(np.float64)
    return Coincidences((np.sign(gain) * signs * met).astype(np.int64), clipped)


def _reversed(length: int) -> Ints:
    """The rank of each slot in the order of its reversed bits."""
    bits = max(int(length - 1).bit_length(), 1)
    slots = np.arange(length)
    reversed_bits = sum((slots >> k & 1) << (bits - 1 - k) for k in range(bits))
    return np.argsort(np.argsort(reversed_bits))
