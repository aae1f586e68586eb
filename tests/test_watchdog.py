"""A test that takes long says so, with the seed of its draws: also from a worker, and while it still runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = """
import time
from hypothesis import given, settings, strategies as st
@settings(deadline=None, max_examples=1, derandomize=False)
@given(st.integers())
def test_stands_still(n):
    time.sleep(2.0)
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_test_that_takes_long_says_its_seed_on_the_terminal(workers, tmp_path):
    (tmp_path / "test_slow.py").write_text(SLOW, encoding="utf-8")
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "NEURO_TEST_PATIENCE": "0.5"}
    command = [sys.executable, "-m", "pytest", "-p", "tests.watchdog", "-n", workers, "--rootdir", ".", "test_slow.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        r"test_slow.py::test_stands_still has run for 0\.5 s; again with --hypothesis-seed=\d+", done.stderr
    )
