"""Chip files: the schema of models/chips/*.toml, in which every number has a value, a unit and a source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from neuro.chip.model import KINDS, Chip, Limits, Quantity
from neuro.errors import UnknownName

__all__ = ["TABLES", "UNITS", "ChipRecord", "Figure"]

UNITS = {"1": ("1", 0), "bit": ("bit", 0), "s": ("s", 0), "J": ("J", 0), "W": ("W", 0), "V": ("V", 0), "S": ("S", 0)}
UNITS |= {"ohm": ("ohm", 0)}
"""Units a figure may have, with the SI unit and the power of ten that they stand for."""
_PREFIXES = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6}
UNITS |= {p + unit: (unit, power) for p, power in _PREFIXES.items() for unit in ("s", "J", "W", "V", "S", "ohm")}


class Figure(BaseModel):
    """One published figure: `value`, `unit` and `source`, and the range of the sources where they give one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: float | Literal["null"] | None = None
    """The figure in `unit`, as its source has it; absent or "null": unknown."""
    unit: str
    """An SI unit with or without a prefix ("pJ", "us"), "bit", or "1" for a count."""
    source: str = Field(min_length=1)
    """Where it can be read."""
    low: float | None = None
    """Lowest value that the sources give."""
    high: float | None = None
    """Highest value that the sources give."""
    within: str | None = None
    """Kind of event whose figure contains this one."""
    note: str = ""
    """What a reader of the figure should know."""

    @field_validator("source")
    @classmethod
    def _named(cls, source: str) -> str:
        if not source.strip():
            raise ValueError("a figure needs a source")
        return source

    @field_validator("unit")
    @classmethod
    def _known(cls, unit: str) -> str:
        if unit not in UNITS:
            raise ValueError(f"unit {unit!r} is not one of {', '.join(sorted(UNITS))}")
        return unit

    @model_validator(mode="after")
    def _ordered(self) -> Figure:
        low, high = self.low, self.high
        if not isinstance(self.value, float):
            if low is not None or high is not None:
                raise ValueError("a figure that is unknown has no range")
            return self
        if self.within is not None:
            raise ValueError("a figure that is part of another one has no value of its own")
        if (low is not None and low > self.value) or (high is not None and high < self.value):
            raise ValueError("`low` must not be above `value`, nor `high` below it")
        return self

    def quantity(self) -> Quantity:
        """The figure in SI units."""
        unit, power = UNITS[self.unit]
        value = self.value if isinstance(self.value, float) else None
        return Quantity(_si(value, power), unit, self.source, _si(self.low, power), _si(self.high, power), self.within)


def _si(value: float | None, power: int) -> float | None:
    """`value` times ten to the `power`, rounded once, so that 23.6 pJ is the double 23.6e-12."""
    return None if value is None else float(f"{value!r}e{power}") if "e" not in repr(value) else value * 10.0**power


Table = dict[str, Figure]

TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "mesh": {"1": ("width", "height", "cores_per_tile", "chip_width", "chip_height")},
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
"""Tables of a chip file: SI unit -> keys that have it. Keys of `energy` and `time` may end in ":variant"."""


class ChipRecord(BaseModel):
    """A file of models/chips: what a `Chip` is made of, as its sources have it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Name of the chip and of its file."""
    title: str
    """What it is, in a few words."""
    notes: str = ""
    """What a user of the figures should know."""
    mode: Literal["step", "event"]
    """As `Chip.mode`."""
    updates: Literal["all", "fired", "none"]
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
    mesh: Table
    """Tiles along x and y, cores in a tile; `chip_width` and `chip_height` where the mesh is made of several chips."""
    limits: Table = {}
    """Per core."""
    energy: Table = {}
    """Joules per event."""
    time: Table = {}
    """Seconds per event."""
    barrier: Table = {}
    """Seconds to end a step, by number of tiles in use."""
    step: Figure | None = None
    """Shortest duration of a step."""
    power: Table = {}
    """Static power."""
    host: Table = {}
    """What feeds the chip."""
    device: Table = {}
    """A memristive device: resistances, and voltage and duration of a read and a write."""
    other: Table = {}
    """Figures to compare with, which nothing is charged by."""
    points: dict[str, dict[Literal["energy", "time", "power"], Table]] = {}
    """Other operating points by name: the figures that differ, by table."""

    @model_validator(mode="after")
    def _complete(self) -> ChipRecord:
        for table, units in TABLES.items():
            expected = {key: unit for unit, keys in units.items() for key in keys}
            given: Table = getattr(self, table)
            for key, figure in given.items():
                kind = key.partition(":")[0] if table in ("energy", "time") else key
                _check(f"{table}.{key}", figure, expected.get(kind), expected)
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
        for key, figure in {**self.mesh, **self.limits}.items():
            if isinstance(figure.value, float) and not (figure.value >= 1 and figure.value.is_integer()):
                raise ValueError(f"{key}: must be a whole number above zero, not {figure.value:g}")
        for table in ("energy", "time"):
            figures: Table = getattr(self, table)
            for key, figure in figures.items():
                if figure.within is not None and figures.get(figure.within, figure).within is not None:
                    raise ValueError(f"{table}.{key}: is part of {figure.within!r}, which has no figure of its own")
        return self

    def figures(self) -> dict[str, Figure]:
        """Every figure of the record, by table and key."""
        tables = (*TABLES, "barrier", "other")
        found = {f"{table}.{key}": figure for table in tables for key, figure in getattr(self, table).items()}
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
        energy = {key: figure.quantity() for key, figure in self.energy.items()}
        return Chip(
            name=self.name,
            width=mesh["width"] or 1,
            height=mesh["height"] or 1,
            cores_per_tile=mesh.get("cores_per_tile") or 1,
            limits=Limits(**{key: _whole(figure) for key, figure in self.limits.items()}),
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
            time={key: figure.quantity() for key, figure in self.time.items()},
            barrier={int(key): figure.quantity() for key, figure in self.barrier.items()},
            barrier_between=self.barrier_between,
            step=None if self.step is None else self.step.quantity(),
            power={key: figure.quantity() for key, figure in self.power.items()},
            host={key: figure.quantity() for key, figure in self.host.items()},
            synapse=self.synapse,
            notes=self.notes,
        )


def _check(where: str, figure: Figure, unit: str | None, known: Iterable[str]) -> None:
    if unit is None:
        raise ValueError(f"{where}: unknown; this table has {', '.join(known)}")
    if UNITS[figure.unit][0] != unit:
        raise ValueError(f"{where}: must be in {unit} or a multiple of it, not {figure.unit}")


def _whole(figure: Figure) -> int | None:
    return int(figure.value) if isinstance(figure.value, float) else None


def _device_energy(device: Table) -> dict[str, Quantity]:
    """Energy of reading a device and of a pulse onto it, V^2 t / R, between its two resistances.

    The value is that of the low resistance, which is the highest, since what weights are stored is not known here.
    """
    si = {key: figure.quantity() for key, figure in device.items()}
    found = {}
    for kind, volts, seconds in (("cell_read", "v_read", "t_read"), ("write_pulse", "v_write", "t_write")):
        parts = [si.get(key) for key in (volts, seconds, "r_on", "r_off")]
        values = [part.value for part in parts if part is not None and part.value is not None]
        if len(values) == 4:
            v, t, on, off = values
            source = f"V^2 t / R_on, and for the lower end R_off; {si['r_on'].source}"
            found[kind] = Quantity(v**2 * t / on, "J", source, low=v**2 * t / off)
    return found
