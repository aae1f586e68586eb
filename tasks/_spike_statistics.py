"""Statistics of spike trains that papers on networks report: rates, irregularity, correlation, global oscillations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neuro.engine.recording import Recording, Spikes
from neuro.validation import Floats

LEAST_INTERVALS = 3
"""Neurons with fewer intervals between spikes have no coefficient of variation."""
BIN = 2e-3
"""Width of the bins of spike counts that are correlated, s."""


def rate(spikes: Spikes, size: int, duration: float) -> float:
    """Mean rate of `size` neurons over `duration` seconds, Hz."""
    return len(spikes) / (size * duration)


def irregularity(spikes: Spikes, size: int, least: int = LEAST_INTERVALS) -> float:
    """Mean over neurons of the coefficient of variation of the intervals between spikes; nan where no neuron has one.

    Each standard deviation is that of the neuron's own intervals (divided by their number).
    """
    order = np.lexsort((spikes.times, spikes.ids))
    ids, gaps = spikes.ids[order], np.diff(spikes.times[order])
    own = ids[1:] == ids[:-1]
    owner, gaps = ids[1:][own].astype(np.int64), gaps[own]
    count = np.bincount(owner, minlength=size)
    many = count >= least
    if not many.any():
        return float("nan")
    mean = np.bincount(owner, gaps, size)[many] / count[many]
    # From the deviations themselves: the difference of two squares would lose digits.
    shifted = (gaps - (np.bincount(owner, gaps, size) / np.maximum(count, 1))[owner]) ** 2
    return float(np.mean(np.sqrt(np.bincount(owner, shifted, size)[many] / count[many]) / mean))


def binned(spikes: Spikes, size: int, span: tuple[float, float], width: float) -> Floats:
    """Spike counts of the first `size` neurons in bins of `width` seconds over `span`, shape (size, bins)."""
    bins = max(round((span[1] - span[0]) / width), 1)
    own = spikes.ids < size
    at = np.clip(((spikes.times[own] - span[0]) / width).astype(np.int64), 0, bins - 1)
    flat = np.bincount(spikes.ids[own].astype(np.int64) * bins + at, minlength=size * bins)
    return flat.reshape(size, bins).astype(np.float64)


def correlation(spikes: Spikes, size: int, span: tuple[float, float], most: int = 200) -> float:
    """Mean Pearson correlation of the binned spike counts of pairs, among the first `most` neurons that fire.

    nan if fewer than two of them fire.
    """
    counts = binned(spikes, size, span, BIN)
    counts = counts[counts.any(axis=1)][:most]
    n = len(counts)
    if n < 2:
        return float("nan")
    counts -= counts.mean(axis=1, keepdims=True)
    deviation = counts.std(axis=1, keepdims=True)
    together = counts[deviation[:, 0] > 0] / deviation[deviation > 0][:, None]
    n = len(together)
    # The sum over all pairs is the square of the sum over neurons.
    total = float((together.sum(axis=0) ** 2).mean())
    return (total - n) / (n * (n - 1)) if n > 1 else float("nan")


def oscillation(spikes: Spikes, span: tuple[float, float], width: float = 0.5e-3) -> tuple[float, float]:
    """(frequency, height) of the highest peak of the spectrum of all spikes together, from 5 Hz on.

    The height is over what independent Poisson trains of the same rate have in the mean, their number of spikes.
    """
    bins = max(round((span[1] - span[0]) / width), 2)
    counts, _ = np.histogram(spikes.times, bins=bins, range=span)
    # Segments of a quarter of the run, overlapping by half, smooth the spectrum.
    length = max(bins // 4, 2)
    window, power = np.hanning(length), np.zeros(length // 2 + 1)
    starts = range(0, bins - length + 1, max(length // 2, 1))
    for first in starts:
        part = counts[first : first + length]
        power += np.abs(np.fft.rfft((part - part.mean()) * window)) ** 2
    power /= len(starts) * (window**2).sum() * max(counts.mean(), 1e-300)
    frequency = np.fft.rfftfreq(length, width)
    seen = frequency >= 5.0
    if not seen.any():
        return float("nan"), float("nan")
    best = int(np.argmax(power[seen]))
    return float(frequency[seen][best]), float(power[seen][best])


def raster(
    recording: Recording, shown: Mapping[str, int], span: tuple[float, float]
) -> tuple[Floats, Floats, dict[str, tuple[int, int]]]:
    """Times and rows of the spikes of the first `shown` neurons of each population in `span`, and rows by population.

    The populations are stacked with the first on top.
    """
    times, rows, groups, base = [np.zeros(0)], [np.zeros(0)], {}, 0
    for name, size in reversed(shown.items()):
        spikes = recording.spikes[name]
        seen = (spikes.ids < size) & (spikes.times >= span[0]) & (spikes.times < span[1])
        times.append(spikes.times[seen])
        rows.append(base + spikes.ids[seen].astype(float))
        groups[name] = base, base + size
        base += size
    return np.concatenate(times), np.concatenate(rows), groups
