"""`to_brian2`: a network as objects of Brian2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuro.brian.quiet import quiet
from neuro.errors import InputError, NetworkError, UnsupportedFeature
from neuro.network.drives import PoissonInput, TimedRate
from neuro.network.graph import Network, Population, Projection
from neuro.network.listing import edges_of
from neuro.network.neurons import AHP, ALIF, IF, LIF, PoissonSource, SpikeSource, receptors
from neuro.validation import Floats, Ints, choice, mapping, number, seconds, shown

__all__ = ["Parts", "parts_of", "to_brian2"]

METHODS = ("rk4", "rk2", "euler", "exponential_euler", "exact")
"""What Brian2 has for equations without noise."""

INPUTS = 1000
"""Inputs of a PoissonInput: in a step it draws a binomial number, which so many make nearly a Poisson number."""


@dataclass(eq=False)
class Parts:
    """The objects of Brian2 that a network becomes."""

    groups: dict[str, Any] = field(default_factory=dict)
    """By population."""
    synapses: dict[str, Any] = field(default_factory=dict)
    """By projection."""
    drives: list[Any] = field(default_factory=list)

    def objects(self) -> list[Any]:
        """All of them."""
        return [*self.groups.values(), *self.synapses.values(), *self.drives]


def to_brian2(
    network: Network, *, inputs: Mapping[str, Any] | None = None, dt: float = 1e-4, method: str = "rk4"
) -> Any:
    """The same network in Brian2, as a `brian2.Network`.

    Its groups are called as the populations, its Synapses as the projections, with "_to_" for "->" and "_" for other
    signs that Brian2 does not allow in names. Variables have no units: v, the receptors' currents I0, I1, ..., slow
    currents a0, ..., and adaptations h0, .... A neuron spikes at most once in a step.

    Parameters
    ----------
    network
        Populations of `LIF`, `AHP`, `ALIF`, `IF`, `SpikeSource` and `PoissonSource`.
    inputs
        As for `run`: spikes of sources, and currents, whose steps are moved to steps of `dt`.
    dt
        Step of all objects, s.
    method
        How Brian2 integrates the equations: "rk4", "rk2", "euler", "exponential_euler" or "exact". The last is its
        analytic solution, which must not have two equal time constants.

    Returns
    -------
    brian2.Network
        ``made["cell"]`` is the group of the population "cell".

    Raises
    ------
    UnsupportedFeature
        If there is no counterpart, as for Loihi's neurons, rates that change in time, and delays of drives.
    InputError
        If a source fires twice in a step, or inputs do not fit.
    ParameterError
        If `dt` or `method` cannot be.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    >>> link = net.connect(cell, cell, nr.Sparse([0], [1], -0.1), delay=1e-3)
    >>> made = to_brian2(net)
    >>> sorted(part.name for part in made.objects)
    ['cell', 'cell_to_cell']
    """
    with quiet():
        import brian2

        return brian2.Network(parts_of(network, inputs, dt, method).objects())


def parts_of(network: Network, inputs: Mapping[str, Any] | None, dt: float, method: str = "rk4") -> Parts:
    """The objects of `to_brian2`, by the names of this network."""
    import brian2

    if not isinstance(network, Network):
        raise NetworkError("must be a Network", where="to_brian2", value=shown(network))
    step = number(dt, "dt", check=seconds)
    choice(method, "method", METHODS)
    given = mapping(inputs, "inputs", "inputs by population", error=InputError)
    for name in given:
        if name not in network.populations:
            network.populations[name]  # says which names resemble it
    made, clock = Parts(), brian2.Clock(dt=step * brian2.second)
    names: set[str] = set()
    for name, population in network.populations.items():
        if population.size:
            items = given.get(name, ())
            items = list(items) if isinstance(items, list | tuple) else [items]
            label = _free(name, names)
            made.groups[name] = _Group(network, population, items, step, clock, label, method).made()
    for name, drives in network.drives.items():
        for k, drive in enumerate(drives):
            if name in made.groups:
                made.drives += _driven(made.groups[name], name, drive, k, clock)
    for name, projection in network.projections.items():
        if projection.pre.size and projection.post.size:
            made.synapses[name] = _synapses(projection, network.seed, made, clock, _free(name, names))
    return made


def _free(name: str, taken: set[str]) -> str:
    """A name that Brian2 allows, and that no other object has."""
    base = re.sub(r"\W", "_", name.replace("->", "_to_"), flags=re.ASCII)
    base = base if re.match(r"[A-Za-z]", base) else f"n{base}"
    label, serial = base, 2
    while label in taken:
        label, serial = f"{base}_{serial}", serial + 1
    taken.add(label)
    return label


@dataclass(eq=False)
class _Group:
    """Makes the group of one population."""

    network: Network
    population: Population
    items: list[Any]
    step: float
    clock: Any
    name: str
    method: str
    values: dict[str, Floats] = field(default_factory=dict)
    """Parameters of the equations."""

    @property
    def where(self) -> str:
        return f"population {self.population.name!r}"

    def made(self) -> Any:
        """The NeuronGroup, SpikeGeneratorGroup or PoissonGroup."""
        import brian2

        model, size = self.population.model, int(self.population.size)
        if isinstance(model, SpikeSource):
            times, ids = self._spikes(model)
            group = brian2.SpikeGeneratorGroup(size, ids, times * brian2.second, clock=self.clock, name=self.name)
            return group
        if isinstance(model, PoissonSource):
            if self.items:
                raise InputError("a Poisson source draws its own spikes", where=f"input of {self.population.name!r}")
            rates = self.population.parameter("rate") * brian2.Hz
            return brian2.PoissonGroup(size, rates=rates, clock=self.clock, name=self.name)
        if not isinstance(model, LIF | IF):
            raise UnsupportedFeature(f"Brian2 has no {type(model).__name__}", where=self.where)
        return self._neurons(model, size)

    def _spikes(self, model: SpikeSource) -> tuple[Floats, Ints]:
        """The spikes of a source, none twice in a step."""
        parts = [(model.times, model.ids)] if model.times is not None else []
        for item in self.items:
            if not hasattr(item, "ids"):
                raise InputError(
                    "a spike source takes Spikes", where=f"input of {self.population.name!r}", value=shown(item)
                )
            parts.append((item.times, item.ids))
        times = np.concatenate([np.zeros(0), *(np.asarray(when, np.float64) for when, _ in parts)])
        ids = np.concatenate([np.zeros(0, np.int64), *(np.asarray(who, np.int64) for _, who in parts)])
        if ids.size and ids.max() >= self.population.size:
            rule = f"ids must lie in 0..{self.population.size - 1}"
            raise InputError(rule, where=f"spikes of {self.population.name!r}", value=int(ids.max()))
        # As Brian2 sorts times into steps.
        bins = np.floor((times + 1e-3 * self.step) / self.step).astype(np.int64)
        places, counts = np.unique(np.stack([ids, bins]), axis=1, return_counts=True)
        if np.any(counts > 1):
            i, k = places[:, np.argmax(counts > 1)]
            raise InputError(
                "in Brian2 a source fires at most once in a step", where=f"spikes of {self.population.name!r}",
                value=f"{counts.max()} of neuron {i} at {k * self.step:g} s", remedy="Give a smaller dt",
            )  # fmt: skip
        return times, ids

    def _neurons(self, model: LIF | IF, size: int) -> Any:
        import brian2

        population, slow = self.population, self._slow(model)
        sums, equations, reset = [], [], []
        for k, tau in enumerate(receptors(model)):
            if tau is not None:
                self.values[f"tau_I{k}"] = tau
                sums.append(f"+ I{k}")
                equations.append(f"dI{k}/dt = -I{k}/tau_I{k} : 1")
        letter = "h" if isinstance(model, ALIF) else "a"
        for k, (tau, jump) in enumerate(slow):
            self.values |= {f"tau_{letter}{k}": tau, f"jump{k}": jump}
            equations.append(f"d{letter}{k}/dt = -{letter}{k}/tau_{letter}{k} : 1")
            reset.append(f"{letter}{k} += jump{k}")
            sums += [f"- a{k}"] if letter == "a" else []
        currents = self._currents()
        sums += ["+ pushed(t, i)"] if currents else []
        held = model.v_th is not None and np.any(population.parameter("refractory"))
        flag = " (unless refractory)" if held else ""
        self.values["drive"] = population.parameter("bias") + population.parameter("v_rest")
        if isinstance(model, IF):
            equations.insert(0, f"dv/dt = (drive {' '.join(sums)})/second : 1{flag}")
        else:
            self.values["tau_m"] = population.parameter("tau_m")
            equations.insert(0, f"dv/dt = (drive {' '.join(sums)} - v)/tau_m : 1{flag}")
        fires: dict[str, Any] = {}
        if model.v_th is not None:
            self.values["v_th"] = population.parameter("v_th")
            level = " + ".join(["v_th", *(f"h{k}" for k in range(len(slow)) if letter == "h")])
            self.values |= {} if model.reset == "subtract" else {"v_reset": population.parameter("v_reset")}
            reset.insert(0, "v -= v_th" if model.reset == "subtract" else "v = v_reset")
            fires = {"threshold": f"v >= {level}", "reset": "\n".join(reset)}
        if held and fires:
            self.values["ref"] = population.parameter("refractory")
            fires["refractory"] = "ref"
        limits = {key: population.parameter(key) for key in ("v_min", "v_max") if getattr(model, key) is not None}
        self.values |= limits
        for k, drive in enumerate(self.network.drives.get(population.name, ())):
            self.values |= {f"weight_{k}": drive.weight}
            self.values |= {} if isinstance(drive.rate, TimedRate) else {f"rate_{k}": drive.rate}
        unit = {key: "second" if key.startswith("tau_") or key == "ref" else "1" for key in self.values}
        unit = {key: "Hz" if key.startswith("rate_") else each for key, each in unit.items()}
        equations += [f"{key} : {unit[key]} (constant)" for key in self.values]
        group = brian2.NeuronGroup(
            size,
            "\n".join(equations),
            method=self.method,
            clock=self.clock,
            name=self.name,
            namespace=currents,
            **fires,
        )
        scale = {"second": brian2.second, "Hz": brian2.Hz, "1": 1}
        for key, value in self.values.items():
            setattr(group, key, np.broadcast_to(value, (size,)) * scale[unit[key]])
        self._start(group, model)
        if limits:
            low, high = (key if key in limits else bound for key, bound in (("v_min", "-inf"), ("v_max", "inf")))
            for when in ("after_groups", "after_synapses"):
                group.run_regularly(f"v = clip(v, {low}, {high})", when=when, clock=self.clock)
        return group

    def _start(self, group: Any, model: LIF | IF) -> None:
        """Initial values; at rest where none are given."""
        given = self.population.initial or {}
        rest = self.population.parameter("v_rest") if isinstance(model, LIF) else 0.0
        group.v = np.broadcast_to(np.asarray(given.get("v", rest), np.float64), (int(self.population.size),))
        if "i" in given:
            (k,) = (k for k, tau in enumerate(receptors(model)) if tau is not None)
            setattr(group, f"I{k}", np.broadcast_to(np.asarray(given["i"], np.float64), (int(self.population.size),)))

    def _slow(self, model: LIF | IF) -> list[tuple[Any, Any]]:
        """Time constants and jumps of what own spikes change."""
        if not isinstance(model, AHP | ALIF):
            return []
        taus = model.tau_ahp if isinstance(model, AHP) else model.tau_adapt
        if isinstance(taus, tuple) and isinstance(model.jump, tuple):
            return list(zip(taus, model.jump, strict=True))
        return [(taus, model.jump)]

    def _currents(self) -> dict[str, Any]:
        """The sum of the currents onto the population, in steps of dt."""
        import brian2

        if not self.items:
            return {}
        size = int(self.population.size)
        for item in self.items:
            if not hasattr(item, "values"):
                raise InputError(
                    "this population takes a Current", where=f"input of {self.population.name!r}", value=shown(item)
                )
        last = max((float(item.times[-1]) for item in self.items if len(item.times)), default=0.0)
        # The middle of each step decides.
        at = (np.arange(int(np.ceil(last / self.step)) + 1) + 0.5) * self.step
        total = np.zeros((len(at), size))
        for item in self.items:
            if item.values.ndim == 2 and item.values.shape[1] != size:
                raise InputError(
                    f"a current needs one column for each of the {size} neurons",
                    where=f"current onto {self.population.name!r}", value=f"shape {item.values.shape}",
                )  # fmt: skip
            rows = item.values if item.values.ndim == 2 else item.values[:, None]
            padded = np.concatenate([np.zeros((1, rows.shape[1])), rows])
            total += padded[np.searchsorted(item.times, at, side="right")]
        return {"pushed": brian2.TimedArray(total, dt=self.step * brian2.second)}


def _driven(group: Any, name: str, drive: PoissonInput, k: int, clock: Any) -> list[Any]:
    """A drive: a PoissonInput where all neurons have one rate, an operation of the group elsewhere."""
    import brian2

    where = f"drive of {name!r}"
    if isinstance(drive.rate, TimedRate) or drive.delay:
        rule = "Brian2 has no Poisson input with a rate that changes, or a delay"
        raise UnsupportedFeature(rule, where=where, remedy="Give its arrivals as spikes of a SpikeSource")
    variable = f"I{drive.receptor}" if f"I{drive.receptor}" in group.variables else "v"
    if drive.rate.ndim:
        group.run_regularly(f"{variable} += weight_{k}*poisson(rate_{k}*dt)", when="synapses", clock=clock)
        return []
    rate = float(drive.rate) / INPUTS * brian2.Hz
    weight: Any = float(drive.weight) if drive.weight.ndim == 0 else f"weight_{k}"
    return [brian2.PoissonInput(group, variable, INPUTS, rate, weight)]


def _synapses(projection: Projection, seed: int, made: Parts, clock: Any, name: str) -> Any:
    """The Synapses of a projection."""
    import brian2

    source, target = made.groups[projection.pre.name], made.groups[projection.post.name]
    pre, post, weight, delay = (np.asarray(each) for each in edges_of(projection, seed))
    variable = f"I{projection.receptor}_post" if f"I{projection.receptor}" in target.variables else "v_post"
    synapses = brian2.Synapses(source, target, "w : 1", on_pre=f"{variable} += w", clock=clock, name=name)
    if len(pre):
        synapses.connect(i=pre.astype(np.int64), j=post.astype(np.int64))
        synapses.w = weight
        synapses.delay = delay * brian2.second
    else:
        synapses.connect(condition="False")
    return synapses
