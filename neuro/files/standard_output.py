"""Standard output: a full disk is named, a reader that has gone is no error, and every terminal shows something."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["checked_output"]

BROKEN_PIPE = 141
"""128 + SIGPIPE, as shells have it for a program whose reader has gone."""


class _OutputLost(Exception):
    """What was printed cannot be written. Not an OSError, which click and rich handle in ways of their own."""

    def __init__(self, problem: OSError) -> None:
        super().__init__(problem.strerror or str(problem))
        self.errno = problem.errno


class _Output(io.TextIOWrapper):
    """A stream that reports the first failure to write, and then takes everything and drops it.

    The buffers below are Python's own: a signal between a write and its return cannot make them write it again.
    """

    lost = False

    def write(self, text: str, /) -> int:
        if self.lost:
            return len(text)
        try:
            return super().write(text)
        except OSError as problem:
            raise self._lose(problem) from None

    def flush(self) -> None:
        if self.lost:
            return
        try:
            super().flush()
        except OSError as problem:
            raise self._lose(problem) from None

    def _lose(self, problem: OSError) -> _OutputLost:
        self.lost = True
        # What the buffers still hold has to go somewhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        return _OutputLost(problem)


@contextmanager
def checked_output() -> Iterator[None]:
    """In the `with` block, what is printed is written or the process ends by name.

    Characters that the terminal's encoding lacks become question marks. Where the reader of a pipe has gone
    (``neuro chips | head -1``), the process ends in silence with the code 141; where the disk is full, with an error
    and the code 1. A standard output that is not that of the process, as in tests, is left alone.
    """
    given = sys.stdout
    if given is None or given is not sys.__stdout__ or not isinstance(given, io.TextIOWrapper):
        yield
        return
    with suppress(OSError, ValueError):
        given.reconfigure(errors="replace")
        sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]
        raw = io.BufferedWriter(io.FileIO(given.fileno(), "w", closefd=False))
        sys.stdout = _Output(raw, encoding=given.encoding, errors="replace", line_buffering=given.line_buffering)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except _OutputLost as problem:
        if problem.errno == errno.EPIPE:
            raise SystemExit(BROKEN_PIPE) from None
        print(f"error: standard output cannot be written: {problem}", file=sys.stderr)
        raise SystemExit(1) from None
