"""Draws of Poisson arrivals: they depend on a drive's key, the neuron and the block of absolute time, and on no state.

In a block the number of a neuron's arrivals has a Poisson distribution with mean rate times length, and the arrivals
are uniform in time. A rate that changes is drawn at its greatest, and each arrival is kept with the probability of the
rate at its time. Number n of a key's sequence is SplitMix64's mix of key + n times the golden ratio.
"""

from __future__ import annotations

from math import ceil, exp, floor, inf

import numpy as np

from neuro.engine.codes import MOST_DRAWN
from neuro.engine.kernels.arrays import F8, I8, Fixed, Index, Record, Workspace
from neuro.jit import highest_bit, inlined, inner, kernel
from neuro.simd import GOLDEN, LANES, MIX, all_lanes, lane_min, load_lanes, not_below, store_lanes, uniform_of_words

STEP, FIRST_FACTOR, SECOND_FACTOR = np.uint64(GOLDEN), np.uint64(MIX[0]), np.uint64(MIX[1])
THINNING = np.uint64(0x5851F42D4C957F2D)
"""Parts the numbers that decide which arrivals are kept from those that place them."""
U12, U27, U30, U31 = np.uint64(12), np.uint64(27), np.uint64(30), np.uint64(31)
DRAWN_AT = 4 * LANES
"""Place in a row of `Workspace.lanes` of the first time that is drawn; the places before are free."""
WORDS_AT = 64
"""Place in a row of `Workspace.words` of the words of the times that are drawn next."""
ALL_MARKS = np.uint64(2**LANES - 1)
JUST_BELOW = 1.0 - 2.0**-53
"""Factor from a number to the next one below."""
ROUNDING = 2.0**-50
"""Bound of the relative error of a sum of two times."""
BLOCKS_AHEAD = 8
"""A neuron's next arrival is looked for in so many blocks after the window."""

__all__ = [
    "DRAWN_AT",
    "WORDS_AT",
    "any_drawn",
    "blocks_of",
    "count_of",
    "draw_times",
    "key_of",
    "keys_of_block",
    "list_drawn",
]


@inlined
def mixed(z: np.uint64) -> np.uint64:
    """SplitMix64's mix of a word."""
    z = (z ^ (z >> U30)) * FIRST_FACTOR
    z = (z ^ (z >> U27)) * SECOND_FACTOR
    return z ^ (z >> U31)


@inlined
def uniform_of(z: np.uint64) -> float:
    """The number in [0, 1) that a mixed word stands for, as in `uniform_of_words`."""
    return np.float64(z >> U12) * 2.0**-52


@inner
def keys_of_block(work: Workspace, d: Index, block: Index) -> np.uint64:
    """What the keys of all neurons for a block of drive d have in common."""
    return mixed(work.drive_key[d] + np.uint64(block + 1) * STEP)


@inner
def key_of(common: np.uint64, i: Index) -> np.uint64:
    """The key of the draws of a population's neuron i."""
    return mixed(common ^ (np.uint64(i + 1) * FIRST_FACTOR))


@inner
def blocks_of(drive: Record, start: float, end: float) -> tuple[np.int64, np.int64, bool]:
    """First and last of the blocks that can have arrivals in [start, end), and whether these blocks fill it exactly."""
    low, high = start - drive.delay, end - drive.delay
    if drive.delay > 0.0:
        slack = ROUNDING * (end + drive.delay)
        low, high = low - slack, high + slack
    first, last = np.int64(max(floor(low / drive.block), 0)), np.int64(max(ceil(high / drive.block), 0))
    return first, last, drive.delay == 0.0 and first * drive.block == start and last * drive.block == end


@inner
def count_of(fixed: Fixed, drive: Record, key: np.uint64, i: Index) -> int:
    """How many arrivals neuron i has in the block of this key, at the drive's greatest rate: the inverse method."""
    u, n = uniform_of(mixed(key)), 0
    if drive.own_mean:
        mean = fixed.drive_mean[drive.mean_at + i]
        part = exp(-mean)
        total = part
        while u >= total and n < MOST_DRAWN:
            n += 1
            part *= mean / n
            total += part
        return n
    here = all_lanes(u)
    for at in range(drive.table_at, drive.table_end, LANES):
        marks = not_below(here, load_lanes(fixed.drive_table, at))
        if marks != ALL_MARKS:
            return n + (highest_bit(marks) + 1 if marks else 0)
        n += LANES
    return n


@inner
def share_at(fixed: Fixed, drive: Record, i: Index, t: float) -> float:
    """The rate of neuron i at `t`, as a share of the drive's greatest."""
    time, share, first, n = fixed.knot_time, fixed.knot_share, drive.knots_at, drive.knots
    a, b = np.int64(0), np.int64(n)
    while a < b:
        middle = (a + b) // 2
        if time[first + middle] <= t:
            a = middle + 1
        else:
            b = middle
    if a == 0:
        return 0.0
    at = drive.shares_at + (drive.own_shares * i) * n + a - 1
    if not drive.linear or a == n:
        return float(share[at])
    before, after = time[first + a - 1], time[first + a]
    return float(share[at] + (share[at + 1] - share[at]) * ((t - before) / (after - before)))


@inner
def draw_times(
    fixed: Fixed, work: Workspace, k: int, drive: Record, key: np.uint64, block: Index, i: Index, n: int
) -> int:
    """Write the times of neuron i's n arrivals of a block to work.lanes[k, DRAWN_AT:]; returns how many are kept."""
    drawn, words = work.lanes[k], work.words[k]
    last, number = all_lanes((block + 1) * drive.block * JUST_BELOW), np.float64(block)
    for m in range(0, n, LANES):
        for lane in range(LANES):
            words[WORDS_AT + lane] = key + np.uint64(m + lane + 1) * STEP
        # The sum can round up to the block's end, which belongs to the next block.
        t = lane_min((uniform_of_words(words, WORDS_AT) + number) * drive.block, last)
        store_lanes(drawn, DRAWN_AT + m, t + drive.delay)
    if drive.knots == 0:
        return n
    kept, other = 0, mixed(key ^ THINNING)
    for m in range(n):
        t = drawn[DRAWN_AT + m]
        if uniform_of(mixed(other + np.uint64(m) * STEP)) < share_at(fixed, drive, i, t - drive.delay):
            drawn[DRAWN_AT + kept] = t
            kept += 1
    return kept


@inner
def next_drawn(fixed: Fixed, work: Workspace, k: int, group: Record, j: Index, start: float, end: float) -> float:
    """The first arrival from drives at neuron j at `start` or later, or an earlier time that is not before `end`."""
    found, i = inf, j - group.start
    for d in range(group.first_drive, group.first_drive + group.drives):
        drive = fixed.drives[d]
        first, last, _ = blocks_of(drive, start, end)
        block, stop, at = first, last + BLOCKS_AHEAD, inf
        while at == inf and block < stop:
            key = key_of(keys_of_block(work, d, block), i)
            n = count_of(fixed, drive, key, i)
            if n:
                for m in range(draw_times(fixed, work, k, drive, key, block, i, n)):
                    t = work.lanes[k, DRAWN_AT + m]
                    if start <= t < at:
                        at = t
            block += 1
        found = min(found, at, stop * drive.block + drive.delay)
    return found


@inner
def any_drawn(fixed: Fixed, work: Workspace, k: int, group: Record, j: Index, start: float, end: float) -> bool:
    """Do drives bring neuron j anything in the window [start, end)?

    In windows that are longer than a quarter of a block the answer is always yes. In others, most of which have no
    arrival, it is exact, and the neuron's next arrival is kept until the windows come there.
    """
    if group.drives == 0:
        return False
    known = work.next_drawn[j]
    if known[0] <= start and end <= known[1]:
        return False
    if known[0] == start:
        return True
    for d in range(group.first_drive, group.first_drive + group.drives):
        if fixed.drives[d].block < 4.0 * (end - start):
            return True
    at = next_drawn(fixed, work, k, group, j, start, end)
    known[0], known[1] = start, at
    return bool(at < end)


@kernel
def list_drawn(
    fixed: Fixed, work: Workspace, d: int, size: int, start: float, end: float, time: F8, who: I8
) -> int:  # fmt: skip
    """Write all arrivals of drive d in [start, end) at `size` neurons, in no order; returns their number.

    Returns -1 if there may be too little room.
    """
    drive, total = fixed.drives[d], 0
    first, last, _ = blocks_of(drive, start, end)
    for block in range(first, last):
        common = keys_of_block(work, d, block)
        for i in range(size):
            key = key_of(common, i)
            n = count_of(fixed, drive, key, i)
            if n == 0:
                continue
            if total + n > len(time):
                return -1
            n = draw_times(fixed, work, 0, drive, key, block, i, n)
            for m in range(n):
                t = work.lanes[0, DRAWN_AT + m]
                if start <= t < end:
                    time[total], who[total] = t, i
                    total += 1
    return total
