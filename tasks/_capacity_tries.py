"""Tries of the capacity task that are kept in files, so that a search that was stopped goes on from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from neuro.errors import TrainingError
from neuro.files.reading import read_json
from neuro.files.writing import write_text

Result = tuple[float, float, float]
"""The share of exact recalls, the mean cosine, and spikes of a recall."""


class _Kept(BaseModel):
    """What a file holds: the settings that its tries were made with, and their results by patterns and seed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    settings: dict[str, Any]
    tries: dict[int, dict[int, Result]]


class Tries:
    """The tries of one memory, in a file that is written anew after each; without a folder nothing is kept.

    Raises
    ------
    TrainingError
        If the file there is not one of these, or was written with other settings.
    """

    def __init__(self, folder: str, name: str, settings: dict[str, Any]) -> None:
        self._path = Path(folder) / f"{name}.json" if folder else None
        self._kept = _Kept(settings=json.loads(json.dumps(settings)), tries={})
        if self._path and self._path.exists():
            found = _read(self._path)
            if found.settings != self._kept.settings:
                other = sorted(key for key in settings if found.settings.get(key) != self._kept.settings[key])
                raise TrainingError(
                    "tries are kept of another configuration",
                    where=str(self._path),
                    value=", ".join(other),
                    remedy="Choose another folder, or remove the file",
                )
            self._kept = found

    def get(self, count: int, seed: int) -> Result | None:
        """The result with so many patterns, if it is there."""
        return self._kept.tries.get(count, {}).get(seed)

    def add(self, count: int, seed: int, result: Result) -> None:
        """Keep a result."""
        self._kept.tries.setdefault(count, {})[seed] = result
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._path, self._kept.model_dump_json(indent=1))


def _read(path: Path) -> _Kept:
    try:
        return _Kept.model_validate(read_json(path, TrainingError, "tries"))
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"]))
        rule = "must be tries that `capacity` kept"
        raise TrainingError(rule, where=str(path), value=f"{place}: {first['msg']}") from None
