"""Figures in one style that colour-blind readers can tell apart; each function returns a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import ParameterError
from neuro.report import draw
from neuro.report.style import COLOURS, FAINT, MARKERS, canvas, colour, save, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "braille_cells",
    "curve_with_errors",
    "heat_map",
    "learning_curve",
    "raster_height",
    "save",
    "spike_raster",
]


def curve_with_errors(
    x: ArrayLike,
    curves: Mapping[str, ArrayLike],
    errors: Mapping[str, ArrayLike] | None = None,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    references: Mapping[str, float] | None = None,
    ylim: tuple[float, float] | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    """Measured curves over one axis, with error bars.

    Parameters
    ----------
    x
        Shape (points,).
    curves
        By name, each of shape (points,).
    errors
        For the curves that have them: half the height of the bars, shape (points,), or what reaches below and
        above, shape (2, points).
    xlabel, ylabel
        What is shown, with units.
    references
        Levels to compare with, drawn as dotted lines under their names.
    ylim
        Range of the vertical axis.
    log_x, log_y
        Draw that axis on a logarithmic scale.
    """
    x = _flat(x, "x")
    with styled():
        figure, axes = canvas(6.4, 4.0, title, xlabel, ylabel)
        for index, (name, values) in enumerate(curves.items()):
            y = _flat(values, f"curve {name!r}", len(x))
            axes.errorbar(
                x,
                y,
                yerr=(errors or {}).get(name),
                label=name,
                color=colour(index),
                marker=MARKERS[index % len(MARKERS)],
                markeredgecolor="white",
                markeredgewidth=0.8,
                markersize=6.5,
                capsize=2.5,
                elinewidth=1.2,
            )
        draw.levels(axes, references)
        _scales(axes, ylim, log_x, log_y)
        _legend(axes, several=len(curves) > 1 or bool(references))
    return figure


def learning_curve(
    steps: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    xlabel: str = "epoch",
    ylabel: str = "accuracy",
    title: str = "",
    references: Mapping[str, float] | None = None,
    ylim: tuple[float, float] | None = None,
    log_y: bool = False,
) -> Figure:
    """A score during training: the mean over runs, and a band from the worst run to the best.

    Parameters
    ----------
    steps
        Epochs or presentations, shape (points,).
    curves
        By name, one run of shape (points,) or several of shape (runs, points).
    xlabel, ylabel, references, ylim, log_y
        As in `curve_with_errors`.
    """
    steps = _flat(steps, "steps")
    with styled():
        figure, axes = canvas(6.4, 4.0, title, xlabel, ylabel)
        for index, (name, values) in enumerate(curves.items()):
            runs = np.atleast_2d(np.asarray(values, dtype=float))
            if runs.ndim != 2 or runs.shape[1] != len(steps):
                raise ParameterError(
                    f"must have shape ({len(steps)},) or (runs, {len(steps)})",
                    where=f"curve {name!r}",
                    value=np.shape(values),
                )
            draw.runs(axes, steps, runs, name=name, index=index)
        draw.levels(axes, references)
        _scales(axes, ylim, False, log_y)
        axes.margins(x=0.01)
        _legend(axes, several=True)
    return figure


def heat_map(
    values: ArrayLike,
    *,
    xlabel: str,
    ylabel: str,
    label: str,
    title: str = "",
    xticks: Sequence[object] | None = None,
    yticks: Sequence[object] | None = None,
    centre: float | None = None,
    annotate: str | None = None,
) -> Figure:
    """A matrix as colours, the first row on top.

    Parameters
    ----------
    values
        Shape (rows, columns); NaN stays blank.
    label
        What the colours stand for, with its unit.
    xticks, yticks
        Names of the columns and rows.
    centre
        Value that is drawn white, with two colours for what lies below and above it, as for signed weights.
    annotate
        Format such as ``".2f"`` to write every value into its field.
    """
    grid = np.asarray(values, dtype=float)
    if grid.ndim != 2 or grid.size == 0:
        raise ParameterError("a heat map needs rows and columns", where="values", value=f"shape {grid.shape}")
    with styled():
        figure, axes = canvas(*_size(*grid.shape), title, xlabel, ylabel)
        draw.matrix(axes, grid, label=label, centre=centre, xticks=xticks, yticks=yticks, annotate=annotate)
    return figure


def spike_raster(
    times: ArrayLike,
    ids: ArrayLike,
    *,
    size: int | None = None,
    window: tuple[float, float] | None = None,
    groups: Mapping[str, tuple[int, int]] | None = None,
    spans: Mapping[str, tuple[float, float]] | None = None,
    title: str = "",
    ylabel: str = "neuron",
) -> Figure:
    """Spikes as ticks over time, one row a neuron.

    Parameters
    ----------
    times, ids
        When each spike was, s, and of which neuron; shape (spikes,).
    size
        Number of neurons; without it, up to the last one that fired.
    window
        First and last instant shown, s; without it, from 0 to the last spike.
    groups
        Neurons ``first <= id < last`` under a common name and colour.
    spans
        Stretches of time to shade, s, such as when a cue is on.
    """
    t = _flat(times, "times")
    neuron = _flat(ids, "ids", len(t))
    size = size if size is not None else int(neuron.max(initial=0)) + 1
    begin, end = window if window is not None else (0.0, float(t.max(initial=1e-3)))
    scale, _ = draw.time_unit(end - begin)
    with styled():
        figure, axes = canvas(7.2, raster_height(size), title, "", ylabel)
        axes.set_title(title, pad=18 if spans else None)
        for index, (name, (start, stop)) in enumerate((spans or {}).items()):
            axes.axvspan(scale * start, scale * stop, color=colour(index + 4), alpha=0.16, linewidth=0)
            middle = scale * (start + stop) / 2
            axes.annotate(
                name,
                (middle, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=FAINT,
            )
        draw.spike_ticks(axes, t, neuron, size=size, window=(begin, end), groups=groups)
    return figure


def braille_cells(
    words: Sequence[ArrayLike],
    *,
    targets: Sequence[ArrayLike] | ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    letters: str | Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Rows of six-dot Braille cells: filled dots are raised, hollow ones flat, wrong ones in a second colour.

    Parameters
    ----------
    words
        One row each: bits of shape (6 cells,), or (cells, 6), with the dots of a cell in the order 1 to 6:
        down the left column, then down the right.
    targets
        What the rows should be, one word for all or one each; dots that differ get the second colour.
    labels, captions
        Text left and right of each row.
    letters
        Text above each cell.
    """
    rows = [_bits(word, f"word {index}") for index, word in enumerate(words)]
    goals = _targets(targets, rows)
    cells = max((len(row) for row in rows), default=1) // 6
    right, down = 1.35, -3.1
    with styled():
        from matplotlib.patches import Circle, FancyBboxPatch

        figure, axes = canvas(1.6 + 0.42 * cells, 0.7 + 0.74 * max(len(rows), 1), title, "", "")
        axes.set_axis_off()
        for index, (row, goal) in enumerate(zip(rows, goals, strict=True)):
            for cell in range(len(row) // 6):
                corner = (cell * (1 + right) - 0.55, index * down - 2.1)
                axes.add_patch(
                    FancyBboxPatch(
                        corner,
                        2.1,
                        2.65,
                        boxstyle="round,pad=0,rounding_size=0.3",
                        facecolor="#f3f5f7",
                        edgecolor="none",
                    )
                )
            for dot, raised in enumerate(row):
                cell, place = divmod(dot, 6)
                column, line = divmod(place, 3)
                centre = (cell * (1 + right) + column, index * down - 0.77 * line)
                wrong = goal is not None and raised != goal[dot]
                edge = COLOURS[1] if wrong else COLOURS[0] if raised else "#b3bcc5"
                face = edge if raised else "white"
                radius = 0.29 if raised or wrong else 0.2
                width = 1.8 if wrong else 1.0
                axes.add_patch(Circle(centre, radius, facecolor=face, edgecolor=edge, linewidth=width))
            middle = index * down - 0.77
            if labels is not None:
                axes.text(-0.95, middle, labels[index], ha="right", va="center")
            if captions is not None:
                side = len(row) // 6 * (1 + right) - 0.45
                axes.text(side, middle, captions[index], ha="left", va="center", color=FAINT, fontsize=9)
        for cell, letter in enumerate(letters or ""):
            axes.text(cell * (1 + right) + 0.5, 0.8, letter, ha="center", va="bottom", fontweight="bold")
        axes.set_xlim(-0.8, cells * (1 + right) - 0.6)
        axes.set_ylim(len(rows) * down + 0.75, 1.0)
        axes.set_aspect("equal")
    return figure


def raster_height(size: int) -> float:
    """Height in inches of a figure with a raster of this many neurons."""
    return min(6.0, 1.8 + 0.025 * size)


def _size(rows: int, columns: int) -> tuple[float, float]:
    return float(np.clip(2.2 + 0.42 * columns, 4.6, 7.4)), float(np.clip(1.4 + 0.38 * rows, 2.6, 6.2))


def _scales(axes: Axes, ylim: tuple[float, float] | None, log_x: bool, log_y: bool) -> None:
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    if ylim is not None:
        axes.set_ylim(*ylim)


def _legend(axes: Axes, *, several: bool) -> None:
    if several and axes.get_legend_handles_labels()[0]:
        axes.legend()


def _flat(values: ArrayLike, where: str, size: int | None = None) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or (size is not None and len(array) != size):
        shape = "(points,)" if size is None else f"({size},)"
        raise ParameterError(f"must have shape {shape}", where=where, value=f"shape {array.shape}")
    return array


def _bits(word: ArrayLike, where: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    bits = np.asarray(word).ravel() > 0
    if len(bits) % 6:
        raise ParameterError("a word must have six bits for each cell", where=where, value=len(bits))
    return bits


def _targets(targets: Any, rows: list[Any]) -> list[Any]:
    """The intended bits of each row, None where there are none to compare with."""
    if targets is None:
        return [None] * len(rows)
    sizes = {len(row) for row in rows}
    if np.size(targets) in sizes and len(sizes) == 1 and len(rows) != 1:
        targets = [targets] * len(rows)
    elif len(rows) == 1 and np.size(targets) in sizes:
        targets = [targets]
    goals = [_bits(target, f"target {index}") for index, target in enumerate(targets)]
    if [len(goal) for goal in goals] != [len(row) for row in rows]:
        raise ParameterError("there must be one target for all words, or one of the same length for each")
    return goals
