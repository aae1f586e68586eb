"""Reads recordings from files: whole, population by population, or while a run still appends to them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from math import inf, isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.recording import Recording, Spikes
from neuro.engine.storage.hdf5 import bytes_of, hdf5_name, open_existing, read_json
from neuro.engine.storage.recording_format import FIELDS, KINDS, LEARNED
from neuro.errors import InputError, UnknownName
from neuro.files.reading import check_room, only_keys
from neuro.validation import Floats, flag

__all__ = ["SamplesOnDisk", "SpikesOnDisk", "load_recording"]

LABELS = dict(zip(FIELDS, ("voltages", "currents", "adaptation", "thresholds", "weights", "conductances"), strict=True))
DIMENSIONS = dict(zip(FIELDS, ((2,), (3,), (3,), (2,), (2, 3), (4,)), strict=True))
"""Number of axes of samples, by field."""
ABOUT = ("start", "stop", "interrupted", "events", "provenance", "weights")
"""Fields of a recording that its file has as JSON."""


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
        If the file is no such recording, or damaged; if its spikes are not sorted times from its start to its stop, of
        neurons of its populations; if it does not fit into memory.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    FileError
        If the system refuses to read it.
    """
    flag(lazy, "lazy")
    with open_existing(path, KINDS, InputError) as file:
        content = _content(file, path)
        spikes = SpikesOnDisk(path, content.spikes, Bounds.of(content.about))
        sampled = {field: SamplesOnDisk(path, field, counts) for field, counts in content.sampled.items()}
        times: dict[str, Any] = {
            key: {name: file[f"{key}/{hdf5_name(name)}"][:n] for name, n in content.sampled[field].items()}
            for field, key in LEARNED.items()
        }
        if not lazy:
            check_room(bytes_of(file), path, InputError)
        whole: dict[str, Any] = {
            field: entries if lazy else {name: entries.part(file, name) for name in entries}
            for field, entries in sampled.items()
        }
        return Recording(
            spikes=spikes if lazy else {name: spikes.part(file, name) for name in spikes},
            v_times=file["v_times"][: content.samples],
            **times,
            **whole,
            **content.about,
        )


class _Content(NamedTuple):
    """The content of a file but for its arrays; `about` has the other fields of `Recording`."""

    spikes: dict[str, int]
    sampled: dict[str, dict[str, int]]
    """Number of samples by field and name."""
    samples: int
    about: dict[str, Any]


class Bounds(NamedTuple):
    """What the spikes of a recording keep to."""

    start: float = 0.0
    """No spike is earlier, s."""
    stop: float = inf
    """No spike is later, s."""
    sizes: Mapping[str, int] = MappingProxyType({})
    """Neurons by population, as far as they are known."""

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Bounds:
        """Those of a recording whose other fields are these."""
        network = about["provenance"].get("network", {})
        populations = network.get("populations", {}) if isinstance(network, Mapping) else {}
        known = {name: each.get("size") for name, each in populations.items() if isinstance(each, Mapping)}
        return cls(about["start"], about["stop"], {name: n for name, n in known.items() if isinstance(n, int)})

    def check(self, times: Floats, ids: Any, name: str, path: str | Path) -> None:
        """Refuse spikes of a population that no run has."""
        where = f"{path}, spikes of {name!r}"
        if times.ndim != 1 or times.shape != ids.shape or times.dtype.kind != "f" or ids.dtype.kind not in "iu":
            shapes = f"{times.dtype} {times.shape} and {ids.dtype} {ids.shape}"
            raise InputError("times and neurons must be flat and of one length", where=where, value=shapes)
        if not len(times):
            return
        if not (np.all(times[1:] >= times[:-1]) and self.start <= times[0] and times[-1] <= self.stop):
            value = f"times from {times.min():.6g} to {times.max():.6g} s, in a run from {self.start:.6g} to "
            raise InputError(
                "spike times must be sorted and lie between start and stop",
                where=where,
                value=f"{value}{self.stop:.6g} s",
                remedy="Write it with Recording.save, from spikes made with Spikes(times, ids)",
            )
        size = self.sizes.get(name, np.iinfo(np.int64).max)
        # Without their sign, numbers below zero are the largest: one look at the array is enough.
        if int(ids.view(f"u{ids.itemsize}").max()) >= size:
            value_ = int(ids.min()) if ids.min() < 0 else int(ids.max())
            raise InputError(f"neurons of spikes must lie in 0..{size - 1}", where=where, value=value_)


def _content(file: Any, path: str | Path) -> _Content:
    names, of_neurons = read_json(file, "names"), [field for field in FIELDS if field not in LEARNED]
    learned = [(field, name) for field in LEARNED for name in names.get(field, ())]
    if "about" in file:
        spikes = {name: len(file[f"spikes/{hdf5_name(name)}/times"]) for name in names["spikes"]}
        about = read_json(file, "about")
        only_keys(about, ABOUT, path, InputError)
        about["weights"] = {name: file[f"weights/{hdf5_name(name)}"][...] for name in about.get("weights", ())}
        samples = len(file["v_times"])
        taken = [len(file[f"{LEARNED[field]}/{hdf5_name(name)}"]) for field, name in learned]
    else:
        begun = read_json(file, "begun")
        reached, count, *counts = (float(x) for x in file["reached"][0])
        samples = int(count)
        spikes = {name: int(n) for name, n in zip(names["spikes"], counts, strict=False)}
        counts = counts[len(spikes) :]
        events = {name: int(n) for name, n in zip(begun["projections"], counts, strict=False)}
        taken = [int(n) for n in counts[len(events) :]]
        about = {"start": begun["start"], "stop": reached, "provenance": begun["provenance"]}
        about |= {"events": events, "interrupted": True}
        held = [(f"spikes/{hdf5_name(name)}/{part}", n) for name, n in spikes.items() for part in ("times", "ids")]
        held += [(f"{key}/{hdf5_name(name)}", samples) for key in of_neurons for name in names.get(key, ())]
        for (field, name), n in zip(learned, taken, strict=True):
            held += [(f"{key}/{hdf5_name(name)}", n) for key in (LEARNED[field], field)]
        for name, n in [*held, ("v_times", samples)]:
            if not 0 <= n <= len(file[name]):
                raise ValueError(f"{n} entries of {name}")
    sampled = {key: dict.fromkeys(names.get(key, ()), samples) for key in of_neurons}
    for field in LEARNED:
        sampled[field] = {name: n for (key, name), n in zip(learned, taken, strict=True) if key == field}
    return _Content(spikes, sampled, samples, _checked_about(about, path))


def _checked_about(about: dict[str, Any], path: str | Path) -> dict[str, Any]:
    """The fields of a recording that are not arrays, if a run can have them."""
    start, stop = about["start"], about["stop"]
    if not all(isinstance(t, int | float) and isfinite(t) for t in (start, stop)) or not start <= stop:
        rule = "a recording must start before it stops, at finite times"
        raise InputError(rule, where=str(path), value=f"start {start!r}, stop {stop!r}")
    for name, count in about["events"].items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            rule = "numbers of synaptic events must be whole and not below zero"
            raise InputError(rule, where=f"{path}, {name!r}", value=count)
    if not isinstance(about["provenance"], dict) or not isinstance(about["interrupted"], bool):
        raise TypeError("provenance or interrupted")
    return about


class SpikesOnDisk(Mapping[str, Spikes]):
    """Spikes by population, read from the file at each access."""

    def __init__(self, path: str | Path, counts: Mapping[str, int], bounds: Bounds | None = None) -> None:
        self.path, self.counts, self.bounds = path, counts, bounds

    def __getitem__(self, name: str) -> Spikes:
        if name not in self.counts:
            raise UnknownName("population of this recording", name, self.counts)
        with open_existing(self.path, KINDS, InputError) as file:
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
        with open_existing(self.path, KINDS, InputError) as file:
            times = file[f"spikes/{hdf5_name(name)}/times"]
            low, high = (bisect_left(range(self.counts[name]), t, key=lambda k: float(times[k])) for t in (start, stop))
            return self.part(file, name, low, high)

    def part(self, file: Any, name: str, low: int = 0, high: int | None = None) -> Spikes:
        """The spikes low .. high - 1 of a population, from the open file."""
        group, high = file[f"spikes/{hdf5_name(name)}"], self.counts[name] if high is None else high
        times, ids = group["times"][low:high], group["ids"][low:high]
        if self.bounds is not None:
            self.bounds.check(times, ids, name, self.path)
        return Spikes.in_order(times, ids.astype(np.int64, copy=False))


class SamplesOnDisk(Mapping[str, Floats]):
    """Samples of one kind by population or projection, read from the file at each access."""

    def __init__(self, path: str | Path, field: str, counts: Mapping[str, int]) -> None:
        self.path, self.field, self.counts = path, field, counts

    def __getitem__(self, name: str) -> Floats:
        if name not in self.counts:
            what = LABELS[self.field]
            kind = "projection" if self.field in LEARNED else "population"
            raise UnknownName(f"{kind} with recorded {what} of this recording", name, self.counts)
        with open_existing(self.path, KINDS, InputError) as file:
            return self.part(file, name)

    def __contains__(self, name: object) -> bool:
        return name in self.counts

    def __iter__(self) -> Iterator[str]:
        return iter(self.counts)

    def __len__(self) -> int:
        return len(self.counts)

    def part(self, file: Any, name: str) -> Floats:
        """The samples of a population or projection, from the open file, along the first axis."""
        samples = self.counts[name]
        values: Floats = file[f"{self.field}/{hdf5_name(name)}"][:samples]
        dims = DIMENSIONS[self.field]
        if values.ndim not in dims or len(values) != samples or values.dtype.kind != "f":
            shape = "(samples, neurons)" if dims == (2,) else "(samples, ...)"
            raise InputError(
                f"{LABELS[self.field]} must have the shape {shape}, with {samples} samples",
                where=f"{self.path}, {LABELS[self.field]} of {name!r}",
                value=f"{values.dtype} {values.shape}",
            )
        return values
