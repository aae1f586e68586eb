"""A run's spikes and samples brought to a file as they come, in memory that does not grow."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neuro.engine.drive.chunks import Piece
from neuro.engine.lower.program import Program
from neuro.engine.recording import Record, Recording, columns
from neuro.engine.storage.hdf5 import completed, growing, key, note
from neuro.engine.storage.memory import by_population
from neuro.engine.storage.recordings import KIND, SpikesOnDisk, VoltagesOnDisk, note_about
from neuro.validation import Ints

__all__ = ["Stream"]

PATIENCE = 1.0
"""Wall seconds after which what waits in memory goes to the disk."""
MOST_HELD = 1 << 18
"""Spikes and sampled voltages that wait there."""
CHUNK = 1 << 14


class Stream:
    """Pieces of a run, in a file that can be read at any time: also while the run goes on, and after a crash.

    The dataset `reached` has the instant up to which the file is whole, then how many samples, spikes of each
    population and synaptic events of each projection there are until then. It is written last.
    """

    def __init__(
        self, path: str | Path, program: Program, record: Record, start: float, provenance: Mapping[str, Any]
    ) -> None:
        self.path, self.program, self.record = Path(path), program, record
        self.file = growing(self.path, KIND)
        names = list(program.offset) if record.spikes else []
        projections = list(program.network.projections)
        self.trains = {n: (self._new(f"spikes/{key(n)}/times"), self._new(f"spikes/{key(n)}/ids", int)) for n in names}
        self.columns = {n: self._new(f"v/{key(n)}", float, np.size(who)) for n, who in (record.v or {}).items()}
        self.samples = self._new("v_times")
        width = 2 + len(names) + len(projections)
        self.reached = self.file.create_dataset("reached", (1, width), float, chunks=(1, width), fletcher32=True)
        note(self.file, "names", {"spikes": names, "v": list(self.columns)})
        note(self.file, "begun", {"start": start, "projections": projections, "provenance": dict(provenance)})
        self.written = dict.fromkeys(names, 0)
        self.fired = np.zeros(program.size, np.int64)
        self.held: list[Piece] = []
        self.size, self.last = 0, clock.perf_counter()
        self._mark(start, np.zeros(len(projections), np.int64))
        self.file.swmr_mode = True

    def _new(self, name: str, dtype: type = float, width: int | None = None) -> Any:
        more = () if width is None else (width,)
        chunks = (max(1, CHUNK // (width or 1)), *(max(1, n) for n in more))
        return self.file.create_dataset(name, (0, *more), dtype, maxshape=(None, *more), chunks=chunks, fletcher32=True)

    def write(self, piece: Piece) -> None:
        """Keep a piece, in memory for a moment."""
        self.held.append(piece._replace(time=piece.time.copy(), neuron=piece.neuron.copy()))
        self.fired += np.bincount(piece.neuron, minlength=len(self.fired))
        self.size += 1 + len(piece.time) + piece.voltage.size
        if self.size > MOST_HELD or clock.perf_counter() - self.last > PATIENCE:
            self.flush()

    def flush(self) -> None:
        """Bring to the disk what waits in memory, then say that it is there."""
        if not self.held:
            return
        time, neuron, sample_time, voltage = (
            np.concatenate([getattr(piece, field) for piece in self.held])
            for field in ("time", "neuron", "sample_time", "voltage")
        )
        if self.trains:
            for name, spikes in by_population(self.program, time, neuron).items():
                times, ids = self.trains[name]
                _append(times, spikes.times)
                _append(ids, spikes.ids)
                self.written[name] += len(spikes)
        for name, values in columns(self.record, voltage).items():
            _append(self.columns[name], values)
        _append(self.samples, sample_time)
        self.file.flush()
        self._mark(self.held[-1].reached, self.held[-1].events)
        self.held, self.size, self.last = [], 0, clock.perf_counter()

    def _mark(self, reached: float, events: Ints) -> None:
        self.reached[0] = [reached, len(self.samples), *self.written.values(), *events]
        self.file.flush()

    def close(self) -> None:
        """Write what is left; from now on others hold the file."""
        if self.file:
            try:
                self.flush()
            finally:
                self.file.close()

    def counts(self) -> Ints:
        """Spikes of each neuron, in the common numbering."""
        return self.fired

    def recording(self, **about: Any) -> Recording:
        """The run as a recording, which reads the file when it is asked; completes the file with `about`.

        A file that has not been completed is that of a run that was cut off.
        """
        with completed(self.path) as file:
            v_times = file["v_times"][:]
            spikes, v = (
                SpikesOnDisk(self.path, self.written),
                VoltagesOnDisk(self.path, list(self.columns), len(v_times)),
            )
            recording = Recording(spikes=spikes, v=v, v_times=v_times, **about)
            note_about(file, recording)
        return recording


def _append(data: Any, values: Any) -> None:
    if len(values):
        before = len(data)
        data.resize(before + len(values), axis=0)
        data[before:] = values
