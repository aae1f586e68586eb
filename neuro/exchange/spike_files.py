"""Spikes from files of other tools: arrays of numpy, CSV, recordings of this program, and data of NIR."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neuro.engine.recording import Spikes
from neuro.engine.storage.hdf5 import bytes_of, check_self_contained
from neuro.errors import InputError, NeuroError, UnknownName
from neuro.exchange.sonata import read_sonata
from neuro.files.reading import check_room, existing_file, in_file, read_npz, read_text
from neuro.network.graph import Network
from neuro.network.neurons import Source

__all__ = ["read_spikes"]

TIMES = ("times", "time", "t")
IDS = ("ids", "id", "neurons", "neuron", "index", "i")
NODES = ("node", "population", "input")


def read_spikes(path: str | Path, network: Network, *, dt: float) -> dict[str, Spikes]:
    """The spikes in a file for the inputs of a network, as `run(inputs=...)` takes them.

    Parameters
    ----------
    path
        ``.npz``: arrays ``times`` (s) and ``ids``; or a matrix of (steps, neurons), named like an input, whose entries
        count the spikes of a step of `dt`. ``.csv``: a header with ``time`` (s), ``id`` and, if there are several
        inputs, ``node``. ``.h5``: a recording, or
        spikes of SONATA. ``.nir``: data of NIR with one sample.
    network
        Where they go. Spikes without a name go to its only input.
    dt
        Step of matrices without a time, s.

    Raises
    ------
    InputError
        If the file does not hold spikes, or they have no name and there are several inputs.
    UnknownName
        If there is no such input, or no such kind of file.
    """
    file = Path(path)
    kinds: Mapping[str, Callable[[Path, float], Mapping[str, Spikes]]] = {
        ".npz": _from_npz, ".csv": _from_csv, ".h5": _from_recording, ".nir": _from_nir,
    }  # fmt: skip
    if file.suffix.lower() not in kinds:
        raise UnknownName("kind of file with spikes", file.suffix or file.name, kinds)
    with in_file(file):
        found = kinds[file.suffix.lower()](file, dt)
    inputs = [name for name, population in network.populations.items() if isinstance(population.model, Source)]
    if file.suffix.lower() == ".h5":
        return {name: spikes for name, spikes in found.items() if name in inputs}
    trains: dict[str, Spikes] = {}
    for name, spikes in found.items():
        target = name
        if not name:
            if len(inputs) != 1:
                rule = "spikes need the name of an input, as this network has several"
                raise InputError(rule, where=str(file), value=", ".join(inputs) or "none")
            target = inputs[0]
        if target not in inputs:
            raise UnknownName(f"input of this network (in {file})", target, inputs)
        trains[target] = spikes
    return trains


def _from_npz(file: Path, dt: float) -> dict[str, Spikes]:
    arrays = read_npz(file, InputError, "spikes")
    times, ids = (next((key for key in keys if key in arrays), None) for keys in (TIMES, IDS))
    if times is not None and ids is not None:
        return {"": Spikes(arrays[times], arrays[ids])}
    if arrays and all(array.ndim == 2 for array in arrays.values()):
        unnamed = len(arrays) == 1 and next(iter(arrays)) in ("arr_0", "spikes", "data")
        return {"" if unnamed else key: _of_matrix(array, dt, file) for key, array in arrays.items()}
    rule = "a file of spikes has arrays `times` and `ids`, or matrices of (steps, neurons) named like inputs"
    raise InputError(rule, where=str(file), value=", ".join(arrays) or "nothing")


def _of_matrix(counts: Any, dt: float, file: Path) -> Spikes:
    """Spikes of a matrix (steps, neurons) that counts them."""
    whole = np.asarray(counts)
    if whole.dtype.kind not in "biuf" or np.any(whole != np.rint(whole)) or np.any(whole < 0) or np.any(whole > 1e6):
        raise InputError("a matrix of spikes must count them: whole numbers from 0 to 1e6", where=str(file))
    step, neuron = np.nonzero(whole)
    times = whole[step, neuron].astype(np.int64)
    check_room(48.0 * float(times.sum()), file, InputError)
    return Spikes(np.repeat(step, times) * dt, np.repeat(neuron, times))


def _from_csv(file: Path, dt: float) -> dict[str, Spikes]:
    lines = read_text(file, InputError, "spikes", "utf-8-sig").splitlines()
    try:
        rows = [row for row in csv.reader(lines) if row]
    except csv.Error as error:
        raise InputError("a table of spikes must be valid CSV", where=str(file), value=error) from None
    header = [title.strip().lower() for title in rows[0]] if rows else []
    place = {}
    for key, names in (("time", TIMES), ("id", IDS), ("node", NODES)):
        place[key] = next((header.index(name) for name in names if name in header), None)
    if place["time"] is None or place["id"] is None:
        rule = (
            "a table of spikes has a header with `time`, in seconds, and `id`; and `node`, if there are several inputs"
        )
        raise InputError(rule, where=str(file), value=", ".join(header) or "nothing")
    parts: dict[str, tuple[list[float], list[int]]] = {}
    for number, row in enumerate(rows[1:], start=2):
        try:
            name = "" if place["node"] is None else row[place["node"]].strip()
            times, ids = parts.setdefault(name, ([], []))
            times.append(float(row[place["time"]]))
            ids.append(int(row[place["id"]]))
        except (ValueError, IndexError) as error:
            raise InputError(
                "a spike needs a time and a whole number", where=f"{file}, line {number}", value=error
            ) from None
    return {name: Spikes(times, ids) for name, (times, ids) in parts.items()}


def _from_recording(file: Path, dt: float) -> Mapping[str, Spikes]:
    from neuro.engine.storage.recordings import load_recording

    if _is_sonata(file):
        return read_sonata(file).spikes
    recording = load_recording(file)
    return {name: recording.spikes[name] for name in recording.spikes}


def _is_sonata(file: Path) -> bool:
    """Is it a file of HDF5 with spikes that this program has not written?"""
    import h5py

    existing_file(file, InputError)
    try:
        with h5py.File(file, "r") as opened:
            return "neuro" not in opened.attrs and "spikes" in opened
    except OSError:
        return False


def _from_nir(file: Path, dt: float) -> dict[str, Spikes]:
    import h5py

    existing_file(file, InputError)
    found: dict[str, Spikes] = {}
    try:
        with h5py.File(file, "r") as opened:
            check_self_contained(opened, file, InputError)
            check_room(bytes_of(opened), file, InputError)
            if opened.attrs.get("__type__") != "NIRGraphData":
                raise ValueError("no data of a NIR graph")
            for name, node in opened["nodes"].items():
                for part in node["observables"].values():
                    if (spikes := _of_observable(part, file)) is not None:
                        found[name] = spikes
    except NeuroError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError) as error:
        value = f"{type(error).__name__}: {error}"
        raise InputError("these are no data of NIR that can be read", where=str(file), value=value) from None
    return found


def _of_observable(part: Any, file: Path) -> Spikes | None:
    """The spikes of one observable of a node; None if it is a signal of another kind."""
    kind = part.attrs.get("__type__")
    arrays = [part[key][()] for key in (("data",) if kind == "TimeGriddedData" else ("idx", "time"))]
    if len(arrays[0]) != 1:
        raise InputError("data of NIR must have one sample", where=str(file), value=f"{len(arrays[0])}")
    if kind == "TimeGriddedData":
        return _of_matrix(arrays[0][0], float(part.attrs["dt"]), file) if arrays[0].dtype == bool else None
    ids, times = arrays[0][0], arrays[1][0]
    return Spikes(times[ids >= 0], ids[ids >= 0])
