"""Keeps a run's spikes and samples in memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from neuro.engine.drive.chunk import Chunk
from neuro.engine.lower.program import Program
from neuro.engine.plasticity.layout import sample_shape
from neuro.engine.recording import Record, Recording, Spikes
from neuro.engine.results import kept_spikes, split_by_population
from neuro.engine.samples import SampleLayout
from neuro.engine.storage.recording_format import LEARNED
from neuro.validation import Floats, Ints

__all__ = ["MemoryRecorder"]

NO_TIMES, NO_IDS = np.zeros(0), np.zeros(0, np.int64)


class MemoryRecorder:
    """Chunks of a run, in memory."""

    def __init__(self, program: Program, record: Record) -> None:
        self.program, self.record = program, record
        self.names = record.kept(program.offset)
        self.kept = None if len(self.names) == len(program.offset) else program.mask(self.names)
        self.fired = np.zeros(program.size, np.int64)
        self.chunks: list[Chunk] = []
        self.held = 0.0

    def write(self, chunk: Chunk) -> None:
        """Keep a chunk."""
        if len(chunk.time) or len(chunk.sample_time) or chunk.learned:
            if self.kept is not None:
                self.fired += np.bincount(chunk.neuron, minlength=len(self.fired))
            try:
                time, neuron = kept_spikes(chunk.time, chunk.neuron, self.kept)
            except MemoryError:
                # It is the last chunk, so its arrays need no copy.
                self.chunks.append(chunk)
                raise
            self.chunks.append(chunk._replace(time=time, neuron=neuron))
            self.held += time.nbytes + neuron.nbytes + chunk.sample_time.nbytes + chunk.voltage.nbytes
            self.held += sum(values.nbytes for *_, values in chunk.learned)

    @property
    def growth(self) -> float:
        """How much `whole` grows with each byte of a chunk."""
        return 2.0 if self.record.samples() in ([], ["v"]) else 3.0

    @property
    def whole(self) -> float:
        """Bytes that are held while the recording is made."""
        return self.growth * self.held

    def close(self, failed: bool) -> None:
        """Nothing is open."""

    def counts(self) -> Ints:
        """Spikes of each neuron, in the common numbering."""
        if self.kept is not None:
            return self.fired
        fired = [np.bincount(chunk.neuron, minlength=self.program.size) for chunk in self.chunks]
        return np.sum(fired, axis=0) if fired else np.zeros(self.program.size, np.int64)

    def recording(self, **about: Any) -> Recording:
        """The run as a recording; `about` has the fields that are not spikes or voltages."""
        layout = SampleLayout.of(self.program.network, self.program.offset, self.record)
        sampled, v_times = {}, np.zeros(0)
        if self.record.samples():
            v_times = np.concatenate([v_times, *(chunk.sample_time for chunk in self.chunks)])
            none = np.zeros((0, len(layout.codes)))
            sampled = layout.split(np.concatenate([none, *(chunk.voltage for chunk in self.chunks)]))
        taken = [sample for chunk in self.chunks for sample in chunk.learned]
        learned: dict[str, dict[str, Floats]] = {key: {} for both in LEARNED.items() for key in both}
        for field, name in self.record.learned():
            own = [(t, values[None]) for kind, other, t, values in taken if (kind, other) == (field, name)]
            learned[LEARNED[field]][name] = np.array([t for t, _ in own])
            none = np.zeros((0, *sample_shape(self.program, field, name)))
            learned[field][name] = np.concatenate([none, *(values for _, values in own)])
        about = {"v": {}, **sampled, **learned, **about}
        return Recording(spikes=self._take_spikes(), v_times=v_times, **about)

    def _take_spikes(self) -> dict[str, Spikes]:
        """The spikes by population; each chunk is given up as soon as its spikes are sorted, which saves memory."""
        program = self.program
        times: dict[str, list[Floats]] = {name: [] for name in self.names}
        ids: dict[str, list[Ints]] = {name: [] for name in self.names}
        for k, chunk in enumerate(self.chunks):
            if self.names:
                split = split_by_population(program.offset, chunk.time, chunk.neuron, partial(program.of, "group"))
                for name in self.names:
                    times[name].append(split[name].times)
                    ids[name].append(split[name].ids)
            self.chunks[k] = chunk._replace(time=NO_TIMES, neuron=NO_IDS)
        return {
            name: Spikes.in_order(_joined(times.pop(name), NO_TIMES), _joined(ids.pop(name), NO_IDS))
            for name in self.names
        }


def _joined(arrays: list[Any], empty: Any) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate([empty, *arrays])
