"""What the tasks that train networks of layers share: variants, one training, and what an inference costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.catalog import list_devices, load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.targets import nominal_step
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, accuracy, fit
from neuro.learning.fitted import Fitted
from neuro.learning.layer_rules import EquilibriumPropagation
from neuro.learning.layers import LayerWeights, RateLayers, SpikingLayers, first_weights
from neuro.tasks._layer_prices import chip_joules, crossbar_joules, pulses_per_device
from neuro.units import uS
from neuro.validation import Floats

VARIANTS = ("ideal", "levels64", "rate")
"""Spikes with weights as numbers, spikes with weights in devices, and rates."""
CLASSES = 10
LEVELS, G_MAX = 64, 100 * uS
ON_NUMBERS = ("ideal", "rate", "conv")
"""Variants whose weights are numbers."""
WIRED = {"wires1": 1.0, "wires5": 5.0}
"""Resistance of every wire segment, ohm, of variants that have the devices of `levels64` and wires."""


class LayerConfig(BaseModel):
    """Settings that these tasks share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: splits, first weights, order, device noise")
    hidden: int = Field(128, ge=1, description="hidden neurons")
    epochs: int = Field(10, ge=1, description="passes through the training images")
    rates: tuple[float, float] = Field((0.2, 0.05), description="first learning rates of both matrices")
    beta: float = Field(1.0, gt=0, description="strength of the nudge")
    priced: int = Field(20, ge=1, description="test images whose energy is counted for each seed")
    read_voltage: float = Field(0.2, gt=0, description="V, a choice of this task: joules go with its square")
    read_time: float = Field(10e-9, gt=0, description="s, a choice of this task: joules go with it")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Setting(NamedTuple):
    """What a task trains."""

    task: str
    """Its name, from which the devices' errors are drawn."""
    spiking: SpikingLayers
    rate: RateLayers
    schedule: Schedule
    ranges: tuple[float, float]
    """|W| of each matrix at which one device of a pair stands at each end of its window."""
    max_levels: int = Schedule().max_levels
    """Levels of `levels64` that one update may move a device; of others as large a part of the window."""


class Outcome(NamedTuple):
    """Result of one variant with one seed."""

    variant: str
    seed: int
    test: float
    """Share of the test images that are classified rightly."""
    training: tuple[float, ...]
    """The same of the training images in each epoch, in their free phases."""
    validation: tuple[float, ...]
    """The same of the validation images after each epoch, if there are any."""
    spikes: float
    """Spikes of an inference in the mean."""
    counts: dict[str, float]
    """What an inference and a training cost."""
    error: str = ""
    """Why the training ended early, if it did."""


def device_of(variant: str) -> Device:
    """The devices of a variant: a preset by its name, else 64 levels, of which each write misses by one."""
    if variant in list_devices():
        return load_device(variant)
    return Device("levels64", 0.0, G_MAX, levels=LEVELS, write_noise=G_MAX / (LEVELS - 1))


def arrays(
    setting: Setting, weights: LayerWeights, seed: int, reading: Reading | None = None, variant: str = "levels64"
) -> list[AbstractCrossbar]:
    """Crossbars that hold these matrices, in the devices and with the wires of a variant."""
    resistance = WIRED.get(variant, 0.0)
    wires = Wires(row=resistance, column=resistance) if resistance else None
    held = zip(weights.matrices, setting.ranges, strict=True)
    return [
        Crossbar(
            matrix,
            device=device_of(variant),
            wires=wires,
            w_max=most,
            start=0.5,
            reading=reading,
            seed=seed,
            name=f"{setting.task}/{layer}",
        )
        for layer, (matrix, most) in enumerate(held)
    ]


def max_levels(device: Device, levels: int) -> int:
    """Pulses that one update may send to a device: those that take as large a part of its window as 64 levels do."""
    step = nominal_step(device)
    return max(1, round(levels / (LEVELS - 1) * (device.g_max - device.g_min) / step)) if step else levels


def train(
    config: LayerConfig,
    setting: Setting,
    variant: str,
    seed: int,
    images: tuple[Examples, Examples | None, Examples],
    checkpoint: Path | None = None,
) -> Outcome:
    """Train one variant with one seed, then look at the test images, once; `images`: training, validation, test."""
    training, validation, test = images
    network = setting.rate if variant == "rate" else setting.spiking
    on_devices, schedule = variant not in ON_NUMBERS, setting.schedule
    held = arrays(setting, first_weights(network.sizes, seed), seed, variant=variant) if on_devices else None
    if on_devices:
        schedule = replace(schedule, max_levels=max_levels(device_of(variant), setting.max_levels))
    fitted = fit(
        network,
        training,
        EquilibriumPropagation(beta=config.beta),
        schedule,
        validation=validation,
        crossbars=held,
        seed=seed,
        checkpoint=checkpoint,
    )
    right, spikes = accuracy(network, fitted.weights, test)
    counts: dict[str, float] = {}
    if held is not None:
        counts["pulses_per_device" if variant == "levels64" else f"pulses_per_device/{variant}"] = pulses_per_device(
            held
        )
    if variant == "ideal":
        counts |= prices(config, setting, fitted, test.take(np.arange(min(config.priced, len(test)))), seed)
    return Outcome(variant, seed, right, tuple(fitted.training), tuple(fitted.validation), spikes, counts)


def prices(config: LayerConfig, setting: Setting, fitted: Fitted, shown: Examples, seed: int) -> dict[str, float]:
    """Joules of an inference: on a crossbar, its reads; on chips, all that a recording causes there."""
    network, weights = setting.spiking, fitted.weights
    reading = Reading(voltage=config.read_voltage, duration=config.read_time)
    within = [np.clip(w, -most, most) for w, most in zip(weights.matrices, setting.ranges, strict=True)]
    held = arrays(setting, LayerWeights(tuple(within), weights.biases), seed, reading)
    on_crossbars = crossbar_joules(network, weights, shown.inputs, held)
    return {**on_crossbars, **chip_joules(network, weights, shown.inputs)}


def compile_network() -> None:
    """Compile what a training needs, or read it from the cache: processes that start afterwards find it there."""
    sizes = (2, 2, 2)
    examples: Floats = np.array([[1.0, -1.0], [-1.0, 1.0]])
    SpikingLayers(sizes=sizes).answer(first_weights(sizes, 0), examples)
