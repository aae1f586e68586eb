"""Rules for networks of layers: which phases a mini-batch is shown in, and how their activities add to a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from neuro.errors import ParameterError
from neuro.validation import Floats, choice, field_of, number, positive

__all__ = [
    "ContrastiveHebbian",
    "CoupledLearning",
    "DeltaRule",
    "EquilibriumPropagation",
    "Hebb",
    "LayerRule",
    "LearnsFromSpikes",
    "OwnSteps",
    "Phase",
    "change_of",
]


class Phase(NamedTuple):
    """A phase that goes on from the free state."""

    nudge: float | None
    """The outputs get the current `nudge` times (target - free activity); None: they are held."""
    weight: float
    """Factor of the phase's activities in the change of the weights."""
    held: float = 1.0
    """Where outputs are held: at their free activity plus this share of its distance to the target."""

    def held_at(self, free: Floats, targets: Floats) -> Floats:
        """Activities at which the outputs are held, a new array."""
        return targets.copy() if self.held == 1.0 else free + self.held * (targets - free)


class Settled(NamedTuple):
    """What a mini-batch did."""

    inputs: Floats
    """Shape (examples, features)."""
    targets: Floats
    """Shape (examples, outputs)."""
    free: Sequence[Floats]
    """Activities of the free phase by layer after the inputs, shape (examples, neurons)."""
    phases: Sequence[Phase]
    """The phases that went on from it."""
    found: Sequence[Sequence[Floats]]
    """Activities of each of them, by layer."""


Changes = tuple[list[Floats], list[Floats]]
"""Of all matrices, and of all biases."""


class LayerRule(Protocol):
    """What a rule is: the phases after the free one, and what follows from the activities."""

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """The phases of one mini-batch; `rng` draws what a rule leaves to chance."""

    def changes(self, settled: Settled) -> Changes:
        """Changes of the weights, before the learning rates."""


@runtime_checkable
class OwnSteps(Protocol):
    """A rule that changes the weights by steps of its own, instead of by momentum."""

    def step(self, holder: Any, changes: Sequence[Floats], rates: Sequence[float], momentum: float) -> None:
        """Change what a holder holds by changes of matrices and biases, each at its rate."""


@runtime_checkable
class LearnsFromSpikes(Protocol):
    """A rule that needs single spikes, and runs the network itself."""

    def learn(
        self, network: Any, weights: Any, inputs: Floats, targets: Floats, rng: np.random.Generator, workers: int = 1
    ) -> tuple[Any, Changes, Floats]:
        """The `Answer` of the free phases, the changes that a mini-batch asks for, and what outputs did in the others.

        The changes have the shapes of the weights, what outputs did has the shape (outputs,).
        """


class ComparesPhases:
    """A rule that adds the phases up: their weights sum to zero, so equal phases teach nothing."""

    def changes(self, settled: Settled) -> Changes:
        """As `LayerRule.changes`: see `change_of`."""
        return change_of(settled.phases, settled.inputs, settled.found)


@dataclass(frozen=True, kw_only=True)
class EquilibriumPropagation(ComparesPhases):
    """Nudges the outputs a little towards the target, and compares: dW_ij = sum_p w_p r_i(p) r_j(p).

    ``sides`` says which phases are compared. Each goes on from the same free state for the same time:

    * "centred": nudges of beta and -beta, w = +-1 / (2 beta); the error of the gradient is of second order in beta.
    * "positive": beta and no nudge, w = +-1 / beta; "negative": none and -beta. Their errors are of first order. A
      negative nudge does not move an output that is silent, so it teaches such an output nothing.
    * "random": one of both, drawn for each mini-batch; the errors cancel in the mean.

    Sources: Scellier and Bengio 2017; random and centred: Laborieux et al., Frontiers in Neuroscience 2021.

    >>> EquilibriumPropagation(beta=0.5).phases(np.random.default_rng(0))
    (Phase(nudge=0.5, weight=1.0, held=1.0), Phase(nudge=-0.5, weight=-1.0, held=1.0))
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
class ContrastiveHebbian(ComparesPhases):
    """Holds the outputs to the target, and compares with a phase that stays free: dW_ij = r_i r_j held - r_i r_j free.

    Source: Movellan 1991. With hidden layers: Xie and Seung, Neural Computation 2003.

    >>> ContrastiveHebbian().phases(np.random.default_rng(0))
    (Phase(nudge=None, weight=1.0, held=1.0), Phase(nudge=0.0, weight=-1.0, held=1.0))
    """

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`."""
        return Phase(None, 1.0), Phase(0.0, -1.0)


@dataclass(frozen=True, kw_only=True)
class CoupledLearning(ComparesPhases):
    """Holds the outputs a little nearer to the target than they are: dW_ij = (r_i r_j held - r_i r_j free) / eta.

    With eta = 1 it is `ContrastiveHebbian`. Spiking outputs are held by regular spikes, between none and one a tick.
    Source: Stern et al., Physical Review X 2021.

    >>> CoupledLearning(eta=0.5).phases(np.random.default_rng(0))
    (Phase(nudge=None, weight=2.0, held=0.5), Phase(nudge=0.0, weight=-2.0, held=1.0))
    """

    eta: float = 0.5
    """Share of the way from the free activity to the target."""

    def __post_init__(self) -> None:
        if field_of(self, "eta", number, check=positive) > 1.0:
            raise ParameterError("must lie in 0..1, without 0", where="CoupledLearning.eta", value=self.eta)

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`."""
        return Phase(None, 1.0 / self.eta, self.eta), Phase(0.0, -1.0 / self.eta)


@dataclass(frozen=True)
class DeltaRule:
    """Changes the last matrix alone: dW_ij = r_i (target_j - r_j), all in the free phase. Source: Widrow and Hoff 1960.

    >>> DeltaRule().phases(np.random.default_rng(0))
    ()
    """

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`: none."""
        return ()

    def changes(self, settled: Settled) -> Changes:
        """As `LayerRule.changes`."""
        wrong = (settled.targets - settled.free[-1]) / len(settled.inputs)
        layers = [settled.inputs, *settled.free]
        matrices = [np.zeros((low.shape[1], high.shape[1])) for low, high in pairwise(layers)]
        biases = [np.zeros(each.shape[1]) for each in settled.free]
        matrices[-1], biases[-1] = layers[-2].T @ wrong, wrong.sum(axis=0)
        return matrices, biases


@dataclass(frozen=True)
class Hebb:
    """What fires together: dW_ij = r_i r_j while the outputs are held to the target; biases stay. Source: Hebb 1949.

    Nothing bounds the weights, and nothing stops the learning where the outputs are right.

    >>> Hebb().phases(np.random.default_rng(0))
    (Phase(nudge=None, weight=1.0, held=1.0),)
    """

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`."""
        return (Phase(None, 1.0),)

    def changes(self, settled: Settled) -> Changes:
        """As `LayerRule.changes`."""
        matrices, biases = change_of(settled.phases, settled.inputs, settled.found)
        return matrices, [np.zeros_like(each) for each in biases]


def change_of(phases: Sequence[Phase], inputs: Floats, activities: Sequence[Sequence[Floats]]) -> Changes:
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
