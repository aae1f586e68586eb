"""The threads of a run: each computes shares of a window, and all wait for each other at its end.

A window takes less than a millisecond, too little to wake a thread for it. So threads watch a counter, and yield their
core only after a long wait. The result does not depend on which thread computes which share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neuro.engine.codes import N_EVENTS, TURN, WAITING, WINDOW
from neuro.engine.kernels.arrays import I8, U4, U4_2, Fixed, Index, Inputs, Output, State, Workspace
from neuro.engine.kernels.window_share import run_share
from neuro.engine.lower.program import Program
from neuro.jit import as_table, cores, inner, kernel, load_acquire, store_release, yield_core
from neuro.validation import Ints

PADDING = 16
"""Places between numbers that different threads write, so that each has cache lines of its own."""
STOP = -1
"""The turn at which other threads end."""
LOOKS_BEFORE_YIELD = 1 << 16
"""A thread reads a counter this often before it yields its core."""

__all__ = ["PADDING", "STOP", "row_cuts", "run_shares", "run_worker", "worker_count", "worker_threads"]

_ROW_CUTS: WeakKeyDictionary[Program, dict[int, tuple[Ints, NDArray[np.uint32]]]] = WeakKeyDictionary()
"""The last cuts for each number of threads, and the shares that they are for."""


def worker_count(threads: int) -> int:
    """How many threads to start: as many as asked for, but not more than there are cores."""
    return min(threads, cores())


def row_cuts(program: Program, bounds: Ints) -> NDArray[np.uint32]:
    """Where rows are cut for shares with these bounds, shape (segments, threads + 1); empty for one thread."""
    threads = len(bounds) - 1
    if threads == 1:
        return np.zeros((0, 2), np.uint32)
    known = _ROW_CUTS.setdefault(program, {})
    found = known.get(threads)
    if found is None or not np.array_equal(found[0], bounds):
        known.pop(threads, None)  # the old ones need not be there while the new ones are made
        cuts = np.zeros((len(program.fixed.segments), threads + 1), np.uint32)
        _cut(program.table, bounds, cuts)
        found = known[threads] = bounds, cuts
    return found[1]


@inner
def part_of_row(post: U4, first: Index, count: Index, low: Index, high: Index) -> tuple[np.int64, np.int64]:
    """(first, count) of the part of a row, sorted by target, whose targets lie in [low, high)."""
    a, b, n = np.int64(0), np.int64(count), np.int64(count)
    while a < b:
        middle = (a + b) // 2
        if post[first + middle] < low:
            a = middle + 1
        else:
            b = middle
    begin, b = a, n
    while a < b:
        middle = (a + b) // 2
        if post[first + middle] < high:
            a = middle + 1
        else:
            b = middle
    return begin, a - begin


@kernel
def _cut(fixed: Fixed, bounds: Ints, into: U4_2) -> None:
    for s in range(len(into)):
        seg = fixed.segments[s]
        for k in range(len(bounds) - 1):
            begin, count = part_of_row(fixed.post, seg.first, np.int64(seg.count), bounds[k], bounds[k + 1])
            into[s, k], into[s, k + 1] = begin, begin + count


@inner
def wait_for_change(signal: I8, at: Index, old: Index) -> int:
    """Wait until the number at a place is no longer `old`; return it."""
    looks, now = 0, load_acquire(signal, at)
    while now == old:
        looks += 1
        if looks > LOOKS_BEFORE_YIELD:
            yield_core()
        now = load_acquire(signal, at)
    return int(now)


@kernel
def run_worker(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, worker: int, workers: int
) -> None:
    """The loop of all threads but the first: window after window, compute their shares."""
    turn = 0
    while True:
        turn = wait_for_change(work.signal, TURN, turn)
        if turn == STOP:
            return
        for k in range(worker, len(work.bounds) - 1, workers):
            run_share(fixed, state, inputs, out, work, k)
        store_release(work.signal, PADDING * worker, turn)


@inner
def run_shares(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, workers: int, start: float, end: float,
    n_events: int, waiting: bool, window: Index,
) -> None:  # fmt: skip
    """Compute a window: start the other threads, compute the first thread's shares, and wait for all."""
    turn = work.signal[TURN] + 1
    work.job[0], work.job[1] = start, end
    work.signal[N_EVENTS], work.signal[WAITING], work.signal[WINDOW] = n_events, waiting, window
    if workers > 1:
        store_release(work.signal, TURN, turn)
    for k in range(0, len(work.bounds) - 1, workers):
        run_share(fixed, state, inputs, out, work, k)
    for worker in range(1, workers):
        wait_for_change(work.signal, PADDING * worker, turn - 1)


@contextmanager
def worker_threads(tables: tuple[Any, ...], work: Workspace, workers: int) -> Iterator[None]:
    """Run `workers` - 1 more threads for the length of a `with` block."""
    work.signal[:] = 0
    threads = [
        Thread(target=run_worker, args=(*tables, as_table(work), worker, workers), daemon=True)
        for worker in range(1, workers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        work.signal[TURN] = STOP
        for thread in threads:
            thread.join()
