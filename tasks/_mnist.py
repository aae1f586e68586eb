"""The MNIST task's parts: its images, how they are split, and what is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from neuro.errors import DataError
from neuro.learning.convolution_layers import ConvolutionLayers
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule
from neuro.learning.layers import RateLayers, SpikingLayers
from neuro.tasks._layered import CLASSES, VARIANTS, LayerConfig, Outcome, Setting, train
from neuro.tasks._mnist_images import PIXELS, SIDE, mnist

GAIN = 1.4
"""Factor of the image's drive."""
INFERENCE = 18.0, 7.0
"""Length of an inference, and of its first part that is not counted, ticks."""


class Config(LayerConfig):
    """Settings of the MNIST task."""

    seeds: int = Field(3, ge=1, description="independent repetitions: first weights, order, device noise")
    hidden: int = Field(500, ge=1, description="hidden neurons")
    rates: tuple[float, float] = Field((0.1, 0.03), description="first learning rates of both matrices")
    revival: int = Field(
        20, ge=0, description="updates after which a silent output of levels64 is revived, see `nr.Schedule`; 0: never"
    )
    last: float = Field(0.03, gt=0, description="learning rates at the end, as a share of the first")
    validation: int = Field(
        0, ge=0, description="last training images that are judged in place of the test images; 0 trains on all"
    )
    used: int = Field(0, ge=0, description="training images that are used, the first ones; 0 takes all")
    tested: int = Field(0, ge=0, description="test images that are used, the first ones; 0 takes all")
    variants: tuple[Literal["ideal", "levels64", "rate", "conv"], ...] = Field(
        VARIANTS, min_length=1, description="what is trained; conv: spikes, a convolution with average pooling"
    )
    channels: int = Field(16, ge=1, description="kernels of the convolution")
    kernel: int = Field(5, ge=1, le=28, description="height and width of a kernel, pixels")
    stride: int = Field(2, ge=1, description="step between the places of a kernel, pixels")
    pool: int = Field(2, ge=1, description="height and width of the squares of places that are averaged")
    shared_rates: tuple[float, float] = Field(
        (0.3, 0.2), description="first learning rates of the kernels, and of the matrix after them"
    )
    checkpoints: str = Field(
        "", description="folder that keeps each training after every epoch, to go on from there; empty keeps none"
    )


def split_images(config: Config) -> tuple[Examples, Examples | None, Examples]:
    """Training, validation and judged images, each less the mean training image.

    With validation images, these are judged, and the test images are not looked at.
    """
    every = mnist("training")
    count = len(every) - config.validation
    if count < 1:
        rule = f"must leave some of the {len(every)} training images"
        raise DataError(rule, where="validation", value=config.validation)
    training = every.take(np.arange(min(config.used or count, count)))
    mean = training.inputs.mean(axis=0)
    if config.validation:
        validation = every.take(np.arange(count, len(every))).centred(mean)
        return training.centred(mean), validation, validation
    test = mnist("test")
    return training.centred(mean), None, test.take(np.arange(min(config.tested or len(test), len(test)))).centred(mean)


def setting(config: Config, variant: str) -> Setting:
    """What is trained."""
    sizes = (PIXELS, config.hidden, CLASSES)
    spiking = convolution(config) if variant == "conv" else SpikingLayers(sizes=sizes, gain=GAIN, inference=INFERENCE)
    rates = config.shared_rates if variant == "conv" else config.rates
    # Numbers do not need it.
    revival = config.revival if variant == "levels64" else 0
    schedule = Schedule(epochs=config.epochs, rates=rates, last=config.last, revival=revival)
    return Setting("mnist", spiking, RateLayers(sizes=sizes, gain=GAIN), schedule, (0.3, 1.0))


def convolution(config: Config) -> ConvolutionLayers:
    """The convolutional network."""
    return ConvolutionLayers(
        image=(1, SIDE, SIDE),
        channels=config.channels,
        kernel=config.kernel,
        stride=config.stride,
        pool=config.pool,
        after=(CLASSES,),
        gain=GAIN,
        inference=INFERENCE,
    )


def learn(job: tuple[Config, str, int]) -> Outcome:
    """Train one variant with one seed, going on from its checkpoint, then look at the judged images, once."""
    config, variant, seed = job
    checkpoint = None
    if config.checkpoints:
        Path(config.checkpoints).mkdir(parents=True, exist_ok=True)
        checkpoint = Path(config.checkpoints) / f"{variant}-{seed}.npz"
    return train(config, setting(config, variant), variant, seed, split_images(config), checkpoint)
