"""The command line: what it says, how it ends, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from neuro import tasks
from neuro.cli import app
from neuro.errors import ParameterError, UnknownName

MakeTask = Callable[[str, str], Path]

COINS = '''
    """Toss coins and count the heads.

    More about coins.
    """
    import random
    from typing import Literal

    from pydantic import BaseModel, ConfigDict, Field, model_validator

    from neuro.report import Report, Table

    class Config(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")
        seed: int = Field(0, ge=0)
        tosses: int = Field(10, gt=0, description="How often a coin is tossed.")
        bias: float = Field(0.5, ge=0, le=1)
        weights: tuple[float, ...] = (1.0,)
        limit: float | None = 3.0
        side: Literal["heads", "tails"] = "heads"
        loud: bool = False
        low: int = 0
        high: int = 1

        @model_validator(mode="after")
        def ordered(self):
            if self.low >= self.high:
                raise ValueError("low must lie below high")
            return self

    PRESETS = {"smoke": Config(), "paper": Config(tosses=1000)}

    def run(config, *, out, progress):
        rng = random.Random(config.seed)
        heads = sum(rng.random() < config.bias for _ in range(config.tosses))
        progress(1, 1, "tossing")
        if out is not None:
            (out / "tosses.txt").write_text(str(heads))
        return Report(
            task="coins",
            metrics={"heads": heads, "share": heads / config.tosses},
            energy={"total_J": 1e-9, "by_cause": {"toss": 1e-9}},
            tables=(Table("Sides", ("side", "count"), (("heads", heads),)),),
        )
'''

SLEEPER = '''
    """Write half of something, then sleep."""
    import time

    from pydantic import BaseModel, ConfigDict

    class Config(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")
        seed: int = 0

    PRESETS = {"smoke": Config(), "paper": Config()}

    def run(config, *, out, progress):
        (out / "half.txt").write_text("half")
        print("ready", flush=True)
        time.sleep(60)
'''


@pytest.fixture
def coins(make_task: MakeTask) -> str:
    make_task("biased-coins", COINS)
    return "biased-coins"


def neuro(*arguments: str | Path):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_list_names_each_task_with_its_sentence_and_does_not_import_it(make_task: MakeTask) -> None:
    make_task("biased-coins", COINS)
    make_task("broken", '"""Cannot be imported."""\nraise RuntimeError')
    make_task("_helpers", '"""Shared by tasks, not one of them."""')
    assert tasks.list_tasks() == {
        "biased-coins": "Toss coins and count the heads.",
        "broken": "Cannot be imported.",
    }
    result = neuro("list")
    assert result.exit_code == 0
    assert "Toss coins and count the heads." in result.stdout
    assert json.loads(neuro("list", "--json").stdout)[0]["name"] == "biased-coins"


def test_tasks_are_found_from_this_checkout() -> None:
    assert (tasks.tasks_dir() / "__init__.py").is_file()


def test_the_package_runs_as_a_module_as_its_script_does() -> None:
    for arguments, code in ((["--version"], 0), (["run", "dice", "--preset", "huge"], 2)):
        done = subprocess.run([sys.executable, "-m", "neuro", *arguments], capture_output=True, text=True)
        words = done.stdout if code == 0 else done.stderr
        assert (done.returncode, "neuro" in words if code == 0 else "no task is called 'dice'" in words) == (code, True)


def test_tasks_are_found_in_an_installed_package(tmp_path: Path) -> None:
    package = tmp_path / "site" / "neuro"
    shutil.copytree(Path(tasks.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "_tasks").mkdir()
    (package / "_tasks" / "biased_coins.py").write_text(textwrap.dedent(COINS))
    code = "import neuro.tasks as t; print(t.__file__, *t.list_tasks(), t.load_task('biased-coins').__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(package.parent)},
    )
    assert done.stdout.split() == [str(package / "tasks.py"), "biased-coins", "neuro.tasks.biased_coins"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dice"], ["no task is called 'dice'", "biased-coins"]),
        (["biased-coins", "--preset", "huge"], ["'huge'", "paper, smoke"]),
        (["biased-coins", "--set", "colour=red"], ["'colour'", "tosses"]),
        (["biased-coins", "--set", "tosses"], ["key=value"]),
        (["biased-coins", "--set", "tosses=many"], ["`tosses`", "integer", "'many'", "How often"]),
        (["biased-coins", "--set", "tosses=0"], ["`tosses`", "greater than 0"]),
        (["biased-coins", "--set", "bias=nan"], ["`bias`", "nan"]),
        (["biased-coins", "--set", "side=edge"], ["`side`", "heads"]),
        (["biased-coins", "--set", "low=5"], ["low must lie below high"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_what_the_user_got_wrong_is_said_in_a_sentence(coins: str, arguments: list[str], words: list[str]) -> None:
    result = neuro("run", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert all(word in result.stderr for word in words), result.stderr


@pytest.mark.parametrize("arguments", [["run"], ["fly"], ["run", "x", "--seed", "one"], ["run", "x", "--seed", "-1"]])
def test_wrong_usage_ends_with_code_2(arguments: list[str]) -> None:
    assert neuro(*arguments).exit_code == 2


def test_settings_are_read_as_the_type_of_their_field(coins: str) -> None:
    texts = [
        "tosses=20",
        "bias=1e-1",
        "weights=1,2.5",
        "limit=none",
        "side=tails",
        "loud=true",
        "low=8",
        "high=9",
    ]
    config = tasks.configure(coins, "paper", 7, texts)
    assert config.model_dump() == {
        "seed": 7,
        "tosses": 20,
        "bias": 0.1,
        "weights": (1.0, 2.5),
        "limit": None,
        "side": "tails",
        "loud": True,
        "low": 8,
        "high": 9,
    }
    assert tasks.configure(coins, "paper").tosses == 1000


def test_one_value_is_enough_for_a_setting_that_takes_several(coins: str) -> None:
    assert tasks.configure(coins, "paper", None, ["weights=2.5"]).model_dump()["weights"] == (2.5,)
    with pytest.raises(ParameterError, match=r"must be a valid number.*'heavy'"):
        tasks.configure(coins, "paper", None, ["weights=heavy"])
    with pytest.raises(ParameterError, match="must be a valid integer"):
        tasks.configure(coins, "paper", None, ["tosses=2.5"])


def test_a_task_that_lacks_something_is_named(make_task: MakeTask) -> None:
    make_task("empty", '"""Has nothing."""')
    with pytest.raises(ParameterError, match="Config, PRESETS, run"):
        tasks.load_task("empty")
    with pytest.raises(UnknownName):
        tasks.load_task("../empty")


def test_a_run_writes_its_whole_report(coins: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = neuro("run", coins, "--preset", "paper", "--seed", "3", "--set", "bias=1", "--out", out)
    assert result.exit_code == 0, result.output
    assert str(out) in result.stdout.replace("\n", "")
    assert sorted(path.name for path in out.iterdir()) == ["report.json", "tosses.txt"]
    record = json.loads((out / "report.json").read_text())
    assert record["task"] == "biased-coins"
    assert record["preset"] == "paper"
    assert record["config"]["tosses"] == 1000
    assert record["metrics"] == {"heads": 1000, "share": 1.0}
    assert record["energy"]["by_cause"] == {"toss": 1e-9}
    assert record["provenance"]["seed"] == 3
    assert record["provenance"]["wall_seconds"] >= 0
    assert record["provenance"]["packages"]["numpy"] == record["provenance"]["versions"]["numpy"]
    assert record["provenance"]["cpu_seconds"] >= 0
    assert record["provenance"]["peak_memory_bytes"] > 1e6
    assert record["provenance"]["command"]
    assert set(record["provenance"]["versions"]) == {"python", "neuro", "numpy", "scipy", "numba"}


def test_json_is_all_there_is_on_standard_output(coins: str) -> None:
    result = neuro("run", coins, "--json")
    assert json.loads(result.stdout)["metrics"]["share"] <= 1
    assert "SMOKE RUN" in result.stderr


def test_a_smoke_run_says_that_it_is_no_result(coins: str) -> None:
    assert "NOT A RESULT" in neuro("run", coins).stderr
    assert "NOT A RESULT" not in neuro("run", coins, "--preset", "paper").stderr


def test_a_place_that_cannot_be_written_is_refused_before_the_run(coins: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = neuro("run", coins, "--out", tmp_path / "file")
    assert result.exit_code == 2
    assert "directory" in result.stderr
    assert neuro("run", coins, "--out", tmp_path / "file" / "below").exit_code == 2
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_an_interrupted_run_leaves_nothing_behind(make_task: MakeTask, tmp_path: Path) -> None:
    directory = make_task("sleeper", SLEEPER).parent
    results = tmp_path / "results"
    code = f"""if True:
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        import neuro.tasks
        from neuro.cli import main
        neuro.tasks.__path__ = [{str(directory)!r}]
        sys.argv = ["neuro", "run", "sleeper", "--out", {str(results / "out")!r}]
        main()
    """
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaint == "stopped; what was not finished was not written\n"
    assert list(results.iterdir()) == []


def test_listing_tasks_imports_nothing_heavy() -> None:
    code = """if True:
        import sys
        from typer.testing import CliRunner
        from neuro.cli import app
        CliRunner().invoke(app, ["list"])
        print(*[name for name in ("numba", "scipy", "matplotlib", "brian2") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_version_and_help_say_what_one_needs() -> None:
    assert neuro("--version").stdout.startswith("neuro ")
    assert "Example" in neuro("run", "--help").stdout


def test_devices_are_listed_with_where_they_are_from():
    done = CliRunner().invoke(app, ["devices"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for name in ("ReRamES", "ReRamSB", "EcRam", "EcRamMO", "PCM", "HfO2Array", "TaOx41", "taox_64x64", "ideal"):
        assert name in done.output
    records = json.loads(CliRunner().invoke(app, ["devices", "--json"]).output)
    assert all(record["g_max"]["source"] for record in records)


def test_a_device_is_drawn_into_the_folder_that_was_asked_for(tmp_path):
    out = tmp_path / "new" / "folder"
    done = CliRunner().invoke(app, ["device", "reram-sb", "--out", str(out)])
    assert done.exit_code == 0
    assert "Gong et al." in done.output
    assert (out / "ReRamSB.png").stat().st_size > 10_000
    tables = json.loads(CliRunner().invoke(app, ["device", "ReRamSB", "--json"]).output)
    assert tables[0]["columns"] == ["figure", "value", "unit", "source"]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A command with its words, and every command below it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ROOT = typer.main.get_command(app)
COMMANDS = list(commands(ROOT))


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) or "neuro" for words, _ in COMMANDS])
def test_each_help_shows_an_example_that_can_be_typed(words: tuple[str, ...], command: Any) -> None:
    assert command.epilog in " ".join(neuro(*words, "--help").stdout.split())
    example = command.epilog.split()
    assert example[: 2 + len(words)] == ["Example:", "neuro", *words]
    called, rest = ROOT, example[2:]
    while hasattr(called, "commands"):
        called, rest = called.commands[rest[0]], rest[1:]
    called.make_context("neuro", rest)  # refuses what the command does not know
