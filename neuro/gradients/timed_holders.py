"""What holds the weights and delays of `TimedLayers` during training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.learning.holders import Arrays, CrossbarHolder, weight_arrays, weights_from
from neuro.learning.layers import LayerWeights
from neuro.validation import Floats

__all__ = ["TimedCrossbarHolder", "TimedHolder"]


class TimedHolder:
    """The weights of `TimedLayers` and, as their biases, the delays; and what an optimiser remembers of both.

    An optimiser moves delays in units of `unit`, s: its steps are as large as those of weights, whatever a second is.
    """

    def __init__(self, weights: LayerWeights, unit: float, shortest: float) -> None:
        self.weights, self.unit, self.shortest = weights, unit, shortest
        self.moments: list[list[Floats]] = [[np.zeros(each.shape) for each in self._all()] for _ in range(2)]
        self.steps = 0

    def _all(self) -> list[Floats]:
        return [*self.weights.matrices, *self.weights.biases]

    def read(self) -> LayerWeights:
        """As `Holder.read`: numbers have no noise."""
        return self.weights

    def add(self, changes: Sequence[Floats]) -> None:
        """As `Holder.add`."""
        depth = len(self.weights.matrices)
        pairs = [*zip(self._all(), changes, strict=True)]
        matrices = [held + change for held, change in pairs[:depth]]
        delays = [np.maximum(held + self.unit * change, self.shortest) for held, change in pairs[depth:]]
        self.weights = LayerWeights(tuple(matrices), tuple(delays))

    def state(self) -> dict[str, NDArray[Any]]:
        """As `Holder.state`."""
        found = weight_arrays("weights", self.weights) | {"steps": np.array(self.steps)}
        for n, moment in enumerate(self.moments):
            found |= {f"moment{n}/{k}": each for k, each in enumerate(moment)}
        return found

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """As `Holder.restore`."""
        self.weights = weights_from("weights", state, self.weights)
        self.steps = int(state["steps"])
        for n, moment in enumerate(self.moments):
            moment[:] = [state[f"moment{n}/{k}"] for k in range(len(moment))]


class TimedCrossbarHolder(TimedHolder):
    """The same with the weights in crossbars; delays stay numbers."""

    def __init__(
        self, sizes: Sequence[int], arrays: Arrays, delays: tuple[Floats, ...], unit: float, shortest: float
    ) -> None:
        self.held = CrossbarHolder(sizes, arrays._replace(biases=None))
        super().__init__(LayerWeights(self.held.weights.matrices, delays), unit, shortest)

    def read(self) -> LayerWeights:
        """As `Holder.read`."""
        return LayerWeights(self.held.read().matrices, self.weights.biases)

    def add(self, changes: Sequence[Floats]) -> None:
        """As `Holder.add`: matrices through the learning registers of the crossbars."""
        super().add(changes)
        depth = len(self.weights.matrices)
        self.held.add([*changes[:depth], *self.held.weights.biases])  # biases that are zero, and stay so
        self.weights = LayerWeights(self.held.weights.matrices, self.weights.biases)

    def state(self) -> dict[str, NDArray[Any]]:
        """As `Holder.state`."""
        return super().state() | {f"held/{name}": array for name, array in self.held.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """As `Holder.restore`."""
        super().restore(state)
        self.held.restore({name[5:]: array for name, array in state.items() if name.startswith("held/")})
