"""Synapses with delays of their own: as segments of one delay each, or as rows sorted by delay."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.engine.codes import CODED_LAGS, REAL_LAGS
from neuro.engine.lower.rows import count_runs, few_values, has_one_weight_per_row, places_of
from neuro.validation import Floats, Ints

__all__ = ["Rows", "rows_by_delay"]

FEW_DELAYS = 2**16
"""With at most so many distinct delays, a synapse has the place of its delay among them."""
LONG_SEGMENT = 8
"""Segments are used if they have, in the mean, as many synapses, or if each row has one delay.

An arrival of a few synapses at once costs less than as many that come one by one, above all where none has to. A
segment takes 32 bytes, so that a synapse takes 4 at the most beside its target and weight."""


class Rows(NamedTuple):
    """The synapses of one projection as segments; `first` and `weight_first` count from the projection's own first."""

    source: Ints
    first: Ints
    length: Ints
    weight_first: Ints
    weight_step: int
    post: NDArray[np.uint32]
    weight: NDArray[np.floating]
    delay: float | Floats
    """One for all, or the shortest of each segment, s."""
    order: Ints | None = None
    """For each place of `weight`, the entry of the flattened matrix; None: the matrix's own order."""
    whole: bool = False
    """Are the targets of a row consecutive neurons, and their weights consecutive entries?"""
    lags: int = 0
    """A `Lags`."""
    lag: Floats | None = None
    """For real lags, the delay of each synapse, s."""
    lag_code: NDArray[np.uint16] | None = None
    """For coded lags, its place in `lag_value`."""
    lag_value: Floats | None = None


def rows_by_delay(
    start: Ints,
    post: NDArray[np.uint32],
    weight: NDArray[np.floating],
    delay: Floats,
    order: Ints | None,
    windows: bool,
) -> Rows:
    """Rows of synapses that are sorted by source and delay; row i is start[i] : start[i + 1].

    Without `windows`, a network with delays of zero, all rows are segments.
    """
    count = np.diff(start)
    source, shared = np.flatnonzero(count).astype(np.int64), len(weight) == 1 and len(post) != 1
    segments = count_runs(delay, start)
    if not windows or segments <= max(len(source), len(post) // LONG_SEGMENT):
        begins = np.zeros(len(post), bool)
        begins[1:] = delay[1:] != delay[:-1]
        begins[start[source]] = True
        first = np.flatnonzero(begins).astype(np.int64)
        length = np.diff(np.append(first, len(post))).astype(np.int64)
        owner = (np.searchsorted(start, first, side="right") - 1).astype(np.int64)
        weight_first = np.zeros(len(first), np.int64) if shared else first
        return Rows(owner, first, length, weight_first, 0 if shared else 1, post, weight, delay[first], order)
    first, step = start[source], 1
    weight_first = first
    if shared:
        step, weight_first = 0, np.zeros(len(source), np.int64)
    elif order is None and has_one_weight_per_row(weight, start):
        step, weight_first, weight = 0, np.arange(len(source), dtype=np.int64), weight[first]
    rows = Rows(source, first, count[source], weight_first, step, post, weight, delay[first], order)
    values = few_values(delay, FEW_DELAYS)
    if len(values):
        return rows._replace(lags=CODED_LAGS, lag_code=places_of(delay, values), lag_value=values)
    return rows._replace(lags=REAL_LAGS, lag=delay)
