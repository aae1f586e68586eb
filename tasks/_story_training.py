"""Trains a network on stories of one kind, from easy ones to the whole task, and counts right answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from neuro.randomness import stream
from neuro.tasks._stories import LAST_LEVEL
from neuro.tasks._story_data import Encoded, Part, encode, longest, stories
from neuro.tasks._story_network import Lstm, Relational, tensors
from neuro.training.library import import_torch

torch = import_torch()

CHUNK = 2048
"""Stories drawn at a time."""


def single_thread() -> None:
    """Let torch use one core, so that processor minutes are minutes of one core."""
    torch.set_num_threads(1)


class Recipe(NamedTuple):
    """How a network learns."""

    minutes: float
    """Processor minutes."""
    batch: int = 64
    rate: float = 2e-3
    """Rate of Adam until the whole task is reached; then it falls to a twentieth along a cosine."""
    rise: float = 0.88
    """Running share of right answers at which the next level begins."""
    least: int = 60
    """The fewest batches of a level."""
    memory: float = 0.97
    """What the running share keeps of itself with each batch."""
    easier: float = 0.0
    """Share of the stories of a batch that are of lower levels."""
    clip: float = 1.0
    """Longest gradient."""
    batches: int | None = None
    """Batches at most."""


class Learned(NamedTuple):
    """How a network learned."""

    minutes: float
    """Processor minutes that it took."""
    batches: int
    curve: tuple[tuple[float, float, int], ...]
    """Processor minutes, running share of right answers, and level, every so often."""


class Drawn:
    """Stories to train with, of one kind and level; each is shown once."""

    def __init__(self, kind: int, level: int, seed: int) -> None:
        self.kind, self.level, self.seed = kind, level, seed
        self.chunks = 0
        self.left = np.array([], np.int64)
        self.data: Encoded | None = None

    def take(self, count: int) -> Encoded:
        """The next stories."""
        if self.data is None or len(self.left) < count:
            seed = 1000 * self.seed + self.chunks
            self.data = encode(stories(self.kind, CHUNK, "train", seed, self.level), *longest(self.kind))
            self.left = np.arange(CHUNK)
            self.chunks += 1
        here, self.left = self.left[:count], self.left[count:]
        return Encoded(*(part[here] for part in self.data))


def learn(
    network: Relational | Lstm,
    kind: int,
    recipe: Recipe,
    seed: int,
    say: Callable[[float, float, int], None] | None = None,
) -> Learned:
    """Train for as long as the recipe says; the curriculum goes up a level at a running share of `rise`."""
    judge(network, held_out(kind, 2, "validation"))  # compiles what is compiled
    started, level, batch, since, mark = time.process_time(), 0, 0, 0, 0.0
    drawn = [Drawn(kind, each, seed) for each in range(LAST_LEVEL + 1)]
    rng = stream(seed, "stories", "levels")
    adam = torch.optim.Adam(network.parameters(), lr=recipe.rate)
    share, curve = 0.0, []
    while True:
        minutes = (time.process_time() - started) / 60.0
        done = max(minutes / recipe.minutes, batch / recipe.batches if recipe.batches else 0.0)
        if done >= 1.0:
            return Learned(minutes, batch, tuple(curve))
        mark = done if level < LAST_LEVEL else mark
        for group in adam.param_groups:
            group["lr"] = _rate(recipe, batch, (done - mark) / (1.0 - mark))
        lower = int(rng.binomial(recipe.batch, recipe.easier)) if level else 0
        parts = [drawn[level].take(recipe.batch - lower)]
        if lower:
            parts.append(drawn[int(rng.integers(level))].take(lower))
        told, asked, answers = tensors(Encoded(*(np.concatenate(part) for part in zip(*parts, strict=True))))
        scores = network(told, asked)
        adam.zero_grad()
        torch.nn.functional.cross_entropy(scores, answers).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        adam.step()
        right = (scores.detach().argmax(1) == answers)[: recipe.batch - lower]
        now, since, batch = float(right.double().mean()), since + 1, batch + 1
        share = 0.5 * now if since == 1 else recipe.memory * share + (1.0 - recipe.memory) * now
        if batch % 50 == 0:
            curve.append((minutes, share, level))
            if say is not None:
                say(*curve[-1])
        if level < LAST_LEVEL and share > recipe.rise and since > recipe.least:
            level, since = level + 1, 0


def _rate(recipe: Recipe, batch: int, done: float) -> float:
    falling = 0.5 * (1.0 + math.cos(math.pi * max(0.0, done)))
    return recipe.rate * min(1.0, (batch + 1) / 50) * (0.05 + 0.95 * falling)


class Judged(NamedTuple):
    """What a network made of stories that it was not trained with."""

    right: Any
    """Whether each answer was right."""
    spikes: float
    """Mean number of spikes of a question in all layers; 0 of an LSTM."""
    rates: dict[str, float]
    """Spikes of a neuron in a step, by layer."""

    @property
    def share(self) -> float:
        """Share of right answers."""
        return float(self.right.mean())


def held_out(kind: int, count: int, part: Part) -> Encoded:
    """Different stories of the last level for validation or test; the same in every run."""
    return encode(stories(kind, count, part, seed=0), *longest(kind))


def judge(network: Relational | Lstm, data: Encoded) -> Judged:
    """Answer all questions, without learning."""
    right, spikes, rates = [], 0.0, dict[str, list[float]]()
    with torch.no_grad():
        for told, asked, answers in batches(data, 100):
            if isinstance(network, Relational):
                trace = network.trace(told, asked)
                scores, spikes = network.scores(trace), spikes + trace.total
                for name in ("sentences", "question", "first", "second", "decision"):
                    rates.setdefault(name, []).append(float(getattr(trace, name).mean()))
            else:
                scores = network(told, asked)
            right.append((scores.argmax(1) == answers).numpy())
    found = np.concatenate(right)
    return Judged(found, spikes / len(found), {name: float(np.mean(each)) for name, each in rates.items()})


def batches(data: Encoded, size: int) -> Iterator[tuple[Any, Any, Any]]:
    """Tensors of so many stories at a time."""
    for first in range(0, len(data.answers), size):
        yield tensors(Encoded(*(part[first : first + size] for part in data)))
