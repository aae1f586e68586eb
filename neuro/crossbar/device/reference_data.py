"""`MeasuredFile`: a measured law in the reference data, which are not part of this project."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from neuro.crossbar.device.laws import MeasuredLaw
from neuro.errors import DeviceError
from neuro.files.reading import in_file, read_npz, real_numbers
from neuro.paths import data_dir

__all__ = ["MeasuredFile"]


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A `MeasuredLaw` in a file of the reference data, read when it is first needed.

    The file is an archive of arrays: `conductance` (devices, points), `probability` (probabilities,), `set_change`
    and `reset_change` (devices, probabilities, points), in siemens. An inverse distribution cannot fall. Where the
    one in the file does, because few pulses were measured, its values are sorted; their set stays the same.
    """

    file: str
    """Path below the folder of reference data."""
    remedy: str = ""
    """How to get it."""

    @property
    def path(self) -> Path:
        """Where the file should be."""
        return data_dir() / self.file

    def load(self) -> MeasuredLaw:
        """The law itself, read from the file.

        Raises
        ------
        DeviceError
            If the file is missing, or is not such an archive; the error says how to get it.
        """
        path = self.path
        if not os.path.isfile(path):
            raise DeviceError(
                "measured devices need their data, which are not part of this project",
                value=f"no file {path}",
                remedy=f"{self.remedy} $NEURO_DATA names the folder that they are looked for in".strip(),
            )
        return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, _modified: int) -> MeasuredLaw:
    found = read_npz(path, DeviceError, "measured devices")
    try:
        keys = "conductance", "probability", "set_change", "reset_change"
        arrays = {key: real_numbers(found[key], f"{path}, {key}", DeviceError) for key in keys}
        parts = {key: np.array(arrays[key]) for key in keys[:2]}
        changes = {key: np.sort(arrays[f"{key}_change"], axis=1) for key in ("set", "reset")}
    except (KeyError, ValueError, TypeError) as error:
        raise DeviceError("the measured devices cannot be read", where=str(path), value=error) from None
    with in_file(path):
        return MeasuredLaw(**parts, up=changes["set"], down=changes["reset"])
