"""A spiking network with a hidden layer learns handwritten digits by equilibrium propagation, on 64 levels too."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.system.workers import run_jobs
from neuro.tasks._digits import Config, images, learn
from neuro.tasks._layered import VARIANTS, compile_network
from neuro.tasks._layered_report import TITLES, Found, by_variant, cost_metrics, curves, energy_table, mean_and_error

PRESETS = {
    "smoke": Config(seeds=1, epochs=2, hidden=32, used=500, priced=2),
    "tuning": Config(validation=0.15),
    "paper": Config(),
}
METRICS = {"ideal": "test_accuracy", "levels64": "test_accuracy_levels64", "rate": "rate_ep_accuracy"}
PROTOTYPE = {"ideal": 0.9789, "levels64": 0.9761, "rate": 0.9822}
"""Accuracies of an earlier program with the same equations, trained for 15 epochs on all but the test images."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and test every variant with every seed."""
    images()  # says at once if they are not there
    jobs = [(config, variant, seed) for variant in VARIANTS for seed in range(config.seed, config.seed + config.seeds)]
    results = run_jobs(
        learn, jobs, workers=config.workers, prepare=compile_network, progress=progress, label="training"
    )
    found, costs = by_variant(results)
    return Report(
        task="digits",
        metrics=_metrics(found) | cost_metrics(found, costs),
        energy={"unit": "J per inference, pulses per device", **costs},
        tables=(_table(found), energy_table(costs)),
        figures={"learning": lambda: curves(found, "Digits: training by epoch, and the test (filled)")},
    )


def _metrics(found: Found) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for variant, name in METRICS.items():
        tests = [outcome.test for outcome in found[variant]]
        metrics |= {name: float(np.mean(tests)), f"{name}/lowest": float(min(tests))}
        if found[variant][0].validation:
            metrics[f"{name}/validation"] = float(np.mean([outcome.validation[-1] for outcome in found[variant]]))
    return metrics


def _table(found: Found) -> Table:
    rows = []
    for variant in VARIANTS:
        tests = [outcome.test for outcome in found[variant]]
        spikes = round(float(np.mean([outcome.spikes for outcome in found[variant]]))) or ""
        rows.append((TITLES[variant], mean_and_error(tests), f"{min(tests):.4f}", PROTOTYPE[variant], spikes))
    columns = ("network", "test accuracy", "lowest seed", "prototype", "spikes an inference")
    return Table("Digits: test accuracy, mean ± standard error over the seeds", columns, tuple(rows))
