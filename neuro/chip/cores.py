"""Cores of a chip: figures with their sources, limits, and groups of cores that differ from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neuro.errors import ChipError
from neuro.validation import instance, number_field, whole_number

__all__ = ["MOST", "NO_LIMIT", "CoreGroup", "Limits", "Quantity", "check_table", "groups_by_core"]

MOST = 2**53
"""Largest number of anything on a chip: beyond it, sums of counts are not exact."""
NO_LIMIT = 2**62
"""What `Chip.most` has for a core without a limit."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One figure in SI units, and where it can be read.

    >>> Quantity(23.6e-12, "J", "Davies et al. 2018, table 2").range
    (2.36e-11, 2.36e-11)
    """

    value: float | None
    """The figure; None: unknown, or part of another figure."""
    unit: str
    """SI unit, "1" for a count."""
    source: str
    """Where it can be read, or where it was not found."""
    low: float | None = None
    """Lowest value that the sources give, or None for the value itself."""
    high: float | None = None
    """Highest value that the sources give, or None for the value itself."""
    within: str | None = None
    """Name of the figure that contains this one and is charged instead."""

    def __post_init__(self) -> None:
        for key in ("unit", "source"):
            instance(getattr(self, key), f"Quantity.{key}", str, "a text", error=ChipError)
        for key in ("value", "low", "high"):
            number_field(self, key, none=True, error=ChipError)
        if self.value is not None and not self.range[0] <= self.value <= self.range[1]:
            rule = "`low` must not be above `value`, nor `high` below it"
            raise ChipError(rule, where="Quantity", value=f"{self.low}, {self.value}, {self.high}")
        if self.within is not None:
            instance(self.within, "Quantity.within", str, "the name of a figure, or None", error=ChipError)

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value; NaN where the figure is unknown."""
        value = np.nan if self.value is None else self.value
        return value if self.low is None else self.low, value if self.high is None else self.high


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one core; None: no limit, or an unknown one."""

    neurons: int | None = None
    """Neurons."""
    synapses: int | None = None
    """Synapses onto the core's neurons."""
    synapse_bits: int | None = None
    """Memory for synapses, bits, by the chip's own formula."""
    axons_in: int | None = None
    """Distinct source neurons with a target on the core, those of the core itself included."""
    axons_out: int | None = None
    """Entries of the routing table: distinct (source neuron on the core, core of a target) pairs, own core excluded."""
    fan_in: int | None = None
    """Synapses onto one neuron."""
    weight_bits: int | None = None
    """Bits of one weight, its sign included."""
    rows: int | None = None
    """Rows of the core's crossbar: distinct source neurons."""
    columns: int | None = None
    """Columns of the core's crossbar, one for each neuron."""

    def __post_init__(self) -> None:
        for key, most in vars(self).items():
            if most is not None:
                whole_number(most, f"Limits.{key}", most=MOST, error=ChipError)


@dataclass(frozen=True, kw_only=True)
class CoreGroup:
    """Cores of a chip that differ from its others, in their limits or in their costs."""

    cores: tuple[int, ...]
    """Their numbers."""
    limits: Limits
    """All limits of each of them."""
    energy: Mapping[str, Quantity] = field(default_factory=dict)
    """Joules per event on them, by kind, where they are not those of the chip."""
    time: Mapping[str, Quantity] = field(default_factory=dict)
    """Seconds per event on them, likewise."""

    def __post_init__(self) -> None:
        instance(self.cores, "CoreGroup.cores", tuple, "a tuple of cores", error=ChipError)
        for core in self.cores:
            whole_number(core, "CoreGroup.cores", most=MOST, error=ChipError)
        instance(self.limits, "CoreGroup.limits", Limits, "Limits", error=ChipError)
        for table in ("energy", "time"):
            check_table(getattr(self, table), f"CoreGroup.{table}")


def check_table(figures: object, table: str, *, tiles: bool = False) -> None:
    """Refuse what is no table of figures by name, or by number of tiles."""
    known = instance(figures, table, Mapping, "figures by name", error=ChipError)
    for key, figure in known.items():
        where = f"{table}[{key!r}]"
        instance(figure, where, Quantity, "a Quantity", error=ChipError)
        if tiles:
            whole_number(key, f"{where}, tiles", least=1, error=ChipError)
        else:
            instance(key, f"{where}, name", str, "a text", error=ChipError)


def groups_by_core(given: Any, cores: int, limits: Limits, where: str) -> tuple[CoreGroup, ...]:
    """Groups from the limits of single cores: cores of the same limits are one group; `limits` are those of the others.

    `given` is a dictionary by core, or a sequence with an entry for each core. An entry is a `Limits`, a dictionary
    with the limits that differ from `limits`, or None.

    Raises
    ------
    ChipError
        If there are no such cores or limits.
    """
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        if len(given) != cores:
            raise ChipError(f"must have an entry for each of {cores} cores", where=where, value=f"{len(given)} entries")
        given = dict(enumerate(given))
    known = instance(given, where, Mapping, "limits by core, or a list with those of each core", error=ChipError)
    found: dict[Limits, list[int]] = {}
    for core, own in known.items():
        whole_number(core, f"{where}, core", most=cores - 1, error=ChipError)
        if isinstance(own, Mapping):
            names = list(vars(limits))
            for name in own:
                if name not in names:
                    raise ChipError(f"limits are {', '.join(names)}", where=f"{where}, core {core}", value=name)
            own = replace(limits, **own)
        elif own is None:
            own = limits
        instance(own, f"{where}, core {core}", Limits, "Limits, or a dictionary of them", error=ChipError)
        if own != limits:
            found.setdefault(own, []).append(int(core))
    groups = (CoreGroup(cores=tuple(sorted(found[own])), limits=own) for own in found)
    return tuple(sorted(groups, key=lambda group: group.cores))
