"""The summary of a network that a recording keeps: populations, their sizes, and the projections between them."""

from __future__ import annotations

from typing import Any

from neuro.network.graph import Network
from neuro.network.neurons import Source
from neuro.network.wiring import wiring_of

__all__ = ["summary"]


def summary(network: Network) -> dict[str, Any]:
    """Populations (size, model, whether they are sources), projections (from, onto) and wiring, as JSON knows them.

    A network that was read from a file also has its provenance.

    >>> from neuro.network.graph import Population
    >>> from neuro.network.neurons import SpikeSource
    >>> net = Network()
    >>> cue = net.add(Population("cue", 3, SpikeSource()))
    >>> summary(net)["populations"]
    {'cue': {'size': 3, 'model': 'SpikeSource', 'source': True}}
    """
    found: dict[str, Any] = {
        "populations": {
            name: {"size": int(p.size), "model": type(p.model).__name__, "source": isinstance(p.model, Source)}
            for name, p in network.populations.items()
        },
        "projections": {name: [p.pre.name, p.post.name] for name, p in network.projections.items()},
        "wiring": wiring_of(network),
    }
    return found | {"provenance": dict(network.provenance)} if network.provenance else found
