"""Routes: the cores that the spikes of each neuron go to, counted from a network and the cores of its neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.chip.route_kernels import count_routes, group_by_source
from neuro.network.graph import Network, Projection
from neuro.network.listing import matrix_of, triplets_of
from neuro.network.synapses import is_matrix
from neuro.validation import Ints, frozen

__all__ = ["Routes", "routes_of_network", "targets_of_network"]


@dataclass(frozen=True, eq=False)
class Routes:
    """Where spikes go: source neuron i has the entries start[i] .. start[i + 1], one for each core with targets.

    Source neurons are counted through all populations in the order of `Placement.core`.
    """

    start: Ints
    """First entry of each source neuron, shape (neurons + 1,)."""
    core: Ints
    """Core that holds targets, the neuron's own core included, increasing within a neuron, shape (entries,)."""
    synapses: Ints
    """Synapses of the source neuron onto that core, shape (entries,)."""
    variants: Mapping[str, Ints] = field(default_factory=dict)
    """The part of `synapses` whose operations cost otherwise, by variant of ``synapse``, each of shape (entries,)."""
    nonzero: Ints | None = None
    """The part of `synapses` whose weight is not zero, shape (entries,); None: all."""
    targets: tuple[Ints, Ints] | None = None
    """For chips with updates "touched": first target of each source neuron, shape (neurons + 1,), and the targets."""

    @cached_property
    def neuron(self) -> Ints:
        """Source neuron of each entry, shape (entries,)."""
        return frozen(np.repeat(np.arange(len(self.start) - 1), np.diff(self.start)))


@dataclass(frozen=True, eq=False)
class _Entries:
    """Routes of one projection; source neurons are those of its first population."""

    start: Ints
    core: Ints
    synapses: Ints
    nonzero: Ints
    weight_bytes: int


def routes_of_network(
    network: Network, where: Mapping[str, Ints], cores: int, variant: Mapping[str, str]
) -> tuple[Routes, dict[str, float]]:
    """Count the synapses of each neuron onto each core, projection by projection.

    Parameters
    ----------
    network
        Its random synapses are drawn as `build` draws them.
    where
        Core of each neuron, by population.
    cores
        Cores of the chip.
    variant
        Variant of synaptic operations, by projection.

    Returns
    -------
    tuple
        The routes, and `Placement.structure`.
    """
    sizes = [p.size for p in network.populations.values()]
    first = dict(zip(network.populations, np.cumsum([0, *sizes]).tolist(), strict=False))
    facts = {"pairs": 0.0, "synapses": 0.0, "nonzero": 0.0, "weight_bytes": 0.0}
    found: list[_Entries] = []
    sources = [np.zeros(0, np.int64)]
    for projection in network.projections.values():
        entries = _of_projection(projection, where, cores, network.seed)
        found.append(entries)
        rows = np.repeat(np.arange(projection.pre.size), np.diff(entries.start))
        sources.append(rows + first[projection.pre.name])
        facts["pairs"] += projection.pre.size * projection.post.size
        facts["synapses"] += int(entries.synapses.sum())
        facts["nonzero"] += int(entries.nonzero.sum())
        facts["weight_bytes"] += entries.weight_bytes
    source = np.concatenate(sources)
    order = np.argsort(source, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=sum(sizes)))]).astype(np.int64)

    def in_order(parts: list[Ints]) -> NDArray[np.uint32]:
        joined = np.concatenate([np.zeros(0, np.int64), *parts])
        return _plain(joined[order])

    target, each = in_order([entries.core for entries in found]), np.arange(cores)

    def total(parts: list[Ints]) -> tuple[Ints, Ints, Ints]:
        begin, core, count = count_routes(start, target, in_order(parts), each, cores)
        return frozen(begin), frozen(core), frozen(count)

    begin, core, synapses = total([entries.synapses for entries in found])
    _, _, nonzero = total([entries.nonzero for entries in found])
    names = [variant.get(name, "") for name in network.projections]
    variants = {}
    for name in sorted(set(names) - {""}):
        _, _, variants[name] = total([
            entries.synapses * (own == name) for entries, own in zip(found, names, strict=True)
        ])  # fmt: skip
    return Routes(begin, core, synapses, variants, nonzero), facts


def _of_projection(projection: Projection, where: Mapping[str, Ints], cores: int, seed: int) -> _Entries:
    """The routes of one projection."""
    size_pre, target = projection.pre.size, where[projection.post.name]
    if is_matrix(projection.synapses):
        weights = matrix_of(projection, seed)
        used, place = np.unique(target, return_inverse=True)
        size = np.bincount(place, minlength=len(used))
        nonzero = np.stack([np.count_nonzero(weights[:, target == core], axis=1) for core in used] or [[]], axis=1)
        start = np.arange(size_pre + 1) * len(used)
        return _Entries(start, np.tile(used, size_pre), np.tile(size, size_pre), nonzero.ravel(), weights.nbytes)
    pre, post, weight = triplets_of(projection, seed)
    effective = weight != 0
    marked = np.zeros(0) if np.all(effective) else np.broadcast_to(effective, pre.shape)
    start, to, marks = group_by_source(_plain(pre), _plain(post), _plain(marked), size_pre)
    core = np.array(target, np.int64)
    first, reached, count = count_routes(start, to, np.ones(len(to), np.uint32), core, cores)
    nonzero = count if not len(marks) else count_routes(start, to, marks, core, cores)[2]
    return _Entries(first, reached, count, nonzero, len(pre) * weight.itemsize)


def targets_of_network(network: Network) -> tuple[Ints, Ints]:
    """First target of each neuron, shape (neurons + 1,), and the targets, each once; through all populations."""
    sizes = [p.size for p in network.populations.values()]
    first = dict(zip(network.populations, np.cumsum([0, *sizes]).tolist(), strict=False))
    neurons = sum(sizes)
    pairs = [np.zeros(0, np.int64)]
    for projection in network.projections.values():
        if is_matrix(projection.synapses):
            pre, post = (ids.ravel() for ids in np.indices((projection.pre.size, projection.post.size)))
        else:
            listed = triplets_of(projection, network.seed)
            pre, post = listed.pre.astype(np.int64), listed.post.astype(np.int64)
        pairs.append((pre + first[projection.pre.name]) * neurons + post + first[projection.post.name])
    found = np.unique(np.concatenate(pairs))
    start = np.searchsorted(found, np.arange(neurons + 1) * neurons)
    return frozen(start.astype(np.int64)), frozen(found % max(neurons, 1))


def _plain(values: NDArray[Any]) -> NDArray[np.uint32]:
    """Whole numbers as kernels take them: kernels are compiled anew for arrays that are read-only or have gaps."""
    plain: NDArray[np.uint32] = np.require(values, np.uint32, ["C", "W"])
    return plain
