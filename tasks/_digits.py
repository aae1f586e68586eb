"""The digits task's parts: its images, how they are split, and what is trained."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from neuro.errors import DataError
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule
from neuro.learning.layers import RateLayers, SpikingLayers
from neuro.tasks._layered import CLASSES, LayerConfig, Outcome, Setting, train

PIXELS = 64


class Config(LayerConfig):
    """Settings of the digits task."""

    test: float = Field(0.2, gt=0, lt=1, description="share of all images that is set aside for the test")
    validation: float = Field(
        0.0, ge=0, lt=1, description="share of the others that is set aside for validation; 0 trains on all of them"
    )
    used: int = Field(0, ge=0, description="images of the set that are used at all; 0 takes all 1,797")


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


def setting(config: Config) -> Setting:
    """What is trained."""
    sizes = (PIXELS, config.hidden, CLASSES)
    schedule = Schedule(epochs=config.epochs, rates=config.rates)
    return Setting("digits", SpikingLayers(sizes=sizes), RateLayers(sizes=sizes), schedule, (1.0, 1.0))


def learn(job: tuple[Config, str, int]) -> Outcome:
    """Train one variant with one seed, then look at the test images, once."""
    config, variant, seed = job
    return train(config, setting(config), variant, seed, split_images(config, seed))
