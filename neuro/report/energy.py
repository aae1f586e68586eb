"""The report of `neuro energy` (costs of a recording on chips), and the tables of `neuro chips` and `neuro chip`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuro.errors import InputError, MissingFigure, NeuroError, PlacementError
from neuro.files.writing import named_errors
from neuro.report.origin import Usage, provenance
from neuro.report.record import Report, Table

if TYPE_CHECKING:
    from neuro.accounting.report import EnergyReport
    from neuro.chip.cores import Limits, Quantity
    from neuro.chip.model import Chip
    from neuro.chip.placement import Placement
    from neuro.figures import RangedFigure

__all__ = ["chip_as_dict", "chip_tables", "chips_table", "energy_of", "find_recording"]

RECORDINGS, PLACEMENTS = (".h5", ".hdf5"), ("placement.npz", "placement.json")


def find_recording(run: Path) -> tuple[Path, Path | None]:
    """The recording at a path, and the placement beside it, if any.

    Parameters
    ----------
    run
        A recording, or a directory with one in it.

    Raises
    ------
    PlacementError
        If a directory has no recording, or several.
    InputError
        If there is no such path.
    """
    with named_errors(run, "read"):
        exists, is_folder = run.exists(), run.is_dir()
    if not is_folder:
        if not exists:
            raise InputError("there is no such recording", value=str(run))
        return run, None
    recordings = sorted(path for path in run.iterdir() if path.suffix in RECORDINGS)
    if len(recordings) != 1:
        raise PlacementError(
            f"a directory must have one recording ({', '.join(RECORDINGS)})",
            where=str(run),
            value=", ".join(path.name for path in recordings) or "none",
            remedy="Name the file; `Recording.save` writes one",
        )
    beside = [run / name for name in PLACEMENTS if (run / name).exists()]
    return recordings[0], beside[0] if beside else None


def energy_of(
    run: Path,
    chips: Sequence[str],
    placement: Path | None = None,
    *,
    dt: float | None = None,
    partial: bool = False,
) -> Report:
    """Account a saved recording on each of the chips, and report what it costs.

    Parameters
    ----------
    run
        A recording, or a directory with one (and maybe with a placement, ``placement.npz`` or ``placement.json``).
    chips
        Names or paths, as for `load_chip`; none: the chip of the placement.
    placement
        A placement that `Placement.save` wrote; without one, all neurons go on one core if they fit.
    dt, partial
        As for `account`.

    Raises
    ------
    NeuroError
        If no chip can be accounted: the error of the first one. Of several chips, those that cannot be accounted are
        listed with the reason.
    """
    from neuro.accounting.account import account
    from neuro.accounting.fallback_placement import moved_to_chip, on_one_core
    from neuro.chip.load import load_chip
    from neuro.chip.placement import load_placement
    from neuro.engine.storage.recordings import load_recording

    usage = Usage()
    file, beside = find_recording(run)
    recording = load_recording(file)
    given = placement or beside
    if given is not None:
        with named_errors(given, "read"):
            exists = given.exists()
        if not exists:
            raise InputError("there is no such placement", value=str(given))
    saved = None if given is None else load_placement(given)
    if not chips and saved is None:
        rule = "either a chip or a placement must say where the neurons are"
        raise PlacementError(rule, remedy="Give --chip NAME or --placement FILE")
    selected: list[Chip] = [load_chip(chip) for chip in chips] if chips else [saved.chip] if saved is not None else []
    found: dict[str, EnergyReport | NeuroError] = {}
    placements: dict[str, Placement] = {}
    for chip in selected:
        try:
            used = on_one_core(recording, chip) if saved is None else moved_to_chip(saved, chip)
            found[chip.name] = account(recording, used, dt=dt, partial=partial)
            placements[chip.name] = used
        except (MissingFigure, PlacementError) as problem:
            found[chip.name] = problem
    reports = {name: report for name, report in found.items() if not isinstance(report, NeuroError)}
    if not reports:
        raise next(report for report in found.values() if isinstance(report, NeuroError))
    notes = []
    steps = sorted({f"{report.step:g} s" for report in reports.values() if report.step is not None})
    if steps and dt is None and "dt" not in recording.provenance:
        notes.append(f"nobody said how long a step is: {', '.join(steps)}")
    if saved is not None and (others := [chip.name for chip in selected if chip.name != saved.chip.name]):
        notes.append(
            f"the placement is for {saved.chip.name}: on {', '.join(others)}, cores of the same number are taken"
        )
    if saved is None:
        notes.append("no placement was given: all neurons are on one core, and synaptic events are means over spikes")
    return Report(
        task="energy",
        config={"run": str(run), "chips": list(found), "placement": None if given is None else str(given), "dt": dt},
        metrics=_metrics(reports),
        energy={
            "unit": "J and s",
            "notes": notes,
            "chips": {name: report.as_dict() for name, report in reports.items()},
            "refused": {name: str(report) for name, report in found.items() if isinstance(report, NeuroError)},
        },
        provenance={
            **provenance(int(recording.provenance.get("seed") or 0), usage=usage),
            "recording": dict(recording.provenance),
        },
        tables=_tables(found, notes),
        figures=_figures(reports, placements),
    )


def _metrics(reports: Mapping[str, EnergyReport]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, report in reports.items():
        prefix = f"{name}." if len(reports) > 1 else ""
        values = {
            "total_J": report.total,
            "dynamic_J": report.dynamic,
            "static_J": report.static,
            "latency_s": report.latency,
            "edp_Js": report.edp,
            "complete": report.complete,
            "host_J": None if report.host is None else report.host.total,
            **report.metrics,
        }
        found |= {prefix + key: value for key, value in values.items() if value is not None}
    return found


def _tables(found: Mapping[str, EnergyReport | NeuroError], notes: Sequence[str]) -> tuple[Table, ...]:
    columns = ("chip", "total, J", "lowest", "highest", "dynamic", "static", "latency, s", "EDP, J s", "remark")
    rows: list[tuple[object, ...]] = []
    for name, report in found.items():
        if isinstance(report, NeuroError):
            rows.append((name, *(None,) * 7, _reason(report)))
            continue
        remark = "" if report.complete else f"INCOMPLETE, without {', '.join(report.missing)}"
        cells = (report.total, *report.range, report.dynamic, report.static, report.latency, report.edp)
        rows.append((name, *cells, remark))
    title = "Energy" + (f" ({'; '.join(notes)})" if notes else "")
    tables = [Table(title, columns, tuple(rows))]
    reports = {name: report for name, report in found.items() if not isinstance(report, NeuroError)}
    if len(found) > 1:
        return (*tables, _compared(reports))
    return (*tables, *(table for report in reports.values() for table in _details(report)))


def _reason(problem: NeuroError) -> str:
    if isinstance(problem, MissingFigure):
        return f"refused: unknown {', '.join(problem.needed)}"
    return f"refused: {problem.rule}; got {problem.value}"


def _compared(reports: Mapping[str, EnergyReport]) -> Table:
    causes = list(dict.fromkeys(cause for report in reports.values() for cause in report.by_cause))
    rows = [(cause, *(report.by_cause.get(cause) for report in reports.values())) for cause in causes]
    return Table("By cause, J", ("cause", *reports), tuple(row for row in rows if any(row[1:])))


def _details(report: EnergyReport) -> list[Table]:
    def share(joules: float) -> str:
        return f"{100 * joules / report.total:.1f} %" if report.total else "-"

    causes = [
        (
            cause,
            _whole(report.counts.get(cause)),
            joules,
            *report.range_by_cause.get(cause, (None, None)),
            share(joules),
        )
        for cause, joules in sorted(report.by_cause.items(), key=lambda pair: -pair[1])
        if joules or report.counts.get(cause)
    ]
    populations = [(name, joules, share(joules)) for name, joules in report.by_population.items()]
    busiest = sorted(range(len(report.by_core)), key=lambda core: -report.by_core[core])[:8]
    joules_of = {core: float(report.by_core[core]) for core in busiest if report.by_core[core]}
    cores = [(core, joules, share(joules)) for core, joules in joules_of.items()]
    tables = [
        Table("By cause", ("cause", "events", "J", "lowest", "highest", "share"), tuple(causes)),
        Table("By population", ("population", "J", "share"), tuple(populations)),
        Table("Cores that take most", ("core", "J", "share"), tuple(cores)),
    ]
    if report.host is not None:
        host = report.host
        rows = (("dynamic, J", host.dynamic), ("static, J", host.static), ("duration with it at work, s", host.latency))
        tables.append(Table("Host, not part of the total", ("what", "value"), rows))
    return tables


def _whole(count: float | None) -> float | None:
    return int(count) if count is not None and float(count).is_integer() else count


def _figures(reports: Mapping[str, EnergyReport], placements: Mapping[str, Placement]) -> dict[str, Any]:
    from neuro.report.energy_plots import energy_by_cause, link_load, mesh_map

    figures: dict[str, Any] = {"by_cause": lambda: energy_by_cause(reports)}
    for name, report in reports.items():
        chip = placements[name].chip
        if chip.width * chip.height > 1:
            tail = f"_{_as_file_name(name)}" if len(reports) > 1 else ""
            figures[f"mesh{tail}"] = lambda report=report, chip=chip: mesh_map(report, chip)
            figures[f"links{tail}"] = lambda report=report, chip=chip: link_load(report, chip)
    return figures


def _as_file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)


def chips_table() -> Table:
    """The chips of the package, and the unknown figures of each."""
    from neuro.chip.load import chip_record, list_chips

    rows = []
    for name in list_chips():
        record = chip_record(name)
        chip = record.chip()
        unknown = [key for key, figure in chip.energy.items() if figure.value is None and figure.within is None]
        if any(chip.power[key].value is None and chip.power[key].within is None for key in chip.power):
            unknown.append("static power")
        points = ", ".join(f"@{point}" for point in record.points)
        lacking = ", ".join(unknown) or "nothing"
        rows.append((name, record.title, chip.cores, chip.limits.neurons, lacking, points or None))
    columns = ("chip", "what it is", "cores", "neurons a core", "unknown", "other points")
    return Table("Chips", columns, tuple(rows))


def chip_tables(name: str) -> tuple[str, tuple[Table, ...]]:
    """Title and notes of a chip, and its figures with unit, range and source."""
    from neuro.chip.load import chip_record, is_architecture, load_chip

    title = f"Figures of {name}"
    columns = ("figure", "value", "unit", "range", "source")
    if is_architecture(name):
        chip = load_chip(name)
        tables = ("energy", "time", "power")
        figures = {f"{table}.{key}": quantity for table in tables for key, quantity in getattr(chip, table).items()}
        figures |= {f"barrier.{tiles}": quantity for tiles, quantity in chip.barrier.items()}
        rows = [_row(key, quantity, "") for key, quantity in figures.items()]
        kinds = [("", chip.limits, {}), *_groups(chip)]
        if chip.limits_differ:
            rows += [(f"limits.neurons{cores}", limits.neurons, "1", None, str(name)) for cores, limits, _ in kinds]
        rows += [_row(f"{key}{cores}", quantity, "") for cores, _, own in kinds for key, quantity in own.items()]
        return f"{chip.name}\n\n{chip.notes}\n", (Table(title, columns, tuple(rows)),)
    record = chip_record(name)
    rows = [_row(key, figure, figure.note) for key, figure in record.figures().items()]
    return f"{record.title}\n\n{record.notes.strip()}\n", (Table(title, columns, tuple(rows)),)


def _groups(chip: Chip) -> list[tuple[str, Limits, dict[str, Quantity]]]:
    """Cores that differ, in words, their limits, and their own figures."""
    return [
        (
            f" @cores {group.cores[0]}..{group.cores[-1]}, {len(group.cores)} of them",
            group.limits,
            {f"{table}.{key}": own for table in ("energy", "time") for key, own in getattr(group, table).items()},
        )
        for group in chip.groups
    ]


def _row(key: str, figure: RangedFigure | Quantity, note: str) -> tuple[object, ...]:
    value = figure.value if isinstance(figure.value, float) else None
    shown: object = f"in {figure.within}" if figure.within else "unknown" if value is None else value
    ends = [value if end is None else end for end in (figure.low, figure.high)]
    interval = None if figure.low is None and figure.high is None else f"{ends[0]:g} to {ends[1]:g}"
    return key, shown, figure.unit, interval, figure.source + (f" ({note})" if note else "")


def chip_as_dict(name: str) -> dict[str, Any]:
    """The record of a chip as JSON has it."""
    from neuro.chip.files import chip_to_dict
    from neuro.chip.load import chip_record, is_architecture, load_chip

    if is_architecture(name):
        return chip_to_dict(load_chip(name))
    return chip_record(name).model_dump(mode="json", exclude_defaults=True)
