"""Reader of SANA-FE architectures: from their YAML format to a `Chip`.

The format is that of version 2.2 (Boyle et al., IEEE TCAD 2025, doi 10.1109/TCAD.2025.3537971).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuro.chip.cores import CoreGroup, Limits, Quantity
from neuro.chip.model import Chip
from neuro.errors import ChipError
from neuro.files.reading import read_yaml

__all__ = ["read_architecture"]

_RANGE = re.compile(r"^(?P<name>.*)\[(?P<first>\d+)(?:\.\.(?P<last>\d+))?\]$")
_HOPS = ("east", "west", "north", "south")
_SOMA = ("update_idle", "update_active", "spike")


def read_architecture(path: str | Path) -> Chip:
    """The chip that a SANA-FE architecture describes.

    Tiles are numbered column by column, as in SANA-FE. Every neuron is updated in every step (`force_update`). An
    architecture does not say so: networks of SANA-FE do, and by default neurons that nothing touches are not updated.
    So ranges of energy begin where only neurons that fire are updated. SANA-FE's default is
    ``dataclasses.replace(chip, updates="touched", updates_unstated=False)``.

    An update costs the access to the neuron and the update. Units of one core with different costs become variants:
    ``synapse:NAME``, ``spike:NAME`` and so on. The first synapse unit, and the first soma unit that is no input, are
    the default of the chip. The cost of each synaptic operation includes that of the first dendrite unit. SANA-FE has
    no static power.

    Cores that hold other numbers of neurons than the first core, or cost something else, are `Chip.groups`. A core
    without a unit of the default's name has its own first unit in place of it; cores may have other names for units of
    the same costs.

    Raises
    ------
    ChipError
        If the file is no such architecture, or has a part that is not modelled: tiles whose hops cost different
        amounts, or dendrites that cost something in every step.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    """
    return _Reader(str(path)).chip(read_yaml(path, ChipError, "an architecture"))


Costs = dict[str, dict[str, Quantity]]
"""Joules and seconds per event: "energy" and "time", by kind of event."""


@dataclass(eq=False)
class _Kind:
    """Cores of the same limits and costs."""

    limits: Limits
    costs: Costs
    blocks: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Where they are: first tile, tiles, first core in each tile, cores in each tile."""

    def cores(self, per_tile: int) -> tuple[int, ...]:
        """Their numbers."""
        found = [
            (np.arange(tile, tile + tiles)[:, None] * per_tile + np.arange(slot, slot + slots)).ravel()
            for tile, tiles, slot, slots in self.blocks
        ]
        return tuple(np.sort(np.concatenate(found)).tolist())


class _Reader:
    """Reads one file; errors name the file and the place in it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def chip(self, loaded: Mapping[str, Any]) -> Chip:
        if not isinstance(loaded.get("architecture"), Mapping):
            raise ChipError("a SANA-FE architecture must begin with `architecture:`", where=self.path)
        top = loaded["architecture"]
        mesh = self.attributes(top, "architecture")
        width, height = (self.whole_number(mesh, key, "architecture") for key in ("width", "height"))
        tiles, per_tile = 0, 0
        kinds: list[_Kind] = []
        for tile, copies in self.parts(top, "tile", "architecture"):
            cores = 0
            for core, times in self.parts(tile, "core", tile["name"]):
                kind = self.kind(tile, core, kinds)
                kind.blocks.append((tiles, copies, cores, times))
                cores += times
            tiles += copies
            if per_tile not in (0, cores):
                raise ChipError("tiles must have one number of cores", where=self.path, value=f"{per_tile} and {cores}")
            per_tile = cores
        if not 0 < tiles <= width * height:
            raise ChipError(
                f"a mesh of {width} x {height} must have 1 to {width * height} tiles", where=self.path, value=tiles
            )
        cost: Costs = {"energy": {}, "time": {}}
        for kind in kinds:
            cost = {table: kind.costs[table] | cost[table] for table in cost}
        default = {unit: _first_unit(kinds[0].costs, unit) for unit in ("synapse", "spike")}
        chip = Chip(
            name=str(top.get("name") or Path(self.path).stem),
            width=width,
            height=height,
            tiles=None if tiles == width * height else tiles,
            cores_per_tile=per_tile,
            limits=kinds[0].limits,
            tile_order="columns",
            mode="step",
            updates="all",
            updates_unstated=True,
            energy=cost["energy"],
            time=cost["time"],
            barrier=self.barrier(mesh),
            link_buffer=self.link_buffer(mesh),
            power={"chip": Quantity(0.0, "W", "SANA-FE has no static power")},
            synapse=default["synapse"],
            neuron=default["spike"],
            notes=f"Read from {self.path}.",
        )
        groups = (_group(kind, chip) for kind in kinds[1:])
        return replace(chip, groups=tuple(group for group in groups if group is not None))

    def kind(self, tile: Mapping[str, Any], core: Mapping[str, Any], kinds: list[_Kind]) -> _Kind:
        """The kind of a core, which is added to `kinds` if it is a new one."""
        own = self.attributes(core, core["name"])
        given = "max_neurons_supported" in own
        most = self.whole_number(own, "max_neurons_supported", core["name"]) if given else None
        new = _Kind(Limits(neurons=most), self.costs(tile, core))
        for known in kinds:
            for table, figures in new.costs.items():
                if any(figures[f"hop_{way}"].value != known.costs[table][f"hop_{way}"].value for way in _HOPS):
                    rule = "tiles must be alike in the costs of their hops"
                    raise ChipError(rule, where=self.path, value=f"{tile['name']} differs")
            if known.limits == new.limits and _values(known.costs) == _values(new.costs):
                return known
        kinds.append(new)
        return new

    def costs(self, tile: Mapping[str, Any], core: Mapping[str, Any]) -> Costs:
        """Joules and seconds per event of a core and its tile."""
        found: Costs = {"energy": {}, "time": {}}
        for table, word, unit in (("energy", "energy", "J"), ("time", "latency", "s")):

            def figure(part: Mapping[str, Any], *keys: str, word: str = word, unit: str = unit) -> Quantity:
                own, name = self.attributes(part, part["name"]), part["name"]
                value = sum(self.number(own, f"{word}_{key}", name) for key in keys)
                return Quantity(value, unit, f"{self.path}: {name}, {' + '.join(f'{word}_{key}' for key in keys)}")

            costs = found[table]
            for direction in _HOPS:
                costs[f"hop_{direction}"] = figure(tile, f"{direction}_hop")
            costs["tile"] = Quantity(0.0, unit, "SANA-FE has no cost of a router beside that of hops")
            (axon_in, _), *_ = self.parts(core, "axon_in", core["name"])
            (axon_out, _), *_ = self.parts(core, "axon_out", core["name"])
            costs["message_in"], costs["message_out"] = figure(axon_in, "message_in"), figure(axon_out, "message_out")
            # The default dendrite receives every synaptic operation, and is updated once for each.
            (dendrite, _), *_ = self.parts(core, "dendrite", core["name"])
            added = self.dendrite(dendrite, f"{word}_update")
            for part, _ in self.parts(core, "synapse", core["name"]):
                cost = figure(part, "process_spike")
                if added and cost.value is not None:
                    source = f"{cost.source} + {word}_update of a dendrite"
                    cost = replace(cost, value=cost.value + added, source=source)
                costs[f"synapse:{_bare(part['name'])}"] = cost
            for part, _ in self.parts(core, "soma", core["name"]):
                if self.attributes(part, part["name"]).get("model") == "input":
                    continue
                name = _bare(part["name"])
                costs[f"update_idle:{name}"] = figure(part, "access_neuron")
                costs[f"update_active:{name}"] = figure(part, "access_neuron", "update_neuron")
                costs[f"spike:{name}"] = figure(part, "spike_out")
            if not any(key.startswith("spike:") for key in costs):
                raise ChipError("a core needs a soma unit that is no input", where=self.path, value=core["name"])
        return found

    def dendrite(self, unit: Mapping[str, Any], key: str) -> float:
        """Cost of an update of a dendrite; zero if the file has none."""
        own = self.attributes(unit, unit["name"])
        cost = self.number(own, key, unit["name"]) if key in own else 0.0
        if cost and own.get("update_every_timestep"):
            raise ChipError(
                "dendrites that are updated in every step must cost nothing; what else they cost is not modelled",
                where=f"{self.path}: {unit['name']}",
                value=f"{key} {cost:g}",
            )
        return cost

    def link_buffer(self, mesh: Mapping[str, Any]) -> int | None:
        """Messages that a link holds; None where the file does not say."""
        key = "link_buffer_size"
        return self.whole_number(mesh, key, "architecture") if key in mesh else None

    def barrier(self, mesh: Mapping[str, Any]) -> dict[int, Quantity]:
        """Seconds to end a step: one number, or a table by tiles in use."""
        given, source = mesh.get("latency_sync", 0.0), f"{self.path}: latency_sync"
        if isinstance(given, list):
            given = dict(enumerate(given))
        table = given if isinstance(given, Mapping) else {1: given}
        try:
            seconds = {max(int(tiles), 1): float(value) for tiles, value in table.items()}
            if not all(0 <= value < float("inf") for value in seconds.values()):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise ChipError("must be seconds, or a table of them", where=source, value=given) from None
        return {tiles: Quantity(value, "s", source) for tiles, value in seconds.items()}

    def parts(self, parent: Mapping[str, Any], key: str, where: object) -> Iterator[tuple[dict[str, Any], int]]:
        """The units of one kind, each with how many of it there are (`name[0..3]`)."""
        given = parent.get(key)
        listed: list[Any] = given if isinstance(given, list) else [given]
        if not listed or not all(isinstance(part, Mapping) and part.get("name") for part in listed):
            raise ChipError(f"{where!r} needs one or more `{key}` with names", where=self.path)
        for part in listed:
            match = _RANGE.match(str(part["name"]))
            first, last = (match["first"], match["last"] or match["first"]) if match else ("0", "0")
            if int(last) < int(first):
                raise ChipError("a range must not end before it begins", where=self.path, value=part["name"])
            yield {**part, "name": str(part["name"])}, int(last) - int(first) + 1

    def attributes(self, part: Mapping[str, Any], where: object) -> Mapping[str, Any]:
        own = part.get("attributes") or {}
        if not isinstance(own, Mapping):
            raise ChipError("attributes must be a mapping", where=f"{self.path}: {where}", value=type(own).__name__)
        return own

    def number(self, attributes: Mapping[str, Any], key: str, where: object) -> float:
        # YAML takes 1e-12, which has no point, for text.
        try:
            value = float(attributes[key])
        except KeyError:
            raise ChipError(f"needs `{key}`", where=f"{self.path}: {where}") from None
        except (TypeError, ValueError, OverflowError):
            raise ChipError(f"`{key}` must be a number", where=f"{self.path}: {where}", value=attributes[key]) from None
        if not 0 <= value < float("inf"):
            raise ChipError(f"`{key}` must not be negative", where=f"{self.path}: {where}", value=value)
        return value

    def whole_number(self, attributes: Mapping[str, Any], key: str, where: object) -> int:
        value = self.number(attributes, key, where)
        if value != int(value) or not 1 <= value < 1e9:
            rule = f"`{key}` must be a whole number from 1 to 1e9"
            raise ChipError(rule, where=f"{self.path}: {where}", value=attributes[key])
        return int(value)


def _values(costs: Costs) -> list[tuple[str, str, float | None]]:
    """The figures of a core without their sources, in the order of its units."""
    return [(table, kind, figure.value) for table, figures in costs.items() for kind, figure in figures.items()]


def _first_unit(costs: Costs, kind: str) -> str:
    """The name of the first unit for a kind of event."""
    return next(key for key in costs["energy"] if key.startswith(f"{kind}:")).partition(":")[2]


def _group(kind: _Kind, chip: Chip) -> CoreGroup | None:
    """Cores that differ from the chip's others; None if they differ in the names of their units alone."""
    differs: Costs = {}
    for table, of_chip in (("energy", chip.energy), ("time", chip.time)):
        own = dict(kind.costs[table])
        for event, unit, default in (
            ("synapse", "synapse", chip.synapse), *((event, "spike", chip.neuron) for event in _SOMA),
        ):  # fmt: skip
            own.setdefault(f"{event}:{default}", own[f"{event}:{_first_unit(kind.costs, unit)}"])
        differs[table] = {event: figure for event, figure in own.items() if figure.value != of_chip[event].value}
    if kind.limits == chip.limits and not any(differs.values()):
        return None
    return CoreGroup(cores=kind.cores(chip.cores_per_tile), limits=kind.limits, **differs)


def _bare(name: str) -> str:
    match = _RANGE.match(name)
    return match["name"] if match else name
