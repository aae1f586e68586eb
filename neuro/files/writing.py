"""Writes files: each appears whole or not at all, and what goes wrong is named.

A file is written under another name beside its own (`neuro/system/partials.py`), brought to the disk, and renamed. A
process that is killed leaves such a partial behind. The next one that writes the same file removes it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neuro.errors import FileError, NeuroError
from neuro.system.partials import partial_path, sweep
from neuro.validation import file_name

__all__ = ["atomic", "check_target", "named_errors", "write_text"]

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Free some space, or write somewhere else"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "Choose a place that you may use"),
    errno.ENAMETOOLONG: "Give a shorter name",
    errno.ELOOP: "Give the name of the file itself, without links",
    errno.ENOENT: "Make the folder first",
    errno.ENOTDIR: "Give a name inside a folder",
    errno.EISDIR: "Give the name of a file",
}


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A name beside `path` to write to in a `with` block; at its end the file gets the name `path`.

    On an error the partial file is removed, and what was at `path` stays. The permissions are those of a new file.

    Raises
    ------
    FileError
        If `path` cannot be a file (see `check_target`), or the system refuses to write it.
    """
    target = check_target(path)
    sweep(target)
    partial = partial_path(target)
    try:
        with named_errors(target, "written"):
            yield partial
            _bring_to_disk(partial)
            os.replace(partial, target)
            with suppress(OSError):  # Some file systems cannot do this for a folder; the file itself is whole.
                _bring_to_disk(target.parent)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all.

    Raises
    ------
    FileError
        As `atomic`.
    """
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def check_target(path: str | Path) -> Path:
    """The path, if a file can be written there.

    Raises
    ------
    FileError
        If the name is empty, belongs to a directory, a link or a device, or its folder is missing or write-protected.

    >>> check_target("/")
    Traceback (most recent call last):
    neuro.errors.FileError: /: must be the name of a file; got a directory. Give the name of a file
    """
    target, remedy = file_name(path, "file", error=FileError), _REMEDIES[errno.EISDIR]
    if not str(path) or "\0" in str(path):
        raise FileError("must be the name of a file", where="file", value=repr(str(path)), remedy=remedy)
    with named_errors(target, "written"):
        with suppress(FileNotFoundError):
            mode = target.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise OSError(errno.ELOOP, "it is a symbolic link, and files are not written through links")
            if not stat.S_ISREG(mode):
                kind = "a directory" if stat.S_ISDIR(mode) else "a device or pipe"
                raise FileError("must be the name of a file", where=str(path), value=kind, remedy=remedy)
        if not target.parent.exists():
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {target.parent}")
        if not target.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{target.parent} is a file")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"no permission to write in {target.parent}")
    return target


@contextmanager
def named_errors(path: str | Path, done: str) -> Iterator[None]:
    """Errors of the system in the `with` block become a `FileError` with the path, the reason and a remedy.

    Parameters
    ----------
    path
        The file.
    done
        What cannot be done to it: "written", "read".
    """
    try:
        yield
    except NeuroError:
        raise
    except OSError as problem:
        number = problem.errno or 0
        remedy = _REMEDIES.get(number, "Look at the disk, or use another place")
        reason = problem.strerror or _first_line(problem)
        found = FileError(f"cannot be {done}: {reason}", where=str(path), remedy=remedy)
        found.errno = number
        raise found from problem


def _first_line(problem: OSError) -> str:
    """What HDF5 says, without its table of where it said so."""
    told = re.search(r"error message = '([^']*)'", str(problem))
    return told[1] if told else str(problem).partition("\n")[0] or type(problem).__name__


def _bring_to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
