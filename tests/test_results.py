"""The figures of the README's table of results are those of the kept reports."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
ROW = re.compile(
    r"^\| (?P<task>[^|]+) \| `(?P<metric>[^`]+)` \| (?P<figure>[\d.,]+)(?P<percent> %)? \| (?P<seeds>\d+) \|"
)

TRAINED_ONCE = ("unregularised", "lif", "lstm", "eprop")
"""Variants of which `beside` says how many seeds they have."""

pytestmark = pytest.mark.skipif(not README.is_file(), reason="no README beside these tests")


def rows():
    """(task, metric, figure, in percent?, seeds); a row that names no task is of the task of the row above."""
    if not README.is_file():
        return
    task = ""
    section = README.read_text(encoding="utf-8").partition("## Results\n")[2].partition("\n## ")[0]
    for line in section.splitlines()[section.splitlines().index("|---|---|---|---|---|") + 1 :]:
        if line:
            row = ROW.match(line)
            assert row, line
            named = re.search(r"`([\w-]+)`", row["task"])
            task = named[1] if named else task
            yield task, row["metric"], row["figure"], bool(row["percent"]), int(row["seeds"])


def test_there_are_results():
    assert len(list(rows())) > 10


@pytest.mark.parametrize(("task", "metric", "figure", "percent", "seeds"), list(rows()))
def test_a_figure_of_the_readme_is_that_of_a_kept_report(task, metric, figure, percent, seeds):
    paths = (ROOT / "models/results" / task).glob("*.json")
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    decimals, trained_once = len(figure.partition(".")[2]), metric.partition("/")[0] in TRAINED_ONCE
    told = {
        (
            f"{report['metrics'][metric] * (100 if percent else 1):,.{decimals}f}",
            report["config"]["beside"] if trained_once else report["config"].get("seeds", 1),
        )
        for report in kept
        if metric in report["metrics"]
    }
    assert (figure, seeds) in told
