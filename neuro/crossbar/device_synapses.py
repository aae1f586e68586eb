"""Weights in devices as a network sees them: the common methods of crossbars, their transposes and snapshots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from neuro.crossbar.ledger import Ledger
from neuro.display import Displayed, Rows
from neuro.validation import Floats

if TYPE_CHECKING:
    from neuro.crossbar.device.device import Device

__all__ = ["DeviceSynapses", "ReadableCrossbar"]


class DeviceSynapses(Displayed, ABC):
    """Weights that devices hold, as a network uses them: one matrix, and a count of the rows that are read."""

    shape: tuple[int, int]
    """(pre, post): rows and columns."""

    def _display(self) -> tuple[str, Rows]:
        return f"{type(self).__name__}: {self.shape[0]:,} x {self.shape[1]:,} weights", ()

    @property
    @abstractmethod
    def fluctuates(self) -> bool:
        """Do reads differ from the programmed weights, by chance or by age? A network then takes a `snapshot`."""

    @abstractmethod
    def effective_weights(self) -> Floats:
        """Weights as they are read row by row, shape (pre, post).

        Read-only: one array until the next write, then a new one. Read noise, drift and the like are not in them.
        """

    @abstractmethod
    def count_reads(self, rows: ArrayLike = 0) -> None:
        """Enter reads of single rows whose products the caller has computed.

        Parameters
        ----------
        rows
            How often each row was read, shape (pre,); or how many reads in all, whose energy then is not known.

        Raises
        ------
        InputError
            If a count is not a whole number, or below zero, or there is not one for each row.
        """


class ReadableCrossbar(DeviceSynapses):
    """The reads of a crossbar: of its rows, and of its columns."""

    device: Device
    """The device of each cell."""

    @property
    @abstractmethod
    def ledger(self) -> Ledger:
        """Counts and energy of all reads and writes so far."""

    @property
    @abstractmethod
    def version(self) -> int:
        """Grows with every write."""

    @abstractmethod
    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        """Drive rows together and sum along columns: rows @ W where rows superpose, otherwise a solve.

        Each row with a drive other than zero counts as read.

        Parameters
        ----------
        rows
            Drive of each row, shape (pre,): spike counts, for instance. With `reading.voltage`, a drive of 1 is
            that voltage.
        at
            Time of the read, s since programming, which telegraph noise, 1/f noise and drift depend on; None: that
            of the last read.

        Returns
        -------
        Floats
            Shape (post,), in the unit of the drive times that of the weights.

        Raises
        ------
        InputError
            If there is not one finite drive per row.
        ParameterError
            If `at` is before the last read.
        """

    @abstractmethod
    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        """Drive columns and sum along rows: W @ cols. Otherwise as `read`, with reads counted by column."""

    @abstractmethod
    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """As `DeviceSynapses.count_reads`, for rows and for columns, shape (pre,) and (post,).

        Raises
        ------
        InputError
            If a count is not a whole number, or below zero, or there is not one for each row (column).
        UnsupportedFeature
            If there are several arrays and no count for each line: it is then unknown which arrays were read.
        """
