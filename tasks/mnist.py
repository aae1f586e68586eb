"""Fully spiking networks learn MNIST by equilibrium propagation: 784-500-10, on 64 levels too, and a convolution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.system.workers import run_jobs
from neuro.tasks._layered import compile_network
from neuro.tasks._layered_report import TITLES, Found, by_variant, cost_metrics, curves, energy_table, mean_and_error
from neuro.tasks._mnist import Config, learn
from neuro.tasks._mnist_images import FILES, mnist

CONV: dict[str, Any] = {"variants": ("conv",), "seeds": 1}
PRESETS = {
    "smoke": Config(seeds=1, epochs=2, hidden=40, used=1000, tested=500, priced=2),
    "tuning": Config(seeds=1, validation=10000),
    "paper": Config(),
    "conv-smoke": Config(**CONV, epochs=2, channels=4, stride=2, used=1000, tested=500),
    "conv-tuning": Config(**CONV, validation=10000),
    "conv": Config(**CONV),
}
PROTOTYPE = {"ideal": 0.0176, "levels64": 0.0242, "rate": 0.0172}
"""Test errors of an earlier program with the same equations, one seed on 55,000 images, on levels after 5 epochs."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and judge every variant with every seed."""
    for part in FILES:
        mnist(part, 1)  # says at once if they are not there
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, variant, seed) for seed in seeds for variant in config.variants]
    results = run_jobs(
        learn, jobs, workers=config.workers, prepare=compile_network, progress=progress, label="training"
    )
    found, costs = by_variant(results)
    judged = "validation" if config.validation else "test"
    return Report(
        task="mnist",
        metrics=_metrics(found, judged) | cost_metrics(found, costs),
        energy={"unit": "J per inference, pulses per device", **costs} if costs else {},
        tables=(_table(found, judged), *([energy_table(costs)] if "crossbar" in costs else [])),
        figures={"learning": lambda: curves(found, f"MNIST: training by epoch, and the {judged} (filled)")},
    )


def _metrics(found: Found, judged: str) -> dict[str, float]:
    names = {
        "ideal": f"{judged}_error",
        "levels64": f"{judged}_error_levels64",
        "rate": "rate_ep_error",
        "conv": f"{judged}_error_conv",
    }
    metrics: dict[str, float] = {}
    for variant, outcomes in found.items():
        name, errors = names[variant], [1.0 - outcome.test for outcome in outcomes]
        metrics |= {name: float(np.mean(errors)), f"{name}/highest": float(max(errors))}
    return metrics


def _table(found: Found, judged: str) -> Table:
    rows = []
    for variant, outcomes in found.items():
        errors = [1.0 - outcome.test for outcome in outcomes]
        spikes = round(float(np.mean([outcome.spikes for outcome in outcomes]))) or ""
        earlier = PROTOTYPE.get(variant, "")
        rows.append((TITLES[variant], mean_and_error(errors), f"{max(errors):.4f}", earlier, spikes))
    columns = ("network", f"{judged} error", "highest seed", "prototype", "spikes an inference")
    return Table(f"MNIST: {judged} error, mean ± standard error over the seeds", columns, tuple(rows))
