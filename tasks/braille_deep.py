"""Does a hidden layer pay? Braille names are told apart and restored with one and without one, device by device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.system.workers import run_jobs
from neuro.tasks._braille_deep import ON_DEVICES, VARIANTS, Config, Outcome, devices_of, learn
from neuro.tasks._layer_prices import CHIPS
from neuro.tasks._layered import compile_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, updates=60, memory_epochs=20, cues=2, trials=90, priced=1),
    "tuning": Config(seed=100, seeds=2, tuning=True),
    "paper": Config(),
}
ROWS = (*VARIANTS, "template")
TITLES = {
    "classify": "hidden layer, names",
    "flat": "one layer, names",
    "restore": "hidden layer, dots",
    "memory": "memory of one layer, dots",
    "template": "nearest name",
}
PROTOTYPE = {
    "classify": (0.999, 0.973, 0.817),
    f"classify{ON_DEVICES}": (1.000, 0.971, 0.814),
    "memory": (1.000, 0.968, 0.769),
    "restore": (0.996, 0.956, 0.724),
}
"""Exact words of an earlier program with the same equations at flips of 10, 20 and 30 %."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and test every variant with every seed."""
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, variant, seed) for seed in seeds for variant in ROWS]
    found: dict[str, list[Outcome]] = {variant: [] for variant in ROWS}
    label = "training and recalling"
    for outcome in run_jobs(
        learn, jobs, workers=config.workers, prepare=compile_network, progress=progress, label=label
    ):
        found[outcome.variant].append(outcome)
    silent = {f"silent/{variant}": float(sum(bool(each.silent) for each in found[variant])) for variant in VARIANTS}
    learned = {variant: [each for each in outcomes if not each.silent] for variant, outcomes in found.items()}
    learned = {variant: sorted(each, key=lambda one: one.seed) for variant, each in learned.items() if each}
    costs = {variant: _counts(outcomes) for variant, outcomes in learned.items() if variant in VARIANTS}
    return Report(
        task="braille-deep",
        metrics={**_metrics(config, learned), **silent},
        energy={"unit": "J per inference, pulses per device", **costs},
        tables=(_accuracy(config, learned), _energy(learned), _conclusions(config, learned)),
        figures={"accuracy": lambda: _figure(config, learned)},
    )


def _exact(outcomes: list[Outcome], trials: int) -> tuple[list[float], list[float]]:
    """Means over the seeds at each flip probability, and their standard errors; of the trials for a single seed."""
    exact = np.array([outcome.exact for outcome in outcomes])
    mean = exact.mean(axis=0)
    if len(exact) > 1:
        return mean.tolist(), (exact.std(axis=0, ddof=1) / np.sqrt(len(exact))).tolist()
    return mean.tolist(), np.sqrt(mean * (1.0 - mean) / trials).tolist()


def _counts(outcomes: list[Outcome]) -> dict[str, float]:
    """Means over the seeds."""
    return {key: float(np.mean([outcome.counts[key] for outcome in outcomes])) for key in outcomes[0].counts}


def _name(variant: str) -> str:
    """The metric of a variant's exact words; the network that the task is about goes without its name."""
    return f"exact_words_{variant}".replace("exact_words_classify", "exact_words")


def _metrics(config: Config, found: dict[str, list[Outcome]]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for variant, outcomes in found.items():
        mean, error = _exact(outcomes, config.trials)
        for k, p in enumerate(config.flips):
            metrics[f"{_name(variant)}/{100 * p:g}"] = mean[k]
            metrics[f"standard_error/{_name(variant)}/{100 * p:g}"] = error[k]
    for variant in VARIANTS:
        metrics[f"devices/{variant}"] = float(devices_of(config, variant))
        if variant not in found:
            continue
        metrics[f"spikes_per_inference/{variant}"] = float(np.mean([outcome.spikes for outcome in found[variant]]))
        for key, value in _counts(found[variant]).items():
            metrics[f"{key}/{variant}" if key == "pulses_per_device" else f"joules_per_inference/{key}/{variant}"] = (
                value
            )
    return metrics


def _title(variant: str) -> str:
    kind = variant.removesuffix(ON_DEVICES)
    return TITLES[kind] + (", 64 levels" if variant != kind else "")


def _accuracy(config: Config, found: dict[str, list[Outcome]]) -> Table:
    rows = []
    for variant in ROWS:
        if variant not in found:
            rows.append(
                (_title(variant), *["an output fell silent"] * len(config.flips), devices_of(config, variant), "")
            )
            continue
        mean, error = _exact(found[variant], config.trials)
        cells = [f"{m:.3f} ± {e:.3f}" for m, e in zip(mean, error, strict=True)]
        earlier = " / ".join(f"{each:.3f}" for each in PROTOTYPE.get(variant, ()))
        count: object = devices_of(config, variant) if variant in VARIANTS else "-"
        if len(found[variant]) < config.seeds:
            cells[-1] += f" ({config.seeds - len(found[variant])} silent)"
        rows.append((_title(variant), *cells, count, earlier))
    columns = ("network", *(f"p = {p:.2f}" for p in config.flips), "devices", "earlier program")
    title = f"Exact words, {config.trials} trials a point x {config.seeds} seeds, ± standard error"
    return Table(title, columns, tuple(rows))


def _energy(found: dict[str, list[Outcome]]) -> Table:
    rows = []
    for variant in (each for each in VARIANTS if each in found):
        counts = _counts(found[variant])
        spikes = round(float(np.mean([outcome.spikes for outcome in found[variant]])))
        joules = [counts.get(name, "-") for name in ("crossbar", *CHIPS)]
        rows.append((_title(variant), spikes, counts.get("pulses_per_device", "-"), *joules))
    columns = ("network", "spikes", "pulses a device", *(f"{name}, J" for name in ("crossbar", *CHIPS)))
    return Table("Spikes and energy of an inference", columns, tuple(rows))


def _conclusions(config: Config, found: dict[str, list[Outcome]]) -> Table:
    """Whether a hidden layer pays for its devices, from the measured numbers, whatever these are."""
    sentences = []
    for deep, plain, what in (("classify", "flat", "tell the names apart"), ("restore", "memory", "restore the dots")):
        for end, where in (("", "with weights as numbers"), (ON_DEVICES, "on devices of 64 levels")):
            if deep + end not in found or plain + end not in found:
                sentences.append(f"To {what} {where}: an output fell silent in every seed, there is no result.")
                continue
            one, two = (_exact(found[kind + end], config.trials) for kind in (deep, plain))
            gain, error = one[0][-1] - two[0][-1], float(np.hypot(one[1][-1], two[1][-1]))
            ratio = devices_of(config, deep) / devices_of(config, plain)
            verdict = "does not pay"
            if gain > 2.0 * error:
                verdict = "pays" if ratio <= 1.0 else "helps, for more devices"
            sentences.append(
                f"To {what} {where}, a hidden layer {verdict}: {100 * gain:+.1f} ± {100 * error:.1f} points of exact "
                f"words at {100 * config.flips[-1]:g} % flips, with {ratio:.2f} times the devices."
            )
    return Table("Does a hidden layer pay?", ("",), tuple((sentence,) for sentence in sentences))


def _figure(config: Config, found: dict[str, list[Outcome]]) -> Figure:
    from neuro.report import plots

    ideal = {variant: outcomes for variant, outcomes in found.items() if not variant.endswith(ON_DEVICES)}
    exact = {TITLES[variant]: _exact(outcomes, config.trials) for variant, outcomes in ideal.items()}
    return plots.curve_with_errors(
        config.flips,
        {name: np.array(mean) for name, (mean, _) in exact.items()},
        {name: np.array(error) for name, (_, error) in exact.items()},
        xlabel="probability that a dot is flipped",
        ylabel="exact words",
        title="Names from distorted dots",
        ylim=(-0.02, 1.02),
    )
