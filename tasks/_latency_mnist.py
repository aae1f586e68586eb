"""The latency-mnist task's parts: images as spike times, and one training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from neuro.gradients.timed_layers import TimedLayers
from neuro.learning.examples import Examples
from neuro.randomness import stream
from neuro.tasks._mnist_images import PIXELS, mnist
from neuro.tasks._timed import EARLY, Outcome, Sets, TimedConfig, compile_layers, network, train
from neuro.units import ms
from neuro.validation import Floats

CLASSES = 10
DARK = 0.1
"""Pixels of this value and darker have no spike."""


class Config(TimedConfig):
    """Settings of the latency-mnist task."""

    seeds: int = Field(3, ge=1, description="independent repetitions: first weights and order")
    hidden: int = Field(350, ge=1, description="hidden neurons")
    epochs: int = Field(24, ge=1, description="passes through the training images")
    rate: float = Field(3e-3, gt=0, description="first learning rate, of Adam")
    temperature: float = Field(0.5 * ms, gt=0, description="scale of differences of spike times in the loss, s")
    slope_floor: float = Field(20.0, ge=0, description="least dv/dt at a spike that gradients divide by, 1/s")
    least_spikes: float = Field(
        0.2, ge=0, description="mean spikes of a hidden neuron in the images of an update below which its inputs grow"
    )
    means: tuple[float, float] = Field((0.05, 0.03), description="mean of the first weights of both matrices")
    spreads: tuple[float, float] = Field((0.08, 0.08), description="standard deviation of the same")
    dropped: float = Field(0.2, ge=0, lt=1, description="share of the input spikes that a training image lacks, drawn")
    validation: float = Field(1 / 12, gt=0, lt=1, description="share of the training images that is held out")


def times_of(config: Config, pixels: Floats) -> Floats:
    """Images as spike times, s: the brighter, the earlier; dark pixels have none."""
    times = EARLY + (config.late - EARLY) * (1.0 - pixels)
    return np.where(pixels > DARK, times, config.duration)


def sets_of(config: Config, seed: int) -> tuple[Examples, Examples, Examples]:
    """Images for training, validation and the test, as spike times."""
    every = mnist("training", config.used)
    training, validation = every.split(config.validation, seed)
    judged = validation if config.judged == "validation" else mnist("test", config.used)
    timed = [Examples(times_of(config, each.inputs), each.labels) for each in (training, validation, judged)]
    return timed[0], timed[1], timed[2]


def dropping(config: Config, images: Examples, seed: int) -> Callable[[int], Examples]:
    """The training images of each epoch, each time without other spikes."""

    def of(epoch: int) -> Examples:
        lost = stream(seed, "latency mnist", str(epoch)).random(images.inputs.shape, np.float32) < config.dropped
        return Examples(np.where(lost, config.duration, images.inputs), images.labels)

    return of


def layers_of(config: Config) -> TimedLayers:
    """The layers that are trained."""
    return network(config, PIXELS, CLASSES)


def learn(job: tuple[Config, int]) -> Outcome:
    """Train with one seed; then look at the judged images, once."""
    config, seed = job
    training, validation, judged = sets_of(config, seed)
    compile_network(config)
    data = dropping(config, training, seed) if config.dropped else training
    return train(config, layers_of(config), Sets(data, validation, judged), seed)


def compile_network(config: Config) -> None:
    """Compile all kernels."""
    few = mnist("training", 2)
    compile_layers(layers_of(config), Examples(times_of(config, few.inputs), few.labels))
