"""Synapses and PoissonInputs of Brian2: which variable of which neuron they change, by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from neuro.brian.neurons import states_of
from neuro.brian.scope import Scope
from neuro.brian.statements import changes_of
from neuro.errors import InputError, UnsupportedFeature
from neuro.validation import Floats, Ints

__all__ = ["Link", "Shower", "links_of", "shower_of", "whole_group"]


class Link(NamedTuple):
    """Synapses that make one variable of their targets jump."""

    name: str
    source: str
    target: str
    variable: str
    pre: Ints
    post: Ints
    jump: Floats
    """One for all synapses, or one each, in units of the variable."""
    delay: Floats


class Shower(NamedTuple):
    """Poisson arrivals from outside that make one variable jump."""

    target: str
    variable: str
    rate: Floats
    jump: Floats


def whole_group(group: Any) -> Any:
    """The group that a subgroup is a part of."""
    while group.__class__.__name__ == "Subgroup":
        group = group.source
    return group


def shower_of(drive: Any, namespace: Mapping[str, Any]) -> Shower:
    """Read a PoissonInput: its N inputs of one rate are one Poisson process of N times the rate."""
    group = whole_group(drive._group)
    size, name = int(group.N), drive.target_var
    weight = drive.weight
    scope = Scope(group, namespace, size, states_of(group))
    jump = (
        scope.constant(weight, f"the weight of {drive.name}") if isinstance(weight, str) else np.asarray(weight, float)
    )
    rate = np.asarray(float(drive.N) * float(drive.rate))
    if drive._group is not group:
        part = np.zeros(size)
        part[int(drive._group.start) : int(drive._group.stop)] = rate
        rate = part
    return Shower(group.name, name, rate, jump)


def links_of(synapses: Any, namespace: Mapping[str, Any]) -> list[Link]:
    """Read Synapses: one link for each pathway and each variable that it changes.

    Raises
    ------
    UnsupportedFeature
        If synapses change themselves or what they change depends on what varies in time.
    InputError
        If they have not been connected.
    """
    where = f"Synapses {synapses.name!r}"
    source, target = whole_group(synapses.source), whole_group(synapses.target)
    _check_synapses(synapses, where, target)
    if not synapses._connect_called:
        raise InputError("must be connected", where=where, remedy="Call `connect` before `from_brian2`")
    pre = np.asarray(synapses.variables["_synaptic_pre"].get_value(), np.int64)
    post = np.asarray(synapses.variables["_synaptic_post"].get_value(), np.int64)
    scope = _scope_of(synapses, namespace, source, target, pre, post)
    found = []
    acting = [(path, changes_of(path.code, scope)) for path in synapses._pathways]
    acting = [(path, changes) for path, changes in acting if changes]
    for path, changes in acting:
        if path.prepost != "pre" or path.event != "spike":
            text = str(path.code).strip()
            raise UnsupportedFeature("synapses must act at spikes of their source alone", where=where, value=text)
        delay = np.asarray(path._delays.get_value(), np.float64)
        delay = delay[:1].reshape(()) if len(np.unique(delay)) == 1 else delay
        delay = np.zeros(()) if not delay.size else delay
        for name, value in changes.items():
            jump = _jump(name, value, scope, where, states_of(target))
            several = len(acting) > 1 or len(changes) > 1
            label = f"{synapses.name}.{path.objname}.{name.removesuffix('_post')}" if several else synapses.name
            found.append(Link(label, source.name, target.name, name.removesuffix("_post"), pre, post, jump, delay))
    return found


def _check_synapses(synapses: Any, where: str, target: Any) -> None:
    """Refuse synapses with equations of their own."""
    if target.__class__.__name__ != "NeuronGroup":
        raise UnsupportedFeature("synapses must go to a NeuronGroup", where=where, value=target.__class__.__name__)
    event_driven = () if synapses.event_driven is None else synapses.event_driven.diff_eq_names
    changing = [*synapses.equations.diff_eq_names, *event_driven]
    if changing:
        equations = str(synapses.equations if synapses.equations.diff_eq_names else synapses.event_driven).split("\n")
        rule = "synapses must not have differential equations"
        raise UnsupportedFeature(rule, where=where, value=equations[0].strip())
    if getattr(synapses, "subexpression_updater", None) is not None:
        rule = "synapses must not have variables that are evaluated in each step"
        raise UnsupportedFeature(rule, where=where, value=str(synapses.subexpression_updater.abstract_code).strip())
    for updater in synapses.summed_updaters.values():
        rule = "synapses must not have summed variables"
        raise UnsupportedFeature(rule, where=where, value=str(updater.expression))


def _scope_of(synapses: Any, namespace: Mapping[str, Any], source: Any, target: Any, pre: Ints, post: Ints) -> Scope:
    """What names mean in the statements of synapses: those without a suffix are of the target."""
    states: list[str] = []
    values: dict[str, Any] = {}
    renamed: dict[str, str] = {}
    for group, ids, suffix in ((source, pre, "_pre"), (target, post, "_post")):
        own = states_of(group) if group.__class__.__name__ == "NeuronGroup" else []
        states += [name + suffix for name in own]
        renamed |= {name: name + suffix for name in own if suffix == "_post" and name not in synapses.equations.names}
        for name, equation in getattr(group, "user_equations", {}).items():
            if equation.type == "parameter":
                value = np.asarray(group.state(name, use_units=False)[:], np.float64)
                values[name + suffix] = value[ids] if value.shape == (int(group.N),) else value.reshape(())
                if suffix == "_post" and name not in synapses.equations.names:
                    renamed[name] = name + suffix
    offset = int(getattr(synapses.source, "start", 0)), int(getattr(synapses.target, "start", 0))
    values |= {"i": pre - offset[0], "j": post - offset[1]}
    return Scope(synapses, namespace, len(pre), states, values, renamed)


def _jump(name: str, value: Any, scope: Scope, where: str, target: list[str]) -> Floats:
    """By how much an arrival makes a variable of the target jump."""
    import sympy

    if name.removesuffix("_post") not in target or not name.endswith("_post"):
        raise UnsupportedFeature(
            "synapses must change the variables of their targets alone, which have differential equations",
            where=where,
            value=f"{name} = {scope.sympy_text(value)}",
        )
    step = scope.linear(sympy.expand(value - sympy.Symbol(name, real=True)), f"the change of {name}")
    if step.coefficient:
        rule = f"synapses must add to {name} what does not depend on the neurons"
        raise UnsupportedFeature(rule, where=where, value=f"{name} = {scope.sympy_text(value)}")
    return step.constant
