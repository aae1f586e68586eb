"""A NeuronGroup of Brian2 as a population: which neuron of ours its equations are, exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from neuro.brian.linear import linear_neuron, matrices_of
from neuro.brian.modes import Mode, modes_of, resting_values
from neuro.brian.scope import Linear, Scope
from neuro.brian.statements import changes_of
from neuro.errors import UnsupportedFeature
from neuro.network.graph import Population
from neuro.network.neurons import AHP, ALIF, IF, LIF, Model, PoissonSource
from neuro.validation import Floats

__all__ = ["Cells", "cells_of", "states_of"]


class Cells(NamedTuple):
    """A population, and how an input to a variable of the group reaches it."""

    population: Population
    slots: dict[str, list[tuple[int, Floats]]]
    """By variable: receptors, and the factor between the jump of the variable and the weight."""


def states_of(group: Any) -> list[str]:
    """The variables of a group with differential equations, in the order of its equations."""
    return [name for name, equation in group.user_equations.items() if equation.type == "differential equation"]


def cells_of(
    group: Any, namespace: Mapping[str, Any], inputs: Collection[str], notes: list[str], *, linear: bool
) -> Cells:
    """Read a NeuronGroup; `inputs` are the variables that synapses and PoissonInputs change; `linear` as `from_brian2`.

    Raises
    ------
    UnsupportedFeature
        If it has a term that is not linear, or has no place in LIF, IF, AHP, ALIF or LinearNeuron.
    """
    scope = Scope(group, namespace, int(group.N), states_of(group))
    _check_group(group, scope)
    rate = _rate_of_poisson(group, scope)
    if rate is not None:
        return Cells(Population(group.name, scope.size, PoissonSource(rate)), {})
    return _Reader(group, scope, sorted(inputs), notes, linear).cells()


def _check_group(group: Any, scope: Scope) -> None:
    """Refuse parts of a group that are not equations, a threshold and a reset."""
    from brian2 import CodeRunner

    if group.__class__.__name__ != "NeuronGroup":
        raise UnsupportedFeature("neurons must be a NeuronGroup", where=scope.where, value=group.__class__.__name__)
    for event in group.events:
        if event != "spike":
            raise UnsupportedFeature("neurons have no event but the spike", where=scope.where, value=repr(event))
    for part in group.contained_objects:
        if type(part) is CodeRunner:
            raise UnsupportedFeature(
                "neurons have no regular operation", where=scope.where, value=str(part.abstract_code).strip()
            )


def _rate_of_poisson(group: Any, scope: Scope) -> Floats | float | None:
    """The rate of neurons with the threshold ``rand() < rate * dt``; None for others."""
    import sympy

    threshold = scope.parse(group.events["spike"]) if group.events else None
    if not isinstance(threshold, sympy.StrictLessThan | sympy.LessThan):
        return None
    left, dt = threshold.lhs, next((s for s in threshold.free_symbols if s.name == "dt"), 1)
    if getattr(left.func, "__name__", "") != "rand" or (group.event_codes.get("spike") or "").strip():
        return None
    rate = sympy.simplify(threshold.rhs / dt)
    if group._refractory is not False:
        raise UnsupportedFeature("Poisson neurons have no refractory time", where=scope.where)
    return _plain(scope.linear(rate, "the rate").constant)


@dataclass(eq=False)
class _Reader:
    """Reads one group."""

    group: Any
    scope: Scope
    inputs: list[str]
    notes: list[str]
    linear: bool
    """May it be a `LinearNeuron`?"""
    rows: dict[str, Linear] = field(default_factory=dict)
    """The equation of each variable that matters."""

    def cells(self) -> Cells:
        threshold, strict = self._threshold()
        v = self._membrane(threshold)
        self._read_equations(v, threshold)
        slow = [name for name in self.rows if name != v]
        couplings = {name: self.rows[name].coefficient for name in slow}
        for name, row in couplings.items():
            if v in row:
                rule = f"d{name}/dt must not depend on {v}"
                raise UnsupportedFeature(rule, where=self.scope.where, value=self._term(name, v))
        modes = modes_of(couplings, self.scope.where)
        rest = resting_values(couplings, {name: self.rows[name].constant for name in slow})
        membrane = self.rows[v]
        leak, scale = self._leak(v, membrane)
        drive = membrane.constant + sum(
            (membrane.coefficient[name] * rest[name] for name in slow if name in membrane.coefficient), np.zeros(())
        )
        level: Floats | None = None
        raising: dict[str, Floats] = {}
        if threshold is not None:
            unit = threshold.coefficient[v]
            raising = {name: -c / unit for name, c in threshold.coefficient.items() if name != v}
            level = -threshold.constant / unit + sum((c * rest[k] for k, c in raising.items()), np.zeros(()))
        reset, jumps = self._reset(v, level)
        if level is not None and strict and v in self.inputs:
            # A jump may end at the threshold itself, which `v > threshold` does not count.
            level = np.nextafter(level, np.inf)
        refractory = self._refractory(v)
        kinds = _Kinds(self.scope, modes, {k: c * scale for k, c in membrane.coefficient.items()}, raising)
        fast, slots, initial = kinds.receptors(self.inputs, self._starts(slow, rest))
        if v in self.inputs:
            slots[v] = [(len(fast), np.ones(()))]
        taus: list[Floats | float | None] = [_plain(mode.tau) for mode in fast]
        taus += [None] if v in self.inputs else []
        fields: dict[str, Any] = {
            "v_th": None if level is None else _plain(level),
            "refractory": refractory,
            **({} if not taus else {"tau_syn": taus[0] if len(taus) == 1 else tuple(taus)}),
            **reset,
        }
        start = {"v": _plain(self._start_of(v)), **initial}
        slow_currents = kinds.slow(jumps, leak is None)
        reached = [name for name in self.inputs if slots.get(name)]
        if leak is not None and not raising and not initial and any(len(slots[name]) > 1 for name in reached):
            # An input to several exponentials at once: as one neuron by matrices, it stays one synapse.
            common = matrices_of(couplings, kinds.pulling, reached, jumps, v) if self.linear else None
            if common is not None:
                own = {key: value for key, value in fields.items() if key != "tau_syn"}
                own |= {"tau_m": _plain(leak), "v_rest": _plain(drive * scale)}
                by_matrices = linear_neuron(common, own, self.scope.where)
                self._say_receptors(reached, f"LinearNeuron with the states {', '.join(couplings)}; ")
                slots = {name: [(k, np.ones(()))] for k, name in enumerate(reached)}
                return Cells(Population(self.group.name, self.scope.size, by_matrices, initial=start), slots)
        self._say_receptors([mode.name for mode in fast] + ([v] if v in self.inputs else []))
        model = self._model(slow_currents, leak, drive * scale, fields)
        return Cells(Population(self.group.name, self.scope.size, model, initial=start), slots)

    def _model(
        self, slow: tuple[str, list[Mode], list[Floats]], leak: Floats | None, drive: Floats, fields: dict[str, Any]
    ) -> Model:
        """The neuron: without a leak an IF, with slow currents an AHP, with an adaptive threshold an ALIF."""
        if leak is None:
            return IF(bias=_plain(drive), **fields)
        kind, modes, jumps = slow
        fields |= {"tau_m": _plain(leak), "v_rest": _plain(drive)}
        if not modes:
            return LIF(**fields)
        taus = tuple(_plain(mode.tau) for mode in modes)
        steps = tuple(_plain(jump) for jump in jumps)
        several = len(taus) > 1
        tau, jump = (taus, steps) if several else (taus[0], steps[0])
        return AHP(tau_ahp=tau, jump=jump, **fields) if kind == "AHP" else ALIF(tau_adapt=tau, jump=jump, **fields)

    def _threshold(self) -> tuple[Linear | None, bool]:
        """What must be above zero for a spike, and whether zero itself is no spike."""
        import sympy

        if not self.group.events:
            return None, False
        code = self.group.events["spike"]
        found = self.scope.parse(code)
        if isinstance(found, sympy.And):
            kept = [part for part in found.args if str(part) != "not_refractory"]
            found = kept[0] if len(kept) == 1 else found
        if isinstance(found, sympy.StrictGreaterThan | sympy.GreaterThan):
            margin = found.lhs - found.rhs
        elif isinstance(found, sympy.StrictLessThan | sympy.LessThan):
            margin = found.rhs - found.lhs
        else:
            rule = "the threshold must be one comparison, as `v > v_th`"
            raise UnsupportedFeature(rule, where=self.scope.where, value=str(code))
        strict = isinstance(found, sympy.StrictGreaterThan | sympy.StrictLessThan)
        return self.scope.linear(margin, "the threshold"), strict

    def _membrane(self, threshold: Linear | None) -> str:
        """The variable that spikes, or, without a threshold, the one that no other depends on."""
        if threshold is not None:
            above = [name for name, c in threshold.coefficient.items() if np.all(np.asarray(c) > 0)]
        else:
            used = {
                symbol.name
                for name in self.scope.states
                for symbol in self.scope.parse(self.group.user_equations[name].expr.code).free_symbols
                if symbol.name != name
            }
            above = [name for name in self.scope.states if name not in used]
            above = ["v"] if "v" in above else above
        if len(above) != 1:
            rule = "the neurons must have one variable that rises to a threshold"
            raise UnsupportedFeature(rule, where=self.scope.where, value=", ".join(above) or "none")
        return above[0]

    def _read_equations(self, v: str, threshold: Linear | None) -> None:
        """The equations of v, and of all variables that it or the threshold depends on."""
        waiting = [v, *(() if threshold is None else threshold.coefficient)]
        while waiting:
            name = waiting.pop(0)
            if name not in self.rows:
                expression = self.scope.parse(self.group.user_equations[name].expr.code)
                self.rows[name] = self.scope.linear(expression, f"d{name}/dt")
                waiting += self.rows[name].coefficient
        # In the order of the equations, so that receptors are, too.
        self.rows = {name: self.rows[name] for name in self.scope.states if name in self.rows}
        left_out = [name for name in self.scope.states if name not in self.rows]
        if left_out:
            self.notes.append(f"{self.scope.where}: {', '.join(left_out)} left out, which no spike depends on")

    def _leak(self, v: str, membrane: Linear) -> tuple[Floats | None, Floats]:
        """The time constant of v, or None without a leak; and what turns dv/dt into our units of input."""
        rate = -np.asarray(membrane.coefficient.get(v, 0.0))
        if not np.any(rate):
            return None, np.ones(())
        if np.any(rate <= 0.0):
            rule = f"{v} must decay in all neurons, or in none"
            raise UnsupportedFeature(rule, where=self.scope.where, value=self._term(v, v))
        return 1.0 / rate, 1.0 / rate

    def _reset(self, v: str, level: Floats | None) -> tuple[dict[str, Any], dict[str, Floats]]:
        """What a spike does to v, and by how much it makes each other variable jump."""
        import sympy

        scope = self.scope
        if level is None:
            return {}, {}
        changes, jumps = changes_of(self.group.event_codes.get("spike"), scope), {}
        for name, value in changes.items():
            if name == v or name not in self.group.variables:
                continue
            step = scope.linear(sympy.expand(value - sympy.Symbol(name, real=True)), f"the reset of {name}")
            if step.coefficient:
                rule = f"a spike must add a constant to {name}"
                raise UnsupportedFeature(rule, where=scope.where, value=f"{name} = {scope.sympy_text(value)}")
            if name in self.rows:
                jumps[name] = step.constant
            elif name not in scope.states and np.any(step.constant):
                rule = f"a spike must not change {name}, which has no differential equation"
                raise UnsupportedFeature(rule, where=scope.where, value=f"{name} = {scope.sympy_text(value)}")
        if v not in changes:
            raise UnsupportedFeature(f"a spike must reset {v}", where=scope.where, value="no reset")
        after = scope.linear(changes[v], f"the reset of {v}")
        if not after.coefficient:
            return {"v_reset": _plain(after.constant)}, jumps
        less = scope.linear(sympy.expand(changes[v] - sympy.Symbol(v, real=True)), f"the reset of {v}")
        if less.coefficient or not np.allclose(-less.constant, level, rtol=1e-12, atol=0.0):
            raise UnsupportedFeature(
                f"a spike must set {v} to a value, or subtract the threshold",
                where=scope.where,
                value=f"{v} = {scope.sympy_text(changes[v])}",
            )
        return {"reset": "subtract"}, jumps

    def _refractory(self, v: str) -> Floats | float:
        """The refractory time, during which v must be held and all others must go on."""
        import sympy

        given, scope = self.group._refractory, self.scope
        if given is False:
            return 0.0
        if isinstance(given, str):
            parsed = scope.parse(given)
            if isinstance(parsed, sympy.logic.boolalg.Boolean) and not isinstance(parsed, sympy.Symbol):
                raise UnsupportedFeature("the refractory time must be a time", where=scope.where, value=given)
            value = scope.constant(given, "the refractory time")
        else:
            value = np.asarray(given, np.float64)
        if np.any(value > 0.0):
            for name in self.rows:
                held = "unless refractory" in self.group.user_equations[name].flags
                if held != (name == v):
                    rule = f"{name} must {'be held' if name == v else 'go on'} while a neuron is refractory"
                    flag = "has no `(unless refractory)`" if name == v else "has `(unless refractory)`"
                    raise UnsupportedFeature(rule, where=scope.where, value=f"d{name}/dt {flag}")
        return _plain(value)

    def _start_of(self, name: str) -> Floats:
        return np.asarray(self.group.state(name, use_units=False)[:], np.float64)

    def _starts(self, slow: list[str], rest: Mapping[str, Floats]) -> dict[str, Floats]:
        """How far from rest each variable starts."""
        away = {name: self._start_of(name) - rest[name] for name in slow}
        small = {name: np.abs(each) <= 1e-12 * np.abs(rest[name]) for name, each in away.items()}
        return {name: np.where(small[name], 0.0, each) for name, each in away.items()}

    def _term(self, name: str, other: str) -> str:
        """The part of an equation that has a variable in it."""
        import sympy

        terms = sympy.Add.make_args(sympy.expand(self.scope.parse(self.group.user_equations[name].expr.code)))
        found = [term for term in terms if any(s.name == other for s in term.free_symbols)]
        return " + ".join(self.scope.sympy_text(term) for term in found)

    def _say_receptors(self, names: list[str], model: str = "") -> None:
        if len(names) > 1 or model:
            listed = ", ".join(f"{k}: {name}" for k, name in enumerate(names))
            self.notes.append(f"{self.scope.where}: {model}receptors {listed}")


@dataclass(eq=False)
class _Kinds:
    """What each mode is to a neuron: a receptor, a slow current, a part of the threshold, or nothing."""

    scope: Scope
    modes: list[Mode]
    pulling: dict[str, Floats]
    """By variable, what one unit of it adds to v's input, in our units."""
    raising: dict[str, Floats]
    """By variable, what one unit of it adds to the threshold."""

    def receptors(
        self, inputs: list[str], starts: Mapping[str, Floats]
    ) -> tuple[list[Mode], dict[str, list[tuple[int, Floats]]], dict[str, Any]]:
        """The modes that are receptors, how the variables reach them, and the initial current if there is one."""
        fast: list[Mode] = []
        slots: dict[str, list[tuple[int, Floats]]] = {name: [] for name in inputs}
        begins: list[Floats] = []
        for mode in self.modes:
            pull, rise = _part(self.pulling, mode.out), _part(self.raising, mode.out)
            fed = [name for name in inputs if np.any(mode.into.get(name, 0.0))]
            start = _part(mode.into, starts)
            if np.any(rise) and (fed or np.any(start) or np.any(pull)):
                why = (
                    "acts on v, too"
                    if np.any(pull)
                    else f"gets input by {', '.join(fed)}"
                    if fed
                    else "starts elsewhere"
                )
                raise UnsupportedFeature(
                    "what raises the threshold must start at rest, and change at own spikes alone",
                    where=self.scope.where,
                    value=f"{mode.name}, which {why}",
                    remedy=f"Set {mode.name} to its resting value before" if why == "starts elsewhere" else "",
                )
            if np.any(pull) and (fed or np.any(start)):
                for name in fed:
                    slots[name].append((len(fast), mode.into[name] * pull))
                begins.append(start * pull)
                fast.append(mode)
        if any(map(np.any, begins)) and len(fast) > 1:
            names = [mode.name for mode, begin in zip(fast, begins, strict=True) if np.any(begin)]
            raise UnsupportedFeature(
                "only a neuron with one receptor can start with a current",
                where=self.scope.where,
                value=", ".join(names),
                remedy="Let it start at rest, or give the current by a synapse",
            )
        return fast, slots, {"i": _plain(begins[0])} if any(map(np.any, begins)) else {}

    def slow(self, jumps: Mapping[str, Floats], leakless: bool) -> tuple[str, list[Mode], list[Floats]]:
        """Modes that own spikes change, and by how much: of an "AHP" if they act on v, else of an "ALIF"."""
        found: dict[str, list[tuple[Mode, Floats]]] = {"AHP": [], "ALIF": []}
        for mode in self.modes:
            step = _part(mode.into, jumps)
            for kind, effect in (("AHP", -_part(self.pulling, mode.out)), ("ALIF", _part(self.raising, mode.out))):
                if np.any(step * effect):
                    found[kind].append((mode, step * effect))
        both = found["AHP"] + found["ALIF"]
        if both and (leakless or (found["AHP"] and found["ALIF"])):
            rule = "a neuron without a leak has no slow currents" if leakless else (
                "a neuron has slow currents or an adaptive threshold, not both"
            )  # fmt: skip
            raise UnsupportedFeature(rule, where=self.scope.where, value=", ".join(mode.name for mode, _ in both))
        kind = "ALIF" if found["ALIF"] else "AHP"
        return kind, [mode for mode, _ in both], [jump for _, jump in both]


def _part(factors: Mapping[str, Floats], values: Mapping[str, Floats]) -> Floats:
    """The sum of products over the names that both have."""
    return np.asarray(sum((factors[name] * values[name] for name in factors if name in values), np.zeros(())))


def _plain(value: Floats) -> Floats | float:
    """An array of equal numbers as one number."""
    array = np.asarray(value, np.float64)
    if array.size and np.all(array == array.flat[0]):
        return float(array.flat[0])
    return array
