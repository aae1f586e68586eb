"""The neurons of a program as arrays for the kernels, what cannot be done, and gradients by the names of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.lower.currents import self_currents, synaptic_taus
from neuro.engine.lower.program import Program
from neuro.errors import UnsupportedFeature
from neuro.gradients.kernels.arrays import Cells, Totals, Wires
from neuro.gradients.wiring import Wiring, wiring_of
from neuro.jit import as_table
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, ALIF, LIF, LinearNeuron, Source, receptors
from neuro.validation import Floats

__all__ = ["ByName", "Lowered", "cells_of", "lowered", "new_totals", "parameters_of"]

ByName = dict[str, "Floats | tuple[Floats | None, ...]"]


def cells_of(program: Program) -> Cells:
    """The neurons of a program.

    Raises
    ------
    UnsupportedFeature
        If its loss has no gradient, or not by these means: floors and ceilings of v, external drives.
    """
    network, size = program.network, program.size
    depth = program.fixed.rate.shape[1]
    rate, jump = np.ones((size, depth)), np.zeros((size, depth))
    v, c, source = np.zeros(size), np.zeros((size, depth)), np.zeros(size, np.int64)
    for name, population in network.populations.items():
        here = program.slice(name)
        if isinstance(population.model, Source):
            source[here] = 1
            continue
        _refuse(name, population)
        taus, own = synaptic_taus(population), self_currents(population)
        for q, tau in enumerate([*taus, *(tau for tau, _ in own)]):
            rate[here, q] = 1.0 / tau
        for q, (_, each) in enumerate(own, start=len(taus)):
            jump[here, q] = each
        initial = population.initial or {}
        v[here] = initial.get("v", population.parameter("v_rest"))
        if "i" in initial:
            c[here, 0] = initial["i"]
    for name in network.drives:
        if network.drives[name]:
            raise UnsupportedFeature(
                "the arrivals of a drive are drawn, and are in no recording",
                where=f"gradient, drive of {name!r}",
                remedy="Give the spikes: a SpikeSource with synapses",
            )
    every = slice(None)
    fields: dict[str, Any] = {
        key: program.of(key, every) for key in ("leak", "gain", "threshold", "reset", "refractory")
    }
    fields |= {key: program.of(key, every).astype(np.int64) for key in ("subtract", "currents", "modes")}
    return Cells(source=source, rate=rate, jump=jump, v=v, c=c, **fields)


def _refuse(name: str, population: Population) -> None:
    """Refuse neurons through which no gradient goes."""
    model: Any = population.model
    if isinstance(model, LinearNeuron):
        raise UnsupportedFeature(
            "there are no gradients through a LinearNeuron",
            where=f"gradient, population {name!r}",
            value=f"{len(np.asarray(model.matrix))} internal states",
            remedy="A LIF has synaptic currents, an AHP slow currents of its own spikes; both have gradients",
        )
    for key, what in (("v_min", "floor"), ("v_max", "ceiling")):
        if getattr(model, key, None) is not None:
            raise UnsupportedFeature(
                f"there are no gradients through a {what} of v, where v forgets what came before",
                where=f"gradient, {key} of population {name!r}",
                value=getattr(model, key),
                remedy=f"Leave {key} out",
            )


def new_totals(cells: Cells, synapses: int) -> Totals:
    """Gradients of zero."""
    size = len(cells.leak)
    flat = {key: np.zeros(size) for key in ("leak", "gain", "drive", "threshold", "reset", "refractory", "v")}
    wide = {key: np.zeros(cells.rate.shape) for key in ("rate", "jump", "c")}
    return Totals(weight=np.zeros(synapses), delay=np.zeros(synapses), small=np.zeros(1, np.int64), **flat, **wide)


def parameters_of(program: Program, cells: Cells, totals: Totals, name: str) -> ByName:
    """The gradients of a population by the names of its parameters, each of shape (neurons,), or a tuple of such."""
    population, here = program.network.populations[name], program.slice(name)
    model: Any = population.model
    if isinstance(model, Source):
        return {}
    leaky = isinstance(model, LIF)
    gain, by_rate = cells.gain[here], -totals.rate[here] * cells.rate[here] ** 2
    found: ByName = {}
    if leaky:
        found["tau_m"] = -(gain**2) * (totals.leak[here] + totals.gain[here])
    if model.v_th is not None:
        found["v_th"] = totals.threshold[here].copy()
    found["v_reset"] = totals.reset[here].copy()
    found["bias"] = totals.drive[here] * gain
    if leaky:
        starts_at_rest = "v" not in (population.initial or {})
        found["v_rest"] = totals.drive[here] * gain + (totals.v[here] if starts_at_rest else 0.0)
    found["refractory"] = totals.refractory[here].copy()
    synaptic = len(synaptic_taus(population))
    places = iter(range(synaptic))
    each = tuple(None if tau is None else by_rate[:, next(places)] for tau in receptors(model))
    if isinstance(model.tau_syn, tuple):
        found["tau_syn"] = each
    elif each[0] is not None:
        found["tau_syn"] = each[0]
    if isinstance(model, AHP | ALIF):
        key, sign = ("tau_ahp", -1.0) if isinstance(model, AHP) else ("tau_adapt", 1.0)
        slow = range(synaptic, synaptic + len(self_currents(population)))
        taus = tuple(by_rate[:, q] for q in slow)
        jumps = tuple(sign * totals.jump[here, q] for q in slow)
        several = isinstance(getattr(model, key), tuple)
        found[key], found["jump"] = (taus, jumps) if several else (taus[0], jumps[0])
    return found


@dataclass(frozen=True, eq=False)
class Lowered:
    """A program as the kernels of the gradient take it."""

    program: Program
    cells: Cells
    wiring: Wiring
    wires: Wires

    @cached_property
    def tables(self) -> tuple[Cells, Wires]:
        """Cells and wires as the kernels take them."""
        return as_table(self.cells), as_table(self.wires)


_KNOWN: WeakKeyDictionary[Network, tuple[Any, Cells, Wiring]] = WeakKeyDictionary()
"""Of each network, the parts that programs with other weights share."""


def lowered(program: Program) -> Lowered:
    """A program for the kernels of the gradient.

    Raises
    ------
    UnsupportedFeature
        If it has parts through which no gradient goes.
    """
    known = _KNOWN.get(program.network)
    if known is None or known[0] is not program.fixed.row:
        known = program.fixed.row, cells_of(program), wiring_of(program)
        _KNOWN[program.network] = known
    _, cells, wiring = known
    return Lowered(program, cells, wiring, wiring.with_weights(program))
