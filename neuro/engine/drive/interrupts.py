"""Handles Ctrl-C during a run: the run stops when its state is consistent, and returns what was done so far."""

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
"""Seconds that a kernel has after Ctrl-C to end by itself; its chunk of the run is then kept."""

_RAISED = ContextVar("neuro_interrupts_are_raised", default=False)


class Interrupts:
    """Records whether a run was asked to stop."""

    def __init__(self) -> None:
        self.requested = False
        self.halt = np.zeros(1, np.int64)
        """Not zero: kernels return at once, and their chunk of the run is lost."""

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Record the first signal; the second one raises KeyboardInterrupt at once."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


class _SignalThread:
    """A thread that receives SIGINT while the main thread is in a kernel, where Python's handlers have to wait."""

    current: Interrupts | None = None

    def __init__(self) -> None:
        self.process = os.getpid()
        self.receiver, self.sender = socket.socketpair()
        self.sender.setblocking(False)
        threading.Thread(target=self._listen, name="neuro-interrupts", daemon=True).start()

    def _listen(self) -> None:
        while received := self.receiver.recv(64):
            interrupts = self.current
            if signal.SIGINT in received and interrupts is not None:
                time.sleep(GRACE)
                interrupts.halt[0] = 1

    @contextmanager
    def serving(self, interrupts: Interrupts) -> Iterator[None]:
        """Set `halt` of `interrupts` on SIGINT within a `with` block, unless the program has its own wakeup socket."""
        before = signal.set_wakeup_fd(self.sender.fileno(), warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
        outer, self.current = self.current, interrupts
        try:
            yield
        finally:
            self.current = outer
            if before == -1:
                signal.set_wakeup_fd(-1)


_THREADS: list[_SignalThread] = []


def _signal_thread() -> _SignalThread:
    """The thread of this process; a fork does not inherit it."""
    if not _THREADS or _THREADS[-1].process != os.getpid():
        _THREADS[:] = [_SignalThread()]
    return _THREADS[-1]


@contextmanager
def deferred() -> Iterator[Interrupts]:
    """Defer SIGINT within a `with` block; the code in it checks `requested` whenever its state is consistent.

    A kernel that runs for longer than `GRACE` after the signal finds `halt` set.

    This works in the main thread only, which alone gets signals, and only in place of Python's own handler: a program
    keeps a handler of its own. Within `raise_interrupts`, the signal is raised at the end of the block.
    """
    interrupts = Interrupts()
    is_handled = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if is_handled:
        signal.signal(signal.SIGINT, interrupts.on_signal)
    try:
        with _signal_thread().serving(interrupts) if is_handled else nullcontext():
            yield interrupts
    finally:
        if is_handled:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupts.requested and _RAISED.get():
        raise KeyboardInterrupt


@contextmanager
def raise_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in the `with` block, or in the function decorated with it.

    A run by itself answers Ctrl-C with a recording of what was done so far. Work that consists of many runs has no use
    for a part of one.

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
