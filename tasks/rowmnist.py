"""MNIST row by row: 200 spiking neurons, half of them AHP neurons, see 28 rows in 28 steps.

See docs/sequences.md.
"""

from __future__ import annotations

from pathlib import Path

from neuro.progress import Progress
from neuro.report import Report
from neuro.tasks._mnist_images import mnist
from neuro.tasks._sequence import SequenceConfig as Config
from neuro.tasks._sequence_data import Rows
from neuro.tasks._sequence_report import run_sequences

HELD_OUT = 5000
"""The last training images are for validation."""
PAPER = Config(
    ahp=100,
    lif=100,
    tau_m=10e-3,
    tau_ahp=(5e-3, 60e-3),
    tau_out=20e-3,
    bias=True,
    batches=5000,
    batch=128,
    rate=5e-3,
    voltage_cost=3e-4,
    tested=10_000,
    deployed=200,
)
PRESETS = {
    "smoke": PAPER.model_copy(
        update={"seeds": 1, "ahp": 20, "lif": 20, "batches": 6, "tested": 100, "priced": 2, "deployed": 10}
    ),
    "paper": PAPER,
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and judge each variant.

    Raises
    ------
    MissingPackage
        If torch is not installed.
    DataError
        If MNIST is not there.
    """
    sets = []
    for part in ("training", "test"):
        images = mnist(part)
        sets.append((images.inputs.reshape(-1, 28, 28), images.labels))
    (images, labels), test = sets
    training, validation = (images[:-HELD_OUT], labels[:-HELD_OUT]), (images[-HELD_OUT:], labels[-HELD_OUT:])
    return run_sequences("rowmnist", config, Rows(training, validation, test, inputs=84, window=30), progress)
