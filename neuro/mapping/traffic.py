"""Traffic: the pairs of connected neurons and the spikes that each neuron sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import InputError, NetworkError, UnknownName
from neuro.jit import kernel
from neuro.memory import require_memory
from neuro.network.graph import Network, Population, Projection
from neuro.network.listing import triplets_of
from neuro.network.rules import require_synapses
from neuro.network.synapses import is_matrix
from neuro.network.wiring import other_wiring, wiring_of
from neuro.validation import Floats, Ints, finite

__all__ = ["Ids", "Traffic", "incoming", "spikes_of", "traffic_of"]

NEURON_BYTES = 64.0
"""A neuron takes at least so many bytes while a network is placed."""
Ids = NDArray[np.uint32]
Given = Any
"""Traffic as users give it: None, a `Recording`, or spikes per neuron by population."""


@dataclass(frozen=True, eq=False)
class Traffic:
    """Neurons of all populations in the network's order, the pairs of them that are connected, and their spikes."""

    first: Mapping[str, int]
    """First neuron of each population, by name."""
    start: Ints
    """Targets of neuron i are target[start[i]] .. target[start[i + 1] - 1]; shape (neurons + 1,)."""
    target: Ids
    """Target neurons, each once and increasing within a row, shape (pairs,)."""
    synapses: Ids
    """Synapses of each pair, shape (pairs,); a read-only view of one number where each pair has one synapse."""
    spikes: Floats
    """Spikes that each neuron sends, shape (neurons,)."""
    fan_in: Ints
    """Synapses onto each neuron, shape (neurons,)."""
    known: dict[str, Any] = field(default_factory=dict, repr=False)
    """Results derived from the fields above: the in-edges."""

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return len(self.spikes)

    @property
    def pairs(self) -> int:
        """Number of connected pairs."""
        return len(self.target)

    @property
    def source(self) -> Ids:
        """Source neuron of each pair, shape (pairs,); a new array at each call."""
        return np.repeat(np.arange(self.neurons, dtype=np.uint32), np.diff(self.start))

    @property
    def incoming(self) -> tuple[Ints, Ids]:
        """In-edges: the sources of neuron j are source[start[j]] .. source[start[j + 1] - 1], increasing."""
        if "incoming" not in self.known:
            self.known["incoming"] = incoming(self.start, self.target, self.neurons)
        pair: tuple[Ints, Ids] = self.known["incoming"]
        return pair

    def name(self, neuron: int) -> str:
        """A neuron in words: its number within its population.

        >>> Traffic({"a": 0, "b": 2}, *[np.zeros(0)] * 5).name(3)
        "neuron 1 of 'b'"
        """
        label = next(label for label, first in reversed(list(self.first.items())) if first <= neuron)
        return f"neuron {neuron - self.first[label]} of {label!r}"

    def by_population(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """An array over neurons, cut into its populations."""
        bounds = [*self.first.values(), self.neurons]
        return {name: values[bounds[i] : bounds[i + 1]] for i, name in enumerate(self.first)}


def traffic_of(network: Network, traffic: Given = None) -> Traffic:
    """The pairs of connected neurons of a network and the spikes that they send.

    Parameters
    ----------
    network
        Its random synapses are drawn as a run draws them.
    traffic
        A `Recording`; or spikes sent by each neuron in any one unit, ``{population name: number or array}``; or None:
        one spike from each neuron.

    Raises
    ------
    InputError
        If spikes are missing for a population, not finite, negative, or not one per neuron.
    NetworkError
        If its neurons or synapses do not fit into memory.
    UnknownName
        If spikes are given for a population that the network does not have.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> _ = net.connect(cell, cell, nr.Sparse([2, 0, 2, 2], [1, 1, 0, 1], 0.5), delay=1e-3)
    >>> found = traffic_of(net, {"cell": [5, 0, 1]})
    >>> found.start.tolist(), found.target.tolist(), found.synapses.tolist(), found.fan_in.tolist()
    ([0, 1, 1, 3], [1, 0, 1], [1, 1, 2], [1, 3, 0])
    """
    first: dict[str, int] = {}
    total = 0
    for population in network.populations.values():
        first[population.name] = total
        total += population.size
    require_memory(NEURON_BYTES * total, "network", value=f"{total:,} neurons", error=NetworkError)
    spikes = spikes_of(network, traffic)
    lists = [_listed(projection, network.seed) for projection in network.projections.values()]
    offsets = [(first[p.pre.name], first[p.post.name]) for p in network.projections.values()]
    start, fan_in = np.zeros(total + 1, np.int64), np.zeros(total, np.int64)
    for (pre, post), (a, b) in zip(lists, offsets, strict=True):
        _count(pre, post, a, b, start, fan_in)
    np.cumsum(start, out=start)
    place, targets = start[:-1].copy(), np.empty(start[-1], np.uint32)
    while lists:
        (pre, post), (a, b) = lists.pop(0), offsets.pop(0)
        _scatter(pre, post, a, b, place, targets)
    repeats = _sort_rows(start, targets)
    one: Ids = np.broadcast_to(np.ones(1, np.uint32), targets.shape)
    if not repeats:
        return Traffic(first, start, targets, one, spikes, fan_in)
    synapses = np.empty(len(targets) - repeats, np.uint32)
    kept = _merge_rows(start, targets, synapses)
    return Traffic(first, start, targets[:kept].copy(), synapses, spikes, fan_in)


def spikes_of(network: Network, traffic: Given) -> Floats:
    """Spikes that each neuron sends, populations one after the other; checked. See `traffic_of`."""
    populations = network.populations.values()
    if traffic is None:
        return np.ones(sum(population.size for population in populations))
    recorded = getattr(traffic, "spikes", None)
    if recorded is not None:
        _check_network(network, getattr(traffic, "provenance", {}))
    given: Mapping[str, Any] = traffic if recorded is None else recorded
    if not isinstance(given, Mapping):
        raise InputError(
            "traffic must be a Recording or spikes per neuron by population",
            where="traffic",
            value=type(traffic).__name__,
        )
    for name in given:
        if name not in network.populations:
            raise UnknownName("population of this network", name, network.populations)
    parts = [_checked(population, given) for population in populations]
    return np.concatenate([np.zeros(0), *parts])


def _check_network(network: Network, provenance: Mapping[str, Any]) -> None:
    """Refuse a recording of another network, as far as it says which it is of."""
    about = provenance.get("network", {})
    rule = "the recording must be of this network"
    for name, each in about.get("populations", {}).items():
        if name not in network.populations:
            raise UnknownName("population of this network", name, network.populations)
        size = int(network.populations[name].size)
        if each["size"] != size:
            value = f"{each['size']:,} neurons recorded, {size:,} to be placed"
            raise InputError(rule, where=f"traffic of population {name!r}", value=value)
    for name, ends in about.get("projections", {}).items():
        found = network.projections.get(name)
        if found is None or [found.pre.name, found.post.name] != list(ends):
            value = f"projection {name!r} from {ends[0]!r} onto {ends[1]!r}, which the network does not have"
            raise InputError(rule, where="traffic", value=value)
    name, difference = other_wiring(wiring_of(network), about.get("wiring", {}))
    if name:
        remedy = "Record the network that is to be placed"
        raise InputError(rule, where=f"traffic, projection {name!r}", value=difference, remedy=remedy)


def _checked(population: Population, given: Mapping[str, Any]) -> Floats:
    where = f"traffic of population {population.name!r}"
    if population.name not in given:
        raise InputError("spikes per neuron are missing", where=where, remedy="Give 0 for a silent population")
    value: ArrayLike = given[population.name]
    if hasattr(value, "counts"):
        value = value.counts(population.size)
    counts = finite(value, where, error=InputError)
    if counts.shape not in ((), (population.size,)):
        raise InputError(f"must be one number or {population.size} of them", where=where, value=f"shape {counts.shape}")
    if np.any(counts < 0):
        at = int(np.argmax(np.atleast_1d(counts) < 0))
        worst = float(np.atleast_1d(counts)[at])
        raise InputError("spikes must not be negative", where=where, value=f"{worst} at neuron {at}")
    return np.broadcast_to(counts, (population.size,))


def _listed(projection: Projection, seed: int) -> tuple[Ids, Ids]:
    """Source and target of each synapse within their populations."""
    n_pre, n_post = projection.pre.size, projection.post.size
    if is_matrix(projection.synapses):
        require_synapses(float(n_pre) * n_post, f"projection {projection.name!r}")
        each = np.arange(n_pre, dtype=np.uint32)
        return np.repeat(each, n_post), np.tile(np.arange(n_post, dtype=np.uint32), n_pre)
    pre, post, _ = triplets_of(projection, seed)
    return _plain(pre), _plain(post)


def _plain(ids: NDArray[Any]) -> Ids:
    """Ids as kernels take them: kernels are compiled anew for arrays that are read-only or have gaps."""
    return np.require(ids, np.uint32, ["C", "W"])


@kernel
def _count(pre: Ids, post: Ids, first_pre: int, first_post: int, start: Ints, fan_in: Ints) -> None:
    for i in range(len(pre)):
        start[first_pre + pre[i] + 1] += 1
        fan_in[first_post + post[i]] += 1


@kernel
def _scatter(pre: Ids, post: Ids, first_pre: int, first_post: int, place: Ints, targets: Ids) -> None:
    for i in range(len(pre)):
        row = first_pre + pre[i]
        targets[place[row]] = first_post + post[i]
        place[row] += 1


@kernel
def _sort_rows(start: Ints, targets: Ids) -> int:
    """Sort each row; returns how many entries repeat the one before."""
    repeats = 0
    for row in range(len(start) - 1):
        first, last = start[row], start[row + 1]
        for i in range(first + 1, last):
            if targets[i] < targets[i - 1]:
                targets[first:last].sort()
                break
        for i in range(first + 1, last):
            repeats += targets[i] == targets[i - 1]
    return repeats


@kernel
def _merge_rows(start: Ints, targets: Ids, synapses: Ids) -> int:
    """Keep one entry of each target in a row, count its synapses, and close the gaps; returns how many are left."""
    kept, first = 0, 0
    for row in range(len(start) - 1):
        last = start[row + 1]
        for i in range(first, last):
            if i > first and targets[i] == targets[i - 1]:
                synapses[kept - 1] += 1
            else:
                targets[kept] = targets[i]
                synapses[kept] = 1
                kept += 1
        first = last
        start[row + 1] = kept
    return kept


@kernel
def incoming(start: Ints, target: Ids, size: int) -> tuple[Ints, Ids]:
    """The same pairs by target: where the sources of each neuron begin, and the sources, increasing."""
    begin = np.zeros(size + 1, np.int64)
    for i in range(len(target)):
        begin[target[i] + 1] += 1
    for j in range(size):
        begin[j + 1] += begin[j]
    place = begin[:-1].copy()
    sources = np.empty(len(target), np.uint32)
    for row in range(len(start) - 1):
        for i in range(start[row], start[row + 1]):
            j = target[i]
            sources[place[j]] = row
            place[j] += 1
    return begin, sources
