"""Jobs in several processes: results as they get ready, and a named error if a process dies."""

from __future__ import annotations

import ctypes
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from neuro.errors import WorkerDied
from neuro.progress import Progress, silent
from neuro.system.interrupts import STOPS

__all__ = ["end_when_closed", "run_jobs"]

PR_SET_PDEATHSIG = 1
"""Of Linux's `prctl`: the signal that a process gets when its parent ends."""

PATIENCE = 5.0
"""Longest wait for the thread that serves the processes, s; it ends as soon as they have."""

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
    # The system can end a process with the thread that started it, which has to be the one that lives longest.
    is_main = threading.current_thread() is threading.main_thread()
    with _stops_left_to_parent():
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _end_with_parent, (is_main,))
    try:
        with _stops_left_to_parent():
            futures = [pool.submit(work, job) for job in jobs]
        yield from _results(futures)
    except BaseException:
        # An error, Ctrl-C, or a caller that wants no more: do not wait for jobs under way. When one has died, the pool
        # sends SIGTERM, which the others leave to this process, and waits for their end; from Python 3.12 on it holds
        # a lock meanwhile that `shutdown` needs.
        for process in list((pool._processes or {}).values()):
            process.kill()
        manager: Any = pool._executor_manager_thread
        pool.shutdown(wait=False, cancel_futures=True)
        if manager is not None:
            # Python wakes it at its exit without a lock, and complains if it ends in the same moment.
            manager.join(PATIENCE)
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


@contextmanager
def _stops_left_to_parent() -> Iterator[None]:
    """Block signals that ask to stop in the processes that are started in a `with` block.

    Ctrl-C goes to the whole group of processes, and others send SIGTERM to all of them; the parent alone answers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    # It is a process as well, and unblocks some of the signals here once it is there.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent(at_once: bool) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    end_when_closed(parent.sentinel)
    if at_once and sys.platform == "linux":
        # The thread has to wait for a library that does not let Python's lock go; the system does not.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def end_when_closed(pipe: int) -> None:
    """End this process once the other end of a pipe is closed, which happens however its owner ends."""

    def watch() -> None:
        multiprocessing.connection.wait([pipe])
        os._exit(1)

    threading.Thread(target=watch, name="neuro-parent", daemon=True).start()
