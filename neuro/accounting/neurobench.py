"""Complexity metrics of NeuroBench that follow from a recording and a placement."""

from __future__ import annotations

import numpy as np

from neuro.accounting.counts import BinnedSpikes, is_source
from neuro.chip.placement import Placement

__all__ = ["neurobench"]


def neurobench(placement: Placement, binned: BinnedSpikes) -> dict[str, float]:
    """NeuroBench's complexity metrics (Yik et al., Nat. Commun. 16:1545, 2025), for the whole recording.

    `footprint`: bytes of the weights as they are stored. `connection_sparsity`: share of possible connections (every
    neuron of a projection's source onto every one of its target) without a weight other than zero.
    `activation_sparsity`: share of neurons and steps without a spike, sources left out; absent where the chip has no
    steps. `effective_acs`: operations of spikes with weights other than zero; all of them are accumulations, so
    `effective_macs` is zero. `dense`: operations if every neuron were active in every step; absent without steps.
    """
    routes, structure = placement.routes, placement.structure
    found: dict[str, float] = {}
    if structure:
        found["footprint"] = structure["weight_bytes"]
        if structure["pairs"]:
            found["connection_sparsity"] = 1.0 - structure["nonzero"] / structure["pairs"]
    source = is_source(placement)
    spikes = np.bincount(binned.neuron, minlength=len(source))
    if binned.stepped and binned.steps and not source.all():
        active = np.count_nonzero(~source[binned.neuron] & (binned.repeated == 0))
        found["activation_sparsity"] = float(1.0 - active / (binned.steps * np.count_nonzero(~source)))
    effective = routes.synapses if routes.nonzero is None else routes.nonzero
    found["effective_acs"] = float(np.dot(spikes[routes.neuron], effective))
    found["effective_macs"] = 0.0
    if binned.stepped:
        found["dense"] = float(binned.steps * np.sum(routes.synapses))
    return found
