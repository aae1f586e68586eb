"""Neurons with more inputs than a core can take: relays gather partial sums, in a chain or a tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from neuro.errors import ParameterError
from neuro.mapping.traffic import Traffic, incoming
from neuro.validation import Ints

__all__ = ["Split", "split_fan_in"]


@dataclass(frozen=True, eq=False)
class Split:
    """A network's traffic with relays for the neurons with too many inputs, and the cost of the relays."""

    traffic: Traffic
    """Neurons first, then the relays as a population ``"relays"``."""
    owner: Ints
    """The neuron that each relay gathers for, shape (relays,)."""
    relays: int
    """Number of relays."""
    depth: int
    """Most relays between a synapse and its neuron, each of which adds a delay."""
    spikes: float
    """Most spikes that relays send: one for each input that arrives at a relay."""


def split_fan_in(traffic: Traffic, fan_in: int, shape: Literal["chain", "tree"] = "tree") -> Split:
    """Give neurons with more than `fan_in` inputs relays that each take at most so many.

    A relay passes on its inputs and is no neuron of the model. Whether a chip can make one (a neuron with a linear
    transfer, or a partial sum in a message) is for the user to decide. Inputs are counted as synapses; several
    synapses of one pair stay together. In a tree relays gather `fan_in` inputs each, level by level; in a chain each
    relay takes the sum of the one before and `fan_in` - 1 inputs more.

    Parameters
    ----------
    traffic
        The connected pairs and the spikes.
    fan_in
        Most synapses of a neuron; at least 2.
    shape
        ``"tree"``: few delays; ``"chain"``: most of the inputs near the neuron.

    Raises
    ------
    ParameterError
        If `fan_in` is below 2, a pair has more synapses than that, or there is no such shape.

    Examples
    --------
    >>> pairs = np.arange(6), np.full(5, 5, np.uint32), np.ones(5, np.uint32)
    >>> many = Traffic({"a": 0}, np.array([0, 1, 2, 3, 4, 5, 5]), *pairs[1:], np.ones(6), np.array([0, 0, 0, 0, 0, 5]))
    >>> found = split_fan_in(many, 3)
    >>> found.relays, found.depth, found.spikes, int(found.traffic.fan_in.max())
    (1, 1, 3.0, 3)
    """
    if fan_in < 2 or shape not in ("chain", "tree"):
        rule = "fan_in must be at least 2" if fan_in < 2 else 'the shape must be "chain" or "tree"'
        raise ParameterError(rule, where="split_fan_in", value=fan_in if fan_in < 2 else shape)
    n = traffic.neurons
    begin, sources = incoming(traffic.start, traffic.target, n)
    order = np.argsort(traffic.target, kind="stable")
    synapses = np.asarray(traffic.synapses)[order].astype(np.int64)
    edges: list[tuple[int, int, int]] = []
    spikes, owner = [float(x) for x in traffic.spikes], list(range(n))
    depth = 0
    large = np.flatnonzero(traffic.fan_in > fan_in)
    for v in large:
        inputs = [
            (int(u), int(count))
            for u, count in zip(sources[begin[v] : begin[v + 1]], synapses[begin[v] : begin[v + 1]], strict=True)
        ]
        worst = max(count for _, count in inputs)
        if worst >= fan_in:
            raise ParameterError(
                f"a pair of neurons has {worst} synapses, which a relay of {fan_in} cannot take beside another input",
                where=traffic.name(int(v)),
            )
        gather = _tree if shape == "tree" else _chain
        depth = max(depth, gather(int(v), inputs, fan_in, edges, spikes, owner))
    kept = ~np.isin(traffic.target, large)
    extra = np.array(edges, np.int64).reshape(-1, 3)
    source = np.concatenate([traffic.source[kept].astype(np.int64), extra[:, 0]])
    target = np.concatenate([traffic.target[kept].astype(np.int64), extra[:, 1]])
    count = np.concatenate([np.asarray(traffic.synapses)[kept].astype(np.int64), extra[:, 2]])
    by_row = np.lexsort((target, source))
    total = len(spikes)
    start = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=total))]).astype(np.int64)
    loads = np.bincount(target, count, total).astype(np.int64)
    first = {**traffic.first, "relays": n}
    made = Traffic(
        first, start, target[by_row].astype(np.uint32), count[by_row].astype(np.uint32), np.array(spikes), loads
    )
    return Split(made, np.array(owner[n:], np.int64), total - n, depth, float(sum(spikes[n:])))


Inputs = list[tuple[int, int]]


def _relay(
    v: int, group: Inputs, edges: list[tuple[int, int, int]], spikes: list[float], owner: list[int]
) -> tuple[int, int]:
    """A new relay that takes a group of inputs; returns it as an input."""
    relay = len(spikes)
    edges.extend((u, relay, count) for u, count in group)
    spikes.append(sum(spikes[u] for u, _ in group))
    owner.append(v)
    return relay, 1


def _groups(inputs: Inputs, most: int) -> list[Inputs]:
    """Inputs in order, cut into groups of at most so many synapses."""
    groups: list[Inputs] = [[]]
    taken = 0
    for source, count in inputs:
        if groups[-1] and taken + count > most:
            groups.append([])
            taken = 0
        groups[-1].append((source, count))
        taken += count
    return groups


def _tree(
    v: int, inputs: Inputs, most: int, edges: list[tuple[int, int, int]], spikes: list[float], owner: list[int]
) -> int:
    """Relays in levels, no more of them than the last level needs; returns the number of levels."""
    levels = 0
    while sum(count for _, count in inputs) > most:
        levels += 1
        excess = sum(count for _, count in inputs) - most
        after: Inputs = []
        for group in _groups(inputs, most):
            taken = sum(count for _, count in group)
            if excess > 0 and taken > 1:
                after.append(_relay(v, group, edges, spikes, owner))
                excess -= taken - 1
            else:
                after.extend(group)
        inputs = after
    edges.extend((u, v, count) for u, count in inputs)
    return levels


def _chain(
    v: int, inputs: Inputs, most: int, edges: list[tuple[int, int, int]], spikes: list[float], owner: list[int]
) -> int:
    """Relays one behind the other; returns their number."""
    length = 0
    carried: Inputs = []
    left = list(inputs)
    while sum(count for _, count in carried + left) > most:
        room = most - len(carried)
        group = list(carried)
        while left and left[0][1] <= room:
            room -= left[0][1]
            group.append(left.pop(0))
        carried = [_relay(v, group, edges, spikes, owner)]
        length += 1
    edges.extend((u, v, count) for u, count in carried + left)
    return length
