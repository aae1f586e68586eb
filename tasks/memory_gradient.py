"""Exact gradients teach AHP neurons to remember one of twelve symbols through a silent delay."""

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
from neuro.tasks._memory_gradient import SHOWN, VARIANTS, Config, Outcome, compile_parts, learn
from neuro.units import ms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, symbols=4, cells=20, steps=6, batch=8, tested=16),
    "paper": Config(),
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train each variant with every seed, and test it on fresh trials."""
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, variant, seed) for seed in seeds for variant in VARIANTS]
    prepare = partial(compile_parts, config)
    results = run_jobs(learn, jobs, workers=config.workers, prepare=prepare, progress=progress, label="training")
    outcomes = sorted(results, key=lambda outcome: outcome.seed)
    metrics: dict[str, float] = {}
    for variant in VARIANTS:
        mine = [outcome for outcome in outcomes if outcome.name == variant.name]
        metrics[f"accuracy/{variant.name}"] = float(np.median([each.accuracy for each in mine]))
        metrics[f"accuracy/{variant.name}/lowest"] = min(each.accuracy for each in mine)
        metrics[f"cpu_seconds/{variant.name}"] = float(np.mean([each.cpu_seconds for each in mine]))
        metrics[f"spikes/{variant.name}/before"] = float(np.mean([each.spikes[0] for each in mine]))
        metrics[f"spikes/{variant.name}/after"] = float(np.mean([each.spikes[1] for each in mine]))
        metrics[f"spikes/{variant.name}/in_silence"] = float(np.mean([each.silent for each in mine]))
    first = next(outcome for outcome in outcomes if outcome.name == "600ms")
    return Report(
        task="memory-gradient",
        metrics=metrics,
        measured=tuple(f"cpu_seconds/{variant.name}" for variant in VARIANTS),
        tables=(_table(outcomes),),
        figures={"learning": partial(_curves, config, outcomes), "trial": partial(_trial, first)},
    )


def _table(outcomes: list[Outcome]) -> Table:
    rows = [
        (each.name, each.seed, f"{each.accuracy:.4f}", f"{each.spikes[1]:.0f}", f"{each.cpu_seconds:.1f}")
        for variant in VARIANTS
        for each in outcomes
        if each.name == variant.name
    ]
    columns = ("variant", "seed", "accuracy", "spikes a trial", "CPU seconds")
    return Table("Memory of a symbol: accuracy by variant and seed", columns, tuple(rows))


def _curves(config: Config, outcomes: list[Outcome]) -> Figure:
    """Losses by update."""
    with styled():
        figure, axes = canvas(6.4, 4.2, "Memory of a symbol: loss by update, all seeds", "update", "cross-entropy")
        for k, variant in enumerate(VARIANTS):
            mine = [outcome for outcome in outcomes if outcome.name == variant.name]
            for n, outcome in enumerate(mine):
                axes.plot(outcome.loss, color=colour(k), linewidth=1.0, label=variant.name if n == 0 else None)
        axes.axhline(np.log(config.symbols), color="black", linestyle=":", linewidth=1.0, label="guessing")
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="upper right")
    return figure


def _trial(outcome: Outcome) -> Figure:
    """Spikes of the AHP neurons in two trials."""
    with styled():
        title = "Silent memory: spikes of the AHP neurons for two symbols"
        figure, axes = canvas(7.2, 4.2, title, "time (ms)", "neuron")
        for k, spikes in enumerate(outcome.shown):
            marks = "|" if k == 0 else "_"
            axes.plot(
                spikes.times / ms, spikes.ids, marks, color=colour(k), linestyle="none", label=("one", "another")[k]
            )
        axes.axvspan(0.0, SHOWN / ms, color=colour(4), alpha=0.15, linewidth=0, label="symbol shown")
        axes.legend(loc="center")
    return figure
