"""The command `neuro doctor`: what this machine has of what `neuro` can use."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from neuro.commands.errors import plain_errors
from neuro.report.terminal import print_json, print_tables

__all__ = ["Finding", "doctor_command", "findings"]

EXTRAS = {
    "pandas": ("pandas", "tables of recordings and sweeps"),
    "pyarrow": ("distributed", "tables of sweeps as Parquet"),
    "distributed": ("distributed", "sweeps on a Dask cluster"),
    "torch": ("train", "training by surrogate gradients"),
    "pymetis": ("mapping", "placements of METIS, to compare with"),
    "mtkahypar": ("mapping", "placements of Mt-KaHyPar, to compare with"),
    "nest-simulator": ("bench", "benchmarks beside NEST"),
}
"""Packages that are not required, by the extra that installs them, and what for."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    found: str
    verdict: str
    """ok; missing: something optional is not there; BROKEN: nothing works without it."""
    remedy: str = ""


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """Look at versions, cache, cores and reference data, and say what is missing and how to get it.

    Exit code 1 if something is broken; what is missing alone is no error.
    """
    with plain_errors():
        found = list(findings())
        broken = [each for each in found if each.verdict == "BROKEN"]
        if as_json:
            print_json({"ok": not broken, "findings": [each._asdict() for each in found]})
        else:
            from neuro.report.record import Table

            print_tables(Table("This machine", ("what", "found", "verdict", "remedy"), tuple(map(tuple, found))))
        if broken:
            names = ", ".join(each.what for each in broken)
            print(f"error: broken: {names}", file=sys.stderr)
            raise SystemExit(1)


def findings() -> Iterator[Finding]:
    """Everything that is looked at, one after another."""
    fine = sys.version_info >= (3, 11)
    yield Finding("python", platform.python_version(), "ok" if fine else "BROKEN", "" if fine else "Use 3.11 or newer")
    yield Finding("platform", platform.platform(), "ok")
    yield from _required()
    yield _cores()
    yield from _data()
    yield _cache()
    for package, (extra, purpose) in EXTRAS.items():
        version = _version(package)
        remedy = f'for {purpose}: pip install "neuro-events[{extra}]"'
        yield Finding(package, version or "-", "ok" if version else "missing", "" if version else remedy)


def _required() -> Iterator[Finding]:
    """The packages without which nothing works, each with what the installed `neuro` asks of it."""
    yield Finding("neuro", _version("neuro-events") or "a checkout that is not installed", "ok")
    for package in ("numpy", "scipy", "numba", "networkx", "typer", "rich", "pydantic", "h5py", "matplotlib"):
        version = _version(package)
        yield Finding(
            package, version or "-", "ok" if version else "BROKEN", "" if version else f"pip install {package}"
        )


def _cores() -> Finding:
    from neuro.memory import available_bytes

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{allowed} of {os.cpu_count()}"
    return Finding("cores", f"{text}, {available_bytes() / 1e9:.1f} GB of memory free", "ok")


def _data() -> Iterator[Finding]:
    from neuro.errors import DeviceError
    from neuro.paths import data_dir, models_dir

    try:
        yield Finding("models", str(models_dir()), "ok")
    except DeviceError as error:
        yield Finding("models", "-", "BROKEN", str(error))
    place, remedy = data_dir(), "for MNIST and published measurements: set NEURO_DATA to a folder with them"
    there = place.is_dir()
    yield Finding("reference data", str(place) if there else "-", "ok" if there else "missing", "" if there else remedy)
    for name in ("mnist",):
        there = (place / name).is_dir()
        yield Finding(f"{name} in it", "yes" if there else "-", "ok" if there else "missing", "" if there else remedy)


def _cache() -> Finding:
    """Where compiled kernels are kept, and whether it can be written."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    package = Path(__file__).resolve().parents[1]
    candidates = [Path(given)] if given else [package, Path.home() / ".cache"]
    for place in candidates:
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError:
            continue
        free = shutil.disk_usage(place).free / 1e9
        return Finding("cache of kernels", f"{place}, {free:.0f} GB free", "ok")
    remedy = "kernels are compiled anew each time: set NUMBA_CACHE_DIR to a folder that can be written"
    return Finding("cache of kernels", "-", "missing", remedy)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
