"""States in one block of memory each, so that a kernel copies a state at the speed of memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.engine.codes import N_SPIKES
from neuro.engine.drive.workspace import arrays_at_rest, with_larger_calendar, with_vacant_entries
from neuro.engine.kernels.arrays import LINE, State, in_lines
from neuro.engine.lower.program import Program
from neuro.validation import Ints

__all__ = ["Layout"]


class Layout:
    """Where the arrays of a program's states lie in a block; each begins where a cache line does."""

    def __init__(self, program: Program, rest: State | None = None) -> None:
        self.rest = arrays_at_rest(program) if rest is None else rest
        """The state at rest, with a calendar of the layout's length."""
        self.places: list[tuple[int, int, np.dtype[Any], tuple[int, ...]]] = []
        begin = 0
        for array in self.rest:
            self.places.append((begin, begin + array.nbytes, array.dtype, array.shape))
            begin += -(-array.nbytes // LINE) * LINE
        self.words = begin // 8
        """Entries of a block."""

    def new_block(self) -> Ints:
        """A block with nothing in it."""
        return in_lines((self.words,), np.dtype(np.int64))

    def state(self, block: Ints) -> State:
        """The arrays in a block."""
        raw = block.view(np.uint8)
        return State._make(raw[begin:end].view(dtype).reshape(shape) for begin, end, dtype, shape in self.places)

    def kept_state(self, block: Ints) -> State:
        """A copy of the state in a block, as a run keeps it."""
        own = self.new_block()
        own[:] = block
        state = self.state(own)
        state.register[N_SPIKES] = 0
        return state

    def fits(self, arrays: State) -> bool:
        """Do the arrays of a state have the layout's shapes, a shorter calendar allowed?"""
        pairs = zip(arrays._replace(calendar=self.rest.calendar), self.rest, strict=True)
        return all(a.shape == b.shape for a, b in pairs) and len(arrays.calendar) <= len(self.rest.calendar)

    def pack(self, arrays: State, into: Ints) -> None:
        """Write a state that `fits` into a block."""
        missing = len(self.rest.calendar) - len(arrays.calendar)
        if missing:
            arrays = with_vacant_entries(arrays, missing)
        raw = into.view(np.uint8)
        for (begin, end, _, _), array in zip(self.places, arrays, strict=True):
            raw[begin:end] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)

    def with_larger_calendar(self, program: Program, needed: int) -> Layout:
        """The same with room for that many more events under way."""
        return Layout(program, with_larger_calendar(self.rest, needed))
