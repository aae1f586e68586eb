"""A spiking network with a hidden layer learns handwritten digits by equilibrium propagation, on 64 levels too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._digits import VARIANTS, Config, Outcome, compile_network, images, learn
from neuro.tasks._layer_prices import CHIPS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, epochs=2, hidden=32, used=500, priced=2),
    "tuning": Config(validation=0.15),
    "paper": Config(),
}
METRICS = {"ideal": "test_accuracy", "levels64": "test_accuracy_levels64", "rate": "rate_ep_accuracy"}
TITLES = {
    "ideal": "spikes, weights as numbers",
    "levels64": "spikes, 64 levels, write error of one level",
    "rate": "rates, weights as numbers",
}
PROTOTYPE = {"ideal": 0.9789, "levels64": 0.9761, "rate": 0.9822}
"""Accuracies of an earlier program with the same equations, trained for 15 epochs on all but the test images."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and test every variant with every seed."""
    images()  # says at once if they are not there
    jobs = [(config, variant, seed) for variant in VARIANTS for seed in range(config.seed, config.seed + config.seeds)]
    found: dict[str, list[Outcome]] = {variant: [] for variant in VARIANTS}
    results = run_jobs(
        learn, jobs, workers=config.workers, prepare=compile_network, progress=progress, label="training"
    )
    for outcome in results:
        found[outcome.variant].append(outcome)
    for outcomes in found.values():
        outcomes.sort(key=lambda outcome: outcome.seed)
    costs = {
        key: float(np.mean([outcome.counts[key] for outcome in outcomes]))
        for outcomes in found.values()
        for key in outcomes[0].counts
    }
    return Report(
        task="digits",
        metrics=_metrics(found, costs),
        energy={"unit": "J per inference, pulses per device", **costs},
        tables=_tables(found, costs),
        figures={"learning": lambda: _curves(found)},
    )


def _metrics(found: dict[str, list[Outcome]], costs: dict[str, float]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for variant, name in METRICS.items():
        tests = [outcome.test for outcome in found[variant]]
        metrics |= {name: float(np.mean(tests)), f"{name}/lowest": float(min(tests))}
        if found[variant][0].validation:
            metrics[f"{name}/validation"] = float(np.mean([outcome.validation[-1] for outcome in found[variant]]))
    for variant, name in (("ideal", "spikes_per_inference"), ("levels64", "spikes_per_inference_levels64")):
        metrics[name] = float(np.mean([outcome.spikes for outcome in found[variant]]))
    metrics["pulses_per_device"] = costs["pulses_per_device"]
    for name in ("crossbar", *CHIPS):
        metrics[f"joules_per_inference/{name}"] = costs[name]
    return metrics


def _tables(found: dict[str, list[Outcome]], costs: dict[str, float]) -> tuple[Table, ...]:
    rows = []
    for variant in VARIANTS:
        tests = np.array([outcome.test for outcome in found[variant]])
        error = tests.std(ddof=1) / np.sqrt(len(tests)) if len(tests) > 1 else 0.0
        spikes = float(np.mean([outcome.spikes for outcome in found[variant]]))
        accuracy = f"{tests.mean():.4f} ± {error:.4f}"
        rows.append((TITLES[variant], accuracy, f"{tests.min():.4f}", PROTOTYPE[variant], round(spikes) or ""))
    columns = ("network", "test accuracy", "lowest seed", "prototype", "spikes an inference")
    table = Table("Digits: test accuracy, mean ± standard error over the seeds", columns, tuple(rows))
    energy: list[tuple[object, ...]] = [
        (name, costs[name], costs.get(f"{name}/input", "")) for name in ("crossbar", *CHIPS)
    ]
    priced = Table("Energy of an inference", ("hardware", "J", "of or beside it, the input, J"), tuple(energy))
    return table, priced


def _curves(found: dict[str, list[Outcome]]) -> Figure:
    """Errors of training by epoch, and at the end those of the test."""
    with styled():
        title = "Digits: training by epoch, and the test (filled)"
        figure, axes = canvas(6.4, 4.2, title, "epoch", "error")
        for k, variant in enumerate(VARIANTS):
            curves = 1.0 - np.array([outcome.training for outcome in found[variant]])
            test = 1.0 - np.mean([outcome.test for outcome in found[variant]])
            epochs, mark = np.arange(1, curves.shape[1] + 1), "osD"[k]
            axes.plot(epochs, curves.mean(axis=0), color=colour(k), marker=mark, mfc="white", label=TITLES[variant])
            axes.plot([epochs[-1] + 1], [test], color=colour(k), marker=mark, linestyle="none")
        axes.legend(loc="upper right")
    return figure
