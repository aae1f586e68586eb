"""Networks to judge mappers on, and the layered graphs of Jin et al.; each is drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from neuro.errors import UnknownName
from neuro.network.graph import Network, Population
from neuro.network.neurons import LIF
from neuro.network.synapses import Sparse
from neuro.randomness import stream
from neuro.validation import Floats, Ints

__all__ = ["NETWORKS", "Drawn", "Found", "Random", "draw", "drawn_by", "jin_layers", "network_of"]


Found = tuple[Ints, Ints, Floats]
"""Source and target of each synapse, and the mean number of spikes of each neuron."""
Random = np.random.Generator


class Drawn(NamedTuple):
    """A network as arrays."""

    neurons: int
    """How many neurons."""
    source: Ints
    """Source neuron of each synapse; no pair twice, and no neuron onto itself."""
    target: Ints
    """Target neuron of each synapse."""
    spikes: Ints
    """Spikes that each neuron sends."""


def draw(name: str, seed: int = 0, scale: float = 1.0) -> Drawn:
    """One of `NETWORKS`.

    Parameters
    ----------
    name
        Which.
    seed
        Root of the random draws.
    scale
        Of the number of neurons, roughly.

    Raises
    ------
    UnknownName
        If there is no such network.

    Examples
    --------
    >>> small = draw("hopfield", scale=0.01)
    >>> small.neurons, len(small.source)
    (10, 90)
    """
    if name not in NETWORKS:
        raise UnknownName("network", name, NETWORKS)
    return drawn_by(NETWORKS[name], name, seed, scale)


def drawn_by(recipe: Callable[[Random, float], Found], name: str, seed: int, scale: float) -> Drawn:
    """A network by a recipe: pairs that it has twice and neurons onto themselves left out, and spikes drawn."""
    random = stream(seed, "mapping network", name)
    source, target, rate = recipe(random, scale)
    size = len(rate)
    pair = np.unique(source.astype(np.int64) * size + target)
    source, target = pair // size, pair % size
    kept = source != target
    # Rates of single neurons differ as those of cortical ones do: by a log-normal factor of mean one.
    spikes = np.maximum(1, random.poisson(rate * random.lognormal(-0.5, 1.0, size)))
    return Drawn(size, source[kept], target[kept], spikes.astype(np.int64))


def network_of(drawn: Drawn) -> tuple[Network, dict[str, Floats]]:
    """The network as one population "cells", and its spikes as `place` takes them."""
    net = Network()
    cells = net.add(Population("cells", drawn.neurons, LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cells, cells, Sparse(drawn.source, drawn.target, 0.1), delay=1e-3)
    return net, {"cells": drawn.spikes.astype(np.float64)}


def _layers(*sizes: int) -> tuple[Ints, list[tuple[Ints, Ints]]]:
    """First neuron of each layer, and all pairs of each layer with the next."""
    first = np.cumsum([0, *sizes])
    pairs = [
        (np.repeat(np.arange(a, b), c - b), np.tile(np.arange(b, c), b - a))
        for a, b, c in zip(first[:-2], first[1:-1], first[2:], strict=True)
    ]
    return first, pairs


def _mlp(random: Random, scale: float) -> Found:
    sizes = [max(2, round(size * scale)) for size in (784, 800, 800)] + [10]
    _, pairs = _layers(*sizes)
    source, target = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return source, target, np.repeat([20.0, 10.0, 8.0, 15.0], sizes)


def _lenet(random: Random, scale: float) -> Found:
    """LeNet-5 on 32 x 32 pixels: convolutions of 5, pools of 2 by channel, then full layers of 120, 84 and 10."""
    side = max(16, 4 * round(8 * scale))
    shapes = [(1, side)]
    for channels in (6, 16):
        shapes += [(channels, shapes[-1][1] - 4), (channels, (shapes[-1][1] - 4) // 2)]
    flat = [channels * width * width for channels, width in shapes]
    sizes = [*flat, 120, 84, 10]
    first, pairs = _layers(*sizes)
    for layer in range(4):
        channels, width = shapes[layer]
        after, inner = shapes[layer + 1]
        kernel, stride, every = (5, 1, True) if layer % 2 == 0 else (2, 2, False)
        out, row, column, down, right = (
            grid.ravel() for grid in np.indices((after, inner, inner, kernel, kernel), dtype=np.int64)
        )
        place = out * inner * inner + row * inner + column
        at = (row * stride + down) * width + column * stride + right
        inputs = range(channels) if every else (None,)
        links = [(at + (out if c is None else c) * width * width, place) for c in inputs]
        source, target = (np.concatenate(part) for part in zip(*links, strict=True))
        pairs[layer] = source + first[layer], target + first[layer + 1]
    source, target = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return source, target, np.repeat([20.0, 10.0, 10.0, 6.0, 6.0, 8.0, 8.0, 15.0], sizes)


def _lsm(random: Random, scale: float) -> Found:
    """A liquid-state machine on a lattice (Maass et al. 2002): p = c exp(-(distance / 3)^2), a fifth inhibitory."""
    shrink = scale ** (1.0 / 3.0)
    sides = [max(3, round(side * shrink)) for side in (20, 20, 25)]
    place = np.indices(sides).reshape(3, -1).T
    size = len(place)
    excites = random.random(size) < 0.8
    chance = np.array([[0.1, 0.4], [0.2, 0.3]])
    sources, targets = [], []
    for low in range(0, size, 256):
        own = slice(low, low + 256)
        square = ((place[own, None, :] - place[None, :, :]) ** 2).sum(axis=2)
        p = chance[excites[own].astype(int)][:, excites.astype(int)] * np.exp(-square / 9.0)
        a, b = np.nonzero(random.random(p.shape) < p)
        sources.append(a + low)
        targets.append(b)
    return np.concatenate(sources), np.concatenate(targets), np.where(excites, 10.0, 20.0)


def _small_world(random: Random, scale: float) -> Found:
    """A ring of 100 neighbours each, a tenth of the synapses sent anywhere; numbers say nothing about places."""
    size = max(200, round(20_000 * scale))
    step = np.concatenate([np.arange(-50, 0), np.arange(1, 51)])
    source = np.repeat(np.arange(size), 100)
    target = (source + np.tile(step, size)) % size
    astray = random.random(len(source)) < 0.1
    target[astray] = random.integers(0, size, int(astray.sum()))
    name = random.permutation(size)
    return name[source], name[target], np.full(size, 10.0)


def _communities(random: Random, scale: float) -> Found:
    """Planted communities of 256: 48 targets inside, 16 anywhere; numbers say nothing about them."""
    count = max(2, round(32 * scale))
    size = count * 256
    source = np.repeat(np.arange(size), 64)
    inside = random.integers(0, 256, (size, 48)) + (np.arange(size) // 256 * 256)[:, None]
    anywhere = random.integers(0, size, (size, 16))
    name = random.permutation(size)
    return name[source], name[np.concatenate([inside, anywhere], axis=1).ravel()], np.full(size, 10.0)


def _sheet(random: Random, scale: float) -> Found:
    """A torus of neurons in raster order with a Gaussian fan-out of 64, a twentieth of it anywhere."""
    side = max(16, round(128 * scale**0.5))
    size = side * side
    source = np.repeat(np.arange(size), 64)
    along, down = (np.rint(random.normal(0.0, 4.0, len(source))).astype(np.int64) for _ in range(2))
    target = (source // side + down) % side * side + (source + along - source // side * side) % side
    astray = random.random(len(source)) < 0.05
    target[astray] = random.integers(0, size, int(astray.sum()))
    return source, target, np.full(size, 10.0)


def _hopfield(random: Random, scale: float) -> Found:
    size = max(2, round(1000 * scale))
    each = np.arange(size)
    return np.repeat(each, size), np.tile(each, size), np.full(size, 10.0)


CORTEX = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
"""Neurons of L2/3e, L2/3i, L4e, L4i, L5e, L5i, L6e, L6i: Potjans and Diesmann, Cereb. Cortex 24:785 (2014), table 5."""
CHANCE = np.array([
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
    [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
    [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
])  # fmt: skip
"""Probability of a connection onto the row's population from the column's, same table."""
CORTEX_RATES = (0.86, 2.9, 4.45, 5.9, 7.6, 8.6, 1.1, 7.9)
"""Spikes a second of each population, near those of the model at rest; three seconds are sent."""


def _potjans(random: Random, scale: float) -> Found:
    """The cortical microcircuit at a tenth of its neurons, its connection probabilities kept."""
    part = 0.1 * scale
    size = np.maximum(1, np.rint(np.array(CORTEX) * part)).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(size)])
    sources, targets = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for post in range(8):
        for pre in range(8):
            if CHANCE[post, pre] > 0.0:
                pairs = float(CORTEX[post]) * CORTEX[pre]
                count = round(np.log1p(-CHANCE[post, pre]) / np.log1p(-1.0 / pairs) * part * part)
                sources.append(random.integers(first[pre], first[pre + 1], count))
                targets.append(random.integers(first[post], first[post + 1], count))
    return np.concatenate(sources), np.concatenate(targets), np.repeat(3.0 * np.array(CORTEX_RATES), size)


NETWORKS: Mapping[str, Callable[[Random, float], Found]] = {
    "lsm": _lsm,
    "communities": _communities,
    "mlp": _mlp,
    "lenet": _lenet,
    "small_world": _small_world,
    "potjans": _potjans,
    "sheet": _sheet,
    "hopfield": _hopfield,
}
"""Networks by name."""


def jin_layers(side: int, window: int = 4) -> tuple[Ints, Ints, Floats]:
    """The random layered graph of Jin et al. (ASPLOS 2023) for side x side cores: source, target, weight of each edge.

    Layers of `side` nodes; node j of a layer goes to nodes j .. j + window - 1 of the next, as far as there are; the
    last layer has no edges, as in the authors' program. Weights are uniform from the generator minstd (48271, seed 1),
    two numbers for each.

    >>> source, target, weight = jin_layers(4, window=2)
    >>> len(weight), round(float(weight[0]), 4)
    (14, 0.085)
    """
    state, weights = 1, []
    source, target = [], []
    modulus, width = 2147483647, 2147483646.0
    for layer in range(side - 2):
        for j in range(side):
            for k in range(j, min(side, j + window)):
                state = state * 48271 % modulus
                low = state - 1
                state = state * 48271 % modulus
                weights.append((low + (state - 1) * width) / (width * width))
                source.append(layer * side + j)
                target.append((layer + 1) * side + k)
    return np.array(source), np.array(target), np.array(weights)
