"""`Chip`: cores on a mesh of tiles, their limits, and the cost of each kind of event, every figure with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from neuro.display import Displayed, Rows, amount, plural
from neuro.errors import ChipError
from neuro.memory import require_memory
from neuro.validation import Ints, choice, frozen, instance, number_field, shown, text, whole_number

__all__ = ["KINDS", "Chip", "Limits", "Quantity", "mesh_chip", "tiled"]

KINDS: Mapping[str, str] = {
    "synapse": "synaptic operation: one spike through one synapse",
    "mac": "multiply-accumulate: every synapse in every step, spike or none",
    "load": "weight read from memory, one for each multiply-accumulate",
    "row_read": "crossbar row driven",
    "cell_read": "crossbar device read",
    "column_read": "crossbar column converted, by an ADC or a comparator",
    "write_pulse": "pulse onto a crossbar device",
    "update_idle": "update of a neuron in a step in which nothing happens to it",
    "update_active": "update of an active neuron in a step",
    "spike": "spike of a neuron, beyond its update",
    "message_out": "message sent by a core: a spike to one other core, or with multicast to all of them",
    "message_in": "message received by a core",
    "tile": "message through the router of the tile that it ends in",
    "hop_east": "message over one link towards larger x",
    "hop_west": "message over one link towards smaller x",
    "hop_north": "message over one link towards larger y",
    "hop_south": "message over one link towards smaller y",
    "hop_chip": "message over one link between two chips",
}
"""Kinds of events that can cost energy or time; ``"kind:variant"`` is a kind with a cost of its own.

docs/chips.md says how to add one.
"""
MOST = 2**53
"""Largest number of anything on a chip: beyond it, sums of counts are not exact."""
BYTES_PER_CORE = 64
"""At least: places, links and counts of a core, while costs are added up."""
CHOICES: Mapping[str, tuple[str, ...]] = {
    "tile_order": ("rows", "columns"),
    "routing": ("unicast", "multicast"),
    "first_axis": ("x", "y"),
    "mode": ("step", "event"),
    "updates": ("all", "touched", "fired", "none"),
    "arithmetic": ("event", "crossbar", "dense"),
    "barrier_between": ("step", "linear"),
    "pace": ("free", "real"),
}
"""The words that fields of a `Chip` may have."""


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


@dataclass(frozen=True, kw_only=True, repr=False)
class Chip(Displayed):
    """Cores on a mesh of tiles; core c lies on tile c // cores_per_tile, tiles go row by row, x fastest.

    Costs are by kind of event (`KINDS`). The cost of a kind that is absent, or has the value None, is unknown. It never
    counts as zero.
    """

    name: str
    """Name of the chip in errors and reports."""
    width: int
    """Tiles along x."""
    height: int
    """Tiles along y."""
    cores_per_tile: int = 1
    """Cores that share a router."""
    limits: Limits = field(default_factory=Limits)
    """Limits of each core."""
    tiles: int | None = None
    """Number of tiles if the last places of the mesh are empty; None: one tile at each place."""
    tile_order: Literal["rows", "columns"] = "rows"
    """Order of the tiles: row by row, x fastest; or column by column, y fastest."""
    routing: Literal["unicast", "multicast"] = "unicast"
    """Unicast: a spike is one message for each core with targets. Multicast: one message that branches."""
    first_axis: Literal["x", "y"] = "x"
    """Axis along which a message goes first."""
    chip_size: tuple[int, int] | None = None
    """Tiles (x, y) of one chip if the mesh consists of several chips; None: one chip."""
    mode: Literal["step", "event"] = "event"
    """Cores advance in common steps, or each acts when an event arrives."""
    updates: Literal["all", "touched", "fired", "none"] = "none"
    """Neurons that count as active in a step: all; those that a spike has reached since they last fired; those that
    fire, the others being idle; or none, as neurons have no update of their own."""
    arithmetic: Literal["event", "crossbar", "dense"] = "event"
    """Cost of synapses: one operation for each spike through each synapse; one crossbar row for each message; or one
    multiply-accumulate for each synapse in every step."""
    devices_per_synapse: int = 1
    """Crossbar devices that hold one weight."""
    energy: Mapping[str, Quantity] = field(default_factory=dict)
    """Joules per event, by kind."""
    time: Mapping[str, Quantity] = field(default_factory=dict)
    """Seconds of its core per event, by kind."""
    barrier: Mapping[int, Quantity] = field(default_factory=dict)
    """Seconds that ending a step takes, by number of tiles in use."""
    barrier_between: Literal["step", "linear"] = "step"
    """Value between two entries of `barrier`: that of the lower entry, or linear interpolation."""
    pace: Literal["free", "real"] = "free"
    """Free: a step ends as soon as all cores are done. Real: it lasts at least as long as the step of the network."""
    step: Quantity | None = None
    """Shortest duration of a step, s, of a chip with a clock."""
    power: Mapping[str, Quantity] = field(default_factory=dict)
    """Static power, W: of each `chip`, of each `core` in use."""
    host: Mapping[str, Quantity] = field(default_factory=dict)
    """The host that feeds the chip: `power` and `static`, W, during the run; `step`, s, the duration of a step with the
    host at work; `spike`, J, for each spike of a source."""
    synapse: str = ""
    """Variant of `synapse` for projections without one."""
    neuron: str = ""
    """Variant of updates and spikes for populations without one."""
    notes: str = ""
    """Remarks for users of the figures."""
    updates_unstated: bool = False
    """Does nothing say which neurons are updated? Then `updates` is "all", and ranges begin at "fired"."""

    def __post_init__(self) -> None:
        text(self.name, "Chip.name", error=ChipError)
        for key in ("width", "height", "cores_per_tile", "devices_per_synapse"):
            whole_number(getattr(self, key), f"Chip.{key}", least=1, most=MOST, error=ChipError)
        cores = self.width * self.height * self.cores_per_tile
        require_memory(
            BYTES_PER_CORE * cores,
            "Chip, width x height",
            value=f"{self.width:,} x {self.height:,} tiles, {cores:,} cores",
            error=ChipError,
        )
        if self.tiles is not None:
            whole_number(self.tiles, "Chip.tiles", least=1, most=self.width * self.height, error=ChipError)
        for key, words in CHOICES.items():
            choice(getattr(self, key), f"Chip.{key}", words, error=ChipError)
        for key in ("synapse", "neuron", "notes"):
            instance(getattr(self, key), f"Chip.{key}", str, "a text", error=ChipError)
        instance(self.limits, "Chip.limits", Limits, "Limits", error=ChipError)
        self._check_figures()
        if self.chip_size is not None:
            self._check_chip_size(self.chip_size)
        if self.arithmetic == "dense" and self.mode != "step":
            raise ChipError("multiply-accumulates in every step need steps", where=f"chip {self.name!r}", value="event")

    def _check_figures(self) -> None:
        for table in ("energy", "time", "power", "host", "barrier"):
            figures = getattr(self, table)
            instance(figures, f"Chip.{table}", Mapping, "figures by name", error=ChipError)
            for key, figure in figures.items():
                where = f"Chip.{table}[{key!r}]"
                instance(figure, where, Quantity, "a Quantity", error=ChipError)
                if table == "barrier":
                    whole_number(key, f"{where}, tiles", least=1, error=ChipError)
                else:
                    instance(key, f"{where}, name", str, "a text", error=ChipError)
        if self.step is not None:
            instance(self.step, "Chip.step", Quantity, "a Quantity, or None", error=ChipError)

    def _check_chip_size(self, size: tuple[int, int]) -> None:
        where = "Chip.chip_size"
        if not isinstance(size, tuple | list) or len(size) != 2:
            raise ChipError("must be the tiles of a chip along x and along y", where=where, value=shown(size))
        for tiles in size:
            whole_number(tiles, where, least=1, most=MOST, error=ChipError)

    def __hash__(self) -> int:
        # Tables of figures cannot be hashed. Chips that differ only in them have one hash and compare as different.
        return hash((self.name, self.width, self.height, self.cores_per_tile, self.limits))

    @property
    def cores(self) -> int:
        """Number of cores."""
        return (self.tiles or self.width * self.height) * self.cores_per_tile

    @property
    def tile_xy(self) -> Ints:
        """Mesh place (x, y) of each tile, shape (tiles, 2)."""
        tile = np.arange(self.tiles or self.width * self.height)
        fast, slow = (self.width, 0) if self.tile_order == "rows" else (self.height, 1)
        places = [tile % fast, tile // fast]
        return frozen(np.stack(places if slow == 0 else places[::-1], axis=1))

    @property
    def xy(self) -> Ints:
        """Mesh place (x, y) of each core, shape (cores, 2)."""
        return frozen(np.repeat(self.tile_xy, self.cores_per_tile, axis=0))

    @property
    def chips(self) -> tuple[int, int]:
        """Chips along x and along y."""
        if self.chip_size is None:
            return 1, 1
        return -(-self.width // self.chip_size[0]), -(-self.height // self.chip_size[1])

    def _display(self) -> tuple[str, Rows]:
        limits = {name.replace("_", " "): most for name, most in vars(self.limits).items() if most is not None}
        unknown = [kind for kind, cost in self.energy.items() if cost.value is None and cost.within is None]
        return f"Chip {self.name}: {plural(self.cores, 'core')} on a mesh of {self.width} x {self.height}", [
            ("a core holds", ", ".join(f"{most:,} {name}" for name, most in limits.items()) or "no known limit"),
            ("works in", f"{'common steps' if self.mode == 'step' else 'events'}, {self.routing}"),
            *([("unknown", ", ".join(unknown))] if unknown else []),
            *((kind, amount(cost.value, "J")) for kind, cost in self.energy.items() if cost.value),
        ]


def tiled(chip: Chip, across: int, down: int) -> Chip:
    """A system of several equal chips, side by side; links between chips (`hop_chip`) join their meshes.

    Tiles are numbered over the whole mesh, in the order of the chip.

    Raises
    ------
    ChipError
        If a number is not above zero, the chip is a system of several already, or its mesh has empty places.

    >>> four = tiled(mesh_chip(3, 2, neurons=8), 2, 2)
    >>> four.width, four.height, four.chips, four.cores
    (6, 4, (2, 2), 24)
    """
    instance(chip, "chip", Chip, "a Chip", error=ChipError)
    whole_number(across, f"a system of {chip.name}, across", least=1, most=MOST, error=ChipError)
    whole_number(down, f"a system of {chip.name}, down", least=1, most=MOST, error=ChipError)
    if chip.chip_size is not None or chip.tiles is not None:
        raise ChipError("only one whole chip can be repeated", where=chip.name)
    size = chip.width, chip.height
    name = f"{across} x {down} {chip.name}"
    return replace(chip, name=name, width=across * size[0], height=down * size[1], chip_size=size)


def mesh_chip(width: int, height: int, neurons: int, synapses: int | None = None, axons_in: int | None = None) -> Chip:
    """A chip for mapping studies: one core a tile, unit cost per delivery and per hop.

    All other events cost nothing. The unit is called a joule, as on every chip.

    Raises
    ------
    ParameterError
        If a size or a limit is not a whole number above zero.

    Examples
    --------
    >>> mesh_chip(3, 2, neurons=256).cores
    6
    """
    given = {"width": width, "height": height, "neurons": neurons, "synapses": synapses, "axons_in": axons_in}
    for key, value in given.items():
        if value is not None or key in ("width", "height", "neurons"):
            whole_number(value, f"mesh_chip, {key}", least=1, most=MOST)
    limits = Limits(neurons=neurons, synapses=synapses, axons_in=axons_in)
    definition = "definition: unit cost per delivery and per hop"
    unit = ("message_in", "hop_east", "hop_west", "hop_north", "hop_south")
    return Chip(
        name=f"mesh {width} x {height}",
        width=width,
        height=height,
        limits=limits,
        energy={kind: Quantity(float(kind in unit), "J", definition) for kind in KINDS},
        time={kind: Quantity(0.0, "s", definition) for kind in KINDS},
        power={"chip": Quantity(0.0, "W", definition)},
    )
