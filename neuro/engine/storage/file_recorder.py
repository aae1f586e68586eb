"""Writes a run's spikes and samples to a file while it goes on, in memory that does not grow."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from neuro.engine.drive.chunk import Chunk
from neuro.engine.lower.program import Program
from neuro.engine.plasticity.layout import sample_shape
from neuro.engine.recording import SAMPLED, Record, Recording
from neuro.engine.results import kept_spikes, split_by_population
from neuro.engine.samples import SampleLayout
from neuro.engine.storage.hdf5 import hdf5_name, open_growing, reopen_growing, reserve, write_json
from neuro.engine.storage.recording_format import KIND, LEARNED, write_about
from neuro.engine.storage.recordings import SamplesOnDisk, SpikesOnDisk
from neuro.files.writing import named_errors
from neuro.validation import Ints

__all__ = ["FileRecorder"]

FLUSH_SECONDS = 1.0
"""Wall seconds after which chunks in memory are written to the disk."""
FLUSH_VALUES = 1 << 18
"""Spikes and sampled voltages that are kept in memory before."""
BLOCK_VALUES = 1 << 14
"""Values in one block of a dataset."""


class FileRecorder:
    """Chunks of a run, in a file that can be read at any time: also while the run goes on, and after a crash.

    The dataset `reached` has the time up to which the file is complete, and the numbers of samples, of spikes of each
    population, of synaptic events of each projection and of sampled weights until then. It is written last.
    """

    held = whole = growth = 0.0
    """Bytes in memory that grow with the run: none."""

    def __init__(
        self, path: str | Path, program: Program, record: Record, start: float, provenance: Mapping[str, Any]
    ) -> None:
        self.path, self.program, self.record = Path(path), program, record
        self.file = open_growing(self.path, KIND)
        self.flushed = False
        self.waiting: list[Chunk] = []
        self.waiting_values, self.last_flush = 0, clock.perf_counter()
        self.fired = np.zeros(program.size, np.int64)
        try:
            with named_errors(self.path, "written"):
                self._begin(start, provenance)
        except BaseException:
            self.close(failed=True)
            raise

    def _begin(self, start: float, provenance: Mapping[str, Any]) -> None:
        program, record = self.program, self.record
        names = record.kept(program.offset)
        self.kept = None if len(names) == len(program.offset) else program.mask(names)
        projections = list(program.network.projections)
        self.times = {name: self._new(f"spikes/{hdf5_name(name)}/times") for name in names}
        self.ids = {name: self._new(f"spikes/{hdf5_name(name)}/ids", int) for name in names}
        self.layout = SampleLayout.of(program.network, program.offset, record)
        self.sampled = {
            (field, name): self._new(f"{field}/{hdf5_name(name)}", float, shape)
            for (field, name), shape in self.layout.shapes().items()
        }
        self.samples = self._new("v_times")
        self.learned = {
            (field, name): (
                self._new(f"{LEARNED[field]}/{hdf5_name(name)}"),
                self._new(f"{field}/{hdf5_name(name)}", float, sample_shape(program, field, name)),
            )
            for field, name in record.learned()
        }
        """Times and samples of what learns, by field of the recording and projection."""
        width = 2 + len(names) + len(projections) + len(self.learned)
        self.reached = self.file.create_dataset("reached", (1, width), float, chunks=(1, width), fletcher32=True)
        by_field = {key: [name for field, name in self.sampled if field == key] for key in SAMPLED}
        by_field |= {key: [name for field, name in self.learned if field == key] for key in LEARNED}
        write_json(self.file, "names", {"spikes": names, **by_field})
        write_json(self.file, "begun", {"start": start, "projections": projections, "provenance": dict(provenance)})
        self.written = dict.fromkeys(names, 0)
        self._write_reached(start, np.zeros(len(projections), np.int64))
        self.file.swmr_mode = True

    def _new(self, name: str, dtype: type = float, row: tuple[int, ...] = ()) -> Any:
        block = [max(1, n) for n in row]
        # A sample that is larger than a block has several.
        for k in range(len(block)):
            block[k] = max(1, min(block[k], BLOCK_VALUES // max(1, prod(block[k + 1 :]))))
        chunks = (max(1, BLOCK_VALUES // prod(block)), *block)
        return self.file.create_dataset(name, (0, *row), dtype, maxshape=(None, *row), chunks=chunks, fletcher32=True)

    def write(self, chunk: Chunk) -> None:
        """Keep a chunk; it is written to the disk with the next flush."""
        time, neuron = kept_spikes(chunk.time, chunk.neuron, self.kept)
        self.waiting.append(chunk._replace(time=time, neuron=neuron))
        self.fired += np.bincount(chunk.neuron, minlength=len(self.fired))
        self.waiting_values += 1 + len(time) + chunk.voltage.size + sum(1 + w.size for *_, w in chunk.learned)
        if self.waiting_values > FLUSH_VALUES or clock.perf_counter() - self.last_flush > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the chunks in memory to the disk, and then `reached`."""
        if not self.waiting:
            return
        datasets = [*self.times.values(), *self.ids.values(), *self.sampled.values(), self.samples]
        datasets += [data for both in self.learned.values() for data in both]
        with named_errors(self.path, "written"):
            # Each dataset may begin a block, and a spike has a time and a neuron.
            reserve(self.file, 8 * (2 * self.waiting_values + 2 * BLOCK_VALUES * len(datasets)))
        time, neuron, sample_time, voltage = (
            np.concatenate([getattr(chunk, field) for chunk in self.waiting])
            for field in ("time", "neuron", "sample_time", "voltage")
        )
        if self.times:
            parts = split_by_population(self.program.offset, time, neuron, partial(self.program.of, "group"))
            for name in self.times:
                spikes = parts[name]
                _append(self.times[name], spikes.times)
                _append(self.ids[name], spikes.ids)
                self.written[name] += len(spikes)
        parts_by_field = self.layout.split(voltage)
        for (field, name), data in self.sampled.items():
            _append(data, parts_by_field[field][name])
        _append(self.samples, sample_time)
        for chunk in self.waiting:
            for field, name, t, values in chunk.learned:
                times, samples = self.learned[field, name]
                _append(times, np.array([t]))
                _append(samples, values[None])
        self.file.flush()
        self._write_reached(self.waiting[-1].reached, self.waiting[-1].events)
        self.flushed = True
        self.waiting, self.waiting_values, self.last_flush = [], 0, clock.perf_counter()

    def _write_reached(self, reached: float, events: Ints) -> None:
        reserve(self.file, 0)
        learned = [len(times) for times, _ in self.learned.values()]
        counted = self.program.by_projection(events).values()
        self.reached[0] = [reached, len(self.samples), *self.written.values(), *counted, *learned]
        self.file.flush()

    def close(self, failed: bool) -> None:
        """Flush, and close the file; that of a run which failed before anything was flushed is removed."""
        if not self.file:
            return
        try:
            self.flush()
        finally:
            self.file.close()
            if failed and not self.flushed:
                self.path.unlink(missing_ok=True)

    def counts(self) -> Ints:
        """Spikes of each neuron, in the common numbering."""
        return self.fired

    def recording(self, **about: Any) -> Recording:
        """The run as a recording that reads from the file; `about` has the other fields, and completes the file.

        A file without them is read as that of an interrupted run.
        """
        with reopen_growing(self.path) as file:
            v_times = file["v_times"][:]
            spikes = SpikesOnDisk(self.path, self.written)
            sampled: dict[str, Any] = {
                key: SamplesOnDisk(self.path, key, {name: len(v_times) for field, name in self.sampled if field == key})
                for key in SAMPLED
            }
            for field, key in LEARNED.items():
                names = [name for other, name in self.learned if other == field]
                sampled[key] = {name: file[f"{key}/{hdf5_name(name)}"][:] for name in names}
                counts = {name: len(own) for name, own in sampled[key].items()}
                sampled[field] = SamplesOnDisk(self.path, field, counts)
            recording = Recording(spikes=spikes, v_times=v_times, **sampled, **about)
            write_about(recording, file)
        return recording


def _append(data: Any, values: Any) -> None:
    if len(values):
        before = len(data)
        data.resize(before + len(values), axis=0)
        data[before:] = values
