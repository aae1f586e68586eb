"""Neuron models of the Loihi chip, in whole numbers and time steps, for the clocked engine only."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import ParameterError
from neuro.validation import finite

__all__ = ["LoihiAHP", "LoihiLIF"]

_RANGES = {
    "d_v": (0, 4096),
    "d_a": (0, 4096),
    "v_th": (0, 2**31),
    "w_a": (-(2**31), 2**31),
    "e": (-6, 7),
    "e_a": (-6, 7),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiLIF:
    """A leaky integrator in whole numbers.

    With T the rounding toward zero, and Win, Wrec whole weights of arriving spikes,

        v[t] = T(v[t-1] (4096 - d_v)/4096) + 2^(6+e) (sum_i Wrec z_i[t-1] + sum_k Win x_k[t])
        z[t] = v[t] > v_th 2^6,  then v[t] <- 0

    Nothing saturates: a potential beyond 2^50 ends the run with an error. Fields may be one whole number, or one
    per neuron. Source: Davies et al., IEEE Micro 2018; Rao et al., Nature Machine Intelligence 2022.

    >>> LoihiLIF(d_v=204, v_th=127).e
    0
    """

    d_v: ArrayLike
    """Decay of the potential a step, of 4096."""
    v_th: ArrayLike | None
    """Threshold, of 2^6; None: the neuron never spikes, and its potential is what is read out."""
    e: ArrayLike = 0
    """Exponent of the weights of all inputs, -6..7."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                _whole(value, f"{type(self).__name__}.{field.name}", *_RANGES[field.name])


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiAHP(LoihiLIF):
    """A `LoihiLIF` whose every spike pulls it down for a while, through a second compartment.

        a[t] = T(a[t-1] (4096 - d_a)/4096) - w_a 2^(6+e_a) z[t-1]

    is computed first and added to v[t], which is otherwise that of `LoihiLIF`.

    >>> LoihiAHP(d_v=204, v_th=127 * 4, e=2, d_a=5, w_a=96, e_a=-4).w_a
    96
    """

    d_a: ArrayLike
    """Decay of the slow current a step, of 4096."""
    w_a: ArrayLike
    """What a spike takes from the slow current, of 2^(6+e_a)."""
    e_a: ArrayLike = 0
    """Exponent of `w_a`, -6..7."""


def _whole(value: ArrayLike, where: str, low: int, high: int) -> None:
    array = np.atleast_1d(finite(value, where))
    bad = (array != np.rint(array)) | (array < low) | (array > high)
    if bad.any():
        raise ParameterError(f"must be a whole number in {low}..{high}", where=where, value=float(array[bad][0]))
