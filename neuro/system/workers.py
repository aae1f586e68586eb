"""Jobs in several processes: results as they get ready, and a named error if a job's process dies again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, as_completed
from typing import TypeVar

from neuro.errors import WorkerDied
from neuro.progress import Progress, silent
from neuro.system.executors import JobKilled, Processes, end_when_closed, is_in_a_job

__all__ = ["end_when_closed", "run_jobs"]

J = TypeVar("J")
R = TypeVar("R")


def run_jobs(
    work: Callable[[J], R],
    jobs: Sequence[J],
    *,
    workers: int = 0,
    prepare: Callable[[], object] | None = None,
    progress: Progress = silent,
    label: str = "working",
) -> Iterator[R]:
    """The result of ``work(job)`` for each job, in the order in which they get ready.

    Parameters
    ----------
    work
        A function of a module; it is imported anew in each process.
    workers
        Processes; 0 takes one for each core, or one where this is itself a job of several. With one, the jobs run
        here, in their order.
    prepare
        Called once, here, before other processes start: what it compiles, they find in the cache.
    progress, label
        Told after each job how many are done.

    Raises
    ------
    WorkerDied
        At once when a job's process has died three times, after the results that are ready. The others are ended.

    >>> list(run_jobs(len, ["a", "bb"], workers=1))
    [1, 2]
    """
    count = min(workers or (1 if is_in_a_job() else os.cpu_count()) or 1, len(jobs))
    progress(0, len(jobs), label)
    if count <= 1:
        for done, job in enumerate(jobs, 1):
            yield work(job)
            progress(done, len(jobs), label)
        return
    if prepare is not None:
        prepare()
    finished: list[R] = []
    with Processes(count) as executor:
        # An error, Ctrl-C, or a caller that wants no more, ends the processes.
        killed = False
        futures = [executor.submit(work, job) for job in jobs]
        for future in as_completed(futures):
            try:
                result = future.result()
            except JobKilled:
                # What the others have finished comes first.
                killed = True
                executor.kill()
                continue
            except CancelledError:
                continue
            finished.append(result)
            yield result
            progress(len(finished), len(jobs), label)
        if killed:
            raise WorkerDied(finished, len(jobs))
