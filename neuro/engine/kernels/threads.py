"""Threads that share a window: each sees to its own neurons, and all meet at the window's end.

A window is less than a millisecond of work, so threads are not woken for it: they watch a counter, and give their core
away only while nothing comes for long. Who does which share has no effect on what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neuro.engine.kernels.arrays import I8, U4_2, Fixed, Index, Inputs, Output, State, Workspace
from neuro.engine.kernels.window_share import clip, run_part
from neuro.engine.lower.program import Program
from neuro.jit import cores, give_way, inner, kernel, laid, seen, tell
from neuro.validation import Ints

APART = 16
"""Numbers that different threads write stand in cache lines of their own."""
OVER, N_EVENTS, WAITING = -1, 1, 2
PATIENCE = 1 << 16
"""How often a counter is looked at before the core is given away."""

__all__ = ["APART", "OVER", "cuts", "help_out", "helpers", "work_together", "workers_for"]

_CUTS: WeakKeyDictionary[Program, dict[int, NDArray[np.uint32]]] = WeakKeyDictionary()


def workers_for(threads: int) -> int:
    """As many of the threads that were asked for as there are cores."""
    return min(threads, cores())


def cuts(program: Program, threads: int) -> NDArray[np.uint32]:
    """Where the rows are cut for the shares, shape (segments, threads + 1); none are, for one thread."""
    if threads == 1:
        return np.zeros((0, 2), np.uint32)
    known = _CUTS.setdefault(program, {})
    if threads not in known:
        known[threads] = np.zeros((len(program.fixed.segments), threads + 1), np.uint32)
        _cut(program.table, program.shares(threads), known[threads])
    return known[threads]


@kernel
def _cut(fixed: Fixed, bounds: Ints, into: U4_2) -> None:
    for s in range(len(into)):
        seg = fixed.segments[s]
        for k in range(len(bounds) - 1):
            begin, count = clip(fixed.post, seg.first, np.int64(seg.count), bounds[k], bounds[k + 1])
            into[s, k], into[s, k + 1] = begin, begin + count


@inner
def wait(signal: I8, at: Index, old: Index) -> int:
    """The number at a place, as soon as it is no longer `old`."""
    looks, now = 0, seen(signal, at)
    while now == old:
        looks += 1
        if looks > PATIENCE:
            give_way()
        now = seen(signal, at)
    return int(now)


@kernel
def help_out(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, worker: int, workers: int
) -> None:
    """What all threads but the first do during a piece: window after window, their shares."""
    turn = 0
    while True:
        turn = wait(work.signal, 0, turn)
        if turn == OVER:
            return
        for k in range(worker, len(work.bounds) - 1, workers):
            start, end, waiting = work.job[0], work.job[1], work.signal[WAITING] != 0
            run_part(fixed, state, inputs, out, work, k, start, end, work.signal[N_EVENTS], waiting)
        tell(work.signal, APART * worker, turn)


@inner
def work_together(
    fixed: Fixed, state: State, inputs: Inputs, out: Output, work: Workspace, workers: int, start: float, end: float,
    n_events: int, waiting: bool,
) -> None:  # fmt: skip
    """A window: call the others, do the first thread's shares, and wait for all."""
    turn = work.signal[0] + 1
    if workers > 1:
        work.job[0], work.job[1] = start, end
        work.signal[N_EVENTS], work.signal[WAITING] = n_events, waiting
        tell(work.signal, 0, turn)
    for k in range(0, len(work.bounds) - 1, workers):
        run_part(fixed, state, inputs, out, work, k, start, end, n_events, waiting)
    for worker in range(1, workers):
        wait(work.signal, APART * worker, turn - 1)


@contextmanager
def helpers(tables: tuple[Any, ...], work: Workspace, workers: int) -> Iterator[None]:
    """Have `workers` - 1 more threads help out in a `with` block."""
    work.signal[:] = 0
    threads = [
        Thread(target=help_out, args=(*tables, laid(work), worker, workers), daemon=True)
        for worker in range(1, workers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        work.signal[0] = OVER
        for thread in threads:
            thread.join()
