"""Runs a sweep: claims points, has them computed, and makes one table of them."""

from __future__ import annotations

import errno
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.errors import FileError, SweepError, UnsupportedFeature
from neuro.progress import ProgressOption, reporting, silent
from neuro.sweeps.claims import Claims
from neuro.sweeps.plan import Plan, Point, task_of, text_of
from neuro.sweeps.point import Job, compute
from neuro.sweeps.store import Store
from neuro.sweeps.table import columns_of, row_of, write_tables
from neuro.sweeps.workers import Workers, workers_of
from neuro.system.interrupts import raise_interrupts
from neuro.validation import file_name, flag, instance, mapping, text, whole_number

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["SweepResult", "run_plan", "sweep"]

TICK = 0.5
"""Longest wait for a result before the claims and the other sweepers are looked after, s."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class SweepResult:
    """The points of a sweep that are finished, and those that failed."""

    folder: Path
    """Where they are."""
    rows: tuple[dict[str, Any], ...]
    """One for each finished point, in the order of the grid: settings, metrics, energy, times."""
    failed: Mapping[str, str]
    """Of each point that failed, by its settings: the error in a line."""
    computed: int
    """How many points were computed by this call; the others were there, or are another sweeper's."""
    files: tuple[Path, ...] = ()
    """The tables that were written."""

    def __repr__(self) -> str:
        return (
            f"SweepResult: {len(self.rows)} points, {self.computed} computed now, {len(self.failed)} failed, "
            f"in {self.folder}"
        )

    def to_pandas(self) -> DataFrame:
        """The rows as a table of pandas.

        Raises
        ------
        UnsupportedFeature
            If pandas is not installed: it is the extra ``pandas``.
        """
        try:
            import pandas
        except ImportError:
            remedy = "pip install 'neuro-events[pandas]'"
            raise UnsupportedFeature("pandas is not installed", where="to_pandas", remedy=remedy) from None
        return pandas.DataFrame(list(self.rows), columns=columns_of(self.rows))


def sweep(
    task: str,
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    out: str | Path,
    seeds: int = 1,
    seed: int | None = None,
    preset: str = "smoke",
    settings: Mapping[str, Any] | None = None,
    zipped: bool = False,
    workers: int = 0,
    scheduler: str | None = None,
    executor: Executor | None = None,
    progress: ProgressOption = None,
) -> SweepResult:
    """Run a task at every point of a grid of settings, with several seeds, and make one table of the results.

    Each finished point is a folder in ``out/points``, with the `report.json` of the task. What is finished stays: the
    same call goes on where an earlier one was ended. Several calls, on any machines that share the folder, divide the
    points among them. A point that fails does not stop the others; the next call tries it again.

    Parameters
    ----------
    task
        Name of the task, as `neuro list` shows it, or the path of a file with one.
    grid
        The values of each setting that differs between points; all combinations of them are computed.
    out
        The folder of the sweep.
    seeds
        Number of seeds of each combination, from `seed` on. A setting `seeds` of the task is 1 unless it is given.
    seed
        The first seed; that of the preset where None.
    preset
        The settings that the points start from.
    settings
        Settings of all points.
    zipped
        True: the first values of all settings are one point, the second ones the next.
    workers
        Processes of this machine, or jobs that `executor` does at a time; 0 takes one for each core.
    scheduler
        Address of a Dask scheduler whose workers compute the points; they need the same folder at the same path.
    executor
        Any other executor that computes them.
    progress
        None, a function ``(done, total, label)``, or True for a bar.

    Raises
    ------
    UnknownName, ParameterError
        If there is no such task, preset or setting, a value cannot be read, the folder has something else in it, or
        the report of a finished point is damaged.
    FileError
        If a file cannot be written, as on a full disk. What is finished stays.
    SweepError
        If the scheduler is lost, or has no workers for a minute.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> settings = {"epochs": 1, "variants": ["ideal"]}
    >>> found = sweep("braille", {"trials": [9, 18]}, settings=settings, out=folder, workers=1)
    >>> [(row["trials"], row["seed"]) for row in found.rows], found.failed
    ([(9, 0), (18, 0)], {})
    """
    plan = Plan(
        task=task_of(text(task, "task")),
        preset=text(preset, "preset"),
        settings={
            text(key, "settings"): text_of(value)
            for key, value in mapping(settings, "settings", "settings by name").items()
        },
        grid={
            text(key, "grid"): [text_of(value) for value in _several(values, f"grid[{key!r}]")]
            for key, values in mapping(grid, "grid", "lists of values by name").items()
        },
        zipped=flag(zipped, "zipped"),
        seeds=whole_number(seeds, "seeds", least=1),
        seed=None if seed is None else whole_number(seed, "seed", least=0),
    )
    with reporting(progress, f"sweep {task}") as tell:
        return run_plan(
            plan,
            file_name(out, "out"),
            workers=whole_number(workers, "workers", least=0),
            scheduler=None if scheduler is None else text(scheduler, "scheduler"),
            executor=None if executor is None else instance(executor, "executor", Executor, "an Executor"),
            progress=tell or silent,
        )


def run_plan(
    plan: Plan,
    out: Path,
    *,
    workers: int = 0,
    scheduler: str | None = None,
    executor: Executor | None = None,
    progress: Callable[[float, float, str], None] = silent,
) -> SweepResult:
    """As `sweep`, for a plan."""
    points = plan.points()
    store = Store(out, plan)
    claims = Claims(store.folder / "claims")
    with raise_interrupts(), workers_of(workers, scheduler, executor) as made:
        try:
            computed = _Run(plan, points, store, claims, made, progress).run()
        finally:
            claims.release_all()
    for point in points:
        claims.clear(point.key)
    records = [(point, record) for point in points if (record := store.record(point)) is not None]
    rows = tuple(row_of(record, (*plan.grid, "seed"), point.key) for point, record in records)
    failed = {point.name: why for point in points if (why := store.failure(point)) is not None}
    return SweepResult(store.folder, rows, failed, computed, tuple(write_tables(rows, store.folder)))


class _Run:
    """One process's part of a sweep."""

    def __init__(
        self,
        plan: Plan,
        points: list[Point],
        store: Store,
        claims: Claims,
        workers: Workers,
        progress: Callable[[float, float, str], None],
    ) -> None:
        self.plan, self.points, self.store, self.claims = plan, points, store, claims
        self.workers, self.progress = workers, progress
        self.waiting = deque(point for point in points if not store.is_done(point))
        self.running: dict[Future[None], Point] = {}
        self.computed = self.failed = 0
        self.began, self.at_first = time.monotonic(), len(points) - len(self.waiting)

    def run(self) -> int:
        """Compute what nobody else does, and wait until all is done; the number of points that were computed here."""
        self._tell()
        while self.waiting or self.running:
            self._begin()
            if self.running:
                done, _ = wait(self.running, TICK, FIRST_COMPLETED)
                for future in done:
                    self._end(future, self.running.pop(future))
            elif self.waiting:
                # Others have them.
                time.sleep(TICK)
            self.claims.beat()
            self._tell()
        return self.computed

    def _begin(self) -> None:
        """Hand out points to all workers that are free; those that others have go to the end of the queue."""
        free = self.workers.slots() - len(self.running)
        for _ in range(len(self.waiting)):
            if free <= 0:
                return
            point = self.waiting.popleft()
            if self._is_settled(point):
                continue
            if not self.claims.take(point.key):
                self.waiting.append(point)
            elif self._is_settled(point):
                # It was finished between the two looks.
                self.claims.release(point.key)
            else:
                job = Job(self.plan.task, self.plan.preset, point.settings, self.store.place(point))
                self.running[self.workers.executor.submit(compute, job)] = point
                free -= 1

    def _is_settled(self, point: Point) -> bool:
        if self.store.is_done(point):
            return True
        if self.store.has_failed(point):
            self.failed += 1
            return True
        return False

    def _end(self, future: Future[None], point: Point) -> None:
        try:
            future.result()
            self.computed += 1
        except CancelledError:
            raise SweepError(
                "the scheduler has dropped a point, or is gone", where=point.name, remedy="Go on with --resume"
            ) from None
        except FileError as error:
            if error.errno in FULL:
                raise
            self._fail(point, error)
        except Exception as error:
            self._fail(point, error)
        self.claims.release(point.key)

    def _fail(self, point: Point, error: Exception) -> None:
        self.failed += 1
        said = str(error) or repr(error)
        trace = "".join(traceback.format_exception(error))
        self.store.fail(point, {"error": f"{type(error).__name__}: {said}", "traceback": trace})

    def _tell(self) -> None:
        left = len(self.waiting) + len(self.running)
        done = len(self.points) - left
        label = f"{done} of {len(self.points)} points"
        if self.failed:
            label += f", {self.failed} failed"
        if (new := done - self.at_first) and left:
            label += f", {_duration((time.monotonic() - self.began) / new * left)} left"
        self.progress(done, len(self.points), label)


def _duration(seconds: float) -> str:
    """A time in two digits or so.

    >>> _duration(42), _duration(400), _duration(10_000)
    ('42 s', '7 min', '2.8 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _several(values: Any, where: str) -> Sequence[Any]:
    """`values` as a list, if they are several."""
    found = values.tolist() if isinstance(values, np.ndarray) else values
    instance(found, where, (list, tuple, range), "a list of values")
    return list(found)
