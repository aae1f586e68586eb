"""Compile kernels and hand arrays to them. numba is imported here, in `simd.py` and `system/kernel_cache.py` alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_type_hints

import llvmlite.binding
import llvmlite.ir
import numba
import numpy as np
from numba.core import cgutils, types
from numba.core.ccallback import CFunc
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, intrinsic, lower_getattr_generic, register_model, unbox
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype
from numpy.typing import NDArray

from neuro.system.kernel_cache import KernelCache, cache_of
from neuro.system.kernel_files import SUFFIX

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", bound=tuple[Any, ...])

_OPTIONS = {"error_model": "numpy", "fastmath": False, "nogil": True}
_SCALARS = {float: types.float64, int: types.int64, bool: types.boolean, NoneType: types.void}

ENOUGH_FOR_HELPER = 8
"""With this many routines to compile, `link_routines` starts a second process."""
HELPER_SECONDS = 30.0
"""Seconds after which that process is stopped."""

__all__ = [
    "as_table",
    "as_tables",
    "cores",
    "fill_cache",
    "highest_bit",
    "inlined",
    "inner",
    "is_cached",
    "kernel",
    "link_routines",
    "load_acquire",
    "lowest_bit",
    "routine",
    "store_release",
    "table_at",
    "yield_core",
]


def kernel(function: F) -> F:
    """Compile `function` to machine code, cached on disk, with IEEE arithmetic and no Python checks.

    Kernels may call kernels of other files in the same part of the package (`neuro/engine` with all folders below
    it). A cache entry has the digest of that whole tree, because numba alone does not notice that a callee in another
    file has changed.
    """
    compiled = numba.njit(no_cfunc_wrapper=True, **_OPTIONS)(function)
    if not numba.config.DISABLE_JIT:
        compiled._cache = cache_of(function)
    return cast(F, compiled)


def inner(function: F) -> F:
    """A kernel for other kernels alone: numba compiles it into each caller, and Python cannot call it."""
    return cast(F, numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function))


def inlined(function: F) -> F:
    """A kernel whose body is copied into its callers, so that passing arrays to it costs nothing."""
    return cast(F, numba.njit(inline="always", **_OPTIONS)(function))


def routine(function: F) -> F:
    """A kernel that other kernels call by its address: it is compiled once, not again in each caller.

    It takes numbers and tables of arrays (`as_table`). It is for code that runs too seldom for the cost of a call to
    matter. Call `link_routines` before the first kernel that uses it.
    """
    hints = get_type_hints(function, include_extras=True)
    returned = _type_of(hints.pop("return"))
    signature = returned(*(_type_of(hint) for hint in hints.values()))
    external = types.ExternalFunction(f"{function.__module__}.{function.__qualname__}", signature)
    _UNLINKED[external] = function
    return cast(F, external)


def link_routines(entry: Callable[..., Any] | None = None) -> None:
    """Make all routines of the modules imported so far callable, from the cache where possible.

    If many are not cached, a second process compiles the kernel `entry`, and then the routines from the end of the
    list, until both processes meet.
    """
    with _LINKING:
        todo = [(external, _with_cache(external, function)) for external, function in _UNLINKED.items()]
        missing = sum(not _in_cache(compiled) for _, compiled in todo)
        with _helper_process(entry) if missing >= ENOUGH_FOR_HELPER else nullcontext():
            for external, compiled in todo:
                compiled.compile()
                llvmlite.binding.add_symbol(external.symbol, compiled.address)
                _LINKED.append(compiled)
                del _UNLINKED[external]


def _with_cache(external: Any, function: Callable[..., Any]) -> Any:
    compiled: Any = CFunc(function, (external.sig.args, external.sig.return_type), locals={}, options=_OPTIONS)
    compiled._cache = cache_of(function)
    return compiled


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_cache(compiled: Any) -> bool:
    """Is this CFunc in the cache? True where there is none: a second process cannot help."""
    return not isinstance(compiled._cache, KernelCache) or compiled._cache.has(compiled._sig)


@contextmanager
def _helper_process(entry: Callable[..., Any] | None) -> Iterator[None]:
    """Compile from the end of the list in a second process meanwhile, if there is a core for it."""
    helper = None
    if cores() > 1 and sys.executable and not numba.config.DISABLE_JIT:
        modules = sorted({function.__module__ for function in _UNLINKED.values()} - {"__main__"})
        what = [] if entry is None else [entry.__module__, entry.__qualname__]
        path = [str(folder) for folder in sys.path]
        code = (
            f"import sys; sys.path[:] = {path}; from neuro.system.workers import end_when_closed; end_when_closed(0); "
            f"import neuro.jit; neuro.jit.fill_cache({modules}, *{what})"
        )
        # Nothing is written to its input, which closes when this process ends, by whatever signal.
        quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with suppress(OSError):  # without it, this process compiles everything
            helper = subprocess.Popen([sys.executable, "-c", code], **quiet)  # type: ignore[call-overload]
    try:
        yield
        if helper is not None:
            with suppress(subprocess.TimeoutExpired):  # it is at most at a routine that this process has compiled
                helper.wait(HELPER_SECONDS)
    finally:
        if helper is not None:
            helper.kill()
            helper.communicate()


def fill_cache(modules: list[str], module: str = "", name: str = "") -> None:
    """Compile a kernel, and all routines of some modules from the last on, without making them callable."""
    for each in modules:
        import_module(each)
    todo = list(_UNLINKED.items())
    for external, _ in todo:
        # No routine is called here, but the linker needs an address for each.
        llvmlite.binding.add_symbol(external.symbol, 1)
    if name:
        entry: Any = getattr(import_module(module), name)
        hints = get_type_hints(entry, include_extras=True)
        entry.compile(tuple(_type_of(hint) for key, hint in hints.items() if key != "return"))
    for external, function in reversed(todo):
        _with_cache(external, function).compile()


def _count_zeros(name: str) -> Callable[..., Any]:
    """An intrinsic that counts the zeros on one side of a uint64 that is not zero."""

    def typed(context: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            exact = llvmlite.ir.Constant(llvmlite.ir.IntType(1), 1)
            return getattr(builder, name)(arguments[0], exact)

        return types.int64(types.uint64), generate

    return cast(Callable[..., Any], intrinsic(typed))


if numba.config.DISABLE_JIT:

    def lowest_bit(word: Any) -> int:
        """Place of the lowest bit that is set, in a word that is not zero."""
        return (int(word) & -int(word)).bit_length() - 1

    def highest_bit(word: Any) -> int:
        """Place of the highest bit that is set, in a word that is not zero."""
        return int(word).bit_length() - 1

else:
    lowest_bit = _count_zeros("cttz")
    _leading_zeros = _count_zeros("ctlz")

    @inlined
    def highest_bit(word: Any) -> int:
        """Place of the highest bit that is set."""
        return 63 - int(_leading_zeros(word))


def is_cached(function: Callable[..., Any]) -> bool:
    """Is this kernel's machine code in this process or on disk, or compilation switched off?"""
    if not hasattr(function, "signatures") or function.signatures:
        return True
    folder = function.stats.cache_path  # type: ignore[attr-defined]
    return folder is not None and any(Path(folder).glob(f"*.{function.__name__}-*{SUFFIX}"))


@intrinsic  # type: ignore[untyped-decorator]
def load_acquire(typing: Any, values: Any, at: Any) -> Any:
    """values[at]; all that another thread wrote before it stored that number with `store_release` can be read now."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.load_atomic(builder.gep(data, [args[1]]), "acquire", 8)

    return types.int64(values, types.int64), build


@intrinsic  # type: ignore[untyped-decorator]
def store_release(typing: Any, values: Any, at: Any, number: Any) -> Any:
    """values[at] = number; who reads it with `load_acquire` can read all that was written before."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        builder.store_atomic(args[2], builder.gep(data, [args[1]]), "release", 8)
        return context.get_dummy_value()

    return types.void(values, types.int64, types.int64), build


def _nothing() -> None:
    """Where the system has no such call, a waiting thread keeps its core."""


yield_core: Any = types.ExternalFunction("sched_yield", types.int32()) if os.name == "posix" else inner(_nothing)
"""Let another thread run on this core."""

_UNLINKED: dict[Any, Callable[..., Any]] = {}
_LINKED: list[CFunc] = []
_LINKING = Lock()


def as_table(arrays: T) -> T:
    """A NamedTuple of arrays as a table, in which kernels read them by name, through one address.

    Without it, numba passes seven numbers for each array in each call of a kernel, and counts references; with dozens
    of arrays that takes time in every call and minutes of compilation. The fields of the NamedTuple are annotated
    ``Annotated[..., dtype, ndim]``.
    """
    return cast(T, _Table(arrays))


def as_tables(rows: Sequence[T]) -> T:
    """Several NamedTuples of one kind as tables, one after the other; kernels take one of them by `table_at`."""
    return cast(T, _Table(*rows))


def repeated_tables(rows: Sequence[T], times: int, field: str, values: Sequence[NDArray[Any]]) -> T:
    """`as_tables` of all rows, again and again, where each time row r has a row of values[r] as its own `field`."""
    table = _Table(*rows)
    own = np.tile(table.words.reshape(len(rows), -1), (times, 1, 1))
    at = table._numba_type_.place(field)
    for r, each in enumerate(values):
        if each.shape != (times, *getattr(rows[r], field).shape) or not each.flags.c_contiguous:
            raise TypeError(f"{field} of row {r} is no whole array of {times} rows: {each.shape}")
        own[:, r, at] = each.ctypes.data + np.arange(times) * each.strides[0]
    table.set_words((rows, values), own.ravel())
    return cast(T, table)


class _Table:
    """The arrays of one or more NamedTuples, kept alive, and their addresses and shapes, one after the other."""

    def __init__(self, *rows: Any) -> None:
        named: Any = type(rows[0])
        self._numba_type_ = kind = _table_type(named)
        words: list[int] = []
        known: dict[int, list[int]] = {}
        for arrays in rows:
            for (name, wanted), array in zip(kind.specs, arrays, strict=True):
                if (array.dtype, array.ndim) != wanted or not array.flags.c_contiguous:
                    raise TypeError(f"{kind.name}.{name} is no whole array of {wanted}: {array.dtype}, {array.ndim}")
                if id(array) not in known:
                    # Numpy describes the type of records anew in each `__array_interface__`, which takes long.
                    plain = array.dtype.names is None
                    place = array.__array_interface__["data"][0] if plain else array.ctypes.data
                    known[id(array)] = [place, *array.shape]
                words += known[id(array)]
        self.set_words(rows, np.array(words, np.int64))

    def set_words(self, arrays: Any, words: NDArray[np.int64]) -> None:
        """Take addresses and shapes, and what keeps the arrays alive."""
        self.arrays, self.words, self.address = arrays, words, words.ctypes.data


class _TableType(types.Type):
    def __init__(self, name: str, specs: tuple[tuple[str, tuple[np.dtype[Any], int]], ...]) -> None:
        self.specs = specs
        self.fields = {field: types.Array(from_dtype(dtype), ndim, "C") for field, (dtype, ndim) in specs}
        super().__init__(name)

    @property
    def key(self) -> Any:
        return self.name, str(self.specs)

    def place(self, field: str) -> int:
        """Place of the first word of a field in the table."""
        names = list(self.fields)
        return sum(1 + array.ndim for array in list(self.fields.values())[: names.index(field)])


@cache
def _table_type(kind: Any) -> _TableType:
    hints = get_type_hints(kind, include_extras=True)
    specs = ((name, get_args(hint)[-2:]) for name, hint in hints.items())
    return _TableType(kind.__name__, tuple((name, (np.dtype(dtype), ndim)) for name, (dtype, ndim) in specs))


def _type_of(hint: Any) -> Any:
    """The numba type of an annotation of a routine."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    return types.int64 if isinstance(hint, UnionType) else _table_type(hint)


@register_model(_TableType)
class _TableModel(models.OpaqueModel):  # type: ignore[misc]
    """One pointer."""


@infer_getattr
class _TableFields(AttributeTemplate):  # type: ignore[misc]
    key = _TableType

    def generic_resolve(self, table: _TableType, name: str) -> Any:
        return table.fields.get(name)


def _load_field(context: Any, builder: Any, table: _TableType, pointer: Any, name: str) -> Any:
    at, array = table.place(name), table.fields[name]
    words = builder.bitcast(pointer, context.get_value_type(types.intp).as_pointer())

    def load(i: int) -> Any:
        loaded = builder.load(builder.gep(words, [context.get_constant(types.intp, i)]))
        # Tables do not change while kernels run, so a loaded word can stay in a register.
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
        return loaded

    item = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype)))
    shape = [load(at + 1 + axis) for axis in range(array.ndim)]
    strides = [item]
    for size in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], size))
    made = context.make_array(array)(context, builder)
    data = builder.inttoptr(load(at), made.data.type)
    populate_array(made, data, shape, strides, item, None)
    return made._getvalue()


lower_getattr_generic(_TableType)(_load_field)


@intrinsic  # type: ignore[untyped-decorator]
def table_at(typing: Any, tables: Any, k: Any) -> Any:
    """Table k of those that `as_tables` made."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = sum(1 + array.ndim for array in sig.return_type.fields.values())
        words = builder.bitcast(args[0], context.get_value_type(types.intp).as_pointer())
        at = builder.mul(args[1], context.get_constant(types.intp, size))
        return builder.bitcast(builder.gep(words, [at]), args[0].type)

    return tables(tables, types.int64), build


def _unbox_table(table: _TableType, found: Any, c: Any) -> Any:
    address = c.pyapi.object_getattr_string(found, "address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return NativeValue(pointer, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


unbox(_TableType)(_unbox_table)
