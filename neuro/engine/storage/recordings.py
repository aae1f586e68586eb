"""Reads recordings from files: whole, population by population, or while a run still appends to them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.recording import Recording, Spikes
from neuro.engine.storage.hdf5 import hdf5_name, open_existing, read_json
from neuro.engine.storage.recording_format import KIND
from neuro.errors import InputError, UnknownName
from neuro.validation import Floats

__all__ = ["SpikesOnDisk", "VoltagesOnDisk", "load_recording"]


def load_recording(path: str | Path, *, lazy: bool = False) -> Recording:
    """Read a recording that `Recording.save` wrote, or that a run with ``Record(to=path)`` did.

    If the run crashed, or is still going on, the recording has what the run has flushed to the file. Its `interrupted`
    is True then, and its `stop` is the time up to which the file is complete. `load_state` reads the state.

    Parameters
    ----------
    path
        The file.
    lazy
        Read the spikes and voltages of a population only when they are used. ``recording.spikes.window(name, start,
        stop)`` then reads only that part of the spikes.

    Raises
    ------
    InputError
        If the file is no such recording, or damaged.
    FileNotFoundError
        If there is no such file.
    """
    with open_existing(path, (KIND,), InputError) as file:
        content = _content(file)
        spikes, v = SpikesOnDisk(path, content.spikes), VoltagesOnDisk(path, content.v, content.samples)
        return Recording(
            spikes=spikes if lazy else {name: spikes.part(file, name) for name in spikes},
            v=v if lazy else {name: v.part(file, name) for name in v},
            v_times=file["v_times"][: content.samples],
            **content.about,
        )


class _Content(NamedTuple):
    """The content of a file but for its arrays; `about` has the other fields of `Recording`."""

    spikes: dict[str, int]
    v: list[str]
    samples: int
    about: dict[str, Any]


def _content(file: Any) -> _Content:
    names = read_json(file, "names")
    if "about" in file:
        spikes = {name: len(file[f"spikes/{hdf5_name(name)}/times"]) for name in names["spikes"]}
        about = read_json(file, "about")
        about["weights"] = {name: file[f"weights/{hdf5_name(name)}"][...] for name in about.get("weights", ())}
        return _Content(spikes, names["v"], len(file["v_times"]), about)
    begun = read_json(file, "begun")
    reached, samples, *counts = (float(x) for x in file["reached"][0])
    spikes = {name: int(n) for name, n in zip(names["spikes"], counts, strict=False)}
    events = {name: int(n) for name, n in zip(begun["projections"], counts[len(spikes) :], strict=True)}
    about = {"start": begun["start"], "stop": reached, "provenance": begun["provenance"]}
    return _Content(spikes, names["v"], int(samples), {**about, "events": events, "interrupted": True})


class SpikesOnDisk(Mapping[str, Spikes]):
    """Spikes by population, read from the file at each access."""

    def __init__(self, path: str | Path, counts: Mapping[str, int]) -> None:
        self.path, self.counts = path, counts

    def __getitem__(self, name: str) -> Spikes:
        if name not in self.counts:
            raise UnknownName("population of this recording", name, self.counts)
        with open_existing(self.path, (KIND,), InputError) as file:
            return self.part(file, name)

    def __contains__(self, name: object) -> bool:
        return name in self.counts

    def __iter__(self) -> Iterator[str]:
        return iter(self.counts)

    def __len__(self) -> int:
        return len(self.counts)

    def window(self, name: str, start: float, stop: float) -> Spikes:
        """The spikes of population `name` with start <= time < stop; reads no others."""
        if name not in self.counts:
            raise UnknownName("population of this recording", name, self.counts)
        with open_existing(self.path, (KIND,), InputError) as file:
            times = file[f"spikes/{hdf5_name(name)}/times"]
            low, high = (bisect_left(range(self.counts[name]), t, key=lambda k: float(times[k])) for t in (start, stop))
            return self.part(file, name, low, high)

    def part(self, file: Any, name: str, low: int = 0, high: int | None = None) -> Spikes:
        """The spikes low .. high - 1 of a population, from the open file."""
        group, high = file[f"spikes/{hdf5_name(name)}"], self.counts[name] if high is None else high
        return Spikes.in_order(group["times"][low:high], group["ids"][low:high].astype(np.int64, copy=False))


class VoltagesOnDisk(Mapping[str, Floats]):
    """Sampled voltages by population, read from the file at each access."""

    def __init__(self, path: str | Path, names: list[str], samples: int) -> None:
        self.path, self.names, self.samples = path, names, samples

    def __getitem__(self, name: str) -> Floats:
        if name not in self.names:
            raise UnknownName("population with recorded voltages of this recording", name, self.names)
        with open_existing(self.path, (KIND,), InputError) as file:
            return self.part(file, name)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def part(self, file: Any, name: str) -> Floats:
        """The voltages of a population, from the open file, shape (samples, recorded neurons)."""
        voltage: Floats = file[f"v/{hdf5_name(name)}"][: self.samples]
        return voltage
