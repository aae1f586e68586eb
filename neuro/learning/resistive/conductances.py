"""Conductances of a resistive network: how they begin, what they must be, and what holds them in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.errors import WeightError
from neuro.learning.holders import weight_arrays, weights_from
from neuro.learning.layers import LayerWeights
from neuro.randomness import stream
from neuro.validation import Floats, finite, instance

__all__ = ["ConductanceHolder", "check_conductances", "check_shapes", "check_totals", "first_conductances", "shapes_of"]


def shapes_of(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Shapes of the matrices: each input has two rows in the first, one for x and one for -x.

    >>> shapes_of((784, 100, 10))
    [(1568, 100), (100, 10)]
    """
    return [*pairwise((2 * sizes[0], *sizes[1:]))]


def first_conductances(sizes: Sequence[int], seed: int) -> LayerWeights:
    """Half of the conductances are zero, the others uniform in 0..1 over the square root of the rows; no biases.

    >>> first_conductances((2, 3, 2), seed=0).matrices[0].shape
    (4, 3)
    """
    matrices = []
    for layer, (pre, post) in enumerate(shapes_of(sizes)):
        drawn = stream(seed, "resistive", "conductances", str(layer)).uniform(-1.0, 1.0, (pre, post))
        matrices.append(np.maximum(drawn, 0.0) / np.sqrt(pre))
    return LayerWeights(tuple(matrices), tuple(np.zeros(size) for size in sizes[1:]))


def check_conductances(weights: LayerWeights, sizes: Sequence[int]) -> None:
    """Refuse conductances of other layers, negative ones, and nodes that have none.

    Raises
    ------
    WeightError
        If they do not fit.
    """
    check_shapes(weights, sizes)
    for part in weights:
        for each in part:
            finite(each, "LayerWeights", error=WeightError)
    for layer, matrix in enumerate(weights.matrices, 1):
        if np.min(matrix) < 0.0:
            raise WeightError("conductances must not be negative", where=f"matrix {layer}", value=np.min(matrix))
    check_totals([np.sum(matrix, axis=0) for matrix in weights.matrices])


def check_shapes(weights: LayerWeights, sizes: Sequence[int]) -> None:
    """Refuse conductances of other layers."""
    wanted = shapes_of(sizes), [(size,) for size in sizes[1:]]
    parts = [instance(part, "LayerWeights", (tuple, list), "arrays by layer", error=WeightError) for part in weights]
    found = tuple([np.shape(each) for each in part] for part in parts)
    if found != wanted:
        rule = f"must fit layers of {tuple(sizes)}, with two rows for each input"
        raise WeightError(rule, where="LayerWeights", value=found)


def check_totals(totals: Sequence[Floats]) -> None:
    """Refuse layers in which the conductances of a node do not add up to more than zero."""
    for layer, total in enumerate(totals, 1):
        lone = np.flatnonzero(~(total > 0.0))
        if len(lone):
            raise WeightError(
                "each node must be joined to the layer before it, or its voltage may be undefined",
                where=f"layer {layer}, node {lone[0]}",
                value=f"conductances that add up to {total[lone[0]]}",
                remedy="Take a smaller learning rate, or a higher floor of the conductances",
            )


class ConductanceHolder:
    """Conductances as numbers that do not fall below `floor`; biases without limits."""

    def __init__(self, weights: LayerWeights, floor: float) -> None:
        self.weights, self.floor = weights, floor

    def read(self) -> LayerWeights:
        """As `Holder.read`: numbers have no noise."""
        return self.weights

    def add(self, changes: Sequence[Floats]) -> None:
        """As `Holder.add`; the arrays that it is given become the new conductances and biases, which saves copies."""
        depth = len(self.weights.matrices)
        for held, moved in zip((*self.weights.matrices, *self.weights.biases), changes, strict=True):
            moved += held
        for matrix in changes[:depth]:
            np.maximum(matrix, self.floor, out=matrix)
        self.weights = LayerWeights(tuple(changes[:depth]), tuple(changes[depth:]))

    def state(self) -> dict[str, NDArray[Any]]:
        """As `Holder.state`."""
        return weight_arrays("weights", self.weights)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """As `Holder.restore`."""
        self.weights = weights_from("weights", state, self.weights)
