"""What the reports of the tasks that train networks of layers have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.tasks._layer_prices import CHIPS
from neuro.tasks._layered import Outcome
from neuro.validation import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    "ideal": "spikes, weights as numbers",
    "levels64": "spikes, 64 levels, write error of one level",
    "rate": "rates, weights as numbers",
    "conv": "spikes, a convolution with pooling, weights as numbers",
}
SPIKING = {"ideal": "", "levels64": "_levels64", "conv": "_conv"}
"""Variants that spike, and how their metrics end."""

Found = dict[str, list[Outcome]]
"""Outcomes by variant, in order of the seeds."""


def by_variant(results: Iterable[Outcome]) -> tuple[Found, dict[str, float]]:
    """The outcomes of all variants, and the means of what they cost."""
    outcomes_of: Found = {}
    for outcome in results:
        outcomes_of.setdefault(outcome.variant, []).append(outcome)
    found = {
        variant: sorted(outcomes_of[variant], key=lambda outcome: outcome.seed)
        for variant in TITLES
        if variant in outcomes_of
    }
    costs = {
        key: float(np.mean([outcome.counts[key] for outcome in outcomes]))
        for outcomes in found.values()
        for key in outcomes[0].counts
    }
    return found, costs


def cost_metrics(found: Found, costs: dict[str, float]) -> dict[str, float]:
    """Spikes, pulses and joules."""
    metrics: dict[str, float] = {}
    for variant, end in SPIKING.items():
        if variant in found:
            metrics[f"spikes_per_inference{end}"] = float(np.mean([outcome.spikes for outcome in found[variant]]))
    if "pulses_per_device" in costs:
        metrics["pulses_per_device"] = costs["pulses_per_device"]
    for name in ("crossbar", *CHIPS):
        if name in costs:
            metrics[f"joules_per_inference/{name}"] = costs[name]
    return metrics


def mean_and_error(values: Iterable[float], digits: int = 4) -> str:
    """Mean ± standard error; of a single value, whose error nobody knows, itself alone."""
    each = np.array(list(values))
    mean, error = f"{each.mean():.{digits}f}", standard_error(each)
    return mean if error is None else f"{mean} ± {error:.{digits}f}"


def standard_error(values: Floats) -> float | None:
    """Of the mean; None for a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def energy_table(costs: dict[str, float]) -> Table:
    """Joules of an inference by hardware."""
    rows: list[tuple[object, ...]] = [
        (name, costs.get(name, "cannot hold it"), costs.get(f"{name}/input", "")) for name in ("crossbar", *CHIPS)
    ]
    return Table("Energy of an inference", ("hardware", "J", "of or beside it, the input, J"), tuple(rows))


def curves(found: Found, title: str) -> Figure:
    """Errors of training by epoch, and at the end those of the test."""
    with styled():
        figure, axes = canvas(6.4, 4.2, title, "epoch", "error")
        for k, (variant, outcomes) in enumerate(found.items()):
            each = 1.0 - np.array([outcome.training for outcome in outcomes])
            test = 1.0 - np.mean([outcome.test for outcome in outcomes])
            epochs, mark = np.arange(1, each.shape[1] + 1), "osD^"[k]
            axes.plot(epochs, each.mean(axis=0), color=colour(k), marker=mark, mfc="white", label=TITLES[variant])
            axes.plot([epochs[-1] + 1], [test], color=colour(k), marker=mark, linestyle="none")
        axes.legend(loc="upper right")
    return figure
