"""The compiled form of a network for the clocked engine, and its builder: parameters and wiring in time steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neuro.display import Displayed, Rows, amount, plural
from neuro.engine.clocked.arrays import EULER, GROUP, NEVER, WHOLE, Cells, Records, Wiring
from neuro.engine.clocked.wiring import lower_wiring, steps_in
from neuro.engine.lower.currents import self_currents, synaptic_taus
from neuro.engine.lower.program import Program, check_size
from neuro.errors import NetworkError, ParameterError, UnknownName, UnsupportedFeature
from neuro.names import Named
from neuro.network.graph import Network, Population
from neuro.network.loihi import LoihiAHP, LoihiLIF
from neuro.network.neurons import ALIF, LIF, LinearNeuron, Source
from neuro.validation import Floats, Ints, instance, number, seconds, text

__all__ = ["ClockedProgram", "Semantics", "build_clocked"]

Semantics = Literal["nir-euler", "loihi"]


@dataclass(frozen=True, eq=False, repr=False)
class ClockedProgram(Displayed):
    """A network in time steps. The neurons of all populations, one after the other, have one common numbering."""

    network: Network
    """The network that it was built from."""
    dt: float
    """Time step, s."""
    semantics: Semantics
    """The equations of a step; see `run`."""
    offset: Mapping[str, int]
    """First neuron of each population."""
    cells: Cells
    """Parameters, as the kernels read them."""
    groups: Records
    """The populations."""
    wiring: Wiring
    """The projections."""
    counted: NDArray[np.bool_]
    """By link: are its events synaptic events? Where an input adds to several currents, those of one of them are."""
    drive: Floats
    """Constant part of each neuron's drive: v_rest + bias."""

    @property
    def size(self) -> int:
        """Number of neurons, sources included."""
        return len(self.drive)

    @property
    def depth(self) -> int:
        """Number of steps for which a spike is remembered."""
        return int(self.wiring.links["lag"].max(initial=0)) + 1

    def slice(self, population: str) -> slice:
        """The neurons of a population in the common numbering."""
        first = self.offset[population]
        return slice(first, first + self.network.populations[population].size)

    def _display(self) -> tuple[str, Rows]:
        title = f"Program of the clocked engine: {plural(self.size, 'neuron')}, steps of {amount(self.dt, 's')}"
        return title, [("semantics", self.semantics), *self.network._display()[1]]


def build_clocked(network: Network | Program, dt: float | None, semantics: str | None = None) -> ClockedProgram:
    """Lower a network for the clocked engine; `run` and `run_batch` take the result.

    Parameters
    ----------
    network
        A `Network`, or a `Program`, whose matrices of weights are used.
    dt
        Time step, s; delays and refractory times are whole multiples of it.
    semantics
        See `run`; by default what the models of the network call for.

    Raises
    ------
    ParameterError
        If there is no time step, or a delay or refractory time is no multiple of it.
    UnsupportedFeature
        If a population is not of these semantics.
    WeightError
        If a weight is not a whole number where it has to be.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 4, nr.LoihiLIF(d_v=204, v_th=127)))
    >>> nr.build_clocked(net, dt=1e-3).semantics
    'loihi'
    """
    if dt is None:
        raise ParameterError("the clocked engine needs a time step", where="dt", remedy="Give dt=..., in seconds")
    step = number(dt, "dt", check=seconds)
    instance(network, "build_clocked", (Network, Program), "a Network or a Program", error=NetworkError)
    program = network if isinstance(network, Program) else None
    net = network.network if isinstance(network, Program) else network
    check_size(net)
    chosen = _semantics(net, semantics)
    offset, total = Named[int]("population of this network"), 0
    for name, population in net.populations.items():
        offset[name] = total
        total += population.size
    lower = _whole_cells if chosen == "loihi" else _euler_cells
    groups, cells = _groups(net, offset), lower(net, offset, total, step)
    drive = np.zeros(total)
    for name, population in net.populations.items():
        rest = population.parameter("v_rest") + population.parameter("bias")
        drive[offset[name] : offset[name] + population.size] = rest
    if program is not None and not np.array_equal(program.drive, drive * program.of("gain", slice(None))):
        raise UnsupportedFeature(
            "the clocked engine takes a program with other weights, but not with another bias",
            where="Program.with_bias",
            remedy="Give the difference as a Current",
        )
    wiring, counted = lower_wiring(net, program, offset, step, chosen == "loihi")
    return ClockedProgram(net, step, chosen, offset, cells, groups, wiring, counted, drive)


def _semantics(network: Network, wanted: str | None) -> Semantics:
    models = {name: population.model for name, population in network.populations.items()}
    whole = [name for name, model in models.items() if isinstance(model, LoihiLIF)]
    real = [name for name, model in models.items() if not isinstance(model, LoihiLIF | Source)]
    if wanted is not None and text(wanted, "semantics") not in ("nir-euler", "loihi"):
        raise UnknownName("semantics of the clocked engine", wanted, ["nir-euler", "loihi"])
    chosen: Semantics = "loihi" if wanted == "loihi" or (wanted is None and whole) else "nir-euler"
    wrong = real if chosen == "loihi" else whole
    if wrong:
        raise UnsupportedFeature(
            f"semantics {chosen!r} has no {type(models[wrong[0]]).__name__}",
            where=f"population {wrong[0]!r}",
            remedy="'loihi' is for LoihiLIF and LoihiAHP, 'nir-euler' for all others",
        )
    return chosen


def _groups(network: Network, offset: Mapping[str, int]) -> Records:
    groups = np.zeros(len(network.populations), GROUP)
    for group, population in zip(groups, network.populations.values(), strict=True):
        group["start"] = offset[population.name]
        group["stop"] = group["start"] + population.size
        group["source"] = isinstance(population.model, Source)
        synaptic, own = synaptic_taus(population), self_currents(population)
        group["modes"] = len(synaptic) + len(own)
        group["currents"] = len(synaptic) + (0 if isinstance(population.model, ALIF) else len(own))
    return groups


def _share(dt: float, tau: Floats, population: str) -> Floats:
    """dt / tau. With a step longer than the time constant, forward Euler would oscillate."""
    share = dt / np.asarray(tau, np.float64)
    if share.size and share.max() > 1.0 + 1e-9:
        raise ParameterError(
            f"must not be longer than the shortest time constant, {dt / share.max()} s",
            where=f"population {population!r}, dt",
            value=dt,
        )
    return share


def _euler_cells(network: Network, offset: Mapping[str, int], total: int, dt: float) -> Cells:
    populations = list(network.populations.values())
    depth = max((len(synaptic_taus(p)) + len(self_currents(p)) for p in populations), default=0)
    cells = Cells(np.zeros(total, EULER), np.ones((depth, total)), np.zeros((depth, total)))
    for p in populations:
        here = slice(offset[p.name], offset[p.name] + p.size)
        synaptic = synaptic_taus(p)
        for k, tau in enumerate(synaptic):
            cells.keep[k, here] = 1.0 - _share(dt, tau, p.name)
        for k, (tau, jump) in enumerate(self_currents(p), start=len(synaptic)):
            cells.keep[k, here], cells.jump[k, here] = 1.0 - _share(dt, tau, p.name), jump
        part, leaky = cells.cell[here], isinstance(p.model, LIF | LinearNeuron)
        part["gain"] = _share(dt, p.parameter("tau_m"), p.name) if leaky else dt
        part["leaky"] = leaky
        part["threshold"] = p.parameter("v_th", np.inf)
        part["reset"] = p.parameter("v_reset")
        part["subtract"] = getattr(p.model, "reset", "") == "subtract"
        part["floor"] = p.parameter("v_min", -np.inf)
        part["ceiling"] = p.parameter("v_max", np.inf)
        where = f"population {p.name!r}, refractory"
        part["pause"] = [steps_in(float(span), dt, where) for span in p.parameter("refractory")]
    return cells


def _whole_cells(network: Network, offset: Mapping[str, int], total: int, dt: float) -> Cells:
    cells = np.zeros(total, WHOLE)
    cells["keep_a"], cells["threshold"] = 4096, NEVER
    for p in network.populations.values():
        if not isinstance(p.model, LoihiLIF):
            continue

        def number(key: str, of: Population = p) -> Ints:
            return of.parameter(key).astype(np.int64)

        part = cells[offset[p.name] : offset[p.name] + p.size]
        part["keep_v"] = 4096 - number("d_v")
        part["keep_u"] = 4096 - number("d_u")
        part["scale"] = 1 << (6 + number("e"))
        part["bias"] = number("bias") << number("e_bias")
        part["pause"] = number("refractory") - 1
        part["bounded"] = p.model.bounded
        if p.model.v_th is not None:
            part["threshold"] = number("v_th") << 6
        if isinstance(p.model, LoihiAHP):
            part["keep_a"] = 4096 - number("d_a")
            part["jump"] = number("w_a") << (6 + number("e_a"))
    return Cells(cells, np.ones((0, total)), np.zeros((0, total)))
