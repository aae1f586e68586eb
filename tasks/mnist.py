"""A fully spiking network of 784-500-10 neurons learns MNIST by equilibrium propagation, on 64 levels too."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.system.workers import run_jobs
from neuro.tasks._layered import VARIANTS, compile_network
from neuro.tasks._layered_report import TITLES, Found, by_variant, cost_metrics, curves, energy_table, mean_and_error
from neuro.tasks._mnist import Config, learn
from neuro.tasks._mnist_images import FILES, mnist

PRESETS = {
    "smoke": Config(seeds=1, epochs=2, hidden=40, used=1000, tested=500, priced=2),
    "tuning": Config(seeds=1, validation=10000),
    "paper": Config(),
}
PROTOTYPE = {"ideal": 0.0176, "levels64": 0.0242, "rate": 0.0172}
"""Test errors of an earlier program with the same equations, one seed on 55,000 images, on levels after 5 epochs."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and judge every variant with every seed."""
    for part in FILES:
        mnist(part, 1)  # says at once if they are not there
    jobs = [(config, variant, seed) for seed in range(config.seed, config.seed + config.seeds) for variant in VARIANTS]
    results = run_jobs(
        learn, jobs, workers=config.workers, prepare=compile_network, progress=progress, label="training"
    )
    found, costs = by_variant(results)
    judged = "validation" if config.validation else "test"
    return Report(
        task="mnist",
        metrics=_metrics(found, judged) | cost_metrics(found, costs),
        energy={"unit": "J per inference, pulses per device", **costs},
        tables=(_table(found, judged), energy_table(costs)),
        figures={"learning": lambda: curves(found, f"MNIST: training by epoch, and the {judged} (filled)")},
    )


def _metrics(found: Found, judged: str) -> dict[str, float]:
    names = {"ideal": f"{judged}_error", "levels64": f"{judged}_error_levels64", "rate": "rate_ep_error"}
    metrics: dict[str, float] = {}
    for variant, name in names.items():
        errors = [1.0 - outcome.test for outcome in found[variant]]
        metrics |= {name: float(np.mean(errors)), f"{name}/highest": float(max(errors))}
    return metrics


def _table(found: Found, judged: str) -> Table:
    rows = []
    for variant in VARIANTS:
        errors = [1.0 - outcome.test for outcome in found[variant]]
        spikes = round(float(np.mean([outcome.spikes for outcome in found[variant]]))) or ""
        rows.append((TITLES[variant], mean_and_error(errors), f"{max(errors):.4f}", PROTOTYPE[variant], spikes))
    columns = ("network", f"{judged} error", "highest seed", "prototype", "spikes an inference")
    return Table(f"MNIST: {judged} error, mean ± standard error over the seeds", columns, tuple(rows))
