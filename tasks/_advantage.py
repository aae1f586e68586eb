"""Model of the energy of one training pattern, on crossbars and on digital hardware: counts times energies.

One pattern is a free phase, its clamped phases, and its share of an update. N neurons are fully connected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuro.errors import ParameterError
from neuro.files.reading import read_toml
from neuro.paths import models_dir

STATUS = ("primary", "secondary", "chosen")
ARRAY = 64
"""Columns of the array that `array_cycle` was published for; an array of more moves more sums."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of the small memory, for each of its neurons or devices."""

    free_spikes: float
    """Spikes of a neuron in a free phase."""
    clamped_spikes: float
    """Spikes of a neuron in a clamped phase."""
    ticks: float
    """Units of time that a phase lasts."""
    pulses: float
    """Write pulses that a device gets for each pattern presented."""
    bias_reads: float
    """Reads of a row for each pattern, beside those that spikes make: of the term -sum_j W_ij, once an update."""
    conductance: float
    """Mean conductance of a device, of the largest."""
    sweeps: float
    """Products of the weights with a state until the digital network does not change any more, the last included."""


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """Energies, times and choices, SI; the fields are those of ``models/energy_advantage.toml``."""

    read_voltage: float
    read_time: float
    g_on: float
    write_pulse: float
    conversion: float
    array_cycle: float
    neuron_update: float
    array_rows: float
    wire_capacitance: float
    neuron_bias: float
    tick: float
    clamped_phases: float
    digital_mac: float
    digital_mac_float: float
    on_chip_byte: float
    off_chip_byte: float
    on_chip_bytes: float
    weight_bytes: float
    batch: float
    gpu_mac: float
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False)
    """Of each: its unit, source and status."""


def load_assumptions(path: Path | None = None) -> Assumptions:
    """The assumptions of the models folder, each with unit, source and status.

    Raises
    ------
    ParameterError
        If one is missing, unknown, or has no source.
    """
    path = path or models_dir() / "energy_advantage.toml"
    given = read_toml(path, ParameterError, "a file of assumptions")
    wanted = {f.name for f in fields(Assumptions)} - {"sources"}
    for name in sorted(wanted ^ given.keys()):
        rule = "is missing" if name in wanted else "is none that the task knows"
        raise ParameterError(f"the figure `{name}` {rule}", where=str(path))
    for name, figure in given.items():
        complete = figure.keys() == {"value", "unit", "status", "source"} and figure["source"]
        if not complete or figure["status"] not in STATUS or not figure["value"] > 0:
            raise ParameterError(
                f"`{name}` needs a value above zero, a unit, a source, and a status among {', '.join(STATUS)}",
                where=str(path),
                value=figure,
            )
    return Assumptions(**{name: float(figure["value"]) for name, figure in given.items()}, sources=given)


def analog(n: float, counts: Counts, a: Assumptions, *, register: bool = False) -> dict[str, float]:
    """Joules by cause for one pattern on crossbars of differential pairs.

    Each spike drives a row of 2 N devices. The network is cut into arrays of `array_rows` squared; in every tick each
    column of each array is converted and each array moves its sums once. Pulses are those that were counted, each
    with the energy of a device that is fully on. `register`: the changes of weights are summed in digital memory
    before pulses are sent, as the Braille memory does.
    """
    phases = 1.0 + a.clamped_phases
    spikes = n * (counts.free_spikes + a.clamped_phases * counts.clamped_spikes + counts.bias_reads)
    ticks = counts.ticks * phases
    across = math.ceil(n / a.array_rows)
    columns = min(n, a.array_rows)
    causes = {
        "crossbar read": spikes * 2 * n * a.read_voltage**2 * a.g_on * counts.conductance * a.read_time,
        "row wires": spikes * 2 * n * a.wire_capacitance * a.read_voltage**2,
        "column conversion": ticks * n * across * a.conversion,
        "array buffers and links": ticks * across**2 * a.array_cycle * columns / ARRAY,
        "neurons": ticks * n * a.neuron_update,
        "neuron bias (static)": ticks * a.tick * n * a.neuron_bias,
        "write pulses": counts.pulses * 2 * n**2 * a.write_pulse,
    }
    if register:
        causes["digital register"] = n**2 * (2 * a.digital_mac + 2 * a.weight_bytes * a.on_chip_byte)
    return causes


def digital(n: float, counts: Counts, a: Assumptions, *, wide: bool = False) -> dict[str, float]:
    """Joules by cause for one pattern on digital hardware that does the same by products of N x N weights.

    Each phase takes the measured sweeps; the update takes two products of activities for each weight, and reads and
    writes it once a batch. Weights come from memory once for each sweep and batch. States, control and leakage are
    left out, which favours the digital side. `wide`: 32-bit floating point.
    """
    size = 4.0 if wide else a.weight_bytes
    off_chip = n**2 * size > a.on_chip_bytes
    mac = a.digital_mac_float if wide else a.digital_mac
    sweeps = counts.sweeps * (1.0 + a.clamped_phases)
    traffic = (sweeps + 2.0) * n**2 * size / a.batch
    return {
        "multiply and add": sweeps * n**2 * mac,
        "update": 2 * n**2 * mac,
        "memory on the chip": traffic * a.on_chip_byte,
        "memory off the chip": traffic * a.off_chip_byte if off_chip else 0.0,
    }


def gpu(n: float, counts: Counts, a: Assumptions) -> float:
    """Joules for one pattern at the energy per weight and product that was measured on a GPU at batch 1."""
    return (counts.sweeps * (1.0 + a.clamped_phases) + 2.0) * n**2 * a.gpu_mac


def total(causes: Mapping[str, float]) -> float:
    """The sum of all causes, J."""
    return math.fsum(causes.values())


def ratio(n: float, counts: Counts, a: Assumptions, *, register: bool = False, wide: bool = False) -> float:
    """Digital over analog energy of one pattern."""
    return total(digital(n, counts, a, wide=wide)) / total(analog(n, counts, a, register=register))


def changed(counts: Counts, a: Assumptions, name: str, factor: float) -> tuple[Counts, Assumptions]:
    """The same with one count or assumption multiplied; a batch and an array stay at least one."""
    if name in {f.name for f in fields(Counts)}:
        return replace(counts, **{name: getattr(counts, name) * factor}), a
    value = getattr(a, name) * factor
    return counts, replace(a, **{name: max(value, 1.0) if name in ("batch", "array_rows") else value})


def sensitivity(n: float, counts: Counts, a: Assumptions, factor: float = 10.0) -> dict[str, tuple[float, float]]:
    """The ratio with each count and assumption divided by `factor` and times it, where either matters.

    The widest span comes first.
    """
    names = [f.name for f in fields(Counts)] + [f.name for f in fields(a) if f.name != "sources"]
    found = {}
    for name in names:
        low, high = (ratio(n, *changed(counts, a, name, by)) for by in (1.0 / factor, factor))
        if low != high:
            found[name] = (low, high)
    return dict(sorted(found.items(), key=lambda item: -abs(math.log(item[1][1] / item[1][0]))))


def crossover(counts: Counts, a: Assumptions, at: float = 1.0, *, register: bool = False, wide: bool = False) -> float:
    """The smallest N in 2 .. 10^6 from which on the ratio stays at least `at`; NaN where it does not."""
    sizes = np.unique(np.geomspace(2, 1e6, 2000).round())
    above = np.array([ratio(n, counts, a, register=register, wide=wide) >= at for n in sizes])
    if not above[-1]:
        return math.nan
    below = np.flatnonzero(~above)
    return float(sizes[0] if not len(below) else sizes[below[-1] + 1])
