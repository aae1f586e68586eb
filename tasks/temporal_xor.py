"""Are two pulses, a second apart, equal? A network of AHP neurons answers at a go signal some time later.

See docs/sequences.md.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from neuro.progress import Progress
from neuro.report import Report
from neuro.tasks._sequence import SequenceConfig
from neuro.tasks._sequence_data import TemporalXor
from neuro.tasks._sequence_report import run_sequences


class Config(SequenceConfig):
    """Settings of the task."""

    delay: float = Field(1.0, ge=0.2, le=10.0, description="from pulse to pulse in validation and test, s")


PAPER = Config(tau_ahp=(0.2, 2.0), tau_out=20e-3, batches=2000, voltage_cost=2e-3, voltage_fade=0.5, beside=3)
PRESETS = {
    "smoke": PAPER.model_copy(
        update={
            "seeds": 1,
            "beside": 1,
            "ahp": 20,
            "batches": 4,
            "batch": 8,
            "tested": 16,
            "priced": 2,
            "deployed": 4,
            "delay": 0.2,
        }
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
    return run_sequences("temporal-xor", config, TemporalXor(config.delay), progress)
