"""Batches of examples through layers of LIF neurons: answers, losses and gradients, all compiled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from neuro.gradients.kernels.arrays import DONE
from neuro.gradients.kernels.layer_arrays import Examples, Layers, Room, Sums
from neuro.gradients.kernels.layer_sweep import answer_examples, learn_examples
from neuro.gradients.sums import PARTS
from neuro.jit import as_table
from neuro.validation import Floats, Ints

__all__ = ["Found", "LayeredBatch"]

MOST = 1 << 22
"""Spikes of one example above which the engine runs it, which knows how to end a run that gets out of hand."""


class Found(NamedTuple):
    """What came of a batch."""

    answer: Floats
    """First spike of each output, s; the duration if there is none; shape (examples, outputs)."""
    spikes: Floats
    """Number of spikes of each example."""
    gradient: list[Floats]
    """Of the mean loss, by each matrix."""
    by_delay: list[Floats]
    """The same by each matrix of delays, per second; empty where all synapses have one delay."""
    acted: Ints
    """Spikes whose slope was below the floor; silent right outputs that were raised."""
    by_neuron: list[Floats]
    """Mean number of spikes of each neuron in an example, by layer, inputs first."""


@dataclass(frozen=True)
class LayeredBatch:
    """Layers, and the examples that go through them."""

    layers: Layers
    examples: Examples

    @classmethod
    def of(
        cls,
        sizes: tuple[int, ...],
        matrices: tuple[Floats, ...],
        delays: tuple[Floats, ...],
        constants: tuple[float, ...],
        inputs: Floats,
    ) -> LayeredBatch:
        """`constants` as in `Layers`; no delays if all synapses have one; inputs are times, (examples, inputs)."""
        count, duration = len(inputs), constants[3]
        rows, who = np.nonzero(inputs < duration)
        time = inputs[rows, who]
        order = np.lexsort((time, rows))
        layers = Layers(
            sizes=np.array(sizes, np.int64),
            weight_at=np.cumsum([0, *(a * b for a, b in pairwise(sizes))]).astype(np.int64),
            weight=np.concatenate([np.ravel(each) for each in matrices]),
            delay=np.concatenate([np.zeros(0), *(np.ravel(each) for each in delays)]),
            constants=np.array(constants),
        )
        examples = Examples(
            first=np.searchsorted(rows, np.arange(count + 1)).astype(np.int64),
            time=np.ascontiguousarray(time[order], np.float64),
            who=np.ascontiguousarray(who[order], np.int64),
            target=np.zeros((count, sizes[-1])),
            answer=np.zeros((count, sizes[-1])),
            spikes=np.zeros((count, len(sizes)), np.int64),
        )
        return cls(layers, examples)

    def answer(self, workers: int) -> Found | None:
        """The answers; None if an example has too many spikes."""

        def part(tables: tuple[Layers, Examples], room: Room, number: int, low: int, high: int) -> int:
            code: int = answer_examples(*tables, room, low, high)
            return code

        if not self._parts(part, workers):
            return None
        return Found(self.examples.answer, self.examples.spikes.sum(axis=1), [], [], np.zeros(2, np.int64), [])

    def learn(self, targets: Floats, workers: int) -> Found | None:
        """The answers, and the gradient of the mean loss; None if an example has too many spikes."""
        self.examples.target[...] = targets
        count = len(targets)
        parts = range(min(PARTS, count))
        at, sizes = self.layers.weight_at, self.layers.sizes
        own = len(self.layers.delay)
        sums = [
            Sums(np.zeros(at[-1]), np.zeros(own), np.zeros(2, np.int64), np.zeros(sizes.sum(), np.int64)) for _ in parts
        ]

        def part(tables: tuple[Layers, Examples], room: Room, number: int, low: int, high: int) -> int:
            for each in sums[number]:
                # It may be the second attempt, with more room.
                each[...] = 0
            code: int = learn_examples(*tables, room, as_table(sums[number]), low, high, 1.0 / count)
            return code

        if not self._parts(part, workers):
            return None
        total = sums[0]
        for each in sums[1:]:
            for into, values in zip(total, each, strict=True):
                np.add(into, values, out=into)
        gradient, by_delay = (
            [values[at[k] : at[k + 1]].reshape(sizes[k], sizes[k + 1]) for k in range(len(sizes) - 1) if len(values)]
            for values in (total.weight, total.delay)
        )
        by_neuron = np.split(total.spikes / max(count, 1), np.cumsum(sizes)[:-1])
        spikes = self.examples.spikes.sum(axis=1)
        return Found(self.examples.answer, spikes, gradient, by_delay, total.acted, by_neuron)

    def _parts(self, work: Callable[..., int], workers: int) -> bool:
        """Do the parts of the batch, each with room of its own; False if one has too many spikes."""
        count = len(self.examples.target)
        parts = min(PARTS, count)
        bounds = [count * part // parts for part in range(parts + 1)] if parts else [0]
        tables = as_table(self.layers), as_table(self.examples)
        left = deque(range(parts))

        def some() -> bool:
            """Do parts as long as there are any, with one room for all."""
            most = 4 * int(self.layers.sizes.sum()) + int(np.diff(self.examples.first).max(initial=0))
            room = as_table(_room(self.layers, most)) if most < MOST else None
            while room:
                try:
                    part = left.popleft()
                except IndexError:
                    return True
                while room and work(tables, room, part, bounds[part], bounds[part + 1]) != DONE:
                    most *= 4
                    room = as_table(_room(self.layers, most)) if most < MOST else None
            return False

        others = min(workers, parts) - 1
        if others < 1:
            return some()
        with ThreadPoolExecutor(others, "neuro-layers") as pool:
            started = [pool.submit(some) for _ in range(others)]
            own = some()
        return all(each.result() for each in started) and own


def _room(layers: Layers, most: int) -> Room:
    """Space for `most` spikes."""
    widest = int(layers.sizes.max())
    spikes = {key: np.empty(most) for key in ("time", "rise", "fall", "by_time")}
    wide = {key: np.empty(widest) for key in ("v", "c", "own_v", "own_c", "own_time")}
    return Room(
        first=np.zeros(len(layers.sizes) + 1, np.int64),
        who=np.empty(most, np.int64),
        own=np.empty(widest, np.int64),
        place=np.zeros(widest, np.int64),
        arrival=np.empty(most),
        sender=np.empty(most, np.int64),
        link=np.empty(most, np.int64),
        **spikes,
        **wide,
    )
