"""HDF5 files that appear whole or not at all, and that say so where they are damaged."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import InputError, NeuroError

__all__ = ["completed", "growing", "key", "note", "noted", "put", "reading", "replaced"]

VERSION = "v110"
"""The oldest format in which the file's own structure has checksums; older programs than HDF5 1.10 cannot read it."""


@contextmanager
def replaced(path: str | Path, kind: str) -> Iterator[Any]:
    """A new file of some kind, which takes the name `path` when it is complete, and vanishes if it never is."""
    import h5py

    target = Path(path)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with h5py.File(partial, "w", libver=(VERSION, VERSION)) as file:
            file.attrs["neuro"] = kind
            yield file
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def growing(path: str | Path, kind: str) -> Any:
    """A new, open file of some kind, to be appended to while others read it (once its `swmr_mode` is set)."""
    import h5py

    try:
        file = h5py.File(path, "x", libver=(VERSION, VERSION))
    except FileExistsError:
        raise InputError(
            "this file is there already, and a run writes to a new one",
            where=str(path),
            remedy="Remove it, or give another name",
        ) from None
    file.attrs["neuro"] = kind
    return file


def completed(path: str | Path) -> Any:
    """A file that `growing` made, open for the last additions."""
    import h5py

    return h5py.File(path, "r+", libver=(VERSION, VERSION))


@contextmanager
def reading(path: str | Path, kinds: tuple[str, ...], error: type[NeuroError]) -> Iterator[Any]:
    """A file of one of these kinds, or `error`: it is of another kind, or damaged."""
    import h5py

    what = kinds[0].rpartition(" ")[0]
    damaged = error(
        f"this file is damaged, or cut short, or no {what} of neuro at all",
        where=str(path),
        remedy="Take another copy of it, or run again",
    )
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with _opened(h5py, path) as file:
            found = file.attrs.get("neuro")
            if found not in kinds:
                raise error(f"this is not a {what} of neuro", where=str(path), value=found)
            yield file
    except NeuroError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, UnicodeError) as problem:
        raise damaged from problem


def _opened(h5py: Any, path: str | Path) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as problem:
        # A run that crashed, or that is still going on, has left the file open for writing. Any other file would be
        # read over and over again in the hope that it changes.
        if "open for write" not in str(problem):
            raise
        return h5py.File(path, "r", libver="latest", swmr=True)


def put(group: Any, name: str, array: ArrayLike) -> None:
    """Write an array, with a checksum where it has any content."""
    data = np.asarray(array)
    checked = {"fletcher32": True, "chunks": True} if data.size and data.ndim else {}
    group.create_dataset(name, data=data, **checked)


def note(group: Any, name: str, value: Mapping[str, Any]) -> None:
    """Write what JSON can say; numbers come back with the same bits."""
    put(group, name, np.frombuffer(json.dumps(value).encode(), np.uint8))


def noted(group: Any, name: str) -> Any:
    """What `note` wrote."""
    return json.loads(bytes(group[name][:]))


def key(name: str) -> str:
    """A name of a population or projection as HDF5 takes it, which reads "/" and "." as paths.

    >>> key("layer/1")
    'layer%2F1'
    """
    return name.replace("%", "%25").replace("/", "%2F").replace(".", "%2E")
