"""Files of placements: named arrays under a JSON header, and chips as JSON has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from neuro.chip.cores import CoreGroup, Limits, Quantity
from neuro.chip.model import Chip
from neuro.errors import NeuroError
from neuro.files.reading import read_json, read_npz
from neuro.files.writing import atomic
from neuro.validation import Ints

__all__ = ["chip_from_dict", "chip_to_dict", "read_arrays", "write_arrays"]

_TABLES = ("energy", "time", "power", "host", "barrier")


def write_arrays(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, Ints]) -> None:
    """Write a header and arrays: JSON where the name ends in ``.json``, else NumPy's npz, which has checksums.

    The file appears whole or not at all.
    """
    with atomic(path) as partial:
        if Path(path).suffix == ".json":
            listed = {name: array.tolist() for name, array in arrays.items()}
            partial.write_text(json.dumps({**header, "arrays": listed}), encoding="utf-8")
        else:
            with partial.open("wb") as file:
                np.savez_compressed(file, about=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


def read_arrays(path: str | Path, error: type[NeuroError], what: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the arrays (or lists) of a file that `write_arrays` wrote; arguments as for `read_text`."""
    if Path(path).suffix == ".json":
        header = read_json(path, error, what)
        arrays = header.pop("arrays")
    else:
        arrays = dict(read_npz(path, error, what))
        header = json.loads(str(arrays.pop("about")))
    if not isinstance(header, dict) or not isinstance(arrays, dict):
        raise TypeError("a header and arrays by name")
    return header, arrays


def chip_to_dict(chip: Chip) -> dict[str, Any]:
    """A chip as JSON has it; without groups and link buffers where it has none, so that older versions read it."""
    record = asdict(chip)
    if not chip.groups:
        del record["groups"]
    if chip.link_buffer is None:
        del record["link_buffer"]
    return record


def chip_from_dict(record: Mapping[str, Any]) -> Chip:
    """The chip that `chip_to_dict` wrote."""
    known = {field.name for field in fields(Chip)}
    if not set(record) <= known:
        raise ValueError(f"unknown: {', '.join(sorted(set(record) - known))}")
    values = dict(record)
    values["limits"] = Limits(**values["limits"])
    for table in _TABLES:
        values[table] = _figures(values[table])
    values["groups"] = tuple(_group(group) for group in values.get("groups", ()))
    values["barrier"] = {int(key): figure for key, figure in values["barrier"].items()}
    values["step"] = None if values["step"] is None else Quantity(**values["step"])
    values["chip_size"] = None if values["chip_size"] is None else tuple(values["chip_size"])
    return Chip(**values)


def _figures(table: Mapping[str, Any]) -> dict[str, Quantity]:
    return {key: Quantity(**figure) for key, figure in table.items()}


def _group(record: Mapping[str, Any]) -> CoreGroup:
    values = dict(record)
    values["cores"] = tuple(values["cores"])
    values["limits"] = Limits(**values["limits"])
    values["energy"], values["time"] = _figures(values["energy"]), _figures(values["time"])
    return CoreGroup(**values)
