"""Tables and figures of devices: pulse curves, variation, errors of reads, fits, and maps of faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.crossbar.device.catalog import device_record, list_devices, load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import KINDS, Faults
from neuro.crossbar.device.laws import Constant, Cycle
from neuro.crossbar.device.reference_data import MeasuredFile
from neuro.crossbar.device.sample import SampledDevices
from neuro.report.record import Table, plain, staged
from neuro.report.style import COLOURS, FAINT, save, styled
from neuro.units import uS
from neuro.validation import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from neuro.crossbar.device.fit import Fit

__all__ = [
    "as_dict",
    "describe",
    "device_figure",
    "devices_table",
    "draw",
    "fault_map",
    "figures_table",
    "fit_figure",
    "fit_table",
    "pulse_table",
]

PLACES = (0.1, 0.5, 0.9)
"""Where in the window pulses are tabulated."""
MANY = 4000
"""Devices drawn for their variation."""
SHOWN = 30
"""Devices drawn as curves."""


def describe(name: str, seed: int = 0) -> tuple[list[Table], dict[str, Callable[[], Figure]]]:
    """Tables and figures of a preset, or of the device fitted to a CSV file.

    Raises
    ------
    UnknownName
        If there is no such device.
    DeviceError
        If a file is no measurement, or a device needs data that are not there.
    """
    if name.lower().endswith(".csv"):
        from neuro.crossbar.device.fit import fit

        found = fit(Path(name))
        tables = [fit_table(found), pulse_table(found.device, seed)]
        stem = found.device.name
        return tables, {stem: lambda: device_figure(found.device, seed), f"{stem}_fit": lambda: fit_figure(found)}
    device = load_device(name)
    tables = [figures_table(name), pulse_table(device, seed)]
    if device.notes:
        tables.append(Table("Notes", ("",), ((" ".join(device.notes.split()),),)))
    return tables, {device.name: lambda: device_figure(device, seed)}


def draw(figures: dict[str, Callable[[], Figure]], out: Path | None) -> str:
    """Draw figures into a folder, all or none; returns what to say about it."""
    if out is None:
        return "Nothing was drawn; --out DIR draws pulse curves, variation of the devices and errors of reads."
    with staged(out) as stage:
        for stem, made in figures.items():
            save(made(), stage / f"{stem}.png")
    return f"Written to {out}: {', '.join(f'{stem}.png' for stem in figures)}"


def as_dict(table: Table) -> dict[str, object]:
    """A table as plain values."""
    return {"title": table.title, "columns": list(table.columns), "rows": plain(table.rows)}


def fit_table(fit: Fit) -> Table:
    """The fitted device: window, law, errors, and the error of each law that was tried."""
    device = fit.device
    rows: list[tuple[object, ...]] = [("window", f"{device.g_min / uS:.4g} - {device.g_max / uS:.4g} uS")]
    rows.append(("law", fit.form))
    fields = asdict(device.law) if is_dataclass(device.law) else {}
    rows += [(f"law, {key}", value) for key, value in fields.items() if value is not None]
    rows += [("error of a pulse, share of a step", device.cycle.std), ("error of a read (uS)", device.write_noise / uS)]
    rows += [(f"root mean square error, {form} (uS)", error / uS) for form, error in fit.errors.items()]
    return Table(f"Device fitted to {device.source.removeprefix('measurement ')}", ("figure", "value"), tuple(rows))


def devices_table(names: list[str] | None = None) -> Table:
    """Every preset: its law, window, levels, write noise and source."""
    rows = []
    for name in list_devices() if names is None else names:
        record = device_record(name)
        law = "writes to levels" if record.levels else "writes"
        if record.law is not None:
            law = record.law.kind.replace("_", " ")
        rows.append(
            (
                name,
                law,
                f"{record.g_min.value / uS:.4g} - {record.g_max.value / uS:.4g}",
                record.levels.value if record.levels else None,
                record.write_noise.value / uS,
                record.origin,
            )
        )
    columns = ("device", "pulse law", "window (uS)", "levels", "write noise (uS)", "from")
    return Table("Devices", columns, tuple(rows))


def figures_table(name: str) -> Table:
    """Every figure of a preset with its unit and source."""
    record = device_record(name)
    figures = record.figures() | record.pulse_figures()
    rows: list[tuple[object, ...]] = [(k, figure.value, figure.unit, figure.source) for k, figure in figures.items()]
    if record.law is not None and record.law.source:
        rows.append(("law", record.law.file, "file", record.law.source))
    return Table(f"Figures of {record.name}", ("figure", "value", "unit", "source"), tuple(rows))


def pulse_table(device: Device, seed: int = 0) -> Table:
    """Change by one pulse at a tenth, the middle and nine tenths of the window: mean and standard deviation, uS.

    The mean is over many devices, each pulsed once: the deviation has the variation of the devices and the error of a
    pulse in it; that of a read is a column of its own.
    """
    rows: list[tuple[object, ...]] = []
    if not _pulses(device):
        return Table("Pulses", ("none: any conductance can be written",), ())
    for way, label in ((1, "up"), (-1, "down")):
        for place in PLACES:
            devices = device.sample(MANY, seed)
            low, high = devices.g_min, devices.g_max
            start = low + place * (high - low)
            change = device.pulse(start, way, devices) - start
            deviation = change.std() if np.ptp(change) else 0.0  # the mean of equal numbers can be off in its last bit
            rows.append((f"{label} at {place:.0%} of the window", change.mean() / uS, deviation / uS))
    rows.append(("read after a pulse", 0.0, device.write_noise / uS if device.law is not None else 0.0))
    title = f"Change of a pulse of {device.name}, {MANY} devices"
    return Table(title, ("pulse", "mean (uS)", "standard deviation (uS)"), tuple(rows))


def device_figure(device: Device, seed: int = 0) -> Figure:
    """Pulse curves up and down, the variation of the devices' steps, and the error of what is read, side by side."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(12.0, 3.8), layout="constrained")
        curves, variation, reads = figure.subplots(1, 3)
        figure.suptitle(device.name, x=0.01, ha="left", fontweight="bold")
        _curves(curves, device, seed)
        _variation(variation, device, seed)
        _reads(reads, device, seed)
    return figure


def fit_figure(fit: Fit) -> Figure:
    """A measurement, the law fitted to it, and the errors of the other laws."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(10.0, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        left.plot(fit.pulse, fit.conductance / uS, ".", color=FAINT, markersize=3, label="measured")
        for index in range(int(fit.branch.max()) + 1):
            on_branch = fit.branch == index
            label = f"law: {fit.form}" if index == 0 else None
            left.plot(fit.pulse[on_branch], fit.fitted[on_branch] / uS, color=COLOURS[1], label=label)
        left.set(title=f"{fit.device.name}: conductance after each pulse", xlabel="pulse", ylabel="conductance (µS)")
        left.legend()
        names, errors = list(fit.errors), np.array(list(fit.errors.values())) / uS
        shades = [COLOURS[1] if name == fit.form else FAINT for name in names]
        right.barh(names, errors, color=shades)
        right.invert_yaxis()
        right.set(title="Laws that were tried", xlabel="root mean square error (µS)")
    return figure


def fault_map(faults: Faults, device: Device | None = None) -> Figure:
    """Both arrays, a square for each device, coloured by its fault."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    shades = ["#eef1f4", "#3B3B3B", COLOURS[0], COLOURS[1], COLOURS[3]]
    kinds = faults.kinds(device)
    with styled():
        figure = Figure(figsize=(9.0, 4.2), layout="constrained")
        for axes, grid, name in zip(figure.subplots(1, 2), kinds, ("positive", "negative"), strict=True):
            axes.imshow(grid, cmap=ListedColormap(shades), vmin=-0.5, vmax=4.5, interpolation="nearest", aspect="auto")
            axes.grid(False)
            axes.set(title=f"{name} array", xlabel="column", ylabel="row")
        counts = np.bincount(np.ravel(kinds), minlength=len(KINDS))
        patches = [
            Patch(color=shade, label=f"{name}: {count}")
            for shade, name, count in zip(shades, KINDS, counts, strict=True)
            if count
        ]
        figure.legend(handles=patches, loc="outside lower center", ncols=len(patches))
    return figure


def _pulses(device: Device) -> bool:
    return device.law is not None or device.levels is not None


def _pulsed(device: Device) -> Device:
    """The device, or one that takes a hundred equal writes from end to end where it has no pulses."""
    if _pulses(device):
        return device
    step = (device.g_max - device.g_min) / 100
    cycle = Cycle(device.write_noise / step, "step")
    return Device(device.name, device.g_min, device.g_max, law=Constant(step=step), cycle=cycle)


def _length(device: Device) -> int:
    """Pulses that go once through the window, within reason."""
    quiet = device.noiseless()
    devices = quiet.sample(1)
    middle = 0.5 * (devices.g_min + devices.g_max)
    step = float(np.abs(quiet.pulse(middle, 1, devices) - middle)[0])
    span = float((devices.g_max - devices.g_min)[0])
    return int(np.clip(2 * span / max(step, span / 4000), 20, 4000))


def _play(device: Device, many: int, seed: int, length: int) -> tuple[SampledDevices, Floats]:
    """What is read of many devices on their way up and down again, shape (pulses + 1, devices)."""
    devices = device.sample(many, seed)
    ways = np.repeat(np.array([1, -1]), length)[:, None] * np.ones(many, dtype=np.int64)
    return devices, devices.play(devices.g_min.copy(), ways)


def _curves(axes: Any, device: Device, seed: int) -> None:
    pulsed = _pulsed(device)
    length = _length(pulsed)
    _, whole = _play(pulsed, SHOWN, seed, length)
    pulse = np.arange(len(whole))
    axes.plot(pulse, whole / uS, color=COLOURS[0], alpha=0.25, linewidth=0.7)
    axes.plot(pulse, whole.mean(axis=1) / uS, color=COLOURS[1], label=f"mean of {SHOWN} devices")
    if not isinstance(device.law, MeasuredFile):
        _, mean = _play(pulsed.noiseless(), 1, seed, length)
        axes.plot(pulse, mean / uS, color="black", linestyle="--", linewidth=1.2, label="law without noise")
    axes.set(title="Pulses up, then down", xlabel="pulse", ylabel="conductance (µS)")
    axes.legend()


def _variation(axes: Any, device: Device, seed: int) -> None:
    devices = _pulsed(device).sample(MANY, seed)
    axes.set(title=f"Steps of {MANY} devices", xlabel="nominal step (µS)", ylabel="devices")
    for name, shade in (("step_up", COLOURS[0]), ("step_down", COLOURS[1])):
        steps = getattr(devices, name) / uS
        top = float(np.quantile(steps, 0.995))
        axes.hist(steps[steps <= top], bins=60, color=shade, alpha=0.55, label=name.replace("_", " "))
    axes.legend()


def _reads(axes: Any, device: Device, seed: int) -> None:
    """Error of a read, read minus target, after one write to the middle of the window."""
    axes.set(title="Read after a write", xlabel="read - target (µS)", ylabel="devices")
    if device.write_noise == 0.0:
        text = "the preset has no error of a write or a read"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=FAINT)
        axes.set(xticks=[], yticks=[])
        return
    rng = np.random.default_rng(seed)
    middle = 0.5 * (device.g_min + device.g_max)
    errors = np.clip(middle + device.write_noise * rng.standard_normal(MANY), 0.0, None) - middle
    axes.hist(errors / uS, bins=60, color=COLOURS[2], alpha=0.7)
    axes.axvline(0.0, color="black", linewidth=1.0, linestyle="--")
