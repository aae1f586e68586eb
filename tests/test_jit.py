"""Kernels get the arrays of a record, and are never older than what they call, in whatever file that stands."""

import subprocess
import sys
from typing import Annotated, NamedTuple

import numpy as np
import pytest

from neuro.jit import as_table, kernel

CALLER = """
from neuro.jit import kernel
from box.callee import one
@kernel
def two():
    return one() + 1
"""
CALLEE = """
from neuro.jit import {kind}
@{kind}
def one() -> int:
    return {value}
"""


class Pair(NamedTuple):
    """Two arrays for a kernel."""

    values: Annotated[np.ndarray, np.float64, 1]
    grid: Annotated[np.ndarray, np.int64, 2]


@kernel
def weighed(pair):
    total = 0.0
    for i in range(pair.grid.shape[0]):
        for j in range(pair.grid.shape[1]):
            total += pair.values[i] * pair.grid[i, j]
    pair.values[0] = total
    return len(pair.values)


def test_a_kernel_reads_and_writes_the_arrays_of_a_laid_record():
    pair = Pair(np.array([1.0, 10.0, 100.0]), np.arange(6).reshape(3, 2))
    assert weighed(as_table(pair)) == 3
    assert pair.values.tolist() == [951.0, 10.0, 100.0]


@pytest.mark.parametrize(
    "pair",
    [
        Pair(np.zeros(3, np.float32), np.zeros((3, 2), np.int64)),
        Pair(np.zeros((3, 1)), np.zeros((3, 2), np.int64)),
        Pair(np.zeros(3), np.zeros((3, 4), np.int64)[:, ::2]),
    ],
    ids=["another type", "another number of axes", "with gaps"],
)
def test_an_array_that_is_not_what_the_record_says_is_refused(pair):
    with pytest.raises(TypeError, match="is no whole array"):
        as_table(pair)


@pytest.mark.parametrize("kind", ["kernel", "inner", "routine"])
@pytest.mark.parametrize(("caller", "callee"), [("", ""), ("part.one", "part"), ("part", "part.two.deep")])
def test_an_edited_callee_in_another_file_is_compiled_anew(tmp_path, monkeypatch, kind, caller, callee):
    """In one folder, above it and below it, within one part of a package."""
    modules = {}
    for name, module in (("caller", caller), ("callee", callee)):
        folder = tmp_path / "box"
        for each in ["", *filter(None, module.split("."))]:
            folder = folder / each
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        modules[name] = ".".join(filter(None, ("box", module, name)))
    path = {name: tmp_path.joinpath(*module.split(".")).with_suffix(".py") for name, module in modules.items()}
    path["caller"].write_text(CALLER.replace("box.callee", modules["callee"]))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    use = f"from {modules['caller']} import two; from neuro.jit import link_routines; link_routines(); print(two())"
    for value in (1, 10):
        path["callee"].write_text(CALLEE.format(kind=kind, value=value))
        printed = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert int(printed.stdout) == value + 1


TYPED = """
from typing import NamedTuple
from neuro.jit import kernel
class {name}(NamedTuple):
    value: int
@kernel
def value(pair):
    return pair.value
"""


def test_an_entry_of_the_cache_with_a_type_that_no_longer_exists_is_compiled_anew(tmp_path, monkeypatch):
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "__init__.py").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    for name in ("Before", "After"):
        (tmp_path / "box" / "typed.py").write_text(TYPED.format(name=name))
        use = f"from box.typed import {name}, value; print(value({name}(3)))"
        printed = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert printed.stdout == "3\n"


CHAIN = (
    """
from neuro.jit import kernel, routine
@routine
def r0() -> int:
    return 1
"""
    + "".join(
        f"""
@routine
def r{i}() -> int:
    return r{i - 1}() + 1
"""
        for i in range(1, 10)
    )
    + """
@kernel
def entry(n: int) -> int:
    return r9() + n
"""
)
USE = """
import sys
{before}
import box.chain
from neuro import jit
jit.link_routines(box.chain.entry)
entry = box.chain.entry
print(entry(10), sum(entry.stats.cache_hits.values()), sum(compiled.cache_hits for compiled in jit._LINKED))
"""
FILL = "from neuro.jit import fill_cache; fill_cache(['box.chain'], 'box.chain', 'entry')"


@pytest.fixture
def chain(tmp_path, monkeypatch):
    """Runs Python where `box.chain` has ten routines, each of which calls the one before, and nothing is cached."""
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "__init__.py").touch()
    (tmp_path / "box" / "chain.py").write_text(CHAIN)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")

    def run(code):
        command = [sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.split()

    return run


def test_what_another_process_has_compiled_is_only_linked(chain):
    assert chain(FILL) == []
    assert chain(USE.format(before="")) == ["20", "1", "10"]


@pytest.mark.parametrize("executable", ["sys.executable", "'/bin/false'", "'/no/such/file'", "''"])
def test_many_routines_are_linked_with_help_and_without(chain, executable):
    assert chain(USE.format(before=f"sys.executable = {executable}"))[0] == "20"
    assert chain(USE.format(before="")) == ["20", "1", "10"]
