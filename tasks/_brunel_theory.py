"""Mean-field theory of leaky neurons whose inputs jump v: rate and irregularity of a stationary asynchronous state.

N. Brunel, Journal of Computational Neuroscience 8 (2000) 183-208, doi:10.1023/A:1008925309027: the rate of its equation
21, and the coefficient of variation of its appendix A.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.integrate import cumulative_trapezoid, trapezoid
from scipy.optimize import brentq
from scipy.special import erfcx

POINTS = 20_001
"""Points of an integral."""
LOWEST = -8.0
"""Below this, in standard deviations of v, the double integral of the variance has nothing left."""
MOST = 60.0
"""From this exponent on, a rate is taken as 1 / refractory over infinity: zero."""


class Stationary(NamedTuple):
    """A stationary state."""

    rate: float
    """Hz."""
    cv: float
    """Coefficient of variation of the intervals between spikes."""
    mean: float
    """Mean of the input, units of v."""
    sd: float
    """Its standard deviation, units of v."""


def interval(mean: float, sd: float, *, tau_m: float, threshold: float, reset: float, refractory: float) -> float:
    """The mean interval between spikes, s, of a neuron with white noise of this mean and standard deviation."""
    low, high = (reset - mean) / sd, (threshold - mean) / sd
    u = np.linspace(low, high, POINTS)
    if high**2 > MOST and high > 0:
        return np.inf
    # exp(u^2) (1 + erf u) is erfcx(-u).
    return float(refractory + tau_m * np.sqrt(np.pi) * trapezoid(erfcx(-u), u))


def irregularity(mean: float, sd: float, *, tau_m: float, threshold: float, reset: float, refractory: float) -> float:
    """The coefficient of variation of these intervals."""
    low, high = (reset - mean) / sd, (threshold - mean) / sd
    mu = interval(mean, sd, tau_m=tau_m, threshold=threshold, reset=reset, refractory=refractory)
    x = np.linspace(min(low, 0.0) + LOWEST, high, POINTS)
    # The inner integral of exp(y^2) (1 + erf y)^2 = erfcx(-y)^2 exp(-y^2).
    inner = cumulative_trapezoid(erfcx(-x) ** 2 * np.exp(-(x**2)), x, initial=0.0)
    seen = x >= low
    variance = 2.0 * np.pi * tau_m**2 * trapezoid(np.exp(x[seen] ** 2) * inner[seen], x[seen])
    return float(np.sqrt(variance) / mu)


def stationary(
    *,
    tau_m: float,
    threshold: float,
    reset: float,
    refractory: float,
    inputs: Sequence[tuple[float, float]],
    outside: Sequence[tuple[float, float]],
) -> Stationary:
    """The self-consistent state in which a neuron fires at the rate of its inputs; the one of the highest rate.

    `inputs` are (number, weight) of the synapses from neurons alike, `outside` (rate of all together, Hz; weight).
    """
    cell = {"tau_m": tau_m, "threshold": threshold, "reset": reset, "refractory": refractory}

    def moments(nu: float) -> tuple[float, float]:
        mean = tau_m * (sum(n * w for n, w in inputs) * nu + sum(r * w for r, w in outside))
        variance = tau_m * (sum(n * w * w for n, w in inputs) * nu + sum(r * w * w for r, w in outside))
        return mean, float(np.sqrt(variance))

    def excess(nu: float) -> float:
        return 1.0 / interval(*moments(nu), **cell) - nu

    rates = np.geomspace(1e-3, 1.0 / refractory, 400)
    signs = np.array([excess(float(nu)) for nu in rates])
    crossings = np.flatnonzero((signs[:-1] > 0) & (signs[1:] <= 0))
    if len(crossings) == 0:
        return Stationary(0.0, float("nan"), *moments(0.0))
    k = int(crossings[-1])
    nu = float(brentq(excess, rates[k], rates[k + 1]))
    mean, sd = moments(nu)
    return Stationary(nu, irregularity(mean, sd, **cell), mean, sd)
