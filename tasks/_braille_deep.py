"""Braille with a hidden layer: the networks, their training from distorted names, and their test."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading
from neuro.errors import TrainingError
from neuro.learning import hopfield
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, accuracy, fit
from neuro.learning.layer_rules import EquilibriumPropagation
from neuro.learning.layers import LayerWeights, SpikingLayers, first_weights
from neuro.randomness import stream
from neuro.tasks import _braille_memory as memory
from neuro.tasks._braille_cues import CELLS, NAMES, TRAINING, FlipChance, distort, patterns
from neuro.tasks._layer_prices import chip_joules, crossbar_joules, pulses_per_device
from neuro.validation import Floats

DOTS = CELLS * 6
LAYERED = ("classify", "flat", "restore")
"""Tells the names apart with a hidden layer and without one, and restores the dots through a hidden layer."""
ON_DEVICES = "_levels64"
"""End of the name of a variant whose weights are devices of 64 levels with a write error of 1 uS."""
VARIANTS = tuple(kind + end for kind in (*LAYERED, "memory") for end in ("", ON_DEVICES))
WEIGHT_RANGES = (1.0, 1.5)
"""|W| of each matrix at which one device of a pair stands at each end of its window."""


class Config(BaseModel):
    """Settings of Braille with a hidden layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: cues, first weights, device noise, trials")
    hidden: int = Field(32, ge=1, description="hidden neurons")
    updates: int = Field(600, ge=1, description="updates of the weights, each from new distortions of every name")
    memory_epochs: int = Field(200, ge=1, description="updates of the memory of 60 neurons beside it, as in `braille`")
    cues: int = Field(4, ge=1, description="distorted cues of every name in each update")
    training_flips: tuple[FlipChance, FlipChance] = Field(
        (0.10, 0.40), description="range of the flip probability of training cues"
    )
    flips: tuple[FlipChance, ...] = Field(
        (0.10, 0.20, 0.30), min_length=1, description="probability that a dot is flipped in the test"
    )
    trials: int = Field(360, ge=9, description="test cues for each probability and seed")
    rates: tuple[float, float] = Field((0.1, 0.05), description="first learning rates of both matrices")
    gain: float = Field(1.0, gt=0, description="factor of the input currents")
    beta: float = Field(2.0, gt=0, description="strength of the nudge")
    tuning: bool = Field(False, description="test with distortions of the training half, to choose settings")
    priced: int = Field(9, ge=1, description="test cues whose energy is counted for each seed")
    read_voltage: float = Field(0.2, gt=0, description="V, a choice of this task: joules go with its square")
    read_time: float = Field(10e-9, gt=0, description="s, a choice of this task: joules go with it")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Outcome(NamedTuple):
    """Result of one variant with one seed."""

    variant: str
    seed: int
    exact: tuple[float, ...]
    """Share of exact words for each flip probability."""
    spikes: float
    """Of a test cue in the mean; zero where nothing spikes."""
    counts: dict[str, float]
    """Pulses a device, joules an inference."""
    silent: str = ""
    """Which output fell silent in training, after which it learned nothing any more; then there is no result."""


def sizes_of(config: Config, kind: str) -> tuple[int, ...]:
    """Inputs, hidden neurons and outputs of a network of layers."""
    return {
        "classify": (DOTS, config.hidden, len(NAMES)),
        "flat": (DOTS, len(NAMES)),
        "restore": (DOTS, config.hidden, DOTS),
    }[kind]


def devices_of(config: Config, variant: str) -> int:
    """Number of devices that hold a variant's weights: a pair for each."""
    kind = variant.removesuffix(ON_DEVICES)
    sizes = (DOTS, DOTS) if kind == "memory" else sizes_of(config, kind)
    return 2 * sum(pre * post for pre, post in pairwise(sizes))


def training_cues(config: Config, kind: str, seed: int, update: int) -> Examples:
    """The cues of one update, `config.cues` of every name, each with its own flip probability."""
    names = np.repeat(np.arange(len(NAMES)), config.cues)
    rng = stream(seed, "braille-deep", "training", str(update))
    return _examples(
        kind, names, distort(patterns()[names], rng.uniform(*config.training_flips, len(names)), TRAINING, rng)
    )


def test_cues(config: Config, kind: str, seed: int, p: float) -> Examples:
    """Cues at one flip probability, the same for every variant: those of the task `braille`, or others to tune with."""
    names = np.arange(config.trials) % len(NAMES)
    if config.tuning:
        rng = stream(seed, "braille-deep", "tuning", f"{p:.4f}")
        return _examples(kind, names, distort(patterns()[names], p, TRAINING, rng))
    return _examples(kind, names, memory.test_cues(_of_memory(config), seed, p)[1])


def _examples(kind: str, names: Floats, cues: Floats) -> Examples:
    """Cues as -1 and 1; what is asked for is the name's number, or its dots."""
    return Examples(2.0 * cues - 1.0, names, patterns()[names] if kind == "restore" else None)


def arrays(weights: LayerWeights, seed: int, kind: str, reading: Reading | None = None) -> list[AbstractCrossbar]:
    """Crossbars of 64 levels over the window of the published devices, each write with an error of 1 uS."""
    device, _ = memory.devices("levels64_1uS", seed)
    ranges = WEIGHT_RANGES if len(weights.matrices) > 1 else WEIGHT_RANGES[:1]
    return [
        Crossbar(
            np.clip(matrix, -w_max, w_max),
            device=device, w_max=w_max, start=0.5, reading=reading, seed=seed, name=f"braille-deep/{kind}/{layer}",
        )
        for layer, (matrix, w_max) in enumerate(zip(weights.matrices, ranges, strict=True))
    ]  # fmt: skip


def learn(job: tuple[Config, str, int]) -> Outcome:
    """Train one variant with one seed, and test it."""
    config, variant, seed = job
    kind = variant.removesuffix(ON_DEVICES)
    if kind == "template":
        return _template(config, seed)
    if kind == "memory":
        return _memory(config, variant, seed)
    sizes = sizes_of(config, kind)
    network = SpikingLayers(sizes=sizes, gain=config.gain)
    held = arrays(first_weights(sizes, seed), seed, kind) if variant.endswith(ON_DEVICES) else None
    rates, batch = config.rates[: len(sizes) - 1], len(NAMES) * config.cues
    plan = Schedule(epochs=config.updates, batch=batch, rates=rates, last=0.05)

    def source(update: int) -> Examples:
        return training_cues(config, kind, seed, update)

    try:
        fitted = fit(network, source, EquilibriumPropagation(beta=config.beta), plan, crossbars=held, seed=seed)
    except TrainingError as error:
        return Outcome(variant, seed, (), 0.0, {}, str(error))
    shown = [test_cues(config, kind, seed, p) for p in config.flips]
    found = [accuracy(network, fitted.weights, each) for each in shown]
    counts: dict[str, float] = {}
    if held is not None:
        counts["pulses_per_device"] = pulses_per_device(held)
    else:
        inputs = shown[0].inputs[: config.priced]
        reading = Reading(voltage=config.read_voltage, duration=config.read_time)
        counts |= crossbar_joules(network, fitted.weights, inputs, arrays(fitted.weights, seed, kind, reading))
        counts |= chip_joules(network, fitted.weights, inputs)
    exact, spikes = zip(*found, strict=True)
    return Outcome(variant, seed, tuple(exact), float(np.mean(spikes)), counts)


def _of_memory(config: Config) -> memory.Config:
    return memory.Config(
        seed=config.seed,
        seeds=config.seeds,
        epochs=config.memory_epochs,
        cues=config.cues,
        flips=config.flips,
        trials=config.trials,
        read_voltage=config.read_voltage,
        read_time=config.read_time,
        priced=True,
    )


def _memory(config: Config, variant: str, seed: int) -> Outcome:
    """The one-layer memory of the task `braille`, with its own recipe."""
    name = "levels64_1uS" if variant.endswith(ON_DEVICES) else "ideal"
    found = memory.learn(_of_memory(config), name, seed)
    key, joules = found.counts["pulses_per_device"], found.counts["read_joules_per_recall"]
    counts = {"pulses_per_device": key} if name != "ideal" else {"crossbar": joules}
    return Outcome(variant, seed, found.exact, found.counts["spikes_per_recall"], counts)


def _template(config: Config, seed: int) -> Outcome:
    """The name with the fewest differing dots: for independent flips with one probability the best there is."""
    signs, exact = 2.0 * patterns() - 1.0, []
    for p in config.flips:
        shown = test_cues(config, "restore", seed, p)
        exact.append(float(np.mean(shown.right((hopfield.nearest(signs, shown.inputs) + 1.0) / 2.0))))
    return Outcome("template", seed, tuple(exact), 0.0, {})
