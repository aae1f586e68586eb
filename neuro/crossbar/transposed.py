"""A crossbar read the other way round: its columns are rows, on the same devices."""

from __future__ import annotations

from typing import final

from numpy.typing import ArrayLike

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.device_synapses import ReadableCrossbar
from neuro.crossbar.ledger import Ledger
from neuro.display import Rows
from neuro.validation import Floats

__all__ = ["TransposedCrossbar"]


@final
class TransposedCrossbar(ReadableCrossbar):
    """A crossbar whose rows are the columns of another one, on the same devices.

    It cannot be written. Its reads are counted in the crossbar's ledger, rows as column reads.

    Examples
    --------
    >>> from neuro.crossbar.factory import Crossbar
    >>> crossbar = Crossbar([[0.5, -1.0]])
    >>> crossbar.T.read([0, 1])
    array([-1.])
    >>> crossbar.ledger.column_reads
    1
    """

    def __init__(self, crossbar: AbstractCrossbar) -> None:
        self.T = crossbar
        """The crossbar itself."""
        self.device = crossbar.device
        self.shape = crossbar.shape[::-1]

    def _display(self) -> tuple[str, Rows]:
        title, rows = self.T._display()
        return f"Transposed {title}", rows

    @property
    def ledger(self) -> Ledger:
        """The crossbar's own ledger."""
        return self.T.ledger

    @property
    def version(self) -> int:
        """The crossbar's own count of writes."""
        return self.T.version

    @property
    def fluctuates(self) -> bool:
        return self.T.fluctuates

    def effective_weights(self) -> Floats:
        """The crossbar's `transposed_weights`."""
        return self.T.transposed_weights()

    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        """The crossbar's `read_columns`."""
        return self.T.read_columns(rows, at)

    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        """The crossbar's `read`."""
        return self.T.read(cols, at)

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """The crossbar's `count_reads`, rows and columns exchanged."""
        self.T.count_reads(columns, columns=rows)
