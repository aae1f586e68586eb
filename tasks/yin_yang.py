"""Layers that answer by their first spikes learn the yin-yang points by exact gradients."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._timed import MEASURED, Outcome, curves, metrics_of, table
from neuro.tasks._yin_yang import CLASSES, Config, compile_network, learn, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, epochs=4, hidden=50, used=800, batch=25, judged="validation"),
    "tuning": Config(seeds=1, judged="validation"),
    "paper": Config(),
    "delays": Config(hidden=30, delays=True, means=(1.3, 1.0), spreads=(0.7, 0.5)),
    "crossbars": Config(crossbars=True),
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
    figures = {"learning": partial(curves, outcomes, "Yin-yang"), "plane": partial(_plane, config, outcomes[0])}
    return Report(
        task="yin-yang",
        metrics=metrics_of(outcomes, config.judged),
        measured=MEASURED,
        tables=(table(outcomes, "Yin-yang", config.judged),),
        figures=figures,
    )


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
