"""`dissect`: elimination of the inner nodes of a crossbar by nested dissection, in sums of positive numbers only."""

from __future__ import annotations

import numpy as np

from neuro.jit import inner, kernel
from neuro.validation import Floats, Ints

__all__ = ["dissect"]

# Nodes that are eliminated at once; measured.
_PANEL = 32


@kernel
def dissect(
    conductance: Floats, row: float, first: Floats, column: float, last: float, drive: Floats, side: int
) -> Floats:
    """Conductances between the terminals of a crossbar whose wires all have resistance.

    The array is halved until the blocks are small. A block is the conductances between the nodes at its rim; two
    neighbours are joined by eliminating their common nodes. Every elimination is a star-mesh transformation,
    g_ab += g_ak g_kb / sum_c g_kc,  many at once as a product of matrices. No conductance is the difference of two
    others, so small ones are as exact as large ones. The work grows as the cube of the side.
    Source of the order of elimination: A. George, SIAM J. Numer. Anal. 10 (1973) 345.

    Parameters
    ----------
    conductance
        Devices, S, shape (rows, columns).
    row, column
        Conductance of one segment of a row or column wire, S.
    first
        From each row's driver to its first cell, S, shape (rows,); 0: the row is not driven.
    last
        Conductance from a column's last cell to its terminal, S.
    drive
        Voltage of each driver, V, shape (rows,): the drivers are then sources, not terminals. Empty: they are.
    side
        Blocks of up to so many rows and columns are eliminated cell by cell.

    Returns
    -------
    Floats
        Shape (p, p + 2) for p terminals: the drivers, unless they are sources, then the columns. A row has the
        conductances to the p terminals and to all sources, S, and the sources' current at terminals of 0 V, A.
    """
    rows, columns = conductance.shape
    sources = drive.size > 0
    down, across = _parts(rows, side), _parts(columns, side)
    high, wide = down.size - 1, across.size - 1
    blocks = [
        _leaf(conductance, down, across, k // wide, k % wide, row, first, column, last, drive)
        for k in range(high * wide)
    ]
    kept = np.zeros(8, np.int64)
    while high * wide > 1:
        # Blocks stay as square as they can: the shorter side doubles.
        sideways = wide > 1 and (high == 1 or columns * high <= rows * wide)
        high_now, wide_now = (high, (wide + 1) // 2) if sideways else ((high + 1) // 2, wide)
        joined = [blocks[0] for _ in range(high_now * wide_now)]
        for i in range(high_now):
            for j in range(wide_now):
                place = i * wide + 2 * j if sideways else 2 * i * wide + j
                both = blocks[place]
                kept[:] = 0
                if sideways and 2 * j + 1 < wide:
                    m = down[i + 1] - down[i]
                    n1, n2 = across[2 * j + 1] - across[2 * j], across[2 * j + 2] - across[2 * j + 1]
                    kept[0] = 0 if sources and j == 0 else m
                    kept[3] = m if 2 * j + 2 < wide else 0
                    kept[6], kept[7] = n1, n2
                    if i > 0:
                        kept[4], kept[5] = n1, n2
                    both = _join(both, blocks[place + 1], kept, m, 1)
                if not sideways and 2 * i + 1 < high:
                    n = across[j + 1] - across[j]
                    m1, m2 = down[2 * i + 1] - down[2 * i], down[2 * i + 2] - down[2 * i + 1]
                    if not (sources and j == 0):
                        kept[0], kept[1] = m1, m2
                    if j < wide - 1:
                        kept[2], kept[3] = m1, m2
                    kept[4] = n if i > 0 else 0
                    kept[7] = n
                    both = _join(both, blocks[place + wide], kept, n, 3)
                joined[i * wide_now + j] = both
        if sideways:
            across = _halved(across)
        else:
            down = _halved(down)
        blocks, high, wide = joined, high_now, wide_now
    whole = blocks[0]
    for p in range(whole.shape[0]):
        whole[p, p] = 0
    return whole


@inner
def _parts(size: int, side: int) -> Ints:
    """Edges of the fewest equal parts of at most `side` cells."""
    count = (size + side - 1) // side
    edges = np.zeros(count + 1, np.int64)
    for k in range(count + 1):
        edges[k] = k * size // count
    return edges


@inner
def _halved(edges: Ints) -> Ints:
    """Every second edge, and the last."""
    count = edges.size // 2
    found = np.zeros(count + 1, np.int64)
    for k in range(count + 1):
        found[k] = edges[min(2 * k, edges.size - 1)]
    return found


@inner
def _leaf(
    conductance: Floats,
    down: Ints,
    across: Ints,
    up: int,
    along: int,
    row: float,
    first: Floats,
    column: float,
    last: float,
    drive: Floats,
) -> Floats:
    """A block, cell by cell. Ports: left ends, right ends, tops, bottom ends; where the array ends, none."""
    top_row, left_column = down[up], across[along]
    m, n = down[up + 1] - top_row, across[along + 1] - left_column
    left = 0 if along == 0 and drive.size > 0 else m
    right = m if along < across.size - 2 else 0
    top = n if up > 0 else 0
    size = left + right + top + n
    bottoms = size - n
    mesh = np.zeros((size, size + 2))
    node = np.zeros(size + 2)
    for i in range(m):
        # Conductances of the node that is eliminated next, which is here the first cell of a row.
        for p in range(size + 2):
            node[p] = 0
        inlet = first[top_row + i] if along == 0 else row
        if left > 0:
            node[i] = inlet
        else:
            node[size] = inlet
            node[size + 1] = inlet * drive[top_row + i]
        below = left + right if i == 0 and top > 0 else bottoms
        for j in range(n):
            node[below + j] += conductance[top_row + i, left_column + j]
            if j < n - 1:
                _extend(mesh, node, row)
        if right > 0:
            _put(mesh, node, left + i)
        else:
            _extend(mesh, node, 0.0)
        step = last if up == down.size - 2 and i == m - 1 else column
        for j in range(n):
            place = bottoms + j
            if below != bottoms:
                mesh[below + j, place] = step
                mesh[place, below + j] = step
            else:
                for p in range(size + 2):
                    node[p] = mesh[place, p]
                node[place] = 0
                _extend(mesh, node, step)
                _put(mesh, node, place)
    return mesh


@inner
def _put(mesh: Floats, node: Floats, place: int) -> None:
    """Let the node be port `place`."""
    for p in range(mesh.shape[0]):
        mesh[place, p] = node[p]
        mesh[p, place] = node[p]
    for p in range(mesh.shape[0], node.size):
        mesh[place, p] = node[p]


@inner
def _extend(mesh: Floats, node: Floats, step: float) -> None:
    """Eliminate the node; `node` becomes the next one, which is connected to it by `step` alone."""
    size = mesh.shape[0]
    total = step
    for p in range(size + 1):
        total += node[p]
    if total > 0:
        for p in range(size):
            if node[p] > 0:
                share = node[p] / total
                for q in range(size + 2):
                    mesh[p, q] += share * node[q]
        for q in range(size + 2):
            node[q] *= step / total


@inner
def _join(near: Floats, far: Floats, kept: Ints, met: int, at: int) -> Floats:
    """Join two blocks. `kept`: left, right, top and bottom ports of the new block, from each of the two in turn.

    `at`: the group of ports of `near` that meets those of `far`, 1 the right or 3 the bottom ones.
    """
    size = 0
    # Of each group of ports of each block: the first, the one after the last, and the new place of the first;
    # below zero where they meet.
    groups = np.zeros((2, 4, 3), np.int64)
    first_near = first_far = 0
    for group in range(4):
        count = met if group == at else kept[2 * group]
        groups[0, group, 0], groups[0, group, 1] = first_near, first_near + count
        groups[0, group, 2] = -1 if group == at else size
        first_near += count
        size += kept[2 * group]
        count = met if group == at - 1 else kept[2 * group + 1]
        groups[1, group, 0], groups[1, group, 1] = first_far, first_far + count
        groups[1, group, 2] = -1 if group == at - 1 else size
        first_far += count
        size += kept[2 * group + 1]
    mesh = np.zeros((size, size + 2))
    meeting = np.zeros((met, met + size + 2))
    _gather(near, groups[0], mesh, meeting)
    _gather(far, groups[1], mesh, meeting)
    totals = np.zeros(met)
    for begin in range(0, met, _PANEL):
        _eliminate(meeting, totals, begin, min(begin + _PANEL, met))
    share = np.zeros((size, met))
    reached = np.zeros((met, size + 2))
    for k in range(met):
        for q in range(size + 2):
            reached[k, q] = meeting[k, met + q]
        if totals[k] > 0:
            for p in range(size):
                share[p, k] = meeting[k, met + p] / totals[k]
    _add(mesh, np.dot(share, reached))
    return mesh


@inner
def _add(target: Floats, other: Floats) -> None:
    for p in range(target.shape[0]):
        for q in range(target.shape[1]):
            target[p, q] += other[p, q]


@inner
def _eliminate(meeting: Floats, totals: Floats, begin: int, end: int) -> None:
    """Eliminate the nodes begin .. end of `meeting`, whose columns are its own nodes, the ports, and the sources.

    Nodes of the panel are eliminated one by one; the conductances that arise among the nodes after them are one product
    of matrices. A row keeps the conductances of its node at its elimination, `totals` their sum.
    """
    met, width = meeting.shape
    for k in range(begin, end):
        total = 0.0
        for q in range(k + 1, width - 1):
            total += meeting[k, q]
        totals[k] = total
        if total > 0:
            for other in range(k + 1, end):
                part = meeting[k, other] / total
                for q in range(other + 1, width):
                    meeting[other, q] += part * meeting[k, q]
    if end < met:
        share = np.zeros((met - end, end - begin))
        reached = np.zeros((end - begin, width - end))
        for k in range(begin, end):
            for q in range(width - end):
                reached[k - begin, q] = meeting[k, end + q]
            if totals[k] > 0:
                for q in range(met - end):
                    share[q, k - begin] = meeting[k, end + q] / totals[k]
        through = np.dot(share, reached)
        for k in range(met - end):
            for q in range(width - end):
                meeting[end + k, end + q] += through[k, q]


@inner
def _gather(block: Floats, groups: Ints, mesh: Floats, meeting: Floats) -> None:
    """Add a block's conductances where its ports are in the new block: kept, met, or from one to the other."""
    ports, size, met = block.shape[0], mesh.shape[0], meeting.shape[0]
    for here in range(4):
        for p in range(groups[here, 0], groups[here, 1]):
            k = p - groups[here, 0]
            meets = groups[here, 2] < 0
            for there in range(4):
                begin, end, place = groups[there, 0], groups[there, 1], groups[there, 2]
                if meets:
                    shift = met + place if place >= 0 else 0
                    for q in range(begin, end):
                        meeting[k, shift + q - begin] += block[p, q]
                elif place >= 0:
                    for q in range(begin, end):
                        mesh[groups[here, 2] + k, place + q - begin] = block[p, q]
            for source in range(2):
                if meets:
                    meeting[k, met + size + source] += block[p, ports + source]
                else:
                    mesh[groups[here, 2] + k, size + source] = block[p, ports + source]
