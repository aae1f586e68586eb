"""Keeps compiled kernels in files: each is whole, of these sources, and as it was written, or it is not there."""

from __future__ import annotations

import atexit
import os
import pickle
import shutil
import tempfile
import warnings
from collections.abc import Callable, Hashable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from neuro.system.partials import partial_path, sweep

__all__ = ["SUFFIX", "KernelFiles", "temporary_folder"]

SUFFIX = ".kernel"
VARIABLE = "NEURO_TEMPORARY_CACHE"
"""Tells the processes that this one starts where its temporary folder is."""
DIGEST_SIZE = 16


class KernelFiles:
    """The files of one kernel, one for each types of its arguments; stands in for numba's index of them.

    A file has a digest of the rest, the version in one line, and the pickled key and code. The version is compared
    before the rest is unpickled: an entry of an earlier source may hold types that no longer exist.

    Parameters
    ----------
    folder
        Where the files lie.
    name
        How their names begin.
    version
        What the compiled code can come from, in one line.
    dump
        Pickles what `pickle` alone cannot.
    """

    def __init__(self, folder: str | Path, name: str, version: str, dump: Callable[[Any], bytes]) -> None:
        self._folder = Path(folder)
        self._name = name
        self._version = version.encode()
        self._dump = dump

    def has(self, key: Hashable) -> bool:
        """Is there a file for this key?"""
        return self._body(key) is not None

    def load(self, key: Hashable) -> Any:
        """What was saved under a key, or None."""
        body = self._body(key)
        if body is None:
            return None
        # Whatever is wrong with it, the kernel can be compiled.
        with suppress(Exception):
            found, data = pickle.loads(body)
            return data if found == key else None
        return None

    def save(self, key: Hashable, data: Any) -> None:
        """Keep data under a key, in place of older data.

        Raises
        ------
        OSError
            If the file cannot be written; nothing is left of it then.
        """
        rest = self._version + b"\n" + self._dump((key, data))
        target = self._path(key)
        sweep(target)
        partial = partial_path(target)
        try:
            partial.write_bytes(_digest(rest) + rest)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    def flush(self) -> None:
        """Remove all files of this kernel."""
        for path in self._folder.glob(f"{self._name}.*{SUFFIX}"):
            path.unlink(missing_ok=True)

    def _path(self, key: Any) -> Path:
        # A key of numba has the types, the processor, and the code, which the version has as well: an edited kernel
        # takes the place of what it was before.
        types = blake2b(repr(key[:2]).encode(), digest_size=8).hexdigest()
        return self._folder / f"{self._name}.{types}{SUFFIX}"

    def _body(self, key: Hashable) -> bytes | None:
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, rest = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
        version, _, body = rest.partition(b"\n")
        return body if version == self._version and digest == _digest(rest) else None


def temporary_folder() -> str | None:
    """A folder for kernels while this process and those that it starts run, or None where there is no place for one.

    It is for a read-only home and installation. The first call warns.
    """
    known = os.environ.get(VARIABLE)
    if known and os.path.isdir(known):
        return known
    try:
        target = Path(tempfile.gettempdir()) / "neuro-kernels"
        sweep(target)
        folder = partial_path(target)
        folder.mkdir(mode=0o700)
    except OSError:
        where, made = "compiled anew in each process", None
    else:
        where, made = f"in {folder} until this process ends", str(folder)
        os.environ[VARIABLE] = made
        atexit.register(_remove, made, os.getpid())
    warnings.warn(
        f"Neither the folder of the package nor the user's cache can be written, so compiled kernels are {where}. "
        "Set NUMBA_CACHE_DIR to a folder that can be written; then they are compiled only once.",
        stacklevel=2,
    )
    return made


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=DIGEST_SIZE).digest()
