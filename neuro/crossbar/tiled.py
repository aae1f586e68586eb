"""`TiledCrossbar`: a large matrix cut into tiles, each a crossbar of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.assembly import Assembly, Part
from neuro.crossbar.base import AbstractCrossbar, Setup
from neuro.crossbar.checks import drives, weight_matrix, whole_levels
from neuro.crossbar.write.coincidence import Coincidences, Trains
from neuro.crossbar.write.targets import Policy
from neuro.crossbar.write.verify import Verification
from neuro.errors import ParameterError
from neuro.validation import Floats, instance, shown

__all__ = ["TiledCrossbar"]


@final
class TiledCrossbar(Assembly):
    """A matrix cut into tiles, each a crossbar of its own; tiles at the right and lower edge may be smaller.

    Parameters
    ----------
    matrix
        Weights, shape (pre, post).
    setup
        Parts and settings of the whole.
    tile
        Rows and columns of a tile.
    make
        Makes the crossbar of one tile.
    """

    def __init__(
        self,
        matrix: Floats,
        setup: Setup,
        tile: tuple[int, int],
        make: Callable[[Floats, Setup], AbstractCrossbar],
    ) -> None:
        where = f"crossbar {setup.name!r}, tile"
        try:
            instance(tile, where, (tuple, list), "its rows and columns", error=ParameterError)
            height, width = (whole_levels(size, where) for size in tile)
        except (TypeError, ValueError):
            rule = "a tile is its rows and columns, two whole numbers above zero"
            raise ParameterError(rule, where=where, value=shown(tile)) from None
        parts = []
        for top in range(0, matrix.shape[0], height):
            for left in range(0, matrix.shape[1], width):
                rows = slice(top, min(top + height, matrix.shape[0]))
                columns = slice(left, min(left + width, matrix.shape[1]))
                name = f"{setup.name}/tile {top // height},{left // width}"
                own = replace(setup, faults=setup.faults[rows, columns], name=name)
                parts.append(Part(make(matrix[rows, columns], own), rows, columns))
        super().__init__(setup, parts)

    def program(self, weights: ArrayLike) -> int:
        """As `AbstractCrossbar.program`, tile by tile."""
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        return sum(part.crossbar.program(matrix[part.block]) for part in self.parts)

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, *, policy: Policy = "push_pull") -> int:
        """As `AbstractCrossbar.accumulate`, tile by tile."""
        change = weight_matrix(dw, self.shape, f"{self._where}, dw")
        return sum(part.crossbar.accumulate(change[part.block], max_levels, policy=policy) for part in self.parts)

    def coincide(
        self,
        rows: ArrayLike,
        columns: ArrayLike,
        rate: float = 1.0,
        *,
        trains: Trains = "stochastic",
        length: int = 31,
        policy: Policy = "push_pull",
    ) -> Coincidences:
        """As `AbstractCrossbar.coincide`; every tile has trains of its own."""
        x = drives(rows, self.shape[0], f"{self._where}, rows")
        d = drives(columns, self.shape[1], f"{self._where}, columns")
        pulses, clipped = np.zeros(self.shape, dtype=np.int64), 0
        for part in self.parts:
            met = part.crossbar.coincide(
                x[part.rows], d[part.columns], rate, trains=trains, length=length, policy=policy
            )
            pulses[part.block], clipped = met.pulses, clipped + met.clipped
        return Coincidences(pulses, clipped)

    def write_verify(self, weights: ArrayLike, *, tolerance: float | None = None, rounds: int = 100) -> Verification:
        """As `AbstractCrossbar.write_verify`, tile by tile; `rounds` is that of the slowest tile.

        The references of offset columns have no place in the result; those of each tile's own `write_verify` do.
        """
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        results = [
            part.crossbar.write_verify(matrix[part.block], tolerance=tolerance, rounds=rounds) for part in self.parts
        ]
        whole: dict[str, Any] = {}
        for field in ("pulses", "target", "found"):
            first = getattr(results[0], field)
            whole[field] = np.zeros((*first.shape[:-2], *self.shape), dtype=first.dtype)
            for part, result in zip(self.parts, results, strict=True):
                width = part.columns.stop - part.columns.start
                whole[field][(..., *part.block)] = getattr(result, field)[..., :width]
        slowest = max(result.rounds for result in results)
        return Verification(tolerance=results[0].tolerance, rounds=slowest, **whole)
