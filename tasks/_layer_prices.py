"""What an inference of a network of layers costs: on crossbars its reads, on chips all that its spikes cause there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuro.accounting.account import account
from neuro.chip.load import load_chip
from neuro.crossbar.base import AbstractCrossbar
from neuro.engine.lower.program import build
from neuro.engine.trials.run import run_trials
from neuro.errors import InfeasibleError
from neuro.learning.layers import LayerWeights, SpikingLayers
from neuro.mapping.place import place
from neuro.network.synapses import Dense
from neuro.validation import Floats

CHIPS = ("loihi_davies2018", "truenorth")
"""Chips on which an inference is priced."""


def crossbar_joules(
    network: SpikingLayers, weights: LayerWeights, inputs: Floats, crossbars: Sequence[AbstractCrossbar]
) -> dict[str, float]:
    """Joules of an inference with the matrices in these crossbars, which need a `Reading`, by part and in all.

    Each spike reads one row or column. The inputs are one read of every row of the first array, at the full voltage: an
    upper bound.

    Parameters
    ----------
    inputs
        Of the inferences, shape (examples, features).
    """
    first, *others = crossbars
    wired = network.with_synapses(others, [each.T for each in others])
    trials = _trials(network, weights, inputs)
    list(run_trials(build(wired), network.inference[0] * network.tick, trials))
    first.count_reads(np.full(network.sizes[0], len(inputs)))
    joules = {"input": read_joules(first), "spikes": sum((read_joules(each) for each in others), 0.0)}
    found = {f"crossbar/{part}": each / len(inputs) for part, each in joules.items()}
    return {**found, "crossbar": sum(found.values())}


def chip_joules(network: SpikingLayers, weights: LayerWeights, inputs: Floats) -> dict[str, float]:
    """Joules of an inference on each of `CHIPS`, and beside it those of the inputs' products, by name.

    The drive of the first layer is features x neurons products, here at the price of a synaptic event each. A chip that
    cannot hold the network is left out: a neuron on TrueNorth hears 256 axons.
    """
    matrices = weights.matrices[1:]
    wired = network.with_synapses([Dense(each) for each in matrices], [Dense(each.T) for each in matrices])
    trials = _trials(network, weights, inputs)
    recordings = list(run_trials(build(wired), network.inference[0] * network.tick, trials))
    found: dict[str, float] = {}
    for name in CHIPS:
        chip = load_chip(name)
        try:
            placement = place(wired, chip, traffic=recordings[0])
        except InfeasibleError:
            continue
        reports = [account(each, placement, dt=network.delay * network.tick) for each in recordings]
        found[name] = float(np.mean([report.total for report in reports]))
        if events := float(np.mean([sum(each.events.values()) for each in recordings])):
            synapse = float(np.mean([report.by_cause["synapse"] for report in reports]))
            found[f"{name}/input"] = synapse / events * weights.matrices[0].size
    return found


def read_joules(crossbar: AbstractCrossbar) -> float:
    """Energy of all reads of a crossbar so far, J."""
    joules: dict[str, Any] = crossbar.ledger.joules
    return float(sum(each for cause, each in joules.items() if cause.startswith("read")))


def pulses_per_device(crossbars: Sequence[AbstractCrossbar]) -> float:
    """Mean number of pulses that each device of some arrays of pairs has got."""
    ledgers = [crossbar.ledger.as_dict() for crossbar in crossbars]
    devices = sum(2 * crossbar.effective_weights().size for crossbar in crossbars)
    return float(sum(each["pulses_up"] + each["pulses_down"] for each in ledgers) / devices)


def _trials(network: SpikingLayers, weights: LayerWeights, inputs: Floats) -> list[dict[str, Any]]:
    currents = network.currents(weights, inputs)
    return [{"inputs": network.inputs_of(currents, k)} for k in range(len(inputs))]
