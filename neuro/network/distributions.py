"""Distributions that weights and delays are drawn from: `Normal`, `LogNormal`, `Uniform`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from math import erf, exp, inf, log, log1p, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neuro.errors import ParameterError
from neuro.validation import Floats, choice, finite, flag, number_field, positive

__all__ = ["AbstractDistribution", "LogNormal", "Normal", "Uniform"]

Outside = Literal["redraw", "clip"]

AT_A_TIME = 2**18
"""Numbers are drawn so many at a time, so that temporary arrays stay small."""
LEAST_INSIDE = 1e-3
"""Redrawing is refused if a smaller share of draws lies within the limits."""


@dataclass(frozen=True, kw_only=True)
class AbstractDistribution(ABC):
    """Numbers that are drawn independently, one for each synapse."""

    step: float | None = None
    """Round each number to the nearest multiple of this, as NEST rounds delays to its time step; None: do not."""
    single: bool = False
    """Give weights as 32-bit numbers, which take half the memory. Delays have 64 bits."""

    @property
    @abstractmethod
    def lowest(self) -> float:
        """No number lies below this, before it is rounded to `step`."""

    @property
    def asks_for_zero(self) -> bool:
        """Is zero the lower limit that was given?"""
        return getattr(self, "low", None) == 0.0

    @abstractmethod
    def _fill(self, rng: np.random.Generator, count: int) -> Floats:
        """`count` numbers, before they are rounded to `step`."""

    def draw(self, rng: np.random.Generator, count: int, *, single: bool = False) -> NDArray[np.floating]:
        """Draw `count` numbers: an array of shape (count,), of float32 if `single`.

        >>> Uniform(1.0, 3.0, step=1.0).draw(np.random.default_rng(0), 4).tolist()
        [2.0, 2.0, 1.0, 1.0]
        """
        found: NDArray[np.floating] = np.empty(count, np.float32 if single else np.float64)
        for first in range(0, count, AT_A_TIME):
            here = found[first : first + AT_A_TIME]
            here[:] = self.rounded(self._fill(rng, len(here)))
        return found

    def rounded(self, values: Floats) -> Floats:
        """`values` rounded to `step`, halves up."""
        return values if self.step is None else np.floor(values / self.step + 0.5) * self.step

    def _check_fields(self) -> None:
        kind = type(self).__name__
        for field in fields(self):
            value, where = getattr(self, field.name), f"{kind}.{field.name}"
            if field.name == "outside":
                choice(value, where, ("redraw", "clip"))
            elif field.name == "single":
                flag(value, where)
            elif field.name != "step" or value is not None:
                limit = field.name in ("low", "high") and kind != "Uniform"
                if field.name in ("sd", "sigma", "step"):
                    number_field(self, field.name, positive, zero=field.name != "step")
                else:
                    number_field(self, field.name, infinite=limit)

    def _check_limits(self, low: float, high: float, inside: float, outside: Outside) -> None:
        """Refuse limits that are crossed, or that too few draws lie within: the share `inside`."""
        where, limits = type(self).__name__, f"low={low}, high={high}"
        if not low <= high or low == inf or high == -inf:
            raise ParameterError("`low` must not lie above `high`", where=where, value=limits)
        if outside == "redraw" and inside < LEAST_INSIDE:
            raise ParameterError(
                f"at least {LEAST_INSIDE:g} of all draws must lie within low..high, or redrawing takes too long",
                where=where,
                value=f"{limits}: a share of {inside:.3g}",
                remedy="Widen the limits, or give outside='clip'",
            )


def _below(x: float, mean: float, sd: float) -> float:
    """The share of a normal distribution that lies below x."""
    if abs(x) == inf or sd == 0.0:
        return 1.0 if x == inf or x > mean else 0.0
    return 0.5 * (1.0 + erf((x - mean) / (sd * sqrt(2.0))))


def _limited(draw: Any, count: int, low: float, high: float, outside: Outside) -> Floats:
    """`count` numbers from ``draw(n)``; those outside of low..high are redrawn until they are inside, or clipped."""
    values: Floats = draw(count)
    if low == -inf and high == inf:
        return values
    if outside == "clip":
        return np.clip(values, low, high, out=values)
    wrong = np.flatnonzero((values < low) | (values > high))
    while len(wrong):
        again = draw(len(wrong))
        values[wrong] = again
        wrong = wrong[(again < low) | (again > high)]
    return values


@dataclass(frozen=True)
class Normal(AbstractDistribution):
    """Normal numbers, within limits if there are any.

    With ``outside="redraw"`` a number outside of low..high is drawn again until it lies inside: PyNN's
    ``normal_clipped``, NEST's ``nest.math.redraw(nest.random.normal(mean, std), min, max)``. With ``"clip"`` it becomes
    the limit itself: PyNN's ``normal_clipped_to_boundary``, NEST's ``nest.math.max`` and ``nest.math.min``. Without
    limits it is PyNN's and NEST's ``normal``.

    NEST rounds delays to its time step h and papers redraw below h/2: ``Normal(mean, sd, low=h/2, step=h)``.

    Raises
    ------
    ParameterError
        If a number is out of its range, or hardly any draw lies within the limits.

    >>> drawn = Normal(1.5e-3, 0.75e-3, low=0.05e-3, step=0.1e-3).draw(np.random.default_rng(1), 3)
    >>> (drawn * 1e3).round(1).tolist()
    [1.8, 2.1, 1.7]
    """

    mean: float
    """Mean, without the limits."""
    sd: float
    """Standard deviation, without the limits."""
    low: float = -inf
    """No number lies below."""
    high: float = inf
    """No number lies above."""
    outside: Outside = "redraw"
    """What happens to numbers outside of the limits."""

    def __post_init__(self) -> None:
        self._check_fields()
        inside = _below(self.high, self.mean, self.sd) - _below(self.low, self.mean, self.sd)
        if self.sd == 0.0:
            inside = float(self.low <= self.mean <= self.high)
        self._check_limits(self.low, self.high, inside, self.outside)

    @property
    def lowest(self) -> float:
        """No number lies below this, before it is rounded to `step`."""
        return max(self.low, self.mean) if self.sd == 0.0 else self.low

    def _fill(self, rng: np.random.Generator, count: int) -> Floats:
        return _limited(
            lambda n: rng.standard_normal(n) * self.sd + self.mean, count, self.low, self.high, self.outside
        )


@dataclass(frozen=True)
class LogNormal(AbstractDistribution):
    """Numbers whose logarithm is normal, times `factor`; within limits if there are any, as for `Normal`.

    `mu` and `sigma` are mean and standard deviation of the logarithm, as in PyNN's ``lognormal`` and NEST's
    ``nest.random.lognormal``. `LogNormal.of_mean` takes mean and standard deviation of the numbers themselves.

    Raises
    ------
    ParameterError
        As for `Normal`.

    >>> round(float(LogNormal.of_mean(2.0, 0.5).draw(np.random.default_rng(1), 100_000).mean()), 2)
    2.0
    """

    mu: float
    """Mean of the logarithm; exp(mu) is the median, with `factor` = 1."""
    sigma: float
    """Standard deviation of the logarithm."""
    low: float = -inf
    """No number lies below; of the numbers that are used, `factor` included."""
    high: float = inf
    """No number lies above."""
    outside: Outside = "redraw"
    """What happens to numbers outside of the limits."""
    factor: float = 1.0
    """What each number is multiplied by; below zero for inhibitory weights."""

    def __post_init__(self) -> None:
        self._check_fields()
        if self.factor == 0.0:
            raise ParameterError("must not be zero", where="LogNormal.factor")
        ends = sorted(self._log_of(limit / self.factor) for limit in (self.low, self.high))
        inside = _below(ends[1], self.mu, self.sigma) - _below(ends[0], self.mu, self.sigma)
        if self.sigma == 0.0:
            inside = float(self.low <= self.factor * exp(self.mu) <= self.high)
        self._check_limits(self.low, self.high, inside, self.outside)

    @staticmethod
    def _log_of(x: float) -> float:
        return -inf if x <= 0.0 else x if x == inf else log(x)

    @classmethod
    def of_mean(cls, mean: float, sd: float, **others: Any) -> LogNormal:
        """The distribution whose numbers have this mean and standard deviation; a mean below zero gives factor -1.

        >>> LogNormal.of_mean(-2.0, 0.0).factor
        -1.0
        """
        for key, value in (("mean", mean), ("sd", sd)):
            if finite(value, f"LogNormal.of_mean, {key}").ndim or (value == 0.0 if key == "mean" else value < 0.0):
                rule = "must be one number, not zero" if key == "mean" else "must be one number, not below zero"
                raise ParameterError(rule, where=f"LogNormal.of_mean, {key}", value=value)
        variance = log1p((sd / mean) ** 2)
        others.setdefault("factor", 1.0 if mean > 0.0 else -1.0)
        return cls(log(abs(mean)) - 0.5 * variance, sqrt(variance), **others)

    @property
    def lowest(self) -> float:
        """No number lies below this, before it is rounded to `step`."""
        return max(self.low, 0.0 if self.factor > 0.0 else -inf)

    def _fill(self, rng: np.random.Generator, count: int) -> Floats:
        def draw(n: int) -> Floats:
            return np.exp(rng.standard_normal(n) * self.sigma + self.mu) * self.factor

        return _limited(draw, count, self.low, self.high, self.outside)


@dataclass(frozen=True)
class Uniform(AbstractDistribution):
    """Numbers that are equally likely anywhere in low <= x < high: ``uniform`` of PyNN and NEST.

    Raises
    ------
    ParameterError
        If `low` lies above `high`.

    >>> drawn = Uniform(1e-3, 2e-3).draw(np.random.default_rng(1), 1000)
    >>> bool(drawn.min() >= 1e-3 and drawn.max() < 2e-3)
    True
    """

    low: float
    """Lower end."""
    high: float
    """Upper end."""

    def __post_init__(self) -> None:
        self._check_fields()
        self._check_limits(self.low, self.high, 1.0, "clip")

    @property
    def lowest(self) -> float:
        """No number lies below this, before it is rounded to `step`."""
        return self.low

    def _fill(self, rng: np.random.Generator, count: int) -> Floats:
        return rng.random(count) * (self.high - self.low) + self.low
