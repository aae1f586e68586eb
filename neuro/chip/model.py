"""`Chip`: cores on a mesh of tiles, their limits, and the cost of each kind of event, every figure with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from neuro.chip.cores import MOST, NO_LIMIT, CoreGroup, Limits, Quantity, check_table, groups_by_core
from neuro.display import Displayed, Rows, amount, plural
from neuro.errors import ChipError
from neuro.memory import require_memory
from neuro.validation import Ints, choice, frozen, instance, shown, text, whole_number

__all__ = ["KINDS", "Chip", "mesh_chip", "tiled"]

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
    """Limits of each core that is in none of the `groups`."""
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
    link_buffer: int | None = None
    """Messages that the queue of a link holds: messages then wait for links and cores, as in SANA-FE's detailed timing
    model, which `account` has for unicast. None: nothing waits, and a step lasts as long as its slowest core, all its
    events added up."""
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
    groups: tuple[CoreGroup, ...] = ()
    """Cores that differ from the others; no core is in two of them. Hops, barrier and power are those of the chip."""

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
        self._check_groups()
        if self.chip_size is not None:
            self._check_chip_size(self.chip_size)
        if self.link_buffer is not None:
            self._check_link_buffer(self.link_buffer)
        if self.arithmetic == "dense" and self.mode != "step":
            raise ChipError("multiply-accumulates in every step need steps", where=f"chip {self.name!r}", value="event")

    def _check_figures(self) -> None:
        for table in ("energy", "time", "power", "host", "barrier"):
            check_table(getattr(self, table), f"Chip.{table}", tiles=table == "barrier")
        if self.step is not None:
            instance(self.step, "Chip.step", Quantity, "a Quantity, or None", error=ChipError)

    def _check_groups(self) -> None:
        instance(self.groups, "Chip.groups", tuple, "a tuple of CoreGroup", error=ChipError)
        seen: set[int] = set()
        for group in self.groups:
            instance(group, "Chip.groups", CoreGroup, "a tuple of CoreGroup", error=ChipError)
            for core in group.cores:
                if core >= self.cores or core in seen:
                    rule = f"groups must have cores 0..{self.cores - 1}, each in one group at most"
                    raise ChipError(rule, where="Chip.groups", value=core)
                seen.add(core)

    def _check_chip_size(self, size: tuple[int, int]) -> None:
        where = "Chip.chip_size"
        if not isinstance(size, tuple | list) or len(size) != 2:
            raise ChipError("must be the tiles of a chip along x and along y", where=where, value=shown(size))
        for tiles in size:
            whole_number(tiles, where, least=1, most=MOST, error=ChipError)

    def _check_link_buffer(self, messages: int) -> None:
        where = "Chip.link_buffer"
        whole_number(messages, where, least=1, most=MOST, error=ChipError)
        for key, word in (("mode", "step"), ("arithmetic", "event")):
            if getattr(self, key) != word:
                rule = f"messages wait only where {key} is {word!r}"
                raise ChipError(rule, where=where, value=repr(getattr(self, key)), remedy="Set link_buffer=None")

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
    def core_group(self) -> Ints:
        """Number of the group of each core, counted from 1; 0 for cores in none; shape (cores,)."""
        found = np.zeros(self.cores, np.int64)
        for number, group in enumerate(self.groups, 1):
            found[list(group.cores)] = number
        return frozen(found)

    @property
    def core_limits(self) -> tuple[Limits, ...]:
        """Limits of the cores by `core_group`: first those of cores in no group."""
        return self.limits, *(group.limits for group in self.groups)

    @property
    def limits_differ(self) -> bool:
        """Have some cores other limits than others?"""
        return any(group.limits != self.limits for group in self.groups if group.cores)

    def most(self, limit: str) -> Ints:
        """One limit of each core by its name, shape (cores,); `NO_LIMIT` where a core has none.

        >>> mesh_chip(3, 1, neurons=100, limits_by_core={1: {"neurons": 10}}).most("neurons").tolist()
        [100, 10, 100]
        """
        each = [getattr(limits, limit) for limits in self.core_limits]
        return frozen(np.array([NO_LIMIT if most is None else most for most in each], np.int64)[self.core_group])

    @property
    def chips(self) -> tuple[int, int]:
        """Chips along x and along y."""
        if self.chip_size is None:
            return 1, 1
        return -(-self.width // self.chip_size[0]), -(-self.height // self.chip_size[1])

    def _display(self) -> tuple[str, Rows]:
        kinds = [("a core holds", self.limits)]
        kinds += [(f"{plural(len(group.cores), 'core')} hold", group.limits) for group in self.groups]
        unknown = [kind for kind, cost in self.energy.items() if cost.value is None and cost.within is None]
        return f"Chip {self.name}: {plural(self.cores, 'core')} on a mesh of {self.width} x {self.height}", [
            *((title, _listed(limits)) for title, limits in kinds[:4]),
            ("works in", f"{'common steps' if self.mode == 'step' else 'events'}, {self.routing}"),
            *([("unknown", ", ".join(unknown))] if unknown else []),
            *((kind, amount(cost.value, "J")) for kind, cost in self.energy.items() if cost.value),
        ]


def _listed(limits: Limits) -> str:
    """Limits in words."""
    known = {name.replace("_", " "): most for name, most in vars(limits).items() if most is not None}
    return ", ".join(f"{most:,} {name}" for name, most in known.items()) or "no known limit"


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
    whole = replace(chip, name=name, width=across * size[0], height=down * size[1], chip_size=size, groups=())
    place_of = np.zeros(size, np.int64)
    place_of[tuple(chip.tile_xy.T)] = np.arange(len(chip.tile_xy))
    tile = place_of[tuple((whole.tile_xy % size).T)]
    own = (tile[:, None] * chip.cores_per_tile + np.arange(chip.cores_per_tile)).ravel()
    groups = [replace(group, cores=tuple(np.flatnonzero(np.isin(own, group.cores)).tolist())) for group in chip.groups]
    return replace(whole, groups=tuple(groups))


def mesh_chip(
    width: int,
    height: int,
    neurons: int,
    synapses: int | None = None,
    axons_in: int | None = None,
    *,
    limits_by_core: Any = None,
) -> Chip:
    """A chip for mapping studies: one core a tile, unit cost per delivery and per hop.

    All other events cost nothing. The unit is called a joule, as on every chip.

    Parameters
    ----------
    width, height
        Tiles along x and y.
    neurons, synapses, axons_in
        Limits of a core.
    limits_by_core
        Limits of cores that differ: by core, or a list with an entry for each core. An entry is a dictionary of the
        limits that differ, by the names of `Limits`; all `Limits`; or None.

    Raises
    ------
    ParameterError
        If a size or a limit is not a whole number above zero.
    ChipError
        If there is no such core, or no such limit.

    Examples
    --------
    >>> mesh_chip(3, 2, neurons=256).cores
    6
    >>> mesh_chip(2, 1, neurons=100, limits_by_core={1: {"neurons": 10}}).most("neurons").tolist()
    [100, 10]
    """
    given = {"width": width, "height": height, "neurons": neurons, "synapses": synapses, "axons_in": axons_in}
    for key, value in given.items():
        if value is not None or key in ("width", "height", "neurons"):
            whole_number(value, f"mesh_chip, {key}", least=1, most=MOST)
    limits = Limits(neurons=neurons, synapses=synapses, axons_in=axons_in)
    given_by_core = {} if limits_by_core is None else limits_by_core
    groups = groups_by_core(given_by_core, width * height, limits, "mesh_chip, limits_by_core")
    definition = "definition: unit cost per delivery and per hop"
    unit = ("message_in", "hop_east", "hop_west", "hop_north", "hop_south")
    return Chip(
        name=f"mesh {width} x {height}",
        width=width,
        height=height,
        limits=limits,
        groups=groups,
        energy={kind: Quantity(float(kind in unit), "J", definition) for kind in KINDS},
        time={kind: Quantity(0.0, "s", definition) for kind in KINDS},
        power={"chip": Quantity(0.0, "W", definition)},
    )
