"""`place`: a network on a chip, from the partition of its neurons to the cores of the parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.errors import InfeasibleError, UnknownName
from neuro.mapping.constraints import Rules, rules_of
from neuro.mapping.latency.shorten import shorten
from neuro.mapping.latency.work import require_times
from neuro.mapping.objective import cost_function, weights_of
from neuro.mapping.partition.choose import cut_network
from neuro.mapping.partition.hypergraph import deliveries_least
from neuro.mapping.partition.multilevel import EFFORTS, Effort
from neuro.mapping.partition.tables import Parts
from neuro.mapping.pipeline import assign_cores, costs_and_bounds, partition_effort
from neuro.mapping.random import RandomState, state_of
from neuro.mapping.routes import placement_of_network
from neuro.mapping.traffic import Traffic, traffic_of
from neuro.mapping.watch import Watch, is_halted, watching
from neuro.network.graph import Network
from neuro.progress import ProgressOption, reporting
from neuro.randomness import stream
from neuro.system.interrupts import deferred
from neuro.validation import Ints, instance, mapping, whole_number

__all__ = ["deliveries_at_least", "place"]


def place(
    network: Network,
    chip: Chip,
    traffic: Any = None,
    objective: str | Mapping[str, float] = "km1",
    effort: str = "balanced",
    seed: int = 0,
    *,
    cores: int | None = None,
    pinned: Mapping[str, Any] | None = None,
    dead: Sequence[int] = (),
    together: Sequence[Sequence[str]] = (),
    apart: Sequence[tuple[str, str]] = (),
    progress: ProgressOption = None,
) -> Placement:
    """Put every neuron of a network on a core of a chip, with each core within its limits.

    Parameters
    ----------
    network, chip
        The network and the chip. Sources of spikes take a core as other neurons do.
    traffic
        A `Recording`, or spikes per neuron by population; None: one spike from each neuron.
    objective
        A name of `neuro.mapping.metrics.OBJECTIVES`, or a weight for each of several. ``"km1"``: spikes times the
        number of cores, other than the source's, that hold a target. ``"multicast_hops"``: spikes times the links of
        the tree to these cores. ``"cores"``: cores in use. ``"latency"``: seconds that `account` gives for the
        recording, by the busiest core of each step; it takes as many cores as `cores` allows.
    effort
        ``"fast"``, ``"balanced"`` or ``"best"``: a number of steps, not of seconds. The same seed gives the same
        placement on every machine.
    seed
        Root of the random draws.
    cores
        Use at most so many cores; by default, all.
    pinned
        By population: the core of all its neurons, or of each, -1 where it is free; shape (size,).
    dead
        Cores that hold nothing.
    together
        Groups of populations; each group shares one core.
    apart
        Pairs of populations that must not share a core.
    progress
        None, True or "bar" for a bar, or a function of (done, total, label).

    Returns
    -------
    Placement
        Its `objectives` are its costs, its `bounds` lower bounds of them for any placement. After Ctrl-C (or a
        KeyboardInterrupt from `progress`) it is the best one found so far, and has `interrupted` set.

    Raises
    ------
    InfeasibleError
        If the network cannot fit, or no placement that fits was found.
    ParameterError
        If `cores`, `pinned`, `dead`, `together` or `apart` do not fit the chip and the network.
    InputError
        If the traffic does not fit the network.
    NetworkError
        If the network does not fit into memory.
    UnknownName
        If there is no such objective, effort or population.
    UnsupportedFeature
        If latency counts, and the traffic is no `Recording` or the chip's times are not known.
    KeyboardInterrupt
        After Ctrl-C, if no placement within the limits was found yet.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> _ = net.connect(cell, cell, nr.Sparse([0, 2, 1, 3], [2, 0, 3, 1], 0.5), delay=1e-3)
    >>> placement = nr.place(net, nr.mesh_chip(2, 1, neurons=2), effort="fast")
    >>> core = placement.core["cell"]
    >>> bool(core[0] == core[2] != core[1] == core[3]), placement.objectives["km1"]
    (True, 0.0)
    """
    instance(network, "network", Network, "a Network")
    instance(chip, "chip", Chip, "a Chip")
    whole_number(seed, "seed")
    mapping(pinned, "pinned", "cores by population")
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise UnknownName("effort", effort, EFFORTS)
    weights = weights_of(objective)
    known = traffic_of(network, traffic)
    if weights.get("latency"):
        require_times(chip, traffic)
    rules = rules_of(network, chip, known, cores, pinned or {}, dead, together, apart)
    with reporting(progress, "placing") as tell:
        watch = Watch(tell)
        with deferred(watch), watching(watch):
            core = _searched(rules, network, chip, weights, traffic, effort, seed, dead, cores)
    placement = placement_of_network(network, chip, known, core)
    objectives, bounds = costs_and_bounds(placement, rules, chip, traffic)
    bounds = {**bounds, "km1": deliveries_at_least(known, rules.widest)}
    return dataclasses.replace(placement, objectives=objectives, bounds=bounds, interrupted=watch.requested)


def _searched(
    rules: Rules, network: Network, chip: Chip, weights: Mapping[str, float], traffic: Any, effort: str, seed: int,
    dead: Sequence[int], cores: int | None,
) -> Ints:  # fmt: skip
    """The core of each neuron. The search for a short latency begins at the placement with the fewest deliveries."""
    known, recording = rules.terms.traffic, traffic if isinstance(traffic, Recording) else None
    on = partial(placement_of_network, network, chip, known)
    is_timed = recording is not None and weights.get("latency", 0.0) > 0.0
    others = {name: weight for name, weight in weights.items() if weight > 0.0 and name != "latency"}
    before = (others or {"km1": 1.0}) if is_timed else dict(weights)
    # A start with still fewer deliveries does not end in a shorter latency.
    begin = "balanced" if is_timed and not others and effort == "best" else effort
    level, partitions = partition_effort(begin, before, known.pairs)
    random = state_of(int(stream(seed, "mapping", "partition").integers(1, 2**63, 1, dtype=np.uint64)[0]))
    parts = _cut(rules, "cores" if "cores" in before else "km1", level, partitions, random)
    core = assign_cores(
        rules, parts, chip, before, effort=begin, seed=seed, dead=dead, cores=cores, recording=recording, placement=on
    )
    if not is_timed or recording is None:
        return core
    cost = cost_function(known, chip, weights, recording, on)
    return shorten(rules, core, chip, recording, on, cost, effort=effort, seed=seed, dead=dead, cores=cores)


def _cut(rules: Rules, objective: str, effort: Effort, partitions: int, random: RandomState) -> list[Parts]:
    """So many partitions, or those that were found before the user asked for the end."""
    parts: list[Parts] = []
    while len(parts) < partitions and not (parts and is_halted()):
        try:
            parts.append(cut_network(rules, objective, effort, random))
        except InfeasibleError as error:
            if error.proved or not is_halted():
                raise
            if not parts:
                raise KeyboardInterrupt from None
    return parts


def deliveries_at_least(traffic: Traffic, widest: int) -> float:
    """The fewest deliveries to remote cores of any placement, where a core holds at most `widest` neurons.

    A neuron and its targets, m in all, need at least m / `widest` cores, and all but its own get each of its spikes.

    >>> start, target = np.array([0, 3, 3, 3, 3]), np.array([1, 2, 3], np.uint32)
    >>> star = Traffic({"a": 0}, start, target, target, np.array([5.0, 1.0, 1.0, 1.0]), np.ones(4, np.int64))
    >>> deliveries_at_least(star, 2)
    5.0
    """
    return float(deliveries_least(traffic.start, traffic.target, traffic.spikes, max(widest, 1)))
