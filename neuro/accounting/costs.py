"""Cost of one event on a chip, with the range that the sources allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from neuro.chip.cores import Quantity
from neuro.chip.model import Chip
from neuro.validation import Floats

__all__ = ["Span", "cost_of", "kinds_of_load", "own_kind", "seconds_on_cores"]


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


def seconds_on_cores(chip: Chip, kind: str) -> Floats | None:
    """Seconds of one event of a kind on each core, shape (cores,); None: unknown on some of them.

    >>> from neuro.chip.load import load_chip
    >>> float(seconds_on_cores(load_chip("loihi_davies2018"), "update_idle")[127])
    5.3e-09
    """
    tables = [chip.time, *({**chip.time, **group.time} for group in chip.groups)]
    group_of = chip.core_group
    spans = {group: cost_of(tables[group], kind) for group in np.unique(group_of).tolist()}
    seconds = np.zeros(len(tables))
    for group, span in spans.items():
        if span is None:
            return None
        seconds[group] = span.value
    return seconds[group_of]


def kinds_of_load(chip: Chip) -> dict[str, str]:
    """Kinds of events that take time of a core of this chip, by the part of a load; "" where there is none."""
    stepped = chip.mode == "step"
    by_arithmetic = {
        "event": {"synapse": f"synapse:{chip.synapse}" if chip.synapse else "synapse"},
        "crossbar": {"row": "row_read", "column": "column_read"},
        "dense": {"mac": "mac"},
    }[chip.arithmetic]
    updated = stepped and chip.updates != "none"
    every = "idle" if chip.updates == "fired" else "active"
    return {
        "idle": own_kind(chip, f"update_{every}") if updated else "",
        "active": own_kind(chip, "update_active") if updated and every == "idle" else "",
        "spike": own_kind(chip, "spike"),
        "sent": "message_out",
        "received": "message_in",
        **by_arithmetic,
    }
