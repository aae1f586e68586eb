"""External drives: independent Poisson arrivals at each neuron of a population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuro.display import Displayed, Rows, amount, plural
from neuro.errors import ParameterError
from neuro.validation import Floats, finite, flag, frozen, number, positive, whole_number

__all__ = ["PoissonInput", "TimedRate"]


@dataclass(frozen=True, eq=False, repr=False)
class TimedRate(Displayed):
    """A rate that changes in time: in steps, or on straight lines.

    >>> TimedRate([0.0, 0.1], [500.0, 800.0], linear=True).at(0.05).tolist()
    650.0
    """

    times: Floats
    """Seconds, increasing, shape (knots,). The rate is zero before the first, and stays as it is after the last."""
    rates: Floats
    """Hz at these times, shape (knots,), or (knots, neurons) for each neuron its own."""
    linear: bool
    """Does the rate go from knot to knot on a straight line? If not, each rate holds until the next time."""

    def __init__(self, times: ArrayLike, rates: ArrayLike, linear: bool = False) -> None:
        when = np.atleast_1d(finite(times, "TimedRate.times", unit="s"))
        what = positive(rates, "TimedRate.rates", unit="Hz", zero=True)
        if when.ndim != 1 or what.ndim not in (1, 2) or len(what) != len(when) or not len(when):
            raise ParameterError(
                "rates must have one row per time", where="TimedRate", value=f"times {when.shape}, rates {what.shape}"
            )
        if np.any(np.diff(when) <= 0) or when[0] < 0:
            raise ParameterError("times must increase and not be negative", where="TimedRate", value=when.tolist())
        object.__setattr__(self, "times", frozen(when.copy()))
        object.__setattr__(self, "rates", frozen(what.copy()))
        object.__setattr__(self, "linear", flag(linear, "TimedRate.linear"))

    def at(self, time: float) -> Floats:
        """The rates at a time, Hz, shape () or (neurons,)."""
        k = int(self.times.searchsorted(time, side="right")) - 1
        if k < 0:
            return np.zeros_like(self.rates[0])
        if not self.linear or k == len(self.times) - 1:
            return np.asarray(self.rates[k])
        share = (time - self.times[k]) / (self.times[k + 1] - self.times[k])
        return np.asarray(self.rates[k] + (self.rates[k + 1] - self.rates[k]) * share)

    def _display(self) -> tuple[str, Rows]:
        shape = "straight lines" if self.linear else "steps"
        return f"TimedRate: {plural(len(self.times), 'knot')}, {shape}", ()


@dataclass(frozen=True, eq=False, repr=False)
class PoissonInput(Displayed):
    """Poisson arrivals from outside, independent at each neuron of a population, laid on it by `Network.drive`.

    Arrivals are exact in time and drawn as they are needed, from the seed of the run, the population and the number of
    the drive alone: the same seed gives the same arrivals, whatever the threads, the cuts into runs, the recording or
    the rest of the network. They are not recorded. They come from outside a chip, so neither `Recording.events` nor
    an energy report counts them.

    >>> PoissonInput(rate=20e3, weight=0.1)
    PoissonInput: 20 kHz, weight 0.1, receptor 0
    """

    rate: Floats | TimedRate
    """Arrivals per second: a number, one for each neuron, or a `TimedRate`."""
    weight: Floats
    """Of an arrival, as of a synapse: a number, or one for each neuron."""
    receptor: int
    """Index of the receptor that the arrivals go to."""
    delay: float
    """Seconds by which all arrivals come later."""

    def __init__(self, rate: ArrayLike | TimedRate, weight: ArrayLike, receptor: int = 0, delay: float = 0.0) -> None:
        rates = rate
        if not isinstance(rate, TimedRate):
            rates = frozen(positive(rate, "PoissonInput.rate", unit="Hz", zero=True).copy())
        lag = number(delay, "PoissonInput.delay", check=positive, unit="s", zero=True)
        object.__setattr__(self, "rate", rates)
        object.__setattr__(self, "weight", frozen(finite(weight, "PoissonInput.weight").copy()))
        object.__setattr__(self, "receptor", whole_number(receptor, "PoissonInput.receptor"))
        object.__setattr__(self, "delay", lag)

    def greatest_rates(self, size: int) -> Floats:
        """The greatest rate of each of `size` neurons, Hz."""
        rates = self.rate.rates.max(axis=0) if isinstance(self.rate, TimedRate) else self.rate
        return np.broadcast_to(rates, (size,))

    def _display(self) -> tuple[str, Rows]:
        rate = "a rate that changes"
        if not isinstance(self.rate, TimedRate):
            rate = amount(float(self.rate), "Hz") if self.rate.ndim == 0 else "a rate for each neuron"
        weight = f"weight {float(self.weight):g}" if self.weight.ndim == 0 else "a weight for each neuron"
        return f"PoissonInput: {rate}, {weight}, receptor {self.receptor}", ()
