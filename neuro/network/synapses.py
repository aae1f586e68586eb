"""Descriptions of synapses (`Dense`, `Sparse`, ...), and the weights or single synapses that each stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import NetworkError, NeuroError, UnsupportedFeature, WeightError
from neuro.memory import require_memory
from neuro.network.convolution import Convolution2d, fields_of
from neuro.validation import Floats, Ints, finite, narrow, number, numbers, positive, whole_number

__all__ = [
    "AllToAll",
    "Dense",
    "FixedIndegree",
    "FixedProbability",
    "MatrixSynapses",
    "OneToOne",
    "Sparse",
    "Synapses",
    "Triplets",
    "is_matrix",
    "matrix",
    "triplets",
]

LEAST_BYTES = 8
"""A synapse takes at least so many bytes: a target and a weight, or the weight of a matrix."""
MOST = 2**32
"""Most sources that a neuron draws."""


@dataclass(frozen=True, eq=False)
class Sparse:
    """Single synapses, given as index arrays; the same pair may occur more than once.

    >>> Sparse([0, 0, 2], [1, 1, 0], 0.5).weight
    0.5
    """

    pre: ArrayLike
    """Source neuron of each synapse, shape (synapses,)."""
    post: ArrayLike
    """Target neuron of each synapse, shape (synapses,)."""
    weight: ArrayLike
    """A number, or one weight per synapse, units of the target's v."""

    def __post_init__(self) -> None:
        pre, post = (numbers(getattr(self, key), f"Sparse.{key}", error=WeightError) for key in ("pre", "post"))
        if pre.ndim != 1 or pre.shape != post.shape:
            rule = "pre and post must be flat and of one length"
            raise WeightError(rule, where="Sparse", value=f"shapes {pre.shape} and {post.shape}")
        _per_synapse(self.weight, len(pre), "Sparse", numbers)


@dataclass(frozen=True, eq=False)
class Dense:
    """A full matrix of weights, (pre, post).

    >>> Dense([[0.0, 1.0]]).weight
    [[0.0, 1.0]]
    """

    weight: ArrayLike
    """Weights, shape (pre, post), units of the target's v."""

    def __post_init__(self) -> None:
        shape = numbers(self.weight, "Dense.weight", error=WeightError).shape
        if len(shape) != 2:
            raise WeightError("weights must have shape (pre, post)", where="Dense.weight", value=f"shape {shape}")


@dataclass(frozen=True, eq=False)
class OneToOne:
    """Neuron i of the source onto neuron i of the target."""

    weight: ArrayLike
    """A number, or one weight per neuron."""

    def __post_init__(self) -> None:
        shape = numbers(self.weight, "OneToOne.weight", error=WeightError).shape
        if len(shape) > 1:
            rule = "weight must be one number, or one for each neuron"
            raise WeightError(rule, where="OneToOne.weight", value=f"shape {shape}")


@dataclass(frozen=True, eq=False)
class AllToAll:
    """Every source neuron onto every target neuron, with one weight."""

    weight: float
    """The weight of every synapse."""

    def __post_init__(self) -> None:
        number(self.weight, "AllToAll.weight", error=WeightError)


@dataclass(frozen=True, eq=False)
class FixedProbability:
    """Each pair is connected with probability `p`, independently."""

    p: float
    """Probability of a synapse, 0..1."""
    weight: float
    """The weight of every synapse."""

    def __post_init__(self) -> None:
        p = number(self.p, "FixedProbability.p", check=positive, zero=True, error=WeightError)
        if p > 1:
            raise WeightError("a probability must lie in 0..1", where="FixedProbability.p", value=p)
        number(self.weight, "FixedProbability.weight", error=WeightError)


@dataclass(frozen=True, eq=False)
class FixedIndegree:
    """Each target neuron draws `k` sources, with replacement."""

    k: int
    """Synapses per target neuron."""
    weight: float
    """The weight of every synapse."""

    def __post_init__(self) -> None:
        whole_number(self.k, "FixedIndegree.k", most=MOST)
        number(self.weight, "FixedIndegree.weight", error=WeightError)


@runtime_checkable
class MatrixSynapses(Protocol):
    """A crossbar: an array of devices whose weights are read row by row."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def effective_weights(self) -> Floats: ...


Synapses = Sparse | Dense | OneToOne | AllToAll | FixedProbability | FixedIndegree | Convolution2d | MatrixSynapses


class Triplets(NamedTuple):
    """Synapses as parallel arrays; `weight` has one entry for all, or one per synapse."""

    pre: NDArray[np.uint32]
    post: NDArray[np.uint32]
    weight: NDArray[np.floating]


def is_matrix(synapses: Synapses) -> bool:
    """Are these synapses stored as whole rows rather than one by one?"""
    return isinstance(synapses, Dense | AllToAll) or (
        not isinstance(synapses, Sparse | OneToOne | FixedProbability | FixedIndegree | Convolution2d)
        and isinstance(synapses, MatrixSynapses)
    )


def matrix(synapses: Synapses, shape: tuple[int, int], where: str) -> NDArray[np.floating]:
    """The weights of matrix synapses, (pre, post); float32 stays float32.

    Raises
    ------
    UnsupportedFeature
        If they are a crossbar whose reads have noise or drift.
    WeightError
        If the matrix does not have one row per source and one column per target neuron, or is not finite.
    """
    if isinstance(synapses, AllToAll):
        _require_memory(shape[0] * shape[1], where)
        return np.full(shape, _number(synapses.weight, f"{where}, weight"))
    if getattr(synapses, "fluctuates", False):
        raise UnsupportedFeature(
            "a program has one matrix of weights, and this crossbar's reads have noise or drift",
            where=where,
            remedy="Connect `crossbar.snapshot(at=...)`, one frozen draw, or leave these out of its Reading",
        )
    raw = synapses.weight if isinstance(synapses, Dense) else synapses.effective_weights()  # type: ignore[union-attr]
    found = np.shape(raw)
    if found != shape:
        raise WeightError(f"weights must have shape (pre, post) = {shape}", where=where, value=found)
    return _floats(raw, f"{where}, weight")


def triplets(synapses: Synapses, shape: tuple[int, int], rng: np.random.Generator, where: str) -> Triplets:
    """The single synapses that a description stands for, drawn from `rng` where it is random.

    Raises
    ------
    WeightError
        If ids or weights do not fit the populations.
    """
    n_pre, n_post = shape
    if isinstance(synapses, Sparse):
        pre = narrow(synapses.pre, n_pre, f"{where}, pre", error=WeightError)
        post = narrow(synapses.post, n_post, f"{where}, post", error=WeightError)
        if len(pre) != len(post):
            raise WeightError("pre and post must have one length", where=where, value=f"{len(pre)} and {len(post)}")
        return Triplets(pre, post, _per_synapse(synapses.weight, len(pre), where))
    if isinstance(synapses, OneToOne):
        if n_pre != n_post:
            raise WeightError(
                "one-to-one synapses need populations of one size", where=where, value=f"{n_pre} and {n_post}"
            )
        each = np.arange(n_pre, dtype=np.uint32)
        return Triplets(each, each, _per_synapse(synapses.weight, n_pre, where))
    if isinstance(synapses, FixedIndegree):
        k = int(synapses.k)
        _require_memory(k * n_post, where)
        post = np.repeat(np.arange(n_post, dtype=np.uint32), k if n_pre else 0)
        pre = rng.integers(0, max(n_pre, 1), len(post), dtype=np.uint32)
        return Triplets(pre, post, _number(synapses.weight, f"{where}, weight")[None])
    if isinstance(synapses, FixedProbability):
        p = float(synapses.p)
        _require_memory(p * n_pre * n_post, where)
        pairs = _bernoulli(n_pre * n_post, p, rng)
        counts = np.diff(np.searchsorted(pairs, n_post * np.arange(n_pre + 1)))
        pre = np.repeat(np.arange(n_pre, dtype=np.uint32), counts)
        pairs -= np.repeat(n_post * np.arange(n_pre), counts)
        post = pairs.astype(np.uint32)
        return Triplets(pre, post, _number(synapses.weight, f"{where}, weight")[None])
    if isinstance(synapses, Convolution2d):
        rows = fields_of(synapses)
        pre = np.repeat(np.arange(n_pre), rows.length)
        place = np.arange(len(pre)) - np.repeat(np.cumsum(rows.length) - rows.length, rows.length)
        post = rows.post[np.repeat(rows.first, rows.length) + place].astype(np.int64)
        return Triplets(pre, post, rows.weight[np.repeat(rows.weight_first, rows.length) + place])
    raise TypeError(f"{type(synapses).__name__} is a matrix, not a list of synapses")


def _bernoulli(count: int, p: float, rng: np.random.Generator) -> Ints:
    """The successes, ascending, of `count` independent trials that succeed with probability `p`.

    The gaps between them are geometric, whole parts of exponential ones: work goes with successes, not with trials.
    """
    if p == 0.0 or count == 0:
        return np.zeros(0, np.int64)
    with np.errstate(divide="ignore"):
        mean = -1.0 / np.log1p(-p)
    parts, last = [np.zeros(0, np.int64)], -1
    while last < count:
        left = (count - last) * p
        gaps = rng.standard_exponential(int(left + 4.0 * left**0.5) + 8)
        gaps *= mean
        # A gap beyond the end ends the list; cut there, sums of gaps stay in range.
        places = np.minimum(gaps, count, out=gaps).astype(np.int64)
        places += 1
        np.cumsum(places, out=places)
        places += last
        parts.append(places)
        last = int(places[-1])
    found = np.concatenate(parts)
    return found[: np.searchsorted(found, count)]


def _require_memory(synapses: float, where: str) -> None:
    """Refuse more synapses than memory can hold, before they are made."""
    require_memory(LEAST_BYTES * synapses, where, value=f"{synapses:.6g} synapses", error=NetworkError)


def _number(value: ArrayLike, where: str) -> Floats:
    array = finite(value, where, error=WeightError)
    if array.ndim:
        raise WeightError("must be one number", where=where, value=f"shape {array.shape}")
    return array


def _floats(value: ArrayLike, where: str, error: type[NeuroError] = WeightError) -> NDArray[np.floating]:
    if getattr(value, "dtype", None) == np.float32:
        single: NDArray[np.floating] = numbers(value, where, error=error)
        if np.isfinite(single).all():
            return single
    return finite(value, where, error=error)


def _per_synapse(
    weight: ArrayLike, count: int, where: str, check: Callable[..., NDArray[Any]] | None = None
) -> NDArray[np.floating]:
    check = check or _floats
    array = np.atleast_1d(check(weight, f"{where}, weight", error=WeightError))
    if array.shape not in ((1,), (count,)):
        raise WeightError(f"weight must be one number or {count} of them", where=where, value=f"shape {array.shape}")
    return array
