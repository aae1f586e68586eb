"""Which neurons each thread has: shares that cost about the same, once a run has counted its synaptic events.

Costs come from counts, never from a clock. Nothing that a run computes depends on the shares.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.codes import ONE_LAG
from neuro.engine.lower.program import Program
from neuro.validation import Floats, Ints

__all__ = ["balanced_shares", "cost_of_neurons", "is_enough", "keep_shares", "shares_of"]

PART, LOOSE, WINDOW = 45.0, 14.0, 0.8
"""Cost of taking up a row, of an arrival that comes by itself, and of a neuron in a window that brings it nothing, in
units of what one synapse of a row costs.

They are as measured on the cortical microcircuit (`docs/published_networks.md`)."""
ENOUGH = 10_000_000
"""A run's first so many synaptic events tell what the neurons cost."""
WORTH = 0.95
"""Shares change where the largest then costs less than this part of what it costs now."""

_SHARES: WeakKeyDictionary[Program, dict[int, Ints]] = WeakKeyDictionary()
"""Balanced shares by number of threads."""
_PART_LENGTHS: WeakKeyDictionary[Program, Floats] = WeakKeyDictionary()


def shares_of(program: Program, threads: int) -> Ints:
    """Bounds of the neurons of each thread, shape (threads + 1,): those that an earlier run balanced, if one did."""
    known = _SHARES.get(program, {}).get(threads)
    return program.shares(threads) if known is None else known


def keep_shares(program: Program, shares: Ints) -> None:
    """Keep shares for `shares_of`."""
    _SHARES.setdefault(program, {})[len(shares) - 1] = shares


def is_enough(events: Ints) -> bool:
    """Do so many synaptic events tell what neurons cost?"""
    return bool(events.sum() >= ENOUGH)


def balanced_shares(program: Program, shares: Ints, events: Ints, seconds: float) -> Ints:
    """Bounds of shares that cost about the same, or `shares`, if they are nearly as good.

    `events` are the synaptic events by projection in so many seconds.
    """
    threads, done = len(shares) - 1, np.append(0.0, np.cumsum(cost_of_neurons(program, events, seconds)))
    inner = np.searchsorted(done[1:], np.arange(1, threads) * (done[-1] / threads))
    found = np.array([0, *inner, program.size], np.int64)
    return found if np.diff(done[found]).max() < WORTH * np.diff(done[shares]).max() else shares


def cost_of_neurons(program: Program, events: Ints, seconds: float) -> Floats:
    """What each neuron costs, for these synaptic events by projection in so many seconds.

    A population costs what its synaptic events do; its neurons share that by their numbers of synapses. Each window
    and each arrival from a drive costs something besides, whether or not there are synapses.
    """
    groups, bundles, network = program.fixed.groups, program.fixed.bundles, program.network
    cost, windows = np.zeros(len(groups)), seconds / program.window
    each = np.where(bundles["lags"] == ONE_LAG, 1.0 + PART / _part_lengths(program), LOOSE)
    np.add.at(cost, bundles["group"], events * each)
    load = program.load_of_neurons.astype(float)
    for name, total in zip(network.populations, cost, strict=True):
        own = program.slice(name)
        if own.stop > own.start:
            load[own] *= total / load[own].sum()
            load[own] += WINDOW * windows
            for drive in network.drives.get(name, ()):
                load[own] += LOOSE * seconds * drive.greatest_rates(own.stop - own.start)
    return load


def _part_lengths(program: Program) -> Floats:
    """The mean number of synapses in a segment of each projection."""
    if program not in _PART_LENGTHS:
        segments, n = program.fixed.segments, len(program.fixed.bundles)
        number = np.bincount(segments["projection"], minlength=n)
        synapses = np.bincount(segments["projection"], segments["count"], minlength=n)
        _PART_LENGTHS[program] = np.maximum(synapses, 1.0) / np.maximum(number, 1)
    return _PART_LENGTHS[program]
