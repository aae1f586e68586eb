"""Reports on placements: tables of costs and limits, comparisons, and maps of the mesh."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.accounting.hotspots import Hotspots, hotspots
from neuro.chip.cores import NO_LIMIT
from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.mapping.compare import Entry, broken_limits
from neuro.mapping.files import read_placement, write_hmetis, write_placement
from neuro.mapping.metrics import OBJECTIVES, Verdict, heat, judge
from neuro.mapping.place import place
from neuro.mapping.traffic import spikes_of
from neuro.network.graph import Network
from neuro.report.record import Report, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "comparison_tables",
    "draw_hotspots",
    "hotspot_table",
    "mesh_maps",
    "placement_report",
    "verdict_tables",
]

MAPS: Mapping[str, str] = {
    "router": "spikes through the router",
    "link": "spikes on the busiest link out",
    "neurons": "neurons",
    "axons": "distinct sources",
}
"""Maps of the mesh: labels of their colours, by name."""
BUSIEST_STEPS = 5
"""Steps that the table of hotspots has."""
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
    tables = verdict_tables(placement, verdict)
    if isinstance(traffic, Recording):
        found = hotspots(traffic, placement)
        tables = (*tables, hotspot_table(found))
        figures["time"] = partial(draw_hotspots, found)
    report = Report(task="map", metrics=costs, tables=tables, figures=figures)
    return report, placement


def hotspot_table(found: Hotspots) -> Table:
    """The steps with the most work on one core; where times are unknown, with the most messages over one link."""
    work = found.messages if found.seconds is None else found.seconds
    rows: list[tuple[object, ...]] = []
    for at in np.argsort(-work, kind="stable")[:BUSIEST_STEPS]:
        ends = [tuple(end[found.link[at]].tolist()) for end in (found.links.source, found.links.target)]
        core = (None, None) if found.core is None or found.seconds is None else (int(found.core[at]), found.seconds[at])
        link = f"{ends[0]} to {ends[1]}" if found.link[at] >= 0 else None
        rows.append((float(found.start[at]), core[0], core[1], link, int(found.messages[at])))
    return Table("Busiest steps", ("at, s", "core", "its work, s", "link", "its messages"), tuple(rows))


def draw_hotspots(found: Hotspots) -> Figure:
    """The work of the busiest core and the messages over the busiest link, step by step."""
    from neuro.report.style import canvas, colour, styled

    times = found.start * 1e3
    with styled():
        title = f"{found.chip}: busiest core and link of each step"
        figure, axes = canvas(7.0, 4.0, title, "time, ms", "messages over the busiest link")
        axes.plot(times, found.messages, color=colour(1), linewidth=1.2)
        axes.yaxis.label.set_color(colour(1))
        if found.seconds is not None:
            other = axes.twinx()
            other.plot(times, found.seconds * 1e6, color=colour(0), linewidth=1.2)
            other.set_ylabel("work of the busiest core, us", color=colour(0))
    return figure


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
