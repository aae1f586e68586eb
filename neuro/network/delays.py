"""Delays of a projection as they are given, checked: one for all, one for each synapse, or what each is drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.errors import ParameterError
from neuro.network.convolution import Convolution2d
from neuro.network.distance import OfDistance
from neuro.network.distributions import AbstractDistribution
from neuro.network.rules import Delay, DistanceDependent
from neuro.network.synapses import OneToOne, Sparse, Synapses, is_drawn, is_matrix
from neuro.validation import LONG, Floats, frozen, seconds

__all__ = ["check_delays", "delay_given"]


def check_delays(
    delay: Delay, synapses: Synapses, shape: tuple[int, int], where: str
) -> float | Floats | AbstractDistribution | OfDistance:
    """Refuse bad delays of a projection; returns one delay, one for each synapse that the description lists, or what
    each is drawn from, s.

    Delays must be finite and not below zero; plain numbers above 1 s are read with a `UnitWarning`. `shape` is (pre,
    post), in neurons.
    """
    if isinstance(synapses, Convolution2d) and is_drawn(delay):
        rule = "synapses that share a kernel have one delay"
        raise ParameterError(rule, where=f"{where}, delay", value=delay, remedy="List the synapses with Sparse")
    if isinstance(delay, AbstractDistribution):
        return _check_distribution(delay, f"{where}, delay")
    if callable(delay):
        return delay
    lags = seconds(delay, f"{where}, delay", zero=True, long=LONG)
    if lags.ndim == 0:
        return float(lags)
    if isinstance(synapses, Sparse):
        wanted, each = np.shape(synapses.pre), "one for each synapse"
    elif isinstance(synapses, OneToOne):
        wanted, each = shape[:1], "one for each neuron"
    elif is_matrix(synapses):
        wanted, each = shape, "one for each pair, shape (pre, post)"
    else:
        raise ParameterError(
            "synapses that are drawn at random, or share a kernel, have one delay or a distribution",
            where=f"{where}, delay",
            value=f"shape {lags.shape}",
            remedy="Give one number or, if they are drawn, a distribution; or list the synapses with Sparse",
        )
    if lags.shape != wanted:
        raise ParameterError(
            f"must be one number, or {each}: {wanted}", where=f"{where}, delay", value=f"shape {lags.shape}"
        )
    return frozen(lags.copy())


def _check_distribution(delay: AbstractDistribution, where: str) -> AbstractDistribution:
    """Refuse a distribution that draws delays below zero, or of zero without being asked to."""
    if delay.lowest < 0.0:
        raise ParameterError(
            "a delay must not be drawn from a distribution with numbers below zero",
            where=where,
            value=delay,
            remedy="Give a lower limit, low=...",
        )
    if delay.step is not None and not delay.asks_for_zero and delay.rounded(np.array(delay.lowest)) == 0.0:
        raise ParameterError(
            "some delays would be rounded to zero",
            where=where,
            value=delay,
            remedy="Give low=step/2, or low=0 where zero is meant",
        )
    return delay


def delay_given(given: Delay | None, synapses: Synapses, where: str) -> Delay:
    """The delay of a projection: that of `connect`, or that of its synapses."""
    own: Any = getattr(synapses, "delay", None) if isinstance(synapses, Sparse | DistanceDependent) else None
    if (given is None) == (own is None):
        both = "the synapses have a delay already" if own is not None else "a projection needs a delay"
        raise ParameterError(both, where=f"{where}, delay", remedy="Give delay=... once, in seconds")
    return own if given is None else given
