"""Recordings on disk: written at once, or read while (and after) a run appends to them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.recording import Recording, Spikes
from neuro.engine.storage.hdf5 import key, note, noted, put, reading, replaced
from neuro.errors import InputError
from neuro.validation import Floats

__all__ = ["KIND", "SpikesOnDisk", "VoltagesOnDisk", "load_recording", "note_about", "save_recording"]

KIND = "recording 2"


def save_recording(recording: Recording, path: str | Path) -> None:
    """Write a recording to a file of its own; see `Recording.save`."""
    with replaced(path, KIND) as file:
        for name, spikes in recording.spikes.items():
            put(file, f"spikes/{key(name)}/times", spikes.times)
            put(file, f"spikes/{key(name)}/ids", spikes.ids)
        for name, voltage in recording.v.items():
            put(file, f"v/{key(name)}", voltage)
        put(file, "v_times", recording.v_times)
        note(file, "names", {"spikes": list(recording.spikes), "v": list(recording.v)})
        note_about(file, recording)


def note_about(file: Any, recording: Recording) -> None:
    """Write what of a recording is not arrays, and its state."""
    about = {name: getattr(recording, name) for name in ("start", "stop", "interrupted")}
    about |= {"events": dict(recording.events), "provenance": dict(recording.provenance)}
    # A state of the clocked engine stays in memory: it has no form on disk.
    if hasattr(recording.state, "write"):
        recording.state.write(file.require_group("state"))
    for name, weights in recording.weights.items():
        put(file, f"weights/{key(name)}", weights)
    about["weights"] = list(recording.weights)
    note(file, "about", about)


def load_recording(path: str | Path, *, lazy: bool = False) -> Recording:
    """Read a recording that `Recording.save` wrote, or that a run with ``Record(to=path)`` did.

    The file of a run that crashed, or that is still going on, has all that was flushed: `Recording.interrupted` is
    True, and `stop` says how far it goes. The state is read with `load_state`.

    Parameters
    ----------
    path
        The file.
    lazy
        Read spikes and voltages of a population only when they are asked for; ``recording.spikes.window(name, t0, t1)``
        then reads no more than a part of a train.

    Raises
    ------
    InputError
        If the file is no such recording, or damaged.
    FileNotFoundError
        If there is no such file.
    """
    with reading(path, (KIND,), InputError) as file:
        held = _held(file)
        spikes, v = SpikesOnDisk(path, held.spikes), VoltagesOnDisk(path, held.v, held.samples)
        return Recording(
            spikes=spikes if lazy else {name: spikes.part(file, name) for name in spikes},
            v=v if lazy else {name: v.part(file, name) for name in v},
            v_times=file["v_times"][: held.samples],
            **held.about,
        )


class _Held(NamedTuple):
    """What is in a file: how many spikes of each population, whose voltages, how many samples, and the rest."""

    spikes: dict[str, int]
    v: list[str]
    samples: int
    about: dict[str, Any]


def _held(file: Any) -> _Held:
    names = noted(file, "names")
    if "about" in file:
        spikes = {name: len(file[f"spikes/{key(name)}/times"]) for name in names["spikes"]}
        about = noted(file, "about")
        about["weights"] = {name: file[f"weights/{key(name)}"][...] for name in about.get("weights", ())}
        return _Held(spikes, names["v"], len(file["v_times"]), about)
    begun = noted(file, "begun")
    reached, samples, *counts = (float(x) for x in file["reached"][0])
    spikes = {name: int(n) for name, n in zip(names["spikes"], counts, strict=False)}
    events = {name: int(n) for name, n in zip(begun["projections"], counts[len(spikes) :], strict=True)}
    about = {"start": begun["start"], "stop": reached, "provenance": begun["provenance"]}
    return _Held(spikes, names["v"], int(samples), {**about, "events": events, "interrupted": True})


class SpikesOnDisk(Mapping[str, Spikes]):
    """Spikes by population, read from a file whenever they are asked for."""

    def __init__(self, path: str | Path, counts: Mapping[str, int]) -> None:
        self.path, self.counts = path, counts

    def __getitem__(self, name: str) -> Spikes:
        if name not in self.counts:
            raise KeyError(name)
        with reading(self.path, (KIND,), InputError) as file:
            return self.part(file, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.counts)

    def __len__(self) -> int:
        return len(self.counts)

    def window(self, name: str, t0: float, t1: float) -> Spikes:
        """The spikes of population `name` with t0 <= time < t1, without reading the others."""
        with reading(self.path, (KIND,), InputError) as file:
            times = file[f"spikes/{key(name)}/times"]
            low, high = (bisect_left(range(self.counts[name]), t, key=lambda k: float(times[k])) for t in (t0, t1))
            return self.part(file, name, low, high)

    def part(self, file: Any, name: str, low: int = 0, high: int | None = None) -> Spikes:
        """Some of the spikes of a population, from the open file."""
        group, high = file[f"spikes/{key(name)}"], self.counts[name] if high is None else high
        return Spikes.in_order(group["times"][low:high], group["ids"][low:high].astype(np.int64, copy=False))


class VoltagesOnDisk(Mapping[str, Floats]):
    """Sampled voltages by population, read from a file whenever they are asked for."""

    def __init__(self, path: str | Path, names: list[str], samples: int) -> None:
        self.path, self.names, self.samples = path, names, samples

    def __getitem__(self, name: str) -> Floats:
        if name not in self.names:
            raise KeyError(name)
        with reading(self.path, (KIND,), InputError) as file:
            return self.part(file, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def part(self, file: Any, name: str) -> Floats:
        """The voltages of a population, from the open file, shape (samples, neurons asked for)."""
        voltage: Floats = file[f"v/{key(name)}"][: self.samples]
        return voltage
