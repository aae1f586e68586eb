"""The points of a sweep: every combination of the settings of a grid, with every seed."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from math import prod
from typing import Any

from neuro.errors import ParameterError
from neuro.report.record import plain
from neuro.tasks import configure, load_task

__all__ = ["Plan", "Point", "grid_of", "task_of", "text_of"]

OWN_PROCESSES = "workers"
"""The setting of tasks that does not change a result, and so is no part of a point."""


MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Point:
    """One run of a sweep."""

    name: str
    """The settings that differ between the points, as texts, and the seed."""
    settings: Mapping[str, Any]
    """Every setting of the task, as JSON knows it."""
    key: str
    """Digest of the task and the settings: the name of the point's folder."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep computes; values of settings are texts, as `--set` reads them."""

    task: str
    preset: str
    settings: dict[str, str]
    """Settings of all points."""
    grid: dict[str, list[str]]
    """The values of each setting that differs between points."""
    zipped: bool
    """True: the first values of all settings are one point, the second ones the next. False: all combinations."""
    seeds: int
    """Number of seeds of each combination."""
    seed: int | None
    """The first seed; None for that of the preset."""

    def points(self) -> list[Point]:
        """Every point, in the order of the grid; the seeds of a combination follow each other.

        Raises
        ------
        UnknownName, ParameterError
            As `configure`; also if the grid has no values, or the same point twice.
        """
        task = load_task(self.task)
        fields = task.Config.model_fields
        fixed = dict(self.settings)
        for key, count in ((OWN_PROCESSES, "1"), ("seeds", "1")):
            # Points run side by side, each with one seed.
            if key in fields and key not in self.grid:
                fixed.setdefault(key, count)
        first = configure(task, self.preset, self.seed).model_dump()["seed"]
        found: dict[str, Point] = {}
        for values in self._combinations():
            for seed in range(first, first + self.seeds):
                overrides = [f"{key}={text}" for key, text in {**fixed, **values}.items()]
                settings = plain(configure(task, self.preset, seed, overrides).model_dump())
                told = {key: entry for key, entry in settings.items() if key != OWN_PROCESSES}
                name = ", ".join(f"{key}={text}" for key, text in {**values, "seed": seed}.items())
                point = Point(name, settings, _digest({"task": self.task.replace("_", "-"), "settings": told}))
                if (other := found.setdefault(point.key, point)) is not point:
                    raise ParameterError("no two points may have the same settings", where="grid", value=other.name)
        return list(found.values())

    def _combinations(self) -> Iterator[dict[str, str]]:
        lengths = {key: len(values) for key, values in self.grid.items()}
        if not all(lengths.values()):
            raise ParameterError("each setting needs at least one value", where="grid", value=lengths)
        if "seed" in self.grid:
            raise ParameterError("seeds are given by their number", where="grid", remedy="Use --seeds and --seed")
        if self.seeds < 1:
            raise ParameterError("must be at least 1", where="seeds", value=self.seeds)
        if self.zipped and len(set(lengths.values())) > 1:
            raise ParameterError("zipped settings need as many values each", where="grid", value=lengths)
        count = self.seeds * (max(lengths.values(), default=1) if self.zipped else prod(lengths.values()))
        if count > MOST_POINTS:
            raise ParameterError(
                f"a sweep has at most {MOST_POINTS:,} points",
                where="seeds, grid",
                value=count if count < 10**15 else "many more",
            )
        together = zip(*self.grid.values(), strict=True) if self.zipped else itertools.product(*self.grid.values())
        for values in together if self.grid else [()]:
            yield dict(zip(self.grid, values, strict=True))


def grid_of(texts: Sequence[str]) -> dict[str, list[str]]:
    """A grid from texts ``key=a,b,c``; the values may be a list of JSON.

    Raises
    ------
    ParameterError
        If a text is not of this form, or has a key a second time.

    >>> grid_of(["trials=9,18", "flips=[[0.1], [0.2, 0.3]]"])
    {'trials': ['9', '18'], 'flips': ['[0.1]', '[0.2, 0.3]']}
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, listed = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key or not listed.strip():
            raise ParameterError("a setting of the grid is written key=value,value", value=repr(text))
        if key in found:
            raise ParameterError("each setting has one list of values", where="grid", value=repr(key))
        found[key] = _values(listed)
    return found


def task_of(text: str) -> str:
    """The name of a task as it is, the path of a file from the root on: workers may stand in another folder.

    >>> task_of("braille")
    'braille'
    """
    return os.path.abspath(text) if text.endswith(".py") else text


def _values(listed: str) -> list[str]:
    try:
        entries = json.loads(listed)
    except (ValueError, RecursionError):
        entries = None
    if isinstance(entries, list):
        return [text_of(entry) for entry in entries]
    return [part.strip() for part in listed.split(",") if part.strip()]


def text_of(value: object) -> str:
    """A value of a setting as the text that is read as it.

    >>> text_of("ideal"), text_of((0.1, 0.2)), text_of(None)
    ('ideal', '[0.1, 0.2]', 'null')
    """
    return value if isinstance(value, str) else json.dumps(plain(value))


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return blake2s(text.encode(), digest_size=10).hexdigest()
