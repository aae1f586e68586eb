"""Placements on disk, with their chips: JSON, or NumPy's npz for large ones."""

from __future__ import annotations

import json
import os
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from neuro.chip.model import Chip, Limits, Quantity
from neuro.chip.placement import Placement, Routes
from neuro.errors import PlacementError
from neuro.validation import frozen

__all__ = ["chip_from", "chip_to", "load_placement", "save_placement"]

KIND = "placement 1"
_TABLES = ("energy", "time", "power", "host", "barrier")


def save_placement(placement: Placement, path: str | Path) -> None:
    """Write a placement; see `Placement.save`. The file appears whole or not at all."""
    routes = placement.routes
    arrays = {f"core/{name}": core for name, core in placement.core.items()}
    arrays |= {"routes/start": routes.start, "routes/core": routes.core, "routes/synapses": routes.synapses}
    arrays |= {f"routes/variants/{name}": part for name, part in routes.variants.items()}
    if routes.nonzero is not None:
        arrays["routes/nonzero"] = routes.nonzero
    about = {
        "neuro": KIND,
        "chip": chip_to(placement.chip),
        "populations": list(placement.core),
        "sources": sorted(placement.sources),
        "variants": dict(placement.variants),
        "compartments": {name: int(count) for name, count in placement.compartments.items()},
        "structure": dict(placement.structure),
    }
    target = Path(path)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        if target.suffix == ".json":
            listed = {name: array.tolist() for name, array in arrays.items()}
            partial.write_text(json.dumps({**about, "arrays": listed}), encoding="utf-8")
        else:
            with partial.open("wb") as file:
                np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def load_placement(path: str | Path) -> Placement:
    """Read a placement that `Placement.save` wrote.

    Raises
    ------
    PlacementError
        If the file is no placement.
    FileNotFoundError
        If there is no such file.

    >>> import tempfile
    >>> from neuro.chip.model import mesh_chip
    >>> from neuro.chip.placement import placed
    >>> from neuro.network.graph import Network
    >>> empty = placed(Network(), mesh_chip(1, 1, neurons=1), {})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     empty.save(f"{folder}/placement.json")
    ...     load_placement(f"{folder}/placement.json").chip == empty.chip
    True
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        if file.suffix == ".json":
            about = json.loads(file.read_text(encoding="utf-8"))
            arrays = about["arrays"]
        else:
            with np.load(file, allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
            about = json.loads(str(arrays["about"]))
        if about["neuro"] != KIND:
            raise ValueError(about["neuro"])
        array = {name: frozen(np.asarray(value, np.int64)) for name, value in arrays.items() if name != "about"}
        prefix = "routes/variants/"
        routes = Routes(
            array["routes/start"],
            array["routes/core"],
            array["routes/synapses"],
            {name.removeprefix(prefix): part for name, part in array.items() if name.startswith(prefix)},
            array.get("routes/nonzero"),
        )
        core = {name: array[f"core/{name}"] for name in about["populations"]}
        chip = chip_from(about["chip"])
        sources = frozenset(about["sources"])
        rest = (dict(about[key]) for key in ("variants", "compartments", "structure"))
        return Placement(chip, core, routes, sources, *rest)
    except (KeyError, TypeError, ValueError, AttributeError, OSError, zipfile.BadZipFile) as problem:
        raise PlacementError(
            "this file is no placement of neuro, or damaged", where=str(path), remedy="Write it with Placement.save"
        ) from problem


def chip_to(chip: Chip) -> dict[str, Any]:
    """A chip as JSON knows it."""
    return asdict(chip)


def chip_from(record: Mapping[str, Any]) -> Chip:
    """The chip that `chip_to` wrote."""
    known = {field.name for field in fields(Chip)}
    if not set(record) <= known:
        raise ValueError(f"unknown: {', '.join(sorted(set(record) - known))}")
    values = dict(record)
    values["limits"] = Limits(**values["limits"])
    for table in _TABLES:
        values[table] = {key: Quantity(**figure) for key, figure in values[table].items()}
    values["barrier"] = {int(key): figure for key, figure in values["barrier"].items()}
    values["step"] = None if values["step"] is None else Quantity(**values["step"])
    values["chip_size"] = None if values["chip_size"] is None else tuple(values["chip_size"])
    return Chip(**values)
