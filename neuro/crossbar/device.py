"""Memristive devices: the conductances they can hold and how well they are written, each with its source."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neuro.errors import DeviceError, UnknownName

__all__ = ["Device", "DeviceRecord", "Figure", "device_record", "list_devices", "load_device", "models_dir"]


@dataclass(frozen=True, slots=True)
class Device:
    """What one memristive device can hold, and how exactly it is written.

    A write asks for a conductance g on the grid g_min + k step, k = 0 .. levels - 1 (anywhere in the window
    where `levels` is None) and leaves  clip(g + N(0, write_noise), g_min, g_max).

    Raises
    ------
    DeviceError
        If the window is empty or negative, there are fewer than two levels, or the noise is negative.

    Examples
    --------
    >>> Device("four", g_min=0.0, g_max=90e-6, levels=4).step
    3e-05
    """

    name: str
    """What the device is called in errors and reports."""
    g_min: float
    """Lowest conductance of the window, S."""
    g_max: float
    """Highest conductance of the window, S."""
    levels: int | None = None
    """Equally spaced levels from `g_min` to `g_max`, both included; None: any conductance between."""
    write_noise: float = 0.0
    """Standard deviation of the programmed conductance around its target, at every write, S."""
    source: str = ""
    """Where the figures are from."""
    notes: str = ""
    """What a user of the figures should know."""

    def __post_init__(self) -> None:
        where = f"device {self.name!r}"
        for key in ("g_min", "g_max", "write_noise"):
            value = getattr(self, key)
            if not _is_number(value) or not 0 <= value < np.inf:
                rule = f"`{key}` must be a finite number of siemens, not below zero"
                raise DeviceError(rule, where=where, value=value)
        if not self.g_min < self.g_max:
            window = f"g_min = {self.g_min:g} S, g_max = {self.g_max:g} S"
            raise DeviceError("`g_max` must be above `g_min`", where=where, value=window)
        whole = isinstance(self.levels, int | np.integer) and not isinstance(self.levels, bool)
        if self.levels is not None and not (whole and self.levels >= 2):
            raise DeviceError(
                "`levels` must be a whole number of at least 2",
                where=where,
                value=self.levels,
                remedy="None stands for a continuous device",
            )

    @property
    def step(self) -> float:
        """From one level to the next, S; zero where the device is continuous."""
        return 0.0 if self.levels is None else (self.g_max - self.g_min) / (self.levels - 1)


class Figure(BaseModel):
    """One published or chosen figure."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: float
    """The figure, in `unit`."""
    unit: str = Field(min_length=1)
    """SI unit, "1" for a count."""
    source: str = Field(min_length=1)
    """Where it can be read."""


class _Siemens(Figure):
    unit: Literal["S"]


class _Count(Figure):
    value: int
    unit: Literal["1"]


class DeviceRecord(BaseModel):
    """A file of models/devices: the fields of a `Device`, each figure with unit and source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Name of the device and of its file."""
    notes: str = ""
    """What a user of the figures should know."""
    g_min: _Siemens
    """Lowest conductance."""
    g_max: _Siemens
    """Highest conductance."""
    levels: _Count | None = None
    """Number of levels; absent: continuous."""
    write_noise: _Siemens
    """Standard deviation of a write."""

    def figures(self) -> dict[str, Figure]:
        """Every figure of the record, by the name of its field."""
        fields = ((key, getattr(self, key)) for key in ("g_min", "g_max", "levels", "write_noise"))
        return {key: figure for key, figure in fields if figure is not None}


def models_dir(package: Path | None = None) -> Path:
    """The folder of model data (`devices/`, `chips/`, ...), in an installed wheel or in a checkout.

    A wheel carries the data as `_models` inside the package; a checkout has `models` beside it. The wheel's
    place is looked at first, because beside an installed package lies whatever else is installed.

    Parameters
    ----------
    package
        The folder of the package `neuro`; by default the one that this code is in.

    Raises
    ------
    DeviceError
        If neither place exists.

    Examples
    --------
    >>> (models_dir() / "devices" / "ideal.toml").is_file()
    True
    """
    package = Path(__file__).resolve().parents[1] if package is None else package
    places = (package / "_models", package.parent / "models")
    for place in places:
        if (place / "devices").is_dir():
            return place
    raise DeviceError(
        "the model data must lie inside the package or beside it",
        value=f"nothing at {places[0]} or {places[1]}",
        remedy="Install neuro again, or run it from a complete checkout",
    )


def list_devices() -> list[str]:
    """The names that `load_device` knows, sorted.

    Examples
    --------
    >>> list_devices()
    ['ideal', 'taox_64x64']
    """
    return sorted(path.stem for path in (models_dir() / "devices").glob("*.toml"))


def device_record(name: str) -> DeviceRecord:
    """The figures of a device as its file has them, with units and sources.

    Raises
    ------
    UnknownName
        If no device has this name; the error lists those that exist.
    DeviceError
        If the file is not a valid record: a figure without source, a wrong unit, an unknown field.

    Examples
    --------
    >>> device_record("taox_64x64").levels.source
    "choice of this project's task, not a property of the chip"
    """
    known = list_devices()
    if name not in known:
        raise UnknownName("device", name, known)
    return _read(models_dir() / "devices" / f"{name}.toml")


def load_device(name: str) -> Device:
    """The device of this name, from models/devices.

    Raises
    ------
    UnknownName
        If no device has this name; the error lists those that exist.
    DeviceError
        If its file is not a valid record.

    Examples
    --------
    >>> taox = load_device("taox_64x64")
    >>> taox.g_max, taox.levels
    (0.00015, 64)
    """
    record = device_record(name)
    return Device(
        name=record.name,
        g_min=record.g_min.value,
        g_max=record.g_max.value,
        levels=None if record.levels is None else record.levels.value,
        write_noise=record.write_noise.value,
        source="; ".join(f"{key}: {figure.source}" for key, figure in record.figures().items()),
        notes=record.notes,
    )


def _read(path: Path) -> DeviceRecord:
    """The record in one file, checked."""
    try:
        record = DeviceRecord.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise DeviceError("a device file must be valid TOML", where=str(path), value=error) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise DeviceError(
            "each figure of a device file must have a value, its SI unit and a source",
            where=str(path),
            value=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
        ) from None
    if record.name != path.stem:
        raise DeviceError("a device must have the name of its file", where=str(path), value=repr(record.name))
    return record


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
