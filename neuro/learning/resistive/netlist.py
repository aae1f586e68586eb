"""`deck`: a resistive network with one input as a SPICE deck, for a check by a circuit simulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from neuro.errors import ParameterError
from neuro.learning.layers import LayerWeights
from neuro.learning.resistive.conductances import check_conductances
from neuro.validation import Floats, finite

__all__ = ["deck"]

CLOSED_SIEMENS = 1e9
"""Conductance of a closed diode, over the greatest sum of conductances at a node; an open one has none."""


class Circuit(Protocol):
    """What a deck needs to know of a `ResistiveNetwork`."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """As `ResistiveNetwork.sizes`."""

    @property
    def amplification(self) -> float:
        """As `ResistiveNetwork.amplification`."""

    @property
    def volt(self) -> float:
        """As `ResistiveNetwork.volt`."""

    @property
    def siemens(self) -> float:
        """As `ResistiveNetwork.siemens`."""

    @property
    def gains_after(self) -> list[float]:
        """As `ResistiveNetwork.gains_after`."""


def deck(network: Circuit, weights: LayerWeights, inputs: Floats, currents: Floats | float = 0.0) -> str:
    """The deck, as `ResistiveNetwork.netlist` describes it."""
    check_conductances(weights, network.sizes)
    given = finite(inputs, "netlist, inputs")
    if given.shape != (network.sizes[0],):
        raise ParameterError(
            f"must be {network.sizes[0]} numbers", where="netlist, inputs", value=f"shape {given.shape}"
        )
    push = np.broadcast_to(finite(currents, "netlist, currents"), (network.sizes[-1],))
    lines = [f"* resistive network of layers {network.sizes}"]
    for i, x in enumerate(given * network.volt):
        lines += [f"vp{i} p{i} 0 DC {float(x)!r}", f"vm{i} q{i} 0 DC {-float(x)!r}"]
    for layer, matrix in enumerate(weights.matrices):
        lines += _resistors(network, layer, np.asarray(matrix))
    greatest = max(float(np.sum(matrix, axis=axis).max()) for matrix in weights.matrices for axis in (0, 1))
    closed = CLOSED_SIEMENS * network.siemens * greatest
    for layer, size in enumerate(network.sizes[1:], 1):
        ampere = network.siemens * network.volt / network.gains_after[layer]
        is_output = layer == len(network.sizes) - 1
        into = np.asarray(weights.biases[layer - 1]) + (push if is_output else 0.0)
        for j in range(size):
            lines.append(f"i{layer}_{j} 0 n{layer}_{j} DC {float(into[j] * ampere)!r}")
            if not is_output:
                lines += _hidden(f"{layer}_{j}", network.amplification, closed, rising=j < (size + 1) // 2)
    nodes = [f"n{layer}_{j}" for layer, size in enumerate(network.sizes[1:], 1) for j in range(size)]
    lines.append(".options reltol=1e-9 abstol=1e-18 vntol=1e-15 gmin=1e-18")
    lines += [".control", "set numdgt=16", "op", *(f"print v({name})" for name in nodes), ".endc", ".end"]
    return "\n".join(lines) + "\n"


def _resistors(network: Circuit, layer: int, matrix: Floats) -> Iterator[str]:
    """From a layer to the next; a conductance of zero is no resistor."""
    for i, j in np.argwhere(matrix):
        if layer == 0:
            start = f"p{i}" if i < network.sizes[0] else f"q{i - network.sizes[0]}"
        else:
            start = f"m{layer}_{i}"
        yield f"r{layer}_{i}_{j} {start} n{layer + 1}_{j} {1.0 / float(matrix[i, j] * network.siemens)!r}"


def _hidden(name: str, gain: float, closed: float, *, rising: bool) -> Iterator[str]:
    """A diode, and an amplifier whose output current is measured by a source of 0 V."""
    sign = "<" if rising else ">"
    yield f"bd{name} n{name} 0 I = V(n{name}) {sign} 0 ? {closed!r}*V(n{name}) : 0"
    yield f"e{name} k{name} 0 n{name} 0 {gain!r}"
    yield f"vk{name} k{name} m{name} DC 0"
    yield f"f{name} n{name} 0 vk{name} {1.0 / gain!r}"
