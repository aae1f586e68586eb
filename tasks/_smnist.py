"""The sequential MNIST network that ran on Loihi: its encoder, the network as a description, and its files.

80 inputs, 140 LIF and 100 AHP neurons, ten readouts; one pixel a step, 784 steps and 56 of a cue; the answer is the
largest readout after the last step. Source: intel-nrc-ecosystem/models, nxsdk_modules_ncl/lsnn; Rao et al.,
Nature Machine Intelligence 2022.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import neuro as nr
from neuro.errors import DataError
from neuro.files.reading import read_gzip, read_npy
from neuro.validation import Floats, Ints

DT = 1e-3
"""Step of the network's own time, s; how long a chip takes for it is another matter."""
STEPS, PIXELS = 840, 784
INPUTS, LIF, AHP, READOUTS = 80, 140, 100, 10
IMAGES = 10_000
"""Of MNIST's test set."""
THRESHOLDS = np.floor(np.linspace(0, 255, 40))[1:39].astype(np.uint8)
"""Thresholds 1 .. 38 of the encoder."""
FILES = {
    "loihi_smnist": ("w_in.npy", "w_rec.npy", "w_out.npy"),
    "mnist": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
REMEDY = (
    "Set NEURO_DATA to a folder with loihi_smnist/w_in.npy, w_rec.npy and w_out.npy (the weights v25_94per of "
    "github.com/intel-nrc-ecosystem/models, nxsdk_modules_ncl/lsnn, saved as arrays (source, target)) and with "
    "mnist/t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz (the MNIST test set)"
)


class Weights(NamedTuple):
    """The trained whole-number weights, (source, target)."""

    inputs: Floats
    recurrent: Floats
    readout: Floats


def encode(pixels: NDArray[np.uint8], dt: float = DT) -> nr.Spikes:
    """Spikes of the 80 inputs for one image, (784,) bytes.

    Input 2k fires where the brightness rises through threshold k, 2k + 1 where it falls through it; 78 where it is
    255; 79 during the cue.
    """
    left, right = pixels[:-1, None], pixels[1:, None]
    step_up, up = np.nonzero((left < THRESHOLDS) & (right >= THRESHOLDS))
    step_down, down = np.nonzero((left >= THRESHOLDS) & (right < THRESHOLDS))
    white, cue = np.flatnonzero(pixels == 255), np.arange(PIXELS, STEPS)
    steps = np.concatenate([step_up, step_down, white, cue])
    ids = np.concatenate([2 * up + 2, 2 * down + 3, np.full(len(white), 78), np.full(len(cue), 79)])
    return nr.Spikes(steps * dt, ids)


def network(w_in: Floats, w_rec: Floats, w_out: Floats, dt: float = DT, *, w_a: int = 96) -> nr.Network:
    """The published network: weights (80, 240), (240, 240), (240, 10); LIF neurons first, then AHP."""
    net = nr.Network()
    net.add(nr.Population("input", INPUTS, nr.SpikeSource()))
    net.add(nr.Population("lif", LIF, nr.LoihiLIF(d_v=204, v_th=127)))
    net.add(nr.Population("ahp", AHP, nr.LoihiAHP(d_v=204, v_th=127 * 4, e=2, d_a=5, w_a=w_a, e_a=-4)))
    net.add(nr.Population("readout", READOUTS, nr.LoihiLIF(d_v=204, v_th=None)))
    columns = {"lif": slice(0, LIF), "ahp": slice(LIF, None)}
    for post, here in columns.items():
        net.connect("input", post, listed(w_in[:, here]), delay=dt)
        for pre, there in columns.items():
            net.connect(pre, post, listed(w_rec[there, here]), delay=dt)
    for pre, there in columns.items():
        net.connect(pre, "readout", listed(w_out[there]), delay=dt)
    return net


def listed(weights: Floats) -> nr.Sparse:
    """The synapses that there are: a weight of zero is none."""
    pre, post = np.nonzero(weights)
    return nr.Sparse(pre, post, weights[pre, post])


def find_data() -> Path:
    """The folder with the published files: `$NEURO_DATA`, or `../shared/data` beside the checkout.

    Raises
    ------
    DataError
        If neither has them all; it says which is missing, and where to get it.
    """
    given = os.environ.get("NEURO_DATA")
    data = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    missing = [f"{folder}/{name}" for folder, names in FILES.items() for name in names]
    missing = [name for name in missing if not (data / name).is_file()]
    if missing:
        raise DataError("the published files are needed", where=str(data), value=f"no {missing[0]}", remedy=REMEDY)
    return data


def read_weights(data: Path) -> Weights:
    """The published weights."""
    found = Weights(*(read_npy(data / "loihi_smnist" / name, DataError, "weights") for name in FILES["loihi_smnist"]))
    cells = LIF + AHP
    for array, name, shape in zip(
        found, FILES["loihi_smnist"], ((INPUTS, cells), (cells, cells), (cells, READOUTS)), strict=True
    ):
        if array.shape != shape or array.dtype.kind not in "iuf":
            kind = f"{array.dtype}, shape {array.shape}"
            raise DataError(f"weights must be numbers of shape {shape}", where=name, value=kind, remedy=REMEDY)
    return found


def read_images(data: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The 10,000 test images of MNIST, (10000, 784) bytes row by row, and their digits."""
    images, labels = (
        read_gzip(data / "mnist" / name, DataError, "MNIST", most=16 + IMAGES * PIXELS) for name in FILES["mnist"]
    )
    if len(images) != 16 + IMAGES * PIXELS or len(labels) != 8 + IMAGES:
        value = f"{len(images):,} and {len(labels):,} bytes"
        raise DataError("the published files must be whole", where=str(data / "mnist"), value=value, remedy=REMEDY)
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(IMAGES, PIXELS)
    return pixels, np.frombuffer(labels, np.uint8, offset=8)


def load(data: Path) -> tuple[Weights, NDArray[np.uint8], NDArray[np.uint8]]:
    """Weights, test images and their digits."""
    try:
        return read_weights(data), *read_images(data)
    except DataError as error:
        raise DataError(error.rule, where=error.where, value=error.value, remedy=error.remedy or REMEDY) from None


def chip_run() -> Ints:
    """The 200 test images of the run on the chip."""
    return np.random.RandomState(0).choice(range(IMAGES), 200, False)


def answer(recording: Any) -> int:
    """The digit of the largest readout after the last step."""
    return int(recording.state.v["readout"].argmax())
