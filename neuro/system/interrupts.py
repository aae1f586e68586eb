"""Signals that ask to stop: a run stops where its state is consistent, and a command leaves nothing half-written."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

__all__ = ["STOPS", "Interrupts", "Stopped", "commanded", "deferred", "exit_code", "postponed", "raise_interrupts"]

GRACE = 1.0
"""Seconds that a kernel has after a signal to end by itself; its chunk of the run is then kept."""
AGAIN = 0.02
"""Seconds after which a signal that came where Python cannot raise is sent again."""
PATIENCE = 5.0
"""Seconds after which a command ends although its main thread has not come back to Python."""
STOPS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask a command to stop: of the terminal, of whoever manages processes, and of a closed terminal."""

_RAISED = ContextVar("neuro_interrupts_are_raised", default=False)


def exit_code(number: int) -> int:
    """The exit code of a command that a signal has stopped: SIGTERM asks for the same as Ctrl-C.

    >>> exit_code(signal.SIGINT), exit_code(signal.SIGTERM), exit_code(signal.SIGHUP)
    (130, 130, 129)
    """
    return 128 + (signal.SIGINT if number == signal.SIGTERM else number)


class Stopped(KeyboardInterrupt):
    """A signal asked a command to stop; `number` says which.

    >>> str(Stopped(signal.SIGTERM))
    'SIGTERM'
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interrupts:
    """Records whether a run was asked to stop."""

    grace = GRACE
    """Seconds that a kernel has after a signal."""

    def __init__(self) -> None:
        import numpy as np

        self.requested = False
        self.halt = np.zeros(1, np.int64)
        """Not zero: kernels return at once, and their chunk of the run is lost."""
        self.received = 0
        """Signals that the thread which receives them has seen."""

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Record the first signal; the second one raises KeyboardInterrupt at once."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def stop(self) -> None:
        """Let kernels return at once."""
        self.halt[0] = 1


class Command:
    """How a command answers signals: the first stops it where it is whole, the second ends it at once."""

    def __init__(self) -> None:
        self.number = 0
        """The signal that asked for the end, or 0."""
        self.received: list[int] = []
        """The signals that came, as the thread that receives them has seen them, which may be a little later."""
        self.repeated = 0
        """How many of them this process has sent itself again."""
        self.runs: list[Interrupts] = []

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Tell the run under way, or raise `Stopped`."""
        if self.number:
            os._exit(exit_code(number))
        self.number = number
        if not self.runs:
            raise Stopped(number)
        self.runs[-1].requested = True

    def on_unraisable(self, lost: Any, usual: Callable[[Any], object]) -> None:
        """Ask again soon after Python has dropped `Stopped`, as in callbacks of C libraries and in `__del__`."""
        if isinstance(lost.exc_value, Stopped):
            number, self.number, self.repeated = self.number, 0, self.repeated + 1
            timer = threading.Timer(AGAIN, self._ask_again, (number,))
            timer.daemon = True
            timer.start()
        else:
            usual(lost)

    def _ask_again(self, number: int) -> None:
        if not self.number:
            os.kill(os.getpid(), number)


class _SignalThread:
    """A thread that receives signals while the main thread is in a kernel, where Python's handlers have to wait."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.run: Interrupts | None = None
        self.command: Command | None = None
        self.receiver, self.sender = socket.socketpair()
        self.sender.setblocking(False)
        threading.Thread(target=self._listen, name="neuro-interrupts", daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                received = self.receiver.recv(64)
            except TimeoutError:
                self.receiver.settimeout(None)
                self._lose_patience()
                continue
            if not received:
                return
            stops = STOPS if self.command is not None else (signal.SIGINT,)
            for number in received:
                if number in stops:
                    self.receiver.settimeout(self._receive(number))

    def _receive(self, number: int) -> float | None:
        """Answer a signal; return after how many seconds to look again."""
        run, command = self.run, self.command
        if command is not None:
            command.received.append(number)
            if len(command.received) > 1 + command.repeated:
                os._exit(exit_code(number))
        if run is None:
            return None if command is None else PATIENCE
        run.received += 1
        if run.received > 1:
            run.stop()
        return run.grace

    def _lose_patience(self) -> None:
        run, command = self.run, self.command
        if run is not None and run.received:
            run.stop()
        elif run is None and command is not None and command.received and not command.number:
            os.write(2, b"stopped; what was not finished was not written\n")
            os._exit(exit_code(command.received[-1]))

    @contextmanager
    def serving(self, run: Interrupts | None, command: Command | None) -> Iterator[None]:
        """Set `halt` of a run on a signal within a `with` block, unless the program has its own wakeup socket."""
        before = signal.set_wakeup_fd(self.sender.fileno(), warn_on_full_buffer=False)
        if before not in (-1, self.sender.fileno()):
            signal.set_wakeup_fd(before)
        outer = self.run, self.command
        self.run, self.command = run, command
        try:
            yield
        finally:
            self.run, self.command = outer
            signal.set_wakeup_fd(before)


_THREADS: list[_SignalThread] = []
_COMMANDS: list[Command] = []


def _signal_thread() -> _SignalThread:
    """The thread of this process; a fork does not inherit it."""
    if not _THREADS or _THREADS[-1].process != os.getpid():
        _THREADS[:] = [_SignalThread()]
    return _THREADS[-1]


@contextmanager
def deferred(interrupts: Interrupts | None = None) -> Iterator[Interrupts]:
    """Defer Ctrl-C within a `with` block; the code in it checks `requested` whenever its state is consistent.

    A kernel that runs for longer than `GRACE` after the signal finds `halt` set. `interrupts` is the record to use.

    This works in the main thread only, which alone gets signals, and only in place of Python's own handler: a program
    keeps a handler of its own. Within `raise_interrupts`, the signal is raised at the end of the block. In a command
    (`commanded`), all signals that ask to stop are deferred.
    """
    interrupts = interrupts or Interrupts()
    command = _COMMANDS[-1] if _COMMANDS else None
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
    elif command is not None:
        command.runs.append(interrupts)
        try:
            with _signal_thread().serving(interrupts, command):
                yield interrupts
        finally:
            command.runs.pop()
    elif signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupts.on_signal)
        try:
            with _signal_thread().serving(interrupts, None):
                yield interrupts
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    else:
        yield interrupts
    if interrupts.requested and _RAISED.get():
        raise KeyboardInterrupt if command is None or not command.number else Stopped(command.number)


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


@contextmanager
def postponed() -> Iterator[None]:
    """Let a short `with` block finish, such as one that publishes files, and raise KeyboardInterrupt then."""
    with raise_interrupts(), deferred():
        yield


@contextmanager
def commanded() -> Iterator[Command]:
    """Answer the signals of `STOPS` as a command does, for a `with` block in the main thread.

    The first raises `Stopped`, or lets a run stop where it is whole and raises then. The second ends the process at
    once. A signal that is ignored, as `nohup` has it, stays ignored, and a program keeps handlers of its own.
    """
    command, hook = Command(), sys.unraisablehook
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: handler for number in STOPS if (handler := signal.getsignal(number)) in usual}
    with raise_interrupts(), _signal_thread().serving(None, command):
        _COMMANDS.append(command)
        try:
            for number in before:
                signal.signal(number, command.on_signal)
            sys.unraisablehook = lambda lost: command.on_unraisable(lost, hook)
            yield command
        finally:
            sys.unraisablehook = hook
            for number, handler in before.items():
                signal.signal(number, handler)
            _COMMANDS.remove(command)
