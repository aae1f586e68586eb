"""A snapshot of a crossbar: weights with one draw of every device's noise, for a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from numpy.typing import ArrayLike

from neuro.crossbar.circuit.circuit import Circuit
from neuro.crossbar.device_synapses import DeviceSynapses
from neuro.validation import Floats, frozen

__all__ = ["Snapshot"]


@final
class Snapshot(DeviceSynapses):
    """Synapses with one draw of every device's noise, age and telegraph state, frozen for as long as they are used.

    Its reads are entered in the crossbar's ledger, at the price of these conductances.

    Parameters
    ----------
    weights
        Weights of this draw, shape (pre, post).
    count
        Enters reads of rows in the ledger.
    circuits
        The positive and the negative array of this draw; empty if there are several arrays, or an offset column.
    """

    def __init__(self, weights: Floats, count: Callable[[ArrayLike], None], circuits: tuple[Circuit, ...] = ()) -> None:
        self._weights = frozen(weights)
        self._count = count
        self.circuits = circuits
        """The positive and the negative array of this draw, if the crossbar is one array of pairs."""
        self.shape = weights.shape[0], weights.shape[1]

    @property
    def fluctuates(self) -> bool:
        """A snapshot is frozen."""
        return False

    def effective_weights(self) -> Floats:
        """Weights with this draw, shape (pre, post), read-only."""
        return self._weights

    def count_reads(self, rows: ArrayLike = 0) -> None:
        """As `AbstractCrossbar.count_reads`, for rows, at the price of these conductances."""
        self._count(rows)
