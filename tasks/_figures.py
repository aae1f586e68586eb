"""Figures that the experiments on energy share: bars by cause, a tornado, and curves with a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.report.style import FAINT, INK, canvas, colour, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def stacked_bars(bars: Mapping[str, Mapping[str, float]], *, ylabel: str, title: str) -> Figure:
    """One bar for each entry, made of its causes; causes have one colour throughout, and what is measured is grey."""
    causes = list(dict.fromkeys(cause for parts in bars.values() for cause in parts))
    with styled():
        figure, axes = canvas(1.6 + 1.15 * max(len(bars), 4), 4.2, title, "", ylabel)
        at = np.arange(len(bars))
        foot = np.zeros(len(bars))
        for k, cause in enumerate(causes):
            height = np.array([parts.get(cause, 0.0) for parts in bars.values()])
            # Past the seven colours that are told apart, hatching goes on.
            hatch = ("", "///", "...")[k // 7 % 3]
            shade = FAINT if cause == "measured" else colour(k)
            axes.bar(at, height, 0.62, foot, color=shade, edgecolor="white", hatch=hatch, label=cause)
            foot += height
        axes.set_xticks(at, list(bars))
        axes.grid(False, axis="x")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def tornado(
    spans: Mapping[str, tuple[float, float]],
    base: float,
    *,
    xlabel: str,
    title: str,
    ends: tuple[str, str],
    log: bool = False,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """For each entry how far a result moves from `base` when it is lowered (first) and raised (second)."""
    with styled():
        figure, axes = canvas(7.4, 1.4 + 0.27 * len(spans), title, xlabel, "")
        for k, (low, high) in enumerate(spans.values()):
            for value, shade in ((low, colour(0)), (high, colour(1))):
                axes.barh(k, value - base, 0.68, base, color=shade, alpha=0.85)
        for k, end in enumerate(ends):
            axes.bar(0, 0, color=colour(k), alpha=0.85, label=end)
        axes.axvline(base, color=INK, linewidth=1.0)
        for k, (name, value) in enumerate((marks or {}).items()):
            axes.axvline(value, color=FAINT, linestyle=(0, (4, 1 + 2 * k)), linewidth=1.4, label=name)
        axes.set_yticks(np.arange(len(spans)), list(spans))
        axes.invert_yaxis()
        axes.grid(False, axis="y")
        if log:
            axes.set_xscale("log")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def banded(
    x: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    band: tuple[str, ArrayLike, ArrayLike],
    xlabel: str,
    ylabel: str,
    title: str,
    levels: Sequence[tuple[str, float, float]] = (),
) -> Figure:
    """Curves on two logarithmic axes, a band around the first, and shaded levels (name, from, to)."""
    with styled():
        figure, axes = canvas(7.0, 4.6, title, xlabel, ylabel)
        axes.fill_between(np.asarray(x), band[1], band[2], color=colour(0), alpha=0.16, linewidth=0, label=band[0])
        for k, (name, values) in enumerate(curves.items()):
            style: Any = "-" if k == 0 else (0, (5, 1 + k))
            axes.plot(x, values, color=colour(k), linestyle=style, label=name)
        for name, low, high in levels:
            axes.axhspan(low, high, color=FAINT, alpha=0.16, linewidth=0, label=name)
        axes.axhline(1.0, color=INK, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
