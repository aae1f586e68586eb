"""Takes the spikes under way on rows with delays of their own from a state to the threads' lists, and back."""

from __future__ import annotations

from neuro.engine.arrivals.cursors import load_cursors, store_cursors
from neuro.engine.codes import FAULT, STILL_VALID
from neuro.engine.kernels.arrays import State, Workspace
from neuro.engine.lower.program import Program
from neuro.jit import as_table

__all__ = ["give_to_threads", "take_from_threads"]


def give_to_threads(program: Program, arrays: State, work: Workspace) -> None:
    """Give each thread its cursors: before the kernels simulate from a state, or look for what is due in it.

    Nothing is to be done for projections that learn: their rows have single delays.
    """
    if _has_cursors(program, arrays):
        load_cursors(program.table, as_table(arrays), as_table(work))


def take_from_threads(program: Program, arrays: State, work: Workspace) -> None:
    """Take them back at the end of a chunk, if it is valid; may set its fault to CURSORS_FULL."""
    if _has_cursors(program, arrays) and arrays.register[FAULT] in (0, *STILL_VALID):
        store_cursors(program.table, as_table(arrays), as_table(work))


def _has_cursors(program: Program, arrays: State) -> bool:
    return len(arrays.cursors) > 0 and bool(program.fixed.bundles["lags"].any())
