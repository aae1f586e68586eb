"""The form of `report.json`, and reading it."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from neuro.errors import DataError, ParameterError
from neuro.files.reading import read_json
from neuro.files.writing import named_errors
from neuro.report.record import RECORD, Report, Table
from neuro.validation import file_name

__all__ = ["ReportRecord", "load_report", "read_record"]


class MachineRecord(BaseModel):
    """The machine of a run."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field("", description="name of the machine")
    platform: str = Field(description="operating system, with its version")
    processor: str
    cores: int | None
    memory_bytes: int | None = None


class ProvenanceRecord(BaseModel):
    """Where a result is from. Commands may add entries of their own."""

    model_config = ConfigDict(extra="allow")

    seed: int = Field(description="root of the random draws")
    command: list[str] = Field([], description="the command line, word by word")
    versions: dict[str, str] = Field(description="versions of Python and of what the results depend on")
    packages: dict[str, str] = Field({}, description="versions of all installed packages")
    git_revision: str | None = Field(description="revision of the checkout of neuro; null outside of one")
    git_dirty: bool | None = Field(description="whether the checkout was edited since")
    machine: MachineRecord
    started: str | None = Field(description="date and time, UTC")
    wall_seconds: float | None
    cpu_seconds: float | None = Field(None, description="of the process and of those that it started")
    peak_memory_bytes: int | None = Field(None, description="of the process, or of the largest that it started")


class TableRecord(BaseModel):
    """A table of a report."""

    model_config = ConfigDict(extra="forbid")

    title: str
    columns: list[str]
    rows: list[list[Any]] = Field(description="one entry for each column")


class ReportRecord(BaseModel):
    """The record of one run, as `report.json` has it. A number that is not finite is null."""

    model_config = ConfigDict(extra="forbid", title="report.json of neuro")

    task: str = Field(description="name of the task or command")
    preset: str = Field(description="the preset that the configuration started from")
    config: dict[str, Any] = Field(description="every setting, by name")
    metrics: dict[str, float | int | None] = Field(description="one number for each name, with the unit in the name")
    measured: list[str] = Field([], description="metrics that depend on the machine and its load")
    energy: dict[str, Any] = Field(description="joules and seconds by cause and place, or counts; unit says which")
    provenance: ProvenanceRecord | dict[str, Any] = Field(description="{} where a command does not keep it")
    tables: list[TableRecord]
    figures: dict[str, str] = Field(description="file beside the record, by name")

    @field_validator("metrics")
    @classmethod
    def _are_doubles(cls, metrics: dict[str, float | int | None]) -> dict[str, float | int | None]:
        for name, value in metrics.items():
            if value is not None and abs(value) > sys.float_info.max:
                raise ValueError(f"{name} is a number of {len(str(value))} digits")
        return metrics

    @field_validator("figures")
    @classmethod
    def _lie_beside_the_record(cls, figures: dict[str, str]) -> dict[str, str]:
        for name in figures.values():
            if Path(name).name != name or name in ("", "..") or "\0" in name:
                raise ValueError(f"a figure must be the name of a file in the same folder, not {name!r}")
        return figures


def read_record(path: str | Path) -> ReportRecord:
    """The record of a run, from its folder or its `report.json`.

    Raises
    ------
    DataError
        If there is none.
    FileError
        If the system refuses to read it.
    ParameterError
        If it is not a record, as `ReportRecord` describes it.
    """
    place = file_name(path, "path")
    with named_errors(place, "read"):
        place = place / RECORD if place.is_dir() else place
        exists = place.is_file()
    if not exists:
        raise DataError("there is no report", where=str(place), remedy="Give the folder that --out wrote")
    found = read_json(place, ParameterError, "a report")
    try:
        return ReportRecord.model_validate(found)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = f"{place}, {'.'.join(map(str, first['loc']))}"
        raise ParameterError("is no report of neuro", where=where, value=first["msg"]) from None


def load_report(path: str | Path) -> Report:
    """The report of a run, from its folder or its `report.json`.

    Figures are the paths of their files. Numbers that were not finite are NaN.

    Parameters
    ----------
    path
        The folder that `--out` wrote, or the file in it.

    Raises
    ------
    DataError
        If there is no report.
    ParameterError
        If the file is none, or its parts do not fit.

    >>> import tempfile
    >>> from neuro.report import Report, write
    >>> folder = tempfile.mkdtemp()
    >>> write(Report(task="braille", metrics={"accuracy": 0.98}), folder)
    >>> load_report(folder).metrics
    {'accuracy': 0.98}
    """
    place = file_name(path, "path")
    folder = place if place.is_dir() else place.parent
    found = read_record(place)
    provenance = found.provenance
    return Report(
        task=found.task,
        preset=found.preset,
        config=found.config,
        metrics={name: math.nan if value is None else value for name, value in found.metrics.items()},
        measured=tuple(found.measured),
        energy=found.energy,
        provenance=provenance if isinstance(provenance, dict) else provenance.model_dump(),
        tables=tuple(Table(each.title, tuple(each.columns), tuple(map(tuple, each.rows))) for each in found.tables),
        figures={name: folder / file for name, file in found.figures.items()},
    )
