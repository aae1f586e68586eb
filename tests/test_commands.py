"""Configuration files, completion, and looking at the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from neuro.cli import app
from neuro.commands import doctor
from tests.test_cli import COINS, MakeTask

FILE = """
task = "coins"
preset = "paper"
seed = 4
[set]
tosses = 30
bias = 0.25
weights = [1.0, 2.0]
side = "tails"
limit = "none"
"""


def neuro(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def file(make_task: MakeTask, tmp_path: Path) -> Path:
    make_task("coins", COINS)
    path = tmp_path / "run.toml"
    path.write_text(FILE)
    return path


def test_a_file_says_what_the_command_line_would(file: Path) -> None:
    words = ("--preset", "paper", "--seed", "4", "--set", "tosses=30", "--set", "bias=0.25", "--set", "weights=1,2")
    told = json.loads(neuro("run", "coins", *words, "--set", "side=tails", "--set", "limit=none", "--json").stdout)
    found = json.loads(neuro("run", "--config", file, "--json").stdout)
    assert (found["config"], found["preset"], found["metrics"]) == (told["config"], told["preset"], told["metrics"])


def test_the_command_line_comes_on_top_of_a_file(file: Path) -> None:
    words = ("coins", "--config", file, "--seed", "9", "--set", "tosses=7", "--preset", "smoke", "--json")
    found = json.loads(neuro("run", *words).stdout)
    assert (found["config"]["seed"], found["config"]["tosses"], found["config"]["bias"]) == (9, 7, 0.25)
    assert found["preset"] == "smoke"


def test_a_sweep_is_described_by_a_file(file: Path, tmp_path: Path) -> None:
    from neuro.commands.config import SWEEP, read_config
    from neuro.commands.sweep import _plan

    file.write_text(FILE + "[grid]\nbias = [0.1, 0.2]\nlow = [-1, 0]\n")
    text = file.read_text().replace("seed = 4", "seed = 4\nzip = true\nseeds = 3\nworkers = 1")
    file.write_text(text)
    plan, _ = _plan(read_config(file, SWEEP), None, None, False, None, None, None, None, tmp_path / "out")
    assert [(point.settings["bias"], point.settings["low"], point.settings["seed"]) for point in plan.points()] == [
        (bias, low, seed) for bias, low in ((0.1, -1), (0.2, 0)) for seed in (4, 5, 6)
    ]
    over, _ = _plan(read_config(file, SWEEP), None, ["bias=0.5,0.6"], False, 1, 0, None, ["tosses=9"], tmp_path / "out")
    assert [point.name for point in over.points()] == ["bias=0.5, low=-1, seed=0", "bias=0.6, low=0, seed=0"]
    assert over.points()[0].settings["tosses"] == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task =", "must be valid TOML"),
        ('tusk = "coins"', "Did you mean 'task'"),
        ("seed = -1", "seed: must be a whole number"),
        ("seed = true", "seed: must be a whole number"),
        ("task = 3", "task: must be a text"),
        ("set = 3", "set: must be a table"),
        ('task = "coin"', "Did you mean 'coins'"),
        ('task = "coins"\npreset = "papr"', "Did you mean 'paper'"),
        ('task = "coins"\n[set]\ntoses = 3', "Did you mean 'tosses'"),
        ('task = "coins"\n[set]\ntosses = 0.5', "`tosses`"),
        ("", "TASK: must be given"),
        ("zip = true", "no entry of"),
    ],
)
def test_a_file_that_is_wrong_is_refused(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    done = neuro("run", "--config", file)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["swep"], "Did you mean 'sweep'?"),
        (["run", "coinz"], "Did you mean 'coins'?"),
        (["run", "coins", "--prset", "x"], "--preset"),
    ],
    ids=str,
)
def test_a_word_that_is_almost_right_is_named(file: Path, arguments: list[str], words: str) -> None:
    done = neuro(*arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())


def completed(words: str) -> str:
    """What bash is offered after some words."""
    code = "from neuro.cli import main; main()"
    environment = {
        **os.environ,
        "_NEURO_COMPLETE": "complete_bash",
        "COMP_WORDS": f"neuro {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    script = f"import sys; sys.argv[:] = ['neuro']; {code}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment).stdout


def test_a_shell_completes_commands_and_tasks() -> None:
    assert {"sweep", "simulate"} <= set(completed("s").split())
    assert {"braille", "braille-deep"} <= set(completed("run brai").split())
    assert "--seeds" in completed("sweep braille --see").split()


def test_the_doctor_finds_this_machine_well() -> None:
    done = neuro("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert found["ok"]
    told = {each["what"]: each for each in found["findings"]}
    assert told["numpy"]["found"] == metadata.version("numpy")
    assert {each["verdict"] for each in told.values()} <= {"ok", "missing"}
    assert all(each["remedy"] for each in told.values() if each["verdict"] == "missing")


def test_the_doctor_names_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name in ("scipy", "torch") else real(name))
    done = neuro("doctor")
    assert done.exit_code == 1
    assert done.stderr == "error: broken: scipy\n"


def test_the_doctor_says_where_kernels_cannot_be_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    told = {each["what"]: each for each in json.loads(neuro("doctor", "--json").stdout)["findings"]}
    assert told["cache of kernels"]["verdict"] == "missing"
    assert "NUMBA_CACHE_DIR" in told["cache of kernels"]["remedy"]
