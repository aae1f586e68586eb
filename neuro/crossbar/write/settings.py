"""`Writing`: voltage and time of a write pulse, its energy, and its effect on half-selected devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuro.crossbar.device.sample import PulseSums
from neuro.crossbar.ledger import Ledger
from neuro.errors import ParameterError
from neuro.validation import Floats, Ints, number, number_field, positive

__all__ = ["Writing"]

CAUSES = ("write_plus", "write_minus")
"""Where the ledger enters the energy of the positive and of the negative array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Voltage, time and disturbance of a write pulse. Nothing here is a figure of a real circuit.

    A pulse of a device without a law, and a write to a target, count as one pulse of this voltage and time. Its
    energy is  voltage^2 duration G,  with the mean G of before and after. A half-selected device, on the row or the
    column of one that is pulsed, has half the voltage and takes a quarter of that energy. It moves by `disturb` times
    the change of a whole pulse. With `disturb` at zero, a selector keeps half-selected devices out.

    Raises
    ------
    ParameterError
        If a voltage or a time is not above zero, or `disturb` is not a share.

    Examples
    --------
    >>> Writing(voltage=2.0, duration=100e-9).joules(50e-6)
    2e-11
    """

    voltage: float | None = None
    """Voltage of a pulse, V."""
    duration: float | None = None
    """How long it lasts, s."""
    disturb: float = 0.0
    """Share of a pulse's change that a half-selected device takes. Rows are then written one after the other."""

    def __post_init__(self) -> None:
        number_field(self, "voltage", positive, none=True, unit="V")
        number_field(self, "duration", positive, none=True, unit="s")
        number_field(self, "disturb", positive, zero=True)
        if self.disturb > 1:
            rule = "a share of a pulse must lie within 0..1"
            raise ParameterError(rule, where="Writing.disturb", value=self.disturb)

    def joules(self, siemens: float) -> float | None:
        """Energy of a pulse through this conductance (or the sum of several), J; None without voltage or time.

        Raises
        ------
        ParameterError
            If the conductance is no number, or below zero.
        """
        return self._price(number(siemens, "siemens", unit="S", check=positive, zero=True))

    def _price(self, siemens: float) -> float | None:
        if self.voltage is None or self.duration is None:
            return None
        return self.voltage**2 * self.duration * siemens

    def price_pulses(self, ledger: Ledger, pulses: tuple[Ints, Ints], sums: tuple[PulseSums, PulseSums]) -> None:
        """Enter the energy of pulses to devices with a law, and of those that they half-selected."""
        for cause, signed, sent in zip(CAUSES, pulses, sums, strict=True):
            self._enter(ledger, cause, int(np.abs(signed).sum()), sent.risen + sent.fallen)
            self._enter(ledger, "half_select", sent.half_selects, 0.25 * sent.half_selected)
            ledger.half_selects += sent.half_selects

    def price_moves(
        self, ledger: Ledger, pulses: tuple[Ints, Ints], before: tuple[Floats, Floats], after: tuple[Floats, Floats]
    ) -> None:
        """Enter the energy of pulses to devices without a law."""
        for cause, signed, old, new in zip(CAUSES, pulses, before, after, strict=True):
            count = np.abs(signed)
            self._enter(ledger, cause, int(count.sum()), float(np.sum(count * (0.5 * (old + new)))))

    def _enter(self, ledger: Ledger, cause: str, count: int, siemens: float) -> None:
        joules = self._price(siemens)
        if count and joules is not None:
            ledger.add(cause, count, joules)
        elif count:
            ledger.unpriced_writes += count
