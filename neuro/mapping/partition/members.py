"""Lists of the vertices of each part, which moves keep."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuro.jit import inlined, inner
from neuro.mapping.partition.hypergraph import Weights
from neuro.mapping.partition.tables import Parts
from neuro.validation import Ints

__all__ = ["Members", "members_of", "relink"]

SPARE = 32
"""Places of a list beyond twice the vertices that a part can have."""


class Members(NamedTuple):
    """The vertices of each part, in the order in which they came."""

    listed: Parts
    """Vertices of each part, or -1 where one has left, shape (parts, places)."""
    length: Ints
    """Places of each part that are in use or were."""
    place: Parts
    """Place of each vertex in the list of its part, shape (vertices,)."""


@inner
def members_of(part: Parts, size: Weights, room: Ints) -> Members:
    """The lists of a partition within its room."""
    n, most, least = len(part), 0, max(int(np.min(size)), 1)
    for p in range(len(room)):
        most = max(most, min(int(room[p]) // least, n))
    members = Members(
        np.empty((len(room), 2 * most + SPARE), np.int32), np.zeros(len(room), np.int64), np.empty(n, np.int32)
    )
    for v in range(n):
        _append(members, v, part[v])
    return members


@inlined
def _append(members: Members, v: int, p: int) -> None:
    """Put vertex v last in the list of part p."""
    k = members.length[p]
    members.listed[p, k] = v
    members.place[v] = k
    members.length[p] = k + 1


@inner
def relink(members: Members, v: int, a: int, b: int) -> None:
    """Take vertex v out of the list of part a and put it last in that of part b."""
    members.listed[a, members.place[v]] = -1
    if members.length[b] == members.listed.shape[1]:
        row, kept = members.listed[b], 0
        for k in range(len(row)):
            u = row[k]
            if u >= 0:
                row[kept] = u
                members.place[u] = kept
                kept += 1
        members.length[b] = kept
    _append(members, v, b)
