"""The charts of the report as plotly reads them, without colours: `page.js` puts those of the theme in."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from neuro.display import amount
from neuro.engine.recording import SAMPLED, Recording
from neuro.report.draw import stacked, time_unit
from neuro.report.html.gather import Bill, Run
from neuro.report.tables import number
from neuro.validation import Floats

__all__ = ["Chart", "charts_of", "compared", "standard_error", "step_of_spikes"]

Chart = dict[str, Any]
"""`title`, `kind`, `note`, `height` (pixels), plotly's `traces` and `layout`; `choices`: what else can be shown."""

MOST_SPIKES = 120_000
"""Spikes on a page; of more, every second, third, ... is drawn."""
MOST_OF_PLOTLY = 20_000
"""Spikes that plotly draws in time for every frame, also where there is no graphics hardware; more are painted."""
MOST_SAMPLES = 4_000
"""Samples of a curve; of more, the lowest and the highest of each stretch."""
MOST_CURVES = 8
MOST_CELLS = 200
"""Rows and columns of a heat map; of more, means of blocks."""
BINS = 240
"""Bars of the rate below a raster."""


def charts_of(run: Run, step: int = 1) -> list[Chart]:
    """All charts of a run, in the order of the page; one in `step` spikes is drawn."""
    charts: list[Chart] = []
    for name, recording in run.recordings.items():
        label = f" · {name}" if len(run.recordings) > 1 else ""
        charts += [raster(recording, label, step), *_traces(recording, label)]
    for name, states in run.crossbars.items():
        charts.append(conductance_map(name, states))
    curves = {**run.trainings, **_table_curves(run.record)}
    if curves:
        charts.append(learning(curves))
    if bills := {name: bill for name, bill in run.bills.items() if bill.total > 0}:
        charts.append(sankey(bills))
    charts += _meshes(run)
    return [chart for chart in charts if chart["traces"]]


def step_of_spikes(runs: Sequence[Run]) -> int:
    """One in how many spikes of some runs fits on a page."""
    total = sum(len(found) for run in runs for each in run.recordings.values() for found in each.spikes.values())
    return max(1, -(-total // MOST_SPIKES))


def raster(recording: Recording, label: str = "", step: int = 1) -> Chart:
    """Spikes of all populations over time, and below them how many there are in each stretch."""
    known = recording.provenance.get("network", {}).get("populations", {})
    sizes = {name: int(known[name]["size"]) for name in recording.spikes if name in known}
    times, rows, groups = stacked(dict(recording.spikes), sizes)
    scale, unit = time_unit(recording.stop - recording.start)
    edges = np.linspace(recording.start, max(recording.stop, recording.start + 1e-12), BINS + 1)
    painted = len(times) > MOST_OF_PLOTLY * step
    size_of_dots = 2 if painted else 3 if len(times) > 2_000 else 5
    traces: list[dict[str, Any]] = []
    for index, (name, (first, last)) in enumerate(groups.items()):
        mine = (rows >= first) & (rows < last)
        when, who = times[mine][::step] * scale, rows[mine][::step]
        traces.append(
            {
                "type": "scatter" if painted else "scattergl",
                "mode": "markers",
                "name": name,
                "x": _packed(when),
                "y": _packed(who),
                "marker": {"size": size_of_dots} | ({"maxdisplayed": 1} if painted else {}),
                "painted": painted,
                "colour": index,
                "hovertemplate": f"%{{x:.3f}} {unit}, row %{{y}}",
            }
        )
        rate = np.histogram(times[mine], edges)[0] / (np.diff(edges) * max(last - first, 1))
        traces.append({"type": "scatter", "mode": "lines", "name": name, "x": _packed(edges[:-1] * scale),
                       "y": _packed(rate), "yaxis": "y2", "line": {"width": 1.2, "shape": "hv"}, "colour": index,
                       "showlegend": False, "hovertemplate": "%{y:.3g} Hz"})  # fmt: skip
    size = sum(last - first for first, last in groups.values())
    note = f"{len(times):,} spikes of {size:,} neurons, {amount(recording.start, 's')} to {amount(recording.stop, 's')}"
    note += f"; one in {step} is drawn" if step > 1 else ""
    layout = {
        "xaxis": {"title": f"time ({unit})", "range": [recording.start * scale, recording.stop * scale],
                  "anchor": "y2"},
        "yaxis": {"title": "neuron", "domain": [0.3, 1.0], "range": [-1, size], "showgrid": False, "zeroline": False},
        "yaxis2": {"title": "Hz each", "domain": [0.0, 0.22], "rangemode": "tozero"},
        "showlegend": len(groups) > 1,
    }  # fmt: skip
    return _chart("Spikes" + label, "raster", traces if len(times) else [], layout, note, 520)


def conductance_map(name: str, states: Mapping[str, Floats]) -> Chart:
    """The conductances of a crossbar as colours, one state of it at a time."""
    most = max((float(np.nanmax(np.abs(grid), initial=0.0)) for grid in states.values()), default=0.0)
    factor, unit = next(((f, u) for f, u in ((1.0, "S"), (1e3, "mS"), (1e6, "uS")) if most * f >= 1), (1e9, "nS"))
    choices: list[dict[str, Any]] = []
    for label, grid in states.items():
        signed = "-" in label.replace("G-", "", 1) or bool(np.nanmin(grid, initial=0.0) < 0)
        choices.append({"label": label, "update": _cells(grid * factor, signed)})
    rows, columns = next(iter(states.values())).shape
    layout = {"xaxis": {"title": "column (output)"}, "yaxis": {"title": "row (input)", "autorange": "reversed"}}
    hover = f"row %{{y}}, column %{{x}}: %{{z:.4g}} {unit}"
    trace = {"type": "heatmap", "colorbar": {"title": unit}, "hovertemplate": hover} | choices[0]["update"]
    note = f"{rows:,} x {columns:,} pairs of devices"
    note += "; means of blocks" if max(rows, columns) > MOST_CELLS else ""
    return _chart(f"Conductances · {name}", "crossbar", [trace], layout, note, 420, choices)


def learning(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Chart:
    """Scores by epoch; validation is dashed."""
    traces = []
    for index, (name, (training, validation)) in enumerate(curves.items()):
        for values, kind, dash in ((training, "", "solid"), (validation, ", validation", "dash")):
            if len(values):
                traces.append({"type": "scatter", "mode": "lines+markers", "name": f"{name}{kind}",
                               "x": list(range(1, len(values) + 1)), "y": [_finite(value) for value in values],
                               "line": {"dash": dash, "width": 2}, "marker": {"size": 5}, "colour": index})  # fmt: skip
    layout = {"xaxis": {"title": "epoch"}, "yaxis": {"title": "score"}, "showlegend": len(traces) > 1}
    return _chart("Learning", "learning", traces, layout, "by epoch", 380)


def sankey(bills: Mapping[str, Bill]) -> Chart:
    """Joules from the total through dynamic and static energy to the causes."""
    choices: list[dict[str, Any]] = []
    for name, bill in bills.items():
        causes = {cause: j for cause, j in bill.by_cause.items() if j > 0}
        total = sum(causes.values())
        dynamic = {cause: j for cause, j in causes.items() if cause != "static"}
        ordered = sorted(dynamic, key=lambda cause: -dynamic[cause])
        names = ["total", "dynamic", "static", *ordered]
        joules = [total, sum(dynamic.values()), causes.get("static", 0.0), *(dynamic[cause] for cause in ordered)]
        kept = [k for k, j in enumerate(joules) if j > 0]
        place = {k: index for index, k in enumerate(kept)}
        links = [(0, k) for k in (1, 2) if k in place] + [(1, k) for k in place if k > 2]
        update = {
            "node": {
                "label": [f"{names[k].replace('_', ' ')} · {amount(joules[k], 'J')}" for k in kept],
                "pad": 16, "thickness": 18, "colours": list(range(len(kept))), "line": {"width": 0},
                "customdata": [f"{joules[k]:.4g} J, {joules[k] / total:.1%}" for k in kept],
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            "link": {
                "source": [place[a] for a, _ in links], "target": [place[b] for _, b in links],
                "value": [joules[b] / total for _, b in links], "colours": [place[b] for _, b in links],
                "customdata": [f"{joules[b]:.4g} J" for _, b in links],
                "hovertemplate": "%{target.label}<extra></extra>",
            },
        }  # fmt: skip
        choices.append({"label": f"{name}, {amount(bill.total, 'J')}", "update": update})
    trace: dict[str, Any] = {"type": "sankey", "arrangement": "snap", "valueformat": ".1%"}
    return _chart(
        "Energy by cause",
        "energy",
        [trace | choices[0]["update"]],
        {},
        "joules from the total to what causes them",
        420,
        choices,
    )


def _traces(recording: Recording, label: str) -> list[Chart]:
    """Sampled voltages and the like, one chart a quantity and population."""
    charts = []
    scale, unit = time_unit(recording.stop - recording.start)
    for quantity in SAMPLED:
        for population, samples in getattr(recording, quantity).items():
            values = samples.sum(axis=2) if samples.ndim == 3 else samples
            count = min(values.shape[1], MOST_CURVES)
            curves = []
            for column in range(count):
                when, value = _thinned(recording.v_times * scale, values[:, column])
                curves.append({"type": "scattergl" if len(when) * count > 4000 else "scatter", "mode": "lines",
                               "name": f"neuron {column}", "x": _packed(when), "y": _packed(value, np.float32),
                               "line": {"width": 1.3}, "colour": column})  # fmt: skip
            axis = {"title": f"time ({unit})", "range": [recording.start * scale, recording.stop * scale]}
            layout = {"xaxis": axis, "yaxis": {"title": quantity}, "showlegend": count > 1}
            note = f"{count} of {values.shape[1]} recorded neurons, {len(recording.v_times):,} samples"
            names = {"v": "Voltages", "current": "Currents", "adaptation": "Adaptation", "threshold": "Thresholds"}
            charts.append(_chart(f"{names[quantity]} of {population}{label}", "trace", curves, layout, note, 360))
    return charts


def _meshes(run: Run) -> list[Chart]:
    """Maps of the meshes: what cores hold, and their joules."""
    from neuro.report.energy_plots import tile_grid

    charts = []
    for name, placement in run.placements.items():
        maps = {key.replace("_", " "): tile_grid(used, placement.chip) for key, used in placement.usage.items()}
        charts.append(_mesh(f"Placement · {placement.chip.name if name.startswith('placement') else name}", maps, "{}"))
    joules = {name: bill.mesh for name, bill in run.bills.items() if bill.mesh is not None}
    if joules:
        charts.append(_mesh("Energy over the mesh", joules, "J"))
    return charts


def _mesh(title: str, maps: Mapping[str, Floats], unit: str) -> Chart:
    choices: list[dict[str, Any]] = []
    for label, grid in maps.items():
        rows = np.arange(len(grid))[::-1].tolist()
        choices.append(
            {"label": label, "update": {**_cells(grid, False), "y": rows if len(grid) <= MOST_CELLS else None}}
        )
    trace = {"type": "heatmap", "xgap": 2, "ygap": 2, "colorbar": {"title": unit.format("")},
             "hovertemplate": "x %{x}, y %{y}: %{z:.4g}", **choices[0]["update"]}  # fmt: skip
    axis = {"constrain": "domain", "dtick": 1 if max(map(len, maps.values())) <= 16 else None}
    layout = {"xaxis": {"title": "x", **axis}, "yaxis": {"title": "y", "scaleanchor": "x", **axis}}
    height, width = next(iter(maps.values())).shape
    return _chart(title, "mesh", [trace], layout, f"mesh of {width} x {height} tiles", 440, choices)


def _table_curves(record: Mapping[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
    """Curves in the tables of a report whose first column is the epoch."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for table in record.get("tables", ()):
        columns, rows = table.get("columns", ()), table.get("rows", ())
        if len(rows) < 2 or not columns or not str(columns[0]).lower().startswith("epoch"):
            continue
        for index, column in enumerate(columns[1:], 1):
            values = [row[index] for row in rows]
            if all(isinstance(value, int | float) for value in values):
                curves[str(column)] = (values, [])
    return curves


def _chart(
    title: str, kind: str, traces: list[Any], layout: Mapping[str, Any], note: str, height: int,
    choices: Sequence[Any] = (),
) -> Chart:  # fmt: skip
    several = list(choices) if len(choices) > 1 else []
    return {"title": title, "kind": kind, "traces": traces, "layout": dict(layout), "note": note, "height": height,
            "choices": several}  # fmt: skip


def _cells(grid: Floats, signed: bool) -> dict[str, Any]:
    """The cells of a heat map and the ends of its colours, as an update of its trace."""
    small = _blocks(grid)
    finite = small[np.isfinite(small)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if signed:
        high = max(high, -low) or 1.0
        low = -high
    cells = [[_finite(float(f"{cell:.5g}")) for cell in row] for row in small]
    scale = "diverging" if signed else "sequential"
    return {"z": cells, "zmin": low, "zmax": high if high > low else low + 1.0, "scale": scale}


def _blocks(grid: Floats) -> Floats:
    """A matrix of at most `MOST_CELLS` rows and columns, each cell the mean of a block of the given one."""
    steps = [-(-size // MOST_CELLS) for size in grid.shape]
    if max(steps) == 1:
        return grid
    pads = [(0, -size % step) for size, step in zip(grid.shape, steps, strict=True)]
    padded = np.pad(grid, pads, constant_values=np.nan)
    blocks = padded.reshape(padded.shape[0] // steps[0], steps[0], padded.shape[1] // steps[1], steps[1])
    known = np.isfinite(blocks)
    sums, counts = np.where(known, blocks, 0.0).sum(axis=(1, 3)), known.sum(axis=(1, 3))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """A curve of at most about `MOST_SAMPLES` points: the lowest and the highest of each stretch."""
    if len(x) <= MOST_SAMPLES:
        return x, y
    edges = np.linspace(0, len(x), MOST_SAMPLES // 2 + 1).astype(int)
    parts = [(a, b) for a, b in pairwise(edges.tolist()) if b > a]
    chosen = np.unique([k for a, b in parts for k in (a + int(np.argmin(y[a:b])), a + int(np.argmax(y[a:b])))])
    return x[chosen], y[chosen]


def _packed(values: Any, kind: Any = None) -> dict[str, str]:
    """An array as plotly reads it without parsing numbers."""
    array = np.asarray(values)
    if kind is None and array.dtype.kind in "iu":
        top = int(array.max(initial=0))
        kind = np.uint16 if top < 2**16 else np.int32
    array = np.ascontiguousarray(array, kind or np.float64)
    code = {"float64": "f8", "float32": "f4", "uint16": "u2", "int32": "i4"}[array.dtype.name]
    return {"dtype": code, "bdata": base64.b64encode(array.tobytes()).decode("ascii")}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def compared(groups: Mapping[str, Mapping[str, list[float]]], metrics: Sequence[str]) -> Chart:
    """Each metric by group of runs: the mean with its standard error, and each run as a point."""
    choices: list[dict[str, Any]] = []
    for metric in metrics:
        found = {name: values[metric] for name, values in groups.items() if values.get(metric)}
        means = [float(np.mean(each)) for each in found.values()]
        errors = [standard_error(each) for each in found.values()]
        bars = {"x": list(found), "y": means, "error_y": {"type": "data", "array": errors, "thickness": 1.5}}
        points = {
            "x": [name for name, each in found.items() for _ in each],
            "y": [v for each in found.values() for v in each],
        }
        choices.append({"label": metric, "update": [bars, points]})
    first = choices[0]["update"]
    traces = [
        {"type": "bar", "name": "mean ± standard error", "colour": 0, "marker": {"opacity": 0.85},
         "hovertemplate": "%{y:.4g} ± %{error_y.array:.2g}", **first[0]},
        {"type": "scatter", "mode": "markers", "name": "runs", "colour": 1, "marker": {"size": 8},
         "hovertemplate": "%{y:.4g}", **first[1]},
    ]  # fmt: skip
    layout = {"xaxis": {"type": "category", "automargin": True}, "yaxis": {"title": "metric"}, "bargap": 0.6}
    return _chart("Metrics of the runs", "comparison", traces, layout, f"{number(len(metrics))} metrics", 420, choices)


def standard_error(values: Sequence[float]) -> float:
    """Standard error of a mean; zero for one value.

    >>> standard_error([1.0, 3.0]), standard_error([2.0])
    (1.0, 0.0)
    """
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
