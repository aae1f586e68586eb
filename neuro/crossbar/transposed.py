"""A crossbar read the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from neuro.crossbar.device.device import Device
from neuro.crossbar.ledger import Ledger
from neuro.validation import Floats

if TYPE_CHECKING:
    from neuro.crossbar.pair import Crossbar

__all__ = ["TransposedCrossbar"]


class TransposedCrossbar:
    """A crossbar whose rows are the columns of another one, on the same devices.

    It cannot be written; what is read through it is counted in the crossbar's ledger, rows as column reads.

    Examples
    --------
    >>> from neuro.crossbar.pair import Crossbar
    >>> crossbar = Crossbar([[0.5, -1.0]])
    >>> crossbar.T.read([0, 1])
    array([-1.])
    >>> crossbar.ledger.column_reads
    1
    """

    def __init__(self, crossbar: Crossbar) -> None:
        self.T = crossbar
        """The crossbar itself."""

    def __repr__(self) -> str:
        return f"{self.T!r}.T"

    @property
    def shape(self) -> tuple[int, int]:
        """(columns, rows) of the crossbar."""
        return self.T.shape[::-1]

    @property
    def device(self) -> Device:
        """What each cell is made of."""
        return self.T.device

    @property
    def ledger(self) -> Ledger:
        """The crossbar's own ledger."""
        return self.T.ledger

    @property
    def version(self) -> int:
        """The crossbar's own count of writes."""
        return self.T.version

    def effective_weights(self) -> Floats:
        """The crossbar's weights transposed, rows contiguous, read-only; one array until the next write."""
        return self.T.transposed_weights()

    @property
    def fluctuates(self) -> bool:
        """Do reads differ from the programmed weights, by chance or by age?"""
        return self.T.fluctuates

    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        """The crossbar's `read_columns`."""
        return self.T.read_columns(rows, at)

    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        """The crossbar's `read`."""
        return self.T.read(cols, at)

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """The crossbar's `count_reads`, rows and columns exchanged."""
        self.T.count_reads(columns, columns=rows)
