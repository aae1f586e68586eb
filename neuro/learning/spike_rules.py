"""Plasticity rules: each spike of a run changes the weights of its neuron, from traces of earlier spikes."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf
from typing import Any

from neuro.engine.plasticity.state import PairRule
from neuro.errors import ParameterError
from neuro.validation import (
    LONG,
    SLOW,
    SMALLEST,
    field_of,
    finite,
    instance,
    number,
    positive,
    seconds,
    shown,
    whole_number,
)

__all__ = ["STDP", "EventLocal", "SpikeRule"]


@dataclass(frozen=True, kw_only=True)
class SpikeRule:
    """What all rules have: when weights change, within which bounds, and how changes are written."""

    during: tuple[tuple[float, float], ...] = ()
    """Weights change only in these intervals [start, stop), s, of absolute time; none given: always."""
    w_min: float | None = None
    """Lowest weight; not for crossbars, whose devices have a window."""
    w_max: float | None = None
    """Highest weight."""
    every: float | None = None
    """Sum changes, and write them at the multiples of this time, s; a crossbar needs it. None: at once."""
    max_levels: int = 4
    """Most levels that one write moves the devices of a crossbar."""

    def __post_init__(self) -> None:
        name = type(self).__name__
        for key in ("w_min", "w_max"):
            if getattr(self, key) is not None:
                number(getattr(self, key), f"{name}.{key}", infinite=True)
        low, high = self._bounds()
        if not low < high:
            raise ParameterError("`w_min` must lie below `w_max`", where=name, value=f"{low} and {high}")
        if self.every is not None:
            field_of(self, "every", number, check=seconds)
        whole_number(self.max_levels, f"{name}.max_levels", least=1)
        instance(self.during, f"{name}.during", (tuple, list), "a tuple of pairs (start, stop)")
        object.__setattr__(self, "during", tuple(_interval(part, f"{name}.during") for part in self.during))

    def _bounds(self) -> tuple[float, float]:
        return (-inf if self.w_min is None else self.w_min, inf if self.w_max is None else self.w_max)

    def _limits(self) -> tuple[float, float, float, int, tuple[tuple[float, float], ...]]:
        """The last fields of a `PairRule`: bounds, interval between writes, levels of a write, intervals."""
        low, high = self._bounds()
        during = tuple((float(start), float(stop)) for start, stop in self.during)
        return float(low), float(high), float(self.every or 0.0), self.max_levels, during


def _interval(pair: Any, where: str) -> tuple[float, float]:
    """A pair (start, stop), s."""
    ends = finite(pair, where, unit="s", infinite=True)
    if ends.shape != (2,) or not 0.0 <= ends[0] < ends[1]:
        raise ParameterError("intervals are pairs (start, stop), s, start first", where=where, value=shown(pair))
    return float(ends[0]), float(ends[1])


@dataclass(frozen=True, kw_only=True)
class EventLocal(SpikeRule):
    """Equilibrium propagation, event by event: the effect of a nudge on one neuron, times the activity of the other.

    Each neuron has two traces of its spikes, x_fast and x_slow: each spike adds 1/(full tau), so that on average both
    are its activity, its rate over `full`. With m = full window, the spikes of full activity in a window,

        at each spike of the target j:  W_ij += rate/(beta m) (x_fast_i - x_slow_i)
        at each spike of the source i:  W_ij += rate/(beta m) (x_fast_j - x_slow_j)

    While activity is steady, traces agree on average and weights stay. A nudge of strength beta, by a current or a
    clamp, moves the fast traces, while the slow ones hold the free activity. Over a nudge that lasts `window` the
    changes sum up, for tau_fast << window << tau_slow, to rate/beta (r_i r_j nudged - r_i r_j free), to first order in
    the nudge: what `Centred` has from two phases. `share` says how much of that other time constants see.

    Traces and changes are those of the neurons' own spikes; delays do not enter. At one instant all traces are read
    before any of them rises.

    Source: Scellier and Bengio, Frontiers in Computational Neuroscience 2017, for the two phases.

    >>> rule = EventLocal(rate=0.1, beta=0.5, tau_fast=20e-3, tau_slow=2.0, full=100.0, window=0.2)
    >>> round(rule.share(), 3)
    0.852
    """

    rate: float
    """Learning rate, units of the weights; zero: traces only, for the time before a nudge."""
    beta: float
    """Strength of the nudge; negative for one away from the target."""
    tau_fast: float
    """Time constant of the traces that follow a nudge, s."""
    tau_slow: float
    """Time constant of the traces that remember what was before, s."""
    full: float
    """Spikes per second that count as activity 1."""
    window: float
    """How long a nudge lasts, s."""

    def __post_init__(self) -> None:
        field_of(self, "rate", number, check=positive, zero=True)
        if not field_of(self, "beta", number, smallest=SMALLEST):
            raise ParameterError("must not be zero", where="EventLocal.beta", value=self.beta)
        field_of(self, "full", number, unit="Hz", check=positive)
        for name in ("tau_fast", "tau_slow", "window"):
            field_of(self, name, number, check=seconds, long=SLOW)
        if self.tau_fast > self.tau_slow:
            rule = "`tau_fast` must not be longer than `tau_slow`: changes would have the wrong sign"
            raise ParameterError(rule, where="EventLocal", value=f"{self.tau_fast} s and {self.tau_slow} s")
        super().__post_init__()
        finite(self.pair_rule().gain, "EventLocal, rate / (beta full window)")

    def pair_rule(self) -> PairRule:
        """The rule as numbers, for the engine."""
        gain = self.rate / (self.beta * self.full * self.window)
        jumps = (1.0 / (self.full * self.tau_fast), 1.0 / (self.full * self.tau_slow))
        return PairRule((self.tau_fast, self.tau_slow) * 2, jumps * 2, (gain, -gain) * 2, *self._limits())

    def share(self) -> float:
        """Mean of x_fast - x_slow over the window of a nudge, as a share of the step of activity that the nudge makes.

        (tau_slow (1 - exp(-window/tau_slow)) - tau_fast (1 - exp(-window/tau_fast))) / window
        """
        seen = [tau * (1.0 - exp(-self.window / tau)) for tau in (self.tau_slow, self.tau_fast)]
        return (seen[0] - seen[1]) / self.window


@dataclass(frozen=True, kw_only=True)
class STDP(SpikeRule):
    """Spike-timing dependent plasticity by pairs, all to all.

    A pair with the target's spike dt seconds after the source's adds a_plus exp(-dt/tau_plus); one with the source's
    spike dt after the target's takes away a_minus exp(-dt/tau_minus); one at the same instant does nothing. Times are
    those of the neurons' own spikes; delays do not enter.

    Source: Song, Miller and Abbott, Nature Neuroscience 2000; Morrison, Diesmann and Gerstner, Biological Cybernetics
    2008.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> for name in ("a", "b"):
    ...     source = net.add(nr.Population(name, 1, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> forced = net.connect("a", "cell", nr.OneToOne(2.0), delay=1e-3)
    >>> learned = net.connect("b", "cell", nr.OneToOne(0.5), delay=1e-3)
    >>> rule = STDP(a_plus=0.1, a_minus=0.12, tau_plus=20e-3, tau_minus=20e-3)
    >>> spikes = {"a": nr.Spikes([0.05], [0]), "b": nr.Spikes([0.041], [0])}
    >>> rec = nr.run(net, 0.1, inputs=spikes, plasticity={"b->cell": rule})
    >>> rec.weights["b->cell"].round(4).tolist()
    [0.5607]
    """

    a_plus: float
    """Added for each pair in causal order, at dt = 0, units of the weights."""
    a_minus: float
    """Taken away for each pair in the other order."""
    tau_plus: float
    """Time constant of pairs in causal order, s."""
    tau_minus: float
    """Time constant of pairs in the other order, s."""

    def __post_init__(self) -> None:
        for name in ("a_plus", "a_minus"):
            field_of(self, name, number)
        for name in ("tau_plus", "tau_minus"):
            field_of(self, name, number, check=seconds, long=LONG)
        super().__post_init__()

    def pair_rule(self) -> PairRule:
        """The rule as numbers, for the engine."""
        return PairRule(
            (self.tau_plus, self.tau_plus, self.tau_minus, self.tau_minus),
            (1.0, 0.0, 1.0, 0.0),
            (self.a_plus, 0.0, -self.a_minus, 0.0),
            *self._limits(),
        )
