"""Examples with their classes or targets, and how they are split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import ParameterError
from neuro.randomness import stream
from neuro.validation import Floats, Ints, finite, indices, number, numbers, positive

__all__ = ["Examples", "OwnScore", "score"]


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs with their classes, or with targets.

    >>> kept, rest = Examples(np.eye(6), [0, 0, 0, 1, 1, 1]).split(1 / 3, seed=0)
    >>> len(kept), rest.labels.tolist()
    (4, [0, 1])
    """

    inputs: Floats
    """Shape (examples, features)."""
    labels: Ints
    """Class of each example, shape (examples,); None: all have class 0, and targets are needed."""
    targets: Floats | None
    """Activity that every output should have, shape (examples, outputs), spikes per tick; None: the class decides.

    Of `TimedLayers` whose loss is "squared_error": when each output should spike first, s."""

    def __init__(self, inputs: ArrayLike, labels: ArrayLike | None = None, targets: ArrayLike | None = None) -> None:
        given = finite(inputs, "Examples.inputs")
        if labels is None:
            if targets is None:
                raise ParameterError("must be given where there are no targets", where="Examples.labels")
            labels = np.zeros(len(given) if given.ndim else 0, np.int64)
        classes = indices(numbers(labels, "Examples.labels", least_dims=1), np.iinfo(np.int64).max, "Examples.labels")
        if given.ndim != 2 or classes.shape != (len(given),) or not len(given):
            rule = "must be inputs (examples, features) and one label for each example"
            raise ParameterError(
                rule, where="Examples, inputs and labels", value=f"shapes {given.shape} and {classes.shape}"
            )
        object.__setattr__(self, "inputs", given)
        object.__setattr__(self, "labels", classes)
        wanted = None if targets is None else finite(targets, "Examples.targets")
        if wanted is not None and (wanted.ndim != 2 or len(wanted) != len(given)):
            rule = "must be the activity of every output for each example"
            raise ParameterError(rule, where="Examples.targets", value=f"shape {wanted.shape}")
        object.__setattr__(self, "targets", wanted)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: Ints) -> Examples:
        """Some of the examples, by their numbers."""
        return Examples(self.inputs[which], self.labels[which], None if self.targets is None else self.targets[which])

    def split(self, share: float, seed: int, name: str = "validation") -> tuple[Examples, Examples]:
        """Set a share of the examples of each class aside, drawn by `seed` and `name`: the others, and these."""
        part = number(share, "Examples.split, share", check=positive, zero=True)
        if part >= 1.0:
            raise ParameterError("must be less than 1", where="Examples.split, share", value=part)
        rng, aside = stream(seed, "examples", name), np.zeros(len(self), bool)
        for label in np.unique(self.labels):
            members = rng.permutation(np.flatnonzero(self.labels == label))
            aside[members[: round(part * len(members))]] = True
        if not aside.any() or aside.all():
            raise ParameterError("must leave examples on both sides", where="Examples.split, share", value=part)
        return self.take(np.flatnonzero(~aside)), self.take(np.flatnonzero(aside))

    def centred(self, mean: Floats | None = None) -> Examples:
        """The examples less a mean input, by default their own."""
        return Examples(self.inputs - (self.inputs.mean(axis=0) if mean is None else mean), self.labels, self.targets)

    def right(self, outputs: Floats) -> NDArray[np.bool_]:
        """Which examples are answered rightly by these activities of the outputs, shape (examples, outputs).

        With targets, each output must be above a half exactly where its target is; else the most active output must be
        that of the class.

        >>> Examples(np.eye(2), [0, 1]).right(np.array([[0.6, 0.2], [0.6, 0.2]])).tolist()
        [True, False]
        """
        if self.targets is None:
            return np.asarray(outputs.argmax(axis=1) == self.labels)
        return np.asarray(np.all((outputs > 0.5) == (self.targets > 0.5), axis=1))


@runtime_checkable
class OwnScore(Protocol):
    """A network that says which examples fit it, and how well it answers them."""

    @property
    def measure(self) -> str:
        """What `score` gives, in words."""

    def check_examples(self, examples: Examples, name: str) -> None:
        """Refuse examples that it cannot learn."""

    def score(self, examples: Examples, outputs: Floats) -> float:
        """How well these outputs, shape (examples, outputs), answer the examples; the larger, the better."""


def score(network: object, examples: Examples, outputs: Floats) -> float:
    """How well outputs answer examples: by the network's own measure, or the share that is right."""
    if isinstance(network, OwnScore):
        return network.score(examples, outputs)
    return float(examples.right(outputs).mean())
