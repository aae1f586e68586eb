"""Curves of current against voltage: `Ohmic` and `Sinh`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from neuro.validation import Floats, number_field, positive

__all__ = ["Curve", "Ohmic", "Sinh"]


@runtime_checkable
class Curve(Protocol):
    """Current of devices whose conductance at small voltage is g. It is odd in the voltage and never falls."""

    @property
    def straight(self) -> bool:
        """Is the current proportional to the voltage?"""

    @property
    def bend(self) -> float:
        """A change of voltage over which the slope changes by about its own size, V."""

    def current(self, g: Floats, volts: Floats) -> Floats:
        """Current, A."""

    def slope(self, g: Floats, volts: Floats) -> Floats:
        """Derivative of the current by the voltage, S."""


@dataclass(frozen=True, slots=True)
class Ohmic:
    """I = g V."""

    straight = True
    bend = float("inf")

    def current(self, g: Floats, volts: Floats) -> Floats:
        """Current, A."""
        return g * volts

    def slope(self, g: Floats, volts: Floats) -> Floats:
        """Derivative of the current by the voltage, S."""
        return g


@dataclass(frozen=True, slots=True)
class Sinh:
    """I = g v0 sinh(V / v0): ohmic well below v0, exponential above, as hopping over a barrier is.

    Source of the form: the tunnelling and hopping laws compiled in D. Ielmini and R. Waser (eds.), Resistive
    Switching, Wiley 2016. v0 is the user's: it is read off a measured curve.

    Raises
    ------
    ParameterError
        If `v0` is not above zero.

    Examples
    --------
    >>> float(Sinh(0.5).current(np.array(1e-4), np.array(0.5)).round(9))
    5.876e-05
    """

    v0: float
    """Voltage above which the current grows exponentially, V."""
    straight = False

    def __post_init__(self) -> None:
        number_field(self, "v0", positive, unit="V")

    @property
    def bend(self) -> float:
        """A change of voltage over which the slope changes by about its own size, V."""
        return self.v0

    def current(self, g: Floats, volts: Floats) -> Floats:
        """Current, A."""
        return g * (self.v0 * np.sinh(volts / self.v0))

    def slope(self, g: Floats, volts: Floats) -> Floats:
        """Derivative of the current by the voltage, S."""
        slope: Floats = g * np.cosh(volts / self.v0)
        return slope
