"""Checks of a neuron's linear equations: shapes that fit together, and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuro.errors import ParameterError
from neuro.validation import Floats, finite, frozen

__all__ = ["MOST_STATES", "check_equations"]

MOST_STATES = 64
"""Internal states of a neuron at most."""


def check_equations(model: Any) -> dict[str, Floats]:
    """`matrix`, `readout`, `inputs`, `to_v` and `jump` of a model, as arrays with all their axes.

    Raises
    ------
    ParameterError
        If shapes do not fit together, or if a number is not finite.
    """
    kind = type(model).__name__
    matrix = finite(model.matrix, f"{kind}.matrix", unit="Hz")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not 1 <= len(matrix) <= MOST_STATES:
        raise ParameterError(
            f"must have shape (states, states), for 1..{MOST_STATES} states",
            where=f"{kind}.matrix",
            value=f"shape {matrix.shape}",
            remedy="A neuron without internal states is a LIF",
        )
    states = len(matrix)
    readout = _shaped(model.readout, f"{kind}.readout", (states,), matrix)
    inputs = finite(model.inputs, f"{kind}.inputs")
    if inputs.ndim == 1:
        inputs = inputs[:, None]
    if inputs.ndim != 2 or len(inputs) != states or not inputs.shape[1]:
        raise ParameterError(
            f"must have shape ({states},), or ({states}, receptors), as `matrix` has {states} states",
            where=f"{kind}.inputs",
            value=f"shape {np.shape(model.inputs)}",
        )
    given = {"to_v": (model.to_v, inputs.shape[1]), "jump": (model.jump, states)}
    found = {"matrix": matrix, "readout": readout, "inputs": inputs}
    for key, (value, size) in given.items():
        array = finite(value, f"{kind}.{key}")
        found[key] = np.full(size, array) if array.ndim == 0 else _shaped(array, f"{kind}.{key}", (size,), None)
    return {key: frozen(np.array(value)) for key, value in found.items()}


def _shaped(value: Any, where: str, shape: tuple[int, ...], matrix: Floats | None) -> Floats:
    array = finite(value, where)
    if array.shape == shape:
        return array
    remedy = ""
    if matrix is not None and array.shape == (len(matrix) - 1,):
        remedy = (
            "`matrix` is that of u alone. v has an equation of its own, with `tau_m`, and does not act on u: a reset "
            "of v would change all exponentials at once"
        )
    rule = f"must have shape {shape}"
    raise ParameterError(rule, where=where, value=f"shape {array.shape}", remedy=remedy)
