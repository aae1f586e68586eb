"""Placements from traffic that is known already: their routes need no second count of all synapses."""

from __future__ import annotations

import numpy as np

from neuro.chip.model import Chip
from neuro.chip.placement import Placement, placed
from neuro.chip.route_kernels import count_routes
from neuro.chip.routes import Routes
from neuro.mapping.traffic import Traffic
from neuro.network.graph import Network
from neuro.network.loihi import LoihiAHP
from neuro.network.neurons import Source
from neuro.network.synapses import Sparse, is_drawn
from neuro.network.wiring import wiring_of
from neuro.validation import Ints, frozen

__all__ = ["placement_of_network", "placement_of_traffic"]


def placement_of_network(network: Network, chip: Chip, traffic: Traffic, core: Ints) -> Placement:
    """The placement with neurons on given cores, shape (neurons,); equal to that of `placed`.

    Where all synapses are listed and no weight is zero or drawn, the routes follow from the pairs of the traffic alone.
    """
    where = {name: frozen(np.array(part, np.int64)) for name, part in traffic.by_population(core).items()}
    listed = [p.synapses for p in network.projections.values() if isinstance(p.synapses, Sparse)]
    plain = len(listed) == len(network.projections) and not any(is_drawn(synapses.weight) for synapses in listed)
    if not plain or not all(np.all(np.asarray(synapses.weight)) for synapses in listed):
        return placed(network, chip, where, beyond_limits=True)
    lengths = [len(np.asarray(synapses.pre)) for synapses in listed]
    item_bytes = [4 if np.asarray(synapses.weight).dtype == np.float32 else 8 for synapses in listed]
    facts = {
        "pairs": float(sum(p.pre.size * p.post.size for p in network.projections.values())),
        "synapses": float(sum(lengths)),
        "nonzero": float(sum(lengths)),
        "weight_bytes": float(sum(length * size for length, size in zip(lengths, item_bytes, strict=True))),
    }
    routes = _routes(traffic, core, chip)
    populations = network.populations.items()
    sources = frozenset(name for name, p in populations if isinstance(p.model, Source))
    compartments = {name: 2 for name, p in populations if isinstance(p.model, LoihiAHP)}
    return Placement(chip, where, routes, sources, {}, compartments, facts, wiring=wiring_of(network))


def placement_of_traffic(traffic: Traffic, core: Ints, chip: Chip) -> Placement:
    """A placement of traffic without its network, to count costs and draw maps of."""
    where = traffic.by_population(np.asarray(core, np.int64))
    return Placement(chip, where, _routes(traffic, core, chip))


def _routes(traffic: Traffic, core: Ints, chip: Chip) -> Routes:
    start, reached, count = count_routes(
        traffic.start, traffic.target, traffic.synapses, np.ascontiguousarray(core, np.int64), chip.cores
    )
    return Routes(frozen(start), frozen(reached), frozen(count), nonzero=frozen(count))
