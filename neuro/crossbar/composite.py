"""`CompositeCrossbar`: the abstract class of all crossbars that are more than one plain array of pairs."""

from __future__ import annotations

from abc import abstractmethod

from numpy.typing import ArrayLike

from neuro.crossbar.base import AbstractCrossbar, Setup
from neuro.crossbar.cache import VersionCache
from neuro.crossbar.circuit.circuit import Circuit
from neuro.crossbar.transposed import TransposedCrossbar
from neuro.errors import UnsupportedFeature
from neuro.validation import Floats

__all__ = ["CompositeCrossbar"]


class CompositeCrossbar(AbstractCrossbar):
    """A crossbar built on other crossbars: it combines their weights, keeps them, and has no circuit of its own."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._weights = VersionCache()
        self._transposed = VersionCache()

    @property
    def T(self) -> TransposedCrossbar:
        return TransposedCrossbar(self)

    @property
    def learns_in_run(self) -> bool:
        return False

    def effective_weights(self) -> Floats:
        """The combined weights, shape (pre, post), read-only: one array until the next write."""
        return self._weights.get(self.version, self._combined_weights)

    def transposed_weights(self) -> Floats:
        return self._transposed.get(self.version, self._combined_transposed_weights)

    @abstractmethod
    def _combined_weights(self) -> Floats:
        """Weights as they are now, shape (pre, post), read-only."""

    @abstractmethod
    def _combined_transposed_weights(self) -> Floats:
        """Weights as they are now and as read by columns, shape (post, pre), read-only."""

    @property
    def circuits(self) -> tuple[Circuit, Circuit]:
        raise self._not_single("circuits")

    def effective_conductance(self) -> Floats:
        raise self._not_single("effective_conductance")

    def solve(self, row_voltages: ArrayLike, column_voltages: ArrayLike = 0) -> Floats:
        raise self._not_single("solve")

    def netlist(self, row_voltages: ArrayLike, column_voltages: ArrayLike = 0) -> str:
        raise self._not_single("netlist")

    def _not_single(self, name: str) -> UnsupportedFeature:
        """The error for a request that only one array of pairs can answer."""
        rule = f"only a single array of pairs has `{name}`"
        return UnsupportedFeature(rule, where=self._where, remedy="Ask one of its `arrays`")
