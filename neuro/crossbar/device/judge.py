"""Judges a fitted device by its measurement: how far its errors wander, and where its branches end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neuro.crossbar.device.curve_csv import Branch
from neuro.crossbar.device.device import Device
from neuro.validation import Floats

__all__ = ["Judgement", "judged"]

RUNS = 200
"""Runs of the fitted device that the measurement is compared with."""
NOTABLE = 0.1
"""Share of the window that the fitted device may be off before it is said."""
RARE = 0.01
"""Share of these runs beyond which the measurement is none of them."""
CORRELATIONS = (-0.3, -0.6, -0.8, -0.9, -0.95, -0.98)
"""Correlations of successive errors of pulses that are tried where the measurement wanders less."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """The measurement beside runs of the fitted device from the first point of each branch."""

    lag: int
    """Pulses over which `deviation` is taken: 100, or half of the longest branch."""
    deviation: float
    """Root mean square of the change, over so many pulses, of the measurement's distance from the law, S."""
    expected: float
    """The same of the fitted device: the median of its runs, S."""
    end: float
    """Largest distance of the measured end of a branch from the mean end of the runs, S."""
    remarks: tuple[str, ...]
    """What the fitted device does not follow; empty if it follows the measurement."""


def judged(device: Device, branches: list[Branch], quiet: list[Floats]) -> tuple[Device, Judgement]:
    """The device, and its judgement; `quiet` are the runs of the device without errors.

    Where the measurement wanders less far than the device, its errors take each other back: the noise reverts. Then
    successive errors of pulses get a negative correlation, with which the device wanders as far as the measurement.
    """
    longest = max(len(branch.g) for branch in branches)
    lag = max(1, min(100, longest // 2))
    measured = _deviation([branch.g[:, None] for branch in branches], quiet, lag)[0]
    deviations, ends = _runs(device, branches, quiet, lag)
    if device.cycle.std and np.mean(deviations <= measured) < RARE:
        found = []
        for correlation in CORRELATIONS:
            other = replace(device, cycle=replace(device.cycle, correlation=correlation))
            found.append((other, *_runs(other, branches, quiet, lag)))
        device, deviations, ends = min(found, key=lambda each: abs(np.log(np.median(each[1]) / max(measured, 1e-30))))
    remarks = []
    middle, least = float(np.median(deviations)), NOTABLE * (device.g_max - device.g_min)
    if not RARE <= np.mean(deviations <= measured) <= 1.0 - RARE and abs(middle - measured) > least:
        remarks.append(f"over {lag} pulses the measurement wanders {measured:.3g} S, and the device {middle:.3g} S")
    farthest = 0.0
    for k, (branch, end) in enumerate(zip(branches, ends, strict=True)):
        away = float(branch.g[-1] - end.mean())
        farthest = max(farthest, abs(away))
        if abs(away) > 4.0 * float(end.std()) and abs(away) > least:
            remarks.append(f"branch {k} ends at {branch.g[-1]:.3g} S, and the device at {end.mean():.3g} S")
    return device, Judgement(lag, float(measured), middle, farthest, tuple(remarks))


def _deviation(curves: list[Floats], quiet: list[Floats], lag: int) -> Floats:
    """Root mean square change of the distance from the law over `lag` points, of each run, shape (runs,)."""
    total, count = np.zeros(curves[0].shape[1]), 0
    for curve, law in zip(curves, quiet, strict=True):
        away = curve - law[:, None]
        change = away[lag:] - away[:-lag]
        total += np.sum(change**2, axis=0)
        count += len(change)
    return np.asarray(np.sqrt(total / max(count, 1)))


def _runs(device: Device, branches: list[Branch], quiet: list[Floats], lag: int) -> tuple[Floats, list[Floats]]:
    """Deviations of runs of the device, shape (runs,), and the ends of each branch."""
    curves = []
    for k, branch in enumerate(branches):
        counts = branch.steps - branch.steps[0]
        ways = np.full((int(counts[-1]), RUNS), branch.way)
        curves.append(device.sample(RUNS, k).play(np.full(RUNS, branch.g[0]), ways)[counts])
    return _deviation(curves, quiet, lag), [curve[-1] for curve in curves]
