"""Writes and reads HDF5 files: a new file appears whole or not at all, and damage is reported."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import InputError, NeuroError
from neuro.files.reading import existing_file, in_file
from neuro.files.writing import atomic, check_target, named_errors

__all__ = [
    "bytes_of",
    "check_self_contained",
    "hdf5_name",
    "open_existing",
    "open_growing",
    "open_new",
    "read_json",
    "reopen_growing",
    "reserve",
    "write_array",
    "write_json",
]

MAX_DEPTH = 32
"""Deepest nesting of groups that is read; hard links can form a ring."""
MARGIN = 1 << 20
"""Bytes that are reserved for the structure of a file, beside those of its arrays."""
CHECKSUM_ONLY = {2, 3}
"""Filters of HDF5 that do not compress: shuffle and Fletcher's checksum."""
MOST_COMPRESSION = 1100
"""Bytes that one compressed byte can stand for: 1,032 in the format of zlib."""
VERSION = "v110"
"""The oldest HDF5 format that has checksums of the file's structure; it needs HDF5 1.10 or later."""


@contextmanager
def open_new(path: str | Path, kind: str) -> Iterator[Any]:
    """Open a new file of some kind, which gets the name `path` when it is complete; on an error it is removed.

    Raises
    ------
    FileError
        If the system refuses to write it.
    """
    import h5py

    with atomic(path) as partial, named_errors(path, "written"):
        _probe(partial)
        file = h5py.File(partial, "w", libver=(VERSION, VERSION))
        with closing_file(file):
            reserve(file, 0)
            file.attrs["neuro"] = kind
            yield file


def open_growing(path: str | Path, kind: str) -> Any:
    """Open a new file of some kind for appending; others can read it meanwhile, once its `swmr_mode` is set.

    An empty file, which a run leaves that finds no room on the disk, is replaced.

    Raises
    ------
    InputError
        If the file exists.
    FileError
        If the system refuses to write it.
    """
    import h5py

    target = check_target(path)
    with named_errors(path, "written"):
        if target.exists() and target.stat().st_size:
            raise InputError(
                "a run writes to a new file, and this one exists",
                where=str(path),
                remedy="Remove it, or give another name",
            )
        _probe(target)
        file = h5py.File(path, "x", libver=(VERSION, VERSION))
        reserve(file, 0)
        file.attrs["neuro"] = kind
    return file


@contextmanager
def reopen_growing(path: str | Path) -> Iterator[Any]:
    """Open a file that `open_growing` made for the last additions."""
    import h5py

    with named_errors(path, "written"):
        file = h5py.File(path, "r+", libver=(VERSION, VERSION))
        with closing_file(file):
            yield file


@contextmanager
def closing_file(file: Any) -> Iterator[None]:
    """Close a file at the end of the `with` block, and give back what `reserve` took too much."""
    path = file.filename
    try:
        yield
    finally:
        file.flush()
        size = file.id.get_filesize()
        file.close()
        if os.path.getsize(path) > size:
            os.truncate(path, size)


def _probe(path: Path) -> None:
    """Raise an OSError if there is no room for a small new file."""
    with path.open("wb") as file:
        try:
            _allocate(file.fileno(), MARGIN)
        finally:
            path.unlink()


def reserve(file: Any, needed: int) -> None:
    """Take `needed` bytes of the disk before they are written.

    HDF5 crashes the process where a full disk stops it halfway. So the disk is asked first.

    Raises
    ------
    OSError
        If it has no room for them.
    """
    opened = os.open(file.filename, os.O_WRONLY)
    try:
        _allocate(opened, file.id.get_filesize() + needed + MARGIN)
    finally:
        os.close(opened)


def _allocate(opened: int, size: int) -> None:
    """Give an open file room for `size` bytes, where the system and the disk can do so."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(opened, 0, size)
        except OSError as problem:
            if problem.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise


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
    existing_file(path, error)
    try:
        with in_file(path), _opened(h5py, path) as file:
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
        elif held is not None and held.nbytes > _most_bytes(held):
            raise error(
                "an array must have the bytes that it declares",
                where=f"{path}, {held.name}",
                value=f"{held.nbytes:,} bytes declared, {held.id.get_storage_size():,} there",
                remedy="Take another copy of the file",
            )


def bytes_of(file: Any) -> int:
    """Bytes that all arrays of a file take in memory."""
    sizes: list[int] = []
    file.visititems(lambda _, held: sizes.append(getattr(held, "nbytes", 0)))
    return sum(sizes)


def _most_bytes(dataset: Any) -> int:
    """Bytes that an array of a file can have at most, from those that are on the disk."""
    stored: int = dataset.id.get_storage_size()
    filters = dataset.id.get_create_plist()
    codes = {filters.get_filter(k)[0] for k in range(filters.get_nfilters())}
    return stored if codes <= CHECKSUM_ONLY else MOST_COMPRESSION * stored


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
    """Write an array, with a checksum unless it is empty."""
    data = np.asarray(array)
    checked = {"fletcher32": True, "chunks": True} if data.size and data.ndim else {}
    held = group.create_dataset(name, data.shape, data.dtype, **checked)
    if data.size:
        # A chunk at the edge takes as much as any other.
        entries = prod(-(-n // part) * part for n, part in zip(data.shape, held.chunks or data.shape, strict=True))
        reserve(group.file, entries * data.dtype.itemsize)
        held[...] = data


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
