"""Ctrl-C during a run: put off until the state is whole, then answered by what was done so far, or by an exception."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from types import FrameType

import numpy as np

__all__ = ["Interrupts", "deferred", "raise_interrupts"]

GRACE = 1.0
"""Seconds in which a kernel may end by itself after Ctrl-C: then its piece of the run is kept."""

_RAISED = ContextVar("neuro_interrupts_are_raised", default=False)


class Interrupts:
    """Was a run asked to stop?"""

    def __init__(self) -> None:
        self.asked = False
        self.halt = np.zeros(1, np.int64)
        """Not zero: kernels are to return at once, and their piece of the run is lost."""

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember the first signal; who sends a second one does not want to wait."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class _Watch:
    """A thread that hears of SIGINT while the main thread is in a kernel, where Python's handlers have to wait."""

    current: Interrupts | None = None

    def __init__(self) -> None:
        self.process = os.getpid()
        self.ear, self.mouth = socket.socketpair()
        self.mouth.setblocking(False)
        threading.Thread(target=self._listen, name="neuro-interrupts", daemon=True).start()

    def _listen(self) -> None:
        while heard := self.ear.recv(64):
            mine = self.current
            if signal.SIGINT in heard and mine is not None:
                time.sleep(GRACE)
                mine.halt[0] = 1

    @contextmanager
    def over(self, interrupts: Interrupts) -> Iterator[None]:
        """Watch for the time of a block, unless somebody else has taken that place."""
        before = signal.set_wakeup_fd(self.mouth.fileno(), warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
        outer, self.current = self.current, interrupts
        try:
            yield
        finally:
            self.current = outer
            if before == -1:
                signal.set_wakeup_fd(-1)


_WATCHES: list[_Watch] = []


def _watch() -> _Watch:
    """The watch of this process; a forked one has no threads but its own."""
    if not _WATCHES or _WATCHES[-1].process != os.getpid():
        _WATCHES[:] = [_Watch()]
    return _WATCHES[-1]


@contextmanager
def deferred() -> Iterator[Interrupts]:
    """Put SIGINT off for the time of a `with` block; whoever works in it looks at `asked` when all is in order.

    A kernel that works on for longer than `GRACE` after that sees `halt`.

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
        with _watch().over(interrupts) if ours else nullcontext():
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
