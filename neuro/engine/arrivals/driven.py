"""The usual case of a driven population, many neurons at a time: one drive, one rate, windows that are whole blocks."""

from __future__ import annotations

from math import inf

import numpy as np

from neuro.engine.arrivals.draws import JUST_BELOW, STEP, keys_of_block
from neuro.engine.arrivals.exponentials import exp_lanes
from neuro.engine.arrivals.lists import list_arrivals
from neuro.engine.codes import MOST_DRAWN, NO_ARRIVAL, UNTOUCHED
from neuro.engine.kernels.amplitude_form import Bound, clears, watch
from neuro.engine.kernels.arrays import Fixed, Index, Record, State, Workspace
from neuro.jit import inner, routine
from neuro.simd import (
    LANES,
    all_lanes,
    lane_choice,
    lane_min,
    not_below,
    store_keys,
    store_lanes,
    uniform_of_words,
)

MANY = 64
"""Neurons that are handled together."""
MOST = MANY * MOST_DRAWN + LANES
WORDS = 2 * MANY + 2 * MOST
"""Words of room for them: their counts twice, and for each arrival two numbers."""

__all__ = ["WORDS", "scan_driven"]


@inner
def store_counts(fixed: Fixed, work: Workspace, k: int, drive: Record, common: np.uint64, first: Index, n: int) -> None:
    """Write the keys of n neurons from the first on, and how many arrivals each has in the block."""
    words, counts, nothing, one = work.words[k], work.batch[k], all_lanes(0.0), all_lanes(1.0)
    for i in range(0, n, LANES):
        store_keys(words, i, common, first + i + 1)
        u, count = uniform_of_words(words, i), all_lanes(0.0)
        for at in range(drive.table_at, drive.table_end, LANES):
            for m in range(at, at + LANES):
                count = count + lane_choice(u, all_lanes(fixed.drive_table[m]), nothing, one)
            if not not_below(u, all_lanes(fixed.drive_table[at + LANES - 1])):
                break
        store_lanes(counts, i, count)


@inner
def store_effects(work: Workspace, k: int, group: Record, drive: Record, block: Index, total: Index) -> None:
    """For each of `total` arrivals, of which the words are known, write what a unit of it adds to a and b."""
    words, batch, start, span = work.words[k], work.batch[k], work.job[0], work.job[1] - work.job[0]
    last, number = all_lanes((block + 1) * drive.block * JUST_BELOW), np.float64(block)
    for i in range(0, total, LANES):
        x = lane_min((uniform_of_words(words, 2 * MANY + i) + number) * drive.block, last) - start
        store_lanes(batch, 2 * MANY + i, exp_lanes(x * group.rate_m, span * group.rate_m))
        if group.first_slow:
            store_lanes(batch, 2 * MANY + MOST + i, exp_lanes(x * group.rate_s, span * group.rate_s))


@routine
def scan_driven(
    fixed: Fixed, state: State, work: Workspace, k: int, g: Index, block: Index, height: float,
    em: float, es: float, p: float, q: float, up: float, most: float,
) -> None:  # fmt: skip
    """Choose between sums and a list for each neuron of thread k's share, and watch those that could spike.

    `block` is the block of draws that the window is; the last six numbers are the bound.
    """
    group, bound, start = fixed.groups[g], Bound(em, es, p, q, up, most), work.job[0]
    drive, common = fixed.drives[group.first_drive], keys_of_block(work, group.first_drive, block)
    words, batch, head, amp = work.words[k], work.batch[k], work.head, state.amp
    first, end = max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])
    for base in range(first, end, MANY):
        n, total = min(end - base, MANY), np.int64(0)
        store_counts(fixed, work, k, drive, common, base - group.start, n)
        for i in range(n):
            j = base + i
            count, sums, gap, a = np.int64(batch[i]), work.loose[j], state.gap[j], amp[j, 0]
            w = fixed.drive_weight[drive.weight_at + drive.own_weight * (j - group.start)]
            if head[j] == UNTOUCHED:
                head[j] = NO_ARRIVAL
            sums[2] += count * max(w, 0.0)
            lowered = gap - sums[2] * height
            batch[MANY + i] = 0.0
            if clears(bound, a, amp[j, 1], lowered):
                if group.rows:
                    work.true_gap[j], state.gap[j] = gap, lowered
                if a != -inf or group.first_slow:
                    word = words[i]
                    for m in range(count):
                        word += STEP
                        words[2 * MANY + total + m] = word
                    total += count
                    batch[MANY + i] = count
            else:
                list_arrivals(fixed, work, k, g, j)
                if a != inf:
                    watch(state, work, k, group, bound, j, gap, a, amp[j, 1], start)
        store_effects(work, k, group, drive, block, total)
        at = np.int64(2 * MANY)
        for i in range(n):
            j, count, s, r = base + i, np.int64(batch[MANY + i]), 0.0, 0.0
            w = fixed.drive_weight[drive.weight_at + drive.own_weight * (j - group.start)]
            for m in range(at, at + count):
                s += batch[m]
                if group.first_slow:
                    r += batch[MOST + m]
            work.loose[j, 0] += w * s
            work.loose[j, 1] += w * r
            at += count
