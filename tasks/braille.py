"""A spiking crossbar memory learns nine names in Braille and restores them from distorted input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neuro.crossbar.device.catalog import load_device
from neuro.learning.memory import compile_recall
from neuro.progress import Progress
from neuro.report import Report
from neuro.system.workers import run_jobs
from neuro.tasks._braille_memory import ALL_DEVICES, COMPARED, Config, Outcome, available, compare, learn
from neuro.tasks._braille_report import accuracy_table, device_tables, figures, mean_counts, metrics_of

PRESETS = {
    "smoke": Config(seeds=1, epochs=40, trials=90),
    "paper": Config(),
    "devices": Config(variants=ALL_DEVICES, seeds=2, trials=180, priced=True),
}


def _train_or_compare(job: tuple[Config, str, int]) -> Outcome:
    config, variant, seed = job
    return learn(config, variant, seed) if variant in config.variants else compare(config, variant, seed)


def outcomes(config: Config, progress: Progress) -> Iterator[Outcome]:
    """Every variant with every seed, as they get ready."""
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, variant, seed) for seed in seeds for variant in (*config.variants, *COMPARED)]
    label = "training and recalling"
    return run_jobs(
        _train_or_compare, jobs, workers=config.workers, prepare=compile_recall, progress=progress, label=label
    )


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and test every variant, and compare."""
    missing = [variant for variant in config.variants if not available(variant)]
    config = config.model_copy(update={"variants": tuple(v for v in config.variants if v not in missing)})
    if not config.variants:
        load_device(missing[0]).sample(1)  # says which data are missing, and how to get them
    found: dict[str, list[Outcome]] = {variant: [] for variant in (*config.variants, *COMPARED)}
    for outcome in outcomes(config, progress):
        found[outcome.variant].append(outcome)
    for results in found.values():
        results.sort(key=lambda outcome: outcome.seed)
    costs = mean_counts(config, found)
    metrics = metrics_of(config, found, costs)
    return Report(
        task="braille",
        metrics=metrics,
        energy={"unit": "counts; joules where the name says so" if config.priced else "counts", **costs},
        tables=(accuracy_table(config, metrics, costs), *device_tables(config, metrics, costs, missing)),
        figures=figures(config, found, metrics),
    )
