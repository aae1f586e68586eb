"""The synapses of a program as rows for the kernels of the gradient, in an order that leads back to the one given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.engine.lower.program import Program
from neuro.gradients.kernels.arrays import Wires
from neuro.network.convolution import Convolution2d
from neuro.network.graph import Projection
from neuro.network.listing import delays_of, matrix_of, triplets_of
from neuro.network.neurons import receptors
from neuro.network.synapses import is_matrix
from neuro.validation import Floats, Ints

__all__ = ["Bundle", "Wiring", "wiring_of"]


@dataclass(frozen=True)
class Bundle:
    """Where the synapses of one projection are."""

    first: int
    """Place of its first weight."""
    count: int
    shape: tuple[int, ...]
    """Of its gradients: (pre, post) for a matrix, (synapses,) for a list."""
    order: Ints | None
    """The number of each synapse as it was given; None: they are in that order."""

    def given(self, values: Floats) -> Floats:
        """The values of this projection, in the order in which its synapses were given."""
        own = values[self.first : self.first + self.count]
        if self.order is None:
            return own.reshape(self.shape).copy()
        found = np.empty(self.count)
        found[self.order] = own
        return found


@dataclass(frozen=True)
class Wiring:
    """The synapses of all projections."""

    wires: Wires
    bundles: dict[str, Bundle]
    at_once: bool
    """Is any delay zero?"""
    jumps: bool
    """Does any input change v itself?"""

    def with_weights(self, program: Program) -> Wires:
        """The wires with the weights of a program of the same network."""
        weight = self.wires.weight.copy()
        for name, (first, last) in program.weights_at.items():
            own, order = program.fixed.weight[first:last], program.weight_order.get(name)
            begin = self.bundles[name].first
            if order is None:
                weight[begin : begin + last - first] = own
            else:
                weight[begin + order] = own
        return self.wires._replace(weight=weight)


def wiring_of(program: Program) -> Wiring:
    """The synapses of a program.

    Raises
    ------
    WeightError, UnsupportedFeature
        As `build`.
    """
    network, offset = program.network, program.offset
    sources: list[Ints] = [np.zeros(0, np.int64)]
    parts: dict[str, list[NDArray[Any]]] = {name: [np.zeros(0, kind)] for name, kind in _KINDS.items()}
    sizes = {"post": 0, "lag": 0, "weight": 0}
    bundles: dict[str, Bundle] = {}
    for name, projection in network.projections.items():
        rows = _rows_of(projection, network.seed)
        count = len(rows["source"])
        mode = _mode_of(projection)
        segments = {
            "first": rows["first"] + sizes["post"],
            "length": rows["count"],
            "mode": np.full(count, mode, np.int64),
            "weight_at": rows["begin"] + sizes["weight"],
            "lag_at": np.full(count, -1) if rows["lag"] is None else rows["begin"] + sizes["lag"],
            "delay": np.full(count, rows["delay"]),
            "span": np.full(count, _span_of(program, projection)),
            "post": rows["post"].astype(np.uint32) + np.uint32(offset[projection.post.name]),
            "lag": np.zeros(0) if rows["lag"] is None else rows["lag"],
            "weight": rows["weight"],
        }
        bundles[name] = Bundle(sizes["weight"], len(rows["weight"]), rows["shape"], rows["order"])
        sources.append(rows["source"] + offset[projection.pre.name])
        for key, values in segments.items():
            parts[key].append(values.astype(_KINDS[key], copy=False))
        for key in sizes:
            sizes[key] += len(segments[key])
    source = np.concatenate(sources)
    by_source = np.argsort(source, kind="stable")
    arrays = {key: np.concatenate(values) for key, values in parts.items()}
    for key in ("first", "length", "mode", "weight_at", "lag_at", "delay", "span"):
        arrays[key] = arrays[key][by_source]
    row = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=program.size))]).astype(np.int64)
    zero = bool(np.any(arrays["delay"][arrays["lag_at"] < 0] == 0.0) or np.any(arrays["lag"] == 0.0))
    if zero:
        # Which spike of an instant caused which is found one by one.
        arrays["span"][:] = 0.0
    return Wiring(Wires(row=row, **arrays), bundles, zero, bool(np.any(arrays["mode"] < 0)))


_KINDS: dict[str, Any] = {
    **dict.fromkeys(("first", "length", "mode", "weight_at", "lag_at"), np.int64),
    **dict.fromkeys(("delay", "span", "lag", "weight"), np.float64),
    "post": np.uint32,
}


def _span_of(program: Program, projection: Projection) -> float:
    """Length of the windows of a projection's inputs, s; zero if its targets differ, or if rounding would grow."""
    tau = receptors(projection.post.model)[projection.receptor]
    leak = np.asarray(program.of("leak", program.slice(projection.post.name)))
    if tau is None or not leak.size:
        return 0.0
    rate = 1.0 / np.asarray(tau, np.float64)
    if np.ptp(rate) != 0.0 or np.ptp(leak) != 0.0:
        return 0.0
    most, apart = max(float(leak.flat[0]), float(rate.flat[0])), abs(float(leak.flat[0]) - float(rate.flat[0]))
    return LARGEST / most if apart > APART * most else 0.0


LARGEST, APART = 20.0, 0.1
"""Largest exponent in a window; and the least difference of the rates of v and a current, in relation to them."""


def _mode_of(projection: Projection) -> int:
    """The number of the current that a projection adds to; -1 for v itself."""
    taus = receptors(projection.post.model)
    if taus[projection.receptor] is None:
        return -1
    return sum(tau is not None for tau in taus[: projection.receptor])


def _rows_of(projection: Projection, seed: int) -> dict[str, Any]:
    """The rows of one projection; `begin` is the place of a row's weights, `first` that of its targets."""
    n_pre, n_post = int(projection.pre.size), int(projection.post.size)
    if is_matrix(projection.synapses):
        weight = np.asarray(matrix_of(projection, seed), np.float64).ravel()
        delay = np.asarray(delays_of(projection, seed))
        source = np.arange(n_pre if n_post else 0, dtype=np.int64)
        return {
            "source": source,
            "first": np.zeros_like(source),
            "count": np.full_like(source, n_post),
            "begin": source * n_post,
            "post": np.arange(n_post),
            "weight": weight,
            "lag": None if delay.ndim == 0 else np.ascontiguousarray(delay, np.float64).ravel(),
            "delay": float(delay) if delay.ndim == 0 else 0.0,
            "order": None,
            "shape": (n_pre, n_post),
        }
    listed = triplets_of(projection, seed)
    pre = listed.pre.astype(np.int64)
    order = np.argsort(pre, kind="stable")
    drawn = not isinstance(projection.synapses, Convolution2d)
    lags = np.asarray(delays_of(projection, seed, listed) if drawn else projection.delay)
    count = np.bincount(pre, minlength=n_pre)
    source = np.flatnonzero(count).astype(np.int64)
    begin = np.cumsum(count)[source] - count[source]
    return {
        "source": source,
        "first": begin,
        "count": count[source],
        "begin": begin,
        "post": listed.post[order],
        "weight": np.broadcast_to(np.asarray(listed.weight, np.float64), pre.shape)[order],
        "lag": None if lags.ndim == 0 else np.ascontiguousarray(lags[order], np.float64),
        "delay": float(lags) if lags.ndim == 0 else 0.0,
        "order": order,
        "shape": (len(pre),),
    }
