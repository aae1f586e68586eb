"""Starts on more cores: each part of a placement cut into pieces that are busy at different times."""

from __future__ import annotations

import heapq

import numpy as np

from neuro.chip.model import Chip
from neuro.jit import as_table, kernel
from neuro.mapping.latency.loads import Room
from neuro.mapping.latency.work import Work
from neuro.validation import Floats, Ints

__all__ = ["in_pieces"]


def in_pieces(work: Work, room: Room, chip: Chip, core: Ints, cores: int) -> Ints:
    """The same placement on up to `cores` cores; the busiest parts are cut into the most pieces.

    A piece goes to a core like that of its part: first to free cores of tiles in use, then to those of further tiles.
    """
    home = np.unique(core)
    busy, group = _seconds(work, core), chip.core_group
    free = np.setdiff1d(np.flatnonzero(room.usable), home)
    free = free[np.argsort(~np.isin(work.tile[free], work.tile[home]), kind="stable")].tolist()
    pieces = {int(c): [int(c)] for c in home}
    loose = {int(c): int(np.count_nonzero(~room.fixed[core == c])) for c in home}
    total = {int(c): float(busy[core == c].sum()) for c in home}
    queue = [(-total[c], c) for c in pieces]
    heapq.heapify(queue)
    for _ in range(min(cores - len(home), len(free))):
        while queue:
            _, c = heapq.heappop(queue)
            more = next((other for other in free if group[other] == group[c]), None)
            if more is None or loose[c] < len(pieces[c]) + 1:
                continue
            free.remove(more)
            pieces[c].append(more)
            heapq.heappush(queue, (-total[c] / len(pieces[c]), c))
            break
    found = core.copy()
    for c, places in pieces.items():
        if len(places) > 1:
            members = np.flatnonzero(core == c)
            stay, go = members[room.fixed[members]], members[~room.fixed[members]]
            order = np.concatenate([stay, go[np.argsort(-busy[go], kind="stable")]])
            load = np.zeros((len(places), len(work.weight)))
            _cut(as_table(work), order, len(stay), np.array(places), load, np.zeros(load.shape[1]), found)
    return found


def _seconds(work: Work, core: Ints) -> Floats:
    """Seconds that each neuron takes of its core in all steps, without messages."""
    base = (work.updates * work.idle[core] + work.fan_in * work.mac[core]) * work.weight.sum()
    neuron = np.repeat(np.arange(len(core)), np.diff(work.start))
    each = work.cell[neuron] * work.spike[core[neuron]] * work.spikes
    each = (each + work.updates[neuron] * work.active[core[neuron]]) * work.weight[work.column]
    own = np.bincount(neuron, each, len(core))
    return np.asarray(base + own + work.synapse[core] * (work.got @ work.weight))


@kernel
def _cut(work: Work, order: Ints, stay: int, places: Ints, load: Floats, row: Floats, core: Ints) -> None:
    """Put neurons one after the other on the core where the busiest of these cores gains least.

    Of equal ones it is that with the least load, and for neurons that take no time that with the fewest neurons.
    """
    top, sums, sizes = np.zeros(len(row)), np.zeros(len(places)), np.zeros(len(places))
    for number in range(len(order)):
        v = order[number]
        best, least, fewest = 0, np.inf, np.inf
        for k in range(1 if number < stay else len(places)):
            c = places[k]
            _row_of(work, v, c, row)
            more = 0.0
            for t in range(len(row)):
                more += work.weight[t] * max(0.0, load[k, t] + row[t] - top[t])
            held = sums[k] if row.max() > 0.0 else sizes[k]
            if more < least or (more == least and held < fewest):
                best, least, fewest = k, more, held
        core[v] = places[best]
        sizes[best] += 1.0
        _row_of(work, v, places[best], row)
        for t in range(len(row)):
            load[best, t] += row[t]
            sums[best] += work.weight[t] * row[t]
            top[t] = max(top[t], load[best, t])


@kernel
def _row_of(work: Work, v: int, c: int, row: Floats) -> None:
    """Seconds that neuron v takes of core c in each column, without messages."""
    base = work.updates[v] * work.idle[c] + work.fan_in[v] * work.mac[c]
    for t in range(len(row)):
        row[t] = base + work.synapse[c] * work.got[v, t]
    once, each = work.updates[v] * work.active[c], work.cell[v] * work.spike[c]
    for k in range(work.start[v], work.start[v + 1]):
        row[work.column[k]] += once + each * work.spikes[k]
