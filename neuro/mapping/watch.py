"""A placement under way: it ends early where the user asks for that, and tells how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray

from neuro.system.interrupts import Interrupts

__all__ = ["Watch", "advance", "is_halted", "new_state", "watching"]

STOP = 1
"""Place of the word of a generator's state that is not 0 where the work should end."""


class Watch(Interrupts):
    """Ends all kernels of a placement a moment after Ctrl-C, and passes progress on."""

    grace = 0.05

    def __init__(self, tell: Callable[[float, float, str], None] | None = None) -> None:
        super().__init__()
        self.tell = tell
        self.done = 0.0
        self.states: list[NDArray[np.uint64]] = []

    def stop(self) -> None:
        """Let every kernel return that draws from a state of this placement."""
        super().stop()
        for state in list(self.states):
            state[STOP] = 1

    def add(self, state: NDArray[np.uint64]) -> None:
        """Let a state of a generator belong to this placement."""
        self.states.append(state)
        if self.requested or self.halt[0]:
            state[STOP] = 1


_WATCH: ContextVar[Watch | None] = ContextVar("neuro_placement_watch", default=None)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """All states of generators that are made in the `with` block belong to a placement."""
    before = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(before)


def new_state(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The state of a generator, known to the placement under way."""
    watch = _WATCH.get()
    if watch is not None:
        watch.add(state)
    return state


def is_halted() -> bool:
    """Should the placement under way end?"""
    watch = _WATCH.get()
    return watch is not None and (watch.requested or bool(watch.halt[0]))


def advance(done: float, total: float, label: str) -> None:
    """Tell how much of the work is done; a KeyboardInterrupt from the listener asks for the end, as Ctrl-C does."""
    watch = _WATCH.get()
    if watch is not None and watch.tell is not None:
        try:
            watch.tell(min(done, total), total, label)
        except KeyboardInterrupt:
            watch.requested = True
            watch.stop()
