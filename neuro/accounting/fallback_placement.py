"""Fallback placements: the whole network on one core, or a placement moved to another chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.chip.routes import Routes
from neuro.engine.recording import Recording
from neuro.errors import PlacementError
from neuro.validation import frozen

__all__ = ["moved_to_chip", "on_one_core"]


def on_one_core(recording: Recording, chip: Chip) -> Placement:
    """The placement of all neurons of a recording on core 0 of a chip, with sources outside of the chip.

    A recording has the number of events of each projection, and no single synapses. Each spike of a population gets the
    same share of these events. So sums over the run are exact, and neurons and steps have mean values.

    Raises
    ------
    PlacementError
        If one core cannot hold the neurons, or the recording does not say which populations there are.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> projection = net.connect(cue, cell, nr.AllToAll(0.5), delay=1e-3)
    >>> rec = nr.run(net, 0.01, inputs={"cue": nr.Spikes([1e-3], [0])})
    >>> on_one_core(rec, nr.load_chip("loihi_davies2018")).routes.synapses.tolist()
    [2.0]
    """
    known = recording.provenance.get("network")
    remedy = "Give a placement: neuro.placed makes one, and Placement.save writes it for --placement"
    if not isinstance(known, Mapping):
        raise PlacementError("the recording does not say which network it is of", where="recording", remedy=remedy)
    populations, projections = known["populations"], known["projections"]
    sources = frozenset(name for name, about in populations.items() if about["source"])
    core = {
        name: frozen(np.full(about["size"], -1 if about["source"] else 0, np.int64))
        for name, about in populations.items()
    }
    compartments = {name: 2 for name, about in populations.items() if about["model"] == "LoihiAHP"}
    neurons = sum(len(each) * compartments.get(name, 1) for name, each in core.items() if name not in sources)
    most = int(chip.most("neurons")[0])
    if neurons > most:
        raise PlacementError(
            f"without a placement all neurons go on one core, and one of {chip.name} holds {most}",
            where="recording",
            value=f"{neurons} neurons",
            remedy=remedy,
        )
    synapses, targets = [], []
    for name, about in populations.items():
        own = [key for key, (pre, _) in projections.items() if pre == name]
        spikes = len(recording.spikes.get(name, ()))
        events = sum(recording.events.get(key, 0) for key in own)
        synapses.append(np.full(about["size"], events / spikes if spikes else 0.0))
        targets.append(np.full(about["size"], bool(own)))
    has = np.concatenate([np.zeros(0, bool), *targets])
    routes = Routes(
        start=frozen(np.cumsum([0, *has]).astype(np.int64)),
        core=frozen(np.zeros(int(has.sum()), np.int64)),
        synapses=frozen(np.concatenate([np.zeros(0), *synapses])[has]),
    )
    return Placement(chip, core, routes, sources, compartments=compartments)


def moved_to_chip(placement: Placement, chip: Chip) -> Placement:
    """The placement with each neuron on the core of the same number of another chip, or on its only core.

    Raises
    ------
    PlacementError
        If that chip has fewer cores than are in use, or its cores are too small.
    """
    if chip == placement.chip:
        return placement
    if chip.cores == 1:
        placement = _merged(placement)
    used = int(placement.neuron_core.max(initial=-1)) + 1
    if used > chip.cores:
        raise PlacementError(
            f"{chip.name} has {chip.cores} cores",
            where=f"a placement on {placement.chip.name}",
            value=f"core {used - 1} is in use",
            remedy="Place the network on this chip and give that placement",
        )
    moved = replace(placement, chip=chip)
    for limit in moved.usage:
        if limit in moved.broken_limits:
            core, used, most = moved.broken_limits[limit]
            raise PlacementError(
                f"a core of {chip.name} holds {most} {limit}",
                where=f"a placement on {placement.chip.name}",
                value=f"{used} on core {core}",
                remedy="Place the network on this chip and give that placement",
            )
    return moved


def _merged(placement: Placement) -> Placement:
    """The placement with all neurons of the chip on core 0."""
    routes = placement.routes
    has = np.diff(routes.start) > 0
    first = routes.start[:-1][has]

    def total(values: np.ndarray) -> np.ndarray:
        return frozen(np.add.reduceat(values, first) if len(first) else values)

    together = Routes(
        start=frozen(np.cumsum([0, *has]).astype(np.int64)),
        core=frozen(np.zeros(int(has.sum()), np.int64)),
        synapses=total(routes.synapses),
        variants={name: total(part) for name, part in routes.variants.items()},
        nonzero=None if routes.nonzero is None else total(routes.nonzero),
    )
    core = {name: frozen(np.minimum(each, 0)) for name, each in placement.core.items()}
    return replace(placement, core=core, routes=together)
