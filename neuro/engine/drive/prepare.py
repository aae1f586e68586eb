"""Compiles the exact engine's kernels ahead of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from neuro.engine.arrivals.cursors import load_cursors, store_cursors
from neuro.engine.drive.workspace import arrays_at_rest, copy_arrays, new_instant_workspace, new_output, new_workspace
from neuro.engine.kernels.arrays import STEP, Inputs
from neuro.engine.kernels.threads import STOP, run_worker
from neuro.engine.kernels.windows import first_busy, run_windows
from neuro.engine.kernels.zero_delay import run_queue
from neuro.engine.lower.program import Program
from neuro.jit import as_table, is_cached, link_routines

__all__ = ["announce", "prepare_kernels"]


def prepare_kernels(program: Program, threads: int = 1) -> None:
    """Compile the kernels for this kind of program, if need be, so that Ctrl-C does not have to wait for it later."""
    kind = threads > 1, program.window > 0.0
    if kind in _PREPARED:
        return
    entry = run_windows if program.window else run_queue
    announce(entry)
    link_routines(entry)
    no_times, no_ids = np.zeros(0), np.zeros(0, np.int64)
    inputs = Inputs(no_times, no_ids, np.zeros(0, STEP), no_times, no_times, no_ids, no_times, no_ids, no_ids)
    arrays = copy_arrays(arrays_at_rest(program))
    work = new_workspace(program, program.shares(1), 0, 1)
    out = new_output(program, 0)
    tables = program.table, as_table(arrays), as_table(inputs), as_table(out)
    if program.window:
        run_windows(*tables, as_table(work), 0.0, 0.0, program.window, 0.0, 0.0, 1)
        first_busy(*tables[:3], as_table(work), 0, program.window)
        load_cursors(*tables[:2], as_table(work))
        store_cursors(*tables[:2], as_table(work))
        if threads > 1:
            work.signal[0] = STOP
            run_worker(*tables, as_table(work), 1, 2)
    else:
        run_queue(*tables, as_table(work), as_table(new_instant_workspace(program.fixed, arrays)), 0.0)
    _PREPARED.add(kind)


_PREPARED: set[Any] = set()


@cache
def announce(kernel: Callable[..., float]) -> None:
    """Print a line before the first compilation, which takes a while; later processes read the cache."""
    if not is_cached(kernel):
        print("neuro: compiling the engine, once (less than a minute) ...", file=sys.stderr, flush=True)
