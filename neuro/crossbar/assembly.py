"""`Assembly`: the abstract class of crossbars whose weights are the sum of those of several crossbars."""

from __future__ import annotations

import copy
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.base import AbstractCrossbar, Setup
from neuro.crossbar.checks import drives, reads, target
from neuro.crossbar.composite import CompositeCrossbar
from neuro.crossbar.device_synapses import DeviceSynapses
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.snapshot import Snapshot
from neuro.errors import InputError, UnsupportedFeature
from neuro.validation import Floats, Ints, frozen, indices

__all__ = ["Assembly", "Part"]


class Part(NamedTuple):
    """One of the crossbars that an assembly is made of."""

    crossbar: AbstractCrossbar
    rows: slice
    """Rows of the assembly that drive it."""
    columns: slice
    """Columns of the assembly to which its own are added."""

    @property
    def block(self) -> tuple[slice, slice]:
        """Its place in a matrix of the assembly."""
        return self.rows, self.columns


class Assembly(CompositeCrossbar):
    """A crossbar whose weights are the sum of those of its parts, each in its place.

    Every part is a crossbar of its own, with its own devices, faults, wires, random numbers and ledger. The columns of
    several parts are added digitally, without error. `ledger` is the sum of the parts' counts, without those of single
    devices if parts lie on one another.
    """

    def __init__(self, setup: Setup, parts: list[Part]) -> None:
        super().__init__(setup)
        self.parts = tuple(parts)
        """The crossbars, with their places."""

    @property
    def arrays(self) -> tuple[AbstractCrossbar, ...]:
        """The arrays of all parts, part by part."""
        return tuple(array for part in self.parts for array in part.crossbar.arrays)

    @property
    def version(self) -> int:
        """Grows with every write to any part."""
        return sum(part.crossbar.version for part in self.parts)

    @property
    def ledger(self) -> Ledger:
        """The counts of all parts, summed; single devices have their place where parts do not overlap."""
        total = Ledger(self.shape)
        for part in self.parts:
            total.include(part.crossbar.ledger, part.block)
        return total

    @property
    def register(self) -> Floats:
        return self._put_together([part.crossbar.register for part in self.parts])

    @property
    def conductance_plus(self) -> Floats:
        return self._put_together([part.crossbar.conductance_plus for part in self.parts])

    @property
    def conductance_minus(self) -> Floats:
        return self._put_together([part.crossbar.conductance_minus for part in self.parts])

    def snapshot(self, at: float | None = None) -> Snapshot:
        """As `AbstractCrossbar.snapshot`: one draw of every part."""
        draws = [part.crossbar.snapshot(at) for part in self.parts]

        def count(rows: ArrayLike) -> None:
            by_row = self._counts(rows, self.shape[0], "row")
            for part, draw in zip(self.parts, draws, strict=True):
                draw.count_reads(by_row[part.rows] if by_row.ndim else 0)

        return Snapshot(self._sum(draws), count)

    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        """As `AbstractCrossbar.read`, of every part."""
        drive = drives(rows, self.shape[0], f"{self._where}, rows")
        total = np.zeros(self.shape[1])
        for part in self.parts:
            total[part.columns] += part.crossbar.read(drive[part.rows], at)
        return total

    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        """As `AbstractCrossbar.read_columns`, of every part."""
        drive = drives(cols, self.shape[1], f"{self._where}, columns")
        total = np.zeros(self.shape[0])
        for part in self.parts:
            total[part.rows] += part.crossbar.read_columns(drive[part.columns], at)
        return total

    def read_rows(self, rows: ArrayLike, out: Floats | None = None) -> Floats:
        """As `AbstractCrossbar.read_rows`, of every part in turn."""
        lines = indices(rows, self.shape[0], f"{self._where}, rows", error=InputError)
        total = target(out, self.shape[1], f"{self._where}, out")
        for part in self.parts:
            inside = lines[(lines >= part.rows.start) & (lines < part.rows.stop)] - part.rows.start
            part.crossbar.read_rows(inside, total[part.columns])
        return total

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """As `AbstractCrossbar.count_reads`: a row is read once in each part that it drives.

        One number for all lines does not say which parts were read, and is refused.
        """
        by_row = self._counts(rows, self.shape[0], "row")
        by_column = self._counts(columns, self.shape[1], "column")
        for part in self.parts:
            part.crossbar.count_reads(
                by_row[part.rows] if by_row.ndim else 0,
                columns=by_column[part.columns] if by_column.ndim else 0,
            )

    def copy(self) -> Self:
        other = copy.copy(self)
        other.parts = tuple(part._replace(crossbar=part.crossbar.copy()) for part in self.parts)
        other._weights, other._transposed = copy.copy(self._weights), copy.copy(self._transposed)
        return other

    def _counts(self, counts: ArrayLike, size: int, line: str) -> Ints:
        """Reads of each line, shape (size,); or none at all, shape ()."""
        checked = reads(counts, size, f"{self._where}, {line} reads")
        if checked.ndim == 0 and checked != 0:
            rule = "reads of an assembly need to say which lines: one number for each"
            raise UnsupportedFeature(rule, where=self._where, remedy="Give an array of counts")
        return checked

    def _combined_weights(self) -> Floats:
        return self._sum([part.crossbar for part in self.parts])

    def _sum(self, pieces: list[AbstractCrossbar] | list[DeviceSynapses]) -> Floats:
        """The weights of these, one for each part, summed in their places; read-only."""
        total = np.zeros(self.shape)
        for part, piece in zip(self.parts, pieces, strict=True):
            total[part.block] += piece.effective_weights()
        return frozen(total)

    def _combined_transposed_weights(self) -> Floats:
        total = np.zeros(self.shape[::-1])
        for part in self.parts:
            total[part.columns, part.rows] += part.crossbar.transposed_weights()
        return frozen(total)

    def _put_together(self, pieces: list[Floats]) -> Floats:
        """Matrices of the parts, each in its place; read-only."""
        total = np.zeros((*pieces[0].shape[:-2], *self.shape))
        for part, piece in zip(self.parts, pieces, strict=True):
            total[(..., *part.block)] = piece
        return frozen(total)
