"""Writes the published schema of `report.json` anew: `python -m tests.report.write_schema`."""

from __future__ import annotations

from neuro.paths import models_dir
from tests.report.test_schema import schema

if __name__ == "__main__":
    (models_dir() / "report.schema.json").write_text(schema(), encoding="utf-8")
