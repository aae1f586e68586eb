"""The comparison of several runs: metrics as means over seeds, with standard errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuro.report.html.charts import Chart, compared, sankey, standard_error
from neuro.report.html.gather import Bill, Run
from neuro.report.html.markup import card, table, tiles
from neuro.report.tables import number

__all__ = ["comparison", "groups_of"]

MOST_CHOICES = 60
"""Metrics that the chart offers; the table has all of them."""
UNLIKE = ("seed", "workers", "threads")
"""Settings in which runs of one group may differ: they are not what is studied."""


def comparison(runs: Sequence[Run], charts: list[Chart]) -> str:
    """The panel of the comparison; its charts are added to `charts`."""
    groups = groups_of(runs)
    values = {name: _metrics(members) for name, members in groups.items()}
    metrics = list(dict.fromkeys(metric for each in values.values() for metric in each))
    found = [tiles([("runs", len(runs)), ("groups", len(groups)), ("metrics", len(metrics))])]
    cards = []
    if metrics:
        chart = compared(values, metrics[:MOST_CHOICES])
        cards.append(card(len(charts), chart, wide=True))
        charts.append(chart)
        rows = [(metric, *(_mean(each.get(metric, [])) for each in values.values())) for metric in metrics]
        title = "Mean ± standard error over the runs of a group"
        cards.append(table(title, ("metric", *_heads(groups)), rows, search=True, wide=True))
    bills = {f"{run.name}, {name}": bill for run in runs for name, bill in run.bills.items() if bill.total > 0}
    if bills:
        cards.append(_energy(bills, charts))
    listed = [(run.name, name, _seed(run)) for name, members in groups.items() for run in members]
    cards.append(table("Runs", ("run", "group", "seed"), listed, wide=True))
    return "".join(found) + f'<div class="grid">{"".join(cards)}</div>'


def groups_of(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs that differ in nothing but their seed, under the settings in which the groups differ."""
    keys = [_settings(run) for run in runs]
    names = sorted({name for key in keys for name in key})
    unlike = [name for name in names if len({key.get(name) for key in keys}) > 1]
    groups: dict[str, list[Run]] = {}
    for run, key in zip(runs, keys, strict=True):
        task = str(run.record.get("task") or "")
        own = [f"{name}={key[name]}" for name in unlike if name in key and name != "task"]
        label = ", ".join([task, *own] if "task" in unlike or not own else own) or task
        groups.setdefault(label if run.record else run.name, []).append(run)
    return groups


def _settings(run: Run) -> dict[str, str]:
    config = run.record.get("config") or {}
    kept = {name: json.dumps(value) for name, value in config.items() if name not in UNLIKE}
    return kept | {"task": str(run.record.get("task") or run.name)}


def _metrics(runs: Sequence[Run]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for run in runs:
        for name, value in (run.record.get("metrics") or {}).items():
            if isinstance(value, int | float):
                found.setdefault(name, []).append(float(value))
    return found


def _mean(values: list[float]) -> str | None:
    if not values:
        return None
    mean = number(float(np.mean(values)))
    return mean if len(values) == 1 else f"{mean} ± {standard_error(values):.2g} ({len(values)})"


def _heads(groups: Mapping[str, list[Run]]) -> list[str]:
    return [f"{name} ({len(members)} run{'' if len(members) == 1 else 's'})" for name, members in groups.items()]


def _seed(run: Run) -> Any:
    return (run.record.get("config") or {}).get("seed", (run.record.get("provenance") or {}).get("seed"))


def _energy(bills: Mapping[str, Bill], charts: list[Chart]) -> str:
    chart = sankey(bills)
    charts.append(chart)
    return card(len(charts) - 1, chart, wide=True)
