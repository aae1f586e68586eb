"""`ExactGradient`: the rule by which `fit` follows exact gradients, with the optimisers Adam and SGD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from neuro.errors import ParameterError
from neuro.gradients.kernels.adam import adam_step
from neuro.gradients.timed_layers import TimedLayers
from neuro.learning.layer_rules import ComparesPhases, Phase
from neuro.validation import Floats, choice, field_of, finite, number, positive, shown

__all__ = ["ExactGradient"]


@dataclass(frozen=True, kw_only=True)
class ExactGradient(ComparesPhases):
    """Follows the exact gradient of the loss of `TimedLayers`, through every spike; no phases.

    "adam" divides the running mean of the gradient by the root of that of its square (Kingma and Ba 2015); "sgd" takes
    the running mean with `Schedule.momentum`. Rates are those of the `Schedule`.

    >>> ExactGradient().optimiser
    'adam'
    """

    optimiser: Literal["adam", "sgd"] = "adam"
    """How steps follow from gradients."""
    decay: tuple[float, float] = (0.9, 0.999)
    """Of Adam's running means, per step."""
    epsilon: float = 1e-8
    """Added to Adam's root."""

    network = TimedLayers

    def __post_init__(self) -> None:
        choice(self.optimiser, "ExactGradient.optimiser", ("adam", "sgd"))
        field_of(self, "epsilon", number, check=positive)
        given = finite(self.decay, "ExactGradient.decay")
        if given.shape != (2,) or not np.all((given >= 0.0) & (given < 1.0)):
            rule = "must be two numbers in 0..1, without 1"
            raise ParameterError(rule, where="ExactGradient.decay", value=shown(self.decay))

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`: none."""
        return ()

    def step(self, holder: Any, changes: Sequence[Floats], rates: Sequence[float], momentum: float) -> None:
        """Change what a holder holds, once."""
        holder.steps += 1
        moved = []
        for n, (change, rate) in enumerate(zip(changes, rates, strict=True)):
            mean, square = holder.moments[0][n], holder.moments[1][n]
            if not np.any(change) and not np.any(mean):
                moved.append(mean.copy())  # such as delays that are not trained; a holder may keep what it is given
                continue
            if self.optimiser == "sgd":
                mean *= momentum
                mean += change
                moved.append(rate * mean)
                continue
            first, second = (float(each) for each in self.decay)
            grown, by_mean = 1.0 - second**holder.steps, rate / (1.0 - first**holder.steps)
            step, flat = np.empty(change.shape), np.ascontiguousarray(change).ravel()
            rows = flat, mean.reshape(-1), square.reshape(-1), step.reshape(-1)
            adam_step(*rows, first, second, grown, by_mean, self.epsilon)
            moved.append(step)
        holder.add(moved)
