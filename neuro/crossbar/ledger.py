"""What a crossbar was asked to do, counted: reads, programming, pulses, and the wear of each device."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neuro.arrays import Ints
from neuro.errors import ParameterError

__all__ = ["Ledger"]


@dataclass(eq=False)
class Ledger:
    """Counts of one crossbar since it was made; energy is these counts times a cost each.

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
    """Devices programmed to a target: all of them at first, then what `Crossbar.program` rewrites."""
    plus: Ints = field(init=False)
    """Learning pulses that each positive device got, shape (pre, post)."""
    minus: Ints = field(init=False)
    """The same for the negative devices."""

    def __post_init__(self) -> None:
        self.plus = np.zeros(self.shape, dtype=np.int64)
        self.minus = np.zeros(self.shape, dtype=np.int64)

    def count_pulses(self, plus: Ints, minus: Ints) -> int:
        """Enter the pulses of each device, signed by direction, shape (pre, post); returns their number."""
        sizes = np.abs(plus), np.abs(minus)
        total = int(sizes[0].sum() + sizes[1].sum())
        net = int(plus.sum() + minus.sum())
        self.pulses_up += (total + net) // 2
        self.pulses_down += (total - net) // 2
        self.plus += sizes[0]
        self.minus += sizes[1]
        return total

    def as_dict(self) -> dict[str, int]:
        """The five counts; wear of single devices is in `plus` and `minus`."""
        keys = ("row_reads", "column_reads", "pulses_up", "pulses_down", "writes")
        return {key: int(getattr(self, key)) for key in keys}

    def include(self, other: Ledger, block: tuple[slice, slice] | None) -> None:
        """Add the counts of another array; those of its devices where `block` says that they lie in this one's."""
        for key, count in other.as_dict().items():
            setattr(self, key, getattr(self, key) + count)
        if block is not None:
            self.plus[block] += other.plus
            self.minus[block] += other.minus

    def copy(self) -> Ledger:
        """A ledger of its own with the same counts."""
        return self + Ledger(self.shape)

    def __add__(self, other: Ledger) -> Ledger:
        """Counts of both, device by device.

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
        mine, theirs = self.as_dict(), other.as_dict()
        both = Ledger(self.shape, **{key: mine[key] + theirs[key] for key in mine})
        both.plus += self.plus + other.plus
        both.minus += self.minus + other.minus
        return both
