"""A network of resistors, diodes and amplifiers learns MNIST by equilibrium propagation, beside backpropagation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.errors import ParameterError
from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._mnist_images import mnist
from neuro.tasks._resistive import Config, Outcome, learn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(seeds=1, epochs=2, used=5_000, batch=10, priced=20, workers=1),
    "tuning": Config(seeds=1, validation=10_000),
    "paper": Config(),
    "large": Config(seeds=1, rules=("ep",), hidden=1024, epochs=40, rates=(0.06, 0.06), last=0.05),
}
TITLES = {"ep": "equilibrium propagation", "backprop": "backpropagation"}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and test with every rule and every seed."""
    if config.validation >= config.used:
        rule = "must leave images to learn from"
        raise ParameterError(rule, where="setting `validation`", value=f"{config.validation} of {config.used}")
    mnist("test", 1)  # says at once if it is not there
    jobs = [(config, rule, seed) for seed in range(config.seed, config.seed + config.seeds) for rule in config.rules]
    found: dict[str, list[Outcome]] = {rule: [] for rule in config.rules}
    for outcome in run_jobs(learn, jobs, workers=config.workers, progress=progress, label="training"):
        found[outcome.rule].append(outcome)
    for outcomes in found.values():
        outcomes.sort(key=lambda outcome: outcome.seed)
    joules = {
        f"{kind}/{rule}": float(np.mean([getattr(each, kind) for each in outcomes]))
        for rule, outcomes in found.items()
        for kind in ("inferred", "trained")
    }
    return Report(
        task="resistive",
        metrics=_metrics(found, joules),
        measured=tuple(f"{rule}_processor_seconds" for rule in found),
        energy={"unit": "J per image, heat of the resistors", **joules},
        tables=(_errors(found), _energy(found)),
        figures={"learning": lambda: _curves(found)},
    )


def _judged(outcome: Outcome) -> float:
    """Error on the test images, or on those of validation where they are set aside."""
    return outcome.validation[-1] if outcome.test is None else outcome.test


def _metrics(found: dict[str, list[Outcome]], joules: dict[str, float]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for rule, outcomes in found.items():
        errors = [_judged(each) for each in outcomes]
        name = f"{rule}_error" if outcomes[0].test is not None else f"{rule}_validation_error"
        metrics |= {name: float(np.mean(errors)), f"{name}/highest": float(max(errors))}
        metrics[f"{rule}_processor_seconds"] = float(np.mean([each.seconds for each in outcomes]))
    return metrics | {f"joules_{name}": each for name, each in joules.items()}


def _errors(found: dict[str, list[Outcome]]) -> Table:
    rows = []
    for rule, outcomes in found.items():
        errors = 100.0 * np.array([_judged(each) for each in outcomes])
        spread = errors.std(ddof=1) / np.sqrt(len(errors)) if len(errors) > 1 else 0.0
        training = 100.0 * np.mean([each.training[-1] for each in outcomes])
        seconds = np.mean([each.seconds for each in outcomes])
        rows.append((TITLES[rule], f"{errors.mean():.2f} ± {spread:.2f}", f"{errors.max():.2f}", f"{training:.2f}",
                     f"{seconds:.0f}"))  # fmt: skip
    kind = "test" if next(iter(found.values()))[0].test is not None else "validation"
    columns = ("rule", "error, %", "highest seed, %", "training error of the last epoch, %", "processor time, s")
    return Table(f"MNIST: {kind} error, mean ± standard error over the seeds", columns, tuple(rows))


def _energy(found: dict[str, list[Outcome]]) -> Table:
    rows = [
        (TITLES[rule], f"{np.mean([each.inferred for each in outcomes]):.3g}",
         f"{np.mean([each.trained for each in outcomes]):.3g}")
        for rule, outcomes in found.items()
    ]  # fmt: skip
    return Table("Heat of the resistors", ("rule", "an inference, J", "a training image, J"), tuple(rows))


def _curves(found: dict[str, list[Outcome]]) -> Figure:
    """Errors by epoch, and at the end those that the network is judged by."""
    with styled():
        figure, axes = canvas(6.4, 4.2, "MNIST: training by epoch, and the test (filled)", "epoch", "error")
        for k, (rule, outcomes) in enumerate(found.items()):
            curves = np.mean([each.training for each in outcomes], axis=0)
            epochs, mark = np.arange(1, len(curves) + 1), "osD"[k]
            axes.plot(epochs, curves, color=colour(k), marker=mark, mfc="white", label=TITLES[rule])
            judged = np.mean([_judged(each) for each in outcomes])
            axes.plot([epochs[-1] + 1], [judged], color=colour(k), marker=mark, linestyle="none")
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="upper right")
    return figure
