"""Runs of a task on sequences and their report."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.progress import Progress
from neuro.report import Report, Table
from neuro.tasks._sequence import CHIP, Outcome, SequenceConfig, learn
from neuro.tasks._sequence_data import Data

TITLES = {
    "ahp": "AHP, penalty on potentials",
    "unregularised": "AHP without it",
    "lif": "LIF of the same size",
    "lstm": "LSTM with as many parameters",
    "eprop": "AHP by e-prop",
    "dale": "AHP within Dale's law",
    "sparse": "AHP with few synapses, rewired",
    "following": "AHP whose slow currents follow v",
}


def run_sequences(task: str, config: SequenceConfig, data: Data, progress: Progress) -> Report:
    """Train each variant with each seed, judge them, and report."""
    jobs = [("ahp", config.seed + k) for k in range(config.seeds)]
    jobs += [(v, config.seed + k) for v in config.variants if v != "ahp" for k in range(config.beside)]
    outcomes = []
    for number, (variant, seed) in enumerate(jobs):

        def tell(done: float, total: float, label: str, number: int = number) -> None:
            progress(number + done / total, len(jobs), label)

        outcomes.append(learn(config, data, variant, seed, tell)[0])
    return Report(
        task=task,
        metrics=metrics_of(outcomes),
        measured=tuple(f"{variant}/cpu_minutes" for variant in _by_variant(outcomes)),
        energy={"unit": "J of one sequence, mean", "chip": CHIP, **_costs(outcomes)},
        tables=(_table(outcomes), _energy(outcomes), *_devices(outcomes)),
    )


def metrics_of(outcomes: list[Outcome]) -> dict[str, float]:
    """Means over seeds by variant."""
    metrics: dict[str, float] = {}
    for variant, found in _by_variant(outcomes).items():
        metrics[f"{variant}/accuracy"] = _mean(found, "accuracy")
        metrics[f"{variant}/accuracy/lowest"] = min(each.accuracy for each in found)
        metrics[f"{variant}/validation"] = _mean(found, "validation")
        metrics[f"{variant}/parameters"] = found[0].parameters
        metrics[f"{variant}/cpu_minutes"] = _mean(found, "cpu_minutes")
        metrics |= {f"{variant}/devices/{kind}": each for kind, each in _on_devices(found).items()}
        if any(each.cost for each in found):
            metrics[f"{variant}/joules"] = float(np.mean([each.cost["joules"] for each in found if each.cost]))
        if found[0].loihi is not None:
            metrics[f"{variant}/accuracy_loihi"] = _mean(found, "loihi")
        if variant != "lstm":
            metrics[f"{variant}/spikes_per_sample"] = _mean(found, "spikes")
        if variant != "lstm" and found[0].cost:
            metrics[f"{variant}/deployed_identical"] = sum(each.same[0] for each in found)
            metrics[f"{variant}/deployed_compared"] = sum(each.same[1] for each in found)
            latency = [each.cost["latency_ms"] for each in found if each.cost]
            metrics[f"{variant}/edp_uJs"] = metrics[f"{variant}/joules"] * float(np.mean(latency)) * 1e3
    return metrics


def _on_devices(found: list[Outcome]) -> dict[str, float]:
    """Mean accuracy by kind of devices."""
    return {kind: float(np.mean([each.devices[kind] for each in found])) for kind in found[0].devices}


def _devices(outcomes: list[Outcome]) -> list[Table]:
    """Accuracy with weights on crossbars, where it was looked at."""
    found = [each for each in outcomes if each.devices]
    if not found:
        return []
    rows = [("numbers, in doubles", _mean(found, "accuracy"), min(each.accuracy for each in found))]
    for kind, mean in _on_devices(found).items():
        rows.append((kind.replace("_", " "), mean, min(each.devices[kind] for each in found)))
    title = f"{TITLES['ahp']}, weights on crossbars, not trained again: one error at a time, of continuous devices"
    return [Table(title, ("devices", "test accuracy, mean", "lowest"), tuple(rows))]


def _by_variant(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    return {v: [each for each in outcomes if each.variant == v] for v in dict.fromkeys(o.variant for o in outcomes)}


def _mean(found: list[Outcome], key: str) -> float:
    return float(np.mean([getattr(each, key) for each in found]))


def _costs(outcomes: list[Outcome]) -> dict[str, Any]:
    return {variant: [each.cost for each in found] for variant, found in _by_variant(outcomes).items()}


def _table(outcomes: list[Outcome]) -> Table:
    rows = []
    for variant, found in _by_variant(outcomes).items():
        spikes = "-" if variant == "lstm" else round(_mean(found, "spikes"))
        low, high = (np.mean([each.outside[k] for each in found]) for k in (0, 1))
        potentials = "-" if variant == "lstm" else f"{low:.1f} to {high:.1f}"
        same = (
            "-"
            if variant == "lstm" or not found[0].cost
            else f"{sum(o.same[0] for o in found)} of {sum(o.same[1] for o in found)}"
        )
        accuracy = f"{_mean(found, 'accuracy'):.4f} ({min(each.accuracy for each in found):.4f})"
        minutes = f"{_mean(found, 'cpu_minutes'):.2f}"
        rows.append((TITLES[variant], len(found), accuracy, spikes, potentials, same, found[0].parameters, minutes))
    columns = ("network", "seeds", "test accuracy, mean (lowest)", "spikes a sequence", "u of 99.8 % of the time")
    columns += ("same spikes on the clocked engine", "parameters", "CPU min")
    return Table("Test accuracy; u is (v - threshold)/v_th before the reset", columns, tuple(rows))


def _energy(outcomes: list[Outcome]) -> Table:
    rows: list[tuple[object, ...]] = []
    for variant, found in _by_variant(outcomes).items():
        cost = found[0].cost or {}
        if not cost:
            rows.append((TITLES[variant], "-", "no engine and no chip has its neurons", "-", "-", "-"))
            continue
        if variant == "lstm":
            where = f"digital_mac, batch size 1, {cost['units']} units, all multiplications"
            rows.append((TITLES[variant], where, "total", cost["macs"], cost["joules"] * 1e6, "-"))
            continue
        for cause, joules in sorted(cost["by_cause"].items(), key=lambda part: -part[1]):
            rows.append((TITLES[variant], CHIP, cause, round(cost["counts"][cause]), joules * 1e6, "-"))
        rows.append((TITLES[variant], CHIP, "total", "-", cost["joules"] * 1e6, f"{cost['latency_ms']:.3g}"))
    columns = ("network", "device", "cause", "events", "uJ of a sequence", "ms in the core")
    return Table(
        "Energy of a sequence: events, and static power for the time in the core; without the host",
        columns,
        tuple(rows),
    )
