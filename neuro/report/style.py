"""The look of every figure: colours, fonts and lines, and how figures are made and saved."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuro.files.writing import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "FAINT", "INK", "LINES", "MARKERS", "canvas", "colour", "save", "styled"]

# Okabe and Ito (2008), darkest first; yellow is left out, as it cannot be seen on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#3B3B3B")
MARKERS = "osD^vPX"
INK, FAINT, LINES = "#24292f", "#6e7781", "#d8dee4"

STYLE: Any = {
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.color": LINES,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}


def colour(index: int) -> str:
    """Colour of the curve or group with this index."""
    return COLOURS[index % len(COLOURS)]


def styled() -> AbstractContextManager[None]:
    """For the time of a `with` block, what is drawn has our style."""
    import matplotlib as mpl

    return mpl.rc_context(STYLE)


def canvas(width: float, height: float, title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """A figure of this size in inches with one pair of axes, to be called inside `styled`."""
    # Without pyplot there is no global list of figures to leak, and no display is asked for.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure, axes


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all; the format is that of the path's suffix.

    Raises
    ------
    FileError
        If the system refuses to write it.
    """
    with styled(), atomic(path) as partial:
        figure.savefig(partial, format=path.suffix[1:], dpi=160, bbox_inches="tight", facecolor="white")
