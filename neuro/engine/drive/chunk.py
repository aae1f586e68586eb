"""`Chunk`: the result of a part of a run, as recorders take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from neuro.validation import Floats, Ints

__all__ = ["Chunk"]


class Chunk(NamedTuple):
    """The result of a chunk of a run: spikes in the common numbering, and samples."""

    reached: float
    """The time up to which the chunk goes, s."""
    time: Floats
    neuron: Ints
    sample_time: Floats
    voltage: Floats
    events: Ints
    """Synaptic events per projection since the start of the run."""
    learned: Sequence[tuple[str, str, float, Floats]] = ()
    """Samples of what learns: field of the recording, projection, time in s, values."""
