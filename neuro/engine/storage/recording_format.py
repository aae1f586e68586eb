"""The HDF5 layout of a recording, and its writer; `recordings.py` has the reader.

    spikes/NAME/times, ids    by population
    v/NAME                    by population, (samples, neurons); v_times has the sampling times
    current/NAME, adaptation/NAME, threshold/NAME
                              the same, with receptors or currents along a third axis but for thresholds
    weight_times/NAME, sampled_weights/NAME
                              by projection: times, and weights at these, times along the first axis
    conductance_times/NAME, sampled_conductances/NAME
                              the same for the conductances of crossbars
    names                     JSON: the populations with spikes and with each kind of samples
    about                     JSON: start, stop, interrupted, events, provenance, projections with weights
    weights/NAME              by projection that learns
    state                     as in `states.py`

The file of a run that has not ended has `begun` and `reached` in place of `about`; see `FileRecorder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from neuro.engine.storage.hdf5 import hdf5_name, open_new, write_array, write_json
from neuro.validation import Floats, Ints

__all__ = ["FIELDS", "KIND", "KINDS", "LEARNED", "RecordingLike", "SpikesLike", "write_about", "write_recording"]

KIND = "recording 3"
KINDS = (KIND, "recording 2")
"""What can be read; files of the second kind have spikes, voltages and final weights."""
LEARNED = {"sampled_weights": "weight_times", "sampled_conductances": "conductance_times"}
"""Fields with samples of what learns, by projection, and their times."""
FIELDS = ("v", "current", "adaptation", "threshold", *LEARNED)
"""Fields with samples."""


class SpikesLike(Protocol):
    """The fields of `Spikes`."""

    @property
    def times(self) -> Floats: ...
    @property
    def ids(self) -> Ints: ...


class RecordingLike(Protocol):
    """The fields of `Recording`."""

    @property
    def spikes(self) -> Mapping[str, SpikesLike]: ...
    @property
    def v(self) -> Mapping[str, Floats]: ...
    @property
    def v_times(self) -> Floats: ...
    @property
    def events(self) -> Mapping[str, int]: ...
    @property
    def start(self) -> float: ...
    @property
    def stop(self) -> float: ...
    @property
    def provenance(self) -> Mapping[str, Any]: ...
    @property
    def state(self) -> Any: ...
    @property
    def weights(self) -> Mapping[str, Floats]: ...
    @property
    def interrupted(self) -> bool: ...


def write_recording(recording: RecordingLike, path: str | Path) -> None:
    """Write a recording to a file of its own; see `Recording.save`."""
    with open_new(path, KIND) as file:
        for name, spikes in recording.spikes.items():
            write_array(file, f"spikes/{hdf5_name(name)}/times", spikes.times)
            write_array(file, f"spikes/{hdf5_name(name)}/ids", spikes.ids)
        names = {"spikes": list(recording.spikes)}
        for field in (*FIELDS, *LEARNED.values()):
            entries: Mapping[str, Floats] = getattr(recording, field)
            names[field] = list(entries)
            for name, values in entries.items():
                write_array(file, f"{field}/{hdf5_name(name)}", values)
        write_array(file, "v_times", recording.v_times)
        write_json(file, "names", names)
        write_about(recording, file)


def write_about(recording: RecordingLike, file: Any) -> None:
    """Write everything but spikes and voltages to an open file."""
    about: dict[str, Any] = {
        "start": recording.start,
        "stop": recording.stop,
        "interrupted": recording.interrupted,
        "events": dict(recording.events),
        "provenance": dict(recording.provenance),
        "weights": list(recording.weights),
    }
    # A state of the clocked engine has no form on disk.
    if hasattr(recording.state, "write"):
        recording.state.write(file.require_group("state"))
    for name, weights in recording.weights.items():
        write_array(file, f"weights/{hdf5_name(name)}", weights)
    write_json(file, "about", about)
