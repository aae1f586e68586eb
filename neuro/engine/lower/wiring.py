"""Lowers projections to rows of synapses: segments of one delay each, with their targets and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.engine.codes import REAL_LAGS
from neuro.engine.kernels.arrays import BUNDLE, SEGMENT, Records, in_lines
from neuro.engine.lower.currents import Part, parts_of
from neuro.engine.lower.delays import Rows, rows_by_delay
from neuro.engine.lower.rows import has_one_weight_per_row, row_order, row_starts, sort_into_rows, sort_rows_by_delay
from neuro.network.convolution import Convolution2d, fields_of
from neuro.network.graph import Network, Projection
from neuro.network.listing import delays_of, matrix_of, triplets_of
from neuro.network.synapses import is_matrix
from neuro.validation import Ints

__all__ = ["RowArrays", "lower_projections"]


class RowArrays(NamedTuple):
    """The rows of all projections of a network."""

    arrays: dict[str, NDArray[Any]]
    """row, segments, bundles, post, narrow, wide, lag, lag_code and lag_value of `Fixed`."""
    weights_at: dict[str, tuple[int, int]]
    """As in `Program`."""
    weight_order: dict[str, Ints]
    """As in `Program`."""
    owner: Ints
    """As in `Program`."""
    copies: dict[str, list[tuple[int, float]]]
    """As in `Program`."""


def lower_projections(network: Network, offset: Mapping[str, int], total: int, windows: bool = True) -> RowArrays:
    """The rows of all projections; `offset` has the first neuron of each population, `total` is their number.

    An input that adds to several currents of its target has rows for each. They have their targets and delays in
    common, and weights of their own. Those of the first currents come first, in the order of the projections.
    """
    names, parts_by = list(network.populations), [parts_of(p.post, p.receptor) for p in network.projections.values()]
    owner = [*range(len(parts_by)), *(p for p, each in enumerate(parts_by) for _ in each[1:])]
    copies: dict[str, list[tuple[int, float]]] = {}
    more = len(parts_by)
    parts: list[tuple[Ints, Records]] = []
    posts: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
    weights: list[NDArray[np.floating]] = []
    weights_at: dict[str, tuple[int, int]] = {}
    weight_order: dict[str, Ints] = {}
    bundles = np.zeros(len(owner), BUNDLE)
    lags: dict[str, list[NDArray[Any]]] = {"lag": [], "lag_code": [], "lag_value": []}
    n_post = n_weight = 0
    for p, projection in enumerate(network.projections.values()):
        rows = _rows_of(projection, network.seed, windows)
        places = [p, *range(more, more + len(parts_by[p]) - 1)]
        more += len(places) - 1
        if is_matrix(projection.synapses):
            weights_at[projection.name] = (n_weight, n_weight + len(rows.weight))
            if rows.order is not None:
                weight_order[projection.name] = rows.order
            if parts_by[p] != [Part(parts_by[p][0].current, 1.0)]:
                begins = (n_weight + k * len(rows.weight) for k in range(len(places)))
                copies[projection.name] = [(at, part.factor) for at, part in zip(begins, parts_by[p], strict=True)]
        segments = np.zeros(len(rows.source), SEGMENT)
        segments["delay"] = rows.delay
        segments["first"], segments["count"] = n_post + rows.first, rows.length
        bundle = bundles[p]
        bundle["group"] = names.index(projection.post.name)
        bundle["step"], bundle["whole"], bundle["lags"] = rows.weight_step, rows.whole, rows.lags
        if rows.lags:
            kind = "lag" if rows.lags == REAL_LAGS else "lag_code"
            bundle["lag_at"] = sum(map(len, lags[kind])) - n_post
            bundle["lag_table"] = sum(map(len, lags["lag_value"]))
            for name, parts_ in lags.items():
                found = getattr(rows, name)
                if found is not None:
                    parts_.append(found)
        bundles[places] = bundle
        for place, part in zip(places, parts_by[p], strict=True):
            own = segments.copy()
            own["projection"], own["weight"] = place, n_weight + rows.weight_first
            bundles["receptor"][place] = part.current
            parts.append((rows.source + offset[projection.pre.name], own))
            weights.append(rows.weight if part.factor == 1.0 else rows.weight.astype(np.float64) * part.factor)
            n_weight += len(rows.weight)
        posts.append(rows.post + np.uint32(offset[projection.post.name]))
        n_post += len(rows.post)
    source = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
    segments = np.concatenate([np.zeros(0, SEGMENT), *(part[1] for part in parts)])
    if windows and np.any(segments["delay"] <= 0.0):
        # With a delay of zero there are no windows, and each segment has one delay.
        return lower_projections(network, offset, total, windows=False)
    row = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=total))]).astype(np.int64)
    single = bool(weights) and all(weight.dtype == np.float32 for weight in weights)
    narrow = np.concatenate([np.zeros(0, np.float32), *(weights if single else ())], dtype=np.float32)
    wide = np.concatenate([np.zeros(0), *(() if single else weights)], dtype=np.float64)
    sorted_ = in_lines(segments.shape, SEGMENT)
    np.take(segments, np.argsort(source, kind="stable"), out=sorted_)
    arrays = {"row": row, "segments": sorted_, "bundles": bundles, "post": _joined(posts, np.uint32)}
    arrays |= {"narrow": narrow, "wide": wide, "lag_value": _joined(lags["lag_value"], np.float64)}
    # Kernels read eight at a time, up to seven beyond the last.
    arrays["lag"] = _joined([*lags["lag"], np.zeros(8)], np.float64)
    arrays["lag_code"] = _joined([*lags["lag_code"], np.zeros(8, np.uint16)], np.uint16)
    return RowArrays(arrays, weights_at, weight_order, np.array(owner, np.int64), copies)


def _joined(parts: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    """The parts one after the other; they are given up one by one, so that not all are held twice."""
    whole, at = np.empty(sum(map(len, parts)), dtype), 0
    parts.reverse()
    while parts:
        part = parts.pop()
        whole[at : at + len(part)] = part
        at += len(part)
    return whole


def _rows_of(projection: Projection, seed: int, windows: bool) -> Rows:
    if isinstance(projection.synapses, Convolution2d):
        return _shared_rows(projection, projection.synapses)
    if is_matrix(projection.synapses):
        return _matrix_rows(projection, seed, windows)
    return _listed_rows(projection, seed, windows)


def _matrix_rows(projection: Projection, seed: int, windows: bool) -> Rows:
    """The rows of a matrix. They share one list of targets, unless a row has several delays."""
    n_pre, n_post = projection.pre.size, projection.post.size
    values = matrix_of(projection, seed)
    weight, delay = np.ascontiguousarray(values).ravel(), np.asarray(delays_of(projection, seed))
    sources = np.arange(n_pre if n_post else 0, dtype=np.int64)
    if delay.ndim == 0 or n_post == 0 or np.all(delay == delay[:, :1]):
        return Rows(
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
    order, start = np.arange(n_pre * n_post, dtype=np.int64), np.arange(n_pre + 1, dtype=np.int64) * n_post
    sort_rows_by_delay(order, np.require(delay.ravel(), requirements=["C", "W"]), start)
    lag = delay.ravel()[order]
    return rows_by_delay(start, (order % n_post).astype(np.uint32), weight[order], lag, order, windows)


def _listed_rows(projection: Projection, seed: int, windows: bool) -> Rows:
    """Single synapses sorted into rows. Equal weights are kept once, for the projection or for each row."""
    n_pre, n_post = projection.pre.size, projection.post.size
    pre, post, weight = listed = triplets_of(projection, seed)
    lags = delays_of(projection, seed, listed)
    start = row_starts(pre, n_pre)
    count = np.diff(start)
    if np.ndim(lags):
        delay, order = np.require(lags, np.float64, requirements=["C", "W"]), row_order(pre, post, n_pre, n_post)
        sort_rows_by_delay(order, delay, start)
        kept = np.require(weight if len(weight) == 1 else weight[order], requirements=["C", "W"])
        return rows_by_delay(start, post[order].astype(np.uint32, copy=False), kept, delay[order], None, windows)
    post, weight = sort_into_rows(pre, post, weight, start, n_post)
    source = np.flatnonzero(count).astype(np.int64)
    step, weight_first = 1, start[source]
    if len(weight) == 1:
        step, weight_first = 0, np.zeros(len(source), np.int64)
    elif has_one_weight_per_row(weight, start):
        step, weight_first = 0, np.arange(len(source), dtype=np.int64)
        weight = weight[start[source]]
    lag = float(lags)
    return Rows(source, start[source], count[source], weight_first, step, post, weight, lag)


def _shared_rows(projection: Projection, convolution: Convolution2d) -> Rows:
    """The rows of a convolution, which share lists of targets and weights."""
    rows = fields_of(convolution)
    source = np.flatnonzero(rows.length).astype(np.int64)
    first, length, weight_first = rows.first[source], rows.length[source], rows.weight_first[source]
    return Rows(source, first, length, weight_first, 1, rows.post, rows.weight, float(projection.delay))  # type: ignore[arg-type]
