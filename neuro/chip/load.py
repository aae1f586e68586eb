"""Loading of chips: by name from models/chips, or by path from a chip file or a SANA-FE architecture."""

from __future__ import annotations

from pathlib import Path

from neuro.chip.model import Chip
from neuro.chip.schema import ChipRecord
from neuro.errors import ChipError, UnknownName
from neuro.figures import read_record
from neuro.paths import models_dir
from neuro.validation import file_name

__all__ = ["chip_record", "is_architecture", "list_chips", "load_chip"]


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
        Of a chip in models/chips, or a path to a file of the same form; ``@point`` after it for an operating point.

    Raises
    ------
    UnknownName
        If no chip has this name; the error lists those that exist.
    ChipError
        If the file is not a valid record: a figure without source, a wrong unit, an unknown key.

    >>> chip_record("loihi_davies2018").energy["synapse"].value
    23.6
    """
    bare, _, point = str(name).partition("@")
    if _is_path(bare):
        record = read_record(Path(bare), ChipRecord, ChipError, "chip")
    else:
        known = list_chips()
        if bare not in known:
            raise UnknownName("chip", bare, known)
        record = read_record(models_dir() / "chips" / f"{bare}.toml", ChipRecord, ChipError, "chip")
        if record.name != bare:
            raise ChipError("a chip must have the name of its file", where=f"{bare}.toml", value=repr(record.name))
    return record.at(point) if point else record


def load_chip(name_or_path: str | Path) -> Chip:
    """A chip: one of models/chips by its name, a chip file, or a SANA-FE architecture.

    Parameters
    ----------
    name_or_path
        A name that `list_chips` gives; or a path to a ``.toml`` file of the same form; either may be followed by
        ``@point``, where the file has other operating points. Or a path to a ``.yaml`` file in the format of SANA-FE's
        architectures.

    Raises
    ------
    UnknownName
        If no chip has this name.
    ChipError
        If the file cannot be used.
    DataError
        If there is no such file (this is a FileNotFoundError, too).

    Examples
    --------
    >>> loihi = load_chip("loihi_davies2018")
    >>> loihi.cores, loihi.energy["synapse"].value
    (128, 2.36e-11)
    >>> load_chip("truenorth").energy["synapse"].value, load_chip("truenorth@best").energy["synapse"].value
    (2.6e-11, 2.5e-12)
    """
    file_name(name_or_path, "chip", error=ChipError)
    if is_architecture(name_or_path):
        from neuro.chip.sanafe import read_architecture

        return read_architecture(name_or_path)
    return chip_record(name_or_path).chip()


def is_architecture(name: str | Path) -> bool:
    """True if a name is that of a SANA-FE architecture.

    >>> is_architecture("loihi.yaml"), is_architecture("loihi_sanafe")
    (True, False)
    """
    return Path(name).suffix in (".yaml", ".yml")


def _is_path(name: str) -> bool:
    return Path(name).suffix == ".toml" or len(Path(name).parts) > 1
