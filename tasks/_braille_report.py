"""The report of the Braille task: tables, conclusions about the devices, and figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.crossbar.device.properties import Properties, properties
from neuro.crossbar.factory import Crossbar
from neuro.learning.memory import AssociativeMemory, lower, present
from neuro.report import Table
from neuro.tasks._braille_cues import CELLS, NAMES, patterns
from neuro.tasks._braille_memory import COMPARED, WEIGHT_RANGE, WIRED, Config, Outcome, devices, shown_cues
from neuro.units import uS
from neuro.validation import Floats


def mean_counts(config: Config, found: dict[str, list[Outcome]]) -> dict[str, dict[str, float]]:
    """Mean over seeds of each count, by count and variant."""
    return {
        key: {v: float(np.mean([outcome.counts[key] for outcome in found[v]])) for v in config.variants}
        for key in found[config.variants[0]][0].counts
    }


def metrics_of(config: Config, found: dict[str, list[Outcome]], costs: dict[str, dict[str, float]]) -> dict[str, float]:
    """Exact words and their standard errors by variant and distortion, then the costs."""
    metrics: dict[str, float] = {}
    for variant, results in found.items():
        exact = np.array([outcome.exact for outcome in results])
        for k, p in enumerate(config.flips):
            metrics[f"exact_words/{variant}/{p:.2f}"] = float(exact[:, k].mean())
    for variant, results in found.items():
        for k, p in enumerate(config.flips):
            metrics[f"standard_error/{variant}/{p:.2f}"] = _standard_error(
                np.array([outcome.exact[k] for outcome in results]), config.trials
            )
    for key, by_variant in costs.items():
        metrics.update({f"{key}/{variant}": value for variant, value in by_variant.items()})
    return metrics


def _standard_error(exact: Floats, trials: int) -> float:
    """Of the mean over seeds; with a single seed, of its binomial trials."""
    if len(exact) > 1:
        return float(exact.std(ddof=1) / np.sqrt(len(exact)))
    return float(np.sqrt(exact[0] * (1.0 - exact[0]) / trials))


def accuracy_table(config: Config, metrics: dict[str, float], costs: dict[str, dict[str, float]]) -> Table:
    """Exact words of every variant at each distortion, with standard errors, spikes and pulses."""
    columns = ("memory", *(f"p = {p:.2f}" for p in config.flips), "spikes/recall", "pulses/device")
    rows = []
    for variant in (*config.variants, *COMPARED):
        cells = [
            f"{metrics[f'exact_words/{variant}/{p:.2f}']:.3f} ± {metrics[f'standard_error/{variant}/{p:.2f}']:.3f}"
            for p in config.flips
        ]
        cost = [
            f"{costs[key][variant]:.{digits}f}" if variant in config.variants else "-"
            for key, digits in (("spikes_per_recall", 0), ("pulses_per_device", 1))
        ]
        rows.append((variant, *cells, *cost))
    title = f"Exact words after recall, {config.trials} trials a point x {config.seeds} seeds, ± standard error"
    return Table(title, columns, tuple(rows))


def device_tables(
    config: Config, metrics: dict[str, float], costs: dict[str, dict[str, float]], missing: list[str]
) -> tuple[Table, ...]:
    """Accuracy and costs of each device, and the conclusions; no tables where no joules were counted."""
    if not config.priced:
        return ()
    rows = []
    traits = {variant: properties(devices(variant, config.seed)[0]) for variant in config.variants}
    for variant in config.variants:
        accuracy = float(np.mean([metrics[f"exact_words/{variant}/{p:.2f}"] for p in config.flips]))
        trait = traits[variant]
        cost = [costs[key][variant] for key in ("pulses_per_device", "write_joules_per_device")]
        read = costs["read_joules_per_recall"][variant]
        window = [trait.pulses, trait.pulse_noise, trait.read_noise, trait.asymmetry, trait.variation]
        rows.append((variant, accuracy, cost[0], cost[1] * 1e12, read * 1e12, *window))
    title = (
        f"Exact words over all distortions, and costs at reads of {config.read_voltage:g} V, {config.read_time:g} s "
        f"and pulses of {config.write_voltage:g} V, {config.write_time:g} s"
    )
    columns = (
        *("device", "exact words", "pulses/device", "write pJ/device", "read pJ/recall"),
        *("pulses a window", "pulse noise (steps)", "read noise (windows)", "asymmetry", "variation (steps)"),
    )
    sentences = [*conclusions(config, metrics, costs, traits)]
    sentences += [f"{variant} was left out: its measured data are not here." for variant in missing]
    concluded = Table("Conclusions", ("",), tuple((sentence,) for sentence in sentences))
    return Table(title, columns, tuple(rows)), concluded


def conclusions(
    config: Config, metrics: dict[str, float], costs: dict[str, dict[str, float]], traits: dict[str, Properties]
) -> list[str]:
    """Sentences that follow from the measured numbers, whatever these are."""
    accuracy = {v: float(np.mean([metrics[f"exact_words/{v}/{p:.2f}"] for p in config.flips])) for v in config.variants}
    error = {
        v: float(np.sqrt(np.mean([metrics[f"standard_error/{v}/{p:.2f}"] ** 2 for p in config.flips])))
        for v in config.variants
    }
    # Distortions share their seeds, so their errors are taken to go together.
    best, worst = max(accuracy, key=accuracy.__getitem__), min(accuracy, key=accuracy.__getitem__)
    found = [f"Best is {best} with {accuracy[best]:.1%} of the words, worst {worst} with {accuracy[worst]:.1%}."]
    near = [v for v in accuracy if accuracy[v] >= accuracy[best] - 2 * np.hypot(error[best], error[v])]
    energy = costs["write_joules_per_device"]
    cheap = min(near, key=energy.__getitem__)
    found.append(
        f"Within two standard errors of the best: {', '.join(near)}; of these {cheap} learns with the least energy, "
        f"{energy[cheap] * 1e12:.3g} pJ and {costs['pulses_per_device'][cheap]:.3g} pulses a device."
    )
    bare = accuracy.get("taox_64x64")
    for name, ohm in WIRED.items():
        if bare is not None and name in accuracy:
            change = accuracy[name] - bare
            both = np.hypot(error[name], error["taox_64x64"])
            verdict = "more than chance" if abs(change) > 2 * both else "no more than chance"
            found.append(
                f"Wires of {ohm:g} ohm a segment change the chip's score by {100 * change:+.1f} points, {verdict} "
                f"(standard error {100 * both:.1f})."
            )
    compared = [v for v in config.variants if v not in WIRED]
    if len(compared) >= 5:
        found.append(_what_matters(accuracy, traits, compared))
    return found


def _what_matters(accuracy: dict[str, float], traits: dict[str, Properties], compared: list[str]) -> str:
    """The property of the devices whose order is nearest to that of their scores."""
    from scipy.stats import spearmanr

    scores = [accuracy[v] for v in compared]
    ranks: dict[str, float] = {}
    for name in Properties._fields:
        values = [getattr(traits[v], name) for v in compared]
        if len(set(values)) > 1 and len(set(scores)) > 1:
            ranks[name] = float(spearmanr(values, scores).statistic)
    if not ranks:
        return "The scores do not differ, so no property of the devices is seen to matter."
    name = max(ranks, key=lambda key: abs(ranks[key]))
    word = "more" if ranks[name] > 0 else "less"
    others = ", ".join(f"{key.replace('_', ' ')} {rank:+.2f}" for key, rank in ranks.items() if key != name)
    return (
        f"Of all properties, {name.replace('_', ' ')} goes with the score most closely: the {word} of it, "
        f"the better (rank correlation {ranks[name]:+.2f} over {len(compared)} devices; {others}). With so few devices "
        f"that is a hint, not a law: `neuro run devices-study` turns one knob at a time."
    )


def figures(config: Config, found: dict[str, list[Outcome]], metrics: dict[str, float]) -> dict[str, Any]:
    """Functions that draw the figures, by name."""
    from neuro.report import plots

    chosen_variant = "levels64_3.9uS" if "levels64_3.9uS" in config.variants else config.variants[-1]
    shown = found[chosen_variant][0]
    cues, after = shown_cues(config), shown.shown
    chosen = [0, 3, 7]
    rows = [row for k in chosen for row in (cues[k], after[k])]
    goals = [row for k in chosen for row in (patterns()[k], patterns()[k])]
    labels = [text for k in chosen for text in (f"{NAMES[k]}: cue", "recalled")]
    curves = {v: np.array([metrics[f"exact_words/{v}/{p:.2f}"] for p in config.flips]) for v in found}
    errors = {v: np.array([metrics[f"standard_error/{v}/{p:.2f}"] for p in config.flips]) for v in found}
    memory, (plus, minus) = AssociativeMemory(size=CELLS * 6), shown.conductance
    device, _ = devices(chosen_variant, config.seed)
    drawn: dict[str, Any] = {
        "words": lambda: plots.braille_cells(
            rows,
            targets=goals,
            labels=labels,
            title="Names before and after recall, 20 % of the dots flipped",
        ),
        "accuracy": lambda: plots.curve_with_errors(
            config.flips,
            curves,
            errors,
            xlabel="probability that a dot is flipped",
            ylabel="exact words",
            title="Recall against distortion",
            ylim=(-0.02, 1.02),
        ),
        "learning": lambda: plots.learning_curve(
            np.arange(config.epochs),
            {v: np.array([outcome.curve for outcome in found[v]]) for v in config.variants},
            ylabel="exact words, training cues",
            title="Learning",
            ylim=(-0.02, 1.02),
        ),
        "raster": lambda: _raster(memory, plus, minus, device.g_max - device.g_min, cues[0]),
    }
    for name, conductance in (("plus", plus), ("minus", minus)):
        drawn[f"conductance_{name}"] = _map(plots, conductance, name, chosen_variant)
    return drawn


def _map(plots: Any, conductance: Floats, name: str, variant: str) -> Any:
    what = "write noise 3.9 µS" if variant == "levels64_3.9uS" else variant
    return lambda: plots.heat_map(
        conductance / uS,
        xlabel="neuron (column)",
        ylabel="neuron (row)",
        label="conductance (µS)",
        title=f"Devices of the {name} half after training, {what}",
    )


def _raster(memory: AssociativeMemory, plus: Floats, minus: Floats, span: float, cue: Floats) -> Any:
    """Spikes of one recall on the trained devices."""
    from neuro.report import plots

    weights = WEIGHT_RANGE * memory.unit * (plus - minus) / span
    spikes = present(lower(memory, Crossbar(weights)), memory, cue).spikes["memory"]
    return plots.spike_raster(
        spikes.times,
        spikes.ids,
        size=memory.size,
        window=(0.0, memory.duration),
        spans={"cue": (0.0, memory.cue_time), "counted": (memory.duration - memory.counted, memory.duration)},
        title=f"One recall of {NAMES[0]!r}",
    )
