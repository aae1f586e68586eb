"""Objectives of the mapper: weights by name, the prices that searches use, and the exact cost of a placement."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.errors import ParameterError, UnknownName, UnsupportedFeature
from neuro.mapping.metrics import OBJECTIVES, measure
from neuro.mapping.refine.refine import price
from neuro.mapping.routes import placement_of_traffic
from neuro.mapping.search import Prices
from neuro.mapping.traffic import Traffic
from neuro.validation import Ints, number, positive, shown

__all__ = ["SIMPLE", "Objective", "cost_function", "prices_of", "weights_of"]

Objective = str | Mapping[str, float]
"""A name of `OBJECTIVES`, or weights by name."""
SIMPLE = {"km1", "unicast_hops", "multicast_hops"}
"""Objectives that prices express exactly."""


def weights_of(objective: Objective) -> dict[str, float]:
    """An objective as weights by name.

    Raises
    ------
    UnknownName
        If there is no such objective.
    ParameterError
        If a weight is negative or not finite, or all are zero.

    >>> weights_of("km1"), weights_of({"km1": 1, "max_link": 0.5})
    ({'km1': 1.0}, {'km1': 1.0, 'max_link': 0.5})
    """
    if not isinstance(objective, str | Mapping):
        raise ParameterError("must be a name, or weights by name", where="objective", value=shown(objective))
    given = {objective: 1.0} if isinstance(objective, str) else dict(objective)
    for name, weight in given.items():
        if name not in OBJECTIVES:
            raise UnknownName("objective", name, OBJECTIVES)
        number(weight, f"weight of the objective {name!r}", check=positive, zero=True)
    if not any(given.values()):
        raise ParameterError("an objective needs a weight above zero", where="objective", value=dict(given))
    return {name: float(weight) for name, weight in given.items()}


def prices_of(objective: Objective, chip: Chip) -> Prices:
    """Prices by which a search approximates an objective.

    Deliveries, paths and trees have prices of their own; energy has the chip's figures for messages and hops. Cut
    synapses and cores are approximated by deliveries, the largest link and the latency by trees.

    >>> from neuro.chip.model import mesh_chip
    >>> prices_of({"km1": 2.0, "multicast_hops": 1.0}, mesh_chip(2, 2, neurons=1))
    Prices(tree=1.0, delivery=2.0, path=0.0)
    """
    tree, delivery, path = 0.0, 0.0, 0.0
    for name, weight in weights_of(objective).items():
        if name in ("km1", "cut_synapse_spikes", "cores"):
            delivery += weight
        elif name == "unicast_hops":
            path += weight
        elif name == "energy":
            hop, message, sent = _figures(chip)
            if chip.routing == "multicast":
                tree, delivery = tree + weight * hop, delivery + weight * message
            else:
                path, delivery = path + weight * hop, delivery + weight * (message + sent)
        else:
            tree += weight
    if tree == delivery == path == 0.0:
        tree = 1.0
    return Prices(tree, delivery, path)


def _figures(chip: Chip) -> tuple[float, float, float]:
    """Joules of a hop (the mean of the four directions), of a message's arrival, and of its sending; unknown ones 0."""

    def of(kind: str) -> float:
        known = [figure.value for key, figure in chip.energy.items() if key.partition(":")[0] == kind]
        values = [value for value in known if value is not None]
        return float(np.mean(values)) if values else 0.0

    hops = [of(f"hop_{way}") for way in ("east", "west", "north", "south")]
    return sum(hops) / 4.0, of("message_in") + of("tile"), of("message_out")


def cost_function(
    traffic: Traffic,
    chip: Chip,
    objective: Objective,
    recording: Recording | None = None,
    placement: Callable[[Ints], Placement] | None = None,
) -> Callable[[Ints], float]:
    """The function from the cores of the neurons to the cost by an objective.

    Without a recording, energy is that of messages and hops alone, by the chip's figures; the rest does not depend on
    the placement. `placement` makes the placement that a recording is counted on; without it, no neuron is a source,
    and each takes one neuron of the chip.

    Raises
    ------
    UnsupportedFeature
        If latency is asked for without a recording.
    """
    weights, prices = weights_of(objective), prices_of(objective, chip)
    if weights.get("latency", 0.0) > 0.0 and recording is None:
        raise UnsupportedFeature(
            "the latency of a placement is known for a recording only",
            where="objective 'latency'",
            remedy="Give a Recording as traffic",
        )
    known: dict[bytes, float] = {}
    simple = set(weights) <= SIMPLE
    plain_energy = set(weights) <= SIMPLE | {"energy"} and recording is None

    def cost(core: Ints) -> float:
        key = core.tobytes()
        if key not in known:
            found = price(traffic, core, chip, prices) if simple or plain_energy else None
            if found is None:
                made = placement_of_traffic(traffic, core, chip) if placement is None else placement(core)
                costs = measure(made, traffic.spikes, recording)
                found = sum(weight * (costs[name] or 0.0) for name, weight in weights.items())
            known[key] = found
        return known[key]

    return cost
