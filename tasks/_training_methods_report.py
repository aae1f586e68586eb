"""Tables and figures of the comparison of training methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.report.record import Table
from neuro.report.style import MARKERS, canvas, colour, styled
from neuro.tasks._layered_report import mean_and_error, standard_error
from neuro.tasks._training_methods import METHODS, Config, Method, Outcome
from neuro.units import pJ, uJ
from neuro.validation import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    "exact/times": "exact gradient, spike times",
    "surrogate/times": "surrogate gradient, spike times",
    "e_prop/times": "e-prop, spike times",
    "surrogate/currents": "surrogate gradient, currents",
    "e_prop/currents": "e-prop, currents",
    "two_phase/currents": "two phases, currents",
}
ENOUGH = 0.9
"""Accuracy on validation images to which the processor time is told."""

Found = dict[Method, list[Outcome]]
"""Outcomes by method, in order of the seeds."""


def metrics_of(config: Config, found: Found) -> dict[str, float]:
    """Means over seeds by method."""
    metrics: dict[str, float] = {}
    for method, each in found.items():
        judged = [outcome.judged for outcome in each]
        metrics[f"{config.judged}_accuracy/{method}"] = float(np.mean(judged))
        if (error := standard_error(np.array(judged))) is not None:
            metrics[f"{config.judged}_accuracy_error/{method}"] = error
        metrics[f"validation_accuracy/{method}"] = float(validation(each).max())
        for name in ("spikes", "spikes/input", "spikes/hidden", "spikes/output"):
            metrics[f"{name}/{method}"] = cost(each, name)
        for name in ("loihi", "crossbar"):
            metrics[f"joules_{name}/{method}"] = cost(each, name)
        metrics[f"kept_bytes/{method}"] = cost(each, "kept_bytes")
        metrics[f"parameters/{method}"] = each[0].parameters
        metrics[f"cpu_seconds/{method}"] = float(seconds(each)[-1])
        if (reached := seconds_until(each)) is not None:
            metrics[f"cpu_seconds_to_90/{method}"] = reached
    return metrics


def cost(each: list[Outcome], name: str) -> float:
    """Mean over seeds."""
    return float(np.mean([outcome.costs[name] for outcome in each]))


def validation(each: list[Outcome]) -> Floats:
    """Accuracy on validation images by epoch, the mean over seeds."""
    return np.asarray(np.mean([outcome.validation for outcome in each], axis=0))


def seconds(each: list[Outcome]) -> Floats:
    """Processor time until the end of each epoch, the mean over seeds, s."""
    return np.asarray(np.mean([outcome.seconds for outcome in each], axis=0))


def seconds_until(each: list[Outcome], enough: float = ENOUGH) -> float | None:
    """Processor time until the first epoch after which the mean accuracy is enough, s; None if it never is."""
    there = np.flatnonzero(validation(each) >= enough)
    return float(seconds(each)[there[0]]) if len(there) else None


def tables(config: Config, found: Found) -> tuple[Table, ...]:
    """Accuracy and time, then spikes and joules."""
    learned: list[tuple[object, ...]] = []
    costs: list[tuple[object, ...]] = []
    for method, each in found.items():
        reached = seconds_until(each)
        learned.append(
            (
                TITLES[method],
                mean_and_error([outcome.judged for outcome in each]),
                f"{min(outcome.judged for outcome in each):.4f}",
                f"{seconds(each)[-1]:.2f}",
                "never" if reached is None else f"{reached:.2f}",
                each[0].parameters,
                f"{cost(each, 'kept_bytes') / 1000:.2f}",
            )
        )
        spikes = (f"{cost(each, f'spikes/{part}'):.1f}" for part in ("input", "hidden", "output"))
        joules = [f"{cost(each, name) / uJ:.3f}" for name in ("loihi", "loihi/input")]
        joules += [f"{cost(each, name) / pJ:.0f}" for name in ("crossbar", "crossbar/input")]
        costs.append((TITLES[method], *spikes, *joules))
    columns = ("method", f"{config.judged} accuracy", "lowest seed", "CPU s", f"CPU s to {ENOUGH:.0%} of validation")
    columns += ("parameters", "kept of an example, kB")
    priced = ("method", "input spikes", "hidden", "output", "Loihi, uJ", "of it, input", "crossbar, pJ", "of it, input")
    return (
        Table(f"Training by {config.epochs} epochs: mean ± standard error over seeds", columns, tuple(learned)),
        Table("An inference: spikes and joules, means", priced, tuple(costs)),
    )


def learning(found: Found) -> Figure:
    """Errors on validation images over processor time."""
    with styled():
        title = "Errors on validation images by processor time, means over seeds"
        figure, axes = canvas(7.2, 4.4, title, "processor time of training, s", "share of errors")
        for method, each in found.items():
            axes.plot(seconds(each), 1.0 - validation(each), **look(method), markersize=3, label=TITLES[method])
        axes.set(xscale="log", yscale="log")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def against(config: Config, found: Found, name: str, scale: float, label: str) -> Figure:
    """Errors on judged images over what an inference costs; bars are standard errors."""
    with styled():
        figure, axes = canvas(7.2, 4.4, f"Errors on {config.judged} images by {label.partition(',')[0]}", label, "")
        axes.set_ylabel("share of errors")
        for method, each in found.items():
            errors = 1.0 - np.array([outcome.judged for outcome in each])
            axes.errorbar(
                [cost(each, name) / scale],
                [errors.mean()],
                yerr=standard_error(errors),
                **look(method) | {"linestyle": "none"},
                markersize=8,
                label=TITLES[method],
            )
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def look(method: Method) -> dict[str, Any]:
    """Colour and marker by method; dashed lines and open markers where images are times."""
    ways = list(dict.fromkeys(each.partition("/")[0] for each in METHODS))
    way, _, shown = method.partition("/")
    k = ways.index(way)
    style: dict[str, Any] = {"color": colour(k), "marker": MARKERS[k]}
    return style | ({"linestyle": "--", "mfc": "white"} if shown == "times" else {"linestyle": "-"})
