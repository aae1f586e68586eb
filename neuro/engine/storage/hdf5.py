"""Writes and reads HDF5 files: a new file appears whole or not at all, and damage is reported."""

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

__all__ = [
    "check_self_contained",
    "hdf5_name",
    "open_existing",
    "open_growing",
    "open_new",
    "read_json",
    "reopen_growing",
    "write_array",
    "write_json",
]

MAX_DEPTH = 32
"""Deepest nesting of groups that is read; hard links can form a ring."""
VERSION = "v110"
"""The oldest HDF5 format that has checksums of the file's structure; it needs HDF5 1.10 or later."""


@contextmanager
def open_new(path: str | Path, kind: str) -> Iterator[Any]:
    """Open a new file of some kind, which gets the name `path` when it is complete; on an error it is removed."""
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


def open_growing(path: str | Path, kind: str) -> Any:
    """Open a new file of some kind for appending; others can read it meanwhile, once its `swmr_mode` is set."""
    import h5py

    try:
        file = h5py.File(path, "x", libver=(VERSION, VERSION))
    except FileExistsError:
        raise InputError(
            "a run writes to a new file, and this one exists",
            where=str(path),
            remedy="Remove it, or give another name",
        ) from None
    file.attrs["neuro"] = kind
    return file


def reopen_growing(path: str | Path) -> Any:
    """Open a file that `open_growing` made for the last additions."""
    import h5py

    return h5py.File(path, "r+", libver=(VERSION, VERSION))


@contextmanager
def open_existing(path: str | Path, kinds: tuple[str, ...], error: type[NeuroError]) -> Iterator[Any]:
    """Open a file of one of these kinds; raise `error` if it is of another kind, or damaged."""
    import h5py

    content = kinds[0].rpartition(" ")[0]
    damaged = error(
        f"this file is damaged, or cut short, or no {content} of neuro",
        where=str(path),
        remedy="Take another copy of it, or run again",
    )
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with _opened(h5py, path) as file:
            found = file.attrs.get("neuro")
            if found not in kinds:
                raise error(f"this is not a {content} of neuro", where=str(path), value=found)
            check_self_contained(file, path, error)
            yield file
    except NeuroError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, UnicodeError) as problem:
        raise damaged from problem


def check_self_contained(group: Any, path: str | Path, error: type[NeuroError], depth: int = 0) -> None:
    """Refuse a file whose data lie elsewhere: a crafted one could show parts of any other file as its own.

    Raises
    ------
    NeuroError
        Of the class `error`, for soft and external links, external storage, virtual datasets, and rings of groups.
    """
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        held = group[name] if isinstance(link, h5py.HardLink) else None
        outside = held is None or (isinstance(held, h5py.Dataset) and (held.external or held.is_virtual))
        if outside or depth == MAX_DEPTH:
            raise error(
                "a file must hold its data itself, without links, external storage and virtual datasets",
                where=f"{path}, {f'{group.name}/{name}'.replace('//', '/')}",
                value=type(link).__name__ if held is None else "rings of groups" if not outside else "data elsewhere",
                remedy="Ask whoever wrote it for a file with the data in it",
            )
        if isinstance(held, h5py.Group):
            check_self_contained(held, path, error, depth + 1)


def _opened(h5py: Any, path: str | Path) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as problem:
        # A run that crashed, or that is still going on, has left the file open for writing. In this mode HDF5 retries
        # failed reads, so a damaged file must not be opened in it.
        if "open for write" not in str(problem):
            raise
        return h5py.File(path, "r", libver="latest", swmr=True)


def write_array(group: Any, name: str, array: ArrayLike) -> None:
    """Write an array, with a checksum unless it is empty or a scalar."""
    data = np.asarray(array)
    checked = {"fletcher32": True, "chunks": True} if data.size and data.ndim else {}
    group.create_dataset(name, data=data, **checked)


def write_json(group: Any, name: str, value: Mapping[str, Any]) -> None:
    """Write a mapping as JSON; numbers come back with the same bits."""
    write_array(group, name, np.frombuffer(json.dumps(value).encode(), np.uint8))


def read_json(group: Any, name: str) -> Any:
    """Read what `write_json` wrote."""
    return json.loads(bytes(group[name][:]))


def hdf5_name(name: str) -> str:
    """The name of a population or projection as an HDF5 name, in which "/" and "." would be paths.

    >>> hdf5_name("layer/1")
    'layer%2F1'
    """
    return name.replace("%", "%25").replace("/", "%2F").replace(".", "%2E")
