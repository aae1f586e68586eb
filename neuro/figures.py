"""Figures in model files: a value with its unit and its source, and the reader of the TOML files that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from neuro.errors import NeuroError
from neuro.files.reading import read_toml

__all__ = ["UNITS", "Figure", "RangedFigure", "SourcedFigure", "read_record"]

UNITS = {unit: (unit, 0) for unit in ("1", "bit", "s", "J", "W", "V", "S", "ohm")}
"""Units that a `RangedFigure` may have, each with its SI unit and its power of ten."""
_PREFIXES = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6}
UNITS |= {p + unit: (unit, power) for p, power in _PREFIXES.items() for unit in ("s", "J", "W", "V", "S", "ohm")}


class SourcedFigure(BaseModel):
    """The fields of every figure: `value`, `unit` and `source`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: object
    """The figure in `unit`; each kind of figure says which values it takes."""
    unit: str = Field(min_length=1)
    """Unit of the value."""
    source: str = Field(min_length=1)
    """Where it can be read."""


class Figure(SourcedFigure):
    """One number in a unit without a prefix, published or chosen."""

    value: float
    """The figure, in `unit`."""


class RangedFigure(SourcedFigure):
    """One published number, which may be unknown or part of another one, and the range that its sources give."""

    value: float | Literal["null"] | None = None
    """The figure in `unit`, as its source has it; absent or "null": unknown."""
    unit: str
    """One of `UNITS`: an SI unit with or without a prefix ("pJ", "us"), "bit", or "1" for a count."""
    low: float | None = None
    """Lowest value that the sources give."""
    high: float | None = None
    """Highest value that the sources give."""
    within: str | None = None
    """Name of the figure that contains this one, which then has no value of its own."""
    note: str = ""
    """Remarks for readers of the figure."""

    @field_validator("source")
    @classmethod
    def _has_source(cls, source: str) -> str:
        if not source.strip():
            raise ValueError("a figure needs a source")
        return source

    @field_validator("unit")
    @classmethod
    def _has_known_unit(cls, unit: str) -> str:
        if unit not in UNITS:
            raise ValueError(f"unit {unit!r} is not one of {', '.join(sorted(UNITS))}")
        return unit

    @model_validator(mode="after")
    def _has_ordered_range(self) -> RangedFigure:
        low, high = self.low, self.high
        if not isinstance(self.value, float):
            if low is not None or high is not None:
                raise ValueError("a figure that is unknown has no range")
            return self
        if self.within is not None:
            raise ValueError("a figure that is part of another one has no value of its own")
        if (low is not None and low > self.value) or (high is not None and high < self.value):
            raise ValueError("`low` must not be above `value`, nor `high` below it")
        return self

    @property
    def si_unit(self) -> str:
        """The unit without its prefix."""
        return UNITS[self.unit][0]

    @property
    def si_value(self) -> float | None:
        """The value in `si_unit`; None: unknown, or part of another figure."""
        return self._to_si(self.value if isinstance(self.value, float) else None)

    @property
    def si_range(self) -> tuple[float | None, float | None]:
        """`low` and `high` in `si_unit`."""
        return self._to_si(self.low), self._to_si(self.high)

    def _to_si(self, value: float | None) -> float | None:
        """`value` times the power of ten of the unit, rounded once, so that 23.6 pJ is the double 23.6e-12."""
        power = UNITS[self.unit][1]
        return None if value is None else float(f"{value!r}e{power}") if "e" not in repr(value) else value * 10.0**power


Record = TypeVar("Record", bound=BaseModel)


def read_record(path: Path, model: type[Record], error: type[NeuroError], what: str) -> Record:
    """The record in a TOML file, checked.

    Parameters
    ----------
    path
        The file.
    model
        The pydantic model that the file must follow.
    error
        The error to raise if it does not.
    what
        The thing that the file describes, for the error: "chip", "device".

    Raises
    ------
    NeuroError
        `error`, if the file is not valid TOML or not a valid record: a figure without source, a wrong unit, an unknown
        field. It names the path of the first bad field.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    """
    try:
        return model.model_validate(read_toml(path, error, f"a {what} file"))
    except ValidationError as fault:
        first = fault.errors()[0]
        raise error(
            f"each figure of a {what} file must have a value, its unit and a source",
            where=str(path),
            value=f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}",
        ) from None
