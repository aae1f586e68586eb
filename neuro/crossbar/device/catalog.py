"""The devices of models/devices: their names, their records, and the `Device` that each describes."""

from __future__ import annotations

from pathlib import Path

from neuro.crossbar.device.device import Device
from neuro.crossbar.device.schema import DeviceRecord
from neuro.errors import DeviceError, UnknownName
from neuro.figures import read_record
from neuro.files.reading import in_file
from neuro.paths import models_dir
from neuro.validation import file_name

__all__ = ["device_record", "list_devices", "load_device"]


def list_devices() -> list[str]:
    """The names that `load_device` knows, sorted.

    Examples
    --------
    >>> {"ideal", "taox_64x64"} <= set(list_devices())
    True
    """
    return sorted(path.stem for path in (models_dir() / "devices").glob("*.toml"))


def device_record(name: str | Path) -> DeviceRecord:
    """The figures of a device as its file has them, with units and sources.

    Parameters
    ----------
    name
        As for `load_device`.

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
    return _read(_path(name))


def _path(name: str | Path) -> Path:
    """The file of a device."""
    if Path(name).suffix == ".toml":
        return Path(name)
    name, known = str(name), list_devices()
    alike = [found for found in known if _plain(found) == _plain(name)]
    if name not in known and len(alike) != 1:
        raise UnknownName("device", name, known)
    return models_dir() / "devices" / f"{name if name in known else alike[0]}.toml"


def load_device(name: str | Path) -> Device:
    """A device by its name, from models/devices, or from a file of your own.

    Parameters
    ----------
    name
        A name of `list_devices`, where capitals, dashes and underscores do not matter; or the path of a TOML file.

    Raises
    ------
    UnknownName
        If no device has this name; the error lists those that exist.
    DeviceError
        If the file is not a valid record, or describes no device that can be.
    DataError
        If there is no such file (this is a FileNotFoundError, too).

    Examples
    --------
    >>> taox = load_device("taox_64x64")
    >>> taox.g_max, taox.levels
    (0.00015, 64)
    """
    file_name(name, "device", error=DeviceError)
    path = _path(name)
    record = _read(path)
    figures = record.figures() | record.pulse_figures()
    with in_file(path):
        return Device(
            name=record.name,
            g_min=record.g_min.value,
            g_max=record.g_max.value,
            levels=None if record.levels is None else record.levels.value,
            write_noise=record.write_noise.value,
            **record.pulse_fields(),
            source="; ".join(f"{key}: {figure.source}" for key, figure in figures.items()),
            notes=record.notes,
        )


def _read(path: Path) -> DeviceRecord:
    """The record in one file, checked."""
    record = read_record(path, DeviceRecord, DeviceError, "device")
    if record.name != path.stem:
        raise DeviceError("a device must have the name of its file", where=str(path), value=repr(record.name))
    return record


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
