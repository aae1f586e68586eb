"""Sequences of bits with "store" and "recall": AHP neurons remember for seconds, LIF neurons of the same number do not.

See docs/sequences.md.
"""

from __future__ import annotations

from pathlib import Path

from neuro.progress import Progress
from neuro.report import Report
from neuro.tasks._sequence import SequenceConfig as Config
from neuro.tasks._sequence_data import StoreRecall
from neuro.tasks._sequence_report import run_sequences

PAPER = Config(
    variants=("ahp", "unregularised", "lif", "lstm", "eprop", "dale", "sparse"),
    batches=800,
    device_levels=(4, 8, 16, 32, 64),
    device_write_noise=(0.01, 0.02, 0.05, 0.1),
    device_stuck=(0.001, 0.01, 0.03, 0.1),
)
PRESETS = {
    "smoke": PAPER.model_copy(
        update={
            "seeds": 1,
            "ahp": 20,
            "batches": 6,
            "batch": 8,
            "tested": 16,
            "priced": 2,
            "deployed": 4,
            "device_levels": (16,),
        }
    ),
    "paper": PAPER,
    "eprop": Config(
        variants=("ahp", "lif", "eprop"), beside=3, batches=2000, bias=True, tau_ahp=(0.3, 2.0), r_scale=0.05
    ),
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and judge each variant.

    Raises
    ------
    MissingPackage
        If torch is not installed.
    """
    return run_sequences("store-recall", config, StoreRecall(), progress)
