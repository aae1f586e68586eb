"""Ctrl-C during a run: put off until the state is whole, then answered by what was done so far, or by an exception."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

__all__ = ["Interrupts", "deferred", "raise_interrupts"]

_RAISED = ContextVar("neuro_interrupts_are_raised", default=False)


class Interrupts:
    """Was a run asked to stop?"""

    def __init__(self) -> None:
        self.asked = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember the first signal; who sends a second one does not want to wait."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def deferred() -> Iterator[Interrupts]:
    """Put SIGINT off for the time of a `with` block; whoever works in it looks at `asked` when all is in order.

    Only in the main thread, which alone gets signals, and only in the place of Python's own handler: a program that
    has its own keeps it. Within `raise_interrupts` the signal is raised when the block has ended.
    """
    interrupts = Interrupts()
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, interrupts.note)
    try:
        yield interrupts
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupts.asked and _RAISED.get():
        raise KeyboardInterrupt


@contextmanager
def raise_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the `with` block, or the function decorated with it, as it ends any other program.

    By itself a run answers Ctrl-C with a recording of what was done so far. Work that consists of many runs has no
    use for a part of one.

    >>> import neuro as nr
    >>> with raise_interrupts():
    ...     rec = nr.run(nr.Network(), 1.0)  # Ctrl-C in here raises KeyboardInterrupt
    >>> rec.interrupted
    False
    """
    before = _RAISED.set(True)
    try:
        yield
    finally:
        _RAISED.reset(before)
