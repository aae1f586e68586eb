"""Changes of a conductance without pulses: telegraph noise, 1/f noise, and drift with age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuro.errors import ParameterError
from neuro.randomness import stream
from neuro.validation import Floats, number_field, positive

__all__ = ["Drift", "Flicker", "Fluctuations", "Telegraph"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegraph:
    """A trap in each device: G jumps between G and G (1 + amplitude), with exponential dwell times.

    Source: S. Machlup, J. Appl. Phys. 25 (1954) 341.

    Examples
    --------
    >>> trap = Telegraph(amplitude=0.1, dwell_high=2e-3, dwell_low=1e-3)
    >>> round(trap.occupation, 6), round(trap.tau, 9)
    (0.666667, 0.000666667)
    """

    amplitude: float
    """Relative change of the conductance in the high state, above -1."""
    dwell_high: float
    """Mean time in the high state, s."""
    dwell_low: float
    """Mean time in the low state, s."""

    def __post_init__(self) -> None:
        number_field(self, "dwell_high", positive, unit="s")
        number_field(self, "dwell_low", positive, unit="s")
        number_field(self, "amplitude")
        if not self.amplitude > -1:
            raise ParameterError("must be above -1", where="Telegraph.amplitude", value=self.amplitude)

    @property
    def occupation(self) -> float:
        """Probability of the high state."""
        return self.dwell_high / (self.dwell_high + self.dwell_low)

    @property
    def tau(self) -> float:
        """Time constant with which a state is forgotten, s."""
        return 1 / (1 / self.dwell_high + 1 / self.dwell_low)

    def start(self, size: int, rng: np.random.Generator) -> Floats:
        """States drawn at random, 1 high and 0 low, shape (size,)."""
        return np.asarray(rng.random(size) < self.occupation, np.float64)

    def after(self, states: Floats, time: float, rng: np.random.Generator) -> Floats:
        """States a while later: exact, whatever the time; one random number for each device."""
        high = self.occupation + (states - self.occupation) * np.exp(-time / self.tau)
        return np.asarray(rng.random(states.size) < high, np.float64)

    def path(self, stop: float, rng: np.random.Generator) -> tuple[Floats, bool]:
        """The times in 0 .. `stop` at which one device switches, s, and whether it is high at 0."""
        high = first = bool(rng.random() < self.occupation)
        times: list[float] = []
        now = 0.0
        while True:
            now += rng.exponential(self.dwell_high if high else self.dwell_low)
            if now >= stop:
                return np.array(times), first
            times.append(now)
            high = not high


@dataclass(frozen=True, slots=True, kw_only=True)
class Flicker:
    """1/f noise: relative fluctuations of G whose one-sided spectrum is S(f) = amplitude^2 / f in a band.

    A sum of Ornstein-Uhlenbeck processes whose time constants are evenly spaced on a logarithmic scale, four to
    a decade, a decade beyond the band at either end. Each has variance amplitude^2 ln(10) / 4: the sum over k of
    4 s^2 tau_k / (1 + (2 pi f tau_k)^2)  then is amplitude^2 / f. Source: A. van der Ziel, Physica 16 (1950) 359.

    Examples
    --------
    >>> len(Flicker(amplitude=0.01, low=1.0, high=1e3).times)
    21
    """

    amplitude: float
    """Square root of the relative spectral density at 1 Hz, dimensionless."""
    low: float
    """Lower end of the band, Hz."""
    high: float
    """Upper end of the band, Hz."""

    def __post_init__(self) -> None:
        number_field(self, "amplitude", positive)
        for key in ("low", "high"):
            number_field(self, key, positive, unit="Hz")
        if not self.low < self.high:
            raise ParameterError("`high` must be above `low`", where="Flicker", value=f"{self.low:g}..{self.high:g} Hz")

    @property
    def times(self) -> Floats:
        """Time constants, s, shortest first."""
        decades = np.log10(self.high / self.low) + 2
        steps = np.arange(int(np.ceil(4 * decades)) + 1) / 4
        shortest: Floats = 10**steps / (2 * np.pi * self.high * 10)
        return shortest

    @property
    def sigma(self) -> float:
        """Standard deviation of each process."""
        return float(self.amplitude * np.sqrt(np.log(10) / 4))

    def start(self, size: int, rng: np.random.Generator) -> Floats:
        """Stationary states, shape (size, processes)."""
        return self.sigma * rng.standard_normal((size, self.times.size))

    def after(self, states: Floats, time: float, rng: np.random.Generator) -> Floats:
        """States a while later, exact whatever the time; one normal for each process."""
        keep = np.exp(-time / self.times)
        variation = self.sigma * np.sqrt(-np.expm1(-2 * time / self.times))
        return np.asarray(keep * states + variation * rng.standard_normal(states.shape), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """G(t) = G (t / reference)^-exponent at age t; before the age `reference` the conductance is as programmed.

    Source: A. Pirovano et al., IEEE Trans. Electron Devices 51 (2004) 714.

    Examples
    --------
    >>> float(Drift(exponent=0.05, reference=1.0).factors(100.0, np.array([0.05]))[0].round(4))
    0.7943
    """

    exponent: float
    """Mean exponent of the devices."""
    reference: float
    """Age at which the conductance was measured, s."""
    variation: float = 0.0
    """Standard deviation of the exponent between devices."""

    def __post_init__(self) -> None:
        number_field(self, "reference", positive, unit="s")
        number_field(self, "variation", positive, zero=True)
        number_field(self, "exponent")

    def exponents(self, size: int, rng: np.random.Generator) -> Floats:
        """The exponent of each of `size` devices."""
        return self.exponent + self.variation * rng.standard_normal(size)

    def factors(self, age: float, exponents: Floats) -> Floats:
        """Conductance at this age, s, as a share of that at `reference`."""
        return np.asarray(np.maximum(age / self.reference, 1.0) ** -exponents, np.float64)


class Fluctuations:
    """The states of all devices of a crossbar, moved on from one time to the next.

    Each kind of noise has a random stream of its own, so that adding one does not change the others. The
    factors depend on the times of the reads, not on how the reads at one time are grouped.

    Examples
    --------
    >>> states = Fluctuations((2, 3), 0, "x", Telegraph(amplitude=0.5, dwell_high=1.0, dwell_low=1.0), None, None)
    >>> sorted(set(states.factors(10.0).ravel().tolist()))
    [1.0, 1.5]
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        seed: int,
        name: str,
        telegraph: Telegraph | None,
        flicker: Flicker | None,
        drift: Drift | None,
    ) -> None:
        self._shape, size = shape, int(np.prod(shape))
        self._parts = [
            (part, stream(seed, name, kind)) for part, kind in ((telegraph, "telegraph"), (flicker, "flicker")) if part
        ]
        self._states = [part.start(size, rng) for part, rng in self._parts]
        self._drift = drift
        self._exponents = np.zeros(size) if drift is None else drift.exponents(size, stream(seed, name, "drift"))
        self.now = 0.0
        """The time up to which the states have been moved, s."""

    def factors(self, at: float) -> Floats:
        """The factor of each conductance at time `at`, s, which is not before the last one; never below zero.

        Raises
        ------
        ParameterError
            If the time is before that of the last read.
        """
        if not self.now <= at < np.inf:
            rule = "reads follow each other in time"
            raise ParameterError(rule, where="crossbar, at", value=f"{at:g} s after {self.now:g} s")
        if at > self.now:
            pairs = zip(self._parts, self._states, strict=True)
            self._states = [part.after(states, at - self.now, rng) for (part, rng), states in pairs]
            self.now = at
        total = np.ones(self._exponents.size)
        for (part, _), states in zip(self._parts, self._states, strict=True):
            total += part.amplitude * states if isinstance(part, Telegraph) else states.sum(axis=1)
        if self._drift is not None:
            total *= self._drift.factors(at, self._exponents)
        return np.maximum(total, 0.0).reshape(self._shape)
