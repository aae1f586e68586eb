"""A run's spikes and samples kept in memory, and how they are told apart by population."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.engine.drive.chunks import Piece
from neuro.engine.lower.program import Program
from neuro.engine.recording import Record, Recording, Spikes, columns
from neuro.validation import Floats, Ints

__all__ = ["MemoryRecorder", "by_population"]


class MemoryRecorder:
    """Pieces of a run, in memory."""

    def __init__(self, program: Program, record: Record) -> None:
        self.program, self.record = program, record
        self.pieces: list[Piece] = []

    def write(self, piece: Piece) -> None:
        """Keep a piece."""
        if len(piece.time) or len(piece.sample_time):
            self.pieces.append(piece._replace(time=piece.time.copy(), neuron=piece.neuron.copy()))

    def close(self) -> None:
        """Nothing is open."""

    def counts(self) -> Ints:
        """Spikes of each neuron, in the common numbering."""
        fired = [np.bincount(piece.neuron, minlength=self.program.size) for piece in self.pieces]
        return np.sum(fired, axis=0) if fired else np.zeros(self.program.size, np.int64)

    def recording(self, **about: Any) -> Recording:
        """The run as a recording."""
        pieces, record = self.pieces, self.record
        spikes: dict[str, Spikes] = {}
        if record.spikes:
            time = np.concatenate([np.zeros(0), *(piece.time for piece in pieces)])
            neuron = np.concatenate([np.zeros(0, np.int64), *(piece.neuron for piece in pieces)])
            spikes = by_population(self.program, time, neuron)
        v_times, v = np.zeros(0), {}
        if record.v:
            v_times = np.concatenate([v_times, *(piece.sample_time for piece in pieces)])
            nothing = np.zeros((0, sum(np.size(who) for who in record.v.values())))
            v = columns(record, np.concatenate([nothing, *(piece.voltage for piece in pieces)]))
        return Recording(spikes=spikes, v=v, v_times=v_times, **about)


def by_population(program: Program, times: Floats, neurons: Ints) -> dict[str, Spikes]:
    """Sorted spikes in the common numbering as spikes of each population."""
    names = list(program.offset)
    if len(names) == 1:
        return {names[0]: Spikes.in_order(times, neurons)}
    # Few enough groups are sorted by counting.
    group = program.of("group", neurons).astype(np.uint16 if len(names) < 2**16 else np.int64)
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(len(names) + 1))
    parts = {}
    for g, name in enumerate(names):
        mine = order[ends[g] : ends[g + 1]]
        parts[name] = Spikes.in_order(times[mine], neurons[mine] - program.offset[name])
    return parts
