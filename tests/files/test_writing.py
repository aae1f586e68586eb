"""A file is written whole or not at all; whatever stops that has a name, and what was there before stays."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import neuro as nr
from neuro.errors import FileError, InputError, NeuroError
from neuro.files.writing import atomic, write_text
from neuro.report import staged
from neuro.system.partials import partial_path
from tests.files.samples import WRITTEN, Format, network

FILES = [each for each in WRITTEN if each.name != "report"]
GROWING = "stream.h5"
"""A run goes to a new file; an older one is refused before anything is done."""


@contextmanager
def no_room(after: int) -> Iterator[None]:
    """A disk on which no file can have more bytes than `after`: writing then fails in the system, not in a stand-in."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", WRITTEN, ids=str)
@pytest.mark.parametrize("before", [False, True], ids=["new", "over an older one"])
@pytest.mark.parametrize("after", [0, 5])
def test_a_full_disk_leaves_what_was_there(kind: Format, before: bool, after: int, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as other:
        kind.write(Path(other) / kind.name)  # Compiles, and writes a cache, before the disk is full.
    target = tmp_path / kind.name
    if before:
        kind.write(target)
    old = tree(tmp_path)
    refused = InputError if before and kind.name == GROWING else FileError
    with no_room(after), pytest.raises(refused) as caught:
        kind.write(target)
    assert tree(tmp_path) == old
    assert str(target) in str(caught.value)
    if refused is FileError:
        assert "too large" in str(caught.value)
        assert "Free some space" in str(caught.value)
    if not before:
        kind.write(target)
        assert target.exists()


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EDQUOT], ids=os.strerror)
@pytest.mark.parametrize("kind", WRITTEN, ids=str)
def test_a_disk_that_fails_late_leaves_what_was_there(
    kind: Format, fault: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind.name == GROWING:
        pytest.skip("nothing is brought to the disk at its end")
    kind.write(tmp_path / kind.name)
    old = tree(tmp_path)

    def fail(_: int) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(FileError, match=os.strerror(fault)) as caught:
        kind.write(tmp_path / kind.name)
    assert caught.value.errno == fault
    assert tree(tmp_path) == old


@pytest.mark.parametrize("room", [1_200_000, 2_000_000])
def test_a_large_recording_that_does_not_fit_is_refused(room: int, tmp_path: Path) -> None:
    n = 200_000
    spikes = nr.Spikes.in_order(np.linspace(0.0, 1.0, n), np.zeros(n, np.int64))
    large = nr.Recording({"cell": spikes}, {}, np.zeros(0), {}, 0.0, 1.0)
    with no_room(room), pytest.raises(FileError, match="too large"):
        large.save(tmp_path / "run.h5")
    assert tree(tmp_path) == {}


def test_a_run_that_fills_the_disk_keeps_what_it_had_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neuro.engine.drive import chunks
    from neuro.engine.storage import file_recorder

    monkeypatch.setattr(chunks, "MAX_VALUES", 300)
    monkeypatch.setattr(file_recorder, "FLUSH_VALUES", 300)
    record = nr.Record(v={"cell": range(6)}, v_dt=1e-5)
    whole = nr.run(network(), 3.0, record=record)
    path = tmp_path / "run.h5"
    with no_room(4_000_000), pytest.raises(FileError, match=r"run\.h5.*too large"):
        nr.run(network(), 3.0, record=nr.Record(v={"cell": range(6)}, v_dt=1e-5, to=path))
    found = nr.load_recording(path)
    assert found.interrupted
    assert 0.0 < found.stop < 3.0
    expected = whole.spikes["cell"].window(0.0, found.stop)
    assert np.array_equal(found.spikes["cell"].times, expected.times)
    assert np.array_equal(found.v["cell"], whole.v["cell"][: len(found.v_times)])


def test_a_run_that_fails_at_once_does_not_block_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    busy = nr.Network()
    cell = busy.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1e6)))
    busy.connect(cell, cell, nr.OneToOne(0.1), delay=1e-3)
    with pytest.raises(NeuroError):
        nr.run(busy, 0.1, record=nr.Record(to=path), max_rate=10.0)
    assert not path.exists()
    path.touch()  # As a full disk leaves it for programs that do not ask first.
    nr.run(network(), 0.05, record=nr.Record(to=path))
    assert len(nr.load_recording(path).spikes["cell"])


@pytest.mark.parametrize("kind", FILES, ids=str)
@pytest.mark.parametrize(
    "place",
    ["a directory", "a link", "a dead link", "a pipe", "no folder", "a file as folder", "a long name", "a null"],
)
def test_a_place_that_cannot_be_a_file_is_refused(kind: Format, place: str, tmp_path: Path) -> None:
    target = tmp_path / kind.name
    other = tmp_path / "other"
    other.write_text("mine")
    if place == "a directory":
        target.mkdir()
    elif place in ("a link", "a dead link"):
        target.symlink_to(other if place == "a link" else tmp_path / "nothing")
    elif place == "a pipe":
        os.mkfifo(target)
    elif place == "no folder":
        target = tmp_path / "no" / kind.name
    elif place == "a file as folder":
        target = other / kind.name
    elif place == "a long name":
        target = tmp_path / ("x" * 250 + kind.name)
    elif place == "a null":
        target = Path(f"{tmp_path}/\0{kind.name}")
    names = sorted(os.listdir(tmp_path))
    with pytest.raises(FileError, match=r"written|must be the name"):
        kind.write(target)
    assert sorted(os.listdir(tmp_path)) == names
    assert other.read_text() == "mine"


def test_permissions_are_those_of_a_new_file(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    write_text(tmp_path / ("é" * 127), "x")
    assert [len(path.name) for path in tmp_path.iterdir()] == [127]


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    code = "import os, signal, sys\nfrom neuro.files.writing import atomic\nfrom neuro.report import staged\n"
    code += "from pathlib import Path\nfolder = Path(sys.argv[1])\n"
    code += "with staged(folder / 'out'), atomic(folder / 'file') as partial:\n"
    code += "    partial.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 2
    assert all(name.endswith(".partial") for name in left)
    # Those that a process still writes, and files of others, stay.
    partial_path(tmp_path / "file").write_text("under way")
    (tmp_path / ".file.partial").write_text("mine")
    write_text(tmp_path / "file", "whole")
    with staged(tmp_path / "out") as stage:
        (stage / "a").write_text("1")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 4
    assert not set(left) & set(names)


def test_an_error_in_the_block_is_the_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic(tmp_path / "file") as partial:
        partial.write_text(f"half of {1 // 0}")
    assert list(tmp_path.iterdir()) == []
