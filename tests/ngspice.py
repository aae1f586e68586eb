"""Runs SPICE decks through ngspice, where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

__all__ = ["NEEDS_NGSPICE", "printed", "run"]

NEEDS_NGSPICE = pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="ngspice is not installed (Debian and Ubuntu: apt-get install ngspice)"
)


def run(deck: str) -> str:
    """What ngspice says about the deck."""
    done = subprocess.run(["ngspice", "-b"], input=deck, capture_output=True, text=True, timeout=120, check=False)
    assert "rror" not in done.stderr, done.stderr
    return done.stdout


def printed(deck: str) -> dict[str, float]:
    """Every quantity that the deck prints as one number."""
    found = {name: float(value) for name, value in re.findall(r"^(\S+) = (\S+)$", run(deck), re.MULTILINE)}
    assert found, "the deck printed nothing"
    return found
