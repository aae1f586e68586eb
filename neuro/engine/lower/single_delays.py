"""Programs and states in which some projections have segments of one delay each, as rules of learning need them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neuro.engine.codes import NEXT_CURSOR, REAL_LAGS, VACANT
from neuro.engine.instants import instants_of
from neuro.engine.kernels.arrays import EVENT, Records, State
from neuro.engine.kernels.calendar import window_of
from neuro.engine.lower.program import Program
from neuro.validation import Floats, Ints

__all__ = ["state_with_segments", "with_segments"]

_VARIANTS: WeakKeyDictionary[Program, dict[frozenset[str], tuple[Program, Ints]]] = WeakKeyDictionary()


def with_segments(program: Program, projections: Collection[str]) -> Program:
    """The same program, in which each segment of these projections has one delay; the places of weights stay."""
    return _variant(program, projections)[0]


def _variant(program: Program, projections: Collection[str]) -> tuple[Program, Ints]:
    """The program, and for each old segment the number of the first new one in its place."""
    names = list(program.network.projections)
    wanted = frozenset(name for name in projections if program.fixed.bundles["lags"][names.index(name)])
    known = _VARIANTS.setdefault(program, {})
    if wanted not in known:
        known[wanted] = _split(program, [k for k, p in enumerate(program.owner.tolist()) if names[p] in wanted])
    return known[wanted]


def _split(program: Program, numbers: list[int]) -> tuple[Program, Ints]:
    fixed = program.fixed
    pieces = [fixed.segments[k : k + 1] for k in range(len(fixed.segments))] if numbers else []
    for k in np.flatnonzero(np.isin(fixed.segments["projection"], numbers)) if numbers else ():
        pieces[k] = _segments_of(program, fixed.segments[k])
    if not numbers:
        return program, np.arange(len(fixed.segments))
    place = np.append(0, np.cumsum([len(piece) for piece in pieces])).astype(np.int64)
    bundles = fixed.bundles.copy()
    for key in ("lags", "lag_at", "lag_table"):
        bundles[key][numbers] = 0
    groups = fixed.groups.copy()
    with_lags = np.isin(np.arange(len(groups)), bundles["group"][bundles["lags"] > 0])
    groups["loose"] = with_lags | (groups["drives"] > 0)
    groups["rows"][bundles["group"][bundles["lags"] == 0]] = 1
    segments = np.concatenate(pieces)
    return replace(
        program, fixed=fixed._replace(row=place[fixed.row], segments=segments, bundles=bundles, groups=groups)
    ), place[:-1]


def _lags_of(program: Program, segment: Any) -> Floats:
    """The delays of a row's synapses, s."""
    fixed, bundle = program.fixed, program.fixed.bundles[segment["projection"]]
    first = int(segment["first"] + bundle["lag_at"])
    here = slice(first, first + int(segment["count"]))
    if bundle["lags"] == REAL_LAGS:
        return np.asarray(fixed.lag[here])
    return np.asarray(fixed.lag_value[bundle["lag_table"] + fixed.lag_code[here].astype(np.int64)])


def _segments_of(program: Program, segment: Any) -> Records:
    """The segments of one delay each that a row is made of."""
    lags, step = _lags_of(program, segment), program.fixed.bundles[segment["projection"]]["step"]
    begins = np.flatnonzero(np.append(True, lags[1:] != lags[:-1]))
    parts = np.repeat(np.asarray(segment)[None], len(begins))
    parts["delay"], parts["count"] = lags[begins], np.diff(np.append(begins, len(lags)))
    parts["first"] += begins
    parts["weight"] += step * begins
    return parts


def state_with_segments(program: Program, projections: Collection[str], arrays: State) -> State:
    """A state of `program` as one of ``with_segments(program, projections)``: cursors become events."""
    variant, place = _variant(program, projections)
    if variant is program:
        return arrays
    number = variant.fixed.bundles["lags"][program.fixed.segments["projection"]]
    calendar = arrays.calendar.copy()
    codes = calendar["code"]
    calendar["code"] = np.where(codes >= 0, place[np.clip(codes, 0, len(place) - 1)], codes)
    arrays = arrays._replace(
        calendar=calendar, bucket=arrays.bucket.copy(), cursors=arrays.cursors.copy(),
        cursor_bucket=arrays.cursor_bucket.copy(), register=arrays.register.copy(),
    )  # fmt: skip
    moved: list[tuple[float, int, int]] = []
    for at, slot in enumerate(arrays.cursor_bucket.tolist()):
        kept = -1
        while slot >= 0:
            cursor = arrays.cursors[slot]
            after, row = int(cursor["next"]), int(cursor["row"])
            if number[row]:
                cursor["row"], cursor["next"], kept = place[row], kept, slot
            else:
                moved += _events_of(program, variant, place, cursor)
                cursor["next"], arrays.register[NEXT_CURSOR] = arrays.register[NEXT_CURSOR], slot
            slot = after
        arrays.cursor_bucket[at] = kept
    return _with_events(arrays, moved, program.window)


def _events_of(program: Program, variant: Program, place: NDArray[Any], cursor: Any) -> list[tuple[float, int, int]]:
    """(time, segment, window) of the arrivals that a cursor has to come."""
    row, found = int(cursor["row"]), []
    first = int(program.fixed.segments["first"][row])
    k = int(place[row])
    end = int(place[row + 1]) if row + 1 < len(place) else len(variant.fixed.segments)
    while k < end:
        segment = variant.fixed.segments[k]
        if int(segment["first"]) - first >= int(cursor["at"]):
            t = float(instants_of(cursor["time"] + segment["delay"]))
            found.append((t, k, int(window_of(t, program.window))))
        k += 1
    return found


def _with_events(arrays: State, events: list[tuple[float, int, int]], window: float) -> State:
    """The same state with more events in its calendar, which has the more room."""
    calendar = np.concatenate([arrays.calendar, np.zeros(2 * len(events) + 16, EVENT)])
    calendar["next"][len(arrays.calendar) :] = VACANT
    for slot, (t, code, due) in enumerate(events, start=len(arrays.calendar)):
        place = due % len(arrays.bucket)
        calendar[slot] = t, code, due, arrays.bucket[place]
        arrays.bucket[place] = slot
    return arrays._replace(calendar=calendar)
