"""What a command prints arrives, or the command says that it did not; and it refuses at once what it cannot write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from neuro.cli import app

COMMAND = [sys.executable, "-c", "from neuro.cli import main; main()"]
PRINTING = [["list"], ["chips", "--json"], ["chip", "loihi_davies2018"], ["--help"], ["--version"]]
PLACE = ["map", "hopfield@0.02", "--chip", "mesh:2x1:10", "--effort", "fast"]


def ended(arguments: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, check=False, **more)


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_full_disk_is_told_and_is_no_success(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = ended(arguments, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_reader_that_has_gone_is_no_error(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = ended(arguments, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize("arguments", [["chip", "loihi_davies2018"], ["devices"], ["--help"]], ids=" ".join)
def test_every_terminal_shows_something(arguments: list[str], encoding: str) -> None:
    done = ended(arguments, stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_name_that_a_terminal_lacks_is_shown_with_question_marks(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = ended(["device", "ideal", "--out", str(tmp_path / "αβγ")], stdout=subprocess.PIPE, env=environment)
    assert done.returncode == 0
    assert "???: ideal.png" in done.stdout


OPTIONS = [
    [*PLACE, "--out"],
    [*PLACE, "--write"],
    [*PLACE, "--read"],
    [*PLACE, "--spikes"],
    ["run", "braille", "--out"],
    ["device", "ideal", "--out"],
    ["energy", "run.h5", "--chip", "truenorth", "--placement"],
    ["energy"],
]


@pytest.mark.parametrize("arguments", OPTIONS, ids=" ".join)
def test_an_empty_name_is_refused(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, [*arguments, ""])
    assert done.exit_code == 2
    assert "must not be empty" in done.stderr


@pytest.mark.parametrize("place", ["a file", "below a file"])
@pytest.mark.parametrize(
    "arguments",
    [PLACE, ["run", "braille"], ["device", "ideal"], ["energy", "RUN", "--chip", "truenorth"]],
    ids=" ".join,
)
def test_a_folder_that_cannot_be_written_is_refused(arguments: list[str], place: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    arguments = ["no.h5" if each == "RUN" else each for each in arguments]
    out = tmp_path / {"a file": "mine", "below a file": "mine/out"}[place]
    done = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert str(out) in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_place_for_the_placement_is_checked_before_the_search(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["map", "nothing", "--chip", "nothing", "--write", str(tmp_path / "no" / "a.npz")])
    assert done.exit_code == 2
    assert "there is no folder" in done.stderr


@pytest.mark.parametrize("suffix", ["json", "npz", "yaml", "part", "hgr"])
def test_a_placement_is_not_written_through_a_link(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / f"a.{suffix}").symlink_to(tmp_path / "mine")
    done = CliRunner().invoke(app, [*PLACE, "--write", str(tmp_path / f"a.{suffix}")])
    assert done.exit_code == 2
    assert "link" in done.stderr
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("arguments", [["chips"], ["chip", "truenorth"], ["devices"], ["device", "ideal"], PLACE])
def test_json_is_json(arguments: list[str]) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout, parse_constant=refuse)
