"""The HTML report shows what a run has left, leaves out what it has not, and needs nothing but itself."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import neuro as nr
from neuro.cli import app
from neuro.errors import DataError, InputError, ParameterError
from neuro.report.html.comparison import groups_of
from neuro.report.html.gather import runs_in
from tests.report.html_runs import bill, crossbar, fitted, large_recording, placement, recording, write_run

pytest.importorskip("plotly")

VOID = {"meta", "link", "br", "img", "input"}


class Reader(HTMLParser):
    """Notes what a page fetches, and tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.fetched += [
            value for key, value in attrs if key in ("src", "href") and not value.startswith(("data:", "#"))
        ]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def charts_in(page: Path) -> list[dict[str, Any]]:
    found = re.search(r'<script id="charts" type="application/json">(.*?)</script>', page.read_text(), re.S)
    assert found is not None
    return json.loads(found[1])


def numbers(packed: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])


def test_a_page_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    page = nr.html_report(tmp_path / "page.html", recording(), bill(), placement(), crossbar(), fitted())
    reader = Reader()
    reader.feed(page.read_text())
    assert reader.faults == []
    assert reader.open == []
    assert reader.fetched == []


def test_results_in_memory_have_a_chart_each(tmp_path: Path) -> None:
    page = nr.html_report(tmp_path / "page.html", recording(), bill(), placement(), crossbar(), fitted())
    kinds = [chart["kind"] for chart in charts_in(page)]
    assert kinds == ["raster", "trace", "crossbar", "learning", "energy", "mesh", "mesh"]


def test_a_folder_shows_the_files_that_are_in_it(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", energy={"chips": {"loihi": bill().as_dict() | {
        "by_core_J": bill().by_core.tolist(), "by_link_J": [], "links": []}}})  # fmt: skip
    recording().save(folder / "recording.h5")
    placement().save(folder / "placement.npz")
    nr.plot_raster(recording()).figure.savefig(folder / "raster.png")
    np.savez(folder / "other.npz", a=np.zeros(3))
    page = nr.html_report(tmp_path / "page.html", folder)
    assert [chart["kind"] for chart in charts_in(page)] == ["raster", "trace", "energy", "mesh", "mesh"]
    text = page.read_text()
    assert "exact_words" in text
    assert "data:image/png;base64," in text


def test_every_spike_up_to_100_000_is_on_the_page_which_stays_below_8_MB(tmp_path: Path) -> None:
    page = nr.html_report(tmp_path / "page.html", large_recording())
    (raster,) = charts_in(page)
    spikes = large_recording().spikes["cells"]
    assert np.array_equal(numbers(raster["traces"][0]["x"]), spikes.times)
    assert np.array_equal(numbers(raster["traces"][0]["y"]), spikes.ids)
    assert page.stat().st_size < 8e6


def test_of_too_many_spikes_one_in_a_few_is_drawn_and_the_page_says_so(tmp_path: Path) -> None:
    few = nr.Spikes(np.linspace(0, 1, 250_001), np.zeros(250_001, int))
    page = nr.html_report(tmp_path / "page.html", nr.Recording({"a": few}, {}, np.zeros(0), {}, 0.0, 2.0))
    (raster,) = charts_in(page)
    assert len(numbers(raster["traces"][0]["x"])) == 83_334
    assert "250,001 spikes" in raster["note"]
    assert "one in 3 is drawn" in raster["note"]


def test_joules_flow_from_the_total_to_each_cause(tmp_path: Path) -> None:
    (energy, _) = charts_in(nr.html_report(tmp_path / "page.html", bill()))
    links, causes = energy["traces"][0]["link"], {name: j for name, j in bill().by_cause.items() if j > 0}
    into = dict(zip(links["target"], links["value"], strict=True))
    ends = [into[target] for target in into if target not in links["source"]]
    assert sum(ends) == pytest.approx(1.0)
    assert sorted(ends) == pytest.approx(sorted(j / sum(causes.values()) for j in causes.values()))


def test_what_a_run_does_not_have_is_left_out(tmp_path: Path) -> None:
    page = nr.html_report(tmp_path / "page.html", write_run(tmp_path / "run"))
    assert charts_in(page) == []
    assert "Figures</h2>" not in page.read_text()


def test_texts_of_a_report_cannot_break_the_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><b>&"
    tables = [{"title": evil, "columns": ["epoch", evil], "rows": [[1, 0.5], [2, 0.6]]}]
    run = write_run(tmp_path / "run", task=evil, metrics={evil: 1.0}, tables=tables)
    page = nr.html_report(tmp_path / "page.html", run, title=evil)
    reader = Reader()
    reader.feed(page.read_text())
    assert reader.faults == []
    assert "alert(1)</script>" not in page.read_text()
    assert charts_in(page)[0]["traces"][0]["name"] == evil


def test_runs_are_compared_over_their_seeds(tmp_path: Path) -> None:
    shares = {9: [0.5, 0.7], 18: [0.9]}
    for trials, values in shares.items():
        for seed, share in enumerate(values):
            config = {"seed": seed, "trials": trials}
            write_run(tmp_path / "runs" / f"{trials}-{seed}", config=config, metrics={"share": share})
    page = nr.html_report(tmp_path / "page.html", tmp_path / "runs")
    bars, points = charts_in(page)[0]["traces"]
    assert bars["x"] == ["trials=18", "trials=9"]
    assert bars["y"] == pytest.approx([0.9, 0.6])
    assert bars["error_y"]["array"] == pytest.approx([0.0, 0.1])
    assert sorted(points["y"]) == [0.5, 0.7, 0.9]
    assert "0.6 ± 0.1 (2)" in page.read_text()


def test_the_points_of_a_sweep_are_runs_of_the_command(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path / "sweep" / "points" / f"{seed}", config={"seed": seed}, metrics={"share": float(seed)})
    done = CliRunner().invoke(app, ["report", str(tmp_path / "sweep"), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["page"] == str(tmp_path / "sweep" / "report.html")
    assert "1 ± 0.58 (3)" in (tmp_path / "sweep" / "report.html").read_text()
    refused = CliRunner().invoke(app, ["report", str(tmp_path / "missing")])
    assert refused.exit_code == 2
    assert "there is no such folder" in refused.stderr


def test_runs_of_two_tasks_are_two_groups(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", task="digits")
    assert list(groups_of(runs_in([tmp_path / "a", tmp_path / "b"]))) == ["braille", "digits"]


def test_two_folders_of_one_name_are_two_runs(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / side / "run") for side in "ab"]
    assert [run.name for run in runs_in(folders)] == ["run", "run (2)"]


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    damaged = write_run(tmp_path / "damaged")
    (damaged / "report.json").write_text("{")
    for error, runs in [
        (ParameterError, []),
        (ParameterError, [3]),
        (DataError, [tmp_path / "missing"]),
        (InputError, [tmp_path / "empty"]),
        (InputError, [damaged]),
    ]:
        with pytest.raises(error):
            nr.html_report(tmp_path / "page.html", *runs)
    assert not (tmp_path / "page.html").exists()
