"""`Reading` and `Converter`: voltage, time, noise, curve, converters and energies of a read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuro.crossbar.device.iv import Curve
from neuro.crossbar.device.noise import Drift, Flicker, Telegraph
from neuro.errors import ParameterError
from neuro.validation import Floats, instance, number_field, positive, whole_number

__all__ = ["Converter", "Reading"]


@dataclass(frozen=True, slots=True)
class Converter:
    """A DAC, ADC or comparator: it replaces each value by the nearest of 2^bits levels from low to high.

    One bit is a comparator: its threshold lies half-way. The levels of a DAC are drives; those of an ADC
    on the columns are in the unit of `read`.

    Examples
    --------
    >>> Converter(2, -1.5, 1.5).convert(np.array([-9.0, 0.1, 0.6])).tolist()
    [-1.5, 0.5, 0.5]
    """

    bits: int
    """Resolution."""
    low: float
    """Lowest level."""
    high: float
    """Highest level."""
    energy: float = 0.0
    """Energy of one conversion, J."""

    def __post_init__(self) -> None:
        whole_number(self.bits, "Converter.bits", least=1, most=32)
        number_field(self, "low")
        number_field(self, "high")
        if not self.low < self.high:
            raise ParameterError("`high` must be above `low`", where="Converter", value=f"{self.low}..{self.high}")
        number_field(self, "energy", positive, zero=True, unit="J")

    def convert(self, values: Floats) -> Floats:
        """The level nearest to each value."""
        steps = 2**self.bits - 1
        step = (self.high - self.low) / steps
        # Half-way values go up: a comparator at its threshold is on.
        level = np.clip(np.floor((values - self.low) / step + 0.5), 0, steps)
        return np.asarray(self.low + step * level, np.float64)


_PARTS: dict[str, type] = {
    "telegraph": Telegraph,
    "flicker": Flicker,
    "drift": Drift,
    "curve": Curve,
    "dac": Converter,
    "adc": Converter,
}
"""Class of each part of a `Reading`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The settings of a read. Everything is off by default; nothing here is a figure of a real circuit.

    Energy needs `voltage` and `duration`: a read of a row takes V^T Y_dd V t. Without them reads are counted only.

    Examples
    --------
    >>> Reading(voltage=0.2, duration=10e-9).priced, Reading().fluctuates
    (True, False)
    """

    voltage: float | None = None
    """Voltage on a line whose drive is 1, V."""
    duration: float | None = None
    """How long a line is driven for one read, s."""
    noise: float = 0.0
    """White noise: standard deviation of each conductance from one read to the next, as a share of it. On a column
    it is one normal of V sqrt(sum (noise G)^2), G as programmed: the loss of noise along the wires is not modelled."""
    telegraph: Telegraph | None = None
    """A trap in each device that makes its conductance jump."""
    flicker: Flicker | None = None
    """1/f noise of each device."""
    drift: Drift | None = None
    """Loss of conductance with age, time 0 being when the array was programmed."""
    curve: Curve | None = None
    """Current of a device against voltage; None: a straight line. Needs `voltage`."""
    dac: Converter | None = None
    """Resolution of the drives."""
    adc: Converter | None = None
    """Resolution of the columns' results in a `read`; spikes in a network are not converted."""
    driver_energy: float = 0.0
    """Energy of driving a line once, without the energy in devices and wires, J."""

    def __post_init__(self) -> None:
        number_field(self, "voltage", positive, none=True, unit="V")
        number_field(self, "duration", positive, none=True, unit="s")
        number_field(self, "noise", positive, zero=True)
        number_field(self, "driver_energy", positive, zero=True, unit="J")
        for key, kind in _PARTS.items():
            part = getattr(self, key)
            if part is not None:
                instance(part, f"Reading.{key}", kind, f"of the class {kind.__name__}, or None")
        if self.curve is not None and not self.curve.straight and self.voltage is None:
            rule = "a curve needs the voltage at which it is read"
            raise ParameterError(rule, where="Reading, curve", remedy="Give `voltage`, in volts")

    @property
    def priced(self) -> bool:
        """Is there a voltage and a time, so that a read has an energy?"""
        return self.voltage is not None and self.duration is not None

    @property
    def moves(self) -> bool:
        """Do conductances change with time?"""
        return any(part is not None for part in (self.telegraph, self.flicker, self.drift))

    @property
    def fluctuates(self) -> bool:
        """Do reads differ from the programmed conductances, by chance or by age?"""
        return self.moves or self.noise > 0
