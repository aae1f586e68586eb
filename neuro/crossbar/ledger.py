"""`Ledger`: counts of reads, programmed devices and pulses of a crossbar, and its energy by cause."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neuro.errors import ParameterError, UnknownName
from neuro.validation import Ints

__all__ = ["CAUSES", "Ledger"]

CAUSES = ("read_plus", "read_minus", "driver", "converter", "write_plus", "write_minus", "half_select")
"""Causes of energy: reads and writes of the two arrays, drivers, converters, and half-selected cells of a write."""


@dataclass(eq=False)
class Ledger:
    """Counts of one crossbar since it was made, and the energy that went into it, by cause.

    Pulses and writes count as they are sent, also to a device that is stuck or at the end of its window.

    Examples
    --------
    >>> ledger = Ledger((1, 2))
    >>> ledger.count_pulses(plus=np.array([[2, 0]]), minus=np.array([[-2, 0]]))
    4
    >>> ledger.as_dict()
    {'row_reads': 0, 'column_reads': 0, 'pulses_up': 2, 'pulses_down': 2, 'writes': 0}
    """

    shape: tuple[int, int]
    """(pre, post) of the array."""
    row_reads: int = 0
    """Rows driven, once for each read of each row."""
    column_reads: int = 0
    """Columns driven, once for each read of each column."""
    pulses_up: int = 0
    """Learning pulses that raise a conductance; one pulse is one level on one device."""
    pulses_down: int = 0
    """Learning pulses that lower a conductance."""
    writes: int = 0
    """Devices programmed to a target: all of them at first, then those that `program` rewrites."""
    unpriced: int = 0
    """Reads of a line whose energy is not known, since the voltage, the time or the line was not given."""
    unpriced_writes: int = 0
    """Pulses and writes, half-selected ones included, whose energy is not known: no voltage or time was given."""
    half_selects: int = 0
    """Pulses of half the voltage that devices got because another one on their row or column was pulsed."""
    joules: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0.0))
    """Energy by cause, J; the heat of devices and wires counts for their array."""
    events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))
    """How many events each entry of `joules` is the sum of."""
    plus: Ints = field(init=False)
    """Learning pulses that each positive device got, shape (pre, post)."""
    minus: Ints = field(init=False)
    """The same for the negative devices."""

    def __post_init__(self) -> None:
        self.plus = np.zeros(self.shape, dtype=np.int64)
        self.minus = np.zeros(self.shape, dtype=np.int64)

    def count_pulses(self, plus: Ints, minus: Ints, at: Ints | None = None) -> int:
        """Enter the pulses of each device, signed by direction, shape (pre, post); returns their number.

        With `at`, those of the devices at these places of the flat arrays, each at most once.
        """
        sizes = np.abs(plus), np.abs(minus)
        total = int(sizes[0].sum() + sizes[1].sum())
        net = int(plus.sum() + minus.sum())
        self.pulses_up += (total + net) // 2
        self.pulses_down += (total - net) // 2
        where = slice(None) if at is None else at
        self.plus.reshape(-1)[where] += sizes[0].ravel()
        self.minus.reshape(-1)[where] += sizes[1].ravel()
        return total

    def add(self, cause: str, count: int, joules: float) -> None:
        """Enter `count` events that took `joules` together.

        Raises
        ------
        UnknownName
            If there is no such cause.
        """
        if cause not in self.joules:
            raise UnknownName("cause of energy", cause, CAUSES)
        self.joules[cause] += float(joules)
        self.events[cause] += int(count)

    @property
    def total(self) -> float:
        """All energy, J, without the writes whose energy is not known: `unpriced_writes` counts these.

        Raises
        ------
        ParameterError
            If there were reads whose energy is not known.
        """
        if self.unpriced:
            raise ParameterError(
                "a total needs the energy of every read",
                where="ledger",
                value=f"{self.unpriced} reads without one",
                remedy="Give the crossbar a Reading with `voltage` and `duration`, and count reads by line",
            )
        return sum(self.joules.values())

    def as_dict(self) -> dict[str, int]:
        """The five counts; wear of single devices is in `plus` and `minus`."""
        keys = ("row_reads", "column_reads", "pulses_up", "pulses_down", "writes")
        return {key: int(getattr(self, key)) for key in keys}

    def include(self, other: Ledger, block: tuple[slice, slice] | None) -> None:
        """Add the counts of another array. `block` is the place of its devices in this array; None leaves them out."""
        for key, count in other.as_dict().items():
            setattr(self, key, getattr(self, key) + count)
        for key in ("unpriced", "unpriced_writes", "half_selects"):
            setattr(self, key, getattr(self, key) + getattr(other, key))
        for cause in CAUSES:
            self.add(cause, other.events[cause], other.joules[cause])
        if block is not None:
            self.plus[block] += other.plus
            self.minus[block] += other.minus

    def copy(self) -> Ledger:
        """A ledger of its own with the same counts."""
        return self + Ledger(self.shape)

    def __add__(self, other: Ledger) -> Ledger:
        """Counts and energy of both, device by device.

        Raises
        ------
        ParameterError
            If the two are ledgers of arrays of different shapes.
        """
        if not isinstance(other, Ledger):
            return NotImplemented
        if self.shape != other.shape:
            raise ParameterError(
                "ledgers are added device by device and need one shape",
                where="ledger",
                value=f"{self.shape} and {other.shape}",
                remedy="Add the counts of `as_dict()` instead",
            )
        both, everywhere = Ledger(self.shape), (slice(None), slice(None))
        both.include(self, everywhere)
        both.include(other, everywhere)
        return both
