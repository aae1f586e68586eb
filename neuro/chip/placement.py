"""`Placement`: the core of each neuron, and the cores that its spikes go to; how it is made, saved and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.chip.conversion import PlacementTable
from neuro.chip.cores import MOST
from neuro.chip.files import chip_from_dict, chip_to_dict, read_arrays, write_arrays
from neuro.chip.model import Chip
from neuro.chip.routes import Routes, routes_of_network, targets_of_network
from neuro.display import Displayed, Rows, plural
from neuro.errors import NeuroError, PlacementError, UnknownName
from neuro.files.reading import existing_file, in_file, only_keys, whole_numbers
from neuro.network.graph import Network
from neuro.network.loihi import LoihiAHP
from neuro.network.neurons import Source
from neuro.network.wiring import wiring_of
from neuro.validation import Ints, finite, flag, frozen, instance, mapping, numbers, shown, text, whole_number

__all__ = ["Placement", "load_placement", "placed"]

_FORMAT = "placement 1"
"""Format and version in the header of a placement file."""
_VARIANTS = "routes/variants/"
"""Beginning of the names of its arrays of variants."""
_HEADER = ("chip", "populations", "sources", "variants", "compartments", "structure", "wiring")
"""Entries of a placement file beside its format and its arrays."""


@dataclass(frozen=True, eq=False, repr=False)
class Placement(PlacementTable, Displayed):
    """The neurons of a network on the cores of a chip. A placement changes costs, never spikes."""

    chip: Chip
    """The chip."""
    core: Mapping[str, Ints]
    """Core of each neuron, by population, in the network's order; -1: a source outside of the chip."""
    routes: Routes
    """The cores that the spikes of each neuron go to."""
    sources: frozenset[str] = frozenset()
    """Populations that are inputs: their neurons have no updates, and their spikes cost messages only."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """Variant of updates and spikes by population, where they have costs of their own."""
    compartments: Mapping[str, int] = field(default_factory=dict)
    """Neurons of the chip (and updates) for each neuron of a population, where there are several."""
    structure: Mapping[str, float] = field(default_factory=dict)
    """Facts about the network: `pairs` that could be connected, `synapses`, `nonzero` ones, `weight_bytes`."""
    objectives: Mapping[str, float] = field(default_factory=dict)
    """Cost for the traffic that it was made for, by objective; empty if not counted."""
    bounds: Mapping[str, float] = field(default_factory=dict)
    """Lower bounds of these costs over all placements; without objectives that have no bound."""
    wiring: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint of each projection of the network; empty if not known, as in files of earlier versions."""
    interrupted: bool = False
    """Did Ctrl-C end the search for it? Then it is the best one found by that time; files do not tell."""

    def __post_init__(self) -> None:
        instance(self.chip, "Placement.chip", Chip, "a Chip", error=PlacementError)
        instance(self.routes, "Placement.routes", Routes, "Routes", error=PlacementError)
        for key in ("core", "variants", "compartments", "structure", "objectives", "bounds", "wiring"):
            instance(getattr(self, key), f"Placement.{key}", Mapping, "a dictionary by names", error=PlacementError)
        instance(self.sources, "Placement.sources", AbstractSet, "a set of populations", error=PlacementError)
        for name in (*self.sources, *self.variants, *self.compartments):
            if name not in self.core:
                raise UnknownName("population of this placement", name, self.core)
        for name, core in self.core.items():
            where = f"Placement.core, population {name!r}"
            if numbers(core, where, error=PlacementError).ndim != 1:
                raise PlacementError("there must be one core for each neuron", where=where, value=shown(core))
            _check_cores(core, where, self.chip, outside=True)
        for name, count in self.compartments.items():
            whole_number(count, f"population {name!r}, compartments", least=1, most=MOST, error=PlacementError)
        neurons = sum(len(core) for core in self.core.values())
        if len(self.routes.start) != neurons + 1:
            rule = f"must be those of the {neurons:,} neurons of `core`"
            raise PlacementError(rule, where="Placement.routes", value=f"{len(self.routes.start) - 1:,} neurons")

    @property
    def xy(self) -> Ints:
        """Mesh place (x, y) of each core, shape (cores, 2)."""
        return self.chip.xy

    @cached_property
    def offset(self) -> Mapping[str, int]:
        """First neuron of each population, counted through all of them."""
        sizes = [len(core) for core in self.core.values()]
        return dict(zip(self.core, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True)) if sizes else {}

    @cached_property
    def neuron_core(self) -> Ints:
        """Core of each neuron, counted through all populations, shape (neurons,)."""
        return frozen(np.concatenate([np.zeros(0, np.int64), *self.core.values()]))

    @cached_property
    def neuron_compartments(self) -> Ints:
        """Neurons of the chip for each neuron, shape (neurons,); 0 for sources outside of the chip."""
        sizes = [len(core) for core in self.core.values()]
        count = np.repeat(np.array([self.compartments.get(name, 1) for name in self.core], np.int64), sizes)
        return frozen(np.where(self.neuron_core >= 0, count, 0))

    @cached_property
    def usage(self) -> Mapping[str, Ints]:
        """Use of each core by name of the limit, as far as the routes say; shape (cores,)."""
        cores, routes, own = self.chip.cores, self.routes, self.neuron_core
        home = own[routes.neuron]
        away = (home != routes.core) & (home >= 0)
        inside, compartments = own >= 0, self.neuron_compartments
        used = {
            "neurons": np.bincount(own[inside], compartments[inside], cores).astype(np.int64),
            "synapses": np.bincount(routes.core, routes.synapses, cores).astype(np.int64),
            "axons_in": np.bincount(routes.core, minlength=cores),
            "axons_out": np.bincount(home[away], minlength=cores),
        }
        return {limit: frozen(count) for limit, count in used.items()}

    @cached_property
    def broken_limits(self) -> Mapping[str, tuple[int, int, int]]:
        """Limits that cores exceed, as far as the routes say: the core farthest beyond its own, its use, and the limit.

        Rows are distinct sources, columns neurons.
        """
        known = {**self.usage, "rows": self.usage["axons_in"], "columns": self.usage["neurons"]}
        found = {}
        for name, used in known.items():
            most = self.chip.most(name)
            core = int(np.argmax(used - most))
            if used[core] > most[core]:
                found[name] = core, int(used[core]), int(most[core])
        return found

    def save(self, path: str | Path) -> None:
        """Write the placement with its chip to a file: JSON where the name ends in ``.json``, else NumPy's npz.

        Objectives and bounds are not written. The file appears whole or not at all.
        """
        routes = self.routes
        arrays = {f"core/{name}": core for name, core in self.core.items()}
        arrays |= {"routes/start": routes.start, "routes/core": routes.core, "routes/synapses": routes.synapses}
        arrays |= {f"{_VARIANTS}{name}": part for name, part in routes.variants.items()}
        if routes.nonzero is not None:
            arrays["routes/nonzero"] = routes.nonzero
        if routes.targets is not None:
            arrays["targets/start"], arrays["targets/neuron"] = routes.targets
        header = {
            "neuro": _FORMAT,
            "chip": chip_to_dict(self.chip),
            "populations": list(self.core),
            "sources": sorted(self.sources),
            "variants": dict(self.variants),
            "compartments": {name: int(count) for name, count in self.compartments.items()},
            "structure": dict(self.structure),
            "wiring": dict(self.wiring),
        }
        write_arrays(path, header, arrays)

    def _display(self) -> tuple[str, Rows]:
        def cores(which: Ints) -> int:
            return int(np.count_nonzero(np.bincount(which[which >= 0], minlength=1)))

        rows: list[tuple[str, object]] = []
        for name, core in self.core.items():
            used = cores(core)
            where = f"on {plural(used, 'core')}" if used or not len(core) else "outside of the chip"
            rows.append((name, f"{plural(len(core), 'neuron')} {where}"))
        for name, cost in self.objectives.items():
            bound = f", at least {self.bounds[name]:.4g}" if name in self.bounds else ""
            rows.append((name, f"{cost:.4g}{bound}"))
        if self.interrupted:
            rows.append(("interrupted", "the best one found by then"))
        used = cores(self.neuron_core)
        return f"Placement on {self.chip.name}: {used:,} of {plural(self.chip.cores, 'core')} used", rows


def load_placement(path: str | Path) -> Placement:
    """Read a placement that `Placement.save` wrote.

    Raises
    ------
    PlacementError
        If the file is no placement: damaged, of another format, with cores off its chip, or numbers that are not whole.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    FileError
        If the system refuses to read it.

    >>> import tempfile
    >>> from neuro.chip.model import mesh_chip
    >>> from neuro.network.graph import Network
    >>> empty = placed(Network(), mesh_chip(1, 1, neurons=1), {})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     empty.save(f"{folder}/placement.json")
    ...     load_placement(f"{folder}/placement.json").chip == empty.chip
    True
    """
    existing_file(path, PlacementError)
    with in_file(path):
        return _read_placement(path)


def _read_placement(path: str | Path) -> Placement:
    damaged = "this file is no placement of neuro, or damaged"
    try:
        header, arrays = read_arrays(path, PlacementError, "a placement")
        if header.pop("neuro") != _FORMAT:
            raise ValueError("another format")
        only_keys(header, _HEADER, path, PlacementError)
        chip = chip_from_dict(header["chip"])
        sources = frozenset(header["sources"])
        variants, compartments, structure = (dict(header[key]) for key in ("variants", "compartments", "structure"))
        names = [str(name) for name in header["populations"]]
        wiring = {str(name): text(each, f"{path}, wiring") for name, each in header.get("wiring", {}).items()}
        core = {
            name: frozen(whole_numbers(arrays.pop(f"core/{name}"), f"{path}, cores of {name!r}", PlacementError,
                                       least=-1 if name in sources else 0, most=chip.cores - 1))
            for name in names
        }  # fmt: skip
        targets = _targets(arrays, sum(map(len, core.values())), path)
        routes = replace(_routes(arrays, sum(map(len, core.values())), chip.cores, path), targets=targets)
        for named in (sources, variants, compartments):
            only_keys(dict.fromkeys(named), names, path, PlacementError)
        whole_numbers(list(compartments.values()), f"{path}, compartments", PlacementError, least=1)
        finite(list(structure.values()), f"{path}, structure", error=PlacementError)
    except NeuroError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as problem:
        raise PlacementError(damaged, where=str(path), remedy="Write it with Placement.save") from problem
    return Placement(chip, core, routes, sources, variants, compartments, structure, wiring=wiring)


def _targets(arrays: dict[str, Any], neurons: int, path: str | Path) -> tuple[Ints, Ints] | None:
    """The targets of each neuron in the arrays of a file, if it has them."""
    if "targets/start" not in arrays:
        return None
    start, target = (
        frozen(whole_numbers(arrays.pop(f"targets/{name}"), f"{path}, targets/{name}", PlacementError, most=most))
        for name, most in (("start", None), ("neuron", neurons - 1))
    )
    if len(start) != neurons + 1 or start[0] != 0 or start[-1] != len(target) or np.any(np.diff(start) < 0):
        raise PlacementError("targets must be those of all neurons", where=str(path), value=f"{len(start)} starts")
    return start, target


def _routes(arrays: dict[str, Any], neurons: int, cores: int, path: str | Path) -> Routes:
    """The routes in the arrays of a file, if they fit that many neurons and cores."""

    def take(name: str, most: int | None = None) -> Ints:
        where = f"{path}, routes/{name}"
        return frozen(whole_numbers(arrays.pop(f"routes/{name}"), where, PlacementError, most=most))

    start, core = take("start"), take("core", cores - 1)
    counts = {"synapses": take("synapses")}
    counts |= {name.removeprefix("routes/"): take(name.removeprefix("routes/")) for name in sorted(arrays)}
    rises = len(start) == neurons + 1 and start[0] == 0 and start[-1] == len(core) and np.all(np.diff(start) >= 0)
    if not rises or any(len(part) != len(core) for part in counts.values()):
        raise PlacementError(
            "routes must have an entry for each core that a neuron's spikes go to",
            where=str(path),
            value=f"{len(start)} starts and {len(core)} entries for {neurons} neurons",
        )
    synapses, nonzero = counts.pop("synapses"), counts.pop("nonzero", None)
    begin = _VARIANTS.removeprefix("routes/")
    only_keys(counts, [name for name in counts if name.startswith(begin)], path, PlacementError)
    variants = {name.removeprefix(begin): part for name, part in counts.items()}
    for name, part in {**variants, "nonzero": nonzero}.items():
        if part is not None and np.any(part > synapses):
            raise PlacementError("a part of the synapses must not exceed them", where=f"{path}, routes", value=name)
    return Routes(start, core, synapses, variants, nonzero)


def placed(
    network: Network,
    chip: Chip,
    core: Mapping[str, ArrayLike],
    *,
    synapses: Mapping[str, str] | None = None,
    neurons: Mapping[str, str] | None = None,
    compartments: Mapping[str, int] | None = None,
    beyond_limits: bool | None = None,
) -> Placement:
    """The placement with each neuron on a given core.

    Synapses count as in the engine: all of a matrix, zeros included.

    Parameters
    ----------
    network
        The network; its random synapses are drawn as `build` draws them.
    chip
        The chip.
    core
        By population: one core for all neurons, or one for each, shape (size,). A source of spikes may be at -1,
        outside of the chip: its spikes then reach their cores without a message of another core.
    synapses, neurons
        Variant of synaptic operations by projection, and of updates and spikes by population, where the chip has
        several (``chip.energy["synapse:dense"]``); `chip.synapse` and `chip.neuron` by default.
    compartments
        By population: how many neurons of the chip each neuron takes; by default two for `LoihiAHP`, whose slow current
        is a compartment of its own, and one for all others.
    beyond_limits
        Whether to take cores that hold more than their limits; `Placement.broken_limits` has them. None: where all
        cores are alike, as other people's methods make such placements, but not where cores differ.

    Raises
    ------
    PlacementError
        If a population is missing, the chip has no such core, or a core holds more than its own limits allow.
    UnknownName
        If there is no such population or projection.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 2, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> projection = net.connect(cue, cell, nr.AllToAll(0.5), delay=1e-3)
    >>> two = placed(net, nr.load_chip("loihi_davies2018"), {"cue": 0, "cell": [0, 1, 1]})
    >>> two.routes.start.tolist(), two.routes.core.tolist(), two.routes.synapses.tolist()
    ([0, 2, 4, 4, 4, 4], [0, 1, 0, 1], [1, 2, 1, 2])
    """
    instance(network, "network", Network, "a Network", error=PlacementError)
    instance(chip, "chip", Chip, "a Chip", error=PlacementError)
    mapping(core, "core", "cores by population", error=PlacementError)
    mapping(synapses, "synapses", "variants by projection", error=PlacementError)
    mapping(neurons, "neurons", "variants by population", error=PlacementError)
    mapping(compartments, "compartments", "numbers by population", error=PlacementError)
    for name in core or {}:
        if name not in network.populations:
            raise UnknownName("population of this network", name, network.populations)
    for name in synapses or {}:
        if name not in network.projections:
            raise UnknownName("projection of this network", name, network.projections)
    for name in (*(neurons or {}), *(compartments or {})):
        if name not in network.populations:
            raise UnknownName("population of this network", name, network.populations)
    for name, count in (compartments or {}).items():
        whole_number(count, f"population {name!r}, compartments", least=1, most=MOST, error=PlacementError)
    for key, variants in (("synapses", synapses), ("neurons", neurons)):
        for name, variant in (variants or {}).items():
            text(variant, f"variant, {key}[{name!r}]", error=PlacementError)
    sources = frozenset(name for name, p in network.populations.items() if isinstance(p.model, Source))
    where = {name: _cores(name, core, p.size, chip, name in sources) for name, p in network.populations.items()}
    routes, structure = routes_of_network(network, where, chip.cores, synapses or {})
    if chip.updates == "touched":
        routes = replace(routes, targets=targets_of_network(network))
    parts = {name: 2 for name, p in network.populations.items() if isinstance(p.model, LoihiAHP)}
    parts |= {name: int(count) for name, count in (compartments or {}).items()}
    variants, wiring = dict(neurons or {}), wiring_of(network)
    made = Placement(chip, where, routes, sources, variants, parts, structure, wiring=wiring)
    taken = not chip.limits_differ
    if beyond_limits is not None:
        taken = flag(beyond_limits, "beyond_limits", error=PlacementError)
    if not taken:
        for limit, (number, used, most) in made.broken_limits.items():
            raise PlacementError(
                f"core {number} of {chip.name} holds {most:,} {limit} at most",
                where=f"core {number}, {limit}",
                value=f"{used:,}",
                remedy="Use other cores, or `place`, which keeps to all limits; `beyond_limits=True` takes it as it is",
            )
    return made


def _cores(name: str, core: Mapping[str, ArrayLike], size: int, chip: Chip, outside: bool) -> Ints:
    label = f"population {name!r}"
    if name not in (core or {}):
        raise PlacementError("every population needs a core", where=label, remedy="Give one core, or one per neuron")
    raw = numbers(core[name], f"{label}, core", error=PlacementError)
    whole = raw.dtype.kind != "f" or bool(np.all(raw == np.floor(raw)))
    if raw.shape not in ((), (size,)) or not whole:
        rule = f"cores must be one whole number, or {size} of them"
        raise PlacementError(rule, where=label, value=f"shape {raw.shape}")
    _check_cores(raw, label, chip, outside)
    return frozen(np.broadcast_to(raw.astype(np.int64), (size,)).copy())


def _check_cores(core: ArrayLike, where: str, chip: Chip, outside: bool) -> None:
    """Refuse what are no cores of the chip."""
    raw = numbers(core, where, error=PlacementError)
    if not raw.size:
        return
    low, high = raw.min(), raw.max()
    if raw.dtype.kind == "f" and not np.all(raw == np.floor(raw)):
        rule = "cores must be whole numbers"
        raise PlacementError(rule, where=where, value=shown(raw.tolist()))
    if not (low >= (-1 if outside else 0) and high < chip.cores):
        bad = low if high < chip.cores else high
        also = ", or -1 for a source outside of it" if outside else ""
        raise PlacementError(f"cores of {chip.name} lie in 0..{chip.cores - 1}{also}", where=where, value=f"{bad:g}")
