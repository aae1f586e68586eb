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
from neuro.tasks._capacity import Config, Estimate, Found, Key, digit_table, fill, jackknife
from neuro.validation import Floats, Ints

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

Growth = dict[tuple[str, str, float, str], tuple[float, float | None]]
"""Exponent and its standard error, if there are several seeds, by memory, patterns, stuck share and criterion."""


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Search the capacity of every memory with every seed."""
    if "digits" in config.patterns:
        digit_table(64)  # says at once if MNIST is not there
    jobs = [(config, key) for key in keys(config)]
    found: dict[Key, Found] = {}
    prepare = compile_recall if config.spiking else None
    for each in run_jobs(fill, jobs, workers=config.workers, prepare=prepare, progress=progress, label="filling"):
        found[each.key] = each
    found = {key: found[key] for key in sorted(found)}
    grown = growth(found)
    return Report(
        task="capacity",
        metrics=metrics_of(found, grown),
        tables=(_capacities(found), _growth(grown)),
        figures={"capacity": lambda: _figure(found)},
    )


def keys(config: Config) -> list[Key]:
    """All memories to be filled, the slowest first."""
    slow = product(config.spiking, config.patterns, sorted(config.spiking_sizes, reverse=True), sorted(config.stuck))
    quick = product(config.classical, config.patterns, sorted(config.sizes, reverse=True), sorted(config.stuck))
    return [Key(*each) for each in (*slow, *quick)]


def growth(found: dict[Key, Found]) -> Growth:
    """Exponent x of capacity ~ size ** x, a line through the logarithms, and the jackknife's standard error.

    Where there are two sizes and capacities above zero.
    """
    grown: Growth = {}
    for memory, patterns, stuck in dict.fromkeys((key.memory, key.patterns, key.stuck) for key in found):
        for criterion in CRITERIA:
            points: list[tuple[int, Estimate]] = [
                (key.size, getattr(each, criterion))
                for key, each in found.items()
                if (key.memory, key.patterns, key.stuck) == (memory, patterns, stuck)
            ]
            every = [held for _, each in points for held in (each.value, *each.without)]
            if len(points) < 2 or min(every) <= 0.0:
                continue
            sizes = np.array([size for size, _ in points])
            without = zip(*(each.without for _, each in points), strict=True)
            slopes = [slope_of(sizes, np.array(held)) for held in without]
            slope = slope_of(sizes, np.array([each.value for _, each in points]))
            grown[memory, patterns, stuck, criterion] = slope, jackknife(slopes) if slopes else None
    return grown


def slope_of(sizes: Ints, held: Floats) -> float:
    """x of held ~ sizes ** x, by least squares of the logarithms.

    >>> round(slope_of(np.array([1, 2, 4]), np.array([3.0, 12.0, 48.0])), 12)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(held), 1)[0])


def metrics_of(found: dict[Key, Found], grown: Growth) -> dict[str, float]:
    """Capacities by name; ratios to the pseudo-inverse on digits of 64 pixels; Hebb's on random patterns a neuron."""
    metrics: dict[str, float] = {}
    for key, each in found.items():
        for criterion in CRITERIA:
            name = f"{criterion}/{key.memory}/{key.patterns}/{key.size}/{100 * key.stuck:g}"
            held: Estimate = getattr(each, criterion)
            metrics[name] = held.value
            if held.error is not None:
                metrics[f"{name}/error"] = held.error
        if key[:3] == ("spiking", "digits", 64):
            for name in ("pinv", "pinv_synchronous"):
                other = found.get(key._replace(memory=name))
                if other and other.exact.value > 0.0:
                    metrics[f"ratio_{name}/{100 * key.stuck:g}"] = each.exact.value / other.exact.value
    hebb = found.get(Key("hebb", "random", 64, 0.0))
    if hebb:
        metrics["hebb_per_neuron"] = hebb.cosine.value / 64
        metrics["hebb_per_neuron/exact"] = hebb.exact.value / 64
    for (memory, patterns, stuck, criterion), (slope, error) in grown.items():
        name = f"exponent/{criterion}/{memory}/{patterns}/{100 * stuck:g}"
        metrics |= {name: slope} if error is None else {name: slope, f"{name}/error": error}
    return metrics


def _text(value: float, error: float | None, digits: int) -> str:
    return f"{value:.{digits}f}" if error is None else f"{value:.{digits}f} ± {error:.{digits}f}"


def _capacities(found: dict[Key, Found]) -> Table:
    rows = []
    for key, each in found.items():
        held: list[Estimate] = [getattr(each, criterion) for criterion in CRITERIA]
        texts = [_text(one.value, one.error, 1) for one in held]
        rows.append((key.memory, key.patterns, key.size, f"{100 * key.stuck:g}", *texts))
    columns = ("memory", "patterns", "neurons", "stuck, %", "by exact recalls", "by mean cosine")
    return Table("Number of patterns held, ± standard error", columns, tuple(rows))


def _growth(grown: Growth) -> Table:
    rows = [
        (memory, patterns, f"{100 * stuck:g}", criterion, _text(slope, error, 2))
        for (memory, patterns, stuck, criterion), (slope, error) in grown.items()
    ]
    columns = ("memory", "patterns", "stuck, %", "criterion", "exponent")
    return Table("Growth: number of patterns ~ neurons ** exponent, ± standard error", columns, tuple(rows))


def _figure(found: dict[Key, Found]) -> Figure:
    """Capacity by exact recalls against the number of neurons, without stuck devices and with the most."""
    with styled():
        figure, axes = canvas(6.4, 4.2, "Number of patterns of which 90 % come back exactly", "neurons", "patterns")
        extremes = min(key.stuck for key in found), max(key.stuck for key in found)
        lines = dict.fromkeys((key.memory, key.patterns, key.stuck) for key in found if key.stuck in extremes)
        memories = list(dict.fromkeys(line[0] for line in lines))
        for memory, patterns, stuck in lines:
            points = [
                (key.size, each.exact.value)
                for key, each in found.items()
                if (key.memory, key.patterns, key.stuck) == (memory, patterns, stuck)
            ]
            sizes, held = zip(*sorted(points), strict=True)
            style = {"color": colour(memories.index(memory)), "marker": "o" if patterns == "random" else "s"}
            label = f"{memory}, {patterns}, {100 * stuck:g} % stuck"
            axes.plot(sizes, held, linestyle="--" if stuck else "-", label=label, **style)
        axes.legend(loc="upper left", fontsize=6)
    return figure
