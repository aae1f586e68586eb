"""How many patterns memories hold: a spiking one trained from two phases, beside Hebb, Storkey and pseudo-inverse."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuro.learning.memory import compile_recall
from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.system.workers import run_jobs
from neuro.tasks._capacity import Case, Config, Found, digit_table, fill

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CRITERIA = ("exact", "cosine")
PRESETS = {
    "smoke": Config(
        seeds=1, patterns=("random",), sizes=(64,), classical=("hebb", "pinv"), stuck=(0.0,), spiking=(), workers=1
    ),
    "classical": Config(spiking=()),
    "paper": Config(),
    "large": Config(spiking=("spiking", "hidden"), spiking_sizes=(64, 128, 256), stuck=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
}

Key = tuple[str, str, int, float]
"""Memory, patterns, size, share of stuck devices."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Search the capacity of every memory with every seed."""
    if "digits" in config.patterns:
        digit_table(64)  # says at once if MNIST is not there
    jobs = [(config, case) for case in cases(config)]
    found: dict[Key, list[Found]] = {}
    prepare = compile_recall if config.spiking else None
    for each in run_jobs(fill, jobs, workers=config.workers, prepare=prepare, progress=progress, label="filling"):
        found.setdefault(each.case[:4], []).append(each)
    found = {key: sorted(found[key], key=lambda each: each.case.seed) for key in sorted(found)}
    grown = growth(found)
    return Report(
        task="capacity",
        metrics=metrics_of(found, grown),
        tables=(_capacities(found), _growth(grown)),
        figures={"capacity": lambda: _figure(found)},
    )


def cases(config: Config) -> list[Case]:
    """All memories to be filled, the slowest first."""
    seeds = range(config.seed, config.seed + config.seeds)
    slow = product(config.spiking, config.patterns, sorted(config.spiking_sizes, reverse=True), config.stuck, seeds)
    quick = product(config.classical, config.patterns, sorted(config.sizes, reverse=True), config.stuck, seeds)
    return [Case(*each) for each in (*slow, *quick)]


def mean_of(found: list[Found], criterion: str) -> float:
    """Mean capacity over the seeds."""
    return float(np.mean([getattr(each, criterion) for each in found]))


def growth(found: dict[Key, list[Found]]) -> dict[tuple[str, str, float, str], tuple[float, float]]:
    """Exponent x of capacity ~ size ** x and its standard error, by memory, patterns, stuck share and criterion.

    A line through the logarithms of all sizes and seeds, where there are two sizes and capacities above zero.
    """
    grown = {}
    for memory, patterns, stuck in dict.fromkeys((key[0], key[1], key[3]) for key in found):
        for criterion in CRITERIA:
            points = [
                (np.log(key[2]), getattr(each, criterion))
                for key, outcomes in found.items()
                if (key[0], key[1], key[3]) == (memory, patterns, stuck)
                for each in outcomes
            ]
            x, y = np.array(points).T
            if len(np.unique(x)) > 1 and np.all(y > 0.0) and len(x) > 2:
                grown[memory, patterns, stuck, criterion] = slope_of(x, np.log(y))
    return grown


def slope_of(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of the line of least squares, and its standard error.

    >>> slope_of(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    (2.0, 0.0)
    """
    away = x - x.mean()
    slope = float(away @ y / (away @ away))
    rest = y - y.mean() - slope * away
    return slope, float(np.sqrt(rest @ rest / (len(x) - 2) / (away @ away)))


def metrics_of(
    found: dict[Key, list[Found]], grown: dict[tuple[str, str, float, str], tuple[float, float]]
) -> dict[str, float]:
    """Capacities by name; ratios to the pseudo-inverse on digits of 64 pixels; Hebb's on random patterns a neuron."""
    metrics: dict[str, float] = {}
    for (memory, patterns, size, stuck), outcomes in found.items():
        for criterion in CRITERIA:
            name = f"{criterion}/{memory}/{patterns}/{size}/{100 * stuck:g}"
            metrics[name] = mean_of(outcomes, criterion)
        if memory == "spiking" and patterns == "digits" and size == 64:
            for name in ("pinv", "pinv_synchronous"):
                other = found.get((name, patterns, size, stuck))
                if other and mean_of(other, "exact") > 0.0:
                    ratio = mean_of(outcomes, "exact") / mean_of(other, "exact")
                    metrics[f"ratio_{name}/{100 * stuck:g}"] = ratio
    hebb = found.get(("hebb", "random", 64, 0.0))
    if hebb:
        metrics["hebb_per_neuron"] = mean_of(hebb, "cosine") / 64
        metrics["hebb_per_neuron/exact"] = mean_of(hebb, "exact") / 64
    for (memory, patterns, stuck, criterion), (slope, error) in grown.items():
        name = f"exponent/{criterion}/{memory}/{patterns}/{100 * stuck:g}"
        metrics |= {name: slope, f"{name}/error": error}
    return metrics


def _with_error(found: list[Found], criterion: str) -> str:
    values = np.array([getattr(each, criterion) for each in found])
    spread = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{values.mean():.1f} ± {spread:.1f}"


def _capacities(found: dict[Key, list[Found]]) -> Table:
    rows = [
        (memory, patterns, size, f"{100 * stuck:g}", *(_with_error(outcomes, each) for each in CRITERIA))
        for (memory, patterns, size, stuck), outcomes in found.items()
    ]
    columns = ("memory", "patterns", "neurons", "stuck, %", "by exact recalls", "by mean cosine")
    return Table("Number of patterns held, mean ± standard error over the seeds", columns, tuple(rows))


def _growth(grown: dict[tuple[str, str, float, str], tuple[float, float]]) -> Table:
    rows = [
        (memory, patterns, f"{100 * stuck:g}", criterion, f"{slope:.2f} ± {error:.2f}")
        for (memory, patterns, stuck, criterion), (slope, error) in grown.items()
    ]
    columns = ("memory", "patterns", "stuck, %", "criterion", "exponent")
    return Table("Growth: number of patterns ~ neurons ** exponent, ± standard error", columns, tuple(rows))


def _figure(found: dict[Key, list[Found]]) -> Figure:
    """Capacity by exact recalls against the number of neurons, without stuck devices and with the most."""
    with styled():
        figure, axes = canvas(6.4, 4.2, "Number of patterns of which 90 % come back exactly", "neurons", "patterns")
        lines = dict.fromkeys(
            (key[0], key[1], key[3]) for key in found if key[3] in (min(k[3] for k in found), max(k[3] for k in found))
        )
        memories = list(dict.fromkeys(line[0] for line in lines))
        for memory, patterns, stuck in lines:
            points = [
                (key[2], mean_of(outcomes, "exact"))
                for key, outcomes in found.items()
                if (key[0], key[1], key[3]) == (memory, patterns, stuck)
            ]
            sizes, held = zip(*sorted(points), strict=True)
            style = {"color": colour(memories.index(memory)), "marker": "o" if patterns == "random" else "s"}
            label = f"{memory}, {patterns}, {100 * stuck:g} % stuck"
            axes.plot(sizes, held, linestyle="--" if stuck else "-", label=label, **style)
        axes.legend(loc="upper left", fontsize=6)
    return figure
