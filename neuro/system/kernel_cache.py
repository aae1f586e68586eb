"""The cache of compiled kernels: in files, valid for one state of their sources, and never the reason of a failure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, NullCache
from numba.core.registry import cpu_target

from neuro.system.kernel_files import KernelFiles, temporary_folder

__all__ = ["KernelCache", "cache_of"]


class KernelCache(FunctionCache):  # type: ignore[misc]
    """numba's cache with our files: it is never the reason why a kernel does not run.

    An entry is valid only while no file changes that the compiled code can come from.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = _digest(_top_folder(Path(function.__code__.co_filename).parent))
        dump: Any = self._cache_file._dump  # type: ignore[has-type]
        self._cache_file = KernelFiles(self._cache_path, self._impl.filename_base, f"{numba.__version__} {stamp}", dump)

    def has(self, signature: Any) -> bool:
        """Is the code for these types in a file?"""
        return self._cache_file.has(self._index_key(signature, cpu_target.target_context.codegen()))

    def save_overload(self, signature: Any, data: Any) -> None:
        with suppress(OSError):  # a full disk, a folder that can no longer be written
            super().save_overload(signature, data)


def cache_of(function: Callable[..., Any]) -> Any:
    """The cache of a kernel; a temporary one where no folder can be written, and none where that fails as well."""
    try:
        return KernelCache(function)
    except RuntimeError:  # numba's word for it
        folder = temporary_folder()
    if folder is None:
        return NullCache()
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, folder
    try:
        return KernelCache(function)
    finally:
        numba.config.CACHE_DIR = before


@cache
def _top_folder(folder: Path) -> Path:
    """The part of the package that a folder belongs to: the highest folder above it below the package itself."""
    above = folder.parent
    return _top_folder(above) if all((each / "__init__.py").is_file() for each in (above, above.parent)) else folder


@cache
def _digest(folder: Path) -> str:
    compilers = [Path(__file__).parents[1] / name for name in ("jit.py", "simd.py")]
    parts = (path.read_bytes() for path in (*compilers, *sorted(folder.rglob("*.py"))))
    return hashlib.sha256(b"\x00".join(parts)).hexdigest()
