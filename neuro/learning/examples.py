"""Labelled examples, and how they are split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import ParameterError
from neuro.randomness import stream
from neuro.validation import Floats, Ints, finite, indices, number, numbers, positive

__all__ = ["Examples"]


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs with their classes.

    >>> kept, rest = Examples(np.eye(6), [0, 0, 0, 1, 1, 1]).split(1 / 3, seed=0)
    >>> len(kept), rest.labels.tolist()
    (4, [0, 1])
    """

    inputs: Floats
    """Shape (examples, features)."""
    labels: Ints
    """Class of each example, shape (examples,)."""

    def __init__(self, inputs: ArrayLike, labels: ArrayLike) -> None:
        given = finite(inputs, "Examples.inputs")
        classes = indices(numbers(labels, "Examples.labels", least_dims=1), np.iinfo(np.int64).max, "Examples.labels")
        if given.ndim != 2 or classes.shape != (len(given),) or not len(given):
            rule = "must be inputs (examples, features) and one label for each example"
            raise ParameterError(
                rule, where="Examples, inputs and labels", value=f"shapes {given.shape} and {classes.shape}"
            )
        object.__setattr__(self, "inputs", given)
        object.__setattr__(self, "labels", classes)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: Ints) -> Examples:
        """Some of the examples, by their numbers."""
        return Examples(self.inputs[which], self.labels[which])

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
        return Examples(self.inputs - (self.inputs.mean(axis=0) if mean is None else mean), self.labels)
