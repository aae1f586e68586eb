"""A deployed digits network whose inputs or devices drift learns on from single labelled examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.settings import Writing
from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._adapt import DRIFTS, HOLDERS, WAYS, Config, Outcome, learn
from neuro.tasks._digits import images
from neuro.tasks._layered import compile_network
from neuro.tasks._layered_report import mean_and_error, standard_error
from neuro.tasks._mnist_images import mnist
from neuro.tasks._split_mnist import TASKS, Ageing, Job, Prices, SplitConfig, SplitOutcome, learn_split
from neuro.tasks._split_mnist import WAYS as SPLIT_WAYS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, hidden=32, epochs=3, training=400, stages=2, examples=100),
    "tuning": Config(seed=100, seeds=2, tuning=True),
    "paper": Config(),
    "split-smoke": Config(
        parts=("split_mnist",), seeds=1, split=SplitConfig(neurons=4, winners=25, used=1500, tested=300, steps=1)
    ),
    "split-tuning": Config(parts=("split_mnist",), seed=100, seeds=2, tuning=True),
    "split-paper": Config(parts=("split_mnist",)),
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
    """Train networks, let them drift, and test them; or show digits two after two, and test on all of them."""
    reports = {"drifts": _drifts, "split_mnist": _split}
    found = [reports[part](config, progress) for part in dict.fromkeys(config.parts)]
    return Report(
        task="adapt",
        metrics={name: value for each in found for name, value in each.metrics.items()},
        energy={"unit": "pulses and J per example learned, J per inference"}
        | {name: value for each in found for name, value in each.energy.items()},
        tables=tuple(table for each in found for table in each.tables),
        figures={name: figure for each in found for name, figure in each.figures.items()},
    )


def _drifts(config: Config, progress: Progress) -> Report:
    """Digits whose images turn or lose lines, and networks that age, tested after each stage."""
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
        energy=costs,
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
        last = mean_and_error(curves[:, -1], 3)
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


def _split(config: Config, progress: Progress) -> Report:
    """Ten digits in one pass, two after two, while all devices age."""
    mnist("test")  # says at once if MNIST is not there
    prices = Prices(
        Reading(voltage=config.read_voltage, duration=config.read_time),
        Writing(voltage=config.write_voltage, duration=config.write_time),
    )
    ageing = Ageing(config.kept, config.scatter)
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [Job(config.split, ageing, prices, seed, config.tuning) for seed in seeds]
    results = run_jobs(
        learn_split,
        jobs,
        workers=config.workers,
        prepare=compile_network,
        progress=progress,
        label="learning digits, two after two",
    )
    found: dict[str, list[SplitOutcome]] = {way: [] for way in SPLIT_WAYS}
    for outcome in (each for outcomes in results for each in outcomes):
        found[outcome.way].append(outcome)
    metrics: dict[str, float] = {}
    costs: dict[str, float] = {}
    rows = []
    for way, outcomes in found.items():
        outcomes.sort(key=lambda outcome: outcome.seed)
        name = "split_mnist" if way == "learning" else f"split_mnist_{way}"
        every = np.array([outcome.accuracy for outcome in outcomes])
        by_task = np.mean([outcome.by_task for outcome in outcomes], axis=0)
        metrics |= {name: float(every.mean()), f"{name}/lowest": float(every.min())}
        error = standard_error(every)
        metrics |= {} if error is None else {f"{name}/standard_error": error}
        metrics |= {f"{name}/task{k + 1}": float(share) for k, share in enumerate(by_task)}
        means = {key: float(np.mean([each.counts[key] for each in outcomes])) for key in outcomes[0].counts}
        costs |= {f"{name}/{key}": value for key, value in means.items()}
        shares = (f"{share:.3f}" for share in by_task)
        spent = (means[key] for key in ("pulses_per_example", "write_joules_per_example", "spikes_per_inference"))
        joules = means["read_joules_per_inference/input"] + means["read_joules_per_inference/readout"]
        rows.append((way, mean_and_error(every, 3), *shares, *spent, joules))
    columns = (
        *("network", "all ten digits", *(f"task {k + 1}" for k in range(TASKS))),
        *("pulses an example", "J of writing an example", "spikes an inference", "J of reading an inference"),
    )
    title = "Split-MNIST after one pass: accuracy without task labels, in all and by task, and what it costs"
    return Report(
        task="adapt",
        metrics=metrics | costs,
        energy=costs,
        tables=(Table(title, columns, tuple(rows)),),
        figures={"split_mnist": lambda: _split_figure(found)},
    )


def _split_figure(found: dict[str, list[SplitOutcome]]) -> Figure:
    """Accuracy at the end on the digits of each task."""
    with styled():
        figure, axes = canvas(6.8, 4.4, "Split-MNIST after one pass", "task, in the order of learning", "accuracy")
        tasks = np.arange(TASKS) + 1
        for k, (way, outcomes) in enumerate(found.items()):
            shares = np.mean([outcome.by_task for outcome in outcomes], axis=0)
            axes.plot(tasks, shares, color=colour(k), marker="o", label=way)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xticks(tasks)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
