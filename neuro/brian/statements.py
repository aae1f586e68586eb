"""What the statements of a Brian2 object do: resets, and what a synapse does to a neuron."""

from __future__ import annotations

import re
from typing import Any

from neuro.brian.scope import Scope

__all__ = ["changes_of"]


def changes_of(code: str | None, scope: Scope) -> dict[str, Any]:
    """Run statements with symbols: by variable, in the scope's words, the formula of its new value."""
    from brian2.parsing.statements import parse_statement
    from sympy import Symbol

    renamed = scope.renamed or {}
    now: dict[str, Any] = {}
    for line in re.split(r"[;\n]", code or ""):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        name, operation, right, _ = parse_statement(text)
        name = renamed.get(name, name)
        value = scope.parse(right).xreplace({Symbol(key, real=True): each for key, each in now.items()})
        old = now.get(name, Symbol(name, real=True))
        now[name] = {
            "+=": old + value,
            "-=": old - value,
            "*=": old * value,
            "/=": old / value,
        }.get(operation, value)
    return now
