"""Counts of the spiking memory and of its digital counterpart: spikes, pulses and sweeps, and their growth with N."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuro.crossbar.factory import Crossbar
from neuro.learning import hopfield
from neuro.learning.memory import AssociativeMemory, clamped, lower, recall
from neuro.randomness import stream
from neuro.tasks import _braille_memory as braille
from neuro.tasks._advantage import Counts
from neuro.tasks._braille_cues import CELLS, NAMES, patterns
from neuro.validation import Floats

BRAILLE_FLIPS = 0.2
LOAD, FLIPS = 0.05, 0.1
"""Patterns for each neuron of the random memories, and flipped bits of their cues: few enough to be recalled."""


class Growth(NamedTuple):
    """Spikes and sweeps against the size of random memories, whose weights are the pseudo-inverse."""

    size: Floats
    spikes: Floats
    """Of a neuron in a recall."""
    sweeps: Floats
    right: Floats
    """Share of bits that are right after the recall."""


def braille_counts(seed: int, epochs: int, variant: str, trials: int = 90) -> tuple[Counts, float]:
    """Train the Braille memory and count; also the share of exact words at 20 % flipped dots."""
    config = braille.Config(seed=seed, seeds=1, epochs=epochs, flips=(BRAILLE_FLIPS,), trials=trials, workers=1)
    found = braille.learn(config, variant, seed)
    memory = AssociativeMemory(size=CELLS * 6)
    plus, minus = found.conductance
    device, _ = braille.devices(variant, seed)
    weights = braille.WEIGHT_RANGE * memory.unit * (plus - minus) / device.g_max
    presented = epochs * config.cues * len(NAMES)
    forced = clamped(lower(memory, Crossbar(weights)), memory, patterns())
    _, cues = braille.test_cues(config, seed, BRAILLE_FLIPS)
    off_diagonal = ~np.eye(memory.size, dtype=bool)
    return Counts(
        free_spikes=found.counts["free_spikes_in_training"] / (presented * memory.size),
        clamped_spikes=float(forced.spikes.mean()) / memory.size,
        ticks=memory.duration / memory.tick,
        pulses=found.counts["pulses_per_device"] / presented,
        bias_reads=epochs / presented,
        conductance=float(np.mean([plus[off_diagonal], minus[off_diagonal]]) / device.g_max),
        sweeps=float(sweeps_to_settle(weights, 2.0 * cues - 1.0, stream(seed, "energy", "order")).mean()),
    ), found.exact[0]


def mean_counts(counts: list[Counts]) -> Counts:
    """Of several seeds, field by field."""
    return Counts(**{name: float(np.mean([getattr(c, name) for c in counts])) for name in Counts.__dataclass_fields__})


def sweeps_to_settle(weights: Floats, cues: Floats, rng: np.random.Generator, most: int = 50) -> Floats:
    """Sweeps of Hopfield's dynamics until a state no longer changes, for each cue, the last one included.

    >>> sweeps_to_settle(hopfield.hebb([[1, -1, 1]]), np.array([[1.0, -1, 1], [1, 1, 1]]), np.random.default_rng(0))
    array([1., 2.])
    """
    state, sweeps = cues, np.zeros(len(cues))
    moving = np.ones(len(cues), bool)
    for _ in range(most):
        moved = hopfield.settle_signs(weights, state, rng, sweeps=1)
        sweeps[moving] += 1
        # A state that stood still in one order does so in any other.
        moving, state = np.any(moved != state, axis=1), moved
        if not moving.any():
            break
    return sweeps


def growth(sizes: tuple[int, ...], cues: int, seed: int) -> Growth:
    """Recall in random memories of these sizes, from cues with a tenth of the bits flipped."""
    spikes, sweeps, right = (np.zeros(len(sizes)) for _ in range(3))
    for k, size in enumerate(sizes):
        rng = stream(seed, "energy", "growth", str(size))
        stored = rng.choice([-1.0, 1.0], (max(1, round(LOAD * size)), size))
        # Without its diagonal the projection gives a pattern back times 1 - stored / N; full activity needs all.
        weights = hopfield.pseudo_inverse(stored) / (1.0 - len(stored) / size)
        words = stored[np.arange(cues) % len(stored)]
        start = np.where(rng.random(words.shape) < FLIPS, -words, words)
        memory = AssociativeMemory(size=size)
        found = recall(lower(memory, Crossbar(memory.unit * weights)), memory, (start + 1) / 2)
        spikes[k] = found.spikes.mean() / size
        right[k] = np.mean(found.bits == (words > 0))
        sweeps[k] = sweeps_to_settle(weights, start, rng).mean()
    return Growth(np.array(sizes, float), spikes, sweeps, right)


def exponent(sizes: Floats, values: Floats) -> tuple[float, float]:
    """Slope of log value against log size, and its standard error.

    >>> slope, error = exponent(np.array([10.0, 100.0, 1000.0]), np.array([1.0, 10.0, 100.0]))
    >>> round(slope, 9), round(error, 9)
    (1.0, 0.0)
    """
    x, y = np.log(sizes) - np.log(sizes).mean(), np.log(values)
    slope = float(x @ y / (x @ x))
    left = y - y.mean() - slope * x
    return slope, float(np.sqrt(left @ left / max(len(x) - 2, 1) / (x @ x)))
