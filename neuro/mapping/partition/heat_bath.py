"""Exponentials of the annealing, in operations that all machines round alike."""

from __future__ import annotations

from neuro.jit import inlined

__all__ = ["boltzmann", "decay"]


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
