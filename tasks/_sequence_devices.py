"""A trained classifier with its weights on crossbars of memristors, and its accuracy as their quality falls."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np

import neuro as nr
from neuro.crossbar.device.faults import Faults
from neuro.training.batch import Batch
from neuro.training.library import import_torch
from neuro.training.train import accuracy_of
from neuro.validation import Floats

KNOBS = ("levels", "write_noise", "stuck")
"""What is varied, one at a time; the others are those of a device of any conductance without errors."""
WINDOW = "taox_64x64"
"""The device whose window of conductance all of them have."""


class Quality(NamedTuple):
    """One kind of devices."""

    knob: str
    value: float

    @property
    def name(self) -> str:
        """As in the metrics."""
        return f"{self.knob}_{self.value:g}"


def qualities(config: Any) -> list[Quality]:
    """All kinds of the settings of a task."""
    return [Quality(knob, float(value)) for knob in KNOBS for value in getattr(config, f"device_{knob}")]


def crossbar_of(weights: Floats, mask: Floats, quality: Quality, seed: int, name: str) -> Any:
    """The weights on pairs of devices; where there is no synapse, both are unformed.

    The largest weight takes the whole window. Of stuck devices, as many are stuck at either end of it.
    """
    published = nr.load_device(WINDOW)
    low, high = published.g_min, published.g_max
    levels = int(quality.value) if quality.knob == "levels" else None
    noise = quality.value * (high - low) if quality.knob == "write_noise" else 0.0
    device = nr.Device(quality.name, low, high, levels=levels, write_noise=noise)
    unformed = np.where(mask, np.nan, 0.0)
    share = quality.value if quality.knob == "stuck" else 0.0
    rng = np.random.default_rng([seed, len(name), *name.encode()])
    stuck = []
    for _ in range(2):
        drawn, end = rng.random(weights.shape) < share, rng.random(weights.shape) < 0.5
        stuck.append(np.where(np.isnan(unformed) & drawn, np.where(end, high, low), unformed))
    return nr.Crossbar(weights, device, faults=Faults(*stuck), seed=seed, name=name)


def on_devices(module: Any, quality: Quality, seed: int) -> tuple[Any, dict[str, Any]]:
    """A copy of a classifier with the weights that reads of its crossbars give, and these crossbars by name."""
    torch, made = import_torch(), copy.deepcopy(module)
    layer, crossbars = made.layer, {}
    for part, name, mask in ((layer, "w", layer.w_mask), (layer, "r", layer.r_mask), (made, "readout", None)):
        weight = getattr(part, name)
        if weight is None:
            continue
        formed = np.ones(tuple(weight.shape), np.bool_) if mask is None else mask.numpy()
        values = (weight.detach().double().numpy() * formed).astype(np.float64)
        crossbars[name] = crossbar_of(values, formed, quality, seed, name)
        with torch.no_grad():
            weight.copy_(torch.from_numpy(np.array(crossbars[name].effective_weights())))
    return made, crossbars


def accuracy_on_devices(module: Any, config: Any, tests: list[Batch], seed: int) -> dict[str, float]:
    """Share of right answers by kind of devices; nothing is trained again."""
    return {each.name: accuracy_of(on_devices(module, each, seed)[0], tests) for each in qualities(config)}
