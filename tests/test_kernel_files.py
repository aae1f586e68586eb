"""Compiled kernels in files: what is not as it was written is not there, and no fault of a disk stops a kernel."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import neuro
from neuro.system.kernel_files import SUFFIX, KernelFiles

KEY = (("int64",), ("x86", "fast"), ("code", ""))
PACKAGE = Path(neuro.__file__).parent
KERNEL = """
from neuro.jit import kernel
@kernel
def twice(n):
    return n + n
"""


def files(folder: Path, version: str = "1 a", name: str = "k-1.py311") -> KernelFiles:
    return KernelFiles(folder, name, version, pickle.dumps)


def test_what_was_saved_is_loaded_under_its_key_and_version_alone(tmp_path: Path) -> None:
    files(tmp_path).save(KEY, [1, 2])
    assert files(tmp_path).has(KEY)
    assert files(tmp_path).load(KEY) == [1, 2]
    assert files(tmp_path, "1 b").load(KEY) is None
    assert files(tmp_path, name="k-2.py311").load(KEY) is None
    assert files(tmp_path).load((*KEY[:2], ("other code", ""))) is None
    assert files(tmp_path).load((("float64",), *KEY[1:])) is None


def test_an_edited_kernel_takes_the_place_of_what_it_was(tmp_path: Path) -> None:
    files(tmp_path).save(KEY, 1)
    files(tmp_path, "1 b").save((*KEY[:2], ("other code", "")), 2)
    assert len(list(tmp_path.iterdir())) == 1
    files(tmp_path).flush()
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(1, 255), kind=st.sampled_from(["cut", "flip", "add"]))
def test_a_damaged_file_is_as_no_file(tmp_path: Path, place: float, byte: int, kind: str) -> None:
    files(tmp_path).save(KEY, list(range(20)))
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    if kind == "cut":
        del content[at:]
    elif kind == "flip":
        content[at] ^= byte
    else:
        content.insert(at, byte)
    if bytes(content) != path.read_bytes():
        path.write_bytes(content)
        assert not files(tmp_path).has(KEY)
        assert files(tmp_path).load(KEY) is None
    files(tmp_path).save(KEY, "again")
    assert files(tmp_path).load(KEY) == "again"


def use(folder: Path, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Call a kernel in a process of its own; print its value and how often it came from a file."""
    (folder / "box").mkdir(exist_ok=True)
    (folder / "box" / "__init__.py").touch()
    (folder / "box" / "one.py").write_text(KERNEL)
    code = f"{before}\nfrom box.one import twice\nprint(twice(21), sum(twice.stats.cache_hits.values()))"
    path = os.pathsep.join([str(folder), str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    kept = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    return subprocess.run(
        [sys.executable, "-W", "always::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )


@pytest.mark.parametrize("damage", [b"", None], ids=["empty", "cut"])
def test_a_kernel_whose_file_is_damaged_is_compiled_anew(tmp_path: Path, damage: bytes | None) -> None:
    cache = str(tmp_path / "cache")
    assert use(tmp_path, NUMBA_CACHE_DIR=cache).stdout == "42 0\n"
    assert use(tmp_path, NUMBA_CACHE_DIR=cache).stdout == "42 1\n"
    (path,) = Path(cache).rglob(f"*{SUFFIX}")
    path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)
    done = use(tmp_path, NUMBA_CACHE_DIR=cache)
    assert (done.stdout, done.stderr) == ("42 0\n", "")
    assert use(tmp_path, NUMBA_CACHE_DIR=cache).stdout == "42 1\n"


@pytest.mark.skipif(os.name != "posix", reason="limits are POSIX's")
def test_a_full_disk_keeps_nothing_and_stops_nothing(tmp_path: Path) -> None:
    # The largest file that may be written: one of the ways in which a write fails in the middle.
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    done = use(tmp_path, full, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert (done.stdout, done.stderr) == ("42 0\n", "")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_folder_that_vanishes_stops_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    gone = f"import shutil, box.one; shutil.rmtree({str(cache)!r}); open({str(cache)!r}, 'w').close()"
    done = use(tmp_path, gone, NUMBA_CACHE_DIR=str(cache))
    assert (done.stdout, done.stderr) == ("42 0\n", "")


def nowhere(folder: Path) -> dict[str, str]:
    """A home in which nothing can be made, by root neither."""
    (folder / "tmp").mkdir(exist_ok=True)
    return {"HOME": "/proc/none", "TMPDIR": str(folder / "tmp")}


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, in which nobody can make anything")
def test_with_a_read_only_home_and_package_a_temporary_folder_is_used_and_removed(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "__pycache__").touch()  # no folder can be made in its place, by root neither
    # A process that this one starts finds what it compiled, and says nothing.
    other = "import subprocess, sys, box.one; box.one.twice(1)\n" + (
        "code = 'from box.one import twice; twice(1); print(sum(twice.stats.cache_hits.values()))'\n"
        "print(subprocess.run([sys.executable, '-c', code], stdout=-1, stderr=-2, text=True).stdout.strip())"
    )
    done = use(tmp_path, other, **nowhere(tmp_path))
    assert done.stdout == "1\n42 0\n"
    assert done.stderr.count("NUMBA_CACHE_DIR") == 1
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []
    # Where there is no temporary folder either, each process compiles.
    bare = f"import os, tempfile; tempfile.tempdir = {str(tmp_path / 'box' / '__pycache__')!r}"
    done = use(tmp_path, bare, **nowhere(tmp_path))
    assert done.stdout == "42 0\n"
    assert done.stderr.count("NUMBA_CACHE_DIR") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, in which nobody can make anything")
@pytest.mark.slow
def test_a_command_of_a_read_only_installation_runs_and_says_so_once(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(PACKAGE, site / "neuro", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("models", "tasks"):
        shutil.copytree(
            PACKAGE.parent / folder, site / "neuro" / f"_{folder}", ignore=shutil.ignore_patterns("__pycache__")
        )
    for folder in [path for path in (site / "neuro").rglob("*") if path.is_dir()] + [site / "neuro"]:
        (folder / "__pycache__").touch()
    out = tmp_path / "out"
    kept = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", "from neuro.cli import main; main()", "device", "ReRamES", "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(site), **nowhere(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("NUMBA_CACHE_DIR") == 1
    assert "Traceback" not in done.stderr
    assert (out / "ReRamES.png").is_file()
    assert list((tmp_path / "tmp").iterdir()) == []
