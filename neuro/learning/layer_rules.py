"""Rules for networks of layers: which phases a mini-batch is shown in, and how their activities add to a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np

from neuro.errors import ParameterError
from neuro.validation import Floats, choice, field_of, number, positive

__all__ = ["ContrastiveHebbian", "EquilibriumPropagation", "LayerRule", "Phase", "change_of"]


class Phase(NamedTuple):
    """A phase that goes on from the free state."""

    nudge: float | None
    """The outputs get the current `nudge` times (target - free activity); None: they are held to the target."""
    weight: float
    """Factor of the phase's activities in the change of the weights."""


class LayerRule(Protocol):
    """What a rule is: the phases after the free one. Their weights add up to zero, so equal phases teach nothing."""

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """The phases of one mini-batch; `rng` draws what a rule leaves to chance."""


@dataclass(frozen=True, kw_only=True)
class EquilibriumPropagation:
    """Nudges the outputs a little towards the target, and compares: dW_ij = sum_p w_p r_i(p) r_j(p).

    ``sides`` says which phases are compared. Each goes on from the same free state for the same time:

    * "centred": nudges of beta and -beta, w = +-1 / (2 beta); the error of the gradient is of second order in beta.
    * "positive": beta and no nudge, w = +-1 / beta; "negative": none and -beta. Their errors are of first order. A
      negative nudge does not move an output that is silent, so it teaches such an output nothing.
    * "random": one of both, drawn for each mini-batch; the errors cancel in the mean.

    Sources: Scellier and Bengio 2017; random and centred: Laborieux et al., Frontiers in Neuroscience 2021.

    >>> EquilibriumPropagation(beta=0.5).phases(np.random.default_rng(0))
    (Phase(nudge=0.5, weight=1.0), Phase(nudge=-0.5, weight=-1.0))
    """

    beta: float = 1.0
    """Strength of the nudge, in drive for each unit of activity."""
    sides: Literal["centred", "positive", "negative", "random"] = "centred"
    """Which phases are compared."""

    def __post_init__(self) -> None:
        field_of(self, "beta", number, check=positive)
        choice(self.sides, "EquilibriumPropagation.sides", ("centred", "positive", "negative", "random"))

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`."""
        if self.sides == "centred":
            return Phase(self.beta, 0.5 / self.beta), Phase(-self.beta, -0.5 / self.beta)
        upward = self.sides == "positive" or (self.sides == "random" and bool(rng.integers(2)))
        beta = self.beta if upward else -self.beta
        return Phase(beta, 1.0 / beta), Phase(0.0, -1.0 / beta)


@dataclass(frozen=True)
class ContrastiveHebbian:
    """Holds the outputs to the target, and compares with a phase that stays free: dW_ij = r_i r_j held - r_i r_j free.

    Source: Movellan 1991. With hidden layers: Xie and Seung, Neural Computation 2003.

    >>> ContrastiveHebbian().phases(np.random.default_rng(0))
    (Phase(nudge=None, weight=1.0), Phase(nudge=0.0, weight=-1.0))
    """

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`."""
        return Phase(None, 1.0), Phase(0.0, -1.0)


def change_of(
    phases: Sequence[Phase], inputs: Floats, activities: Sequence[Sequence[Floats]]
) -> tuple[list[Floats], list[Floats]]:
    """The changes of all matrices and biases that the phases of a mini-batch ask for, means over its examples.

    A change of a synapse depends on the activities of its two neurons alone.

    Parameters
    ----------
    inputs
        Shape (examples, features).
    activities
        Of each phase, by layer after the inputs, shape (examples, neurons).

    >>> phases = Phase(0.5, 1.0), Phase(-0.5, -1.0)
    >>> matrices, biases = change_of(phases, np.ones((1, 2)), [[np.array([[3.0]])], [np.array([[1.0]])]])
    >>> matrices[0].tolist(), biases[0].tolist()
    ([[2.0], [2.0]], [2.0])
    """
    if len(phases) != len(activities) or not phases:
        raise ParameterError("must have activities for each phase", where="change_of", value=len(activities))
    count, depth = len(inputs), len(activities[0])
    matrices: list[Floats] = []
    biases: list[Floats] = []
    for layer in range(depth):
        moved = sum((phase.weight / count) * each[layer] for phase, each in zip(phases, activities, strict=True))
        biases.append(np.asarray(moved).sum(axis=0))
        if layer == 0:
            matrices.append(inputs.T @ np.asarray(moved))
            continue
        pairs = zip(phases, activities, strict=True)
        terms = ((phase.weight / count) * (each[layer - 1].T @ each[layer]) for phase, each in pairs)
        matrices.append(np.asarray(sum(terms)))
    return matrices, biases
