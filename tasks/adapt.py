"""A deployed digits network whose inputs or devices drift learns on from single labelled examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._adapt import DRIFTS, HOLDERS, WAYS, Config, Outcome, learn
from neuro.tasks._digits import images
from neuro.tasks._layered import compile_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, hidden=32, epochs=3, training=400, stages=2, examples=100),
    "tuning": Config(seed=100, seeds=2, tuning=True),
    "paper": Config(),
}
PROTOTYPE = {
    ("rotation", "frozen"): 0.242,
    ("rotation", "learning"): 0.841,
    ("dead", "frozen"): 0.379,
    ("dead", "learning"): 0.742,
    ("ageing", "frozen"): 0.892,
    ("ageing", "learning"): 0.971,
}
"""Accuracies at the end of the drift of an earlier program with the same equations, with weights as numbers."""
MEANT = {"rotation": "the images turn", "dead": "lines of the sensor die", "ageing": "weights fade and scatter"}
Case = tuple[str, str, str]


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train networks, let them drift, and test them after each stage."""
    images()  # says at once if they are not there
    jobs = [(config, holder, seed) for seed in range(config.seed, config.seed + config.seeds) for holder in HOLDERS]
    found: dict[Case, list[Outcome]] = {(h, drift, way): [] for h in HOLDERS for drift in DRIFTS for way in WAYS}
    results = run_jobs(
        learn, jobs, workers=config.workers, prepare=compile_network, progress=progress, label="training and drifting"
    )
    for outcomes in results:
        for outcome in outcomes:
            found[outcome.holder, outcome.drift, outcome.way].append(outcome)
    for each in found.values():
        each.sort(key=lambda outcome: outcome.seed)
    costs = _costs(found)
    return Report(
        task="adapt",
        metrics={**_metrics(found), **costs},
        energy={"unit": "pulses and J per example learned, J per inference", **costs},
        tables=(_table(config, found), _energy(costs)),
        figures={"drift": lambda: _figure(config, found)},
    )


def _name(holder: str, drift: str, way: str) -> str:
    return f"{way}/{drift}" if holder == "numbers" else f"{way}_{holder}/{drift}"


def _metrics(found: dict[Case, list[Outcome]]) -> dict[str, float]:
    """Accuracies at the end, lowest seeds, and those before the drift."""
    metrics: dict[str, float] = {}
    for case, outcomes in found.items():
        last = [outcome.accuracy[-1] for outcome in outcomes]
        metrics |= {_name(*case): float(np.mean(last)), f"{_name(*case)}/lowest": min(last)}
    for holder in HOLDERS:
        first = [outcome.accuracy[0] for outcome in found[holder, DRIFTS[0], WAYS[0]]]
        metrics["before" if holder == "numbers" else f"before_{holder}"] = float(np.mean(first))
    return metrics


def _costs(found: dict[Case, list[Outcome]]) -> dict[str, float]:
    """Means over the seeds of what learning on devices costs, by drift."""
    return {
        f"{key}/{drift}": float(np.mean([outcome.counts[key] for outcome in found[HOLDERS[1], drift, "learning"]]))
        for drift in DRIFTS
        for key in found[HOLDERS[1], drift, "learning"][0].counts
    }


def _table(config: Config, found: dict[Case, list[Outcome]]) -> Table:
    rows = []
    for holder, drift, way in found:
        curves = np.array([outcome.accuracy for outcome in found[holder, drift, way]])
        error = curves[:, -1].std(ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else 0.0
        last = f"{curves[:, -1].mean():.3f} ± {error:.3f}"
        earlier = PROTOTYPE[drift, way] if holder == "numbers" else ""
        rows.append((f"{MEANT[drift]}", holder, way, f"{curves[:, 0].mean():.3f}", last, earlier))
    title = f"Accuracy before the drift and after {config.stages} stages of {config.examples} examples"
    return Table(title, ("drift", "weights", "network", "before", "after", "earlier program"), tuple(rows))


def _energy(costs: dict[str, float]) -> Table:
    keys = list(dict.fromkeys(name.rpartition("/")[0] for name in costs))
    rows = [(MEANT[drift], *(costs[f"{key}/{drift}"] for key in keys)) for drift in DRIFTS]
    return Table("Learning on devices of 64 levels", ("drift", *(key.replace("_", " ") for key in keys)), tuple(rows))


def _figure(config: Config, found: dict[Case, list[Outcome]]) -> Figure:
    """Accuracy by stage; dashed without learning."""
    with styled():
        figure, axes = canvas(6.8, 4.4, "Digits in the field, weights as numbers", "stage of the drift", "accuracy")
        stages = np.arange(config.stages + 1)
        for k, drift in enumerate(DRIFTS):
            for way, line in zip(WAYS, ("-", (0, (4, 3))), strict=True):
                mean = np.mean([outcome.accuracy for outcome in found["numbers", drift, way]], axis=0)
                axes.plot(stages, mean, color=colour(k), linestyle=line, marker="o", label=f"{MEANT[drift]}, {way}")
        axes.set_ylim(0.0, 1.02)
        axes.set_xticks(stages)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
