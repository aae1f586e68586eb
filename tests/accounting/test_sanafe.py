"""Runs that SANA-FE made, accounted again: its counts exactly, its joules and seconds to nine digits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reference import DATA, needs

SCRIPT = Path(__file__).parents[1] / "bench" / "sanafe_reference.py"
FILES = sorted([*(DATA / "sanafe").glob("*.json"), *(DATA / "sanafe_touched").glob("*.json")])


@needs("sanafe")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_counts_joules_and_seconds_are_those_of_sanafe_step_by_step(path):
    done = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True, check=True)
    ours, theirs = json.loads(done.stdout), json.loads(path.read_text(encoding="utf-8"))
    for key in ("hops", "packets", "spikes", "fired", "updated"):
        assert ours["perf"][key] == theirs["perf"][key], key
    for part, joules in theirs["energy"].items():
        assert ours["energy"][part] == pytest.approx(joules, rel=1e-9, abs=0), part
    for key in (key for key in theirs["perf"] if key.endswith("energy")):
        assert ours["perf"][key] == pytest.approx(theirs["perf"][key], rel=1e-9, abs=0), key
    assert ours["sim_time"] == pytest.approx(theirs["sim_time"], rel=1e-9, abs=0)
    assert ours["perf"]["sim_time"] == pytest.approx(theirs["perf"]["sim_time"], rel=1e-9, abs=0)
