"""`report.json`: its published form, reading it, and repeating the run that it is of."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import neuro as nr
from neuro.cli import app
from neuro.errors import DataError, ParameterError
from neuro.paths import models_dir
from neuro.report import Report, Table, provenance, write
from neuro.report.origin import Usage
from neuro.report.record import as_dict
from neuro.report.schema import ReportRecord
from tests.test_cli import COINS

NUMBERS = st.integers(-(10**9), 10**9) | st.floats()
NAMES = st.text(min_size=1, max_size=8)


def schema() -> str:
    return json.dumps(ReportRecord.model_json_schema(), indent=2, sort_keys=True) + "\n"


def test_the_published_schema_is_that_of_the_code() -> None:
    """`python -m tests.report.write_schema` writes it anew."""
    assert (models_dir() / "report.schema.json").read_text(encoding="utf-8") == schema()


@given(
    metrics=st.dictionaries(NAMES, NUMBERS, max_size=4),
    energy=st.dictionaries(NAMES, NUMBERS | st.dictionaries(NAMES, NUMBERS, max_size=2), max_size=3),
    config=st.dictionaries(NAMES, NUMBERS | st.text(max_size=5) | st.lists(st.integers(), max_size=3) | st.none()),
    rows=st.lists(st.tuples(NUMBERS, st.text(max_size=4)), max_size=3),
)
def test_what_is_written_is_read(metrics: Any, energy: Any, config: Any, rows: Any) -> None:
    given = Report(
        task="task",
        preset="paper",
        metrics=metrics,
        measured=tuple(metrics)[:1],
        energy=energy,
        config=config,
        provenance=provenance(3, usage=Usage()),
        tables=(Table("T", ("number", "text"), tuple(rows)),),
    )
    with tempfile.TemporaryDirectory() as folder:
        write(given, Path(folder))
        found = nr.load_report(folder)
        again = nr.load_report(Path(folder) / "report.json")
    assert as_dict(found) == as_dict(given) == as_dict(again)
    assert all(math.isnan(found.metrics[name]) for name, value in metrics.items() if not math.isfinite(value))


def test_figures_are_files_beside_the_report(tmp_path: Path) -> None:
    drawing = tmp_path / "drawing.svg"
    drawing.write_text("<svg/>")
    write(Report(task="task", metrics={}, figures={"a": drawing}), tmp_path / "out")
    assert nr.load_report(tmp_path / "out").figures == {"a": tmp_path / "out" / "a.svg"}


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"task": 3}', '{"metrics": {"a": "b"}}'])
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ParameterError, match=r"report\.json"):
        nr.load_report(tmp_path)
    with pytest.raises(DataError, match="there is no report"):
        nr.load_report(tmp_path / "missing")


def neuro(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def alter(out: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads((out / "report.json").read_text())
    change(found)
    (out / "report.json").write_text(json.dumps(found))


@pytest.fixture
def coins(make_task: Callable[[str, str], Path], tmp_path: Path) -> Path:
    """The folder of a run of a task with a metric that differs each time."""
    source = COINS.replace("import random\n", "import random, time\n")
    source = source.replace('"share": heads', '"seconds": time.perf_counter(), "share": heads')
    source = source.replace("energy={", 'measured=("seconds",), energy={')
    make_task("coins", source)
    out = tmp_path / "out"
    done = neuro("run", "coins", "--seed", "5", "--set", "tosses=50", "--set", "weights=1,2", "--out", out)
    assert done.exit_code == 0, done.output
    return out


def test_a_run_is_repeated_with_the_same_numbers(coins: Path, tmp_path: Path) -> None:
    done = neuro("rerun", coins, "--json", "--out", tmp_path / "again")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["same"] is True
    assert [each["name"] for each in found["metrics"]] == [
        *("heads", "seconds", "share", "energy.total_J", "energy.by_cause.toss"),
    ]
    assert nr.load_report(tmp_path / "again").config == nr.load_report(coins).config
    assert "Traceback" not in neuro("rerun", coins).output


def test_a_run_of_a_file_is_repeated_from_any_folder_and_an_edit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    file = here / "coins_of_mine.py"
    file.write_text(textwrap.dedent(COINS))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(here)
    assert neuro("run", file.name, "--out", "out").exit_code == 0
    monkeypatch.chdir(there)
    assert neuro("rerun", here / "out").exit_code == 0
    file.write_text(f"{textwrap.dedent(COINS)}# edited\n")
    done = neuro("rerun", here / "out")
    assert (done.exit_code, done.stderr) == (0, f"note: {file} has been edited since that run\n")
    file.unlink()
    done = neuro("rerun", here / "out")
    assert (done.exit_code, "no such file" in done.stderr) == (2, True)
    sys.modules.pop(file.stem)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda found: found["metrics"].update(share=0.12345), "share"),
        (lambda found: found["metrics"].update(heads=None), "heads"),
        (lambda found: found["metrics"].update(more=1.0), "more"),
        (lambda found: found["metrics"].pop("heads"), "heads"),
        (lambda found: found["energy"]["by_cause"].update(toss=2e-9), "energy.by_cause.toss"),
    ],
    ids=["altered", "null", "more", "less", "energy"],
)
def test_a_number_that_is_not_the_same_is_named(coins: Path, change: Any, name: str) -> None:
    alter(coins, change)
    done = neuro("rerun", coins)
    assert done.exit_code == 1
    assert done.stderr.endswith(f"numbers are not the same: {name}\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found.update(task="dice"), "no task is called 'dice'"),
        (lambda found: found["config"].update(colour="red"), "setting colour"),
        (lambda found: found.update(preset=""), "only a run of a task"),
    ],
    ids=["task", "setting", "no task"],
)
def test_a_run_that_cannot_be_repeated_is_refused(coins: Path, change: Any, words: str) -> None:
    alter(coins, change)
    done = neuro("rerun", coins)
    assert done.exit_code == 2
    assert words in done.stderr


USAGE = """
from neuro.report.origin import Usage
usage = Usage()
before = usage.peak_memory_bytes()
held = bytearray(50_000_000)
for k in range(0, len(held), 4096):
    held[k] = 1
while usage.cpu_seconds() == 0:
    sum(range(10_000))
assert usage.wall_seconds() > 0
after = usage.peak_memory_bytes()
assert before is None or (after is not None and after - before > 30_000_000), (before, after)
"""


def test_usage_grows_with_work() -> None:
    # In a process of its own: this one may have held more before.
    done = subprocess.run([sys.executable, "-c", USAGE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
