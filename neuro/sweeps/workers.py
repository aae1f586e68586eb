"""Where the points of a sweep are computed: processes of this machine, a Dask cluster, or any other executor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from neuro.errors import MissingPackage, ParameterError, SweepError
from neuro.system.executors import Processes

__all__ = ["Workers", "workers_of"]

ASK_SECONDS = 2.0
"""How often a cluster is asked how many workers it has."""
LONGEST_WITHOUT = 60.0
"""How long a cluster may be without workers, s."""


class Workers:
    """An executor, and how many points it computes at a time.

    Parameters
    ----------
    executor
        Takes the jobs.
    slots
        Says how many jobs it can do at a time just now.
    clock
        Seconds that go on.
    """

    def __init__(self, executor: Executor, slots: Callable[[], int], clock: Callable[[], float] = time.monotonic):
        self.executor = executor
        self._slots = slots
        self._clock = clock
        self._asked = self._last_seen = -float("inf")
        self._count = 0

    def slots(self) -> int:
        """How many jobs it can do at a time.

        Raises
        ------
        SweepError
            If there has been nobody to do any for a minute.
        """
        now = self._clock()
        if now - self._asked > ASK_SECONDS:
            self._asked, self._count = now, self._slots()
            if self._count > 0 or self._last_seen < 0:
                self._last_seen = now
            if now - self._last_seen > LONGEST_WITHOUT:
                raise SweepError(
                    "the scheduler has had no workers for a minute", remedy="Start some, and go on with --resume"
                )
        return self._count


@contextmanager
def workers_of(workers: int, scheduler: str | None, executor: Executor | None) -> Iterator[Workers]:
    """The workers for a `with` block, after which those that were made here are gone.

    Parameters
    ----------
    workers
        Processes of this machine, or jobs that `executor` does at a time; 0 takes one for each core.
    scheduler
        Address of a Dask scheduler.
    executor
        An executor of the caller's own.

    Raises
    ------
    ParameterError
        If more than one of these is given, or the scheduler does not answer.
    MissingPackage
        If the package `distributed` is needed and not installed.
    """
    count = workers or os.cpu_count() or 1
    if executor is not None and scheduler is not None:
        raise ParameterError("either a scheduler or an executor can be given", where="executor")
    if executor is not None:
        yield Workers(executor, lambda: count)
    elif scheduler is not None:
        with _cluster(scheduler) as client:
            yield Workers(client.get_executor(pure=False), lambda: sum(client.nthreads().values()))
    else:
        with Processes(count) as processes:
            yield Workers(processes, lambda: count)


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    try:
        import distributed
    except ImportError:
        raise MissingPackage(
            "needs the package distributed", where="scheduler", remedy='pip install "neuro-events[distributed]"'
        ) from None
    try:
        client = distributed.Client(address, set_as_default=False, timeout=10)
    except (OSError, ValueError, TypeError) as problem:
        raise ParameterError(
            "no Dask scheduler answers there", where="scheduler", value=f"{address!r} ({problem})"
        ) from None
    with client:
        yield client
