"""Cost of one event on a chip, with the range that the sources allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from neuro.chip.cores import Quantity
from neuro.chip.model import Chip

__all__ = ["Span", "cost_of", "own_kind"]


class Span(NamedTuple):
    """A value, and the lowest and highest value that its sources allow."""

    value: float
    low: float
    high: float


def cost_of(table: Mapping[str, Quantity], kind: str) -> Span | None:
    """Cost of one event of a kind; None: unknown.

    A variant without a figure costs as much as its kind. A figure that is part of another one costs nothing by itself;
    if the other figure is unknown, both are.
    """
    quantity = table.get(kind, table.get(kind.partition(":")[0]))
    if quantity is None:
        return None
    if quantity.within is not None:
        whole = table.get(quantity.within)
        return None if whole is not None and whole.value is None else Span(0.0, 0.0, 0.0)
    return None if quantity.value is None else Span(quantity.value, *quantity.range)


def own_kind(chip: Chip, kind: str) -> str:
    """The kind of event of the chip's default neurons: ``update_idle`` or ``update_idle:NEURON``."""
    return f"{kind}:{chip.neuron}" if chip.neuron else kind
