"""Layers that answer by their first spikes learn the yin-yang points by exact gradients."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._yin_yang import CLASSES, Config, Outcome, compile_network, learn, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, epochs=4, hidden=50, used=800, batch=25, rate=1e-2, judged="validation"),
    "tuning": Config(seeds=1, judged="validation"),
    "paper": Config(),
    "delays": Config(hidden=30, delays=True),
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train with every seed, then look at the test points once."""
    jobs = [(config, seed) for seed in range(config.seed, config.seed + config.seeds)]
    results = run_jobs(
        learn,
        jobs,
        workers=config.workers,
        prepare=partial(compile_network, config),
        progress=progress,
        label="training",
    )
    outcomes = sorted(results, key=lambda outcome: outcome.seed)
    name = f"{config.judged}_accuracy"
    judged = [outcome.judged for outcome in outcomes]
    metrics = {
        name: float(np.median(judged)),
        f"{name}/lowest": min(judged),
        "validation_accuracy/last": float(np.median([outcome.validation[-1] for outcome in outcomes])),
        "cpu_seconds_per_epoch": float(np.mean([outcome.cpu_seconds_per_epoch for outcome in outcomes])),
        "spikes/before": float(np.mean([outcome.spikes[0] for outcome in outcomes])),
        "spikes/after": float(np.mean([outcome.spikes[1] for outcome in outcomes])),
    }
    for what in ("slope_floor", "revival"):
        metrics[f"acted/{what}"] = float(np.mean([outcome.acted.get(what, 0) for outcome in outcomes]))
    return Report(
        task="yin-yang",
        metrics=metrics,
        tables=(_table(outcomes, config.judged),),
        figures={"learning": partial(_curves, outcomes), "plane": partial(_plane, config, outcomes[0])},
    )


def _table(outcomes: list[Outcome], judged: str) -> Table:
    rows = [
        (each.seed, f"{each.judged:.4f}", f"{each.validation[-1]:.4f}", f"{each.cpu_seconds_per_epoch:.2f}")
        for each in outcomes
    ]
    columns = ("seed", f"{judged} accuracy", "validation accuracy at the end", "CPU seconds an epoch")
    return Table("Yin-yang: accuracy by seed", columns, tuple(rows))


def _curves(outcomes: list[Outcome]) -> Figure:
    """Errors by epoch."""
    with styled():
        figure, axes = canvas(6.4, 4.2, "Yin-yang: errors by epoch, all seeds", "epoch", "share of errors")
        for k, (label, field) in enumerate((("training", "training"), ("validation", "validation"))):
            for n, outcome in enumerate(outcomes):
                errors = 1.0 - np.array(getattr(outcome, field))
                axes.plot(np.arange(1, len(errors) + 1), errors, color=colour(k), label=label if n == 0 else None)
        axes.set_yscale("log")
        axes.legend(loc="upper right")
    return figure


def _plane(config: Config, outcome: Outcome) -> Figure:
    """The judged points, by the class that the network gives them; errors are crossed."""
    where, labels = points(config.judged)
    where, labels = where[: len(outcome.answers)], labels[: len(outcome.answers)]
    with styled():
        title = f"Yin-yang: {outcome.judged:.1%} of the {config.judged} points are answered rightly"
        figure, axes = canvas(5.6, 5.2, title, "x", "y")
        for k, name in enumerate(CLASSES):
            mine = outcome.answers == k
            axes.plot(*where[mine].T, "osD"[k], color=colour(k), linestyle="none", markersize=3, label=name)
        wrong = outcome.answers != labels
        axes.plot(*where[wrong].T, "x", color="black", markersize=8, label="error")
        axes.set_aspect("equal")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
