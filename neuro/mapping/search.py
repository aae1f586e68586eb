"""Settings that the layout and the refinement share: prices, efforts, and the axes of the mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuro.chip.model import Chip
from neuro.errors import UnknownName
from neuro.validation import Ints

__all__ = ["EFFORTS", "WIDEST_MESH", "Prices", "axes", "effort_of"]

EFFORTS = {"fast": 2.5e7, "balanced": 2.2e8, "best": 7.0e8}
"""Sources looked at, by effort: a budget in work, so that results do not depend on the machine's speed."""
WIDEST_MESH = 64
"""Columns and rows up to which a word has a bit for each."""


@dataclass(frozen=True)
class Prices:
    """The cost of a placement on the mesh as a sum over spikes.

    >>> Prices(tree=1.0)
    Prices(tree=1.0, delivery=0.0, path=0.0)
    """

    tree: float = 0.0
    """Per link of the multicast XY tree."""
    delivery: float = 0.0
    """Per delivery to a core other than the source's."""
    path: float = 0.0
    """Per link of the separate XY paths to each of those cores."""


def effort_of(effort: str) -> float:
    """The budget that an effort stands for.

    Raises
    ------
    UnknownName
        If it is not one of fast, balanced and best.

    >>> effort_of("fast") < effort_of("best")
    True
    """
    if effort not in EFFORTS:
        raise UnknownName("effort", effort, EFFORTS)
    return EFFORTS[effort]


def axes(chip: Chip) -> tuple[Ints, Ints, int, int]:
    """Places of cores along the axis that messages take first and along the other, and the mesh's sizes along them."""
    xy = np.asarray(chip.xy, np.int64)
    first = 0 if chip.first_axis == "x" else 1
    sizes = (chip.width, chip.height)
    return np.ascontiguousarray(xy[:, first]), np.ascontiguousarray(xy[:, 1 - first]), sizes[first], sizes[1 - first]
