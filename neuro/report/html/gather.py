"""What there is to show of a run: read from its folder, or taken from results in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuro.accounting.report import EnergyReport
from neuro.chip.files import read_arrays
from neuro.chip.load import load_chip
from neuro.chip.model import Chip
from neuro.chip.placement import Placement, load_placement
from neuro.crossbar.base import AbstractCrossbar
from neuro.engine.recording import Recording
from neuro.engine.storage.recordings import load_recording
from neuro.errors import DataError, InputError, NeuroError, ParameterError, PlacementError, StateError
from neuro.files.reading import read_npz
from neuro.files.writing import named_errors
from neuro.learning.fitted import Fitted
from neuro.report.draw import conductances, side_by_side
from neuro.report.energy_plots import tile_grid
from neuro.report.record import RECORD, Report, as_dict
from neuro.report.schema import read_record
from neuro.validation import Floats, shown

__all__ = ["Bill", "Run", "run_of_results", "runs_in"]

RECORDINGS, PICTURES = (".h5", ".hdf5"), (".png", ".jpg", ".jpeg")
MOST_STATES = 6
"""Sampled conductances of a projection that are shown: the first, the last, and others evenly between."""


@dataclass
class Bill:
    """What one chip costs: joules by cause, and over the mesh where it is known."""

    by_cause: Mapping[str, float]
    """J, static energy as "static"."""
    total: float
    """J."""
    mesh: Floats | None = None
    """Dynamic energy of the cores of each tile, J, shape (height, width), y growing upwards."""


@dataclass
class Run:
    """All that is shown of one run; what is not there stays empty."""

    name: str
    """Name on the page."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """The content of report.json."""
    recordings: dict[str, Recording] = field(default_factory=dict)
    """By name."""
    bills: dict[str, Bill] = field(default_factory=dict)
    """By chip, or by what else was priced."""
    placements: dict[str, Placement] = field(default_factory=dict)
    """By name."""
    trainings: dict[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)
    """Accuracies of training and validation by epoch."""
    crossbars: dict[str, dict[str, Floats]] = field(default_factory=dict)
    """Conductances, S, each of shape (rows, columns), by crossbar and by what is shown of it."""
    pictures: dict[str, Path] = field(default_factory=dict)
    """Figures that the run has drawn."""


def runs_in(folders: Sequence[Path]) -> list[Run]:
    """The runs in some folders; a folder without a report of its own stands for the runs in the folders below it.

    Raises
    ------
    DataError
        If there is no such folder.
    InputError
        If a folder has nothing to show.
    NeuroError
        If a report, a recording, a placement or a checkpoint is damaged.
    """
    found: dict[str, Run] = {}
    for given in folders:
        folder = Path(given)
        with named_errors(folder, "read"):
            if not folder.exists():
                raise DataError("there is no such folder", where="html_report, runs", value=str(folder))
            if not folder.is_dir():
                raise InputError("must be the folder of a run", where="html_report, runs", value=str(folder))
            # Those of a sweep are one folder further down.
            records = [*folder.glob(f"*/{RECORD}"), *folder.glob(f"points/*/{RECORD}")]
            below = [path.parent for path in sorted(records)]
        own = _read_run(folder)
        parts = [own] if _is_something(own) else [_read_run(path) for path in below]
        if not parts:
            remedy = "`neuro run TASK --out DIR` writes a report, `Recording.save` a recording"
            raise InputError("there is nothing to show", where="html_report, runs", value=str(folder), remedy=remedy)
        for run in parts:
            names = [run.name, *(f"{run.name} ({k})" for k in range(2, len(found) + 3))]
            run.name = next(name for name in names if name not in found)
            found[run.name] = run
    return list(found.values())


def run_of_results(name: str, results: Sequence[object]) -> Run:
    """What there is to show of results in memory.

    Raises
    ------
    ParameterError
        If one of them is nothing that can be shown.
    """
    run = Run(name)
    chips = {result.chip.name: result.chip for result in results if isinstance(result, Placement)}
    for result in results:
        match result:
            case Report():
                run.record = as_dict(result)
                run.bills |= dict(_bills(result.energy))
            case Recording():
                run.recordings[_free("recording", run.recordings)] = result
            case EnergyReport():
                run.bills[_free(result.chip, run.bills)] = Bill(
                    result.by_cause, result.total, _mesh(result, chips.get(result.chip))
                )
            case Placement():
                run.placements[_free(result.chip.name, run.placements)] = result
            case Fitted():
                run.trainings[_free("training", run.trainings)] = result.training, result.validation
            case AbstractCrossbar():
                shows = {"G+ - G-": "difference", "G+": "plus", "G-": "minus"}
                run.crossbars[_free(result.name, run.crossbars)] = {
                    label: side_by_side(conductances(result, show)) for label, show in shows.items()
                }
            case _:
                rule = "must be the folder of a run, a Recording, EnergyReport, Placement, Fitted, crossbar or Report"
                raise ParameterError(rule, where="html_report, runs", value=shown(result))
    _add_conductances(run)
    return run


def _read_run(folder: Path) -> Run:
    run = Run(folder.resolve().name or str(folder))
    with named_errors(folder, "read"):
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    for path in files:
        ending = path.suffix.lower()
        if path.name == RECORD:
            run.record = _read_record(path)
        elif ending in RECORDINGS:
            run.recordings[path.stem] = load_recording(path)
        elif ending in PICTURES:
            run.pictures[path.stem] = path
        elif ending == ".npz":
            _read_arrays(run, path)
        elif ending == ".json" and _is_placement(path):
            run.placements[path.stem] = load_placement(path)
    energy = run.record.get("energy")
    if isinstance(energy, Mapping):
        run.bills |= dict(_bills(energy))
    _add_conductances(run)
    return run


def _read_record(path: Path) -> dict[str, Any]:
    """The content of a report; what is wrong with it is wrong with the input of the page."""
    try:
        found: dict[str, Any] = read_record(path).model_dump()
    except ParameterError as error:
        raise InputError(error.rule, where=error.where, value=error.value) from None
    return found


def _read_arrays(run: Run, path: Path) -> None:
    """A placement or a checkpoint of `fit`; other arrays are left out."""
    arrays = read_npz(path, StateError, "a file of arrays")
    if "routes/start" in arrays:
        run.placements[path.stem] = load_placement(path)
    elif {"settings", "training", "validation"} <= set(arrays):
        run.trainings[path.stem] = arrays["training"].tolist(), arrays["validation"].tolist()


def _is_placement(path: Path) -> bool:
    with suppress(NeuroError, LookupError, TypeError, ValueError):
        return "populations" in read_arrays(path, PlacementError, "a placement")[0]
    return False


def _is_something(run: Run) -> bool:
    parts = (run.record, run.recordings, run.placements, run.trainings, run.pictures)
    return any(len(part) > 0 for part in parts)


def _bills(energy: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Bill]]:
    """Every mapping with joules by cause in the energy of a report, at whatever depth."""
    causes = energy.get("by_cause_J", energy.get("by_cause"))
    if isinstance(causes, Mapping):
        joules = {str(name): _joules(j) for name, j in causes.items() if isinstance(j, int | float)}
        total = _joules(energy.get("total_J", energy.get("joules", sum(joules.values()))))
        yield path or str(energy.get("chip", "energy")), Bill(joules, total, _mesh_of_record(energy))
        return
    for name, part in energy.items():
        if path == "" and name == "chips" and isinstance(part, Mapping):
            yield from _bills(part)
        elif isinstance(part, Mapping):
            yield from _bills(part, f"{path} / {name}" if path else str(name))
        elif isinstance(part, list) and part and isinstance(part[0], Mapping):
            yield from _bills(part[0], f"{path} / {name}" if path else str(name))


def _joules(value: object) -> float:
    """A number of a report; zero for what is none."""
    return float(value) if isinstance(value, int | float) and abs(value) <= sys.float_info.max else 0.0


def _mesh_of_record(energy: Mapping[str, Any]) -> Floats | None:
    with suppress(NeuroError, ValueError, TypeError):
        if isinstance(energy.get("by_core_J"), list) and isinstance(energy.get("chip"), str):
            return _on_mesh(np.asarray(energy["by_core_J"], np.float64), load_chip(energy["chip"]))
    return None


def _mesh(report: EnergyReport, chip: Chip | None) -> Floats | None:
    """Joules over the mesh, where the chip is one that comes with neuro or that a placement is on."""
    with suppress(NeuroError):
        return _on_mesh(report.by_core, chip or load_chip(report.chip))
    return None


def _on_mesh(by_core: Floats, chip: Chip) -> Floats | None:
    return tile_grid(by_core, chip) if len(by_core) == chip.cores else None


def _add_conductances(run: Run) -> None:
    """Sampled conductances of projections that learned, of some sampled times."""
    for name, recording in run.recordings.items():
        for projection, states in recording.sampled_conductances.items():
            when = recording.conductance_times[projection]
            chosen = np.unique(np.linspace(0, len(when) - 1, MOST_STATES).round().astype(int))[: len(when)]
            label = projection if len(run.recordings) == 1 else f"{name}: {projection}"
            run.crossbars[label] = {f"G+ - G- at {when[k]:.4g} s": states[k, 0] - states[k, 1] for k in chosen[::-1]}


def _free(name: str, taken: Mapping[str, object]) -> str:
    """`name`, or the first of `name 2`, `name 3`, ... that is free."""
    return next(each for each in (name, *(f"{name} {k}" for k in range(2, len(taken) + 3))) if each not in taken)
