"""`Report`, the record of one run of a task, and its files, which are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from neuro.display import data_frame
from neuro.errors import FileError, ParameterError, UnknownName
from neuro.files.writing import atomic, named_errors, write_text
from neuro.system.interrupts import postponed
from neuro.system.partials import partial_path, sweep
from neuro.validation import file_name, instance, shown, text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    FigureSource = Path | Figure | Callable[[], Figure]

__all__ = ["Report", "Table", "as_dict", "fill", "kept", "plain", "staged", "write"]

RECORD = "report.json"


@dataclass(frozen=True)
class Table:
    """Rows under named columns, to be shown or written.

    >>> Table("Recall", ("noise", "accuracy"), ((0.1, 0.98), (0.2, 0.91))).rows[1]
    (0.2, 0.91)
    """

    title: str
    """Title of the table."""
    columns: tuple[str, ...]
    """Name of each column, with its unit."""
    rows: tuple[tuple[object, ...], ...]
    """One entry per column: numbers, or anything with a text."""

    def __post_init__(self) -> None:
        instance(self.title, "Table.title", str, "a text")
        instance(self.columns, "Table.columns", (tuple, list), "names of columns")
        instance(self.rows, "Table.rows", (tuple, list), "rows")
        for column in self.columns:
            instance(column, "Table.columns", str, "a text for each column")
        for index, row in enumerate(self.rows):
            instance(row, f"Table.rows, row {index}", (tuple, list), "one entry for each column")
            if len(row) != len(self.columns):
                raise ParameterError(
                    f"a row must have one entry for each of the {len(self.columns)} columns",
                    where=f"table {self.title!r}, row {index}",
                    value=len(row),
                )


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """Results of one run of a task, their cost, and their provenance.

    A task fills in what it knows; `neuro.tasks.run_task` adds the preset, configuration and provenance.

    >>> Report(task="braille", metrics={"accuracy": 0.98}).metrics["accuracy"]
    0.98
    """

    task: str
    """Name of the task."""
    preset: str = ""
    """Name of the preset that the configuration started from."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Every setting, by name."""
    metrics: Mapping[str, float]
    """What was measured: one number per name, with the unit in the name."""
    energy: Mapping[str, Any] = field(default_factory=dict)
    """Joules and seconds by cause and place, or counts of what costs them; `unit` says which."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Seed, versions, revision, machine and time, as from `provenance`."""
    measured: tuple[str, ...] = ()
    """Names of the metrics that depend on the machine and its load: seconds, memory."""
    tables: tuple[Table, ...] = ()
    """What to show beside the metrics."""
    figures: Mapping[str, FigureSource] = field(default_factory=dict)
    """By name: a file, a Matplotlib figure, or a function that draws one when the report is written."""

    def to_pandas(self, table: str | None = None) -> Any:
        """The metrics, or one of the tables, as a `pandas.DataFrame`.

        Parameters
        ----------
        table
            The title of a table; by default the metrics, in columns ``metric`` and ``value``.

        Raises
        ------
        UnknownName
            If there is no such table.
        UnsupportedFeature
            If pandas is not installed: it is the extra ``pandas``.

        >>> Report(task="braille", metrics={"accuracy": 0.98}).to_pandas()["value"].tolist()
        [0.98]
        """
        if table is None:
            return data_frame({"metric": np.array(list(self.metrics), object), "value": list(self.metrics.values())})
        found = next((each for each in self.tables if each.title == text(table, "to_pandas, table")), None)
        if found is None:
            raise UnknownName("table of this report", table, [each.title for each in self.tables])
        columns = zip(*found.rows, strict=True) if found.rows else [()] * len(found.columns)
        return data_frame({name: list(values) for name, values in zip(found.columns, columns, strict=True)})

    def __post_init__(self) -> None:
        for key in ("task", "preset"):
            instance(getattr(self, key), f"Report.{key}", str, "a text")
        for key in ("config", "metrics", "energy", "provenance", "figures"):
            instance(getattr(self, key), f"Report.{key}", Mapping, "a dictionary by names")
        instance(self.measured, "Report.measured", (tuple, list), "names of metrics")
        for name in self.measured:
            if name not in self.metrics:
                raise ParameterError("must be the name of a metric", where="Report.measured", value=repr(name))
        instance(self.tables, "Report.tables", (tuple, list), "tables")
        for table in self.tables:
            instance(table, "Report.tables", Table, "a Table")
        for name, value in self.metrics.items():
            if isinstance(value, np.timedelta64) or not isinstance(value, Real | np.bool_):
                raise ParameterError("a metric must be one number", where=f"metric {name!r}", value=repr(value))
        for name, figure in self.figures.items():
            if not (isinstance(figure, Path) or callable(figure) or hasattr(figure, "savefig")):
                rule = "must be a file, a Matplotlib figure, or a function that draws one"
                raise ParameterError(rule, where=f"Report.figures[{name!r}]", value=shown(figure))
            if not name or Path(name).name != name or name.startswith("."):
                raise ParameterError("a figure's name must be usable as a file name", value=repr(name))


def write(report: Report, out: Path) -> None:
    """Write a report and its figures into the directory `out`, whole or not at all.

    ``report.json`` has `task`, `preset`, `config`, `metrics`, `measured`, `energy`, `provenance`, `tables` and
    `figures` (name -> file beside it); a number that is not finite is written as null. Where `out` exists, its files
    are replaced one by one, the record last; figures that only the older report had are removed.

    Raises
    ------
    ParameterError
        If `out` is not a directory that can be written.
    FileError
        If the system refuses to write a file of it.
    """
    instance(report, "report", Report, "a Report")
    with staged(file_name(out, "out")) as stage:
        fill(report, stage)


def fill(report: Report, stage: Path) -> None:
    """Put the figures and the record of a report into an existing directory, the record last."""
    figures = {name: _draw(name, source, stage) for name, source in report.figures.items()}
    text = json.dumps({**as_dict(report), "figures": figures}, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(stage / RECORD, text + "\n")


def as_dict(report: Report) -> dict[str, Any]:
    """A report as JSON knows it, without its figures."""
    metrics = {name: int(v) if isinstance(v, bool | np.bool_) else v for name, v in report.metrics.items()}
    entries = plain(
        {
            "task": report.task,
            "preset": report.preset,
            "config": report.config,
            "metrics": metrics,
            "measured": report.measured,
            "energy": report.energy,
            "provenance": report.provenance,
            "tables": [{"title": t.title, "columns": t.columns, "rows": t.rows} for t in report.tables],
        }
    )
    return cast(dict[str, Any], entries)


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A directory to fill in a `with` block, which becomes `out` at the end and vanishes on any error.

    Raises
    ------
    ParameterError
        Before the block, if `out` is not a directory that can be written.
    """
    given, out = out, Path(out).resolve()
    with named_errors(out, "written"):
        # The root has no name beside which anything could be kept until it is whole.
        if not str(given) or not out.name or (out.exists() and not out.is_dir()):
            raise ParameterError("the place for a report must be a directory", where="out", value=repr(str(given)))
        stage = partial_path(out)
        sweep(out)
    try:
        stage.mkdir(parents=True)
        if out.exists() and not os.access(out, os.W_OK):
            raise PermissionError(f"no permission to write {out}")
    except OSError as problem:
        shutil.rmtree(stage, ignore_errors=True)
        reason = f"{out}: {problem.strerror or problem}"
        raise ParameterError("the place for a report must be writable", where="out", value=reason) from None
    try:
        yield stage
        with postponed(), named_errors(out, "written"):
            _publish(stage, out)
    except FileError as problem:
        # The files of the stage have other names than those that they were to get.
        where = problem.where.replace(str(stage), str(out))
        named = FileError(problem.rule, where=where, remedy=problem.remedy)
        named.errno = problem.errno
        raise named from problem
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def kept(out: Path | None) -> Iterator[Callable[[Report], None]]:
    """Gives what writes a report into `out`, if there is one; a folder that cannot be written is refused at once.

    Raises
    ------
    ParameterError, FileError
        As `staged`.
    """
    if out is None:
        yield lambda report: None
        return
    with staged(out) as stage:
        yield lambda report: fill(report, stage)


def plain(value: Any) -> Any:
    """`value` as JSON knows it: arrays become lists, and numbers that are not finite become null.

    >>> plain({"a": np.arange(2), "b": float("nan"), 3: Path("x")})
    {'a': [0, 1], 'b': None, '3': 'x'}
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return str(value)


def _publish(stage: Path, out: Path) -> None:
    if not out.exists() or not any(out.iterdir()):
        os.rename(stage, out)
        return
    stale = _figures(out / RECORD) - _figures(stage / RECORD)
    names = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    for name in sorted(names, key=lambda name: name == Path(RECORD)):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(stage / name, out / name)
    for old in stale:
        (out / old).unlink(missing_ok=True)


def _figures(record: Path) -> set[str]:
    """Names of the figures in a record, whose files lie beside it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        listed = json.loads(record.read_text(encoding="utf-8")).get("figures", {}).values()
        return {name for name in listed if Path(name).name == name}
    return set()


def _draw(name: str, source: FigureSource, stage: Path) -> str:
    if isinstance(source, Path):
        target = stage / f"{name}{source.suffix}"
        if source.resolve() != target.resolve():
            with atomic(target) as partial:
                shutil.copyfile(source, partial)
        return target.name
    from neuro.report.plots import save

    target = stage / f"{name}.png"
    save(source() if callable(source) else source, target)
    return target.name
