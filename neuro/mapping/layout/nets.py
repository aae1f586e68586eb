"""Nets between parts: neurons of a part with the same destinations are one net, their spikes added."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.mapping.layout.trees import Words
from neuro.mapping.traffic import Ids, Traffic
from neuro.validation import Floats, Ints

__all__ = ["Flows", "Nets", "flows_between", "flows_of", "nets_of"]


DENSE = 1500
"""Parts up to which the flows between all pairs are counted in a table."""


class Nets(NamedTuple):
    """Distinct (source part, set of other parts with targets), as the kernels read them; a table."""

    root: Annotated[Ints, np.int64, 1]
    """Source part of each net."""
    spikes: Annotated[Floats, np.float64, 1]
    """Spikes of each net."""
    start: Annotated[Ints, np.int64, 1]
    """First destination of each net, (nets + 1,)."""
    part: Annotated[Ints, np.int64, 1]
    """Destination parts, the source's own left out, increasing within a net."""
    has: Annotated[Words, np.uint64, 2]
    """The destinations as bits, (nets, words)."""
    part_start: Annotated[Ints, np.int64, 1]
    """First net that ends on each part, (parts + 1,)."""
    part_net: Annotated[Ints, np.int64, 1]
    """Nets by destination part."""
    root_start: Annotated[Ints, np.int64, 1]
    """First net from each part, (parts + 1,)."""
    root_net: Annotated[Ints, np.int64, 1]
    """Nets by source part."""


class Flows(NamedTuple):
    """Spikes between pairs of parts, both directions added, as the kernels read them; a table."""

    start: Annotated[Ints, np.int64, 1]
    """First neighbour of each part, (parts + 1,)."""
    part: Annotated[Ints, np.int64, 1]
    """Neighbours."""
    spikes: Annotated[Floats, np.float64, 1]
    """Spikes to and from each."""


def nets_of(traffic: Traffic, part: Ints, parts: int) -> Nets:
    """The nets of a partition.

    Parameters
    ----------
    traffic
        The connected pairs and the spikes.
    part
        Part of each neuron, shape (neurons,).
    parts
        Number of parts.

    Examples
    --------
    >>> one = np.ones(4, np.uint32)
    >>> pairs = np.array([0, 2, 4, 4, 4]), np.array([2, 3, 2, 3], np.uint32)
    >>> fan = Traffic({"a": 0}, *pairs, one, np.array([3.0, 4.0, 0.0, 0.0]), np.zeros(4, np.int64))
    >>> nets = nets_of(fan, np.array([0, 0, 1, 2]), 3)
    >>> nets.root.tolist(), nets.spikes.tolist(), nets.part.tolist()
    ([0], [7.0], [1, 2])
    """
    salt = np.random.Generator(np.random.PCG64(1)).integers(0, 2**63, size=(2, 2, parts), dtype=np.uint64)
    spikes = np.ascontiguousarray(traffic.spikes, np.float64)
    start, ends, key = _destinations(traffic.start, traffic.target, np.ascontiguousarray(part, np.int64), parts, salt)
    sent = np.flatnonzero((np.diff(start) > 0) & (spikes > 0))
    order = sent[np.lexsort((key[sent, 1], key[sent, 0]))]
    new = np.ones(len(order), np.bool_)
    new[1:] = (key[order[1:]] != key[order[:-1]]).any(axis=1)
    group = np.cumsum(new) - 1
    first = order[new]
    total = np.bincount(group, weights=spikes[order], minlength=len(first)).astype(np.float64)
    size = start[first + 1] - start[first]
    begin = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    members = ends[np.repeat(start[first] - begin[:-1], size) + np.arange(begin[-1])]
    root = np.asarray(part, np.int64)[first]
    net = np.repeat(np.arange(len(first)), size)
    has = np.zeros((len(first), parts // 64 + 1), np.uint64)
    np.bitwise_or.at(has, (net, members // 64), np.uint64(1) << (members % 64).astype(np.uint64))
    by_part, by_root = np.argsort(members, kind="stable"), np.argsort(root, kind="stable")
    return Nets(
        root, total, begin, members, has,
        _starts(members, parts), net[by_part].astype(np.int64), _starts(root, parts), by_root.astype(np.int64),
    )  # fmt: skip


def flows_of(nets: Nets, parts: int) -> Flows:
    """Spikes between parts: each net's, to each of its destinations.

    >>> flows_between(np.array([0, 1]), np.array([1, 0]), np.array([2.0, 3.0]), 2).spikes.tolist()
    [5.0, 5.0]
    """
    size = np.diff(nets.start)
    return flows_between(np.repeat(nets.root, size), nets.part, np.repeat(nets.spikes, size), parts)


def flows_between(source: Ints, target: Ints, spikes: Floats, parts: int) -> Flows:
    """Spikes between pairs of parts from a list of (source, target, spikes); spikes within a part are left out."""
    if parts <= DENSE:
        table = np.bincount(source * parts + target, weights=spikes, minlength=parts * parts).reshape(parts, parts)
        table = table + table.T
        np.fill_diagonal(table, 0.0)
        a, b = np.nonzero(table)
        return Flows(_starts(a, parts), b.astype(np.int64), np.ascontiguousarray(table[a, b], np.float64))
    remote = source != target
    a = np.concatenate([source[remote], target[remote]]).astype(np.int64)
    b = np.concatenate([target[remote], source[remote]]).astype(np.int64)
    pair, place = np.unique(a * parts + b, return_inverse=True)
    total = np.bincount(place, weights=np.concatenate([spikes[remote]] * 2), minlength=len(pair))
    return Flows(_starts(pair // parts, parts), pair % parts, total.astype(np.float64))


def _starts(rows: Ints, size: int) -> Ints:
    """Where the entries of each row begin once they are sorted by row."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))]).astype(np.int64)


@kernel
def _destinations(
    start: Ints, target: Ids, part: Ints, parts: int, salt: NDArray[np.uint64]
) -> tuple[Ints, Ints, NDArray[np.uint64]]:
    """Other parts with targets of each neuron, increasing; and a hash of 128 bits of them and the neuron's part."""
    n = len(start) - 1
    seen = np.full(parts, -1, np.int64)
    begin = np.zeros(n + 1, np.int64)
    for i in range(n):
        for k in range(start[i], start[i + 1]):
            p = part[target[k]]
            if p != part[i] and seen[p] != i:
                seen[p] = i
                begin[i + 1] += 1
    for i in range(n):
        begin[i + 1] += begin[i]
    ends = np.empty(begin[n], np.int64)
    key = np.zeros((n, 2), np.uint64)
    seen[:] = -1
    for i in range(n):
        filled = begin[i]
        key[i, 0], key[i, 1] = salt[0, 0, part[i]], salt[0, 1, part[i]]
        for k in range(start[i], start[i + 1]):
            p = part[target[k]]
            if p != part[i] and seen[p] != i:
                seen[p] = i
                ends[filled] = p
                filled += 1
                key[i, 0] ^= salt[1, 0, p]
                key[i, 1] ^= salt[1, 1, p]
        ends[begin[i] : begin[i + 1]].sort()
    return begin, ends, key
