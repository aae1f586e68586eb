"""The folder of a sweep: its plan, a folder for each finished point, and a file for each one that failed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neuro.errors import DataError, FileError, ParameterError
from neuro.files.reading import read_json
from neuro.files.writing import named_errors, write_text
from neuro.report.record import RECORD
from neuro.report.schema import read_record
from neuro.sweeps.plan import Plan, Point

__all__ = ["Store", "load_plan"]

PLAN = "sweep.json"


class Store:
    """What a sweep has written so far; several processes may look at it and add to it at once.

    Parameters
    ----------
    folder
        It is made, with the plan in it. If it has a plan, it must be the same.

    Raises
    ------
    ParameterError
        If the folder has something else in it.
    FileError
        If the system refuses to write there.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder.resolve()
        if folder.exists() and not folder.is_dir():
            raise ParameterError("must be a directory", where="out", value=repr(str(folder)))
        with named_errors(folder, "written"):
            folder.mkdir(parents=True, exist_ok=True)
            others = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        # A sweep writes its plan first. So if these are of a sweep that begins just now, its plan is there by now.
        if others and not (folder / PLAN).exists():
            raise ParameterError("must be an empty directory, or one of a sweep", where="out", value=str(folder))
        if not (folder / PLAN).exists():
            self._begin(plan)
        with named_errors(folder, "written"):
            for name in ("failed", "points"):
                (folder / name).mkdir(exist_ok=True)
        if load_plan(folder) != plan:
            raise ParameterError(
                "has another sweep in it",
                where=str(folder),
                remedy="Continue that one with --resume, or write to another place",
            )
        self._before = self._failures()

    def _begin(self, plan: Plan) -> None:
        """Write the plan, unless another process has been faster."""
        path = self.folder / PLAN
        own = path.with_name(f".{PLAN}.{os.getpid()}.{threading.get_ident()}")
        write_text(own, json.dumps(asdict(plan), indent=2, ensure_ascii=False) + "\n")
        with named_errors(path, "written"):
            try:
                with suppress(FileExistsError):
                    os.link(own, path)
            except OSError:  # there are file systems without links
                os.replace(own, path)
            else:
                own.unlink()

    def place(self, point: Point) -> Path:
        """The folder of a point, which appears when it is finished."""
        return self.folder / "points" / point.key

    def is_done(self, point: Point) -> bool:
        """Is it finished?"""
        return (self.place(point) / RECORD).is_file()

    def record(self, point: Point) -> dict[str, Any] | None:
        """The report of a finished point; None for another one.

        Raises
        ------
        ParameterError
            If it is damaged, or not of this point.
        """
        if not self.is_done(point):
            return None
        place, remedy = self.place(point), "Remove its folder, and the sweep computes this point again"
        try:
            found: dict[str, Any] = read_record(place).model_dump()
        except ParameterError as error:
            raise ParameterError(error.rule, where=error.where, value=error.value, remedy=remedy) from None
        if lacking := sorted(set(point.settings) - set(found["config"])):
            rule = "is the report of something else: settings of this point are missing"
            raise ParameterError(rule, where=str(place / RECORD), value=", ".join(lacking), remedy=remedy)
        return found

    def fail(self, point: Point, error: Mapping[str, str]) -> None:
        """Keep why a point failed."""
        text = json.dumps({"point": point.name, "settings": dict(point.settings), **error}, indent=2)
        write_text(self._failure(point), text + "\n")

    def has_failed(self, point: Point) -> bool:
        """Has it failed since this process has begun? What failed earlier is tried again."""
        try:
            changed = self._failure(point).stat().st_mtime_ns
        except OSError:
            return False
        return self._before.get(point.key) != changed

    def failure(self, point: Point) -> str | None:
        """Why it failed, in a line; None if it did not."""
        if self.is_done(point):
            return None
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads(self._failure(point).read_text(encoding="utf-8"))["error"])
        return None

    def _failure(self, point: Point) -> Path:
        return self.folder / "failed" / f"{point.key}.json"

    def _failures(self) -> dict[str, int]:
        with suppress(OSError):
            entries = list(os.scandir(self.folder / "failed"))
            return {Path(entry.name).stem: entry.stat().st_mtime_ns for entry in entries}
        return {}


def load_plan(folder: Path) -> Plan:
    """The plan of the sweep in a folder.

    Raises
    ------
    DataError
        If there is no sweep.
    FileError
        If its plan cannot be read.
    """
    path = folder / PLAN
    if not path.is_file():
        raise DataError("there is no sweep", where=str(folder), remedy=f"Give a folder with {PLAN} in it")
    from pydantic import TypeAdapter, ValidationError

    found = read_json(path, FileError, "the plan of a sweep")
    try:
        return TypeAdapter(Plan).validate_json(json.dumps(found), strict=True)
    except ValidationError as problem:
        raise FileError("is no plan of a sweep", where=str(path), value=str(problem).partition("\n")[0]) from None
