"""Which neurons each thread has: shares that cost about the same, once a run has counted its synaptic events.

Nothing that a run computes depends on the shares.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.codes import ONE_LAG
from neuro.engine.lower.program import Program
from neuro.validation import Floats, Ints

__all__ = ["balanced_shares", "cost_of_neurons", "note_events", "shares_of"]

PART, LOOSE = 130.0, 32.0
"""Cost of taking up a row, and of an arrival that comes by itself, in units of what one synapse of a row costs.

They are as measured on the cortical microcircuit (`docs/published_networks.md`)."""
ENOUGH = 10_000_000
"""A run's first so many synaptic events tell what the neurons cost."""
WORTH = 0.95
"""Shares change where the largest then costs less than this part of what it costs now."""

_EVENTS: WeakKeyDictionary[Program, Ints] = WeakKeyDictionary()
_PART_LENGTHS: WeakKeyDictionary[Program, Floats] = WeakKeyDictionary()


def shares_of(program: Program, threads: int) -> Ints:
    """Bounds of the neurons of each thread, shape (threads + 1,), from what earlier runs of the program counted."""
    shares = program.shares(threads)
    return shares if program not in _EVENTS else balanced_shares(program, shares, _EVENTS[program])


def note_events(program: Program, events: Ints) -> bool:
    """Keep a run's synaptic events by projection for `shares_of`. Returns False if there are too few of them."""
    enough = bool(events.sum() >= ENOUGH)
    if enough:
        _EVENTS[program] = events.copy()
    return enough


def balanced_shares(program: Program, shares: Ints, events: Ints) -> Ints:
    """Bounds of shares that cost about the same, or `shares`, if they are nearly as good."""
    threads, done = len(shares) - 1, np.append(0.0, np.cumsum(cost_of_neurons(program, events)))
    inner = np.searchsorted(done[1:], np.arange(1, threads) * (done[-1] / threads))
    found = np.array([0, *inner, program.size], np.int64)
    return found if np.diff(done[found]).max() < WORTH * np.diff(done[shares]).max() else shares


def cost_of_neurons(program: Program, events: Ints) -> Floats:
    """What each neuron costs, for these synaptic events by projection.

    A population costs what its synaptic events do; its neurons share that by their numbers of synapses.
    """
    groups, bundles = program.fixed.groups, program.fixed.bundles
    cost = np.zeros(len(groups))
    each = np.where(bundles["lags"] == ONE_LAG, 1.0 + PART / _part_lengths(program), LOOSE)
    np.add.at(cost, bundles["group"], events * each)
    load = program.load_of_neurons.astype(float)
    for group, total in zip(groups, cost, strict=True):
        own = slice(int(group["start"]), int(group["stop"]))
        load[own] *= total / load[own].sum()
    return load


def _part_lengths(program: Program) -> Floats:
    """The mean number of synapses in a segment of each projection."""
    if program not in _PART_LENGTHS:
        segments, n = program.fixed.segments, len(program.fixed.bundles)
        number = np.bincount(segments["projection"], minlength=n)
        synapses = np.bincount(segments["projection"], segments["count"], minlength=n)
        _PART_LENGTHS[program] = np.maximum(synapses, 1.0) / np.maximum(number, 1)
    return _PART_LENGTHS[program]
