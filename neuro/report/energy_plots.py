"""Figures of energy reports: joules by cause, joules over the mesh, and messages over its links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.report.draw import bars_by_cause
from neuro.report.plots import heat_map
from neuro.report.style import FAINT, INK, LINES, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from neuro.accounting.report import EnergyReport
    from neuro.chip.model import Chip
    from neuro.validation import Floats

__all__ = ["energy_by_cause", "link_load", "mesh_map", "tile_grid"]


def energy_by_cause(reports: Mapping[str, EnergyReport]) -> Figure:
    """Joules by cause, one bar for each cause and chip, over a logarithmic axis."""
    causes = {cause for report in reports.values() for cause, joules in report.by_cause.items() if joules}
    with styled():
        height = 1.4 + 0.36 * max(len(causes), 1) * max(1.0, 0.5 * len(reports))
        figure, axes = canvas(7.2, height, "", "energy (J)", "")
        bars_by_cause(axes, reports)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False)
    return figure


def tile_grid(by_core: ArrayLike, chip: Chip) -> Floats:
    """What belongs to cores, shape (cores,), summed over the cores of each tile: the mesh, y growing upwards."""
    grid = np.full((chip.height, chip.width), np.nan)
    tiles = chip.tile_xy
    sums = np.asarray(by_core, np.float64).reshape(len(tiles), chip.cores_per_tile).sum(axis=1)
    grid[chip.height - 1 - tiles[:, 1], tiles[:, 0]] = sums
    return grid


def mesh_map(report: EnergyReport, chip: Chip) -> Figure:
    """Dynamic energy of the cores of each tile, as colours over the mesh; y grows upwards."""
    grid = tile_grid(report.by_core, chip)
    scale, unit = _scale(float(np.nanmax(grid, initial=0.0)))
    few = chip.width <= 32 and chip.height <= 32
    return heat_map(
        grid * scale,
        xlabel="x",
        ylabel="y",
        label=f"dynamic energy ({unit})",
        title=f"{report.chip}: {report.by_core.sum() * scale:.3g} {unit} in cores",
        xticks=range(chip.width) if few else None,
        yticks=range(chip.height - 1, -1, -1) if few else None,
    )


def link_load(report: EnergyReport, chip: Chip) -> Figure:
    """Messages over each link; the two directions between two tiles are lines side by side."""
    from matplotlib.collections import LineCollection

    source, target = report.links.source.astype(float), report.links.target.astype(float)
    direction = target - source
    # Each line lies to the right of its direction, so that both directions of a pair show.
    offset = 0.12 * np.stack([direction[:, 1], -direction[:, 0]], axis=1)
    lines: Any = np.stack([source + 0.22 * direction + offset, target - 0.22 * direction + offset], axis=1)
    loads = report.messages_by_link
    order = np.argsort(loads)
    with styled():
        size = float(np.clip(0.7 * max(chip.width, chip.height), 4.0, 8.0))
        title = f"{report.chip}: at most {loads.max(initial=0.0):,.0f} messages over a link"
        figure, axes = canvas(size + 1.2, 1.2 + size * chip.height / max(chip.width, chip.height), title, "x", "y")
        axes.grid(False)
        x, y = chip.tile_xy.T
        axes.scatter(x, y, s=60, marker="s", facecolor="white", edgecolor=FAINT, linewidth=0.8, zorder=2)
        drawn = LineCollection(list(lines[order]), array=loads[order], cmap="viridis_r", linewidths=2.4)
        drawn.set_clim(0, max(float(loads.max(initial=0.0)), 1.0))
        idle = LineCollection(list(lines[loads == 0]), colors=LINES, linewidths=1.0)
        axes.add_collection(drawn)
        axes.add_collection(idle)
        bar = figure.colorbar(drawn, ax=axes, label="messages", pad=0.02)
        bar.outline.set_visible(False)
        axes.set_xlim(-0.7, chip.width - 0.3)
        axes.set_ylim(-0.7, chip.height - 0.3)
        axes.set_aspect("equal")
        axes.locator_params(integer=True)
        axes.tick_params(colors=INK)
    return figure


def _scale(joules: float) -> tuple[float, str]:
    """A factor and the unit in which this many joules are a number of a few digits."""
    for factor, unit in ((1.0, "J"), (1e3, "mJ"), (1e6, "uJ"), (1e9, "nJ")):
        if joules * factor >= 1:
            return factor, unit
    return 1e12, "pJ"
