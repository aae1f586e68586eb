"""Jobs in several processes: results as they get ready, and a named error if a process dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from neuro.errors import WorkerDied
from neuro.progress import Progress, silent

__all__ = ["run_jobs"]

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
        Processes; 0 takes one for each core. With one, the jobs run here, in their order.
    prepare
        Called once, here, before other processes start: what it compiles, they find in the cache.
    progress, label
        Told after each job how many are done.

    Raises
    ------
    WorkerDied
        At once when a process dies, after the results that are ready. The others are ended.

    >>> list(run_jobs(len, ["a", "bb"], workers=1))
    [1, 2]
    """
    count = min(workers or os.cpu_count() or 1, len(jobs))
    progress(0, len(jobs), label)
    if count <= 1:
        for done, job in enumerate(jobs, 1):
            yield work(job)
            progress(done, len(jobs), label)
        return
    if prepare is not None:
        prepare()
    for done, result in enumerate(_in_processes(work, jobs, count), 1):
        yield result
        progress(done, len(jobs), label)


def _in_processes(work: Callable[[J], R], jobs: Sequence[J], count: int) -> Iterator[R]:
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _leave_interrupts_to_parent)
    try:
        futures = [pool.submit(work, job) for job in jobs]
        yield from _results(futures)
    except BaseException:
        # An error, Ctrl-C, or a caller that wants no more: do not wait for jobs under way.
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        raise
    pool.shutdown()


def _results(futures: list[Future[R]]) -> Iterator[R]:
    """Results as they get ready; those of all finished jobs come before `WorkerDied`."""
    finished: list[R] = []
    broken = False
    for future in as_completed(futures):
        try:
            result = future.result()
        except BrokenProcessPool:
            broken = True
            continue
        finished.append(result)
        yield result
    if broken:
        raise WorkerDied(finished, len(futures))


def _leave_interrupts_to_parent() -> None:
    # Ctrl-C goes to the whole group of processes; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
