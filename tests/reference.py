"""Where the files are that others made: `$NEURO_DATA`, or `../shared/data` beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("NEURO_DATA") or Path(__file__).parents[2] / "shared" / "data")


def needs(folder: str) -> pytest.MarkDecorator:
    """Skips a test where a folder of the reference data is missing."""
    reason = f"no {folder!r} in $NEURO_DATA or ../shared/data"
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=reason)
