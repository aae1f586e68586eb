"""What an inference of the compared networks costs: spikes, joules on Loihi, and joules of crossbars that are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuro.accounting.account import account
from neuro.chip.load import load_chip
from neuro.chip.placement import placed
from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading
from neuro.engine.recording import Recording
from neuro.network.graph import Network
from neuro.network.neurons import SpikeSource
from neuro.tasks._layer_prices import read_joules
from neuro.tasks._layered import G_MAX, LEVELS
from neuro.validation import Floats

CHIP = "loihi_davies2018"


class Shown(NamedTuple):
    """Recorded inferences of a network of inputs, hidden neurons and outputs."""

    network: Network
    """Sources come first, where there are any."""
    recordings: list[Recording]
    step: float
    """Time step of the chip, s: the shortest delay."""
    matrices: tuple[Floats, ...]
    """Weights from the inputs to the hidden neurons, and from these to the outputs."""
    currents: bool
    """Are inputs constant currents, not spikes?"""
    back: bool
    """Do outputs reach hidden neurons, by the same weights?"""


def costs_of(shown: Shown, voltage: float, seconds: float, seed: int) -> dict[str, float]:
    """Means of an inference: spikes and joules, and what of them is of the inputs.

    A constant current is a sum of products that is computed once for an image: on the chip each product is priced as a
    synaptic event, on the crossbar it is one read of all rows at the full voltage, an upper bound.

    Parameters
    ----------
    voltage, seconds
        Of a read.
    seed
        Of the devices' write errors.
    """
    counts = mean_counts(shown)
    silent = shown.currents or len(counts) < 3
    inputs = np.ones(len(shown.matrices[0])) if silent else counts[0]
    hidden, outputs = counts[-2:]
    found = {"spikes/input": 0.0 if silent else float(inputs.sum())}
    found |= {"spikes/hidden": float(hidden.sum()), "spikes/output": float(outputs.sum())}
    found["spikes"] = sum(found.values())
    on_chip, price = loihi_joules(shown)
    events = float(inputs.sum()) * shown.matrices[0].shape[1]
    found["loihi"] = on_chip + (events * price if shown.currents else 0.0)
    found["loihi/input"] = events * price
    reading = Reading(voltage=voltage, duration=seconds)
    device = Device("levels64", 0.0, G_MAX, levels=LEVELS, write_noise=G_MAX / (LEVELS - 1))
    rows = ((inputs, None), (hidden, outputs if shown.back else None))
    for part, matrix, (down, up) in zip(("input", "hidden"), shown.matrices, rows, strict=True):
        # Ledgers count whole reads: those of a thousand inferences.
        array = Crossbar(
            matrix,
            device=device,
            w_max=float(np.abs(matrix).max()),
            start=0.5,
            reading=reading,
            seed=seed,
            name=f"training-methods/{part}",
        )
        array.count_reads(np.rint(1000 * down).astype(np.int64))
        if up is not None:
            array.T.count_reads(np.rint(1000 * up).astype(np.int64))
        found[f"crossbar/{part}"] = read_joules(array) / 1000
    found["crossbar"] = found["crossbar/input"] + found["crossbar/hidden"]
    return found


def mean_counts(shown: Shown) -> list[Floats]:
    """Mean spikes of each neuron in an inference, by population."""
    counts = []
    for name, population in shown.network.populations.items():
        total = sum(np.bincount(each.spikes[name].ids, minlength=population.size) for each in shown.recordings)
        counts.append(np.asarray(total, np.float64) / len(shown.recordings))
    return counts


def loihi_joules(shown: Shown) -> tuple[float, float]:
    """Mean joules of an inference on one core, inputs from outside and without the host; and those of one event."""
    chip = load_chip(CHIP)
    where = {
        name: -1 if isinstance(population.model, SpikeSource) else 0
        for name, population in shown.network.populations.items()
    }
    placement = placed(shown.network, chip, where)
    reports = [account(each, placement, dt=shown.step) for each in shown.recordings]
    price = chip.energy["synapse"].value
    assert price is not None
    return float(np.mean([report.total for report in reports])), price
