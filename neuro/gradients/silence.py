"""Hidden neurons that hardly ever spike: how their weights are raised, since a silent neuron has no gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuro.validation import Floats

__all__ = ["raise_silent"]


def raise_silent(changes: Sequence[Floats], spikes: Sequence[Floats], least: float, factor: float) -> int:
    """Add what makes hidden neurons spike that do so less than `least` times; returns their number.

    Where a neuron has s < least spikes, minus ``factor (1 - s / least)`` times the mean charge that it receives,
    sum_i w_i n_i, is a part of the loss; n_i are the spikes of its inputs, taken as constant. It ends where the neuron
    spikes often enough, and does not depend on how far the neuron is from its threshold.

    Parameters
    ----------
    changes
        Of the matrix onto each layer: minus the gradients, shape (pre, post); added to in place.
    spikes
        Mean number of spikes of each neuron in an example, by layer, inputs first.
    least
        Mean number of spikes, above 0.
    factor
        Per unit of charge.
    """
    found = 0
    for layer in range(1, len(spikes) - 1):
        wanting = np.maximum(1.0 - spikes[layer] / least, 0.0)
        changes[layer - 1][...] += factor * np.outer(spikes[layer - 1], wanting)
        found += int(np.count_nonzero(wanting))
    return found
