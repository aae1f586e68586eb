"""HDF5 files whose data lie elsewhere, as nobody writes them by accident."""

from __future__ import annotations

from pathlib import Path

import h5py

KINDS = ["external storage", "external link", "soft link", "virtual dataset", "ring"]


def first_dataset(file: h5py.File) -> str:
    """The path of a dataset that has values."""
    found = []
    file.visititems(lambda name, held: found.append(name) if isinstance(held, h5py.Dataset) and held.size else None)
    return found[0]


def divert(path: Path, kind: str) -> None:
    """Have a dataset of a file take its values from elsewhere."""
    other = path.with_name("other.h5")
    with h5py.File(path, "r+") as file:
        name = first_dataset(file)
        values = file[name][...]
        with h5py.File(other, "w") as secret:
            secret["values"] = values
        if kind == "ring":
            file[f"{name.rpartition('/')[0]}/ring"] = file[name].parent
            return
        del file[name]
        if kind == "external storage":
            file.create_dataset(name, values.shape, values.dtype, external=[(str(other), 0, h5py.h5f.UNLIMITED)])
        elif kind == "external link":
            file[name] = h5py.ExternalLink(other.name, "/values")
        elif kind == "soft link":
            file["kept"] = values
            file[name] = h5py.SoftLink("/kept")
        else:
            layout = h5py.VirtualLayout(values.shape, values.dtype)
            layout[...] = h5py.VirtualSource(other, "values", values.shape)
            file.create_virtual_dataset(name, layout)
