"""A step of Adam in one pass through the arrays."""

from __future__ import annotations

from math import sqrt

from neuro.gradients.kernels.arrays import F8
from neuro.jit import kernel

__all__ = ["adam_step"]


@kernel
def adam_step(
    change: F8, mean: F8, square: F8, moved: F8, first: float, second: float, grown: float, rate: float, epsilon: float
) -> None:
    """Follow the running means, and put the step into `moved`.

    `grown` is 1 - second^steps, and `rate` the learning rate over 1 - first^steps.
    """
    for n in range(len(change)):
        mean[n] = mean[n] * first + (1.0 - first) * change[n]
        square[n] = square[n] * second + (1.0 - second) * change[n] * change[n]
        moved[n] = rate * mean[n] / (sqrt(square[n] / grown) + epsilon)
