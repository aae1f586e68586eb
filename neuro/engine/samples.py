"""What a run samples, as columns of numbers: voltages, and the currents that a neuron's equations have beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from neuro.engine.lower.currents import self_currents, synaptic_taus
from neuro.engine.recording import SAMPLED, Record
from neuro.errors import InputError, UnknownName, UnsupportedFeature
from neuro.network.graph import Network, Population
from neuro.network.loihi import LoihiLIF
from neuro.network.neurons import AHP, ALIF, LinearNeuron, Source, receptors
from neuro.validation import Floats, Ints, indices

__all__ = ["SampleLayout"]


class Part(NamedTuple):
    """The columns of one field of a recording and one population."""

    field: str
    name: str
    first: int
    last: int
    width: int
    """Columns of one neuron."""
    neurons: Ints
    population: Population


class SampleLayout(NamedTuple):
    """Which column has which quantity of which neuron.

    A column has a code: the neuron in the common numbering, plus the number of all neurons times 0 for v, and times
    1 + k for the neuron's k-th current x_k.
    """

    codes: Ints
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, network: Network, offset: Mapping[str, int], record: Record) -> SampleLayout:
        """The columns that a `Record` asks for.

        Raises
        ------
        UnknownName
            If the network has no such population.
        InputError, ParameterError
            If the population has no such quantity, or no such neuron.
        UnsupportedFeature
            If it is not sampled of such neurons.
        """
        total, codes, parts, last = sum(p.size for p in network.populations.values()), [np.zeros(0, np.int64)], [], 0
        for field in SAMPLED:
            for name, chosen in (getattr(record, field) or {}).items():
                where = f"Record.{field} of {name!r}"
                if name not in network.populations:
                    raise UnknownName("population of this network", name, network.populations)
                population = network.populations[name]
                which = _columns(population, field, where)
                neurons = indices(np.atleast_1d(chosen), population.size, where)
                codes.append((offset[name] + neurons[:, None] + total * np.array(which)).ravel())
                first, last = last, last + len(codes[-1])
                parts.append(Part(field, name, first, last, len(which), neurons, population))
        return cls(np.concatenate(codes), tuple(parts))

    def split(self, values: Floats) -> dict[str, Any]:
        """Sampled columns, shape (samples, columns), by field and population as a recording has them."""
        found: dict[str, dict[str, Floats]] = {field: {} for field in SAMPLED}
        for part in self.parts:
            found[part.field][part.name] = _values_of(part, values[:, part.first : part.last])
        return found

    def shapes(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """The shape of one sample of each field and population."""
        empty = self.split(np.zeros((0, len(self.codes))))
        return {(field, name): values.shape[1:] for field, by in empty.items() for name, values in by.items()}


def _with_currents(population: Population) -> list[int]:
    """The receptors of a population that have a current."""
    return [k for k, tau in enumerate(receptors(population.model)) if tau is not None]


def _own_currents(population: Population) -> int:
    """Number of the currents that a neuron's own spikes change."""
    model = population.model
    if not isinstance(model, AHP | ALIF):
        return 0
    tau = model.tau_ahp if isinstance(model, AHP) else model.tau_adapt
    return len(tau) if isinstance(tau, tuple) else 1


def _columns(population: Population, field: str, where: str) -> list[int]:
    """The numbers of the quantities of one neuron: 0 for v, 1 + k for x_k."""
    model, kind = population.model, type(population.model).__name__
    if isinstance(model, Source):
        raise InputError(f"a source of spikes has no {'voltage' if field == 'v' else field}", where=where)
    if field == "v":
        return [0]
    if isinstance(model, LoihiLIF):
        raise UnsupportedFeature("of Loihi's neurons only voltages are sampled", where=where)
    if isinstance(model, LinearNeuron) and field == "current":
        return list(range(1, 1 + len(synaptic_taus(population)) + len(self_currents(population)))) or [0]
    synaptic, own = len(_with_currents(population)), _own_currents(population)
    if field == "current" and not synaptic:
        raise InputError("its receptors have no currents: inputs jump v", where=where, remedy="Give it a tau_syn")
    if field == "adaptation" and not own:
        raise InputError(f"a {kind} does not adapt", where=where, remedy="AHP and ALIF do")
    if field == "current":
        return list(range(1, 1 + synaptic))
    if field == "threshold" and not isinstance(model, ALIF):
        # Its threshold is constant; v tells the number of samples.
        return [0]
    return list(range(1 + synaptic, 1 + synaptic + own))


def _values_of(part: Part, block: Floats) -> Floats:
    """The columns of a part as the recording has them."""
    population, count = part.population, len(part.neurons)
    if part.field == "v":
        return block
    each = block.reshape(len(block), count, part.width)
    if part.field == "current" and isinstance(population.model, LinearNeuron):
        # The modes add up to readout . u. Without any, v tells the number of samples.
        return each.sum(axis=2, keepdims=True) if len(population.model.modes.rate) else np.zeros((len(block), count, 1))
    if part.field == "current":
        found = np.zeros((len(block), count, len(receptors(population.model))))
        found[:, :, _with_currents(population)] = each
        return found
    if part.field == "adaptation":
        # An AHP's x_k enter v with their sign.
        return 0.0 - each if isinstance(population.model, AHP) else each
    level: Any = population.parameter("v_th", np.inf)[part.neurons]
    if isinstance(population.model, ALIF):
        return np.asarray(level + each.sum(axis=2))
    return np.broadcast_to(level, (len(block), count)).copy()
