"""All learning rules on the same networks, under the same constraints of hardware, with the same number of examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, styled
from neuro.system.workers import run_jobs
from neuro.tasks._digits import images
from neuro.tasks._gradients import Cosines, cosines
from neuro.tasks._layered import compile_network
from neuro.tasks._rules import CONSTRAINTS, RULES, Config, Outcome, learn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOKE = ("numbers", "levels64", "one_sided")
PRESETS = {
    "smoke": Config(
        seeds=1, training=200, test=100, epochs=2, constraints=SMOKE, networks=("one hidden",), gradients=1
    ),
    "tuning": Config(seed=100, seeds=2, constraints=("numbers",), tuning=True),
    "paper": Config(),
}
Key = tuple[str, str, str]


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train every network by every rule under every constraint."""
    images()  # says at once if they are not there
    keys = [(rule, name, each) for name in config.networks for each in config.constraints for rule in RULES]
    jobs = [(config, *key, seed) for key in keys for seed in range(config.seed, config.seed + config.seeds)]
    found: dict[Key, list[Outcome]] = {key: [] for key in keys}
    for outcome in run_jobs(
        learn, jobs, workers=config.workers, prepare=compile_network, progress=progress, label="training"
    ):
        found[outcome.rule, outcome.network, outcome.constraint].append(outcome)
    followed = {rule: [cosines((RULES[rule], seed)) for seed in range(config.gradients)] for rule in RULES}
    scores = {key: np.array([outcome.accuracy for outcome in outcomes]) for key, outcomes in found.items()}
    return Report(
        task="rules",
        metrics={**_metrics(found, scores), **_gradient_metrics(followed)},
        tables=(
            *(_table(config, name, scores) for name in config.networks),
            _gradient_table(config, followed),
            _conclusions(config, scores),
        ),
        figures={"rules": lambda: _figure(config, scores)},
    )


def _mean(scores: np.ndarray) -> float:
    """Over the seeds in which no output fell silent; NaN if there are none."""
    kept = scores[~np.isnan(scores)]
    return float(kept.mean()) if len(kept) else float("nan")


def _error(scores: np.ndarray) -> float:
    kept = scores[~np.isnan(scores)]
    return float(kept.std(ddof=1) / np.sqrt(len(kept))) if len(kept) > 1 else 0.0


def _metrics(found: dict[Key, list[Outcome]], scores: dict[Key, np.ndarray]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for (rule, name, constraint), each in scores.items():
        key = f"{name.replace(' ', '_')}/{constraint}/{rule}"
        if (silent := int(np.isnan(each).sum())) < len(each):
            metrics |= {f"accuracy/{key}": _mean(each), f"standard_error/{key}": _error(each)}
        metrics[f"silent/{key}"] = float(silent)
        pulses = np.array([outcome.pulses for outcome in found[rule, name, constraint]])
        if not np.isnan(pulses).all():
            metrics[f"pulses_per_device/{key}"] = _mean(pulses)
    return metrics


def _gradient_metrics(followed: dict[str, list[Cosines]]) -> dict[str, float]:
    means = {
        f"cosine_{part}/{rule}": float(np.mean([getattr(each, part) for each in found]))
        for rule, found in followed.items()
        for part in Cosines._fields
    }
    return {name: mean for name, mean in means.items() if not np.isnan(mean)}


def _gradient_table(config: Config, followed: dict[str, list[Cosines]]) -> Table:
    means = {rule: np.round(np.mean(found, axis=0), 3).tolist() for rule, found in followed.items()}
    rows = [(rule, *("" if np.isnan(each) else each for each in found)) for rule, found in means.items()]
    columns = ("rule", "rates", "spikes", "rates, first matrix", "spikes, first matrix")
    title = f"Cosine of a change to the gradient, {config.gradients} networks of 10-8-3"
    return Table(title, columns, tuple(rows))


def _table(config: Config, name: str, scores: dict[Key, np.ndarray]) -> Table:
    rows = []
    for constraint in config.constraints:
        cells = []
        for rule in RULES:
            each = scores[rule, name, constraint]
            silent = int(np.isnan(each).sum())
            cells.append(f"{100 * _mean(each):.1f}" if silent < len(each) else "silent")
            if 0 < silent < len(each):
                cells[-1] += f" ({silent} silent)"
        rows.append((CONSTRAINTS[constraint], *cells))
    title = f"Test accuracy, %: {name}, {config.training} images, {config.epochs} epochs, {config.seeds} seeds"
    return Table(title, ("constraint", *RULES), tuple(rows))


def _conclusions(config: Config, scores: dict[Key, np.ndarray]) -> Table:
    """Which rule for which constraint, from the measured numbers, whatever these are."""
    sentences = []
    for constraint in config.constraints:
        ranked, within = [], {}
        for rule in RULES:
            means = [_mean(scores[rule, name, constraint]) for name in config.networks]
            errors = [_error(scores[rule, name, constraint]) for name in config.networks]
            if not np.isnan(means).any():
                ranked.append((float(np.mean(means)), rule))
                within[rule] = float(np.sqrt(np.sum(np.square(errors))) / len(errors))
        if not ranked:
            sentences.append(f"{CONSTRAINTS[constraint]}: in every rule an output fell silent.")
            continue
        ranked.sort(reverse=True)
        best, first = ranked[0]
        near = [rule for mean, rule in ranked[1:] if best - mean <= 2.0 * np.hypot(within[first], within[rule])]
        also = f"; within two standard errors of it: {', '.join(near)}" if near else ""
        worst, last = ranked[-1]
        sentences.append(
            f"{CONSTRAINTS[constraint]}: best is {first} with {best:.1%}{also}; worst is {last} with {worst:.1%}."
        )
    return Table("Which rule for which constraint (means over the networks)", ("",), tuple((s,) for s in sentences))


def _figure(config: Config, scores: dict[Key, np.ndarray]) -> Figure:
    """A map of each network: rules across, constraints down."""
    with styled():
        width, height = 1.8 + 3.0 * len(config.networks), 1.6 + 0.3 * len(config.constraints)
        figure, axes = canvas(width, height, "", "", "")
        axes.set_title("Test accuracy by rule and constraint; white: an output fell silent", pad=26)
        values = np.array(
            [
                [100 * _mean(scores[rule, name, each]) for name in config.networks for rule in RULES]
                for each in config.constraints
            ]
        )
        drawn = axes.imshow(values, aspect="auto", vmin=0.0, vmax=100.0, cmap="viridis")
        labels = [rule for _ in config.networks for rule in RULES]
        axes.set_xticks(np.arange(len(labels)), labels, rotation=90)
        axes.set_yticks(np.arange(len(config.constraints)), list(config.constraints))
        for k, name in enumerate(config.networks):
            axes.text(k * len(RULES) + (len(RULES) - 1) / 2, -0.7, name, ha="center", va="bottom")
            axes.axvline(k * len(RULES) - 0.5, color="white", linewidth=2.0)
        axes.grid(False)
        figure.colorbar(drawn, ax=axes, label="test accuracy (%)")
    return figure
