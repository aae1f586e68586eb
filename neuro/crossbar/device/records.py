"""The record of arrays by which kernels see sampled devices, and the order of its columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuro.validation import Floats, Ints

__all__ = ["COLUMNS", "DeviceRecords"]

COLUMNS = (
    "g_min", "g_max", "step_up", "step_down", "zero", "bound_low", "bound_high",
    "gamma_up", "gamma_down", "A_up", "A_down", "a", "b", "number",
)  # fmt: skip
"""The parameters of a device, in the order in which the kernels have them."""


class DeviceRecords(NamedTuple):
    """Devices as kernels take them. Kernels write `counts` and `last_normal`, and nothing else."""

    kind: int
    """Index of the law in `LAWS`."""
    par: Floats
    """The parameters, a row a device, a column a name of `COLUMNS`."""
    curves: Floats
    """Factors of a piecewise law, (way, points); ways are up and down."""
    axes: Floats
    """Conductances of a table, (measured devices, points)."""
    probability: Floats
    """Its probabilities, (1, probabilities)."""
    tables: Floats
    """Its changes, (way, measured devices, probabilities, points)."""
    means: Floats
    """Its expected changes, (way, measured devices, 1, points)."""
    mode: int
    """Reference of the error of a pulse: the change, the step, or a mixture."""
    noise: Floats
    """Of that error: std, offset, slope, correlation."""
    write_noise: float
    """Standard deviation of a read after a pulse, S."""
    key: np.uint64
    """Root of the errors of all these devices."""
    counts: Ints
    """Pulses that each device has had."""
    last_normal: Floats
    """The last normal number of each device, where errors are correlated."""
