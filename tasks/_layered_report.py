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
OTHERS = {
    "wires1": "spikes, 64 levels as above, wires of 1 ohm a segment",
    "wires5": "spikes, 64 levels as above, wires of 5 ohm a segment",
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
    order = [*TITLES, *OTHERS, *sorted({*outcomes_of} - {*TITLES, *OTHERS})]
    found = {
        variant: sorted(outcomes_of[variant], key=lambda outcome: outcome.seed)
        for variant in order
        if variant in outcomes_of
    }
    costs: dict[str, float] = {}
    for outcomes in found.values():
        ended = [outcome for outcome in outcomes if not outcome.error]
        for key in ended[0].counts if ended else ():
            costs[key] = float(np.mean([outcome.counts[key] for outcome in ended]))
    return found, costs


def title_of(variant: str) -> str:
    """What a report calls a variant."""
    return TITLES.get(variant) or OTHERS.get(variant) or f"spikes, {variant}"


def cost_metrics(found: Found, costs: dict[str, float]) -> dict[str, float]:
    """Spikes, pulses and joules."""
    metrics: dict[str, float] = {}
    for variant, end in SPIKING.items():
        if variant in found:
            metrics[f"spikes_per_inference{end}"] = float(np.mean([outcome.spikes for outcome in found[variant]]))
    metrics |= {key: value for key, value in costs.items() if key.startswith("pulses_per_device")}
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
            ended = [outcome for outcome in outcomes if not outcome.error]
            if not ended:
                continue
            each = 1.0 - np.array([outcome.training for outcome in ended])
            test = 1.0 - np.mean([outcome.test for outcome in ended])
            epochs, mark = np.arange(1, each.shape[1] + 1), "osD^"[k % 4]
            axes.plot(epochs, each.mean(axis=0), color=colour(k), marker=mark, mfc="white", label=title_of(variant))
            axes.plot([epochs[-1] + 1], [test], color=colour(k), marker=mark, linestyle="none")
        axes.legend(loc="upper right")
    return figure
