"""What holds the weights during training: numbers, or crossbars."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.pair import PairCrossbar
from neuro.errors import UnsupportedFeature, WeightError
from neuro.learning.layer_rules import Phase
from neuro.learning.layers import LayerWeights, check_weights
from neuro.validation import Floats, finite, instance

__all__ = ["Arrays", "CrossbarHolder", "DigitalHolder", "Holder", "OwnWeights"]

LEDGER = (
    *("row_reads", "column_reads", "pulses_up", "pulses_down", "writes"),
    *("unpriced", "unpriced_writes", "half_selects", "joules", "events"),
)
"""What a checkpoint keeps of a ledger, besides the pulses of each device."""


class Holder(Protocol):
    """Holds the weights."""

    weights: LayerWeights
    """As they are held, without the noise of a read."""

    def read(self) -> LayerWeights:
        """As the passes of one update see them: with a new draw of the noise of reads."""

    def add(self, changes: Sequence[Floats]) -> None:
        """Change the matrices and the biases, given in this order; the arrays may be kept and overwritten."""

    def state(self) -> dict[str, NDArray[Any]]:
        """All that a checkpoint needs, by name."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Become what `state` gave."""


@runtime_checkable
class OwnWeights(Protocol):
    """A network whose weights have limits of their own, and do not learn from products of activities."""

    def holder(self, seed: int, weights: LayerWeights | None, arrays: Arrays | None) -> Holder:
        """What holds its weights in a training; None: those that `seed` draws, as numbers."""

    def change_of(
        self, phases: Sequence[Phase], inputs: Floats, found: Sequence[Sequence[Floats]]
    ) -> tuple[list[Floats], list[Floats]]:
        """The changes of all matrices and biases, as the function `change_of` gives them for other networks."""


class Arrays(NamedTuple):
    """Crossbars that hold the matrices of a training."""

    crossbars: Sequence[AbstractCrossbar]
    """One for each matrix."""
    max_levels: int
    """Levels that one update may move a device."""
    biases: Sequence[ArrayLike] | None
    """Of each layer, to start from; None: the network's own."""


class DigitalHolder:
    """Weights as numbers."""

    def __init__(self, sizes: Sequence[int], weights: LayerWeights) -> None:
        check_weights(weights, sizes)
        self.weights = weights

    def read(self) -> LayerWeights:
        """As `Holder.read`: numbers have no noise."""
        return self.weights

    def add(self, changes: Sequence[Floats]) -> None:
        """As `Holder.add`; the arrays become the new weights, which saves copies."""
        depth = len(self.weights.matrices)
        for held, moved in zip((*self.weights.matrices, *self.weights.biases), changes, strict=True):
            moved += held
        self.weights = LayerWeights(tuple(changes[:depth]), tuple(changes[depth:]))

    def state(self) -> dict[str, NDArray[Any]]:
        """As `Holder.state`."""
        return weight_arrays("weights", self.weights)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """As `Holder.restore`."""
        self.weights = weights_from("weights", state, self.weights)


class CrossbarHolder:
    """Matrices in crossbars, read once for each update; biases as numbers."""

    def __init__(self, sizes: Sequence[int], arrays: Arrays) -> None:
        self.crossbars, self.max_levels, biases = list(arrays.crossbars), arrays.max_levels, arrays.biases
        for crossbar in self.crossbars:
            instance(crossbar, "crossbars", AbstractCrossbar, "crossbars", error=WeightError)
        given = [np.zeros(size) for size in sizes[1:]] if biases is None else biases
        first = tuple(finite(each, "biases", error=WeightError) for each in given)
        self.weights = LayerWeights(tuple(each.effective_weights() for each in self.crossbars), first)
        check_weights(self.weights, sizes)

    def read(self) -> LayerWeights:
        """As `Holder.read`."""
        if not any(each.fluctuates for each in self.crossbars):
            return self.weights
        seen = (each.snapshot() if each.fluctuates else each for each in self.crossbars)
        return LayerWeights(tuple(each.effective_weights() for each in seen), self.weights.biases)

    def add(self, changes: Sequence[Floats]) -> None:
        """As `Holder.add`: matrices through the learning registers of the crossbars."""
        depth = len(self.crossbars)
        for crossbar, change in zip(self.crossbars, changes[:depth], strict=True):
            crossbar.accumulate(change, self.max_levels)
        biases = [held + change for held, change in zip(self.weights.biases, changes[depth:], strict=True)]
        self.weights = LayerWeights(tuple(each.effective_weights() for each in self.crossbars), tuple(biases))

    def state(self) -> dict[str, NDArray[Any]]:
        """As `Holder.state`."""
        found = weight_arrays("weights", self.weights)
        for number, crossbar in enumerate(self._arrays()):
            found |= {f"crossbar{number}/{name}": array for name, array in crossbar.state_arrays().items()}
            found[f"crossbar{number}/random"] = np.array(json.dumps(crossbar.random_state))
            found[f"crossbar{number}/reads"] = np.array(json.dumps(crossbar.reading_state))
            ledger = crossbar.ledger
            counts = {key: getattr(ledger, key) for key in LEDGER}
            found[f"crossbar{number}/ledger"] = np.array(json.dumps(counts))
            found |= {f"crossbar{number}/pulses+": ledger.plus, f"crossbar{number}/pulses-": ledger.minus}
        return found

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """As `Holder.restore`."""
        biases = weights_from("weights", state, self.weights).biases
        for number, crossbar in enumerate(self._arrays()):
            own = {name: state[f"crossbar{number}/{name}"] for name in crossbar.state_arrays()}
            crossbar.restore_state(own, json.loads(str(state[f"crossbar{number}/random"])))
            crossbar.reading_state = json.loads(str(state[f"crossbar{number}/reads"]))
            ledger, counts = crossbar.ledger, json.loads(str(state[f"crossbar{number}/ledger"]))
            for key in LEDGER:
                setattr(ledger, key, counts[key])
            ledger.plus[...], ledger.minus[...] = (state[f"crossbar{number}/pulses{sign}"] for sign in "+-")
        self.weights = LayerWeights(tuple(each.effective_weights() for each in self.crossbars), biases)

    def _arrays(self) -> list[PairCrossbar]:
        """The crossbars, if their state can be kept."""
        found = [each for each in self.crossbars if isinstance(each, PairCrossbar)]
        if len(found) < len(self.crossbars):
            raise UnsupportedFeature(
                "only the state of one array of pairs can be kept",
                where="checkpoint",
                remedy='Take mapping="pair" without tiles, or no checkpoint',
            )
        if any(each.reading.moves for each in found):
            raise UnsupportedFeature(
                "the state of traps, 1/f noise and drift cannot be kept",
                where="checkpoint",
                remedy="Take white noise only, or no checkpoint",
            )
        return found


def weight_arrays(name: str, weights: LayerWeights) -> dict[str, NDArray[Any]]:
    """Weights as arrays by name."""
    matrices = {f"{name}/matrix{k}": each for k, each in enumerate(weights.matrices)}
    return {**matrices, **{f"{name}/bias{k}": each for k, each in enumerate(weights.biases)}}


def weights_from(name: str, arrays: Mapping[str, NDArray[Any]], like: LayerWeights) -> LayerWeights:
    """The weights that `weight_arrays` gave.

    Raises
    ------
    KeyError, ValueError
        If one is missing, does not have the shape that it has in `like`, or is not made of finite numbers.
    """
    own, known = weight_arrays(name, like), len(like.matrices)
    parts = [finite_of(key, arrays, wanted.shape) for key, wanted in own.items()]
    return LayerWeights(tuple(parts[:known]), tuple(parts[known:]))


def finite_of(key: str, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> Floats:
    """An array of finite numbers of this shape; a KeyError or ValueError if it is missing, or something else."""
    found = arrays[key]
    if found.dtype.kind != "f" or found.shape != shape:
        raise ValueError(f"{key} is {found.dtype} of shape {found.shape}, not {shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{key} has numbers that are not finite")
    return found
