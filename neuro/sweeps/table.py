"""The result of a sweep as one table: a row for each point, in CSV and, where pandas and pyarrow are there, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuro.files.writing import atomic

__all__ = ["TIMES", "columns_of", "row_of", "write_tables"]

TIMES = ("wall_seconds", "cpu_seconds", "peak_memory_bytes")
"""The columns in which two sweeps of the same points differ."""


def row_of(record: Mapping[str, Any], first: Iterable[str], key: str) -> dict[str, Any]:
    """The row of a point: its settings, metrics, energy, times, and the name of its folder.

    A metric with the name of a setting has ``metric.`` before it, and all of the energy ``energy.``.

    Parameters
    ----------
    record
        The point's `report.json`.
    first
        The settings that come first.
    key
        The name of its folder.
    """
    config, found = record["config"], dict[str, Any]()
    for name in (*first, *config):
        found[name] = _cell(config[name])
    for name, value in record["metrics"].items():
        found[f"metric.{name}" if name in config else name] = value
    found.update(_leaves(record["energy"], "energy"))
    found.update({name: record["provenance"].get(name) for name in TIMES})
    return {**found, "point": key}


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of all columns, the times and the name of the folder last."""
    names = dict.fromkeys(name for row in rows for name in row)
    last = [name for name in (*TIMES, "point") if name in names]
    return [name for name in names if name not in last] + last


def write_tables(rows: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write ``table.csv`` and, if it can be, ``table.parquet`` into a folder; the files that were written.

    Raises
    ------
    FileError
        If the system refuses to write them.
    """
    names = columns_of(rows)
    written = [folder / "table.csv"]
    with atomic(written[0]) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, names, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    if rows and find_spec("pandas") and find_spec("pyarrow"):
        import pandas

        written.append(folder / "table.parquet")
        with atomic(written[-1]) as partial:
            pandas.DataFrame(list(rows), columns=names).to_parquet(partial, index=False)
    return written


def _cell(value: Any) -> Any:
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)  # Parquet has no such numbers.
    return json.dumps(value) if isinstance(value, list | dict) else value


def _leaves(value: Any, name: str) -> dict[str, Any]:
    """The entries of nested dictionaries, by their path with dots."""
    if isinstance(value, Mapping):
        return {path: leaf for key, entry in value.items() for path, leaf in _leaves(entry, f"{name}.{key}").items()}
    return {name: _cell(value)}
