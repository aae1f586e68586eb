"""Small networks to place, and a slow, obviously right count of what a placement costs."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from neuro.chip.model import Chip
from neuro.mapping.search import Prices
from neuro.mapping.traffic import Traffic


def traffic_from(size: int, pairs: list[tuple[int, int]], spikes: list[float]) -> Traffic:
    """Traffic with these pairs, several times the same one being several synapses."""
    found, count = np.unique(np.array(sorted(pairs), np.int64).reshape(-1, 2), axis=0, return_counts=True)
    start = np.concatenate([[0], np.cumsum(np.bincount(found[:, 0], minlength=size))]).astype(np.int64)
    fan_in = np.bincount(found[:, 1], count, size).astype(np.int64)
    return Traffic(
        {"cells": 0},
        start,
        found[:, 1].astype(np.uint32),
        count.astype(np.uint32),
        np.array(spikes, np.float64),
        fan_in,
    )


@st.composite
def traffics(draw: st.DrawFn, most: int = 12) -> Traffic:
    """Networks with self-connections, several synapses of a pair, silent neurons and neurons without targets."""
    size = draw(st.integers(2, most))
    neuron = st.integers(0, size - 1)
    pairs = draw(st.lists(st.tuples(neuron, neuron), max_size=5 * size))
    spikes = draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))
    return traffic_from(size, pairs, [float(count) for count in spikes])


def random_traffic(size: int, fan_out: int, seed: int) -> Traffic:
    random = np.random.default_rng(seed)
    pairs = [(i, int(j)) for i in range(size) for j in random.choice(size, min(size, fan_out), replace=False) if i != j]
    return traffic_from(size, pairs, random.integers(1, 20, size).tolist())


def slow_cost(traffic: Traffic, core: np.ndarray, chip: Chip, prices: Prices) -> float:
    """Cost by walking every link of every path."""
    xy = [tuple(int(c) for c in place) for place in chip.xy]
    total = 0.0
    for i in range(traffic.neurons):
        cores = {int(core[j]) for j in traffic.target[traffic.start[i] : traffic.start[i + 1]]} - {int(core[i])}
        links: set[tuple[tuple[int, int], tuple[int, int]]] = set()
        walked = 0
        for other in cores:
            path = walk(xy[int(core[i])], xy[other], chip.first_axis)
            links.update(path)
            walked += len(path)
        total += traffic.spikes[i] * (prices.tree * len(links) + prices.delivery * len(cores) + prices.path * walked)
    return float(total)


def walk(here: tuple[int, int], there: tuple[int, int], first: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Links of the path that goes along one axis, then along the other."""
    steps = []
    place = list(here)
    for axis in (0, 1) if first == "x" else (1, 0):
        while place[axis] != there[axis]:
            before = place[0], place[1]
            place[axis] += 1 if there[axis] > place[axis] else -1
            steps.append((before, (place[0], place[1])))
    return steps
