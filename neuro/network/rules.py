"""Random rules of connection beside those of fixed probability and in-degree, and what all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import NetworkError, ParameterError, WeightError
from neuro.memory import require_memory
from neuro.network.distance import Exponential, Gaussian, OfDistance, check_extent, distances
from neuro.network.distributions import AbstractDistribution
from neuro.network.sampling import (
    bernoulli,
    counts_with_replacement,
    distinct,
    rows_without_replacement,
    with_replacement,
)
from neuro.randomness import stream
from neuro.validation import LONG, Floats, finite, flag, number, seconds, whole_number

__all__ = [
    "MOST",
    "Delay",
    "DistanceDependent",
    "Draws",
    "FixedOutdegree",
    "FixedTotalNumber",
    "Weight",
    "check_rule",
    "pairs_by_distance",
    "pairs_of_number",
    "require_synapses",
    "rows_of_degree",
]

Weight = ArrayLike | AbstractDistribution | OfDistance
"""A number, an array where the description lists its synapses, a distribution, or a function of distance."""
Delay = Weight
"""As for weights."""
Ids = NDArray[np.uint32]

LEAST_BYTES = 8
"""A synapse takes at least so many bytes: a target and a weight, or the weight of a matrix."""
MOST = 2**32
"""Most synapses of one neuron in one projection."""
AT_A_TIME = 2**20
"""Synapses whose distances are computed at a time, so that temporary arrays stay small."""


@dataclass(frozen=True, eq=False)
class FixedOutdegree:
    """Each source neuron draws `k` targets: NEST's ``fixed_outdegree``, PyNN's ``FixedNumberPostConnector``.

    Raises
    ------
    ParameterError
        If `k` is not a whole number, or a flag is not True or False.

    >>> FixedOutdegree(10, 0.5, multapses=False).k
    10
    """

    k: int
    """Synapses per source neuron."""
    weight: Weight
    """The weight of every synapse, or what each is drawn from."""
    autapses: bool = True
    """May a neuron connect to itself, in a projection of a population onto itself?"""
    multapses: bool = True
    """May a pair of neurons have several synapses? If not, targets are drawn without replacement."""

    def __post_init__(self) -> None:
        whole_number(self.k, "FixedOutdegree.k", most=MOST)
        check_rule(self)


@dataclass(frozen=True, eq=False)
class FixedTotalNumber:
    """`n` synapses between pairs of neurons drawn from all pairs: NEST's ``fixed_total_number``.

    Raises
    ------
    ParameterError
        If `n` is not a whole number, or a flag is not True or False.

    >>> FixedTotalNumber(1000, 0.5).n
    1000
    """

    n: int
    """Number of synapses."""
    weight: Weight
    """The weight of every synapse, or what each is drawn from."""
    autapses: bool = True
    """May a neuron connect to itself, in a projection of a population onto itself?"""
    multapses: bool = True
    """May a pair of neurons have several synapses? If not, all sets of `n` pairs are equally likely."""

    def __post_init__(self) -> None:
        whole_number(self.n, "FixedTotalNumber.n", most=2**62)
        check_rule(self)


@dataclass(frozen=True, eq=False)
class DistanceDependent:
    """Each pair of neurons is connected with a probability that depends on their distance, independently.

    Both populations need `positions`. `probability` is a function of an array of distances in metres, such as
    `Gaussian` or `Exponential`, whose peak then saves work: it goes with peak times the number of pairs. NEST's
    ``pairwise_bernoulli`` with a spatial distribution as ``p``.

    Raises
    ------
    ParameterError
        If `probability` is no function, the peak of a record lies outside of 0..1, or the extent is not above zero.

    >>> near = DistanceDependent(Gaussian(sd=0.2e-3, peak=0.3), weight=0.5, delay=1e-3)
    >>> near.probability.peak
    0.3
    """

    probability: OfDistance
    """Function of distance, m, with values in 0..1."""
    weight: Weight
    """The weight of every synapse, what each is drawn from, or a function of distance, such as `Linear`."""
    delay: Delay | None = None
    """The delay, s, unless `Network.connect` gets one: as `weight`."""
    periodic: ArrayLike | None = None
    """Extent of space, m, if it repeats: one length, or one for each dimension; distances are the shortest."""
    autapses: bool = True
    """May a neuron connect to itself, in a projection of a population onto itself?"""

    def __post_init__(self) -> None:
        where = "DistanceDependent"
        if not callable(self.probability):
            value = type(self.probability).__name__
            raise ParameterError("must be a function of distance", where=f"{where}.probability", value=value)
        if not 0.0 <= _highest(self.probability) <= 1.0:
            raise ParameterError("a probability must lie in 0..1", where=f"{where}.probability", value=self.probability)
        check_extent(self.periodic, f"{where}.periodic")
        if self.delay is not None and not isinstance(self.delay, AbstractDistribution) and not callable(self.delay):
            number(self.delay, f"{where}.delay", check=seconds, zero=True, long=LONG)
        check_rule(self)


def check_rule(rule: Any) -> None:
    """Refuse weights of a rule that are neither one number nor drawn, and flags that are not True or False."""
    kind = type(rule).__name__
    for name in ("autapses", "multapses"):
        flag(getattr(rule, name, True), f"{kind}.{name}")
    if not isinstance(rule.weight, AbstractDistribution) and not callable(rule.weight):
        number(rule.weight, f"{kind}.weight", error=WeightError)


def require_synapses(count: float, where: str) -> None:
    """Refuse more synapses than memory can hold, before they are made."""
    require_memory(LEAST_BYTES * count, where, value=f"{count:.6g} synapses", error=NetworkError)


@dataclass(frozen=True, eq=False)
class Draws:
    """What the draws of one projection depend on: its name, the network's seed, and where its neurons are."""

    seed: int
    """The network's."""
    name: str
    """The projection's."""
    same: bool = False
    """Is the target the population that the spikes come from?"""
    positions: tuple[Floats | None, Floats | None] = (None, None)
    """Of sources and targets, m."""
    extent: Floats | None = None
    """Of periodic space, m."""

    def stream(self, *part: str) -> np.random.Generator:
        """The stream of the synapses, or that of a part: "weight", "delay"."""
        return stream(self.seed, "projection", self.name, *part)

    def distance(self, pre: Any, post: Any) -> Floats:
        """Distances of neurons whose numbers are `pre` and `post`, or slices, m."""
        sources, targets = self.places()
        return distances(sources[pre], targets[post], self.extent)

    def places(self) -> tuple[Floats, Floats]:
        """Positions of sources and targets.

        Raises
        ------
        ParameterError
            If a population has none, or they have different dimensions.
        """
        sources, targets = self.positions
        where = f"projection {self.name!r}"
        if sources is None or targets is None:
            rule = "functions of distance need neurons with positions"
            raise ParameterError(rule, where=where, remedy="Give both populations `positions`")
        dimensions = sources.shape[1], targets.shape[1]
        if dimensions[0] != dimensions[1] or (self.extent is not None and self.extent.size not in (1, dimensions[0])):
            extent = "" if self.extent is None else f", extent {self.extent.tolist()}"
            value = f"{dimensions[0]} and {dimensions[1]} dimensions{extent}"
            raise ParameterError("both populations must lie in one space", where=where, value=value)
        return sources, targets

    def values(self, value: AbstractDistribution | OfDistance, part: str, pre: Ids, post: Ids) -> NDArray[np.floating]:
        """A number for each synapse: drawn from a distribution, or the function of its distance; `part` names it."""
        if isinstance(value, AbstractDistribution):
            return value.draw(self.stream(part), len(pre), single=value.single and part == "weight")
        found = np.empty(len(pre))
        for first in range(0, len(pre), AT_A_TIME):
            here = slice(first, first + AT_A_TIME)
            found[here] = self.at(value, self.distance(pre[here], post[here]), part)
        return found

    def of_matrix(
        self, value: AbstractDistribution | OfDistance, part: str, shape: tuple[int, int]
    ) -> NDArray[np.floating]:
        """`values` for all pairs, shape (pre, post)."""
        if isinstance(value, AbstractDistribution):
            count, single = shape[0] * shape[1], value.single and part == "weight"
            return value.draw(self.stream(part), count, single=single).reshape(shape)
        sources, targets = self.places()
        found = np.empty(shape)
        for row, place in zip(found, sources, strict=True):
            row[:] = self.at(value, distances(place, targets, self.extent), part)
        return found

    def at(self, value: OfDistance, distance: Floats, part: str) -> Floats:
        """The function `value` at an array of distances, checked."""
        found = finite(value(distance), f"projection {self.name!r}, {part}", error=WeightError)
        if found.shape not in ((), distance.shape):
            rule = "a function of distance must give one number for each distance"
            value_ = f"shape {found.shape} for {distance.shape}"
            raise WeightError(rule, where=f"projection {self.name!r}, {part}", value=value_)
        return np.broadcast_to(found, distance.shape)


def rows_of_degree(k: int, rows: int, things: int, draws: Draws, rng: np.random.Generator, rule: Any) -> Ids:
    """`k` drawn neurons of `things` for each of `rows` neurons, shape (rows, k), by the flags of `rule`."""
    skip = draws.same and not rule.autapses
    k = k if things else 0
    if rows == 0 or k == 0:
        return np.empty((rows, k), np.uint32)
    most = things - skip
    if most < 1 or (k > most and not rule.multapses):
        raise WeightError(
            f"each neuron has only {most} neurons to draw {k} from",
            where=f"projection {draws.name!r}",
            value=f"autapses={rule.autapses}, multapses={rule.multapses}",
            remedy="Allow autapses or multapses, or draw fewer",
        )
    if not rule.multapses:
        return rows_without_replacement(rows, k, things, rng, skip_own=skip)
    owner = np.repeat(np.arange(rows, dtype=np.uint32), k) if skip else None
    return with_replacement(rows * k, things, rng, owner).reshape(rows, k)


def pairs_of_number(
    rule: FixedTotalNumber, shape: tuple[int, int], draws: Draws, rng: np.random.Generator
) -> tuple[Ids, Ids]:
    """The pairs of `FixedTotalNumber`, sorted by source and target."""
    (n_pre, n_post), n = shape, int(rule.n)
    skip = draws.same and not rule.autapses
    columns = max(n_post - skip, 0)
    pairs = n_pre * columns
    if n > (pairs if not rule.multapses else n * (pairs > 0)):
        raise WeightError(
            f"there are only {pairs:,} pairs for {n:,} synapses",
            where=f"projection {draws.name!r}",
            value=f"autapses={rule.autapses}, multapses={rule.multapses}",
            remedy="Allow autapses or multapses, or ask for fewer",
        )
    if n == 0:
        return np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    require_synapses(n, f"projection {draws.name!r}")
    if rule.multapses:
        counts = counts_with_replacement(n, n_pre, rng)
        pre = np.repeat(np.arange(n_pre, dtype=np.uint32), counts)
        post = with_replacement(n, n_post, rng, pre if skip else None)
        ends = np.cumsum(counts)
        for first, end in zip((ends - counts).tolist(), ends.tolist(), strict=True):
            post[first:end].sort()
        return pre, post
    places = distinct(n, pairs, rng)
    counts = np.diff(np.searchsorted(places, columns * np.arange(n_pre + 1)))
    pre = np.repeat(np.arange(n_pre, dtype=np.uint32), counts)
    places -= np.repeat(columns * np.arange(n_pre), counts)
    post = places.astype(np.uint32)
    if skip:
        post += post >= pre
    return pre, post


def pairs_by_distance(
    rule: DistanceDependent, shape: tuple[int, int], draws: Draws, rng: np.random.Generator
) -> tuple[Ids, Ids]:
    """The pairs of `DistanceDependent`, sorted by source and target.

    Candidates succeed with the highest probability; of these each is kept with the share that its distance leaves.
    """
    n_pre, n_post = shape
    sources, targets = draws.places()
    highest = _highest(rule.probability)
    pres, posts = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
    rows = max(1, int(AT_A_TIME / max(n_post * highest, 1.0)))
    for first in range(0, n_pre if highest else 0, rows):
        pairs = (min(first + rows, n_pre) - first) * n_post
        place = np.arange(pairs) if highest == 1.0 else bernoulli(pairs, highest, rng)
        pre, post = np.divmod(place, max(n_post, 1))
        pre += first
        apart = distances(sources[pre], targets[post], draws.extent)
        probability = draws.at(rule.probability, apart, "probability")
        bad = (probability < 0.0) | (probability > 1.0)
        if bad.any():
            raise WeightError(
                "a probability must lie in 0..1",
                where=f"projection {draws.name!r}, probability",
                value=f"{probability[bad][0]} at {apart[bad][0]} m",
            )
        kept = rng.random(len(place)) * highest < probability
        if draws.same and not rule.autapses:
            kept &= pre != post
        pres.append(pre[kept].astype(np.uint32))
        posts.append(post[kept].astype(np.uint32))
    return np.concatenate(pres), np.concatenate(posts)


def _highest(probability: OfDistance) -> float:
    """The most that a probability can be: the peak of a record; 1 of any other function."""
    return float(probability.peak) if isinstance(probability, Gaussian | Exponential) else 1.0
