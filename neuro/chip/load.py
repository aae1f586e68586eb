"""Finding chips: those of models/chips by name, chip files by path, and architectures that SANA-FE has written."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from neuro.chip.model import Chip
from neuro.chip.record import ChipRecord
from neuro.crossbar.device import models_dir
from neuro.errors import ChipError, UnknownName

__all__ = ["chip_record", "list_chips", "load_chip"]


def list_chips() -> list[str]:
    """The names that `load_chip` knows, sorted.

    >>> "loihi_davies2018" in list_chips()
    True
    """
    return sorted(path.stem for path in (models_dir() / "chips").glob("*.toml"))


def chip_record(name: str | Path) -> ChipRecord:
    """The figures of a chip as its file has them, with units, sources and ranges.

    Parameters
    ----------
    name
        Of a chip in models/chips, or a path to a file of the same form.

    Raises
    ------
    UnknownName
        If no chip has this name; the error lists those that exist.
    ChipError
        If the file is not a valid record: a figure without source, a wrong unit, an unknown key.

    >>> chip_record("loihi_davies2018").energy["synapse"].value
    23.6
    """
    if _is_path(name):
        return _read(Path(name))
    known = list_chips()
    if name not in known:
        raise UnknownName("chip", str(name), known)
    record = _read(models_dir() / "chips" / f"{name}.toml")
    if record.name != name:
        raise ChipError("a chip must have the name of its file", where=f"{name}.toml", value=repr(record.name))
    return record


def load_chip(name_or_path: str | Path) -> Chip:
    """A chip: one of models/chips by its name, a chip file, or a SANA-FE architecture.

    Parameters
    ----------
    name_or_path
        A name that `list_chips` gives; or a path to a ``.toml`` file of the same form; or a path to a ``.yaml`` file in
        the format of SANA-FE's architectures.

    Raises
    ------
    UnknownName
        If no chip has this name.
    ChipError
        If the file cannot be used.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> loihi = load_chip("loihi_davies2018")
    >>> loihi.cores, loihi.energy["synapse"].value
    (128, 2.36e-11)
    """
    if _is_path(name_or_path) and Path(name_or_path).suffix in (".yaml", ".yml"):
        from neuro.chip.sanafe import read_architecture

        return read_architecture(name_or_path)
    return chip_record(name_or_path).chip()


def _is_path(name: str | Path) -> bool:
    return isinstance(name, Path) or Path(name).suffix in (".toml", ".yaml", ".yml") or len(Path(name).parts) > 1


def _read(path: Path) -> ChipRecord:
    """The record in one file, checked."""
    try:
        return ChipRecord.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ChipError("a chip file must be valid TOML", where=str(path), value=error) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ChipError(
            "each figure of a chip file must have a value, its unit and a source",
            where=str(path),
            value=f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}",
        ) from None
