"""`from_brian2`: objects of Brian2 as a network, exactly."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neuro.brian.links import Link, Shower, links_of, shower_of, whole_group
from neuro.brian.neurons import Cells, cells_of
from neuro.brian.quiet import quiet
from neuro.brian.scope import Scope
from neuro.errors import InputError, UnsupportedFeature
from neuro.network.drives import PoissonInput
from neuro.network.graph import Network, Population
from neuro.network.neurons import PoissonSource, SpikeSource
from neuro.network.synapses import Sparse
from neuro.validation import Floats, flag, shown

__all__ = ["from_brian2"]

GROUPS = ("NeuronGroup", "SpikeGeneratorGroup", "PoissonGroup")
MONITORS = ("SpikeMonitor", "EventMonitor", "StateMonitor", "PopulationRateMonitor")


def from_brian2(*objects: Any, linear: bool = True) -> Network:
    """Take a network of Brian2 whose equations are those of our neurons, for the exact engine.

    A NeuronGroup becomes `LIF`, `IF`, `AHP`, `ALIF` or `LinearNeuron`. sympy has to prove that its equations are linear
    with constant coefficients. Variables that decay and act on v are receptors where synapses change them, and slow
    currents where own spikes do. Where synapses change variables that depend on each other, as in a double exponential,
    the group becomes a `LinearNeuron` whose states are these variables. A variable that the threshold depends on is
    that of an `ALIF`. A SpikeGeneratorGroup becomes a `SpikeSource` with its spikes, a PoissonGroup (or
    ``threshold="rand() < rate*dt"``) a `PoissonSource`, Synapses `Sparse`, and a PoissonInput a drive. Populations and
    projections have the names of the objects; several variables that one Synapses changes are several projections.
    Values are in SI units: v in volts, if Brian2 has it in volts.

    Constants in the equations are looked up in the group's ``namespace``, then where this function is called. Call it
    before the network runs. What depends on Brian2's time step, the order within a step and the rounding of times to
    steps, has no counterpart: the result is the limit of a small step.

    Parameters
    ----------
    objects
        NeuronGroup, Synapses, PoissonInput, SpikeGeneratorGroup, PoissonGroup, or a `brian2.Network` of them; lists
        are looked into. Monitors are left out.
    linear
        False: no `LinearNeuron`, but a receptor for each time constant of variables that depend on each other, and a
        projection to each. Each synapse is then several, but NIR, plasticity and gradients know such neurons. It is
        also what becomes of a group whose neurons differ in these time constants or in their strengths.

    Returns
    -------
    Network
        Its `provenance` says which receptor each variable is, and what was left out.

    Raises
    ------
    UnsupportedFeature
        If something is not linear, or has no place in our neurons; `value` has the term.
    InputError
        If something is no object of Brian2, a group is missing, has run before, or a name has no value.
    ParameterError
        If values do not fit our neurons, such as a reset above the threshold.

    >>> import brian2 as b2
    >>> tau = 20 * b2.ms
    >>> cell = b2.NeuronGroup(1, "dv/dt = (30*mV - v)/tau : volt", threshold="v > 20*mV", reset="v = 0*mV",
    ...                       method="exact", name="cell")
    >>> net = from_brian2(cell)
    >>> net.populations["cell"].model.tau_m, net.populations["cell"].model.v_th
    (0.02, 0.02)
    """
    frame = sys._getframe(1)
    with quiet():
        return _network_of(objects, {**frame.f_globals, **frame.f_locals}, flag(linear, "from_brian2, linear"))


def _network_of(objects: Any, namespace: Mapping[str, Any], linear: bool) -> Network:
    """The network of objects of Brian2, with constants from a namespace."""
    parts = list(_flat(objects))
    if not parts:
        raise InputError("there must be an object of Brian2", where="from_brian2", remedy="Give a Network or its parts")
    notes = ["delays and times are not rounded to a time step", "the order within a time step has no counterpart"]
    groups, links, showers = _sorted(parts, namespace, notes)
    inputs: dict[str, set[str]] = {name: set() for name in groups}
    ends = [(each.source, each.target, each.variable) for each in links]
    ends += [(each.target, each.target, each.variable) for each in showers]
    for source, target, variable in ends:
        for end in (source, target):
            if end not in groups:
                rule, remedy = "a group is missing that synapses or inputs need", "Give it to `from_brian2`, too"
                raise InputError(rule, where="from_brian2", value=repr(end), remedy=remedy)
        inputs[target].add(variable)
    net, cells = Network(), {}
    for name, group in groups.items():
        cells[name] = _cells(group, namespace, inputs[name], notes, linear)
        net.add(cells[name].population)
    for link in links:
        _connect(net, link, cells[link.target], notes)
    for shower in showers:
        for receptor, factor in _slots(shower, cells[shower.target], notes):
            net.drive(shower.target, PoissonInput(shower.rate, _one(shower.jump * factor), receptor))
    net.provenance = {"source": "Brian2", "format": "Brian2", "assumptions": notes}
    return net


def _flat(objects: Any) -> Iterator[Any]:
    """Single objects, from networks and lists of them."""
    for each in objects:
        if isinstance(each, list | tuple | set | frozenset):
            yield from _flat(each)
        elif hasattr(each, "objects") and hasattr(each, "schedule"):
            yield from sorted(each.objects, key=lambda part: part.name)
        else:
            yield each


def _sorted(
    parts: list[Any], namespace: Mapping[str, Any], notes: list[str]
) -> tuple[dict[str, Any], list[Link], list[Shower]]:
    """The groups by name, all links and all drives."""
    from brian2.core.base import BrianObject

    groups: dict[str, Any] = {}
    links: list[Link] = []
    showers: list[Shower] = []
    for part in parts:
        each, kind = whole_group(part), whole_group(part).__class__.__name__
        if not isinstance(each, BrianObject):
            raise InputError("must be objects of Brian2", where="from_brian2", value=shown(each))
        if kind in GROUPS:
            groups[each.name] = each
            time = float(each.clock.variables["t"].get_value().item())
            if each._network is not None and time > 0.0:
                raise InputError(
                    "a group must not have run", where=f"{kind} {each.name!r}", value=f"t = {time:g} s",
                    remedy="Call `from_brian2` before the run, or `restore` the network",
                )  # fmt: skip
        elif kind == "Synapses":
            links += links_of(each, namespace)
        elif kind == "PoissonInput":
            showers.append(shower_of(each, namespace))
        elif kind in MONITORS:
            notes.append(f"{kind} {each.name!r} left out: `run(record=...)` says what is kept")
        else:
            raise UnsupportedFeature("there is no counterpart", where=f"{kind} {each.name!r}", value=kind)
    return groups, links, showers


def _cells(group: Any, namespace: Mapping[str, Any], inputs: set[str], notes: list[str], linear: bool) -> Cells:
    """The population of a group, and its receptors."""
    size, kind = int(group.N), group.__class__.__name__
    if kind == "NeuronGroup":
        return cells_of(group, namespace, inputs, notes, linear=linear)
    if kind == "PoissonGroup":
        scope = Scope(group, namespace, size)
        code = group._rates if isinstance(group._rates, str) else None
        rate = np.asarray(group.rates[:], float) if code is None else scope.constant(code, "the rate")
        return Cells(Population(group.name, size, PoissonSource(_one(rate))), {})
    if float(group.variables["period"].get_value().item()) > 0.0:
        rule = "spikes must not be repeated"
        raise UnsupportedFeature(rule, where=f"{kind} {group.name!r}", value=f"period = {group.period}")
    times = np.array(group.variables["spike_time"].get_value(), np.float64)
    ids = np.array(group.variables["neuron_index"].get_value(), np.int64)
    return Cells(Population(group.name, size, SpikeSource(times, ids)), {})


def _connect(net: Network, link: Link, cells: Cells, notes: list[str]) -> None:
    """The projections of a link: one for each receptor that its variable reaches."""
    slots = _slots(link, cells, notes)
    for k, (receptor, factor) in enumerate(slots):
        weight = link.jump * (factor[link.post] if factor.ndim else factor)
        name = link.name if len(slots) == 1 else f"{link.name}.{k}"
        synapses = Sparse(link.pre, link.post, _one(weight))
        net.connect(link.source, link.target, synapses, delay=_one(link.delay), receptor=receptor, name=name)


def _slots(each: Link | Shower, cells: Cells, notes: list[str]) -> list[tuple[int, Floats]]:
    """The receptors that a variable reaches; none if nothing depends on it."""
    found = cells.slots.get(each.variable, [])
    if not found:
        notes.append(f"inputs to {each.variable} of {each.target!r} left out, which no spike depends on")
    return found


def _one(values: Floats) -> Any:
    """One number, where all are equal."""
    if values.ndim and values.size and np.all(values == values.flat[0]):
        return float(values.flat[0])
    return float(values) if values.ndim == 0 else values
