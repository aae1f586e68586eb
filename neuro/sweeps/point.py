"""One point of a sweep, as a worker computes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from neuro.system.executors import in_a_job
from neuro.tasks import load_task, run_configured

__all__ = ["Job", "compute"]


class Job(NamedTuple):
    """What a worker needs to know of a point."""

    task: str
    preset: str
    settings: Mapping[str, Any]
    """Every setting of the task, as JSON knows it."""
    place: Path
    """The folder of the point, which appears whole when it is finished."""


def compute(job: Job) -> None:
    """Run the task with the settings of a point, and write its report without figures."""
    with in_a_job():
        config = load_task(job.task).Config.model_validate(job.settings)
        run_configured(job.task, config, job.preset, out=job.place, draw=False)
