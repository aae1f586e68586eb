"""The cost of a placement by every objective, and the lower bounds of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuro.accounting.account import account
from neuro.chip.cores import NO_LIMIT
from neuro.chip.mesh import hops_and_loads, links
from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.errors import MissingFigure, PlacementError
from neuro.mapping.traffic import Traffic, spikes_of, traffic_of
from neuro.network.graph import Network
from neuro.validation import Floats, Ints

__all__ = ["OBJECTIVES", "Verdict", "bounds", "heat", "judge", "measure"]

OBJECTIVES: Mapping[str, str] = {
    "km1": "spikes times other cores with a target: deliveries to remote cores",
    "cut_synapse_spikes": "spikes through synapses onto other cores",
    "unicast_hops": "spikes times links of the separate XY paths to those cores",
    "multicast_hops": "spikes times links of the multicast XY tree to those cores",
    "max_link": "most spikes over one directed link, with multicast",
    "cores": "cores in use",
    "energy": "joules on the chip",
    "latency": "seconds on the chip",
}
"""Objectives by name."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """Costs, bounds and use of a placement."""

    costs: Mapping[str, float | None]
    """Cost by objective; None where it needs a recording, or a figure that nobody has published."""
    bounds: Mapping[str, float | None]
    """Lower bound of each cost for any placement of this network on such cores; None where none is known."""
    usage: Mapping[str, Ints]
    """Use of each limit by each core, by the name of the limit, shape (cores,)."""
    binding: Mapping[str, float]
    """The largest share of each limit that a core uses, fullest first."""

    @property
    def gaps(self) -> dict[str, float]:
        """Cost over bound, less one, where there is a bound above zero."""
        pairs = {name: (self.costs[name], bound) for name, bound in self.bounds.items()}
        return {name: cost / bound - 1.0 for name, (cost, bound) in pairs.items() if cost is not None and bound}


def judge(placement: Placement, network: Network, traffic: Any = None) -> Verdict:
    """Count every cost of a placement under any traffic, also another one than it was made for.

    Parameters
    ----------
    placement
        From `place`, from `placed`, or from a file.
    network
        The network that is placed.
    traffic
        A `Recording`, spikes per neuron by population, or None for one spike each. Energy and latency need a recording.

    Raises
    ------
    PlacementError
        If the placement is not one of this network.
    InputError
        If the traffic is not usable.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> _ = net.connect(cell, cell, nr.Sparse([0, 0], [1, 2], 0.5), delay=1e-3)
    >>> here = nr.placed(net, nr.mesh_chip(2, 2, neurons=1), {"cell": [0, 1, 3]})
    >>> found = judge(here, net, {"cell": [10, 0, 0]})
    >>> found.costs["km1"], found.costs["multicast_hops"], found.costs["unicast_hops"], found.bounds["km1"]
    (20.0, 20.0, 30.0, 20.0)
    """
    sizes = {name: population.size for name, population in network.populations.items()}
    if sizes != {name: len(core) for name, core in placement.core.items()}:
        raise PlacementError(
            "the placement must have the network's populations",
            value=", ".join(f"{name}: {len(core)}" for name, core in placement.core.items()),
        )
    recording = traffic if isinstance(traffic, Recording) else None
    costs = measure(placement, spikes_of(network, traffic), recording)
    usage = dict(placement.usage)
    share = {
        name: float((used / np.maximum(most, 1)).max())
        for name, used in usage.items()
        if len(used) and (most := placement.chip.most(name)).min() < NO_LIMIT
    }
    fullest_first = dict(sorted(share.items(), key=lambda item: -item[1]))
    return Verdict(costs, bounds(traffic_of(network, traffic), placement.chip), usage, fullest_first)


def measure(placement: Placement, spikes: Floats, recording: Recording | None = None) -> dict[str, float | None]:
    """Cost by objective, from spikes per neuron; energy and latency only with the recording."""
    routes, home = placement.routes, placement.neuron_core
    own = home[routes.neuron]
    remote = (routes.core != own) & (own >= 0)
    sent = spikes[routes.neuron]
    found: dict[str, float | None] = {
        "km1": float(sent[remote].sum()),
        "cut_synapse_spikes": float((sent * routes.synapses)[remote].sum()),
    }
    for routing in ("unicast", "multicast"):
        chip = replace(placement.chip, routing=routing)
        hops, loads = hops_and_loads(replace(placement, chip=chip), spikes)
        found[f"{routing}_hops"] = float((hops.sum(axis=1) * spikes).sum())
        if routing == "multicast":
            found["max_link"] = float(loads.max(initial=0.0))
    found["cores"] = float(len(np.unique(home[home >= 0])))
    found["energy"], found["latency"] = None, None
    if recording is not None:
        try:
            bill = account(recording, placement)
            found["energy"], found["latency"] = bill.total, bill.latency
        except MissingFigure:
            pass
    return found


def bounds(traffic: Traffic, chip: Chip) -> dict[str, float | None]:
    """Lower bounds for any placement with so many neurons per core, by objective.

    A neuron and its targets are s neurons; they need ceil(s / most neurons of a core) cores, so its spikes reach at
    least one fewer other cores, over at least as many links; and separate paths end on different tiles, of which four
    are one link away, eight two, and so on. Of its synapses at most (most neurons - 1) stay on its core.

    Examples
    --------
    >>> from neuro.chip.model import mesh_chip
    >>> pairs = np.array([0, 6, *[6] * 6]), np.arange(1, 7, dtype=np.uint32), np.ones(6, np.uint32)
    >>> star = Traffic({"a": 0}, *pairs, np.array([1.0, *[0.0] * 6]), np.ones(7, np.int64))
    >>> {name: bound for name, bound in bounds(star, mesh_chip(3, 3, neurons=1)).items() if bound}
    {'km1': 6.0, 'cut_synapse_spikes': 6.0, 'unicast_hops': 8.0, 'multicast_hops': 6.0, 'max_link': 0.25, 'cores': 7.0}
    """
    found: dict[str, float | None] = dict.fromkeys(OBJECTIVES)
    n = traffic.neurons
    most = min(n, int(np.minimum(chip.most("neurons"), chip.most("columns")).max())) if n else 1
    own = _targets_itself(traffic)
    degree = np.diff(traffic.start)
    reached = degree + 1 - own
    other = -(-reached // max(1, most)) - 1
    other[degree == 0] = 0
    km1 = float((traffic.spikes * other).sum())
    found["km1"] = found["multicast_hops"] = km1
    found["cut_synapse_spikes"] = float((traffic.spikes * np.maximum(0, reached - most)).sum())
    found["cores"] = float(-(-n // max(1, most)))
    per_tile = chip.cores_per_tile
    on_other_tiles = other - (per_tile - 1)
    nearest = np.cumsum(np.concatenate([[0], np.repeat(np.arange(1, 64), 4 * np.arange(1, 64) * per_tile)]))
    reach = np.clip(on_other_tiles, 0, len(nearest) - 1)
    found["unicast_hops"] = float((traffic.spikes * nearest[reach]).sum())
    if per_tile > 1:
        # Cores of one tile are reached without a link, and those of another by one link together.
        found["multicast_hops"] = float((traffic.spikes * np.maximum(0, -(-(other + 1) // per_tile) - 1)).sum())
    link_count = 2 * (chip.width * (chip.height - 1) + chip.height * (chip.width - 1))
    hops = found["multicast_hops"]
    found["max_link"] = hops / link_count if link_count and hops is not None else 0.0
    return found


def _targets_itself(traffic: Traffic) -> Ints:
    """1 for each neuron that has itself among its targets."""
    found = np.zeros(traffic.neurons, np.int64)
    found[traffic.source[traffic.source == traffic.target]] = 1
    return found


def heat(placement: Placement, spikes: Floats) -> dict[str, Floats]:
    """Maps of the mesh, each of shape (height, width), NaN where there is no tile.

    ``router``: spikes that enter, leave or pass a tile; ``link``: the most spikes on a link out of it; ``neurons`` and
    ``axons``: neurons on it, and distinct sources of its cores.
    """
    chip = placement.chip
    multicast = replace(chip, routing="multicast")
    mesh, (_, load) = links(multicast), hops_and_loads(replace(placement, chip=multicast), spikes)
    shape = (chip.height, chip.width)
    out, busiest, incoming = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    np.add.at(out, (mesh.source[:, 1], mesh.source[:, 0]), load)
    np.maximum.at(busiest, (mesh.source[:, 1], mesh.source[:, 0]), load)
    np.add.at(incoming, (mesh.target[:, 1], mesh.target[:, 0]), load)
    routes, home = placement.routes, placement.neuron_core
    own = home[routes.neuron]
    inside = own >= 0
    sends = np.zeros(len(spikes))
    sends[routes.neuron[inside & (routes.core != own)]] = 1.0
    x, y = np.asarray(chip.xy).T
    sent = np.zeros(shape)
    placed = np.flatnonzero(home >= 0)
    np.add.at(sent, (y[home[placed]], x[home[placed]]), (sends * spikes)[placed])
    found = {"router": incoming + sent, "link": busiest}
    for name, key in (("neurons", "neurons"), ("axons", "axons_in")):
        grid = np.zeros(shape)
        np.add.at(grid, (y, x), placement.usage[key])
        found[name] = grid
    there = np.zeros(shape, np.bool_)
    there[y, x] = True
    return {name: np.where(there, grid, np.nan) for name, grid in found.items()}
