"""Expressions of a Brian2 object: what their names stand for, and the proof that they are linear."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from neuro.errors import InputError, UnsupportedFeature
from neuro.validation import Floats

__all__ = ["Linear", "Scope"]

TIME = ("t", "dt", "t_in_timesteps", "lastspike", "not_refractory")
"""Names of Brian2 that are no constants."""

CONSTANT = {"int_": np.trunc, "clip": np.clip, "sqrt": np.sqrt, "abs": np.abs, "ceil": np.ceil, "floor": np.floor}
"""Functions of Brian2 that sympy does not have in these words; of constants they are constant."""


class Linear(NamedTuple):
    """A linear expression: its coefficients by state variable, and its constant part, each a number or one each."""

    coefficient: dict[str, Floats]
    constant: Floats


@dataclass(eq=False)
class Scope:
    """What the names in the expressions of one Brian2 object stand for."""

    owner: Any
    """The NeuronGroup, Synapses or PoissonGroup."""
    namespace: Mapping[str, Any]
    """Constants outside of it, as Brian2 would find them when it runs."""
    size: int
    """Entries of an array: neurons, or synapses."""
    states: Collection[str] = ()
    """Names of what changes in time."""
    values: Mapping[str, Any] | None = None
    """Values of names that the owner itself does not give rightly."""
    renamed: Mapping[str, str] | None = None
    """State variables by other names under which they are known here."""

    @property
    def where(self) -> str:
        return f"{self.owner.__class__.__name__} {self.owner.name!r}"

    def parse(self, code: Any) -> Any:
        """An expression as sympy has it, with the definitions of its subexpressions in their places."""
        from brian2.parsing.sympytools import str_to_sympy
        from sympy import Symbol

        try:
            found = str_to_sympy(str(code))
        except (SyntaxError, NotImplementedError) as error:
            raise UnsupportedFeature(
                "an expression that cannot be read as a formula", where=self.where, value=f"{code} ({error})"
            ) from None
        # In `equations`, subexpressions that are constant over a step are parameters.
        equations = getattr(self.owner, "user_equations", getattr(self.owner, "equations", {}))
        for _ in range(len(equations) + 1):
            inner = [s for s in found.free_symbols if s.name in getattr(equations, "subexpr_names", ())]
            if not inner:
                break
            found = found.xreplace({s: str_to_sympy(equations[s.name].expr.code) for s in inner})
        return found.xreplace({Symbol(a, real=True): Symbol(b, real=True) for a, b in (self.renamed or {}).items()})

    def linear(self, expression: Any, what: str) -> Linear:
        """The coefficients of a parsed expression in the state variables.

        Raises
        ------
        UnsupportedFeature
            If it is not linear with constant coefficients; `value` is the term that is not.
        """
        import sympy

        symbols = {s.name: s for s in expression.free_symbols if s.name in self.states}
        for term in _terms(expression):
            self._refuse_changing(term, what)
            if any(part.free_symbols & set(symbols.values()) for part in term.atoms(*_steps())):
                raise self._not_linear([term], what)
        slopes = {name: sympy.diff(expression, symbol) for name, symbol in symbols.items()}
        for slope in slopes.values():
            if not all(_is_zero(sympy.diff(slope, symbol)) for symbol in symbols.values()):
                pairs = [(a, b) for a in symbols.values() for b in symbols.values()]
                wrong = [
                    term for term in _terms(expression) if any(not _is_zero(sympy.diff(term, a, b)) for a, b in pairs)
                ]
                raise self._not_linear(wrong or [expression], what)
        origin = dict.fromkeys(symbols.values(), 0)
        coefficient = {name: self.number(sympy.simplify(slope).subs(origin)) for name, slope in slopes.items()}
        return Linear(
            {name: each for name, each in coefficient.items() if np.any(each)}, self.number(expression.subs(origin))
        )

    def constant(self, code: Any, what: str) -> Floats:
        """The value of an expression that must not depend on anything that changes."""
        found = self.linear(self.parse(code), what)
        if found.coefficient:
            raise UnsupportedFeature(
                f"{what} must be constant", where=self.where, value=f"{code}, with {', '.join(found.coefficient)}"
            )
        return found.constant

    def number(self, expression: Any) -> Floats:
        """The value of a parsed expression of constants, in SI units: a number, or one for each entry."""
        import sympy

        names = sorted(s.name for s in expression.free_symbols)
        given = [self._value(name) for name in names]
        symbols = [sympy.Symbol(name, real=True) for name in names]
        try:
            function = sympy.lambdify(symbols, expression, modules=[CONSTANT, "numpy"])
            value = np.asarray(function(*given), np.float64)
        except (NameError, TypeError, AttributeError) as error:
            raise self._unreadable(expression, error) from None
        if value.shape not in ((), (self.size,)) or not np.isfinite(value).all():
            raise InputError("a constant must be a finite number", where=self.where, value=str(expression))
        return value

    def sympy_text(self, expression: Any) -> str:
        """An expression in the words of Brian2."""
        from brian2.parsing.sympytools import sympy_to_str

        return re.sub(r"\s+", " ", str(sympy_to_str(expression)))

    def _value(self, name: str) -> Floats:
        if self.values is not None and name in self.values:
            return np.asarray(self.values[name], np.float64)
        variables = self.owner.variables
        if name in variables and hasattr(self.owner, "state"):
            try:
                value = np.asarray(self.owner.state(name, use_units=False)[:], np.float64)
            except (NotImplementedError, TypeError, KeyError) as error:
                raise InputError("has no value yet", where=f"{self.where}, {name}", value=str(error)) from None
            return value.reshape(()) if value.shape == (1,) else value
        try:
            found = self.owner._resolve_external(name, run_namespace=self.namespace)
        except KeyError:
            raise InputError(
                "a name has no value",
                where=self.where,
                value=repr(name),
                remedy="Define it where `from_brian2` is called, or in the `namespace` of the group",
            ) from None
        if not hasattr(found, "get_value"):
            raise UnsupportedFeature("a function is no constant", where=self.where, value=repr(name))
        return np.asarray(found.get_value(), np.float64)

    def _refuse_changing(self, term: Any, what: str) -> None:
        """Refuse terms of time, noise, and functions that Brian2 evaluates anew in each step."""
        from sympy.core.function import AppliedUndef

        names = {s.name for s in term.free_symbols}
        changing = [name for name in names if name not in self.states and (name in TIME or self._moves(name))]
        if changing:
            rule = f"a term of {what} changes in time"
        elif any(name == "xi" or name.startswith("xi_") for name in names):
            rule = f"a term of {what} is noise"
        else:
            calls = [c.func.__name__ for c in term.atoms(AppliedUndef) if c.func.__name__ not in CONSTANT]
            if not calls:
                return
            rule = f"a term of {what} has the function {calls[0]}, which is not constant"
        raise UnsupportedFeature(rule, where=self.where, value=self.sympy_text(term))

    def _moves(self, name: str) -> bool:
        """Is this linked to a variable of another group that changes in time?"""
        variable: Any = getattr(self.owner, "variables", {}).get(name)
        equations = getattr(getattr(variable, "owner", None), "equations", None)
        return equations is not None and variable.name in {*equations.diff_eq_names, *equations.subexpr_names}

    def _not_linear(self, terms: list[Any], what: str) -> UnsupportedFeature:
        return UnsupportedFeature(
            f"a term of {what} is not linear with constant coefficients",
            where=self.where,
            value=" and ".join(map(self.sympy_text, terms)),
            remedy="The exact engine has linear neurons: LIF, IF, AHP, ALIF, LinearNeuron",
        )

    def _unreadable(self, expression: Any, error: Exception) -> UnsupportedFeature:
        return UnsupportedFeature(
            "a constant cannot be computed", where=self.where, value=f"{self.sympy_text(expression)} ({error})"
        )


def _terms(expression: Any) -> tuple[Any, ...]:
    """The summands of an expression, with products written out."""
    import sympy

    return tuple(sympy.Add.make_args(sympy.expand_mul(expression)))


def _steps() -> tuple[Any, ...]:
    """What sympy calls functions that it cannot differentiate."""
    from sympy.core.function import AppliedUndef
    from sympy.core.relational import Relational
    from sympy.logic.boolalg import BooleanFunction

    return AppliedUndef, Relational, BooleanFunction


def _is_zero(expression: Any) -> bool:
    import sympy

    return bool(expression == 0) or bool(sympy.expand(expression) == 0) or bool(sympy.simplify(expression) == 0)
