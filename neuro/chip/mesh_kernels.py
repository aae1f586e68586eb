"""Walking over the mesh, stretch by stretch: the kernel behind `neuro.chip.mesh.travelled`."""

from __future__ import annotations

import numpy as np

from neuro.jit import inner, kernel
from neuro.validation import Floats, Ints

__all__ = ["walk"]


@inner
def stretch(axis: int, line: int, begin: int, end: int, spikes: float, size: Ints, hops: Ints, change: Floats) -> None:
    """Enter one straight stretch along an axis, in a line across it, for one neuron."""
    if begin == end:
        return
    way, low, high = 2 * axis, begin, end
    if end < begin:
        way, low, high = way + 1, end, begin
    between = high // size[axis] - low // size[axis]
    hops[way] += high - low - between
    hops[4] += between
    change[way, line, low] += spikes
    change[way, line, high] -= spikes


@kernel
def walk(
    start: Ints,
    entry_core: Ints,
    home: Ints,
    xy: Ints,
    spikes: Floats,
    first: int,
    tree: bool,
    size: Ints,
    hops: Ints,
    change: Floats,
) -> None:
    """Enter the paths of all neurons: into `hops`, by neuron and kind, and as steps into `change`, by way and line.

    A path goes along axis `first` in the line of its source, and then along the other one in the line of its target. In
    a tree there is one stretch each way along the first axis, as far as the farthest target, and one each way in every
    line that has targets.
    """
    second = 1 - first
    lines, count = np.zeros(change.shape[1], np.int64), 0
    low, high = np.full(change.shape[1], -1), np.full(change.shape[1], -1)
    for neuron in range(len(home)):
        if home[neuron] < 0:
            continue
        here, across, fired, own = xy[home[neuron], first], xy[home[neuron], second], spikes[neuron], hops[neuron]
        least, most = here, here
        for entry in range(start[neuron], start[neuron + 1]):
            there, target = xy[entry_core[entry], first], xy[entry_core[entry], second]
            if not tree:
                stretch(first, across, here, there, fired, size, own, change)
                stretch(second, there, across, target, fired, size, own, change)
                continue
            if low[there] < 0:
                lines[count], low[there], high[there] = there, across, across
                count += 1
            least, most = min(least, there), max(most, there)
            low[there], high[there] = min(low[there], target), max(high[there], target)
        stretch(first, across, here, most, fired, size, own, change)
        stretch(first, across, here, least, fired, size, own, change)
        for place in range(count):
            line = lines[place]
            stretch(second, line, across, high[line], fired, size, own, change)
            stretch(second, line, across, low[line], fired, size, own, change)
            low[line], high[line] = -1, -1
        count = 0
