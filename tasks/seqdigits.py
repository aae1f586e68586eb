"""Digits of 8 x 8 pixels, one pixel a step, with or without inputs that tell row and column.

See docs/sequences.md.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from neuro.progress import Progress
from neuro.report import Report
from neuro.tasks._sequence import SequenceConfig
from neuro.tasks._sequence_data import Pixels
from neuro.tasks._sequence_report import run_sequences


class Config(SequenceConfig):
    """Settings of the task."""

    clock: bool = Field(True, description="do 16 inputs tell the row and the column of a pixel?")


PAPER = Config(
    ahp=80,
    lif=80,
    tau_m=10e-3,
    tau_ahp=(10e-3, 200e-3),
    tau_out=20e-3,
    bias=True,
    batches=7500,
    rate=5e-3,
    voltage_cost=1e-4,
    tested=450,
)
PRESETS = {
    "smoke": PAPER.model_copy(
        update={"seeds": 1, "ahp": 20, "lif": 20, "batches": 6, "batch": 8, "tested": 32, "priced": 2, "deployed": 4}
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
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    rest, test, rest_labels, test_labels = train_test_split(
        images, labels, test_size=450, random_state=0, stratify=labels
    )
    training, validation, training_labels, validation_labels = train_test_split(
        rest, rest_labels, test_size=150, random_state=0, stratify=rest_labels
    )
    data = Pixels(
        (training, training_labels),
        (validation, validation_labels),
        (test, test_labels),
        inputs=32 if config.clock else 16,
        window=66,
    )
    return run_sequences("seqdigits", config, data, progress)
