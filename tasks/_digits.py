"""The digits task's parts: its images, how they are split, and what is trained."""

from __future__ import annotations

from math import nan

import numpy as np
from pydantic import Field, field_validator

from neuro.crossbar.device.catalog import list_devices
from neuro.errors import DataError, TrainingError
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule
from neuro.learning.layers import RateLayers, SpikingLayers
from neuro.tasks._layered import CLASSES, VARIANTS, WIRED, LayerConfig, Outcome, Setting, train

PIXELS = 64


KNOWN = (*VARIANTS, *WIRED, *list_devices())
"""What can be trained; `ideal` as a device is what it is as numbers."""


class Config(LayerConfig):
    """Settings of the digits task."""

    variants: tuple[str, ...] = Field(
        VARIANTS,
        min_length=1,
        description="what is trained: ideal and rate, with numbers; levels64; wires1, wires5; or devices of "
        "`neuro devices`",
    )
    test: float = Field(0.2, gt=0, lt=1, description="share of all images that is set aside for the test")
    validation: float = Field(
        0.0, ge=0, lt=1, description="share of the others that is set aside for validation; 0 trains on all of them"
    )
    used: int = Field(0, ge=0, description="images of the set that are used at all; 0 takes all 1,797")

    revival: int = Field(
        20, ge=0, description="updates after which a silent output is revived, on devices other than levels64; 0: never"
    )

    @field_validator("variants")
    @classmethod
    def _known(cls, variants: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(variants)) < len(variants) or not set(variants) <= set(KNOWN):
            raise ValueError(f"must be different ones of {', '.join(sorted(set(KNOWN)))}")
        return variants


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


def setting(config: Config, variant: str) -> Setting:
    """What is trained."""
    sizes = (PIXELS, config.hidden, CLASSES)
    revival = 0 if variant in VARIANTS else config.revival
    schedule = Schedule(epochs=config.epochs, rates=config.rates, revival=revival)
    return Setting("digits", SpikingLayers(sizes=sizes), RateLayers(sizes=sizes), schedule, (1.0, 1.0))


def learn(job: tuple[Config, str, int]) -> Outcome:
    """Train one variant with one seed, then look at the test images, once."""
    config, variant, seed = job
    try:
        return train(config, setting(config, variant), variant, seed, split_images(config, seed))
    except TrainingError as problem:
        if variant in VARIANTS:
            raise
        return Outcome(variant, seed, nan, (), (), 0.0, {}, str(problem))
