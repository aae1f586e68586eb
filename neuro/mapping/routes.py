"""Placements made from what the mapping knows already: routes without counting all synapses anew."""

from __future__ import annotations

import numpy as np

from neuro.chip.model import Chip
from neuro.chip.placement import Placement, Routes, placed
from neuro.jit import kernel
from neuro.mapping.traffic import Ids, Traffic
from neuro.network.graph import Network
from neuro.network.loihi import LoihiAHP
from neuro.network.neurons import Source
from neuro.network.synapses import Sparse
from neuro.validation import Ints, frozen

__all__ = ["assembled", "routes_of"]


def assembled(network: Network, chip: Chip, traffic: Traffic, core: Ints) -> Placement:
    """The placement with each neuron on the core that is given, shape (neurons,); the same as `placed` makes it.

    Where all synapses are listed and no weight is zero, the pairs of the traffic say all that the routes need.
    """
    where = {name: frozen(np.array(part, np.int64)) for name, part in traffic.by_population(core).items()}
    if not all(isinstance(p.synapses, Sparse) and np.all(p.synapses.weight) for p in network.projections.values()):
        return placed(network, chip, where)
    weights = [np.asarray(p.synapses.weight) for p in network.projections.values() if isinstance(p.synapses, Sparse)]
    lengths = [len(np.asarray(p.synapses.pre)) for p in network.projections.values() if isinstance(p.synapses, Sparse)]
    items = [4 if weight.dtype == np.float32 else 8 for weight in weights]
    facts = {
        "pairs": float(sum(p.pre.size * p.post.size for p in network.projections.values())),
        "synapses": float(sum(lengths)),
        "nonzero": float(sum(lengths)),
        "weight_bytes": float(sum(length * item for length, item in zip(lengths, items, strict=True))),
    }
    start, to, count = routes_of(traffic.start, traffic.target, traffic.synapses, core.astype(np.int64), chip.cores)
    routes = Routes(frozen(start), frozen(to), frozen(count), nonzero=frozen(count))
    populations = network.populations.items()
    sources = frozenset(name for name, p in populations if isinstance(p.model, Source))
    compartments = {name: 2 for name, p in populations if isinstance(p.model, LoihiAHP)}
    return Placement(chip, where, routes, sources, {}, compartments, facts)


@kernel
def routes_of(start: Ints, target: Ids, synapses: Ids, core: Ints, cores: int) -> tuple[Ints, Ints, Ints]:
    """First entry of each source neuron; cores with targets, increasing; synapses onto each of them."""
    n = len(start) - 1
    first = np.zeros(n + 1, np.int64)
    seen = np.full(cores, -1, np.int64)
    for i in range(n):
        first[i + 1] = first[i]
        for k in range(start[i], start[i + 1]):
            c = core[target[k]]
            if seen[c] != i:
                seen[c] = i
                first[i + 1] += 1
    to, count = np.empty(first[n], np.int64), np.zeros(first[n], np.int64)
    onto = np.zeros(cores, np.int64)
    for i in range(n):
        filled = first[i]
        for k in range(start[i], start[i + 1]):
            c = core[target[k]]
            if onto[c] == 0:
                at = filled
                while at > first[i] and to[at - 1] > c:
                    to[at] = to[at - 1]
                    at -= 1
                to[at] = c
                filled += 1
            onto[c] += synapses[k]
        for at in range(first[i], filled):
            count[at] = onto[to[at]]
            onto[to[at]] = 0
    return first, to, count
