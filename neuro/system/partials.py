"""Names of unfinished files and folders, and their removal once the process that made them is gone."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import time
from contextlib import suppress
from functools import cache
from hashlib import blake2s
from pathlib import Path

__all__ = ["has_ended", "owner", "partial_path", "sweep"]

FOREIGN_SECONDS = 7 * 24 * 3600.0
"""Age after which a partial of another machine counts as left behind: nobody here sees whether its process lives."""
LONGEST_NAME = 120
"""Bytes of a target's name that a partial's name repeats; file systems allow 255 altogether."""

_PROCESS = re.compile(r"(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<started>\d+)")
_OWNED = re.compile(rf"(?P<owner>{_PROCESS.pattern})-[0-9a-f]{{8}}\.partial")


def partial_path(target: str | Path) -> Path:
    """A new name beside `target` for what shall become it: hidden, and with the process that writes it.

    It is beside `target`, because a rename is atomic only within one file system. Nothing is made.

    >>> partial_path("results/out").name.startswith(".out.")
    True
    """
    target = Path(target)
    return target.with_name(f"{_prefix(target)}{owner()}-{secrets.token_hex(4)}.partial")


def owner() -> str:
    """This process: a digest of the machine, its number, and when it began, with a hyphen between two of them.

    >>> has_ended(owner())
    False
    """
    pid = os.getpid()
    return f"{_host()}-{pid}-{_started(pid) or 0}"


def has_ended(name: str) -> bool | None:
    """Has the process ended that `owner` gave this name to? None for one of another machine, or no such name.

    >>> has_ended("00000000-1-1") is None
    True
    """
    found = _PROCESS.fullmatch(name)
    if found is None or found["host"] != _host():
        return None
    started = _started(int(found["pid"]))
    # Another start means that the number went to another process; 0 that nobody knows.
    return started is None or (started > 0 < int(found["started"]) != started)


def sweep(target: str | Path) -> None:
    """Remove partials of `target` whose process has ended, by SIGKILL or a crash; what cannot be removed stays.

    Those of other machines, which write to the same network disk, stay for `FOREIGN_SECONDS` after their last change.

    >>> sweep("results/out")
    """
    target = Path(target)
    prefix = _prefix(target)
    with suppress(OSError):
        for path in [Path(entry.path) for entry in os.scandir(target.parent) if entry.name.startswith(prefix)]:
            if (found := _OWNED.fullmatch(path.name, len(prefix))) and _is_left_behind(path, found["owner"]):
                _remove(path)


def _prefix(target: Path) -> str:
    name = os.fsencode(target.name)
    if len(name) <= LONGEST_NAME:
        return f".{target.name}."
    start = name[:LONGEST_NAME].decode("utf-8", "ignore")
    return f".{start}~{blake2s(name, digest_size=8).hexdigest()}."


def _is_left_behind(path: Path, process: str) -> bool:
    ended = has_ended(process)
    return time.time() - _last_change(path) > FOREIGN_SECONDS if ended is None else ended


def _last_change(path: Path) -> float:
    """When a file, or anything in a folder, changed last; now, if that is hidden."""
    try:
        return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    except OSError:
        return time.time()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


@cache
def _host() -> str:
    """A digest of where process numbers are the same: the machine since it was started, and the container in it."""
    boot = namespace = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        namespace = os.readlink("/proc/self/ns/pid")
    return blake2s(f"{socket.gethostname()} {boot} {namespace}".encode(), digest_size=4).hexdigest()


def _started(pid: int) -> int | None:
    """When a process began, in ticks since the machine was started (0 where that is hidden); None if it has ended."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass  # another user's
    except (OSError, OverflowError):
        return None
    try:
        # The name of the program, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return None if fields[0] in "ZX" else int(fields[19])
