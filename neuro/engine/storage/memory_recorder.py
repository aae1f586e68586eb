"""Keeps a run's spikes and samples in memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from neuro.engine.drive.chunks import Chunk
from neuro.engine.lower.program import Program
from neuro.engine.recording import Record, Recording, Spikes, columns
from neuro.engine.results import kept_spikes, split_by_population
from neuro.validation import Ints

__all__ = ["MemoryRecorder"]


class MemoryRecorder:
    """Chunks of a run, in memory."""

    def __init__(self, program: Program, record: Record) -> None:
        self.program, self.record = program, record
        self.names = record.kept(program.offset)
        self.kept = None if len(self.names) == len(program.offset) else program.mask(self.names)
        self.fired = np.zeros(program.size, np.int64)
        self.chunks: list[Chunk] = []

    def write(self, chunk: Chunk) -> None:
        """Keep a chunk."""
        if len(chunk.time) or len(chunk.sample_time):
            if self.kept is not None:
                self.fired += np.bincount(chunk.neuron, minlength=len(self.fired))
            time, neuron = kept_spikes(chunk.time, chunk.neuron, self.kept)
            self.chunks.append(chunk._replace(time=time, neuron=neuron))

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
        chunks, record, program = self.chunks, self.record, self.program
        spikes: dict[str, Spikes] = {}
        if self.names:
            time = np.concatenate([np.zeros(0), *(chunk.time for chunk in chunks)])
            neuron = np.concatenate([np.zeros(0, np.int64), *(chunk.neuron for chunk in chunks)])
            spikes = split_by_population(program.offset, time, neuron, partial(program.of, "group"))
            spikes = {name: spikes[name] for name in self.names}
        v_times, v = np.zeros(0), {}
        if record.v:
            v_times = np.concatenate([v_times, *(chunk.sample_time for chunk in chunks)])
            no_samples = np.zeros((0, sum(np.size(ids) for ids in record.v.values())))
            v = columns(record, np.concatenate([no_samples, *(chunk.voltage for chunk in chunks)]))
        return Recording(spikes=spikes, v=v, v_times=v_times, **about)
