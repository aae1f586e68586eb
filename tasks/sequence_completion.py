"""How many sequences a spiking memory completes that learned them from two phases, beside a Hebbian chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._sequence_memory import SPIKING, Config, Held, compile_recall, fill

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, memories=("two_phase", "hebb"), size=32, length=4, most=2, epochs=40),
    "tuning": Config(seed=100, seeds=2),
    "paper": Config(),
}
CRITERIA = ("exact", "cosine")


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Fill every memory."""
    names = sorted(config.memories, key=lambda name: name not in SPIKING)  # the slow ones first
    prepare = compile_recall if set(names) & set(SPIKING) else None
    jobs = [(config, name) for name in names]
    results = run_jobs(fill, jobs, workers=config.workers, prepare=prepare, progress=progress, label="filling")
    found = {each.memory: each for each in results}
    found = {name: found[name] for name in config.memories}
    return Report(
        task="sequence-completion",
        metrics=metrics_of(found),
        tables=(_table(found),),
        figures={"steps": lambda: _figure(found)},
    )


def metrics_of(found: dict[str, Held]) -> dict[str, float]:
    """Numbers of sequences, their ratios to the Hebbian chain's, spikes and pulses."""
    metrics: dict[str, float] = {}
    for criterion in CRITERIA:
        for name, held in found.items():
            capacity = getattr(held, criterion)
            metrics[f"{criterion}/{name}"] = capacity.value
            if capacity.error is not None:
                metrics[f"{criterion}/{name}/error"] = capacity.error
        if "hebb" in found:
            # A chain that fails with a single sequence would make any ratio as large as one likes.
            chain = max(getattr(found["hebb"], criterion).value, 1.0)
            for name in [name for name in SPIKING if name in found]:
                metrics[f"ratio_hebb/{criterion}/{name}"] = getattr(found[name], criterion).value / chain
    for name, held in found.items():
        metrics |= {f"{key}/{name}": value for key, value in held.counts.items()}
    return metrics


def _table(found: dict[str, Held]) -> Table:
    rows = []
    for name, held in found.items():
        texts = []
        for criterion in CRITERIA:
            capacity = getattr(held, criterion)
            texts.append(f"{capacity.value:.2f}" + ("" if capacity.error is None else f" ± {capacity.error:.2f}"))
        counts = [held.counts.get(key) for key in ("spikes", "pulses_per_device")]
        rows.append((name, *texts, *("" if count is None else f"{count:.0f}" for count in counts)))
    columns = ("memory", "last pattern exact", "by mean cosine", "spikes a recall", "pulses a device")
    return Table("Number of sequences completed, ± standard error", columns, tuple(rows))


def _figure(found: dict[str, Held]) -> Figure:
    """The share of exact patterns by step, with as many sequences as each memory holds."""
    with styled():
        figure, axes = canvas(6.4, 3.6, "Patterns recalled exactly, each memory full", "step", "share")
        for k, (name, held) in enumerate(found.items()):
            full = int(max(held.exact.value, 1))
            label = f"{name}, {full} sequence{'s' if full > 1 else ''}"
            axes.plot(np.arange(len(held.steps)), held.steps, marker="o", color=colour(k), label=label)
        axes.set_ylim(-0.02, 1.02)
        axes.legend(loc="lower right")
    return figure
