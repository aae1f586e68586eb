"""Numeric plasticity rules, and the plastic state that a run saves."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, NamedTuple, Protocol

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.transposed import TransposedCrossbar
from neuro.engine.lower.program import Program
from neuro.engine.storage.hdf5 import hdf5_name, read_json, write_array, write_json
from neuro.errors import InputError, UnknownName, UnsupportedFeature
from neuro.network.convolution import Convolution2d
from neuro.network.neurons import LinearNeuron
from neuro.network.synapses import MatrixSynapses
from neuro.validation import Floats, Ints, mapping, shown

__all__ = [
    "NO_CHANGE",
    "PairRule",
    "PlasticState",
    "Rule",
    "read_plastic_state",
    "rules_in_force",
    "write_plastic_state",
]

Four = tuple[float, float, float, float]


class PairRule(NamedTuple):
    """A rule that pairs spikes, as numbers: two traces of each source, then two of each target.

    A trace rises by `jump` at each spike of its neuron and decays with `tau`. At a spike of the target, a weight
    changes by the source's traces times the first two `gain`; at a spike of the source, by the target's times the
    last two.
    """

    tau: Four
    """Time constants of the traces, s."""
    jump: Four
    gain: Four
    low: float = -inf
    """Bounds of the weights."""
    high: float = inf
    every: float = 0.0
    """Changes are summed and written at the multiples of this, s; 0: each at once; inf: never."""
    max_levels: int = 4
    """Limit of the levels by which one write moves a device of a crossbar."""
    during: tuple[tuple[float, float], ...] = ()
    """Changes are made in these intervals [start, stop), s; none: always."""


NO_CHANGE = PairRule((1.0,) * 4, (0.0,) * 4, (0.0,) * 4, every=inf)
"""A rule that changes no weight."""


class Rule(Protocol):
    """What a run needs to know of a plasticity rule."""

    def pair_rule(self) -> PairRule:
        """The rule as numbers."""


class PlasticState(NamedTuple):
    """Weights, traces and spikes under way of all plastic projections at one time; not to be written to."""

    rules: Mapping[str, PairRule]
    """By plastic projection, in the order of the network."""
    weight: Floats
    """Weights of all these projections, in the order of `PlasticProgram`, then the sums that are not yet written."""
    pool: Floats
    """Weights of the spikes that are or were under way."""
    store: Ints
    """Place in the pool of the weights of each slot of each row (-1: none), shape (rows, slots)."""
    arrival: Floats
    """Time until which each slot is in use, s, shape (rows, slots)."""
    trace: Floats
    """Shape (projections, 4, neurons), relative to `origin`."""
    origin: Floats
    """Reference time of each projection's traces, s."""
    crossbars: Mapping[str, Any]
    """The devices, by projection."""


ARRAYS = ("weight", "pool", "store", "arrival", "trace", "origin")


def rules_in_force(
    program: Program, rules: Mapping[str, Rule] | None, before: PlasticState | None
) -> dict[str, PairRule]:
    """The rule of each plastic projection in a run that continues from `before`.

    A projection that was plastic before and has no rule now keeps its weights.

    Raises
    ------
    UnknownName
        If there is no such projection.
    InputError
        If something given is no rule.
    UnsupportedFeature
        If its weights cannot be learned in the run.
    """
    projections = program.network.projections
    for name, rule in mapping(rules, "plasticity", "rules by projection", error=InputError).items():
        if name not in projections:
            raise UnknownName("projection of this network", name, projections)
        if isinstance(rule, type) or not hasattr(rule, "pair_rule"):
            raise InputError(
                "a projection learns by a rule such as EventLocal or STDP",
                where=f"plasticity of {name!r}",
                value=shown(rule),
            )
    wanted = {name: rule.pair_rule() for name, rule in (rules or {}).items()}
    shared = _sharing_devices(program, wanted)
    for name in (*wanted, *shared):
        _refuse_own_equations(program, name)
    for name, pair_rule in wanted.items():
        _check_can_learn(program, name, pair_rule)
    if wanted and not program.window:
        raise UnsupportedFeature(
            "learning in the run needs delays above zero", where="plasticity", remedy="Give every projection a delay"
        )
    found = {}
    for name in projections:
        if name in wanted:
            found[name] = wanted[name]
        elif before is not None and name in before.rules:
            old = before.rules[name]
            found[name] = old._replace(gain=NO_CHANGE.gain, every=inf)
        elif name in shared:
            found[name] = NO_CHANGE
    return found


def _sharing_devices(program: Program, wanted: Mapping[str, PairRule]) -> set[str]:
    """Projections without a rule that read the devices of a crossbar that learns through another projection."""
    found = set()
    owners: dict[int, str] = {}
    for name in wanted:
        synapses = program.network.projections[name].synapses
        if isinstance(synapses, AbstractCrossbar):
            if id(synapses) in owners:
                raise UnsupportedFeature(
                    "the devices of one crossbar learn through one projection",
                    where=f"projections {owners[id(synapses)]!r} and {name!r}",
                    remedy="Give the rule to one of them, or a crossbar to each",
                )
            owners[id(synapses)] = name
    for name, projection in program.network.projections.items():
        synapses = projection.synapses
        devices = synapses.T if isinstance(synapses, TransposedCrossbar) else synapses
        if name not in wanted and id(devices) in owners:
            found.add(name)
    return found


def _refuse_own_equations(program: Program, name: str) -> None:
    """Refuse weights that change in the run where each adds to several currents."""
    population = program.network.projections[name].post
    if isinstance(population.model, LinearNeuron):
        raise UnsupportedFeature(
            "synapses onto a LinearNeuron do not learn in the run",
            where=f"plasticity of {name!r}",
            value=f"population {population.name!r}",
            remedy="A LIF with `tau_syn`, or an AHP, takes synapses that learn",
        )


def _check_can_learn(program: Program, name: str, rule: PairRule) -> None:
    """Refuse a rule for synapses that cannot learn by it."""
    synapses, where = program.network.projections[name].synapses, f"plasticity of {name!r}"
    if isinstance(synapses, Convolution2d):
        raise UnsupportedFeature(
            "the weights of a convolution are shared by many synapses and cannot be learned in the run",
            where=where,
            remedy="List the synapses with Sparse",
        )
    devices = isinstance(synapses, AbstractCrossbar)
    if isinstance(synapses, MatrixSynapses) and not devices:
        raise UnsupportedFeature(
            "a crossbar read by columns is written through the crossbar itself",
            where=where,
            remedy="Give the rule to the projection of the crossbar",
        )
    if isinstance(synapses, AbstractCrossbar) and not synapses.learns_in_run:
        raise UnsupportedFeature(
            "a crossbar of several arrays, or with an offset column, does not learn in the run",
            where=where,
            remedy="Use one array with mapping='pair', or learn between runs with `accumulate`",
        )
    if devices and not rule.every:
        raise UnsupportedFeature(
            "a crossbar is written at intervals, not at every spike", where=where, remedy="Give the rule `every=`"
        )
    if devices and (rule.low > -inf or rule.high < inf):
        raise UnsupportedFeature(
            "the conductance window of its devices bounds the weights of a crossbar",
            where=where,
            remedy="Leave out w_min and w_max, and give the crossbar a w_max",
        )


def write_plastic_state(group: Any, state: PlasticState) -> None:
    """Write a plastic state into a group of an HDF5 file."""
    for field in ARRAYS:
        write_array(group, field, getattr(state, field))
    drawn = {}
    for name, crossbar in state.crossbars.items():
        for field, values in crossbar.state_arrays().items():
            write_array(group, f"crossbars/{hdf5_name(name)}/{field}", values)
        drawn[name] = crossbar.random_state
    write_json(group, "about", {"rules": dict(state.rules), "random": drawn})


def read_plastic_state(group: Any, program: Program) -> PlasticState:
    """Read what `write_plastic_state` wrote."""
    about = read_json(group, "about")
    rules = {name: _pair_rule(values) for name, values in about["rules"].items()}
    crossbars = {}
    for name, drawn in about["random"].items():
        crossbar = program.network.projections[name].synapses.copy()  # type: ignore[union-attr]
        crossbar.restore_state(group[f"crossbars/{hdf5_name(name)}"], drawn)
        crossbars[name] = crossbar
    arrays = {field: group[field][...] for field in ARRAYS}
    return PlasticState(rules=rules, crossbars=crossbars, **arrays)


def _pair_rule(values: list[Any]) -> PairRule:
    tau, jump, gain, low, high, every, max_levels, during = values
    return PairRule(
        tuple(tau), tuple(jump), tuple(gain), low, high, every, max_levels, tuple((a, b) for a, b in during)
    )
