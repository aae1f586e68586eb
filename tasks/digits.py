"""A spiking network with a hidden layer learns handwritten digits by equilibrium propagation, on 64 levels too."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuro.crossbar.device.catalog import list_devices, load_device
from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.system.workers import run_jobs
from neuro.tasks._digits import Config, images, learn
from neuro.tasks._layered import Outcome, compile_network
from neuro.tasks._layered_report import (
    Found,
    by_variant,
    cost_metrics,
    curves,
    energy_table,
    mean_and_error,
    title_of,
)

DEVICES = ("wires1", *(name for name in list_devices() if name != "ideal"))
"""Wires of 1 ohm, and every device model that comes with neuro."""
PRESETS = {
    "smoke": Config(seeds=1, epochs=2, hidden=32, used=500, priced=2),
    "tuning": Config(validation=0.15),
    "paper": Config(),
    "devices": Config(variants=("ideal", "levels64", *DEVICES), seeds=2),
}
METRICS = {"ideal": "test_accuracy", "levels64": "test_accuracy_levels64", "rate": "rate_ep_accuracy"}
PROTOTYPE = {"ideal": 0.9789, "levels64": 0.9761, "rate": 0.9822}
"""Accuracies of an earlier program with the same equations, trained for 15 epochs on all but the test images."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and test every variant with every seed."""
    images()  # says at once if they are not there
    for variant in config.variants:
        if variant in DEVICES and variant in list_devices():
            load_device(variant).sample(1)  # says which measured data are missing, if any
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, variant, seed) for variant in config.variants for seed in seeds]
    results = run_jobs(
        learn, jobs, workers=config.workers, prepare=compile_network, progress=progress, label="training"
    )
    found, costs = by_variant(results)
    return Report(
        task="digits",
        metrics=_metrics(found) | cost_metrics(found, costs),
        energy={"unit": "J per inference, pulses per device", **costs},
        tables=(_table(found), *([energy_table(costs)] if "crossbar" in costs else [])),
        figures={"learning": lambda: curves(found, "Digits: training by epoch, and the test (filled)")},
    )


def _metrics(found: Found) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for variant, outcomes in found.items():
        name, tests = METRICS.get(variant, f"test_accuracy_{variant}"), _tests(outcomes)
        if variant not in METRICS:
            metrics[f"silent/{variant}"] = len(outcomes) - len(tests)
        if tests:
            metrics |= {name: float(np.mean(tests)), f"{name}/lowest": float(min(tests))}
        if tests and outcomes[0].validation:
            metrics[f"{name}/validation"] = float(np.mean([each.validation[-1] for each in outcomes if not each.error]))
    return metrics


def _tests(outcomes: list[Outcome]) -> list[float]:
    """Test accuracies of the seeds in which no output fell silent."""
    return [outcome.test for outcome in outcomes if not outcome.error]


def _table(found: Found) -> Table:
    rows = []
    for variant, outcomes in found.items():
        tests = _tests(outcomes)
        spikes = round(float(np.mean([each.spikes for each in outcomes if not each.error]))) if tests else ""
        results = (mean_and_error(tests), f"{min(tests):.4f}") if tests else ("", "")
        silent = len(outcomes) - len(tests)
        rows.append((title_of(variant), *results, PROTOTYPE.get(variant, ""), spikes or "", silent or ""))
    columns = (
        "network",
        "test accuracy",
        "lowest seed",
        "prototype",
        "spikes an inference",
        "seeds with a silent output",
    )
    return Table("Digits: test accuracy, mean ± standard error over the seeds", columns, tuple(rows))
