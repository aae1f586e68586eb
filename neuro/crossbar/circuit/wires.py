"""`Wires`: resistances of the wires of a crossbar, and the treatment of the rows that are not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neuro.errors import UnknownName
from neuro.validation import number_field, positive

__all__ = ["INACTIVE", "Inactive", "Wires"]

Inactive = Literal["ground", "float", "gate"]
INACTIVE: tuple[Inactive, ...] = ("ground", "float", "gate")


@dataclass(frozen=True, slots=True)
class Wires:
    """Resistance of each wire segment of an array, of its drivers and of its sense circuits.

    Row i goes from its driver through `driver` and one segment to cell (i, 0), and on through one segment from
    each cell to the next; it ends at the last cell. Column j begins at cell (0, j) and goes down, through one
    segment from each cell to the next; from the last cell one more segment and `sense` lead to its terminal,
    which is held at a voltage, 0 by default. Resistances of zero are ideal wires. Both arrays of a differential
    pair have these wires.

    Raises
    ------
    ParameterError
        If a resistance is negative or not finite.
    UnknownName
        If `inactive` is none of the three.

    Examples
    --------
    >>> Wires(row=1.0, column=2.0).ideal, Wires().ideal
    (False, True)
    """

    row: float = 0.0
    """One segment of a row, ohm."""
    column: float = 0.0
    """One segment of a column, ohm."""
    driver: float = 0.0
    """Output resistance of a row's driver, ohm."""
    sense: float = 0.0
    """Input resistance of the sense circuit of a column, ohm."""
    inactive: Inactive = "ground"
    """Treatment of the other rows during a read. "ground": their drivers hold them at 0 V. "float": they are
    disconnected from their drivers. "gate": a transistor in each of their cells is off (1T1R), no current flows."""

    def __post_init__(self) -> None:
        for key in ("row", "column", "driver", "sense"):
            number_field(self, key, positive, zero=True, unit="ohm")
        if not isinstance(self.inactive, str) or self.inactive not in INACTIVE:
            raise UnknownName("treatment of inactive rows", self.inactive, INACTIVE)

    @property
    def ideal(self) -> bool:
        """Are all resistances zero? Rows then superpose with any treatment of inactive rows."""
        return self.row == self.column == self.driver == self.sense == 0

    @property
    def reversed(self) -> Wires:
        """The wires as the columns' drivers see them: rows for columns, sensing for driving."""
        return Wires(self.column, self.row, self.sense, self.driver, self.inactive)
