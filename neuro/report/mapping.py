"""Reports on placements: tables of costs and limits, comparisons, and maps of the mesh."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuro.chip.cores import NO_LIMIT
from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.mapping.compare import Entry, broken_limits
from neuro.mapping.files import read_placement, write_hmetis, write_placement
from neuro.mapping.metrics import OBJECTIVES, Verdict, heat, judge
from neuro.mapping.place import place
from neuro.mapping.traffic import spikes_of
from neuro.network.graph import Network
from neuro.report.record import Report, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison_tables", "mesh_maps", "placement_report", "verdict_tables"]

MAPS: Mapping[str, str] = {
    "router": "spikes through the router",
    "link": "spikes on the busiest link out",
    "neurons": "neurons",
    "axons": "distinct sources",
}
"""Maps of the mesh: labels of their colours, by name."""
HEADS = {"cut_synapse_spikes": "cut", "unicast_hops": "unicast", "multicast_hops": "multicast", "max_link": "link"}
"""Short names for columns."""


def placement_report(
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
    """Place a network, or read a placement, and report its costs and the use of the cores.

    Parameters
    ----------
    network, chip, traffic, objective, effort, seed, cores
        As for `place`.
    read
        A placement to report on instead.
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
    figures = mesh_maps(placement, network, traffic)
    report = Report(task="map", metrics=costs, tables=verdict_tables(placement, verdict), figures=figures)
    return report, placement


def verdict_tables(placement: Placement, verdict: Verdict) -> tuple[Table, ...]:
    """Costs beside bounds, and the use of each limit by the cores."""
    gaps = verdict.gaps
    costs = tuple(
        (name, verdict.costs[name], verdict.bounds[name], f"{gaps[name]:.1%}" if name in gaps else None, meaning)
        for name, meaning in OBJECTIVES.items()
    )
    rows = []
    for name, used in verdict.usage.items():
        limits = placement.chip.most(name)
        fullest = int((used / limits.clip(1)).argmax())
        most = int(limits[fullest]) if limits[fullest] < NO_LIMIT else None
        busy = used[used > 0]
        share = f"{used[fullest] / most:.0%}" if most else None
        mean = float(busy.mean()) if len(busy) else 0.0
        rows.append((name, int(used[fullest]), fullest, mean, most, share))
    binding = next(iter(verdict.binding), None)
    title = "Use of the cores" + (f"; {binding} bind first" if binding is not None else "")
    tables = [
        Table("Costs", ("objective", "cost", "bound", "gap", "what it is"), costs),
        Table(title, ("limit", "most", "on core", "mean of cores in use", "limit is", "share"), tuple(rows)),
    ]
    broken = broken_limits(placement)
    if broken:
        tables.append(
            Table("Broken limits", ("limit", "core", "has", "limit is"), tuple((k, *v) for k, v in broken.items()))
        )
    return tuple(tables)


def comparison_tables(entries: Sequence[Entry], title: str, what: str) -> tuple[Table, ...]:
    """Methods or chips beside each other; and why some have no placement, or which limits they break."""
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


def mesh_maps(
    placement: Placement, network: Network, traffic: Any = None, label: str = ""
) -> dict[str, Callable[[], Figure]]:
    """Figures of the mesh: router load, link load, neurons, axons; drawn when a report is written."""
    grids = heat(placement, spikes_of(network, traffic))

    def drawing(name: str) -> Callable[[], Figure]:
        def draw() -> Figure:
            from neuro.report.plots import heat_map

            title = f"{placement.chip.name}{f', {label}' if label else ''}"
            return heat_map(grids[name], xlabel="x", ylabel="y", label=MAPS[name], title=title)

        return draw

    prefix = f"{label}_" if label else ""
    return {f"{prefix}{name}": drawing(name) for name in MAPS}
