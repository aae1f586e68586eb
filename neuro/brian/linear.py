"""Variables that act on each other as one neuron by matrices, where all neurons of a group have the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from neuro.brian.modes import Couplings
from neuro.errors import ParameterError, UnsupportedFeature
from neuro.network.neurons import LinearNeuron
from neuro.validation import Floats

__all__ = ["Matrices", "linear_neuron", "matrices_of"]

SAME = 8 * np.finfo(np.float64).eps
"""Coefficients of two neurons that differ by less, relative, differ by rounding alone."""


class Matrices(NamedTuple):
    """The fields of a `LinearNeuron` that all neurons have in common."""

    matrix: Floats
    readout: Floats
    inputs: Floats
    to_v: Floats
    jump: Floats


def matrices_of(
    couplings: Couplings, pulling: Mapping[str, Floats], receptors: Sequence[str], jumps: Mapping[str, Floats], v: str
) -> Matrices | None:
    """The matrices of a group; None if they differ from neuron to neuron.

    Parameters
    ----------
    couplings
        By variable x: what each variable contributes to dx/dt, per second.
    pulling
        By variable: what one unit of it adds to v's input, in units of v.
    receptors
        The variables that inputs change, `v` itself among them: receptor k adds to the k-th.
    jumps
        By how much a spike makes each variable jump.
    v
        The name of v.
    """
    names = list(couplings)
    rows = [[couplings[name].get(other, np.zeros(())) for other in names] for name in names]
    parts = [*(part for row in rows for part in row), *(pulling.get(name, np.zeros(())) for name in names)]
    parts += [jumps.get(name, np.zeros(())) for name in names]
    found = [_common(part) for part in parts]
    if None in found:
        return None
    numbers, count = np.array(found, np.float64), len(names)
    inputs = np.array([[float(name == each) for each in receptors] for name in names])
    return Matrices(
        matrix=numbers[: count**2].reshape(count, count),
        readout=numbers[count**2 : count**2 + count],
        inputs=inputs,
        to_v=np.array([float(each == v) for each in receptors]),
        jump=numbers[count**2 + count :],
    )


def linear_neuron(common: Matrices, fields: Mapping[str, Any], where: str) -> LinearNeuron:
    """The neuron with these matrices and other fields.

    Raises
    ------
    UnsupportedFeature
        If the matrix cannot be taken apart into exponentials with enough digits.
    """
    try:
        return LinearNeuron(**fields, **common._asdict())
    except ParameterError as error:
        if not error.where.startswith("LinearNeuron.matrix"):
            raise
        raise UnsupportedFeature(error.rule, where=where, value=error.value, remedy=error.remedy) from None


def _common(value: Floats) -> float | None:
    """The number that all neurons have; None if they differ."""
    array = np.asarray(value, np.float64).ravel()
    if not array.size or np.any(np.abs(array - array[0]) > SAME * np.abs(array[0])):
        return None
    return float(array[0])
