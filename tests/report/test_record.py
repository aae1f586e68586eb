"""A report is written whole or not at all, and says where it comes from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from neuro.errors import ParameterError
from neuro.report import Report, Table, provenance, staged, write
from neuro.report.plots import heat_map


def report(**parts: object) -> Report:
    return Report(**{"task": "t", "metrics": {"accuracy": 0.5}, **parts})  # type: ignore[arg-type]


def record(out: Path) -> dict:
    return json.loads((out / "report.json").read_text())


def test_everything_in_a_report_is_written(tmp_path: Path) -> None:
    drawing = tmp_path / "drawing.svg"
    drawing.write_text("<svg/>")
    figure = heat_map([[1.0]], xlabel="x", ylabel="y", label="z")
    whole = report(
        config={"sizes": (1, 2), "rate": np.float64(0.5), "path": Path("a")},
        energy={"per_core": np.arange(3)},
        tables=(Table("T", ("a",), ((np.int64(1),),)),),
        figures={"made": figure, "later": lambda: figure, "copied": drawing},
    )
    write(whole, tmp_path / "out")
    assert record(tmp_path / "out") | {"provenance": {}} == {
        "task": "t",
        "preset": "",
        "config": {"sizes": [1, 2], "rate": 0.5, "path": "a"},
        "metrics": {"accuracy": 0.5},
        "measured": [],
        "energy": {"per_core": [0, 1, 2]},
        "provenance": {},
        "tables": [{"title": "T", "columns": ["a"], "rows": [[1]]}],
        "figures": {"made": "made.png", "later": "later.png", "copied": "copied.svg"},
    }
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"report.json", "made.png", "later.png", "copied.svg"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drawing.svg", "out"]


def test_metrics_are_numbers_and_what_is_not_finite_becomes_null(tmp_path: Path) -> None:
    write(report(metrics={"a": np.float32(0.5), "b": True, "c": np.nan, "d": np.int64(3)}), tmp_path / "out")
    assert record(tmp_path / "out")["metrics"] == {"a": 0.5, "b": 1, "c": None, "d": 3}


@pytest.mark.parametrize("value", ["0.5", None, [0.5], np.zeros(2)], ids=repr)
def test_a_metric_that_is_not_one_number_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="'accuracy'"):
        report(metrics={"accuracy": value})


def test_a_figure_that_cannot_be_drawn_leaves_the_older_report_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(report(metrics={"accuracy": 0.1}), out)

    def fail() -> None:
        raise RuntimeError("no ink")

    with pytest.raises(RuntimeError, match="no ink"):
        write(report(figures={"broken": fail}), out)
    with pytest.raises(RuntimeError, match="no ink"):
        write(report(figures={"broken": fail}), tmp_path / "new")
    assert record(out)["metrics"] == {"accuracy": 0.1}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_newer_report_replaces_an_older_one_and_keeps_the_files_of_others(tmp_path: Path) -> None:
    out = tmp_path / "out"
    drawing = tmp_path / "drawing.svg"
    drawing.write_text("<svg/>")
    write(report(figures={"old": drawing, "both": drawing}), out)
    (out / "notes.txt").write_text("mine")
    write(report(metrics={"accuracy": 0.9}, figures={"both": drawing}), out)
    assert record(out)["metrics"] == {"accuracy": 0.9}
    assert {path.name for path in out.iterdir()} == {"report.json", "both.svg", "notes.txt"}


def test_the_record_is_replaced_after_all_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    write(report(), out)
    order: list[str] = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        if Path(target).parent == out:
            order.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    drawing = tmp_path / "z.svg"
    drawing.write_text("<svg/>")
    write(report(figures={"a": drawing, "z": drawing}), out)
    assert order == ["a.svg", "z.svg", "report.json"]


def test_a_stage_is_not_the_place_itself_until_it_is_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staged(out) as stage:
        (stage / "deep").mkdir()
        (stage / "deep" / "file").write_text("1")
        assert not out.exists()
    assert (out / "deep" / "file").read_text() == "1"
    with staged(out) as stage:
        (stage / "other").write_text("2")
    assert (out / "deep" / "file").read_text() == "1"
    assert (out / "other").read_text() == "2"


def test_figure_names_cannot_leave_the_directory() -> None:
    with pytest.raises(ParameterError, match="file name"):
        report(figures={"../up": Path("x")})


def test_a_row_of_a_table_has_an_entry_for_each_column() -> None:
    with pytest.raises(ParameterError, match="row 1"):
        Table("T", ("a", "b"), ((1, 2), (1,)))


def test_provenance_tells_how_long_a_run_took() -> None:
    found = provenance(3, started=0.0)
    assert found["started"] == "1970-01-01T00:00:00+00:00"
    assert found["wall_seconds"] > 1e9
    assert found["machine"]["cores"] >= 1
    assert found["git_revision"] is None or len(found["git_revision"]) >= 40
