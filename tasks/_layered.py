"""What the tasks that train networks of layers share: variants, one training, and what an inference costs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading
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


def arrays(
    setting: Setting, weights: LayerWeights, seed: int, reading: Reading | None = None
) -> list[AbstractCrossbar]:
    """Crossbars of 64 levels that hold these matrices; each write misses by one level in the standard deviation."""
    device = Device("levels64", 0.0, G_MAX, levels=LEVELS, write_noise=G_MAX / (LEVELS - 1))
    held = zip(weights.matrices, setting.ranges, strict=True)
    return [
        Crossbar(
            matrix, device=device, w_max=most, start=0.5, reading=reading, seed=seed, name=f"{setting.task}/{layer}"
        )
        for layer, (matrix, most) in enumerate(held)
    ]


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
    held = arrays(setting, first_weights(network.sizes, seed), seed) if variant == "levels64" else None
    fitted = fit(
        network,
        training,
        EquilibriumPropagation(beta=config.beta),
        setting.schedule,
        validation=validation,
        crossbars=held,
        seed=seed,
        checkpoint=checkpoint,
    )
    right, spikes = accuracy(network, fitted.weights, test)
    counts: dict[str, float] = {}
    if held is not None:
        counts["pulses_per_device"] = pulses_per_device(held)
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
