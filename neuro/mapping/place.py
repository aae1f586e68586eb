"""Placing a network on a chip: neurons into cores, cores onto the mesh."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.arrays import stream
from neuro.chip.model import Chip
from neuro.chip.placement import Placement, placed
from neuro.errors import UnknownName
from neuro.mapping.hypergraph import hypergraph_of
from neuro.mapping.partition import EFFORTS, Problem, partition
from neuro.mapping.spread import spread
from neuro.mapping.traffic import traffic_of
from neuro.network.graph import Network

__all__ = ["place"]


def place(
    network: Network,
    chip: Chip,
    traffic: Any = None,
    objective: str = "km1",
    effort: str = "balanced",
    seed: int = 0,
    *,
    cores: int | None = None,
) -> Placement:
    """Put every neuron of a network on a core of a chip."""
    if effort not in EFFORTS:
        raise UnknownName("effort", effort, EFFORTS)
    found = traffic_of(network, traffic)
    graph, _ = hypergraph_of(found)
    count = chip.cores if cores is None else cores
    room = np.full(count, chip.limits.neurons or found.neurons, np.int64)
    start = (np.arange(found.neurons) // room[0]).astype(np.int32)
    state = stream(seed, "partition").integers(1, 2**63, 1, dtype=np.uint64)
    problem = Problem(graph, room, np.zeros(found.neurons, bool))
    part, _ = partition(problem, [start], EFFORTS["balanced" if effort == "best" and objective != "km1" else effort], state)
    core = part.astype(np.int64)
    if objective != "km1":
        core = spread(found, [core], chip, objective, effort=effort, seed=seed, cores=cores)
    return placed(network, chip, found.by_population(core))
