"""Elimination of the nodes inside a crossbar's wires by nested dissection, in sums of positive numbers alone."""

from __future__ import annotations

import numpy as np

from neuro.arrays import Floats, Ints
from neuro.jit import inner, kernel

__all__ = ["dissect"]


@kernel
def dissect(
    conductance: Floats, row: float, first: Floats, column: float, last: float, drive: Floats, side: int
) -> Floats:
    """Conductances between the terminals of a crossbar whose wires all have resistance.

    The array is halved until the blocks are small. A block is known by the conductances between the nodes at
    its rim; two neighbours are joined by eliminating the nodes that they share. Every elimination is a
    star-mesh transformation,  g_ab += g_ak g_kb / sum_c g_kc,  and the diagonal of each system that is solved
    is the sum of what its node is connected to. No conductance is the difference of two others, so that small
    ones are as exact as large ones. The work grows as the cube of the side. Source of the order of elimination:
    A. George, SIAM J. Numer. Anal. 10 (1973) 345.

    Parameters
    ----------
    conductance
        Devices, S, shape (rows, columns).
    row, column
        Conductance of one segment of a row or column wire, S.
    first
        Conductance from each row's driver to its first cell, S, shape (rows,); 0: the row is not driven.
    last
        Conductance from a column's last cell to its terminal, S.
    drive
        Voltage of each driver, V, shape (rows,): the drivers are then sources, not terminals. Empty: they are.
    side
        Blocks of up to so many rows and columns are eliminated cell by cell.

    Returns
    -------
    Floats
        Shape (p, p + 2) for p terminals: the drivers, unless they are sources, then the columns. The first p
        entries of a row are the conductances to the other terminals, S, the next is the conductance to all
        sources together, S, the last the current that the sources drive into it with all terminals at 0 V, A.
    """
    rows, columns = conductance.shape
    sources = drive.size > 0
    down, across = _parts(rows, side), _parts(columns, side)
    high, wide = down.size - 1, across.size - 1
    blocks = [np.zeros((0, 0)) for _ in range(high * wide)]
    for i in range(high):
        for j in range(wide):
            cells = conductance[down[i] : down[i + 1], across[j] : across[j + 1]]
            inlet = first[down[i] : down[i + 1]] if j == 0 else np.full(cells.shape[0], row)
            outlet = last if i == high - 1 else column
            volts = drive[down[i] : down[i + 1]] if sources and j == 0 else drive[:0]
            blocks[i * wide + j] = _leaf(cells, row, inlet, column, outlet, volts, j < wide - 1, i > 0)
    while high * wide > 1:
        # Blocks stay as square as they can: the shorter side doubles.
        sideways = wide > 1 and (high == 1 or columns * high <= rows * wide)
        high_now, wide_now = (high, (wide + 1) // 2) if sideways else ((high + 1) // 2, wide)
        joined = [np.zeros((0, 0)) for _ in range(high_now * wide_now)]
        for i in range(high_now):
            for j in range(wide_now):
                if sideways:
                    one, two = i * wide + 2 * j, i * wide + min(2 * j + 1, wide - 1)
                    m, n1, n2 = down[i + 1] - down[i], across[2 * j + 1] - across[2 * j], 0
                    if two > one:
                        n2 = across[2 * j + 2] - across[2 * j + 1]
                    left = 0 if sources and j == 0 else m
                    right = m if 2 * j + 2 < wide else 0
                    kept = np.array([left, 0, 0, right, n1 * (i > 0), n2 * (i > 0), n1, n2])
                    met = m
                else:
                    one, two = 2 * i * wide + j, min(2 * i + 1, high - 1) * wide + j
                    n, m1, m2 = across[j + 1] - across[j], down[2 * i + 1] - down[2 * i], 0
                    if two > one:
                        m2 = down[2 * i + 2] - down[2 * i + 1]
                    left, right = int(not (sources and j == 0)), int(j < wide - 1)
                    kept = np.array([m1 * left, m2 * left, m1 * right, m2 * right, n * (i > 0), 0, 0, n])
                    met = n
                both = blocks[one]
                if two > one:
                    both = _join(both, blocks[two], kept, met, 1 if sideways else 3)
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
    """Where the fewest equal parts of at most `side` cells begin, and the end."""
    count = (size + side - 1) // side
    edges = np.zeros(count + 1, np.int64)
    for k in range(count + 1):
        edges[k] = k * size // count
    return edges


@inner
def _halved(edges: Ints) -> Ints:
    """Every second edge, and the last."""
    return np.append(edges[:-1:2], edges[-1])


@inner
def _leaf(
    cells: Floats,
    row: float,
    inlet: Floats,
    column: float,
    outlet: float,
    volts: Floats,
    rightmost_open: bool,
    top_open: bool,
) -> Floats:
    """A block, cell by cell. Ports: left ends, right ends, tops, bottom ends; where the array ends, none."""
    m, n = cells.shape
    left = 0 if volts.size > 0 else m
    right = m if rightmost_open else 0
    top = n if top_open else 0
    size = left + right + top + n
    mesh = np.zeros((size, size + 2))
    node = np.zeros(size + 2)
    bottoms = size - n
    for i in range(m):
        # The node that is eliminated next, by what it is connected to; here the first cell of a row.
        node[:] = 0
        if left > 0:
            node[i] = inlet[i]
        else:
            node[size] = inlet[i]
            node[size + 1] = inlet[i] * volts[i]
        below = left + right if i == 0 and top > 0 else bottoms
        for j in range(n):
            node[below + j] += cells[i, j]
            if j < n - 1:
                _extend(mesh, node, row)
        if right > 0:
            mesh[left + i, :] = node
            mesh[:, left + i] = node[:size]
        else:
            _extend(mesh, node, 0.0)
        step = outlet if i == m - 1 else column
        for j in range(n):
            place = bottoms + j
            if below != bottoms:
                mesh[below + j, place] = step
                mesh[place, below + j] = step
                continue
            mesh[place, place] = 0
            node[:] = mesh[place]
            _extend(mesh, node, step)
            mesh[place, :] = node
            mesh[:, place] = node[:size]
    return mesh


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
def _join(one: Floats, two: Floats, kept: Ints, met: int, at: int) -> Floats:
    """Two blocks as one. `kept`: left, right, top and bottom ports of the new block, from each of the two in turn.

    `at`: which group of ports of the first block meets those of the second, 1 its right or 3 its bottom ones.
    """
    size = kept.sum()
    place_one, place_two = np.full(one.shape[0], -1), np.full(two.shape[0], -1)
    here_one = here_two = here = begin_one = begin_two = 0
    for group in range(4):
        if group == at:
            begin_one = here_one
            here_one += met
        if group == at - 1:
            begin_two = here_two
            here_two += met
        for _ in range(kept[2 * group]):
            place_one[here_one] = here
            here_one += 1
            here += 1
        for _ in range(kept[2 * group + 1]):
            place_two[here_two] = here
            here_two += 1
            here += 1
    mesh = np.zeros((size, size + 2))
    among = np.zeros((met, met))
    out = np.zeros((met, size + 2))
    for block, place, begin in ((one, place_one, begin_one), (two, place_two, begin_two)):
        ports = block.shape[0]
        for p in range(ports):
            if place[p] >= 0:
                for q in range(ports):
                    if place[q] >= 0:
                        mesh[place[p], place[q]] = block[p, q]
                mesh[place[p], size:] = block[p, ports:]
        for k in range(met):
            for p in range(ports):
                if place[p] >= 0:
                    out[k, place[p]] += block[begin + k, p]
            out[k, size:] += block[begin + k, ports:]
            for other in range(met):
                if other != k:
                    among[k, other] -= block[begin + k, begin + other]
    for k in range(met):
        total = 0.0
        for p in range(size + 1):
            total += out[k, p]
        for other in range(met):
            if other != k:
                total -= among[k, other]
        # A node that is connected to nothing may have any voltage.
        among[k, k] = total if total > 0 else 1.0
    reached = np.linalg.solve(among, out)
    mesh += np.dot(np.ascontiguousarray(out[:, :size].T), reached)
    return mesh
