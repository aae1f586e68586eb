"""The exponential currents of a population: those of its receptors, and those that its own spikes change."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.network.graph import Population
from neuro.network.neurons import AHP, ALIF, receptors
from neuro.validation import Floats

__all__ = ["self_currents", "synaptic_taus"]


def synaptic_taus(population: Population) -> list[Floats]:
    """Time constants of the receptors that have one, s, each of shape (neurons,)."""
    return [np.broadcast_to(tau, (population.size,)) for tau in receptors(population.model) if tau is not None]


def self_currents(population: Population) -> list[tuple[Floats, Floats]]:
    """(time constants, jumps) of the x_k that a neuron's own spikes change, each of shape (neurons,).

    Jumps are negative for an AHP, whose x_k are currents, and positive for an ALIF, whose x_k raise the threshold.
    """
    model, size = population.model, (population.size,)
    if not isinstance(model, AHP | ALIF):
        return []
    taus: Any = model.tau_ahp if isinstance(model, AHP) else model.tau_adapt
    sign = -1.0 if isinstance(model, AHP) else 1.0
    pairs = zip(taus, model.jump, strict=True) if isinstance(taus, tuple) else [(taus, model.jump)]  # type: ignore[arg-type]
    return [(np.broadcast_to(tau, size), sign * np.broadcast_to(np.asarray(jump, float), size)) for tau, jump in pairs]
