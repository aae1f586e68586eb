"""States on disk: a run goes on in another process with the bits that it would have had in the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neuro.engine.drive.advance import finished
from neuro.engine.drive.inputs import Schedule, schedule
from neuro.engine.drive.state import EngineState, initial_state
from neuro.engine.kernels.arrays import State
from neuro.engine.lower.fingerprint import require_structure, structure, values
from neuro.engine.lower.program import Program, build
from neuro.engine.plasticity.state import read_plastic_state, write_plastic_state
from neuro.engine.storage.hdf5 import note, noted, put, reading, replaced
from neuro.engine.storage.recordings import KIND as RECORDING
from neuro.errors import InputError, StateError
from neuro.network.graph import Network

__all__ = ["load_state", "save_state", "write_state"]

KIND = "state 1"
FORM = 3
"""What the arrays of a state mean; 2: a watched neuron has the two terms of v in place of v and `last`; 3: free entries
of the calendar say so, and are in no list."""


def save_state(state: EngineState, path: str | Path) -> None:
    """Write a state to a file of its own; see `EngineState.save`."""
    with replaced(path, KIND) as file:
        write_state(state, file.create_group("state"))


def write_state(state: EngineState, group: Any) -> None:
    """Write a state into a group of an HDF5 file.

    It is written as it stands at the window's base, and as it stands at the time reached: from the first, runs with
    the same weights go on with the same bits; from the second, runs with others do.
    """
    for field in State._fields:
        put(group, f"arrays/{field}", getattr(state.arrays, field))
    at_time, lesson = finished(state)
    if at_time is not state.arrays:
        for field in State._fields:
            put(group, f"finished/{field}", getattr(at_time, field))
    if state.lesson is not None and lesson is not None:
        write_plastic_state(group.create_group("lesson"), state.lesson)
        write_plastic_state(group.create_group("finished_lesson"), lesson)
    if state.since_base is not None:
        for field in Schedule._fields:
            put(group, f"since_base/{field}", getattr(state.since_base, field))
    put(group, "forced", state.forced)
    learned = list(state.lesson.pairings) if state.lesson is not None else []
    about = {"base": state.base, "time": state.time, "seed": state.seed, "values": values(state.program, learned)}
    note(group, "about", {**about, "form": FORM, "learned": learned, "structure": structure(state.program)})


def load_state(path: str | Path, network: Network | Program) -> EngineState:
    """Read a state that `EngineState.save` wrote, or the one in a recording that `Recording.save` wrote.

    Parameters
    ----------
    path
        The file.
    network
        What the state belongs to, or a program built from it; other weights and parameters are welcome, as in
        ``run(..., state=...)``, another structure is not.

    Raises
    ------
    StateError
        If the file is damaged, holds no state, or holds one of another network: then with what differs.
    FileNotFoundError
        If there is no such file.
    """
    if not isinstance(network, Network | Program):
        raise InputError("`load_state` takes a Network or a Program", value=type(network).__name__)
    program = network if isinstance(network, Program) else build(network)
    with reading(path, (KIND, RECORDING), StateError) as file:
        if "state" not in file:
            raise StateError("this recording was written without its state", where=str(path))
        group = file["state"]
        about = noted(group, "about")
        if about.get("form") != FORM:
            raise StateError(
                "this state was written by another version of neuro",
                where=str(path),
                remedy="Go on with the version that wrote it, or start without a state",
            )
        require_structure(about["structure"], program, str(path))
        like = initial_state(program).arrays
        forced = np.array(group["forced"][:], np.int64)
        base, time = float(about["base"]), float(about["time"])
        same = about["values"] == values(program, about.get("learned", ()))
        arrays = State(*_typed(group["arrays" if same or "finished" not in group else "finished"], like, path))
        since_base = None
        if same and "since_base" in group:
            since_base = Schedule(*_typed(group["since_base"], schedule(program, None, None, time, time, 0), path))
        lesson = (
            read_plastic_state(group["lesson" if same else "finished_lesson"], program) if "lesson" in group else None
        )
    return EngineState(program, arrays, base if same else time, time, since_base, forced, int(about["seed"]), lesson)


def _typed(group: Any, like: State | Schedule, path: str | Path) -> list[Any]:
    """The fields of `like` as a file has them, in the types that the kernels were compiled for."""
    parts = []
    for field, wanted in zip(like._fields, like, strict=True):
        found = group[field][...]
        if found.dtype.names != wanted.dtype.names or found.shape[1:] != wanted.shape[1:]:
            raise StateError(
                "this state was written by another version of neuro",
                where=f"{path}, {field}",
                value=f"{found.dtype} {found.shape}",
                remedy="Go on with the version that wrote it, or start without a state",
            )
        array = np.zeros(found.shape, wanted.dtype)
        for name in wanted.dtype.names or (...,):
            array[name] = found[name]
        parts.append(array)
    return parts
