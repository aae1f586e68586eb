"""Kernels that count routes, for `neuro.chip.routes` and for the mapping."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.validation import Ints

__all__ = ["count_routes", "group_by_source"]

Ids = NDArray[np.uint32]


@kernel
def count_routes(start: Ints, target: Ids, synapses: Ids, core: Ints, cores: int) -> tuple[Ints, Ints, Ints]:
    """Count the synapses of each source neuron onto each core.

    The targets of source neuron i are target[start[i]] .. target[start[i + 1] - 1], in any order, also several times.
    Entry k of `target` stands for synapses[k] synapses, and target j is on core[j]. The results are the first entry of
    each source neuron, shape (sources + 1,), the cores of the entries, increasing within a source neuron, and the
    synapses of the entries, which may be 0.
    """
    n = len(start) - 1
    first = np.zeros(n + 1, np.int64)
    seen = np.full(cores, -1, np.int64)
    for i in range(n):
        first[i + 1] = first[i]
        for k in range(start[i], start[i + 1]):
            c = core[target[k]]
            if seen[c] != i:
                seen[c] = i
                first[i + 1] += 1
    entry, count = np.empty(first[n], np.int64), np.zeros(first[n], np.int64)
    total = np.zeros(cores, np.int64)
    seen[:] = -1
    for i in range(n):
        low, high = first[i], first[i + 1]
        # A few cores are inserted in order; of many, looking at all cores of the chip finds the order sooner.
        few = (high - low) ** 2 <= cores
        filled = low
        for k in range(start[i], start[i + 1]):
            c = core[target[k]]
            if seen[c] != i:
                seen[c] = i
                total[c] = 0
                if few:
                    at = filled
                    while at > low and entry[at - 1] > c:
                        entry[at] = entry[at - 1]
                        at -= 1
                    entry[at] = c
                    filled += 1
            total[c] += synapses[k]
        if not few:
            for c in range(cores):
                if seen[c] == i:
                    entry[filled] = c
                    filled += 1
        for at in range(low, high):
            count[at] = total[entry[at]]
    return first, entry, count


@kernel
def group_by_source(source: Ids, target: Ids, marked: Ids, sources: int) -> tuple[Ints, Ids, Ids]:
    """Bring listed synapses into the order of their source neurons: first synapse of each, targets, and marks."""
    start = np.zeros(sources + 1, np.int64)
    for k in range(len(source)):
        start[source[k] + 1] += 1
    for i in range(sources):
        start[i + 1] += start[i]
    place = start[:-1].copy()
    targets, marks = np.empty(len(target), np.uint32), np.empty(len(marked), np.uint32)
    for k in range(len(source)):
        at = place[source[k]]
        place[source[k]] += 1
        targets[at] = target[k]
        if len(marked) > 0:
            marks[at] = marked[k]
    return start, targets, marks
