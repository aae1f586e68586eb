"""Unfinished files and folders: those of processes that are gone are removed, those of living ones never."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neuro.report import Report
from neuro.report.record import write
from neuro.system import partials
from neuro.system.partials import partial_path, sweep

MAKER = """
import sys
from neuro.system.partials import partial_path
for target in sys.argv[1:]:
    path = partial_path(target)
    path.mkdir()
    (path / "half.txt").write_text("half")
print("ready", flush=True)
sys.stdin.read()
"""


def made_elsewhere(*targets: Path) -> subprocess.Popen[str]:
    """A process that has made a partial of each target, and lives until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER, *map(str, targets)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.parametrize("name", ["out", "out.h5", ".out", "a" * 255, "ü" * 120, "with space"])
def test_partials_of_a_killed_process_are_swept_and_those_of_a_living_one_are_not(tmp_path: Path, name: str) -> None:
    target, other = tmp_path / name, tmp_path / "out2"
    with made_elsewhere(target, other) as process:
        sweep(target)
        assert len(hidden(tmp_path)) == 2
        process.kill()
        # Not waited for yet: a process that has ended, but whose parent has not asked, is gone as well.
        while partials._started(process.pid) is not None:
            time.sleep(0.01)
        sweep(target)
        assert [found.startswith(".out2.") for found in hidden(tmp_path)] == [True]
        sweep(other)
        assert hidden(tmp_path) == []


def test_a_process_that_got_the_number_of_a_killed_one_does_not_keep_its_partials(tmp_path: Path) -> None:
    mine = partial_path(tmp_path / "out")
    host, pid, started, token = mine.name.removeprefix(".out.").split("-")
    if started == "0":
        pytest.skip("this system does not say when a process began")
    mine.touch()
    mine.with_name(f".out.{host}-{pid}-{int(started) + 1}-{token}").touch()
    sweep(tmp_path / "out")
    assert hidden(tmp_path) == [mine.name]


@pytest.mark.parametrize("entry", [None, "half.txt"])
def test_partials_of_another_machine_stay_for_a_week_after_their_last_change(tmp_path: Path, entry: str | None) -> None:
    path = partial_path(tmp_path / "out")
    host = partials._host()
    path = path.with_name(path.name.replace(host, "0123abcd"))
    path.mkdir()
    inside = path / entry if entry else path
    if entry:
        inside.touch()
    for age, stays in ((partials.FOREIGN_SECONDS - 60, True), (partials.FOREIGN_SECONDS + 60, False)):
        os.utime(path, (0, 0))
        os.utime(inside, (time.time() - age,) * 2)
        sweep(tmp_path / "out")
        assert path.exists() == stays


@pytest.mark.parametrize(
    "name", [".out.txt", ".out.partial", ".out.0-1-2-3.partial", "out.0123abcd-1-2-01234567.partial"]
)
def test_files_that_only_resemble_partials_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path / "out")
    assert (tmp_path / name).exists()


def test_a_link_is_removed_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").touch()
    with made_elsewhere(tmp_path / "out") as process:
        process.kill()
        process.wait()
    (path,) = (tmp_path / name for name in hidden(tmp_path))
    (path / "half.txt").unlink()
    path.rmdir()
    path.symlink_to(tmp_path / "mine")
    sweep(tmp_path / "out")
    assert hidden(tmp_path) == []
    assert (tmp_path / "mine" / "precious").exists()


def test_nowhere_to_sweep_is_no_error(tmp_path: Path) -> None:
    sweep(tmp_path / "no" / "such" / "folder")


def test_the_next_report_sweeps_what_a_killed_run_left(tmp_path: Path) -> None:
    with made_elsewhere(tmp_path / "out") as process:
        process.kill()
        process.wait()
    assert len(hidden(tmp_path)) == 1
    write(Report(task="coins", metrics={}), tmp_path / "out")
    assert hidden(tmp_path) == []
    assert (tmp_path / "out" / "report.json").is_file()
