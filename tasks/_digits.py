"""The digits task's parts: its images, its networks, one training, and what an inference costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading
from neuro.errors import DataError
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
CLASSES, PIXELS = 10, 64
LEVELS, G_MAX = 64, 100 * uS
WEIGHT_RANGE = 1.0
"""|W| at which one device of a pair stands at each end of its window."""


class Config(BaseModel):
    """Settings of the digits task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: splits, first weights, order, device noise")
    hidden: int = Field(128, ge=1, description="hidden neurons")
    epochs: int = Field(10, ge=1, description="passes through the training images")
    rates: tuple[float, float] = Field((0.2, 0.05), description="first learning rates of both matrices")
    beta: float = Field(1.0, gt=0, description="strength of the nudge")
    test: float = Field(0.2, gt=0, lt=1, description="share of all images that is set aside for the test")
    validation: float = Field(
        0.0, ge=0, lt=1, description="share of the others that is set aside for validation; 0 trains on all of them"
    )
    used: int = Field(0, ge=0, description="images of the set that are used at all; 0 takes all 1,797")
    priced: int = Field(20, ge=1, description="test images whose energy is counted for each seed")
    read_voltage: float = Field(0.2, gt=0, description="V, a choice of this task: joules go with its square")
    read_time: float = Field(10e-9, gt=0, description="s, a choice of this task: joules go with it")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


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


def images() -> Examples:
    """The 8x8 digits that come with scikit-learn, from 0 to 1.

    Raises
    ------
    DataError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        rule = "the 8x8 digits come with scikit-learn, which is not installed"
        raise DataError(rule, where="digits", remedy="pip install scikit-learn") from None
    pixels, labels = load_digits(return_X_y=True)
    return Examples(np.asarray(pixels) / 16.0, labels)


def split_images(config: Config, seed: int) -> tuple[Examples, Examples | None, Examples]:
    """Training, validation and test images, each less the mean training image."""
    every = images()
    if config.used:
        every = every.take(np.arange(min(config.used, len(every))))
    rest, test = every.split(config.test, seed, "test")
    training, validation = rest.split(config.validation, seed) if config.validation else (rest, None)
    mean = training.inputs.mean(axis=0)
    return training.centred(mean), None if validation is None else validation.centred(mean), test.centred(mean)


def arrays(weights: LayerWeights, seed: int, reading: Reading | None = None) -> list[AbstractCrossbar]:
    """Crossbars of 64 levels that hold these matrices; each write misses by one level in the standard deviation."""
    device = Device("levels64", 0.0, G_MAX, levels=LEVELS, write_noise=G_MAX / (LEVELS - 1))
    return [
        Crossbar(
            matrix, device=device, w_max=WEIGHT_RANGE, start=0.5, reading=reading, seed=seed, name=f"digits/{layer}"
        )
        for layer, matrix in enumerate(weights.matrices)
    ]


def learn(job: tuple[Config, str, int]) -> Outcome:
    """Train one variant with one seed, then look at the test images, once."""
    config, variant, seed = job
    training, validation, test = split_images(config, seed)
    sizes = (PIXELS, config.hidden, CLASSES)
    network = RateLayers(sizes=sizes) if variant == "rate" else SpikingLayers(sizes=sizes)
    held = arrays(first_weights(sizes, seed), seed) if variant == "levels64" else None
    schedule = Schedule(epochs=config.epochs, rates=config.rates)
    rule = EquilibriumPropagation(beta=config.beta)
    fitted = fit(network, training, rule, schedule, validation=validation, crossbars=held, seed=seed)
    right, spikes = accuracy(network, fitted.weights, test)
    counts: dict[str, float] = {}
    if held is not None:
        counts["pulses_per_device"] = pulses_per_device(held)
    if variant == "ideal":
        assert isinstance(network, SpikingLayers)
        counts |= prices(config, network, fitted, test.take(np.arange(min(config.priced, len(test)))), seed)
    return Outcome(variant, seed, right, tuple(fitted.training), tuple(fitted.validation), spikes, counts)


def prices(config: Config, network: SpikingLayers, fitted: Fitted, shown: Examples, seed: int) -> dict[str, float]:
    """Joules of an inference: on a crossbar, its reads; on chips, all that a recording causes there."""
    weights = fitted.weights
    reading = Reading(voltage=config.read_voltage, duration=config.read_time)
    clipped = LayerWeights(tuple(np.clip(w, -WEIGHT_RANGE, WEIGHT_RANGE) for w in weights.matrices), weights.biases)
    on_crossbar = crossbar_joules(network, weights, shown.inputs, arrays(clipped, seed, reading))
    return {**on_crossbar, **chip_joules(network, weights, shown.inputs)}


def compile_network() -> None:
    """Compile what a training needs, or read it from the cache: processes that start afterwards find it there."""
    sizes = (2, 2, 2)
    examples: Floats = np.array([[1.0, -1.0], [-1.0, 1.0]])
    SpikingLayers(sizes=sizes).answer(first_weights(sizes, 0), examples)
