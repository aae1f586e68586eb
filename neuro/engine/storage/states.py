"""The file form of an engine state: another process continues from it with the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.drive.inputs import Schedule, schedule
from neuro.engine.drive.workspace import arrays_at_rest
from neuro.engine.kernels.arrays import State
from neuro.engine.lower.fingerprint import parameter_digest, require_structure, structure_of
from neuro.engine.lower.program import Program
from neuro.engine.plasticity.state import PlasticState, read_plastic_state, write_plastic_state
from neuro.engine.storage.hdf5 import open_existing, open_new, read_json, write_array, write_json
from neuro.engine.storage.recording_format import KIND as RECORDING
from neuro.errors import StateError
from neuro.validation import Ints

__all__ = ["StateFields", "new_state_file", "read_state", "write_state"]

KIND = "state 1"
FORM = 4
"""Version of the layout and of the meaning of the arrays. 2: a watched neuron has the two terms of v in place of v and
`last`. 3: free entries of the calendar are marked as such, and are in no list. 4: other names of the groups."""


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
    FileNotFoundError
        If there is no such file.
    """
    with open_existing(path, (KIND, RECORDING), StateError) as file:
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
        forced = np.array(group["forced"][:], np.int64)
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
    return StateFields(arrays, base if same else time, time, since_base, forced, int(about["seed"]), plastic)


def _in_types_of(template: State | Schedule, group: Any, path: str | Path) -> list[Any]:
    """The fields of `template` from a file, in the types that the kernels are compiled for."""
    parts = []
    for field, wanted in zip(template._fields, template, strict=True):
        found = group[field][...]
        if found.dtype.names != wanted.dtype.names or found.shape[1:] != wanted.shape[1:]:
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
