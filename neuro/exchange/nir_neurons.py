"""Populations of a NIR graph's nodes of neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neuro.errors import InputError, NeuroError, UnsupportedFeature
from neuro.exchange.nir_file import Node
from neuro.exchange.nir_maps import Diagonal
from neuro.exchange.nir_shapes import broadcast
from neuro.network.graph import Population
from neuro.network.neurons import AHP, IF, LIF, Model, Reset
from neuro.validation import Floats

__all__ = ["Filter", "Reset", "jump_of_spike", "population_of"]


@dataclass(frozen=True, eq=False)
class Filter:
    """An LI node that is a current of a node of neurons."""

    node: Node
    factor: Floats
    """What its potential is multiplied with on the way."""
    bias: Floats
    """Its constant input."""
    loop: bool
    """Do only the neurons themselves feed it?"""
    connections: list[Any]
    """What feeds it."""


def jump_of_spike(node: Node, shape: tuple[int, ...], dt: float) -> Floats:
    """Jump by a spike of weight 1, by neuron: of the potential, or of the current in units of the potential."""
    if node.kind == "Threshold":
        return np.ones(int(np.prod(shape)))
    r = broadcast(node, "r", shape)
    if node.kind.startswith("Cuba"):
        return r * broadcast(node, "w_in", shape) * (dt / _time(node, "tau_syn", shape))
    return r * dt if node.kind in ("IF", "I") else r * (dt / _time(node, "tau", shape))


def population_of(
    node: Node,
    shape: tuple[int, ...],
    dt: float,
    reset: Reset | None,
    start: Floats | float,
    bias: Floats,
    filters: list[Filter],
    direct: bool,
) -> tuple[Population, list[tuple[int, Floats, Filter]]]:
    """The population of a node, and the receptor and the jump by a spike of each filter that is a receptor.

    Its potential starts at `start`. `bias` is its constant input; `direct`: do connections reach the node
    beside those of the filters?
    """
    size, kind = int(np.prod(shape)), node.kind
    bias = np.broadcast_to(bias, (size,)) if bias.size == 1 else bias
    fields: dict[str, Any] = {"v_th": None}
    initial: dict[str, Any] = {"v": start}
    if kind == "Threshold":
        level = broadcast(node, "threshold", shape)
        model: Model = LIF(tau_m=np.full(size, dt), v_th=level, v_reset=np.minimum(0.0, level - 1.0), bias=bias)
        return Population(node.name, size, model, initial), []
    r = broadcast(node, "r", shape)
    drive = r * bias
    if kind in ("LIF", "CubaLIF", "IF"):
        fields = {"v_th": broadcast(node, "v_threshold", shape), "v_reset": broadcast(node, "v_reset", shape)}
        if reset is not None:
            fields["reset"] = reset
    if kind.startswith("Cuba"):
        drive = drive * broadcast(node, "w_in", shape)
        # A constant input reaches v through the current, which begins at zero: drive (1 - exp(-t/tau_syn)).
        initial["i"] = -drive
        fields["tau_syn"] = _time(node, "tau_syn", shape)
    slow, slots = _slow(node, shape, dt, r, filters), []
    receptors: list[Floats | None] = [None] if direct or not filters else []
    for each in filters:
        if each in slow:
            continue
        gain = r * each.factor * broadcast(each.node, "r", shape)
        tau = _time(each.node, "tau", shape)
        if np.any(each.bias):
            drive = drive + gain * each.bias
            initial["i"] = initial.get("i", 0.0) - gain * each.bias
        slots.append((len(receptors), gain * (dt / tau), each))
        receptors.append(tau)
    if filters and receptors:
        fields["tau_syn"] = receptors[0] if len(receptors) == 1 else tuple(receptors)
    if "i" in initial and sum(tau is not None for tau in receptors) > 1 and filters:
        raise UnsupportedFeature("a constant input to one of several currents is not known here", where=node.where)
    if slow:
        fields["tau_ahp"] = tuple(tau for tau, _ in slow.values())
        fields["jump"] = tuple(jump for _, jump in slow.values())
    try:
        return Population(node.name, size, _model(node, shape, drive, fields), initial), slots
    except NeuroError as error:
        raise InputError(f"the neurons cannot be: {error}", where=node.where) from None


def _model(node: Node, shape: tuple[int, ...], drive: Floats, fields: dict[str, Any]) -> Model:
    if node.kind in ("IF", "I"):
        return IF(bias=drive, **fields)
    tau = _time(node, "tau_mem" if node.kind.startswith("Cuba") else "tau", shape)
    kind = AHP if "tau_ahp" in fields else LIF
    return kind(tau_m=tau, v_rest=broadcast(node, "v_leak", shape), bias=drive, **fields)


def _slow(
    node: Node, shape: tuple[int, ...], dt: float, r: Floats, filters: list[Filter]
) -> dict[Filter, tuple[Floats, Floats]]:
    """Time constant and jump of each filter that is a slow current: a LIF feeds it one to one, without a delay.

    In the tools, a spike reaches the potential one step later whole. In the clocked engine a current decays in the
    step after its jump, so the jump is as much larger.
    """
    found: dict[Filter, tuple[Floats, Floats]] = {}
    for each in filters:
        links = each.connections
        if node.kind != "LIF" or not each.loop or len(links) != 1 or links[0].delay or np.any(each.bias):
            continue
        if not (links[0].map is None or isinstance(links[0].map, Diagonal)):
            continue
        tau = _time(each.node, "tau", shape)
        if np.any(tau <= dt):
            continue
        weight = 1.0 if links[0].map is None else links[0].map.factor
        gain = r * each.factor * broadcast(each.node, "r", shape) * weight
        found[each] = tau, -gain * (dt / tau) / (1.0 - dt / tau)
    return found


def _time(node: Node, key: str, shape: tuple[int, ...]) -> Floats:
    """A time constant, s."""
    tau = broadcast(node, key, shape)
    if np.any(tau <= 0.0):
        raise InputError(f"`{key}` must be greater than zero", where=node.where, value=float(tau.min()))
    return tau
