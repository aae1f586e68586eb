"""Linear equations as independent exponentials, and what one of these does to a neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neuro.errors import UnsupportedFeature
from neuro.validation import Floats

__all__ = ["Couplings", "Mode", "modes_of", "resting_values"]

Couplings = Mapping[str, Mapping[str, Floats]]
"""By variable x: what each variable contributes to dx/dt, per second."""

APART = 1e-6
"""Rates that differ by less, relative to the greatest, are equal: rounding would leave too few digits of a weight."""


@dataclass(frozen=True, eq=False)
class Mode:
    """A combination y of variables that decays by itself: dy/dt = -y / tau."""

    name: str
    tau: Floats
    into: dict[str, Floats]
    """y = sum of ``into[x] * x``."""
    out: dict[str, Floats]
    """Each x is the sum of ``out[x] * y`` over the modes."""


def modes_of(couplings: Couplings, where: str) -> list[Mode]:
    """The modes of variables with dx/dt = sum of couplings, each a number or one for each neuron.

    Raises
    ------
    UnsupportedFeature
        If a variable does not decay, two oscillate, or two that depend on each other have one time constant.
    """
    found = []
    for group in _groups(couplings):
        if len(group) == 1:
            (name,) = group
            rate = -np.asarray(couplings[name].get(name, 0.0), np.float64)
            _check_decay(rate, name, where)
            found.append(Mode(name, 1.0 / rate, {name: np.ones(())}, {name: np.ones(())}))
        else:
            found += _coupled(group, couplings, where)
    return found


def resting_values(couplings: Couplings, constant: Mapping[str, Floats]) -> dict[str, Floats]:
    """Where the variables rest, if ``constant[x]`` is added to each dx/dt."""
    found = {}
    for group in _groups(couplings):
        if len(group) == 1:
            (name,) = group
            found[name] = -np.asarray(constant[name]) / couplings[name][name]
        else:
            rest = np.linalg.solve(_matrix(group, couplings), -_stack([constant[name] for name in group])[..., None])
            found |= {name: np.asarray(rest[..., k, 0], np.float64) for k, name in enumerate(group)}
    return found


def _groups(couplings: Couplings) -> list[list[str]]:
    """Variables that depend on each other, directly or through others."""
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(couplings)
    graph.add_edges_from((name, other) for name, row in couplings.items() for other in row)
    place = {name: k for k, name in enumerate(couplings)}
    return sorted((sorted(part, key=place.__getitem__) for part in networkx.connected_components(graph)),
                  key=lambda part: place[part[0]])  # fmt: skip


def _coupled(group: list[str], couplings: Couplings, where: str) -> list[Mode]:
    """The modes of several variables that depend on each other."""
    rates, vectors = np.linalg.eig(_matrix(group, couplings))
    names = ", ".join(group)
    if np.any(np.abs(rates.imag) > 0.0):
        rule = f"{names} oscillate, which a sum of decaying currents does not"
        raise UnsupportedFeature(rule, where=where)
    order = np.argsort(rates.real, axis=-1)
    rates = np.take_along_axis(rates.real, order, -1)
    vectors = np.take_along_axis(vectors.real, order[..., None, :], -1)
    if np.any(np.diff(rates, axis=-1) < APART * np.abs(rates).max(axis=-1, keepdims=True)):
        raise UnsupportedFeature(
            "two variables that depend on each other have one time constant, as in an alpha function, which is no sum "
            "of exponentials",
            where=where,
            value=names,
            remedy="Let the time constants differ by a thousandth",
        )
    inverse = np.linalg.inv(vectors)
    found = []
    for k in range(len(group)):
        _check_decay(-rates[..., k], names, where)
        into = {name: inverse[..., k, i] for i, name in enumerate(group)}
        out = {name: vectors[..., i, k] for i, name in enumerate(group)}
        found.append(Mode(f"{'+'.join(group)}.{k}", -1.0 / rates[..., k], into, out))
    return found


def _check_decay(rate: Floats, name: str, where: str) -> None:
    if np.any(rate <= 0.0):
        rule = f"{name} must decay; it stays or grows"
        raise UnsupportedFeature(rule, where=where, value=f"d{name}/dt = {float(-rate.min()):g} {name}, per second")


def _matrix(group: list[str], couplings: Couplings) -> Floats:
    rows = [_stack([couplings[name].get(other, np.zeros(())) for other in group]) for name in group]
    return np.stack(np.broadcast_arrays(*rows), axis=-2)


def _stack(parts: list[Floats]) -> Floats:
    return np.stack(np.broadcast_arrays(*parts), axis=-1)
