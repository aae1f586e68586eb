"""The sequential MNIST network that ran on Loihi: its encoder, and the network as a description.

80 inputs, 140 LIF and 100 AHP neurons, ten readouts; one pixel a step, 784 steps and 56 of a cue; the answer is the
largest readout after the last step. Source: intel-nrc-ecosystem/models, nxsdk_modules_ncl/lsnn; Rao et al.,
Nature Machine Intelligence 2022.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

import neuro as nr

STEPS, PIXELS = 840, 784
LIF, AHP = 140, 100
THRESHOLDS = np.floor(np.linspace(0, 255, 40))[1:39].astype(np.uint8)
"""Thresholds 1 .. 38 of the encoder."""


def encode(pixels, dt):
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


def network(w_in, w_rec, w_out, dt, *, w_a=96):
    """The published network: weights (80, 240), (240, 240), (240, 10); LIF neurons first, then AHP."""
    net = nr.Network()
    net.add(nr.Population("input", 80, nr.SpikeSource()))
    net.add(nr.Population("lif", LIF, nr.LoihiLIF(d_v=204, vth=127)))
    net.add(nr.Population("ahp", AHP, nr.LoihiAHP(d_v=204, vth=127 * 4, e=2, d_a=5, w_a=w_a, e_a=-4)))
    net.add(nr.Population("readout", 10, nr.LoihiLIF(d_v=204, vth=None)))
    columns = {"lif": slice(0, LIF), "ahp": slice(LIF, None)}
    for post, here in columns.items():
        net.connect("input", post, listed(w_in[:, here]), delay=dt)
        for pre, there in columns.items():
            net.connect(pre, post, listed(w_rec[there, here]), delay=dt)
    for pre, there in columns.items():
        net.connect(pre, "readout", listed(w_out[there]), delay=dt)
    return net


def listed(weights):
    """The synapses that there are: a weight of zero is none."""
    pre, post = np.nonzero(weights)
    return nr.Sparse(pre, post, weights[pre, post])


def load(data: Path):
    """Weights (in, rec, out), test images (10000, 784) and their labels."""
    weights = [np.load(data / "loihi_smnist" / f"w_{name}.npy") for name in ("in", "rec", "out")]
    images = gzip.decompress((data / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((data / "mnist" / "t10k-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, PIXELS)
    return weights, pixels, np.frombuffer(labels, np.uint8, offset=8)


def chip_run():
    """The 200 test images of the run on the chip."""
    return np.random.RandomState(0).choice(range(10000), 200, False)
