"""Layers that answer by their first spikes learn MNIST, shown as one spike a pixel, by exact gradients."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from neuro.progress import Progress
from neuro.report import Report
from neuro.system.workers import run_jobs
from neuro.tasks._latency_mnist import Config, compile_network, learn
from neuro.tasks._mnist_images import FILES, mnist
from neuro.tasks._timed import MEASURED, curves, metrics_of, table

PRESETS = {
    "smoke": Config(
        seeds=1, epochs=3, hidden=50, means=(0.05, 0.2), rate=1e-2, used=1200, batch=25, judged="validation"
    ),
    "tuning": Config(seeds=1, judged="validation"),
    "paper": Config(),
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train with every seed, then look at the test images once.

    Raises
    ------
    DataError
        If the images are not there.
    """
    for part in FILES:
        mnist(part, 1)  # says at once if they are not there
    jobs = [(config, seed) for seed in range(config.seed, config.seed + config.seeds)]
    prepare = partial(compile_network, config)
    results = run_jobs(learn, jobs, workers=config.workers, prepare=prepare, progress=progress, label="training")
    outcomes = sorted(results, key=lambda outcome: outcome.seed)
    return Report(
        task="latency-mnist",
        metrics=metrics_of(outcomes, config.judged),
        measured=MEASURED,
        tables=(table(outcomes, "MNIST by first spikes", config.judged),),
        figures={"learning": partial(curves, outcomes, "MNIST by first spikes")},
    )
