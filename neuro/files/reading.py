"""Reads files that may be damaged, foreign or made to do harm: every fault is an error with the file's name.

No reader runs code from a file (no pickles, no tags of YAML), and none takes more memory than the file has a use for:
the size that a file declares is compared with what the file holds, and with the memory that is free.
"""

from __future__ import annotations

import gzip
import json
import stat
import tomllib
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from neuro.errors import DataError, NeuroError
from neuro.files.writing import named_errors
from neuro.memory import require_memory
from neuro.validation import Floats, Ints, file_name

__all__ = [
    "check_room",
    "existing_file",
    "in_file",
    "only_keys",
    "read_gzip",
    "read_json",
    "read_npy",
    "read_npz",
    "read_text",
    "read_toml",
    "read_yaml",
    "real_numbers",
    "whole_numbers",
]

npy: Any = np.lib.format

BYTES_PER_CHARACTER = 32
"""Memory that a text takes when it is parsed, at most: a list of one-digit numbers."""
MOST_DEPTH = 100
"""How deep the parts of a JSON, TOML or YAML file may lie in each other: those who read them may call themselves."""
MOST_NODES = 5_000_000
"""Nodes of a YAML file, each alias counted with all that it stands for."""


def existing_file(path: str | Path, error: type[NeuroError]) -> Path:
    """The path, if there is a file.

    Raises
    ------
    DataError
        If there is nothing: it is a FileNotFoundError, too.
    NeuroError
        `error`, if it is a directory or a device.
    FileError
        If the system does not let us look.
    """
    file_name(path, "file", error=error)
    if not str(path) or "\0" in str(path):
        raise error("must be the name of a file", where="file", value=repr(str(path)))
    with named_errors(path, "read"):
        try:
            mode = Path(path).stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            raise DataError("there is no such file", where=str(path)) from None
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "a device or pipe"
        raise error("must be the name of a file", where=str(path), value=kind)
    return Path(path)


@contextmanager
def in_file(path: str | Path) -> Iterator[None]:
    """Errors of ours in the `with` block name the file, if they do not yet."""
    try:
        yield
    except NeuroError as error:
        if Path(path).name not in str(error):
            error.where = f"{path}, {error.where}" if error.where else str(path)
            error.args = (f"{path}: {error}", *error.args[1:])
        raise


def check_room(needed: float, path: str | Path, error: type[NeuroError]) -> None:
    """Refuse a file whose content takes more bytes than are free; raise `error` with both."""
    require_memory(
        needed,
        str(path),
        rule="the content of this file must fit into memory",
        remedy="If it should be smaller, it is damaged: take another copy of it",
        error=error,
    )


def read_text(path: str | Path, error: type[NeuroError], what: str, encoding: str = "utf-8") -> str:
    """The text of a file in UTF-8.

    Parameters
    ----------
    path
        The file.
    error
        The error to raise if it is no such text.
    what
        What the file should be, for the error: "a chip file".
    encoding
        "utf-8", or "utf-8-sig" where the file may begin with a mark of its encoding.
    """
    file = existing_file(path, error)
    with named_errors(path, "read"):
        check_room(BYTES_PER_CHARACTER * file.stat().st_size, path, error)
        content = file.read_bytes()
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as problem:
        rule = f"{what} must be text in UTF-8"
        raise error(rule, where=str(path), value=f"byte {content[problem.start]:#04x} at {problem.start}") from None


def read_json(path: str | Path, error: type[NeuroError], what: str) -> dict[str, Any]:
    """The object in a JSON file; arguments as for `read_text`."""
    text = read_text(path, error, what)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise error(f"{what} must be valid JSON", where=str(path), value=_reason(problem)) from None
    return _mapping(found, path, error, what)


def read_toml(path: str | Path, error: type[NeuroError], what: str) -> dict[str, Any]:
    """The table in a TOML file; arguments as for `read_text`."""
    text = read_text(path, error, what)
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise error(f"{what} must be valid TOML", where=str(path), value=_reason(problem)) from None
    return _mapping(found, path, error, what)


def read_yaml(path: str | Path, error: type[NeuroError], what: str, *, as_text: bool = False) -> dict[str, Any]:
    """The mapping in a YAML file of plain values, without tags; other arguments as for `read_text`.

    Parameters
    ----------
    as_text
        Leave numbers as the texts that they are written as.
    """
    import yaml

    text = read_text(path, error, what)
    try:
        loader: Any = (yaml.BaseLoader if as_text else yaml.SafeLoader)(text)
        try:
            node = loader.get_single_node()
            _count_nodes(node, {}, ())
            found = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as problem:
        raise error(f"{what} must be valid YAML", where=str(path), value=_reason(problem)) from None
    return _mapping(found, path, error, what)


def _count_nodes(node: Any, known: dict[int, int], above: tuple[int, ...]) -> int:
    """Nodes below one of YAML, itself included; aliases can make a few lines as large as one likes."""
    if id(node) in above:
        raise ValueError("a part that contains itself")
    if id(node) not in known:
        parts = node.value if node is not None and not isinstance(node.value, str) else ()
        flat = [each for part in parts for each in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] = 1 + sum(_count_nodes(each, known, (*above, id(node))) for each in flat)
    if known[id(node)] > MOST_NODES:
        raise ValueError(f"aliases that stand for more than {MOST_NODES:,} values")
    return known[id(node)]


def read_npz(path: str | Path, error: type[NeuroError], what: str) -> dict[str, NDArray[Any]]:
    """The arrays of a npz file; arguments as for `read_text`.

    Their checksums are compared. Arrays of objects, which are pickles, are refused.
    """
    file = existing_file(path, error)
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with named_errors(path, "read"), zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len({member.filename for member in members}) < len(members):
                raise ValueError("two arrays of one name")
            needed = 0
            for member in members:
                with archive.open(member) as stream:
                    needed += _declared(stream, member.filename, member.file_size)
            check_room(needed, path, error)
            for member in members:
                with archive.open(member) as stream:
                    array = npy.read_array(stream, allow_pickle=False)
                    if stream.read(1):  # Reading to the end compares the checksum.
                        raise ValueError(f"more in {member.filename} than its array")
                arrays[member.filename.removesuffix(".npy")] = array
    except NeuroError:
        raise
    except _NPZ_PROBLEMS as problem:
        raise error(f"{what} must be a whole npz archive of arrays", where=str(path), value=_reason(problem)) from None
    return arrays


_NPZ_PROBLEMS = (
    *(ValueError, KeyError, TypeError, EOFError, OverflowError, RecursionError, NotImplementedError, RuntimeError),
    *(SyntaxError, AttributeError, IndexError, zipfile.BadZipFile, zlib.error),
)
"""What zipfile and NumPy raise at damaged archives."""


def read_npy(path: str | Path, error: type[NeuroError], what: str) -> NDArray[Any]:
    """The array of a npy file, never one of Python objects; arguments as for `read_text`."""
    file = existing_file(path, error)
    try:
        with named_errors(path, "read"), file.open("rb") as stream:
            check_room(_declared(stream, file.name, file.stat().st_size), path, error)
            stream.seek(0)
            array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    except NeuroError:
        raise
    except _NPZ_PROBLEMS as problem:
        raise error(f"{what} must be a whole npy file", where=str(path), value=_reason(problem)) from None
    return array


def read_gzip(path: str | Path, error: type[NeuroError], what: str, *, most: int) -> bytes:
    """What a gzip file holds, refused beyond `most` bytes; other arguments as for `read_text`."""
    file = existing_file(path, error)
    try:
        with named_errors(path, "read"), file.open("rb") as packed:
            content = _unpacked(packed, most + 1)
    except (EOFError, ValueError, zlib.error) as problem:
        raise error(f"{what} must be a whole gzip file", where=str(path), value=_reason(problem)) from None
    if len(content) > most:
        raise error(f"{what} must hold at most {most:,} bytes", where=str(path), value="more")
    return content


def _unpacked(packed: IO[bytes], most: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=packed) as stream:
            return stream.read(most)
    except gzip.BadGzipFile as problem:  # an OSError, but no fault of the system
        raise ValueError(problem) from None


def _declared(stream: IO[bytes], name: str, held: int) -> int:
    """Bytes of an array as its header declares them, no more than the `held` ones that there are."""
    version = npy.read_magic(stream)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"an array in the format {version}")
    shape, _, dtype = read_header[version](stream)
    size: int = prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError("an array of Python objects, which are never read")
    if min(shape, default=0) < 0 or size > held:
        raise ValueError(f"{name} declares {size:,} bytes and has {held:,}")
    return size


def whole_numbers(value: Any, where: str, error: type[NeuroError], *, least: int = 0, most: int | None = None) -> Ints:
    """A flat list or array of whole numbers between two bounds, as int64.

    Unlike `np.asarray(value, int)` this refuses 0.7, True, "1" and what does not fit 64 bits.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0, object)
    if array.size == 0 and array.ndim == 1 and array.dtype != object:
        return np.zeros(0, np.int64)
    whole = array.dtype.kind in "iu" or (array.dtype.kind == "f" and bool(np.all(array == np.floor(array))))
    if array.ndim != 1 or not whole:
        kind = f"{array.dtype}, shape {array.shape}"
        raise error("must be a flat list of whole numbers", where=where, value=kind)
    low, high = array.min(), array.max()
    largest = np.iinfo(np.int64).max if most is None else most
    if low < least or high > largest or (array.dtype.kind == "f" and high >= 2.0**63):
        rule = f"must lie in {least}..{most}" if most is not None else f"must not be below {least}, nor pass 64 bits"
        raise error(rule, where=where, value=low if low < least else high)
    return array.astype(np.int64, copy=False)


def real_numbers(value: Any, where: str, error: type[NeuroError]) -> Floats:
    """Real numbers as float64; unlike `np.asarray(value, float)` this refuses "1", dates and complex numbers."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise error("must be real numbers", where=where, value=f"{array.dtype}, shape {array.shape}")
    return array.astype(np.float64, copy=False)


def only_keys(found: Mapping[str, Any], known: Collection[str], path: str | Path, error: type[NeuroError]) -> None:
    """Refuse entries of a file that nobody reads; raise `error` with their names."""
    if unknown := sorted(set(found) - set(known)):
        raise error(f"the entries of this file are {', '.join(sorted(known))}", where=str(path), value=repr(unknown[0]))


def _mapping(found: Any, path: str | Path, error: type[NeuroError], what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        kind = "nothing" if found is None else type(found).__name__
        raise error(f"{what} must have named entries", where=str(path), value=kind)
    level: list[Any] = [found]
    depth = 0
    while level:
        level = [part for each in level for part in _parts(each) if isinstance(part, dict | list)]
        depth += 1
        if depth > MOST_DEPTH:
            raise error(f"{what} must not be nested deeper than {MOST_DEPTH} levels", where=str(path))
    return found


def _parts(found: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return found.values() if isinstance(found, dict) else found


def _reason(problem: Exception) -> str:
    if isinstance(problem, RecursionError):
        return "parts nested too deeply"
    return " ".join(str(problem).split())[:300] or type(problem).__name__
