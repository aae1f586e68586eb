"""A trained classifier in Loihi's whole numbers: weights of 8 bits, neurons of the chip."""

from __future__ import annotations

from typing import Any

import numpy as np

import neuro as nr
from neuro.training.batch import Batch, spikes_of
from neuro.validation import Floats, Ints

LARGEST = 254
"""Of the mantissas of 8 bits with a sign, which are even."""


def loihi_network(module: Any) -> nr.Network:
    """The network of a classifier on Loihi; nothing is trained again.

    All weights of the layer have one scale, with which the largest is 254; the readout has another. A step of an AHP
    neuron's slow current comes after its jump on the chip, so the jump is less by one step of decay.
    """
    real, dt = nr.to_network(module), module.layer.dt
    scale = LARGEST / max(np.abs(_matrix(p)).max() for p in real.projections.values() if p.post.name != "readout")
    readout = LARGEST / max(np.abs(_matrix(p)).max() for p in real.projections.values() if p.post.name == "readout")
    net = nr.Network()
    for name, population in real.populations.items():
        if isinstance(population.model, nr.SpikeSource):
            net.add(nr.Population(name, population.size, nr.SpikeSource()))
            continue
        gain = dt / population.parameter("tau_m")
        units = (readout if name == "readout" else scale) * 64
        bias, exponent = _mantissa(gain * population.parameter("bias") * units)
        common: dict[str, Any] = {"d_v": np.rint(4096 * gain).astype(int), "bias": bias, "e_bias": exponent}
        common["v_th"] = None if name == "readout" else np.rint(population.parameter("v_th") * scale).astype(int)
        model: Any = nr.LoihiLIF(**common)
        if isinstance(population.model, nr.AHP):
            share = dt / np.asarray(population.model.tau_ahp, float)
            jump = np.asarray(population.model.jump, float) * gain * (1.0 - share) * units
            slow = {"d_a": np.rint(4096 * share).astype(int), "w_a": np.rint(jump).astype(int)}
            model = nr.LoihiAHP(**common, **slow, e_a=-6)
        net.add(nr.Population(name, population.size, model))
    for projection in real.projections.values():
        units = readout if projection.post.name == "readout" else scale
        weight = 2.0 * np.rint(_matrix(projection) * units / 2.0)
        pre, post = np.nonzero(weight)
        net.connect(projection.pre.name, projection.post.name, nr.Sparse(pre, post, weight[pre, post]), delay=dt)
    return net


def loihi_accuracy(module: Any, tests: list[Batch]) -> float:
    """Share of right answers of the network on Loihi; for sequences that are one window."""
    dt, right, total = module.layer.dt, 0, 0
    program = nr.build_clocked(loihi_network(module), dt=dt)
    for batch in tests:
        steps, size, _ = batch.inputs.shape
        trials = ({"in": spikes_of(batch.inputs[:, b], dt)} for b in range(size))
        found = nr.run_batch(program, (steps + 1) * dt, trials, record=nr.Record(spikes=False))
        answers = [int(recording.state.v["readout"].argmax()) for recording in found]
        right, total = right + int(np.sum(answers == batch.labels[0])), total + size
    return right / total


def _matrix(projection: Any) -> Floats:
    synapses = projection.synapses
    if isinstance(synapses, nr.Dense):
        return np.asarray(synapses.weight, float)
    matrix = np.zeros((projection.pre.size, projection.post.size))
    matrix[synapses.pre, synapses.post] = synapses.weight
    return matrix


def _mantissa(value: Floats) -> tuple[Ints, int]:
    """Whole numbers within 4095 and the exponent of two that they have in common."""
    exponent = max(0, int(np.ceil(np.log2(max(np.abs(value).max(), 1.0) / 4095))))
    return np.rint(value / 2**exponent).astype(int), exponent
