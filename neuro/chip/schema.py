"""Schema of the chip files models/chips/*.toml: which tables, keys and units they have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from neuro.chip.cores import CoreGroup, Limits, Quantity
from neuro.chip.model import KINDS, Chip
from neuro.errors import UnknownName
from neuro.figures import UNITS, RangedFigure

__all__ = ["TABLES", "ChipRecord", "quantity"]

Figures = dict[str, RangedFigure]
"""Figures of one table of a chip file, by key."""

TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "mesh": {"1": ("width", "height", "cores_per_tile", "chip_width", "chip_height", "link_buffer")},
    "limits": {
        "1": ("neurons", "synapses", "axons_in", "axons_out", "fan_in", "rows", "columns"),
        "bit": ("synapse_bits", "weight_bits"),
    },
    "energy": {"J": tuple(KINDS)},
    "time": {"s": tuple(KINDS)},
    "power": {"W": ("chip", "core")},
    "host": {"W": ("power", "static"), "s": ("step",), "J": ("spike",)},
    "device": {"ohm": ("r_on", "r_off"), "V": ("v_read", "v_write"), "s": ("t_read", "t_write")},
}
"""Tables of a chip file: SI unit -> keys with this unit. Keys of `energy` and `time` may end in ":variant"."""


class GroupRecord(BaseModel):
    """Cores of a chip file that differ from its others: only what differs stands here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cores: tuple[int | str, ...]
    """Their numbers, or ranges as "8..15"."""
    limits: Figures = {}
    """Limits per core that differ."""
    energy: Figures = {}
    """Joules per event that differ."""
    time: Figures = {}
    """Seconds per event that differ."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the cores."""
        found: list[int] = []
        for part in self.cores:
            first, dots, last = str(part).partition("..")
            ends = [first, last] if dots else [first]
            if not all(end.isdecimal() and len(end) < 8 for end in ends):
                raise ValueError(f"cores: numbers, or ranges as 8..15, not {part!r}")
            found += range(int(ends[0]), int(ends[-1]) + 1)
        return tuple(found)


class ChipRecord(BaseModel):
    """A file of models/chips: the figures of a `Chip` with the values and units of their sources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Name of the chip and of its file."""
    title: str
    """Short description of the chip."""
    notes: str = ""
    """Remarks for users of the figures."""
    mode: Literal["step", "event"]
    """As `Chip.mode`."""
    updates: Literal["all", "touched", "fired", "none"]
    """As `Chip.updates`."""
    pace: Literal["free", "real"] = "free"
    """As `Chip.pace`."""
    arithmetic: Literal["event", "crossbar", "dense"] = "event"
    """As `Chip.arithmetic`."""
    routing: Literal["unicast", "multicast"] = "unicast"
    """As `Chip.routing`."""
    first_axis: Literal["x", "y"] = "x"
    """As `Chip.first_axis`."""
    tile_order: Literal["rows", "columns"] = "rows"
    """As `Chip.tile_order`."""
    barrier_between: Literal["step", "linear"] = "step"
    """As `Chip.barrier_between`."""
    devices_per_synapse: int = Field(default=1, ge=1)
    """As `Chip.devices_per_synapse`."""
    synapse: str = ""
    """As `Chip.synapse`."""
    mesh: Figures
    """Tiles along x and y, cores in a tile; `chip_width` and `chip_height` where the mesh is made of several chips;
    `link_buffer`, as `Chip.link_buffer`."""
    limits: Figures = {}
    """Per core."""
    energy: Figures = {}
    """Joules per event."""
    time: Figures = {}
    """Seconds per event."""
    barrier: Figures = {}
    """Seconds to end a step, by number of tiles in use."""
    step: RangedFigure | None = None
    """Shortest duration of a step."""
    power: Figures = {}
    """Static power."""
    host: Figures = {}
    """The host that feeds the chip."""
    device: Figures = {}
    """A memristive device: resistances, and voltage and duration of a read and a write."""
    other: Figures = {}
    """Figures to compare with, which have no effect on energies."""
    groups: dict[str, GroupRecord] = {}
    """Cores that differ from the others, by a name of the file's own."""
    points: dict[str, dict[Literal["energy", "time", "power"], Figures]] = {}
    """Other operating points by name: their figures that differ, by table."""

    @model_validator(mode="after")
    def _complete(self) -> ChipRecord:
        for table, units in TABLES.items():
            expected = {key: unit for unit, keys in units.items() for key in keys}
            given: Figures = getattr(self, table)
            for key, figure in given.items():
                kind = key.partition(":")[0] if table in ("energy", "time") else key
                _check(f"{table}.{key}", figure, expected.get(kind), expected)
        for name, group in self.groups.items():
            _check_group(f"groups.{name}", group)
        for name, point in self.points.items():
            for table, own in point.items():
                for key, figure in own.items():
                    if key not in getattr(self, table):
                        raise ValueError(f"points.{name}.{table}.{key}: {table} has no such figure")
                    unit = {"energy": "J", "time": "s", "power": "W"}[table]
                    _check(f"points.{name}.{table}.{key}", figure, unit, ())
        for key, figure in self.barrier.items():
            _check(f"barrier.{key}", figure, "s" if key.isdecimal() and int(key) > 0 else None, ("a number of tiles",))
        if self.step is not None:
            _check("step", self.step, "s", ("step",))
        for key in ("width", "height"):
            if key not in self.mesh:
                raise ValueError(f"mesh.{key}: missing")
        _check_whole({**self.mesh, **self.limits})
        for table in ("energy", "time"):
            figures: Figures = getattr(self, table)
            for key, figure in figures.items():
                if figure.within is not None and figures.get(figure.within, figure).within is not None:
                    raise ValueError(f"{table}.{key}: is part of {figure.within!r}, which has no figure of its own")
        return self

    def figures(self) -> dict[str, RangedFigure]:
        """Every figure of the record, by table and key."""
        tables = (*TABLES, "barrier", "other")
        found = {f"{table}.{key}": figure for table in tables for key, figure in getattr(self, table).items()}
        for name, group in self.groups.items():
            parts = {"limits": group.limits, "energy": group.energy, "time": group.time}
            found |= {f"groups.{name}.{table}.{key}": one for table, own in parts.items() for key, one in own.items()}
        for name, point in self.points.items():
            found |= {f"{table}.{key} @{name}": figure for table, own in point.items() for key, figure in own.items()}
        return found | ({} if self.step is None else {"step": self.step})

    def at(self, point: str) -> ChipRecord:
        """The record with the figures of another operating point.

        Raises
        ------
        UnknownName
            If there is no such point.
        """
        if point not in self.points:
            raise UnknownName(f"operating point of {self.name}", point, self.points)
        tables: dict[str, Any] = {table: {**getattr(self, table), **own} for table, own in self.points[point].items()}
        return self.model_copy(update={"name": f"{self.name}@{point}", **tables})

    def chip(self) -> Chip:
        """The chip in SI units."""
        mesh = {key: _whole(figure) for key, figure in self.mesh.items()}
        size = mesh.get("chip_width"), mesh.get("chip_height")
        energy = _quantities(self.energy)
        limits = {key: _whole(figure) for key, figure in self.limits.items()}
        groups = [
            CoreGroup(
                cores=group.numbers,
                limits=Limits(**{**limits, **{key: _whole(figure) for key, figure in group.limits.items()}}),
                energy=_quantities(group.energy),
                time=_quantities(group.time),
            )
            for group in self.groups.values()
        ]
        return Chip(
            name=self.name,
            width=mesh["width"] or 1,
            height=mesh["height"] or 1,
            cores_per_tile=mesh.get("cores_per_tile") or 1,
            limits=Limits(**limits),
            tile_order=self.tile_order,
            routing=self.routing,
            first_axis=self.first_axis,
            chip_size=None if size[0] is None or size[1] is None else (size[0], size[1]),
            mode=self.mode,
            pace=self.pace,
            updates=self.updates,
            arithmetic=self.arithmetic,
            devices_per_synapse=self.devices_per_synapse,
            energy={**_device_energy(self.device), **energy},
            time=_quantities(self.time),
            barrier={int(key): quantity(figure) for key, figure in self.barrier.items()},
            barrier_between=self.barrier_between,
            link_buffer=mesh.get("link_buffer"),
            step=None if self.step is None else quantity(self.step),
            power=_quantities(self.power),
            host=_quantities(self.host),
            synapse=self.synapse,
            notes=self.notes,
            groups=tuple(groups),
        )


def quantity(figure: RangedFigure) -> Quantity:
    """The figure in SI units."""
    low, high = figure.si_range
    return Quantity(figure.si_value, figure.si_unit, figure.source, low, high, figure.within)


def _quantities(figures: Figures) -> dict[str, Quantity]:
    return {key: quantity(figure) for key, figure in figures.items()}


def _check_group(where: str, group: GroupRecord) -> None:
    for table in ("limits", "energy", "time"):
        expected = {key: unit for unit, keys in TABLES[table].items() for key in keys}
        figures: Figures = getattr(group, table)
        for key, figure in figures.items():
            kind = key if table == "limits" else key.partition(":")[0]
            if kind.startswith("hop_"):
                raise ValueError(f"{where}.{table}.{key}: links cost what they cost on the chip")
            _check(f"{where}.{table}.{key}", figure, expected.get(kind), expected)
    _check_whole(group.limits)
    if not group.numbers:
        raise ValueError(f"{where}.cores: none")


def _check_whole(figures: Figures) -> None:
    for key, figure in figures.items():
        if isinstance(figure.value, float) and not (figure.value >= 1 and figure.value.is_integer()):
            raise ValueError(f"{key}: must be a whole number above zero, not {figure.value:g}")


def _check(where: str, figure: RangedFigure, unit: str | None, known: Iterable[str]) -> None:
    if unit is None:
        raise ValueError(f"{where}: unknown; this table has {', '.join(known)}")
    if UNITS[figure.unit][0] != unit:
        raise ValueError(f"{where}: must be in {unit} or a multiple of it, not {figure.unit}")


def _whole(figure: RangedFigure) -> int | None:
    return int(figure.value) if isinstance(figure.value, float) else None


def _device_energy(device: Figures) -> dict[str, Quantity]:
    """Energy of reading a device and of a pulse onto it, V^2 t / R.

    The value is that of the low resistance, which is the highest; the stored weights are not known here. The lower end
    of the range is that of the high resistance.
    """
    si = {key: quantity(figure) for key, figure in device.items()}
    found = {}
    for kind, volts, seconds in (("cell_read", "v_read", "t_read"), ("write_pulse", "v_write", "t_write")):
        parts = [si.get(key) for key in (volts, seconds, "r_on", "r_off")]
        values = [part.value for part in parts if part is not None and part.value is not None]
        if len(values) == 4:
            v, t, on, off = values
            source = f"V^2 t / R_on, and for the lower end R_off; {si['r_on'].source}"
            found[kind] = Quantity(v**2 * t / on, "J", source, low=v**2 * t / off)
    return found
