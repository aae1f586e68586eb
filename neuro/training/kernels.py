"""Kernels of layers: all steps of a batch forward and backward, and the traces of e-prop.

Arrays are (steps, batch, neurons) or (modes, neurons), of one type of floating-point numbers. The first `currents`
modes drive the potential, the others raise the threshold. A step does the arithmetic of the clocked engine in its
order, and sums go over spikes by their source, so with doubles a layer and its network fire the same spikes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, kernel

__all__ = ["Cells", "backward", "forward", "online"]

F = NDArray[Any]


class Cells(NamedTuple):
    """Parameters of the neurons of a layer, one entry each."""

    drive: F
    """What v goes to without input, units of v."""
    gain: F
    """dt / tau_m."""
    threshold: F
    """Threshold at rest, units of v."""
    keep: F
    """(modes, neurons): what is left of a slow current after a step."""
    jump: F
    """(modes, neurons): what a spike adds to a slow current, units of v."""
    coupling: F
    """(modes, neurons): what v at the end of a step adds to a slow current, of v; no rows: none."""


@kernel
def forward(
    inputs: F, w: F, r: F, recurrent: bool, cells: Cells, currents: int, spikes: F, margin: F, slow: F, kept: bool
) -> None:
    """Run all steps: `spikes` and `margin`, the distance of v from the threshold before the reset, are filled.

    With `kept`, `slow` gets the slow currents of each step, as they act on v. Inputs count where they are not zero;
    with a `w` of no rows they are what each neuron gets.
    """
    steps, batch, size = spikes.shape
    modes, coupled = len(cells.keep), len(cells.coupling) > 0
    zero = np.zeros(1, spikes.dtype)[0]
    one = np.ones(1, spikes.dtype)[0]
    v, x = np.zeros((batch, size), spikes.dtype), np.zeros((batch, modes, size), spikes.dtype)
    found = np.zeros(max(inputs.shape[2], size) + 1, np.int64)
    kick, total, level = np.zeros(size, spikes.dtype), np.zeros(size, spikes.dtype), np.zeros(size, spikes.dtype)
    for t in range(steps):
        for b in range(batch):
            if len(w) == 0:
                kick[:] = inputs[t, b]
            else:
                kick[:] = zero
                add_rows(inputs[t, b], w, found, kick)
            if recurrent and t > 0:
                add_rows(spikes[t - 1, b], r, found, kick)
            for j in range(size):
                total[j], level[j] = cells.drive[j], cells.threshold[j]
            for m in range(modes):
                mode, keep = x[b, m], cells.keep[m]
                for j in range(size):
                    mode[j] = mode[j] * keep[j]
                into = total if m < currents else level
                for j in range(size):
                    into[j] += mode[j]
                if kept:
                    slow[t, b, m] = mode
            potential, fired, distance = v[b], spikes[t, b], margin[t, b]
            for j in range(size):
                u = potential[j] + (total[j] - potential[j]) * cells.gain[j] + kick[j]
                above = u > level[j]
                distance[j] = u - level[j]
                fired[j] = one if above else zero
                potential[j] = zero if above else u
            for m in range(modes):
                mode, jump = x[b, m], cells.jump[m]
                for j in range(size):
                    mode[j] += fired[j] * jump[j]
                if coupled:
                    for j in range(size):
                        mode[j] += cells.coupling[m, j] * potential[j]


@inlined
def add_rows(values: F, matrix: F, found: NDArray[np.int64], total: F) -> None:
    """Add values[i] matrix[i] to `total` for each i whose value is not zero, in order; `found` is scratch."""
    count = 0
    for i in range(len(values)):
        found[count] = i
        count += values[i] != 0
    for k in range(count):
        row = np.uint64(found[k])
        value = values[row]
        for j in range(len(total)):
            total[j] += value * matrix[row, j]


@kernel
def backward(
    given: F,
    back: F,
    recurrent: bool,
    cells: Cells,
    currents: int,
    width: F,
    spikes: F,
    margin: F,
    slow: F,
    learned: bool,
    grad: F,
    grad_keep: F,
    grad_jump: F,
    grad_coupling: F,
) -> None:
    """Gradients by what each neuron got in each step, from `given`, those by its spikes.

    `back` is the transposed recurrent matrix; without `recurrent` the path through it is left out, which is e-prop.
    `width` holds the height of the surrogate derivative, and the weight, lower and upper bound of the penalty on
    potentials. With `learned`, gradients by `keep`, `jump` and `coupling` are added up, from the `slow` currents that
    `forward` has kept.
    """
    steps, batch, size = spikes.shape
    modes, coupled = len(cells.keep), len(cells.coupling) > 0
    zero = np.zeros(1, spikes.dtype)[0]
    one = np.ones(1, spikes.dtype)[0]
    height, weight, low, high = width[0], width[1], width[2], width[3]
    gx, gv = np.zeros((batch, modes, size), spikes.dtype), np.zeros((batch, size), spikes.dtype)
    later, by_spike = np.zeros((batch, size), spikes.dtype), np.zeros(size, spikes.dtype)
    own, rest = np.zeros(size, spikes.dtype), np.zeros(size, spikes.dtype)
    for t in range(steps - 1, -1, -1):
        if recurrent and t < steps - 1:
            np.dot(grad[t + 1], back, later)
        for b in range(batch):
            z, distance, g = spikes[t, b], margin[t, b], grad[t, b]
            for j in range(size):
                by_spike[j] = given[t, b, j] + later[b, j]
            for m in range(modes):
                after, jump = gx[b, m], cells.jump[m]
                for j in range(size):
                    by_spike[j] += jump[j] * after[j]
                if learned:
                    for j in range(size):
                        grad_jump[m, j] += after[j] * z[j]
                if coupled:
                    for j in range(size):
                        gv[b, j] += cells.coupling[m, j] * after[j]
                    if learned:
                        after_reset(distance, z, slow[t, b], cells.threshold, currents, rest)
                        for j in range(size):
                            grad_coupling[m, j] += after[j] * rest[j]
            for j in range(size):
                u = distance[j] / cells.threshold[j]
                slope = height * max(one - abs(u), zero) / cells.threshold[j]
                pressure = weight * (max(u - high, zero) - max(low - u, zero)) / cells.threshold[j]
                own[j] = slope * by_spike[j] + pressure
                g[j] = gv[b, j] * (one - z[j]) + own[j]
                gv[b, j] = (one - cells.gain[j]) * g[j]
            for m in range(modes):
                after, keep = gx[b, m], cells.keep[m]
                if m < currents:
                    for j in range(size):
                        after[j] += cells.gain[j] * g[j]
                else:
                    for j in range(size):
                        after[j] -= own[j]
                if learned and t > 0:
                    for j in range(size):
                        grad_keep[m, j] += after[j] * (slow[t - 1, b, m, j] + cells.jump[m, j] * spikes[t - 1, b, j])
                    if coupled:
                        after_reset(margin[t - 1, b], spikes[t - 1, b], slow[t - 1, b], cells.threshold, currents, rest)
                        for j in range(size):
                            grad_keep[m, j] += after[j] * cells.coupling[m, j] * rest[j]
                for j in range(size):
                    after[j] *= keep[j]


@inlined
def after_reset(distance: F, fired: F, slow: F, threshold: F, currents: int, v: F) -> None:
    """The potentials at the end of a step, from their distance to the threshold before the reset."""
    for j in range(len(v)):
        v[j] = distance[j] + threshold[j]
    for m in range(currents, len(slow)):
        for j in range(len(v)):
            v[j] += slow[m, j]
    for j in range(len(v)):
        v[j] -= v[j] * fired[j]


@kernel
def online(sources: F, signal: F, cells: Cells, currents: int, height: float, spikes: F, margin: F, grad: F) -> None:
    """Add up signal x eligibility trace for each synapse, forward in time; `grad` is (sources, neurons).

    `sources` (steps, batch, sources) are the spikes that act in a step.
    """
    steps, batch, size = spikes.shape
    count, modes, coupled = sources.shape[2], len(cells.keep), len(cells.coupling) > 0
    zero = np.zeros(1, spikes.dtype)[0]
    one = np.ones(1, spikes.dtype)[0]
    for b in range(batch):
        ev = np.zeros((count, size), spikes.dtype)
        ex = np.zeros((modes, count, size), spikes.dtype)
        for t in range(steps):
            for i in range(count):
                for j in range(size):
                    pull, lift = zero, zero
                    for m in range(modes):
                        ex[m, i, j] *= cells.keep[m, j]
                        if m < currents:
                            pull += ex[m, i, j]
                        else:
                            lift += ex[m, i, j]
                    ev[i, j] += (pull - ev[i, j]) * cells.gain[j] + sources[t, b, i]
                    u = margin[t, b, j] / cells.threshold[j]
                    trace = height * max(one - abs(u), zero) / cells.threshold[j] * (ev[i, j] - lift)
                    grad[i, j] += signal[t, b, j] * trace
                    for m in range(modes):
                        ex[m, i, j] += cells.jump[m, j] * trace
                    ev[i, j] *= one - spikes[t, b, j]
                    if coupled:
                        for m in range(modes):
                            ex[m, i, j] += cells.coupling[m, j] * ev[i, j]
