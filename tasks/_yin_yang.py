"""The yin-yang task's parts: the published generator of points, and one training."""

from __future__ import annotations

from functools import partial

import numpy as np
from pydantic import Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading
from neuro.gradients.timed_layers import TimedLayers
from neuro.learning.examples import Examples
from neuro.learning.layers import LayerWeights
from neuro.tasks._layered import G_MAX, LEVELS
from neuro.tasks._timed import EARLY, Outcome, Sets, TimedConfig, compile_layers, network, train
from neuro.units import ms
from neuro.validation import Floats, Ints

SIZES = {"training": 5000, "validation": 1000, "test": 1000}
SEEDS = {"training": 42, "validation": 41, "test": 40}
"""Of the generator, as published."""
RADIUS, DOT = 0.5, 0.1
CLASSES = ("yin", "yang", "dot")


class Config(TimedConfig):
    """Settings of the yin-yang task."""

    bias: float = Field(6 * ms, ge=0, description="time of the input that is always the same, s")
    crossbars: bool = Field(
        False, description="are weights in pairs of devices of 64 levels, which each write misses by one level?"
    )
    ranges: tuple[float, float] = Field((4.0, 2.0), description="largest |weight| that the devices of each matrix hold")
    read_noise: float = Field(0.02, ge=0, description="white noise of the conductances in each read, as a share")


def points(name: str) -> tuple[Floats, Ints]:
    """The points of a set in the unit square, shape (points, 2), and their classes.

    As the published generator draws them (Kriener, Goeltz and Petrovici, NICE 2022): the class first, then points until
    one has it.
    """
    rng = np.random.RandomState(SEEDS[name])
    found, labels = [], []
    for _ in range(SIZES[name]):
        wanted = rng.randint(3)
        while True:
            x, y = rng.rand(2) * 2.0 * RADIUS
            if np.sqrt((x - RADIUS) ** 2 + (y - RADIUS) ** 2) <= RADIUS and class_of(x, y) == wanted:
                break
        found.append((x, y))
        labels.append(wanted)
    return np.array(found), np.array(labels, np.int64)


def class_of(x: float, y: float) -> int:
    """The class of a point of the disk: 0 yin, 1 yang, 2 dot."""
    right = np.sqrt((x - 1.5 * RADIUS) ** 2 + (y - RADIUS) ** 2)
    left = np.sqrt((x - 0.5 * RADIUS) ** 2 + (y - RADIUS) ** 2)
    if right < DOT or left < DOT:
        return 2
    return int(right <= DOT or DOT < left <= 0.5 * RADIUS or (y > RADIUS and right > 0.5 * RADIUS))


def examples(config: Config, name: str) -> Examples:
    """Points as spike times of x, y, 1 - x, 1 - y and a bias, s."""
    where, labels = points(name)
    count = config.used or len(labels)
    times = EARLY + (config.late - EARLY) * np.column_stack([where, 1.0 - where])
    return Examples(np.column_stack([times, np.full(len(where), config.bias)])[:count], labels[:count])


def layers_of(config: Config) -> TimedLayers:
    """The layers that are trained."""
    return network(config, 5, len(CLASSES))


def learn(job: tuple[Config, int]) -> Outcome:
    """Train with one seed; then look at the judged points, once."""
    config, seed = job
    sets = Sets(*(examples(config, name) for name in ("training", "validation", config.judged)))
    compile_network(config)
    return train(config, layers_of(config), sets, seed, partial(arrays, config, seed) if config.crossbars else None)


def arrays(config: Config, seed: int, weights: LayerWeights) -> list[AbstractCrossbar]:
    """Crossbars that hold these matrices as well as they can."""
    device = Device("levels64", 0.0, G_MAX, levels=LEVELS, write_noise=G_MAX / (LEVELS - 1))
    reading = Reading(noise=config.read_noise)
    return [
        Crossbar(
            np.clip(matrix, -most, most),
            device=device,
            w_max=most,
            start=0.5,
            reading=reading,
            seed=seed,
            name=f"yin-yang/{layer}",
        )
        for layer, (matrix, most) in enumerate(zip(weights.matrices, config.ranges, strict=True))
    ]


def compile_network(config: Config) -> None:
    """Compile all kernels."""
    compile_layers(layers_of(config), examples(config, "validation").take(np.arange(2)))
