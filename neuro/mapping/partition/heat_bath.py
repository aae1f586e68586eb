"""The heat bath of the annealing: Boltzmann factors, and the random choice of the part that a vertex goes to."""

from __future__ import annotations

from typing import Any

from neuro.jit import inlined
from neuro.mapping.partition.hypergraph import Weights
from neuro.mapping.random import RandomState, next_uniform

__all__ = ["boltzmann", "choose_part", "decay"]


@inlined
def boltzmann(x: float) -> float:
    """Nearly exp(-x) for 0 <= x < 16, by operations that all machines round alike."""
    y = 1.0 - x * (1.0 / 256.0)
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    y *= y
    return y


@inlined
def decay(x: float) -> float:
    """exp(-x) for 0 <= x < 100, by operations that all machines round alike."""
    y = 1.0 + x * (1.0 / 4096.0)
    for _ in range(12):
        y *= y
    return 1.0 / y


@inlined
def choose_part(
    row: Weights, price: Weights, a: int, base: Any, best: Any, heat: float, reach: Any, random: RandomState
) -> int:  # fmt: skip
    """The part that a vertex of part a goes to; a where it stays.

    Staying costs `base`, going to part p costs row[p] + price[p], at least `best`. Parts dearer than the cheapest by
    `reach` or more are left out.
    """
    low = min(best, base)
    stay = boltzmann((base - low) / heat) if base - low < reach else 0.0
    total = stay
    for p in range(len(price)):
        x = row[p] + price[p] - low
        if p != a and x < reach:
            total += boltzmann(x / heat)
    rest = next_uniform(random) * total - stay
    b = a
    if rest >= 0.0:
        for p in range(len(price)):
            x = row[p] + price[p] - low
            if p != a and x < reach:
                b = p
                rest -= boltzmann(x / heat)
                if rest < 0.0:
                    break
    return b
