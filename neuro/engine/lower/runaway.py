"""Neurons that would fire without end: refused at `build` where the bias alone does it, or else when one does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuro.engine.kernels.arrays import CULPRIT, State
from neuro.errors import NetworkError
from neuro.network.graph import Network
from neuro.network.neurons import AHP, ALIF, IF, LIF
from neuro.validation import Floats, Ints

if TYPE_CHECKING:
    from neuro.engine.lower.program import Program

__all__ = ["check_bias", "check_spikes", "crowded", "fault"]

FASTEST = 1e9
"""Spikes per second beyond which no neuron means what it says."""
REMEDY = "Give it a refractory time, a reset further below its threshold, or weaker input"


def check_bias(network: Network) -> None:
    """Refuse neurons that their constant bias makes fire at more than `FASTEST`.

    Between two spikes a LIF takes  refractory + tau_m ln((D - v_reset) / (D - v_th)),  D = v_rest + bias, and an IF
    refractory + (v_th - v_reset) / bias. Neurons that adapt are left to `check_spikes`.

    Raises
    ------
    NetworkError
        With the population, the neuron in it, and the rate.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, v_reset=1 - 1e-9, bias=2.0)))
    >>> check_bias(net)
    Traceback (most recent call last):
    ...
    neuro.errors.NetworkError: population 'cell', neuron 0: a neuron may fire at most 1e+09 times a second; ...
    """
    for population in network.populations.values():
        model = population.model
        if not isinstance(model, LIF | IF) or isinstance(model, AHP | ALIF):
            continue
        of = population.parameter
        threshold, bias = of("v_th", np.inf), of("bias")
        reset = np.zeros(population.size) if model.reset == "subtract" else of("v_reset")
        if isinstance(model, LIF):
            drive = of("v_rest") + bias
            fires = drive > threshold
            away = np.where(fires, drive - threshold, 1.0)
            interval = of("tau_m") * np.log1p(np.maximum(threshold - reset, 0.0) / away)
        else:
            fires = bias > 0.0
            interval = np.maximum(threshold - reset, 0.0) / np.where(fires, bias, 1.0)
        fires = fires & (threshold <= of("v_max", np.inf))
        interval = interval + of("refractory")
        bad = fires & (interval * FASTEST < 1.0)
        if bad.any():
            i = int(np.argmax(bad))
            rate = "without end" if interval[i] == 0.0 else f"{1.0 / interval[i]:.3g} times a second"
            raise NetworkError(
                f"a neuron may fire at most {FASTEST:.0e} times a second",
                where=f"population {population.name!r}, neuron {i}",
                value=f"{rate} by its bias alone: v_th - v_reset is {threshold[i] - reset[i]:.3g}",
                remedy=REMEDY,
            )


def crowded(time: Floats) -> bool:
    """Do so many spikes lie so close together, in a sorted train of all neurons, that `check_spikes` might object?"""
    return bool(np.any(time[99:] - time[:-99] < 99 / FASTEST)) if len(time) > 99 else False


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
    subtract = program.of("subtract", who) != 0
    for n, among in ((100, ~subtract), (100_000, subtract)):
        span = when[n - 1 :] - when[: max(0, len(when) - n + 1)]
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
