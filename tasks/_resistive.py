"""The resistive task's parts: its settings, one training, and the joules of an image."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, accuracy, fit
from neuro.learning.layer_rules import EquilibriumPropagation
from neuro.learning.layers import LayerWeights
from neuro.learning.resistive.network import ResistiveNetwork
from neuro.tasks._mnist_images import PIXELS, mnist

RULES = ("ep", "backprop")
"""Equilibrium propagation, and backpropagation through the same network."""
CLASSES = 10


class Config(BaseModel):
    """Settings of the resistive task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(3, ge=1, description="independent repetitions: first conductances, order of the images")
    rules: tuple[Literal["ep", "backprop"], ...] = Field(RULES, min_length=1, description="how the network learns")
    hidden: int = Field(100, ge=2, description="hidden nodes")
    epochs: int = Field(10, ge=1, description="passes through the training images")
    rates: tuple[float, float] = Field((0.0075, 0.0075), description="first learning rates of both matrices")
    last: float = Field(0.5, gt=0, description="learning rate at the end, as a share of the first")
    batch: int = Field(50, ge=1, description="images of one update")
    beta: float = Field(1.0, gt=0, description="strength of the nudge")
    amplification: float = Field(100.0, gt=0, description="voltage gain of the amplifiers behind the hidden nodes")
    used: int = Field(60_000, ge=100, le=60_000, description="training images that are used at all, from the first")
    validation: int = Field(
        0, ge=0, lt=60_000, description="how many of them, the last ones, are set aside for validation; then no test"
    )
    priced: int = Field(200, ge=1, le=10_000, description="images whose energy is counted for each seed")
    volt: float = Field(0.1, gt=0, description="V of a white pixel, a choice of this task: joules go with its square")
    siemens: float = Field(1e-4, gt=0, description="S, unit of conductance, a choice of this task: joules go with it")
    phase: float = Field(1e-8, gt=0, description="s, length of a phase, a choice of this task: joules go with it")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Outcome(NamedTuple):
    """Result of one rule with one seed; errors are shares of images that are classified wrongly."""

    rule: str
    seed: int
    test: float | None
    """None where validation images are set aside."""
    training: tuple[float, ...]
    """Of each epoch, in the free phases."""
    validation: tuple[float, ...]
    """After each epoch, if there are images for it."""
    inferred: float
    """J of an inference."""
    trained: float
    """J of a training image: a free phase and two nudged ones."""
    seconds: float
    """Processor time of the training."""


def network_of(config: Config, rule: str) -> ResistiveNetwork:
    """784 x 2 sources, hidden nodes, ten outputs."""
    return ResistiveNetwork(
        sizes=(PIXELS, config.hidden, CLASSES),
        amplification=config.amplification,
        diodes="frozen" if rule == "backprop" else "nonlinear",
        volt=config.volt,
        siemens=config.siemens,
    )


def split_images(config: Config) -> tuple[Examples, Examples | None]:
    """Training images, and the last ones of them for validation, if any are set aside."""
    every = mnist("training", config.used)
    kept = np.arange(len(every) - config.validation)
    return every.take(kept), every.take(np.arange(len(kept), len(every))) if config.validation else None


def learn(job: tuple[Config, str, int]) -> Outcome:
    """Train by one rule with one seed, then look at the test images, once."""
    config, rule, seed = job
    training, validation = split_images(config)
    network = network_of(config, rule)
    schedule = Schedule(epochs=config.epochs, rates=config.rates, last=config.last, batch=config.batch)
    nudges = EquilibriumPropagation(beta=config.beta)
    began = time.process_time()
    fitted = fit(network, training, nudges, schedule, validation=validation, seed=seed)
    seconds = time.process_time() - began
    test = None if validation is not None else 1.0 - accuracy(network, fitted.weights, mnist("test"))[0]
    shown = training.take(np.arange(min(config.priced, len(training))))
    inferred, trained = joules(config, network, nudges, fitted.weights, shown)
    errors = [tuple(1.0 - np.array(each)) for each in (fitted.training, fitted.validation)]
    return Outcome(rule, seed, test, errors[0], errors[1], inferred, trained, seconds)


def joules(
    config: Config, network: ResistiveNetwork, rule: EquilibriumPropagation, weights: LayerWeights, shown: Examples
) -> tuple[float, float]:
    """Mean heat of the resistors, J: in a free phase, and in all phases of a training image."""
    phases = rule.phases(np.random.default_rng(0))
    free, found = network.learn(weights, shown.inputs, np.eye(CLASSES)[shown.labels], phases)
    watts = [float(network.power(weights, shown.inputs, each).mean()) for each in (free.activities, *found)]
    return config.phase * watts[0], config.phase * sum(watts)
