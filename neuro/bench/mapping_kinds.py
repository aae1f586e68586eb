"""Kinds of networks to judge mappers on, beside those of `mapping_networks.py`; each is drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from neuro.bench.mapping_networks import NETWORKS, Drawn, Found, Random, drawn_by
from neuro.errors import UnknownName
from neuro.validation import Ints

__all__ = ["KINDS", "draw_kind"]

Pairs = tuple[Ints, Ints]


def draw_kind(name: str, seed: int = 0, scale: float = 1.0) -> Drawn:
    """One of `KINDS`.

    Parameters
    ----------
    name
        Which.
    seed
        Root of the random draws; the sizes of layers, groups and chains are among them.
    scale
        Of the number of neurons, roughly.

    Raises
    ------
    UnknownName
        If there is no such kind.

    Examples
    --------
    >>> small = draw_kind("synfire", scale=0.1)
    >>> small.neurons == len(small.spikes) and len(small.source) > small.neurons
    True
    """
    if name not in KINDS:
        raise UnknownName("kind of network", name, KINDS)
    return drawn_by(KINDS[name], name, seed, scale)


def _about(random: Random, number: float, least: int = 2) -> int:
    """A whole number within a fifth of another."""
    return max(least, round(number * random.uniform(0.8, 1.2)))


def _grid(rows: Ints, columns: Ints) -> Pairs:
    """All pairs of two sets of neurons."""
    return np.repeat(rows, len(columns)), np.tile(columns, len(rows))


def _some(random: Random, rows: Ints, columns: Ints, chance: float) -> Pairs:
    """Each pair of two sets of neurons with some probability."""
    a, b = np.nonzero(random.random((len(rows), len(columns))) < chance)
    return rows[a], columns[b]


def _block(first: int, size: int) -> Ints:
    return np.arange(first, first + size)


def _joined(pairs: Sequence[Pairs], rate: Sequence[float] | np.ndarray, names: Ints | None = None) -> Found:
    source, target = (np.concatenate(part) for part in zip(*pairs, strict=True))
    rates = np.asarray(rate, np.float64)
    if names is None:
        return source, target, rates
    shuffled = np.empty(len(rates))
    shuffled[names] = rates
    return names[source], names[target], shuffled


def _synfire(random: Random, scale: float) -> Found:
    """Chains of small groups, all to all from group to group; ends feed a few neurons at other chains' beginnings."""
    chains, groups, width = _about(random, 44 * scale), _about(random, 10), _about(random, 9)
    links = _about(random, 8)
    size = groups * width
    pairs = []
    for c in range(chains):
        for g in range(groups - 1):
            pairs.append(_grid(_block(c * size + g * width, width), _block(c * size + (g + 1) * width, width)))
        ends = c * size + (groups - 1) * width + random.integers(0, width, links)
        pairs.append((ends, random.integers(0, chains, links) * size + random.integers(0, width, links)))
    return _joined(pairs, np.full(chains * size, 10.0), random.permutation(chains * size))


def _relational(random: Random, scale: float) -> Found:
    """Recurrent groups; for each pair of them a layer that hears both and the last group, and a second layer."""
    groups, n, wide = 8, _about(random, 110 * scale), _about(random, 40 * scale)
    first, pairs = (groups + 1) * n, []
    couples = [(i, j) for i in range(groups) for j in range(i, groups)]
    for g in range(groups + 1):
        pairs.append(_some(random, _block(g * n, n), _block(g * n, n), 0.2))
    last = first + 2 * wide * len(couples)
    for k, (i, j) in enumerate(couples):
        one, two = _block(first + 2 * wide * k, wide), _block(first + 2 * wide * k + wide, wide)
        pairs += [_some(random, _block(g * n, n), one, 0.5) for g in (i, j, groups)]
        pairs += [_grid(one, two), (two, _block(last, wide))]
    return _joined(pairs, np.full(last + wide, 7.0))


def _recurrent(random: Random, scale: float) -> Found:
    """Dense recurrent layers, one behind the other."""
    layers, n = int(random.integers(3, 5)), _about(random, 1000 * scale)
    inside, forward = random.uniform(0.15, 0.3), random.uniform(0.05, 0.15)
    pairs = [_some(random, _block(q * n, n), _block(q * n, n), inside) for q in range(layers)]
    pairs += [_some(random, _block(q * n, n), _block(q * n + n, n), forward) for q in range(layers - 1)]
    return _joined(pairs, np.full(layers * n, 12.0))


def _sequence(random: Random, scale: float) -> Found:
    """A convolutional network over time: channels double and steps halve from layer to layer."""
    kernel, channels, length = int(random.choice([5, 7, 9])), 2, 16 * _about(random, 30 * scale)
    first, pairs, sizes = 0, [], [channels * length]
    for _ in range(4):
        after, steps = 2 * channels, length // 2
        out, step, inner, tap = (x.ravel() for x in np.indices((after, steps, channels, kernel)))
        at = 2 * step + tap - kernel // 2
        kept = (at >= 0) & (at < length)
        place = first + channels * length + out * steps + step
        pairs.append(((first + inner * length + at)[kept], place[kept]))
        first, channels, length = first + channels * length, after, steps
        sizes.append(after * steps)
    pairs.append(_grid(_block(first, sizes[-1]), _block(first + sizes[-1], 10)))
    return _joined(pairs, np.repeat([20.0, 14.0, 11.0, 9.0, 8.0, 15.0], [*sizes, 10]))


def _images(random: Random, scale: float) -> Found:
    """Convolutions of 3 x 3 with stride 2 on images, twice the channels after each, then a full layer."""
    side, channels = 4 * _about(random, 8 * scale**0.5), 2
    first, pairs, sizes = 0, [], [channels * side * side]
    for _ in range(3):
        after, inner = 2 * channels, side // 2
        out, row, column, seen, down, right = (x.ravel() for x in np.indices((after, inner, inner, channels, 3, 3)))
        y, x = 2 * row + down - 1, 2 * column + right - 1
        kept = (y >= 0) & (y < side) & (x >= 0) & (x < side)
        place = first + sizes[-1] + out * inner * inner + row * inner + column
        pairs.append(((first + seen * side * side + y * side + x)[kept], place[kept]))
        first, side, channels = first + sizes[-1], inner, after
        sizes.append(channels * side * side)
    pairs.append(_grid(_block(first, sizes[-1]), _block(first + sizes[-1], 100)))
    return _joined(pairs, np.repeat([15.0, 12.0, 9.0, 8.0, 10.0], [*sizes, 100]))


def _sparse(random: Random, scale: float) -> Found:
    """Each neuron has targets anywhere."""
    n, fan = _about(random, 3000 * scale), _about(random, 24)
    return np.repeat(np.arange(n), fan), random.integers(0, n, n * fan), np.full(n, 10.0)


def _brunel(random: Random, scale: float) -> Found:
    """Excitatory and inhibitory neurons, each pair with one probability; inhibitory ones fire more."""
    n = _about(random, 2500 * scale)
    source, target = _some(random, np.arange(n), np.arange(n), 0.08)
    return source, target, np.where(np.arange(n) < 0.8 * n, 6.0, 14.0)


def _scale_free(random: Random, scale: float) -> Found:
    """Targets are chosen by how many sources they have; a few neurons have very many."""
    n, fan = _about(random, 3000 * scale), _about(random, 10)
    power = (np.arange(n) + 10.0) ** -0.6
    target = random.choice(n, n * fan, p=power / power.sum())
    names = random.permutation(n)
    return names[np.repeat(np.arange(n), fan)], names[target], np.full(n, 9.0)


def _modules(random: Random, scale: float) -> Found:
    """Modules within modules: a third of the targets in the own group, others ever farther away."""
    group, n = _about(random, 30), 0
    count = 4 ** max(2, round(3 + np.log2(scale) / 2))
    n = count * group
    source = np.repeat(np.arange(n), 40)
    width = group * 4 ** np.minimum(random.geometric(0.45, len(source)) - 1, 8)
    target = (source // width * width + random.integers(0, 2**40, len(source)) % width) % n
    names = random.permutation(n)
    return names[source], names[target], np.full(n, 8.0)


def _columns(random: Random, scale: float) -> Found:
    """Columns on a ring: dense inside, sparse to the nearest ones, and patches farther away."""
    count, n = _about(random, 36 * scale), _about(random, 90)
    pairs = []
    for c in range(count):
        own = _block(c * n, n)
        pairs.append(_some(random, own, own, 0.25))
        for step, chance in ((-2, 0.02), (-1, 0.05), (1, 0.05), (2, 0.02), (int(random.integers(3, 12)), 0.03)):
            pairs.append(_some(random, own, _block((c + step) % count * n, n), chance))
    return _joined(pairs, np.full(count * n, 9.0), random.permutation(count * n))


def _ring_attractor(random: Random, scale: float) -> Found:
    """A ring whose neurons excite their neighbours, and a pool of inhibitory ones that hears and answers all."""
    n, pool, reach = _about(random, 2600 * scale), _about(random, 300 * scale), _about(random, 30)
    step = np.concatenate([np.arange(-reach, 0), np.arange(1, reach + 1)])
    near = np.repeat(np.arange(n), len(step))
    ring, inner = np.arange(n), _block(n, pool)
    pairs = [(near, (near + np.tile(step, n)) % n)]
    pairs += [_some(random, ring, inner, 0.1), _some(random, inner, ring, 0.2)]
    return _joined(pairs, np.repeat([10.0, 20.0], [n, pool]), random.permutation(n + pool))


def _assemblies(random: Random, scale: float) -> Found:
    """Overlapping assemblies: every neuron is in two of them, and sends to a part of both."""
    count, size = _about(random, 40 * scale), _about(random, 120)
    n = count * size // 2
    member = random.permutation(np.tile(np.arange(n), 2))
    groups = np.array_split(member, count)
    pairs = [_some(random, group, group, 0.3) for group in groups]
    return _joined(pairs, np.full(n, 9.0))


def _reservoir(random: Random, scale: float) -> Found:
    """Inputs, several sparse reservoirs that hear them, and readouts that hear all reservoirs."""
    inputs, count, n, out = _about(random, 200 * scale), 6, _about(random, 450 * scale), _about(random, 40)
    total = inputs + count * n + out
    pairs = [_some(random, _block(0, inputs), _block(inputs, count * n), 0.03)]
    for c in range(count):
        own = _block(inputs + c * n, n)
        pairs += [_some(random, own, own, 0.1), _some(random, own, _block(total - out, out), 0.5)]
    return _joined(pairs, np.repeat([25.0, 8.0, 4.0], [inputs, count * n, out]), random.permutation(total))


def _cerebellum(random: Random, scale: float) -> Found:
    """Granule cells with four mossy fibres each, near by, and Purkinje cells that hear a stripe of granule cells."""
    mossy, granule, purkinje = (_about(random, x * scale) for x in (240, 3000, 60))
    near = (np.arange(granule) * mossy // granule)[:, None] + random.integers(-8, 9, (granule, 4))
    cells = mossy + np.arange(granule)
    pairs = [((near % mossy).ravel(), np.repeat(cells, 4))]
    for p in range(purkinje):
        own = _block(int(random.integers(0, max(granule * 4 // 5, 1))), granule // 5)
        heard = own[random.random(len(own)) < 0.5]
        pairs.append((mossy + heard, np.full(len(heard), mossy + granule + p)))
    return _joined(pairs, np.repeat([20.0, 3.0, 30.0], [mossy, granule, purkinje]))


def _autoencoder(random: Random, scale: float) -> Found:
    """Full layers, narrow in the middle."""
    wide, hidden, narrow = (_about(random, x * scale) for x in (900, 400, 60))
    sizes = [wide, hidden, narrow, hidden, wide]
    first = np.cumsum([0, *sizes])
    pairs = [_grid(_block(first[i], sizes[i]), _block(first[i + 1], sizes[i + 1])) for i in range(4)]
    return _joined(pairs, np.repeat([15.0, 10.0, 12.0, 10.0, 1.0], sizes))


def _residual(random: Random, scale: float) -> Found:
    """Sparse layers, each of which hears the two before it."""
    layers, n = _about(random, 9), _about(random, 380 * scale)
    pairs = [_some(random, _block(q * n, n), _block(q * n + n, n), 0.1) for q in range(layers - 1)]
    pairs += [_some(random, _block(q * n, n), _block((q + 2) * n, n), 0.03) for q in range(layers - 2)]
    return _joined(pairs, np.full(layers * n, 8.0), random.permutation(layers * n))


KINDS: Mapping[str, Callable[[Random, float], Found]] = {
    **NETWORKS,
    "synfire": _synfire,
    "relational": _relational,
    "recurrent": _recurrent,
    "sequence": _sequence,
    "images": _images,
    "sparse": _sparse,
    "brunel": _brunel,
    "scale_free": _scale_free,
    "modules": _modules,
    "columns": _columns,
    "ring_attractor": _ring_attractor,
    "assemblies": _assemblies,
    "reservoir": _reservoir,
    "cerebellum": _cerebellum,
    "autoencoder": _autoencoder,
    "residual": _residual,
}
"""Kinds by name."""
