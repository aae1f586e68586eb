"""Lowers projections to rows of synapses: segments of one delay each, with their targets and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.engine.kernels.arrays import BUNDLE, SEGMENT, Records
from neuro.engine.lower.rows import has_one_weight_per_row, row_order, row_starts, sort_into_rows, sort_rows_by_delay
from neuro.network.convolution import Convolution2d, fields_of
from neuro.network.graph import Network, Projection
from neuro.network.listing import delays_of, matrix_of, triplets_of
from neuro.network.neurons import receptors
from neuro.network.synapses import is_matrix
from neuro.validation import Floats, Ints, in_lines

__all__ = ["RowArrays", "lower_projections"]


class RowArrays(NamedTuple):
    """The rows of all projections of a network."""

    arrays: tuple[Ints, Records, Records, NDArray[np.uint32], NDArray[np.float32], NDArray[np.float64]]
    """row, segments, bundles, post, narrow and wide of `Fixed`."""
    weights_at: dict[str, tuple[int, int]]
    """As in `Program`."""
    weight_order: dict[str, Ints]
    """As in `Program`."""


class _Rows(NamedTuple):
    """The synapses of one projection as segments; `first` and `weight_first` count from the projection's own first."""

    source: Ints
    first: Ints
    length: Ints
    weight_first: Ints
    weight_step: int
    post: NDArray[np.uint32]
    weight: NDArray[np.floating]
    delay: float | Floats
    order: Ints | None = None
    """For each place of `weight`, the entry of the flattened matrix; None: the matrix's own order."""
    whole: bool = False
    """Are the targets of a row consecutive neurons, and their weights consecutive entries?"""


def lower_projections(network: Network, offset: Mapping[str, int], total: int) -> RowArrays:
    """The rows of all projections; `offset` has the first neuron of each population, `total` is their number."""
    names = list(network.populations)
    parts: list[tuple[Ints, Records]] = []
    posts: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
    weights: list[NDArray[np.floating]] = []
    weights_at: dict[str, tuple[int, int]] = {}
    weight_order: dict[str, Ints] = {}
    bundles = np.zeros(len(network.projections), BUNDLE)
    n_post = n_weight = 0
    for p, projection in enumerate(network.projections.values()):
        rows = _rows_of(projection, network.seed)
        if is_matrix(projection.synapses):
            weights_at[projection.name] = (n_weight, n_weight + len(rows.weight))
            if rows.order is not None:
                weight_order[projection.name] = rows.order
        taus = receptors(projection.post.model)
        segments = np.zeros(len(rows.source), SEGMENT)
        segments["delay"], segments["projection"] = rows.delay, p
        segments["first"], segments["count"] = n_post + rows.first, rows.length
        segments["weight"] = n_weight + rows.weight_first
        current = sum(tau is not None for tau in taus[: projection.receptor])
        receptor = -1 if taus[projection.receptor] is None else current
        bundles[p] = names.index(projection.post.name), receptor, rows.weight_step, rows.whole
        parts.append((rows.source + offset[projection.pre.name], segments))
        posts.append(rows.post + np.uint32(offset[projection.post.name]))
        weights.append(rows.weight)
        n_post, n_weight = n_post + len(rows.post), n_weight + len(rows.weight)
    source = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
    segments = np.concatenate([np.zeros(0, SEGMENT), *(part[1] for part in parts)])
    row = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=total))]).astype(np.int64)
    single = bool(weights) and all(weight.dtype == np.float32 for weight in weights)
    narrow = np.concatenate([np.zeros(0, np.float32), *(weights if single else ())], dtype=np.float32)
    wide = np.concatenate([np.zeros(0), *(() if single else weights)], dtype=np.float64)
    sorted_ = in_lines(segments.shape, SEGMENT)
    np.take(segments, np.argsort(source, kind="stable"), out=sorted_)
    return RowArrays((row, sorted_, bundles, np.concatenate(posts), narrow, wide), weights_at, weight_order)


def _rows_of(projection: Projection, seed: int) -> _Rows:
    if isinstance(projection.synapses, Convolution2d):
        return _shared_rows(projection, projection.synapses)
    return _matrix_rows(projection, seed) if is_matrix(projection.synapses) else _listed_rows(projection, seed)


def _matrix_rows(projection: Projection, seed: int) -> _Rows:
    """The rows of a matrix. They share one list of targets, unless a row has several delays."""
    n_pre, n_post = projection.pre.size, projection.post.size
    values = matrix_of(projection, seed)
    weight, delay = np.ascontiguousarray(values).ravel(), np.asarray(delays_of(projection, seed))
    sources = np.arange(n_pre if n_post else 0, dtype=np.int64)
    if delay.ndim == 0 or n_post == 0 or np.all(delay == delay[:, :1]):
        return _Rows(
            source=sources,
            first=np.zeros_like(sources),
            length=np.full_like(sources, n_post),
            weight_first=sources * n_post,
            weight_step=1,
            post=np.arange(n_post, dtype=np.uint32),
            weight=weight,
            delay=float(delay) if delay.ndim == 0 else delay[:, 0] if n_post else 0.0,
            whole=True,
        )
    order = sort_rows_by_delay(np.arange(n_pre * n_post, dtype=np.int64), delay.ravel(), np.arange(n_pre + 1) * n_post)
    source, lag = np.repeat(sources, n_post), delay.ravel()[order]
    return _in_segments(source, (order % n_post).astype(np.uint32), weight[order], lag, order)


def _listed_rows(projection: Projection, seed: int) -> _Rows:
    """Single synapses sorted into rows. Equal weights are kept once, for the projection or for each row."""
    n_pre, n_post = projection.pre.size, projection.post.size
    pre, post, weight = listed = triplets_of(projection, seed)
    lags = delays_of(projection, seed, listed)
    start = row_starts(pre, n_pre)
    count = np.diff(start)
    if np.ndim(lags):
        delay = np.asarray(lags)
        sorted_ = sort_rows_by_delay(row_order(pre, post, n_pre, n_post).astype(np.int64), delay, start)
        kept = weight if len(weight) == 1 else weight[sorted_]
        return _in_segments(pre[sorted_].astype(np.int64), post[sorted_].astype(np.uint32), kept, delay[sorted_], None)
    post, weight = sort_into_rows(pre, post, weight, start, n_post)
    source = np.flatnonzero(count).astype(np.int64)
    step, weight_first = 1, start[source]
    if len(weight) == 1:
        step, weight_first = 0, np.zeros(len(source), np.int64)
    elif has_one_weight_per_row(weight, start):
        step, weight_first = 0, np.arange(len(source), dtype=np.int64)
        weight = weight[start[source]]
    lag = float(lags)
    return _Rows(source, start[source], count[source], weight_first, step, post, weight, lag)


def _shared_rows(projection: Projection, convolution: Convolution2d) -> _Rows:
    """The rows of a convolution, which share lists of targets and weights."""
    rows = fields_of(convolution)
    source = np.flatnonzero(rows.length).astype(np.int64)
    first, length, weight_first = rows.first[source], rows.length[source], rows.weight_first[source]
    return _Rows(source, first, length, weight_first, 1, rows.post, rows.weight, float(projection.delay))  # type: ignore[arg-type]


def _in_segments(
    source: Ints, post: NDArray[np.uint32], weight: NDArray[np.floating], delay: Floats, order: Ints | None
) -> _Rows:
    """Segments of synapses that are sorted by source and delay; one begins where either changes."""
    begins = np.ones(len(source), bool)
    begins[1:] = (source[1:] != source[:-1]) | (delay[1:] != delay[:-1])
    first = np.flatnonzero(begins).astype(np.int64)
    length = np.diff(np.append(first, len(source))).astype(np.int64)
    shared = len(weight) == 1
    weight_first = np.zeros(len(first), np.int64) if shared else first
    return _Rows(source[first], first, length, weight_first, 0 if shared else 1, post, weight, delay[first], order)
