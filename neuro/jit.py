"""The one place that imports numba: how kernels are compiled, cached, and announced."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

shares = numba.prange
_CORES = numba.get_num_threads()

__all__ = ["inlined", "is_cached", "kernel", "lent", "shared", "shares", "use_threads"]


def kernel(function: F) -> F:
    """Compile `function` to machine code, cached on disk, with IEEE arithmetic and no Python checks.

    Kernels may call kernels of other files in the same folder: the cache entry of each carries the digest of
    them all, because numba by itself would go on running a callee that has been edited in another file.
    """
    return _cached(function, parallel=False)


def shared(function: F) -> F:
    """A kernel whose loops over `shares(n)` are divided among threads."""
    return _cached(function, parallel=True)


def use_threads(count: int) -> None:
    """Let shared kernels use up to so many threads, as far as there are cores."""
    numba.set_num_threads(min(count, _CORES))


def _cached(function: F, parallel: bool) -> F:
    compiled = numba.njit(cache=True, error_model="numpy", fastmath=False, nogil=True, parallel=parallel)(function)
    index = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if index is not None:
        index._source_stamp = _digest(Path(function.__code__.co_filename).parent)
    return cast(F, compiled)


def inlined(function: F) -> F:
    """A kernel whose body is pasted into its callers, so that passing arrays to it costs nothing."""
    return cast(F, numba.njit(inline="always", error_model="numpy", fastmath=False, nogil=True)(function))


def _lent(context: Any, array: Any) -> Any:
    """The same array without its reference count, for a caller that keeps it alive.

    Every kernel counts references to all arrays that it is given, with an atomic instruction each; for a lent array
    this is nothing.
    """

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = target.make_array(signature.return_type)(target, builder, arguments[0])
        for owner in ("meminfo", "parent"):
            setattr(made, owner, getattr(made, owner).type(None))
        return made._getvalue()

    return array(array), generate


lent = cast(Callable[[Any], Any], numba.extending.intrinsic(_lent))


def is_cached(function: Callable[..., Any]) -> bool:
    """Has this kernel machine code already, in this process or on disk (or is compilation switched off)?"""
    if not hasattr(function, "signatures") or function.signatures:
        return True
    folder = Path(function.stats.cache_path)  # type: ignore[attr-defined]
    return any(folder.glob(f"*.{function.__name__}-*.nbi"))


@cache
def _digest(folder: Path) -> str:
    parts = (path.read_bytes() for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(b"\x00".join(parts)).hexdigest()
