"""Exact gradients, surrogate gradients, e-prop and two phases train layers of one size on the same digits.

See docs/training_methods.md.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from neuro.progress import Progress
from neuro.report import Report
from neuro.system.workers import run_jobs
from neuro.tasks._digits import images
from neuro.tasks._training_methods import Config, compile_methods, learn
from neuro.tasks._training_methods_report import Found, against, learning, metrics_of, tables
from neuro.units import uJ

PRESETS = {
    "smoke": Config(seeds=1, hidden=64, epochs=6, used=500, judged="validation", priced=5, workers=1),
    "tuning": Config(seed=100, seeds=2, judged="validation"),
    "paper": Config(),
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train by every method with every seed, then look at the judged images once.

    Raises
    ------
    DataError
        If scikit-learn, whose digits these are, is not installed.
    MissingPackage
        If torch is not installed, and surrogate gradients or e-prop are asked for.
    """
    images()  # says at once if they are not there
    compile_methods(config)
    # In turns, so that other work on the machine slows no single method.
    jobs = [(config, method, config.seed + k) for k in range(config.seeds) for method in config.methods]
    results = run_jobs(
        learn,
        jobs,
        workers=config.workers,
        prepare=partial(compile_methods, config),
        progress=progress,
        label="training",
    )
    outcomes = sorted(results, key=lambda outcome: outcome.seed)
    found: Found = {method: [outcome for outcome in outcomes if outcome.method == method] for method in config.methods}
    metrics = metrics_of(config, found)
    return Report(
        task="training-methods",
        metrics=metrics,
        measured=tuple(name for name in metrics if name.startswith("cpu_seconds")),
        energy={
            "unit": "J, spikes and bytes of an inference, means",
            **{method: [dict(outcome.costs) for outcome in each] for method, each in found.items()},
        },
        tables=tables(config, found),
        figures={
            "learning": partial(learning, found),
            "spikes": partial(against, config, found, "spikes", 1.0, "spikes of an inference, inputs included"),
            "joules": partial(against, config, found, "loihi", uJ, "joules of an inference, uJ on one core of Loihi"),
        },
    )
