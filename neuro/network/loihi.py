"""Neuron models and weights of the Loihi chip, in whole numbers and time steps, for the clocked engine only."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import ParameterError, WeightError
from neuro.validation import Ints, choice, finite, number, whole_number

__all__ = ["LoihiAHP", "LoihiLIF", "loihi_weights"]

_RANGES = {
    "d_v": (0, 4096),
    "d_u": (0, 4096),
    "bias": (-4096, 4095),
    "e_bias": (0, 7),
    "refractory": (1, 64),
    "d_a": (0, 4096),
    "v_th": (0, 2**31),
    "w_a": (-(2**31), 2**31),
    "e": (-6, 7),
    "e_a": (-6, 7),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiLIF:
    """A leaky integrator in whole numbers, with a synaptic current that decays.

    With T the rounding toward zero, and Win, Wrec whole weights of arriving spikes,

        u[t] = T(u[t-1] (4096 - d_u)/4096) + 2^(6+e) (sum_i Wrec z_i[t-1] + sum_k Win x_k[t])
        v[t] = T(v[t-1] (4096 - d_v)/4096) + u[t] + bias 2^e_bias
        z[t] = v[t] > v_th 2^6,  then v[t] <- 0, and v stays at 0 for the next refractory - 1 steps

    With d_u = 4096, the default, the current lasts one step, so that inputs reach v at once. The current goes on
    during the refractory time. `bounded` chooses what a number does that outgrows the chip's 24 bits. Without it
    nothing saturates, and a number beyond 2^50 ends the run with an error. Fields may be one whole number, or one per
    neuron. Source: Davies et al., IEEE Micro 2018; the bit-accurate model of Intel's Lava
    (lava/proc/lif/models.py, PyLifModelBitAcc, where d_u is du + 1); Rao et al., Nature Machine Intelligence 2022;
    refractory times as in Michaelis et al., Frontiers in Neuroinformatics 2022 (brian2-loihi). `loihi_weights` has
    the chip's weights.

    >>> LoihiLIF(d_v=204, v_th=127).e
    0
    """

    d_v: ArrayLike
    """Decay of the potential a step, of 4096."""
    v_th: ArrayLike | None
    """Threshold, of 2^6; None: the neuron never spikes, and its potential is what is read out."""
    e: ArrayLike = 0
    """Exponent of the weights of all inputs, -6..7."""
    d_u: ArrayLike = 4096
    """Decay of the synaptic current a step, of 4096; 4096: it lasts one step."""
    bias: ArrayLike = 0
    """What v gains in every step, of 2^e_bias, -4096..4095."""
    e_bias: ArrayLike = 0
    """Exponent of the bias, 0..7."""
    refractory: ArrayLike = 1
    """Least number of steps from one spike to the next, 1..64."""
    bounded: bool = False
    """Are currents and potentials bounded as on the chip? Then u wraps around into -2^23 < u <= 2^23, and v stays
    within +-(2^23 - 1)."""

    def __post_init__(self) -> None:
        if not isinstance(self.bounded, bool | np.bool_):
            raise ParameterError("must be True or False", where=f"{type(self).__name__}.bounded", value=self.bounded)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "bounded" and (value is not None or field.name != "v_th"):
                _whole(value, f"{type(self).__name__}.{field.name}", *_RANGES[field.name])


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiAHP(LoihiLIF):
    """A `LoihiLIF` whose every spike pulls it down for a while, through a second compartment.

        a[t] = T(a[t-1] (4096 - d_a)/4096) - w_a 2^(6+e_a) z[t-1]

    is computed first and added to v[t], which is otherwise that of `LoihiLIF`. It goes on during the refractory time;
    where neurons are `bounded`, a stays within +-(2^23 - 1), as the potential of a compartment does.

    >>> LoihiAHP(d_v=204, v_th=127 * 4, e=2, d_a=5, w_a=96, e_a=-4).w_a
    96
    """

    d_a: ArrayLike
    """Decay of the slow current a step, of 4096."""
    w_a: ArrayLike
    """What a spike takes from the slow current, of 2^(6+e_a)."""
    e_a: ArrayLike = 0
    """Exponent of `w_a`, -6..7."""


def loihi_weights(
    mantissa: ArrayLike, exponent: int = 0, *, bits: int = 8, signs: Literal["mixed", "positive", "negative"] = "mixed"
) -> Ints:
    """The whole weights that the chip makes of mantissas: w with which a spike adds w 2^6 to the current.

    The mantissa is rounded toward zero to the precision that its bits leave: multiples of 2^(8 - bits), or of
    2^(9 - bits) if signs are mixed, since the sign takes a bit. The result is floor(mantissa 2^exponent), within
    +-(2^15 - 1). Connect them to neurons with e=0: an exponent here belongs to synapses, as on the chip, and `e` of
    the neurons is that of all inputs, without this rounding. Source: Michaelis et al., Frontiers in
    Neuroinformatics 2022 (brian2-loihi, `LoihiSynapses`).

    Parameters
    ----------
    mantissa
        Whole numbers, any shape: -256..254 of mixed signs, 0..255 if positive, -256..0 if negative.
    exponent
        -8..7.
    bits
        Bits of a weight, 1..8.
    signs
        Which signs the synapses may have.

    Returns
    -------
    ndarray of int64
        The shape of `mantissa`.

    Raises
    ------
    ParameterError, WeightError
        If an argument is out of its range.

    >>> loihi_weights([3, -3, 100], exponent=-1).tolist()
    [1, -1, 50]
    """
    where = "loihi_weights"
    limits = {"mixed": (-256, 254), "positive": (0, 255), "negative": (-256, 0)}
    choice(signs, f"{where}, signs", limits)
    number(exponent, f"{where}, exponent")
    _whole(exponent, f"{where}, exponent", -8, 7)
    if whole_number(bits, f"{where}, bits", least=1) > 8:
        raise ParameterError("must be at most 8", where=f"{where}, bits", value=bits)
    values = finite(mantissa, f"{where}, mantissa", error=WeightError)
    low, high = limits[signs]
    bad = (values != np.rint(values)) | (values < low) | (values > high)
    if bad.any():
        value = float(np.atleast_1d(values)[np.atleast_1d(bad)][0])
        raise WeightError(f"must be whole numbers in {low}..{high}", where=f"{where}, mantissa", value=value)
    step = 2.0 ** (8 - bits + (signs == "mixed"))
    scaled = np.floor(np.trunc(values / step) * step * 2.0 ** int(exponent))
    return np.clip(scaled, -(2.0**15 - 1), 2.0**15 - 1).astype(np.int64)


def _whole(value: ArrayLike, where: str, low: int, high: int) -> None:
    array = np.atleast_1d(finite(value, where))
    bad = (array != np.rint(array)) | (array < low) | (array > high)
    if bad.any():
        raise ParameterError(f"must be a whole number in {low}..{high}", where=where, value=float(array[bad][0]))
