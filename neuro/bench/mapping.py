"""`neuro map`: a network from a file or a generator onto a chip, as a report with tables and maps of the mesh."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.bench.mapping_networks import NETWORKS, draw, network_of
from neuro.chip.load import load_chip
from neuro.chip.model import Chip, mesh_chip
from neuro.chip.placement import Placement
from neuro.errors import InputError, NetworkError, ParameterError, UnknownName
from neuro.mapping.compare import Entry, broken, compare, what_if
from neuro.mapping.files import read_placement, write_hmetis, write_placement
from neuro.mapping.metrics import OBJECTIVES, Verdict, heat, judge
from neuro.mapping.place import place
from neuro.mapping.traffic import spikes_of
from neuro.network.graph import Network, Population
from neuro.network.neurons import LIF
from neuro.network.synapses import Sparse
from neuro.progress import Progress, silent
from neuro.report.record import Report, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chip_from_text", "compared", "mapped", "maps", "network_from", "run_map", "verdict_tables"]

MAPS: Mapping[str, str] = {
    "router": "spikes through the router",
    "link": "spikes on the busiest link out",
    "neurons": "neurons",
    "axons": "distinct sources",
}
HEADS = {"cut_synapse_spikes": "cut", "unicast_hops": "unicast", "multicast_hops": "multicast", "max_link": "link"}
"""Short names for columns."""


def chip_from_text(text: str) -> Chip:
    """A chip by name, by file, or as ``mesh:WIDTHxHEIGHT:NEURONS[:SYNAPSES[:AXONS]]``.

    Raises
    ------
    ParameterError
        If a mesh is not written like that.
    UnknownName
        If there is no such chip.

    >>> chip_from_text("mesh:3x2:256").name
    'mesh 3 x 2'
    """
    if not text.startswith("mesh:"):
        return load_chip(text)
    found = re.fullmatch(r"mesh:(\d+)x(\d+):(\d+)(?::(\d+))?(?::(\d+))?", text)
    if found is None:
        raise ParameterError(
            "a mesh is written mesh:WIDTHxHEIGHT:NEURONS[:SYNAPSES[:AXONS]]", where="chip", value=repr(text)
        )
    width, height, neurons, synapses, axons = (None if part is None else int(part) for part in found.groups())
    return mesh_chip(width or 0, height or 0, neurons or 0, synapses, axons)


def network_from(text: str, seed: int = 0, dt: float = 1e-4) -> tuple[Network, Any]:
    """A network and its traffic, from the name of a generator, a NIR file, or arrays in a npz or JSON file.

    Arrays are ``source`` and ``target`` of each synapse, ``spikes`` of each neuron (one each where missing), and
    ``neurons``, their number (one more than the largest where missing).

    Parameters
    ----------
    text
        One of `NETWORKS`, with ``@SCALE`` behind it for a smaller or larger one; or a file.
    seed
        Of a generator.
    dt
        Step of a NIR file, s.

    Raises
    ------
    UnknownName
        If it is neither a file nor a generator.
    InputError
        If a file does not hold a network.

    >>> network, traffic = network_from("hopfield@0.01")
    >>> network.populations["cells"].size, len(traffic["cells"])
    (10, 10)
    """
    name, _, scale = text.partition("@")
    if name in NETWORKS:
        try:
            factor = float(scale or 1.0)
        except ValueError:
            factor = -1.0
        if not 0.0 < factor < 1e3:
            raise ParameterError("a scale is a number above zero", where=name, value=scale)
        return network_of(draw(name, seed, factor))
    file = Path(text)
    if not file.exists():
        raise UnknownName("network or file", text, [*NETWORKS, "FILE.nir", "FILE.npz", "FILE.json"])
    if file.suffix == ".nir":
        from neuro.exchange.nir import read_nir

        return read_nir(file, dt=dt), None
    return _from_arrays(file)


def _from_arrays(file: Path) -> tuple[Network, Any]:
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as held:
                found: dict[str, Any] = {name: held[name] for name in held.files}
        else:
            found = json.loads(file.read_text(encoding="utf-8"))
        source, target = np.asarray(found["source"], np.int64), np.asarray(found["target"], np.int64)
        largest = int(max(source.max(initial=-1), target.max(initial=-1)))
        size = int(found.get("neurons", largest + 1))
        spikes = np.asarray(found.get("spikes", np.ones(size)), np.float64)
    except (KeyError, TypeError, ValueError, OSError) as problem:
        raise InputError(
            "a network in a file has arrays `source` and `target`, and may have `spikes` and `neurons`",
            where=str(file),
            value=problem,
        ) from None
    if source.shape != target.shape or source.ndim != 1:
        raise NetworkError("source and target must be as long as each other", where=str(file))
    net = Network()
    cells = net.add(Population("cells", size, LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cells, cells, Sparse(source, target, 1.0), delay=1e-3)
    return net, {"cells": spikes}


def mapped(
    network: Network,
    chip: Chip,
    traffic: Any = None,
    *,
    objective: Any = "km1",
    effort: str = "balanced",
    seed: int = 0,
    cores: int | None = None,
    read: Path | None = None,
    write: Sequence[Path] = (),
) -> tuple[Report, Placement]:
    """Place a network, or read a placement, and say what it costs and what it uses.

    Parameters
    ----------
    network, chip, traffic, objective, effort, seed, cores
        As for `place`.
    read
        A placement to judge instead.
    write
        Files for the placement, by their endings; ``.hgr`` is the network's hypergraph.
    """
    if read is None:
        placement = place(network, chip, traffic, objective, effort, seed, cores=cores)
    else:
        placement = read_placement(read, network, chip)
    for path in write:
        if path.suffix == ".hgr":
            write_hmetis(network, path, traffic)
        else:
            write_placement(placement, path)
    verdict = judge(placement, network, traffic)
    costs = {name: cost for name, cost in verdict.costs.items() if cost is not None}
    figures = maps(placement, network, traffic)
    report = Report(task="map", metrics=costs, tables=verdict_tables(placement, verdict), figures=figures)
    return report, placement


def verdict_tables(placement: Placement, verdict: Verdict) -> tuple[Table, ...]:
    """Costs beside bounds, and what the cores use of each limit."""
    gaps = verdict.gaps
    costs = tuple(
        (name, verdict.costs[name], verdict.bounds[name], f"{gaps[name]:.1%}" if name in gaps else None, meaning)
        for name, meaning in OBJECTIVES.items()
    )
    rows = []
    for name, used in verdict.usage.items():
        most = getattr(placement.chip.limits, name, None)
        busy = used[used > 0]
        share = f"{used.max() / most:.0%}" if most and len(used) else None
        mean = float(busy.mean()) if len(busy) else 0.0
        rows.append((name, int(used.max(initial=0)), int(used.argmax()) if len(used) else None, mean, most, share))
    binding = next(iter(verdict.binding), None)
    title = "Use of the cores" + (f"; {binding} bind first" if binding is not None else "")
    tables = [
        Table("Costs", ("objective", "cost", "bound", "gap", "what it is"), costs),
        Table(title, ("limit", "most", "on core", "mean of cores in use", "limit is", "share"), tuple(rows)),
    ]
    over = broken(placement)
    if over:
        tables.append(
            Table("Broken limits", ("limit", "core", "has", "limit is"), tuple((k, *v) for k, v in over.items()))
        )
    return tuple(tables)


def compared(entries: Sequence[Entry], title: str, what: str) -> tuple[Table, ...]:
    """Methods or chips beside each other; and why some are missing, or which limits they break."""
    names = [name for name in OBJECTIVES if any(entry.costs.get(name) is not None for entry in entries)]
    rows = tuple(
        (entry.name, *(_whole(entry.costs.get(name)) for name in names), round(entry.seconds, 1)) for entry in entries
    )
    found = [Table(title, (what, *(HEADS.get(name, name) for name in names), "seconds"), rows)]
    remarks = tuple((entry.name, entry.remark) for entry in entries if entry.remark)
    if remarks:
        found.append(Table("Remarks", (what, "remark"), remarks))
    return tuple(found)


def _whole(value: float | None) -> float | int | None:
    """Counts without a fraction are shown with all their digits."""
    return int(value) if value is not None and value >= 1.0 and float(value).is_integer() else value


def maps(
    placement: Placement, network: Network, traffic: Any = None, label: str = ""
) -> dict[str, Callable[[], Figure]]:
    """Figures of the mesh: router load, link load, neurons, axons; drawn when a report is written."""
    grids = heat(placement, spikes_of(network, traffic))

    def drawing(name: str) -> Callable[[], Figure]:
        def draw_it() -> Figure:
            from neuro.report.plots import heat_map

            title = f"{placement.chip.name}{f', {label}' if label else ''}"
            return heat_map(grids[name], xlabel="x", ylabel="y", label=MAPS[name], title=title)

        return draw_it

    prefix = f"{label}_" if label else ""
    return {f"{prefix}{name}": drawing(name) for name in MAPS}


def run_map(
    net: str,
    chip: str,
    *,
    spikes: Path | None = None,
    objective: str = "km1",
    effort: str = "balanced",
    seed: int = 0,
    cores: int | None = None,
    beside: bool = False,
    changes: Sequence[str] = (),
    read: Path | None = None,
    write: Sequence[Path] = (),
    dt: float = 1e-4,
    progress: Progress = silent,
) -> Report:
    """What `neuro map` does, with texts as arguments.

    >>> report = run_map("hopfield@0.02", "mesh:2x1:10", effort="fast")
    >>> report.metrics["cores"]
    2.0
    """
    network, traffic = network_from(net, seed, dt)
    if spikes is not None:
        from neuro.engine.storage.recordings import load_recording

        traffic = load_recording(spikes)
    target = chip_from_text(chip)
    goal = _objective(objective)
    if beside:
        entries = compare(
            network, target, traffic, objective=goal, effort=effort, seed=seed, cores=cores, progress=progress
        )
        tables = compared(entries, f"{net} on {target.name}, for {objective}", "method")
        metrics = {
            f"{entry.name}_{name}": cost for entry in entries for name, cost in entry.costs.items() if cost is not None
        }
        figures: dict[str, Any] = {}
        for entry in entries:
            if entry.name in ("sequential", "neuro") and entry.placement is not None:
                figures |= maps(entry.placement, network, traffic, entry.name)
        return Report(task="map", metrics=metrics, tables=tables, figures=figures)
    if changes:
        parsed = dict(_change(text) for text in changes)
        entries = what_if(
            network, target, traffic, changes=parsed, objective=goal, effort=effort, seed=seed, progress=progress
        )
        metrics = {
            f"{entry.name}, {name}": cost for entry in entries for name, cost in entry.costs.items() if cost is not None
        }
        return Report(task="map", metrics=metrics, tables=compared(entries, f"{net}: what if", "change"))
    report, _ = mapped(
        network, target, traffic, objective=goal, effort=effort, seed=seed, cores=cores, read=read, write=write
    )
    return report


def _objective(text: str) -> Any:
    """A name, or ``name=weight,name=weight``."""
    if "=" not in text:
        return text
    weights = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            weights[name.strip()] = float(weight)
        except ValueError:
            raise ParameterError("a mix is written name=weight,name=weight", where="objective", value=text) from None
    return weights


def _change(text: str) -> tuple[str, list[int]]:
    """``key=1,2,3``."""
    key, _, values = text.partition("=")
    try:
        return key.strip().replace("-", "_"), [int(value) for value in values.split(",")]
    except ValueError:
        raise ParameterError("a change is written key=VALUE,VALUE", where="what-if", value=repr(text)) from None
