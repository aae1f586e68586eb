"""Executors of jobs: processes of this machine, each of which can die without taking other jobs with it."""

from __future__ import annotations

import ctypes
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any, ParamSpec, TypeVar

from neuro.system.interrupts import STOPS

__all__ = ["JobKilled", "Processes", "end_when_closed", "in_a_job", "is_in_a_job"]

PR_SET_PDEATHSIG = 1
"""Of Linux's `prctl`: the signal that a process gets when the thread that started it ends."""

ATTEMPTS = 3
"""How often a job is begun whose process dies."""

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables by which libraries of linear algebra are told how many threads to take when they are loaded."""

P = ParamSpec("P")
R = TypeVar("R")

_IN_A_JOB = ContextVar("neuro_is_in_a_job", default=False)
_STARTING = threading.Lock()
"""Held to start and to join processes: `multiprocessing` keeps one list of them for all threads."""


class JobKilled(BrokenExecutor):
    """The process of a job died each time that the job was begun."""


class _RemoteTraceback(Exception):
    """The traceback of an error in another process, as its cause."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Processes(Executor):
    """Runs jobs in processes of this machine, each started anew for this, as `multiprocessing` spawns them.

    A job whose process dies is begun again in a new one, three times altogether. Then its future has `JobKilled`;
    the other jobs are not concerned. As a context manager, it ends all processes at once where its block fails, and
    lets all jobs finish otherwise.

    Parameters
    ----------
    workers
        Number of processes.

    >>> with Processes(1) as executor:
    ...     executor.submit(abs, -3).result()
    3
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._jobs: deque[tuple[Future[Any], bytes]] = deque()
        self._changed = threading.Condition()
        self._closed = self._killed = False
        self._running: dict[threading.Thread, SpawnProcess] = {}
        self._threads = [
            threading.Thread(target=self._serve, name=f"neuro-worker-{k}", daemon=True) for k in range(workers)
        ]
        with _stops_blocked():
            for thread in self._threads:
                thread.start()

    def submit(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """A future of ``work(*args, **kwargs)``; all of them are pickled here."""
        call = pickle.dumps((work, args, kwargs))
        future: Future[R] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the executor is closed")
            self._jobs.append((future, call))
            self._changed.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs; with `wait`, return when the processes have ended."""
        with self._changed:
            self._closed = True
            while cancel_futures and self._jobs:
                self._jobs.popleft()[0].cancel()
            self._changed.notify_all()
        if wait:
            for thread in self._threads:
                thread.join()

    def kill(self) -> None:
        """End all processes at once; what is not done is cancelled, or fails with `JobKilled`."""
        with self._changed:
            self._killed = True
            for process in self._running.values():
                process.kill()
        self.shutdown(cancel_futures=True)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.kill()

    def _serve(self) -> None:
        """Do jobs, one after another, in a process that belongs to this thread and ends before it."""
        worker: _Worker | None = None
        while (job := self._next()) is not None:
            future, call = job
            if not future.set_running_or_notify_cancel():
                continue
            ended = ""
            for _ in range(ATTEMPTS):
                if worker is None or not worker.process.is_alive():
                    worker = self._started()
                if worker is None:
                    break
                if (answer := worker.do(call)) is not None:
                    _give(future, answer)
                    break
                ended = worker.how_it_ended()
            if not future.done():
                future.set_exception(JobKilled(ended or "the executor was closed"))
        if worker is not None:
            worker.close()

    def _next(self) -> tuple[Future[Any], bytes] | None:
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            return self._jobs.popleft() if self._jobs else None

    def _started(self) -> _Worker | None:
        with _STARTING:
            if self._killed:
                return None
            with _one_thread_each() if self.workers > 1 else nullcontext():
                worker = _Worker()
        with self._changed:
            self._running[threading.current_thread()] = worker.process
            if self._killed:
                worker.process.kill()
        return worker


class _Worker:
    """A process and the pipe to it."""

    def __init__(self) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=_work, args=(theirs,), name="neuro-worker")
        self.process.start()
        theirs.close()

    def do(self, call: bytes) -> bytes | None:
        """The pickled answer to a call; None if the process dies over it."""
        try:
            self.pipe.send_bytes(call)
            # The pipe is closed when the process ends, however it does.
            return self.pipe.recv_bytes()
        except (EOFError, OSError):
            self.close()
            return None

    def close(self) -> None:
        """Wait for the end of the process, which comes when it has no job and its pipe is closed."""
        self.pipe.close()
        multiprocessing.connection.wait([self.process.sentinel])
        with _STARTING:
            self.process.join()

    def how_it_ended(self) -> str:
        """Its exit code, or the signal that ended it."""
        code = self.process.exitcode or 0
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"


def _give(future: Future[Any], answer: bytes) -> None:
    try:
        done, value, trace = pickle.loads(answer)
    except Exception as problem:
        done, value, trace = False, problem, ""
    if done:
        future.set_result(value)
        return
    if trace and value.__cause__ is None:
        value.__cause__ = _RemoteTraceback(trace)
    future.set_exception(value)


def _work(pipe: multiprocessing.connection.Connection) -> None:
    """Answer calls until the pipe is closed, or the parent is gone."""
    _end_with_parent()
    _IN_A_JOB.set(True)
    while True:
        try:
            call = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            work, args, kwargs = pickle.loads(call)
            answer = pickle.dumps((True, work(*args, **kwargs), ""))
        except BaseException as error:
            answer = _failure(error)
        try:
            pipe.send_bytes(answer)
        except OSError:
            return


def _failure(error: BaseException) -> bytes:
    trace = "".join(traceback.format_exception(error))
    try:
        found = pickle.dumps((False, error, trace))
        pickle.loads(found)
    except Exception:
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}"), trace))
    return found


@contextmanager
def in_a_job() -> Iterator[None]:
    """Let work in a `with` block know that others like it run beside it, so that it starts no processes of its own.

    >>> with in_a_job():
    ...     is_in_a_job()
    True
    """
    before = _IN_A_JOB.set(True)
    try:
        yield
    finally:
        _IN_A_JOB.reset(before)


def is_in_a_job() -> bool:
    """Is this one of many jobs that run side by side?

    >>> is_in_a_job()
    False
    """
    return _IN_A_JOB.get()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let libraries of linear algebra take one thread in processes that are started in a `with` block.

    Processes that keep all cores busy already would wait for each other's threads: with two on two cores, training of
    layers took 3.4 times as long. Who has set one of these variables has decided otherwise.
    """
    names = [] if any(name in os.environ for name in THREADS) else THREADS
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)


@contextmanager
def _stops_blocked() -> Iterator[None]:
    """Block signals that ask to stop in the threads that are started in a `with` block, and in their processes.

    Ctrl-C goes to the whole group of processes, and others send SIGTERM to all of them; the parent's main thread alone
    answers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    # It is a process as well, and unblocks some of the signals here once it is there.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    end_when_closed(parent.sentinel)
    if sys.platform == "linux":
        # The thread has to wait for a library that does not let Python's lock go; the system does not.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def end_when_closed(pipe: int) -> None:
    """End this process once the other end of a pipe is closed, which happens however its owner ends."""

    def watch() -> None:
        multiprocessing.connection.wait([pipe])
        os._exit(1)

    threading.Thread(target=watch, name="neuro-parent", daemon=True).start()
