"""Where the files that come with the package lie, and where reference data are looked for."""

from __future__ import annotations

import os
from pathlib import Path

from neuro.errors import DeviceError

__all__ = ["data_dir", "models_dir"]


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
    package = Path(__file__).resolve().parent if package is None else package
    places = (package / "_models", package.parent / "models")
    for place in places:
        if (place / "devices").is_dir():
            return place
    raise DeviceError(
        "the model data must lie inside the package or beside it",
        value=f"nothing at {places[0]} or {places[1]}",
        remedy="Install neuro again, or run it from a complete checkout",
    )


def data_dir() -> Path:
    """The folder of reference data: `$NEURO_DATA`, else `../shared/data` beside the checkout.

    >>> isinstance(data_dir(), Path)
    True
    """
    given = os.environ.get("NEURO_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
