"""Who computes which point: a file that only one process can make, and that is free when its owner is gone."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from neuro.files.writing import named_errors
from neuro.system.partials import has_ended, owner

__all__ = ["Claims"]

BEAT_SECONDS = 10.0
"""How often an owner touches its claims."""
STALE_SECONDS = 60.0
"""A claim of another machine that nobody has touched for so long is free."""


class Claims:
    """The claims of one process in a folder that several processes share, on any number of machines.

    A claim on `key` is the file ``key.0``, made exclusively: the file system lets one process succeed. Who finds the
    owner of ``key.0`` gone makes ``key.1``, and so on; the claim with the highest number counts. So a process that
    takes a claim over removes nothing that another one may just have made.

    On one machine an owner is gone when its process is. On others it is gone when the claim's time of change stays the
    same for `STALE_SECONDS` of this process's own clock, so that clocks need not agree.

    Parameters
    ----------
    folder
        Where the claims are; it is made.
    clock
        Seconds that go on.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.clock = clock
        self._mine: dict[str, Path] = {}
        self._seen: dict[Path, tuple[int, float]] = {}
        self._beaten = clock()
        with named_errors(folder, "written"):
            folder.mkdir(parents=True, exist_ok=True)

    def take(self, key: str) -> bool:
        """Claim a point; False if another process has it.

        Raises
        ------
        FileError
            If the system refuses to make the file.
        """
        number, last = 0, None
        while (path := self.folder / f"{key}.{number}").exists():
            number, last = number + 1, path
        if last is not None and not self._is_free(last):
            return False
        with named_errors(path, "written"):
            try:
                opened = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            except FileExistsError:
                return False
            try:
                os.write(opened, f"{owner()} {socket.gethostname()}\n".encode())
            except OSError:
                path.unlink()
                raise
            finally:
                os.close(opened)
        self._mine[key] = path
        return True

    def release(self, key: str) -> None:
        """Give a claim of this process up."""
        with suppress(OSError):
            self._mine.pop(key).unlink()

    def release_all(self) -> None:
        """Give all claims of this process up."""
        for key in list(self._mine):
            self.release(key)

    def clear(self, key: str) -> None:
        """Remove what owners that are gone have left of the claims on a finished point."""
        for path in self.folder.glob(f"{key}.*"):
            if self._is_free(path):
                with suppress(OSError):
                    path.unlink()

    def beat(self) -> None:
        """Show that this process is there, if it is time again."""
        if self.clock() - self._beaten > BEAT_SECONDS:
            self._beaten = self.clock()
            for path in self._mine.values():
                with suppress(OSError):
                    os.utime(path)

    def _is_free(self, path: Path) -> bool:
        try:
            by = path.read_text(encoding="utf-8", errors="replace").partition(" ")[0]
            changed = path.stat().st_mtime_ns
        except OSError:
            return True
        ended = has_ended(by)
        if ended is not None:
            return ended
        before, since = self._seen.get(path, (None, 0.0))
        if before != changed:
            self._seen[path] = changed, self.clock()
            return False
        return self.clock() - since > STALE_SECONDS
