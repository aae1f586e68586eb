"""Delays alone, weights alone or both learn to answer with a spike time that is a function of the inputs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._regression_delays import (
    FUNCTIONS,
    Config,
    Outcome,
    Slopes,
    compile_network,
    examples,
    learn,
    simple,
    slopes,
    targets_of,
)
from neuro.units import ms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(
        seeds=1,
        functions=("mean", "product"),
        hidden=20,
        epochs=8,
        means=(3.0, 1.0),
        spreads=(3.0, 1.0),
        points=(200, 50, 50),
        judged="validation",
    ),
    "tuning": Config(seed=100, seeds=2, judged="validation"),
    "paper": Config(),
    "equal": Config(trained=("delays",), spreads=(0.0, 0.0)),
}

LEAST = 0.01 * ms
"""Where the axis of errors begins, s."""
LINES = {"delays": "-", "weights": "--", "both": ":"}
"""Styles of curves, by what is trained."""
Errors = dict[str, dict[str, tuple[float, float]]]
"""Rms error, s, and R^2 by function, of the best constant and of the best linear function."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train each network for each function with every seed, then look at the test points once."""
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, name, trained, seed) for name in config.functions for trained in config.trained for seed in seeds]
    prepare = partial(compile_network, config)
    results = run_jobs(learn, jobs, workers=config.workers, prepare=prepare, progress=progress, label="training")
    order = {job[1:]: n for n, job in enumerate(jobs)}
    outcomes = sorted(results, key=lambda each: order[each.function, each.trained, each.seed])
    others = {name: simple(config, name) for name in config.functions}
    beside = slopes(config, next(each for each in outcomes if each.function == config.functions[-1]))
    return Report(
        task="regression-delays",
        metrics=_metrics(config, outcomes, others, beside),
        measured=tuple(f"cpu_seconds/{trained}" for trained in config.trained),
        tables=(_table(config, outcomes, others), _by_seed(outcomes)),
        figures={
            "errors": partial(_bars, config, outcomes, others),
            "answers": partial(_answers, config, outcomes),
            "learning": partial(_curves, config, outcomes, others),
            "gradient": partial(_gradient, beside),
        },
    )


def _of(outcomes: Iterable[Outcome], name: str, trained: str) -> list[Outcome]:
    return [each for each in outcomes if (each.function, each.trained) == (name, trained)]


def _metrics(config: Config, outcomes: list[Outcome], others: Errors, beside: Slopes) -> dict[str, float]:
    """Medians over the seeds, by function and by what is trained."""
    metrics: dict[str, float] = {}
    for name in config.functions:
        for kind, (rms, r2) in others[name].items():
            metrics |= {f"rms_ms/{name}/{kind}": rms / ms, f"r2/{name}/{kind}": r2}
        for trained in config.trained:
            mine, key = _of(outcomes, name, trained), f"{name}/{trained}"
            metrics |= {
                f"r2/{key}": float(np.median([each.r2 for each in mine])),
                f"r2/{key}/lowest": min(each.r2 for each in mine),
                f"rms_ms/{key}": float(np.median([each.rms for each in mine])) / ms,
                f"silent/{key}": float(np.mean([each.silent for each in mine])),
                f"spikes/{key}": float(np.mean([each.spikes for each in mine])),
                f"moved_ms/{key}": float(np.mean([each.moved for each in mine])) / ms,
            }
    for trained in config.trained:
        mine = [each for each in outcomes if each.trained == trained]
        metrics[f"cpu_seconds/{trained}"] = float(np.mean([each.cpu_seconds for each in mine]))
    if len(beside.exact):
        apart = np.abs(beside.exact - beside.differences)
        metrics["gradient/worst_error"] = float(apart.max() / np.abs(beside.exact).max())
    return metrics


def _table(config: Config, outcomes: list[Outcome], others: Errors) -> Table:
    """Rms errors in ms, and R^2, medians over the seeds."""
    rows = []
    for name in config.functions:
        cells = [f"{rms / ms:.2f} ({r2:.3f})" for rms, r2 in others[name].values()]
        for trained in config.trained:
            mine = _of(outcomes, name, trained)
            cells.append(
                f"{np.median([each.rms for each in mine]) / ms:.2f} ({np.median([each.r2 for each in mine]):.3f})"
            )
        rows.append((name, FUNCTIONS[name].formula, *cells))
    columns = ("function", "of inputs in 0..1", "constant", "linear", *(f"trained: {each}" for each in config.trained))
    return Table("Rms error of spike times in ms, and R^2 in brackets: medians over the seeds", columns, tuple(rows))


def _by_seed(outcomes: list[Outcome]) -> Table:
    rows = [
        (
            *(each.function, each.trained, each.seed, f"{each.rms / ms:.3f}", f"{each.r2:.4f}"),
            *(f"{each.silent:.1%}", f"{each.moved / ms:.2f}", f"{each.spikes:.1f}", f"{each.cpu_seconds:.1f}"),
        )
        for each in outcomes
    ]
    columns = (
        *("function", "trained", "seed", "rms error (ms)", "R^2"),
        *("silent", "delays moved by (ms)", "spikes a point", "CPU seconds"),
    )
    return Table("Answers by seed", columns, tuple(rows))


def _bars(config: Config, outcomes: list[Outcome], others: Errors) -> Figure:
    """Rms errors by function, of all seeds."""
    kinds, at = [*next(iter(others.values())), *config.trained], np.arange(len(config.functions))
    with styled():
        title = "Errors of spike times: bars are medians, dots are seeds"
        figure, axes = canvas(8.0, 4.2, title, "", "rms error (ms)")
        for k, kind in enumerate(kinds):
            where = at + 0.16 * (k - (len(kinds) - 1) / 2)
            found = [
                [others[name][kind][0]] if kind in others[name] else [each.rms for each in _of(outcomes, name, kind)]
                for name in config.functions
            ]
            axes.bar(where, [np.median(each) / ms for each in found], 0.15, color=colour(k), label=kind)
            for x, each in zip(where, found, strict=True):
                if len(each) > 1:
                    axes.plot(np.full(len(each), x), np.array(each) / ms, ".", color="black", markersize=3)
        axes.set_xticks(at, [f"{name}\n{FUNCTIONS[name].formula}" for name in config.functions])
        axes.set_yscale("log")
        # A linear function meets linear ones to rounding.
        axes.set_ylim(bottom=LEAST / ms)
        axes.grid(False, axis="x")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _answers(config: Config, outcomes: list[Outcome]) -> Figure:
    """Answers against targets of the first seed with what is trained first, by function."""
    trained = config.trained[0]
    with styled():
        title = f"Answers against targets, trained: {trained}, seed {config.seed}"
        figure, axes = canvas(5.6, 5.2, title, "target (ms)", "first spike of the output (ms)")
        for k, name in enumerate(config.functions):
            wanted = targets_of(examples(config, name, config.judged)) / ms
            answers = _of(outcomes, name, trained)[0].answers / ms
            axes.plot(wanted, answers, ".", color=colour(k), markersize=3, label=name)
        ends = np.array([config.answer, config.answer + config.span]) / ms
        axes.plot(ends, ends, color="black", linewidth=0.8)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _curves(config: Config, outcomes: list[Outcome], others: Errors) -> Figure:
    """Rms errors of the validation points by epoch, in relation to those of the best constant."""
    with styled():
        title = "Learning: median error over the seeds"
        figure, axes = canvas(7.2, 4.4, title, "epoch", "validation error / error of the best constant")
        for k, name in enumerate(config.functions):
            for n, trained in enumerate(config.trained):
                rows = np.array([each.validation for each in _of(outcomes, name, trained)])
                share = np.median(rows, axis=0) / others[name]["constant"][0]
                label = name if n == 0 else None
                axes.plot(np.arange(1, len(share) + 1), share, LINES[trained], color=colour(k), label=label)
        for trained in config.trained:
            axes.plot([], [], LINES[trained], color="black", label=f"trained: {trained}")
        axes.axhline(1.0, color="black", linewidth=0.8)
        axes.set_yscale("log")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _gradient(beside: Slopes) -> Figure:
    """Exact derivatives by delays beside central differences of runs."""
    with styled():
        title = "Derivatives by delays, exact and by differences"
        figure, axes = canvas(
            5.6, 5.2, title, "central differences of runs (ms^2 per ms)", "exact gradient (ms^2 per ms)"
        )
        axes.plot(beside.differences / ms, beside.exact / ms, "o", color=colour(0), markersize=4)
        ends = np.array([beside.differences.min(initial=0.0), beside.differences.max(initial=0.0)]) / ms
        axes.plot(ends, ends, color="black", linewidth=0.8)
    return figure
