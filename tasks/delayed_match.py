"""Is a pattern the one that was shown before a delay? A network of AHP neurons answers at a go signal.

See docs/sequences.md.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from neuro.progress import Progress
from neuro.report import Report
from neuro.tasks._sequence import SequenceConfig
from neuro.tasks._sequence_data import DelayedMatch
from neuro.tasks._sequence_report import run_sequences


class Config(SequenceConfig):
    """Settings of the task."""

    delay: float = Field(1.5, ge=0.5, le=10.0, description="between the patterns in validation and test, s")


PAPER = Config(ahp=100, tau_ahp=(0.75, 2.5), tau_out=20e-3, batches=2000, voltage_cost=1e-3)
PRESETS = {
    "smoke": PAPER.model_copy(
        update={"seeds": 1, "ahp": 20, "batches": 4, "batch": 8, "tested": 16, "priced": 2, "deployed": 4, "delay": 0.5}
    ),
    "paper": PAPER,
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and judge each variant.

    Raises
    ------
    MissingPackage
        If torch is not installed.
    """
    return run_sequences("delayed-match", config, DelayedMatch(config.delay), progress)
