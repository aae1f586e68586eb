"""Lowers the neurons of a network: their parameters, and the rates and jumps of their currents."""

from __future__ import annotations

import numpy as np

from neuro.engine.kernels.arrays import CELL, Records
from neuro.engine.kernels.one_current import NEAR
from neuro.engine.lower.currents import parts_of, self_rates, synaptic_rates
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, ALIF, LIF, LinearNeuron, receptors
from neuro.validation import Floats, Ints

__all__ = ["all_equal", "drive_of", "gain_of", "is_compact", "lower_cells"]


def gain_of(population: Population) -> Floats:
    """What a drive of 1 adds to v per second, per neuron."""
    leaky = isinstance(population.model, LIF | LinearNeuron)
    return 1.0 / population.parameter("tau_m") if leaky else np.ones(population.size)


def drive_of(population: Population) -> Floats:
    """The constant part of dv/dt, per neuron."""
    return (population.parameter("v_rest") + population.parameter("bias")) * gain_of(population)


def lower_cells(network: Network) -> tuple[Records, Floats, Floats, Ints]:
    """Parameters, the rates of all x_k, what an own spike adds to each, and the first row of each population.

    A population of equal neurons has one row, others have one for each neuron.
    """
    populations = list(network.populations.values())
    synaptic = [synaptic_rates(p) for p in populations]
    own = [self_rates(p) for p in populations]
    depth = max((len(a) + len(b) for a, b in zip(synaptic, own, strict=True)), default=0)
    parts = [_cells_of(population, g, synaptic[g], own[g], depth) for g, population in enumerate(populations)]
    begins = np.append(0, np.cumsum([len(cells) for cells, _, _ in parts])).astype(np.int64)
    cells = np.concatenate([np.zeros(0, CELL), *(part[0] for part in parts)])
    rate, jump = (np.concatenate([np.zeros((0, depth)), *(part[k] for part in parts)]) for k in (1, 2))
    return cells, rate, jump, begins


def _cells_of(
    population: Population, g: int, synaptic: list[Floats], own: list[tuple[Floats, Floats]], depth: int
) -> tuple[Records, Floats, Floats]:
    leaky, gain = isinstance(population.model, LIF | LinearNeuron), gain_of(population)
    values = {
        "gain": gain,
        "leak": gain if leaky else np.zeros(population.size),
        "threshold": population.parameter("v_th", np.inf),
        "reset": population.parameter("v_reset"),
        "refractory": population.parameter("refractory"),
        "floor": population.parameter("v_min", -np.inf),
        "ceiling": population.parameter("v_max", np.inf),
    }
    rates, jumps = [*synaptic, *(rate for rate, _ in own)], [jump for _, jump in own]
    alike = all(all_equal(each) for each in (*values.values(), *rates, *jumps))
    rows = min(population.size, 1) if alike else population.size
    cells, rate, jump = np.zeros(rows, CELL), np.zeros((rows, depth)), np.zeros((rows, depth))
    for name, each in values.items():
        cells[name] = each[:rows]
    for k, each in enumerate(rates):
        rate[:, k] = each[:rows]
    for k, each in enumerate(jumps, start=len(synaptic)):
        jump[:, k] = each[:rows]
    cells["group"], cells["modes"] = g, len(rates)
    cells["currents"] = len(synaptic) + (len(own) if isinstance(population.model, AHP | LinearNeuron) else 0)
    cells["subtract"] = getattr(population.model, "reset", "") == "subtract"
    return cells, rate, jump


def all_equal(values: Floats) -> bool:
    """Have all neurons the same value?"""
    return len(values) == 0 or bool(np.all(values == values[0]))


def is_compact(population: Population) -> bool:
    """Can this population be simulated in amplitude form, with one reference time?"""
    model = population.model
    if not isinstance(model, LIF | LinearNeuron) or isinstance(model, ALIF) or population.size == 0:
        return False
    # Inputs go to v, or all to one current.
    places = {part.current for k in range(len(receptors(model))) for part in parts_of(population, k)}
    if model.v_min is not None or model.v_max is not None or len(places) != 1:
        return False
    leak, currents = gain_of(population), synaptic_rates(population)
    currents += [rate for rate, _ in self_rates(population)]
    if not all_equal(leak) or not all(all_equal(rate) for rate in currents):
        return False
    return all(bool(abs(rate[0] / leak[0] - 1.0) > NEAR) for rate in currents)
