"""Sequences with questions: generators of batches, each a function of seed, part and number alone.

The parts "training", "validation" and "test" have random streams of their own. Rasters are (steps, sequences, inputs).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neuro.randomness import stream
from neuro.training.batch import Batch
from neuro.validation import Ints

Raster = NDArray[np.bool_]


class Data(Protocol):
    """A source of batches."""

    dt: float
    """Time step, s."""
    inputs: int
    """Number of inputs."""
    classes: int
    """Number of answers."""
    window: int
    """Steps of a window that may be asked for."""

    def batch(self, seed: int, part: str, k: int, size: int) -> Batch:
        """Batch k of a part."""


def poisson(rng: np.random.Generator, active: Raster, per_group: int, rate: float, dt: float) -> Raster:
    """Spikes of groups of inputs, each of them at `rate` Hz while its group is active; active is (..., groups)."""
    shape = (*active.shape, per_group)
    chance = np.float32(1.0 - np.exp(-rate * dt))
    spikes = np.zeros(shape, np.bool_)
    spikes[active] = rng.random((int(active.sum()), per_group), np.float32) < chance
    return spikes.reshape(*active.shape[:-1], -1)


@dataclass(frozen=True)
class StoreRecall:
    """Twelve symbols of 200 ms: bits, "store" (the next bit), "recall" (say it now); 25 inputs at 50 Hz for each."""

    dt: float = 5e-3
    slots: int = 12
    classes: int = 2
    inputs: int = 100

    @property
    def window(self) -> int:
        """A symbol."""
        return round(0.2 / self.dt)

    def batch(self, seed: int, part: str, k: int, size: int) -> Batch:
        """Sequences with at least one recall; asked for in the windows of these."""
        rng = stream(seed, "store-recall", part, str(k))
        symbols, labels = self._symbols(rng, size)
        while (lacking := (labels < 0).all(0)).any():
            symbols[:, lacking], labels[:, lacking] = self._symbols(rng, int(lacking.sum()))
        active = np.repeat(symbols[:, :, None] == np.arange(4), self.window, axis=0)
        return Batch(poisson(rng, active, 25, 50.0, self.dt), labels)

    def _symbols(self, rng: np.random.Generator, size: int) -> tuple[Ints, Ints]:
        """Symbols (slots, size), 0 and 1 bits, 2 store, 3 recall; and the bit to be recalled or -1."""
        symbols, labels = np.zeros((self.slots, size), np.int64), np.full((self.slots, size), -1, np.int64)
        bit, holds, due = np.full(size, -1), np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        for slot in range(self.slots):
            shown, chance = rng.integers(0, 2, size), rng.random(size)
            bit = np.where(due, shown, bit)
            recall = ~due & holds & (chance < 1 / 6)
            store = ~due & ~holds & (chance < 1 / 3) & (slot < self.slots - 2)
            symbols[slot] = np.where(recall, 3, np.where(store, 2, shown))
            labels[slot] = np.where(recall, bit, -1)
            holds, due = (holds | store) & ~recall, store
        return symbols, labels


def _last_window(answers: Ints, steps: int, window: int) -> Ints:
    labels = np.full((steps // window, len(answers)), -1, np.int64)
    labels[-1] = answers
    return labels


@dataclass(frozen=True)
class TemporalXor:
    """Two pulses, a delay between them: equal, different, or no second pulse? Asked for by a go signal later on.

    Pulses and go signal last 100 ms, 20 inputs at 100 Hz each. The delay is drawn from 200 ms to `delay` in training
    and is `delay` otherwise; the go signal comes 100 to 500 ms after the second pulse, which a fifth of the sequences
    lack.
    """

    delay: float = 1.0
    dt: float = 5e-3
    classes: int = 3
    inputs: int = 60

    @property
    def window(self) -> int:
        """The go signal."""
        return round(0.1 / self.dt)

    def batch(self, seed: int, part: str, k: int, size: int) -> Batch:
        """Sequences that end with the go signal."""
        rng, pulse = stream(seed, "temporal-xor", part, str(k)), self.window
        longest, late = round(self.delay / self.dt), round(0.5 / self.dt)
        steps = 3 * pulse + longest + late
        steps += -steps % pulse
        delays = rng.integers(2 * pulse, longest + 1, size) if part == "training" else np.full(size, longest)
        waits = rng.integers(pulse, late + 1, size)
        first, second, missing = rng.integers(0, 2, size), rng.integers(0, 2, size), rng.random(size) < 0.2
        active, end = np.zeros((steps, size, 3), np.bool_), steps - pulse
        active[end:, :, 2] = True
        for i in range(size):
            at = end - waits[i] - pulse
            active[at - delays[i] - pulse : at - delays[i], i, first[i]] = True
            active[at : at + pulse, i, second[i]] = not missing[i]
        answers = np.where(missing, 2, first != second)
        return Batch(poisson(rng, active, 20, 100.0, self.dt), _last_window(answers, steps, pulse))


@dataclass(frozen=True)
class DelayedMatch:
    """One of eight patterns, a delay, and a pattern again: the same?

    A pattern is half of 40 inputs at 50 Hz for 200 ms. The delay is drawn from 500 ms to `delay` in training and is
    `delay` otherwise. Ten inputs at 50 Hz ask for the answer in the last 100 ms.
    """

    delay: float = 1.5
    patterns: int = 8
    dt: float = 5e-3
    classes: int = 2
    inputs: int = 50

    @property
    def window(self) -> int:
        """The go signal."""
        return round(0.1 / self.dt)

    def batch(self, seed: int, part: str, k: int, size: int) -> Batch:
        """Sequences that end with the go signal; half of them match."""
        rng, go, longest = stream(seed, "delayed-match", part, str(k)), self.window, round(self.delay / self.dt)
        shown, steps = 2 * go, 5 * go + longest
        shapes = _patterns(self.patterns)
        delays = rng.integers(5 * go, longest + 1, size) if part == "training" else np.full(size, longest)
        first, match = rng.integers(0, self.patterns, size), rng.random(size) < 0.5
        other = (first + rng.integers(1, self.patterns, size)) % self.patterns
        second, active = np.where(match, first, other), np.zeros((steps, size, 50), np.bool_)
        end = steps - go
        active[end:, :, 40:] = True
        active[end - shown : end, :, :40] = shapes[second]
        for i in range(size):
            at = end - 2 * shown - delays[i]
            active[at : at + shown, i, :40] = shapes[first[i]]
        return Batch(poisson(rng, active, 1, 50.0, self.dt), _last_window(match.astype(np.int64), steps, go))


@cache
def _patterns(count: int) -> Raster:
    return np.array([np.random.default_rng(5 + k).permutation(40) < 20 for k in range(count)])


@dataclass(frozen=True)
class Images:
    """Images that are shown in parts, then some empty steps; the class is asked for at the end."""

    training: tuple[Any, Ints]
    validation: tuple[Any, Ints]
    test: tuple[Any, Ints]
    inputs: int
    window: int
    dt: float = 1e-3
    classes: int = 10

    def batch(self, seed: int, part: str, k: int, size: int) -> Batch:
        """Of the training set, images drawn at random; of the others, those from k size on."""
        images, labels = getattr(self, part)
        if part != "training":
            here = slice(k * size, (k + 1) * size)
            return Batch(self.raster(images[here]), labels[None, here].astype(np.int64))
        rng = stream(seed, "images", part, str(k))
        picked = rng.integers(0, len(labels), size)
        return Batch(self.raster(self.vary(images[picked], rng)), labels[None, picked].astype(np.int64))

    def raster(self, images: Any) -> Raster:
        """Spikes of images."""
        raise NotImplementedError

    def vary(self, images: Any, rng: np.random.Generator) -> Any:
        """What training sees of images."""
        return images


class Rows(Images):
    """28 rows of 28 pixels, a row a step: one input for each pixel and each of three levels that it may pass."""

    def raster(self, images: Any) -> Raster:
        """Spikes (30, images, 84)."""
        rows = np.concatenate([images > level for level in (1 / 6, 3 / 6, 5 / 6)], axis=2).transpose(1, 0, 2)
        return np.concatenate([rows, np.zeros((self.window - 28, *rows.shape[1:]), np.bool_)])

    def vary(self, images: Any, rng: np.random.Generator) -> Any:
        """Shifted by a pixel at most."""
        padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
        down, right = rng.integers(0, 3, (2, len(images)))
        k, row, column = np.arange(len(images))[:, None, None], np.arange(28)[None, :, None], np.arange(28)
        return padded[k, row + down[:, None, None], column + right[:, None, None]]


class Pixels(Images):
    """64 pixels of 8 x 8, a pixel a step: 15 inputs for its levels, one always, and, with 32 inputs, row and column."""

    def raster(self, images: Any) -> Raster:
        """Spikes (66, images, 16 or 32)."""
        values = images.reshape(len(images), 64).T[:, :, None]
        rows = np.concatenate([values > np.arange(15), np.ones_like(values, np.bool_)], axis=2)
        if self.inputs > 16:
            k = np.arange(64)
            clock = np.concatenate([k[:, None] // 8 == np.arange(8), k[:, None] % 8 == np.arange(8)], axis=1)
            rows = np.concatenate([rows, np.broadcast_to(clock[:, None], (64, len(images), 16))], axis=2)
        return np.concatenate([rows, np.zeros((self.window - 64, *rows.shape[1:]), np.bool_)])

    def vary(self, images: Any, rng: np.random.Generator) -> Any:
        """Shifted by a pixel at most, brighter or darker, with noise."""
        shifted = images.copy()
        for k in np.flatnonzero(rng.random(len(images)) < 0.6):
            dx, dy = rng.integers(-1, 2, 2)
            padded = np.pad(images[k], 1)
            shifted[k] = padded[1 - dy : 9 - dy, 1 - dx : 9 - dx]
        noisy = shifted * rng.uniform(0.85, 1.15, (len(images), 1, 1)) + rng.normal(0.0, 0.7, images.shape)
        return np.clip(noisy, 0, 16)
