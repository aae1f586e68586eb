"""The exponential currents of a population: those of its receptors, and those that its own spikes change."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neuro.network.graph import Population
from neuro.network.neurons import AHP, ALIF, LinearNeuron, receptors
from neuro.validation import Floats

__all__ = ["Part", "parts_of", "self_currents", "self_rates", "synaptic_rates", "synaptic_taus"]


class Part(NamedTuple):
    """One of the places that an input adds to."""

    current: int
    """Number of the current among those of receptors; -1: v itself."""
    factor: float
    """What an input of weight 1 adds there."""


def synaptic_taus(population: Population) -> list[Floats]:
    """Time constants of the currents that inputs change, s, each of shape (neurons,)."""
    if isinstance(population.model, LinearNeuron):
        return [1.0 / rate for rate in synaptic_rates(population)]
    return [np.broadcast_to(tau, (population.size,)) for tau in receptors(population.model) if tau is not None]


def synaptic_rates(population: Population) -> list[Floats]:
    """Decay rates of the currents that inputs change, 1/s, each of shape (neurons,)."""
    model = population.model
    if isinstance(model, LinearNeuron):
        return [np.broadcast_to(model.modes.rate[k], (population.size,)) for k in _reached(model).tolist()]
    return [1.0 / tau for tau in synaptic_taus(population)]


def self_currents(population: Population) -> list[tuple[Floats, Floats]]:
    """(time constants, jumps) of the x_k that a neuron's own spikes change, each of shape (neurons,).

    Jumps are negative for an AHP, whose x_k are currents, and positive for an ALIF, whose x_k raise the threshold.
    """
    model, size = population.model, (population.size,)
    if isinstance(model, LinearNeuron):
        return [(1.0 / rate, jump) for rate, jump in self_rates(population)]
    if not isinstance(model, AHP | ALIF):
        return []
    taus: Any = model.tau_ahp if isinstance(model, AHP) else model.tau_adapt
    sign = -1.0 if isinstance(model, AHP) else 1.0
    pairs = zip(taus, model.jump, strict=True) if isinstance(taus, tuple) else [(taus, model.jump)]  # type: ignore[arg-type]
    return [(np.broadcast_to(tau, size), sign * np.broadcast_to(np.asarray(jump, float), size)) for tau, jump in pairs]


def self_rates(population: Population) -> list[tuple[Floats, Floats]]:
    """(decay rates, jumps) of the x_k that a neuron's own spikes change, each of shape (neurons,).

    A mode of a `LinearNeuron` that both inputs and own spikes change is two currents that decay alike.
    """
    model, size = population.model, (population.size,)
    if isinstance(model, LinearNeuron):
        modes = model.modes
        return [
            (np.broadcast_to(modes.rate[k], size), np.broadcast_to(modes.jump[k], size))
            for k in np.flatnonzero(modes.jump).tolist()
        ]
    return [(1.0 / tau, jump) for tau, jump in self_currents(population)]


def parts_of(population: Population, receptor: int) -> list[Part]:
    """Where an input on a receptor of a population adds to: one place, but of a `LinearNeuron` one for each mode.

    >>> from neuro.network.neurons import LIF
    >>> parts_of(Population("cell", 1, LIF(tau_m=20e-3, v_th=1.0, tau_syn=(None, 5e-3))), 1)
    [Part(current=0, factor=1.0)]
    """
    model = population.model
    if not isinstance(model, LinearNeuron):
        taus = receptors(model)
        current = sum(tau is not None for tau in taus[:receptor])
        return [Part(-1 if taus[receptor] is None else current, 1.0)]
    found, to_v = [], float(np.asarray(model.to_v)[receptor])
    if to_v:
        found.append(Part(-1, to_v))
    for place, k in enumerate(_reached(model).tolist()):
        gain = float(model.modes.gain[k, receptor])
        if gain:
            found.append(Part(place, gain))
    # An input without effect is an event all the same.
    return found or [Part(0 if len(_reached(model)) else -1, 0.0)]


def _reached(model: LinearNeuron) -> Any:
    """The numbers of the modes that inputs change."""
    return np.flatnonzero(np.any(model.modes.gain != 0.0, axis=1))
