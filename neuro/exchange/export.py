"""Results as tables for other programs: CSV and Parquet files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neuro.errors import InputError, UnsupportedFeature
from neuro.files.reading import read_json
from neuro.files.writing import atomic
from neuro.names import Named
from neuro.validation import text

__all__ = ["export"]

ENDINGS = (".csv", ".parquet")
Columns = Mapping[str, Any]


def export(source: Path, target: Path, population: str | None = None) -> str:
    """Write what a file has as a table, and say what was written.

    A recording (.h5) gives its spikes: ``time`` (s), ``id``, ``population``, by time; `neuro simulate --input` reads
    them. A placement (.npz, .json) gives ``population``, ``id``, ``core``; a report (report.json, or its folder) gives
    ``metric``, ``value``.

    Parameters
    ----------
    source
        A recording, a placement, a report, or the folder of a report.
    target
        A .csv or .parquet file.
    population
        Only this population of a recording or placement.

    Raises
    ------
    InputError
        If the files are not of these kinds.
    UnknownName
        If there is no such population.
    UnsupportedFeature
        If pyarrow, the extra ``parquet``, is not installed, and Parquet was asked for.
    """
    if target.suffix not in ENDINGS:
        rule = "a table is a .csv or a .parquet file"
        raise InputError(rule, where=str(target), value=repr(target.suffix))
    found = source / "report.json" if source.is_dir() else source
    columns = _columns(found, None if population is None else text(population, "population"))
    with atomic(target) as partial:
        (_write_csv if target.suffix == ".csv" else _write_parquet)(columns, partial)
    rows = len(next(iter(columns.values())))
    return f"Written: {target}, {rows:,} rows of {', '.join(columns)}"


def _columns(source: Path, population: str | None) -> Columns:
    """The table of a file, by column."""
    if source.suffix in (".h5", ".hdf5"):
        from neuro.engine.storage.recordings import load_recording

        spikes = load_recording(source).spikes
        names = list(spikes) if population is None else [population]
        times = np.concatenate([np.zeros(0), *(spikes[name].times for name in names)])
        ids = np.concatenate([np.zeros(0, np.int64), *(spikes[name].ids for name in names)])
        who = np.repeat(np.array(names, object), [len(spikes[name]) for name in names])
        order = np.argsort(times, kind="stable")
        return {"time": times[order], "id": ids[order], "population": who[order]}
    if source.suffix not in (".npz", ".json"):
        rule = "a table is made of a recording (.h5), a placement (.npz, .json) or a report (report.json)"
        raise InputError(rule, where=str(source), value=repr(source.suffix))
    if source.name == "report.json":
        metrics = read_json(source, InputError, "a report").get("metrics")
        if not isinstance(metrics, dict):
            raise InputError("a report has metrics", where=str(source))
        return {"metric": np.array(list(metrics), object), "value": np.array(list(metrics.values()), np.float64)}
    from neuro.chip.placement import load_placement

    cores = Named("population of this placement", load_placement(source).core)
    names = list(cores) if population is None else [population]
    sizes = [len(cores[name]) for name in names]
    return {
        "population": np.repeat(np.array(names, object), sizes),
        "id": np.concatenate([np.zeros(0, np.int64), *(np.arange(size) for size in sizes)]),
        "core": np.concatenate([np.zeros(0, np.int64), *(cores[name] for name in names)]),
    }


def _write_csv(columns: Columns, path: Path) -> None:
    """With every digit of a number, so that reading it back gives the same bits."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))


def _write_parquet(columns: Columns, path: Path) -> None:
    """Types as they are; texts as dictionaries of themselves."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        remedy = "pip install 'neuro-events[parquet]', or write a .csv file"
        raise UnsupportedFeature("pyarrow is not installed", where=str(path.name), remedy=remedy) from None
    arrays = {
        name: pyarrow.array(values.tolist(), pyarrow.string()).dictionary_encode() if values.dtype == object else values
        for name, values in columns.items()
    }
    parquet.write_table(pyarrow.table(arrays), path)
