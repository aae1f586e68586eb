"""The cortical microcircuit of Potjans and Diesmann (2014): its published parameters, and the network they make.

Sources: T. C. Potjans and M. Diesmann, Cerebral Cortex 24 (2014) 785-806, doi:10.1093/cercor/bhs358, and the authors'
implementation that comes with NEST (pynest/examples/Potjans_2014), whose tables these are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import neuro as nr
from neuro.randomness import stream
from neuro.units import ms
from neuro.validation import Floats, Ints

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
"""Neurons under one square millimetre."""
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
        [0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443],
    ]
)
"""That a pair of neurons has at least one synapse, shape (targets, sources)."""
OUTSIDE = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
"""Synapses from outside of the circuit onto each neuron."""
OUTSIDE_RATE = 8.0
"""Rate of each of them, Hz."""
FULL_RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])
"""Mean rates at full size with Poisson drive, Hz, from the implementation that comes with NEST (one run)."""
START_MEAN = np.array([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43])
START_SD = np.array([5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48])
"""Mean and standard deviation of v at time zero, mV: NEST's "optimized" ones, which begin without a burst."""

TAU_M, TAU_SYN, REFRACTORY = 10 * ms, 0.5 * ms, 2 * ms
REST, RESET, THRESHOLD = -65.0, -65.0, -50.0
CAPACITANCE = 250.0
"""pF; with it a current of 1 pA is R I = TAU_M / CAPACITANCE = 0.04 mV."""
PSP = 0.15
"""Peak of an excitatory potential, mV."""
INHIBITION = -4.0
"""Inhibitory weights over excitatory ones."""
WEIGHT_SD, DELAY_SD = 0.1, 0.5
"""Standard deviations over means."""
DELAY = {"E": 1.5 * ms, "I": 0.75 * ms}
"""Mean delays by kind of the source."""
OUTSIDE_DELAY = 1.5 * ms
DOUBLED = ("L23E", "L4E")
"""The target and source whose synapses have twice the weight."""


class Drawn(NamedTuple):
    """Numbers of a circuit of some size, in the order of `POPULATIONS`; matrices have shape (targets, sources)."""

    sizes: Ints
    """Neurons."""
    synapses: Ints
    """Synapses, shape (8, 8)."""
    weight: Floats
    """Mean weight, mV (a jump of R I), shape (8, 8)."""
    outside_weight: float
    """Weight of an arrival from outside, mV."""
    bias: Floats
    """Constant R I, mV."""


def unit_weight() -> float:
    """The jump of R I, mV, that gives a potential with the peak `PSP`: 87.8 pA."""
    m, s = TAU_M, TAU_SYN
    peak = np.log(m / s) * m * s / (m - s)
    return float(PSP * (m - s) / (s * (np.exp(-peak / m) - np.exp(-peak / s))))


def full_synapses() -> Floats:
    """The number of synapses of each projection at full size, shape (8, 8).

    So many pairs, drawn with replacement, connect a pair at least once with the probability of the table.
    """
    pairs = np.outer(SIZES, SIZES).astype(float)
    return np.asarray(np.log1p(-PROBABILITIES) / np.log1p(-1.0 / pairs))


def scaled(size: float, indegree: float, *, poisson: bool) -> Drawn:
    """The circuit with a share `size` of its neurons, each with a share `indegree` of its synapses.

    Weights grow with 1 / sqrt(indegree), which keeps the variance of the input, and a constant current takes the place
    of the mean that is lost (van Albada, Helias and Diesmann, PLoS Computational Biology 11 (2015) e1004490). Without
    `poisson` a constant current stands for all input from outside.
    """
    source = np.array([1.0 if name.endswith("E") else INHIBITION for name in POPULATIONS])
    unit = unit_weight()
    weight = unit * np.tile(source, (8, 1))
    weight[POPULATIONS.index(DOUBLED[0]), POPULATIONS.index(DOUBLED[1])] *= 2.0
    full = full_synapses()
    inside = TAU_SYN * (weight * full / SIZES[:, None] * FULL_RATES).sum(axis=1)
    outside = TAU_SYN * unit * OUTSIDE * OUTSIDE_RATE
    lost = 1.0 - np.sqrt(indegree)
    bias = lost * inside + (lost * outside if poisson else outside)
    sizes = np.maximum(np.round(SIZES * size), 1).astype(np.int64)
    synapses = np.round(full * size * indegree).astype(np.int64)
    return Drawn(sizes, synapses, weight / np.sqrt(indegree), unit / np.sqrt(indegree), bias)


def circuit(size: float, indegree: float, *, poisson: bool, delay_step: float, seed: int) -> nr.Network:
    """The network: eight populations, and a projection for each pair of them that has synapses.

    Weights and delays are normal, one for each synapse. Weights keep their sign, those that would not are drawn again.
    Delays are multiples of `delay_step`, the least is one step; 0: they are real numbers above 0.1 ms.
    """
    drawn = scaled(size, indegree, poisson=poisson)
    net = nr.Network(seed=seed)
    for k, name in enumerate(POPULATIONS):
        model = nr.LIF(
            tau_m=TAU_M, v_th=THRESHOLD, v_rest=REST, v_reset=RESET, refractory=REFRACTORY, tau_syn=TAU_SYN,
            bias=float(drawn.bias[k]),
        )  # fmt: skip
        v = stream(seed, "microcircuit", name).normal(START_MEAN[k], START_SD[k], drawn.sizes[k])
        net.add(nr.Population(name, int(drawn.sizes[k]), model, initial={"v": v}))
        if poisson:
            rate = float(OUTSIDE[k] * indegree * OUTSIDE_RATE)
            net.drive(name, nr.PoissonInput(rate, drawn.outside_weight, delay=OUTSIDE_DELAY))
    for i, target in enumerate(POPULATIONS):
        for j, source in enumerate(POPULATIONS):
            if drawn.synapses[i, j]:
                weight = float(drawn.weight[i, j])
                limits = {"low": 0.0} if weight > 0.0 else {"high": 0.0}
                weights = nr.Normal(weight, WEIGHT_SD * abs(weight), **limits, single=True)
                synapses = nr.FixedTotalNumber(int(drawn.synapses[i, j]), weights)
                net.connect(source, target, synapses, delay=_delays(DELAY[source[-1]], delay_step))
    return net


def _delays(mean: float, step: float) -> nr.Normal:
    if step:
        return nr.Normal(mean, DELAY_SD * mean, low=step / 2, step=step)
    return nr.Normal(mean, DELAY_SD * mean, low=0.1 * ms)
