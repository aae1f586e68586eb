"""Descriptions of synapses (`Dense`, `Sparse`, ...), and the weights or single synapses that each stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import NeuroError, UnsupportedFeature, WeightError
from neuro.network.conversion import edges_of_graph, entries_of_matrix
from neuro.network.convolution import Convolution2d, fields_of
from neuro.network.distributions import AbstractDistribution
from neuro.network.rules import (
    MOST,
    Delay,
    DistanceDependent,
    Draws,
    FixedOutdegree,
    FixedTotalNumber,
    Weight,
    check_rule,
    pairs_by_distance,
    pairs_of_number,
    require_synapses,
    rows_of_degree,
)
from neuro.network.sampling import bernoulli
from neuro.validation import Floats, finite, narrow, number, numbers, positive, whole_number

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
    "is_drawn",
    "is_matrix",
    "is_random",
    "matrix",
    "triplets",
]


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
    weight: Weight
    """A number, one weight per synapse, or what each is drawn from, units of the target's v."""
    delay: Delay | None = None
    """The delay, s, unless `Network.connect` gets one: as `weight`."""

    @classmethod
    def from_scipy(cls, matrix: Any, *, delay: Any = None) -> Sparse:
        """The stored entries of a SciPy sparse matrix or array, shape (pre, post), as synapses.

        Entries that are stored are synapses, zeros too; entries of one place are several synapses.

        Parameters
        ----------
        matrix
            Weights, of any sparse format.
        delay
            Delays, s: a number, a distribution, or a sparse matrix with entries in the same places.

        Raises
        ------
        WeightError
            If it is no sparse matrix, or the delays have other places.

        >>> from scipy.sparse import csr_array
        >>> made = Sparse.from_scipy(csr_array([[0.0, 0.5], [0.0, 0.0]]), delay=1e-3)
        >>> made.pre.tolist(), made.post.tolist(), made.weight.tolist()
        ([0], [1], [0.5])
        """
        return cls(*entries_of_matrix(matrix, delay))

    @classmethod
    def from_networkx(
        cls,
        graph: Any,
        *,
        weight: str = "weight",
        delay: Any = None,
        pre: Sequence[Any] | None = None,
        post: Sequence[Any] | None = None,
    ) -> Sparse:
        """The edges of a NetworkX graph as synapses; an edge without direction is one each way.

        Parameters
        ----------
        graph
            Any graph of NetworkX; parallel edges are several synapses.
        weight
            The attribute that has an edge's weight; 1 where an edge has none.
        delay
            The attribute that has an edge's delay, s, as a string; or a number or a distribution.
        pre, post
            The nodes of the source and of the target population, in the order of its neurons; by default all nodes in
            the graph's order. Edges between other nodes are left out.

        Raises
        ------
        WeightError
            If it is no graph, a node is given twice, or an edge has no delay where an attribute has it.

        >>> import networkx as nx
        >>> ring = nx.DiGraph([("a", "b"), ("b", "a")])
        >>> Sparse.from_networkx(ring, delay=1e-3).post.tolist()
        [1, 0]
        """
        return cls(*edges_of_graph(graph, weight, delay, pre, post))

    def __post_init__(self) -> None:
        pre, post = (numbers(getattr(self, key), f"Sparse.{key}", error=WeightError) for key in ("pre", "post"))
        if pre.ndim != 1 or pre.shape != post.shape:
            rule = "pre and post must be flat and of one length"
            raise WeightError(rule, where="Sparse", value=f"shapes {pre.shape} and {post.shape}")
        if not is_drawn(self.weight):
            weight: Any = self.weight
            _per_synapse(weight, len(pre), "Sparse", numbers)


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

    weight: Weight
    """A number, one weight per neuron, or what each is drawn from."""

    def __post_init__(self) -> None:
        shape = () if is_drawn(self.weight) else numbers(self.weight, "OneToOne.weight", error=WeightError).shape
        if len(shape) > 1:
            rule = "weight must be one number, or one for each neuron"
            raise WeightError(rule, where="OneToOne.weight", value=f"shape {shape}")


@dataclass(frozen=True, eq=False)
class AllToAll:
    """Every source neuron onto every target neuron, with one weight or weights that are drawn."""

    weight: float | Weight
    """The weight of every synapse, or what each is drawn from."""

    def __post_init__(self) -> None:
        if not is_drawn(self.weight):
            number(self.weight, "AllToAll.weight", error=WeightError)


@dataclass(frozen=True, eq=False)
class FixedProbability:
    """Each pair is connected with probability `p`, independently: NEST's ``pairwise_bernoulli``."""

    p: float
    """Probability of a synapse, 0..1."""
    weight: float | Weight
    """The weight of every synapse, or what each is drawn from."""
    autapses: bool = field(default=True, kw_only=True)
    """May a neuron connect to itself, in a projection of a population onto itself?"""

    def __post_init__(self) -> None:
        p = number(self.p, "FixedProbability.p", check=positive, zero=True, error=WeightError)
        if p > 1:
            raise WeightError("a probability must lie in 0..1", where="FixedProbability.p", value=p)
        check_rule(self)


@dataclass(frozen=True, eq=False)
class FixedIndegree:
    """Each target neuron draws `k` sources: NEST's ``fixed_indegree``, PyNN's ``FixedNumberPreConnector``."""

    k: int
    """Synapses per target neuron."""
    weight: float | Weight
    """The weight of every synapse, or what each is drawn from."""
    autapses: bool = field(default=True, kw_only=True)
    """May a neuron connect to itself, in a projection of a population onto itself?"""
    multapses: bool = field(default=True, kw_only=True)
    """May a pair of neurons have several synapses? If not, sources are drawn without replacement."""

    def __post_init__(self) -> None:
        whole_number(self.k, "FixedIndegree.k", most=MOST)
        check_rule(self)


@runtime_checkable
class MatrixSynapses(Protocol):
    """A crossbar: an array of devices whose weights are read row by row."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def effective_weights(self) -> Floats: ...


Random = FixedProbability | FixedIndegree | FixedOutdegree | FixedTotalNumber | DistanceDependent
Synapses = Sparse | Dense | OneToOne | AllToAll | Random | Convolution2d | MatrixSynapses


class Triplets(NamedTuple):
    """Synapses as parallel arrays; `weight` has one entry for all, or one per synapse."""

    pre: NDArray[Any]
    post: NDArray[Any]
    weight: NDArray[np.floating]


def is_matrix(synapses: Synapses) -> bool:
    """Are these synapses stored as whole rows rather than one by one?"""
    return isinstance(synapses, Dense | AllToAll) or (
        not isinstance(synapses, Sparse | OneToOne | Random | Convolution2d) and isinstance(synapses, MatrixSynapses)
    )


def is_random(synapses: Synapses) -> bool:
    """Are the pairs of neurons drawn? Then the synapses have no order of their own."""
    return isinstance(synapses, Random)


def matrix(synapses: Synapses, shape: tuple[int, int], where: str, draws: Draws | None = None) -> NDArray[np.floating]:
    """The weights of matrix synapses, (pre, post); float32 stays float32. Those of `AllToAll` may be drawn by `draws`.

    Raises
    ------
    UnsupportedFeature
        If they are a crossbar whose reads have noise or drift.
    WeightError
        If the matrix does not have one row per source and one column per target neuron, or is not finite.
    """
    if isinstance(synapses, AllToAll):
        require_synapses(shape[0] * shape[1], where)
        weight: Any = synapses.weight
        if draws is not None and is_drawn(weight):
            return draws.of_matrix(weight, "weight", shape)
        return np.full(shape, _number(weight, f"{where}, weight"))
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


def triplets(
    synapses: Synapses, shape: tuple[int, int], rng: np.random.Generator, where: str, draws: Draws | None = None
) -> Triplets:
    """The single synapses that a description stands for, drawn from `rng` where it is random.

    `draws` has what else can be random or depend on the projection: weights, distances, autapses.

    Raises
    ------
    WeightError
        If ids or weights do not fit the populations.
    """
    if isinstance(synapses, Convolution2d):
        rows = fields_of(synapses)
        sources = np.repeat(np.arange(shape[0]), rows.length)
        place = np.arange(len(sources)) - np.repeat(np.cumsum(rows.length) - rows.length, rows.length)
        targets = rows.post[np.repeat(rows.first, rows.length) + place].astype(np.int64)
        return Triplets(sources, targets, rows.weight[np.repeat(rows.weight_first, rows.length) + place])
    chosen = Draws(0, where) if draws is None else draws
    pre, post = _pairs(synapses, shape, rng, where, chosen)
    weight: Any = synapses.weight  # type: ignore[union-attr]
    if is_drawn(weight):
        return Triplets(pre, post, chosen.values(weight, "weight", pre, post))
    if isinstance(synapses, Sparse | OneToOne):
        return Triplets(pre, post, _per_synapse(weight, len(pre), where))
    return Triplets(pre, post, _number(weight, f"{where}, weight")[None])


def _pairs(
    synapses: Synapses, shape: tuple[int, int], rng: np.random.Generator, where: str, draws: Draws
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Source and target of each synapse."""
    n_pre, n_post = shape
    if isinstance(synapses, Sparse):
        pre = narrow(synapses.pre, n_pre, f"{where}, pre", error=WeightError)
        post = narrow(synapses.post, n_post, f"{where}, post", error=WeightError)
        if len(pre) != len(post):
            raise WeightError("pre and post must have one length", where=where, value=f"{len(pre)} and {len(post)}")
        return pre, post
    if isinstance(synapses, OneToOne):
        if n_pre != n_post:
            raise WeightError(
                "one-to-one synapses need populations of one size", where=where, value=f"{n_pre} and {n_post}"
            )
        each = np.arange(n_pre, dtype=np.uint32)
        return each, each
    if isinstance(synapses, FixedIndegree):
        require_synapses(int(synapses.k) * n_post, where)
        drawn = rows_of_degree(int(synapses.k), n_post, n_pre, draws, rng, synapses)
        return drawn.ravel(), np.repeat(np.arange(n_post, dtype=np.uint32), drawn.shape[1])
    if isinstance(synapses, FixedOutdegree):
        require_synapses(int(synapses.k) * n_pre, where)
        drawn = rows_of_degree(int(synapses.k), n_pre, n_post, draws, rng, synapses)
        drawn.sort(axis=1)
        return np.repeat(np.arange(n_pre, dtype=np.uint32), drawn.shape[1]), drawn.ravel()
    if isinstance(synapses, FixedProbability):
        p = float(synapses.p)
        require_synapses(p * n_pre * n_post, where)
        pairs = bernoulli(n_pre * n_post, p, rng)
        counts = np.diff(np.searchsorted(pairs, n_post * np.arange(n_pre + 1)))
        pre = np.repeat(np.arange(n_pre, dtype=np.uint32), counts)
        pairs -= np.repeat(n_post * np.arange(n_pre), counts)
        post = pairs.astype(np.uint32)
        kept = slice(None) if synapses.autapses or not draws.same else pre != post
        return pre[kept], post[kept]
    if isinstance(synapses, FixedTotalNumber):
        return pairs_of_number(synapses, shape, draws, rng)
    if isinstance(synapses, DistanceDependent):
        return pairs_by_distance(synapses, shape, draws, rng)
    raise TypeError(f"{type(synapses).__name__} is a matrix, not a list of synapses")


def is_drawn(value: Any) -> bool:
    """Is this a distribution or a function of distance, not numbers?"""
    return isinstance(value, AbstractDistribution) or callable(value)


def _number(value: ArrayLike, where: str) -> NDArray[np.floating]:
    array = _floats(value, where)
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
