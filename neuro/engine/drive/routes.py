"""Routes: the parts of segments that each thread has, in order of delay; and the spikes that are under way on them."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neuro.engine.arrivals.routed import enter_rest
from neuro.engine.codes import N_FLIGHTS, ONE_LAG
from neuro.engine.kernels.arrays import FLIGHT, SEGMENT, Records, State, Workspace, in_lines
from neuro.engine.kernels.calendar import window_of
from neuro.engine.kernels.threads import PADDING, row_cuts
from neuro.engine.lower.program import Program
from neuro.engine.lower.rows import sort_rows_by_delay
from neuro.jit import as_table
from neuro.validation import Ints

__all__ = ["FEWEST", "Flights", "Routes", "no_routes", "routes_of"]

FEWEST = 4
"""Programs with as many segments for each neuron that has any, in the mean, have routes."""


class Routes(NamedTuple):
    """What `Workspace` has of routes."""

    row: NDArray[np.int64]
    parts: Records
    segment: NDArray[np.uint32]
    cursor_row: NDArray[np.int64]
    cursor_segment: NDArray[np.uint32]


_ROUTES: WeakKeyDictionary[Program, dict[int, tuple[Ints, Routes]]] = WeakKeyDictionary()
"""The last routes for each number of threads, and the shares that they are for."""


def no_routes(threads: int) -> Routes:
    """The routes of a program whose events are in the calendar."""
    ids, nothing = np.zeros(0, np.uint32), np.zeros((threads, 0), np.int64)
    return Routes(nothing, np.zeros(0, SEGMENT), ids, nothing, ids)


def routes_of(program: Program, bounds: Ints) -> Routes:
    """The routes of a program for threads with these bounds; none where neurons have few segments.

    Nor are there any where a projection has whole rows: those of one instant are added together, whoever has their
    targets.
    """
    known, threads = _ROUTES.setdefault(program, {}), len(bounds) - 1
    found = known.get(threads)
    if found is None or not np.array_equal(found[0], bounds):
        fixed = program.fixed
        few = len(fixed.segments) < FEWEST * max(1, int(np.count_nonzero(np.diff(fixed.row))))
        none = few or not program.window or fixed.bundles["whole"].any()
        known.pop(threads, None)  # the old ones need not be there while the new ones are made
        found = known[threads] = bounds, no_routes(threads) if none else _routes(program, bounds)
    return found[1]


def _routes(program: Program, bounds: Ints) -> Routes:
    fixed, cuts, threads = program.fixed, row_cuts(program, bounds), len(bounds) - 1
    one_lag = (fixed.bundles["lags"] == ONE_LAG)[fixed.segments["projection"]]
    delay = np.ascontiguousarray(fixed.segments["delay"])
    rows, found, begin = np.zeros((threads, len(fixed.row)), np.int64), list[NDArray[np.uint32]](), 0
    for k in range(threads):
        own = one_lag & (cuts[:, k + 1] > cuts[:, k]) if threads > 1 else one_lag
        ids = np.flatnonzero(own).astype(np.uint32)
        start = ids.searchsorted(fixed.row).astype(np.int64)
        sort_rows_by_delay(ids, delay, start)
        rows[k] = start + begin
        found.append(ids)
        begin += len(ids)
    segment = np.concatenate(found)
    parts = in_lines(segment.shape, SEGMENT)
    np.take(fixed.segments, segment, out=parts)
    for k in range(threads if threads > 1 else 0):
        here = slice(rows[k, 0], rows[k, -1])
        first, last = cuts[segment[here], k].astype(np.int64), cuts[segment[here], k + 1]
        parts["first"][here] += first
        parts["weight"][here] += first * fixed.bundles["step"][parts["projection"][here]]
        parts["count"][here] = last - first
    return Routes(rows, parts, segment, *_rows_with_cursors(program, one_lag, bounds))


def _rows_with_cursors(program: Program, one_lag: NDArray[np.bool_], bounds: Ints) -> tuple[Ints, NDArray[np.uint32]]:
    """The rows with delays of their own that each thread has targets of, and where those of each neuron begin."""
    fixed, threads = program.fixed, len(bounds) - 1
    group = fixed.groups[fixed.bundles["group"]]
    rows, found, begin = np.zeros((threads, len(fixed.row)), np.int64), list[NDArray[np.uint32]](), 0
    for k in range(threads):
        reached = (group["start"] < bounds[k + 1]) & (group["stop"] > bounds[k])
        ids = np.flatnonzero(~one_lag & reached[fixed.segments["projection"]]).astype(np.uint32)
        rows[k] = ids.searchsorted(fixed.row) + begin
        found.append(ids)
        begin += len(ids)
    return rows, np.concatenate(found)


class Flights:
    """The spikes that are under way on routes at the end of a chunk."""

    def __init__(self, threads: int) -> None:
        self.flown = np.zeros((threads, PADDING), np.int64)
        self.under_way = [np.zeros(0, FLIGHT)] * threads

    def load(self, work: Workspace) -> None:
        """Copy them into a workspace."""
        work.flown[:] = self.flown
        for into, flights in zip(work.flights, self.under_way, strict=True):
            into[: len(flights)] = flights

    def keep(self, work: Workspace) -> None:
        """Take those that a workspace has."""
        self.flown = work.flown.copy()
        counts = self.flown[:, N_FLIGHTS]
        self.under_way = [flights[:n].copy() for flights, n in zip(work.flights, counts, strict=True)]

    def enter(self, arrays: State, work: Workspace, time: float, length: float) -> None:
        """Enter in the calendar what they are to bring from `time` on, and forget them."""
        self.load(work)
        enter_rest(as_table(arrays), as_table(work), window_of(time, length), length)
        self.keep(work)

    def __bool__(self) -> bool:
        return bool(self.flown[:, N_FLIGHTS].any())
