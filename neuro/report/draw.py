"""What is drawn on given axes: spikes, matrices, learning curves and bars; figures are made of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.display import amount
from neuro.report.style import FAINT, INK, LINES, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neuro.accounting.report import EnergyReport
    from neuro.crossbar.base import AbstractCrossbar
    from neuro.engine.recording import Spikes
    from neuro.validation import Floats, Ints

__all__ = [
    "bars_by_cause",
    "conductances",
    "levels",
    "matrix",
    "runs",
    "side_by_side",
    "spike_ticks",
    "stacked",
    "time_unit",
]


def time_unit(seconds: float) -> tuple[float, str]:
    """The factor and the unit in which a stretch of time is read best: milliseconds below two seconds.

    >>> time_unit(0.5), time_unit(10.0)
    ((1000.0, 'ms'), (1.0, 's'))
    """
    return (1e3, "ms") if seconds < 2 else (1.0, "s")


def stacked(
    spikes: Mapping[str, Spikes], sizes: Mapping[str, int], most: int | None = None
) -> tuple[Floats, Ints, dict[str, tuple[int, int]]]:
    """Spikes of several populations as rows of one raster, the first population at the bottom.

    Parameters
    ----------
    spikes
        By population.
    sizes
        Neurons of each population; without an entry, up to the last one that fired.
    most
        Spikes that are kept of each population: the first ones.

    Returns
    -------
    Times in s, rows, and the rows ``first <= row < last`` of each population.
    """
    first, groups = 0, {}
    times, rows = [np.zeros(0)], [np.zeros(0, np.int64)]
    for name, found in spikes.items():
        ids = found.ids
        size = sizes.get(name, int(ids.max(initial=0)) + 1)
        times.append(found.times[:most])
        rows.append(ids[:most] + first)
        groups[name] = (first, first + size)
        first += size
    return np.concatenate(times), np.concatenate(rows), groups


def spike_ticks(
    axes: Axes,
    times: Floats,
    rows: Any,
    *,
    size: int,
    window: tuple[float, float],
    groups: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Spikes as ticks over time, one row a neuron; groups of rows have names and colours. Times in s."""
    begin, end = window
    scale, unit = time_unit(end - begin)
    axes.set_xlabel(f"time ({unit})")
    axes.grid(False)
    height = 72 * _inches(axes) / max(size, 1)
    length = float(np.clip(0.8 * height, 1.0, 9.0))
    for index, (first, last) in enumerate((groups or {"": (0, size)}).values()):
        chosen = (rows >= first) & (rows < last) & (times >= begin) & (times <= end)
        axes.scatter(
            scale * times[chosen],
            rows[chosen],
            marker="|",
            s=length**2,
            linewidths=0.9,
            color=colour(index) if groups else INK,
            rasterized=True,
        )
    if groups:
        middles = [(first + last - 1) / 2 for first, last in groups.values()]
        axes.set_yticks(middles, list(groups))
        axes.tick_params(axis="y", length=0)
        for first, _ in list(groups.values())[1:]:
            axes.axhline(first - 0.5, color=LINES, linewidth=0.8)
    axes.set_xlim(scale * begin, scale * max(end, begin + 1e-12))
    axes.set_ylim(-0.75, size - 0.25)


def matrix(
    axes: Axes,
    grid: Floats,
    *,
    label: str,
    centre: float | None = None,
    xticks: Sequence[object] | None = None,
    yticks: Sequence[object] | None = None,
    annotate: str | None = None,
) -> None:
    """A matrix as colours beside their bar, the first row on top; NaN stays blank.

    Where there is a `centre`, it is white, with two colours for what lies below and above it.
    """
    finite = grid[np.isfinite(grid)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if centre is not None:
        reach = max(high - centre, centre - low) or 1.0
        low, high = centre - reach, centre + reach
    rows, columns = grid.shape
    axes.grid(False)
    scheme = "RdBu_r" if centre is not None else "viridis"
    image = axes.imshow(grid, cmap=scheme, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    bar = axes.figure.colorbar(image, ax=axes, label=label, pad=0.02)
    bar.outline.set_visible(False)
    axes.spines[:].set_visible(False)
    if xticks is not None:
        axes.set_xticks(range(columns), [str(tick) for tick in xticks])
    if yticks is not None:
        axes.set_yticks(range(rows), [str(tick) for tick in yticks])
    if annotate is None:
        return
    for (row, column), value in np.ndenumerate(grid):
        shade = image.cmap(image.norm(np.array(value)))
        dark = np.dot(shade[:3], (0.299, 0.587, 0.114)) < 0.55
        text = format(value, annotate) if np.isfinite(value) else ""
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else INK)


def runs(axes: Axes, steps: Floats, curve: Floats, *, name: str, index: int, dashed: bool = False) -> None:
    """A curve over steps: the mean over runs, shape (runs, steps), and a band from the worst run to the best."""
    shade = colour(index)
    if len(curve) > 1:
        axes.fill_between(steps, curve.min(0), curve.max(0), color=shade, alpha=0.18, linewidth=0)
    label = f"{name} ({len(curve)} runs)" if len(curve) > 1 else name
    # One point is no line.
    marker = "o" if curve.shape[1] == 1 else ""
    axes.plot(steps, curve.mean(0), color=shade, label=label, linestyle="--" if dashed else "-", marker=marker)


def bars_by_cause(axes: Axes, reports: Mapping[str, EnergyReport]) -> None:
    """Joules by cause, one bar for each cause and report, over a logarithmic axis."""
    charged = [cause for report in reports.values() for cause, joules in report.by_cause.items() if joules]
    causes = list(dict.fromkeys(charged)) or ["static"]
    height = 0.8 / max(len(reports), 1)
    for index, (name, report) in enumerate(reports.items()):
        places = np.arange(len(causes)) + height * (index - (len(reports) - 1) / 2)
        joules = np.array([report.by_cause.get(cause, 0.0) for cause in causes])
        label = f"{name}, {amount(report.total, 'J')}" + ("" if report.complete else " (incomplete)")
        axes.barh(places, joules, height=0.9 * height, color=colour(index), label=label)
    positive = [joules for report in reports.values() for joules in report.by_cause.values() if joules > 0]
    if positive:
        axes.set_xscale("log")
        axes.set_xlim(min(positive) / 3, max(positive) * 3)
    axes.set_yticks(range(len(causes)), [cause.replace("_", " ") for cause in causes])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)


def levels(axes: Axes, references: Mapping[str, float] | None) -> None:
    """Levels to compare with, as dotted lines under their names."""
    for index, (name, level) in enumerate((references or {}).items()):
        dashes = (0, (1 + 2 * index, 2))
        axes.axhline(level, color=FAINT, linestyle=dashes, linewidth=1.2, label=name)


def conductances(crossbar: AbstractCrossbar, show: str) -> Floats:
    """Conductances of a crossbar, S: of the positive devices, the negative ones, or their difference."""
    if show == "difference":
        return crossbar.conductance_plus - crossbar.conductance_minus
    return crossbar.conductance_plus if show == "plus" else crossbar.conductance_minus


def side_by_side(values: Floats) -> Floats:
    """Slices of shape (slices, rows, columns) as one matrix, with a blank column between two; matrices stay."""
    if values.ndim == 2:
        return values
    gap = np.full((values.shape[1], 1), np.nan)
    parts = [part for each in values for part in (gap, each)]
    return np.concatenate(parts[1:], axis=1)


def _inches(axes: Axes) -> float:
    """Height of the axes."""
    return float(axes.get_position().height * axes.figure.get_figheight())  # type: ignore[union-attr]
