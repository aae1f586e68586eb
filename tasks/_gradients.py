"""How well the change that a rule asks for points down the gradient, by finite differences on small networks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from neuro.learning.layer_rules import LayerRule, LearnsFromSpikes, Settled
from neuro.learning.layers import LayerWeights, RateLayers, SpikingLayers
from neuro.randomness import stream
from neuro.validation import Floats

SIZES = (10, 8, 3)
EXAMPLES = 16


def case(seed: int) -> tuple[LayerWeights, Floats, Floats]:
    """Weights, inputs and targets at which most neurons are active, and no two fire in step."""
    rng = stream(seed, "gradients", "case")
    matrices = [rng.uniform(-0.4, 0.4, SIZES[:2]), rng.uniform(-0.2, 0.2, SIZES[1:])]
    weights = LayerWeights(tuple(matrices), (rng.uniform(0.6, 1.4, SIZES[1]), rng.uniform(0.6, 1.2, SIZES[2])))
    return weights, rng.uniform(-1.0, 1.0, (EXAMPLES, SIZES[0])), rng.uniform(0.2, 1.0, (EXAMPLES, SIZES[2]))


def settling() -> RateLayers:
    """Rates that settle to rounding."""
    return RateLayers(sizes=SIZES, gain=1.0, steps=(120, 120))


def change(
    network: Any, rule: LayerRule | LearnsFromSpikes, weights: LayerWeights, inputs: Floats, targets: Floats
) -> Floats:
    """What a rule asks for, all weights and biases in one row; NaN if it needs spikes and there are none."""
    if isinstance(rule, LearnsFromSpikes):
        if not isinstance(network, SpikingLayers):
            return np.full(sum(each.size for part in weights for each in part), np.nan)
        return _flat(rule.learn(network, weights, inputs, targets, np.random.default_rng(0))[1])
    phases = rule.phases(np.random.default_rng(0))
    free, found = network.learn(weights, inputs, targets, phases)
    return _flat(rule.changes(Settled(inputs, targets, free.activities, phases, found)))


def slope(weights: LayerWeights, inputs: Floats, targets: Floats, step: float = 1e-5) -> Floats:
    """-dC/dW of the mean of 1/2 sum (output - target)^2 over the examples, by finite differences of settled rates."""
    network = settling()

    def cost(flat: Floats) -> float:
        outputs = network.answer(_weights(flat), inputs).activities[-1]
        return 0.5 * float(np.sum((outputs - targets) ** 2)) / len(inputs)

    start = _flat(weights)
    shifts = step * np.eye(len(start))
    return np.array([(cost(start - shift) - cost(start + shift)) / (2.0 * step) for shift in shifts])


class Cosines(NamedTuple):
    """Of a rule's change to the slope; 0 where the rule changes nothing, NaN for rates if it needs spikes."""

    rates: float
    """All weights and biases, for rates."""
    spikes: float
    """The same for spikes, under windows of 48 ticks."""
    rates_first: float
    """The first matrix alone, which needs what comes back through the hidden layer."""
    spikes_first: float
    """The same for spikes."""


def cosines(job: tuple[LayerRule | LearnsFromSpikes, int]) -> Cosines:
    """How well a rule follows the slope on the case of a seed."""
    rule, seed = job
    weights, inputs, targets = case(seed)
    down = slope(weights, inputs, targets)
    spiking = SpikingLayers(sizes=SIZES, gain=1.0, free=(60.0, 12.0), nudged=(60.0, 12.0))
    found = [change(network, rule, weights, inputs, targets) for network in (settling(), spiking)]
    first = SIZES[0] * SIZES[1]
    whole = [_cosine(each, down) for each in found]
    return Cosines(*whole, *(_cosine(each[:first], down[:first]) for each in found))


def _cosine(a: Floats, b: Floats) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0


def _flat(parts: Any) -> Floats:
    return np.concatenate([each.ravel() for part in parts for each in part])


def _weights(flat: Floats) -> LayerWeights:
    shapes = [*pairwise(SIZES)]
    ends = np.cumsum([*(pre * post for pre, post in shapes), *SIZES[1:]])
    pieces = np.split(flat, ends[:-1])
    matrices = tuple(piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=False))
    return LayerWeights(matrices, tuple(pieces[len(shapes) :]))
