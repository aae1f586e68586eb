"""Neurons that would fire without end: found when a network is built, or else when one does it."""

from __future__ import annotations

import numpy as np

from neuro.arrays import Floats, Ints
from neuro.engine.program import Program
from neuro.engine.records import CULPRIT, State
from neuro.errors import NetworkError

__all__ = ["check_spikes", "fault"]

FASTEST = 1e9
"""Spikes per second beyond which no neuron means what it says."""
REMEDY = "Give it a refractory time, a reset further below its threshold, or weaker input"


def check_spikes(program: Program, time: Floats, neuron: Ints) -> None:
    """Refuse a neuron that fires at more than `FASTEST` in a train of spikes, sorted or not.

    A train of 100 decides; where reset subtracts, 100,000, since one strong input may rightly set off many at once.

    Raises
    ------
    NetworkError
        With the population, the neuron in it, the time and the rate.
    """
    order = np.lexsort((time, neuron))
    when, who = time[order], neuron[order]
    subtract = program.fixed.cells["subtract"][who] != 0
    for n, among in ((100, ~subtract), (100_000, subtract)):
        span = when[n - 1 :] - when[: len(when) - n + 1]
        first = who[: len(span)]
        bad = (first == who[n - 1 :]) & among[: len(span)] & (span * FASTEST < n - 1)
        if bad.any():
            k = int(np.argmax(bad))
            raise _error(program, int(first[k]), float(when[k]), n, float(span[k]))


def fault(program: Program, arrays: State, time: Floats, neuron: Ints) -> NetworkError:
    """What to say of the neuron at which a kernel gave up."""
    j = int(arrays.register[CULPRIT])
    train = np.sort(time[neuron == j])
    if len(train) > 1:
        return _error(program, j, float(train[0]), len(train), float(train[-1] - train[0]))
    return _error(program, j, float(arrays.neurons["last"][j]), 0, 0.0)


def _error(program: Program, j: int, time: float, count: int, span: float) -> NetworkError:
    name = next(n for n in program.offset if program.slice(n).start <= j < program.slice(n).stop)
    where = f"population {name!r}, neuron {j - program.offset[name]}"
    if count < 2:
        return NetworkError(
            "a neuron must not change between its limits a million times in one instant",
            where=where,
            value=f"that at {time:.9g} s",
            remedy=REMEDY,
        )
    rate = "without end" if span == 0.0 else f"{(count - 1) / span:.3g} times a second"
    return NetworkError(
        f"a neuron may fire at most {FASTEST:.0e} times a second, and a million times in one window",
        where=where,
        value=f"{count:,} spikes in {span:.3g} s ({rate}) from {time:.9g} s on",
        remedy=REMEDY,
    )
