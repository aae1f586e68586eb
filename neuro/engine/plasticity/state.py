"""What learning in the run is told and what it keeps: rules as numbers, and everything that a state carries on."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, NamedTuple, Protocol

from neuro.engine.lower.program import Program
from neuro.engine.storage.hdf5 import key, note, noted, put
from neuro.errors import InputError, StateError, UnknownName, UnsupportedFeature
from neuro.network.convolution import Convolution2d
from neuro.validation import Floats, Ints

__all__ = ["STILL", "PairRule", "PlasticState", "Rule", "pairings", "read_plastic_state", "write_plastic_state"]

Four = tuple[float, float, float, float]


class PairRule(NamedTuple):
    """A rule that pairs spikes, as numbers: two traces of each source, two of each target, in this order.

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
    """Levels that a crossbar's devices move at most in one write."""
    during: tuple[tuple[float, float], ...] = ()
    """Changes are made in these intervals [start, stop), s; none: always."""


STILL = PairRule((1.0,) * 4, (0.0,) * 4, (0.0,) * 4, every=inf)
"""Nothing is learned."""


class Rule(Protocol):
    """What a run needs to know of a rule of learning."""

    def pairing(self) -> PairRule:
        """The rule as numbers."""


class PlasticState(NamedTuple):
    """All that learning has changed at one instant; not to be written to."""

    pairings: Mapping[str, PairRule]
    """By projection, in the order of the network."""
    weight: Floats
    """Weights of all these projections in the order in which they are laid out, then sums not yet written."""
    pool: Floats
    """Weights of the spikes that are or were under way."""
    store: Ints
    """Where in the pool each slot of each row has its weights (-1: nowhere), shape (rows, slots)."""
    arrival: Floats
    """Until when each slot is taken, s, shape (rows, slots)."""
    trace: Floats
    """Shape (projections, 4, neurons), relative to `origin`."""
    origin: Floats
    """Reference time of each projection's traces, s."""
    crossbars: Mapping[str, Any]
    """The devices, by projection."""


ARRAYS = ("weight", "pool", "store", "arrival", "trace", "origin")


def pairings(program: Program, rules: Mapping[str, Rule] | None, before: PlasticState | None) -> dict[str, PairRule]:
    """What each plastic projection does in a run that goes on from `before`; those that get no rule stand still.

    Raises
    ------
    UnknownName
        If there is no such projection.
    InputError
        If what is given for it is no rule.
    UnsupportedFeature
        If its weights cannot be learned in the run.
    """
    projections = program.network.projections
    for name, rule in (rules or {}).items():
        if name not in projections:
            raise UnknownName("projection of this network", name, projections)
        if not hasattr(rule, "pairing"):
            raise InputError(
                "a projection learns by a rule such as EventLocal or STDP",
                where=f"plasticity of {name!r}",
                value=type(rule).__name__,
            )
    wanted = {name: rule.pairing() for name, rule in (rules or {}).items()}
    shared = _followers(program, wanted)
    for name, pairing in wanted.items():
        _check(program, name, pairing)
    if wanted and not program.window:
        raise UnsupportedFeature(
            "learning in the run needs delays above zero", where="plasticity", remedy="Give every projection a delay"
        )
    found = {}
    for name in projections:
        if name in wanted:
            found[name] = wanted[name]
        elif before is not None and name in before.pairings:
            old = before.pairings[name]
            found[name] = old._replace(gain=STILL.gain, every=inf)
        elif name in shared:
            found[name] = STILL
    return found


def _followers(program: Program, wanted: Mapping[str, PairRule]) -> set[str]:
    """Projections on the devices of a crossbar that learns through another projection."""
    found = set()
    owners: dict[int, str] = {}
    for name in wanted:
        synapses = program.network.projections[name].synapses
        if hasattr(synapses, "accumulate"):
            if id(synapses) in owners:
                raise UnsupportedFeature(
                    "the devices of one crossbar learn through one projection",
                    where=f"projections {owners[id(synapses)]!r} and {name!r}",
                    remedy="Give the rule to one of them, or a crossbar to each",
                )
            owners[id(synapses)] = name
    for name, projection in program.network.projections.items():
        synapses = projection.synapses
        for whose in (synapses, getattr(synapses, "T", None)):
            if name not in wanted and whose is not None and id(whose) in owners:
                found.add(name)
    return found


def _check(program: Program, name: str, pairing: PairRule) -> None:
    synapses, where = program.network.projections[name].synapses, f"plasticity of {name!r}"
    if isinstance(synapses, Convolution2d):
        raise UnsupportedFeature(
            "the weights of a convolution are shared by many synapses and cannot be learned in the run",
            where=where,
            remedy="List the synapses with Sparse",
        )
    devices = hasattr(synapses, "accumulate")
    if hasattr(synapses, "effective_weights") and not devices:
        raise UnsupportedFeature(
            "a crossbar read by columns is written through the crossbar itself",
            where=where,
            remedy="Give the rule to the projection of the crossbar",
        )
    if devices and hasattr(synapses, "crossbars"):
        raise UnsupportedFeature(
            "a crossbar of several arrays does not learn in the run",
            where=where,
            remedy="Use one array with mapping='pair', or learn between runs with `accumulate`",
        )
    if devices and not pairing.every:
        raise UnsupportedFeature(
            "a crossbar is written now and then, not at every spike", where=where, remedy="Give the rule `every=`"
        )
    if devices and (pairing.low > -inf or pairing.high < inf):
        raise UnsupportedFeature(
            "the window of its devices bounds the weights of a crossbar",
            where=where,
            remedy="Leave w_min and w_max away, and give the crossbar a w_max",
        )


def write_plastic_state(group: Any, lesson: PlasticState) -> None:
    """Write a lesson into a group of an HDF5 file."""
    for field in ARRAYS:
        put(group, field, getattr(lesson, field))
    drawn = {}
    for name, crossbar in lesson.crossbars.items():
        for field, values in crossbar.memory().items():
            put(group, f"crossbars/{key(name)}/{field}", values)
        drawn[name] = crossbar._pairs._rng.bit_generator.state
    note(group, "about", {"pairings": dict(lesson.pairings), "random": drawn})


def read_plastic_state(group: Any, program: Program) -> PlasticState:
    """What `write_plastic_state` wrote."""
    about = noted(group, "about")
    told = {name: _pairing(values) for name, values in about["pairings"].items()}
    crossbars = {}
    for name, drawn in about["random"].items():
        crossbar = program.network.projections[name].synapses.copy()  # type: ignore[union-attr]
        saved, memory = group[f"crossbars/{key(name)}"], crossbar.memory()
        if {field: array.shape for field, array in memory.items()} != {field: saved[field].shape for field in saved}:
            raise StateError("the devices of the state are others", where=f"projection {name!r}")
        for field, array in memory.items():
            array[...] = saved[field][...]
        crossbar._pairs._rng.bit_generator.state = drawn
        crossbar._changed()
        crossbars[name] = crossbar
    arrays = {field: group[field][...] for field in ARRAYS}
    return PlasticState(pairings=told, crossbars=crossbars, **arrays)


def _pairing(values: list[Any]) -> PairRule:
    tau, jump, gain, low, high, every, most, during = values
    return PairRule(tuple(tau), tuple(jump), tuple(gain), low, high, every, most, tuple((a, b) for a, b in during))
