"""The file form of an engine state: another process continues from it with the same bits."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.codes import N_WATCHED, NEXT_CURSOR, NEXT_VACANT, VACANT
from neuro.engine.drive.inputs import Schedule, schedule
from neuro.engine.drive.workspace import arrays_at_rest
from neuro.engine.kernels.arrays import State
from neuro.engine.lower.fingerprint import parameter_digest, require_structure, structure_of
from neuro.engine.lower.program import Program
from neuro.engine.lower.single_delays import with_segments
from neuro.engine.plasticity.state import PlasticState, read_plastic_state, write_plastic_state
from neuro.engine.storage.hdf5 import open_existing, open_new, read_json, write_array, write_json
from neuro.engine.storage.recording_format import KINDS as RECORDINGS
from neuro.errors import StateError
from neuro.files.reading import whole_numbers
from neuro.validation import Ints

__all__ = ["StateFields", "new_state_file", "read_state", "write_state"]

KIND = "state 1"
FORM = 5
"""Version of the layout and of the meaning of the arrays. 2: a watched neuron has the two terms of v in place of v and
`last`. 3: free entries of the calendar are marked as such, and are in no list. 4: other names of the groups.
5: cursors of spikes under way on rows with several delays."""


LENGTHS_VARY = {"calendar", "cursors", "cursor_bucket", "bucket", *Schedule._fields}
"""Arrays whose lengths the network does not fix."""


class StateFields(NamedTuple):
    """The fields of `EngineState`, but for its program."""

    arrays: State
    base: float
    time: float
    since_base: Schedule | None
    forced: Ints
    seed: int
    plastic: PlasticState | None


def new_state_file(path: str | Path) -> Any:
    """Open a new file for a state, which appears whole or not at all."""
    return open_new(path, KIND)


def write_state(
    group: Any, program: Program, state: StateFields, at_time: State, plastic_at_time: PlasticState | None
) -> None:
    """Write a state into a group of an HDF5 file.

    The file has the state at its base, and the state at the time reached (`at_time`, `plastic_at_time`). Runs with the
    same weights continue from the first, with the same bits; runs with other weights continue from the second.
    """
    for field in State._fields:
        write_array(group, f"arrays/{field}", getattr(state.arrays, field))
    if at_time is not state.arrays:
        for field in State._fields:
            write_array(group, f"finished/{field}", getattr(at_time, field))
    if state.plastic is not None and plastic_at_time is not None:
        write_plastic_state(group.create_group("plastic"), state.plastic)
        write_plastic_state(group.create_group("finished_plastic"), plastic_at_time)
    if state.since_base is not None:
        for field in Schedule._fields:
            write_array(group, f"since_base/{field}", getattr(state.since_base, field))
    write_array(group, "forced", state.forced)
    learned = list(state.plastic.rules) if state.plastic is not None else []
    about = {
        "base": state.base,
        "time": state.time,
        "seed": state.seed,
        "parameters": parameter_digest(program, learned),
        "form": FORM,
        "learned": learned,
        "structure": structure_of(program),
    }
    write_json(group, "about", about)


def read_state(path: str | Path, program: Program) -> StateFields:
    """Read a state from a file of its own, or from the file of a recording.

    Raises
    ------
    StateError
        If the file is damaged, has no state, or has one of another network: then with the differences.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    """
    with open_existing(path, (KIND, *RECORDINGS), StateError) as file:
        if "state" not in file:
            raise StateError("this recording was written without its state", where=str(path))
        group = file["state"]
        about = read_json(group, "about")
        if about.get("form") != FORM:
            raise StateError(
                "this state was written by another version of neuro",
                where=str(path),
                remedy="Continue with the version that wrote it, or start without a state",
            )
        require_structure(about["structure"], program, str(path))
        forced = whole_numbers(group["forced"][()], f"{path}, forced", StateError)
        base, time = float(about["base"]), float(about["time"])
        same = about["parameters"] == parameter_digest(program, about["learned"])
        stored = group["arrays" if same or "finished" not in group else "finished"]
        arrays = State(*_in_types_of(arrays_at_rest(program), stored, path))
        since_base = None
        if same and "since_base" in group:
            empty = schedule(program, None, None, time, time, 0)
            since_base = Schedule(*_in_types_of(empty, group["since_base"], path))
        plastic = None
        if "plastic" in group:
            plastic = read_plastic_state(group["plastic" if same else "finished_plastic"], program)
        if not isfinite(base) or not isfinite(time) or not 0 <= base <= time:
            rule = "a state must be of a finite time, not before the start of its window"
            raise StateError(rule, where=str(path), value=f"{base} and {time} s")
        segments = len(program.fixed.segments)
        if plastic is not None:
            # Each spike under way of a projection that learns has a segment of its own.
            slots = max(1, plastic.arrival.shape[1])
            segments = slots * len(with_segments(program, program.network.projections).fixed.segments)
        _check_places(arrays, since_base, forced, program, segments, path)
        _check_cursors(arrays, program, path)
    return StateFields(arrays, base if same else time, time, since_base, forced, int(about["seed"]), plastic)


def _check_cursors(arrays: State, program: Program, path: str | Path) -> None:
    """Refuse spikes under way on rows that are not there."""
    cursors, segments, n = arrays.cursors, program.fixed.segments, len(arrays.cursors)
    vacant = int(arrays.register[NEXT_CURSOR])
    links = np.concatenate([arrays.cursor_bucket, cursors["next"], [vacant]])
    links = links[links != -1]
    if np.any((links < 0) | (links >= n)) or len(np.unique(links)) < len(links):
        raise StateError("a state must name cursors of its own only", where=str(path))
    used = np.ones(n, bool)
    while vacant >= 0 and used[vacant]:
        used[vacant], vacant = False, int(cursors["next"][vacant])
    row, at = cursors["row"][used], cursors["at"][used]
    known = (row >= 0) & (row < len(segments))
    if known.all():
        known = program.fixed.bundles["lags"][segments["projection"][row]] > 0
        known &= (at >= 0) & (at < segments["count"][row])
    if not known.all():
        raise StateError("a state must name rows of its network only", where=str(path), value="others in cursors")


def _check_places(
    arrays: State, since_base: Schedule | None, forced: Ints, program: Program, segments: int, path: str | Path
) -> None:
    """Refuse arrays that name a neuron, an entry or a group that is not there: the kernels do not look."""
    calendar, entries = arrays.calendar, len(arrays.calendar)
    used = calendar["next"] != VACANT if program.window else np.arange(entries) < arrays.register[N_WATCHED]
    links = np.concatenate([arrays.bucket, calendar["next"][used] if program.window else arrays.bucket[:0]])
    links = links[links != -1]
    cells = {"forced": forced}
    if since_base is not None:
        cells |= {"inputs": since_base.source_id, "clamps": since_base.forced, "steps": since_base.steps["first"]}
        cells["ends of steps"] = since_base.steps["first"] + since_base.steps["count"] - 1
        ends = since_base.steps["offset"] + since_base.steps["count"]
        cells["values of steps"] = np.where(ends <= len(since_base.step_value), 0, program.size)
    bad = [name for name, ids in cells.items() if np.any((ids < 0) | (ids >= program.size))]
    code = calendar["code"][used]
    if np.any((code < -1 - program.size) | (code >= segments)):
        bad.append("events")
    if np.any((links < 0) | (links >= entries)) or len(np.unique(links)) < len(links) or not len(arrays.bucket):
        bad.append("calendar")
    if (
        not 0 <= arrays.register[NEXT_VACANT] <= entries
        or not 0 <= arrays.register[N_WATCHED] <= program.size + entries
    ):
        bad.append("register")
    if np.any(arrays.neurons["group"] >= len(program.fixed.groups)):
        bad.append("groups")
    if bad:
        rule = "a state must name neurons, events and groups of its network only"
        raise StateError(rule, where=str(path), value=f"others in {', '.join(bad)}")


def _in_types_of(template: State | Schedule, group: Any, path: str | Path) -> list[Any]:
    """The fields of `template` from a file, in the types that the kernels are compiled for."""
    parts = []
    for field, wanted in zip(template._fields, template, strict=True):
        found = group[field][...]
        fixed = found.shape if field in LENGTHS_VARY else wanted.shape
        known = found.dtype.names == wanted.dtype.names and np.can_cast(found.dtype, wanted.dtype, "same_kind")
        if not known or (*fixed[:1], *wanted.shape[1:]) != found.shape:
            raise StateError(
                "this state was written by another version of neuro",
                where=f"{path}, {field}",
                value=f"{found.dtype} {found.shape}",
                remedy="Continue with the version that wrote it, or start without a state",
            )
        array = np.zeros(found.shape, wanted.dtype)
        for name in wanted.dtype.names or (...,):
            array[name] = found[name]
        parts.append(array)
    return parts
