"""From partitions to a placement on the mesh: layout, refinement, and the choice by the objective itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from neuro.chip.model import Chip
from neuro.engine.recording import Recording
from neuro.errors import ParameterError, UnknownName, UnsupportedFeature
from neuro.mapping.layout.layout import layout
from neuro.mapping.layout.nets import nets_of
from neuro.mapping.layout.relieve_link import relieve_link
from neuro.mapping.metrics import OBJECTIVES, measure, placement_of
from neuro.mapping.refine.refine import Prices, price, refine
from neuro.mapping.traffic import Traffic
from neuro.validation import Ints

__all__ = ["Objective", "cost_by", "prices_of", "spread", "weights_of"]

Objective = str | Mapping[str, float]
"""A name of `OBJECTIVES`, or weights by name."""
SIMPLE = {"km1", "unicast_hops", "multicast_hops"}
"""Objectives that prices express exactly."""
LEADS = {"fast": 1, "balanced": 1, "best": 2}
"""How many of the partitions are tried, the cheapest first; the best of them is refined to the end."""


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
    given = {objective: 1.0} if isinstance(objective, str) else dict(objective)
    for name, weight in given.items():
        if name not in OBJECTIVES:
            raise UnknownName("objective", name, OBJECTIVES)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0.0 <= weight < float("inf"):
            raise ParameterError("weights of objectives are numbers, not below zero", where=name, value=weight)
    if not any(given.values()):
        raise ParameterError("an objective needs a weight above zero", where="objective", value=dict(given))
    return {name: float(weight) for name, weight in given.items()}


def prices_of(objective: Objective, chip: Chip) -> Prices:
    """Prices by which a search comes near an objective.

    Deliveries, paths and trees have their own; energy has the chip's figures for messages and hops. The others go with
    deliveries and links: cut synapses and cores with deliveries, the largest link and the latency with trees.

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


def spread(
    traffic: Traffic,
    partitions: Sequence[Ints],
    chip: Chip,
    objective: Objective,
    *,
    effort: str = "balanced",
    seed: int = 0,
    held: NDArray[np.bool_] | None = None,
    pinned: Ints | None = None,
    dead: Sequence[int] = (),
    cores: int | None = None,
    fits: Callable[[Ints], bool] = lambda core: True,
    recording: Recording | None = None,
) -> Ints:
    """The core of each neuron: every partition laid out, the best ones refined, and the cheapest of all kept.

    Parameters
    ----------
    traffic
        The connected pairs and the spikes.
    partitions
        Parts of the neurons, 0 .. parts - 1 each, shape (neurons,); every one within the limits of the cores.
    chip
        The chip.
    objective
        What is minimized.
    recording
        What energy and latency are counted on.
    effort, seed
        As for `layout` and `refine`.
    held
        Neurons that must stay with their part.
    pinned
        Core of the neurons that have to be on one, -1 for all others, shape (neurons,).
    dead
        Cores that hold nothing.
    cores
        Most cores in use.
    fits
        Whether cores of the neurons keep to limits that the refinement does not know.

    Raises
    ------
    UnknownName
        If there is no such objective or effort.
    ParameterError
        If parts cannot get a core each.
    """
    weights, prices = weights_of(objective), prices_of(objective, chip)
    cost = cost_by(traffic, chip, objective, recording)
    placed = prices.tree > 0.0 or prices.path > 0.0
    laid_out = prices if placed else Prices(tree=1.0)
    found: list[Ints] = []
    simple = set(weights) <= SIMPLE
    each = laid_out.tree + laid_out.path + laid_out.delivery
    for part in partitions:
        dense, part = np.unique(part, return_inverse=True)
        if found and simple and chip.cores_per_tile == 1:
            # Every delivery takes a link at least.
            deliveries = price(traffic, part, chip, Prices(delivery=1.0))
            if deliveries is not None and each * deliveries >= cost(found[0]):
                continue
        fixed = _fixed(part, pinned)
        place = layout(traffic, part, chip, laid_out, effort=effort, seed=seed, fixed=fixed, dead=dead)
        if weights.get("max_link", 0.0) > 0.0 and not fixed:
            nets = nets_of(traffic, part, len(dense))
            place = relieve_link(nets, chip, place, effort=effort, seed=seed, dead=dead)
        found.append(place[part])
    found.sort(key=cost)
    if not placed:
        return found[0]
    stay = np.zeros(traffic.neurons, np.bool_) if held is None else held
    stay = stay if pinned is None else stay | (pinned >= 0)
    starts = found[: LEADS[effort]]
    if len(starts) > 1:
        # Which structure is the better one shows only once neurons have moved.
        starts = [
            refine(traffic, start, chip, prices, effort="balanced", seed=seed, fixed=stay, dead=dead, cores=cores)
            for start in starts
        ]
        starts = [min((start for start in starts if fits(start)), key=cost, default=found[0])]
    for start in starts:
        core = refine(
            traffic, start, chip, prices, effort=effort, seed=seed, fixed=stay, dead=dead, cores=cores,
        )  # fmt: skip
        if fits(core):
            found.append(core)
            if effort != "fast" and pinned is None:
                # Neurons that have moved may be better off with their cores elsewhere, which no single move shows.
                used, part = np.unique(core, return_inverse=True)
                found.append(layout(traffic, part, chip, laid_out, effort="balanced", seed=seed, dead=dead)[part])
            if weights.get("max_link", 0.0) > 0.0 and pinned is None:
                used, part = np.unique(core, return_inverse=True)
                nets = nets_of(traffic, part, len(used))
                found.append(relieve_link(nets, chip, used, effort=effort, seed=seed, dead=dead)[part])
    return min(found, key=cost)


def cost_by(
    traffic: Traffic, chip: Chip, objective: Objective, recording: Recording | None = None
) -> Callable[[Ints], float]:
    """The function that says what an objective is for the cores of the neurons.

    Energy without a recording is that of messages and hops alone, by the chip's figures; the rest of it does not
    depend on the placement.

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
    kept: dict[bytes, float] = {}
    simple = set(weights) <= SIMPLE
    plain_energy = set(weights) <= SIMPLE | {"energy"} and recording is None

    def cost(core: Ints) -> float:
        key = core.tobytes()
        if key not in kept:
            found = price(traffic, core, chip, prices) if simple or plain_energy else None
            if found is None:
                costs = measure(placement_of(traffic, core, chip), traffic.spikes, recording)
                found = sum(weight * (costs[name] or 0.0) for name, weight in weights.items())
            kept[key] = found
        return kept[key]

    return cost


def _fixed(part: Ints, pinned: Ints | None) -> dict[int, int]:
    if pinned is None:
        return {}
    at = np.flatnonzero(pinned >= 0)
    return dict(zip(part[at].tolist(), pinned[at].tolist(), strict=True))
